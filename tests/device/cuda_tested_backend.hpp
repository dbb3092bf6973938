#pragma once

#include <memory>
#include <string>

#include "regatta/device/backend.hpp"

namespace regatta::device {

/// The CUDA backend that cuda_agreement_test.cpp tests: on a GPU, or played by the host. Null: see tested_backend_absence().
std::unique_ptr<Backend> make_tested_backend();

/// Why there is none, as one sentence.
std::string tested_backend_absence();

}  // namespace regatta::device

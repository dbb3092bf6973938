#pragma once

#include <memory>
#include <optional>
#include <string>

#include "regatta/device/backend.hpp"
#include "regatta/device/evidence.hpp"

namespace regatta::device {

/// The CUDA backend that cuda_agreement_test.cpp tests: on a GPU, or played by the host. Null: see tested_backend_absence().
std::unique_ptr<Backend> make_tested_backend();

/// The solver that evidence_agreement_test.cpp tests, likewise.
std::unique_ptr<EvidenceSolver> make_tested_evidence_solver();

/// How many graphs it has launched so far; null: a GPU does not count them.
std::optional<int> tested_graph_launches();

/// Why there is none, as one sentence.
std::string tested_backend_absence();

}  // namespace regatta::device

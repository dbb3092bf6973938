#include "device/cuda_tested_backend.hpp"

#include "cuda_runtime.h"
#include "device/cuda_module.hpp"

namespace regatta::device {

std::unique_ptr<Backend> make_tested_backend() { return std::unique_ptr<Backend>(regatta_cuda_module()->create(0)); }

std::unique_ptr<EvidenceSolver> make_tested_evidence_solver() {
  return std::unique_ptr<EvidenceSolver>(regatta_cuda_module()->create_evidence_solver(0));
}

std::optional<int> tested_graph_launches() { return host_graph_counts.launched; }

std::string tested_backend_absence() { return regatta_cuda_module()->failure(); }

}  // namespace regatta::device

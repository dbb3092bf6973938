#include "cuda_tested_backend.hpp"
#include "regatta/device/devices.hpp"

namespace regatta::device {

std::unique_ptr<Backend> make_tested_backend() { return cuda_devices().empty() ? nullptr : make_cuda_backend(0); }

std::unique_ptr<EvidenceSolver> make_tested_evidence_solver() {
  return cuda_devices().empty() ? nullptr : make_cuda_evidence_solver(0);
}

std::optional<int> tested_graph_launches() { return std::nullopt; }

std::string tested_backend_absence() { return cuda_status(); }

}  // namespace regatta::device

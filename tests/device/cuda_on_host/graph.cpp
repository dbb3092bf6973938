#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "cuda_runtime.h"

// Streams and graphs of the pretended device. The nodes of a graph are work in the order in which it was captured.

struct HostGraphNode {
  std::function<void()> work;
  const void* name = nullptr;  ///< of a kernel; others cannot be patched
  HostKernel kernel;
};

struct HostGraph {
  std::vector<std::unique_ptr<HostGraphNode>> nodes;
};

struct HostGraphExec {
  HostGraph* graph;                           ///< the nodes' handles are its own
  std::vector<std::function<void()>> works;  ///< one per node
};

struct HostStream {
  std::unique_ptr<HostGraph> captured;
  bool spoilt = false;
  cudaGraphNode_t last = nullptr;
};

HostGraphCounts host_graph_counts;

namespace {

thread_local HostStream* capturing = nullptr;

constexpr std::size_t most_shared_bytes = std::size_t{227} << 10;  // of a block

bool is_valid(const dim3& grid, const dim3& block, std::size_t shared_bytes) {
  const unsigned threads = block.x * block.y * block.z;
  return threads > 0 && threads <= 1024 && block.z <= 64 && grid.x > 0 && grid.x <= 0x7fffffff && grid.y > 0 &&
         grid.y <= 65535 && grid.z > 0 && grid.z <= 65535 && shared_bytes <= most_shared_bytes;
}

std::function<void()> grid_work(const dim3& grid, const dim3& block, std::size_t shared_bytes, bool cooperative,
                                const HostKernel& kernel, void** arguments) {
  return [=, thread = kernel(arguments)] { run_grid(grid, block, shared_bytes, cooperative, thread); };
}

bool is_cooperative(const cudaLaunchConfig_t& launch) {
  const std::span attributes(launch.attrs, launch.numAttrs);
  return std::ranges::any_of(attributes, [](const cudaLaunchAttribute& each) {
    return each.id == cudaLaunchAttributeCooperative && each.val.cooperative != 0;
  });
}

void add_node(HostStream& stream, HostGraphNode node) {
  auto& nodes = stream.captured->nodes;
  nodes.push_back(std::make_unique<HostGraphNode>(std::move(node)));
  stream.last = nodes.back().get();
}

}  // namespace

void put_on(cudaStream_t stream, const std::function<void()>& work) {
  if (stream && stream->captured) return add_node(*stream, {work});
  work();
}

cudaError_t outside_of_captures() {
  if (!capturing) return cudaSuccess;
  capturing->spoilt = true;
  return cudaErrorStreamCaptureUnsupported;
}

cudaError_t launch_on_host(const cudaLaunchConfig_t& launch, const void* name, const HostKernel& kernel, void** arguments) {
  if (!is_valid(launch.gridDim, launch.blockDim, launch.dynamicSmemBytes)) return cudaErrorInvalidConfiguration;
  const auto work = grid_work(launch.gridDim, launch.blockDim, launch.dynamicSmemBytes, is_cooperative(launch), kernel, arguments);
  if (!launch.stream || !launch.stream->captured) return work(), cudaSuccess;
  if (launch.stream->spoilt) return cudaErrorStreamCaptureInvalidated;
  add_node(*launch.stream, {work, name, kernel});
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return *stream = new HostStream, cudaSuccess; }
cudaError_t cudaStreamDestroy(cudaStream_t stream) { return delete stream, cudaSuccess; }
cudaError_t cudaStreamSynchronize(cudaStream_t) { return outside_of_captures(); }

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (capturing) return outside_of_captures();
  stream->captured = std::make_unique<HostGraph>();
  stream->spoilt = false;
  stream->last = nullptr;
  capturing = stream;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (capturing != stream) return cudaErrorInvalidValue;
  capturing = nullptr;
  std::unique_ptr<HostGraph> captured = std::move(stream->captured);
  *graph = stream->spoilt ? nullptr : captured.release();
  return *graph ? cudaSuccess : cudaErrorStreamCaptureInvalidated;
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long*, cudaGraph_t*,
                                     const cudaGraphNode_t** dependencies, const cudaGraphEdgeData**, std::size_t* count) {
  *status = stream->captured ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  *dependencies = &stream->last;
  *count = stream->last ? 1 : 0;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  *executable = new HostGraphExec{graph, {}};
  for (const auto& node : graph->nodes) (*executable)->works.push_back(node->work);
  ++host_graph_counts.instantiated;
  return cudaSuccess;
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t executable, cudaGraphNode_t node, const cudaKernelNodeParams* call) {
  const auto& nodes = executable->graph->nodes;
  const auto found = std::ranges::find(nodes, node, [](const auto& owned) { return owned.get(); });
  if (found == nodes.end() || node->name != call->func || !is_valid(call->gridDim, call->blockDim, call->sharedMemBytes))
    return cudaErrorInvalidValue;
  executable->works[static_cast<std::size_t>(found - nodes.begin())] =
      grid_work(call->gridDim, call->blockDim, call->sharedMemBytes, false, node->kernel, call->kernelParams);
  ++host_graph_counts.patched;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  for (const auto& work : executable->works) put_on(stream, work);
  ++host_graph_counts.launched;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) { return delete executable, cudaSuccess; }
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return delete graph, cudaSuccess; }

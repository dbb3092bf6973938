#include "regatta/train/pipeline.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/train/layer_chain.hpp"

namespace regatta::train {
namespace {

/// Cuts `costs` into `count` stretches, each of one at least, so that the dearest is as cheap as can be.
/// @return where each begins, and the end of the last one
std::vector<std::size_t> balanced(const std::vector<double>& costs, std::size_t count) {
  const std::size_t all = costs.size();
  std::vector<double> sums(all + 1, 0.0);
  std::partial_sum(costs.begin(), costs.end(), sums.begin() + 1);
  std::vector dearest(count + 1, std::vector<double>(all + 1, std::numeric_limits<double>::infinity()));
  std::vector begin(count + 1, std::vector<std::size_t>(all + 1, 0));  ///< of the last of so many, by its end
  dearest[0][0] = 0;
  for (std::size_t s = 1; s <= count; ++s)
    for (std::size_t end = s; end <= all; ++end)
      for (std::size_t from = s - 1; from < end; ++from) {
        const double cost = std::max(dearest[s - 1][from], sums[end] - sums[from]);
        if (cost >= dearest[s][end]) continue;
        dearest[s][end] = cost;
        begin[s][end] = from;
      }
  std::vector<std::size_t> cuts(count + 1, all);
  for (std::size_t s = count; s > 0; --s) cuts[s - 1] = begin[s][cuts[s]];
  return cuts;
}

/// The layers of this rank, of a network whose layers have so many operations.
Share layers_of(const std::vector<double>& operations, const comm::Communicator* stages) {
  if (!stages) return {0, operations.size()};
  const auto count = static_cast<std::size_t>(stages->size()),
             own = static_cast<std::size_t>(stages->rank().value);
  require(operations.size() >= count, "a pipeline of ", count, " stages needs as many layers, got ",
          operations.size());
  const std::vector<std::size_t> cuts = balanced(operations, count);
  return {cuts[own], cuts[own + 1]};
}

}  // namespace

Stage stage_of(const NetworkSpec& spec, const comm::Communicator* stages) {
  const LayerChain network(spec.layers, spec.input);
  std::vector<double> operations;
  network.each([&](const Layer& layer) { operations.push_back(layer.operations()); });
  const Share own = layers_of(operations, stages);
  const auto layer = [&](std::size_t number) {
    return spec.layers.begin() + static_cast<std::ptrdiff_t>(number);
  };
  Stage stage{{layer(own.first), layer(own.end)}, spec.input, own.first, {}, network.counts(),
              size_of(network.output())};
  std::size_t number = 0;
  network.each([&](const Layer& before) {
    if (number++ >= own.first) return;
    stage.before += before.counts();
    stage.input = before.output();
  });
  return stage;
}

void Pipeline::receive_inputs(device::MatrixView<float> x) {
  if (!first()) receive(-1, x);
}

void Pipeline::send_outputs(device::MatrixView<const float> y) {
  if (!last()) send(1, y);
}

void Pipeline::receive_slopes(device::MatrixView<float> y) {
  if (!last()) receive(1, y);
}

void Pipeline::send_slopes(device::MatrixView<const float> x) {
  if (!first()) send(-1, x);
}

void Pipeline::send(int step, device::MatrixView<const float> values) {
  std::span<const float> host(values.data, values.size());
  if (!backend_.host_memory()) {
    staging_.resize(values.size());
    backend_.download(values.data, staging_);
    host = staging_;
  }
  const Stopwatch clock;
  stages_->send(neighbour(step), host);
  wait_seconds_ += clock.seconds();
}

void Pipeline::receive(int step, device::MatrixView<float> values) {
  const bool direct = backend_.host_memory();
  if (!direct) staging_.resize(values.size());
  const std::span<float> host(direct ? values.data : staging_.data(), values.size());
  const Stopwatch clock;
  stages_->receive(neighbour(step), host);
  wait_seconds_ += clock.seconds();
  if (!direct) backend_.upload(host, values.data);
}

}  // namespace regatta::train

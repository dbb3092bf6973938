#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "regatta/device/buffer.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

/// Layers one after another, and the slopes that pass between them. Where the backend has caches, a batch passes layers that
/// know of each sample only what belongs to it in groups, whose samples lie in bundles where images have few channels.
class LayerChain {
 public:
  /// @param layers  may be empty: the output is the input
  /// @param parts   the ranks that divide pairs of dense layers and recurrent layers among them; null: nothing is divided
  /// @param first   place of the first layer in a longer chain that these are a part of
  /// @throws InvalidInput  layers that do not fit each other
  LayerChain(const std::vector<LayerSpec>& layers, const Shape& input, comm::Communicator* parts = nullptr,
             std::size_t first = 0);

  std::size_t size() const { return links_.size(); }
  bool empty() const { return links_.empty(); }
  const Shape& output() const { return output_; }
  ParameterCounts counts() const;  ///< sums of all layers, as the next ones
  ParameterCounts whole_counts() const;
  double operations() const;
  std::size_t activations() const;

  /// The functions of Layer, for all layers in their order; each draws and drops from the stream of its place
  /// in the longer chain.
  void draw(std::uint64_t seed, std::span<float> weights, std::span<float> biases,
            std::span<float> statistics) const;
  /// @param lender  a chain of the same layers, placed before, whose slopes pass at other times; null: none
  void place(device::Backend& backend, const Places& places, std::size_t most_samples,
             LayerChain* lender = nullptr);
  /// The first `layers` layers stay as they are: they compute as in a trained network and have no way back.
  /// @return the sum of their counts
  ParameterCounts freeze(std::size_t layers);
  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass);
  void forward_nothing(const Pass& pass);
  /// @param ready  is told after each layer, the last one first, from which weight of the chain on gradients
  /// are final
  void backward(device::MatrixView<float> y, device::MatrixView<float> x,
                const std::function<void(std::size_t first)>& ready = {});
  void backward_nothing(const std::function<void(std::size_t first)>& ready = {});
  double wait_seconds() const;

  /// Calls visit(layer) for all layers in their order.
  template <class Visit>
  void each(const Visit& visit) const {
    for (const Link& link : links_) visit(static_cast<const Layer&>(*link.layer));
  }

 private:
  struct Link {
    std::unique_ptr<Layer> layer;
    std::size_t inputs = 0;  ///< numbers of one sample
    std::size_t first_weight = 0;
    SampleLayer* by_sample = nullptr;  ///< the layer, if it is one
  };

  /// Links [first, end) that a batch passes as a whole, if it is one, or in groups of `samples`.
  struct Run {
    std::size_t first, end, samples;
    bool in_bundles;  ///< where a batch has samples enough
    bool enters = false, leaves = false;  ///< first and last of neighbours in bundles
    device::Buffer<float> x, y;           ///< its inputs in bundles where it enters, its outputs in rows where it leaves
  };

  std::size_t numbers_before(std::size_t l) const;
  std::vector<bool> links_in_bundles(const device::Backend& backend) const;
  void divide(const device::Backend& backend, std::size_t most_samples);
  void place_runs(device::Backend& backend, std::size_t most_samples);
  device::MatrixView<const float> forward_in_groups(Run& run, device::MatrixView<const float> x, const Pass& pass);
  void backward_in_groups(const Run& run, std::size_t first_link, device::MatrixView<float> y,
                          device::MatrixView<float> x);

  std::vector<Link> links_;
  std::vector<Run> runs_;
  std::size_t first_;
  std::size_t frozen_ = 0;  ///< layers
  Shape output_;
  bool bundled_ = false;  ///< the last batch, in the runs that can be
  device::Buffer<float> slopes_[2];        ///< dL/dx of a run and of the one after it
  device::Buffer<float> group_slopes_[2];  ///< the same of layers within a run, for a group
};

}  // namespace regatta::train

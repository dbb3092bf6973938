#pragma once

#include <vector>

#include "regatta/device/buffer.hpp"
#include "regatta/train/layer.hpp"

namespace regatta::train {

class BatchNormLayer final : public Layer {
 public:
  BatchNormLayer(const BatchNormSpec& spec, const Shape& input);

  ParameterCounts counts() const override { return {0, 2 * channels(), 2 * channels()}; }
  Shape output() const override { return shape_; }
  double operations() const override { return 4.0 * static_cast<double>(size_of(shape_)); }
  void draw(Random& random, std::span<float> weights, std::span<float> biases,
            std::span<float> statistics) const override;
  void place(device::Backend& backend, const Places& places, std::size_t most_samples) override;
  Bundles bundles() const override { return Bundles::Can; }
  device::MatrixView<const float> forward(device::MatrixView<const float> x, const Pass& pass) override;
  void backward(device::MatrixView<float> y, device::MatrixView<float> x) override;
  void forward_nothing(const Pass& pass) override;
  void backward_nothing() override;
  double wait_seconds() const override { return wait_seconds_; }

 private:
  std::size_t channels() const { return shape_.back(); }
  std::size_t pixels() const { return size_of(shape_) / channels(); }
  device::BatchNorm operation(device::MatrixView<const float> x, const Pass& pass);
  void sum_over_team(const float* own);

  BatchNormSpec spec_;
  Shape shape_;
  device::Backend* backend_ = nullptr;
  Places places_;
  device::Buffer<float> y_, moments_, sums_;
  std::vector<float> travelling_;  ///< sums on their way through the team
  device::BatchNorm last_;         ///< of the last forward pass
  comm::Communicator* team_ = nullptr;
  double wait_seconds_ = 0;
};

}  // namespace regatta::train

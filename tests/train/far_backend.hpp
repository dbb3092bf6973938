#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "regatta/device/backend.hpp"
#include "regatta/device/devices.hpp"
#include "regatta/device/lanes.hpp"

namespace regatta::train {

/// A backend whose memory the host cannot read, as an accelerator's: what reaches it must have been uploaded. It keeps nothing
/// of work that is repeated.
class FarBackend : public device::Backend {
 public:
  explicit FarBackend(std::unique_ptr<device::Backend> near = device::make_cpu_backend()) : near_(std::move(near)) {}

  std::string name() const override { return "far " + near_->name(); }
  bool host_memory() const override { return readable; }

  float* allocate(std::size_t count) override {
    if (count > most) throw device::OutOfDeviceMemory("too many numbers");
    allocated += count;
    return near_->allocate(count);
  }
  std::int32_t* allocate_indices(std::size_t count) override { return near_->allocate_indices(count); }
  void release(void* block) noexcept override { near_->release(block); }
  double free_memory() override { return std::min(near_->free_memory(), free); }
  void upload(std::span<const float> host, float* block) override {
    uploaded += host.size();
    near_->upload(host, block);
  }
  void upload(std::span<const std::int32_t> host, std::int32_t* block) override {
    near_->upload(host, block);
  }
  std::unique_ptr<device::Uploader> make_uploader() override { return std::make_unique<Copier>(); }
  device::DeviceTeams* teams() override { return device_teams; }
  void download(const float* block, std::span<float> host) override { near_->download(block, host); }
  void zero(float* block, std::size_t count) override { near_->zero(block, count); }
  void synchronise() override { near_->synchronise(); }
  void set_interlude(std::function<void()> interlude) override { near_->set_interlude(std::move(interlude)); }
  void repeat(std::unique_ptr<device::Repetition>&, const std::function<void()>& work) override {
    ++repeated;
    work();
  }

  void gather(device::MatrixView<const float> source, const std::int32_t* rows,
              device::MatrixView<float> batch) override {
    near_->gather(source, rows, batch);
  }
  void gather(device::MatrixView<const std::int32_t> source, const std::int32_t* rows,
              device::MatrixView<std::int32_t> batch) override {
    near_->gather(source, rows, batch);
  }
  void forward(const device::Dense& layer) override { near_->forward(layer); }
  void backward(const device::Dense& layer, const device::DenseGradient& gradient) override {
    near_->backward(layer, gradient);
  }
  void forward(const device::Recurrence& layer) override { near_->forward(layer); }
  void backward(const device::Recurrence& layer, const device::RecurrenceGradient& gradient) override {
    near_->backward(layer, gradient);
  }
  void forward(const device::Embedding& layer) override { near_->forward(layer); }
  void backward(const device::Embedding& layer, device::MatrixView<const float> y,
                device::MatrixView<float> table) override {
    near_->backward(layer, y, table);
  }
  void drop(const device::Dropout& dropout, device::MatrixView<float> values) override { near_->drop(dropout, values); }
  void gather(device::MatrixView<const float> source, const std::int32_t* rows,
              const device::Augmentation& augmentation, device::MatrixView<float> batch) override {
    near_->gather(source, rows, augmentation, batch);
  }
  void forward(const device::Convolution& layer) override { near_->forward(layer); }
  void backward(const device::Convolution& layer, const device::ConvolutionGradient& gradient) override {
    near_->backward(layer, gradient);
  }
  void sum_moments(const device::BatchNorm& layer) override { near_->sum_moments(layer); }
  void forward(const device::BatchNorm& layer) override { near_->forward(layer); }
  void sum_gradients(const device::BatchNorm& layer, const device::BatchNormGradient& gradient) override {
    near_->sum_gradients(layer, gradient);
  }
  void backward(const device::BatchNorm& layer, const device::BatchNormGradient& gradient) override {
    near_->backward(layer, gradient);
  }
  void forward(const device::Pool& layer) override { near_->forward(layer); }
  void backward(const device::Pool& layer, device::MatrixView<float> y,
                device::MatrixView<float> x) override {
    near_->backward(layer, y, x);
  }
  void forward(const device::Sum& sum) override { near_->forward(sum); }
  void backward(const device::Sum& sum, device::MatrixView<const float> y, device::MatrixView<float> a,
                device::MatrixView<float> b) override {
    near_->backward(sum, y, a, b);
  }
  void activate(const device::Dense& layer) override { near_->activate(layer); }
  void loss(device::LossKind kind, device::MatrixView<const float> outputs, const device::Targets& targets,
            float scale, device::MatrixView<float> gradient, float* sum) override {
    near_->loss(kind, outputs, targets, scale, gradient, sum);
  }
  void add_squares(const float* numbers, std::size_t count, float* sum) override {
    near_->add_squares(numbers, count, sum);
  }
  void update(const device::Update& update) override { near_->update(update); }
  std::unique_ptr<device::LaneEngine> make_lane_engine() override { return nullptr; }

  std::size_t most = std::numeric_limits<std::size_t>::max();  ///< numbers of a block
  double free = std::numeric_limits<double>::infinity();       ///< [bytes]
  bool readable = false;      ///< by the host after all: work passes as it does on the host's own backend
  std::size_t uploaded = 0;   ///< numbers so far, without those of an Uploader
  std::size_t allocated = 0;  ///< numbers so far
  std::size_t repeated = 0;   ///< calls of repeat() so far
  device::DeviceTeams* device_teams = nullptr;

 private:
  struct Copier final : device::Uploader {
    void leave() override {}
    void upload(std::span<const float> host, float* block) override { std::ranges::copy(host, block); }
  };

  std::unique_ptr<device::Backend> near_;
};

}  // namespace regatta::train

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "regatta/device/backend.hpp"

namespace regatta::device {

/// Some optimizer steps of one dense network, and at the end of an epoch its outputs. Blocks lie on the backend.
struct Lane {
  static constexpr std::size_t most_layers = 8, most_judgements = 3;
  static constexpr std::uint32_t most_outputs = 64;  ///< of a network that is not small

  struct Layer {
    std::uint32_t units = 0;
    Activation activation = Activation::Identity;
    float dropout = 0;  ///< after the activation, [0, 1)
  };
  /// Rows to compute outputs for, without dropout, after the last step.
  struct Judgement {
    const float* x = nullptr;            ///< rows x inputs
    const std::int32_t* rows = nullptr;  ///< of x; null: the first `count`
    std::uint32_t count = 0;
    float* outputs = nullptr;  ///< out: count x outputs, in memory of LaneEngine::allocate()
  };

  std::uint32_t inputs = 0, layer_count = 0;
  std::array<Layer, most_layers> layers{};
  LossKind loss = LossKind::CrossEntropy;
  Precision precision = Precision::Fp32;  ///< of products; small networks may be more exact
  const float* x = nullptr;  ///< rows x inputs
  Targets targets;           ///< of these rows; one label per row
  std::int32_t* order = nullptr;  ///< rows that are left of the epoch, those of the first step first
  std::uint32_t rows = 0;         ///< of that order
  bool shuffles = false;          ///< the order is made first: that of Random(shuffle_seed).shuffle()
  std::uint64_t shuffle_seed = 0;
  const std::int32_t* shuffled = nullptr;  ///< rows in the order from which it is made; null: 0, 1, ...
  std::uint32_t batch = 0, steps = 0;   ///< the last batch is as short as it comes
  std::uint64_t seed = 0;               ///< step s, layer l drop by derive_seed(derive_seed(seed, s), l)
  /// The places are those of all parameters, [weights layer by layer | biases layer by layer]; `step` is that of the first
  /// one, `learning_rate` is not used, `squared_norm` neither.
  Update update;
  const float* rates = nullptr;  ///< on the host: learning rate of each step
  float* loss_sum = nullptr;     ///< out: sum over the samples, in memory of LaneEngine::allocate()
  std::array<Judgement, most_judgements> judgements{};
};

/// Trains many networks at once, each on some of the device's cores, small ones with all that they need in the own memory of
/// one: without launches between layers and steps, and without a word between lanes, which may differ in everything. What
/// comes of a lane does not depend on the others.
class LaneEngine {
 public:
  virtual ~LaneEngine() = default;

  /// How many lanes of this kind the device holds at once; 0: it cannot train such a network.
  virtual std::size_t capacity(const Lane& lane) const = 0;
  /// Whether it can make the order of so many rows.
  virtual bool shuffles(const Lane& lane) const = 0;
  /// Of one such lane, floating-point, in some milliseconds.
  virtual double operations_per_round(const Lane& lane) const = 0;
  /// Numbers that the device writes and the host may read after wait().
  /// @throws OutOfDeviceMemory
  virtual float* allocate(std::size_t count) = 0;
  virtual void release(float* block) noexcept = 0;
  /// Starts the work and returns. What came before it on the backend is done first. Not before wait() after the call
  /// before.
  /// @throws SystemFailure
  virtual void start(std::span<const Lane> lanes) = 0;
  virtual void wait() = 0;
};

}  // namespace regatta::device

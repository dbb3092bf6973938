#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lane_update.hpp"
#include "regatta/device/lanes.hpp"

namespace regatta::device::loops {

/// The lanes of one bundle: what they are, and their numbers, number k of lane l at [k][l].
template <int lanes>
struct BundledNetworks {
  static constexpr std::size_t most = Lane::most_layers;
  static constexpr std::size_t block_rows =
      16;  ///< samples at a time, whose activations stay in the nearest caches

  BundledNetworks(std::span<const Lane* const> all, std::vector<float>& scratch)
      : members(all), first(*all.front()) {
    describe_layers();
    describe_updates();
    place(scratch);
    for (std::size_t lane = 0; lane < members.size(); ++lane) copy_state<true>(lane);
  }

  static constexpr unsigned bit(Activation kind) { return 1u << static_cast<unsigned>(kind); }
  std::size_t layers() const { return first.layer_count; }
  /// That one, or where there are fewer another one, whose results nobody wants.
  const Lane& member(std::size_t lane) const { return *members[lane < members.size() ? lane : 0]; }

  void describe_layers() {
    widths[0] = first.inputs;
    for (std::size_t l = 0; l < layers(); ++l) {
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const Lane::Layer& layer = member(lane).layers[l];
        widths[l + 1] = std::max<std::size_t>(widths[l + 1], layer.units);
        own_units[l][lane] = static_cast<std::int32_t>(layer.units);
        kind[l][lane] = static_cast<std::int32_t>(layer.activation);
        kinds[l] |= bit(layer.activation);
        kept[l][lane] = 1.0f - layer.dropout;
        drops[l] = drops[l] || layer.dropout > 0;
      }
      weights += widths[l] * widths[l + 1];
      biases += widths[l + 1];
    }
  }

  void describe_updates() {
    for (const Lane* lane : members) {
      penalised = penalised || lane->update.weight_decay != 0 || lane->update.l1 != 0;
      clips = clips || lane->update.clip > 0;
      (lane->update.kind == OptimizerKind::Sgd ? some_sgd : some_adam) = true;
    }
  }

  void place(std::vector<float>& scratch) {
    const std::size_t count = weights + biases, outputs = widths[layers()];
    const std::size_t widest = *std::ranges::max_element(widths.begin() + 1, widths.end());
    std::size_t size = 4 * count + block_rows * (widths[0] + outputs + 2 * widest);
    for (std::size_t l = 0; l < layers(); ++l) size += 2 * block_rows * widths[l + 1];
    scratch.assign(size * lanes + 64 / sizeof(float), 0.0f);
    float* next = scratch.data() + (-reinterpret_cast<std::size_t>(scratch.data()) & 63) / sizeof(float);
    const auto take = [&next](std::size_t numbers) { return std::exchange(next, next + numbers * lanes); };
    state = {take(count), take(count), take(count), take(count)};
    targets = take(block_rows * outputs);
    for (std::size_t l = 0; l <= layers(); ++l) y[l] = take(block_rows * widths[l]);
    for (std::size_t l = 0; l < layers(); ++l) {
      const bool from_y = kinds[l] != bit(Activation::Gelu) && (kinds[l] & (kinds[l] - 1)) == 0;
      z[l] = from_y ? y[l + 1] : take(block_rows * widths[l + 1]);
    }
    for (float*& block : slopes) block = take(block_rows * widest);
  }

  /// Calls visit(place in the lane's own arena, place in the bundle's).
  template <class Visit>
  void each_parameter(const Lane& lane, const Visit& visit) const {
    std::size_t weight = 0, bias = lane.update.penalised, to = 0, to_bias = weights, inputs = lane.inputs;
    for (std::size_t l = 0; l < layers(); ++l) {
      const std::size_t units = lane.layers[l].units, width = widths[l + 1];
      for (std::size_t k = 0; k < inputs; ++k)
        for (std::size_t j = 0; j < units; ++j) visit(weight++, to + k * width + j);
      for (std::size_t j = 0; j < units; ++j) visit(bias++, to_bias + j);
      to += widths[l] * width;
      to_bias += width;
      inputs = units;
    }
  }

  /// Parameters and moments, into the bundle or out of it.
  template <bool into>
  void copy_state(std::size_t lane) {
    const Update& update = members[lane]->update;
    const auto copy = [&](float* own, float* bundled) {
      each_parameter(*members[lane], [&](std::size_t from, std::size_t to) {
        if constexpr (into)
          bundled[to * lanes + lane] = own[from];
        else
          own[from] = bundled[to * lanes + lane];
      });
    };
    copy(update.parameters, state.parameters);
    copy(update.first_moment, state.first_moment);
    if (update.kind != OptimizerKind::Sgd) copy(update.second_moment, state.second_moment);
  }

  std::span<const Lane* const> members;
  const Lane& first;
  std::array<std::size_t, most + 1> widths{};  ///< of the layers' outputs; the inputs first
  std::array<Numbers<lanes, std::int32_t>, most> own_units{}, kind{};
  std::array<unsigned, most> kinds{};  ///< bits of all activations that a layer has
  std::array<Numbers<lanes>, most> kept{};
  std::array<bool, most> drops{};
  std::size_t weights = 0, biases = 0;  ///< of one lane
  bool penalised = false, clips = false, some_sgd = false, some_adam = false;
  InterleavedState state{};
  float* targets = nullptr;
  std::array<float*, most + 1> y{};  ///< of a block; the inputs first
  std::array<float*, most> z{};      ///< the same as y where slopes need no more than that
  std::array<float*, 2> slopes{};    ///< of two neighbouring layers
};

}  // namespace regatta::device::loops

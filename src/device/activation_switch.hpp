#pragma once

#include <type_traits>

#include "regatta/device/activation.hpp"

namespace regatta::device {

/// What `work` gives for `kind` as a constant, so that loops and kernels know their activation when they are
/// compiled.
template <class Work>
[[gnu::always_inline]] constexpr auto with_constant(Activation kind, const Work& work) {
  switch (kind) {
    case Activation::Relu:
      return work(std::integral_constant<Activation, Activation::Relu>());
    case Activation::Tanh:
      return work(std::integral_constant<Activation, Activation::Tanh>());
    case Activation::Gelu:
      return work(std::integral_constant<Activation, Activation::Gelu>());
    case Activation::Sigmoid:
      return work(std::integral_constant<Activation, Activation::Sigmoid>());
    case Activation::Identity:
      break;
  }
  return work(std::integral_constant<Activation, Activation::Identity>());
}

}  // namespace regatta::device

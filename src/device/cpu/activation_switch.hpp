#pragma once

#include <type_traits>

#include "regatta/device/activation.hpp"

namespace regatta::device {

/// Calls `work` with `kind` as a constant, so that loops know their activation when they are compiled.
template <class Work>
[[gnu::always_inline]] inline void with_constant(Activation kind, const Work& work) {
  switch (kind) {
    case Activation::Identity:
      return work(std::integral_constant<Activation, Activation::Identity>());
    case Activation::Relu:
      return work(std::integral_constant<Activation, Activation::Relu>());
    case Activation::Tanh:
      return work(std::integral_constant<Activation, Activation::Tanh>());
    case Activation::Gelu:
      return work(std::integral_constant<Activation, Activation::Gelu>());
    case Activation::Sigmoid:
      return work(std::integral_constant<Activation, Activation::Sigmoid>());
  }
}

}  // namespace regatta::device

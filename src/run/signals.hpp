#pragma once

namespace regatta::run {

/// Catches USR1, USR2, TERM and INT for its lifetime; the handler only sets a flag, since nothing else is safe in one.
class SignalWatch {
 public:
  SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();

  /// The first signal that came, or 0.
  static int caught();
};

}  // namespace regatta::run

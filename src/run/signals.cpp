#include "signals.hpp"

#include <csignal>
#include <iterator>

namespace regatta::run {
namespace {

constexpr int watched[] = {SIGUSR1, SIGUSR2, SIGTERM, SIGINT};
volatile std::sig_atomic_t first_signal = 0;
struct sigaction earlier[std::size(watched)];

extern "C" void remember_signal(int signal) {
  if (first_signal == 0) first_signal = signal;
}

}  // namespace

SignalWatch::SignalWatch() {
  first_signal = 0;
  struct sigaction action {};
  action.sa_handler = remember_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < std::size(watched); ++i) sigaction(watched[i], &action, &earlier[i]);
}

SignalWatch::~SignalWatch() {
  for (std::size_t i = 0; i < std::size(watched); ++i) sigaction(watched[i], &earlier[i], nullptr);
}

int SignalWatch::caught() { return first_signal; }

}  // namespace regatta::run

#include "regatta/search/trial.hpp"

#include <array>

namespace regatta::search {
namespace {

constexpr std::array<std::string_view, trial_state_count> state_names = {
    "queued", "running", "paused", "completed", "stopped", "failed", "cancelled"};
constexpr std::array<std::string_view, reason_count> reason_names = {"none",    "diverged", "oom",    "crash",
                                                                     "timeout", "lost",     "invalid"};

// A code read from disk may come from a newer version.
template <std::size_t n>
std::string_view name_at(const std::array<std::string_view, n>& names, std::size_t code) {
  return code < n ? names[code] : "unknown";
}

}  // namespace

std::string_view name_of(TrialState state) { return name_at(state_names, static_cast<std::size_t>(state)); }

std::string_view name_of(Reason reason) { return name_at(reason_names, static_cast<std::size_t>(reason)); }

std::string_view name_of(Origin origin) { return origin == Origin::User ? "user" : "searcher"; }

}  // namespace regatta::search

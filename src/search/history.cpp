#include "regatta/search/history.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"

namespace regatta::search {

std::uint64_t config_hash(std::span<const double> config) {
  std::uint64_t hash = config.size();
  // Adding 0 turns -0 into +0, which compares equal and so must hash equal.
  for (const double entry : config)
    hash = mix_bits(hash ^ (std::isnan(entry) ? ~0ull : std::bit_cast<std::uint64_t>(entry + 0.0)));
  return hash;
}

bool same_config(std::span<const double> a, std::span<const double> b) {
  return std::ranges::equal(a, b,
                            [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

bool holds(std::span<const Config> configs, std::span<const double> config) {
  return std::ranges::any_of(configs, [&](const Config& other) { return same_config(other, config); });
}

void History::record(const Event& event) {
  std::visit([this](const auto& alternative) { apply(alternative); }, event);
  ++events_;
}

const Trial& History::operator[](TrialId id) const {
  require(id.valid() && static_cast<std::size_t>(id.value) < trials_.size(), "trial ", id.value,
          " is not in the history, which has ", trials_.size(), " trials");
  return trials_[static_cast<std::size_t>(id.value)];
}

bool History::contains(const Config& config) const {
  const auto [first, last] = by_config_.equal_range(config_hash(config));
  return std::any_of(first, last, [&](const auto& entry) {
    const auto& [trial, change] = entry.second;
    return same_config(change < 0 ? (*this)[trial].config : changes_[static_cast<std::size_t>(change)].before,
                       config);
  });
}

bool History::better(double a, double b) const {
  if (std::isnan(a)) return false;
  if (std::isnan(b)) return true;
  return maximize_ ? a > b : a < b;
}

const Note* History::note(std::string_view key) const {
  const auto found = notes_.find(key);
  return found == notes_.end() ? nullptr : &found->second;
}

void History::apply(const TrialCreated& event) {
  require(event.trial.value == static_cast<std::int32_t>(trials_.size()),
          "trials are numbered in order: expected ", trials_.size(), ", got ", event.trial.value);
  if (event.parent.valid()) static_cast<void>((*this)[event.parent]);
  // Only the first trial of a configuration is indexed: repeats in an exhausted space cost nothing.
  if (!contains(event.config)) by_config_.emplace(config_hash(event.config), Tried{event.trial});
  Trial trial;
  trial.id = event.trial;
  trial.config = event.config;
  trial.origin = event.origin;
  trial.seed = event.seed;
  trial.parent = event.parent;
  trial.events_seen = event.events_seen;
  trial.t_queued = event.time;
  trials_.push_back(std::move(trial));
  ++counts_[static_cast<std::size_t>(TrialState::Queued)];
  unfinished_.insert(unfinished_.end(), event.trial);
}

void History::apply(const TrialStarted& event) {
  Trial& trial = unfinished_trial(event.trial);
  trial.worker = event.worker;
  trial.lane = event.lane;
  trial.until_epoch = event.until_epoch;
  ++trial.attempt;
  trial.weights = event.trial;
  if (std::isnan(trial.t_start)) trial.t_start = event.time;
  move(trial, TrialState::Running);
}

void History::apply(const TrialReported& event) {
  Trial& trial = unfinished_trial(event.trial);
  trial.epochs = event.epoch;
  trial.objective = event.value;
  reports_.push_back({event.trial, event.epoch, event.value});
}

void History::apply(const TrialEnded& event) {
  require(event.state == TrialState::Paused || is_final(event.state),
          "a trial ends paused or final, got state ", name_of(event.state));
  Trial& trial = unfinished_trial(event.trial);
  trial.seconds += event.seconds;
  trial.epochs = std::max(trial.epochs, event.epochs);
  trial.reason = event.reason;
  trial.exit_code = event.exit_code;
  trial.message = event.message;
  trial.standard_error = event.standard_error;
  if (is_final(event.state)) {
    trial.t_end = event.time;
    if (!std::isnan(event.objective)) trial.objective = event.objective;
  }
  move(trial, event.state);
  outcomes_.push_back({trial.id, trial.state, trial.reason, trial.epochs, trial.objective,
                       trial.standard_error, trial.seconds, reports_.size()});
  if (succeeded(event.state)) consider(trial);
}

void History::apply(const TrialRequeued& event) { move(unfinished_trial(event.trial), TrialState::Queued); }

void History::apply(const Note& event) { notes_.insert_or_assign(event.key, event); }

void History::apply(const TrialChanged& event) {
  Trial& trial = unfinished_trial(event.trial);
  require(trial.state == TrialState::Paused, "only a paused trial can change, and trial ", event.trial.value,
          " is ", name_of(trial.state));
  if (event.donor.valid()) static_cast<void>((*this)[event.donor]);
  const auto [first, last] = by_config_.equal_range(config_hash(trial.config));
  for (auto tried = first; tried != last; ++tried)
    if (tried->second.trial == event.trial && tried->second.change < 0)
      tried->second.change = std::ssize(changes_);
  changes_.push_back({event.trial, event.donor, trial.config, reports_.size()});
  if (event.donor != event.trial) trial.parent = event.donor;
  trial.weights = event.donor;
  trial.changed_epoch = event.epoch;
  trial.config = event.config;
  if (!contains(event.config)) by_config_.emplace(config_hash(event.config), Tried{event.trial});
}

Trial& History::unfinished_trial(TrialId id) {
  const Trial& trial = (*this)[id];
  require(!is_final(trial.state), "trial ", id.value, " is ", name_of(trial.state),
          ": nothing can follow that");
  return trials_[static_cast<std::size_t>(id.value)];
}

void History::move(Trial& trial, TrialState state) {
  --counts_[static_cast<std::size_t>(trial.state)];
  ++counts_[static_cast<std::size_t>(state)];
  trial.state = state;
  if (!is_final(state)) return;
  unfinished_.erase(trial.id);
  finished_.push_back(trial.id);
}

void History::consider(const Trial& trial) {
  if (std::isnan(trial.objective)) return;
  if (!incumbent_) {
    incumbent_ = trial.id;
    return;
  }
  const double best = (*this)[*incumbent_].objective;
  const bool earlier_equal = trial.objective == best && trial.id < *incumbent_;
  if (better(trial.objective, best) || earlier_equal) incumbent_ = trial.id;
}

}  // namespace regatta::search

#include "sobol_searcher.hpp"

namespace regatta::search {
namespace {

constexpr std::uint64_t sobol_stream = 0x736f;

}  // namespace

SobolSearcher::SobolSearcher(const SearcherOptions& options, space::Space space)
    : DrawingSearcher(options, std::move(space)),
      sequence_(this->space().size(), derive_seed(options.seed, sobol_stream)),
      point_(this->space().size()) {}

std::optional<Config> SobolSearcher::own_point(TrialId trial, Random&) {
  const auto number = static_cast<std::size_t>(trial.value);
  if (space().constraints().empty()) return config_at(number);
  while (feasible_.size() <= number && !gave_up_) {
    const std::uint64_t last = feasible_.empty() ? 0 : feasible_.back();
    if (space().feasible(config_at(next_index_)))
      feasible_.push_back(next_index_);
    else
      gave_up_ = next_index_ - last >= rejection_limit();
    ++next_index_;
  }
  if (feasible_.size() <= number) return {};
  return config_at(feasible_[number]);
}

Config SobolSearcher::config_at(std::uint64_t index) {
  // The sequence starts again after 2^32 points.
  sequence_.point(static_cast<std::uint32_t>(index), point_);
  return space().decode(point_);
}

}  // namespace regatta::search

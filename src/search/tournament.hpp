#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace regatta::search {

/// What is believed of the least loss in a part of a space: a Gumbel distribution of minima,
/// P(minimum > x) = exp(-exp((x - location) / scale)).
struct Extreme {
  double location = 0, scale = 1;

  /// With that mean and standard deviation: scale = sqrt(6) deviation / pi, location = mean + 0.5772 scale.
  static Extreme from_moments(double mean, double deviation);
  /// Of the least of `count` normal numbers, where the mean and the deviation of one are known: location =
  /// mean - deviation sqrt(2 ln count), scale = deviation / sqrt(2 ln count) (Fisher and Tippett 1928).
  static Extreme of_least(double mean, double deviation, double count);

  /// The value that the minimum is below with probability `uniform`, in (0, 1).
  double quantile(double uniform) const;
};

/// Draws of the least loss in a part of a space; the same `key` gives the same ranks of draws.
std::vector<float> draws_of(const Extreme& extreme, std::uint64_t key);

/// Probability of each of several parts that it holds the least loss of all: the share of the draws that it
/// wins, and half a draw for each beside.
/// @param draws  as many for each part
std::vector<double> winning_chances(std::span<const std::vector<float>* const> draws);

/// The least of the parts' losses, draw by draw.
std::vector<float> least_draws(std::span<const std::vector<float>* const> draws);

/// Entropy of the location of the minimiser in a part that falls into children, by the chain rule:
/// - sum q ln q + sum q h [nat].
/// @param chances    q: of each child, given that it is in the part
/// @param entropies  h: of each child
double joined_entropy(std::span<const double> chances, std::span<const double> entropies);

}  // namespace regatta::search

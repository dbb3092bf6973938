#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace regatta::search {

/// The Sobol sequence with the direction numbers of Joe and Kuo (2008), Constructing Sobol sequences with
/// better two-dimensional projections, SIAM J. Sci. Comput. 30, 2635-2654. Stateless: any point in any order.
///
/// The scrambled sequence permutes each coordinate by Owen's nested uniform scrambling, which keeps every
/// stratification of the sequence (each block of 2^k points that starts at a multiple of 2^k has one point in
/// each of the 2^k equal intervals of each coordinate). Burley (2020), Practical hash-based Owen scrambling,
/// J. Comput. Graph. Tech. 9(4).
class SobolSequence {
 public:
  static constexpr int bit_count = 32;
  static std::size_t max_dimensions();

  /// The plain sequence by index (not by Gray code): 0, 1/2, 1/4, 3/4, ... in the first coordinate.
  /// @throws InvalidInput  above max_dimensions()
  explicit SobolSequence(std::size_t dimensions);
  /// Scrambled by `seed`.
  SobolSequence(std::size_t dimensions, std::uint64_t seed);

  /// Coordinates in [0, 1) of point `index`; the scrambled ones are middles of intervals of width 2^-32.
  /// @param unit  one entry per dimension
  void point(std::uint32_t index, std::span<double> unit) const;
  /// Points 0 to count - 1, as rows: the same, in less time.
  std::vector<double> first_points(std::size_t count) const;

 private:
  std::vector<std::array<std::uint32_t, bit_count>> directions_;
  std::vector<std::uint32_t> scramble_;  ///< one key per dimension; empty: not scrambled
};

}  // namespace regatta::search

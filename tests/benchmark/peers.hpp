#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace regatta::benchmark {

/// What was measured: a problem of peers.csv, evaluated so often with so many trials running.
struct PeerCell {
  std::string problem, domain;
  int pending = 1;
  int evaluations = 0;
  std::string measure;  ///< "regret", "best value", "gap": less is better
};

/// How another optimiser did.
struct PeerFigure {
  std::string peer, version;  ///< empty version: it was not kept
  PeerCell cell;
  double median = 0;
  int digits = 1;     ///< significant ones of the median
  std::string seeds;  ///< how many; empty: not known
  std::string source, note;
};

enum class Verdict { Better, Equal, Worse };

/// Whether `ours` is better than the peer's figure; equal where it rounds to the same digits.
Verdict verdict_on(double ours, const PeerFigure& peer);

/// The figures of peers.csv, random search left out.
class Peers {
 public:
  /// @throws InvalidInput  no such file, or columns missing
  explicit Peers(const std::filesystem::path& file);

  /// The figures of one cell, the best first.
  std::vector<PeerFigure> of(const PeerCell& cell) const;

 private:
  std::vector<PeerFigure> figures_;
};

}  // namespace regatta::benchmark

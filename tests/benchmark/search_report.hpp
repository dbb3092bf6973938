#pragma once

#include <optional>
#include <string>
#include <vector>

#include "peers.hpp"
#include "regatta/core/json.hpp"
#include "search_runs.hpp"

namespace regatta::benchmark {

/// The figures of a table of cases: for people, and for programs.
class SearchReport {
 public:
  SearchReport(const CaseTable& table, const std::vector<Cell>& cells, const Peers& peers);

  std::string text() const;
  Json json() const;

 private:
  struct Row {
    const Cell* cell = nullptr;
    std::string measure;
    int evaluations = 0;                 ///< 0: until the optimum is found
    std::vector<double> values;          ///< by seed
    std::vector<PeerFigure> peers = {};  ///< of the same cell, the best first
  };

  void add_rows(const Cell& cell, const Peers& peers);
  std::string figures() const;
  static std::vector<std::string> cells_of(const Row& row);
  std::string verdicts() const;
  std::string versions() const;
  std::string ranks() const;

  const CaseTable& table_;
  const std::vector<Cell>& cells_;
  std::vector<Row> rows_;
};

}  // namespace regatta::benchmark

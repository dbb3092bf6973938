#include "search_report.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "benchmark.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/report/table.hpp"

namespace regatta::benchmark {
namespace {

const std::string until_found = "evaluations until the optimum";

std::string seconds_text(double seconds) {
  if (seconds >= 1) return concat(format_short(seconds, 3), " s");
  return seconds >= 1e-3 ? concat(format_short(1e3 * seconds, 3), " ms")
                         : concat(format_short(1e6 * seconds, 3), " us");
}

std::string short_text(double value) { return std::isinf(value) ? "never" : format_short(value, 3); }

std::string word_of(Verdict verdict) {
  return verdict == Verdict::Better ? "better" : verdict == Verdict::Equal ? "equal" : "worse";
}

/// JSON knows no infinity.
Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json json_of(const std::vector<PeerFigure>& peers) {
  Json all = Json::array();
  for (const PeerFigure& peer : peers)
    all.push_back({{"peer", peer.peer},
                   {"version", peer.version},
                   {"median", peer.median},
                   {"seeds", peer.seeds},
                   {"source", peer.source},
                   {"note", peer.note}});
  return all;
}

/// Place of each value in the order of all, from 1; equal ones share the mean of theirs.
std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<double> ranks;
  for (const double value : values) {
    const auto less = std::ranges::count_if(values, [&](double other) { return other < value; });
    const auto equal = std::ranges::count(values, value);
    ranks.push_back(static_cast<double>(less) + 0.5 * static_cast<double>(equal + 1));
  }
  return ranks;
}

}  // namespace

SearchReport::SearchReport(const CaseTable& table, const std::vector<Cell>& cells, const Peers& peers)
    : table_(table), cells_(cells) {
  for (const Cell& cell : cells) add_rows(cell, peers);
  // All searchers of one cell of peers.csv stand together.
  const auto place = [](const Row& row) {
    return std::tuple(row.cell->problem, row.evaluations == 0, row.evaluations);
  };
  std::ranges::stable_sort(rows_, {}, place);
}

void SearchReport::add_rows(const Cell& cell, const Peers& peers) {
  const Case& problem = *cell.problem;
  const std::string measure = name_of(problem.measure);
  for (const int mark : problem.marks) {
    rows_.push_back({&cell, measure, mark, cell.after(mark),
                     peers.of({problem.name, problem.domain, problem.pending, mark, measure})});
    std::erase_if(rows_.back().peers,
                  [&](const PeerFigure& peer) { return peer.peer == problem.unfair_peer; });
  }
  if (problem.to_be_found) rows_.push_back({&cell, until_found, 0, cell.found()});
}

std::string SearchReport::text() const {
  return concat("\n", table_.name, ": ", table_.meaning, "\n", figures(), verdicts(), versions(), ranks());
}

std::string SearchReport::figures() const {
  using enum report::Align;
  report::Table table({{"problem", Left},
                       {"measure", Left},
                       {"after"},
                       {"searcher", Left},
                       {"median"},
                       {"lower q."},
                       {"upper q."},
                       {"worst"},
                       {"seeds"},
                       {"CPU/proposal"},
                       {"best peer", Left},
                       {"has"},
                       {"ours is", Left}});
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    table.add(cells_of(row));
    const bool last = i + 1 == rows_.size() || rows_[i + 1].evaluations != row.evaluations ||
                      rows_[i + 1].cell->problem != row.cell->problem;
    if (!table_.all_peers || !last) continue;
    for (const PeerFigure& peer : row.peers)
      table.add({row.cell->problem->title(), row.measure, concat(row.evaluations),
                 concat("(", peer.peer, ")"), format_short(peer.median, 3), "", "", "", peer.seeds, "", "",
                 "", ""});
  }
  return table.text(200);
}

std::vector<std::string> SearchReport::cells_of(const Row& row) {
  std::vector<std::string> cells{row.cell->problem->title(), row.measure,
                                 row.evaluations > 0 ? concat(row.evaluations) : "",
                                 row.cell->contender->name};
  for (const double fraction : {0.5, 0.25, 0.75, 1.0})
    cells.push_back(short_text(quantile(row.values, fraction)));
  cells.push_back(concat(row.values.size()));
  cells.push_back(seconds_text(row.cell->proposal_seconds()));
  if (row.peers.empty()) {
    cells.insert(cells.end(), {"", "", ""});
    return cells;
  }
  const PeerFigure& best = row.peers.front();
  cells.insert(cells.end(),
               {best.peer, format_short(best.median, 3), word_of(verdict_on(median(row.values), best))});
  return cells;
}

std::string SearchReport::verdicts() const {
  std::vector<std::string> order;
  std::map<std::string, std::map<Verdict, int>> counts;
  for (const Row& row : rows_) {
    if (row.peers.empty()) continue;
    const std::string& name = row.cell->contender->name;
    if (!counts.contains(name)) order.push_back(name);
    ++counts[name][verdict_on(median(row.values), row.peers.front())];
  }
  std::string text;
  for (const std::string& name : order) {
    auto& count = counts[name];
    const int all = count[Verdict::Better] + count[Verdict::Equal] + count[Verdict::Worse];
    text += concat("  ", name, ": better than the best peer in ", count[Verdict::Better], " of ", all,
                   " cells, equal in ", count[Verdict::Equal], "\n");
  }
  return text;
}

/// What is known of the peers in the table.
std::string SearchReport::versions() const {
  std::set<std::string> shown;
  for (const Row& row : rows_)
    for (std::size_t i = 0; i < row.peers.size() && (i == 0 || table_.all_peers); ++i) {
      const PeerFigure& peer = row.peers[i];
      shown.insert(concat(peer.peer, " (", peer.version, peer.version.empty() ? "" : ", ", peer.source, ")"));
    }
  if (shown.empty()) return "";
  return concat("  peers: ", join(std::vector(shown.begin(), shown.end()), "; "), "\n");
}

/// Among contenders of the table's own, over all problems and seeds.
std::string SearchReport::ranks() const {
  if (table_.contenders.empty()) return "";
  const std::size_t k = table_.contenders.size();
  std::vector<double> sums(k, 0.0);
  double count = 0;
  for (std::size_t first = 0; first + k <= cells_.size(); first += k) {
    const int mark = cells_[first].problem->marks.back();
    for (std::size_t seed = 0; seed < cells_[first].outcomes.size(); ++seed, ++count) {
      std::vector<double> values;
      for (std::size_t j = 0; j < k; ++j) values.push_back(cells_[first + j].after(mark)[seed]);
      const std::vector<double> ranks = ranks_of(values);
      for (std::size_t j = 0; j < k; ++j) sums[j] += ranks[j];
    }
  }
  std::string text = "  mean rank over problems and seeds:";
  for (std::size_t j = 0; j < k; ++j)
    text += concat(j > 0 ? "," : "", " ", table_.contenders[j].name, " ", format_short(sums[j] / count, 3));
  return text + "\n";
}

Json SearchReport::json() const {
  Json figures = Json::array();
  for (const Row& row : rows_) {
    const Case& problem = *row.cell->problem;
    Json values = Json::array();
    for (const double value : row.values) values.push_back(number_or_null(value));
    figures.push_back({{"problem", problem.name},
                       {"domain", problem.domain},
                       {"pending", problem.pending},
                       {"synchronous", problem.synchronous},
                       {"measure", row.measure},
                       {"evaluations", row.evaluations > 0 ? Json(row.evaluations) : Json(nullptr)},
                       {"searcher", row.cell->contender->name},
                       {"median", number_or_null(median(row.values))},
                       {"lower_quartile", number_or_null(quantile(row.values, 0.25))},
                       {"upper_quartile", number_or_null(quantile(row.values, 0.75))},
                       {"worst", number_or_null(quantile(row.values, 1))},
                       {"values", values},
                       {"seconds_per_proposal", row.cell->proposal_seconds()},
                       {"peers", json_of(row.peers)}});
  }
  return {{"table", table_.name},
          {"meaning", table_.meaning},
          {"figures", figures},
          {"summary", verdicts() + ranks()}};
}

}  // namespace regatta::benchmark

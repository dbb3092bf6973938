#include "peers.hpp"

#include <algorithm>
#include <fstream>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::benchmark {
namespace {

/// The fields of one line; commas between quotes belong to the field.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char letter : line) {
    if (letter == '"')
      quoted = !quoted;
    else if (letter == ',' && !quoted)
      fields.emplace_back();
    else
      fields.back() += letter;
  }
  return fields;
}

double number(const std::string& text) {
  const auto parsed = parse_number(text);
  require(parsed.has_value(), "peers.csv: expected a number, got '", text, "'");
  return *parsed;
}

/// Significant digits of a number as it is written.
int digits_of(const std::string& text) {
  const std::string mantissa = text.substr(0, text.find_first_of("eE"));
  const std::size_t first = mantissa.find_first_of("123456789");
  if (first == std::string::npos) return 1;
  const auto digits = std::count_if(mantissa.begin() + static_cast<std::ptrdiff_t>(first), mantissa.end(),
                                    [](char letter) { return '0' <= letter && letter <= '9'; });
  return static_cast<int>(digits);
}

PeerFigure figure_of(const std::vector<std::string>& titles, const std::vector<std::string>& fields) {
  const auto field = [&](const std::string& title) {
    const auto found = std::ranges::find(titles, title);
    require(found != titles.end() && fields.size() == titles.size(), "peers.csv: no column '", title,
            "', or not all columns in each line");
    return fields[static_cast<std::size_t>(found - titles.begin())];
  };
  PeerFigure figure;
  figure.peer = field("peer");
  figure.version = field("version");
  figure.cell = {field("problem"), field("domain"), static_cast<int>(number(field("q"))),
                 static_cast<int>(number(field("evaluations"))), field("measure")};
  figure.median = number(field("median"));
  figure.digits = digits_of(field("median"));
  figure.seeds = field("seeds");
  figure.source = field("source");
  figure.note = field("note");
  return figure;
}

}  // namespace

Verdict verdict_on(double ours, const PeerFigure& peer) {
  if (parse_number(format_short(ours, peer.digits)) == peer.median) return Verdict::Equal;
  return ours < peer.median ? Verdict::Better : Verdict::Worse;
}

Peers::Peers(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string line;
  require(static_cast<bool>(std::getline(stream, line)), file.string(), " cannot be read");
  const std::vector<std::string> titles = fields_of(line);
  while (std::getline(stream, line)) {
    PeerFigure figure = figure_of(titles, fields_of(line));
    if (figure.peer != "random") figures_.push_back(std::move(figure));
  }
}

std::vector<PeerFigure> Peers::of(const PeerCell& cell) const {
  std::vector<PeerFigure> found;
  std::ranges::copy_if(figures_, std::back_inserter(found), [&](const PeerFigure& figure) {
    const PeerCell& other = figure.cell;
    return other.problem == cell.problem && other.domain == cell.domain && other.pending == cell.pending &&
           other.evaluations == cell.evaluations && other.measure == cell.measure;
  });
  std::ranges::stable_sort(found, {}, &PeerFigure::median);
  return found;
}

}  // namespace regatta::benchmark

#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace regatta::objective {

/// What a program has said in one line.
struct Message {
  std::optional<std::int32_t> epoch;     ///< as the program counts
  std::map<std::string, double> values;  ///< by metric
  bool done = false;                     ///< persistent programs: the trial has ended
  bool paused = false;                   ///< its work is saved, and it waits for a word
  std::string failure;                   ///< persistent programs: why the trial has failed
};

/// "epoch=3 val_loss=0.41 done": the words after a prefix. Words that say no number are passed over.
Message read_words(std::string_view text);
/// {"epoch": 3, "val_loss": 0.41}, {"done": true}, {"paused": true}; NaN and Infinity as Python writes them. None for anything
/// else.
std::optional<Message> read_json(const std::string& line);

/// A regular expression (ECMAScript) with named groups, as (?<val_loss>[0-9.]+) or (?P<val_loss>[0-9.]+).
class ReportPattern {
 public:
  /// @param metric  what a single group without a name stands for
  /// @throws InvalidInput  it is none, or has no group for the metric
  ReportPattern(const std::string& text, const std::string& metric);

  /// None where the line does not match. Groups that hold no number are passed over.
  std::optional<Message> read(std::string_view line) const;

 private:
  struct Expression;  // <regex> takes seconds to compile
  std::shared_ptr<const Expression> expression_;
};

/// How a study's programs say what they have reached.
struct ReportFormat {
  std::string prefix;  ///< of lines for read_words
  std::optional<ReportPattern> pattern;

  /// None for a line that is no report.
  std::optional<Message> read(std::string_view line) const;
};

/// Divides what comes from a program into lines, of bounded length: the rest of a longer one is dropped. A
/// carriage return, as progress bars print it, ends a line too.
class LineSplitter {
 public:
  static constexpr std::size_t longest = 16'384;  ///< [bytes]

  /// @param take  is given each complete line that is not empty, without its end
  template <class Take>
  void feed(std::string_view bytes, Take take) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      std::string_view line = bytes.substr(0, end);
      for (std::size_t cr; (cr = line.find('\r')) != std::string_view::npos; line.remove_prefix(cr + 1))
        complete(line.substr(0, cr), take);
      if (end == std::string_view::npos) return keep(line);
      complete(line, take);
      bytes.remove_prefix(end + 1);
    }
  }
  /// The last line, which had no end.
  template <class Take>
  void flush(Take take) {
    complete("", take);
  }

 private:
  void keep(std::string_view part) { line_.append(part.substr(0, longest - line_.size())); }
  template <class Take>
  void complete(std::string_view rest, Take& take) {
    if (line_.empty()) {
      if (!rest.empty()) take(rest.substr(0, longest));
      return;
    }
    keep(rest);
    take(std::string_view(line_));
    line_.clear();
  }

  std::string line_;
};

}  // namespace regatta::objective

#include "command_text.hpp"

#include <algorithm>
#include <cctype>

#include "regatta/core/error.hpp"

namespace regatta::objective {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Length of "{name}" at the start of `text`, or 0.
std::size_t placeholder_length(std::string_view text) {
  const auto letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; };
  if (text.size() < 3 || text[0] != '{' || !letter(text[1])) return 0;
  std::size_t end = 2;
  while (end < text.size() && (letter(text[end]) || std::isdigit(static_cast<unsigned char>(text[end]))))
    ++end;
  return end < text.size() && text[end] == '}' ? end + 1 : 0;
}

}  // namespace

/// Goes through the text once, with the quotes that are open.
class CommandText::Reader {
 public:
  Reader(std::string_view text, CommandText& into) : rest_(text), into_(into) {}

  void read() {
    while (!rest_.empty()) step();
    require(quote_ == 0, "objective.command has a ", quote_, " that is not closed");
    end_word();
  }

 private:
  void step() {
    const char c = rest_.front();
    if (const std::size_t length = placeholder_length(rest_); length > 0 && !rest_.starts_with("{{")) {
      const std::string name(rest_.substr(1, length - 2));
      into_.names_.insert(name);
      word_.push_back({name, true, quote_});
      rest_.remove_prefix(length);
      open_ = true;
    } else if (rest_.starts_with("{{") || rest_.starts_with("}}")) {
      add(c, 2);
    } else if (rest_.starts_with("${")) {  // a variable of a shell
      add('$', 1);
      add('{', 1);
    } else if (c == '\\' && quote_ != '\'' && rest_.size() > 1) {
      read_escape();
    } else if (c == quote_ || (quote_ == 0 && (c == '\'' || c == '"'))) {
      toggle(c);
    } else if (quote_ == 0 && is_blank(c) && !into_.shell_) {
      end_word();
      rest_.remove_prefix(1);
    } else {
      add(c, 1);
    }
  }

  /// In double quotes a backslash is itself before anything but " and \.
  void read_escape() {
    const char escaped = rest_[1];
    const bool itself = into_.shell_ || (quote_ == '"' && escaped != '"' && escaped != '\\');
    if (itself) add('\\', 0);
    add(escaped, 2);
  }

  void toggle(char c) {
    quote_ = quote_ == 0 ? c : 0;
    open_ = true;
    if (into_.shell_) return add(c, 1);  // the shell will read it again
    rest_.remove_prefix(1);
  }

  void add(char c, std::size_t read) {
    if (word_.empty() || word_.back().placeholder) word_.push_back({});
    word_.back().text += c;
    open_ = true;
    rest_.remove_prefix(read);
  }

  void end_word() {
    if (open_) into_.words_.push_back(std::move(word_));
    word_ = {};
    open_ = false;
  }

  std::string_view rest_;
  CommandText& into_;
  Word word_;
  bool open_ = false;  ///< a word has begun, maybe an empty one
  char quote_ = 0;
};

CommandText::CommandText(std::string_view text, bool shell) : shell_(shell) {
  Reader(text, *this).read();
  require(!words_.empty(),
          "objective.command must say what is run, as 'python3 train.py --lr {learning_rate}'");
}

/// Its text, unless a shell or placeholders make something else of it.
std::string CommandText::plain(const Word& word) const {
  return shell_ || word.size() != 1 || word.front().placeholder ? "" : word.front().text;
}

std::string CommandText::first_operand() const {
  const auto is_option = [](const Word& word) { return !word.empty() && word.front().text.starts_with('-'); };
  const auto found = std::find_if_not(std::next(words_.begin()), words_.end(), is_option);
  return found == words_.end() ? "" : plain(*found);
}

bool CommandText::active(const Word& word, const Substitutes& substitutes) {
  return std::ranges::all_of(
      word, [&](const Piece& piece) { return !piece.placeholder || substitutes.at(piece.text).active; });
}

std::vector<std::string> CommandText::arguments(const Substitutes& substitutes) const {
  std::vector<std::string> all;
  for (const Word& word : words_) {
    std::string text;
    for (const Piece& piece : word) {
      if (!piece.placeholder) {
        text += piece.text;
      } else if (!shell_) {
        text += substitutes.at(piece.text).text;
      } else {
        const std::string variable = "${" + substitutes.at(piece.text).variable + "}";
        text += piece.quote == '"'    ? variable
                : piece.quote == '\'' ? "'\"" + variable + "\"'"
                                      : "\"" + variable + "\"";
      }
    }
    if (shell_ || active(word, substitutes)) {
      all.push_back(text);
    } else if (word.size() == 1 && all.size() > 1 && all.back().starts_with('-')) {
      all.pop_back();
    }
  }
  return shell_ ? std::vector<std::string>{"/bin/sh", "-c", all.front()} : all;
}

}  // namespace regatta::objective

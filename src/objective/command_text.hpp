#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace regatta::objective {

/// A value for a placeholder: its text, and the environment variable that holds it too.
struct Substitute {
  std::string text;
  std::string variable;
  bool active = true;  ///< false: a parameter whose condition does not hold
};
using Substitutes = std::map<std::string, Substitute>;

/// A command with placeholders such as `{learning_rate}`; `{{` and `}}` stand for braces, and so do braces
/// around anything but a name, and those of `${NAME}`.
///
/// Without a shell the text is divided into words as a POSIX shell does it (blanks, '...', "...", \), before
/// placeholders are filled in: a value is never divided, nor is anything in it special. With a shell
/// placeholders become the variables that hold the values, in quotes, so that no value is ever read as a
/// command.
class CommandText {
 public:
  /// @throws InvalidInput  a quote that is not closed, no word at all
  CommandText(std::string_view text, bool shell);

  const std::set<std::string>& placeholders() const { return names_; }
  /// The program when no placeholder stands in it, else empty.
  std::string program() const { return plain(words_.front()); }
  /// The first argument that is no option when no placeholder stands in it, else empty.
  std::string first_operand() const;
  /// A word with an inactive placeholder is left out, and the option before it (`--momentum {momentum}`) if
  /// the placeholder is the whole word. REQUIRES: a substitute for every placeholder
  std::vector<std::string> arguments(const Substitutes& substitutes) const;

 private:
  /// Plain text, or the name of a placeholder and in which quotes it stands.
  struct Piece {
    std::string text;
    bool placeholder = false;
    char quote = 0;  ///< 0, ' or "
  };
  using Word = std::vector<Piece>;
  class Reader;

  std::string plain(const Word& word) const;
  static bool active(const Word& word, const Substitutes& substitutes);

  bool shell_;
  std::vector<Word> words_;  ///< with a shell a single one
  std::set<std::string> names_;
};

}  // namespace regatta::objective

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace regatta::space {

/// One symbol of an expression.
struct Token {
  enum class Type { Word, Quoted, Number, Symbol, End };

  Type type = Type::End;
  std::string text;  ///< a quoted word without its quotes
  double number = 0;
  std::size_t position;  ///< of its first character in the whole text, from 1
};

/// The tokens of `text` from character `offset` on (0: all), ended by one of type End.
/// @throws InvalidInput  a character that no expression has, a quote that is not closed, a number out of
/// range
std::vector<Token> tokenize(std::string_view text, std::size_t offset);

/// " at character 12 of 'int(1, 3) if'".
std::string at_character(std::size_t position, std::string_view text);

bool starts_word(char c);
bool continues_word(char c);

/// Words of the language that cannot be names: and, or, not, in, if.
bool is_reserved(std::string_view word);

}  // namespace regatta::space

#include "token.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "regatta/core/error.hpp"

namespace regatta::space {
namespace {

constexpr std::size_t most_tokens = 10'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/// What people write who come from other languages, and how it is written here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> foreign_symbols{
    {{"&&", "; write 'and'"},
     {"||", "; write 'or'"},
     {"&", "; write 'and'"},
     {"|", "; write 'or'"},
     {"<>", "; write '!='"},
     {"=>", "; write '>='"},
     {"=<", "; write '<='"},
     {"=", "; write '==' to compare"},
     {"!", "; write 'not'"}}};

constexpr std::array<std::string_view, 13> symbols{"==", "!=", "<=", ">=", "<", ">", "+",
                                                   "-",  "*",  "/",  "(",  ")", ","};

class Tokenizer {
 public:
  Tokenizer(std::string_view text, std::size_t offset) : text_(text), next_(offset) {}

  Token next() {
    while (next_ < text_.size() && is_blank(text_[next_])) ++next_;
    if (next_ == text_.size()) return {Token::Type::End, "", 0, next_ + 1};
    const char c = text_[next_];
    if (c == '\'' || c == '"') return quoted(c);
    if (starts_word(c)) return word();
    if (is_digit(c) || (c == '.' && next_ + 1 < text_.size() && is_digit(text_[next_ + 1]))) return number();
    return symbol();
  }

 private:
  Token take(Token::Type type, std::size_t length) {
    Token token{type, std::string(text_.substr(next_, length)), 0, next_ + 1};
    next_ += length;
    return token;
  }

  Token word() {
    std::size_t length = 1;
    while (next_ + length < text_.size() && continues_word(text_[next_ + length])) ++length;
    return take(Token::Type::Word, length);
  }

  Token quoted(char quote) {
    const std::size_t end = text_.find(quote, next_ + 1);
    require(end != std::string_view::npos, "the quote is not closed", at_character(next_ + 1, text_));
    Token token = take(Token::Type::Quoted, end + 1 - next_);
    token.text = token.text.substr(1, token.text.size() - 2);
    return token;
  }

  Token number() {
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data() + next_, text_.data() + text_.size(), value);
    const std::size_t stop = static_cast<std::size_t>(end - text_.data());
    const bool clean = stop == text_.size() || (!continues_word(text_[stop]) && text_[stop] != '.');
    require(error == std::errc{} && clean, "this is not a number", at_character(next_ + 1, text_));
    Token token = take(Token::Type::Number, stop - next_);
    token.number = value;
    return token;
  }

  Token symbol() {
    const std::string_view rest = text_.substr(next_);
    for (const auto& [foreign, advice] : foreign_symbols)
      require(!rest.starts_with(foreign) || rest.starts_with("==") || rest.starts_with("!="), "unexpected '",
              foreign, "'", at_character(next_ + 1, text_), advice);
    for (const std::string_view known : symbols)
      if (rest.starts_with(known)) return take(Token::Type::Symbol, known.size());
    std::size_t bytes = 1;  // of one UTF-8 character
    while (bytes < rest.size() && (static_cast<unsigned char>(rest[bytes]) & 0xC0) == 0x80) ++bytes;
    throw InvalidInput(concat("unexpected '", rest.substr(0, bytes), "'", at_character(next_ + 1, text_)));
  }

  std::string_view text_;
  std::size_t next_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text, std::size_t offset) {
  Tokenizer tokenizer(text, offset);
  std::vector<Token> tokens{tokenizer.next()};
  while (tokens.back().type != Token::Type::End) {
    require(tokens.size() < most_tokens, "an expression may have at most ", most_tokens,
            " words and symbols");
    tokens.push_back(tokenizer.next());
  }
  return tokens;
}

std::string at_character(std::size_t position, std::string_view text) {
  constexpr std::size_t longest = 200;
  const bool whole = text.size() <= longest;
  return concat(" at character ", position, " of '", text.substr(0, longest), whole ? "'" : "...'");
}

bool starts_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool continues_word(char c) { return starts_word(c) || is_digit(c); }

bool is_reserved(std::string_view word) {
  constexpr std::array<std::string_view, 5> reserved{"and", "or", "not", "in", "if"};
  return std::ranges::find(reserved, word) != reserved.end();
}

}  // namespace regatta::space

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "expression.hpp"
#include "token.hpp"

namespace regatta::space {

/// Compiles one expression by recursive descent, with a check of types on the way.
///
///     or:          and { "or" and }
///     and:         not { "and" not }
///     not:         "not" not | comparison
///     comparison:  sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=") sum | ["not"] "in" "(" sum { "," sum } ")"
///     ] sum:         product { ("+" | "-") product } product:     sign { ("*" | "/") sign } sign:        "-"
///     sign | "+" sign | primary primary:     number | word | quoted word | "(" or ")"
class ExpressionParser {
 public:
  ExpressionParser(std::string_view text, std::size_t offset, const Scope& scope);

  Expression parse();

 private:
  /// A part of the expression and what it can be used for. Whether a bare word names a parameter or a
  /// category is known only when its partner in a comparison is.
  struct Term {
    enum class Type { Truth, Number, Category, Word };

    Type type;
    std::size_t node = 0;                  ///< but for Word
    const Parameter* parameter = nullptr;  ///< when the term is one parameter alone
    bool literal = false;                  ///< a number written out
    bool quoted = false;
    std::string word = {};
    std::size_t position = 0;
  };

  Term disjunction();
  Term conjunction();
  Term negation();
  Term comparison();
  Term membership(const Term& left);
  Term sum();
  Term product();
  Term sign();
  Term primary();
  Term parenthesised();

  Term compare(Operation operation, Term left, Term right);
  Term compare_word(Operation operation, const Term& category, const Term& word);
  void check_partners(Operation operation, const Term& left, const Term& right) const;
  void check_category_partner(Operation operation, const Term& category, const Term& other) const;
  [[noreturn]] void reject_unknown(const Term& name) const;
  [[noreturn]] void reject_word(const Term& word, const Term& partner) const;

  void settle(Term& term, const Term& partner);
  const Parameter* named(const Term& term) const;
  Term reference(const Term& name);
  Term as_number(Term term);
  const Term& as_truth(const Term& term) const;
  Term join(Operation operation, const Term& left, const Term& right, Term::Type type);
  std::size_t add(Expression::Node node);
  std::int32_t number_of(const std::string& word);
  std::size_t table_of(std::size_t parameter);

  const Token& peek() const { return tokens_[next_]; }
  bool at_word(std::string_view word, std::size_t ahead = 0) const;
  bool accept(Token::Type type, std::string_view text);
  void expect(std::string_view symbol);
  void enter();
  std::vector<std::string> readable_names() const;
  std::string place(std::size_t position) const { return at_character(position, text_); }

  std::string_view text_;
  const Scope& scope_;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  std::size_t depth_ = 0;
  std::map<std::string, std::int32_t> words_;  ///< their numbers
  std::map<std::size_t, std::size_t> tables_;  ///< by parameter
  Expression result_;
};

}  // namespace regatta::space

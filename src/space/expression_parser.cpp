#include "expression_parser.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::space {
namespace {

constexpr std::size_t deepest = 200;

constexpr std::array<std::pair<std::string_view, Operation>, 6> comparisons{
    {{"==", Operation::Equal},
     {"!=", Operation::Unequal},
     {"<", Operation::Less},
     {"<=", Operation::LessOrEqual},
     {">", Operation::Greater},
     {">=", Operation::GreaterOrEqual}}};

}  // namespace

ExpressionParser::ExpressionParser(std::string_view text, std::size_t offset, const Scope& scope)
    : text_(text), scope_(scope), tokens_(tokenize(text, offset)) {}

Expression ExpressionParser::parse() {
  const Term whole = disjunction();
  require(peek().type == Token::Type::End, "unexpected '", peek().text, "'", place(peek().position));
  as_truth(whole);
  std::ranges::sort(result_.reads_);
  const auto repeated = std::ranges::unique(result_.reads_);
  result_.reads_.erase(repeated.begin(), repeated.end());
  require(!result_.reads_.empty(), "the expression '", trim(text_.substr(tokens_.front().position - 1)),
          "' reads no parameter");
  // The root must be the last node, and is: every node is added after its operands.
  return std::move(result_);
}

ExpressionParser::Term ExpressionParser::disjunction() {
  Term left = conjunction();
  while (accept(Token::Type::Word, "or")) {
    as_truth(left);
    left = join(Operation::Or, left, as_truth(conjunction()), Term::Type::Truth);
  }
  return left;
}

ExpressionParser::Term ExpressionParser::conjunction() {
  Term left = negation();
  while (accept(Token::Type::Word, "and")) {
    as_truth(left);
    left = join(Operation::And, left, as_truth(negation()), Term::Type::Truth);
  }
  return left;
}

ExpressionParser::Term ExpressionParser::negation() {
  if (!accept(Token::Type::Word, "not")) return comparison();
  enter();
  const Term inner = negation();
  --depth_;
  as_truth(inner);
  return join(Operation::Not, inner, inner, Term::Type::Truth);
}

ExpressionParser::Term ExpressionParser::comparison() {
  const Term left = sum();
  if (accept(Token::Type::Word, "in")) return membership(left);
  if (at_word("not") && at_word("in", 1)) {
    next_ += 2;
    const Term inside = membership(left);
    return join(Operation::Not, inside, inside, Term::Type::Truth);
  }
  for (const auto& [symbol, operation] : comparisons) {
    if (!accept(Token::Type::Symbol, symbol)) continue;
    const Term result = compare(operation, left, sum());
    const bool chained = std::ranges::any_of(
        comparisons, [&](const auto& known) { return accept(Token::Type::Symbol, known.first); });
    require(!chained, "comparisons cannot be chained; write 'a < b and b < c'",
            place(tokens_[next_ - 1].position));
    return result;
  }
  return left;
}

ExpressionParser::Term ExpressionParser::membership(const Term& left) {
  expect("(");
  Term result = compare(Operation::Equal, left, sum());
  while (accept(Token::Type::Symbol, ","))
    result = join(Operation::Or, result, compare(Operation::Equal, left, sum()), Term::Type::Truth);
  expect(")");
  return result;
}

ExpressionParser::Term ExpressionParser::sum() {
  Term left = product();
  while (true) {
    const bool plus = accept(Token::Type::Symbol, "+");
    if (!plus && !accept(Token::Type::Symbol, "-")) return left;
    const Term right = as_number(product());
    left = join(plus ? Operation::Add : Operation::Subtract, as_number(left), right, Term::Type::Number);
  }
}

ExpressionParser::Term ExpressionParser::product() {
  Term left = sign();
  while (true) {
    const bool times = accept(Token::Type::Symbol, "*");
    if (!times && !accept(Token::Type::Symbol, "/")) return left;
    const Term right = as_number(sign());
    left = join(times ? Operation::Multiply : Operation::Divide, as_number(left), right, Term::Type::Number);
  }
}

ExpressionParser::Term ExpressionParser::sign() {
  const std::size_t position = peek().position;
  const bool minus = accept(Token::Type::Symbol, "-");
  if (!minus && !accept(Token::Type::Symbol, "+")) return primary();
  enter();
  Term inner = as_number(sign());
  --depth_;
  if (!minus) return inner;
  if (inner.literal) {
    result_.nodes_[inner.node].literal.number *= -1;
    return inner;
  }
  Term negated = join(Operation::Negate, inner, inner, Term::Type::Number);
  negated.position = position;
  return negated;
}

ExpressionParser::Term ExpressionParser::primary() {
  const Token token = peek();
  if (accept(Token::Type::Symbol, "(")) return parenthesised();
  require(token.type != Token::Type::End, "the expression ends too early", place(token.position));
  const bool keyword = token.type == Token::Type::Word && is_reserved(token.text);
  require(token.type != Token::Type::Symbol && !keyword, "expected a parameter, a number or a word, got '",
          token.text, "'", place(token.position));
  ++next_;
  if (token.type != Token::Type::Number)
    return {.type = Term::Type::Word,
            .quoted = token.type == Token::Type::Quoted,
            .word = token.text,
            .position = token.position};
  const std::size_t node =
      add({.operation = Operation::Literal, .literal = {token.number, Operand::no_word}});
  return {.type = Term::Type::Number, .node = node, .literal = true, .position = token.position};
}

ExpressionParser::Term ExpressionParser::parenthesised() {
  enter();
  const Term inner = disjunction();
  --depth_;
  expect(")");
  return inner;
}

bool ExpressionParser::at_word(std::string_view word, std::size_t ahead) const {
  if (next_ + ahead >= tokens_.size()) return false;
  const Token& token = tokens_[next_ + ahead];
  return token.type == Token::Type::Word && token.text == word;
}

bool ExpressionParser::accept(Token::Type type, std::string_view text) {
  if (peek().type != type || peek().text != text) return false;
  ++next_;
  return true;
}

void ExpressionParser::expect(std::string_view symbol) {
  const Token& token = peek();
  const std::string found = token.type == Token::Type::End ? "the end" : "'" + token.text + "'";
  require(accept(Token::Type::Symbol, symbol), "expected '", symbol, "', got ", found, place(token.position));
}

void ExpressionParser::enter() {
  require(++depth_ <= deepest, "an expression may be nested at most ", deepest, " deep");
}

Expression compile(std::string_view text, std::size_t offset, const Scope& scope) {
  return ExpressionParser(text, offset, scope).parse();
}

}  // namespace regatta::space

#include "expression.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace regatta::space {

bool Expression::is_true(std::span<const double> config) const {
  return truth(nodes_.size() - 1, config) == Truth::True;
}

bool Expression::permits(std::span<const double> config) const {
  for (const std::size_t parameter : reads_)
    if (std::isnan(config[parameter])) return true;
  return is_true(config);
}

Expression::Truth Expression::truth(std::size_t index, std::span<const double> config) const {
  const Node& node = nodes_[index];
  switch (node.operation) {
    case Operation::Or: {
      const Truth left = truth(node.left, config);
      return left == Truth::True ? left : std::max(left, truth(node.right, config));
    }
    case Operation::And: {
      const Truth left = truth(node.left, config);
      return left == Truth::False ? left : std::min(left, truth(node.right, config));
    }
    case Operation::Not: {
      const Truth inner = truth(node.left, config);
      return inner == Truth::Unknown ? inner : inner == Truth::True ? Truth::False : Truth::True;
    }
    default:
      return compare(node.operation, operand(node.left, config), operand(node.right, config));
  }
}

Operand Expression::operand(std::size_t index, std::span<const double> config) const {
  const Node& node = nodes_[index];
  if (node.operation == Operation::Literal) return node.literal;
  if (node.operation != Operation::Entry && node.operation != Operation::Category)
    return arithmetic(node, config);
  const double entry = config[node.parameter];
  if (std::isnan(entry)) return {0, Operand::inactive};
  if (node.operation == Operation::Entry) return {entry, Operand::no_word};
  return tables_[node.table][static_cast<std::size_t>(entry)];
}

/// A word has no place in arithmetic: NaN, with which no comparison but != is true.
Operand Expression::arithmetic(const Node& node, std::span<const double> config) const {
  const Operand left = operand(node.left, config);
  const Operand right = node.operation == Operation::Negate ? left : operand(node.right, config);
  if (left.word == Operand::inactive || right.word == Operand::inactive) return {0, Operand::inactive};
  if (left.word != Operand::no_word || right.word != Operand::no_word)
    return {std::numeric_limits<double>::quiet_NaN(), Operand::no_word};
  switch (node.operation) {
    case Operation::Add:
      return {left.number + right.number, Operand::no_word};
    case Operation::Subtract:
      return {left.number - right.number, Operand::no_word};
    case Operation::Multiply:
      return {left.number * right.number, Operand::no_word};
    case Operation::Divide:
      return {left.number / right.number, Operand::no_word};
    default:
      return {-left.number, Operand::no_word};
  }
}

Expression::Truth Expression::compare(Operation operation, const Operand& left, const Operand& right) {
  if (left.word == Operand::inactive || right.word == Operand::inactive) return Truth::Unknown;
  const auto known = [](bool holds) { return holds ? Truth::True : Truth::False; };
  const bool numbers = left.word == Operand::no_word && right.word == Operand::no_word;
  const bool equal = numbers ? left.number == right.number : left.word == right.word;
  switch (operation) {
    case Operation::Equal:
      return known(equal);
    case Operation::Unequal:
      return known(!equal);
    case Operation::Less:
      return known(numbers && left.number < right.number);
    case Operation::LessOrEqual:
      return known(numbers && left.number <= right.number);
    case Operation::Greater:
      return known(numbers && left.number > right.number);
    default:
      return known(numbers && left.number >= right.number);
  }
}

}  // namespace regatta::space

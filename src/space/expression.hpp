#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/space/config.hpp"
#include "regatta/space/parameter.hpp"

namespace regatta::space {

/// What one side of a comparison is worth: a number, a word (by its number in the expression) or nothing.
struct Operand {
  double number = 0;
  std::int32_t word = no_word;

  static constexpr std::int32_t no_word = -1;
  static constexpr std::int32_t inactive = -2;
};

/// What a node does. Or to Not take truths; Equal to GreaterOrEqual take operands and give a truth; Add to
/// Negate take and give operands; the rest are leaves.
enum class Operation : std::uint8_t {
  Or,
  And,
  Not,
  Equal,
  Unequal,
  Less,
  LessOrEqual,
  Greater,
  GreaterOrEqual,
  Add,
  Subtract,
  Multiply,
  Divide,
  Negate,
  Literal,   ///< node.literal
  Entry,     ///< the Config entry of node.parameter, a number
  Category,  ///< what the Config entry of node.parameter means by table node.table
};

/// A condition or constraint, compiled: an evaluation touches no text and no heap.
class Expression {
 public:
  /// Whether the expression is true. Comparisons with an inactive parameter are neither true nor false
  /// (Kleene's logic), so neither `x == 1` nor `not (x == 1)` is true for an inactive x.
  bool is_true(std::span<const double> config) const;

  /// Whether the configuration may stay: true, or it reads an inactive parameter.
  bool permits(std::span<const double> config) const;

  /// Places of the parameters it reads, ascending.
  const std::vector<std::size_t>& reads() const { return reads_; }

 private:
  friend class ExpressionParser;

  enum class Truth : std::uint8_t { False, Unknown, True };

  struct Node {
    Operation operation;
    std::size_t left = 0;  ///< node numbers
    std::size_t right = 0;
    Operand literal = {};
    std::size_t parameter = 0;
    std::size_t table = 0;
  };

  Truth truth(std::size_t node, std::span<const double> config) const;
  Operand operand(std::size_t node, std::span<const double> config) const;
  Operand arithmetic(const Node& node, std::span<const double> config) const;
  static Truth compare(Operation operation, const Operand& left, const Operand& right);

  std::vector<Node> nodes_;                   ///< the root is the last
  std::vector<std::vector<Operand>> tables_;  ///< values of categorical parameters by index
  std::vector<std::size_t> reads_;
};

/// The parameters that an expression may name.
struct Scope {
  std::span<const Parameter> parameters;  ///< all of the space, those of faulty definitions too
  std::span<const char> faulty;           ///< per parameter, not 0 where its definition could not be read
  std::size_t visible = 0;                ///< those before this place may be read
};

/// Thrown for a parameter that exists but may not be read: faulty, or defined too late.
struct UnreadableParameter {
  std::size_t parameter;
};

/// Compiles text[offset..].
/// @throws InvalidInput         one sentence: syntax with the position, unknown name, type mistake
/// @throws UnreadableParameter
Expression compile(std::string_view text, std::size_t offset, const Scope& scope);

/// "relu, tanh, gelu": the categories of a parameter, shortened when there are many.
std::string listed(const Parameter& parameter);

}  // namespace regatta::space

// The half of ExpressionParser that gives words their meaning and checks the types.
#include <algorithm>
#include <utility>

#include "expression_parser.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::space {
namespace {

std::vector<std::string> texts_of(const Parameter& parameter) {
  std::vector<std::string> texts;
  for (const Value& value : parameter.categories) texts.push_back(to_text(value));
  return texts;
}

bool is_word(const Value& value) { return std::holds_alternative<std::string>(value); }

double as_double(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return std::get<double>(value);
}

bool has_numbers(const Parameter& parameter) { return !std::ranges::all_of(parameter.categories, is_word); }

/// Place of the category that is this word, or none; numbers are not words.
std::optional<std::size_t> category_of(const Parameter& parameter, const std::string& word) {
  const auto found = std::ranges::find(parameter.categories, Value(word));
  if (found == parameter.categories.end()) return std::nullopt;
  return static_cast<std::size_t>(found - parameter.categories.begin());
}

bool is_ordering(Operation operation) { return operation >= Operation::Less; }

}  // namespace

std::string listed(const Parameter& parameter) {
  constexpr std::size_t most = 12;
  std::vector<std::string> texts = texts_of(parameter);
  const bool cut = texts.size() > most;
  if (cut) texts.resize(most);
  return regatta::join(texts, ", ") + (cut ? ", ..." : "");
}

ExpressionParser::Term ExpressionParser::compare(Operation operation, Term left, Term right) {
  settle(left, right);
  settle(right, left);
  check_partners(operation, left, right);
  if (right.type == Term::Type::Word) return compare_word(operation, left, right);
  if (left.type == Term::Type::Word) {
    Operation mirrored = operation;
    if (operation == Operation::Less) mirrored = Operation::Greater;
    if (operation == Operation::Greater) mirrored = Operation::Less;
    if (operation == Operation::LessOrEqual) mirrored = Operation::GreaterOrEqual;
    if (operation == Operation::GreaterOrEqual) mirrored = Operation::LessOrEqual;
    return compare_word(mirrored, right, left);
  }
  return join(operation, left, right, Term::Type::Truth);
}

/// The order of words is their order in the definition of an ordinal parameter.
ExpressionParser::Term ExpressionParser::compare_word(Operation operation, const Term& category,
                                                      const Term& word) {
  const Parameter& parameter = *category.parameter;
  const auto place = category_of(parameter, word.word);
  if (!place)
    throw InvalidInput(concat("'", word.word, "' is no value of '", parameter.name, "' (", listed(parameter),
                              ")", suggestion(word.word, texts_of(parameter))));
  Term literal{.type = Term::Type::Category};
  literal.node = add({.operation = Operation::Literal, .literal = {0, number_of(word.word)}});
  if (!is_ordering(operation)) return join(operation, category, literal, Term::Type::Truth);

  require(parameter.kind == Kind::Ordinal, "the values of '", parameter.name,
          "' have no order, because it is a ", name_of(parameter.kind),
          "; use == or in, or make it an ordinal");
  result_.nodes_[literal.node].literal = {static_cast<double>(*place), Operand::no_word};
  Term entry{.type = Term::Type::Number};
  entry.node = add({.operation = Operation::Entry, .parameter = result_.nodes_[category.node].parameter});
  return join(operation, entry, literal, Term::Type::Truth);
}

void ExpressionParser::check_partners(Operation operation, const Term& left, const Term& right) const {
  for (const Term* term : {&left, &right}) {
    const Term& partner = term == &left ? right : left;
    require(term->type != Term::Type::Truth, "a comparison cannot be compared again",
            place(partner.position));
    if (term->type == Term::Type::Word && partner.type != Term::Type::Category) reject_word(*term, partner);
    if (term->type == Term::Type::Category) check_category_partner(operation, *term, partner);
  }
}

void ExpressionParser::check_category_partner(Operation operation, const Term& category,
                                              const Term& other) const {
  if (other.type == Term::Type::Word) return;
  const Parameter& parameter = *category.parameter;
  const bool needs_number = other.type == Term::Type::Number || is_ordering(operation);
  if (needs_number && !has_numbers(parameter))
    throw InvalidInput(concat("'", parameter.name, "' holds words (", listed(parameter),
                              ") and cannot be compared with a number"));
  if (!other.literal || is_ordering(operation)) return;
  const double number = result_.nodes_[other.node].literal.number;
  const bool known = std::ranges::any_of(parameter.categories, [&](const Value& value) {
    return !is_word(value) && as_double(value) == number;
  });
  if (!known)
    throw InvalidInput(
        concat(format_number(number), " is no value of '", parameter.name, "' (", listed(parameter), ")"));
}

void ExpressionParser::reject_word(const Term& word, const Term& partner) const {
  if (partner.type == Term::Type::Number && partner.parameter)
    throw InvalidInput(concat("'", partner.parameter->name,
                              "' is a number and cannot be compared with the word '", word.word, "'",
                              word.quoted ? "" : suggestion(word.word, readable_names())));
  if (word.quoted)
    throw InvalidInput(concat("the word '", word.word, "' must be compared with a parameter that holds words",
                              place(word.position)));
  reject_unknown(word);
}

void ExpressionParser::reject_unknown(const Term& name) const {
  throw InvalidInput(concat("unknown parameter '", name.word, "'", suggestion(name.word, readable_names())));
}

/// A bare word is a category where its partner has that category, else a parameter of that name, else a word.
void ExpressionParser::settle(Term& term, const Term& partner) {
  if (term.type != Term::Type::Word || term.quoted) return;
  const Parameter* other = partner.type == Term::Type::Word ? named(partner) : partner.parameter;
  if (other && other->categorical() && category_of(*other, term.word)) return;
  if (named(term)) term = reference(term);
}

const Parameter* ExpressionParser::named(const Term& term) const {
  if (term.quoted) return nullptr;
  const auto found = std::ranges::find(scope_.parameters, term.word, &Parameter::name);
  return found == scope_.parameters.end() ? nullptr : &*found;
}

ExpressionParser::Term ExpressionParser::reference(const Term& name) {
  const Parameter* parameter = named(name);
  if (!parameter) reject_unknown(name);
  const auto index = static_cast<std::size_t>(parameter - scope_.parameters.data());
  if (index >= scope_.visible || scope_.faulty[index]) throw UnreadableParameter{index};
  result_.reads_.push_back(index);
  Term term{.type = parameter->categorical() ? Term::Type::Category : Term::Type::Number};
  term.parameter = parameter;
  term.position = name.position;
  if (parameter->categorical())
    term.node = add({.operation = Operation::Category, .parameter = index, .table = table_of(index)});
  else
    term.node = add({.operation = Operation::Entry, .parameter = index});
  return term;
}

ExpressionParser::Term ExpressionParser::as_number(Term term) {
  if (term.type == Term::Type::Word) {
    require(!term.quoted, "the word '", term.word, "' is not a number", place(term.position));
    term = reference(term);
  }
  require(term.type != Term::Type::Truth, "arithmetic needs numbers, not a comparison", place(term.position));
  require(term.type == Term::Type::Number || has_numbers(*term.parameter), "'",
          term.parameter ? term.parameter->name : "", "' holds words and cannot be used in arithmetic");
  return term;
}

const ExpressionParser::Term& ExpressionParser::as_truth(const Term& term) const {
  if (term.type == Term::Type::Word && !term.quoted && !named(term)) reject_unknown(term);
  require(term.type == Term::Type::Truth, "expected a comparison such as 'x == 1', got a value alone",
          place(term.position));
  return term;
}

ExpressionParser::Term ExpressionParser::join(Operation operation, const Term& left, const Term& right,
                                              Term::Type type) {
  Term term{.type = type};
  term.node = add({.operation = operation, .left = left.node, .right = right.node});
  term.position = left.position;
  return term;
}

std::size_t ExpressionParser::add(Expression::Node node) {
  result_.nodes_.push_back(std::move(node));
  return result_.nodes_.size() - 1;
}

std::int32_t ExpressionParser::number_of(const std::string& word) {
  return words_.try_emplace(word, static_cast<std::int32_t>(words_.size())).first->second;
}

std::size_t ExpressionParser::table_of(std::size_t parameter) {
  const auto [known, added] = tables_.try_emplace(parameter, tables_.size());
  if (!added) return known->second;
  std::vector<Operand> table;
  for (const Value& value : scope_.parameters[parameter].categories)
    table.push_back(is_word(value) ? Operand{0, number_of(std::get<std::string>(value))}
                                   : Operand{as_double(value), Operand::no_word});
  result_.tables_.push_back(std::move(table));
  return known->second;
}

std::vector<std::string> ExpressionParser::readable_names() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < scope_.visible; ++i) names.push_back(scope_.parameters[i].name);
  return names;
}

}  // namespace regatta::space

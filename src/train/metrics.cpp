#include "regatta/train/metrics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "regatta/core/error.hpp"
#include "regatta/train/dataset.hpp"

namespace regatta::train {
namespace {

using device::LossKind;

enum class Kind { Any, Classification, Regression };

struct Entry {
  Measure measure;
  std::string_view name;
  Kind kind;
  bool maximize;
};

/// The one list of measures; within a kind the most usual first.
constexpr std::array<Entry, 14> entries = {{
    {Measure::Accuracy, "accuracy", Kind::Classification, true},
    {Measure::BalancedAccuracy, "balanced_accuracy", Kind::Classification, true},
    {Measure::PrecisionMacro, "precision_macro", Kind::Classification, true},
    {Measure::PrecisionWeighted, "precision_weighted", Kind::Classification, true},
    {Measure::RecallMacro, "recall_macro", Kind::Classification, true},
    {Measure::RecallWeighted, "recall_weighted", Kind::Classification, true},
    {Measure::F1Macro, "f1_macro", Kind::Classification, true},
    {Measure::F1Weighted, "f1_weighted", Kind::Classification, true},
    {Measure::Rmse, "rmse", Kind::Regression, false},
    {Measure::Mse, "mse", Kind::Regression, false},
    {Measure::R2, "r2", Kind::Regression, true},
    {Measure::Mae, "mae", Kind::Regression, false},
    {Measure::Mape, "mape", Kind::Regression, false},
    {Measure::Loss, "loss", Kind::Any, false},
}};

constexpr std::array<std::pair<Where, std::string_view>, 3> prefixes = {
    {{Where::Train, "train_"}, {Where::Valid, "val_"}, {Where::Test, "test_"}}};

const Entry& entry_of(Measure measure) { return *std::ranges::find(entries, measure, &Entry::measure); }

/// The class that a row of logits answers; of two outputs alike the first.
std::size_t answer(std::span<const float> row) {
  if (row.size() == 1) return row[0] > 0 ? 1 : 0;
  return static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
}

/// Counts by class: rows of the truth, answers, and answers that are right, where there is a label.
struct Counts {
  std::vector<double> truth, answered, right;
  double rows = 0;

  explicit Counts(const Answers& a)
      : truth(a.classes), answered(a.classes), right(a.classes) {
    for (std::size_t i = 0; i < a.labels.size(); ++i) {
      if (a.labels[i] == no_label) continue;
      const auto label = static_cast<std::size_t>(a.labels[i]);
      ++rows;
      const std::size_t given = answer(a.outputs.subspan(i * a.columns, a.columns));
      ++truth[label];
      ++answered[given];
      right[label] += given == label;
    }
  }
};

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

double by_class(Measure measure, const Counts& counts, std::size_t c) {
  switch (measure) {
    case Measure::PrecisionMacro:
    case Measure::PrecisionWeighted:
      return ratio(counts.right[c], counts.answered[c]);
    case Measure::F1Macro:
    case Measure::F1Weighted:
      return ratio(2 * counts.right[c], counts.truth[c] + counts.answered[c]);
    default:
      return ratio(counts.right[c], counts.truth[c]);
  }
}

bool is_weighted(Measure measure) {
  return measure == Measure::PrecisionWeighted || measure == Measure::RecallWeighted ||
         measure == Measure::F1Weighted;
}

double classification_score(Measure measure, const Counts& counts) {
  if (measure == Measure::Accuracy)
    return std::accumulate(counts.right.begin(), counts.right.end(), 0.0) / counts.rows;
  double sum = 0, weights = 0;
  for (std::size_t c = 0; c < counts.truth.size(); ++c) {
    const bool counts_here =
        counts.truth[c] > 0 || (measure != Measure::BalancedAccuracy && counts.answered[c] > 0);
    const double weight = is_weighted(measure) ? counts.truth[c] : counts_here ? 1.0 : 0.0;
    sum += weight * by_class(measure, counts, c);
    weights += weight;
  }
  return sum / weights;
}

/// One output of a regression.
double regression_score(Measure measure, const Answers& a, std::size_t column) {
  const std::size_t rows = a.values.size() / a.columns;
  const auto n = static_cast<double>(rows);
  double mean = 0;
  for (std::size_t i = column; i < a.values.size(); i += a.columns)
    mean += static_cast<double>(a.values[i]) / n;
  double squares = 0, absolute = 0, share = 0, deviation = 0;
  for (std::size_t i = column; i < a.values.size(); i += a.columns) {
    const double target = static_cast<double>(a.values[i]),
                 error = static_cast<double>(a.outputs[i]) - target;
    squares += error * error;
    absolute += std::fabs(error);
    share += std::fabs(error) / std::max(std::fabs(target), 1e-8);
    deviation += (target - mean) * (target - mean);
  }
  switch (measure) {
    case Measure::Mse:
      return squares / n;
    case Measure::Rmse:
      return std::sqrt(squares / n);
    case Measure::Mae:
      return absolute / n;
    case Measure::Mape:
      return share / n;
    default:
      return deviation > 0 ? 1 - squares / deviation : squares > 0 ? 0 : 1;
  }
}

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

double cross_entropy(std::span<const float> row, std::size_t label) {
  const auto top = static_cast<double>(std::ranges::max(row));
  double sum = 0;
  for (const float logit : row) sum += std::exp(static_cast<double>(logit) - top);
  return top + std::log(sum) - static_cast<double>(row[label]);
}

double classification_loss(const Answers& a) {
  double sum = 0, rows = 0;
  for (std::size_t i = 0; i < a.labels.size(); ++i) {
    if (a.labels[i] == no_label) continue;
    ++rows;
    const auto row = a.outputs.subspan(i * a.columns, a.columns);
    const auto label = static_cast<std::size_t>(a.labels[i]);
    sum += a.columns == 1 ? softplus(label == 1 ? -static_cast<double>(row[0]) : static_cast<double>(row[0]))
                          : cross_entropy(row, label);
  }
  return sum / rows;
}

Measure measure_of(LossKind loss) {
  if (loss == LossKind::Absolute) return Measure::Mae;
  return loss == LossKind::AbsolutePercentage ? Measure::Mape : Measure::Mse;
}

}  // namespace

std::optional<Metric> parse_metric(std::string_view name) {
  for (const auto& [where, prefix] : prefixes) {
    if (!name.starts_with(prefix)) continue;
    const auto entry = std::ranges::find(entries, name.substr(prefix.size()), &Entry::name);
    if (entry != entries.end()) return Metric{where, entry->measure};
  }
  return std::nullopt;
}

std::string name_of(const Metric& metric) {
  const auto prefix = std::ranges::find(prefixes, metric.where, &std::pair<Where, std::string_view>::first);
  return std::string(prefix->second) + std::string(entry_of(metric.measure).name);
}

std::vector<std::string> metric_names(Where where, bool classification) {
  std::vector<std::string> names;
  for (const Entry& entry : entries)
    if (is_for(entry.measure, classification)) names.push_back(name_of(Metric{where, entry.measure}));
  return names;
}

bool maximized(Measure measure) { return entry_of(measure).maximize; }

bool is_for(Measure measure, bool classification) {
  const Kind kind = entry_of(measure).kind;
  return kind == Kind::Any || (kind == Kind::Classification) == classification;
}

double score(Measure measure, const Answers& answers) {
  constexpr double not_known = std::numeric_limits<double>::quiet_NaN();
  const bool finite = std::ranges::all_of(answers.outputs, [](float y) { return std::isfinite(y); });
  if (!finite || answers.outputs.empty()) return not_known;
  const bool classification = !answers.labels.empty();
  require(is_for(measure, classification), entry_of(measure).name, " is no measure of a ",
          classification ? "classification" : "regression");
  if (classification && measure == Measure::Loss) return classification_loss(answers);
  if (classification) return classification_score(measure, Counts(answers));
  const Measure plain = measure == Measure::Loss ? measure_of(answers.loss) : measure;
  double sum = 0;
  for (std::size_t column = 0; column < answers.columns; ++column)
    sum += regression_score(plain, answers, column);
  return sum / static_cast<double>(answers.columns);
}

}  // namespace regatta::train

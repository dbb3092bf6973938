#include "regatta/train/generate.hpp"

#include <cmath>

#include "import_samples.hpp"
#include "import_texts.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "regatta/core/text.hpp"

namespace regatta::train {
namespace {

std::vector<double> unit_weights(std::size_t features, Random& random) {
  std::vector<double> weights(features);
  double squares = 0.0;
  for (double& weight : weights) {
    weight = random.uniform();
    squares += weight * weight;
  }
  for (double& weight : weights) weight /= std::sqrt(squares);
  return weights;
}

/// One more sequence of generate_recall().
void add_sequence(const RecallOptions& options, Random& random, Table& table) {
  const std::size_t least = (options.steps + 1) / 2, length = least + random.below(options.steps - least + 1);
  std::int32_t last = no_label;
  for (std::size_t step = 0; step < options.steps; ++step) {
    const bool symbol = random.uniform() < 0.2;
    const std::size_t token =
        symbol ? random.below(options.symbols) : options.symbols + random.below(options.noise);
    if (symbol) last = static_cast<std::int32_t>(token);
    table.x.push_back(step < length ? static_cast<float>(token) : 0.0f);
    table.labels.push_back(step < length ? last : no_label);
  }
  table.lengths.push_back(static_cast<std::int32_t>(length));
}

}  // namespace

TableSet generate_regression(const RegressionOptions& options) {
  require(options.samples >= 10, "a regression needs at least 10 samples, got ", options.samples);
  require(options.features >= 1, "a regression needs at least 1 feature, got ", options.features);
  require(options.noise >= 0.0, "the noise must be at least 0, got ", options.noise);
  Random random(options.seed, 0);
  const std::vector<double> weights = unit_weights(options.features, random);
  RawSamples samples;
  samples.rows = options.samples;
  for (std::size_t i = 0; i < options.samples; ++i) {
    double y = 0.0;
    for (const double weight : weights) {
      samples.x.push_back(random.normal());
      y += weight * samples.x.back();
    }
    samples.values.push_back(y + options.noise * random.normal());
  }
  TableSet data;
  data.shape = {options.features};
  data.outputs = 1;
  SplitOptions split;
  split.seed = options.seed;
  split.scale = Scale::None;
  split.origin = concat("generated: y = X w + ", format_number(options.noise), " e, seed ", options.seed);
  split.licence = "CC0-1.0";
  split_and_scale(samples, {}, split, false, data);
  return data;
}

std::vector<Option> regression_options() {
  return {
      {"samples", OptionType::Integer, "1000", "rows in all, split 70/15/15", {}, 10, 1e8},
      {"features", OptionType::Integer, "10", "columns, all of them informative", {}, 1, 1e6},
      {"noise",
       OptionType::Number,
       "0.1",
       "standard deviation of the noise, that of the signal being 1",
       {},
       0},
      {"seed", OptionType::Integer, "1", "another seed gives other samples of another problem", {}, 0},
  };
}

TableSet generate_regression(const std::map<std::string, std::string>& options) {
  const OptionTexts texts(regression_options(), options);
  return generate_regression(RegressionOptions{
      static_cast<std::size_t>(texts.number("samples")), static_cast<std::size_t>(texts.number("features")),
      texts.number("noise"), static_cast<std::uint64_t>(texts.number("seed"))});
}

TableSet generate_recall(const RecallOptions& options) {
  require(options.samples >= 10, "recalling needs at least 10 samples, got ", options.samples);
  require(options.steps >= 2 && options.symbols >= 2 && options.noise >= 1,
          "recalling needs at least 2 steps, 2 symbols and 1 token of noise, got ", options.steps, ", ",
          options.symbols, " and ", options.noise);
  TableSet data;
  data.shape = {options.steps};
  data.classes = options.symbols;
  data.tokens = options.symbols + options.noise;
  data.labels_per_sample = options.steps;
  data.origin = concat("generated: the last symbol so far, seed ", options.seed);
  data.licence = "CC0-1.0";
  Random random(options.seed, 0);
  for (std::size_t i = 0; i < options.samples; ++i) {
    const double place = static_cast<double>(i) / static_cast<double>(options.samples);
    add_sequence(options, random, place < 0.7 ? data.train : place < 0.85 ? data.valid : data.test);
  }
  check_dataset(data);
  return data;
}

std::vector<Option> recall_options() {
  return {
      {"samples", OptionType::Integer, "2000", "sequences in all parts together", {}, 10},
      {"steps", OptionType::Integer, "20", "of the longest sequences", {}, 2},
      {"symbols", OptionType::Integer, "4", "tokens to be recalled: the classes", {}, 2},
      {"noise", OptionType::Integer, "8", "further tokens, which say nothing", {}, 1},
      {"seed", OptionType::Integer, "1", "another seed gives other sequences", {}, 0},
  };
}

TableSet generate_recall(const std::map<std::string, std::string>& options) {
  const OptionTexts texts(recall_options(), options);
  const auto count = [&](const char* name) { return static_cast<std::size_t>(texts.number(name)); };
  return generate_recall(RecallOptions{count("samples"), count("steps"), count("symbols"), count("noise"),
                                       static_cast<std::uint64_t>(texts.number("seed"))});
}

}  // namespace regatta::train

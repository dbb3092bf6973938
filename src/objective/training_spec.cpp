#include "training_spec.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace regatta::objective {
namespace {

using device::Activation;
using device::CellKind;
using device::LossKind;
using device::OptimizerKind;
using device::Readout;
using train::Init;
using train::ScheduleKind;

template <class T, std::size_t n>
using Names = std::array<std::pair<std::string_view, T>, n>;

constexpr Names<Activation, 4> activations = {{{"relu", Activation::Relu},
                                               {"tanh", Activation::Tanh},
                                               {"gelu", Activation::Gelu},
                                               {"sigmoid", Activation::Sigmoid}}};
constexpr Names<Init, 4> inits = {
    {{"auto", Init::Auto}, {"he", Init::He}, {"xavier", Init::Xavier}, {"lecun", Init::Lecun}}};
constexpr Names<OptimizerKind, 3> optimizers = {
    {{"sgd", OptimizerKind::Sgd}, {"adam", OptimizerKind::Adam}, {"adamw", OptimizerKind::AdamW}}};
constexpr Names<CellKind, 3> cells = {{{"lstm", CellKind::Lstm}, {"gru", CellKind::Gru}, {"rnn", CellKind::Rnn}}};
constexpr Names<Readout, 2> readouts = {{{"last", Readout::Last}, {"mean", Readout::Mean}}};
constexpr Names<ScheduleKind, 3> schedules = {
    {{"constant", ScheduleKind::Constant}, {"step", ScheduleKind::Step}, {"cosine", ScheduleKind::Cosine}}};
constexpr Names<LossKind, 5> losses = {{{"cross_entropy", LossKind::CrossEntropy},
                                        {"binary_cross_entropy", LossKind::BinaryCrossEntropy},
                                        {"squared", LossKind::Squared},
                                        {"absolute", LossKind::Absolute},
                                        {"absolute_percentage", LossKind::AbsolutePercentage}}};

template <class T, std::size_t n>
T named(const Names<T, n>& names, const std::string& text) {
  for (const auto& [name, value] : names)
    if (name == text) return value;
  throw TrialFailure(FailureKind::Invalid, concat("'", text, "' is not implemented"));
}

LossKind loss_of(const std::string& text, const DataShape& shape) {
  if (text == "auto") return shape.classes > 0 ? LossKind::CrossEntropy : LossKind::Squared;
  return named(losses, text);
}

void add_recurrent_layers(const Values& values, const DataShape& shape, train::NetworkSpec& network) {
  train::RecurrentSpec layer;
  layer.kind = named(cells, values.text("model"));
  layer.units = values.count("hidden");
  layer.bidirectional = values.flag("bidirectional");
  layer.readout = Readout::All;
  layer.dropout = static_cast<float>(values.number("dropout"));
  for (std::size_t l = values.count("recurrent_layers"); l > 0; --l) {
    const bool ends = l == 1 && shape.labels_per_sample == 1;
    if (ends) layer.readout = named(readouts, values.text("readout"));
    network.layers.push_back(layer);
  }
}

/// Hidden layers and linear outputs, for each step where each has a label.
void add_dense_layers(const Values& values, const DataShape& shape, LossKind loss, train::NetworkSpec& network) {
  train::MlpSpec dense;
  dense.hidden.assign(values.count("layers"), values.count("units"));
  dense.outputs = loss == LossKind::BinaryCrossEntropy ? 1
                  : shape.classes > 0                  ? shape.classes
                                                       : shape.outputs;
  dense.activation = named(activations, values.text("activation"));
  dense.dropout = static_cast<float>(values.number("dropout"));
  dense.init = named(inits, values.text("init"));
  for (train::LayerSpec& layer : train::mlp(dense).layers) {
    std::get<train::DenseSpec>(layer).per_step = shape.labels_per_sample > 1;
    network.layers.push_back(layer);
  }
}

train::NetworkSpec network_spec(const Values& values, const DataShape& shape, LossKind loss) {
  train::NetworkSpec network{shape.shape, {}};
  if (shape.tokens > 0) network.layers.push_back(train::EmbeddingSpec{shape.tokens, values.count("embedding")});
  if (values.text("model") != "mlp") add_recurrent_layers(values, shape, network);
  add_dense_layers(values, shape, loss, network);
  return network;
}

train::OptimizerSpec optimizer_spec(const Values& values) {
  return {named(optimizers, values.text("optimizer")),
          values.number("momentum"),
          values.flag("nesterov"),
          values.number("beta1"),
          values.number("beta2"),
          values.number("epsilon"),
          values.number("weight_decay"),
          values.number("l1")};
}

train::LearningRate learning_rate(const Values& values) {
  return {named(schedules, values.text("schedule")),
          values.number("learning_rate"),
          static_cast<std::int32_t>(values.number("epochs")),
          static_cast<std::int32_t>(values.number("step_epochs")),
          values.number("step_factor"),
          values.number("warmup_epochs"),
          values.number("min_learning_rate")};
}

}  // namespace

std::string loss_problem(const std::string& loss, const DataShape& shape) {
  const LossKind kind = loss_of(loss, shape);
  if (kind == LossKind::BinaryCrossEntropy && shape.classes != 2)
    return concat("loss = ", loss, " needs data with 2 classes, got ", shape.classes);
  if (kind == LossKind::CrossEntropy && shape.classes < 2)
    return concat("loss = ", loss, " needs data with classes, got a regression");
  const bool for_numbers = kind != LossKind::BinaryCrossEntropy && kind != LossKind::CrossEntropy;
  if (for_numbers && shape.classes > 0)
    return concat("loss = ", loss, " needs a regression, got data with ", shape.classes, " classes");
  return "";
}

std::string model_problem(const std::string& model, const DataShape& shape) {
  const bool sequences = shape.tokens > 0 || shape.shape.size() == 2;
  if (model == "mlp" || sequences) return "";
  std::string lengths;
  for (const std::size_t length : shape.shape) lengths += concat(lengths.empty() ? "" : " x ", length);
  return concat("model = ", model, " needs sequences, samples of steps x channels or of tokens, got samples of ",
                lengths);
}

train::TrainingSpec training_spec(const Values& values, const DataShape& shape, std::uint64_t seed) {
  if (const std::string problem = model_problem(values.text("model"), shape); !problem.empty())
    throw TrialFailure(FailureKind::Invalid, problem);
  if (const std::string problem = loss_problem(values.text("loss"), shape); !problem.empty())
    throw TrialFailure(FailureKind::Invalid, problem);
  train::TrainingSpec spec;
  spec.loss = loss_of(values.text("loss"), shape);
  spec.network = network_spec(values, shape, spec.loss);
  spec.balanced = values.text("class_weight") == "balanced";
  spec.optimizer = optimizer_spec(values);
  spec.learning_rate = learning_rate(values);
  spec.batch = values.count("batch_size");
  spec.share_updates = values.text("team_updates") == "auto";
  spec.divergence_factor = values.number("divergence_factor");
  spec.seed = seed;
  return spec;
}

}  // namespace regatta::objective

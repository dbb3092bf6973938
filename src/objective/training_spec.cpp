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
using device::PoolKind;
using device::Precision;
using device::Readout;
using train::Init;
using train::ScheduleKind;
using train::SumPath;
using train::TeamRate;

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
constexpr Names<CellKind, 3> cells = {
    {{"lstm", CellKind::Lstm}, {"gru", CellKind::Gru}, {"rnn", CellKind::Rnn}}};
constexpr Names<Readout, 2> readouts = {{{"last", Readout::Last}, {"mean", Readout::Mean}}};
constexpr Names<ScheduleKind, 3> schedules = {
    {{"constant", ScheduleKind::Constant}, {"step", ScheduleKind::Step}, {"cosine", ScheduleKind::Cosine}}};
constexpr Names<TeamRate, 3> team_rates = {
    {{"same", TeamRate::Same}, {"root", TeamRate::Root}, {"linear", TeamRate::Linear}}};
constexpr Names<Precision, 3> precisions = {{{"fp32", Precision::Fp32}, {"tf32", Precision::Tf32}, {"bf16", Precision::Bf16}}};
constexpr Names<SumPath, 4> sum_paths = {
    {{"auto", SumPath::Auto}, {"nccl", SumPath::Nccl}, {"mpi", SumPath::Mpi}, {"staged", SumPath::Staged}}};
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

constexpr Names<PoolKind, 2> poolings = {{{"max", PoolKind::Max}, {"average", PoolKind::Average}}};

std::size_t output_count(const DataShape& shape, LossKind loss) {
  if (loss == LossKind::BinaryCrossEntropy) return 1;
  return shape.classes > 0 ? shape.classes : shape.outputs;
}

/// Hidden layers and linear outputs; all of the model `mlp`, the last ones of others.
train::MlpSpec dense_layers(const Values& values, const DataShape& shape, LossKind loss) {
  train::MlpSpec layers;
  layers.inputs = train::size_of(shape.shape);
  layers.hidden.assign(values.count("layers"), values.count("units"));
  layers.outputs = output_count(shape, loss);
  layers.activation = named(activations, values.text("activation"));
  layers.dropout = static_cast<float>(values.number("dropout"));
  layers.init = named(inits, values.text("init"));
  return layers;
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

/// For each step where each has a label.
void add_dense_layers(const Values& values, const DataShape& shape, LossKind loss, train::NetworkSpec& network) {
  for (train::LayerSpec& layer : train::mlp(dense_layers(values, shape, loss)).layers) {
    std::get<train::DenseSpec>(layer).per_step = shape.labels_per_sample > 1;
    network.layers.push_back(layer);
  }
}

/// {height, width, channels}
train::Shape image_shape(train::Shape sample) {
  if (sample.size() == 2) sample.push_back(1);
  return sample;
}

train::NetworkSpec image_network(const Values& values, const DataShape& shape, LossKind loss) {
  train::CnnSpec network;
  network.input = image_shape(shape.shape);
  network.blocks = values.count("blocks");
  network.convolutions = values.count("convolutions");
  network.channels = values.count("channels");
  network.channel_factor = values.number("channel_factor");
  network.kernel = values.count("kernel_size");
  network.stride = values.count("stride");
  if (values.text("pooling") != "none") network.pooling = named(poolings, values.text("pooling"));
  network.pool_size = values.count("pool_size");
  network.batch_norm = values.flag("batch_norm");
  network.residual = values.flag("residual");
  network.global_pooling = values.flag("global_pooling");
  network.head = dense_layers(values, shape, loss);
  try {
    return train::cnn(network);
  } catch (const InvalidInput& error) {
    throw TrialFailure(FailureKind::Invalid, error.what());
  }
}

train::NetworkSpec network_spec(const Values& values, const DataShape& shape, LossKind loss) {
  const std::string& model = values.text("model");
  if (const std::string problem = model_problem(model, shape); !problem.empty())
    throw TrialFailure(FailureKind::Invalid, problem);
  if (model == "cnn") return image_network(values, shape, loss);
  train::NetworkSpec network{shape.shape, {}};
  if (shape.tokens > 0) network.layers.push_back(train::EmbeddingSpec{shape.tokens, values.count("embedding")});
  if (model != "mlp") add_recurrent_layers(values, shape, network);
  add_dense_layers(values, shape, loss, network);
  return network;
}

void take_image_changes(const Values& values, const DataShape& shape, train::TrainingSpec& spec) {
  spec.random_crop = values.count("random_crop");
  spec.random_flip = values.flag("random_flip");
  if (spec.random_crop == 0 && !spec.random_flip) return;
  const std::string option = spec.random_crop > 0 ? "random_crop" : "random_flip";
  const std::string problem = change_problem(option, values.text("model"), shape);
  if (!problem.empty()) throw TrialFailure(FailureKind::Invalid, problem);
  spec.network.input = image_shape(shape.shape);
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

std::string lengths_text(const train::Shape& shape) {
  std::string text;
  for (const std::size_t length : shape) text += concat(text.empty() ? "" : " x ", length);
  return text;
}

std::string model_problem(const std::string& model, const DataShape& shape) {
  if (model == "mlp") return "";
  if (model == "cnn") return image_problem("model = cnn", shape);
  if (shape.tokens > 0 || shape.shape.size() == 2) return "";
  return concat("model = ", model, " needs sequences, samples of steps x channels or of tokens, got samples of ",
                lengths_text(shape.shape));
}

std::string image_problem(const std::string& what, const DataShape& shape) {
  if (shape.labels_per_sample > 1)
    return concat(what, " needs images with one label each, got samples with a label for each of ", shape.labels_per_sample, " steps");
  if (shape.shape.size() == 2 || shape.shape.size() == 3) return "";
  return concat(what, " needs images: samples of height x width or height x width x channels numbers, got ",
                lengths_text(shape.shape));
}

std::string change_problem(const std::string& option, const std::string& model, const DataShape& shape) {
  if (model == "mlp" || model == "cnn") return image_problem(option, shape);
  return concat(option, " changes images, but model = ", model, " reads sequences");
}

std::string weights_problem(const train::TrainingSpec& spec, const std::vector<train::ParameterCounts>& saved) {
  const std::vector<train::ParameterCounts> layers = train::layer_counts(spec.network);
  if (spec.frozen >= layers.size())
    return concat("freeze = ", spec.frozen, " leaves nothing to train of a network of ", layers.size(), " layers with parameters");
  if (saved.empty()) return "";
  const std::size_t wanted = spec.initial_layers > 0 ? spec.initial_layers : layers.size();
  if (saved.size() < wanted || layers.size() < wanted || (spec.initial_layers == 0 && saved.size() != wanted))
    return concat("initial_weights are of ", saved.size(), " layers with parameters, the network has ", layers.size(),
                  ", and initial_layers = ", spec.initial_layers);
  const auto text = [](const train::ParameterCounts& counts) {
    return concat(counts.weights, " weights, ", counts.biases, " biases and ", counts.statistics, " statistics");
  };
  for (std::size_t l = 0; l < wanted; ++l)
    if (text(saved[l]) != text(layers[l]))
      return concat("layer ", l + 1, " of initial_weights has ", text(saved[l]), ", that of the network ", text(layers[l]),
                    l > 0 ? concat("; initial_layers = ", l, " takes those before it") : "");
  return "";
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
  spec.label_smoothing = values.number("label_smoothing");
  spec.gradient_clip = values.number("gradient_clip");
  take_image_changes(values, shape, spec);
  spec.optimizer = optimizer_spec(values);
  spec.learning_rate = learning_rate(values);
  spec.team_rate = named(team_rates, values.text("team_learning_rate"));
  spec.batch = values.count("batch_size");
  spec.precision = named(precisions, values.text("precision"));
  spec.micro_batches = values.count("micro_batches");
  spec.recompute = values.flag("recompute");
  spec.initial_layers = values.count("initial_layers");
  spec.frozen = values.count("freeze");
  spec.sum_path = named(sum_paths, values.text("team_sums"));
  spec.share_updates = values.text("team_updates") == "auto";
  spec.divergence_factor = values.number("divergence_factor");
  spec.seed = seed;
  return spec;
}

}  // namespace regatta::objective

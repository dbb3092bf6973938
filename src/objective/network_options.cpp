#include <limits>

#include "regatta/objective/network_objective.hpp"

namespace regatta::objective {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double below_one = 0.999999;

Option word(const char* name, const char* fallback, const char* help, std::vector<std::string> words) {
  return {name, OptionType::Word, fallback, help, std::move(words)};
}

Option whole(const char* name, const char* fallback, const char* help, double low, double high) {
  return {name, OptionType::Integer, fallback, help, {}, low, high};
}

Option number(const char* name, const char* fallback, const char* help, double low, double high) {
  return {name, OptionType::Number, fallback, help, {}, low, high};
}

std::vector<Option> study_table() {
  return {
      {"data", OptionType::Path, "", "data set (HDF5), relative to the input file"},
      {"data_memory", OptionType::Bytes, "auto",
       "samples that need more memory than this stay in the data set's file, and each training reads ahead what it takes next, "
       "into at most as much and 512 MiB; auto: half of the computer's memory",
       {"auto"}, 0},
      word("task", "auto", "what the data must be made for; auto: whatever it is",
           {"auto", "classification", "regression"}),
      {"metrics", OptionType::Text, "auto",
       "further metrics that each report carries, separated by commas; auto: the loss where the study's "
       "metric is measured"},
      word("report", "last", "the trial's value is that of its last epoch, or the best of its epochs so far",
           {"last", "best"}),
      whole("folds", "0",
            "folds of cross-validation over the training part, which alone is then used; 0: none", 0, 1000),
      whole("fold_seed", "1", "seed of the division into folds, the same for all trials", 0,
            9007199254740992.0),
      word("fold_parallel", "none",
           "in a team: every fold by all ranks together, or whole folds spread over the ranks",
           {"none", "ranks"}),
      {"initial_weights", OptionType::Path, "",
       "file of weights (HDF5), relative to the input file, that all networks start from; empty: they are drawn"},
      {"keep_weights", OptionType::Flag, "false",
       "each rank keeps the weights of the best of its trials that have trained to the end, as weights/trial_N.h5 in the run directory"},
  };
}

std::vector<Option> network_table() {
  return {
      word("model", "mlp", "kind of network: dense layers, or convolutions of images or recurrent layers before them",
           {"mlp", "cnn", "lstm", "gru", "rnn"}),
      whole("layers", "2", "hidden dense layers; 0: linear or logistic regression", 0, 16),
      whole("units", "64", "units of each hidden dense layer", 1, 1048576),
      word("activation", "relu", "of the hidden layers; gelu is its tanh form",
           {"relu", "tanh", "gelu", "sigmoid"}),
      number("dropout", "0", "share of each hidden dense or recurrent layer's outputs that is dropped while training", 0, 0.99),
      whole("initial_layers", "0",
            "so many layers with parameters, from the first, take the initial weights, others are drawn; 0: all", 0, 65536),
      whole("freeze", "0", "so many layers with parameters, from the first, keep them as they are", 0, 65536),
      word("init", "auto", "variance of the first weights; auto: he for relu and gelu, xavier for others",
           {"auto", "he", "xavier", "lecun"}),
      word("loss", "auto", "auto: cross_entropy for classes, squared for numbers",
           {"auto", "cross_entropy", "binary_cross_entropy", "squared", "absolute", "absolute_percentage"}),
      number("label_smoothing", "0", "share of each label that is spread evenly over all classes", 0, 0.99),
      number("l1", "0", "strength of the L1 penalty on weights", 0, 1000),
      number("weight_decay", "0", "added to the gradient (sgd, adam) or decoupled (adamw)", 0, 1000),
      word("class_weight", "none", "balanced: rare classes count as much as frequent ones",
           {"none", "balanced"}),
  };
}

std::vector<Option> sequence_table() {
  return {
      whole("recurrent_layers", "1", "of lstm, gru and rnn: recurrent layers", 1, 16),
      whole("hidden", "64", "of lstm, gru and rnn: units of each recurrent layer, in each direction", 1, 65536),
      {"bidirectional", OptionType::Flag, "false", "of lstm, gru and rnn: layers read sequences from both ends"},
      word("readout", "last",
           "of lstm, gru and rnn: what the layers behind see, the state at the end of a sequence or the mean of all; "
           "where each step has a label, each state",
           {"last", "mean"}),
      whole("embedding", "32", "numbers that stand for each token, where data are tokens", 1, 65536),
  };
}

/// Of `model = cnn`.
std::vector<Option> image_table() {
  return {
      whole("blocks", "2", "cnn: blocks of convolutions, each of which ends in a pooling", 1, 16),
      whole("convolutions", "1", "cnn: convolutions of each block", 1, 16),
      whole("channels", "16", "cnn: channels of the first block", 1, 65536),
      number("channel_factor", "2", "cnn: channels of each block relative to those of the one before", 0.125, 8),
      whole("kernel_size", "3", "cnn: height and width of the filters [pixels]", 1, 15),
      whole("stride", "1", "cnn: of the first convolution of each block; 2 halves the image", 1, 8),
      word("pooling", "max", "cnn: at the end of each block", {"max", "average", "none"}),
      whole("pool_size", "2", "cnn: height, width and stride of pooling windows [pixels]", 1, 16),
      {"batch_norm", OptionType::Flag, "true", "cnn: batch normalization between convolutions and activations"},
      {"residual", OptionType::Flag, "false",
       "cnn: add each block's input to its last convolution, by a convolution of size 1 where shapes differ"},
      {"global_pooling", OptionType::Flag, "false",
       "cnn: the dense layers see the mean of each channel instead of all pixels"},
      whole("random_crop", "0", "training images are moved at random by up to so many pixels", 0, 1024),
      {"random_flip", OptionType::Flag, "false", "every other training image is mirrored left to right"},
  };
}

std::vector<Option> training_table() {
  return {
      whole("batch_size", "64", "samples per step, of the whole team; at most all rows", 1, 16777216),
      word("precision", "fp32", "of matrix products on a GPU: tf32 rounds their factors to 10 bits, bf16 to 7, and both are faster",
           {"fp32", "tf32", "bf16"}),
      whole("micro_batches", "0",
            "of a pipeline: pieces of a batch at most that pass its stages one after another; 0: two for each stage", 0, 65536),
      {"recompute", OptionType::Flag, "false",
       "of a pipeline: each stage keeps the activations of one micro-batch only and computes those of the others again"},
      word("team_updates", "auto",
           "of a team: auto: in the memory of each node, where each rank updates a share of the parameters, and by MPI between nodes; messages: by MPI only",
           {"auto", "messages"}),
      word("team_sums", "auto",
           "of a team on GPUs, the way of its gradients: nccl from GPU to GPU; mpi that reads their memory; staged by way of the hosts; auto: nccl where "
           "each rank has a GPU of its own, else mpi where it can and is faster when tried, else staged",
           {"auto", "nccl", "mpi", "staged"}),
      word("optimizer", "adam", "rule of the steps", {"sgd", "adam", "adamw"}),
      number("learning_rate", "0.001", "length of the steps", 1e-12, 1000),
      word("team_learning_rate", "same",
           "of a team, by the ranks that share a batch: root: the learning rate times the square root of their number; linear: times their number",
           {"same", "root", "linear"}),
      number("gradient_clip", "0", "most norm of the gradient of a step; larger ones are scaled down; 0: any", 0, 1e30),
      number("momentum", "0.9", "of sgd", 0, below_one),
      {"nesterov", OptionType::Flag, "false", "look-ahead momentum of sgd"},
      number("beta1", "0.9", "of adam and adamw: memory of the mean", 0, below_one),
      number("beta2", "0.999", "of adam and adamw: memory of the mean square", 0, below_one),
      number("epsilon", "1e-8", "of adam and adamw: keeps steps finite", 1e-30, 1),
      word("schedule", "constant", "of the learning rate", {"constant", "step", "cosine"}),
      whole("step_epochs", "10", "of schedule step: epochs between two drops", 1, 1e9),
      number("step_factor", "0.1", "of schedule step: what each drop multiplies with", 1e-6, 1),
      number("warmup_epochs", "0", "epochs in which the learning rate rises to its full value", 0, 1e9),
      number("min_learning_rate", "0", "where schedule cosine ends and step stops falling", 0, 1000),
      whole("epochs", "27", "passes over the training part", 1, 1e9),
      number("divergence_factor", "10",
             "a training loss above this times that of the first epoch ends the trial", 1, infinity),
  };
}

}  // namespace

const std::vector<Option>& network_options() {
  static const std::vector<Option> table = [] {
    std::vector<Option> all = study_table();
    for (const auto& part : {network_table(), image_table(), sequence_table(), training_table()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return table;
}

const std::vector<std::string>& network_study_options() {
  static const std::vector<std::string> names = names_of(study_table());
  return names;
}

}  // namespace regatta::objective

#include "fixture.hpp"
#include "regatta/core/error.hpp"
#include "regatta/objective/network_objective.hpp"
#include "regatta/train/generate.hpp"
#include "regatta/train/saved_weights.hpp"

namespace regatta::objective {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// What check_objective says of [objective] and [space] with data of three classes.
class NetworkCheck : public testing::Test {
 protected:
  NetworkCheck() {
    write_data(folder, "three.h5", 3);
    write_data(folder, "two.h5", 2);
    write_data(folder, "line.h5", 0);
    write_data(folder, "unjudged.h5", 3, 0);
  }

  std::vector<std::string> check(Texts values, const Texts& space = {}, const std::string& metric = "") {
    if (values.empty() || values[0].first != "data") values.insert(values.begin(), {"data", "three.h5"});
    ObjectiveOptions options = options_of(values, folder.path());
    options.metric = metric;
    return problems_of(options, space_of(space));
  }

  support::TemporaryFolder folder;
};

TEST_F(NetworkCheck, AcceptsEveryTrainingOptionInTheSpace) {
  EXPECT_THAT(check({}, {{"learning_rate", "loguniform(1e-4, 1e-1)"},
                         {"layers", "int(0, 3)"},
                         {"units", "logint(8, 256)"},
                         {"activation", "choice(relu, tanh, gelu, sigmoid)"},
                         {"optimizer", "choice(sgd, adam, adamw)"},
                         {"momentum", "uniform(0, 0.99) if optimizer == sgd"},
                         {"nesterov", "choice(true, false)"},
                         {"weight_decay", "loguniform(1e-6, 1e-2)"},
                         {"gradient_clip", "choice(0, 1)"},
                         {"label_smoothing", "uniform(0, 0.2)"},
                         {"team_learning_rate", "choice(same, root, linear)"},
                         {"l1", "loguniform(0.001, 1)"},
                         {"batch_size", "choice(16, 32, 64)"},
                         {"dropout", "uniform(0, 0.5)"},
                         {"init", "choice(he, xavier, lecun)"},
                         {"loss", "choice(auto, cross_entropy)"},
                         {"class_weight", "choice(none, balanced)"},
                         {"schedule", "choice(constant, step, cosine)"},
                         {"warmup_epochs", "uniform(0, 3)"},
                         {"epochs", "int(1, 30)"}}),
              IsEmpty());
}

TEST_F(NetworkCheck, ComparesInitialWeightsWithTheNetwork) {
  const std::vector<float> parameters(2 * 64 + 64 + 3, 0.5f);
  train::write_weights(folder / "w.h5", {{{2 * 64, 64, 0}, {0, 3, 0}}, parameters, {}});
  const auto with = [&](Texts more, const Texts& space = {}) {
    more.insert(more.begin(), {{"data", "three.h5"}, {"initial_weights", "w.h5"}, {"layers", "1"}});
    return check(more, space);
  };

  EXPECT_THAT(with({{"initial_layers", "1"}, {"freeze", "1"}, {"keep_weights", "true"}}), IsEmpty());
  EXPECT_THAT(with({}, {{"units", "int(8, 64)"}}), IsEmpty());
  EXPECT_THAT(with({}), ElementsAre("x.ini:102: layer 2 of initial_weights has 0 weights, 3 biases and 0 statistics, that of the "
                                    "network 192 weights, 3 biases and 0 statistics; initial_layers = 1 takes those before it"));
  EXPECT_THAT(with({{"initial_layers", "3"}}), ElementsAre(HasSubstr("of 2 layers with parameters, the network has 2")));
  EXPECT_THAT(check({{"data", "three.h5"}, {"freeze", "3"}}), ElementsAre(HasSubstr("x.ini:102: freeze = 3 leaves nothing")));
  EXPECT_THAT(check({{"data", "three.h5"}, {"keep_weights", "true"}, {"folds", "3"}}), ElementsAre(HasSubstr("folds = 0")));
  EXPECT_THAT(check({{"data", "three.h5"}, {"initial_weights", "three.h5"}}), ElementsAre(HasSubstr("/layers")));
  EXPECT_THAT(check({{"data", "three.h5"}, {"initial_weights", "none.h5"}}), ElementsAre(HasSubstr("none.h5")));
}

TEST_F(NetworkCheck, SaysWhichModelsTheDataDoNotSuit) {
  train::TableSet sequences;
  sequences.shape = {1, 2};
  sequences.classes = 2;
  sequences.train = table(20, 2, 1);
  sequences.valid = table(20, 2, 2);
  train::write_dataset(folder / "sequences.h5", sequences);
  train::write_dataset(folder / "tokens.h5", train::generate_recall(train::RecallOptions{}));

  EXPECT_THAT(
      check({{"model", "lstm"}}),
      ElementsAre(HasSubstr("model = lstm needs sequences, samples of steps x channels or of tokens, got "
                            "samples of 2")));
  EXPECT_THAT(check({}, {{"model", "choice(mlp, gru)"}}),
              ElementsAre(HasSubstr("model = gru needs sequences")));
  for (const char* file : {"sequences.h5", "tokens.h5"})
    EXPECT_THAT(check({{"data", file}}, {{"model", "choice(mlp, lstm, gru, rnn)"},
                                         {"hidden", "logint(4, 64) if model != mlp"},
                                         {"recurrent_layers", "int(1, 2)"},
                                         {"bidirectional", "choice(true, false)"},
                                         {"readout", "choice(last, mean)"},
                                         {"embedding", "int(4, 32)"}}),
                IsEmpty());
}

TEST_F(NetworkCheck, WantsADataSet) {
  EXPECT_THAT(problems_of(options_of({{"epochs", "3"}}), {}), ElementsAre(HasSubstr("needs a data set")));
  EXPECT_THAT(check({{"data", "absent.h5"}}), ElementsAre(HasSubstr("absent.h5")));
}

TEST_F(NetworkCheck, NamesTheNearestOptionForAnUnknownParameter) {
  EXPECT_THAT(check({}, {{"layers", "int(1, 3)"}, {"lerning_rate", "uniform(0, 1)"}}),
              ElementsAre(testing::AllOf(HasSubstr("x.ini:2"), HasSubstr("did you mean 'learning_rate'?"))));
}

TEST_F(NetworkCheck, SaysWhichValuesOfTheSpaceAnOptionDoesNotTake) {
  EXPECT_THAT(check({}, {{"activation", "choice(relu, tahn)"}}),
              ElementsAre(HasSubstr("did you mean 'tanh'?")));
  EXPECT_THAT(check({}, {{"layers", "int(0, 99)"}}),
              ElementsAre(HasSubstr("layers must be at most 16, got 99")));
  EXPECT_THAT(check({}, {{"dropout", "uniform(-0.5, 0.5)"}}),
              ElementsAre(HasSubstr("dropout must be at least 0")));
}

TEST_F(NetworkCheck, WantsWholeNumbersAndWordsWhereAnOptionDoes) {
  EXPECT_THAT(check({}, {{"units", "uniform(7.5, 64.5)"}}), ElementsAre(HasSubstr("write int(8, 64)")));
  EXPECT_THAT(check({}, {{"optimizer", "uniform(0, 1)"}}),
              ElementsAre(HasSubstr("write choice(sgd, adam, adamw)")));
}

TEST_F(NetworkCheck, KeepsWhatHoldsForTheWholeStudyOutOfTheSpace) {
  EXPECT_THAT(check({}, {{"folds", "int(2, 5)"}}),
              ElementsAre(HasSubstr("may stand in [objective], not in [space]")));
}

TEST_F(NetworkCheck, WantsALossThatFitsTheData) {
  EXPECT_THAT(check({{"loss", "squared"}}),
              ElementsAre(HasSubstr("needs a regression, got data with 3 classes")));
  EXPECT_THAT(check({{"loss", "binary_cross_entropy"}}),
              ElementsAre(HasSubstr("needs data with 2 classes, got 3")));
  EXPECT_THAT(check({{"data", "two.h5"}, {"loss", "binary_cross_entropy"}}), IsEmpty());
  EXPECT_THAT(check({{"data", "line.h5"}}, {{"loss", "choice(squared, absolute, cross_entropy)"}}),
              ElementsAre(HasSubstr("loss = cross_entropy needs data with classes")));
  EXPECT_THAT(check({{"data", "line.h5"}, {"class_weight", "balanced"}}),
              ElementsAre(HasSubstr("needs data with classes")));
}

TEST_F(NetworkCheck, AcceptsEveryOptionOfImagesInTheSpace) {
  write_images(folder, "images.h5");
  EXPECT_THAT(check({{"data", "images.h5"}}, {{"model", "choice(mlp, cnn)"},
                                              {"blocks", "int(1, 3) if model == cnn"},
                                              {"convolutions", "int(1, 2) if model == cnn"},
                                              {"channels", "logint(4, 16) if model == cnn"},
                                              {"channel_factor", "uniform(1, 2) if model == cnn"},
                                              {"kernel_size", "choice(1, 3, 5) if model == cnn"},
                                              {"stride", "int(1, 2) if model == cnn"},
                                              {"pooling", "choice(max, average, none) if model == cnn"},
                                              {"pool_size", "int(2, 3) if model == cnn"},
                                              {"batch_norm", "choice(true, false) if model == cnn"},
                                              {"residual", "choice(true, false) if model == cnn"},
                                              {"global_pooling", "choice(true, false) if model == cnn"},
                                              {"random_crop", "int(0, 2)"},
                                              {"random_flip", "choice(true, false)"},
                                              {"label_smoothing", "uniform(0, 0.2)"},
                                              {"gradient_clip", "loguniform(0.1, 10)"}}),
              IsEmpty());
}

TEST_F(NetworkCheck, WantsImagesForConvolutionsAndTheirChanges) {
  EXPECT_THAT(check({{"model", "cnn"}}), ElementsAre(HasSubstr("model = cnn needs images")));
  EXPECT_THAT(check({}, {{"model", "choice(mlp, cnn)"}}),
              ElementsAre(testing::AllOf(HasSubstr("needs images"), HasSubstr("channels numbers, got 2"))));
  EXPECT_THAT(check({{"random_crop", "1"}}), ElementsAre(HasSubstr("random_crop needs images")));
  EXPECT_THAT(check({}, {{"random_flip", "choice(false, true)"}}),
              ElementsAre(HasSubstr("random_flip needs images")));
  train::TableSet steps;  // of 2 numbers, a label each
  steps.shape = {3, 2};
  steps.classes = 3;
  steps.labels_per_sample = 3;
  for (train::Table* part : {&steps.train, &steps.valid}) {
    part->x.resize(4 * 6);
    part->labels.resize(4 * 3);
  }
  train::write_dataset(folder / "steps.h5", steps);
  EXPECT_THAT(check({{"data", "steps.h5"}}, {{"model", "choice(mlp, cnn, lstm)"}}),
              ElementsAre(HasSubstr("model = cnn needs images with one label each, got samples with a label for each of 3 steps")));
  EXPECT_THAT(check({{"data", "steps.h5"}, {"random_crop", "1"}}), ElementsAre(HasSubstr("random_crop needs images with one label")));
  EXPECT_THAT(check({{"data", "line.h5"}, {"label_smoothing", "0.1"}}),
              ElementsAre(HasSubstr("label_smoothing needs data with classes")));
}

/// Their samples may have the shape of images.
TEST_F(NetworkCheck, ChangesNoSequencesAsIfTheyWereImages) {
  write_images(folder, "images.h5");
  for (const std::string model : {"lstm", "gru", "rnn"}) {
    EXPECT_THAT(
        check({{"data", "images.h5"}, {"model", model}, {"random_crop", "1"}}),
        ElementsAre("x.ini:103: random_crop changes images, but model = " + model + " reads sequences"));
    EXPECT_THAT(check({{"data", "images.h5"}, {"model", model}}, {{"random_flip", "choice(true, false)"}}),
                ElementsAre("x.ini: random_flip changes images, but model = " + model + " reads sequences"));
  }
  EXPECT_THAT(check({{"data", "images.h5"}, {"random_flip", "true"}}, {{"model", "choice(cnn, gru)"}}),
              ElementsAre(HasSubstr("model = gru reads sequences")))
      << "each trial of this model would fail";
  EXPECT_THAT(check({{"data", "images.h5"}},
                    {{"model", "choice(cnn, gru)"}, {"random_crop", "int(1, 2) if model == cnn"}}),
              IsEmpty());
}

TEST_F(NetworkCheck, WantsALayerForEachStageOfAPipeline) {
  ObjectiveOptions options = options_of({{"data", "three.h5"}, {"layers", "2"}}, folder.path());
  options.stages = 4;
  options.where["pipeline"] = {"x.ini", 7};
  EXPECT_THAT(problems_of(options, {}),
              ElementsAre("x.ini:7: workers.pipeline = 4 needs networks of at least as many layers, got 3"));
  EXPECT_THAT(problems_of(options, space_of({{"layers", "int(1, 5)"}})), IsEmpty());  // trials that are too short fail
  options.stages = 3;
  EXPECT_THAT(problems_of(options, {}), IsEmpty());
}

TEST_F(NetworkCheck, WantsTheTaskThatTheDataIsFor) {
  EXPECT_THAT(check({{"task", "regression"}}), ElementsAre(HasSubstr("holds data for a classification")));
  EXPECT_THAT(check({{"task", "classification"}}), IsEmpty());
}

TEST_F(NetworkCheck, WantsAPartToMeasureOn) {
  EXPECT_THAT(check({{"data", "unjudged.h5"}}), ElementsAre(HasSubstr("needs a validation part")));
  EXPECT_THAT(check({{"data", "unjudged.h5"}, {"folds", "5"}}), IsEmpty());
  EXPECT_THAT(check({{"data", "unjudged.h5"}}, {}, "train_accuracy"), IsEmpty());
  EXPECT_THAT(check({}, {}, "test_accuracy"), ElementsAre(HasSubstr("needs a test part")));
}

TEST_F(NetworkCheck, NamesTheNearestMetricForAnUnknownOne) {
  EXPECT_THAT(check({}, {}, "val_acuracy"), ElementsAre(HasSubstr("did you mean 'val_accuracy'?")));
  EXPECT_THAT(check({{"metrics", "train_loss, val_rmse"}}),
              ElementsAre(HasSubstr("no metric 'val_rmse' for a classification")));
}

TEST_F(NetworkCheck, WantsFoldsThatTheRowsAllow) {
  EXPECT_THAT(check({{"folds", "1"}}), ElementsAre(HasSubstr("folds must be 0 or lie between 2 and")));
  EXPECT_THAT(check({{"folds", "151"}}), ElementsAre(HasSubstr("(150), got 151")));
}

TEST_F(NetworkCheck, OffersTheMetricsOfTheTask) {
  const auto of = [&](const std::string& data) {
    return objective_metrics(options_of({{"data", data}}, folder.path()));
  };
  EXPECT_EQ(of("three.h5").front(), (std::pair<std::string, bool>("val_accuracy", true)));
  EXPECT_EQ(of("line.h5").front(), (std::pair<std::string, bool>("val_rmse", false)));
  EXPECT_THAT(of("three.h5"), testing::Not(testing::Contains(testing::Pair("val_rmse", testing::_))));
  EXPECT_THAT(of("absent.h5"), testing::Contains(testing::Pair("val_rmse", false)));
}

TEST_F(NetworkCheck, StopsTheMakingOfAnObjective) {
  EXPECT_THROW(make_objective(options_of({{"data", "three.h5"}, {"folds", "1"}}, folder.path()), {}),
               InvalidInput);
}

}  // namespace
}  // namespace regatta::objective

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include "cuda_tested_backend.hpp"
#include "device/cpu/lane_bundle.hpp"
#include "regatta/core/random.hpp"
#include "regatta/device/buffer.hpp"
#include "regatta/device/lanes.hpp"

// Networks trained by lanes against the same ones trained on the host, one operation after another.
namespace regatta::device {
namespace {

/// What is trained, and how.
struct Task {
  std::uint32_t inputs = 10;
  std::vector<Lane::Layer> layers;
  LossKind loss = LossKind::CrossEntropy;
  std::uint32_t rows = 50, batch = 16, judged = 21;
  Update update{};  ///< but for places
  float label_smoothing = 0;
  bool weighted = false;
  std::uint64_t seed = 5;

  std::uint32_t outputs() const { return layers.back().units; }
  std::size_t weights() const {
    std::size_t count = 0;
    for (std::size_t l = 0, width = inputs; l < layers.size(); width = layers[l++].units) count += width * layers[l].units;
    return count;
  }
  std::size_t biases() const {
    std::size_t count = 0;
    for (const Lane::Layer& layer : layers) count += layer.units;
    return count;
  }
  std::size_t steps() const { return (rows + batch - 1) / batch; }
};

Task classifier() {
  Task task;
  task.layers = {{32, Activation::Relu, 0.25f}, {13, Activation::Tanh, 0}, {5, Activation::Identity, 0}};
  task.update.kind = OptimizerKind::AdamW;
  task.update.weight_decay = 0.01f;
  task.label_smoothing = 0.1f;
  task.weighted = true;
  return task;
}

Task regression() {
  Task task;
  task.inputs = 7;
  task.layers = {{20, Activation::Gelu, 0}, {24, Activation::Sigmoid, 0.5f}, {2, Activation::Tanh, 0}};
  task.loss = LossKind::Squared;
  task.update.momentum = 0.9f;
  task.update.nesterov = true;
  task.update.l1 = 0.001f;
  task.update.weight_decay = 0.01f;
  return task;
}

/// Its moments do not fit into shared memory.
Task wide() {
  Task task;
  task.inputs = 64;
  task.layers = {{160, Activation::Relu, 0}, {96, Activation::Relu, 0}, {1, Activation::Identity, 0}};
  task.loss = LossKind::BinaryCrossEntropy;
  task.update.kind = OptimizerKind::Adam;
  task.update.clip = 0.05f;
  return task;
}

/// Several blocks train it: in small tiles and large ones, and one that is not full.
Task larger() {
  Task task;
  task.inputs = 70;
  task.layers = {{210, Activation::Gelu, 0.25f}, {130, Activation::Relu, 0}, {60, Activation::Tanh, 0.5f}, {19, Activation::Identity, 0}};
  task.rows = 150;
  task.batch = 64;
  task.update.kind = OptimizerKind::AdamW;
  task.update.weight_decay = 0.01f;
  task.label_smoothing = 0.1f;
  task.weighted = true;
  return task;
}

/// The same, clipped, without a hidden layer.
Task larger_without_layers() {
  Task task;
  task.inputs = 1000;
  task.layers = {{33, Activation::Sigmoid, 0}};
  task.rows = 90;
  task.batch = 60;
  task.loss = LossKind::Squared;
  task.update.momentum = 0.9f;
  task.update.clip = 0.05f;
  return task;
}

/// A task's numbers on a backend.
class Trained {
 public:
  Trained(Backend& backend, const Task& task)
      : backend_(backend),
        task_(task),
        count_(task.weights() + task.biases()),
        arena_(backend, 4 * count_),
        x_(backend, random_numbers(std::size_t{task.rows} * task.inputs, 1)),
        judged_(backend, random_numbers(std::size_t{task.judged} * task.inputs, 2)),
        values_(backend, random_numbers(std::size_t{task.rows} * task.outputs(), 3)),
        class_weights_(backend, random_numbers(task.weighted ? task.outputs() : 0, 4)),
        sum_(backend, 1),
        squares_(backend, 1) {
    std::vector<float> first = random_numbers(count_, 6);
    for (float& number : first) number *= 0.2f;
    backend.upload(first, arena_.data());
    Random random(7);
    std::vector<std::int32_t> labels, order(task.rows);
    const std::uint32_t classes = task.loss == LossKind::BinaryCrossEntropy ? 2 : task.outputs();
    for (std::uint32_t i = 0; i < task.rows; ++i)
      labels.push_back(i % 9 == 8 ? -1 : static_cast<std::int32_t>(random.uniform() * classes));
    std::iota(order.begin(), order.end(), 0);
    Random(shuffle_seed).shuffle(std::span(order));
    labels_ = Buffer<std::int32_t>(backend, labels);
    order_ = Buffer<std::int32_t>(backend, order);
    for (std::size_t s = 0; s < task.steps(); ++s) rates_.push_back(0.02f / static_cast<float>(s + 1));
  }

  ~Trained() {
    if (block_) engine_->release(block_);
  }
  Trained(const Trained&) = delete;
  Trained& operator=(const Trained&) = delete;

  Lane lane(LaneEngine& engine, std::size_t steps) {
    engine_ = &engine;
    if (!block_) block_ = engine.allocate(1 + std::size_t{task_.judged} * task_.outputs());
    Lane lane;
    lane.inputs = task_.inputs;
    for (const Lane::Layer& layer : task_.layers) lane.layers[lane.layer_count++] = layer;
    lane.loss = task_.loss;
    lane.x = x_.data();
    lane.targets = targets(labels_.data(), values_.data());
    lane.order = order_.data();
    lane.rows = task_.rows;
    lane.batch = task_.batch;
    lane.steps = static_cast<std::uint32_t>(steps);
    lane.seed = task_.seed;
    lane.update = update(0);
    lane.rates = rates_.data();
    lane.loss_sum = block_;
    if (steps == task_.steps()) lane.judgements[0] = {judged_.data(), nullptr, task_.judged, block_ + 1};
    return lane;
  }

  /// The rest of an epoch after a lane of so many steps.
  Lane rest(LaneEngine& engine, std::size_t done) {
    Lane lane = this->lane(engine, task_.steps());
    lane.order += done * task_.batch;
    lane.rows -= static_cast<std::uint32_t>(done * task_.batch);
    lane.steps -= static_cast<std::uint32_t>(done);
    lane.update.step += static_cast<std::int64_t>(done);
    lane.rates += done;
    return lane;
  }

  static constexpr std::uint64_t shuffle_seed = 8;

  float loss() const { return block_[0]; }
  std::vector<float> outputs() const { return {block_ + 1, block_ + 1 + std::size_t{task_.judged} * task_.outputs()}; }
  std::vector<float> arena() const { return arena_.download(); }

  /// The epoch, one operation after another.
  void train() {
    for (std::size_t s = 0; s < task_.steps(); ++s) step(s);
  }
  float summed_loss() const { return sum_.download()[0]; }
  std::vector<float> judge() { return forward({judged_.data(), task_.judged, task_.inputs}, nullptr).download(); }

 private:
  static std::vector<float> random_numbers(std::size_t count, std::uint64_t seed) {
    Random random(seed);
    std::vector<float> numbers(count);
    for (float& number : numbers) number = static_cast<float>(seed == 4 ? random.uniform() : random.normal());
    return numbers;
  }

  Targets targets(const std::int32_t* labels, const float* values) const {
    const bool regression = task_.loss == LossKind::Squared;
    return {regression ? nullptr : labels, regression ? values : nullptr,
            class_weights_.size() > 0 ? class_weights_.data() : nullptr, task_.label_smoothing};
  }

  Update update(std::size_t step) {
    Update update = task_.update;
    update.learning_rate = rates_[step];
    update.step = static_cast<std::int64_t>(step) + 1;
    update.penalised = task_.weights();
    update.squared_norm = squares_.data();
    update.parameters = arena_.data();
    update.gradients = arena_.data() + count_;
    update.first_moment = arena_.data() + 2 * count_;
    update.second_moment = arena_.data() + 3 * count_;
    update.count = count_;
    return update;
  }

  Buffer<float> forward(MatrixView<const float> x, const std::uint64_t* key) {
    passed_.clear();
    outs_.clear();
    const float *weight = arena_.data(), *bias = weight + task_.weights();
    for (std::size_t l = 0; l < task_.layers.size(); ++l) {
      const Lane::Layer& layer = task_.layers[l];
      for (auto* numbers : {&zs_, &outs_}) numbers->emplace_back(backend_, x.rows * layer.units);
      passed_.push_back({x,
                         {weight, x.columns, layer.units},
                         bias,
                         {zs_.back().data(), x.rows, layer.units},
                         {outs_.back().data(), x.rows, layer.units},
                         layer.activation,
                         {key ? layer.dropout : 0.0f, key ? derive_seed(*key, l) : 0, 0}});
      backend_.forward(passed_.back());
      weight += x.columns * layer.units;
      bias += layer.units;
      x = passed_.back().y;
    }
    return std::move(outs_.back());
  }

  void step(std::size_t s) {
    const std::size_t first = s * task_.batch, count = std::min<std::size_t>(task_.batch, task_.rows - first);
    Buffer<float> x(backend_, count * task_.inputs), values(backend_, count * task_.outputs());
    Buffer<std::int32_t> labels(backend_, count);
    const std::int32_t* rows = order_.data() + first;
    backend_.gather(MatrixView<const float>{x_.data(), task_.rows, task_.inputs}, rows, {x.data(), count, task_.inputs});
    backend_.gather(MatrixView<const float>{values_.data(), task_.rows, task_.outputs()}, rows,
                    {values.data(), count, task_.outputs()});
    backend_.gather(MatrixView<const std::int32_t>{labels_.data(), task_.rows, 1}, rows, {labels.data(), count, 1});
    const std::uint64_t key = derive_seed(task_.seed, s);
    const Buffer<float> y = forward({x.data(), count, task_.inputs}, &key);
    Buffer<float> slope(backend_, y.size());
    MatrixView<float> dy{slope.data(), count, task_.outputs()};
    backend_.loss(task_.loss, {y.data(), count, task_.outputs()}, targets(labels.data(), values.data()),
                  1.0f / static_cast<float>(count), dy, sum_.data());
    float *weight = arena_.data() + count_ + task_.weights(), *bias = arena_.data() + 2 * count_;
    for (std::size_t l = passed_.size(); l-- > 0;) {
      const Dense& layer = passed_[l];
      weight -= layer.weights.size();
      bias -= layer.weights.columns;
      Buffer<float> before(backend_, layer.x.size());
      const MatrixView<float> dx{before.data(), count, layer.x.columns};
      backend_.backward(layer, {dy, {weight, layer.weights.rows, layer.weights.columns}, bias, dx});
      slope = std::move(before);
      dy = {slope.data(), count, layer.x.columns};
    }
    backend_.zero(squares_.data(), 1);
    backend_.add_squares(arena_.data() + count_, count_, squares_.data());
    backend_.update(update(s));
  }

  Backend& backend_;
  Task task_;
  std::size_t count_;
  Buffer<float> arena_, x_, judged_, values_, class_weights_, sum_, squares_;
  Buffer<std::int32_t> labels_, order_;
  std::vector<float> rates_;
  std::vector<Dense> passed_;
  std::vector<Buffer<float>> zs_, outs_;
  LaneEngine* engine_ = nullptr;
  float* block_ = nullptr;  ///< [loss | outputs], of the engine
};

void expect_near(const std::vector<float>& got, const std::vector<float>& right, float tolerance) {
  ASSERT_EQ(got.size(), right.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], right[i], tolerance * (1 + std::fabs(right[i]))) << "number " << i;
}

class Lanes : public testing::Test {
 protected:
  void SetUp() override {
    backend_ = make_tested_backend();
    if (!backend_) GTEST_SKIP() << tested_backend_absence();
    engine_ = backend_->make_lane_engine();
  }

  void run(const std::vector<Lane>& lanes) {
    engine_->start(lanes);
    engine_->wait();
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<LaneEngine> engine_;
};

TEST_F(Lanes, OfDifferentNetworksTrainAsTheHostDoes) {
  const auto host = make_cpu_backend();
  const std::vector<Task> tasks{classifier(), regression(), wide(), larger(), larger_without_layers()};
  std::vector<std::unique_ptr<Trained>> got;
  std::vector<Lane> lanes;
  for (const Task& task : tasks) {
    got.push_back(std::make_unique<Trained>(*backend_, task));
    lanes.push_back(got.back()->lane(*engine_, task.steps()));
    EXPECT_GT(engine_->capacity(lanes.back()), 0u);
  }

  run(lanes);

  for (std::size_t i = 0; i < tasks.size(); ++i) {
    SCOPED_TRACE(i);
    Trained right(*host, tasks[i]);
    right.train();
    EXPECT_NEAR(got[i]->loss(), right.summed_loss(), 1e-4f * std::fabs(right.summed_loss()));
    expect_near(got[i]->outputs(), right.judge(), 2e-3f);
    std::vector<float> arena = got[i]->arena(), right_arena = right.arena();
    const std::size_t count = arena.size() / 4;
    arena.resize(count);
    right_arena.resize(count);
    expect_near(arena, right_arena, 2e-3f);
  }
}

TEST_F(Lanes, DoNotDisturbEachOther) {
  Trained alone(*backend_, classifier()), among(*backend_, classifier()), other(*backend_, wide());
  run({alone.lane(*engine_, 4)});

  run({other.lane(*engine_, 4), among.lane(*engine_, 4)});

  EXPECT_EQ(among.loss(), alone.loss());
  EXPECT_EQ(among.outputs(), alone.outputs());
  EXPECT_EQ(among.arena(), alone.arena());
}

/// So that each has fewer of the device's blocks, and tiles of another kind.
TEST_F(Lanes, OfSeveralBlocksDoNotDependOnHowManyTheyHave) {
  Trained alone(*backend_, larger());
  run({alone.lane(*engine_, 3)});
  std::vector<std::unique_ptr<Trained>> others;
  std::vector<Lane> lanes;
  for (int i = 0; i < 4; ++i) {
    others.push_back(std::make_unique<Trained>(*backend_, i < 3 ? larger() : larger_without_layers()));
    lanes.push_back(others.back()->lane(*engine_, i < 3 ? 3 : 2));
  }

  run(lanes);

  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(others[i]->loss(), alone.loss());
    EXPECT_EQ(others[i]->outputs(), alone.outputs());
    EXPECT_EQ(others[i]->arena(), alone.arena());
  }
}

TEST_F(Lanes, OfSeveralBlocksInTf32AreNearTheHost) {
  const auto host = make_cpu_backend();
  Trained got(*backend_, larger()), right(*host, larger());
  Lane lane = got.lane(*engine_, larger().steps());
  lane.precision = Precision::Tf32;

  run({lane});

  right.train();
  EXPECT_NEAR(got.loss(), right.summed_loss(), 1e-2f * std::fabs(right.summed_loss()));
  const std::vector<float> outputs = got.outputs(), right_outputs = right.judge();
  double error = 0, size = 0;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    error += std::pow(outputs[i] - right_outputs[i], 2);
    size += std::pow(right_outputs[i], 2);
  }
  EXPECT_LT(std::sqrt(error / size), 0.1);
}

TEST_F(Lanes, GoOnWhereTheyWere) {
  for (const Task& task : {regression(), wide(), larger()}) {
    Trained whole(*backend_, task), halves(*backend_, task);
    run({whole.lane(*engine_, task.steps())});

    run({halves.lane(*engine_, 2)});
    const float first = halves.loss();
    run({halves.rest(*engine_, 2)});

    EXPECT_EQ(halves.outputs(), whole.outputs());
    EXPECT_EQ(halves.arena(), whole.arena());
    EXPECT_NEAR(first + halves.loss(), whole.loss(), 1e-4f * std::fabs(whole.loss()));
  }
}

TEST_F(Lanes, ShuffleAsTheHostDoes) {
  Trained given(*backend_, classifier()), made(*backend_, classifier());
  run({given.lane(*engine_, 4)});
  Lane lane = made.lane(*engine_, 4);
  Buffer<std::int32_t> order(*backend_, 50);
  lane.order = order.data();
  lane.shuffles = true;
  lane.shuffle_seed = Trained::shuffle_seed;

  EXPECT_TRUE(engine_->shuffles(lane));
  run({lane});

  EXPECT_EQ(made.arena(), given.arena());
}

TEST_F(Lanes, RefuseNetworksWithManyOutputs) {
  Task task = larger();
  task.layers.back().units = 65;
  Trained trained(*backend_, task);
  EXPECT_EQ(engine_->capacity(trained.lane(*engine_, 1)), 0u);
}

/// Networks for the host's vectors: all in one bundle, though they differ in all that may differ.
std::vector<Task> bundled_classifiers() {
  Task first = classifier(), second = classifier(), third = classifier();
  first.layers = {{16, Activation::Relu, 0.25f}, {9, Activation::Tanh, 0}, {5, Activation::Identity, 0}};
  second.layers = {{7, Activation::Sigmoid, 0}, {16, Activation::Gelu, 0.5f}, {5, Activation::Tanh, 0}};
  second.update.kind = OptimizerKind::Sgd;
  second.update.momentum = 0.9f;
  second.update.nesterov = true;
  second.update.clip = 0.05f;
  second.label_smoothing = 0;
  second.rows = 64;
  third.layers = {{3, Activation::Relu, 0}, {4, Activation::Sigmoid, 0.1f}, {5, Activation::Identity, 0}};
  third.update.kind = OptimizerKind::Adam;
  third.update.l1 = 0.001f;
  third.weighted = false;
  third.rows = 23;
  third.judged = 40;
  return {first, second, third, first};
}

std::vector<Task> bundled_regressions() {
  Task first = regression(), second = regression();
  first.layers = {{11, Activation::Relu, 0}, {2, Activation::Identity, 0}};
  second.layers = {{16, Activation::Relu, 0}, {2, Activation::Identity, 0}};
  second.batch = first.batch = 40;  // more than a block
  return {first, second, first, first, first, first, first, first, second, first};
}

std::vector<Task> bundled_two_classes() {
  Task task = wide();
  task.inputs = 3;
  task.layers = {{1, Activation::Identity, 0}};
  return {task, task};
}

void expect_trained(const Trained& got, Trained& right) {
  right.train();
  EXPECT_NEAR(got.loss(), right.summed_loss(), 1e-4f * std::fabs(right.summed_loss()));
  expect_near(got.outputs(), right.judge(), 1e-3f);
  std::vector<float> arena = got.arena(), right_arena = right.arena();
  const std::size_t count = arena.size() / 4;
  for (auto* numbers : {&arena, &right_arena}) numbers->erase(numbers->begin() + static_cast<std::ptrdiff_t>(count),
                                                              numbers->begin() + static_cast<std::ptrdiff_t>(2 * count));
  expect_near(arena, right_arena, 1e-3f);  // but for the gradients
}

TEST(HostLanes, OfDifferentNetworksTrainAsEachWouldAlone) {
  const auto host = make_cpu_backend();
  const auto engine = host->make_lane_engine();
  for (const auto& tasks : {bundled_classifiers(), bundled_regressions(), bundled_two_classes()}) {
    std::vector<std::unique_ptr<Trained>> got;
    std::vector<Lane> lanes;
    for (const Task& task : tasks) {
      got.push_back(std::make_unique<Trained>(*host, task));
      lanes.push_back(got.back()->lane(*engine, task.steps()));
      EXPECT_GT(engine->capacity(lanes.back()), 0u);
    }

    engine->start(lanes);
    engine->wait();

    for (std::size_t i = 0; i < tasks.size(); ++i) {
      SCOPED_TRACE(i);
      Trained right(*host, tasks[i]);
      expect_trained(*got[i], right);
    }
  }
}

TEST(HostLanes, TrainAlikeWithEveryInstructionSet) {
  const auto host = make_cpu_backend();
  const auto engine = host->make_lane_engine();
  std::vector<float> scratch;
  for (const BundleLoops& loops : bundle_loops()) {
    SCOPED_TRACE(loops.lanes);
    std::vector<std::unique_ptr<Trained>> got;
    std::vector<Lane> lanes;
    const std::vector<Task> tasks = bundled_classifiers();
    for (const Task& task : tasks) {
      got.push_back(std::make_unique<Trained>(*host, task));
      lanes.push_back(got.back()->lane(*engine, task.steps()));
    }
    const std::vector<const Lane*> members{&lanes[0], &lanes[1], &lanes[2], &lanes[3]};

    loops.train(members, scratch);

    for (std::size_t i = 0; i < tasks.size(); ++i) {
      SCOPED_TRACE(i);
      Trained right(*host, tasks[i]);
      expect_trained(*got[i], right);
    }
  }
}

TEST(HostLanes, OfWideNetworksGainNothing) {
  const auto host = make_cpu_backend();
  const auto engine = host->make_lane_engine();
  Task task = bundled_regressions().front();
  task.layers.front().units = 64;
  EXPECT_EQ(engine->capacity(Trained(*host, task).lane(*engine, 1)), 0u);
}

}  // namespace
}  // namespace regatta::device

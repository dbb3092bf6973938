#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "cuda_tested_backend.hpp"
#include "normal_numbers.hpp"
#include "regatta/core/random.hpp"
#include "regatta/device/buffer.hpp"
#include "regatta/device/devices.hpp"

// Every operation of the CUDA backend against the same operation of the CPU backend. Sizes: below, at and above a warp, a
// block and a slice of a reduction.
namespace regatta::device {
namespace {

using Floats = std::vector<float>;
using Indices = std::vector<std::int32_t>;

/// Of the largest number of a result: sums of up to a thousand terms in another order.
constexpr float tolerance = 2e-5f;

struct Sizes {
  std::size_t samples, inputs, outputs;
};
constexpr Sizes all_sizes[] = {{1, 1, 1}, {5, 3, 2}, {64, 32, 32}, {67, 33, 65}, {600, 17, 45}};

Indices indices_below(std::int32_t end, std::size_t count) {
  Random random(11);
  Indices indices(count);
  for (auto& index : indices) index = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(end)));
  return indices;
}

void expect_agreement(const Floats& got, const Floats& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  float largest = 1;
  for (const float number : wanted) largest = std::max(largest, std::abs(number));
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], tolerance * largest) << "at " << i;
}

class CudaAgreement : public testing::Test {
 protected:
  void SetUp() override {
    if (!cuda) GTEST_SKIP() << tested_backend_absence();
  }

  std::unique_ptr<Backend> cuda = make_tested_backend();
  std::unique_ptr<Backend> cpu = make_cpu_backend();
};

TEST_F(CudaAgreement, HandsOutAlignedZerosAndKeepsWhatIsUploaded) {
  const Floats numbers = normal_numbers(1000, 1);
  Buffer<float> empty(*cuda, 1000), full(*cuda, numbers);

  EXPECT_EQ(empty.download(), Floats(1000, 0.0f));
  EXPECT_EQ(full.download(), numbers);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(full.data()) % 64, 0u);
  cuda->zero(full.data() + 1, 2);
  EXPECT_EQ(full.download()[0], numbers[0]);
  EXPECT_EQ(full.download()[2], 0.0f);
  EXPECT_EQ(full.download()[3], numbers[3]);
}

TEST_F(CudaAgreement, SaysWhenABlockDoesNotFitAndGoesOn) {
  EXPECT_THROW(cuda->allocate(std::size_t{1} << 50), OutOfDeviceMemory);
  EXPECT_THROW(cuda->allocate(std::numeric_limits<std::size_t>::max()), OutOfDeviceMemory);

  EXPECT_EQ(Buffer<float>(*cuda, Floats{1, 2}).download(), (Floats{1, 2}));
}

TEST_F(CudaAgreement, GathersRowsAndIndices) {
  for (const std::size_t columns : {1u, 32u, 70u}) {
    const Floats source = normal_numbers(100 * columns, 2);
    const Indices rows = indices_below(100, 41), labels = indices_below(9, 100);
    Buffer<float> source_block(*cuda, source), batch(*cuda, 41 * columns);
    Buffer<std::int32_t> row_block(*cuda, rows), label_block(*cuda, labels), taken(*cuda, 41);

    cuda->gather(MatrixView<const float>{source_block.data(), 100, columns}, row_block.data(),
                 {batch.data(), 41, columns});
    cuda->gather(MatrixView<const std::int32_t>{label_block.data(), 100, 1}, row_block.data(), {taken.data(), 41, 1});

    Floats copied(41 * columns), label_bits(41);
    cpu->gather(MatrixView<const float>{source.data(), 100, columns}, rows.data(), {copied.data(), 41, columns});
    cuda->download(reinterpret_cast<const float*>(taken.data()), label_bits);
    EXPECT_EQ(batch.download(), copied);
    for (std::size_t i = 0; i < 41; ++i)
      EXPECT_EQ(std::bit_cast<std::int32_t>(label_bits[i]), labels[static_cast<std::size_t>(rows[i])]);
  }
}

/// All blocks of one layer and its gradients on one backend, the same numbers on each.
struct Layer {
  Layer(Backend& device, const Sizes& n, Activation activation, float rate)
      : backend(device), x(device, normal_numbers(n.samples * n.inputs, 3)),
        weights(device, normal_numbers(n.inputs * n.outputs, 4)), bias(device, normal_numbers(n.outputs, 5)),
        z(device, n.samples * n.outputs), y(device, n.samples * n.outputs),
        dy(device, normal_numbers(n.samples * n.outputs, 6)), dw(device, n.inputs * n.outputs), db(device, n.outputs),
        dx(device, n.samples * n.inputs),
        dense{{x.data(), n.samples, n.inputs}, {weights.data(), n.inputs, n.outputs}, bias.data(),
              {z.data(), n.samples, n.outputs}, {y.data(), n.samples, n.outputs}, activation, {rate, 77, 1000}},
        gradient{{dy.data(), n.samples, n.outputs}, {dw.data(), n.inputs, n.outputs}, db.data(),
                 {dx.data(), n.samples, n.inputs}} {}

  void run() {
    backend.forward(dense);
    backend.backward(dense, gradient);
  }

  Backend& backend;
  Buffer<float> x, weights, bias, z, y, dy, dw, db, dx;
  Dense dense;
  DenseGradient gradient;
};

void expect_same_layer(const Layer& got, const Layer& wanted) {
  for (const auto part : {&Layer::z, &Layer::y, &Layer::dy, &Layer::dw, &Layer::db, &Layer::dx})
    expect_agreement((got.*part).download(), (wanted.*part).download());
}

TEST_F(CudaAgreement, TrainsLayersOfEveryActivationAndSize) {
  using enum Activation;
  for (const Sizes& sizes : all_sizes)
    for (const Activation activation : {Identity, Relu, Tanh, Gelu, Sigmoid})
      for (const float rate : {0.0f, 0.4f}) {
        SCOPED_TRACE(testing::Message() << sizes.samples << " samples, activation " << static_cast<int>(activation)
                                        << ", dropout " << rate);
        Layer layer(*cuda, sizes, activation, rate), reference(*cpu, sizes, activation, rate);

        layer.run();

        reference.run();
        expect_same_layer(layer, reference);
        if (HasFatalFailure()) return;
      }
}

TEST_F(CudaAgreement, LetsZAndYShareABlock) {
  using enum Activation;
  for (const Activation activation : {Identity, Relu, Tanh, Sigmoid})
    for (const float rate : {0.0f, 0.4f}) {
      Layer layer(*cuda, {70, 20, 40}, activation, rate), reference(*cpu, {70, 20, 40}, activation, rate);
      layer.dense.y = layer.dense.z;
      layer.gradient.x = {};

      layer.run();

      reference.run();
      expect_agreement(layer.z.download(), reference.y.download());
      expect_agreement(layer.dw.download(), reference.dw.download());
      EXPECT_EQ(layer.dx.download(), Floats(70 * 20, 0.0f)) << "was not asked for";
    }
}

TEST_F(CudaAgreement, GivesZeroGradientsForNoSamples) {
  Layer layer(*cuda, {1, 4, 3}, Activation::Identity, 0);
  layer.run();
  ASSERT_NE(layer.db.download()[0], 0.0f);
  layer.dense.x.rows = layer.dense.z.rows = layer.dense.y.rows = layer.gradient.y.rows = layer.gradient.x.rows = 0;

  layer.run();

  EXPECT_EQ(layer.dw.download(), Floats(12, 0.0f));
  EXPECT_EQ(layer.db.download(), Floats(3, 0.0f));
}

TEST_F(CudaAgreement, RepeatsItselfBitForBit) {
  Layer first(*cuda, {600, 33, 65}, Activation::Gelu, 0.3f), second(*cuda, {600, 33, 65}, Activation::Gelu, 0.3f);

  first.run();
  second.run();

  EXPECT_EQ(first.dw.download(), second.dw.download());
  EXPECT_EQ(first.db.download(), second.db.download());
  EXPECT_EQ(first.dx.download(), second.dx.download());
}

/// All blocks of one direction of a recurrent layer and its gradients on one backend, the same numbers on each.
struct RecurrentLayer {
  struct Sizes {
    std::size_t samples, steps, inputs, units;
  };

  RecurrentLayer(Backend& device, const Sizes& n, CellKind kind, Readout readout, bool reverse, bool padded)
      : backend(device), columns(gates_of(kind) * n.units), width(n.units + 3),
        outputs(readout == Readout::All ? n.steps * width : width),
        x(device, normal_numbers(n.samples * n.steps * n.inputs, 3)), weights(device, scaled(n.inputs * columns, 4, n.inputs)),
        recurrent(device, scaled(n.units * columns, 5, n.units)), bias(device, normal_numbers(cell_biases(kind, n.units), 6)),
        kept(device, n.samples * kept_numbers(kind, n.steps, n.inputs, n.units, n.units)), y(device, Floats(n.samples * outputs, 7)),
        dy(device, normal_numbers(n.samples * outputs, 7)), dw(device, n.inputs * columns), du(device, n.units * columns),
        db(device, cell_biases(kind, n.units)), dx(device, Floats(n.samples * n.steps * n.inputs, 2)),
        lengths(device, lengths_up_to(n.steps, n.samples)) {
    layer = {kind, reverse, readout, n.steps, {x.data(), n.samples, n.steps * n.inputs}, padded ? lengths.data() : nullptr,
             {weights.data(), n.inputs, columns}, {recurrent.data(), n.units, columns}, bias.data(), kept.data(),
             {y.data(), n.samples, outputs}, 2, width};
    gradient = {{dy.data(), n.samples, outputs}, {dw.data(), n.inputs, columns}, {du.data(), n.units, columns}, db.data(),
                {dx.data(), n.samples, n.steps * n.inputs}, reverse};
  }

  static Floats scaled(std::size_t count, std::uint64_t seed, std::size_t inputs) {
    Floats numbers = normal_numbers(count, seed);
    for (float& number : numbers) number /= std::sqrt(static_cast<float>(inputs));
    return numbers;
  }
  static Indices lengths_up_to(std::size_t steps, std::size_t samples) {
    Indices lengths = indices_below(static_cast<std::int32_t>(steps), samples);
    for (auto& length : lengths) ++length;
    return lengths;
  }

  void run() {
    backend.forward(layer);
    backend.backward(layer, gradient);
  }

  Backend& backend;
  std::size_t columns, width, outputs;
  Buffer<float> x, weights, recurrent, bias, kept, y, dy, dw, du, db, dx;
  Buffer<std::int32_t> lengths;
  Recurrence layer;
  RecurrenceGradient gradient;
};

void expect_same_layer(const RecurrentLayer& got, const RecurrentLayer& wanted) {
  for (const auto part : {&RecurrentLayer::y, &RecurrentLayer::dw, &RecurrentLayer::du, &RecurrentLayer::db, &RecurrentLayer::dx})
    expect_agreement((got.*part).download(), (wanted.*part).download());
}

TEST_F(CudaAgreement, TrainsRecurrentLayersOfEveryKindReadoutAndDirection) {
  for (const RecurrentLayer::Sizes& sizes : {RecurrentLayer::Sizes{1, 1, 1, 1}, {9, 7, 5, 33}})
    for (const CellKind kind : {CellKind::Rnn, CellKind::Gru, CellKind::Lstm})
      for (const Readout readout : {Readout::All, Readout::Last, Readout::Mean})
        for (const bool reverse : {false, true})
          for (const bool padded : {false, true}) {
            SCOPED_TRACE(testing::Message() << sizes.samples << " samples, cell " << static_cast<int>(kind) << ", readout "
                                            << static_cast<int>(readout) << (reverse ? ", reverse" : "")
                                            << (padded ? ", padded" : ""));
            RecurrentLayer layer(*cuda, sizes, kind, readout, reverse, padded),
                reference(*cpu, sizes, kind, readout, reverse, padded);

            layer.run();

            reference.run();
            expect_same_layer(layer, reference);
            if (HasFatalFailure()) return;
          }
}

TEST_F(CudaAgreement, TrainsRecurrentLayersOfEverySize) {
  // steps enough for sums over several slices of rows, units as many as one kernel takes, and more
  for (const RecurrentLayer::Sizes& sizes :
       {RecurrentLayer::Sizes{64, 5, 2, 16}, {7, 3, 3, 64}, {1, 3, 5, 96}, {2, 3, 3, 128}, {7, 3, 4, 130}})
    for (const CellKind kind : {CellKind::Rnn, CellKind::Gru, CellKind::Lstm})
      for (const Readout readout : {Readout::All, Readout::Mean}) {
        SCOPED_TRACE(testing::Message() << sizes.units << " units, cell " << static_cast<int>(kind));
        const bool reverse = readout == Readout::Mean;
        RecurrentLayer layer(*cuda, sizes, kind, readout, reverse, true), reference(*cpu, sizes, kind, readout, reverse, true);

        layer.run();

        reference.run();
        expect_same_layer(layer, reference);
        if (HasFatalFailure()) return;
      }
}

/// Outputs and gradient of an embedding, and numbers after dropout.
std::vector<Floats> embedded_on(Backend& backend) {
  const Indices tokens = indices_below(37, 50);
  Buffer<float> x(backend, Floats(tokens.begin(), tokens.end())), table(backend, normal_numbers(37 * 40, 3)),
      y(backend, 50 * 40), dy(backend, normal_numbers(50 * 40, 4)), gradient(backend, Floats(37 * 40, 9));
  const Embedding layer{{x.data(), 10, 5}, {table.data(), 37, 40}, {y.data(), 10, 200}};
  backend.forward(layer);
  backend.backward(layer, {dy.data(), 10, 200}, {gradient.data(), 37, 40});
  backend.drop({0.3f, 5, 100}, {dy.data(), 10, 200});
  return {y.download(), gradient.download(), dy.download()};
}

TEST_F(CudaAgreement, EmbedsTokensAndDropsNumbers) {
  const auto got = embedded_on(*cuda), wanted = embedded_on(*cpu);

  for (std::size_t part = 0; part < got.size(); ++part) expect_agreement(got[part], wanted[part]);
  EXPECT_NEAR(static_cast<double>(std::ranges::count(got[2], 0.0f)), 600, 80);
}

struct LossResult {
  Floats gradient, sum;
};

/// @param changed  with class weights and smoothed labels
LossResult loss_on(Backend& backend, LossKind kind, std::size_t samples, std::size_t outputs, bool changed) {
  const auto classes = static_cast<std::int32_t>(std::max<std::size_t>(outputs, 2));
  Buffer<float> y(backend, normal_numbers(samples * outputs, 7)), values(backend, normal_numbers(samples * outputs, 8));
  Buffer<float> weights(backend, normal_numbers(static_cast<std::size_t>(classes), 9));
  Indices truth = indices_below(classes, samples);
  for (std::size_t i = 3; i < samples; i += 5) truth[i] = -1;  // no label
  Buffer<std::int32_t> labels(backend, truth);
  Buffer<float> gradient(backend, samples * outputs), sum(backend, Floats{2.5f});
  const Targets targets{labels.data(), values.data(), changed ? weights.data() : nullptr,
                        changed ? 0.1f : 0.0f};
  const MatrixView<const float> view{y.data(), samples, outputs};
  backend.loss(kind, view, targets, 0.125f, {gradient.data(), samples, outputs}, sum.data());
  backend.loss(kind, view, targets, 0.125f, {}, sum.data());
  return {gradient.download(), sum.download()};
}

TEST_F(CudaAgreement, MeasuresEveryLoss) {
  using enum LossKind;
  for (const std::size_t samples : {1u, 128u, 129u, 700u})
    for (const LossKind kind : {CrossEntropy, BinaryCrossEntropy, Squared, Absolute, AbsolutePercentage})
      for (const bool changed : {false, true}) {
        SCOPED_TRACE(testing::Message() << samples << " samples, loss " << static_cast<int>(kind));
        const std::size_t outputs = kind == BinaryCrossEntropy ? 1 : samples == 128 ? 40 : 7;

        const LossResult got = loss_on(*cuda, kind, samples, outputs, changed);

        const LossResult wanted = loss_on(*cpu, kind, samples, outputs, changed);
        expect_agreement(got.gradient, wanted.gradient);
        expect_agreement(got.sum, wanted.sum);
        if (HasFatalFailure()) return;
      }
}

TEST_F(CudaAgreement, AddsNothingForNoSamples) {
  Buffer<float> sum(*cuda, Floats{3});

  cuda->loss(LossKind::Squared, {nullptr, 0, 4}, {}, 1, {}, sum.data());

  EXPECT_EQ(sum.download(), Floats{3});
}

TEST_F(CudaAgreement, PassesOnWhatIsNotANumber) {
  Buffer<float> y(*cuda, Floats{1, NAN, 2}), values(*cuda, Floats{0, 0, 0}), sum(*cuda, 1);
  Buffer<std::int32_t> labels(*cuda, Indices{0});

  for (const LossKind kind : {LossKind::Squared, LossKind::CrossEntropy}) {
    cuda->zero(sum.data(), 1);
    cuda->loss(kind, {y.data(), 1, 3}, {labels.data(), values.data(), nullptr}, 1, {}, sum.data());
    EXPECT_TRUE(std::isnan(sum.download()[0])) << "loss " << static_cast<int>(kind);
  }
}

std::vector<Floats> three_updates(Backend& backend, Update update, std::size_t count) {
  Buffer<float> parameters(backend, normal_numbers(count, 12)), gradients(backend, normal_numbers(count + 1, 13));
  Buffer<float> first(backend, count), second(backend, count), squares(backend, 1);
  backend.add_squares(gradients.data(), count, squares.data());
  update.squared_norm = squares.data();
  update.parameters = parameters.data();
  update.gradients = gradients.data() + update.nesterov;  // then not aligned
  update.first_moment = first.data();
  update.second_moment = update.kind == OptimizerKind::Sgd ? nullptr : second.data();
  update.count = count;
  for (update.step = 1; update.step <= 3; ++update.step) backend.update(update);
  return {parameters.download(), first.download(), second.download(), squares.download()};
}

TEST_F(CudaAgreement, UpdatesParametersWithEveryOptimizer) {
  using enum OptimizerKind;
  for (const std::size_t count : {1u, 256u, 1025u})
    for (const OptimizerKind kind : {Sgd, Adam, AdamW})
      for (const bool nesterov : {false, true}) {
        SCOPED_TRACE(testing::Message() << count << " numbers, optimizer " << static_cast<int>(kind));
        Update update{.kind = kind, .learning_rate = 0.05f, .momentum = 0.9f, .nesterov = nesterov};
        update.weight_decay = 0.01f;
        update.l1 = 0.02f;
        update.penalised = count / 2;
        update.clip = nesterov ? 0.5f : 0.0f;

        const std::vector<Floats> got = three_updates(*cuda, update, count);

        const std::vector<Floats> wanted = three_updates(*cpu, update, count);
        for (std::size_t part = 0; part < got.size(); ++part) expect_agreement(got[part], wanted[part]);
        if (HasFatalFailure()) return;
      }
}

}  // namespace
}  // namespace regatta::device

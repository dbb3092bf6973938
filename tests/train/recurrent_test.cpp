#include <cmath>
#include <stdexcept>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "regatta/device/buffer.hpp"
#include "regatta/train/network.hpp"

namespace regatta::train {
namespace {

using device::Activation;
using device::CellKind;
using device::Readout;
using Numbers = std::vector<double>;

constexpr std::size_t samples = 4, steps = 5;
const std::vector<std::int32_t> some_lengths{3, 5, 1, 4};

/// The same network in double precision, written step by step as the formulas of device::CellKind have it.
class StepByStep {
 public:
  StepByStep(const NetworkSpec& spec, bool padded) : spec_(spec), padded_(padded) {}

  /// Mean cross-entropy of all labels but those below 0.
  double mean_loss(const std::vector<float>& x, const std::vector<std::int32_t>& labels,
                   const Numbers& parameters) {
    const std::size_t inputs = x.size() / samples, per_sample = labels.size() / samples;
    double sum = 0, count = 0;
    for (std::size_t i = 0; i < samples; ++i) {
      length_ = padded_ ? static_cast<std::size_t>(some_lengths[i]) : steps;
      const auto first = x.begin() + static_cast<long>(i * inputs);
      const Numbers y = outputs({first, first + static_cast<long>(inputs)}, parameters);
      const std::size_t classes = y.size() / per_sample;
      for (std::size_t s = 0; s < per_sample; ++s) {
        const std::int32_t label = labels[i * per_sample + s];
        if (label < 0) continue;
        double total = 0;
        for (std::size_t c = 0; c < classes; ++c) total += std::exp(y[s * classes + c]);
        sum += std::log(total) - y[s * classes + static_cast<std::size_t>(label)];
        ++count;
      }
    }
    return sum / count;
  }

 private:
  Numbers outputs(Numbers y, const Numbers& parameters) {
    parameters_ = &parameters;
    weight_ = 0;
    bias_ = weight_count(spec_);
    for (const LayerSpec& layer : spec_.layers)
      y = std::visit([&](const auto& one) { return apply(one, y); }, layer);
    return y;
  }

  double weight(std::size_t i) const { return (*parameters_)[weight_ + i]; }
  double bias(std::size_t i) const { return (*parameters_)[bias_ + i]; }

  template <class Other>
  Numbers apply(const Other&, const Numbers&) {
    throw std::logic_error("no reference for this layer");
  }

  Numbers apply(const EmbeddingSpec& spec, const Numbers& tokens) {
    Numbers y;
    for (const double token : tokens)
      for (std::size_t j = 0; j < spec.width; ++j)
        y.push_back(weight(static_cast<std::size_t>(token) * spec.width + j));
    weight_ += spec.tokens * spec.width;
    return y;
  }

  Numbers apply(const DenseSpec& spec, const Numbers& x) {
    const std::size_t blocks = spec.per_step ? steps : 1, inputs = x.size() / blocks;
    Numbers y(blocks * spec.units);
    for (std::size_t b = 0; b < blocks; ++b)
      for (std::size_t j = 0; j < spec.units; ++j) {
        double z = bias(j);
        for (std::size_t i = 0; i < inputs; ++i) z += x[b * inputs + i] * weight(i * spec.units + j);
        y[b * spec.units + j] = spec.activation == Activation::Tanh ? std::tanh(z) : z;
      }
    weight_ += inputs * spec.units;
    bias_ += spec.units;
    return y;
  }

  Numbers apply(const RecurrentSpec& spec, const Numbers& x) {
    const std::size_t directions = spec.bidirectional ? 2 : 1, width = directions * spec.units;
    Numbers y(spec.readout == Readout::All ? steps * width : width);
    for (std::size_t d = 0; d < directions; ++d) {
      Numbers h(spec.units, 0.0), c(spec.units, 0.0);
      for (std::size_t k = 0; k < length_; ++k) {
        const std::size_t t = d == 0 ? k : length_ - 1 - k;
        advance(spec, x, t, h, c);
        for (std::size_t j = 0; j < spec.units; ++j) {
          const std::size_t place = d * spec.units + j;
          if (spec.readout == Readout::All) y[t * width + place] = h[j];
          if (spec.readout == Readout::Last) y[place] = h[j];
          if (spec.readout == Readout::Mean) y[place] += h[j] / static_cast<double>(length_);
        }
      }
      const std::size_t columns = device::gates_of(spec.kind) * spec.units;
      weight_ += (x.size() / steps + spec.units) * columns;
      bias_ += device::cell_biases(spec.kind, spec.units);
    }
    return y;
  }

  void advance(const RecurrentSpec& spec, const Numbers& x, std::size_t t, Numbers& h, Numbers& c) const {
    const std::size_t inputs = x.size() / steps, units = spec.units,
                      columns = device::gates_of(spec.kind) * units;
    const Numbers before = h;
    const auto sigmoid = [](double a) { return 1 / (1 + std::exp(-a)); };
    for (std::size_t j = 0; j < units; ++j) {
      const auto by_input = [&](std::size_t gate) {
        double a = bias(gate * units + j);
        for (std::size_t i = 0; i < inputs; ++i)
          a += x[t * inputs + i] * weight(i * columns + gate * units + j);
        return a;
      };
      const auto by_state = [&](std::size_t gate) {
        double a = 0;
        for (std::size_t i = 0; i < units; ++i)
          a += before[i] * weight((inputs + i) * columns + gate * units + j);
        return a;
      };
      const auto sum = [&](std::size_t gate) { return by_input(gate) + by_state(gate); };
      if (spec.kind == CellKind::Rnn) {
        h[j] = std::tanh(sum(0));
      } else if (spec.kind == CellKind::Gru) {
        const double r = sigmoid(sum(0)), z = sigmoid(sum(1));
        h[j] = (1 - z) * std::tanh(by_input(2) + r * (by_state(2) + bias(3 * units + j))) + z * before[j];
      } else {
        c[j] = sigmoid(sum(1)) * c[j] + sigmoid(sum(0)) * std::tanh(sum(2));
        h[j] = sigmoid(sum(3)) * std::tanh(c[j]);
      }
    }
  }

  const NetworkSpec& spec_;
  bool padded_;
  std::size_t length_ = steps;
  const Numbers* parameters_ = nullptr;
  std::size_t weight_ = 0, bias_ = 0;
};

/// Numbers or tokens, and labels: one per sample, or one per step with some left out.
struct Data {
  std::vector<float> x;
  std::vector<std::int32_t> labels;

  Data(const NetworkSpec& spec, std::size_t classes, bool per_step, bool padded) {
    Random random(3);
    const bool tokens = spec.input.size() == 1;
    for (std::size_t i = 0; i < samples * size_of(spec.input); ++i)
      x.push_back(static_cast<float>(tokens ? static_cast<double>(random.below(6)) : random.normal()));
    for (std::size_t i = 0; i < samples; ++i)
      for (std::size_t s = 0; s < (per_step ? steps : 1); ++s) {
        const bool padding = padded && per_step && static_cast<std::int32_t>(s) >= some_lengths[i];
        const bool none = padding || (per_step && (i + s) % 4 == 0);
        labels.push_back(none ? -1 : static_cast<std::int32_t>(random.below(classes)));
      }
  }
};

void expect_gradients(const NetworkSpec& spec, bool per_step, bool padded) {
  constexpr std::size_t classes = 3;
  const Data data(spec, classes, per_step, padded);
  const auto backend = device::make_cpu_backend();
  Network network(*backend, spec, samples, 17);
  std::vector<float> start = network.parameters().download();
  Random random(5);
  for (std::size_t i = network.weights(); i < start.size(); ++i)
    start[i] += static_cast<float>(0.3 * random.normal());
  backend->upload(start, const_cast<float*>(network.parameters().data()));
  device::Buffer<float> sum(*backend, 1);
  const auto labelled =
      static_cast<float>(std::ranges::count_if(data.labels, [](auto label) { return label >= 0; }));
  const std::size_t per_sample = data.labels.size() / samples;

  const auto y = network.forward({data.x.data(), samples, size_of(spec.input)}, 1, 0, samples,
                                 padded ? some_lengths.data() : nullptr);
  const device::MatrixView<const float> logits{y.data, samples * per_sample, classes};
  backend->loss(device::LossKind::CrossEntropy, logits, {data.labels.data()}, 1 / labelled,
                {network.output_gradient().data, logits.rows, classes}, sum.data());
  network.backward([](std::size_t) {});

  StepByStep reference(spec, padded);
  const std::vector<float> gradients = network.gradients().download();
  Numbers parameters(start.begin(), start.end());
  EXPECT_NEAR(sum.download()[0] / labelled, reference.mean_loss(data.x, data.labels, parameters), 1e-5);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double kept = parameters[i];
    parameters[i] = kept + 1e-6;
    const double above = reference.mean_loss(data.x, data.labels, parameters);
    parameters[i] = kept - 1e-6;
    const double difference = (above - reference.mean_loss(data.x, data.labels, parameters)) / 2e-6;
    parameters[i] = kept;
    ASSERT_NEAR(gradients[i], difference, 2e-5 * std::max(1.0, std::fabs(difference))) << "parameter " << i;
  }
}

class RecurrentGradient : public testing::TestWithParam<std::tuple<CellKind, bool, Readout, bool>> {};

TEST_P(RecurrentGradient, AgreesWithDifferencesOfADoublePrecisionNetwork) {
  const auto [kind, bidirectional, readout, padded] = GetParam();
  NetworkSpec spec{{steps, 2}, {RecurrentSpec{kind, 3, bidirectional, Readout::All}}};
  spec.layers.push_back(RecurrentSpec{kind, 4, bidirectional, readout});
  spec.layers.push_back(DenseSpec{3, Activation::Identity, 0, Init::Auto, readout == Readout::All});
  expect_gradients(spec, readout == Readout::All, padded);
}

INSTANTIATE_TEST_SUITE_P(All, RecurrentGradient,
                         testing::Combine(testing::Values(CellKind::Rnn, CellKind::Gru, CellKind::Lstm),
                                          testing::Bool(),
                                          testing::Values(Readout::All, Readout::Last, Readout::Mean),
                                          testing::Bool()));

TEST(EmbeddingGradient, AgreesWithDifferencesOfADoublePrecisionNetwork) {
  NetworkSpec spec{{steps}, {EmbeddingSpec{6, 3}, RecurrentSpec{CellKind::Gru, 4, true, Readout::All}}};
  spec.layers.push_back(DenseSpec{5, Activation::Tanh, 0, Init::Auto, true});
  spec.layers.push_back(DenseSpec{3, Activation::Identity, 0, Init::Auto, true});
  expect_gradients(spec, true, true);
  const NetworkSpec without{{steps}, {EmbeddingSpec{6, 3}, DenseSpec{3}}};
  expect_gradients(without, false, false);
}

TEST(RecurrentLayer, CountsItsParameters) {
  const RecurrentSpec lstm{CellKind::Lstm, 64}, gru{CellKind::Gru, 10, true};
  EXPECT_EQ(parameter_count({{50, 16}, {lstm, DenseSpec{1}}}), 16u * 256 + 64 * 256 + 256 + 65);
  EXPECT_EQ(parameter_count({{5, 3}, {gru}}), 2u * (3 * 30 + 10 * 30 + 40));
  EXPECT_EQ(parameter_count({{5}, {EmbeddingSpec{7, 3}}}), 21u);
}

TEST(RecurrentLayer, StartsWithOpenForgetGates) {
  const std::vector<float> start = initial_parameters({{4, 2}, {RecurrentSpec{CellKind::Lstm, 3, true}}}, 1);
  for (std::size_t d = 0; d < 2; ++d)
    for (std::size_t j = 0; j < 12; ++j)
      EXPECT_EQ(start[2 * (2 + 3) * 12 + d * 12 + j], j >= 3 && j < 6 ? 1.0f : 0.0f);
}

TEST(RecurrentLayer, DropsOutputsOnlyWhenTraining) {
  const auto backend = device::make_cpu_backend();
  RecurrentSpec lstm{CellKind::Lstm, 200, false, Readout::Last, 0.5f};
  Network network(*backend, {{3, 1}, {lstm}}, 1, 3);
  const std::vector<float> x{1, 2, 3};
  const auto output = [](device::MatrixView<const float> y) {
    return std::vector(y.data, y.data + y.columns);
  };

  const auto judged = output(network.forward({x.data(), 1, 3}));
  const auto trained = output(network.forward({x.data(), 1, 3}, 8, 0, 1));

  std::size_t dropped = 0;
  for (std::size_t j = 0; j < judged.size(); ++j) {
    dropped += trained[j] == 0;
    EXPECT_TRUE(trained[j] == 0 || std::fabs(trained[j] - 2 * judged[j]) < 1e-6);
  }
  EXPECT_NEAR(static_cast<double>(dropped), 100, 40);
}

TEST(RecurrentLayer, RefusesOtherSamplesThanSequences) {
  const auto backend = device::make_cpu_backend();
  const RecurrentSpec lstm{CellKind::Lstm, 4};
  EXPECT_THROW(Network(*backend, {{64}, {lstm}}, 1, 0), InvalidInput);
  EXPECT_THROW(Network(*backend, {{8, 8, 1}, {lstm}}, 1, 0), InvalidInput);
  EXPECT_THROW(Network(*backend, {{8, 8}, {RecurrentSpec{}}}, 1, 0), InvalidInput);
  EXPECT_THROW(Network(*backend, {{8, 8}, {EmbeddingSpec{4, 4}}}, 1, 0), InvalidInput);
  EXPECT_THROW(Network(*backend, {{8}, {DenseSpec{4, Activation::Relu, 0, Init::Auto, true}}}, 1, 0),
               InvalidInput);
}

}  // namespace
}  // namespace regatta::train

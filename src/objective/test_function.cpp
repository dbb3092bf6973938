#include "regatta/objective/test_function.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "regatta/core/error.hpp"
#include "regatta/core/random.hpp"
#include "regatta/core/text.hpp"

namespace regatta::objective {
namespace {

using std::numbers::pi;
using Point = std::span<const double>;

double square(double x) { return x * x; }

double sphere(Point x) {
  double sum = 0;
  for (const double xi : x) sum += xi * xi;
  return sum;
}

double branin(Point x) {
  const double parabola = x[1] - 5.1 / (4 * pi * pi) * square(x[0]) + 5 / pi * x[0] - 6;
  return square(parabola) + 10 * (1 - 1 / (8 * pi)) * std::cos(x[0]) + 10;
}

template <std::size_t d>
using Rows = std::array<std::array<double, d>, 4>;

/// Four Gaussian wells with the weights of Hartmann.
template <std::size_t d>
double hartmann(Point x, const Rows<d>& steepness, const Rows<d>& centre) {
  constexpr std::array<double, 4> weight = {1.0, 1.2, 3.0, 3.2};
  double sum = 0;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    double exponent = 0;
    for (std::size_t j = 0; j < d; ++j) exponent += steepness[i][j] * square(x[j] - centre[i][j]);
    sum += weight[i] * std::exp(-exponent);
  }
  return -sum;
}

double hartmann3(Point x) {
  static constexpr Rows<3> steepness = {{{3, 10, 30}, {0.1, 10, 35}, {3, 10, 30}, {0.1, 10, 35}}};
  static constexpr Rows<3> centre = {{{0.3689, 0.1170, 0.2673},
                                      {0.4699, 0.4387, 0.7470},
                                      {0.1091, 0.8732, 0.5547},
                                      {0.03815, 0.5743, 0.8828}}};
  return hartmann<3>(x, steepness, centre);
}

double hartmann6(Point x) {
  static constexpr Rows<6> steepness = {{{10, 3, 17, 3.5, 1.7, 8},
                                         {0.05, 10, 17, 0.1, 8, 14},
                                         {3, 3.5, 1.7, 10, 17, 8},
                                         {17, 8, 0.05, 10, 0.1, 14}}};
  static constexpr Rows<6> centre = {{{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                                      {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                                      {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                                      {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}}};
  return hartmann<6>(x, steepness, centre);
}

double ackley(Point x) {
  const auto d = static_cast<double>(x.size());
  double squares = 0, waves = 0;
  for (const double xi : x) {
    squares += xi * xi;
    waves += std::cos(2 * pi * xi);
  }
  return -20 * std::exp(-0.2 * std::sqrt(squares / d)) - std::exp(waves / d) + 20 + std::numbers::e;
}

double levy(Point x) {
  const auto w = [&](std::size_t i) { return 1 + (x[i] - 1) / 4; };
  double sum = square(std::sin(pi * w(0)));
  for (std::size_t i = 0; i + 1 < x.size(); ++i)
    sum += square(w(i) - 1) * (1 + 10 * square(std::sin(pi * w(i) + 1)));
  const double last = w(x.size() - 1);
  return sum + square(last - 1) * (1 + square(std::sin(2 * pi * last)));
}

double rosenbrock(Point x) {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i)
    sum += 100 * square(x[i + 1] - square(x[i])) + square(1 - x[i]);
  return sum;
}

/// One term of the sum, `index` from 1.
double michalewicz_term(double x, double index) {
  return -std::sin(x) * std::pow(square(std::sin(index * x * x / pi)), 10);
}

double michalewicz(Point x) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += michalewicz_term(x[i], static_cast<double>(i + 1));
  return sum;
}

double styblinski_tang(Point x) {
  double sum = 0;
  for (const double xi : x) sum += square(square(xi)) - 16 * square(xi) + 5 * xi;
  return sum / 2;
}

double rastrigin(Point x) {
  double sum = 10 * static_cast<double>(x.size());
  for (const double xi : x) sum += square(xi) - 10 * std::cos(2 * pi * xi);
  return sum;
}

/// Where a function with one valley in [low, high] has its minimum, to the square root of rounding.
template <class Function>
double golden_section(const Function& f, double low, double high) {
  constexpr double ratio = std::numbers::phi - 1;
  double a = high - ratio * (high - low), b = low + ratio * (high - low);
  for (int step = 0; step < 100; ++step) {
    if (f(a) < f(b)) {
      high = b;
      b = a;
      a = high - ratio * (high - low);
    } else {
      low = a;
      a = b;
      b = low + ratio * (high - low);
    }
  }
  return (low + high) / 2;
}

/// The sum is separable: each term has one valley between two zeros of its sine, and the deepest one counts.
std::vector<double> michalewicz_minimiser(int dimensions) {
  std::vector<double> minimiser;
  for (int i = 1; i <= dimensions; ++i) {
    const auto term = [&](double x) { return michalewicz_term(x, i); };
    double best = 0;
    for (int k = 0; k < i; ++k) {
      const double x = golden_section(term, pi * std::sqrt(k / static_cast<double>(i)),
                                      pi * std::sqrt((k + 1) / static_cast<double>(i)));
      if (term(x) < term(best)) best = x;
    }
    minimiser.push_back(best);
  }
  return minimiser;
}

template <int tenths>
std::vector<double> everywhere(int dimensions) {
  return std::vector<double>(static_cast<std::size_t>(dimensions), tenths / 10.0);
}

struct Entry {
  std::string name;
  double (*formula)(Point);
  int fixed_dimensions;  ///< 0: any from least_dimensions on
  int least_dimensions;
  double low, high;  ///< the same in each dimension, but for Branin's second
  std::vector<double> (*minimiser)(int dimensions);
};

const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = {
      {"branin", branin, 2, 2, -5, 10,
       [](int) {
         return std::vector<double>{pi, 2.275};
       }},
      {"hartmann3", hartmann3, 3, 3, 0, 1,
       [](int) {
         return std::vector<double>{0.11461433858967189, 0.555648849971857, 0.8525469535208658};
       }},
      {"hartmann6", hartmann6, 6, 6, 0, 1,
       [](int) {
         return std::vector<double>{0.20168951100670543, 0.15001069182345797, 0.4768739742218971,
                                    0.27533243049405604, 0.31165161660011326, 0.6573005340656203};
       }},
      {"sphere", sphere, 0, 1, -5.12, 5.12, everywhere<0>},
      {"ackley", ackley, 0, 1, -32.768, 32.768, everywhere<0>},
      {"levy", levy, 0, 1, -10, 10, everywhere<10>},
      {"rosenbrock", rosenbrock, 0, 2, -5, 10, everywhere<10>},
      {"michalewicz", michalewicz, 0, 1, 0, pi, michalewicz_minimiser},
      {"styblinski_tang", styblinski_tang, 0, 1, -5, 5,
       [](int d) { return std::vector<double>(static_cast<std::size_t>(d), -2.903534027771177); }},
      {"rastrigin", rastrigin, 0, 1, -5.12, 5.12, everywhere<0>},
  };
  return entries;
}

const Entry& entry_of(const std::string& name) {
  const auto found = std::ranges::find(table(), name, &Entry::name);
  require(found != table().end(), "unknown function '", name, "': expected one of ",
          join(TestFunction::names(), ", "), suggestion(name, TestFunction::names()));
  return *found;
}

}  // namespace

const std::vector<std::string>& TestFunction::names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const Entry& entry : table()) result.push_back(entry.name);
    return result;
  }();
  return names;
}

std::optional<int> TestFunction::fixed_dimensions(const std::string& name) {
  const int fixed = entry_of(name).fixed_dimensions;
  return fixed > 0 ? std::optional(fixed) : std::nullopt;
}

int TestFunction::least_dimensions(const std::string& name) { return entry_of(name).least_dimensions; }

TestFunction::TestFunction(const std::string& name, int dimensions, std::optional<std::uint64_t> shift) {
  const Entry& entry = entry_of(name);
  require(entry.fixed_dimensions == 0 || dimensions == entry.fixed_dimensions, name, " has ",
          entry.fixed_dimensions, " dimensions, got ", dimensions);
  require(dimensions >= entry.least_dimensions, name, " needs at least ", entry.least_dimensions,
          " dimensions, got ", dimensions);
  formula_ = entry.formula;
  low_.assign(static_cast<std::size_t>(dimensions), entry.low);
  high_.assign(static_cast<std::size_t>(dimensions), entry.high);
  if (name == "branin") low_[1] = 0, high_[1] = 15;
  minimiser_ = entry.minimiser(dimensions);
  minimum_ = formula_(minimiser_);
  if (shift) draw_shift(*shift);
}

double TestFunction::operator()(std::span<const double> x) const {
  require(x.size() == low_.size(), "the function has ", low_.size(), " dimensions, got a point of ",
          x.size());
  if (shift_.empty()) return formula_(x);
  std::vector<double> moved(x.begin(), x.end());
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] -= shift_[i];
  return formula_(moved);
}

void TestFunction::draw_shift(std::uint64_t seed) {
  Random random(seed, 0x7368);
  for (std::size_t i = 0; i < low_.size(); ++i) {
    const double width = high_[i] - low_[i];
    const double below =
        std::min(shift_range * width, std::max(0.0, minimiser_[i] - low_[i] - shift_margin * width));
    const double above =
        std::min(shift_range * width, std::max(0.0, high_[i] - minimiser_[i] - shift_margin * width));
    shift_.push_back(-below + random.uniform() * (below + above));
    minimiser_[i] += shift_[i];
  }
}

}  // namespace regatta::objective

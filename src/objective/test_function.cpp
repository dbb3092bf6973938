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

double goldstein_price(Point x) {
  const double s = x[0] + x[1], t = 2 * x[0] - 3 * x[1];
  return (1 + square(s + 1) * (19 - 14 * s + 3 * s * s)) * (30 + square(t) * (18 - 16 * t + 3 * t * t));
}

double log_goldstein_price(Point x) { return std::log(goldstein_price(x)); }

double six_hump_camel(Point x) {
  const double a = square(x[0]), b = square(x[1]);
  return (4 - 2.1 * a + a * a / 3) * a + x[0] * x[1] + (4 * b - 4) * b;
}

/// As De Ath et al. have it: the offset leaves 7e-5 at the minimum.
double log_six_hump_camel(Point x) { return std::log(six_hump_camel(x) + 1.0316 + 1e-4); }

/// A wide decoy at 0.1 and, ten times narrower, the minimum at 0.9.
double wang_freitas(Point x) {
  return -2 * std::exp(-square((x[0] - 0.1) / 0.1) / 2) - 4 * std::exp(-square((x[0] - 0.9) / 0.01) / 2);
}

double cosines(Point x) {
  double sum = -1;
  for (const double xi : x) sum += square(1.6 * xi - 0.5) - 0.3 * std::cos(3 * pi * (1.6 * xi - 0.5));
  return sum;
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

double mod_hartmann6(Point x) { return -std::log(-hartmann6(x)); }

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

double log_rosenbrock(Point x) { return std::log(rosenbrock(x) + 0.5); }

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

/// Forty per dimension makes the argument positive: 400 for the ten of De Ath et al.
double log_styblinski_tang(Point x) {
  return std::log(styblinski_tang(x) + 40 * static_cast<double>(x.size()));
}

/// The product of (|4x - 2| + a) / (1 + a) with a = 1.
double log_gsobol(Point x) {
  double sum = 0;
  for (const double xi : x) sum += std::log((std::abs(4 * xi - 2) + 1) / 2);
  return sum;
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

std::vector<double> styblinski_tang_minimiser(int dimensions) {
  return std::vector<double>(static_cast<std::size_t>(dimensions), -2.903534027771177);
}

std::vector<double> six_hump_camel_minimiser(int) { return {0.08984201310031806, -0.7126564030207396}; }

std::vector<double> goldstein_price_minimiser(int) { return {0, -1}; }

std::vector<double> hartmann6_minimiser(int) {
  return {0.20168951100670543, 0.15001069182345797, 0.4768739742218971,
          0.27533243049405604, 0.31165161660011326, 0.6573005340656203};
}

struct Entry {
  std::string name;
  double (*formula)(Point);
  int fixed_dimensions;  ///< 0: any from least_dimensions on
  int least_dimensions;
  double low, high;  ///< the same in each dimension, but for the second of Branin and of the camel
  std::vector<double> (*minimiser)(int dimensions);
};

const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = {
      {"branin", branin, 2, 2, -5, 10,
       [](int) {
         return std::vector<double>{pi, 2.275};
       }},
      {"goldstein_price", goldstein_price, 2, 2, -2, 2, goldstein_price_minimiser},
      {"log_goldstein_price", log_goldstein_price, 2, 2, -2, 2, goldstein_price_minimiser},
      {"six_hump_camel", six_hump_camel, 2, 2, -3, 3, six_hump_camel_minimiser},
      {"log_six_hump_camel", log_six_hump_camel, 2, 2, -3, 3, six_hump_camel_minimiser},
      {"wang_freitas", wang_freitas, 1, 1, 0, 1, everywhere<9>},
      {"cosines", cosines, 2, 2, 0, 5,
       [](int) {
         return std::vector<double>{0.3125, 0.3125};
       }},
      {"hartmann3", hartmann3, 3, 3, 0, 1,
       [](int) {
         return std::vector<double>{0.11461433858967189, 0.555648849971857, 0.8525469535208658};
       }},
      {"hartmann6", hartmann6, 6, 6, 0, 1, hartmann6_minimiser},
      {"mod_hartmann6", mod_hartmann6, 6, 6, 0, 1, hartmann6_minimiser},
      {"sphere", sphere, 0, 1, -5.12, 5.12, everywhere<0>},
      {"ackley", ackley, 0, 1, -32.768, 32.768, everywhere<0>},
      {"mixed_ackley", ackley, 8, 8, -5, 10, everywhere<0>},
      {"levy", levy, 0, 1, -10, 10, everywhere<10>},
      {"rosenbrock", rosenbrock, 0, 2, -5, 10, everywhere<10>},
      {"log_rosenbrock", log_rosenbrock, 0, 2, -5, 10, everywhere<10>},
      {"michalewicz", michalewicz, 0, 1, 0, pi, michalewicz_minimiser},
      {"styblinski_tang", styblinski_tang, 0, 1, -5, 5, styblinski_tang_minimiser},
      {"log_styblinski_tang", log_styblinski_tang, 0, 1, -5, 5, styblinski_tang_minimiser},
      {"log_gsobol", log_gsobol, 0, 1, -5, 5, everywhere<5>},
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

TestFunction::TestFunction(const std::string& name, int dimensions, std::optional<std::uint64_t> shift,
                           const Domain& domain) {
  const Entry& entry = entry_of(name);
  require(entry.fixed_dimensions == 0 || dimensions == entry.fixed_dimensions, name, " has ",
          entry.fixed_dimensions, " dimensions, got ", dimensions);
  require(dimensions >= entry.least_dimensions, name, " needs at least ", entry.least_dimensions,
          " dimensions, got ", dimensions);
  formula_ = entry.formula;
  low_.assign(static_cast<std::size_t>(dimensions), entry.low);
  high_.assign(static_cast<std::size_t>(dimensions), entry.high);
  kinds_.assign(static_cast<std::size_t>(dimensions), Kind::Real);
  if (name == "branin") low_[1] = 0, high_[1] = 15;
  if (name == "six_hump_camel" || name == "log_six_hump_camel") low_[1] = -2, high_[1] = 2;
  if (name == "mixed_ackley") kinds_ = mixed_kinds();
  minimiser_ = entry.minimiser(dimensions);
  minimum_ = formula_(minimiser_);
  restrict_to(domain, name);
  if (shift) draw_shift(*shift);
}

std::vector<TestFunction::Kind> TestFunction::mixed_kinds() {
  using enum Kind;
  return {Real, Real, Real, Whole, Whole, Code, Code, Code};
}

void TestFunction::restrict_to(const Domain& domain, const std::string& name) {
  // The sines of Michalewicz's function have deeper valleys elsewhere.
  const bool fenced = name == "michalewicz";
  for (std::size_t i = 0; i < low_.size(); ++i) {
    const double low = domain.low.value_or(low_[i]), high = domain.high.value_or(high_[i]);
    require(low < high, "low < high must hold, but got low = ", format_number(low),
            ", high = ", format_number(high));
    require(low <= minimiser_[i] && minimiser_[i] <= high, "the minimum of ", name, ", at ",
            format_number(minimiser_[i]), " in dimension ", i + 1,
            ", must lie between low = ", format_number(low), " and high = ", format_number(high));
    require(!fenced || (low >= low_[i] && high <= high_[i]), name,
            " has its minimum only within low = ", format_number(low_[i]),
            " and high = ", format_number(high_[i]));
    low_[i] = low;
    high_[i] = high;
    if (kinds_[i] == Kind::Code) low_[i] = 0, high_[i] = 8;
  }
}

std::string TestFunction::definition(int dimension) const {
  const double a = low(dimension), b = high(dimension);
  switch (kinds_[static_cast<std::size_t>(dimension)]) {
    case Kind::Whole:
      return concat("int(", format_number(std::ceil(a)), ", ", format_number(std::floor(b)), ")");
    case Kind::Code:
      return "choice(8, 1, 0, 4, 2)";
    default:
      return concat("uniform(", format_number(a), ", ", format_number(b), ")");
  }
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
    if (kinds_[i] != Kind::Real) {  // its few values must stay where the minimum is
      shift_.push_back(0);
      continue;
    }
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

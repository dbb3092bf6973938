#include "device/cpu/product.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "device/blas.hpp"
#include "regatta/core/random.hpp"
#include "regatta/device/devices.hpp"

namespace regatta::device {
namespace {

struct Operands {
  std::size_t rows, columns, depth;
  std::vector<float> a, b;

  Operands(std::size_t m, std::size_t n, std::size_t k) : rows(m), columns(n), depth(k), a(m * k), b(k * n) {
    Random random(m * 1000003 + n * 1009 + k);
    for (auto* values : {&a, &b})
      for (float& value : *values) value = static_cast<float>(random.uniform() - 0.5);
  }

  /// The same numbers, read as transposed operands where asked for.
  Product product(bool a_turned, bool b_turned, std::vector<float>& c) const {
    c.assign(rows * columns, -1.0f);
    return {a.data(),
            a_turned ? 1 : depth,
            a_turned ? rows : 1,
            b.data(),
            b_turned ? 1 : columns,
            b_turned ? depth : 1,
            c.data(),
            rows,
            columns,
            depth};
  }
};

double term(const Product& p, std::size_t i, std::size_t j) {
  double sum = 0;
  for (std::size_t k = 0; k < p.depth; ++k)
    sum += static_cast<double>(p.a[i * p.a_row + k * p.a_step]) *
           static_cast<double>(p.b[k * p.b_step + j * p.b_column]);
  return sum;
}

void expect_right(const Product& p) {
  for (std::size_t i = 0; i < p.rows; ++i)
    for (std::size_t j = 0; j < p.columns; ++j) {
      double wanted = term(p, i, j);
      if (p.bias) wanted = std::max<double>(p.least, wanted + static_cast<double>(p.bias[j]));
      ASSERT_NEAR(p.c[i * p.columns + j], wanted, 1e-5 * (1 + std::sqrt(static_cast<double>(p.depth))))
          << p.rows << "x" << p.columns << "x" << p.depth << " at " << i << ", " << j;
    }
}

/// The product by the loops for each instruction set of this processor.
void expect_right_loops(Product p, std::vector<float>& c) {
  std::vector<float> scratch;
  for (const Multiply loops : multiply_loops()) {
    std::ranges::fill(c, -1.0f);
    loops(p, scratch);
    ASSERT_NO_FATAL_FAILURE(expect_right(p));
  }
}

TEST(Product, MultipliesByHand) {
  const std::vector<float> a{1, 2, 3, 4, 5, 6}, b{1, -1, 0, 2, 1, 1};
  std::vector<float> c(4), scratch;

  multiply({a.data(), 3, 1, b.data(), 2, 1, c.data(), 2, 2, 3}, scratch);

  EXPECT_EQ(c, (std::vector<float>{4, 6, 10, 12}));
}

TEST(Product, IsRightForEveryShapeOfTileTranspositionAndProcessor) {
  std::vector<float> c;
  for (const std::size_t rows : {1, 2, 5, 7, 8, 9, 17})
    for (const std::size_t columns : {1, 10, 15, 16, 17, 31, 32, 33, 50, 64})
      for (const std::size_t depth : {1, 3, 40})
        for (const bool a_turned : {false, true})
          for (const bool b_turned : {false, true}) {
            const Operands operands(rows, columns, depth);
            ASSERT_NO_FATAL_FAILURE(expect_right_loops(operands.product(a_turned, b_turned, c), c));
          }
}

TEST(Product, CutsALongDepthAndPacksWhatLiesFarApart) {
  std::vector<float> c;
  for (const auto [rows, columns, depth] : {std::array<std::size_t, 3>{40, 70, 600}, {600, 130, 70}, {3, 1, 700}})
    for (const bool a_turned : {false, true})
      for (const bool b_turned : {false, true}) {
        const Operands operands(rows, columns, depth);
        ASSERT_NO_FATAL_FAILURE(expect_right_loops(operands.product(a_turned, b_turned, c), c));
      }
}

TEST(Product, AddsABiasAndRaisesToTheLeastValue) {
  std::vector<float> c, scratch;
  std::vector<float> bias(50);
  for (std::size_t j = 0; j < bias.size(); ++j) bias[j] = 0.1f * static_cast<float>(j % 7) - 0.3f;
  for (const std::size_t columns : {1, 10, 16, 50})
    for (const std::size_t depth : {1, 9, 600}) {
      const Operands operands(13, columns, depth);
      Product product = operands.product(false, false, c);
      product.bias = bias.data();
      ASSERT_NO_FATAL_FAILURE(expect_right_loops(product, c));
      product.least = 0;
      ASSERT_NO_FATAL_FAILURE(expect_right_loops(product, c));
    }
  const Operands large(300, 50, 1200);  // by the library, where there is one
  Product product = large.product(false, false, c);
  product.bias = bias.data();
  product.least = 0;
  multiply(product, scratch);
  expect_right(product);
}

TEST(Product, KeepsWhatIsNotANumber) {
  std::vector<float> c(20, 0.0f), a(20, std::nanf("")), b{1.0f};
  const std::vector<float> bias{0.5f};
  for (const std::size_t columns : {1, 20}) {
    const bool one = columns == 1;
    Product product{one ? a.data() : b.data(), 1, 1, one ? b.data() : a.data(), columns, 1, c.data(), one ? 20u : 1u,
                    columns, 1, one ? bias.data() : a.data(), 0};
    for (const Multiply loops : multiply_loops()) {
      std::vector<float> scratch;
      loops(product, scratch);
      EXPECT_THAT(c, testing::Each(testing::IsNan()));
    }
  }
}

TEST(Product, IsTheSameByLibraryAndByLoops) {
  if (!blas().sgemm) GTEST_SKIP() << "no OpenBLAS on this machine";
  const Operands operands(300, 290, 280);
  std::vector<float> by_loops, by_library, scratch;
  for (const bool a_turned : {false, true})
    for (const bool b_turned : {false, true}) {
      multiply_loops().front()(operands.product(a_turned, b_turned, by_loops), scratch);
      multiply(operands.product(a_turned, b_turned, by_library), scratch);
      for (std::size_t i = 0; i < by_loops.size(); ++i) ASSERT_NEAR(by_loops[i], by_library[i], 1e-4);
    }
}

TEST(Product, OfADepthOfNothingIsZero) {
  std::vector<float> c(6, 1.0f), scratch;
  multiply({nullptr, 0, 1, nullptr, 3, 1, c.data(), 2, 3, 0}, scratch);
  EXPECT_EQ(c, std::vector<float>(6, 0.0f));
}

TEST(Blas, NamesItsCore) {
  const std::string name = blas_name();
  if (blas().sgemm)
    EXPECT_THAT(name, testing::MatchesRegex("OpenBLAS [0-9.a-z]+ core [A-Za-z0-9]+"));
  else
    EXPECT_EQ(name, "none (plain loops)");
}

TEST(Blas, LeavesTheEnvironmentAsItWas) {
  const bool set_by_user = std::getenv("OPENBLAS_CORETYPE");
  blas();
  EXPECT_EQ(std::getenv("OPENBLAS_CORETYPE") != nullptr, set_by_user);
}

TEST(Blas, WarnsOfACoreThatIsOlderThanTheProcessor) {
  EXPECT_EQ(core_warning("SkylakeX", true, true), "");
  EXPECT_EQ(core_warning("Haswell", false, true), "");
  EXPECT_EQ(core_warning("Zen", false, true), "");
  EXPECT_EQ(core_warning("Prescott", false, false), "");
  EXPECT_THAT(core_warning("Prescott", true, true), testing::HasSubstr("up to 5 times slower"));
  EXPECT_THAT(core_warning("Haswell", true, true), testing::HasSubstr("set it to SkylakeX"));
  EXPECT_THAT(core_warning("Nehalem", false, true), testing::HasSubstr("set it to Haswell"));
}

}  // namespace
}  // namespace regatta::device

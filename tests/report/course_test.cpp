#include "regatta/report/course.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace regatta::report {
namespace {

search::TrialReported reported(double time, double value) {
  search::TrialReported event;
  event.time = time;
  event.value = value;
  return event;
}

TEST(Course, KnowsTheBestValueAtEveryTime) {
  Course course(true);
  for (const auto& [time, value] : {std::pair{1.0, 0.5}, {2.0, 0.4}, {3.0, std::nan("")}, {4.0, 0.9}})
    course.take(reported(time, value));
  course.take(search::JobEnded{});

  EXPECT_TRUE(std::isnan(course.at(0.5)));
  EXPECT_EQ(course.at(1), 0.5);
  EXPECT_EQ(course.at(3.9), 0.5);
  EXPECT_EQ(course.at(100), 0.9);
}

Setting setting(const std::string& name, std::vector<double> ends) {
  Setting result{name, {}};
  for (const double end : ends) {
    result.courses.emplace_back(false);
    result.courses.back().take(reported(1, 10));
    result.courses.back().take(reported(50, end));
  }
  return result;
}

TEST(Setting, HasQuantilesFromTheWorstToTheBest) {
  const Setting three = setting("three", {1, 2, 4});

  EXPECT_EQ(three.quantile(60, 0), 4);
  EXPECT_EQ(three.quantile(60, 0.5), 2);
  EXPECT_EQ(three.quantile(60, 0.75), 1.5);
  EXPECT_EQ(three.quantile(60, 1), 1);
  EXPECT_TRUE(std::isnan(three.quantile(0, 0.5)));
}

TEST(Comparison, PlotsEverySettingAndTellsItsMedians) {
  const std::vector<Setting> settings{setting("slow", {5, 6, 7}), setting("fast", {1, 2, 3})};

  const std::string text = comparison_text(settings, 100);

  EXPECT_NE(text.find("slow"), std::string::npos);
  EXPECT_NE(text.find("2 [2.5, 1.5]"), std::string::npos) << text;
  EXPECT_NE(text.find("|"), std::string::npos);
  EXPECT_NE(text.find("bbbb"), std::string::npos) << text;
}

}  // namespace
}  // namespace regatta::report

#include "regatta/report/tree.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "log/sample_study.hpp"
#include "regatta/report/html.hpp"
#include "regatta/report/report.hpp"
#include "regatta/search/tree_nodes.hpp"

namespace regatta::report {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// 60 completed trials that are the better the nearer the learning rate is to 1e-3, and one that runs.
log::Study study_of(const std::string& searcher) {
  search::StudyHeader header = log::sample_header();
  header.searcher = searcher;
  header.used_inputs = "[study]\nsplit = 5\n\n[search]\nalgorithm = " + searcher +
                       "  # command line\nsplit     = 12\nchildren  = 2  # default\n\n[log]\nsplit = 7\n";
  log::Study study(header);
  for (int i = 0; i <= 60; ++i) {
    const double rate = std::pow(10.0, -4 + 3 * std::fmod(i * 0.618034, 1.0));
    const double words = i % 2, momentum = words == 0 ? 0.5 : search::not_a_number;
    study.record(search::TrialCreated{
        {i}, search::Origin::Searcher, 1, 0, {}, 1000, {rate, 1.0 + i % 3, words, momentum}});
    study.record(search::TrialStarted{{i}, {0}, 0, 0, 0, 1000});
    if (i == 60) break;
    search::TrialEnded end;
    end.trial = {i};
    end.objective = 1 - 0.1 * std::abs(std::log10(rate) + 3);
    study.record(std::move(end));
  }
  return study;
}

TEST(Tree, ReadsItsOptionsFromTheInputsOfTheStudy) {
  const search::TreeOptions options = search::tree_options_in(study_of("ais").header.used_inputs);

  EXPECT_EQ(options.split, 12);
  EXPECT_EQ(options.children, 2);
  EXPECT_EQ(options.max_height, 40);
  EXPECT_EQ(search::tree_options_in("[search]\nsplit = auto\n").split, 0);
}

TEST(Tree, ListsNodesWithTheirCountsAndParts) {
  const log::Study study = study_of("ais");
  const auto nodes =
      tree_nodes(study.space, search::tree_options_in(study.header.used_inputs), study.history);

  ASSERT_GT(nodes.size(), 4u);
  EXPECT_EQ(nodes[0].part, "everything");
  EXPECT_EQ(nodes[0].visits, 60);
  EXPECT_EQ(nodes[0].in_flight, 1);
  EXPECT_EQ(nodes[0].value, study.history[study.history.incumbent().value()].objective);
  EXPECT_EQ(nodes[1].part, "momentum active");
  EXPECT_EQ(nodes[2].part, "momentum inactive");
  std::vector<std::int64_t> visits(nodes.size());
  std::vector<double> volume(nodes.size());
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const auto parent = static_cast<std::size_t>(nodes[i].parent);
    ASSERT_LT(parent, i);
    visits[parent] += nodes[i].visits;
    volume[parent] += nodes[i].volume;
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].children == 0) continue;
    EXPECT_EQ(visits[i], nodes[i].visits);
    EXPECT_NEAR(volume[i], nodes[i].volume, 1e-12);
  }
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Tree, SaysOfEachParameterOnceWhereAPlaceLies) {
  const log::Study study = study_of("ais");
  const auto nodes =
      tree_nodes(study.space, search::tree_options_in(study.header.used_inputs), study.history);

  EXPECT_EQ(nodes[0].place, "everything");
  EXPECT_EQ(nodes[1].place, "momentum active");
  std::size_t cut_twice = 0;
  for (const search::TreeNode& node : nodes) {
    for (const space::Parameter& parameter : study.space.parameters())
      EXPECT_LE(count(node.place, parameter.name), 1u) << node.place;
    cut_twice += node.place.find(" <= learning_rate < ") != std::string::npos ? 1 : 0;
  }
  EXPECT_GE(cut_twice, 1u);
}

TEST(Tree, IsShownInTheReport) {
  const std::string text = report_text(study_of("ais"));

  EXPECT_THAT(text, HasSubstr("the way to the best result"));
  EXPECT_THAT(text, HasSubstr("leaves where the optimum lies most probably"));
  EXPECT_THAT(text, HasSubstr("learning_rate"));
  EXPECT_THAT(text, HasSubstr("momentum active"));
  EXPECT_THAT(tree_text(study_of("ais"), 100), HasSubstr("everything"));
}

TEST(Tree, IsNotShownForOtherSearchers) {
  EXPECT_THAT(tree_text(study_of("sobol"), 100), IsEmpty());
  EXPECT_THAT(report_text(study_of("sobol")), Not(HasSubstr("the way to the best result")));
}

TEST(HtmlPage, DrawsTrialsParametersAndTree) {
  const log::Study study = study_of("ais");
  const auto nodes =
      tree_nodes(study.space, search::tree_options_in(study.header.used_inputs), study.history);

  const std::string page = html_page(study);

  EXPECT_EQ(count(page, "<svg"), 6u) << "one over time, four parameters, one tree";
  EXPECT_EQ(count(page, "</svg>"), 6u);
  EXPECT_EQ(count(page, "<circle"), 60u + 3 * 60 + 30) << "momentum is inactive in half of the trials";
  EXPECT_EQ(count(page, "<rect"), nodes.size());
  EXPECT_THAT(page, HasSubstr("learning_rate &lt; "));
  EXPECT_EQ(count(page, "learning_rate < "), 0u);
}

TEST(HtmlPage, DrawsNodesAsWideAsTheirShareOfTheResults) {
  const log::Study study = study_of("ais");
  const auto nodes =
      tree_nodes(study.space, search::tree_options_in(study.header.used_inputs), study.history);

  const std::string page = html_page(study);

  std::size_t at = 0;
  for (const search::TreeNode& node : nodes) {
    at = page.find("<rect", at + 1);
    ASSERT_NE(at, std::string::npos);
    const std::size_t width = page.find("width=\"", at) + 7;
    EXPECT_NEAR(std::stod(page.substr(width)), 980 * static_cast<double>(node.visits) / 60, 0.01)
        << node.part;
  }
}

TEST(HtmlPage, ShowsAStudyWithoutResults) {
  search::StudyHeader header = log::sample_header();
  header.name = "<b>&\"";

  const std::string page = html_page(log::Study(header));

  EXPECT_THAT(page, HasSubstr("<h1>&lt;b&gt;&amp;&quot;</h1>"));
  EXPECT_EQ(count(page, "<svg"), 0u);
}

}  // namespace
}  // namespace regatta::report

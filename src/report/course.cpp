#include "regatta/report/course.hpp"

#include <algorithm>
#include <cmath>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "regatta/report/table.hpp"

namespace regatta::report {
namespace {

constexpr std::size_t plot_width = 72, plot_height = 16;

std::string letter(std::size_t setting) { return std::string(1, static_cast<char>('a' + setting % 26)); }

double median_at(const Setting& setting, std::size_t column, double end) {
  return setting.quantile(end * static_cast<double>(column + 1) / plot_width, 0.5);
}

/// Least and largest median of the plot. The first twentieth of the time, where all courses fall steeply, is
/// left out.
std::pair<double, double> range_of(std::span<const Setting> settings, double end) {
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (const Setting& setting : settings)
    for (std::size_t column = plot_width / 20; column < plot_width; ++column)
      if (const double value = median_at(setting, column, end); std::isfinite(value)) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
  return {low, high};
}

std::string plot_text(std::span<const Setting> settings, double end) {
  const auto [low, high] = range_of(settings, end);
  if (!(low < high)) return "";
  std::vector<std::string> lines(plot_height, std::string(plot_width, ' '));
  for (std::size_t s = 0; s < settings.size(); ++s)
    for (std::size_t column = 0; column < plot_width; ++column) {
      const double place = (high - median_at(settings[s], column, end)) / (high - low);
      if (!(place >= 0 && place <= 1)) continue;
      lines[static_cast<std::size_t>(place * (plot_height - 1) + 0.5)][column] = letter(s)[0];
    }
  std::string text;
  for (std::size_t line = 0; line < plot_height; ++line) {
    std::string label = line == 0                 ? format_short(high, 5)
                        : line + 1 == plot_height ? format_short(low, 5)
                                                  : "";
    label.resize(12, ' ');
    text += "  " + label + "|" + lines[line] + "\n";
  }
  const std::string end_text = format_duration(end);
  return text + std::string(14, ' ') + "0" + std::string(plot_width - end_text.size(), ' ') + end_text + "\n";
}

}  // namespace

void Course::take(const search::Event& event) {
  const auto* report = std::get_if<search::TrialReported>(&event);
  if (!report || !std::isfinite(report->value)) return;
  const bool better = steps_.empty() || (maximize_ ? report->value > steps_.back().second
                                                   : report->value < steps_.back().second);
  if (better) steps_.emplace_back(report->time, report->value);
}

double Course::at(double time) const {
  const auto after = std::ranges::upper_bound(steps_, time, {}, &std::pair<double, double>::first);
  return after == steps_.begin() ? search::not_a_number : std::prev(after)->second;
}

double Setting::quantile(double time, double fraction) const {
  std::vector<double> values;
  for (const Course& course : courses)
    if (const double value = course.at(time); !std::isnan(value)) values.push_back(value);
  if (values.empty()) return search::not_a_number;
  std::ranges::sort(values);
  if (!courses.front().maximize()) std::ranges::reverse(values);
  const double place = fraction * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], place - static_cast<double>(below));
}

std::string comparison_text(std::span<const Setting> settings, double end) {
  Table table({{"", Align::Left},
               {"setting", Align::Left},
               {"5 %"},
               {"10 %"},
               {"25 %"},
               {"50 %"},
               {"100 % of the time"}});
  for (std::size_t s = 0; s < settings.size(); ++s) {
    std::vector<std::string> cells{letter(s), settings[s].name};
    for (const double part : {0.05, 0.1, 0.25, 0.5})
      cells.push_back(format_short(settings[s].quantile(part * end, 0.5), 4));
    cells.push_back(concat(format_short(settings[s].quantile(end, 0.5), 4), " [",
                           format_short(settings[s].quantile(end, 0.25), 4), ", ",
                           format_short(settings[s].quantile(end, 0.75), 4), "]"));
    table.add(std::move(cells));
  }
  return plot_text(settings, end) + table.text(140);
}

}  // namespace regatta::report

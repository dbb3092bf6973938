#include "plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"

namespace regatta::report {
namespace {

constexpr double left = 70, right = 10, top = 24, bottom = 24;  // margins [pixel]

std::string pixels(double value) { return format_short(value, 5); }

}  // namespace

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '&')
      result += "&amp;";
    else if (c == '"')
      result += "&quot;";
    else
      result += c;
  }
  return result;
}

std::string shade(double share) {
  constexpr std::array<std::array<double, 3>, 3> stops = {{{240, 215, 80}, {50, 150, 120}, {60, 30, 90}}};
  const double place = 2 * std::clamp(share, 0.0, 1.0);
  const std::size_t first = place < 1 ? 0 : 1;
  std::string colour = "rgb(";
  for (std::size_t c = 0; c < 3; ++c)
    colour += concat(c > 0 ? "," : "", std::lround(std::lerp(stops[first][c], stops[first + 1][c],
                                                             place - static_cast<double>(first))));
  return colour + ")";
}

double Range::place(double value) const { return std::clamp((value - low) / (high - low), 0.0, 1.0); }

Range range_of(std::vector<double> values, bool maximize) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return {};
  std::ranges::sort(values);
  const std::size_t left_out = values.size() / 4;
  Range range{values[maximize ? left_out : 0], values[values.size() - 1 - (maximize ? 0 : left_out)]};
  if (range.low == range.high) range = {range.low - 0.5, range.high + 0.5};
  return range;
}

double Plot::across(double x) const { return left + (width_ - left - right) * x_.place(x); }
double Plot::down(double y) const { return height_ - bottom - (height_ - top - bottom) * y_.place(y); }

void Plot::point(double x, double y, const std::string& colour, bool filled, const std::string& tip) {
  shapes_ +=
      concat("<circle cx=\"", pixels(across(x)), "\" cy=\"", pixels(down(y)), "\" r=\"3\" stroke=\"", colour,
             "\" fill=\"", filled ? colour : "none", "\"><title>", escaped(tip), "</title></circle>\n");
}

void Plot::steps(std::span<const std::pair<double, double>> points, const std::string& colour) {
  if (points.empty()) return;
  std::string path;
  for (const auto& [x, y] : points)
    path += concat(path.empty() ? concat("M", pixels(across(x)), " ") : concat("H", pixels(across(x)), " V"),
                   pixels(down(y)));
  shapes_ +=
      concat("<path d=\"", path, "H", pixels(width_ - right), "\" stroke=\"", colour, "\" fill=\"none\"/>\n");
}

std::string Plot::svg(const std::string& title, const std::string& x_low, const std::string& x_high) const {
  std::string text =
      concat("<svg width=\"", pixels(width_), "\" height=\"", pixels(height_), "\">\n<text x=\"",
             pixels(left), "\" y=\"14\" font-weight=\"bold\">", escaped(title), "</text>\n");
  for (const double share : {0.0, 0.5, 1.0}) {
    const double value = std::lerp(y_.low, y_.high, share);
    text += concat("<line x1=\"", pixels(left), "\" x2=\"", pixels(width_ - right), "\" y1=\"",
                   pixels(down(value)), "\" y2=\"", pixels(down(value)), "\" stroke=\"#ddd\"/><text x=\"",
                   pixels(left - 6), "\" y=\"", pixels(down(value) + 4), "\" text-anchor=\"end\">",
                   format_short(value, 4), "</text>\n");
  }
  text += shapes_;
  const std::string y = pixels(height_ - 6);
  return text + concat("<text x=\"", pixels(left), "\" y=\"", y, "\">", escaped(x_low), "</text><text x=\"",
                       pixels(width_ - right), "\" y=\"", y, "\" text-anchor=\"end\">", escaped(x_high),
                       "</text>\n</svg>\n");
}

}  // namespace regatta::report

#include <algorithm>
#include <cctype>
#include <cfloat>
#include <cmath>
#include <sstream>

#include "import_samples.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/text.hpp"
#include "regatta/train/import.hpp"

namespace regatta::train {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char letter) { return std::tolower(letter); });
  return text;
}

/// Series of one file, steps x channels after one another, each as long as it is.
class SequenceFile {
 public:
  explicit SequenceFile(const std::filesystem::path& file) : file_(file.string()) {
    std::istringstream text(read_file(file));
    bool data = false;
    for (std::string line; std::getline(text, line);) {
      ++line_;
      const std::string_view content = trim(line);
      if (content.empty() || content.starts_with('#')) continue;
      if (data)
        take_series(content);
      else
        data = take_tag(content);
    }
    require(data, file_, ": has no line @data");
    require(!lengths.empty(), file_, ": holds no series");
    require(classification_ != regression_, file_, ": needs either @classLabel true or @targetLabel true");
  }

  std::size_t longest() const { return static_cast<std::size_t>(std::ranges::max(lengths)); }
  const std::string& name() const { return file_; }

  /// Rows of `steps` steps, zeros behind their ends.
  RawSamples padded(std::size_t steps) const {
    RawSamples samples{lengths.size(), {}, labels, values, steps, {}};
    samples.x.reserve(lengths.size() * steps * channels);
    auto from = numbers.begin();
    std::size_t row = 0;
    for (const std::int32_t length : lengths) {
      const std::ptrdiff_t count = length * static_cast<std::ptrdiff_t>(channels);
      samples.x.insert(samples.x.end(), from, from + count);
      samples.x.resize(++row * steps * channels);
      from += count;
    }
    if (std::ranges::min(lengths) < static_cast<std::int32_t>(steps)) samples.lengths = lengths;
    return samples;
  }

  std::size_t channels = 0;
  std::vector<std::string> class_names;
  std::vector<std::int32_t> lengths, labels;
  std::vector<double> numbers, values;

 private:
  template <class... Parts>
  void expect(bool condition, const Parts&... rule) const {
    require(condition, file_, ":", line_, ": ", rule...);
  }

  /// @return whether the series begin
  bool take_tag(std::string_view line) {
    std::istringstream words{std::string(line)};
    std::string tag, value;
    words >> tag >> value;
    tag = lower(tag);
    expect(tag.starts_with('@'), "expected a line that begins with @, got '", line.substr(0, 40), "'");
    const bool set = parse_bool(lower(value)).value_or(false);
    expect(tag != "@timestamps" || !set, "series with time stamps are not read");
    expect(tag != "@missing" || !set, "series with missing numbers are not read");
    if (tag == "@targetlabel") regression_ = set;
    if (tag == "@classlabel" && set) {
      classification_ = true;
      for (std::string name; words >> name;) class_names.push_back(name);
      expect(class_names.size() >= 2, "@classLabel names ", class_names.size(),
             " classes, expected at least 2");
    }
    return tag == "@data";
  }

  /// "channel:channel:...:label", a channel being "number,number,...".
  void take_series(std::string_view line) {
    std::vector<std::string> parts = split(line, ':');
    expect(parts.size() >= 2, "expected channels and a label, with colons between them");
    take_label(parts.back());
    parts.pop_back();
    if (lengths.empty()) channels = parts.size();
    expect(parts.size() == channels, "has ", parts.size(), " channels, the first series has ", channels);
    const auto steps = static_cast<std::size_t>(std::ranges::count(parts.front(), ',')) + 1;
    const std::size_t first = numbers.size();
    numbers.resize(first + steps * channels);
    for (std::size_t channel = 0; channel < channels; ++channel) {
      const std::vector<std::string> steps_of_channel = split(parts[channel], ',');
      expect(steps_of_channel.size() == steps, "channel ", channel + 1, " has ", steps_of_channel.size(),
             " steps, channel 1 has ", steps);
      for (std::size_t step = 0; step < steps; ++step)
        numbers[first + step * channels + channel] = number(steps_of_channel[step]);
    }
    lengths.push_back(static_cast<std::int32_t>(steps));
  }

  void take_label(const std::string& text) {
    if (regression_) {
      values.push_back(number(text));
      return;
    }
    const auto found = std::ranges::find(class_names, text);
    expect(found != class_names.end(), "label '", text,
           "' is not one of @classLabel: ", join(class_names, ", "), suggestion(text, class_names));
    labels.push_back(static_cast<std::int32_t>(found - class_names.begin()));
  }

  double number(const std::string& text) const {
    const auto value = parse_number(text);
    expect(value && std::abs(*value) <= static_cast<double>(FLT_MAX), "expected a number such as 1.5, got '",
           text, "'");
    return *value;
  }

  std::string file_;
  int line_ = 0;
  bool classification_ = false, regression_ = false;
};

}  // namespace

TableSet import_sequences(const SequenceOptions& options) {
  const SequenceFile file(options.file);
  TableSet data;
  std::size_t steps = file.longest();
  RawSamples test;
  if (!options.test_file.empty()) {
    const SequenceFile other(options.test_file);
    require(other.channels == file.channels, other.name(), ": its series have ", other.channels,
            " channels, those of ", file.name(), " have ", file.channels);
    require(other.class_names == file.class_names, other.name(), ": its classes are not those of ",
            file.name());
    steps = std::max(steps, other.longest());
    test = other.padded(steps);
  }
  data.shape = {steps, file.channels};
  data.classes = file.class_names.size();
  data.outputs = file.class_names.empty() ? 1 : 0;
  data.class_names = file.class_names;
  split_and_scale(file.padded(steps), test, options, options.scale_targets, data);
  check_dataset(data);
  return data;
}

}  // namespace regatta::train

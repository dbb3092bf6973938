#include "enqueued.hpp"

#include <fstream>

#include "regatta/core/json.hpp"

namespace regatta::run {

EnqueuedTrials::EnqueuedTrials(std::filesystem::path directory, space::Space space)
    : file_(std::move(directory) / "enqueue.jsonl"), space_(std::move(space)) {}

std::vector<space::Config> EnqueuedTrials::take(std::vector<std::string>& complaints) {
  std::vector<space::Config> configs;
  std::error_code absent;
  if (std::filesystem::file_size(file_, absent) <= read_bytes_ || absent) return configs;
  std::ifstream stream(file_, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(read_bytes_));
  for (std::string line; std::getline(stream, line) && !stream.eof();) {  // a line without its end is still being written
    read_bytes_ += line.size() + 1;
    try {
      configs.push_back(read(line));
    } catch (const std::exception& error) {
      complaints.push_back(concat("an enqueued trial is left out: ", error.what()));
    }
  }
  return configs;
}

space::Config EnqueuedTrials::read(const std::string& line) const {
  std::vector<std::pair<std::string, std::string>> values;
  const Json trial = Json::parse(line);
  for (const auto& [name, value] : trial.items())
    values.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  return space_.read(values);
}

}  // namespace regatta::run

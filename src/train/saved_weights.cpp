#include "regatta/train/saved_weights.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataset_file.hpp"
#include "leader_problem.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "regatta/h5/file.hpp"

namespace regatta::train {
namespace {

constexpr const char *layers_path = "/layers", *parameters_path = "/parameters", *statistics_path = "/statistics";
constexpr std::size_t columns = 3;  ///< of /layers

/// What the leader of a node tells the others beforehand.
struct Head : LeaderProblem {
  std::uint64_t layers;
};

ParameterCounts sum_of(const std::vector<ParameterCounts>& layers) {
  ParameterCounts sum;
  for (const ParameterCounts& layer : layers) sum += layer;
  return sum;
}

std::vector<ParameterCounts> counts_of(std::span<const std::int64_t> table) {
  std::vector<ParameterCounts> layers;
  for (std::size_t at = 0; at < table.size(); at += columns)
    layers.push_back({static_cast<std::size_t>(table[at]), static_cast<std::size_t>(table[at + 1]),
                      static_cast<std::size_t>(table[at + 2])});
  return layers;
}

void check_count(const h5::File& source, std::string_view path, std::size_t count, const std::filesystem::path& file) {
  const std::vector<std::size_t> found = source.exists(path) ? source.shape(path) : std::vector<std::size_t>{0};
  require(found == std::vector{count}, file.string(), ": ", path, " must hold as many numbers as ", layers_path,
          " says, ", count, ", in one dimension");
}

std::vector<ParameterCounts> read_counts(const h5::File& source, const std::filesystem::path& file) {
  const std::vector<std::size_t> shape = source.shape(layers_path);
  require(shape.size() == 2 && shape[0] > 0 && shape[1] == columns, file.string(), ": ", layers_path,
          " must have a row of ", columns, " counts for each layer: weights, biases, statistics");
  const std::vector<std::int64_t> table = source.read_integers(layers_path);
  constexpr std::int64_t most = std::int64_t{1} << 40;
  for (const std::int64_t count : table)
    require(count >= 0 && count <= most, file.string(), ": ", layers_path, " holds ", count, ", expected counts");
  std::vector<ParameterCounts> layers = counts_of(table);
  const ParameterCounts all = sum_of(layers);
  check_count(source, parameters_path, all.weights + all.biases, file);
  check_count(source, statistics_path, all.statistics, file);
  return layers;
}

void read_numbers(const h5::File& source, std::string_view path, std::span<float> numbers,
                  const std::filesystem::path& file) {
  if (numbers.empty()) return;
  source.read_rows(path, 0, numbers.size(), numbers);
  check_finite(numbers, 1, concat(file.string(), ": ", path));
}

template <class T>
std::span<T> shared(comm::NodeMemory& memory, std::size_t count) {
  return {reinterpret_cast<T*>(memory.allocate(memory.leader() ? count * sizeof(T) : 0).data()), count};
}

}  // namespace

std::vector<ParameterCounts> inspect_weights(const std::filesystem::path& file) {
  return read_counts(h5::File::open(file), file);
}

SavedWeights load_weights(const std::filesystem::path& file, comm::NodeMemory& memory) {
  std::optional<h5::File> source;
  std::vector<ParameterCounts> found;
  Head& head = shared<Head>(memory, 1).front();
  if (memory.leader()) try {
      source.emplace(h5::File::open(file));
      found = read_counts(*source, file);
      head.layers = found.size();
    } catch (const std::exception& error) {
      head.note(error);
    }
  memory.publish();
  head.rethrow();

  SavedWeights weights;
  const auto layers = shared<ParameterCounts>(memory, head.layers);
  if (memory.leader()) std::ranges::copy(found, layers.begin());
  memory.publish();
  weights.layers.assign(layers.begin(), layers.end());
  const ParameterCounts all = sum_of(weights.layers);
  const auto numbers = shared<float>(memory, all.weights + all.biases + all.statistics);
  const auto parameters = numbers.first(all.weights + all.biases), statistics = numbers.last(all.statistics);
  if (memory.leader()) try {
      read_numbers(*source, parameters_path, parameters, file);
      read_numbers(*source, statistics_path, statistics, file);
    } catch (const std::exception& error) {
      head.note(error);
    }
  memory.publish();
  head.rethrow();
  weights.parameters = parameters;
  weights.statistics = statistics;
  return weights;
}

void write_weights(const std::filesystem::path& file, const SavedWeights& weights) {
  std::vector<std::int64_t> table;
  for (const ParameterCounts& layer : weights.layers)
    for (const std::size_t count : {layer.weights, layer.biases, layer.statistics})
      table.push_back(static_cast<std::int64_t>(count));
  const std::filesystem::path temporary = temporary_name(file);
  h5::File out = h5::File::create(temporary);
  out.write(layers_path, table, std::array{weights.layers.size(), columns});
  out.write(parameters_path, weights.parameters);
  if (!weights.statistics.empty()) out.write(statistics_path, weights.statistics);
  out.set_attribute("/", "regatta_weights", "1");
  out.close();
  commit_file(temporary, file);
}

}  // namespace regatta::train

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "regatta/core/random.hpp"
#include "regatta/train/dataset.hpp"

namespace regatta::train {

/// Data made by a formula, and the views that a Dataset wants.
struct Samples {
  std::size_t features = 0, classes = 0, outputs = 0;
  Table train, valid, test;
  std::size_t tokens = 0, labels_per_sample = 1;

  Dataset dataset() const {
    Dataset data;
    data.features = features;
    data.classes = classes;
    data.outputs = outputs;
    data.tokens = tokens;
    data.labels_per_sample = labels_per_sample;
    data.train = view(train);
    data.valid = view(valid);
    data.test = view(test);
    return data;
  }

 private:
  Split view(const Table& table) const {
    return {table.x.size() / features, table.x, table.labels, table.values, table.lengths};
  }
};

/// Classes as overlapping clouds around random centres.
inline Samples clouds(std::size_t rows, std::size_t features, std::size_t classes, double spread = 0.5) {
  Samples samples{features, classes, 0, {}, {}, {}};
  Random random(11);
  std::vector<double> centres(classes * features);
  for (double& centre : centres) centre = random.normal();
  for (Table* table : {&samples.train, &samples.valid, &samples.test})
    for (std::size_t i = 0; i < rows; ++i) {
      const auto label = static_cast<std::size_t>(random.below(classes));
      table->labels.push_back(static_cast<std::int32_t>(label));
      for (std::size_t j = 0; j < features; ++j)
        table->x.push_back(static_cast<float>(centres[label * features + j] + spread * random.normal()));
    }
  return samples;
}

/// y = a linear function of x, plus noise.
inline Samples line(std::size_t rows, std::size_t features, std::size_t outputs, double noise) {
  Samples samples{features, 0, outputs, {}, {}, {}};
  Random random(12);
  for (Table* table : {&samples.train, &samples.valid, &samples.test})
    for (std::size_t i = 0; i < rows; ++i) {
      std::vector<double> y(outputs, 1.0);
      for (std::size_t j = 0; j < features; ++j) {
        const double x = random.normal();
        table->x.push_back(static_cast<float>(x));
        for (std::size_t o = 0; o < outputs; ++o) y[o] += x * (0.5 + static_cast<double>((j + o) % 3));
      }
      for (const double value : y)
        table->values.push_back(static_cast<float>(value + noise * random.normal()));
    }
  return samples;
}

}  // namespace regatta::train

#include "local_models.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "model_fit.hpp"
#include "order.hpp"

namespace regatta::search {
namespace {

constexpr double refit_growth = 1.25;

/// Results that a model is made of, in the unit that models know.
struct Data {
  std::vector<double> features, losses;

  device::Block<const double> points(std::size_t columns) const {
    return {features.data(), losses.size(), columns, columns};
  }
};

/// The place among `results`, which ascend, of the one with the least loss of those that lie in a leaf; 0
/// where none does.
std::size_t best_inside(const RegionTree& tree, std::size_t leaf, const std::vector<std::size_t>& results) {
  std::size_t best = results.size();
  for (std::size_t i = 0; i < results.size(); ++i)
    if (std::ranges::binary_search(tree.nodes()[leaf].members, results[i]) &&
        (best == results.size() || tree.losses()[results[i]] < tree.losses()[results[best]]))
      best = i;
  return best < results.size() ? best : 0;
}

/// Those of the first `count` results that are nearest to the best one of a leaf, in their order.
Data data_around(const space::Space& space, const Embedding& embedding, const RegionTree& tree,
                 std::size_t leaf, std::size_t count) {
  std::vector<std::size_t> near = tree.around(leaf, LocalModels::most_results, count);
  std::ranges::sort(near);
  const std::size_t d = embedding.features();
  std::vector<double> features(near.size() * d), distances(near.size());
  for (std::size_t i = 0; i < near.size(); ++i)
    embedding.embed(config_at(space, tree.places()[near[i]]), {features.data() + i * d, d});
  const std::size_t best = best_inside(tree, leaf, near);
  for (std::size_t i = 0; i < near.size(); ++i)
    for (std::size_t c = 0; c < d; ++c)
      distances[i] += std::pow(features[i * d + c] - features[best * d + c], 2);
  std::vector<std::size_t> chosen = ascending(distances);
  chosen.resize(std::min(chosen.size(), LocalModels::most_results));
  std::ranges::sort(chosen);
  Data data;
  for (const std::size_t i : chosen) {
    data.losses.push_back(tree.losses()[near[i]]);
    data.features.insert(data.features.end(), features.begin() + static_cast<std::ptrdiff_t>(i * d),
                         features.begin() + static_cast<std::ptrdiff_t>((i + 1) * d));
  }
  return data;
}

std::vector<double> transformed(const OutputTransform& transform, const std::vector<double>& losses) {
  std::vector<double> values;
  for (const double loss : losses) values.push_back(transform(loss));
  return values;
}

}  // namespace

const Hyperparameters& LocalModels::fitted(const space::Space& space, const RegionTree& tree,
                                           std::size_t leaf, std::size_t kind) {
  const std::vector<std::size_t>& members = tree.nodes()[leaf].members;
  std::size_t step = tree.nodes()[leaf].born;
  for (std::size_t next = step; next <= members.size();
       next = static_cast<std::size_t>(std::ceil(refit_growth * static_cast<double>(next + 1))))
    step = next;
  Fit& fit = fits_[leaf][kind];
  const bool made = fit.members == step && !fit.parameters.log_lengthscales.empty();
  if (made && std::exchange(fit.changes, tree.changes()) == tree.changes()) return fit.parameters;
  const std::size_t known = step == 0 ? 0 : members[step - 1] + 1;
  const Data data = data_around(space, embedding_, tree, leaf, known);
  if (made && data.losses == fit.losses) return fit.parameters;
  const OutputTransform transform(OutputTransform::Kind::HalfRank, data.losses);
  const std::vector<double> values = transformed(transform, data.losses);
  FitSetting setting{kernels[kind], &embedding_.groups(), options_.noise == "learnt", {}};
  if (kind > 0) setting.previous = fitted(space, tree, leaf, 0);
  fit = {step, tree.changes(), data.losses,
         fit_hyperparameters(setting, {data.points(embedding_.features()), values, {}})};
  return fit.parameters;
}

LocalModels::LocalModel LocalModels::model_of(const space::Space& space, const RegionTree& tree,
                                              std::size_t leaf, double uniform) {
  const auto kind = static_cast<std::size_t>(uniform * static_cast<double>(kernels.size()));
  LocalModel local;
  Surrogate::Model& model = local.model;
  model.kernel = kernels[kind];
  model.kind = OutputTransform::Kind::HalfRank;
  model.parameters = fitted(space, tree, leaf, kind);
  const Data data = data_around(space, embedding_, tree, leaf, tree.size());
  model.transform = OutputTransform(model.kind, data.losses);
  model.values = transformed(model.transform, data.losses);
  model.process.emplace(model.kernel, embedding_.groups(), model.parameters);
  model.process->set_points(data.points(embedding_.features()));
  model.process->set_values(model.values);
  const std::vector<double> latent = model.process->latent_values();
  model.best = static_cast<std::size_t>(std::ranges::min_element(latent) - latent.begin());
  model.incumbent = std::min(latent[model.best], model.transform(tree.best()));
  const auto centre = data.features.begin() + static_cast<std::ptrdiff_t>(model.best * embedding_.features());
  local.centre.assign(centre, centre + static_cast<std::ptrdiff_t>(embedding_.features()));
  return local;
}

}  // namespace regatta::search

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

/// The results of a leaf and those nearest to it among the first `count` of all.
Data data_around(const space::Space& space, const Embedding& embedding, const RegionTree& tree,
                 std::size_t leaf, std::size_t count) {
  const Part& part = tree.nodes()[leaf].part;
  const std::vector<std::size_t> near = tree.around(leaf, LocalModels::most_results, count);
  std::vector<double> distances;
  for (const std::size_t result : near) distances.push_back(part.squared_distance(tree.places()[result]));
  std::vector<std::size_t> chosen;
  for (const std::size_t i : ascending(distances)) chosen.push_back(near[i]);
  chosen.resize(std::min(chosen.size(), LocalModels::most_results));
  std::ranges::sort(chosen);
  Data data;
  data.features.resize(chosen.size() * embedding.features());
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    data.losses.push_back(tree.losses()[chosen[i]]);
    embedding.embed(config_at(space, tree.places()[chosen[i]]),
                    {data.features.data() + i * embedding.features(), embedding.features()});
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
                                           std::size_t leaf) {
  const std::vector<std::size_t>& members = tree.nodes()[leaf].members;
  std::size_t step = tree.nodes()[leaf].born;
  for (std::size_t next = step; next <= members.size();
       next = static_cast<std::size_t>(std::ceil(refit_growth * static_cast<double>(next + 1))))
    step = next;
  Fit& fit = fits_[leaf];
  const bool made = fit.members == step && !fit.parameters.log_lengthscales.empty();
  if (made && std::exchange(fit.changes, tree.changes()) == tree.changes()) return fit.parameters;
  const std::size_t known = step == 0 ? 0 : members[step - 1] + 1;
  const Data data = data_around(space, embedding_, tree, leaf, known);
  if (made && data.losses == fit.losses) return fit.parameters;
  const OutputTransform transform(OutputTransform::Kind::HalfRank, data.losses);
  const std::vector<double> values = transformed(transform, data.losses);
  const FitSetting setting{KernelKind::Matern52, &embedding_.groups(), options_.noise == "learnt", {}};
  fit = {step, tree.changes(), data.losses,
         fit_hyperparameters(setting, {data.points(embedding_.features()), values, {}})};
  return fit.parameters;
}

LocalModels::LocalModel LocalModels::model_of(const space::Space& space, const RegionTree& tree,
                                              std::size_t leaf) {
  LocalModel local;
  Surrogate::Model& model = local.model;
  model.kind = OutputTransform::Kind::HalfRank;
  model.parameters = fitted(space, tree, leaf);
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

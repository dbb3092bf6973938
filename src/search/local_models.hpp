#pragma once

#include <array>
#include <unordered_map>
#include <vector>

#include "region_tree.hpp"
#include "surrogate.hpp"

namespace regatta::search {

/// Gaussian processes of the results around the best one of a leaf of a tree, so that a proposal costs the
/// same however many results there are. A leaf has one of each kind, which proposals take by chance: what one
/// kernel does not see another one may.
///
/// Hyperparameters are fitted anew when a leaf has grown by a quarter, to what was known then, and when
/// losses that they come from have changed: a model is a function of the results in their order.
class LocalModels {
 public:
  static constexpr std::size_t most_results = 192;

  LocalModels(const Embedding& embedding, const BayesianOptions& options)
      : embedding_(embedding), options_(options) {}

  struct LocalModel {
    Surrogate::Model model;
    std::vector<double> centre;  ///< features of its best result
  };
  /// A model of a leaf; its incumbent is the best loss of the whole tree.
  /// @param uniform  in [0, 1): which one
  LocalModel model_of(const space::Space& space, const RegionTree& tree, std::size_t leaf, double uniform);
  void clear() { fits_.clear(); }

 private:
  struct Fit {
    std::size_t members = 0;     ///< of the leaf, when it was made
    std::size_t changes = 0;     ///< of losses in the tree that it knows
    std::vector<double> losses;  ///< that it was made from
    Hyperparameters parameters;
  };
  static constexpr std::array kernels{KernelKind::Matern52, KernelKind::Rbf};

  const Hyperparameters& fitted(const space::Space& space, const RegionTree& tree, std::size_t leaf,
                                std::size_t kind);

  const Embedding& embedding_;
  const BayesianOptions& options_;
  std::unordered_map<std::size_t, std::array<Fit, kernels.size()>> fits_;  ///< by leaf and kernel
};

}  // namespace regatta::search

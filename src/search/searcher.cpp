#include "regatta/search/searcher.hpp"

#include <algorithm>

#include "ais_searcher.hpp"
#include "bayesian_searcher.hpp"
#include "grid_searcher.hpp"
#include "listed_searcher.hpp"
#include "random_searcher.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/plugin.hpp"
#include "regatta/core/text.hpp"
#include "sobol_searcher.hpp"
#include "tpe_searcher.hpp"

namespace regatta::search {
namespace {

struct Entry {
  std::string name;
  std::unique_ptr<Searcher> (*make)(const SearcherOptions&, const space::Space&);
};

template <class Kind>
std::unique_ptr<Searcher> make(const SearcherOptions& options, const space::Space& space) {
  return std::make_unique<Kind>(options, space);
}

std::unique_ptr<Searcher> mobster(const SearcherOptions& options, const space::Space& space) {
  SearcherOptions aligned = options;
  aligned.bayesian.align_epochs = true;
  return std::make_unique<BayesianSearcher>(aligned, space);
}

/// Every searcher, the default first.
const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = {
      {"sobol", make<SobolSearcher>}, {"random", make<RandomSearcher>},
      {"grid", make<GridSearcher>},   {"bo", make<BayesianSearcher>},
      {"ais", make<AisSearcher>},     {"tpe", make<TpeSearcher>},
      {"bohb", make<TpeSearcher>},    {"mobster", mobster},
  };
  return entries;
}

std::unique_ptr<Searcher> made_by_plugin(const SearcherOptions& options, const space::Space& space) {
  const auto make =
      reinterpret_cast<SearcherFactory*>(plugin_function(options.plugin, "regatta_make_searcher"));
  std::unique_ptr<Searcher> searcher(make(options, space));
  require(searcher != nullptr, "the plugin ", options.plugin.string(), " makes no searcher");
  return searcher;
}

}  // namespace

const std::vector<std::string>& searcher_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> result;
    for (const Entry& entry : table()) result.push_back(entry.name);
    return result;
  }();
  return names;
}

std::unique_ptr<Searcher> make_searcher(const SearcherOptions& options, const space::Space& space) {
  if (!options.plugin.empty()) return made_by_plugin(options, space);
  const auto found = std::ranges::find(table(), options.algorithm, &Entry::name);
  require(found != table().end(), "unknown search algorithm '", options.algorithm, "': expected one of ",
          join(searcher_names(), ", "), suggestion(options.algorithm, searcher_names()));
  auto searcher = found->make(options, space);
  if (options.listed.empty()) return searcher;
  return std::make_unique<ListedSearcher>(std::move(searcher), space, options.listed);
}

}  // namespace regatta::search

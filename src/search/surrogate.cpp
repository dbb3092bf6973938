#include "surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernel.hpp"
#include "model_fit.hpp"
#include "order.hpp"
#include "valleys.hpp"

namespace regatta::search {
namespace {

using device::Block;

constexpr std::size_t host_limit = 1000, device_limit = 10000;  // results that exact models see
constexpr double kept = 0.6;               // part of those that stays, around the best one, beyond that
constexpr double refit_growth = 0.05;      // results since the last refit, as a part of all
constexpr std::size_t late = 100;          // results from which on
constexpr double late_refit_growth = 0.2;  // refits are this far apart, and hopeless models are given up
constexpr std::size_t dense_refits = 20;   // below as many results, each is followed by a refit
constexpr double idle_weight = 0.03;       // models below it rest until the next review
constexpr double light_weight = 0.1;       // models below it are not fitted again by late refits
constexpr double hopeless_weight = 0.01;   // models below it at a late review are given up
constexpr double review_growth =
    1.3;  // results at a review of all models, as a multiple of those at the last one
constexpr int weighing_rounds = 100;
constexpr double doubt = 15;                // results' worth of the prior weights
constexpr double worst_density = -1e3;      // [nat]; one surprise must not decide alone
constexpr double largest_loss = 1e150;      // squares stay finite
constexpr double largest_deviation = 1e50;  // of the noise of a transformed loss
constexpr double additive_budget = 1e7;   // pairs of results times parameters that additive kernels may cost
constexpr double results_per_shape = 10;  // and parameter, before a warp is tried
constexpr std::size_t samples = 3;        // of the hyperparameters of a kernel and a transform in an ensemble
constexpr std::uint64_t sample_stream = 0x6c61706c;
constexpr std::size_t most_valleys = 4, least_rest = 5;  // that are left; results outside of one that is
constexpr double again =
    1.25;  // results when valleys are left anew, as a multiple of those when the first one was
constexpr std::size_t local_groups = 8;  // parameters from which on trust regions keep to valleys
constexpr double vote_radius = 0.15;     // of trials on the feasibility of others, times sqrt(parameters)

/// Before any result: the usual model first, additive ones only where the results speak for them.
double prior_weight(const Surrogate::Model& model) {
  using Kind = OutputTransform::Kind;
  const double by_kind = model.kind == Kind::Standard ? 3 : model.kind == Kind::LogSharp ? 1 : 2;
  const double by_kernel = is_additive(model.kernel) ? 0.25 : model.kernel == KernelKind::Matern52 ? 4 : 2;
  const double by_warp = model.warped ? 0.1 : 1;
  return by_kind * by_kernel * by_warp;
}

bool same_family(const Surrogate::Model& a, const Surrogate::Model& b) {
  return a.kernel == b.kernel && a.kind == b.kind && a.warped == b.warped;
}

bool same_outcome(const Outcome& a, const Outcome& b) {
  const bool same_value = a.value == b.value || (std::isnan(a.value) && std::isnan(b.value));
  return a.trial == b.trial && a.state == b.state && a.epoch == b.epoch && same_value;
}

}  // namespace

Surrogate::Surrogate(const space::Space& space, const BayesianOptions& options)
    : space_(space),
      options_(options),
      solver_(options.device == "cuda" ? device::make_cuda_evidence_solver(0) : nullptr),
      embedding_(space),
      feasibility_(
          embedding_.features(),
          vote_radius * std::sqrt(static_cast<double>(std::max<std::size_t>(1, embedding_.groups().groups)))),
      costs_(embedding_.features()) {
  if (options.align_epochs) offsets_.emplace();
}

std::size_t Surrogate::exact_limit() const { return solver_ ? device_limit : host_limit; }

void Surrogate::reset() {
  seen_.clear();
  if (offsets_) offsets_->clear();
  places_.clear();
  known_.clear();
  all_ = {};
  feasibility_.clear();
  costs_.clear();
  active_ = {};
  active_places_.clear();
  models_.clear();
  next_fit_ = reviewed_ = 0;
  return_to_valley();
}

void Surrogate::update(const History& history) {
  const auto& outcomes = history.outcomes();
  const bool goes_on = seen_.size() <= outcomes.size() &&
                       std::equal(seen_.begin(), seen_.end(), outcomes.begin(), same_outcome);
  if (!goes_on) reset();
  for (std::size_t i = seen_.size(); i < outcomes.size(); ++i) take(history, outcomes[i]);
  for (Surrogate* part = this; part; part = part->rest()) part->set_losses(history.maximize());
}

void Surrogate::take(const History& history, const Outcome& outcome) {
  seen_.push_back(outcome);
  if (outcome.state == TrialState::Cancelled || outcome.reason == Reason::Lost) return;
  if (offsets_) offsets_->take(history, outcome);
  const bool failed = outcome.state == TrialState::Failed || !std::isfinite(outcome.value);
  const auto found = places_.find(outcome.trial);
  if (found == places_.end() && !append(history, outcome, failed)) return;
  const std::size_t place = places_.at(outcome.trial), d = embedding_.features();
  if (found != places_.end() && failed) feasibility_.add({all_.features.data() + place * d, d}, true);
  known_[place] = {outcome.value, outcome.epoch, failed};
  all_.deviations[place] = std::isfinite(outcome.standard_error) ? std::max(0.0, outcome.standard_error) : 0;
  const bool is_new = found == places_.end(), few = all_.losses.size() <= exact_limit();
  if (is_new) activate(place);
  const bool refit = is_new && active_.losses.size() >= next_fit_;
  if (few || refit) set_losses(history.maximize());
  if (refit && active_.losses.size() > exact_limit()) choose_active();
  if (refit) learn();
  if (!few) return return_to_valley();
  if (rest_) pass_on(history, outcome, place);
  if (!rest_) leave_valley(history);
}

/// A result outside of the valley that was left. When the last of all surrogates has nothing to do, valleys
/// are left anew: what is known now tells them apart better.
void Surrogate::pass_on(const History& history, const Outcome& outcome, std::size_t place) {
  const std::size_t d = embedding_.features();
  if (rest_->places_.contains(outcome.trial) || !in_left_valley({all_.features.data() + place * d, d}))
    rest_->take(history, outcome);
  const Surrogate* last = rest_.get();
  while (last->rest_) last = last->rest_.get();
  const double n = static_cast<double>(active_.losses.size());
  if (depth_ == 0 && last->spent_ && n > again * static_cast<double>(left_at_)) return_to_valley();
}

void Surrogate::return_to_valley() {
  rest_.reset();
  spent_ = false;
}

/// Gives the results outside of the valley of the best one a surrogate of their own, if that valley is
/// exhausted.
void Surrogate::leave_valley(const History& history) {
  spent_ = false;
  if (depth_ == most_valleys || models_.empty() || options_.explore == 0 || constant()) return;
  if (embedding_.continuous().empty() || embedding_.groups().groups >= local_groups) return;
  if (all_.losses.size() < dense_refits) return;
  Model& model = most_likely();
  if (!Valleys(*this, model).stagnant(options_.explore)) return;
  bottom_ = model.best;
  left_at_ = active_.losses.size();
  rest_ = std::make_unique<Surrogate>(space_, options_);
  rest_->depth_ = depth_ + 1;
  rest_->next_fit_ = std::numeric_limits<std::size_t>::max();  // once all results are there
  const std::size_t d = embedding_.features();
  for (const Outcome& outcome : seen_) {
    const auto place = places_.find(outcome.trial);
    if (place == places_.end() || !in_left_valley({all_.features.data() + place->second * d, d}))
      rest_->take(history, outcome);
  }
  rest_->set_losses(history.maximize());
  spent_ = rest_->size() < least_rest || rest_->constant();
  spent_ ? rest_.reset() : rest_->learn();
}

Surrogate::Model& Surrogate::most_likely() {
  Model& model = *std::ranges::max_element(models_, {}, &Model::weight);
  condition(model);
  return model;
}

bool Surrogate::in_left_valley(std::span<const double> features) {
  const std::size_t d = features.size();
  const Model& model = most_likely();
  const double mean = model.process->predict_mean({features.data(), 1, d, d}).front();
  return !Valleys(*this, model).hill_between(features, mean, bottom_);
}

double Surrogate::least_loss() const { return *std::ranges::min_element(active_.losses); }

/// A trial's first outcome; whether it counts.
bool Surrogate::append(const History& history, const Outcome& outcome, bool failed) {
  const Config& config = history[outcome.trial].config;
  std::vector<double> features(embedding_.features());
  embedding_.embed(config, features);
  feasibility_.add(features, failed);
  if (outcome.epoch > 0 && outcome.seconds > 0) costs_.add(features, outcome.seconds / outcome.epoch);
  if (failed && known_.empty()) return false;
  places_[outcome.trial] = known_.size();
  known_.emplace_back();
  all_.losses.push_back(0);
  all_.deviations.push_back(0);
  all_.units.push_back(space_.encode(config));
  all_.features.insert(all_.features.end(), features.begin(), features.end());
  return true;
}

/// A failed trial is as bad as the worst result before it: without a value there, its neighbourhood would
/// stay promising.
void Surrogate::set_losses(bool maximize) {
  const auto loss_of = [&](const auto& known) {
    const double value = maximize ? -known.value : known.value;
    const double loss = offsets_ ? value - offsets_->fall_from(known.epoch) : value;
    return std::clamp(loss, -largest_loss, largest_loss);
  };
  // Trials that failed after a report are as bad as the worst result until then, or as the first one.
  const auto first = std::ranges::find_if(known_, [](const auto& known) { return !known.failed; });
  double worst = first == known_.end() ? 0 : loss_of(*first);
  for (std::size_t i = 0; i < known_.size(); ++i) {
    all_.losses[i] = known_[i].failed ? worst : loss_of(known_[i]);
    worst = std::max(worst, all_.losses[i]);
  }
  bool changed = false;
  for (std::size_t i = 0; i < active_places_.size(); ++i) {
    const double loss = all_.losses[active_places_[i]];
    changed = changed || active_.losses[i] != loss;
    active_.losses[i] = loss;
  }
  if (changed)
    for (Model& model : models_) model.values.clear();
}

void Surrogate::activate(std::size_t result) {
  const std::size_t d = embedding_.features();
  active_places_.push_back(result);
  active_.losses.push_back(all_.losses[result]);
  active_.deviations.push_back(all_.deviations[result]);
  active_.units.push_back(all_.units[result]);
  const auto features = all_.features.begin() + static_cast<std::ptrdiff_t>(result * d);
  active_.features.insert(active_.features.end(), features, features + static_cast<std::ptrdiff_t>(d));
}

/// The results nearest to the best one, in the order of the results.
void Surrogate::choose_active() {
  const std::size_t d = embedding_.features();
  const auto best = static_cast<std::size_t>(std::ranges::min_element(all_.losses) - all_.losses.begin());
  std::vector<double> distance(all_.losses.size());
  for (std::size_t i = 0; i < distance.size(); ++i)
    for (std::size_t c = 0; c < d; ++c)
      distance[i] += std::pow(all_.features[i * d + c] - all_.features[best * d + c], 2);
  std::vector<std::size_t> order = ascending(distance);
  order.resize(static_cast<std::size_t>(kept * static_cast<double>(exact_limit())));
  std::ranges::sort(order);
  active_ = {};
  active_places_.clear();
  for (const std::size_t i : order) activate(i);
}

bool Surrogate::constant() const {
  return std::ranges::all_of(active_.losses, [&](double loss) { return loss == active_.losses.front(); });
}

Block<const double> Surrogate::points() const {
  return {active_.features.data(), active_.losses.size(), embedding_.features(), embedding_.features()};
}

std::vector<Surrogate::Model> Surrogate::first_models() const {
  using Kind = OutputTransform::Kind;
  std::vector<KernelKind> kernels{KernelKind::Matern52, KernelKind::Rbf, KernelKind::AdditiveMatern52,
                                  KernelKind::AdditiveRbf};
  if (options_.fit == "ensemble") kernels = {KernelKind::Matern52, KernelKind::Rbf};
  if (options_.kernel == "matern52") kernels = {KernelKind::Matern52};
  if (options_.kernel == "rbf") kernels = {KernelKind::Rbf};
  if (options_.kernel == "additive") kernels = {KernelKind::AdditiveMatern52, KernelKind::AdditiveRbf};
  if (embedding_.groups().groups < 2) std::erase_if(kernels, is_additive);
  if (kernels.empty()) kernels = {KernelKind::Matern52};
  std::vector<Kind> kinds{Kind::Standard, Kind::HalfRank, Kind::Log, Kind::LogSharp};
  if (options_.transform == "standard") kinds = {Kind::Standard};
  if (options_.transform == "half_rank") kinds = {Kind::HalfRank};
  if (options_.transform == "log") kinds = {Kind::Log, Kind::LogSharp};
  if (options_.transform == "none") kinds = {Kind::None};
  const bool warped = options_.warp == "true" && !embedding_.groups().lines.empty();
  std::vector<Model> models;
  for (const KernelKind kernel : kernels)
    for (const Kind kind : kinds)
      for (std::size_t sample = 0; sample <= (options_.fit == "ensemble" ? samples : 0); ++sample)
        models.push_back({.kernel = kernel, .kind = kind, .warped = warped, .sample = sample});
  return models;
}

void Surrogate::learn() {
  const std::size_t count = active_.losses.size();
  const double n = static_cast<double>(count);
  const std::size_t lines = embedding_.groups().lines.size();
  next_fit_ =
      count < dense_refits
          ? count + 1
          : static_cast<std::size_t>(std::ceil(n * (1 + (count < late ? refit_growth : late_refit_growth))));
  if (models_.empty()) models_ = first_models();
  const bool review = count < dense_refits || n > review_growth * static_cast<double>(reviewed_);
  // Additive models may have had all the weight: they go when every model that stays is judged anew.
  if (review && n * n * static_cast<double>(embedding_.groups().groups) > additive_budget) drop_additive();
  if (review && options_.warp == "auto" && n >= results_per_shape * static_cast<double>(lines)) add_warped();
  if (review) reviewed_ = count;
  const Model* mode = nullptr;  // a family comes and goes as one, its mode first
  for (Model& model : models_) {
    model.densities.clear();
    const bool idle = model.family_weight < idle_weight;
    if (!review && idle) continue;
    const std::vector<double> values = transformed(model), noise = noise_of(model);
    if (model.sample == 0) {
      // Late, a model that rests is only judged: it is fitted again once that has given it weight.
      if (count < late || model.family_weight >= light_weight || model.fitted == 0) fit(model, values, noise);
      mode = &model;
    } else {
      model.parameters = mode->samples[model.sample - 1];
    }
    judge(model, values, noise);
  }
  weigh();
  if (count >= late && review) give_up_hopeless();
}

/// Gives the best model without a warp one with a warp beside it, where there is none yet.
void Surrogate::add_warped() {
  const auto best = std::ranges::max_element(
      models_, {}, [](const Model& model) { return model.warped ? -1 : model.family_weight; });
  const std::size_t lines = embedding_.groups().lines.size();
  const bool there = std::ranges::any_of(models_, [&](const Model& model) {
    return model.warped && model.kernel == best->kernel && model.kind == best->kind;
  });
  if (there || best->warped || best->fitted == 0 || lines == 0 || options_.fit == "ensemble") return;
  Model twin{.kernel = best->kernel, .kind = best->kind, .warped = true};
  twin.parameters = best->parameters;
  twin.parameters.log_shapes.assign(2 * lines, 0.0);
  twin.fitted = best->fitted;
  models_.push_back(std::move(twin));
}

void Surrogate::give_up_hopeless() {
  std::erase_if(models_, [](const Model& model) { return model.family_weight < hopeless_weight; });
  double sum = 0;
  for (const Model& model : models_) sum += model.weight;
  for (Model& model : models_) model.weight /= sum;
}

void Surrogate::drop_additive() {
  const auto additive = [](const Model& model) { return is_additive(model.kernel); };
  if (!std::ranges::all_of(models_, additive)) std::erase_if(models_, additive);
}

void Surrogate::fit(Model& model, const std::vector<double>& values, const std::vector<double>& noise) const {
  const Observations observations{points(), values, noise};
  FitSetting setting{model.kernel, &embedding_.groups(), options_.noise == "learnt", {}};
  setting.warped = model.warped;
  setting.solver = solver_.get();
  if (model.fitted > 0) setting.previous = model.parameters;
  if (options_.fit == "cma") setting.method = FitMethod::Evolution;
  model.parameters = fit_hyperparameters(setting, observations);
  model.fitted = active_.losses.size();
  if (options_.fit != "ensemble") return;
  const auto family = static_cast<std::uint64_t>(model.kernel) * 16 + static_cast<std::uint64_t>(model.kind);
  Random random(derive_seed(sample_stream, model.fitted), family);
  model.samples = sample_hyperparameters(setting, observations, model.parameters, samples, random);
}

std::vector<double> Surrogate::transformed(Model& model) const {
  model.transform = OutputTransform(model.kind, active_.losses);
  std::vector<double> values;
  for (const double loss : active_.losses) values.push_back(model.transform(loss));
  return values;
}

/// Known variances of the transformed losses, by the slope of the transform.
std::vector<double> Surrogate::noise_of(const Model& model) const {
  std::vector<double> noise;
  for (std::size_t i = 0; i < active_.losses.size(); ++i) {
    const bool told = options_.noise == "fixed" && options_.noise_deviation > 0;
    const double known = told ? options_.noise_deviation : active_.deviations[i];
    const bool exact = options_.noise == "exact" || known == 0;  // the slope may be infinite
    const double deviation = exact ? 0 : known * std::exp(model.transform.log_slope(active_.losses[i]));
    noise.push_back(std::pow(std::min(deviation, largest_deviation), 2));
  }
  return noise;
}

void Surrogate::judge(Model& model, const std::vector<double>& values,
                      const std::vector<double>& noise) const {
  model.process.emplace(model.kernel, embedding_.groups(), model.parameters);
  model.process->set_points(points(), noise, solver_.get());
  model.process->set_values(values);
  model.values.clear();
  const std::vector<double> density = model.process->leave_one_out();
  std::vector<double> sorted = active_.losses;
  std::ranges::sort(sorted);
  const double median = sorted[(sorted.size() - 1) / 2];
  model.densities.clear();
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (active_.losses[i] <= median)
      model.densities.push_back(
          std::max(worst_density, density[i] + model.transform.log_slope(active_.losses[i])));
}

/// Stacking of predictive distributions (Yao et al. 2018, Bayesian Analysis 13, 917-1003): the weights under
/// which the mixture of the models predicts best what each has not seen, by expectation maximisation.
void Surrogate::weigh() {
  std::vector<Model*> judged;
  for (Model& model : models_) {
    model.weight = 0;
    if (!model.densities.empty()) judged.push_back(&model);
  }
  const std::size_t k = judged.size(), count = judged.front()->densities.size();
  std::vector<double> likelihood(count * k), prior(k);
  for (std::size_t j = 0; j < k; ++j) prior[j] = prior_weight(*judged[j]);
  const double sum_of_priors = std::accumulate(prior.begin(), prior.end(), 0.0);
  for (double& weight : prior) weight /= sum_of_priors;
  for (std::size_t i = 0; i < count; ++i) {
    double top = -std::numeric_limits<double>::infinity();
    for (const Model* model : judged) top = std::max(top, model->densities[i]);
    for (std::size_t j = 0; j < k; ++j) likelihood[i * k + j] = std::exp(judged[j]->densities[i] - top);
  }
  std::vector<double> weights = prior, next(k);
  for (int round = 0; round < weighing_rounds; ++round) {
    for (std::size_t j = 0; j < k; ++j) next[j] = doubt * prior[j];
    for (std::size_t i = 0; i < count; ++i) {
      const double* row = likelihood.data() + i * k;
      const double sum = std::inner_product(row, row + k, weights.begin(), 0.0);
      for (std::size_t j = 0; j < k; ++j) next[j] += weights[j] * row[j] / sum;
    }
    for (std::size_t j = 0; j < k; ++j) weights[j] = next[j] / (static_cast<double>(count) + doubt);
  }
  for (std::size_t j = 0; j < k; ++j) judged[j]->weight = weights[j];
  weigh_families();
}

void Surrogate::weigh_families() {
  for (Model& model : models_) {
    model.family_weight = 0;
    for (const Model& other : models_)
      if (same_family(other, model)) model.family_weight += other.weight;
  }
}

Surrogate::Model& Surrogate::draw(double uniform) {
  std::size_t chosen = 0;
  for (double sum = models_[0].weight; sum <= uniform && chosen + 1 < models_.size();
       sum += models_[chosen].weight)
    ++chosen;
  condition(models_[chosen]);
  return models_[chosen];
}

std::vector<Surrogate::Model*> Surrogate::weighed() {
  std::vector<Model*> some;
  for (Model& model : models_) {
    if (model.weight < idle_weight) continue;
    condition(model);
    some.push_back(&model);
  }
  return some;
}

std::vector<Surrogate::Model*> Surrogate::companions(const Model& model) {
  std::vector<Model*> others;
  for (Model& other : models_) {
    if (&other == &model || !same_family(other, model) || other.weight == 0) continue;
    condition(other);
    others.push_back(&other);
  }
  return others;
}

void Surrogate::condition(Model& model) const {
  if (model.values.size() == active_.losses.size()) return;
  const std::size_t d = embedding_.features(), known = model.process->size();
  model.values = transformed(model);
  const std::vector<double> noise = noise_of(model);
  for (std::size_t i = known; i < active_.losses.size(); ++i)
    model.process->append({active_.features.data() + i * d, d}, noise[i]);
  model.process->set_values(model.values);
  const std::vector<double> latent = model.process->latent_values();
  model.best = static_cast<std::size_t>(std::ranges::min_element(latent) - latent.begin());
  model.incumbent = latent[model.best];
}

}  // namespace regatta::search

#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "regatta/plugin.h"

/// Plug-ins in C++, above the C interface: header only, no library to link. Exceptions become failed trials.
///
/// Direct control is a class that is told what to do (Direct); cooperative control a function that trains and
/// asks now and then (Session). An adapter makes the second look like the first, so both can be paused and
/// gone on with.
namespace regatta::plugin {

/// Thrown by a trial to fail with a reason of its own; any other exception is regatta_failed.
struct Failure : std::runtime_error {
  Failure(regatta_result why, const std::string& text) : std::runtime_error(text), result(why) {}
  regatta_result result;
};

/// The active hyperparameters of a trial by name.
class Params {
 public:
  Params(const regatta_parameter* parameters, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const regatta_parameter& each = parameters[i];
      values_[each.name] = {each.kind, each.integer, each.real, each.text};
    }
  }

  bool has(const std::string& name) const { return values_.count(name) > 0; }
  /// @throws Failure  there is no active parameter of that name, or it is of another kind
  double real(const std::string& name) const { return find(name, false).real; }
  std::int64_t integer(const std::string& name) const { return find(name, true).integer; }
  std::string text(const std::string& name) const { return find(name).text; }

 private:
  struct Value {
    std::int32_t kind = 0;
    std::int64_t integer = 0;
    double real = 0;
    std::string text;
  };
  const Value& find(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw Failure(regatta_invalid, "there is no parameter '" + name + "'");
    return found->second;
  }
  const Value& find(const std::string& name, bool whole) const {
    const Value& value = find(name);
    if (value.kind == regatta_text || (whole && value.kind != regatta_integer))
      throw Failure(regatta_invalid, "parameter '" + name + "' is no " + (whole ? "whole number" : "number"));
    return value;
  }
  std::map<std::string, Value> values_;
};

/// What a trial is started with.
struct Trial {
  explicit Trial(const regatta_trial& trial)
      : number(trial.number),
        attempt(trial.attempt),
        seed(trial.seed),
        epochs(trial.epochs),
        rank(trial.rank),
        ranks(trial.ranks),
        communicator(trial.communicator),
        directory(trial.directory ? trial.directory : ""),
        params(trial.parameters, trial.parameter_count) {}

  std::int32_t number, attempt;
  std::uint64_t seed;
  std::int32_t epochs;
  std::int32_t rank, ranks;
  void* communicator;     ///< MPI_Comm* of the team; null for a team of one
  std::string directory;  ///< for files of this trial, in the run directory that all nodes share; made by who needs it
  Params params;
};

/// What a trial has reached.
struct Reached {
  double value = 0;
  bool finished = false;             ///< this was the last report
  std::vector<double> metrics = {};  ///< in the order of objective.metrics
};

/// A trial under direct control. Derive from it, with a constructor from `const Trial&`.
class Direct {
 public:
  virtual ~Direct() = default;
  /// Trains one epoch. None: nothing was left to do.
  virtual std::optional<Reached> step() = 0;
  /// All that load() needs to go on as this trial would; empty: it cannot be kept.
  virtual std::string save() { return ""; }
  virtual void load(std::string_view /*saved*/) {
    throw Failure(regatta_failed, "this trial cannot be gone on with");
  }
  /// Goes on with other hyperparameters, without a new start. False: it cannot; a new trial is made of them, and
  /// load() then.
  virtual bool reconfigure(const Params& /*params*/) { return false; }
};

/// A trial under cooperative control: what the training function talks to.
class Session {
  template <class Read>
  auto locked(Read read) const {
    const std::lock_guard lock(mutex_);
    return read();
  }

 public:
  explicit Session(const Trial& trial) : trial_(trial) {}

  const Trial& trial() const { return trial_; }
  const Params& params() const { return trial_.params; }
  /// After each epoch; waits until it may go on. Ends the function by an exception where should_stop() was
  /// not heeded.
  void report(double value, std::vector<double> metrics = {}) {
    std::unique_lock lock(mutex_);
    if (stop_) throw Stopped();
    reached_ = Reached{value, false, std::move(metrics)};
    give_back(lock);
  }
  bool should_stop() const {
    return locked([this] { return stop_; });
  }
  /// Whether the function should save its work now, and then call record_checkpoint().
  bool should_checkpoint() const {
    return locked([this] { return save_; });
  }
  /// Where it has saved its work: what restore_path() will be where it is gone on with, by this trial or by
  /// others. So each checkpoint needs a path of its own, below Trial::directory where nodes differ.
  void record_checkpoint(const std::string& path) {
    std::unique_lock lock(mutex_);
    if (!std::exchange(save_, false)) return;
    saved_ = path;
    give_back(lock);
  }
  /// Where to go on from; empty: from the beginning.
  std::string restore_path() const {
    return locked([this] { return restore_; });
  }

 private:
  friend class Cooperative;
  struct Stopped {};

  /// The function waits here until it has the word again.
  void give_back(std::unique_lock<std::mutex>& lock) {
    working_ = false;
    changed_.notify_all();
    changed_.wait(lock, [this] { return working_; });
  }

  Trial trial_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool working_ = false;  ///< the function has the word
  bool stop_ = false, save_ = false, returned_ = false;
  std::optional<Reached> reached_;
  std::string saved_, restore_;
  std::exception_ptr failure_;
};

/// Makes a training function look like a Direct: it runs on a thread of its own, from report to report.
class Cooperative final : public Direct {
 public:
  Cooperative(const Trial& trial, std::function<void(Session&)> function)
      : session_(trial), function_(std::move(function)) {}
  ~Cooperative() override {
    if (!thread_.joinable()) return;
    change([this] { session_.stop_ = true; });
    while (!proceed()) {
    }
    thread_.join();
  }

  std::optional<Reached> step() override {
    if (!session_.locked([this] { return session_.reached_.has_value(); })) proceed();
    std::unique_lock lock(session_.mutex_);
    if (session_.failure_) std::rethrow_exception(std::exchange(session_.failure_, nullptr));
    return std::exchange(session_.reached_, std::nullopt);
  }
  std::string save() override {
    change([this] {
      session_.save_ = true;
      session_.saved_.clear();
    });
    proceed();
    change([this] { session_.save_ = false; });
    return session_.locked([this] { return session_.saved_; });
  }
  void load(std::string_view saved) override {
    change([&] { session_.restore_ = saved; });
  }

 private:
  template <class Write>
  void change(Write write) {
    const std::lock_guard lock(session_.mutex_);
    write();
  }
  /// Lets the function work until it reports, has saved, or returns. Whether it has returned.
  bool proceed() {
    std::unique_lock lock(session_.mutex_);
    if (session_.returned_) return true;
    session_.working_ = true;
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    session_.changed_.notify_all();
    session_.changed_.wait(lock, [this] { return !session_.working_; });
    return session_.returned_;
  }
  void work() {
    std::exception_ptr failure;
    try {
      function_(session_);
    } catch (const Session::Stopped&) {  // as it was asked to
    } catch (...) {
      failure = std::current_exception();
    }
    change([&] {
      session_.failure_ = failure;
      session_.returned_ = true;
      session_.working_ = false;
    });
    session_.changed_.notify_all();
  }

  Session session_;
  std::function<void(Session&)> function_;
  std::thread thread_;
};

/// The C interface of trials that `make` makes. `make`: const Trial& -> std::unique_ptr<Direct>.
template <auto make>
class Table {
 public:
  static const regatta_plugin_table* get() {
    static const regatta_plugin_table table{regatta_plugin_version, create, step, save, load, destroy, reconfigure};
    return &table;
  }

 private:
  struct Running {
    std::unique_ptr<Direct> trial;
    std::string saved;  ///< between the question for its size and that for its bytes
  };
  static Running& of(void* trial) { return *static_cast<Running*>(trial); }

  /// Calls `action`; what it throws becomes a result and a message.
  template <class Action>
  static std::int32_t guarded(regatta_report* report, Action action) {
    const auto failed = [&](regatta_result result, const char* text) {
      if (report) std::strncpy(report->message, text, sizeof report->message - 1);
      return static_cast<std::int32_t>(result);
    };
    try {
      return action();
    } catch (const Failure& failure) {
      return failed(failure.result, failure.what());
    } catch (const std::bad_alloc& error) {
      return failed(regatta_out_of_memory, error.what());
    } catch (const std::exception& error) {
      return failed(regatta_failed, error.what());
    } catch (...) {
      return failed(regatta_failed, "an exception that is no std::exception");
    }
  }

  static void* create(const regatta_trial* trial, regatta_report* report) {
    Running* running = nullptr;
    report->failure = guarded(report, [&] {
      running = new Running{make(Trial(*trial)), ""};
      return std::int32_t{regatta_goes_on};
    });
    return running;
  }
  static std::int32_t step(void* trial, regatta_report* report) {
    return guarded(report, [&]() -> std::int32_t {
      const std::optional<Reached> reached = of(trial).trial->step();
      if (!reached) return regatta_over;
      report->value = reached->value;
      const std::size_t count = std::min(report->metric_count, reached->metrics.size());
      std::copy_n(reached->metrics.begin(), count, report->metrics);
      return reached->finished ? regatta_finished : regatta_goes_on;
    });
  }
  static std::size_t save(void* trial, void* bytes, std::size_t room) {
    Running& running = of(trial);
    const std::int32_t result = guarded(nullptr, [&] {
      if (room == 0) running.saved = running.trial->save();
      return std::int32_t{regatta_goes_on};
    });
    if (result != regatta_goes_on) return 0;
    if (room > 0) std::memcpy(bytes, running.saved.data(), std::min(room, running.saved.size()));
    return running.saved.size();
  }
  static std::int32_t load(void* trial, const void* bytes, std::size_t size) {
    return guarded(nullptr, [&] {
      of(trial).trial->load({static_cast<const char*>(bytes), size});
      return std::int32_t{regatta_goes_on};
    });
  }
  static void destroy(void* trial) {
    guarded(nullptr, [&] {
      delete &of(trial);
      return std::int32_t{regatta_goes_on};
    });
  }
  static std::int32_t reconfigure(void* trial, const regatta_parameter* parameters, std::size_t count) {
    return guarded(nullptr, [&] {
      const bool done = of(trial).trial->reconfigure(Params(parameters, count));
      return std::int32_t{done ? regatta_goes_on : regatta_failed};
    });
  }
};

template <class Class>
std::unique_ptr<Direct> make_direct(const Trial& trial) {
  return std::make_unique<Class>(trial);
}
template <auto function>
std::unique_ptr<Direct> make_cooperative(const Trial& trial) {
  return std::make_unique<Cooperative>(trial, function);
}

/// What regatta_plugin() returns for a class that is derived from Direct.
template <class Class>
const regatta_plugin_table* direct() {
  return Table<make_direct<Class>>::get();
}
/// What regatta_plugin() returns for a function `void f(Session&)`.
template <auto function>
const regatta_plugin_table* cooperative() {
  return Table<make_cooperative<function>>::get();
}

}  // namespace regatta::plugin

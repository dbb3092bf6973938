#include "regatta/log/run_log.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "regatta/core/build_info.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "regatta/log/journal.hpp"
#include "regatta/log/study_reader.hpp"
#include "status_file.hpp"

namespace regatta::log {
namespace {

constexpr std::chrono::seconds tick(1);
constexpr double rewrite_share = 20;  // rewriting regatta.h5 takes at most 1/20 of the thread's time

std::string what_is_there(const std::filesystem::path& directory) {
  const auto status = read_status(directory);
  if (!status) return "a run of unknown state";
  std::string text = "a run whose state is " + std::string(name_of(status->state));
  if (!status->reason.empty()) text += " (" + status->reason + ")";
  if (status->state != RunState::Running) return text + ", last written " + iso_time(status->updated);
  if (is_alive(*status, wall_time())) return concat(text, " on ", status->host, ", process ", status->pid);
  return text + ", but there was no sign of life since " + iso_time(status->updated) + ": it was killed";
}

void require_no_run(const std::filesystem::path& directory) {
  std::error_code error;
  for (const char* name : {"journal.bin", "regatta.h5"})
    require(!std::filesystem::exists(directory / name, error), "run directory ", directory.string(),
            " holds ", what_is_there(directory),
            ", and runs are never overwritten: choose another log.directory, or remove this one");
}

void make_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error || !std::filesystem::is_directory(directory))
    throw Unavailable(concat("run directory ", directory.string(),
                             " cannot be made: ", error ? error.message() : "it is no directory",
                             "; choose another log.directory"));
}

JournalWriter new_journal(const std::filesystem::path& directory, const search::StudyHeader& header) {
  try {
    return JournalWriter::create(directory / "journal.bin", header);
  } catch (const SystemFailure& failure) {
    require_no_run(directory);  // another job was faster
    throw Unavailable(concat("run directory ", directory.string(), " cannot be written: ", failure.what(),
                             "; choose another log.directory"));
  }
}

bool ends_a_trial(const search::Event& event) { return std::holds_alternative<search::TrialEnded>(event); }

}  // namespace

struct RunLog::Impl {
  Impl(RunLogOptions options_, Study study_, JournalWriter journal_)
      : options(std::move(options_)), study(std::move(study_)), journal(std::move(journal_)) {
    const double now = wall_time();
    study.status = RunStatus{RunState::Running, "", host_name(), ::getpid(), now, now};
    replace_file(options.directory / "used_inputs.ini", study.header.used_inputs, options.sync != Sync::None);
    write_status();
    write_snapshot();
  }

  ~Impl() { join(); }

  void start() {
    thread = std::thread([this] { run(); });
  }

  void join() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    wake.notify_one();
    if (thread.joinable()) thread.join();
  }

  void rethrow_error() {
    const std::lock_guard lock(mutex);
    if (error) std::rethrow_exception(error);
  }

  // The thread's own loop: everything below touches `study`, which no other thread does while this one runs.
  void run() {
    try {
      std::unique_lock lock(mutex);
      while (!stopping) {
        wake.wait_for(lock, tick, [this] { return stopping || snapshot_asked; });
        const bool at_once = std::exchange(snapshot_asked, false);
        lock.unlock();
        absorb();
        write_status();
        if (at_once ||
            snapshot_age.seconds() >= std::max(options.snapshot_seconds, rewrite_share * rewrite_seconds))
          write_snapshot();
        lock.lock();
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
    }
  }

  void absorb() {
    {
      const std::lock_guard lock(mutex);
      taken.swap(pending);
    }
    if (taken.empty()) return;
    if (options.sync != Sync::None) journal.sync();
    for (search::Event& event : taken) study.record(std::move(event));
    taken.clear();
  }

  void write_status() {
    study.status->updated = wall_time();
    replace_file(options.directory / "status.json", status_json(study, *study.status), false);
  }

  void write_snapshot() {
    if (snapshot_events == study.history.events() && snapshot_state == study.status->state) return;
    const Stopwatch watch;
    write_results(study, options.directory / "regatta.h5", options.sync != Sync::None);
    rewrite_seconds = watch.seconds();
    snapshot_age.restart();
    snapshot_events = study.history.events();
    snapshot_state = study.status->state;
  }

  const RunLogOptions options;
  Study study;
  JournalWriter journal;
  Stopwatch snapshot_age;
  double rewrite_seconds = 0;
  std::optional<std::uint64_t> snapshot_events;  // in the last snapshot
  RunState snapshot_state = RunState::Running;
  std::vector<search::Event> taken;

  std::mutex mutex;
  std::condition_variable wake;
  std::vector<search::Event> pending;  // from here on guarded by mutex
  bool stopping = false;
  bool snapshot_asked = false;
  std::exception_ptr error;
  std::thread thread;
};

RunLog RunLog::create(const RunLogOptions& options, const search::StudyHeader& header) {
  require_no_run(options.directory);
  make_directory(options.directory);
  RunLog log(std::make_unique<Impl>(options, Study(header), new_journal(options.directory, header)));
  log.impl_->start();
  return log;
}

RunLog RunLog::resume(const RunLogOptions& options, std::vector<search::Event>& earlier) {
  const auto file = options.directory / "journal.bin";
  const auto status = read_status(options.directory);
  require(!status || !is_alive(*status, wall_time()), "run directory ", options.directory.string(), " holds ",
          what_is_there(options.directory), ": it must end before it can be resumed");
  Study study(read_header(file));
  read_journal(file, [&](search::Event&& event) {
    study.record(event);
    earlier.push_back(std::move(event));
  });
  RunLog log(std::make_unique<Impl>(options, std::move(study), JournalWriter::append(file)));
  log.impl_->start();
  return log;
}

RunLog::RunLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RunLog::RunLog(RunLog&&) noexcept = default;
RunLog& RunLog::operator=(RunLog&&) noexcept = default;
RunLog::~RunLog() = default;

void RunLog::write(std::span<const search::Event> events) {
  impl_->rethrow_error();
  impl_->journal.write(events);
  if (impl_->options.sync == Sync::Event && std::ranges::any_of(events, ends_a_trial)) impl_->journal.sync();
  const std::lock_guard lock(impl_->mutex);
  impl_->pending.insert(impl_->pending.end(), events.begin(), events.end());
}

void RunLog::request_snapshot() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->snapshot_asked = true;
  }
  impl_->wake.notify_one();
}

void RunLog::close(RunState state, const std::string& reason) {
  impl_->join();
  impl_->rethrow_error();
  impl_->absorb();
  impl_->study.status->state = state;
  impl_->study.status->reason = reason;
  impl_->write_snapshot();
  impl_->write_status();
}

}  // namespace regatta::log

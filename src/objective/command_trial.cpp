#include "command_trial.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstring>
#include <system_error>

#include "checkpoint_archive.hpp"
#include "regatta/core/bytes.hpp"
#include "regatta/core/file.hpp"
#include "regatta/core/text.hpp"
#include "regatta/space/json.hpp"

namespace regatta::objective {
namespace {

constexpr std::size_t longest_quotation = 700;  ///< of a program's last lines in a message [bytes]
constexpr int shell_signal = 128;               ///< shells add it to the number of a signal

/// What programs print when memory runs out.
bool tells_of_memory(const std::string& lines) {
  static const std::array signs{"out of memory", "Out of memory",          "OutOfMemory",      "MemoryError",
                                "bad_alloc",     "Cannot allocate memory", "memory exhausted", "oom-kill"};
  return std::ranges::any_of(signs, [&](const char* sign) { return lines.find(sign) != std::string::npos; });
}

/// The entries of `after` that `before` has not; null for one that is gone.
Json changed(const Json& before, const Json& after) {
  Json changes = Json::object();
  for (const auto& [name, value] : before.items())
    if (!after.contains(name)) changes[name] = nullptr;
  for (const auto& [name, value] : after.items())
    if (!before.contains(name) || before.at(name) != value) changes[name] = value;
  return changes;
}

void add(ByteWriter& writer, const Progress& report) {
  writer.add(report.epoch);
  writer.add(report.value);
  writer.add_all<double>(report.metrics);
}

Progress take_report(ByteReader& reader, std::size_t metrics) {
  Progress report;
  report.epoch = reader.take<std::int32_t>();
  report.value = reader.take<double>();
  report.metrics = reader.take_all<std::vector<double>>(metrics);
  report.standard_error = std::nan("");
  return report;
}

std::string text_of(const process::Ending& ending) {
  if (ending.signal == 0) return concat("exit code ", ending.code);
  return concat("ended by signal ", ending.signal, " (", ::strsignal(ending.signal), ")");
}

}  // namespace

CommandTrial::CommandTrial(CommandSlot& slot, const CommandTreatment& treatment,
                           const CommandMeasure& measure, const space::Space& space, CommandJob job)
    : slot_(slot), treatment_(treatment), measure_(measure), space_(space), job_(std::move(job)) {}

CommandTrial::~CommandTrial() {
  if (program_) slot_.leave(done_);
  std::error_code ignored;
  if (!job_.config.empty()) std::filesystem::remove(job_.config, ignored);
}

void CommandTrial::begin() {
  if (!slot_.vacant()) return;
  try {
    program_ = &slot_.occupy(job_.program, std::move(job_.output));
  } catch (const InvalidInput& error) {
    throw TrialFailure(FailureKind::Invalid, error.what());
  }
  begun_at_ = reported_at_ = clock_.seconds();
  if (treatment_.persistent)
    program_->write_input(job_.input);
  else
    program_->close_input();
}

double CommandTrial::idle_seconds() const {
  constexpr double long_enough = 1;
  if (!program_) return !slot_.leaving() || slot_.ready() ? 0 : long_enough;
  if (pausing_) return over() || slot_.ready() ? 0 : long_enough;
  if (answer_due_ || has_next() || over() || program_->ready()) return 0;
  return std::clamp(deadline() - clock_.seconds(), 0.0, long_enough);
}

std::optional<Progress> CommandTrial::advance() {
  if (!program_) {
    begin();
    return {};
  }
  if (answer_due_ && !over()) program_->tell("continue");
  answer_due_ = false;
  read();
  if (auto progress = next()) return progress;
  if (over()) return conclude();
  check_time();
  return {};
}

void CommandTrial::read() {
  if (!over()) program_->read([this](const Message& message) { take(message); });
}

Rest CommandTrial::pause() {
  if (!pausing_ && !over()) slot_.ask("pause");
  pausing_ = true;
  answer_due_ = false;
  read();
  slot_.keep_time();
  if (over()) return Rest::Ready;
  if (!paused_ || !slot_.reads_words()) return Rest::NotYet;
  slot_.keep();
  return Rest::Waiting;
}

bool CommandTrial::go_on(const space::Config& config, std::span<const std::byte> saved) {
  read();
  if (over() || !saved.empty()) return false;
  const Json values = space::to_json(space_, config);
  const Json changes = changed(std::exchange(job_.values, values), values);
  if (!job_.config.empty()) replace_file(job_.config, line_of(values), false);
  pausing_ = paused_ = false;
  begun_at_ = reported_at_ = clock_.seconds();
  program_->tell(changes.empty() ? "continue" : "perturb " + line_of(changes));
  return true;
}

std::vector<std::byte> CommandTrial::save() const {
  if (job_.checkpoint.empty()) return {};
  const std::vector<std::byte> directory = pack_directory(job_.checkpoint);
  if (directory.empty()) return {};
  ByteWriter writer;
  writer.add(first_epoch_);
  writer.add(last_.has_value());
  if (last_) add(writer, *last_);
  writer.add(reports_.size());
  for (const Progress& report : reports_) add(writer, report);  // of epochs that the program did on its own
  writer.add_all<std::byte>(directory);
  return writer.take();
}

void CommandTrial::load(std::span<const std::byte> saved) {
  ByteReader reader(saved);
  first_epoch_ = reader.take<std::int32_t>();
  const std::size_t metrics = measure_.metrics.size();
  if (reader.take<bool>()) last_ = take_report(reader, metrics);
  for (auto ahead = reader.take<std::size_t>(); ahead > 0; --ahead)
    reports_.push_back(take_report(reader, metrics));
  newest_ = !reports_.empty() ? reports_.back().epoch : last_ ? last_->epoch : 0;
  unpack_directory(saved.last(reader.left()), job_.checkpoint);
}

void CommandTrial::take(const Message& message) {
  if (done_) return;
  done_ = message.done;
  paused_ = paused_ || (pausing_ && message.paused);
  if (!message.failure.empty()) complaint_ = message.failure;
  for (const auto& [name, value] : message.values) values_[name] = value;
  if (message.epoch) epoch_ = message.epoch;
  const auto value = message.values.find(measure_.metric);
  if (value == message.values.end()) return;
  if (newest_ == 0 && epoch_ == 0) first_epoch_ = 0;
  Progress progress;
  progress.epoch = epoch_ ? *epoch_ + 1 - first_epoch_ : newest_ + 1;
  progress.value = value->second;
  progress.standard_error = std::nan("");
  for (const std::string& name : measure_.metrics) {
    const auto found = values_.find(name);
    progress.metrics.push_back(found == values_.end() ? std::nan("") : found->second);
  }
  values_.clear();
  epoch_.reset();
  if (progress.epoch <= newest_) return;  // twice, or out of order
  newest_ = progress.epoch;
  reported_at_ = clock_.seconds();
  if (is_last(progress) && program_->aware()) program_->tell("continue");  // it is held until the program ends
  reports_.push_back(std::move(progress));
}

bool CommandTrial::has_next() const {
  return !reports_.empty() && (!is_last(reports_.front()) || over());
}

std::optional<Progress> CommandTrial::next() {
  if (!has_next()) return {};
  Progress progress = std::move(reports_.front());
  reports_.pop_front();
  const bool better =
      last_ && (measure_.maximize ? last_->value > progress.value : last_->value < progress.value);
  if (measure_.best && better) progress.value = last_->value;
  progress.finished = reports_.empty() && over() && succeeded();
  answer_due_ = program_->aware();
  last_ = progress;
  return progress;
}

bool CommandTrial::succeeded() const {
  if (!complaint_.empty()) return false;
  if (done_) return true;
  const process::Ending& ending = *program_->ending();
  return ending.code == 0 && ending.signal == 0 && ending.start_error == 0;
}

Progress CommandTrial::conclude() {
  if (!succeeded() || !last_) throw failure();
  Progress progress = *last_;
  progress.finished = true;
  return progress;
}

TrialFailure CommandTrial::failure() const {
  if (!complaint_.empty()) return {FailureKind::Crash, complaint_};
  if (succeeded())
    return {FailureKind::Crash,
            with_last_lines(concat("the program ended without a report of ", measure_.metric))};
  const process::Ending& ending = *program_->ending();
  if (ending.start_error != 0)
    return {FailureKind::Invalid,
            concat("cannot start ", job_.program.arguments.front(), ": ", std::strerror(ending.start_error))};
  const int code = ending.signal ? shell_signal + ending.signal : ending.code;
  const bool killed = code == shell_signal + SIGKILL;  // not by us: such a trial is gone before its program
  const bool memory = killed || tells_of_memory(program_->output().last_lines(longest_quotation));
  return {
      memory ? FailureKind::OutOfMemory : FailureKind::Crash,
      with_last_lines(concat(text_of(ending), killed ? ", as the system does it when memory runs out" : "")),
      code};
}

std::string CommandTrial::with_last_lines(const std::string& text) const {
  const std::string lines = program_->output().last_lines(longest_quotation);
  return lines.empty() ? text : concat(text, "\n", lines);
}

double CommandTrial::deadline() const {
  const double whole = measure_.timeout > 0 ? begun_at_ + measure_.timeout : HUGE_VAL;
  const double report = measure_.report_timeout > 0 ? reported_at_ + measure_.report_timeout : HUGE_VAL;
  return std::min(whole, report);
}

void CommandTrial::check_time() const {
  if (clock_.seconds() < deadline()) return;
  const bool whole = measure_.timeout > 0 && clock_.seconds() >= begun_at_ + measure_.timeout;
  const std::string text =
      whole
          ? concat("no end after ", format_duration(measure_.timeout), " (objective.timeout)")
          : concat("no report for ", format_duration(measure_.report_timeout), " (objective.report_timeout)");
  throw TrialFailure(FailureKind::Timeout, with_last_lines(text));
}

}  // namespace regatta::objective

#include "snapshot_store.hpp"

#include <unistd.h>

#include <bit>
#include <cstring>
#include <string_view>

#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"

namespace regatta::run {
namespace {

constexpr std::string_view magic = "RGTCKP01";
constexpr std::size_t digest_size = 16;  ///< of fingerprint()

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Writes magic, checksum and content; false where that cannot be done.
bool write_snapshot(const std::filesystem::path& file, std::span<const std::byte> bytes, bool sync) {
  try {
    std::filesystem::create_directories(file.parent_path());
    const std::string_view content = as_text(bytes);
    replace_file(file, concat(magic, fingerprint(content), content), sync);
    return true;
  } catch (const std::exception&) {  // full, read-only, gone: the caller has another place
    return false;
  }
}

/// Empty where there is no whole snapshot.
std::vector<std::byte> read_snapshot(const std::filesystem::path& file) {
  std::error_code absent;
  if (!std::filesystem::exists(file, absent)) return {};
  const std::string text = read_file(file);
  const std::string_view whole = text;
  if (whole.size() < magic.size() + digest_size || !whole.starts_with(magic)) return {};
  const std::string_view content = whole.substr(magic.size() + digest_size);
  if (whole.substr(magic.size(), digest_size) != fingerprint(content)) return {};
  std::vector<std::byte> bytes(content.size());
  std::memcpy(bytes.data(), content.data(), content.size());
  return bytes;
}

void remove_quietly(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!file.empty()) std::filesystem::remove(file, ignored);
}

}  // namespace

std::filesystem::path checkpoint_file(const std::filesystem::path& directory, TrialId trial) {
  return directory / concat("trial_", trial.value, ".checkpoint");
}

SnapshotStore::~SnapshotStore() {
  for (const auto& [trial, kept] : kept_)
    if (kept.bytes.empty()) remove_quietly(local_file(trial));
}

void SnapshotStore::keep(TrialId trial, std::vector<std::byte> snapshot) {
  forget(trial);
  if (snapshot.empty()) return;
  bytes_ += snapshot.size();
  kept_[trial] = {std::move(snapshot), by_age_.insert(by_age_.end(), trial)};
  while (bytes_ > options_.memory && !by_age_.empty()) spill();
}

/// Moves the oldest snapshot out of the memory. Where nothing can be written it is lost, and its trial starts
/// over.
void SnapshotStore::spill() {
  const TrialId oldest = by_age_.front();
  by_age_.pop_front();
  const auto entry = kept_.find(oldest);
  const std::vector<std::byte> bytes = std::move(entry->second.bytes);
  entry->second.bytes.clear();
  bytes_ -= bytes.size();
  const auto local = local_file(oldest);
  if (!local.empty() && write_snapshot(local, bytes, false)) return;
  if (const auto file = run_file(oldest); !file.empty()) write_snapshot(file, bytes, false);
  kept_.erase(entry);
}

std::vector<std::byte> SnapshotStore::find(TrialId trial) const {
  const auto entry = kept_.find(trial);
  if (entry == kept_.end()) return read_snapshot(run_file(trial));
  return entry->second.bytes.empty() ? read_snapshot(local_file(trial)) : entry->second.bytes;
}

void SnapshotStore::drop(TrialId trial) {
  forget(trial);
  remove_quietly(run_file(trial));
}

void SnapshotStore::forget(TrialId trial) {
  const auto entry = kept_.find(trial);
  if (entry == kept_.end()) return;
  if (entry->second.bytes.empty()) {
    remove_quietly(local_file(trial));
  } else {
    bytes_ -= entry->second.bytes.size();
    by_age_.erase(entry->second.age);
  }
  kept_.erase(entry);
}

void SnapshotStore::save(TrialId trial) const {
  const auto file = run_file(trial);
  if (file.empty() || !kept_.contains(trial)) return;
  write_snapshot(file, find(trial), true);
}

void SnapshotStore::save_all() const {
  for (const auto& [trial, kept] : kept_) save(trial);
}

std::filesystem::path SnapshotStore::local_file(TrialId trial) const {
  if (options_.local.empty()) return {};
  return options_.local /
         concat("regatta_", ::getpid(), "_", static_cast<const void*>(this), "_", trial.value);
}

std::filesystem::path SnapshotStore::run_file(TrialId trial) const {
  return options_.directory.empty() ? std::filesystem::path() : checkpoint_file(options_.directory, trial);
}

}  // namespace regatta::run

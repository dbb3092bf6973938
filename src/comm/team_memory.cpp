#include "regatta/comm/team_memory.hpp"

#include <fcntl.h>
#include <immintrin.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <utility>

#include "regatta/core/memory.hpp"

namespace regatta::comm {

/// What stands before the numbers of a block.
struct TeamMemory::Header {
  std::uint64_t token;  ///< proves that the file is the one that was told of
  alignas(64) std::atomic<std::uint64_t> arrivals;
  float notes[2];  ///< for sum_of(), in turns: the last one may still be read when the next is written
  alignas(64) float numbers[1];
};

namespace {

constexpr std::size_t header_bytes = 128;
constexpr std::uint64_t digit = 1 << 20;  ///< numbers below this travel as one float

/// Where a rank's block is to be found, in numbers that a sum of floats carries exactly.
constexpr std::size_t address_length = 8;
using Address = std::array<float, address_length>;

Address address_of(const std::string& node, int file, std::uint64_t token) {
  const auto process = static_cast<std::uint64_t>(getpid());
  const std::uint64_t computer = std::hash<std::string>{}(node);
  const std::uint64_t numbers[] = {computer % digit, computer / digit % digit, process % digit, process / digit,
                                   token % digit, token / digit % digit, token / digit / digit,
                                   static_cast<std::uint64_t>(file)};
  Address address;
  std::ranges::transform(numbers, address.begin(), [](std::uint64_t number) { return static_cast<float>(number); });
  return address;
}

/// The ranks that have each first two numbers of their addresses.
std::vector<std::vector<Rank>> by_node(std::span<const float> addresses) {
  std::vector<std::vector<Rank>> nodes;
  const auto same = [&](Rank rank, Rank other) {
    const auto at = [&](Rank of) { return addresses.begin() + static_cast<std::ptrdiff_t>(address_length) * of.value; };
    return std::equal(at(rank), at(rank) + 2, at(other));
  };
  for (Rank rank{0}; static_cast<std::size_t>(rank.value) < addresses.size() / address_length; ++rank.value) {
    const auto node = std::ranges::find_if(nodes, [&](const auto& ranks) { return same(ranks.front(), rank); });
    if (node == nodes.end())
      nodes.push_back({rank});
    else
      node->push_back(rank);
  }
  return nodes;
}

std::uint64_t random_token() {
  std::random_device random;
  return (static_cast<std::uint64_t>(random()) << 32 | random()) % (digit * digit * digit);
}

[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]] void add(const float* part,
                                                                               std::size_t count,
                                                                               float* total) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i) total[i] += part[i];
}

void* map(int file, std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

TeamMemory::TeamMemory(std::size_t count) {
  static_assert(offsetof(Header, numbers) == header_bytes);
  const std::size_t bytes = header_bytes + count * sizeof(float);
  if (count == 0 || !fits_memory(bytes)) return;
  file_ = memfd_create("regatta team", MFD_CLOEXEC);
  void* memory = file_ >= 0 && ftruncate(file_, static_cast<off_t>(bytes)) == 0 ? map(file_, bytes) : nullptr;
  if (!memory) return;
  own_ = static_cast<Header*>(memory);
  own_->token = random_token();
  block_ = {own_->numbers, count};
}

TeamMemory::TeamMemory(TeamMemory&& other) noexcept { *this = std::move(other); }

TeamMemory& TeamMemory::operator=(TeamMemory&& other) noexcept {
  std::swap(own_, other.own_);
  std::swap(block_, other.block_);
  std::swap(file_, other.file_);
  std::swap(rank_, other.rank_);
  std::swap(nodes_, other.nodes_);
  std::swap(headers_, other.headers_);
  std::swap(blocks_, other.blocks_);
  std::swap(arrivals_, other.arrivals_);
  std::swap(sums_, other.sums_);
  return *this;
}

TeamMemory::~TeamMemory() {
  const std::size_t bytes = header_bytes + block_.size_bytes();
  for (Header* header : headers_)
    if (header && header != own_) munmap(header, bytes);
  if (own_) munmap(own_, bytes);
  if (file_ >= 0) close(file_);
}

bool TeamMemory::connect(Communicator& team) {
  std::vector<float> addresses(static_cast<std::size_t>(team.size()) * address_length, 0.0f);
  const auto address_of_rank = [&](Rank rank) {
    return std::span(addresses).subspan(static_cast<std::size_t>(rank.value) * address_length, address_length);
  };
  std::ranges::copy(address_of(team.node(), file_, own_ ? own_->token : 0), address_of_rank(team.rank()).begin());
  team.begin_sum(addresses)->wait();

  nodes_ = by_node(addresses);
  for (const std::vector<Rank>& node : nodes_) {
    const auto mine = std::ranges::find(node, team.rank());
    if (mine == node.end()) continue;
    rank_ = static_cast<int>(mine - node.begin());
    for (const Rank rank : node) headers_.push_back(rank == *mine ? own_ : attach(address_of_rank(rank)));
  }
  std::array<float, 1> missing{static_cast<float>(std::ranges::count(headers_, nullptr))};
  team.begin_sum(missing)->wait();  // all have opened the files, too
  if (file_ >= 0) close(file_);
  file_ = -1;
  if (missing[0] > 0) return false;
  for (Header* header : headers_) blocks_.push_back({header->numbers, block_.size()});
  return true;
}

/// The block of another rank of this node; null: it cannot be reached.
TeamMemory::Header* TeamMemory::attach(std::span<const float> address) const {
  if (!own_) return nullptr;
  const auto number = [&](std::size_t i) { return static_cast<std::uint64_t>(address[i]); };
  const std::uint64_t token = number(4) + digit * (number(5) + digit * number(6));
  const std::string path = "/proc/" + std::to_string(number(2) + digit * number(3)) + "/fd/" +
                           std::to_string(number(7));
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return nullptr;
  const std::size_t bytes = header_bytes + block_.size_bytes();
  struct stat status {};
  std::uint64_t found = 0;
  Header* header = nullptr;
  if (token != 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
      static_cast<std::size_t>(status.st_size) == bytes && pread(file, &found, sizeof found, 0) == sizeof found &&
      found == token)
    header = static_cast<Header*>(map(file, bytes));
  close(file);
  return header;
}

std::uint64_t TeamMemory::arrive() {
  own_->arrivals.store(++arrivals_, std::memory_order_release);
  return arrivals_;
}

bool TeamMemory::all_arrived(std::uint64_t times) const {
  return std::ranges::all_of(
      headers_, [times](const Header* header) { return header->arrivals.load(std::memory_order_acquire) >= times; });
}

void TeamMemory::wait_for(std::uint64_t times) const {
  constexpr int patience = 2000;  ///< looks before the core is given to others
  for (const Header* header : headers_)
    for (int looks = 0; header->arrivals.load(std::memory_order_acquire) < times; ++looks)
      if (looks < patience)
        _mm_pause();
      else
        sched_yield();
}

float TeamMemory::sum_of(float own) {
  const std::size_t note = ++sums_ % 2;
  own_->notes[note] = own;
  wait_for_all();
  float sum = 0;
  for (const Header* header : headers_) sum += header->notes[note];
  return sum;
}

TeamMemory::Slice TeamMemory::slice_of(int part, int parts, Slice whole) {
  constexpr std::size_t line = 64 / sizeof(float);
  const std::size_t lines = (whole.end - whole.first + line - 1) / line, divisor = static_cast<std::size_t>(parts);
  const auto border = [&](int before) {
    return std::min(whole.end, whole.first + lines * static_cast<std::size_t>(before) / divisor * line);
  };
  return {border(part), border(part + 1)};
}

void TeamMemory::sum(std::size_t first, std::size_t end) {
  float* total = block_.data();
  if (size() == 1) return;
  if (size() == 2) return add(blocks_[rank_ == 0 ? 1 : 0].data() + first, end - first, total + first);
  std::array<float, 1024> sums;
  for (; first < end; first += sums.size()) {
    const std::size_t count = std::min(sums.size(), end - first);
    std::memcpy(sums.data(), blocks_[0].data() + first, count * sizeof(float));
    for (std::size_t rank = 1; rank < blocks_.size(); ++rank)
      add(blocks_[rank].data() + first, count, sums.data());
    std::memcpy(total + first, sums.data(), count * sizeof(float));
  }
}

void TeamMemory::give(std::size_t first, std::size_t end) {
  for (const std::span<float> block : blocks_)
    if (block.data() != block_.data())
      std::memcpy(block.data() + first, block_.data() + first, (end - first) * sizeof(float));
}

void TeamMemory::take(int rank, std::size_t first, std::size_t end) {
  const std::span<float> block = blocks_[static_cast<std::size_t>(rank)];
  std::memcpy(block_.data() + first, block.data() + first, (end - first) * sizeof(float));
}

}  // namespace regatta::comm

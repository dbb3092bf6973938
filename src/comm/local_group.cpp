#include "regatta/comm/local_group.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "regatta/core/build_info.hpp"
#include "regatta/core/error.hpp"

namespace regatta::comm {
namespace {

/// A sum that all ranks take part in. Contributions are added in the order of the ranks, so that the result does not depend
/// on who came first.
struct Sum {
  std::vector<std::vector<float>> parts;
  std::vector<float> total;
  int missing = 0;
  int unread = 0;
};

}  // namespace

struct LocalGroup::Shared {
  Shared(int ranks, std::vector<std::string> of_ranks)
      : size(ranks), nodes(std::move(of_ranks)), boxes(static_cast<std::size_t>(ranks)) {
    nodes.resize(boxes.size(), host_name());
  }

  int size;
  std::vector<std::string> nodes;
  std::map<std::vector<Rank>, std::unique_ptr<LocalGroup>> groups;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::deque<Envelope>> boxes;
  std::map<std::pair<int, int>, std::deque<std::vector<float>>> numbers;  ///< on their way, by sender and receiver
  std::deque<Sum> sums;
  std::size_t first_sum = 0;  ///< number of sums that all have read and that were dropped

  Sum& join(std::size_t number, Rank rank, std::span<const float> values) {
    while (first_sum + sums.size() <= number) {
      sums.push_back({std::vector<std::vector<float>>(static_cast<std::size_t>(size)), {}, size, size});
    }
    Sum& sum = sums[number - first_sum];
    sum.parts[static_cast<std::size_t>(rank.value)].assign(values.begin(), values.end());
    if (--sum.missing == 0) {
      sum.total.assign(values.size(), 0.0f);
      for (const auto& part : sum.parts)
        for (std::size_t i = 0; i < sum.total.size(); ++i) sum.total[i] += part[i];
      changed.notify_all();
    }
    return sum;
  }
};

class LocalGroup::Member final : public Communicator {
 public:
  Member(Shared& shared, Rank rank) : shared_(shared), rank_(rank) {}

  Rank rank() const override { return rank_; }
  int size() const override { return shared_.size; }

  void post(Rank to, int tag, std::span<const std::byte> payload) override {
    require(to.value >= 0 && to.value < size(), "no rank ", to.value, " in a group of ", size());
    const std::lock_guard lock(shared_.mutex);
    shared_.boxes[static_cast<std::size_t>(to.value)].push_back(
        {rank_, tag, std::vector<std::byte>(payload.begin(), payload.end())});
  }

  std::optional<Envelope> poll() override {
    const std::lock_guard lock(shared_.mutex);
    auto& box = shared_.boxes[static_cast<std::size_t>(rank_.value)];
    if (box.empty()) return std::nullopt;
    Envelope envelope = std::move(box.front());
    box.pop_front();
    return envelope;
  }

  bool drained() override { return true; }

  void send(Rank to, std::span<const float> values) override {
    const std::lock_guard lock(shared_.mutex);
    shared_.numbers[{rank_.value, to.value}].emplace_back(values.begin(), values.end());
    shared_.changed.notify_all();
  }

  void receive(Rank from, std::span<float> values) override {
    std::unique_lock lock(shared_.mutex);
    auto& arriving = shared_.numbers[{from.value, rank_.value}];
    shared_.changed.wait(lock, [&] { return !arriving.empty(); });
    require(arriving.front().size() == values.size(), "expected ", values.size(), " numbers of rank ", from.value,
            ", got ", arriving.front().size());
    std::ranges::copy(arriving.front(), values.begin());
    arriving.pop_front();
  }

  std::unique_ptr<Pending> begin_sum(std::span<float> values) override;

  std::string node() const override { return shared_.nodes[static_cast<std::size_t>(rank_.value)]; }
  Communicator& group_of(const std::vector<Rank>& ranks) override;

 private:
  class PendingSum;
  Shared& shared_;
  Rank rank_;
  std::size_t sums_ = 0;  ///< started by this rank
};

class LocalGroup::Member::PendingSum final : public Pending {
 public:
  PendingSum(Shared& shared, std::size_t number, std::span<float> values)
      : shared_(shared), number_(number), values_(values) {}
  PendingSum(const PendingSum&) = delete;
  PendingSum& operator=(const PendingSum&) = delete;
  ~PendingSum() override { wait(); }

  bool test() override {
    const std::lock_guard lock(shared_.mutex);
    return take();
  }

  void wait() override {
    std::unique_lock lock(shared_.mutex);
    shared_.changed.wait(lock, [this] { return take(); });
  }

 private:
  bool take() {
    if (done_) return true;
    Sum& sum = shared_.sums[number_ - shared_.first_sum];
    if (sum.missing > 0) return false;
    std::copy(sum.total.begin(), sum.total.end(), values_.begin());
    done_ = true;
    --sum.unread;
    while (!shared_.sums.empty() && shared_.sums.front().unread == 0) {
      shared_.sums.pop_front();
      ++shared_.first_sum;
    }
    return true;
  }

  Shared& shared_;
  std::size_t number_;
  std::span<float> values_;
  bool done_ = false;
};

std::unique_ptr<Pending> LocalGroup::Member::begin_sum(std::span<float> values) {
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.join(sums_, rank_, values);
  }
  return std::make_unique<PendingSum>(shared_, sums_++, values);
}

Communicator& LocalGroup::Member::group_of(const std::vector<Rank>& ranks) {
  std::vector<std::string> nodes;
  for (const Rank rank : ranks) nodes.push_back(shared_.nodes.at(static_cast<std::size_t>(rank.value)));
  const auto place = std::ranges::find(ranks, rank_) - ranks.begin();
  const std::lock_guard lock(shared_.mutex);
  auto& group = shared_.groups[ranks];
  if (!group) group = std::make_unique<LocalGroup>(static_cast<int>(ranks.size()), std::move(nodes));
  return group->at(Rank{static_cast<std::int32_t>(place)});
}

LocalGroup::LocalGroup(int size, std::vector<std::string> nodes)
    : shared_(std::make_unique<Shared>(size, std::move(nodes))) {
  require(size > 0, "a group needs a rank, got ", size);
  for (int rank = 0; rank < size; ++rank) members_.push_back(std::make_unique<Member>(*shared_, Rank{rank}));
}

LocalGroup::~LocalGroup() = default;

Communicator& LocalGroup::at(Rank rank) { return *members_.at(static_cast<std::size_t>(rank.value)); }

}  // namespace regatta::comm

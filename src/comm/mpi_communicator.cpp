#include "regatta/comm/mpi_communicator.hpp"

#include <dlfcn.h>

#include <array>
#include <cstring>
#include <utility>

#include "regatta/core/error.hpp"

namespace regatta::comm {
namespace {

constexpr int values_tag = 0, packet_tag = 1;
constexpr std::size_t packet_limit = 1 << 18;  ///< messages are packed together up to this size [bytes]

/// What stands before each message in a packet.
struct FrameHeader {
  std::int32_t tag = 0;
  std::uint32_t bytes = 0;
};

class PendingSum final : public Pending {
 public:
  PendingSum(std::span<float> values, MPI_Comm comm) {
    check_mpi(MPI_Iallreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_FLOAT, MPI_SUM, comm,
                             &request_),
              "start a sum");
  }
  PendingSum(const PendingSum&) = delete;
  PendingSum& operator=(const PendingSum&) = delete;
  ~PendingSum() override { MPI_Wait(&request_, MPI_STATUS_IGNORE); }

  bool test() override {
    int done = 0;
    check_mpi(MPI_Test(&request_, &done, MPI_STATUS_IGNORE), "progress a sum");
    return done != 0;
  }
  void wait() override { check_mpi(MPI_Wait(&request_, MPI_STATUS_IGNORE), "finish a sum"); }

 private:
  MPI_Request request_ = MPI_REQUEST_NULL;
};

}  // namespace

void check_mpi(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw SystemFailure(concat("MPI could not ", what, ": ", std::string(text.data(), static_cast<std::size_t>(length))));
}

/// Sends to one peer: at most one in flight, the rest packed and waiting. Flooding a peer that does not receive would
/// otherwise slow every call of MPI down.
struct MpiCommunicator::Outbox {
  int peer = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  std::vector<std::byte> flying;
  std::deque<std::vector<std::byte>> packets;  ///< waiting

  void pack(int tag, std::span<const std::byte> payload) {
    const std::size_t size = sizeof(FrameHeader) + payload.size();
    if (packets.empty() || packets.back().size() + size > packet_limit) packets.emplace_back();
    std::vector<std::byte>& packet = packets.back();
    const FrameHeader header{tag, static_cast<std::uint32_t>(payload.size())};
    const std::size_t at = packet.size();
    packet.resize(at + size);
    std::memcpy(packet.data() + at, &header, sizeof(header));
    if (!payload.empty()) std::memcpy(packet.data() + at + sizeof(header), payload.data(), payload.size());
  }
};

MpiCommunicator::MpiCommunicator(MPI_Comm comm, std::string node, Adopt) : comm_(comm), node_(std::move(node)) {
  check_mpi(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "set the error handler");
  check_mpi(MPI_Comm_rank(comm_, &rank_.value), "tell the rank");
  check_mpi(MPI_Comm_size(comm_, &size_), "tell the number of ranks");
  outboxes_.resize(static_cast<std::size_t>(size_));
}

MpiCommunicator::MpiCommunicator(MPI_Comm comm, std::string node)
    : MpiCommunicator(
          [comm] {
            MPI_Comm copy = MPI_COMM_NULL;
            check_mpi(MPI_Comm_dup(comm, &copy), "duplicate a communicator");
            return copy;
          }(),
          std::move(node), Adopt{}) {}

MpiCommunicator::~MpiCommunicator() {
  for (auto& outbox : outboxes_)
    if (outbox && outbox->request != MPI_REQUEST_NULL) (void)outbox.release();
  MPI_Comm_free(&comm_);
}

void MpiCommunicator::post(Rank to, int tag, std::span<const std::byte> payload) {
  require(to.value >= 0 && to.value < size_, "no rank ", to.value, " in a communicator of ", size_);
  auto& outbox = outboxes_[static_cast<std::size_t>(to.value)];
  if (!outbox) {
    outbox = std::make_unique<Outbox>();
    outbox->peer = to.value;
  }
  outbox->pack(tag, payload);
  if (outbox->request == MPI_REQUEST_NULL) {
    busy_.push_back(outbox.get());
    start_send(*outbox);
  }
}

void MpiCommunicator::start_send(Outbox& outbox) {
  outbox.flying = std::move(outbox.packets.front());
  outbox.packets.pop_front();
  check_mpi(MPI_Isend(outbox.flying.data(), static_cast<int>(outbox.flying.size()), MPI_BYTE, outbox.peer, packet_tag,
                      comm_, &outbox.request),
            "send");
}

void MpiCommunicator::progress_sends() {
  std::erase_if(busy_, [this](Outbox* outbox) {
    int done = 0;
    check_mpi(MPI_Test(&outbox->request, &done, MPI_STATUS_IGNORE), "progress a send");
    if (!done) return false;
    if (outbox->packets.empty()) return true;
    start_send(*outbox);
    return false;
  });
}

bool MpiCommunicator::drained() {
  progress_sends();
  return busy_.empty();
}

void MpiCommunicator::receive_packet() {
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  check_mpi(MPI_Improbe(MPI_ANY_SOURCE, packet_tag, comm_, &found, &message, &status), "look for messages");
  if (!found) return;

  int count = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &count), "tell a message's size");
  std::vector<std::byte> packet(static_cast<std::size_t>(count));
  check_mpi(MPI_Mrecv(packet.data(), count, MPI_BYTE, &message, MPI_STATUS_IGNORE), "receive");
  for (std::size_t at = 0; at < packet.size();) {
    FrameHeader header;
    std::memcpy(&header, packet.data() + at, sizeof(header));
    at += sizeof(header);
    const auto begin = packet.begin() + static_cast<std::ptrdiff_t>(at);
    arrived_.push_back({Rank{status.MPI_SOURCE}, header.tag, std::vector<std::byte>(begin, begin + header.bytes)});
    at += header.bytes;
  }
}

std::optional<Envelope> MpiCommunicator::poll() {
  if (arrived_.empty()) {
    if (!busy_.empty()) progress_sends();
    receive_packet();
  }
  if (arrived_.empty()) return std::nullopt;
  Envelope envelope = std::move(arrived_.front());
  arrived_.pop_front();
  return envelope;
}

std::unique_ptr<Pending> MpiCommunicator::begin_sum(std::span<float> values) {
  return std::make_unique<PendingSum>(values, comm_);
}

/// MPIX_Query_cuda_support() is an extension of Open MPI and MPICH; a library that lacks it says no.
bool MpiCommunicator::reads_devices() const {
  const auto query = reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "MPIX_Query_cuda_support"));
  return query && query() == 1;
}

/// Blocking, because Open MPI's non-blocking sums take memory of the host only.
void MpiCommunicator::sum(std::span<float> values) {
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_FLOAT, MPI_SUM, comm_), "sum");
}

void MpiCommunicator::send(Rank to, std::span<const float> values) {
  check_mpi(MPI_Send(values.data(), static_cast<int>(values.size()), MPI_FLOAT, to.value, values_tag, comm_), "send numbers");
}

void MpiCommunicator::receive(Rank from, std::span<float> values) {
  check_mpi(MPI_Recv(values.data(), static_cast<int>(values.size()), MPI_FLOAT, from.value, values_tag, comm_,
                     MPI_STATUS_IGNORE),
            "receive numbers");
}

std::unique_ptr<MpiCommunicator> MpiCommunicator::subgroup(const std::vector<Rank>& ranks) {
  std::vector<int> members;
  for (const Rank rank : ranks) members.push_back(rank.value);
  MPI_Group all = MPI_GROUP_NULL, some = MPI_GROUP_NULL;
  check_mpi(MPI_Comm_group(comm_, &all), "tell the group");
  check_mpi(MPI_Group_incl(all, static_cast<int>(members.size()), members.data(), &some), "choose ranks");
  MPI_Comm team = MPI_COMM_NULL;
  // Open MPI's own messages carry this tag on comm_, where another rank may be looking for packets meanwhile.
  const int tag = packet_tag + 1 + members.front() % 16384;
  check_mpi(MPI_Comm_create_group(comm_, some, tag, &team), "form a team");
  MPI_Group_free(&some);
  MPI_Group_free(&all);
  return std::unique_ptr<MpiCommunicator>(new MpiCommunicator(team, node_, Adopt{}));
}

std::string MpiCommunicator::node() const { return node_.empty() ? Communicator::node() : node_; }

Communicator& MpiCommunicator::group_of(const std::vector<Rank>& ranks) {
  auto& group = groups_[ranks];
  if (!group) group = subgroup(ranks);
  return *group;
}

std::string MpiCommunicator::broadcast(const std::string& text) {
  auto bytes = static_cast<unsigned long long>(text.size());
  check_mpi(MPI_Bcast(&bytes, 1, MPI_UNSIGNED_LONG_LONG, 0, comm_), "broadcast");
  std::string result = text;
  result.resize(bytes);
  check_mpi(MPI_Bcast(result.data(), static_cast<int>(bytes), MPI_CHAR, 0, comm_), "broadcast");
  return result;
}

std::vector<std::string> MpiCommunicator::all_gather(const std::string& text) {
  const auto ranks = static_cast<std::size_t>(size_);
  const int bytes = static_cast<int>(text.size());
  std::vector<int> sizes(ranks), starts(ranks, 0);
  check_mpi(MPI_Allgather(&bytes, 1, MPI_INT, sizes.data(), 1, MPI_INT, comm_), "gather sizes");
  for (std::size_t i = 1; i < ranks; ++i) starts[i] = starts[i - 1] + sizes[i - 1];
  std::string all(static_cast<std::size_t>(starts.back() + sizes.back()), '\0');
  check_mpi(MPI_Allgatherv(text.data(), bytes, MPI_CHAR, all.data(), sizes.data(), starts.data(), MPI_CHAR, comm_),
            "gather texts");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < ranks; ++i)
    texts.push_back(all.substr(static_cast<std::size_t>(starts[i]), static_cast<std::size_t>(sizes[i])));
  return texts;
}

}  // namespace regatta::comm

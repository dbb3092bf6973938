#pragma once

#include <mpi.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "regatta/comm/communicator.hpp"

namespace regatta::comm {

/// Throws SystemFailure with MPI's own text unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* what);

/// Communicator over a duplicate of an MPI communicator. Belongs to the thread that started MPI.
class MpiCommunicator final : public Communicator {
 public:
  /// Collective over `comm`.
  /// @param node  where this rank is to believe that it runs; empty: the name of its host
  explicit MpiCommunicator(MPI_Comm comm, std::string node = {});
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;
  /// Does not wait: bytes still in flight are kept until the process ends, so that a peer that has died blocks nobody.
  ~MpiCommunicator() override;

  Rank rank() const override { return rank_; }
  int size() const override { return size_; }
  void post(Rank to, int tag, std::span<const std::byte> payload) override;
  std::optional<Envelope> poll() override;
  bool drained() override;
  std::unique_ptr<Pending> begin_sum(std::span<float> values) override;
  bool reads_devices() const override;
  void sum(std::span<float> values) override;
  void send(Rank to, std::span<const float> values) override;
  void receive(Rank from, std::span<float> values) override;
  std::string node() const override;
  Communicator& group_of(const std::vector<Rank>& ranks) override;

  /// Forms a communicator of some ranks without the others; collective over `ranks` only.
  std::unique_ptr<MpiCommunicator> subgroup(const std::vector<Rank>& ranks);
  /// Collective: `text` of rank 0, on all ranks.
  std::string broadcast(const std::string& text);
  /// Collective: every rank's text in the order of the ranks, on all ranks.
  std::vector<std::string> all_gather(const std::string& text);
  MPI_Comm native() const { return comm_; }

 private:
  struct Adopt {};
  MpiCommunicator(MPI_Comm comm, std::string node, Adopt);
  struct Outbox;
  void start_send(Outbox& outbox);
  void progress_sends();
  void receive_packet();

  MPI_Comm comm_ = MPI_COMM_NULL;
  Rank rank_;
  int size_ = 0;
  std::string node_;  ///< empty: that of the host
  std::vector<std::unique_ptr<Outbox>> outboxes_;  ///< by peer, made at first use
  std::vector<Outbox*> busy_;                      ///< with a send in flight
  std::deque<Envelope> arrived_;
  std::map<std::vector<Rank>, std::unique_ptr<MpiCommunicator>> groups_;
};

}  // namespace regatta::comm

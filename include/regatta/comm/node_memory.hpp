#pragma once

#include <cstddef>
#include <span>

namespace regatta::comm {

/// Memory that is filled by one rank of a node and read by all of them. Collective over the ranks of a node: all call
/// allocate() and publish() in the same order.
class NodeMemory {
 public:
  virtual ~NodeMemory() = default;

  /// Whether this rank fills the blocks of its node.
  virtual bool leader() const = 0;
  /// A zeroed block of the size that the leader asks for (others pass 0), 64-byte aligned; lives as long as this object.
  virtual std::span<std::byte> allocate(std::size_t bytes) = 0;
  /// Returns on all ranks of the node after the leader has called it: its writes are then visible.
  virtual void publish() = 0;
};

/// Memory of this process alone, for runs without a launcher and for tests.
class PrivateMemory final : public NodeMemory {
 public:
  PrivateMemory() = default;
  PrivateMemory(const PrivateMemory&) = delete;
  PrivateMemory& operator=(const PrivateMemory&) = delete;
  ~PrivateMemory() override;

  bool leader() const override { return true; }
  std::span<std::byte> allocate(std::size_t bytes) override;
  void publish() override {}

 private:
  struct Block;
  Block* blocks_ = nullptr;
};

}  // namespace regatta::comm

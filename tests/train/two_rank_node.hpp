#pragma once

#include <gtest/gtest.h>

#include <barrier>
#include <span>

#include "regatta/comm/node_memory.hpp"

namespace regatta::train {

/// Two ranks of one node as two threads.
class Node {
 public:
  std::barrier<> barrier{2};
  comm::PrivateMemory blocks;
  std::span<std::byte> block;
};

class NodeRank final : public comm::NodeMemory {
 public:
  NodeRank(Node& node, bool leads) : node_(node), leads_(leads) {}

  bool leader() const override { return leads_; }
  std::span<std::byte> allocate(std::size_t bytes) override {
    if (leads_) node_.block = node_.blocks.allocate(bytes);
    EXPECT_TRUE(leads_ || bytes == 0);
    node_.barrier.arrive_and_wait();
    const std::span<std::byte> block = node_.block;
    node_.barrier.arrive_and_wait();
    return block;
  }
  void publish() override { node_.barrier.arrive_and_wait(); }

 private:
  Node& node_;
  bool leads_;
};

}  // namespace regatta::train

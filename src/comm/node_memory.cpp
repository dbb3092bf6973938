#include "regatta/comm/node_memory.hpp"

#include <cstring>
#include <memory>
#include <new>

namespace regatta::comm {

struct PrivateMemory::Block {
  Block* next = nullptr;
  std::byte* bytes = nullptr;
};

PrivateMemory::~PrivateMemory() {
  while (blocks_) {
    const std::unique_ptr<Block> block(blocks_);
    ::operator delete[](block->bytes, std::align_val_t{64});
    blocks_ = block->next;
  }
}

std::span<std::byte> PrivateMemory::allocate(std::size_t bytes) {
  auto* data = static_cast<std::byte*>(::operator new[](bytes, std::align_val_t{64}));
  std::memset(data, 0, bytes);
  blocks_ = new Block{blocks_, data};
  return {data, bytes};
}

}  // namespace regatta::comm

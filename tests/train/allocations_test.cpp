#include <atomic>
#include <cstdlib>
#include <new>

#include "far_backend.hpp"
#include "team_training.hpp"

namespace {

std::atomic<std::size_t> blocks_of_the_heap = 0;  ///< that the whole program has taken so far

}  // namespace

#ifndef __SANITIZE_ADDRESS__  // which has operators of its own: there only blocks of the backend are counted
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++blocks_of_the_heap;
  if (void* block = std::malloc(std::max<std::size_t>(bytes, 1))) return block;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* block) noexcept { std::free(block); }
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept { std::free(block); }
#endif

namespace regatta::train {
namespace {

/// Blocks of the heap that the third epoch of a training takes, and numbers of the backend that all three take.
std::pair<std::size_t, std::size_t> taken_by_an_epoch(const Samples& samples, const TrainingSpec& spec) {
  FarBackend backend;
  backend.readable = true;
  const Dataset data = samples.dataset();
  const DeviceData placed(backend, data);
  const Part part(placed.train());
  Trainer trainer(backend, part, samples.classes, spec);
  const std::size_t numbers = backend.allocated;
  for (int e = 0; e < 2; ++e) epoch(trainer);
  const std::size_t blocks = blocks_of_the_heap;
  while (!trainer.advance())
    ADD_FAILURE() << "the epoch takes several slices, each of which looks at the loss";
  return {blocks_of_the_heap - blocks, backend.allocated - numbers};
}

/// An epoch takes a few blocks for its order and its loss, however many steps it has.
void expect_no_block_per_step(const Samples& samples, TrainingSpec spec) {
  spec.batch = samples.train.x.size() / samples.features / 4;
  const auto few = taken_by_an_epoch(samples, spec);
  spec.batch = 5;  // of 120 samples or 101
  const auto many = taken_by_an_epoch(samples, spec);

  EXPECT_EQ(many.first, few.first);
  EXPECT_EQ(many.second + few.second, 0u);
}

TEST(TrainingStep, TakesNoMemoryForDenseLayers) {
  const Samples samples = clouds(101, 6, 3);
  TrainingSpec spec;
  spec.network = mlp({6, {16, 9}, 3, device::Activation::Gelu, 0.2f});
  spec.balanced = true;
  for (const double clip : {0.0, 0.5}) {
    spec.gradient_clip = clip;
    expect_no_block_per_step(samples, spec);
  }
}

TEST(TrainingStep, TakesNoMemoryForImages) {
  const Samples samples = clouds(101, 8 * 8, 3);
  CnnSpec network;
  network.input = {8, 8, 1};
  network.channels = 4;
  network.head = {0, {6}, 3, device::Activation::Relu, 0.2f};
  TrainingSpec spec;
  spec.random_crop = 1;
  spec.random_flip = true;
  for (const bool residual : {true, false}) {
    network.batch_norm = network.residual = residual;
    spec.network = cnn(network);
    expect_no_block_per_step(samples, spec);
  }
}

TEST(TrainingStep, TakesNoMemoryForImagesThatPassInGroups) {
  CnnSpec network;
  network.input = {48, 48, 1};
  network.channels = 8;
  network.channel_factor = 1;
  network.batch_norm = false;
  network.head = {0, {}, 3};
  TrainingSpec spec;
  spec.network = cnn(network);
  expect_no_block_per_step(clouds(30, 48 * 48, 3), spec);
}

TEST(TrainingStep, TakesNoMemoryForSequencesOfTokens) { expect_no_block_per_step(recalled(), recaller()); }

}  // namespace
}  // namespace regatta::train

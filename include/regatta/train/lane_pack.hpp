#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "regatta/device/backend.hpp"
#include "regatta/device/lanes.hpp"

namespace regatta::train {

class LaneSeat;
struct TrainingSpec;

inline constexpr std::size_t widest_vector = 16;  ///< numbers in a vector of a processor of today

/// How many trainings like this one a device of today does at once with gain. On a GPU: hundreds of small networks, each in the
/// memory of one of its cores, tens of larger ones of dense layers; on a processor: a vector full of the smallest. 1: none.
std::size_t useful_lanes(const TrainingSpec& spec, bool on_gpu);

/// Trainers of networks that share a device: the steps which they ask for start together, one lane each.
///
/// The trainers are called in turns by one thread. A round starts when all of them have asked, or when a whole turn has
/// brought nothing new; while it runs, the thread does for the trainers what the device does not.
class LanePack {
 public:
  /// @param engine  null: there are no lanes
  explicit LanePack(std::unique_ptr<device::LaneEngine> engine) : engine_(std::move(engine)) {}

  /// How many such lanes train at once; 0: none.
  std::size_t capacity(const device::Lane& lane) const { return engine_ ? engine_->capacity(lane) : 0; }
  bool shuffles(const device::Lane& lane) const { return engine_->shuffles(lane); }
  double operations_per_round(const device::Lane& lane) const { return engine_->operations_per_round(lane); }

 private:
  friend class LaneSeat;

  void submitted();
  void visited();
  void start();
  void finish();

  std::unique_ptr<device::LaneEngine> engine_;
  std::vector<LaneSeat*> seats_;
  std::size_t waiting_ = 0, running_ = 0;  ///< seats
  std::size_t idle_visits_ = 0;            ///< of seats that wait, since one has been added to them
};

/// The place of one trainer in a pack, which outlives it.
class LaneSeat {
 public:
  /// @param results  numbers for outputs that the lane's judgements may write
  /// @throws device::OutOfDeviceMemory
  LaneSeat(LanePack& pack, std::size_t results);
  ~LaneSeat();
  LaneSeat(const LaneSeat&) = delete;
  LaneSeat& operator=(const LaneSeat&) = delete;

  bool idle() const { return state_ == State::Idle; }
  /// @pre idle()
  /// @param lane  its rates and what they point to stay until collect() says true; where the loss goes is filled in
  void submit(const device::Lane& lane);
  /// Whether the work is done; the seat is idle then. Waits if it is being done.
  bool collect();

  float loss_sum() const { return numbers_[0]; }
  float* results() { return numbers_ + first_result; }

 private:
  friend class LanePack;

  enum class State { Idle, Waiting, Running, Done };
  static constexpr std::size_t first_result = 4;

  LanePack& pack_;
  float* numbers_;
  device::Lane lane_;
  State state_ = State::Idle;
};

}  // namespace regatta::train

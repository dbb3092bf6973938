#include "command_slot.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace regatta::objective {

CommandSlot::~CommandSlot() {
  if (!program_) return;
  if (!leaving_ && !program_->ending()) ask_to_end("stop");
  leaving_ = true;
  while (!vacant()) std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the helper sees to its end
}

bool CommandSlot::reads_words() const {
  using enum CommandTreatment::Control;
  return treatment_.persistent || treatment_.control == Descriptor ||
         (treatment_.control == Auto && program_->aware());
}

void CommandSlot::ask(const char* word) {
  if (!treatment_.persistent) return ask_to_end(word);
  program_->tell(word);
  give_up_at_ = clock_.seconds() + treatment_.grace;
}

void CommandSlot::ask_to_end(const char* word) {
  if (reads_words()) program_->tell(word);
  program_->close_input();
  program_->end(reads_words() ? treatment_.grace : 0, treatment_.grace);
}

void CommandSlot::keep() {
  program_->end(HUGE_VAL, 0);
  give_up_at_ = HUGE_VAL;
}

void CommandSlot::keep_time() {
  if (clock_.seconds() < give_up_at_) return;
  program_->end(0, treatment_.grace);
  give_up_at_ = HUGE_VAL;
}

bool CommandSlot::vacant() {
  if (!program_ || !leaving_) return true;
  program_->read([&](const Message& message) {
    if (message.done) leaving_ = !treatment_.persistent;
  });
  if (program_->ending()) {
    program_.reset();
    leaving_ = false;
  } else {
    keep_time();
  }
  return !leaving_;
}

RunningProgram& CommandSlot::occupy(const process::Program& program, std::unique_ptr<ProgramOutput> output) {
  if (program_) program_->read([](const Message&) {});  // what it said between two trials; that it has ended
  if (!program_ || program_->ending())
    program_ = std::make_unique<RunningProgram>(launcher_, program, treatment_.format);
  give_up_at_ = HUGE_VAL;
  program_->print_to(std::move(output));
  return *program_;
}

void CommandSlot::wait(double seconds) const {
  constexpr double shortest = 100e-6;  // waking up for an answer is faster than to look for it
  if (program_) static_cast<void>(program_->wait(std::max(seconds, shortest)));
}

void CommandSlot::leave(bool done) {
  if (program_->ending()) {
    program_.reset();
  } else if (!treatment_.persistent || !done) {
    ask("stop");
    leaving_ = true;
  }
}

}  // namespace regatta::objective

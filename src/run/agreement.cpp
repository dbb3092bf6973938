#include "regatta/run/agreement.hpp"

#include <exception>

#include "regatta/core/error.hpp"

namespace regatta::run {
namespace {

constexpr char fine = ' ', invalid = 'I', unavailable = 'U', failed = 'S';

char kind_of(const std::exception& error) {
  if (dynamic_cast<const InvalidInput*>(&error)) return invalid;
  if (dynamic_cast<const Unavailable*>(&error)) return unavailable;
  return failed;
}

/// What rank 0 tells, on the others.
std::string receive(comm::MpiCommunicator& world) {
  const std::string told = world.broadcast("");
  const std::string text = told.substr(1);
  switch (told.front()) {
    case invalid: throw InvalidInput(text);
    case unavailable: throw Unavailable(text);
    case failed: throw SystemFailure(text);
    default: return text;
  }
}

}  // namespace

std::string from_rank0(comm::Session* session, const std::function<std::string()>& action) {
  if (session && session->world().rank().value != 0) return receive(session->world());
  std::exception_ptr failure;
  std::string told;
  try {
    told = fine + action();
  } catch (const std::exception& error) {
    failure = std::current_exception();
    told = kind_of(error) + std::string(error.what());
  }
  if (session) session->world().broadcast(told);
  if (failure) std::rethrow_exception(failure);
  return told.substr(1);
}

}  // namespace regatta::run

#pragma once

#include <string>

namespace regatta::support {

/// The message of the exception `Kind` that `call` throws; "no exception" if there is none.
template <class Kind, class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Kind& error) {
    return error.what();
  }
  return "no exception";
}

}  // namespace regatta::support

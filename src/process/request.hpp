#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "regatta/process/descriptor.hpp"
#include "regatta/process/launcher.hpp"

/// What launcher and helper say to each other: packets over a pair of sockets. Both are the same program, so
/// numbers travel as they are.
namespace regatta::process {

/// Descriptors that travel with a Start request, in the order of their numbers in the program.
inline constexpr std::size_t descriptor_count = 5;
/// Largest packet [bytes]: what a socket takes by default, less its own headers.
inline constexpr std::size_t longest_request = 200'000;

enum class RequestKind : char { Start, End };

struct Request {
  RequestKind kind = RequestKind::Start;
  double patience = 0, grace = 0;       ///< End [s]
  Program program;                      ///< Start
  std::vector<Descriptor> descriptors;  ///< Start
};

std::string encode(const Request& request);
Request decode(std::string_view bytes);

}  // namespace regatta::process

#pragma once

#include <cstring>
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

enum class RequestKind : char { Start, End, Fork };

struct Request {
  RequestKind kind = RequestKind::Start;
  double patience = 0, grace = 0;       ///< End [s]
  Program program;                      ///< Start
  std::vector<Descriptor> descriptors;  ///< Start; Fork: the new helper's end of its socket
};

template <class Number>
void add(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

inline void add_text(std::string& bytes, std::string_view text) {
  add(bytes, text.size());
  bytes += text;
}

template <class Number>
Number take(std::string_view& bytes) {
  Number number;
  std::memcpy(&number, bytes.data(), sizeof number);
  bytes.remove_prefix(sizeof number);
  return number;
}

inline std::string take_text(std::string_view& bytes) {
  const auto size = take<std::size_t>(bytes);
  std::string text(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return text;
}

inline std::string encode(const Request& request) {
  std::string bytes;
  add(bytes, request.kind);
  add(bytes, request.patience);
  add(bytes, request.grace);
  add(bytes, request.program.arguments.size());
  for (const std::string& argument : request.program.arguments) add_text(bytes, argument);
  add(bytes, request.program.environment.size());
  for (const auto& [name, value] : request.program.environment) {
    add_text(bytes, name);
    add_text(bytes, value);
  }
  add_text(bytes, request.program.folder.string());
  add(bytes, request.program.cores.size());
  for (const int core : request.program.cores) add(bytes, core);
  return bytes;
}

inline Request decode(std::string_view bytes) {
  Request request;
  request.kind = take<RequestKind>(bytes);
  request.patience = take<double>(bytes);
  request.grace = take<double>(bytes);
  request.program.arguments.resize(take<std::size_t>(bytes));
  for (std::string& argument : request.program.arguments) argument = take_text(bytes);
  request.program.environment.resize(take<std::size_t>(bytes));
  for (auto& [name, value] : request.program.environment) {
    name = take_text(bytes);
    value = take_text(bytes);
  }
  request.program.folder = take_text(bytes);
  request.program.cores.resize(take<std::size_t>(bytes));
  for (int& core : request.program.cores) core = take<int>(bytes);
  return request;
}

}  // namespace regatta::process

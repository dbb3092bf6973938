#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace regatta {

/// The arguments printed one after another, as to a stream.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

/// Base of all errors thrown by Regatta. what() is one sentence that names the value at fault and what was
/// expected instead. The kinds tell who can mend it, and give the exit code of the program.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct InvalidInput : Error { using Error::Error; };   ///< the user or caller can repair it: exit code 2
struct SystemFailure : Error { using Error::Error; };  ///< MPI, CUDA, HDF5 or the system said no: exit code 1
struct Unavailable : Error { using Error::Error; };    ///< not in this build or on this machine: exit code 3

/// A place in an input file. `line` 0: the whole file; the command line is file "command line", line 0.
struct Location {
  std::string file;
  int line = 0;

  std::string text() const { return line > 0 ? file + ":" + std::to_string(line) : file; }
};

/// One thing wrong with an input: where, and one sentence that states the rule and the value.
struct Problem {
  Location where;
  std::string text;
};

using Problems = std::vector<Problem>;

/// Everything wrong with an input at once; what() holds one line per problem, "file:line: sentence".
struct InvalidInputs : InvalidInput {
  explicit InvalidInputs(const Problems& problems) : InvalidInput(join(problems)) {}

 private:
  static std::string join(const Problems& problems) {
    std::string text;
    for (const Problem& problem : problems)
      text += concat(text.empty() ? "" : "\n", problem.where.text(), ": ", problem.text);
    return text;
  }
};

/// Throws InvalidInput with the joined `message` unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts&... message) {
  if (!condition) throw InvalidInput(concat(message...));
}

}  // namespace regatta

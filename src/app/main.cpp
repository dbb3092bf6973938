#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

#include "commands.hpp"
#include "exit_code.hpp"
#include "help.hpp"
#include "regatta/core/error.hpp"

namespace {

using namespace regatta;

/// Whether this is the first process of what a launcher has started: what is wrong with the command line is
/// said once.
bool is_first_process() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
    if (const char* rank = std::getenv(name)) return std::string(rank) == "0";
  return true;
}

/// A launcher ends all processes as soon as one leaves with an error, and the first one has to speak before: the others leave
/// without.
int says_what_is_wrong(const std::string& text) {
  if (!is_first_process()) return app::finished;
  std::cerr << text << std::flush;
  return app::bad_input;
}

int dispatch(int argc, char** argv) {
  const app::Arguments arguments = app::parse_arguments(argc, argv, app::commands());
  if (argc < 2) return says_what_is_wrong(app::general_help());
  if (arguments.help) {
    if (is_first_process()) std::cout << app::command_help(*arguments.command);
    return app::finished;
  }
  return arguments.command->action(arguments);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(argc, argv);
  } catch (const std::exception& error) {
    const app::ExitCode code = app::exit_code_of(error);
    if (code == app::bad_input) return says_what_is_wrong(app::complaint(error) + "\n");
    const bool met_by_all = code != app::runtime_error;
    if (!met_by_all || is_first_process()) std::cerr << app::complaint(error) << std::endl;
    return code;
  }
}

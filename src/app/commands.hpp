#pragma once

#include <string>
#include <vector>

#include "arguments.hpp"

namespace regatta::app {

/// All subcommands, in the order in which help shows them.
const std::vector<Command>& commands();

/// Each returns the exit code; what goes wrong is thrown.
int check_command(const Arguments& arguments);
/// `regatta simulate INPUT`: the study in virtual time, in this process.
int simulate_command(const Arguments& arguments);
/// `regatta serve INPUT`: ask and tell.
int serve_command(const Arguments& arguments);
std::string serve_help();  ///< the requests and their answers
int status_command(const Arguments& arguments);
int report_command(const Arguments& arguments);
int best_command(const Arguments& arguments);
int export_command(const Arguments& arguments);
int enqueue_command(const Arguments& arguments);
int import_command(const Arguments& arguments);
std::string import_help();  ///< the options of `regatta import`
int help_command(const Arguments& arguments);
int version_command(const Arguments& arguments);

}  // namespace regatta::app

// How near searchers come to the optimum with so many evaluations, in virtual time, beside the figures of
// other optimisers.

#include <algorithm>
#include <iostream>
#include <thread>

#include "benchmark.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/file.hpp"
#include "search_report.hpp"

using namespace regatta;

namespace {

benchmark::Arguments arguments_of(int argc, char** argv) {
  return {argc,
          argv,
          {{"--json", "", "FILE"},
           {"--table", "development,judged,published,grids,pending,tree", "NAME,..."},
           {"--problems", "all", "NAME,..."},
           {"--searcher", "bo,sobol,random", "NAME,..."},
           {"--seeds", "20", "N"},
           {"--first-seed", "1", "N"},
           {"--threads", concat(std::max(1u, std::thread::hardware_concurrency())), "N"}}};
}

std::vector<benchmark::Contender> contenders_of(const benchmark::Arguments& arguments) {
  std::vector<benchmark::Contender> contenders;
  for (const std::string& name : arguments.words("--searcher", search::searcher_names()))
    contenders.push_back({name, {.algorithm = name}});
  return contenders;
}

/// The tables asked for, each with the problems asked for.
std::vector<benchmark::CaseTable> tables_of(const benchmark::Arguments& arguments,
                                            const benchmark::TrainedTables& trained) {
  std::vector<benchmark::CaseTable> tables;
  std::vector<std::string> known;
  for (const std::string& name : arguments.words("--table", benchmark::case_table_names())) {
    tables.push_back(benchmark::case_table(name, trained));
    for (const benchmark::Case& each : tables.back().cases)
      if (std::ranges::find(known, each.name) == known.end()) known.push_back(each.name);
  }
  const auto asked = arguments.words("--problems", known);
  for (benchmark::CaseTable& table : tables)
    std::erase_if(table.cases,
                  [&](const auto& each) { return std::ranges::find(asked, each.name) == asked.end(); });
  std::erase_if(tables, [](const auto& table) { return table.cases.empty(); });
  return tables;
}

void run_tables(const benchmark::Arguments& arguments) {
  const benchmark::TrainedTables trained;
  const benchmark::Peers peers(REGATTA_SOURCE_DIR "/tests/benchmark/peers.csv");
  const std::vector<benchmark::Contender> contenders = contenders_of(arguments);
  const std::vector<benchmark::CaseTable> tables = tables_of(arguments, trained);
  const benchmark::Effort effort{arguments.count("--seeds"), arguments.count("--threads"),
                                 arguments.count("--first-seed")};
  Json result{{"benchmark", "search"}, {"machine", benchmark::machine_facts()}, {"tables", Json::array()}};
  std::cout << "benchmark search: medians of " << effort.seeds << " seeds, CPU time of " << effort.threads
            << " threads at once\n"
            << benchmark::facts_text(result["machine"]) << std::flush;
  for (const benchmark::CaseTable& table : tables) {
    std::cerr << "table " << table.name << '\n';
    const auto cells =
        benchmark::run_cases(table.cases, table.contenders.empty() ? contenders : table.contenders, effort);
    const benchmark::SearchReport report(table, cells, peers);
    std::cout << report.text() << std::flush;
    result["tables"].push_back(report.json());
    if (const std::string& file = arguments.text("--json"); !file.empty())
      replace_file(file, result.dump(2) + "\n", false);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run_tables(arguments_of(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "bench search: " << error.what() << '\n';
    return 1;
  }
}

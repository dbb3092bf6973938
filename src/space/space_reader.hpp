#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "model.hpp"

namespace regatta::space {

/// Turns definitions into a Model and collects all that is wrong with them.
class SpaceReader {
 public:
  explicit SpaceReader(Problems& problems) : problems_(problems) {}

  Model read(std::span<const Definition> parameters, std::span<const Definition> constraints);

 private:
  void read_parameter(const Definition& definition);
  void compile_condition(std::size_t index);
  void read_constraint(const Definition& definition);
  bool accept_name(const Definition& definition, std::span<const Definition> earlier, std::string_view what);
  void report_unreadable(std::size_t reader, std::size_t read);
  std::vector<std::size_t> path(std::size_t from, std::size_t to, std::set<std::size_t>& seen) const;
  void report(const Definition& definition, const std::string& sentence);

  Problems& problems_;
  Model model_;
  std::vector<char> faulty_;
  std::vector<std::size_t> condition_offsets_;  ///< 0: none
};

}  // namespace regatta::space

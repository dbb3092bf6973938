#include <iostream>
#include <vector>

#include "regatta/space/space.hpp"

int main() {
  const std::vector<regatta::space::Definition> parameters{{"units", "int(1, 9)", {"here", 1}}};
  regatta::Problems problems;
  const auto space = regatta::space::Space::parse(parameters, {}, problems);
  std::cout << space.text(space.decode(std::vector<double>{0.5})) << "\n";
  return problems.empty() ? 0 : 1;
}

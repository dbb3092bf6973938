#include "regatta/space/json.hpp"

namespace regatta::space {

Json to_json(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return *whole;
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* word = std::get_if<std::string>(&value)) return *word;
  return nullptr;
}

Json to_json(const Space& space, std::span<const double> config) {
  Json json = Json::object();
  for (std::size_t i = 0; i < space.size(); ++i)
    if (Json value = to_json(space.value(config, i)); !value.is_null())
      json[space.parameters()[i].name] = std::move(value);
  return json;
}

}  // namespace regatta::space

#pragma once

#include <nlohmann/json.hpp>

namespace regatta {

using Json = nlohmann::ordered_json;  ///< keeps the order of keys, as people wrote them

}  // namespace regatta

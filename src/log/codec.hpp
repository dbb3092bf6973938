#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "regatta/search/event.hpp"

namespace regatta::log {

/// Version of the journal's encoding; the first frame carries it.
inline constexpr std::uint32_t journal_schema = 1;

/// Appends the payload of one frame to `out`.
void encode_to(std::vector<std::byte>& out, const search::Event& event);
void encode_to(std::vector<std::byte>& out, const search::StudyHeader& header);

}  // namespace regatta::log

// The one hash over what lies on disk: XXH3-64, unseeded, so that any build of ours verifies any
// file.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast {

uint64_t Checksum(std::string_view bytes);

}  // namespace holdfast

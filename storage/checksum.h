// The one hash over what lies on disk: XXH3-64, with no seed of a data set's own, so that any build
// of ours verifies any file.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast {

uint64_t Checksum(std::string_view bytes);

// Of `value` where it lies under `key`: XXH3-64 of the value, seeded with that of the key. It fits
// neither under another key nor with the border between the two moved.
uint64_t ChecksumUnder(std::string_view key, std::string_view value);

}  // namespace holdfast

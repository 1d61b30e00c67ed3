#include "storage/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace holdfast {

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

uint64_t ChecksumUnder(std::string_view key, std::string_view value) {
  return XXH3_64bits_withSeed(value.data(), value.size(), Checksum(key));
}

}  // namespace holdfast

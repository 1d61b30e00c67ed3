#include "storage/core/hashed_key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace holdfast {

HashedKey HashKey(HashSeed seed, std::string_view key) {
  return {key, XXH3_64bits_withSeed(key.data(), key.size(), seed.value)};
}

}  // namespace holdfast

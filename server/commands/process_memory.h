// What the system says of this process' memory.
#pragma once

#include <cstdint>

namespace holdfast {

// Bytes in memory, now; 0 where the system does not tell.
uint64_t ResidentBytes();

}  // namespace holdfast

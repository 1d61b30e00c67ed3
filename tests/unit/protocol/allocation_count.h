// Counts every operator new of this test binary, to prove that a hot path allocates nothing.
#pragma once

#include <cstddef>

namespace holdfast {

// Calls, and bytes asked for, since the program started.
size_t AllocationCount();
size_t AllocatedBytes();

}  // namespace holdfast

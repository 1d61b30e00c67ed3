#include "storage/base/invariant.h"

#include <cstdio>
#include <cstdlib>

namespace holdfast {

void InvariantFailed(const char* file, int line) noexcept {
  std::fprintf(stderr, "holdfast: invariant violated at %s:%d, stopping\n", file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace holdfast

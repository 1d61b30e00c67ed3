#include "storage/id.h"

#include <cerrno>

#include <sys/random.h>

#include "storage/base/invariant.h"

namespace holdfast {

Status DrawRandom(void* out, size_t bytes) {
  // So many come whole or not at all.
  constexpr size_t kBytesMax = 256;
  Invariant(bytes <= kBytesMax);
  ssize_t got = 0;
  do {
    got = getrandom(out, bytes, 0);
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(bytes) ? Status::Ok() : Status::FromErrno("getrandom", errno);
}

}  // namespace holdfast

#include "storage/disk_space.h"

#include <sys/statvfs.h>

namespace holdfast {

void DiskSpace::Look() {
  struct statvfs space {};
  // Without an answer the last one stands: a disk that is truly gone fails the next write anyway.
  if (statvfs(directory_.c_str(), &space) != 0) return;
  Judge(static_cast<uint64_t>(space.f_bavail) * space.f_frsize);
}

void DiskSpace::Judge(uint64_t free_bytes) {
  free_bytes_.store(free_bytes, std::memory_order_relaxed);
  const uint64_t reserve = reserve_bytes_.load(std::memory_order_relaxed);
  const uint64_t enough = low() ? reserve + reserve / 8 : reserve;
  low_.store(free_bytes < enough, std::memory_order_relaxed);
}

}  // namespace holdfast

#include "storage/disk_space.h"

#include <optional>

#include <sys/statvfs.h>

namespace holdfast {

namespace {

// How often the log looks while it writes as much as the reserve is large.
constexpr uint64_t kLooksAReserve = 32;

// Nothing without an answer: a disk that is truly gone fails the next write anyway.
std::optional<uint64_t> FreeBytes(const std::string& directory) {
  struct statvfs space {};
  if (statvfs(directory.c_str(), &space) != 0) return std::nullopt;
  return static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
}

}  // namespace

void DiskSpace::Look() {
  if (const auto free = FreeBytes(directory_)) Judge(*free);
}

bool DiskSpace::LeavesHalf(uint64_t bytes) const {
  const uint64_t reserve = reserve_bytes_.load(std::memory_order_relaxed);
  const auto free = FreeBytes(directory_);
  return reserve == 0 || !free || (*free >= bytes && *free - bytes >= reserve / 2);
}

void DiskSpace::Wrote(uint64_t bytes) {
  wrote_ += bytes;
  if (wrote_ < reserve_bytes_.load(std::memory_order_relaxed) / kLooksAReserve) return;
  wrote_ = 0;
  Look();
}

void DiskSpace::Judge(uint64_t free_bytes) {
  const std::lock_guard lock(judging_);
  free_bytes_.store(free_bytes, std::memory_order_relaxed);
  const uint64_t reserve = reserve_bytes_.load(std::memory_order_relaxed);
  const uint64_t enough = low() ? reserve + reserve / 8 : reserve;
  low_.store(free_bytes < enough, std::memory_order_relaxed);
}

}  // namespace holdfast

#include "server/allocator.h"

#include <cstddef>

// jemalloc's functions, null without it: the allocator is chosen where the program is linked, and
// whoever links this file without one (a test) must not need it.
// NOLINTBEGIN(readability-identifier-naming): they are called so.
extern "C" {
__attribute__((weak)) int mallctl(const char* name, void* old_value, size_t* old_size,
                                  void* new_value, size_t new_size);
__attribute__((weak)) void malloc_stats_print(void (*write)(void* target, const char* text),
                                              void* target, const char* options);
}
// NOLINTEND(readability-identifier-naming)

namespace holdfast {
namespace {

// MALLCTL_ARENAS_ALL, as mallctl's names spell it.
constexpr const char* kPurgeAll = "arena.4096.purge";

uint64_t ReadSize(const char* name) {
  size_t value = 0;
  size_t size = sizeof value;
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

AllocatorStats ReadAllocatorStats() {
  if (mallctl == nullptr) return {};
  // The figures are a snapshot, renewed by a new epoch.
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  if (mallctl("epoch", &epoch, &size, &epoch, size) != 0) return {};
  return {.known = true,
          .allocated = ReadSize("stats.allocated"),
          .active = ReadSize("stats.active"),
          .resident = ReadSize("stats.resident")};
}

bool PurgeAllocator() {
  return mallctl != nullptr && mallctl(kPurgeAll, nullptr, nullptr, nullptr, 0) == 0;
}

std::string AllocatorReport() {
  std::string report;
  if (malloc_stats_print == nullptr) return report;
  malloc_stats_print(
      [](void* target, const char* text) { *static_cast<std::string*>(target) += text; }, &report,
      nullptr);
  return report;
}

}  // namespace holdfast

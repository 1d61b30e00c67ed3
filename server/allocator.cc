#include "server/allocator.h"

#include <cstdio>

#include "server/jemalloc.h"

namespace holdfast {
namespace {

// MALLCTL_ARENAS_ALL, as mallctl's names spell it.
constexpr const char* kPurgeAll = "arena.4096.purge";

// From this size on a free extent is purged at once. No extent of ours is ever as large.
constexpr size_t kPurgedAtOnce = size_t{1} << 46;

template <typename T = size_t>
T Read(const char* name) {
  T value = 0;
  size_t size = sizeof value;
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

uint64_t ReadSize(const char* name) { return Read<size_t>(name); }

// Of one of a kind: "arenas.bin.%u.size".
template <typename T = size_t>
T ReadOf(const char* pattern, unsigned which) {
  char name[64];
  std::snprintf(name, sizeof name, pattern, which);
  return Read<T>(name);
}

// The figures are a snapshot, renewed by a new epoch.
bool RenewFigures() {
  if (mallctl == nullptr) return false;
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  return mallctl("epoch", &epoch, &size, &epoch, size) == 0;
}

}  // namespace

AllocatorStats ReadAllocatorStats() {
  if (!RenewFigures()) return {};
  return {.known = true,
          .allocated = ReadSize("stats.allocated"),
          .active = ReadSize("stats.active"),
          .resident = ReadSize("stats.resident")};
}

SlabFigures ReadSlabs() {
  SlabFigures figures;
  if (!RenewFigures()) return figures;
  figures.allocated = ReadSize("stats.allocated");
  const auto classes = Read<unsigned>("arenas.nbins");
  for (unsigned bin = 0; bin < classes; ++bin) {
    const SlabClass& read = figures.classes.emplace_back(SlabClass{
        .block_bytes = ReadOf("arenas.bin.%u.size", bin),
        .blocks_per_slab = ReadOf<uint32_t>("arenas.bin.%u.nregs", bin),
        .slabs = ReadOf("stats.arenas.4096.bins.%u.curslabs", bin),
        .blocks = ReadOf("stats.arenas.4096.bins.%u.curregs", bin),
    });
    figures.free_in_slabs += read.free_bytes();
  }
  return figures;
}

void PurgeInBackground() {
  if (mallctl == nullptr) return;
  bool on = true;
  if (!Read<bool>("background_thread"))
    mallctl("background_thread", nullptr, nullptr, &on, sizeof on);
  const auto arenas = Read<unsigned>("arenas.narenas");
  for (unsigned arena = 0; arena < arenas; ++arena) {
    char name[64];
    std::snprintf(name, sizeof name, "arena.%u.oversize_threshold", arena);
    size_t bytes = kPurgedAtOnce;
    mallctl(name, nullptr, nullptr, &bytes, sizeof bytes);  // fails for one that is not used yet
  }
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

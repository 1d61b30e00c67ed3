// NameCounts: the distinct names among those that the shards hold, and how many there are. A shard
// tells of a name when its first client asks for it and when its last one leaves, so the lock is
// met at those moments alone and reading the number takes none.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include <absl/container/flat_hash_map.h>

namespace holdfast {

// Any thread.
class NameCounts {
 public:
  void Add(std::string_view name);
  // Requires: it was added, and not yet removed as often.
  void Remove(std::string_view name);
  size_t distinct() const { return distinct_.load(std::memory_order_relaxed); }

 private:
  std::mutex mutex_;
  absl::flat_hash_map<std::string, uint32_t> holders_;  // under mutex_
  std::atomic<size_t> distinct_{0};
};

}  // namespace holdfast

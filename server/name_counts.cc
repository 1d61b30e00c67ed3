#include "server/name_counts.h"

#include "storage/base/invariant.h"

namespace holdfast {

void NameCounts::Add(std::string_view name) {
  const std::lock_guard lock(mutex_);
  ++holders_[std::string(name)];
  distinct_.store(holders_.size(), std::memory_order_relaxed);
}

void NameCounts::Remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto found = holders_.find(std::string(name));
  Invariant(found != holders_.end());
  if (--found->second == 0) holders_.erase(found);
  if (holders_.empty()) holders_ = {};  // its memory, too
  distinct_.store(holders_.size(), std::memory_order_relaxed);
}

}  // namespace holdfast

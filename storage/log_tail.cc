#include "storage/log_tail.h"

#include <algorithm>
#include <utility>

#include "storage/base/invariant.h"

namespace holdfast {

void LogTail::Add(SealedRecord record) {
  const std::lock_guard lock(mutex_);
  // It was not filled all the time: what is left from before has a gap behind it.
  if (!records_.empty() && records_.back().header.last() + 1 != record.header.first) {
    records_.clear();
    bytes_ = 0;
  }
  bytes_ += record.bytes->size();
  records_.push_back(std::move(record));
  for (Waker* waker : wakers_) waker->Wake();
}

void LogTail::Written(Index last) {
  const std::lock_guard lock(mutex_);
  written_ = last;
  DropOld();
}

void LogTail::DropOld() {
  while (!records_.empty() && bytes_ > bytes_max_ && records_.front().header.last() <= written_) {
    bytes_ -= records_.front().bytes->size();
    records_.pop_front();
  }
}

void LogTail::Clear() {
  const std::lock_guard lock(mutex_);
  records_.clear();
  bytes_ = 0;
  written_ = 0;  // the log goes on below where it was
}

void LogTail::Attach(Waker* waker) {
  const std::lock_guard lock(mutex_);
  wakers_.push_back(waker);
  ++readers_;
}

void LogTail::Detach(Waker* waker) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(wakers_, waker);
  Invariant(found != wakers_.end());
  wakers_.erase(found);
  if (--readers_ > 0) return;
  records_.clear();
  bytes_ = 0;
}

bool LogTail::ReadBehind(Index after, uint64_t bytes_max, std::vector<SealedRecord>& out) const {
  const std::lock_guard lock(mutex_);
  if (records_.empty() || records_.front().header.first > after + 1) return false;
  auto next = std::ranges::lower_bound(
      records_, after + 1, {}, [](const SealedRecord& record) { return record.header.first; });
  // In the midst of a record, or behind the last one: the segments tell which.
  if (next == records_.end()) return records_.back().header.last() == after;
  if (next->header.first != after + 1) return false;
  for (uint64_t bytes = 0; next != records_.end() && bytes < bytes_max; ++next) {
    bytes += next->bytes->size();
    out.push_back(*next);
  }
  return true;
}

}  // namespace holdfast

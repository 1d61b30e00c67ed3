#include "storage/log_queue.h"

#include <algorithm>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/opening.h"

namespace holdfast {
namespace {

// Records kept for reuse; a burst may have needed more.
constexpr size_t kRecordsKept = 4;

}  // namespace

void LogQueue::StartAfter(const LogPlace& last) {
  const std::lock_guard lock(mutex_);
  Invariant(used_ == 0);
  epoch_ = last.epoch;
  last_taken_ = last.index;
  last_pushed_.store(last.index, std::memory_order_release);
}

bool LogQueue::ShouldWake(bool waited_for) {
  const bool wake = sleep_ == Sleep::kUntilAnything || (sleep_ != Sleep::kAwake && waited_for);
  // One call wakes it; whoever comes before it runs need not call again.
  if (wake) sleep_ = Sleep::kAwake;
  return wake;
}

Index LogQueue::Push(const Batch& batch) {
  Index index = 0;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    index = Append(batch);
    wake = ShouldWake(batch.gated);
  }
  if (wake) wake_.notify_one();
  return index;
}

Index LogQueue::OpenEpoch(Epoch epoch, const Group& group, UnixMs now) {
  Index index = 0;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    Invariant(epoch > epoch_);
    const LogPlace before{.epoch = epoch_, .index = last_pushed_.load(std::memory_order_relaxed)};
    const std::string opening = EncodeOpening({.epoch = epoch, .before = before, .group = group});
    epoch_ = epoch;
    record_ends_ = true;
    index = Append({.mutations = opening, .gated = true, .server_time = now});
    record_ends_ = true;
    wake = ShouldWake(true);
  }
  if (wake) wake_.notify_one();
  return index;
}

Index LogQueue::Append(const Batch& batch) {
  if (used_ == 0 || std::exchange(record_ends_, false) || !filling_[used_ - 1].record.Fits(batch)) {
    if (++used_ > filling_.size()) filling_.emplace_back();
    filling_[used_ - 1].epoch = epoch_;
  }
  filling_[used_ - 1].record.Append(batch);
  const Index index = last_pushed_.load(std::memory_order_relaxed) + 1;
  last_pushed_.store(index, std::memory_order_release);
  queued_bytes_ += kBatchHeaderBytes + batch.mutations.size();
  if (queued_bytes_ + taken_bytes_ > bytes_max_) congested_.store(true, std::memory_order_release);
  if (batch.gated) sync_wanted_ = index;
  return index;
}

void LogQueue::RequestSync(Index index) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    // Nobody can wait for what was never pushed: such a wish would keep the log thread awake for
    // ever.
    index = std::min(index, last_pushed_.load(std::memory_order_relaxed));
    if (index <= sync_wanted_) return;
    sync_wanted_ = index;
    wake = ShouldWake(true);
  }
  if (wake) wake_.notify_one();
}

Index LogQueue::SyncWanted() const {
  const std::lock_guard lock(mutex_);
  return sync_wanted_;
}

uint64_t LogQueue::Bytes() const {
  const std::lock_guard lock(mutex_);
  return queued_bytes_ + taken_bytes_;
}

void LogQueue::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    sleep_ = Sleep::kAwake;
  }
  wake_.notify_one();
}

void LogQueue::Take(const Patience& patience, Taken& taken) {
  std::unique_lock lock(mutex_);
  while (!stop_ && sync_wanted_ <= patience.durable) {
    const auto now = Clock::now();
    const bool gathering = now < patience.gather_until;
    if (now >= patience.sync_due || (used_ > 0 && !gathering)) break;
    sleep_ = gathering ? Sleep::kUntilWaitedFor : Sleep::kUntilAnything;
    wake_.wait_until(
        lock, gathering ? std::min(patience.gather_until, patience.sync_due) : patience.sync_due);
    sleep_ = Sleep::kAwake;
  }
  MoveTo(taken);
}

void LogQueue::TakeNow(Taken& taken) {
  const std::lock_guard lock(mutex_);
  MoveTo(taken);
}

void LogQueue::MoveTo(Taken& taken) {
  Invariant(taken_bytes_ == 0);  // Written was called
  if (taken.records.size() > kRecordsKept) taken.records.resize(kRecordsKept);
  for (Queued& queued : taken.records) queued.record.Clear();
  std::swap(taken.records, filling_);
  taken.used = std::exchange(used_, 0);
  record_ends_ = false;
  taken.first = last_taken_ + 1;
  taken.sync_wanted = sync_wanted_;
  taken.stopped = stop_;
  last_taken_ = last_pushed_.load(std::memory_order_relaxed);
  taken_bytes_ = std::exchange(queued_bytes_, 0);
}

bool LogQueue::Written() {
  const std::lock_guard lock(mutex_);
  taken_bytes_ = 0;
  if (!congested_.load(std::memory_order_relaxed) || queued_bytes_ > bytes_max_ / 2) return false;
  congested_.store(false, std::memory_order_release);
  return true;
}

}  // namespace holdfast

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
  sync_wanted_ = std::min(sync_wanted_, last.index);
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
    if (follows_) return kNeverDurable;
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
    follows_ = false;
    record_ends_ = true;
    index = Append({.mutations = opening, .gated = true, .server_time = now});
    record_ends_ = true;
    wake = ShouldWake(true);
  }
  if (wake) wake_.notify_one();
  return index;
}

Index LogQueue::Append(const Batch& batch) {
  const bool joins =
      used_ > 0 && !std::exchange(record_ends_, false) && filling_[used_ - 1].record.Fits(batch);
  RecordBuilder& record = joins ? filling_[used_ - 1].record : NextRecord().record;
  record.Append(batch);
  const Index index = last_pushed_.load(std::memory_order_relaxed) + 1;
  last_pushed_.store(index, std::memory_order_release);
  CountQueued(kBatchHeaderBytes + batch.mutations.size());
  if (batch.gated) sync_wanted_ = index;
  return index;
}

LogQueue::Queued& LogQueue::NextRecord() {
  if (++used_ > filling_.size()) filling_.emplace_back();
  Queued& next = filling_[used_ - 1];
  next.epoch = epoch_;
  return next;
}

void LogQueue::CountQueued(uint64_t bytes) {
  queued_bytes_ += bytes;
  if (queued_bytes_ + taken_bytes_ > bytes_max_) congested_.store(true, std::memory_order_release);
}

void LogQueue::Follow() {
  const std::lock_guard lock(mutex_);
  follows_ = true;
}

void LogQueue::Store(SealedRecord record) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    Invariant(follows_);
    Invariant(record.header.epoch >= epoch_);
    Invariant(record.header.first == last_pushed_.load(std::memory_order_relaxed) + 1);
    epoch_ = record.header.epoch;
    last_pushed_.store(record.header.last(), std::memory_order_release);
    sync_wanted_ = record.header.last();
    CountQueued(record.bytes->size());
    NextRecord().stored = std::move(record);
    wake = ShouldWake(true);
  }
  if (wake) wake_.notify_one();
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
  for (Queued& queued : taken.records) {
    queued.record.Clear();
    queued.stored = {};
  }
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

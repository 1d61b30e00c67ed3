#include "storage/snapshots.h"

#include <algorithm>
#include <chrono>

#include "storage/background.h"
#include "storage/base/invariant.h"
#include "storage/snapshot_store.h"

namespace holdfast {
namespace {

// How often the acked index is looked at while only the cuts' ack is missing, and the operator
// told how far a snapshot is.
constexpr auto kLookEvery = std::chrono::milliseconds(2);
constexpr auto kTellEvery = std::chrono::seconds(1);

// The partition, then the row's number in it: rows are loaded in the order in which they came.
std::string KeyOf(Partition partition, uint64_t number) {
  std::string key(1, static_cast<char>(partition));
  const uint64_t big_endian = __builtin_bswap64(number);
  key.append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
  return key;
}

std::string Mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MB"; }

}  // namespace

Snapshots::Snapshots(RocksLog& log, Options options) : log_(log), options_(std::move(options)) {
  const SnapshotMark& mark = log.snapshots().current();
  figures_.last_cut = mark.server_time;
  figures_.last_bytes = mark.bytes;
}

void Snapshots::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Snapshots::Start() {
  thread_ = std::thread([this] { Run(); });
}

// ---- Any thread ----

uint32_t Snapshots::Begin(bool after_that) {
  const std::lock_guard lock(mutex_);
  if (asked_ != finished_.load(std::memory_order_relaxed)) {
    again_ |= after_that;
    return 0;
  }
  Ask();
  wake_.notify_one();
  return asked_;
}

// Whoever was told that a snapshot is being taken sees it at once.
void Snapshots::Ask() {
  ++asked_;
  figures_.running = true;
  figures_.keys = figures_.bytes = 0;
  figures_.began = options_.now();
}

SnapshotFigures Snapshots::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void Snapshots::Put(Partition partition, std::string row) {
  const std::lock_guard lock(mutex_);
  if (!cut_[partition]) return;
  queue_bytes_ += row.size();
  figures_.bytes += row.size();
  if (queue_bytes_ >= options_.queue_bytes_max) has_room_.store(false, std::memory_order_relaxed);
  queue_.push_back({.partition = partition, .bytes = std::move(row)});
  wake_.notify_one();
}

void Snapshots::TookCut(Partition partition, Index cut, uint32_t number) {
  const std::lock_guard lock(mutex_);
  if (number != wanted()) return;
  cuts_[partition] = cut;
  cut_[partition] = true;
}

void Snapshots::TookAll(Partition partition, uint64_t keys) {
  const std::lock_guard lock(mutex_);
  if (!cut_[partition]) return;
  figures_.keys += keys;
  if (++partitions_taken_ == kPartitions) wake_.notify_one();
}

// ---- The thread ----

void Snapshots::Run() {
  GoToBackground();
  Lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || asked_ != finished(); });
    if (stop_ || !Take(lock)) return;
    if (std::exchange(again_, false)) Ask();
  }
}

bool Snapshots::Take(Lock& lock) {
  cuts_ = {};
  cut_.reset();
  partitions_taken_ = 0;
  next_row_ = {};
  const uint32_t number = asked_;
  lock.unlock();
  const Status begun = log_.snapshots().Begin();
  if (begun.ok()) {
    wanted_.store(number, std::memory_order_release);
    WakeAll();
  }
  lock.lock();
  // What fails here went to the log's fatal handler, too: nothing more is promised.
  if (!begun.ok()) return false;
  if (WriteQueued(lock) && AwaitCuts(lock) && Complete(lock)) return true;
  const bool goes_on = std::exchange(out_of_room_, false);
  GiveUp(lock);
  if (!goes_on) return false;
  figures_.given_up = true;
  Tell(
      "Snapshot given up: not even half of disk-reserve would be left. What it had written is "
      "removed; make room on the disk.");
  finished_.store(number, std::memory_order_release);
  lock.unlock();
  WakeAll();
  lock.lock();
  return true;
}

// A shard that has not noticed yet may still bring rows: without cuts nobody takes them.
void Snapshots::GiveUp(Lock& lock) {
  wanted_.store(0, std::memory_order_release);
  cut_.reset();
  queue_.clear();
  queue_bytes_ = 0;
  has_room_.store(true, std::memory_order_relaxed);
  lock.unlock();
  (void)log_.snapshots().Abandon();
  lock.lock();
  figures_.running = false;
}

// Until every partition is taken.
bool Snapshots::WriteQueued(Lock& lock) {
  auto next_word = std::chrono::steady_clock::now() + kTellEvery;
  for (;;) {
    const auto done = [this] { return partitions_taken_ == kPartitions; };
    const auto due = [&] { return stop_ || !queue_.empty() || done(); };
    if (!wake_.wait_until(lock, next_word, due) || std::chrono::steady_clock::now() >= next_word) {
      next_word = std::chrono::steady_clock::now() + kTellEvery;
      Tell("Snapshot: " + std::to_string(figures_.keys) + " keys, " + Mebibytes(figures_.bytes) +
           ", partition " + std::to_string(partitions_taken_) + " of " +
           std::to_string(kPartitions));
    }
    if (stop_) return false;
    out_of_room_ = !log_.HasRoomForSnapshot(figures_.bytes, queue_bytes_);
    if (out_of_room_) return false;
    if (queue_.empty() && done()) return true;
    std::vector<Row> rows;
    rows.swap(queue_);
    lock.unlock();
    Status written;
    uint64_t bytes = 0;
    for (const Row& row : rows) {
      bytes += row.bytes.size();
      if (written.ok()) {
        written =
            log_.snapshots().Write(KeyOf(row.partition, next_row_[row.partition]++), row.bytes);
      }
    }
    lock.lock();
    queue_bytes_ -= bytes;
    const bool had_room =
        has_room_.exchange(queue_bytes_ < options_.queue_bytes_max, std::memory_order_relaxed);
    if (!written.ok()) return false;
    if (had_room || !HasRoom()) continue;
    lock.unlock();
    WakeAll();
    lock.lock();
  }
}

bool Snapshots::AwaitCuts(Lock& lock) {
  log_.RequestSync(*std::ranges::max_element(cuts_));
  while (!AreAcked(cuts_, options_.acked())) {
    if (wake_.wait_for(lock, kLookEvery, [this] { return stop_; })) return false;
  }
  return true;
}

bool Snapshots::Complete(Lock& lock) {
  const SnapshotMark mark{.cuts = cuts_, .server_time = figures_.began, .keys = figures_.keys};
  const Index oldest_cut = *std::ranges::min_element(cuts_);
  lock.unlock();
  const Status finished = log_.snapshots().Finish(mark);
  if (finished.ok()) log_.Trim(oldest_cut + 1);
  lock.lock();
  if (!finished.ok()) return false;
  figures_.running = false;
  figures_.last_cut = figures_.began;
  figures_.last_took = options_.now() - figures_.began;
  figures_.last_bytes = figures_.bytes;
  figures_.given_up = false;
  ++figures_.complete;
  Tell("Snapshot complete: " + std::to_string(figures_.keys) + " keys, " +
       Mebibytes(figures_.bytes) + ", " + std::to_string(figures_.last_took.count()) +
       " ms; the log is needed from index " + std::to_string(oldest_cut + 1));
  const uint32_t number = wanted_.exchange(0, std::memory_order_acq_rel);
  complete_.store(number, std::memory_order_release);
  finished_.store(number, std::memory_order_release);
  lock.unlock();
  WakeAll();
  lock.lock();
  return true;
}

void Snapshots::Tell(const std::string& line) const {
  if (options_.tell) options_.tell(line);
}

void Snapshots::WakeAll() {
  for (Waker* waker : wakers_) waker->Wake();
}

}  // namespace holdfast

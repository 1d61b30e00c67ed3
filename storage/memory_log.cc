#include "storage/memory_log.h"

#include <algorithm>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/recovery.h"

namespace holdfast {

MemoryLog::MemoryLog(const MemoryLogOptions& options)
    : MemoryLog(options, MemoryDisk{.history = options.history, .records = {}}) {
  OpenEpoch({});
}

MemoryLog::MemoryLog(MemoryLogOptions options, MemoryDisk disk)
    : node_(options.node),
      fatal_(std::move(options.fatal)),
      queue_(options.queue_bytes_max),
      disk_(std::move(disk)),
      synced_bytes_(disk_.records.size()) {}

Status MemoryLog::Replay(const Cuts& cuts, const ReplayFn& fn, Replayed& out) {
  Recovery recovery(disk_.history, {}, cuts, fn);
  std::string_view rest = disk_.records;
  while (!rest.empty()) {
    RecordHeader header;
    // A record whose header or end is missing is what a power loss tore; anything else must be
    // whole.
    if (rest.size() < kRecordHeaderBytes) break;
    const Status decoded = DecodeRecordHeader(rest, header);
    if (decoded.ok() && rest.size() - kRecordHeaderBytes < header.length) break;
    const std::string_view record =
        decoded.ok() ? rest.substr(0, kRecordHeaderBytes + header.length) : rest;
    if (Status status = recovery.Take(record); !status.ok()) return status;
    rest.remove_prefix(record.size());
  }
  if (Status status = recovery.Finish(disk_.witness, disk_.witness_time); !status.ok())
    return status;
  disk_.records.resize(disk_.records.size() - rest.size());
  synced_bytes_ = disk_.records.size();
  out = recovery.replayed();
  // What was replayed is shown to clients from now on, so it counts as durable.
  written_ = disk_.witness = out.last;
  durable_.store(written_, std::memory_order_release);
  written_time_ = disk_.witness_time = out.server_time;
  OpenEpoch({.epoch = recovery.epochs().last(), .index = written_});
  return Status::Ok();
}

void MemoryLog::OpenEpoch(const LogPlace& last) {
  ++disk_.history.epoch;
  queue_.StartAfter(last);
  queue_.OpenEpoch(disk_.history.epoch,
                   {.primary = node_, .sync_set = {{.id = node_, .address = {}}}}, written_time_);
  Step();
  Sync();
}

Index MemoryLog::Push(const Batch& batch) { return queue_.Push(batch); }
Index MemoryLog::LastPushed() const { return queue_.LastPushed(); }
Index MemoryLog::Durable() const { return durable_.load(std::memory_order_acquire); }
void MemoryLog::RequestSync(Index index) { queue_.RequestSync(index); }
bool MemoryLog::Congested() const { return queue_.Congested(); }
void MemoryLog::AddWaker(Waker* waker) { wakers_.push_back(waker); }

void MemoryLog::Die(const Status& status) {
  dead_ = true;
  Invariant(fatal_ != nullptr);
  fatal_(status);
}

void MemoryLog::Publish() {
  for (Waker* waker : wakers_) waker->Wake();
}

// True when the fault that was planned `in` calls ahead is due now.
bool MemoryLog::FaultDue(uint64_t& in) { return in > 0 && --in == 0; }

void MemoryLog::Write(std::string_view bytes) {
  std::string& disk = disk_.records;
  if (!FaultDue(misdirect_in_)) {
    disk.append(bytes);
    return;
  }
  const size_t back = std::min(misdirect_back_, disk.size());
  bytes = bytes.substr(0, back);
  disk.replace(disk.size() - back, bytes.size(), bytes);
}

bool MemoryLog::Step() {
  if (dead_) return false;
  queue_.TakeNow(taken_);
  Index first = taken_.first;
  for (size_t i = 0; i < taken_.used; ++i) {
    RecordBuilder& record = taken_.records[i].record;
    const std::string_view bytes = record.Seal({.history = disk_.history.id,
                                                .epoch = taken_.records[i].epoch,
                                                .first = first,
                                                .acked = Durable()});
    if (FaultDue(fail_write_in_)) {
      disk_.records.append(bytes.substr(0, bytes.size() / 2));
      Die(Status::Io("writing a record failed, as planned"));
      return false;
    }
    Write(bytes);
    first += record.count();
    written_ = first - 1;
    written_time_ = std::max(written_time_, record.server_time());
  }
  if (queue_.Written()) Publish();
  return taken_.used > 0;
}

bool MemoryLog::Sync() {
  if (dead_) return false;
  if (FaultDue(fail_sync_in_)) {
    Die(Status::Io("syncing failed, as planned"));
    return false;
  }
  synced_bytes_ = disk_.records.size();
  disk_.witness = written_;
  disk_.witness_time = written_time_;
  if (durable_.exchange(written_, std::memory_order_acq_rel) != written_) Publish();
  return true;
}

bool MemoryLog::SyncWanted() const { return queue_.SyncWanted() > Durable(); }

Status MemoryLog::Flush() {
  while (Step()) {
  }
  return Sync() ? Status::Ok() : Status::Io("the log is dead");
}

MemoryDisk MemoryLog::Kill() const { return LosePower(UnsyncedBytes()); }

MemoryDisk MemoryLog::LosePower(size_t keep) const {
  MemoryDisk disk = disk_;
  disk.records.resize(std::min(synced_bytes_ + keep, disk.records.size()));
  return disk;
}

}  // namespace holdfast

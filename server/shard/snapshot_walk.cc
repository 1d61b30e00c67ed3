#include "server/shard/snapshot_walk.h"

#include "server/shard/router.h"
#include "storage/snapshot_run.h"

namespace holdfast {
namespace {

// A turn's share: a tenth of a millisecond or two.
constexpr size_t kBytesPerTurn = size_t{64} * 1024;

}  // namespace

Partition SnapshotWalk::First() const {
  return PartitionOf(static_cast<Slot>(shard_.server().map.FirstSlot(shard_.id())));
}

Partition SnapshotWalk::End() const {
  return static_cast<Partition>(shard_.server().map.FirstSlot(shard_.id() + 1) /
                                kSlotsPerPartition);
}

SlotList SnapshotWalk::Slots() const {
  SlotList slots;
  for (int slot = 0; slot < kSlotsPerPartition; ++slot)
    slots.push_back(static_cast<Slot>(partition_ * kSlotsPerPartition + slot));
  return slots;
}

// A server that was deposed has a state that is in no log.
bool SnapshotWalk::IsWanted(const SnapshotRun& run) const {
  return run.wanted() == number_ && !shard_.deposed();
}

bool SnapshotWalk::HasWork() const {
  const SnapshotRun* const run = shard_.server().snapshots;
  if (run == nullptr) return false;
  switch (stage_) {
    case Stage::kIdle:
      return run->wanted() != 0 && run->wanted() != number_ && !shard_.deposed();
    case Stage::kCut:
      return true;
    case Stage::kWaits:
    case Stage::kHolds:
      return false;  // others' work, or the end of the turn, goes first
    case Stage::kTakes:
      return run->wanted() != number_ || run->HasRoom();
  }
  return false;
}

void SnapshotWalk::Work() {
  if (!HasWork() || stage_ == Stage::kCut) return;
  SnapshotRun& run = *shard_.server().snapshots.load();
  if (run.wanted() != number_) {  // a new one, or the old one was given up
    taking_.reset();
    number_ = run.wanted();
    partition_ = First();
    stage_ = number_ == 0 ? Stage::kIdle : Stage::kCut;
    return;
  }
  shard_.watch().StartLap();
  if (!taking_->Step(kBytesPerTurn)) NextPartition(run);
  shard_.watch().Note(LatencyEvent::kSnapshot, shard_.now());
}

bool SnapshotWalk::AfterPush() {
  if (stage_ != Stage::kCut && stage_ != Stage::kHolds) return false;
  SnapshotRun& run = *shard_.server().snapshots.load();
  const bool held = stage_ == Stage::kHolds;
  if (held) {
    shard_.locks().Release(Slots());
    stage_ = Stage::kCut;
    if (IsWanted(run)) Cut(run);
  }
  // Partitions with next to nothing in them go at once.
  while (stage_ == Stage::kCut && IsWanted(run)) {
    if (shard_.locks().idle() || shard_.locks().Free(Slots())) {
      Cut(run);
    } else {
      stage_ = Stage::kWaits;
      router_.AskForSlots(Slots());
    }
  }
  // Given up: Work begins the next one, if there is one.
  if (stage_ == Stage::kCut) stage_ = Stage::kIdle;
  return held;
}

void SnapshotWalk::OnGranted() {
  Invariant(stage_ == Stage::kWaits);
  stage_ = Stage::kHolds;
  shard_.locks().Hold(Slots());
}

void SnapshotWalk::Cut(SnapshotRun& run) {
  run.TookCut(partition_, shard_.LastIndex(), number_);
  taking_.emplace(shard_.keyspace(), partition_, number_, run);
  stage_ = Stage::kTakes;
  if (!taking_->Step(1)) NextPartition(run);
}

void SnapshotWalk::NextPartition(SnapshotRun& run) {
  run.TookAll(partition_, taking_->keys());
  taking_.reset();
  ++partition_;
  stage_ = partition_ == End() ? Stage::kIdle : Stage::kCut;
}

}  // namespace holdfast

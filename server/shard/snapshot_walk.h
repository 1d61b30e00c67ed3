// SnapshotWalk: one shard's share in snapshots (storage/snapshot_run.h), a partition at a time:
//
//   cut    right after a turn's push, when nothing of the partition is unpushed and nobody holds a
//          slot of it. If somebody does, we stand in line for all of its slots, like a group.
//          A primary has all that was pushed then, a replica what it has applied.
//   take   a slice a turn, while the rows find room; then the next partition
//
// A group over shards holds its slots until its changes are in the log and in memory, so no cut
// falls into the middle of one.
//
// Owner thread: its shard.
#pragma once

#include <cstdint>
#include <optional>

#include "server/shard/shard.h"
#include "storage/core/partition_snapshot.h"

namespace holdfast {

class Router;
class SnapshotRun;

class SnapshotWalk {
 public:
  SnapshotWalk(Router& router, Shard& shard) : router_(router), shard_(shard) {}

  // A slice, if there is anything to take.
  void Work();
  bool HasWork() const;
  // Right after the turn's push. True: slots were given back.
  bool AfterPush();
  // The partition's slots are held for us, until the turn ends.
  void OnGranted();

 private:
  enum class Stage : uint8_t {
    kIdle,   // nothing is wanted that was not taken
    kCut,    // the next partition is to be cut
    kWaits,  // for its slots
    kHolds,  // its slots
    kTakes,
  };

  bool IsWanted(const SnapshotRun& run) const;
  void Cut(SnapshotRun& run);
  void NextPartition(SnapshotRun& run);
  SlotList Slots() const;
  Partition First() const;
  Partition End() const;

  Router& router_;
  Shard& shard_;
  Stage stage_ = Stage::kIdle;
  uint32_t number_ = 0;  // that is being taken, or was taken last
  Partition partition_ = 0;
  std::optional<PartitionSnapshot> taking_;
};

}  // namespace holdfast

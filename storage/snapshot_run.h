// SnapshotRun: what the shards need to know of a snapshot that is being taken, and where they leave
// what they take. Each shard takes its partitions one after the other (server/shard/
// snapshot_walk.h); rows of several shards come in mixed.
//
// A snapshot is complete when every partition is taken and every cut is acked: it never contains
// what a crash could undo.
#pragma once

#include <cstdint>

#include "storage/base/slot.h"
#include "storage/core/partition_snapshot.h"
#include "storage/log.h"

namespace holdfast {

class SnapshotRun : public PieceSink {
 public:
  // Any thread. The snapshot that the shards are to take; 0: none. Another number than the one that
  // a shard is taking: that one is given up.
  virtual uint32_t wanted() const = 0;
  // Any thread. False while so many rows wait for the disk that no walk may add to them; what has
  // to be taken because it changes comes all the same.
  virtual bool HasRoom() const = 0;

  // The partition's shard. First its cut: of all batches up to here the partition has what it is to
  // have, of those behind none.
  virtual void TookCut(Partition partition, Index cut) = 0;
  // Then, its rows being here, the end.
  virtual void TookAll(Partition partition, uint64_t keys) = 0;
};

}  // namespace holdfast

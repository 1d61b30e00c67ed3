// SnapshotRun: what the server needs to know of its snapshots. Each shard takes its partitions one
// after the other (server/shard/snapshot_walk.h) and leaves their rows here; rows of several shards
// come in mixed.
//
// A snapshot is complete when every partition is taken and every cut is acked: it never contains
// what a crash could undo.
#pragma once

#include <cstdint>

#include "storage/base/server_time.h"
#include "storage/base/slot.h"
#include "storage/core/partition_snapshot.h"
#include "storage/log.h"

namespace holdfast {

struct SnapshotFigures {
  bool running = false;
  uint64_t keys = 0;   // taken by the running one, or by the last
  uint64_t bytes = 0;  // of its rows
  UnixMs began = kNever;
  // The last complete one; kNever: there is none.
  UnixMs last_cut = kNever;
  DurationMs last_took{0};
  uint64_t last_bytes = 0;
  uint64_t complete = 0;  // since the start
  bool given_up = false;  // the last one that ended, for want of room on the disk
};

// Whether a snapshot with these cuts may become the current one. Out of line, so that a test can
// link a server that does not ask, and must catch it.
bool AreAcked(const Cuts& cuts, Index durable);

class SnapshotRun : public PieceSink {
 public:
  // ---- any thread

  // Asks for a snapshot of what is there now. Its number, or 0: one is being taken; then another
  // follows it if `after_that`.
  virtual uint32_t Begin(bool after_that) = 0;
  // The last one that ended, and the last one that is complete: others were given up.
  virtual uint32_t finished() const = 0;
  virtual uint32_t complete() const = 0;
  virtual SnapshotFigures figures() const = 0;

  // The snapshot that the shards are to take; 0: none. Another number than the one that a shard is
  // taking: that one is given up.
  virtual uint32_t wanted() const = 0;
  // False while so many rows wait for the disk that no walk may add to them; what has to be taken
  // because it changes comes all the same.
  virtual bool HasRoom() const = 0;

  // ---- the partition's shard

  // First its cut, for snapshot `number`: of all batches up to here the partition has what it is to
  // have, of those behind none. Only then its rows: others are of a snapshot that was given up.
  virtual void TookCut(Partition partition, Index cut, uint32_t number) = 0;
  // Then, its rows being here, the end.
  virtual void TookAll(Partition partition, uint64_t keys) = 0;
};

}  // namespace holdfast

// SnapshotStore: where snapshots lie on disk. The rows of one are a column family of their own,
// "snap-<n>"; the mark, one meta row, says which family is the current snapshot:
//
//   Begin    makes an empty family; the mark still names the old one
//   Write    gathers rows in tables beside the database, storage/snapshot_tables.h
//   Finish   1. the tables become the family's       \ each durable before the next begins: a crash
//            2. the mark names the new family         | at any moment leaves the old snapshot whole
//            3. the old family is dropped            /  or the new one
//
// What no mark names, a crash left behind; it goes at the next start, but not before the replay has
// shown that the data are whole without it.
//
//   row's key     partition:u8, then as the writer likes
//   row's value   the writer's bytes | XXH3-64 of the value, seeded with that of the key
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "storage/base/slot.h"
#include "storage/base/status.h"
#include "storage/log.h"
#include "storage/snapshot_mark.h"

namespace holdfast {

class Database;
class SnapshotCursor;

struct SnapshotStoreOptions {
  uint64_t run_bytes;  // of rows that gather in memory before they become a table
  FatalHandler fatal;  // hears of every failed write, flush and sync
};

class SnapshotStore {
 public:
  // Reads the mark. kDamaged: the mark is, or its family is missing. kInvalid: a later version's.
  // `database` must outlive it.
  static Status Open(Database& database, SnapshotStoreOptions options,
                     std::unique_ptr<SnapshotStore>& out);
  ~SnapshotStore();

  // --- At a start; and later by whoever holds the current one, or knows that none is being
  // finished.

  // The snapshot that a start loads; number 0: there is none. It moves with each Finish.
  const SnapshotMark& current() const;

  // Any thread, several at once. The rows of one partition in the order of their keys; ends with
  // the first error of `fn`. The bytes are only lent. kDamaged, naming the row, if one is not as it
  // was written.
  using RowFn = std::function<Status(std::string_view key, std::string_view value)>;
  Status ForEachRow(Partition partition, const RowFn& fn) const;

  // kDamaged unless `rows`, found over all partitions, are as many as were written.
  Status CheckCount(uint64_t rows) const;

  // All rows, also when it is no longer the current one. Null: there is none.
  std::unique_ptr<SnapshotCursor> ReadCurrent() const;

  // Once, after the start's last ForEachRow and a replay that found nothing missing: removes what
  // unfinished snapshots left.
  Status Start();
  // How many that were.
  size_t removed_orphans() const;

  // --- One snapshot at a time, after Start; one thread, neither the log's nor an event loop. A
  // failed write, flush or sync goes to the fatal handler and is returned too.

  Status Begin();
  // Each key once. Writes to the disk when enough has gathered.
  Status Write(std::string_view key, std::string_view value);
  // Makes it the current one and drops the one before. The store itself counts number, rows and
  // bytes. The log is only needed above the cuts when it returns Ok.
  Status Finish(SnapshotMark mark);
  // Drops the unfinished one.
  Status Abandon();
  // Drops the unfinished one, if any, and the current one: there is none when it returns Ok.
  Status Clear();

  // Any thread. While it is held, no snapshot becomes the current one: Finish waits.
  std::unique_lock<std::mutex> HoldCurrent();

 private:
  struct Impl;
  explicit SnapshotStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast

// RocksLog: the log on disk. Records are rows of a RocksDB; its write-ahead log is what is synced.
//
// Threads: any thread pushes (one short lock, a copy). The log thread takes whatever is queued,
// writes it as one record (more when it exceeds 1 MiB), syncs if somebody waits or the second is
// over, publishes the durable index and wakes the shards: one sync serves every batch that queued
// up during the last one. The witness thread writes the witness beside the next sync. The
// housekeeper makes the next segment ahead, drops trimmed ones and looks at the free space. No
// event loop ever waits for a disk.
//
// Life: Open, Replay once, AddWaker, Start, then Push...; Flush for the clean stop, then destroy.
// A node of a group starts with StartFollowing instead, stores what the primary sends, and leads
// from OpenEpoch on, until it follows again.
// Snapshots lie in the same database, storage/snapshot_store.h: the current one is loaded before
// Replay, which takes its cuts; the first is written after Start.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/epochs.h"
#include "storage/group.h"
#include "storage/history.h"
#include "storage/log.h"
#include "storage/record.h"

namespace rocksdb {
class FileSystem;
}

namespace holdfast {

class Database;
class LogReader;
class SnapshotStore;
class StateReader;
struct StateHead;
struct StatePlace;

struct RocksLogOptions {
  std::string directory;
  FatalHandler fatal;  // required
  // Pushed but not yet written, beyond which Congested() is true (it ends at half of this).
  uint64_t queue_bytes_max = uint64_t{64} << 20;
  uint64_t segment_bytes = uint64_t{256} << 20;
  // What the active segment holds in memory before it becomes a table.
  uint64_t memtable_bytes = uint64_t{16} << 20;
  // What a snapshot in the making holds in memory before it becomes a table.
  uint64_t snapshot_run_bytes = uint64_t{16} << 20;
  // What readers may keep of the log beyond what a start needs.
  uint64_t pinned_bytes_max = uint64_t{1} << 30;
  // Free bytes below which LowOnDisk() is true; 0 switches the watch off.
  uint64_t disk_reserve_bytes = uint64_t{256} << 20;
  SyncPolicy stock_sync = SyncPolicy::kAlways;
  SyncPolicy ordinary_sync = SyncPolicy::kEverySecond;
  // Told on the log thread how long each sync took; may be empty. It must not block.
  std::function<void(std::chrono::microseconds)> on_sync;
  // Tests: stands between RocksDB and the disk, to fail or to watch. Null: the disk itself.
  std::shared_ptr<rocksdb::FileSystem> file_system;
};

// Figures since the start unless said otherwise. Each is exact, the set is not of one instant.
struct LogStats {
  uint64_t records = 0;
  uint64_t batches = 0;
  uint64_t bytes = 0;  // of records, headers included
  uint64_t syncs = 0;
  uint64_t sync_last_us = 0;
  // Syncs that took less than 100 us, 300 us, 1 ms, 3 ms, 10 ms, 30 ms, 100 ms, and those that took
  // longer.
  std::array<uint64_t, 8> sync_histogram{};
  uint64_t queue_bytes = 0;      // now
  Index last_index = 0;          // now
  Index durable_index = 0;       // now
  Index witness_index = 0;       // now, as the witness on disk has it
  uint64_t segments = 0;         // now, the one made ahead included
  uint64_t disk_bytes = 0;       // all files of the database, as looked at within a second
  uint64_t write_stalls = 0;     // RocksDB slowed or stopped the log thread
  uint64_t disk_free_bytes = 0;  // as last looked at
  bool low_on_disk = false;
};

class RocksLog final : public Log {
 public:
  // Creates the directory if it is missing, or takes an empty one, or one of ours; locks it and
  // checks it. kBusy: another process has it. kInvalid: not a directory, not ours, not permitted.
  // kDamaged: ours, but not as we left it; the text names what, and the remedy.
  static Status Open(const RocksLogOptions& options, std::unique_ptr<RocksLog>& out);

  // Not flushed: what was not written yet is lost as with kill -9 (Flush first for a clean stop).
  ~RocksLog() override;

  // Once, after Open. Hands over every batch in index order, after checking each record, that
  // nothing is missing between them, that they begin no later than the oldest cut and reach every
  // cut and the witness. kDamaged (naming the index and the remedy) otherwise, or what `fn`
  // returned first. When it returns Ok, everything replayed is durable: also what a killed process
  // had written but not synced.
  Status Replay(const Cuts& cuts, const ReplayFn& fn, Replayed& out);
  // As that, and all of it is checked and told of in `out`, but no batch behind `up_to` is handed
  // over: a node whose group may not have acked all that its disk holds loads what is acked.
  // Requires: no cut lies behind `up_to`.
  Status Replay(const Cuts& cuts, Index up_to, const ReplayFn& fn, Replayed& out);
  // After Open. What the last record tells to be acked, or the newest cut, if that is more: the
  // whole group has everything up to here. 0: nothing is known.
  Index AckedOnDisk() const;
  // Any thread. What the records take that Replay reads, and those that it has read so far.
  uint64_t BytesToReplay() const;
  uint64_t BytesReplayed() const;

  // Once, after Replay, when what was loaded is believed: until then no file goes, whatever RocksDB
  // made of them. Removes what unfinished snapshots left, starts the threads and opens a new epoch,
  // led by this node alone, above every one that the log or a promise knows. Its opening is durable
  // when it returns Ok.
  Status Start(UnixMs now);

  // ---- as a node of a group. Owner: one thread at a time.

  // Instead of Start: no epoch is opened.
  Status StartFollowing();
  // Durable when it returns Ok; otherwise either. Blocks.
  Status KeepPromise(const Promise& promise);
  // This directory takes another's history, in which it has promised nothing: it gets a name of its
  // own there. As KeepPromise.
  Status BecomeAnotherNode();
  // A record as its primary sealed it, every byte of it checked: it is written as it is, and
  // synced; LastPushed() and Durable() tell. kDamaged, and nothing was done: it begins an epoch and
  // does not fit what is in front of it. Requires: following; it begins behind LastPushed().
  Status Store(std::shared_ptr<const std::string> record);
  // What lies behind `last` is gone, durably, when it returns Ok; a crash meanwhile leaves some of
  // it. Blocks. kInvalid, and nothing was done: no record ends there, or what a start needs would
  // go. Requires: following.
  Status CutTo(Index last);
  // Leads from here on: appends the batch that opens the epoch behind all that was pushed or
  // stored, and returns its index. (A primary opens another to change its group.) Requires: the
  // promise to this node of this epoch, which is above every one in the log, was kept.
  Index OpenEpoch(Epoch epoch, Group group, UnixMs now);
  // What was pushed stays, and is written; no batch is taken any more (kNeverDurable).
  void Follow();

  // Any thread. Acked by the whole group, up to here: records that are sealed from now on say so.
  // (After Start, by this node alone, what is durable is acked.)
  void NoteAcked(Index acked);
  // Any thread, after a start. Of the oldest batch that was not trimmed; 0: there is none.
  Index FirstIndex() const;
  // Any thread, after a start.
  std::unique_ptr<LogReader> ReadBehind(Index after, Waker* waker);
  // Any thread, after a start. The current snapshot, and where the log goes on behind it. kBusy:
  // Installing().
  Status ReadState(std::unique_ptr<StateReader>& out);
  // What Replay would hand over to a node that started now: for shards that are to be loaded anew.
  // Of the log that is durable, and with the same checks. Requires: following, no cut lies behind
  // `up_to`; nobody takes a snapshot.
  Status ReplayAgain(const Cuts& cuts, Index up_to, const ReplayFn& fn);

  // ---- another node's state in the place of this one's: a full sync. Owner as above; following.
  //
  //   BeginInstall  InstallRows...  FinishInstall  Store...  CompleteInstall
  //                                                  '- the log up to the newest cut
  //
  // Each blocks, and is durable when it returns Ok. From the first to the last, Installing() is
  // true: nobody takes a snapshot or leads, and a start after a crash begins anew, with an empty
  // log of a new history; the node and its promise stay. BeginInstall may come again at any time.

  // What was here is given up, the snapshot too: LastPushed() is 0. Waits until a backup that is
  // being made is done. kDamaged, and nothing was done: no node's state begins so.
  Status BeginInstall(const StateHead& head);
  // Instead of BeginInstall: rows of that very state are here since, up to the place that it
  // returns, and those behind it are still to come. Nothing: there are none to go on from.
  std::optional<StatePlace> GoOnInstalling(const StateHead& head);
  // As StateReader::Read gave them. kDamaged: these are no such rows; begin again.
  Status InstallRows(std::string_view packed);
  // History, epochs and snapshot are the other node's, and the log is empty behind head.last.
  // kDamaged: rows are missing; begin again.
  Status FinishInstall();
  // It is a directory like any other. kInvalid: the log is not durable up to the newest cut.
  Status CompleteInstall();
  // Any thread.
  bool Installing() const;
  // After Open. A full sync was under way when the process ended: this is the empty log.
  bool BeganAnew() const;

  // ----

  Index Push(const Batch& batch) override;
  Index LastPushed() const override;
  Index Durable() const override;
  void RequestSync(Index index) override;
  bool Keeps() const override { return true; }
  bool Congested() const override;
  void AddWaker(Waker* waker) override;
  bool LowOnDisk() const override;
  // Also brings the witness up to date.
  Status Flush() override;

  // Any thread. A second after a batch was written it is synced if either level asks for it.
  void SetSyncPolicies(SyncPolicy stock, SyncPolicy ordinary);
  // Any thread. Takes effect at the next look, within 100 ms.
  void SetDiskReserve(uint64_t bytes);

  // Any thread; asks the file system. Whether a snapshot of `bytes` so far, of which `queued` were
  // not handed over yet, may go on: it leaves half of the reserve alone. (The upper half is its
  // own, for it is what lets the log go.)
  bool HasRoomForSnapshot(uint64_t bytes, uint64_t queued) const;

  // Any thread. The server clock as it is now: an idle log's witness carries it, so that a clock
  // that was set back while the server was down shows. Call it about once a second, after Start.
  void NoteTime(UnixMs now);

  // Any thread. Batches below `keep_from` are no longer needed: segments that hold no others are
  // dropped, lowest first, in the background.
  void Trim(Index keep_from);

  // Any thread. Asks no disk.
  LogStats Stats() const;

  // See there for who may call what, and when.
  SnapshotStore& snapshots();
  // For whoever copies its files.
  Database& database();

  // Any thread. Drawn when the log was begun. The epoch is the current one after Start.
  History history() const;
  // Any thread. Of the directory: drawn when it was made, or brought back from a backup.
  NodeId node() const;
  Promise promise() const;
  // Any thread. Up to the current one, after Replay; from the one in which the log begins.
  Epochs epochs() const;

 private:
  struct Impl;
  explicit RocksLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// For `appendonly no`: kInvalid if `directory` holds a log, whose data would seem lost.
Status RefuseDirectoryWithLog(const std::string& directory);

}  // namespace holdfast

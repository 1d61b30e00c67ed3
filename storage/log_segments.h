// LogSegments: the log's rows in RocksDB, cut into column families so that the old end can be
// dropped whole.
//
//   family "default"   key "history" -> storage/history.h
//   family "log-<n>"   key = index of the record's first batch, 8 bytes, big-endian; value = the
//   record
//
// Segments are numbered consecutively and filled one after the other, to about segment_bytes each:
//
//   [ log-4: sealed ][ log-5: sealed ][ log-6: active ][ log-7: made ahead, empty ]
//     '- dropped from here                 '- appended to    '- at most one, always the last
//
// Making and dropping a family takes milliseconds beside a synced writer, so a thread of its own,
// the housekeeper, does both, and looks once a second at what the files take. The next segment is
// made only once a record of the active one is durable, and the lowest is dropped only once a
// record of the one behind it is: so a power loss, which takes what was not synced, never leaves
// two empty families or a log without any.
//
// Rows are never rewritten: no compression, no compaction, and no limit on level-0 files that would
// slow writes. A sealed segment is flushed, or its rows would keep old write-ahead files alive.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include <rocksdb/db.h>

#include "storage/base/status.h"
#include "storage/log.h"

namespace holdfast {

struct LogSegmentsOptions {
  std::string path;
  uint64_t segment_bytes;
  uint64_t memtable_bytes;
  std::shared_ptr<rocksdb::FileSystem> file_system;  // null: the disk itself
  FatalHandler fatal;  // for what fails on the housekeeper's or on RocksDB's threads
};

class LogSegments {
 public:
  // Opens the database, or makes it if there is none. kDamaged: RocksDB finds it so, or its
  // families are not consecutive.
  static Status Open(LogSegmentsOptions options, std::unique_ptr<LogSegments>& out);
  // Stops the housekeeper; syncs nothing.
  ~LogSegments();

  // Makes the first segment unless there is one: the last step but one of a new database.
  Status MakeFirst();
  bool HasSegments() const { return !segments_.empty(); }

  // kNotFound if it was never written.
  Status ReadHistory(std::string& out) const;
  // Durable, and in a table rather than in a write-ahead file, when it returns Ok.
  Status WriteHistory(std::string_view row);

  // Once, before StartHousekeeper. Every row in order; ends with the first error of `fn`. kDamaged
  // for a key that is not its record's first index and for an empty segment that is not the last.
  using RowFn = std::function<Status(std::string_view record)>;
  Status ForEachRow(const RowFn& fn);
  void StartHousekeeper(Index durable);

  // --- The log thread.
  struct Span {
    Index first;
    Index last;
  };
  // With `sync` it is durable, with all before it, when it returns Ok.
  Status Append(const Span& span, std::string_view record, bool sync);
  // Makes all that was appended durable.
  Status Sync();
  void NoteDurable(Index durable);

  // --- Any thread.
  void Trim(Index keep_from);
  uint64_t Count() const;
  // Of all files, as the housekeeper last saw them.
  uint64_t DiskBytes() const { return disk_bytes_.load(std::memory_order_relaxed); }
  // How often RocksDB slowed or stopped writes: never, if the options above are right.
  uint64_t WriteStalls() const;

 private:
  class Listener;
  struct Segment {
    uint64_t number;
    rocksdb::ColumnFamilyHandle* handle;
    Index first = 0;  // 0: empty
    Index last = 0;
    uint64_t bytes = 0;
    bool flushed = false;
  };

  explicit LogSegments(LogSegmentsOptions options);
  Status OpenDb();
  Status AdoptFamilies(const std::vector<rocksdb::ColumnFamilyHandle*>& handles);
  Status CreateFamily(uint64_t number, rocksdb::ColumnFamilyHandle*& out);
  Status ReadRows(Segment& segment, const RowFn& fn);
  void ChooseActive();
  void RollIfReady();

  // The housekeeper's; all called with `lock` held, which they give up while RocksDB works.
  using Lock = std::unique_lock<std::mutex>;
  void KeepHouse();
  Status Work(Lock& lock);
  Status MakeNext(Lock& lock);
  Status DropLowest(Lock& lock);
  Status FlushSealed(Lock& lock);
  void LookAtDisk();
  bool NextWanted() const;
  bool LowestDroppable() const;
  Segment* UnflushedSealed();

  const LogSegmentsOptions options_;
  std::shared_ptr<Listener> listener_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* meta_ = nullptr;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Under mutex_. The active segment's handle is the log thread's to use without it: only sealed
  // ones go.
  std::deque<std::unique_ptr<Segment>> segments_;
  Segment* active_ = nullptr;
  Index durable_ = 0;
  Index keep_from_ = 0;
  bool stop_ = false;
  std::atomic<uint64_t> disk_bytes_{0};
  std::thread housekeeper_;
};

}  // namespace holdfast

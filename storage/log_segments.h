// LogSegments: the log's rows in RocksDB, cut into column families so that the old end can be
// dropped whole.
//
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
// A sealed segment is flushed, or its rows would keep old write-ahead files alive.
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
#include <vector>

#include "storage/base/status.h"
#include "storage/database.h"
#include "storage/log.h"

namespace holdfast {

// The key of the record that begins with this index.
std::string LogRowKey(Index index);

struct LogSegmentsOptions {
  uint64_t segment_bytes;
  FatalHandler fatal;  // for what fails on the housekeeper's thread
  // Called on it before the segment goes that has the last batches below `first`. May be empty.
  std::function<Status(Index first)> before_drop = {};
};

class LogSegments {
 public:
  // Takes the log's families over from `database`, which must outlive it. kDamaged: they are not
  // consecutive.
  static Status Open(Database& database, LogSegmentsOptions options,
                     std::unique_ptr<LogSegments>& out);
  // Stops the housekeeper; syncs nothing.
  ~LogSegments();

  // Makes the first segment unless there is one: the last step but one of a new database.
  Status MakeFirst();
  bool HasSegments() const { return !segments_.empty(); }

  // Once, before StartHousekeeper. Every row in order; ends with the first error of `fn`. kDamaged
  // for a key that is not its record's first index and for an empty segment that is not the last.
  using RowFn = std::function<Status(std::string_view record)>;
  Status ForEachRow(const RowFn& fn);
  // The bytes of all the rows that ForEachRow will read, as far as the tables tell (0: they do
  // not). Before the first Append.
  uint64_t RowBytes() const;
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
  // Of all the database's files, as the housekeeper last saw them.
  uint64_t DiskBytes() const { return disk_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Segment {
    Family family;
    Index first = 0;  // 0: empty
    Index last = 0;
    uint64_t bytes = 0;
    bool flushed = false;
  };

  LogSegments(Database& database, LogSegmentsOptions options);
  Status Adopt(std::vector<Family> families);
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

  Database& database_;
  const LogSegmentsOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  // Under mutex_. The active segment's family is the log thread's to use without it: only sealed
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

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
// two empty families or a log without any. The batch before the ones that are needed stays, too:
// so whatever may be cut off, the log still ends with a batch.
//
// A sealed segment is flushed, or its rows would keep old write-ahead files alive.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "storage/base/status.h"
#include "storage/database.h"
#include "storage/log.h"
#include "storage/record.h"

namespace holdfast {

// The key of the record that begins with this index.
std::string LogRowKey(Index index);

struct LogSegmentsOptions {
  uint64_t segment_bytes;
  FatalHandler fatal;  // for what fails on the housekeeper's thread
  // Called on it before the segment goes that has the last batches below `first`. May be empty.
  std::function<Status(Index first)> before_drop = {};
  // What pins keep beyond this goes all the same.
  uint64_t pinned_bytes_max = ~uint64_t{0};
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
  // Of the last record. kNotFound: there is none. Before the first Append.
  Status ReadLast(RecordHeader& out) const;
  void StartHousekeeper(Index durable);

  struct Span {
    Index first;
    Index last;
  };

  // --- The log thread.
  // With `sync` it is durable, with all before it, when it returns Ok.
  Status Append(const Span& span, std::string_view record, bool sync);
  // Makes all that was appended durable.
  Status Sync();
  void NoteDurable(Index durable);

  // --- While nobody appends.
  // Whether a record begins behind `last`, or the log ends there, and one is left before it.
  // kInvalid: not so.
  Status CanCutTo(Index last) const;
  // All records behind `last` are gone, durably, when it returns Ok; a crash meanwhile leaves more
  // of them, none missing in between. Requires: CanCutTo, all is durable.
  Status CutTo(Index last);
  // No record is left, durably, when it returns Ok, and the next may begin with any index; a crash
  // meanwhile leaves some, or two empty families. Requires: all is durable.
  Status StartOver();

  // --- Any thread.
  // The records that begin behind `after`, in order, until they reach bytes_max (the first in any
  // case); none: there is no such yet. What was written and not synced is among them. kNotFound:
  // trimmed. kInvalid: no record begins there.
  Status ReadBehind(Index after, uint64_t bytes_max, std::vector<SealedRecord>& out) const;

  // Where the record begins and ends that holds the batch `index`. kNotFound: none does.
  Status FindRecord(Index index, Span& out) const;

  void Trim(Index keep_from);
  // Of the oldest batch that is still there; 0: there is none.
  Index First() const;
  // Whoever `reader` is, batches from `first` on are kept for it.
  void Pin(const void* reader, Index first);
  void Unpin(const void* reader);
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

  // Shared with those who read it while it goes.
  using SegmentPtr = std::shared_ptr<Segment>;

  LogSegments(Database& database, LogSegmentsOptions options);
  Status Adopt(std::vector<Family> families);
  Status ReadRows(Segment& segment, const RowFn& fn);
  void ChooseActive();
  void RollIfReady();

  // The housekeeper's; all called with `lock` held, which they give up while RocksDB works.
  using Lock = std::unique_lock<std::mutex>;
  void KeepHouse();
  void HoldHousekeeper(Lock& lock);
  Status Work(Lock& lock);
  Status MakeNext(Lock& lock);
  Status DropLowest(Lock& lock);
  Status FlushSealed(Lock& lock);
  void LookAtDisk();
  Index FirstIndex() const;  // requires: mutex_ is held; 0: none
  SegmentPtr SegmentOf(Index index) const;
  Status FindBehind(const Family& family, Index last, uint64_t& bytes,
                    std::vector<Index>& firsts) const;
  Status DeleteRows(const Family& family, const std::vector<Index>& firsts);
  bool IsKept(const Segment& lowest) const;
  bool NextWanted() const;
  bool LowestDroppable() const;
  Segment* UnflushedSealed();

  Database& database_;
  const LogSegmentsOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable rests_;  // the housekeeper
  // Under mutex_. The active segment's family is the log thread's to use without it: only sealed
  // ones go.
  std::deque<SegmentPtr> segments_;
  Segment* active_ = nullptr;
  Index durable_ = 0;
  Index keep_from_ = 0;
  std::map<const void*, Index> pins_;
  bool works_ = false;  // the housekeeper, with mutex_ given up
  bool held_ = false;   // it may not begin
  bool stop_ = false;
  std::atomic<uint64_t> disk_bytes_{0};
  std::thread housekeeper_;
};

}  // namespace holdfast

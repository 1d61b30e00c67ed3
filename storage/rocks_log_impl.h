// What RocksLog is made of, for the files that implement it: rocks_log.cc opens, writes and
// answers, rocks_log_group.cc has what a node of a group does besides, rocks_log_install.cc the
// full sync.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "storage/data_directory.h"
#include "storage/database.h"
#include "storage/disk_space.h"
#include "storage/log_identity.h"
#include "storage/log_queue.h"
#include "storage/log_segments.h"
#include "storage/log_tail.h"
#include "storage/recovery.h"
#include "storage/rocks_log.h"
#include "storage/snapshot_store.h"
#include "storage/state_reader.h"
#include "storage/sync_schedule.h"
#include "storage/witness.h"
#include "storage/witness_writer.h"

namespace holdfast {

struct RocksLog::Impl {
  using Clock = LogQueue::Clock;
  // Written by one thread alone (the log's, or Replay's), read by anybody.
  using Counter = std::atomic<uint64_t>;

  // For readers: a second or so of a busy log.
  static constexpr uint64_t kTailBytes = uint64_t{8} << 20;
  static constexpr size_t kSyncSpans = std::tuple_size_v<decltype(LogStats::sync_histogram)>;

  explicit Impl(const RocksLogOptions& opts)
      : options(opts),
        queue(opts.queue_bytes_max),
        space(opts.directory, opts.disk_reserve_bytes),
        schedule(opts.stock_sync, opts.ordinary_sync) {}
  ~Impl();

  // Open.
  Status OpenAll();
  Status OpenWitness();
  Status OpenDatabase();
  Status OpenHistory();
  Status BeginHistory();
  Status ReadAcked();

  Status AwaitDurable(Index index);

  // rocks_log_group.cc
  Status CanCutTo(Index last);
  Status CutTo(const LogPlace& last);
  void GoOnBehind(const LogPlace& last);

  // rocks_log_install.cc
  Status BeginAnewIfArriving();
  Status BeginAnew();
  Status GiveUpFor(const StateHead& head);
  Status TakeRows(std::string_view packed);
  Status TakeRow(std::string_view key, std::string_view value);
  Status PutInPlace(const StateHead& head);

  // The log thread.
  void Run();
  bool WriteTaken(LogQueue::Taken& taken);
  Status Append(LogQueue::Taken& taken, bool sync);
  RecordHeader HeaderOf(const LogQueue::Queued& queued, Index first) const;
  Status AppendRecord(const RecordHeader& header, std::string_view sealed, bool sync);
  template <typename Call>
  Status TimedSync(Call call);
  void Publish();
  void WakeAll();

  // Any thread.
  void Die(const Status& status);

  const RocksLogOptions options;
  DataDirectory directory;
  Witness witness;
  WitnessMark witness_mark;
  uint64_t bytes_to_replay = 0;
  Index acked_on_disk = 0;
  Counter bytes_replayed{0};
  Replayed replayed;
  LogQueue queue;
  DiskSpace space;
  std::vector<Waker*> wakers;
  SyncSchedule schedule;
  std::atomic<bool> dead{false};
  std::atomic<Index> durable{0};
  bool alone = false;  // set before the first push: what is durable here is acked
  std::atomic<Index> acked{0};

  // A full sync. The owner's of the group's calls.
  struct Arrival {
    StateHead head{};
    StatePlace place{};
    bool sound = true;  // false: what came was not all of it, or not it
    bool in_place = false;
  };
  std::optional<Arrival> arrival;
  std::atomic<bool> installing{false};  // set while no snapshot may become the current one
  bool began_anew = false;

  LogTail tail{kTailBytes};

  // Whoever has it has the log's end: the log thread while it writes what it took, or a cut.
  std::mutex end_mutex;
  // Under it.
  LogPlace written;
  UnixMs written_time = kNever;
  Epoch raised = 0;  // the history row's

  // The log thread's own.
  Clock::time_point gather_until{};

  Counter records{0}, batches{0}, bytes{0}, syncs{0}, sync_last_us{0};
  std::array<Counter, kSyncSpans> sync_histogram{};

  std::mutex flush_mutex;  // nothing under it: it orders Publish and Die with the waiting Flush
  std::condition_variable flushed;

  // Destroyed first: their threads use what stands above.
  std::unique_ptr<Database> database;
  std::unique_ptr<LogIdentity> identity;
  std::unique_ptr<SnapshotStore> snapshots;
  std::unique_ptr<LogSegments> segments;
  std::optional<WitnessWriter> witness_writer;
  std::thread thread;
};

}  // namespace holdfast

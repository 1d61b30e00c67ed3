#include "storage/rocks_log.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/rocks_log_impl.h"

namespace holdfast {
namespace {

// After a write, batches that nobody waits for may gather this long: a kill -9 loses no more than
// that, and a stream of small turns does not cost a thread's wake each.
constexpr auto kGather = std::chrono::milliseconds(2);

constexpr std::array<uint64_t, 7> kSyncBoundsUs = {100, 300, 1000, 3000, 10'000, 30'000, 100'000};
static_assert(kSyncBoundsUs.size() + 1 == std::tuple_size_v<decltype(LogStats::sync_histogram)>);

// A counter has one writer.
void Add(std::atomic<uint64_t>& counter, uint64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace

RocksLog::Impl::~Impl() {
  queue.Stop();
  if (thread.joinable()) thread.join();
}

// --- Open, Replay, Start
// -------------------------------------------------------------------------------------

Status RocksLog::Impl::OpenWitness() {
  const bool db_exists = Exists(directory.db() + "/CURRENT");
  Status status = witness.Open(directory.witness(), witness_mark);
  if (status.code() == Status::Code::kNotFound) {
    if (db_exists) return RefuseAsDamaged(directory.witness(), "it is missing beside a log");
    // A new directory. The witness comes first: once there is a log, a missing one means damage.
    HistoryId id;
    if (status = DrawId(id); !status.ok()) return status;
    status = Witness::Create(directory.witness(), {.history = id});
    if (!status.ok()) return status;
    status = witness.Open(directory.witness(), witness_mark);
  }
  if (status.code() == Status::Code::kDamaged) return RefuseAsDamaged("the witness", status.text());
  if (!status.ok()) return status;
  if (!db_exists && witness_mark.epoch > 0) {
    return RefuseAsDamaged(directory.db(),
                           "it is missing, but the witness knows a log up to index " +
                               std::to_string(witness_mark.index));
  }
  return Status::Ok();
}

Status RocksLog::Impl::OpenDatabase() {
  const auto fatal = [this](const Status& status) { Die(status); };
  Status status = Database::Open({.path = directory.db(),
                                  .memtable_bytes = options.memtable_bytes,
                                  .file_system = options.file_system,
                                  .fatal = fatal},
                                 database);
  if (!status.ok()) return status;
  if (status = BeginAnewIfArriving(); !status.ok()) return status;
  identity = std::make_unique<LogIdentity>(*database, directory.node());
  const auto before_drop = [this](Index first) { return identity->KeepEpochsBelow(first); };
  status = LogSegments::Open(*database,
                             {.segment_bytes = options.segment_bytes,
                              .fatal = fatal,
                              .before_drop = before_drop,
                              .pinned_bytes_max = options.pinned_bytes_max},
                             segments);
  if (!status.ok()) return status;
  return SnapshotStore::Open(*database, {.run_bytes = options.snapshot_run_bytes, .fatal = fatal},
                             snapshots);
}

Status RocksLog::Impl::OpenHistory() {
  Status opened = identity->Open();
  if (opened.code() == Status::Code::kNotFound) return BeginHistory();
  if (!opened.ok()) return opened;
  const History history = identity->history();
  if (witness_mark.history != history.id || witness_mark.epoch > history.epoch) {
    return RefuseAsDamaged(directory.witness(), "it is not the witness of the log beside it");
  }
  if (!segments->HasSegments()) return RefuseAsDamaged(directory.db(), "it has no segment");
  return Status::Ok();
}

// A first start, perhaps after one that was cut short: nothing was ever appended, or the witness
// would know an epoch.
Status RocksLog::Impl::BeginHistory() {
  if (witness_mark.epoch > 0) return RefuseAsDamaged(directory.db(), "its history row is missing");
  if (Status status = segments->MakeFirst(); !status.ok()) return status;
  return identity->Begin(witness_mark.history);
}

Status RocksLog::Impl::OpenAll() {
  if (Status status = directory.Open(options.directory); !status.ok()) return status;
  space.Look();
  if (Status status = OpenWitness(); !status.ok()) return status;
  if (Status status = OpenDatabase(); !status.ok()) return status;
  bytes_to_replay = segments->RowBytes();
  if (Status status = OpenHistory(); !status.ok()) return status;
  return ReadAcked();
}

// What is in the snapshot is acked. A last record that is no record is for Replay to refuse.
Status RocksLog::Impl::ReadAcked() {
  acked_on_disk = *std::ranges::max_element(snapshots->current().cuts);
  RecordHeader last;
  Status read = segments->ReadLast(last);
  if (read.ok()) acked_on_disk = std::max(acked_on_disk, last.acked);
  const bool none = read.code() == Status::Code::kNotFound;
  return none || read.code() == Status::Code::kDamaged ? Status::Ok() : read;
}

Status RocksLog::Open(const RocksLogOptions& options, std::unique_ptr<RocksLog>& out) {
  Invariant(options.fatal != nullptr);
  auto impl = std::make_unique<Impl>(options);
  if (Status status = impl->OpenAll(); !status.ok()) return status;
  out.reset(new RocksLog(std::move(impl)));
  return Status::Ok();
}

RocksLog::RocksLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RocksLog::~RocksLog() = default;

Index RocksLog::AckedOnDisk() const { return impl_->acked_on_disk; }

Status RocksLog::Replay(const Cuts& cuts, const ReplayFn& fn, Replayed& out) {
  return Replay(cuts, kWholeLog, fn, out);
}

Status RocksLog::Replay(const Cuts& cuts, Index up_to, const ReplayFn& fn, Replayed& out) {
  Impl& log = *impl_;
  Recovery recovery(log.identity->history(), log.identity->epochs(), cuts, fn, up_to);
  const auto take = [&](std::string_view record) {
    Status status = recovery.Take(record);
    if (status.ok()) Add(log.bytes_replayed, record.size());
    return status;
  };
  if (Status status = log.segments->ForEachRow(take); !status.ok()) return status;
  const WitnessMark& mark = log.witness_mark;
  if (Status status = recovery.Finish(mark.index, mark.server_time); !status.ok()) return status;
  log.replayed = recovery.replayed();
  log.identity->SetEpochs(recovery.epochs());
  // Clients will see what was replayed, so it must not be lost any more, and the witness must say
  // so. RocksDB moved the write-ahead files into synced tables when it opened; the sync covers
  // whatever it left in them.
  if (Status status = log.segments->Sync(); !status.ok()) return status;
  log.witness_mark.index = log.replayed.last;
  log.witness_mark.server_time = log.replayed.server_time;
  if (Status status = log.witness.Write(log.witness_mark); !status.ok()) return status;
  out = log.replayed;
  return Status::Ok();
}

uint64_t RocksLog::BytesToReplay() const { return impl_->bytes_to_replay; }
uint64_t RocksLog::BytesReplayed() const {
  return impl_->bytes_replayed.load(std::memory_order_relaxed);
}

Status RocksLog::StartFollowing() {
  Impl& log = *impl_;
  // Snapshot and log are loaded, meet the witness and add up: nothing else is needed any more.
  log.database->LetObsoleteFilesGo();
  if (Status status = log.snapshots->Start(); !status.ok()) return status;
  log.written = {.epoch = log.identity->last_epoch(), .index = log.replayed.last};
  log.written_time = log.replayed.server_time;
  log.raised = log.identity->history().epoch;
  log.durable.store(log.written.index, std::memory_order_release);
  log.acked.store(log.replayed.acked, std::memory_order_relaxed);
  log.queue.StartAfter(log.written);
  log.queue.Follow();
  log.segments->StartHousekeeper(log.written.index);
  log.witness_writer.emplace(log.witness, log.witness_mark, log.space,
                             [&log](const Status& status) { log.Die(status); });
  log.witness_writer->Start();
  log.thread = std::thread([&log] { log.Run(); });
  return Status::Ok();
}

Status RocksLog::Start(UnixMs now) {
  impl_->alone = true;
  if (Status status = StartFollowing(); !status.ok()) return status;
  LogIdentity& identity = *impl_->identity;
  const NodeId node = identity.node();
  const Epoch epoch = std::max(identity.history().epoch, identity.promise().epoch) + 1;
  Status status = KeepPromise({.epoch = epoch, .primary = node});
  if (!status.ok()) return status;
  const Index opening = OpenEpoch(epoch,
                                  {.primary = node,
                                   .sync_set = {{.id = node, .address = {}}},
                                   .version = identity.epochs().group().version + 1},
                                  now);
  if (status = impl_->AwaitDurable(opening); !status.ok()) return status;
  return impl_->witness_writer->WriteNow();
}

Status RocksLog::Impl::AwaitDurable(Index index) {
  std::unique_lock lock(flush_mutex);
  flushed.wait(lock,
               [&] { return durable.load(std::memory_order_acquire) >= index || dead.load(); });
  return dead.load() ? Status::Io("the log has failed") : Status::Ok();
}

// --- The log thread
// ------------------------------------------------------------------------------------------

void RocksLog::Impl::Run() {
  LogQueue::Taken taken;
  bool served_many = false;
  for (;;) {
    // Whoever was served together asks again together. A loop that shares this processor gets on
    // with them first, so that one sync serves them all and not a few and then the rest; where no
    // other thread wants the processor this returns at once.
    if (served_many) std::this_thread::yield();
    const Index durable_before = durable.load(std::memory_order_relaxed);
    queue.Take(
        {.durable = durable_before, .gather_until = gather_until, .sync_due = schedule.Due()},
        taken);
    if (taken.stopped || !WriteTaken(taken)) return;
    served_many = durable.load(std::memory_order_relaxed) - durable_before > 1;
  }
}

bool RocksLog::Impl::WriteTaken(LogQueue::Taken& taken) {
  const std::lock_guard lock(end_mutex);
  const Index durable_before = durable.load(std::memory_order_relaxed);
  const auto now = Clock::now();
  const bool sync = taken.sync_wanted > durable_before || schedule.IsDue(now);
  if (taken.used > 0) schedule.Written(now);
  Status status = Append(taken, sync);
  if (status.ok() && sync && taken.used == 0) {
    status = TimedSync([this] { return segments->Sync(); });
  }
  if (!status.ok()) {
    Die(status);
    return false;
  }
  const bool decongested = queue.Written();
  // RocksDB may have told of a failed flush meanwhile: then nothing is promised any more.
  if (dead.load(std::memory_order_acquire)) return false;
  gather_until = Clock::now() + kGather;
  if (sync) {
    schedule.Synced();
    Publish();
  } else if (decongested) {
    WakeAll();
  }
  return true;
}

// Group commit: one sync, with the last record, serves everything that queued up during the last
// one.
Status RocksLog::Impl::Append(LogQueue::Taken& taken, bool sync) {
  Index first = taken.first;
  for (size_t i = 0; i < taken.used; ++i) {
    LogQueue::Queued& queued = taken.records[i];
    const bool last = i + 1 == taken.used;
    const RecordHeader header = HeaderOf(queued, first);
    SealedRecord record = queued.stored;
    std::string_view sealed;
    if (record.bytes) {
      sealed = *record.bytes;
    } else {
      sealed = queued.record.Seal({.history = header.history,
                                   .epoch = header.epoch,
                                   .first = header.first,
                                   .acked = header.acked});
    }
    if (tail.has_readers()) {
      if (!record.bytes) record.bytes = std::make_shared<const std::string>(sealed);
      tail.Add({.header = header, .bytes = record.bytes});
    }
    if (Status status = AppendRecord(header, sealed, sync && last); !status.ok()) return status;
    first = header.last() + 1;
  }
  return Status::Ok();
}

RecordHeader RocksLog::Impl::HeaderOf(const LogQueue::Queued& queued, Index first) const {
  if (queued.stored.bytes) return queued.stored.header;
  return {.count = queued.record.count(),
          .length = queued.record.bytes() - kRecordHeaderBytes,
          .history = witness_mark.history,
          .epoch = queued.epoch,
          .first = first,
          .acked = alone ? durable.load(std::memory_order_relaxed)
                         : std::min(acked.load(std::memory_order_relaxed), first - 1),
          .server_time = queued.record.server_time()};
}

Status RocksLog::Impl::AppendRecord(const RecordHeader& header, std::string_view sealed,
                                    bool sync) {
  if (header.epoch > raised) {
    if (Status status = identity->RaiseEpoch(header.epoch); !status.ok()) return status;
    raised = header.epoch;
  }
  const LogSegments::Span span{.first = header.first, .last = header.last()};
  Status status = sync ? TimedSync([&] { return segments->Append(span, sealed, true); })
                       : segments->Append(span, sealed, false);
  if (!status.ok()) return status;
  Add(records, 1);
  Add(batches, header.count);
  Add(bytes, sealed.size());
  space.Wrote(sealed.size());
  written = {.epoch = header.epoch, .index = span.last};
  written_time = std::max(written_time, header.server_time);
  if (tail.has_readers()) tail.Written(span.last);
  return Status::Ok();
}

template <typename Call>
Status RocksLog::Impl::TimedSync(Call call) {
  witness_writer->GoBesideSync();
  const auto begin = Clock::now();
  Status status = call();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  const auto us = static_cast<uint64_t>(took.count());
  const auto* const bound = std::upper_bound(kSyncBoundsUs.begin(), kSyncBoundsUs.end(), us);
  Add(sync_histogram[static_cast<size_t>(bound - kSyncBoundsUs.begin())], 1);
  Add(syncs, 1);
  sync_last_us.store(us, std::memory_order_relaxed);
  if (options.on_sync) options.on_sync(took);
  return status;
}

void RocksLog::Impl::Publish() {
  // Before a Flush returns and asks the witness to tell it.
  witness_writer->Note(written, written_time);
  durable.store(written.index, std::memory_order_release);
  { const std::lock_guard lock(flush_mutex); }
  flushed.notify_all();
  WakeAll();
  segments->NoteDurable(written.index);
}

void RocksLog::Impl::WakeAll() {
  for (Waker* waker : wakers) waker->Wake();
}

void RocksLog::Impl::Die(const Status& status) {
  if (dead.exchange(true, std::memory_order_acq_rel)) return;
  { const std::lock_guard lock(flush_mutex); }
  flushed.notify_all();
  options.fatal(status);
}

// --- Any thread
// ----------------------------------------------------------------------------------------------

Index RocksLog::Push(const Batch& batch) { return impl_->queue.Push(batch); }
Index RocksLog::LastPushed() const { return impl_->queue.LastPushed(); }
Index RocksLog::Durable() const { return impl_->durable.load(std::memory_order_acquire); }
bool RocksLog::Congested() const { return impl_->queue.Congested(); }
bool RocksLog::LowOnDisk() const { return impl_->space.low(); }
History RocksLog::history() const { return impl_->identity->history(); }
NodeId RocksLog::node() const { return impl_->identity->node(); }
Promise RocksLog::promise() const { return impl_->identity->promise(); }
Epochs RocksLog::epochs() const { return impl_->identity->epochs(); }
SnapshotStore& RocksLog::snapshots() { return *impl_->snapshots; }
Database& RocksLog::database() { return *impl_->database; }

void RocksLog::RequestSync(Index index) {
  if (index > Durable()) impl_->queue.RequestSync(index);
}

void RocksLog::AddWaker(Waker* waker) {
  Invariant(!impl_->thread.joinable());
  impl_->wakers.push_back(waker);
}

Status RocksLog::Flush() {
  Impl& log = *impl_;
  const Index last = LastPushed();
  RequestSync(last);
  if (Status status = log.AwaitDurable(last); !status.ok()) return status;
  return log.witness_writer->WriteNow();
}

void RocksLog::SetSyncPolicies(SyncPolicy stock, SyncPolicy ordinary) {
  impl_->schedule.SetPolicies(stock, ordinary);
  // What was written under the old policy must not wait for a next batch that may never come.
  RequestSync(LastPushed());
}

void RocksLog::SetDiskReserve(uint64_t bytes) { impl_->space.SetReserve(bytes); }
bool RocksLog::HasRoomForSnapshot(uint64_t bytes, uint64_t queued) const {
  // What may be written next: rows gather in memory until they make a run.
  return impl_->space.LeavesHalf(std::min(bytes, queued + impl_->options.snapshot_run_bytes));
}
void RocksLog::NoteTime(UnixMs now) { impl_->witness_writer->NoteTime(now); }
void RocksLog::Trim(Index keep_from) { impl_->segments->Trim(keep_from); }

LogStats RocksLog::Stats() const {
  const Impl& log = *impl_;
  LogStats stats;
  stats.records = log.records.load(std::memory_order_relaxed);
  stats.batches = log.batches.load(std::memory_order_relaxed);
  stats.bytes = log.bytes.load(std::memory_order_relaxed);
  stats.syncs = log.syncs.load(std::memory_order_relaxed);
  stats.sync_last_us = log.sync_last_us.load(std::memory_order_relaxed);
  for (size_t i = 0; i < stats.sync_histogram.size(); ++i) {
    stats.sync_histogram[i] = log.sync_histogram[i].load(std::memory_order_relaxed);
  }
  stats.queue_bytes = log.queue.Bytes();
  stats.last_index = LastPushed();
  stats.durable_index = Durable();
  stats.witness_index = log.witness_writer ? log.witness_writer->written() : log.witness_mark.index;
  stats.segments = log.segments->Count();
  stats.disk_bytes = log.segments->DiskBytes();
  stats.write_stalls = log.database->WriteStalls();
  stats.disk_free_bytes = log.space.free_bytes();
  stats.low_on_disk = log.space.low();
  return stats;
}

Status RefuseDirectoryWithLog(const std::string& directory) {
  if (!Exists(directory + "/witness") && !Exists(directory + "/db")) return Status::Ok();
  return Status::Invalid(
      "the data directory " + directory +
      " holds a log, whose data 'appendonly no' would not show; set 'appendonly yes', "
      "or 'dir' to an empty or new directory");
}

}  // namespace holdfast

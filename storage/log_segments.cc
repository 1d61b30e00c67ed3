#include "storage/log_segments.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include "storage/base/invariant.h"
#include "storage/base/parse_int.h"
#include "storage/record.h"
#include "storage/recovery.h"

namespace holdfast {
namespace {

constexpr std::string_view kPrefix = "log-";
constexpr const char* kHistoryKey = "history";

// So many full memtables may wait for the disk before RocksDB would slow writes: 128 MB behind by
// default, long after the queue's own bound has stopped the sockets.
constexpr int kMemtables = 8;

// How old the figure of the disk's use may be: INFO asks for it on an event loop, and listing files
// may wait for the disk.
constexpr auto kLookEvery = std::chrono::seconds(1);

std::string NameOf(uint64_t number) { return std::string(kPrefix) + std::to_string(number); }

// Big-endian, so that RocksDB's order of bytes is the order of indexes.
std::string KeyOf(Index index) {
  const Index big_endian = __builtin_bswap64(index);
  return {reinterpret_cast<const char*>(&big_endian), sizeof big_endian};
}

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

Status FromRocks(const std::string& what, const rocksdb::Status& status) {
  if (status.ok()) return Status::Ok();
  if (status.IsCorruption()) return RefuseAsDamaged(what, status.ToString());
  return Status::Io(what + ": " + status.ToString());
}

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  // The default drops acknowledged records that follow a flipped bit, without a word. This one
  // takes only an incomplete end for what a crash leaves.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // After a failed write nobody knows what the disk holds: RocksDB must not try to go on by itself.
  options.max_bgerror_resume_count = 0;
  options.max_background_jobs = 2;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.keep_log_file_num = 4;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.skip_stats_update_on_db_open = true;
  return options;
}

rocksdb::ColumnFamilyOptions SegmentOptions(uint64_t memtable_bytes) {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;
  options.disable_auto_compactions = true;
  options.level0_file_num_compaction_trigger = std::numeric_limits<int>::max();
  options.level0_slowdown_writes_trigger = std::numeric_limits<int>::max();
  options.level0_stop_writes_trigger = std::numeric_limits<int>::max();
  options.soft_pending_compaction_bytes_limit = 0;
  options.hard_pending_compaction_bytes_limit = 0;
  options.write_buffer_size = memtable_bytes;
  options.max_write_buffer_number = kMemtables;
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;  // read once, in order, at a start
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::ColumnFamilyOptions MetaOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = size_t{1} << 20;
  return options;
}

}  // namespace

// Hears on RocksDB's own threads what a background flush met.
class LogSegments::Listener : public rocksdb::EventListener {
 public:
  explicit Listener(FatalHandler fatal) : fatal_(std::move(fatal)) {}

  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* error) override {
    fatal_(Status::Io("the log's database failed: " + error->ToString()));
  }

  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override {
    if (info.condition.cur != rocksdb::WriteStallCondition::kNormal) ++stalls_;
  }

  uint64_t stalls() const { return stalls_.load(std::memory_order_relaxed); }

 private:
  const FatalHandler fatal_;
  std::atomic<uint64_t> stalls_{0};
};

LogSegments::LogSegments(LogSegmentsOptions options)
    : options_(std::move(options)), listener_(std::make_shared<Listener>(options_.fatal)) {
  if (options_.file_system) env_ = rocksdb::NewCompositeEnv(options_.file_system);
}

LogSegments::~LogSegments() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (housekeeper_.joinable()) housekeeper_.join();
  if (!db_) return;
  for (const auto& segment : segments_) db_->DestroyColumnFamilyHandle(segment->handle);
  db_->DestroyColumnFamilyHandle(meta_);
}

Status LogSegments::Open(LogSegmentsOptions options, std::unique_ptr<LogSegments>& out) {
  Invariant(options.segment_bytes > 0);
  std::unique_ptr<LogSegments> segments(new LogSegments(std::move(options)));
  if (Status status = segments->OpenDb(); !status.ok()) return status;
  out = std::move(segments);
  return Status::Ok();
}

Status LogSegments::OpenDb() {
  rocksdb::DBOptions db_options = DatabaseOptions();
  db_options.listeners.push_back(listener_);
  if (env_) db_options.env = env_.get();
  std::vector<std::string> names = {rocksdb::kDefaultColumnFamilyName};
  std::error_code error;
  if (std::filesystem::exists(options_.path + "/CURRENT", error)) {
    names.clear();
    const auto listed = rocksdb::DB::ListColumnFamilies(db_options, options_.path, &names);
    if (!listed.ok()) return FromRocks("reading the log " + options_.path, listed);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) {
    const bool meta = name == rocksdb::kDefaultColumnFamilyName;
    families.emplace_back(name, meta ? MetaOptions() : SegmentOptions(options_.memtable_bytes));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto opened = rocksdb::DB::Open(db_options, options_.path, families, &handles, &db);
  if (!opened.ok()) return FromRocks("opening the log " + options_.path, opened);
  db_.reset(db);
  return AdoptFamilies(handles);
}

Status LogSegments::AdoptFamilies(const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  std::string stranger;
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    const std::string_view name = handle->GetName();
    const auto number =
        name.starts_with(kPrefix) ? ParseUint64(name.substr(kPrefix.size())) : std::nullopt;
    if (name == rocksdb::kDefaultColumnFamilyName) {
      meta_ = handle;
    } else {
      if (!number) stranger = name;
      segments_.push_back(
          std::make_unique<Segment>(Segment{.number = number.value_or(0), .handle = handle}));
    }
  }
  if (!stranger.empty()) {
    return Status::Invalid("the log " + options_.path + " has a part '" + stranger +
                           "' that this version does not know; start the version that wrote it");
  }
  std::sort(segments_.begin(), segments_.end(),
            [](const auto& a, const auto& b) { return a->number < b->number; });
  for (size_t i = 1; i < segments_.size(); ++i) {
    const uint64_t expected = segments_[i - 1]->number + 1;
    if (segments_[i]->number != expected) {
      return RefuseAsDamaged("the log " + options_.path,
                             "segment " + NameOf(expected) + " is missing");
    }
  }
  return Status::Ok();
}

Status LogSegments::CreateFamily(uint64_t number, rocksdb::ColumnFamilyHandle*& out) {
  const auto made =
      db_->CreateColumnFamily(SegmentOptions(options_.memtable_bytes), NameOf(number), &out);
  return FromRocks("making the log's segment " + NameOf(number), made);
}

Status LogSegments::MakeFirst() {
  if (HasSegments()) return Status::Ok();
  auto segment = std::make_unique<Segment>(Segment{.number = 1, .handle = nullptr});
  if (Status status = CreateFamily(1, segment->handle); !status.ok()) return status;
  segments_.push_back(std::move(segment));
  return Status::Ok();
}

Status LogSegments::ReadHistory(std::string& out) const {
  const auto read = db_->Get(rocksdb::ReadOptions(), meta_, kHistoryKey, &out);
  if (read.IsNotFound()) return Status::NotFound("no history");
  return FromRocks("reading the history", read);
}

Status LogSegments::WriteHistory(std::string_view row) {
  rocksdb::WriteOptions synced;
  synced.sync = true;
  auto written = db_->Put(synced, meta_, kHistoryKey, SliceOf(row));
  if (written.ok()) written = db_->Flush(rocksdb::FlushOptions(), meta_);
  return FromRocks("writing the history", written);
}

Status LogSegments::ForEachRow(const RowFn& fn) {
  for (size_t i = 0; i < segments_.size(); ++i) {
    Segment& segment = *segments_[i];
    if (Status status = ReadRows(segment, fn); !status.ok()) return status;
    if (segment.first == 0 && i + 1 < segments_.size()) {
      return RefuseAsDamaged("the log's segment " + NameOf(segment.number), "it is empty");
    }
  }
  ChooseActive();
  return Status::Ok();
}

Status LogSegments::ReadRows(Segment& segment, const RowFn& fn) {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  const std::unique_ptr<rocksdb::Iterator> row(db_->NewIterator(options, segment.handle));
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    const std::string_view record = ViewOf(row->value());
    if (Status status = fn(record); !status.ok()) return status;
    RecordHeader header;
    if (Status status = DecodeRecordHeader(record, header); !status.ok()) return status;
    if (ViewOf(row->key()) != KeyOf(header.first)) {
      return RefuseAsDamaged("the log at index " + std::to_string(header.first),
                             "the record lies under another index");
    }
    if (segment.first == 0) segment.first = header.first;
    segment.last = header.last();
    segment.bytes += record.size();
  }
  return FromRocks("reading the log's segment " + NameOf(segment.number), row->status());
}

void LogSegments::ChooseActive() {
  Invariant(HasSegments());
  active_ = segments_.back().get();
  // The last one may have been made ahead; the one before is then not full yet, or just so.
  if (active_->first == 0 && segments_.size() > 1) active_ = segments_[segments_.size() - 2].get();
}

void LogSegments::StartHousekeeper(Index durable) {
  Invariant(active_ != nullptr);
  durable_ = durable;
  LookAtDisk();
  housekeeper_ = std::thread([this] { KeepHouse(); });
}

Status LogSegments::Append(const Span& span, std::string_view record, bool sync) {
  RollIfReady();
  rocksdb::WriteOptions options;
  options.sync = sync;
  const auto written = db_->Put(options, active_->handle, KeyOf(span.first), SliceOf(record));
  if (!written.ok()) {
    return FromRocks("writing the log at index " + std::to_string(span.first), written);
  }
  const std::lock_guard lock(mutex_);
  if (active_->first == 0) active_->first = span.first;
  active_->last = span.last;
  active_->bytes += record.size();
  return Status::Ok();
}

// Goes over to the segment made ahead. Without one the full segment simply grows on: nobody waits.
void LogSegments::RollIfReady() {
  {
    const std::lock_guard lock(mutex_);
    if (active_->bytes < options_.segment_bytes || segments_.back().get() == active_) return;
    active_ = segments_.back().get();
  }
  wake_.notify_one();
}

Status LogSegments::Sync() { return FromRocks("syncing the log", db_->SyncWAL()); }

void LogSegments::NoteDurable(Index durable) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    durable_ = durable;
    wake = NextWanted() || LowestDroppable();
  }
  if (wake) wake_.notify_one();
}

void LogSegments::Trim(Index keep_from) {
  {
    const std::lock_guard lock(mutex_);
    keep_from_ = std::max(keep_from_, keep_from);
  }
  wake_.notify_one();
}

bool LogSegments::NextWanted() const {
  return segments_.back().get() == active_ && active_->bytes >= options_.segment_bytes / 2 &&
         active_->first != 0 && active_->first <= durable_;
}

bool LogSegments::LowestDroppable() const {
  const Segment& lowest = *segments_.front();
  if (&lowest == active_ || lowest.last >= keep_from_) return false;
  const Segment& behind = *segments_[1];
  return behind.first != 0 && behind.first <= durable_;
}

LogSegments::Segment* LogSegments::UnflushedSealed() {
  for (const auto& segment : segments_) {
    if (segment.get() == active_) return nullptr;
    if (!segment->flushed) return segment.get();
  }
  return nullptr;
}

void LogSegments::KeepHouse() {
  using Clock = std::chrono::steady_clock;
  auto next_look = Clock::now() + kLookEvery;
  Lock lock(mutex_);
  for (;;) {
    const bool work = wake_.wait_until(lock, next_look, [this] {
      return stop_ || NextWanted() || LowestDroppable() || UnflushedSealed() != nullptr;
    });
    if (stop_) return;
    if (const Status status = work ? Work(lock) : Status::Ok(); !status.ok()) {
      lock.unlock();
      options_.fatal(status);
      return;
    }
    if (Clock::now() < next_look) continue;
    lock.unlock();
    LookAtDisk();
    next_look = Clock::now() + kLookEvery;
    lock.lock();
  }
}

// The log thread may be waiting to roll, so the next segment comes first; what can be dropped need
// not be flushed.
Status LogSegments::Work(Lock& lock) {
  if (NextWanted()) return MakeNext(lock);
  if (LowestDroppable()) return DropLowest(lock);
  return FlushSealed(lock);
}

Status LogSegments::MakeNext(Lock& lock) {
  auto next = std::make_unique<Segment>(Segment{.number = active_->number + 1, .handle = nullptr});
  lock.unlock();
  Status status = CreateFamily(next->number, next->handle);
  lock.lock();
  if (status.ok()) segments_.push_back(std::move(next));
  return status;
}

Status LogSegments::DropLowest(Lock& lock) {
  const std::unique_ptr<Segment> lowest = std::move(segments_.front());
  segments_.pop_front();
  lock.unlock();
  const auto dropped = db_->DropColumnFamily(lowest->handle);
  db_->DestroyColumnFamilyHandle(lowest->handle);
  lock.lock();
  return FromRocks("dropping the log's segment " + NameOf(lowest->number), dropped);
}

Status LogSegments::FlushSealed(Lock& lock) {
  Segment& segment = *UnflushedSealed();
  lock.unlock();
  const auto flushed = db_->Flush(rocksdb::FlushOptions(), segment.handle);
  lock.lock();
  segment.flushed = true;
  return FromRocks("flushing the log's segment " + NameOf(segment.number), flushed);
}

uint64_t LogSegments::Count() const {
  const std::lock_guard lock(mutex_);
  return segments_.size();
}

void LogSegments::LookAtDisk() {
  uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it(options_.path, error), end; !error && it != end;
       it.increment(error)) {
    // Files come and go while we look; one that is gone counts nothing.
    std::error_code gone;
    const uint64_t size = it->file_size(gone);
    if (!gone) bytes += size;
  }
  disk_bytes_.store(bytes, std::memory_order_relaxed);
}

uint64_t LogSegments::WriteStalls() const { return listener_->stalls(); }

}  // namespace holdfast

#include "storage/log_segments.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/record.h"
#include "storage/recovery.h"

namespace holdfast {
namespace {

// How old the figure of the disk's use may be: INFO asks for it on an event loop, and listing files
// may wait for the disk.
constexpr auto kLookEvery = std::chrono::seconds(1);

}  // namespace

// Big-endian, so that RocksDB's order of bytes is the order of indexes.
std::string LogRowKey(Index index) {
  const Index big_endian = __builtin_bswap64(index);
  return {reinterpret_cast<const char*>(&big_endian), sizeof big_endian};
}

LogSegments::LogSegments(Database& database, LogSegmentsOptions options)
    : database_(database), options_(std::move(options)) {}

LogSegments::~LogSegments() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  if (housekeeper_.joinable()) housekeeper_.join();
}

Status LogSegments::Open(Database& database, LogSegmentsOptions options,
                         std::unique_ptr<LogSegments>& out) {
  Invariant(options.segment_bytes > 0);
  std::unique_ptr<LogSegments> segments(new LogSegments(database, std::move(options)));
  Status status = segments->Adopt(database.TakeFound(FamilyKind::kLog));
  if (status.ok()) out = std::move(segments);
  return status;
}

Status LogSegments::Adopt(std::vector<Family> families) {
  for (Family& family : families) {
    if (HasSegments()) {
      const uint64_t expected = segments_.back()->family.number() + 1;
      if (family.number() != expected) {
        return RefuseAsDamaged(
            "the log " + database_.path(),
            "segment " + Family::NameOf(FamilyKind::kLog, expected) + " is missing");
      }
    }
    segments_.push_back(std::make_unique<Segment>(Segment{.family = std::move(family)}));
  }
  return Status::Ok();
}

Status LogSegments::MakeFirst() {
  if (HasSegments()) return Status::Ok();
  auto segment = std::make_unique<Segment>();
  Status status = database_.Create(FamilyKind::kLog, 1, segment->family);
  if (status.ok()) segments_.push_back(std::move(segment));
  return status;
}

Status LogSegments::ForEachRow(const RowFn& fn) {
  for (size_t i = 0; i < segments_.size(); ++i) {
    Segment& segment = *segments_[i];
    if (Status status = ReadRows(segment, fn); !status.ok()) return status;
    if (segment.first == 0 && i + 1 < segments_.size()) {
      return RefuseAsDamaged("the log's segment " + segment.family.name(), "it is empty");
    }
  }
  ChooseActive();
  return Status::Ok();
}

// Opening the database moved every row into a table. One that cannot be read is for ForEachRow to
// complain of.
uint64_t LogSegments::RowBytes() const {
  uint64_t bytes = 0;
  for (const auto& segment : segments_) {
    rocksdb::TablePropertiesCollection tables;
    const auto asked =
        database_.rocks().GetPropertiesOfAllTables(segment->family.handle(), &tables);
    if (!asked.ok()) continue;
    for (const auto& [file, properties] : tables) bytes += properties->raw_value_size;
  }
  return bytes;
}

Status LogSegments::ReadRows(Segment& segment, const RowFn& fn) {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  const std::unique_ptr<rocksdb::Iterator> row(
      database_.rocks().NewIterator(options, segment.family.handle()));
  for (row->SeekToFirst(); row->Valid(); row->Next()) {
    const std::string_view record = ViewOf(row->value());
    if (Status status = fn(record); !status.ok()) return status;
    RecordHeader header;
    if (Status status = DecodeRecordHeader(record, header); !status.ok()) return status;
    if (ViewOf(row->key()) != LogRowKey(header.first)) {
      return RefuseAsDamaged("the log at index " + std::to_string(header.first),
                             "the record lies under another index");
    }
    if (segment.first == 0) segment.first = header.first;
    segment.last = header.last();
    segment.bytes += record.size();
  }
  return FromRocks("reading the log's segment " + segment.family.name(), row->status());
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
  const auto written = database_.rocks().Put(options, active_->family.handle(),
                                             LogRowKey(span.first), SliceOf(record));
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

Status LogSegments::Sync() { return FromRocks("syncing the log", database_.rocks().SyncWAL()); }

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
  auto next = std::make_unique<Segment>();
  const uint64_t number = active_->family.number() + 1;
  lock.unlock();
  Status status = database_.Create(FamilyKind::kLog, number, next->family);
  lock.lock();
  if (status.ok()) segments_.push_back(std::move(next));
  return status;
}

Status LogSegments::DropLowest(Lock& lock) {
  const std::unique_ptr<Segment> lowest = std::move(segments_.front());
  segments_.pop_front();
  const Index first = segments_.front()->first;
  lock.unlock();
  Status status = options_.before_drop ? options_.before_drop(first) : Status::Ok();
  if (status.ok()) status = database_.Drop(std::move(lowest->family));
  lock.lock();
  return status;
}

Status LogSegments::FlushSealed(Lock& lock) {
  Segment& segment = *UnflushedSealed();
  lock.unlock();
  const auto flushed = database_.rocks().Flush(rocksdb::FlushOptions(), segment.family.handle());
  lock.lock();
  segment.flushed = true;
  return FromRocks("flushing the log's segment " + segment.family.name(), flushed);
}

uint64_t LogSegments::Count() const {
  const std::lock_guard lock(mutex_);
  return segments_.size();
}

void LogSegments::LookAtDisk() {
  uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it(database_.path(), error), end; !error && it != end;
       it.increment(error)) {
    // Files come and go while we look; one that is gone counts nothing.
    std::error_code gone;
    const uint64_t size = it->file_size(gone);
    if (!gone) bytes += size;
  }
  disk_bytes_.store(bytes, std::memory_order_relaxed);
}

}  // namespace holdfast

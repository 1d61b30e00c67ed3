#include "storage/log_segments.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include <rocksdb/write_batch.h>

#include "storage/base/invariant.h"
#include "storage/record.h"
#include "storage/recovery.h"

namespace holdfast {
namespace {

// How old the figure of the disk's use may be: INFO asks for it on an event loop, and listing files
// may wait for the disk.
constexpr auto kLookEvery = std::chrono::seconds(1);

// So many rows are deleted in one write to the database.
constexpr size_t kRowsADelete = 64;

Index IndexOfKey(std::string_view key) {
  Index big_endian = 0;
  if (key.size() != sizeof big_endian) return 0;
  std::memcpy(&big_endian, key.data(), sizeof big_endian);
  return __builtin_bswap64(big_endian);
}

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
    segments_.push_back(std::make_shared<Segment>(Segment{.family = std::move(family)}));
  }
  return Status::Ok();
}

Status LogSegments::MakeFirst() {
  if (HasSegments()) return Status::Ok();
  auto segment = std::make_shared<Segment>();
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

Status LogSegments::ReadLast(RecordHeader& out) const {
  for (size_t left = segments_.size(); left > 0; --left) {
    const Family& family = segments_[left - 1]->family;
    const std::unique_ptr<rocksdb::Iterator> row(
        database_.rocks().NewIterator(rocksdb::ReadOptions(), family.handle()));
    row->SeekToLast();
    if (row->Valid()) return DecodeRecordHeader(ViewOf(row->value()), out);
    if (!row->status().ok()) {
      return FromRocks("reading the log's segment " + family.name(), row->status());
    }
  }
  return Status::NotFound("the log has no record");
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

void LogSegments::Pin(const void* reader, Index first) {
  {
    const std::lock_guard lock(mutex_);
    pins_[reader] = first;
  }
  wake_.notify_one();
}

void LogSegments::Unpin(const void* reader) {
  {
    const std::lock_guard lock(mutex_);
    pins_.erase(reader);
  }
  wake_.notify_one();
}

bool LogSegments::NextWanted() const {
  return segments_.back().get() == active_ && active_->bytes >= options_.segment_bytes / 2 &&
         active_->first != 0 && active_->first <= durable_;
}

bool LogSegments::LowestDroppable() const {
  const Segment& lowest = *segments_.front();
  if (&lowest == active_ || IsKept(lowest)) return false;
  const Segment& behind = *segments_[1];
  return behind.first != 0 && behind.first <= durable_;
}

bool LogSegments::IsKept(const Segment& lowest) const {
  const auto needed_from = [&](Index from) { return lowest.last + 1 >= from; };
  if (needed_from(keep_from_)) return true;
  const bool pinned =
      std::ranges::any_of(pins_, [&](const auto& pin) { return needed_from(pin.second); });
  if (!pinned) return false;
  // Everything that is kept for the pins alone.
  uint64_t bytes = 0;
  for (const auto& segment : segments_) {
    if (segment->last + 1 >= keep_from_) break;
    bytes += segment->bytes;
  }
  return bytes <= options_.pinned_bytes_max;
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
      return stop_ || (!held_ && (NextWanted() || LowestDroppable() || UnflushedSealed()));
    });
    if (stop_) return;
    works_ = work;
    const Status status = work ? Work(lock) : Status::Ok();
    works_ = false;
    rests_.notify_all();
    if (!status.ok()) {
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
  auto next = std::make_shared<Segment>();
  const uint64_t number = active_->family.number() + 1;
  lock.unlock();
  Status status = database_.Create(FamilyKind::kLog, number, next->family);
  lock.lock();
  if (status.ok()) segments_.push_back(std::move(next));
  return status;
}

Status LogSegments::DropLowest(Lock& lock) {
  const SegmentPtr lowest = std::move(segments_.front());
  segments_.pop_front();
  const Index first = segments_.front()->first;
  lock.unlock();
  Status status = options_.before_drop ? options_.before_drop(first) : Status::Ok();
  if (status.ok()) status = database_.Drop(lowest->family);
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

// --- Cutting

Index LogSegments::FirstIndex() const { return segments_.front()->first; }

Index LogSegments::First() const {
  const std::lock_guard lock(mutex_);
  return FirstIndex();
}

LogSegments::SegmentPtr LogSegments::SegmentOf(Index index) const {
  const std::lock_guard lock(mutex_);
  for (const SegmentPtr& segment : segments_) {
    if (segment->first != 0 && segment->first <= index && index <= segment->last) return segment;
  }
  return nullptr;
}

Status LogSegments::CanCutTo(Index last) const {
  const SegmentPtr keeps = SegmentOf(last);
  const SegmentPtr behind = SegmentOf(last + 1);
  if (keeps == nullptr) {
    return Status::Invalid("the log has no batch " + std::to_string(last) + " to end with");
  }
  if (behind == nullptr) return Status::Ok();
  std::string row;
  const auto read = database_.rocks().Get(rocksdb::ReadOptions(), behind->family.handle(),
                                          LogRowKey(last + 1), &row);
  if (!read.IsNotFound()) {
    return FromRocks("reading the log at index " + std::to_string(last + 1), read);
  }
  return Status::Invalid("the log has no record that ends with batch " + std::to_string(last));
}

// What lies behind, from the end of the log forward: whole segments, then the rows of the one that
// stays. So at no moment is anything missing in between.
Status LogSegments::CutTo(Index last) {
  Lock lock(mutex_);
  HoldHousekeeper(lock);
  Status status;
  while (status.ok() && (segments_.back()->first == 0 || segments_.back()->first > last)) {
    const SegmentPtr highest = segments_.back();
    segments_.pop_back();
    active_ = segments_.back().get();
    lock.unlock();
    status = database_.Drop(highest->family);
    lock.lock();
  }
  Segment& end = *active_;
  const bool has_more = end.last > last;
  lock.unlock();
  uint64_t bytes = 0;
  std::vector<Index> firsts;
  if (status.ok() && has_more) status = FindBehind(end.family, last, bytes, firsts);
  if (status.ok() && has_more) status = DeleteRows(end.family, firsts);
  lock.lock();
  end.last = std::min(end.last, last);
  end.bytes -= bytes;
  end.flushed = false;
  durable_ = std::min(durable_, last);
  held_ = false;
  lock.unlock();
  wake_.notify_one();
  return status;
}

Status LogSegments::StartOver() {
  Lock lock(mutex_);
  HoldHousekeeper(lock);
  auto fresh = std::make_shared<Segment>();
  const uint64_t number = segments_.back()->family.number() + 1;
  lock.unlock();
  Status status = database_.Create(FamilyKind::kLog, number, fresh->family);
  lock.lock();
  if (status.ok()) {
    active_ = fresh.get();
    segments_.push_back(std::move(fresh));
  }
  while (status.ok() && segments_.front().get() != active_) {
    const SegmentPtr lowest = std::move(segments_.front());
    segments_.pop_front();
    lock.unlock();
    status = database_.Drop(lowest->family);
    lock.lock();
  }
  durable_ = 0;
  keep_from_ = 0;  // of other records
  held_ = false;
  return status;
}

void LogSegments::HoldHousekeeper(Lock& lock) {
  held_ = true;
  rests_.wait(lock, [this] { return !works_; });
}

Status LogSegments::FindBehind(const Family& family, Index last, uint64_t& bytes,
                               std::vector<Index>& firsts) const {
  const std::unique_ptr<rocksdb::Iterator> row(
      database_.rocks().NewIterator(rocksdb::ReadOptions(), family.handle()));
  for (row->Seek(LogRowKey(last + 1)); row->Valid(); row->Next()) {
    firsts.push_back(IndexOfKey(ViewOf(row->key())));
    bytes += row->value().size();
  }
  return FromRocks("reading the log's segment " + family.name(), row->status());
}

Status LogSegments::DeleteRows(const Family& family, const std::vector<Index>& firsts) {
  rocksdb::WriteBatch batch;
  for (size_t left = firsts.size(); left > 0; --left) {
    const auto deleted = batch.Delete(family.handle(), LogRowKey(firsts[left - 1]));
    if (!deleted.ok()) return FromRocks("cutting the log", deleted);
    if (left % kRowsADelete != 1 && left != 1) continue;
    const auto written = database_.rocks().Write(rocksdb::WriteOptions(), &batch);
    if (!written.ok()) return FromRocks("cutting the log", written);
    batch.Clear();
  }
  return Sync();
}

// --- Reading

Status LogSegments::ReadBehind(Index after, uint64_t bytes_max,
                               std::vector<SealedRecord>& out) const {
  Index next = after + 1;
  const SegmentPtr segment = SegmentOf(next);
  if (segment == nullptr) {
    const std::lock_guard lock(mutex_);
    if (FirstIndex() <= next) return Status::Ok();
    return Status::NotFound("the log begins with index " + std::to_string(FirstIndex()));
  }
  const std::unique_ptr<rocksdb::Iterator> row(
      database_.rocks().NewIterator(rocksdb::ReadOptions(), segment->family.handle()));
  uint64_t bytes = 0;
  for (row->Seek(LogRowKey(next)); row->Valid() && bytes < bytes_max; row->Next()) {
    SealedRecord record{.bytes = std::make_shared<const std::string>(row->value().ToString())};
    Status decoded = DecodeRecordHeader(*record.bytes, record.header);
    if (!decoded.ok()) return decoded;
    if (record.header.first != next) break;
    next = record.header.last() + 1;
    bytes += record.bytes->size();
    out.push_back(std::move(record));
  }
  if (bytes > 0 || !row->status().ok()) {
    return FromRocks("reading the log's segment " + segment->family.name(), row->status());
  }
  return Status::Invalid("the log has no record that begins with batch " + std::to_string(next));
}

Status LogSegments::FindRecord(Index index, Span& out) const {
  Status none = Status::NotFound("the log has no batch " + std::to_string(index));
  const SegmentPtr segment = SegmentOf(index);
  if (segment == nullptr) return none;
  const std::unique_ptr<rocksdb::Iterator> row(
      database_.rocks().NewIterator(rocksdb::ReadOptions(), segment->family.handle()));
  row->SeekForPrev(LogRowKey(index));
  if (!row->status().ok()) {
    return FromRocks("reading the log's segment " + segment->family.name(), row->status());
  }
  if (!row->Valid()) return none;
  RecordHeader header;
  Status decoded = DecodeRecordHeader(ViewOf(row->value()), header);
  if (decoded.ok()) out = {.first = header.first, .last = header.last()};
  return decoded;
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

#include "storage/snapshot_tables.h"

#include <algorithm>

#include <rocksdb/env.h>
#include <rocksdb/sst_file_writer.h>

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/checksum.h"

namespace holdfast {
namespace {

// Tables go to the disk as they are written, not in one burst at their end that the log's next sync
// would have to wait for.
constexpr uint64_t kBytesPerSync = uint64_t{1} << 20;

constexpr size_t kHashBytes = 8;

constexpr std::string_view kTablePrefix = "snap-";
constexpr std::string_view kTableEnding = ".sst";

std::string PathOf(const Database& database, const Family& family, size_t k) {
  std::string path = database.path() + "/";
  path += kTablePrefix;
  path += std::to_string(family.number()) + "-" + std::to_string(k);
  path += kTableEnding;
  return path;
}

}  // namespace

SnapshotTables::SnapshotTables(Database& database, const Family& family, size_t run_bytes)
    : database_(database), family_(family), run_bytes_(run_bytes) {
  BeginRun();
}

void SnapshotTables::BeginRun() {
  places_.clear();
  run_.clear();
  // A row may be larger than a run; what it took is given back behind it.
  if (run_.capacity() > run_bytes_) run_ = std::string();
  run_.reserve(run_bytes_);
}

Status SnapshotTables::Add(std::string_view key, std::string_view value) {
  const size_t bytes = key.size() + value.size() + kHashBytes;
  const size_t held = run_.size() + places_.size() * sizeof(Place);
  if (!places_.empty() && held + bytes + sizeof(Place) > run_bytes_) {
    if (Status status = WriteRun(); !status.ok()) return status;
  }
  places_.push_back(
      {.at = run_.size(), .key_bytes = key.size(), .value_bytes = value.size() + kHashBytes});
  run_.append(key);
  run_.append(value);
  AppendInt(run_, ChecksumUnder(key, value));
  ++rows_;
  bytes_ += bytes;
  return Status::Ok();
}

std::string_view SnapshotTables::KeyAt(const Place& place) const {
  return std::string_view(run_).substr(place.at, place.key_bytes);
}

std::string_view SnapshotTables::ValueAt(const Place& place) const {
  return std::string_view(run_).substr(place.at + place.key_bytes, place.value_bytes);
}

Status SnapshotTables::WriteRun() {
  std::sort(places_.begin(), places_.end(),
            [this](const Place& a, const Place& b) { return KeyAt(a) < KeyAt(b); });
  paths_.push_back(PathOf(database_, family_, paths_.size() + 1));
  Status status = WriteTable(paths_.back());
  BeginRun();
  return status;
}

// Synced when it returns Ok.
Status SnapshotTables::WriteTable(const std::string& path) {
  const rocksdb::Options options = database_.TableOptions();
  rocksdb::EnvOptions file(options);
  file.bytes_per_sync = kBytesPerSync;
  rocksdb::SstFileWriter table(file, options, family_.handle(), /*invalidate_page_cache=*/false);
  rocksdb::Status written = table.Open(path);
  for (size_t i = 0; written.ok() && i < places_.size(); ++i) {
    if (i > 0) Invariant(KeyAt(places_[i - 1]) != KeyAt(places_[i]));
    written = table.Put(SliceOf(KeyAt(places_[i])), SliceOf(ValueAt(places_[i])));
  }
  if (written.ok()) written = table.Finish();
  return FromRocks("writing the snapshot's table " + path, written);
}

Status SnapshotTables::MoveIntoFamily() {
  if (!places_.empty()) {
    if (Status status = WriteRun(); !status.ok()) return status;
  }
  if (paths_.empty()) return Status::Ok();
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.snapshot_consistency = false;
  options.write_global_seqno = false;
  const auto moved = database_.rocks().IngestExternalFile(family_.handle(), paths_, options);
  return FromRocks("taking over the tables of " + family_.name(), moved);
}

Status SnapshotTables::Remove() {
  for (const std::string& path : paths_) {
    const auto removed = database_.rocks().GetEnv()->DeleteFile(path);
    // A table that could not even be begun is not there.
    if (!removed.ok() && !removed.IsNotFound() && !removed.IsPathNotFound()) {
      return FromRocks("removing the snapshot's table " + path, removed);
    }
  }
  paths_.clear();
  places_.clear();
  return Status::Ok();
}

Status OpenSnapshotRow(std::string_view key, std::string_view row, std::string_view& value) {
  Status damaged = Status::Damaged("the row is not one that I wrote under this key");
  if (row.size() < kHashBytes) return damaged;
  value = row.substr(0, row.size() - kHashBytes);
  ByteReader hash(row.substr(value.size()));
  return hash.Int<uint64_t>() == ChecksumUnder(key, value) ? Status::Ok() : damaged;
}

Status RemoveStraySnapshotTables(Database& database) {
  rocksdb::Env& env = *database.rocks().GetEnv();
  std::vector<std::string> names;
  auto done = env.GetChildren(database.path(), &names);
  for (const std::string& name : names) {
    if (!done.ok()) break;
    // RocksDB's own tables have nothing but a number for a name.
    if (name.starts_with(kTablePrefix) && name.ends_with(kTableEnding)) {
      done = env.DeleteFile(database.path() + "/" + name);
    }
  }
  return FromRocks("removing what an unfinished snapshot left", done);
}

}  // namespace holdfast

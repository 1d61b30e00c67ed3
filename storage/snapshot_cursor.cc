#include "storage/snapshot_cursor.h"

#include <algorithm>

#include "storage/recovery.h"
#include "storage/snapshot_tables.h"

namespace holdfast {
namespace {

// Enough of a key to find its row by: partition, database, slot and what follows.
constexpr size_t kKeyBytesShown = 24;

std::string KeyOf(int partition) { return std::string(1, static_cast<char>(partition)); }

}  // namespace

std::string PlaceOfSnapshotRow(uint64_t number, std::string_view key) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string place = Family::NameOf(FamilyKind::kSnapshot, number) + ", the row under the key ";
  for (const char byte : key.substr(0, kKeyBytesShown)) {
    const auto value = static_cast<unsigned char>(byte);
    place += kDigits[value >> 4];
    place += kDigits[value & 15];
  }
  return key.size() > kKeyBytesShown ? place + "..." : place;
}

SnapshotCursor::SnapshotCursor(Database& database, const Family& family,
                               std::optional<Partition> partition)
    : number_(family.number()),
      first_(KeyOf(partition.value_or(0))),
      behind_(KeyOf(partition ? *partition + 1 : kPartitions)),
      bound_(SliceOf(behind_)) {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.iterate_upper_bound = &bound_;
  rows_.reset(database.rocks().NewIterator(options, family.handle()));
}

void SnapshotCursor::SeekBehind(std::string_view key) {
  begin_behind_ = key;
  begun_ = false;
}

Status SnapshotCursor::Next(SnapshotRow& row) {
  row = {};
  if (begun_) {
    rows_->Next();
  } else {
    rows_->Seek(SliceOf(std::max(first_, begin_behind_)));
    if (rows_->Valid() && ViewOf(rows_->key()) == begin_behind_) rows_->Next();
    begun_ = true;
  }
  if (!rows_->Valid()) {
    return FromRocks("reading " + Family::NameOf(FamilyKind::kSnapshot, number_), rows_->status());
  }
  const std::string_view key = ViewOf(rows_->key());
  std::string_view value;
  if (Status status = OpenSnapshotRow(key, ViewOf(rows_->value()), value); !status.ok()) {
    return RefuseAsDamaged(PlaceOfSnapshotRow(number_, key), status.text());
  }
  row = {.key = key, .value = value};
  return Status::Ok();
}

}  // namespace holdfast

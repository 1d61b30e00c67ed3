// SnapshotCursor: goes over a snapshot's rows in the order of their keys, and checks each. What it
// began on it ends on: a snapshot that is replaced meanwhile stays on the disk as long as it lives.
//
// Owner: one thread at a time. Must go before the database does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/slot.h"
#include "storage/base/status.h"
#include "storage/database.h"

namespace holdfast {

struct SnapshotRow {
  std::string_view key{};
  std::string_view value{};
};

class SnapshotCursor {
 public:
  // Of all partitions, or of one. The family may go, the database must stay.
  SnapshotCursor(Database& database, const Family& family, std::optional<Partition> partition);
  SnapshotCursor(const SnapshotCursor&) = delete;
  SnapshotCursor& operator=(const SnapshotCursor&) = delete;

  // Goes on with the first row whose key is greater, whether that key is one of a row's or not.
  void SeekBehind(std::string_view key);
  // The next row, lent until the one after it; with an empty key, behind the last one. kDamaged,
  // naming the row, if it is not as it was written.
  Status Next(SnapshotRow& row);

 private:
  const uint64_t number_;
  const std::string first_;
  const std::string behind_;
  const rocksdb::Slice bound_;  // of behind_; RocksDB keeps a pointer to it
  std::unique_ptr<rocksdb::Iterator> rows_;
  bool begun_ = false;
  std::string begin_behind_;
};

// "snap-3, the row under the key 2a0001...".
std::string PlaceOfSnapshotRow(uint64_t number, std::string_view key);

}  // namespace holdfast

// BackupMark: what a backup says of itself. RocksDB keeps it beside the list of the backup's files.
// A sealed row (storage/sealed_row.h) of format "HFB1":
//
//   history:16 bytes | epoch:u64 | index:u64 | server_time:i64
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/server_time.h"
#include "storage/base/status.h"
#include "storage/history.h"
#include "storage/log.h"

namespace holdfast {

struct BackupMark {
  HistoryId history{};
  uint64_t epoch = 0;
  // The backup holds every batch up to here, and perhaps some that came later: what a restored log
  // must reach.
  Index index = 0;
  UnixMs server_time = kNever;

  bool operator==(const BackupMark&) const = default;
};

std::string EncodeBackupMark(const BackupMark& mark);
// kDamaged unless `row` is exactly what EncodeBackupMark makes; kInvalid, naming the format, for
// one of a later version.
Status DecodeBackupMark(std::string_view row, BackupMark& out);

}  // namespace holdfast

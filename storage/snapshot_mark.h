// SnapshotMark: what a complete snapshot says of itself. The meta row "snapshot"; the one atomic
// write of it makes a snapshot the current one. A sealed row (storage/sealed_row.h) of format
// "HFS1":
//
//   number:u64 | cuts:64 x u64 | server_time:i64 | rows:u64 | keys:u64 | bytes:u64
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/server_time.h"
#include "storage/base/status.h"
#include "storage/log.h"

namespace holdfast {

inline constexpr std::string_view kSnapshotKey = "snapshot";

struct SnapshotMark {
  uint64_t number = 0;  // of its family; 0: there is none
  Cuts cuts{};
  UnixMs server_time = kNever;  // of its last cut
  uint64_t rows = 0;
  uint64_t keys = 0;
  uint64_t bytes = 0;  // of the rows, keys and values

  bool operator==(const SnapshotMark&) const = default;
};

std::string EncodeSnapshotMark(const SnapshotMark& mark);
// kDamaged unless `row` is exactly what EncodeSnapshotMark makes; kInvalid, naming the format, for
// one of a later version.
Status DecodeSnapshotMark(std::string_view row, SnapshotMark& out);

}  // namespace holdfast

// History: the identity of a data set. Everything that was ever in one line of succession shares
// it; a fresh directory starts a new one. The meta row that keeps it:
//
//   format:u32 "HFH1" | id:16 bytes | hash_seed:u64 | epoch:u64 | XXH3-64 of the 36 bytes before
//
// The epoch counts the starts as primary; none is written into the log before it is durable here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/status.h"
#include "storage/core/hashed_key.h"
#include "storage/id.h"

namespace holdfast {

using HistoryId = Id<struct History>;

inline constexpr std::string_view kHistoryKey = "history";

struct History {
  HistoryId id;
  HashSeed hash_seed;
  uint64_t epoch = 0;
};

// A new one, from the system's random numbers. Blocks only while the machine has none yet, early at
// boot.
Status DrawHistory(History& out);

std::string EncodeHistory(const History& history);
// kDamaged unless `bytes` is exactly what EncodeHistory makes.
Status DecodeHistory(std::string_view bytes, History& out);

}  // namespace holdfast

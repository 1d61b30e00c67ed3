// Witness: how far the log was durable, told by a small file outside RocksDB. A flipped bit in the
// length or type of a write-ahead record can make RocksDB take the rest of that file for a torn
// tail and open without a word; a log that ends before its witness shows it.
//
// Two slots, at bytes 0 and 4096, so that no single torn write reaches both:
//
//   format:u32 "HFW1" | sequence:u64 | history:16 bytes | epoch:u64 | index:u64 | server_time:i64 |
//   XXH3-64
//                                                                            of the 52 bytes before
//                                                                            ---'
//
// Writes alternate between the slots (sequence mod 2) and the valid slot of the higher sequence
// counts: a write that tears leaves the one before it, which claims less. Whoever cuts the end off
// a log must first write the lower index twice, or the other slot would go on claiming what is
// gone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "storage/base/server_time.h"
#include "storage/base/status.h"
#include "storage/history.h"
#include "storage/log.h"

namespace holdfast {

struct WitnessMark {
  HistoryId history;
  uint64_t epoch = 0;
  Index index = 0;  // durable up to here
  UnixMs server_time{};
};

struct WitnessSlot {
  uint64_t sequence = 0;
  WitnessMark mark;
};

// Nothing for a slot that is torn, or not ours.
using WitnessSlots = std::array<std::optional<WitnessSlot>, 2>;

// The slot that counts; null: neither is valid.
const WitnessSlot* NewestOf(const WitnessSlots& slots);

// Opens the file for reading alone. kNotFound: no file.
Status ReadWitness(const std::string& path, WitnessSlots& out);

// Owner: one thread at a time.
class Witness {
 public:
  Witness() = default;
  ~Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Makes the file with `mark` in both slots, durably; replaces one that is there.
  static Status Create(const std::string& path, const WitnessMark& mark);

  // Opens the file and reads the newer valid slot. kNotFound: no file. kDamaged: no valid slot.
  Status Open(const std::string& path, WitnessMark& out);

  // Durable when it returns Ok. Requires: Open succeeded.
  Status Write(const WitnessMark& mark);

 private:
  std::string path_;
  int fd_ = -1;
  uint64_t sequence_ = 0;
};

}  // namespace holdfast

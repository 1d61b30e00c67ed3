// Record: consecutive batches, written to the log in one piece and synced together.
//
//   offset size
//    0     4   format      "HFR1", little-endian; the last letter is the version
//    4     4   count       batches, at least 1
//    8     8   length      bytes of the body
//   16    16   history     the history it belongs to; another's records never pass for ours
//   32     8   epoch       counts the starts as primary; never decreases along the log
//   40     8   first       index of the first batch, at least 1
//   48     8   acked       acked index when it was written, below `first`
//   56     8   server_time Unix ms, the latest of its batches
//   64     8   body_hash   XXH3-64 of the body
//   72     8   header_hash XXH3-64 of bytes 0..71
//   80         body: count times
//              length:u32  flags:u8  mutations (length bytes, storage/core/mutation.h), at least
//              one
//              '- of the mutations alone; flags: bit 0 gated, the others 0
//
// Integers are little-endian. The two hashes make every flipped bit and every truncation visible;
// the header has its own so that `length` can be trusted before the body is there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/server_time.h"
#include "storage/base/status.h"
#include "storage/history.h"
#include "storage/log.h"

namespace holdfast {

inline constexpr size_t kRecordHeaderBytes = 80;
inline constexpr size_t kBatchHeaderBytes = 5;
// A record takes no further batch beyond this; a single batch may exceed it.
inline constexpr size_t kRecordBytesMax = size_t{1} << 20;
// No batch is larger: commands are bounded far below when they decide.
inline constexpr size_t kBatchBytesMax = size_t{1} << 30;

struct RecordHeader {
  uint32_t count = 0;
  uint64_t length = 0;
  HistoryId history;
  uint64_t epoch = 0;
  Index first = 0;
  Index acked = 0;
  UnixMs server_time{};

  Index last() const { return first + count - 1; }
};

// Collects batches behind the place of the header, so that the finished record is one piece without
// a copy. Owner: one thread at a time.
class RecordBuilder {
 public:
  RecordBuilder() { Clear(); }

  // Requires: 0 < batch.mutations.size() <= kBatchBytesMax.
  void Append(const Batch& batch);
  // Would `batch` still fit?
  bool Fits(const Batch& batch) const;
  bool empty() const { return count_ == 0; }
  uint32_t count() const { return count_; }
  size_t bytes() const { return bytes_.size(); }
  bool gated() const { return gated_; }
  UnixMs server_time() const { return server_time_; }

  struct Stamp {
    HistoryId history;
    uint64_t epoch;
    Index first;
    Index acked;
  };
  // Fills the header in; the record is valid until the next Append or Clear. Requires: not empty.
  std::string_view Seal(const Stamp& stamp);
  // Keeps the memory, unless an outsized batch made it larger than a record should be.
  void Clear();

 private:
  std::string bytes_;
  uint32_t count_ = 0;
  bool gated_ = false;
  UnixMs server_time_{};
};

struct BatchView {
  std::string_view mutations;
  bool gated;
};

// A record whose every byte was checked; the batches point into the bytes it was decoded from.
struct RecordView {
  RecordHeader header;
  std::vector<BatchView> batches;
};

// A record as it lies in a log. The bytes are shared: by the log, which writes them, and whoever
// sends them to replicas.
struct SealedRecord {
  RecordHeader header{};
  std::shared_ptr<const std::string> bytes{};
};

// Format, bounds and hash of the header alone. kDamaged otherwise.
Status DecodeRecordHeader(std::string_view bytes, RecordHeader& out);

// Everything: header, exact length, hash of the body, each batch's bounds and flags, each
// mutation's header. kDamaged, with what is wrong, unless `bytes` is exactly one record that
// RecordBuilder could have made.
Status DecodeRecord(std::string_view bytes, RecordView& out);

}  // namespace holdfast

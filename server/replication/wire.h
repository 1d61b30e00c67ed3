// How nodes' messages look on a link. Frames, one behind the other, integers little-endian:
//
//   offset size
//    0     4   length   bytes of what follows, the hash included
//    4     1   kind
//    5    16   history  of the sender
//   21         body
//   -8     8   hash     XXH3-64 of all between the length and itself
//
//   kind  body
//    1    AskPromise      epoch:u64 last:place takeover:u8 count:u16 node:16 bytes...
//    2    PromiseGiven    epoch:u64
//    3    PromiseRefused  epoch:u64 why:u8 promise
//    4    FollowFrom      last:place
//    5    AppendRecords   epoch:u64 previous:place acked:u64 sent:i64 count:u32, then for each
//                         record length:u32 and its bytes (storage/record.h)
//    6    Stored          epoch:u64 index:u64 lease_from:i64
//    7    Outdated        promise
//    8    TakeOver        epoch:u64 sent:i64
//
//   place    epoch:u64 index:u64
//   promise  epoch:u64 primary:16 bytes leaving:u8
//
// A released kind never changes its meaning: new meaning, new kind number. A link begins with the
// version of this page (kReplicationVersion), so a kind that is not here is damage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/replication/message.h"
#include "storage/base/status.h"
#include "storage/record.h"

namespace holdfast {

inline constexpr uint32_t kReplicationVersion = 3;

// A frame is never longer. One record of a single outsized batch must fit.
inline constexpr size_t kFrameBytesMax = kBatchBytesMax + kRecordHeaderBytes + 1024;

void AppendFrame(std::string& out, const ReplicationMessage& message);

// A frame of any kind: the body is appended between these. EndFrame takes what BeginFrame returned.
size_t BeginFrame(std::string& out, uint8_t kind, const HistoryId& history);
void EndFrame(std::string& out, size_t start);

// Cuts frames out of what a link has brought, however it was cut on its way.
class FrameReader {
 public:
  explicit FrameReader(size_t frame_bytes_max = kFrameBytesMax)
      : frame_bytes_max_(frame_bytes_max) {}

  void Add(std::string_view bytes) { bytes_.append(bytes); }
  // The next whole frame without its length and hash, valid until the next call; nothing: more
  // bytes are needed. kDamaged, also ever after: these are not frames.
  Status Next(std::string_view& frame);

 private:
  const size_t frame_bytes_max_;
  std::string bytes_;
  size_t taken_ = 0;
  bool damaged_ = false;
};

// What a frame says. Everything is checked that a machine relies on: bounds, every byte of every
// record, that they are of the sender's history, consecutive, and behind `previous`. kDamaged
// otherwise, with what is wrong.
Status DecodeFrame(std::string_view frame, ReplicationMessage& out);

}  // namespace holdfast

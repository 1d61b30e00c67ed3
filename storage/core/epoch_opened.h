// EpochOpened: the log's word about itself. Each epoch begins with it, in a record of its own: what
// epoch begins, behind which batch, and who leads. The keyspace it leaves as it is. Its place is
// database 0, slot 0, the empty key. Body (integers little-endian; a word is length:u32 and its
// bytes):
//
//   epoch:u64 | before: epoch:u64 index:u64 | primary:16 bytes | version:u64 |
//   count:u16 | count x (id:16 bytes, address word)
//                '- the sync set
//
// storage/opening.h knows what these bytes mean to a log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <absl/container/inlined_vector.h>

#include "storage/base/bytes.h"
#include "storage/core/mutation.h"

namespace holdfast {

struct EpochOpened {
  static constexpr MutationKind kKind = MutationKind::kEpochOpened;
  static constexpr MutationPlace kPlace = {.db = 0, .slot = 0, .key = {}};
  static constexpr size_t kIdBytes = 16;

  struct Member {
    std::string_view id;
    std::string_view address;
    bool operator==(const Member&) const = default;
  };

  uint64_t epoch = 0;
  uint64_t epoch_before = 0;
  uint64_t index_before = 0;
  std::string_view primary;
  uint64_t version = 0;
  absl::InlinedVector<Member, 4> sync_set;

  // Requires: ids have kIdBytes; at most 65535 members.
  void EncodeBody(std::string& out) const;
  static EpochOpened DecodeBody(ByteReader& reader);
};

}  // namespace holdfast

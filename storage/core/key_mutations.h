// Mutations of ordinary keys. Bodies (integers little-endian; a word is length:u32 and its bytes):
//
//   StringSet          deadline:i64 | value, all the rest
//   StringRangeSet     offset:u32 | bytes, all the rest
//   KeyDeleted         -
//   DeadlineSet        deadline:i64
//   KeyExpired         -
//   HashFieldsSet      count:u32 | count x (field word, value word)
//   HashFieldsDeleted  count:u32 | count x field word
//   DatabaseFlushed    all:u8
//   DatabasesSwapped   other:u8
//
// A deadline is in Unix ms, 0 for none (kNever). Frame and conventions: storage/core/mutation.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <absl/container/inlined_vector.h>

#include "storage/base/bytes.h"
#include "storage/base/server_time.h"
#include "storage/core/mutation.h"

namespace holdfast {

struct FieldValue {
  std::string_view field;
  std::string_view value;
  bool operator==(const FieldValue&) const = default;
};

// The key is this string now, whatever ordinary type it was before.
struct StringSet {
  static constexpr MutationKind kKind = MutationKind::kStringSet;
  std::string_view value;
  UnixMs deadline = kNever;

  void EncodeBody(std::string& out) const;
  static StringSet DecodeBody(ByteReader& reader);
};

// No string is longer: what proto-max-bulk-len can be at most, and the bytes that a bit field
// reaches beyond when it starts in the last one.
inline constexpr size_t kStringBytesMax = (size_t{512} << 20) + 8;

// The string holds `bytes` from `offset` on now: zero bytes fill the gap before them if it was
// shorter, what lies behind them stays, the deadline too. So a change of a long string costs the
// log what changed. Makes the string if need be. Requires: the key is absent or a string; end() <=
// kStringBytesMax.
struct StringRangeSet {
  static constexpr MutationKind kKind = MutationKind::kStringRangeSet;
  uint32_t offset = 0;
  std::string_view bytes;

  size_t end() const { return size_t{offset} + bytes.size(); }

  void EncodeBody(std::string& out) const;
  static StringRangeSet DecodeBody(ByteReader& reader);
};

// Requires: the key is there.
struct KeyDeleted {
  static constexpr MutationKind kKind = MutationKind::kKeyDeleted;

  void EncodeBody(std::string&) const {}
  static KeyDeleted DecodeBody(ByteReader&) { return {}; }
};

// Requires: the key is there.
struct DeadlineSet {
  static constexpr MutationKind kKind = MutationKind::kDeadlineSet;
  UnixMs deadline = kNever;

  void EncodeBody(std::string& out) const;
  static DeadlineSet DecodeBody(ByteReader& reader);
};

// The primary saw the key's deadline pass. Requires: the key is there and has a deadline.
struct KeyExpired {
  static constexpr MutationKind kKind = MutationKind::kKeyExpired;

  void EncodeBody(std::string&) const {}
  static KeyExpired DecodeBody(ByteReader&) { return {}; }
};

// Makes the hash if need be; keeps its deadline. Requires: the key is absent or a hash; at least
// one pair.
struct HashFieldsSet {
  static constexpr MutationKind kKind = MutationKind::kHashFieldsSet;
  absl::InlinedVector<FieldValue, 4> pairs;

  void EncodeBody(std::string& out) const;
  static HashFieldsSet DecodeBody(ByteReader& reader);
};

// An emptied hash goes with its key. Requires: the key is a hash; at least one field; fields may be
// absent.
struct HashFieldsDeleted {
  static constexpr MutationKind kKind = MutationKind::kHashFieldsDeleted;
  absl::InlinedVector<std::string_view, 4> fields;

  void EncodeBody(std::string& out) const;
  static HashFieldsDeleted DecodeBody(ByteReader& reader);
};

// The partition's keys of this database, or of all of them, are gone.
struct DatabaseFlushed {
  static constexpr MutationKind kKind = MutationKind::kDatabaseFlushed;
  bool all = false;

  void EncodeBody(std::string& out) const;
  static DatabaseFlushed DecodeBody(ByteReader& reader);
};

// What the partition had in this database it has in the other one now, and the reverse.
struct DatabasesSwapped {
  static constexpr MutationKind kKind = MutationKind::kDatabasesSwapped;
  DbIndex other = 0;

  void EncodeBody(std::string& out) const;
  static DatabasesSwapped DecodeBody(ByteReader& reader);
};

}  // namespace holdfast

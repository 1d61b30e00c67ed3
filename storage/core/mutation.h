// Mutations: decided facts, the only thing that changes state. A command decides on what it sees
// and yields mutations; Apply makes them so, on the primary at once, after a crash from the log, on
// a replica from the stream, always by the same functions and with the same result.
//
// On disk and on the wire a mutation is
//
//   kind:u8  db:u8  slot:u16  length:u32 | key_length:u32 key | body of the kind
//                             '- of all that follows
//
// so a reader that knows no kind can still walk a batch and hand each slice to the shard that owns
// its slot. A released kind never changes its meaning: new meaning, new kind number.
//
// Each kind is a struct with three things:
//   static constexpr MutationKind kKind;
//   void EncodeBody(std::string& out) const;
//   static M DecodeBody(ByteReader& reader);      views point into the reader's bytes
// Its words are views: into the command while it decides, into the record while it is replayed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/base/slot.h"

namespace holdfast {

using DbIndex = uint8_t;
inline constexpr int kDatabases = 16;
inline constexpr DbIndex kStockDb = 0;

enum class MutationKind : uint8_t {
  // Stock (storage/core/stock_mutations.h).
  kItemCreated = 1,
  kItemOptionsSet = 2,
  kItemDropped = 3,
  kHoldTaken = 4,
  kHoldConfirmed = 5,
  kHoldReleased = 6,
  kFenceLeft = 7,
  kHoldExtended = 8,
  kHoldAmended = 9,
  kHoldReclaimed = 10,
  kHoldsExpired = 11,
  kHoldsForgotten = 12,
  kStockAdjusted = 13,
  kStockReturned = 14,
  kRefsForgotten = 15,
  kBuyersCounted = 16,
  // Ordinary keys (storage/core/key_mutations.h).
  kStringSet = 64,
  kKeyDeleted = 65,
  kDeadlineSet = 66,
  kKeyExpired = 67,
  kHashFieldsSet = 68,
  kHashFieldsDeleted = 69,
  kStringRangeSet = 70,
  // Whole databases, a partition at a time: the slot is the partition's first, the key is empty.
  kDatabaseFlushed = 80,
  kDatabasesSwapped = 81,
  // The log itself (storage/core/epoch_opened.h): changes nothing else.
  kEpochOpened = 96,
  // What a SKU is, not what befell it: in snapshots only (storage/core/item_pieces.h).
  kItemState = 192,
  kHoldsState = 193,
  kBuyersState = 194,
  kRefsState = 195,
};

// The two levels of durability, by value: stock is gated (its replies wait for the log), ordinary
// keys are gated only under `appendfsync always`.
constexpr bool IsStockKind(MutationKind kind) {
  return static_cast<uint8_t>(kind) < static_cast<uint8_t>(MutationKind::kStringSet);
}

constexpr bool IsStateKind(MutationKind kind) {
  return static_cast<uint8_t>(kind) >= static_cast<uint8_t>(MutationKind::kItemState);
}

// Of all keys of a partition in a database.
constexpr bool IsOfPartition(MutationKind kind) {
  return kind == MutationKind::kDatabaseFlushed || kind == MutationKind::kDatabasesSwapped;
}

// Where a mutation happens.
struct MutationPlace {
  DbIndex db;
  Slot slot;
  std::string_view key;
};

inline constexpr size_t kMutationHeaderBytes = 8;

template <typename M>
void AppendMutation(std::string& batch, const MutationPlace& place, const M& mutation) {
  const size_t start = batch.size();
  AppendInt(batch, static_cast<uint8_t>(M::kKind));
  AppendInt(batch, place.db);
  AppendInt(batch, place.slot);
  AppendInt<uint32_t>(batch, 0);
  AppendWord(batch, place.key);
  mutation.EncodeBody(batch);
  const auto length = static_cast<uint32_t>(batch.size() - start - kMutationHeaderBytes);
  batch.replace(start + 4, sizeof length, reinterpret_cast<const char*>(&length), sizeof length);
}

// One mutation of a batch, not yet decoded.
struct MutationView {
  MutationKind kind;
  MutationPlace place;
  std::string_view body;
};

// Walks a batch: true and the next mutation, or false at its end or where the bytes are not a
// mutation (then `bytes.failed()`).
inline bool NextMutation(ByteReader& bytes, MutationView& out) {
  if (bytes.failed() || bytes.rest().empty()) return false;
  const auto kind = bytes.Int<uint8_t>();
  const auto db = bytes.Int<uint8_t>();
  const auto slot = bytes.Int<uint16_t>();
  ByteReader inner(bytes.Word());
  const std::string_view key = inner.Word();
  if (bytes.failed() || inner.failed() || db >= kDatabases || slot >= kSlots) {
    bytes.Bytes(bytes.rest().size() + 1);  // stay failed
    return false;
  }
  out = {.kind = static_cast<MutationKind>(kind),
         .place = {.db = db, .slot = slot, .key = key},
         .body = inner.rest()};
  return true;
}

}  // namespace holdfast

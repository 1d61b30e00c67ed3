// A SKU in a snapshot. Everything else in one is a mutation that makes the key what it is; a SKU
// could only be made so by its whole past, so it has facts of its own. Bodies, in a mutation's
// frame (storage/core/mutation.h; integers little-endian, instants in Unix ms, 0 for none):
//
//   ItemState    ItemOptionsSet's body (changed at, options) | available held sold supplied
//                returned: 5 x i64 | forgotten sold, returned, used: 3 x i64 | seq:u64 |
//                counts_buyers:u8 | counting:u8 [ since:i64 from:u64 counted:u64 ]
//   HoldsState   count:u32 | count x (made:i64 until:i64 asked:u32 units:u32 returned:u32 kept:u32
//                state:u8 | id, buyer, meta, reason words)
//   BuyersState  count:u32 | count x (units:i64 | buyer word)
//   RefsState    count:u32 | count x (forget_at:i64 is_return:u8 asked:i64 applied:i64 target:u8 |
//                ref, hold id words)
//
// ItemState comes first; the records of one segment each follow, in any order.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "storage/core/item.h"
#include "storage/core/mutation.h"

namespace holdfast {

// Owner thread: that of the item.
class ItemPieces {
 public:
  static constexpr std::array<MutationKind, 3> kRecords = {
      MutationKind::kHoldsState, MutationKind::kBuyersState, MutationKind::kRefsState};

  // Appends the SKU without its records.
  static void AppendState(std::string& out, const MutationPlace& place, const Item& item);
  static bool HasRecords(const Item& item);

  // From here on `taker` hears of every change of a record before it is made; null: nobody.
  static void Watch(Item& item, RecordTaker* taker) { item.taker_ = taker; }
  // Appends the records of one kind that lie in the segment around `hash`, unless snapshot `number`
  // has them. Returns where the next segment begins, or 0 at the end.
  static uint64_t Take(Item& item, MutationKind kind, uint64_t hash, uint32_t number,
                       const MutationPlace& place, std::string& out);

  // ---- loading: bytes that cannot have been written are refused

  // Null if malformed.
  static std::unique_ptr<Item> Load(std::string_view body, HashSeed seed);
  [[nodiscard]] static bool LoadRecords(Item& item, MutationKind kind, std::string_view body);
  // After the last record, before the first change: files the deadlines.
  static void FinishLoad(Item& item);

 private:
  static bool LoadHold(Item& item, ByteReader& reader);
  static bool LoadBuyer(Item& item, ByteReader& reader);
  static bool LoadRef(Item& item, ByteReader& reader);
};

}  // namespace holdfast

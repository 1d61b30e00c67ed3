// The mutations of a SKU. Bodies, little-endian; `word` is length:u32 and bytes, instants are Unix
// ms:
//
//   options          limit:i64 maxqty:i64 safety:i64 opens:i64 closes:i64 ttl_ms:i64 retain_ms:i64
//   paused:u8 ItemCreated      at:i64 units:i64 options ItemOptionsSet   at:i64 options ItemDropped
//   at:i64 HoldTaken        at:i64 asked:u32 units:u32 confirmed:u8 until:i64 hold:word buyer:word
//   meta:word
//                                                            '- forget_at if confirmed, else
//                                                            deadline
//   HoldConfirmed    at:i64 sold:u32 given_back:u32 forget_at:i64 hold:word
//   HoldReclaimed    as HoldConfirmed
//   HoldReleased     at:i64 forget_at:i64 hold:word reason:word
//   FenceLeft        at:i64 forget_at:i64 evicted:u32 hold:word reason:word
//   HoldExtended     at:i64 deadline:i64 hold:word
//   HoldAmended      at:i64 units:u32 hold:word
//   HoldsExpired     at:i64 up_to:i64 count:u32 forget_at:i64
//   HoldsForgotten   at:i64 up_to:i64 count:u32
//   RefsForgotten    as HoldsForgotten
//   BuyersCounted    at:i64 count:u32
//   StockAdjusted    at:i64 asked:i64 applied:i64 forget_at:i64 ref:word reason:word
//   StockReturned    at:i64 units:u32 target:u8 keep_limit:u8 forget_at:i64 hold:word ref:word
//
// `at` is the time of the decision and never decreases for a SKU. Everything else is a fact: units
// and instants as they are afterwards, never a wish such as a TTL.
//
// MovesAvailable(): whether a refusal (SOLDOUT, SHORT, LIMIT, EARLY, CLOSED) could read differently
// after it, for it changes the available units, the options or a buyer's use. A refusal waits for
// the last of those.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "storage/base/bytes.h"
#include "storage/base/server_time.h"
#include "storage/core/item_options.h"
#include "storage/core/mutation.h"
#include "storage/core/units.h"

namespace holdfast {

// Where a refund's units go: back on sale, or out of the supply.
enum class ReturnTarget : uint8_t { kAvailable = 0, kWriteOff = 1 };

// How much one sweep takes, so that no turn of a shard stalls behind it.
inline constexpr uint32_t kSweepMax = 1024;

// Creation and dropping make and unmake the Item, so the keyspace applies these two.
struct ItemCreated {
  static constexpr MutationKind kKind = MutationKind::kItemCreated;
  UnixMs at;
  Units units = 0;
  ItemOptions options = {};

  bool MovesAvailable() const { return true; }
  void EncodeBody(std::string& out) const;
  static ItemCreated DecodeBody(ByteReader& reader);
};

struct ItemDropped {
  static constexpr MutationKind kKind = MutationKind::kItemDropped;
  UnixMs at;

  bool MovesAvailable() const { return true; }
  void EncodeBody(std::string& out) const;
  static ItemDropped DecodeBody(ByteReader& reader);
};

struct ItemOptionsSet {
  static constexpr MutationKind kKind = MutationKind::kItemOptionsSet;
  UnixMs at;
  ItemOptions options;  // all of them, as they are now

  bool MovesAvailable() const { return true; }
  void EncodeBody(std::string& out) const;
  static ItemOptionsSet DecodeBody(ByteReader& reader);
};

// A new hold. Confirmed at once if FINAL: then `deadline` is kNever and `forget_at` is set, else
// the reverse.
struct HoldTaken {
  static constexpr MutationKind kKind = MutationKind::kHoldTaken;
  UnixMs at;
  std::string_view hold_id;
  std::string_view buyer = {};  // empty: none
  std::string_view meta = {};
  Units asked = 0;
  Units units = 0;  // fewer than asked if PARTIAL
  UnixMs deadline = kNever;
  UnixMs forget_at = kNever;

  bool Confirmed() const { return deadline == kNever; }
  bool MovesAvailable() const { return true; }
  void EncodeBody(std::string& out) const;
  static HoldTaken DecodeBody(ByteReader& reader);
};

// A live hold is sold; what of it is not sold goes back.
struct HoldConfirmed {
  static constexpr MutationKind kKind = MutationKind::kHoldConfirmed;
  UnixMs at;
  std::string_view hold_id;
  Units sold = 0;
  Units given_back = 0;
  UnixMs forget_at = kNever;

  bool MovesAvailable() const { return given_back > 0; }
  void EncodeBody(std::string& out) const;
  static HoldConfirmed DecodeBody(ByteReader& reader);
};

// An expired hold takes its units again and is sold; what of it is not sold goes back.
struct HoldReclaimed {
  static constexpr MutationKind kKind = MutationKind::kHoldReclaimed;
  UnixMs at;
  std::string_view hold_id;
  Units sold = 0;
  Units given_back = 0;
  UnixMs forget_at = kNever;

  bool MovesAvailable() const { return true; }
  void EncodeBody(std::string& out) const;
  static HoldReclaimed DecodeBody(ByteReader& reader);
};

struct HoldReleased {
  static constexpr MutationKind kKind = MutationKind::kHoldReleased;
  UnixMs at;
  std::string_view hold_id;
  std::string_view reason = {};
  UnixMs forget_at = kNever;

  bool MovesAvailable() const { return true; }
  void EncodeBody(std::string& out) const;
  static HoldReleased DecodeBody(ByteReader& reader);
};

// A RELEASE came before its RESERVE: the id is remembered as released, of 0 units. The `evicted`
// oldest fences go first, so that ids made up by a client cannot fill the memory.
struct FenceLeft {
  static constexpr MutationKind kKind = MutationKind::kFenceLeft;
  UnixMs at;
  std::string_view hold_id;
  std::string_view reason = {};
  uint32_t evicted = 0;
  UnixMs forget_at = kNever;

  bool MovesAvailable() const { return false; }
  void EncodeBody(std::string& out) const;
  static FenceLeft DecodeBody(ByteReader& reader);
};

struct HoldExtended {
  static constexpr MutationKind kKind = MutationKind::kHoldExtended;
  UnixMs at;
  std::string_view hold_id;
  UnixMs deadline = kNever;

  bool MovesAvailable() const { return false; }
  void EncodeBody(std::string& out) const;
  static HoldExtended DecodeBody(ByteReader& reader);
};

struct HoldAmended {
  static constexpr MutationKind kKind = MutationKind::kHoldAmended;
  UnixMs at;
  std::string_view hold_id;
  Units units = 0;

  bool MovesAvailable() const { return true; }
  void EncodeBody(std::string& out) const;
  static HoldAmended DecodeBody(ByteReader& reader);
};

// The first `count` live holds by (deadline, made, hold id), all with deadline <= up_to.
struct HoldsExpired {
  static constexpr MutationKind kKind = MutationKind::kHoldsExpired;
  UnixMs at;
  UnixMs up_to;
  uint32_t count = 0;
  UnixMs forget_at = kNever;

  bool MovesAvailable() const { return true; }
  void EncodeBody(std::string& out) const;
  static HoldsExpired DecodeBody(ByteReader& reader);
};

// The first `count` finished holds by (forget_at, hold id), all with forget_at <= up_to.
struct HoldsForgotten {
  static constexpr MutationKind kKind = MutationKind::kHoldsForgotten;
  UnixMs at;
  UnixMs up_to;
  uint32_t count = 0;

  bool MovesAvailable() const { return false; }
  void EncodeBody(std::string& out) const;
  static HoldsForgotten DecodeBody(ByteReader& reader);
};

// The first `count` refs by (forget_at, ref), all with forget_at <= up_to.
struct RefsForgotten {
  static constexpr MutationKind kKind = MutationKind::kRefsForgotten;
  UnixMs at;
  UnixMs up_to;
  uint32_t count = 0;

  bool MovesAvailable() const { return false; }
  void EncodeBody(std::string& out) const;
  static RefsForgotten DecodeBody(ByteReader& reader);
};

// After a first LIMIT: the next `count` or so of the remembered holds, in the order of their
// container, entered the use of their buyers. The holds stand still until the last of these.
struct BuyersCounted {
  static constexpr MutationKind kKind = MutationKind::kBuyersCounted;
  UnixMs at;
  uint32_t count = 0;

  bool MovesAvailable() const { return true; }
  void EncodeBody(std::string& out) const;
  static BuyersCounted DecodeBody(ByteReader& reader);
};

struct StockAdjusted {
  static constexpr MutationKind kKind = MutationKind::kStockAdjusted;
  UnixMs at;
  std::string_view ref;
  std::string_view reason = {};
  Units asked = 0;
  Units applied = 0;  // nearer to 0 than asked if CLAMP
  UnixMs forget_at = kNever;

  bool MovesAvailable() const { return applied != 0; }
  void EncodeBody(std::string& out) const;
  static StockAdjusted DecodeBody(ByteReader& reader);
};

struct StockReturned {
  static constexpr MutationKind kKind = MutationKind::kStockReturned;
  UnixMs at;
  std::string_view hold_id;
  std::string_view ref;
  Units units = 0;
  ReturnTarget target = ReturnTarget::kAvailable;
  bool keep_limit = false;
  UnixMs forget_at = kNever;

  bool MovesAvailable() const { return target == ReturnTarget::kAvailable || !keep_limit; }
  void EncodeBody(std::string& out) const;
  static StockReturned DecodeBody(ByteReader& reader);
};

// A verb that may change a SKU in one of several ways decides on a variant of mutations.
template <typename... M>
void AppendMutation(std::string& batch, const MutationPlace& place,
                    const std::variant<M...>& mutation) {
  std::visit([&](const auto& one) { AppendMutation(batch, place, one); }, mutation);
}

}  // namespace holdfast

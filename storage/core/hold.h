// A hold: units of one SKU set aside under an id. One heap block:
//
//   | Hold: instants, units, state | id | buyer | Rare | meta | reason |
//                                  |            '- only if something in it, or behind it, is there
//                                  '- from here on no terminators, no padding
//
// A SKU may have millions of them, live and remembered, so the block is the whole hold: no string
// objects. Header, a 24-byte id and a 16-byte buyer fill one of the allocator's blocks of 64. What
// few holds have, and come by late, costs the others nothing: it takes a new block.
#pragma once

#include <cstdint>
#include <string_view>

#include "storage/base/server_time.h"
#include "storage/core/packed_ptr.h"
#include "storage/core/pair48.h"
#include "storage/core/units.h"

namespace holdfast {

// HELD is live; the others are finished, for good, except that RECLAIM makes EXPIRED CONFIRMED.
enum class HoldState : uint8_t { kHeld, kConfirmed, kReleased, kExpired };

class Hold;
struct HoldDeleter {
  void operator()(Hold* hold) const;
};
using HoldPtr = PackedPtr<Hold, HoldDeleter>;

struct HoldWords {
  std::string_view id;
  std::string_view buyer = {};  // empty: none
  std::string_view meta = {};
  std::string_view reason = {};
};

// Of the units sold.
struct HoldReturns {
  uint32_t units = 0;
  uint32_t kept = 0;  // of these: they still count for the buyer's limit (KEEPLIMIT)
};

class Hold {
 public:
  static HoldPtr Make(const HoldWords& words, UnixMs made, HoldReturns returns = {});
  // The same hold, but for what came later: a reason, or units returned. Requires: the same id.
  HoldPtr Remade(const HoldWords& words, HoldReturns returns) const;

  HoldWords words() const;
  std::string_view id() const { return {bytes(), id_bytes_}; }
  std::string_view buyer() const { return {bytes() + id_bytes_, buyer_bytes_}; }
  HoldReturns returns() const { return has_rare_ ? rare().returns : HoldReturns{}; }
  size_t BlockBytes() const;

  UnixMs made() const { return FromBits48(made_until_.first()); }
  // HELD: its deadline, else forgotten from then on.
  UnixMs until() const { return FromBits48(made_until_.second()); }
  void set_until(UnixMs until) { made_until_ = Pair48(made_until_.first(), ToBits48(until)); }

  bool IsLive() const { return state == HoldState::kHeld; }
  // A RELEASE that came before its RESERVE. Whatever that RESERVE asks, it matches.
  bool IsFence() const { return asked == 0; }
  UnixMs deadline() const { return IsLive() ? until() : kNever; }
  bool IsForgotten(UnixMs now) const { return !IsLive() && until() <= now; }

  // What this hold adds to the sums of its SKU and to its buyer's use.
  Units HeldUnits() const { return IsLive() ? Units{units} : 0; }
  Units SoldUnits() const { return IsSold() ? Units{units} - returns().units : 0; }
  Units UsedUnits() const { return IsSold() ? SoldUnits() + returns().kept : HeldUnits(); }

  uint32_t asked = 0;  // by the RESERVE that made it: what a retry must ask; 0: a fence
  uint32_t units = 0;  // held now, or sold, or what went back
  HoldState state = HoldState::kHeld;

 private:
  struct Rare {
    HoldReturns returns;
    uint16_t meta_bytes;
    uint8_t reason_bytes;
  };

  Hold(const HoldWords& words, UnixMs made, HoldReturns returns);
  static bool NeedsRare(const HoldWords& words, HoldReturns returns);
  static size_t BytesOf(const HoldWords& words, bool has_rare);
  bool IsSold() const { return state == HoldState::kConfirmed; }
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  Rare rare() const;  // Requires: has_rare_

  uint8_t id_bytes_;
  uint8_t buyer_bytes_;
  bool has_rare_;
  Pair48 made_until_;
};

struct HoldTraits {
  static std::string_view KeyOf(const HoldPtr& hold) { return hold->id(); }
};

}  // namespace holdfast

// A hold: units of one SKU set aside under an id. One heap block:
//
//   | Hold: instants, units, sizes, state | id | buyer | meta | reason |
//                                         '- no terminators, no padding
//
// A SKU may have millions of them, live and remembered, so the block is the whole hold: no string
// objects.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "storage/base/server_time.h"
#include "storage/core/units.h"

namespace holdfast {

// HELD is live; the others are finished, for good, except that RECLAIM makes EXPIRED CONFIRMED.
enum class HoldState : uint8_t { kHeld, kConfirmed, kReleased, kExpired };

class Hold;
struct HoldDeleter {
  void operator()(Hold* hold) const;
};
using HoldPtr = std::unique_ptr<Hold, HoldDeleter>;

struct HoldWords {
  std::string_view id;
  std::string_view buyer = {};  // empty: none
  std::string_view meta = {};
  std::string_view reason = {};
};

class Hold {
 public:
  static HoldPtr Make(const HoldWords& words);
  // The same hold, with a reason that came later.
  HoldPtr WithReason(std::string_view reason) const;

  HoldWords words() const;
  std::string_view id() const { return {bytes(), id_bytes_}; }
  std::string_view buyer() const { return {bytes() + id_bytes_, buyer_bytes_}; }
  size_t BlockBytes() const;

  bool IsLive() const { return state == HoldState::kHeld; }
  // A RELEASE that came before its RESERVE. Whatever that RESERVE asks, it matches.
  bool IsFence() const { return asked == 0; }
  UnixMs deadline() const { return IsLive() ? until : kNever; }
  bool IsForgotten(UnixMs now) const { return !IsLive() && until <= now; }

  // What this hold adds to the sums of its SKU and to its buyer's use.
  Units HeldUnits() const { return IsLive() ? Units{units} : 0; }
  Units SoldUnits() const { return IsSold() ? Units{units} - returned : 0; }
  Units UsedUnits() const { return IsSold() ? Units{units} - returned + kept : HeldUnits(); }

  UnixMs made = kNever;
  UnixMs until = kNever;  // HELD: its deadline, else forgotten from then on
  uint32_t asked = 0;     // by the RESERVE that made it: what a retry must ask; 0: a fence
  uint32_t units = 0;     // held now, or sold, or what went back
  uint32_t returned = 0;  // of those sold
  uint32_t kept = 0;      // of those returned: they still count for the buyer's limit (KEEPLIMIT)
  HoldState state = HoldState::kHeld;

 private:
  explicit Hold(const HoldWords& words);
  bool IsSold() const { return state == HoldState::kConfirmed; }
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }

  uint16_t meta_bytes_;
  uint8_t id_bytes_;
  uint8_t buyer_bytes_;
  uint8_t reason_bytes_;
};

struct HoldTraits {
  static std::string_view KeyOf(const HoldPtr& hold) { return hold->id(); }
};

}  // namespace holdfast

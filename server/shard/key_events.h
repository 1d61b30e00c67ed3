// Key events (notify-keyspace-events): what befell keys in one turn, or in one group, on its way to
// whoever listens. Commands note an event behind the change; the turn's end sends them all, before
// the push, so that each still carries the turn's stamp and waits for its change to be acked
// (server/shard/channels.h).
//
//   gated:u8  db:u8  event word  key word
//
// A group's events travel with its mutations to the coordinator and leave when the group does: who
// hears of the one half could find the other.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "storage/core/mutation.h"
#include "storage/core/stock_mutations.h"

namespace holdfast {

struct KeyEvent {
  bool gated;  // it tells of what waits for the disk
  DbIndex db;
  std::string_view event;
  std::string_view key;
};

void AppendKeyEvent(std::string& out, const KeyEvent& event);
// False at the end. The views point into `in`.
[[nodiscard]] bool TakeKeyEvent(std::string_view& in, KeyEvent& event);
// All of them, and gated if `gated`.
void AppendKeyEvents(std::string& out, std::string_view events, bool gated);

// What befalls a SKU, as the order events name it; empty: nothing that is told. A hold whose time
// is over is not `expired`, for there that means a key that is gone; several that are settled at
// once are told once, for a key event names no hold.
constexpr std::string_view StockEventOf(MutationKind kind) {
  switch (kind) {
    case MutationKind::kItemCreated:
      return "created";
    case MutationKind::kItemDropped:
      return "dropped";
    case MutationKind::kHoldTaken:
      return "held";
    case MutationKind::kHoldConfirmed:
    case MutationKind::kHoldReclaimed:
      return "confirmed";
    case MutationKind::kHoldReleased:
      return "released";
    case MutationKind::kHoldExtended:
      return "extended";
    case MutationKind::kHoldAmended:
      return "amended";
    case MutationKind::kHoldsExpired:
      return "hold_expired";
    case MutationKind::kStockAdjusted:
      return "adjusted";
    case MutationKind::kStockReturned:
      return "returned";
    default:
      return {};
  }
}
template <typename M>
constexpr std::string_view StockEventOf(const M& mutation) {
  if constexpr (std::is_same_v<M, HoldTaken>) {
    if (mutation.Confirmed()) return "confirmed";  // FINAL is one event
  }
  return StockEventOf(M::kKind);
}

}  // namespace holdfast

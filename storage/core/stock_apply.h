// Apply: the only code that changes an Item. Live traffic, recovery and replicas all pass through
// here, and an Item that saw the same mutations is the same, wherever it lives.
//
// A mutation that does not fit the Item (a unit that is not there, a hold that is not live, time
// running backwards) is an invariant violated: it was decided on this very state, so we were wrong.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "storage/core/item.h"
#include "storage/core/stock_mutations.h"

namespace holdfast {

void Apply(Item& item, const ItemOptionsSet& set);
void Apply(Item& item, const HoldTaken& taken);
void Apply(Item& item, const HoldConfirmed& confirmed);
void Apply(Item& item, const HoldReclaimed& reclaimed);
void Apply(Item& item, const HoldReleased& released);
void Apply(Item& item, const FenceLeft& left);
void Apply(Item& item, const HoldExtended& extended);
void Apply(Item& item, const HoldAmended& amended);
void Apply(Item& item, const HoldsExpired& expired);
void Apply(Item& item, const HoldsForgotten& forgotten);
void Apply(Item& item, const RefsForgotten& forgotten);
void Apply(Item& item, const BuyersCounted& counted);
void Apply(Item& item, const StockAdjusted& adjusted);
void Apply(Item& item, const StockReturned& returned);

template <typename... M>
void Apply(Item& item, const std::variant<M...>& mutation) {
  std::visit([&](const auto& one) { Apply(item, one); }, mutation);
}

// Replay: decodes and applies the body of one mutation. False, and nothing changed, if the body is
// malformed or its kind is not one of the above (ItemCreated and ItemDropped belong to the
// keyspace).
[[nodiscard]] bool ApplyStockBody(Item& item, MutationKind kind, std::string_view body);

// After Apply: notes which place in the log `mutation` gets, for the replies that must wait for it.
template <typename M>
void Stamp(Item& item, const M& mutation, uint64_t stamp) {
  item.any_stamp = stamp;
  if (mutation.MovesAvailable()) item.available_stamp = stamp;
}

template <typename... M>
void Stamp(Item& item, const std::variant<M...>& mutation, uint64_t stamp) {
  std::visit([&](const auto& one) { Stamp(item, one, stamp); }, mutation);
}

}  // namespace holdfast

#include "storage/core/item.h"

#include "storage/base/invariant.h"

namespace holdfast {

Item::Item(const ItemCreated& created, HashSeed seed)
    : options_(created.options),
      seq_(1),  // `created`; a SKU without units is sold out from the start and needs no word more
      changed_at_(created.at),
      counts_buyers_(created.options.limit > 0),
      holds_(seed),
      buyers_(seed),
      refs_(seed) {
  Invariant(created.units >= 0);
  stock_.available = created.units;
  stock_.supplied = created.units;
}

const Hold* Item::FindHold(std::string_view hold_id, UnixMs now) const {
  const HoldPtr* const found = holds_.Find(holds_.Hash(hold_id));
  return found == nullptr || (*found)->IsForgotten(now) ? nullptr : found->get();
}

const Ref* Item::FindRef(std::string_view ref, UnixMs now) const {
  const RefPtr* const found = refs_.Find(refs_.Hash(ref));
  return found == nullptr || (*found)->IsForgotten(now) ? nullptr : found->get();
}

Units Item::UseOf(std::string_view buyer) const {
  Invariant(counts_buyers_);
  const BuyerUsePtr* const found = buyers_.Find(buyers_.Hash(buyer));
  return found == nullptr ? 0 : (*found)->units;
}

UnixMs Item::NextForget() const {
  if (finished_.empty()) return refs_by_forget_.FirstInstant();
  if (refs_by_forget_.empty()) return finished_.FirstInstant();
  return std::min(finished_.FirstInstant(), refs_by_forget_.FirstInstant());
}

size_t Item::MemoryBytes() const {
  return sizeof(Item) + block_bytes_ + holds_.MemoryBytes() + buyers_.MemoryBytes() +
         refs_.MemoryBytes() + live_.MemoryBytes() + finished_.MemoryBytes() +
         fences_.MemoryBytes() + refs_by_forget_.MemoryBytes();
}

}  // namespace holdfast

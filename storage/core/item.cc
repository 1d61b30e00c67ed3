#include "storage/core/item.h"

#include <absl/container/flat_hash_set.h>

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

template <typename Queue>
uint32_t Item::CountFirst(const Queue& queue, UnixMs up_to, uint32_t most) const {
  if (taker_ == nullptr) return queue.CountUpTo(up_to, most);
  absl::flat_hash_set<const void*> pieces;
  return queue.CountUpTo(up_to, most, [&](const Hold& hold) {
    const bool first = pieces.empty();
    pieces.insert(holds_.Lacked(holds_.Hash(hold.id()).hash, taker_->number()));
    pieces.insert(buyers_.Lacked(buyers_.Hash(hold.buyer()).hash, taker_->number()));
    pieces.insert(nullptr);
    return first || pieces.size() <= kPiecesPerSweep + 1;
  });
}

template uint32_t Item::CountFirst(const LiveHolds&, UnixMs, uint32_t) const;
template uint32_t Item::CountFirst(const FinishedHolds&, UnixMs, uint32_t) const;

size_t Item::MemoryBytes() const {
  return sizeof(Item) + block_bytes_ + holds_.MemoryBytes() + buyers_.MemoryBytes() +
         refs_.MemoryBytes() + live_.MemoryBytes() + finished_.MemoryBytes() +
         fences_.MemoryBytes() + refs_by_forget_.MemoryBytes();
}

}  // namespace holdfast

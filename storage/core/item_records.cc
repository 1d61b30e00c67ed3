#include "storage/core/item_records.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "storage/base/invariant.h"

namespace holdfast {

void BuyerUseDeleter::operator()(BuyerUse* use) const {
  use->~BuyerUse();
  ::operator delete(static_cast<void*>(use));
}

BuyerUse::BuyerUse(std::string_view buyer) : buyer_bytes_(static_cast<uint8_t>(buyer.size())) {}

BuyerUsePtr BuyerUse::Make(std::string_view buyer) {
  Invariant(IsId(buyer.size()));
  // Room for the whole struct, however short the name.
  void* const block = ::operator new(std::max(sizeof(BuyerUse), kHeaderBytes + buyer.size()));
  BuyerUsePtr use(new (block) BuyerUse(buyer));
  std::memcpy(static_cast<char*>(block) + kHeaderBytes, buyer.data(), buyer.size());
  return use;
}

}  // namespace holdfast

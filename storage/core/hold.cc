#include "storage/core/hold.h"

#include <cstring>
#include <new>

#include "storage/base/invariant.h"

namespace holdfast {
namespace {

static_assert(sizeof(Hold) == 24, "a million holds cost a megabyte for each byte here");

char* Put(char* place, std::string_view word) {
  if (!word.empty()) std::memcpy(place, word.data(), word.size());
  return place + word.size();
}

}  // namespace

void HoldDeleter::operator()(Hold* hold) const {
  hold->~Hold();
  ::operator delete(static_cast<void*>(hold));
}

bool Hold::NeedsRare(const HoldWords& words, HoldReturns returns) {
  return !words.meta.empty() || !words.reason.empty() || returns.units != 0 || returns.kept != 0;
}

size_t Hold::BytesOf(const HoldWords& words, bool has_rare) {
  return sizeof(Hold) + words.id.size() + words.buyer.size() + (has_rare ? sizeof(Rare) : 0) +
         words.meta.size() + words.reason.size();
}

Hold::Hold(const HoldWords& words, UnixMs made, HoldReturns returns)
    : id_bytes_(static_cast<uint8_t>(words.id.size())),
      buyer_bytes_(static_cast<uint8_t>(words.buyer.size())),
      has_rare_(NeedsRare(words, returns)),
      made_until_(ToBits48(made), ToBits48(kNever)) {
  char* const rest = Put(Put(reinterpret_cast<char*>(this + 1), words.id), words.buyer);
  if (!has_rare_) return;
  const Rare rare{.returns = returns,
                  .meta_bytes = static_cast<uint16_t>(words.meta.size()),
                  .reason_bytes = static_cast<uint8_t>(words.reason.size())};
  std::memcpy(rest, &rare, sizeof rare);  // unaligned
  Put(Put(rest + sizeof rare, words.meta), words.reason);
}

HoldPtr Hold::Make(const HoldWords& words, UnixMs made, HoldReturns returns) {
  Invariant(IsId(words.id.size()));
  Invariant(words.buyer.size() <= kIdBytesMax);
  Invariant(words.meta.size() <= kMetaBytesMax);
  Invariant(words.reason.size() <= kReasonBytesMax);
  void* const block = ::operator new(BytesOf(words, NeedsRare(words, returns)));
  return HoldPtr(new (block) Hold(words, made, returns));
}

HoldPtr Hold::Remade(const HoldWords& words, HoldReturns returns) const {
  Invariant(words.id == id());
  HoldPtr hold = Make(words, made(), returns);
  hold->set_until(until());
  hold->asked = asked;
  hold->units = units;
  hold->state = state;
  return hold;
}

Hold::Rare Hold::rare() const {
  Rare rare{};
  std::memcpy(&rare, bytes() + id_bytes_ + buyer_bytes_, sizeof rare);
  return rare;
}

HoldWords Hold::words() const {
  HoldWords words{.id = id(), .buyer = buyer()};
  if (!has_rare_) return words;
  const Rare sizes = rare();
  const char* const meta = bytes() + id_bytes_ + buyer_bytes_ + sizeof(Rare);
  words.meta = {meta, sizes.meta_bytes};
  words.reason = {meta + sizes.meta_bytes, sizes.reason_bytes};
  return words;
}

size_t Hold::BlockBytes() const { return BytesOf(words(), has_rare_); }

}  // namespace holdfast

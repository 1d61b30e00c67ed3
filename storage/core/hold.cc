#include "storage/core/hold.h"

#include <cstring>
#include <new>

#include "storage/base/invariant.h"

namespace holdfast {
namespace {

static_assert(sizeof(Hold) == 40, "a million holds cost a megabyte for each byte here");

size_t BytesOf(const HoldWords& words) {
  return sizeof(Hold) + words.id.size() + words.buyer.size() + words.meta.size() +
         words.reason.size();
}

char* Put(char* place, std::string_view word) {
  if (!word.empty()) std::memcpy(place, word.data(), word.size());
  return place + word.size();
}

}  // namespace

void HoldDeleter::operator()(Hold* hold) const {
  hold->~Hold();
  ::operator delete(static_cast<void*>(hold));
}

Hold::Hold(const HoldWords& words)
    : meta_bytes_(static_cast<uint16_t>(words.meta.size())),
      id_bytes_(static_cast<uint8_t>(words.id.size())),
      buyer_bytes_(static_cast<uint8_t>(words.buyer.size())),
      reason_bytes_(static_cast<uint8_t>(words.reason.size())) {
  Put(Put(Put(Put(bytes(), words.id), words.buyer), words.meta), words.reason);
}

HoldPtr Hold::Make(const HoldWords& words) {
  Invariant(IsId(words.id.size()));
  Invariant(words.buyer.size() <= kIdBytesMax);
  Invariant(words.meta.size() <= kMetaBytesMax);
  Invariant(words.reason.size() <= kReasonBytesMax);
  return HoldPtr(new (::operator new(BytesOf(words))) Hold(words));
}

HoldPtr Hold::WithReason(std::string_view reason) const {
  HoldWords all = words();
  all.reason = reason;
  HoldPtr hold = Make(all);
  hold->made = made;
  hold->until = until;
  hold->asked = asked;
  hold->units = units;
  hold->returned = returned;
  hold->kept = kept;
  hold->state = state;
  return hold;
}

HoldWords Hold::words() const {
  const char* const meta = bytes() + id_bytes_ + buyer_bytes_;
  return {.id = id(),
          .buyer = buyer(),
          .meta = {meta, meta_bytes_},
          .reason = {meta + meta_bytes_, reason_bytes_}};
}

size_t Hold::BlockBytes() const { return BytesOf(words()); }

}  // namespace holdfast

// What a SKU remembers beside its holds: each buyer's use, and the refs of ADJUST and RETURN.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "storage/base/server_time.h"
#include "storage/core/packed_ptr.h"
#include "storage/core/stock_mutations.h"
#include "storage/core/units.h"

namespace holdfast {

// How much of the LIMIT a buyer has used. One block, like Hold: | BuyerUse | buyer |
class BuyerUse;
struct BuyerUseDeleter {
  void operator()(BuyerUse* use) const;
};
using BuyerUsePtr = PackedPtr<BuyerUse, BuyerUseDeleter>;

class BuyerUse {
 public:
  static BuyerUsePtr Make(std::string_view buyer);

  std::string_view buyer() const {
    return {reinterpret_cast<const char*>(this) + kHeaderBytes, buyer_bytes_};
  }
  size_t BlockBytes() const { return kHeaderBytes + buyer_bytes_; }

  Units units = 0;  // held + sold - returned

 private:
  // The name begins in what would be padding: with a 16-byte buyer the block fits 32 bytes.
  static constexpr size_t kHeaderBytes = sizeof(Units) + 1;
  explicit BuyerUse(std::string_view buyer);

  uint8_t buyer_bytes_;
};

struct BuyerUseTraits {
  static std::string_view KeyOf(const BuyerUsePtr& use) { return use->buyer(); }
};

// An ADJUST or a RETURN that was done under this ref. There are few of them: plain strings do.
struct Ref {
  std::string ref;
  UnixMs forget_at = kNever;
  bool is_return = false;
  Units asked = 0;                                 // ADJUST: the delta; RETURN: the units
  Units applied = 0;                               // ADJUST with CLAMP: nearer to 0
  std::string hold_id = {};                        // RETURN
  ReturnTarget target = ReturnTarget::kAvailable;  // RETURN

  std::string_view id() const { return ref; }
  bool IsForgotten(UnixMs now) const { return forget_at <= now; }
  size_t BlockBytes() const { return sizeof(Ref) + ref.capacity() + hold_id.capacity(); }
};
using RefPtr = std::unique_ptr<Ref>;

struct RefTraits {
  static std::string_view KeyOf(const RefPtr& ref) { return ref->ref; }
};

}  // namespace holdfast

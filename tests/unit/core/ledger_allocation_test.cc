// Refusals are 99 % of a flash sale: they must cost no memory.
#include <gtest/gtest.h>

#include "tests/unit/core/ledger_fixture.h"
#include "tests/unit/protocol/allocation_count.h"

namespace holdfast {
namespace {

TEST(Refusal, AllocatesNothing) {
  Sku sku(2, {.limit = 2, .opens = At(10), .closes = At(20)});
  const ReserveRequest request{.hold_id = "a hold id far too long for a short string",
                               .units = 2,
                               .buyer = "a buyer far too long for a short string"};
  const auto refused = [&](std::string_view hold_id, std::string_view buyer, Units units) {
    ReserveRequest other = request;
    other.hold_id = hold_id;
    other.buyer = buyer;
    other.units = units;
    const size_t before = AllocationCount();
    const auto decision = DecideReserve(sku.item, other, sku.limits, sku.instant());
    EXPECT_EQ(AllocationCount(), before);
    EXPECT_FALSE(decision.mutation);
    return decision.outcome.status;
  };
  using enum ReserveStatus;
  EXPECT_EQ(refused("b", "eve", 1), kEarly);
  sku.now = At(10);
  EXPECT_EQ(refused("b", "", 1), kNeedBuyer);
  EXPECT_EQ(refused("b", "eve", 3), kLimit);
  const size_t before = AllocationCount();
  EXPECT_EQ(sku.Reserve(request).status, kHeld);
  EXPECT_GT(AllocationCount(), before);                          // the counter counts
  EXPECT_EQ(refused(request.hold_id, request.buyer, 2), kHeld);  // a retry, too
  EXPECT_EQ(refused("b", request.buyer, 1), kLimit);
  EXPECT_EQ(refused("b", "eve", 1), kSoldOut);
  sku.Amend(request.hold_id, 1);
  EXPECT_EQ(refused("b", "eve", 2), kShort);
  sku.now = At(20);
  EXPECT_EQ(refused("b", "eve", 1), kClosed);
}

}  // namespace
}  // namespace holdfast

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/core/ledger_fixture.h"

namespace holdfast {
namespace {

// One hold of 3 units, "a" of ann, out of 5, due at 10, forgotten 100 after it finished.
Sku Holding() {
  Sku sku(5, {.ttl = Ms(10), .retain = Ms(100)});
  sku.Reserve({.hold_id = "a", .units = 3, .buyer = "ann"});
  return sku;
}

TEST(Confirm, SellsUntilTheLastMomentBeforeTheDeadline) {
  Sku in_time = Holding();
  in_time.now = At(9);
  EXPECT_EQ(ToText(in_time.Confirm("a")), "CONFIRMED 3");
  EXPECT_EQ(in_time.item.stock(), (Stock{.available = 2, .sold = 3, .supplied = 5}));
  Sku too_late = Holding();
  too_late.now = At(10);
  EXPECT_EQ(ToText(too_late.Confirm("a")), "EXPIRED 0");
  EXPECT_EQ(too_late.item.stock(), (Stock{.available = 5, .supplied = 5}));
}

TEST(Confirm, RetryRepeatsTheState) {
  Sku sku = Holding();
  sku.Confirm("a");
  const std::string before = ItemPeek::Dump(sku.item);
  sku.now = At(50);
  EXPECT_EQ(ToText(sku.Confirm("a")), "CONFIRMED 3");
  EXPECT_EQ(ToText(sku.Confirm({.hold_id = "a", .quantity = 3})), "CONFIRMED 3");
  EXPECT_EQ(ToText(sku.Confirm({.hold_id = "a", .quantity = 2})), "HOLDMISMATCH 0");
  EXPECT_EQ(ItemPeek::Dump(sku.item), before);
}

TEST(Confirm, QtySellsThatManyAndGivesTheRestBack) {
  Sku sku = Holding();
  EXPECT_EQ(ToText(sku.Confirm({.hold_id = "a", .quantity = 4})), "BADQTY 0");
  EXPECT_EQ(ToText(sku.Confirm({.hold_id = "a", .quantity = 1})), "CONFIRMED 1");
  EXPECT_EQ(sku.item.stock(), (Stock{.available = 4, .sold = 1, .supplied = 5}));
  EXPECT_EQ(ToText(sku.Confirm("a")), "CONFIRMED 1");
  EXPECT_EQ(ToText(sku.Release("a")), "CONFIRMED 0");
}

TEST(Confirm, UnknownReleasedAndFencedHoldsAreNotSold) {
  Sku sku = Holding();
  sku.Release("a");
  sku.Release("fence");
  EXPECT_EQ(ToText(sku.Confirm({.hold_id = "a", .reclaim = true})), "RELEASED 0");
  EXPECT_EQ(ToText(sku.Confirm("fence")), "RELEASED 0");
  EXPECT_EQ(ToText(sku.Confirm("never")), "NOHOLD 0");
}

TEST(Confirm, ReclaimTakesTheSameUnitsAgainEvenWhenClosedOrPaused) {
  Sku sku = Holding();
  sku.now = At(10);
  sku.Set({.closes = At(10), .paused = true});
  EXPECT_EQ(ToText(sku.Confirm({.hold_id = "a", .quantity = 4, .reclaim = true})), "BADQTY 0");
  EXPECT_EQ(ToText(sku.Confirm({.hold_id = "a", .quantity = 2, .reclaim = true})), "CONFIRMED 2");
  EXPECT_EQ(sku.item.stock(), (Stock{.available = 3, .sold = 2, .supplied = 5}));
  EXPECT_EQ(ToText(sku.Confirm({.hold_id = "a", .reclaim = true})), "CONFIRMED 2");
}

TEST(Confirm, ReclaimWantsAllUnitsSellableAndMayBeTriedAgain) {
  Sku sku = Holding();
  sku.now = At(10);
  sku.Set({.safety = 3});
  const ConfirmRequest request{.hold_id = "a", .quantity = 1, .reclaim = true};
  EXPECT_EQ(ToText(sku.Confirm(request)), "EXPIRED 0");
  sku.Set({.safety = 2});
  EXPECT_EQ(ToText(sku.Confirm(request)), "CONFIRMED 1");
}

TEST(Confirm, ReclaimObeysTheBuyersLimit) {
  Sku sku(9, {.limit = 3, .ttl = Ms(10)});
  sku.Reserve({.hold_id = "a", .units = 2, .buyer = "ann"});
  sku.now = At(10);
  sku.Reserve({.hold_id = "b", .units = 2, .buyer = "ann"});
  EXPECT_EQ(ToText(sku.Confirm({.hold_id = "a", .reclaim = true})), "EXPIRED 0");
  sku.Amend("b", 1);
  EXPECT_EQ(ToText(sku.Confirm({.hold_id = "a", .reclaim = true})), "CONFIRMED 2");
  EXPECT_EQ(sku.item.UseOf("ann"), 3);
}

TEST(Release, GivesTheUnitsBackOnceAndRepeatsTheAnswer) {
  Sku sku = Holding();
  EXPECT_EQ(ToText(sku.Release("a", "changed mind")), "RELEASED 3");
  EXPECT_EQ(ToText(sku.Release("a", "other")), "RELEASED 3");
  EXPECT_EQ(sku.Find("a")->words().reason, "changed mind");
  EXPECT_EQ(sku.item.stock(), (Stock{.available = 5, .supplied = 5}));
}

TEST(Release, AfterTheDeadlineTheHoldHadExpired) {
  Sku sku = Holding();
  sku.now = At(10);
  EXPECT_EQ(ToText(sku.Release("a")), "EXPIRED 3");
}

TEST(Release, OfAnUnknownIdLeavesAFenceForTheReserveInFlight) {
  Sku sku(4);
  EXPECT_EQ(ToText(sku.Release("ord-9", "timeout")), "RELEASED 0");
  const auto seq = sku.item.seq();
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "ord-9", .units = 1, .buyer = "eve"})),
            "RELEASED 0 0 4");
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "ord-9", .units = 3})), "RELEASED 0 0 4");
  EXPECT_EQ(ToText(sku.Release("ord-9")), "RELEASED 0");
  EXPECT_TRUE(sku.Find("ord-9")->IsFence());
  EXPECT_EQ(sku.Find("ord-9")->words().reason, "timeout");
  EXPECT_EQ(sku.item.seq(), seq);
}

TEST(Release, AFenceIsForgottenAfterRetain) {
  Sku sku(4, {.retain = Ms(100)});
  sku.Release("a");
  sku.now = At(99);
  EXPECT_EQ(sku.Reserve({.hold_id = "a", .units = 1}).status, ReserveStatus::kReleased);
  sku.now = At(100);
  EXPECT_EQ(sku.Reserve({.hold_id = "a", .units = 1}).status, ReserveStatus::kHeld);
  EXPECT_EQ(sku.item.fences(), 0u);
}

TEST(Release, AboveFenceMaxTheOldestFencesGoFirst) {
  Sku sku(4, {}, {.fence_max = 2});
  for (const char* const id : {"z", "y", "x"}) {
    sku.now += Ms(1);
    sku.Release(id);
  }
  EXPECT_EQ(sku.Find("z"), nullptr);
  EXPECT_NE(sku.Find("y"), nullptr);
  EXPECT_NE(sku.Find("x"), nullptr);
  sku.limits.fence_max = 1;
  sku.Release("w");
  EXPECT_EQ(sku.item.fences(), 1u);
  EXPECT_NE(sku.Find("w"), nullptr);
  sku.limits.fence_max = 0;
  EXPECT_EQ(ToText(sku.Release("v")), "RELEASED 0");
  EXPECT_EQ(sku.Find("v"), nullptr);
}

TEST(Extend, MovesTheDeadlineButNeverBack) {
  Sku sku = Holding();
  sku.now = At(4);
  EXPECT_EQ(ToText(sku.Extend("a", Ms(20))), "HELD 24");
  const auto mutations = sku.mutations;
  EXPECT_EQ(ToText(sku.Extend("a", Ms(5))), "HELD 24");
  EXPECT_EQ(sku.mutations, mutations);
  sku.now = At(23);
  EXPECT_EQ(ToText(sku.Confirm("a")), "CONFIRMED 3");
}

TEST(Extend, NoHoldLivesLongerThanHoldLifeMax) {
  Sku sku = Holding();
  sku.limits.hold_life_max = Ms(30);
  sku.now = At(5);
  EXPECT_EQ(ToText(sku.Extend("a", Ms(25))), "HELD 30");
  EXPECT_EQ(ToText(sku.Extend("a", DurationMs::max())), "HELD 30");
  sku.limits.hold_life_max = Ms(20);
  EXPECT_EQ(ToText(sku.Extend("a", Ms(25))), "HELD 30");  // lowered: nobody's hold gets shorter
}

TEST(Extend, OnlyALiveHoldCanBeExtended) {
  Sku sku = Holding();
  sku.now = At(9);
  EXPECT_EQ(ToText(sku.Extend("never", Ms(5))), "NOHOLD 0");
  sku.Reserve({.hold_id = "c", .units = 1, .final = true});
  EXPECT_EQ(ToText(sku.Extend("c", Ms(5))), "CONFIRMED 0");
  sku.Release("r");
  EXPECT_EQ(ToText(sku.Extend("r", Ms(5))), "RELEASED 0");
  sku.now = At(10);
  EXPECT_EQ(ToText(sku.Extend("a", Ms(5))), "EXPIRED 0");
}

TEST(Settle, TakesTheFirstByDeadlineThenMadeThenId) {
  Sku sku(9);
  sku.Reserve({.hold_id = "later", .units = 1, .ttl = Ms(21)});
  sku.Reserve({.hold_id = "older-b", .units = 1, .ttl = Ms(20)});
  sku.Reserve({.hold_id = "older-a", .units = 1, .ttl = Ms(20)});
  sku.now = At(1);
  sku.Reserve({.hold_id = "a-younger", .units = 1, .ttl = Ms(19)});
  sku.now = At(30);
  for (const char* const first : {"older-a", "older-b", "a-younger", "later"}) {
    EXPECT_EQ(sku.Find(first)->state, HoldState::kHeld);
    sku.Commit(DecideSettle(sku.item, sku.limits, sku.instant(), 1).value());
    EXPECT_EQ(sku.Find(first)->state, HoldState::kExpired) << first;
  }
  EXPECT_EQ(DecideSettle(sku.item, sku.limits, sku.instant()), std::nullopt);
}

TEST(Settle, OneSweepTakesNoMoreThanItMay) {
  Sku sku(kSweepMax + 5, {.ttl = Ms(10)});
  for (uint32_t i = 0; i < kSweepMax + 5; ++i) {
    sku.Reserve({.hold_id = std::to_string(i), .units = 1});
  }
  sku.now = At(10);
  const auto first = DecideSettle(sku.item, sku.limits, sku.instant());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->count, kSweepMax);
  sku.Commit(*first);
  EXPECT_TRUE(HasDue(sku.item, sku.instant()));
  EXPECT_EQ(sku.item.live_holds(), 5u);
  sku.Settle();
  EXPECT_FALSE(HasDue(sku.item, sku.instant()));
  EXPECT_EQ(Audit(sku.item).fault, "");
}

TEST(Settle, NothingIsDueInTheGraceAfterARestart) {
  Sku sku = Holding();
  sku.grace = true;
  sku.now = At(50);
  EXPECT_FALSE(HasDue(sku.item, sku.instant()));
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "a", .units = 3, .buyer = "ann"})), "HELD 3 10 2");
  EXPECT_EQ(ToText(sku.Extend("a", Ms(5))), "HELD 55");
  EXPECT_EQ(ToText(sku.Confirm("a")), "CONFIRMED 3");
}

TEST(Forget, FinishedHoldsGoByForgetTimeThenIdAndChangeNoSum) {
  Sku sku(9, {.limit = 9, .ttl = Ms(10), .retain = Ms(100)});
  sku.Reserve({.hold_id = "b", .units = 2, .buyer = "ann", .final = true});
  sku.Reserve({.hold_id = "a", .units = 1, .buyer = "ann", .final = true});
  sku.Reserve({.hold_id = "expires", .units = 1, .buyer = "ann"});
  sku.Return({.hold_id = "b", .ref = "r", .units = 1});
  sku.now = At(10);
  sku.Settle();
  const Stock stock = sku.item.stock();
  sku.now = At(99);
  EXPECT_EQ(DecideForgetHolds(sku.item, sku.instant()), std::nullopt);
  EXPECT_EQ(DecideForgetRefs(sku.item, sku.instant()), std::nullopt);
  EXPECT_EQ(sku.item.NextForget(), At(100));
  sku.now = At(100);
  sku.Commit(DecideForgetHolds(sku.item, sku.instant(), 1).value());
  EXPECT_EQ(sku.item.FindHold("a", kNever), nullptr);
  EXPECT_NE(sku.item.FindHold("b", kNever), nullptr);
  sku.Forget();
  EXPECT_EQ(sku.item.holds(), 1u);
  EXPECT_EQ(sku.item.NextForget(), At(110));
  EXPECT_EQ(sku.item.stock(), stock);
  EXPECT_EQ(sku.item.UseOf("ann"), 2);
  EXPECT_EQ(Audit(sku.item).fault, "");
}

TEST(Forget, IsExactOnAccessBeforeAnySweep) {
  Sku sku = Holding();
  sku.Confirm("a");
  sku.now = At(99);
  EXPECT_EQ(ToText(sku.Confirm("a")), "CONFIRMED 3");
  sku.now = At(100);
  EXPECT_EQ(ToText(sku.Confirm("a")), "NOHOLD 0");
  size_t seen = 0;
  EXPECT_EQ(sku.item.ScanHolds(0, 10, sku.now, [&](const Hold&) { ++seen; }), 0u);
  EXPECT_EQ(seen, 0u);
}

}  // namespace
}  // namespace holdfast

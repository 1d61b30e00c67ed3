#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/core/ledger_fixture.h"

namespace holdfast {
namespace {

using enum ReserveStatus;

TEST(Reserve, HoldsUnitsUntilTheDeadline) {
  Sku sku(5, {.ttl = Ms(600'000)});
  const auto held = sku.Reserve({.hold_id = "ord-1", .units = 2, .buyer = "ann", .meta = "red"});
  EXPECT_EQ(ToText(held), "HELD 2 600000 3");
  const Hold& hold = *sku.Find("ord-1");
  EXPECT_EQ(hold.words().buyer, "ann");
  EXPECT_EQ(hold.words().meta, "red");
  EXPECT_EQ(hold.made(), kStart);
  EXPECT_EQ(sku.item.stock(), (Stock{.available = 3, .held = 2, .supplied = 5}));
}

TEST(Reserve, RetryWithTheSameHoldIdTakesNoSecondUnit) {
  Sku sku(1);
  const ReserveRequest request{.hold_id = "order-7", .units = 1, .buyer = "ann"};
  EXPECT_EQ(sku.Reserve(request).status, kHeld);
  const auto mutations = sku.mutations;
  sku.now = At(5);
  EXPECT_EQ(ToText(sku.Reserve(request)), "HELD 1 900000 0");
  EXPECT_EQ(sku.mutations, mutations);
  EXPECT_EQ(sku.item.stock().held, 1);
}

TEST(Reserve, RetryIsAnsweredFirstEvenAfterSellOutClosingPauseAndLimit) {
  Sku sku(1);
  const ReserveRequest request{.hold_id = "a", .units = 1};
  sku.Reserve(request);
  sku.Set({.limit = 1, .maxqty = 1, .closes = At(1), .paused = true});
  sku.now = At(2);
  EXPECT_EQ(sku.Reserve(request).status, kHeld);
}

TEST(Reserve, RetryMustAskWhatWasAsked) {
  Sku sku(5);
  sku.Reserve({.hold_id = "a", .units = 2, .buyer = "ann"});
  EXPECT_EQ(sku.Reserve({.hold_id = "a", .units = 1, .buyer = "ann"}).status, kHoldMismatch);
  EXPECT_EQ(sku.Reserve({.hold_id = "a", .units = 2, .buyer = "eve"}).status, kHoldMismatch);
  EXPECT_EQ(sku.Reserve({.hold_id = "a", .units = 2}).status, kHoldMismatch);
}

TEST(Reserve, RetryComparesTheFirstAskingWhateverBecameOfTheHold) {
  Sku sku(3);
  const ReserveRequest partial{.hold_id = "p", .units = 5, .partial = true};
  EXPECT_EQ(ToText(sku.Reserve(partial)), "HELD 3 900000 0");
  EXPECT_EQ(ToText(sku.Reserve(partial)), "HELD 3 900000 0");
  sku.Amend("p", 2);
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "p", .units = 5})), "HELD 2 900000 1");
  EXPECT_EQ(sku.Reserve({.hold_id = "p", .units = 2}).status, kHoldMismatch);
  sku.Confirm({.hold_id = "p", .quantity = 1});
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "p", .units = 5})), "CONFIRMED 1 0 2");
}

TEST(Reserve, RetryOfAFinishedHoldHasNoUnitsInHand) {
  Sku sku(5, {.ttl = Ms(10)});
  sku.Reserve({.hold_id = "r", .units = 1});
  sku.Reserve({.hold_id = "e", .units = 2});
  sku.Release("r");
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "r", .units = 1})), "RELEASED 0 0 3");
  sku.now = At(10);
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "e", .units = 2})), "EXPIRED 0 0 5");
}

TEST(Reserve, SoldOutAndShortSayWhatIsLeft) {
  Sku sku(3);
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "a", .units = 4})), "SHORT 0 0 3");
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "a", .units = 3})), "HELD 3 900000 0");
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "b", .units = 1})), "SOLDOUT 0 0 0");
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "b", .units = 1, .partial = true})), "SOLDOUT 0 0 0");
}

TEST(Reserve, OpensAtOpeningAndClosesAtClosing) {
  Sku sku(5, {.opens = At(10), .closes = At(20)});
  sku.now = At(9);
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "a", .units = 1})), "EARLY 0 10 5");
  sku.now = At(10);
  EXPECT_EQ(sku.Reserve({.hold_id = "a", .units = 1}).status, kHeld);
  sku.now = At(19);
  EXPECT_EQ(sku.Reserve({.hold_id = "b", .units = 1}).status, kHeld);
  sku.now = At(20);
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "c", .units = 1})), "CLOSED 0 20 3");
}

TEST(Reserve, PausedIsClosedEvenBeforeTheOpening) {
  Sku sku(5, {.opens = At(10), .paused = true});
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "a", .units = 1})), "CLOSED 0 0 5");
}

TEST(Reserve, GuardsComeInThePromisedOrder) {
  // Each step takes away the reason that came first; the request stays the same.
  Sku sku(0, {.limit = 1, .maxqty = 1, .opens = At(10), .closes = At(20), .paused = true});
  ReserveRequest request{.hold_id = "a", .units = 2};
  EXPECT_EQ(sku.Reserve(request).status, kClosed);
  sku.Set({.paused = false});
  EXPECT_EQ(sku.Reserve(request).status, kEarly);
  sku.now = At(10);
  EXPECT_EQ(sku.Reserve(request).status, kBadQuantity);
  sku.Set({.maxqty = 2});
  EXPECT_EQ(sku.Reserve(request).status, kNeedBuyer);
  request.buyer = "ann";
  EXPECT_EQ(ToText(sku.Reserve(request)), "LIMIT 0 0 1");
  sku.Set({.limit = 2});
  EXPECT_EQ(sku.Reserve(request).status, kSoldOut);
  sku.Adjust({.ref = "r1", .delta = 1});
  EXPECT_EQ(ToText(sku.Reserve(request)), "SHORT 0 0 1");
  sku.Adjust({.ref = "r2", .delta = 1});
  EXPECT_EQ(sku.Reserve(request).status, kHeld);
}

TEST(Reserve, MaxQtyBoundsTheHoldAndPartialDoesNotSoftenIt) {
  Sku sku(9, {.maxqty = 3});
  EXPECT_EQ(sku.Reserve({.hold_id = "a", .units = 3}).status, kHeld);
  EXPECT_EQ(sku.Reserve({.hold_id = "b", .units = 4, .partial = true}).status, kBadQuantity);
}

TEST(Reserve, LimitCountsHeldAndSoldOfOneBuyer) {
  Sku sku(9, {.limit = 3});
  sku.Reserve({.hold_id = "a", .units = 2, .buyer = "ann"});
  sku.Confirm("a");
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "b", .units = 2, .buyer = "ann"})), "LIMIT 0 0 1");
  EXPECT_EQ(sku.Reserve({.hold_id = "b", .units = 1, .buyer = "ann"}).status, kHeld);
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "c", .units = 1, .buyer = "ann"})), "LIMIT 0 0 0");
  EXPECT_EQ(sku.Reserve({.hold_id = "c", .units = 3, .buyer = "eve"}).status, kHeld);
}

TEST(Reserve, WhatABuyerGivesBackTheyMayTakeAgain) {
  Sku sku(9, {.limit = 2, .ttl = Ms(10)});
  const auto take = [&](std::string_view id) {
    return sku.Reserve({.hold_id = id, .units = 2, .buyer = "ann"}).status;
  };
  EXPECT_EQ(take("released"), kHeld);
  sku.Release("released");
  EXPECT_EQ(take("expired"), kHeld);
  sku.now = At(10);
  EXPECT_EQ(take("partly"), kHeld);
  sku.Confirm({.hold_id = "partly", .quantity = 1});
  EXPECT_EQ(take("again"), kLimit);
  EXPECT_EQ(sku.item.UseOf("ann"), 1);
  sku.Return({.hold_id = "partly", .ref = "r", .units = 1});
  EXPECT_EQ(take("again"), kHeld);
}

TEST(Reserve, LimitSetLaterCountsWhatIsRemembered) {
  Sku sku(20, {.ttl = Ms(50), .retain = Ms(100)});
  sku.Reserve({.hold_id = "old", .units = 5, .buyer = "ann", .final = true});  // forgotten at 100
  sku.now = At(60);
  sku.Reserve({.hold_id = "sold", .units = 2, .buyer = "ann", .final = true});
  sku.Reserve({.hold_id = "held", .units = 1, .buyer = "ann"});
  sku.Reserve({.hold_id = "nobody", .units = 1});
  sku.Return({.hold_id = "sold", .ref = "r", .units = 1});
  sku.now = At(100);
  sku.Set({.limit = 3});
  sku.Settle(1);
  EXPECT_EQ(sku.item.UseOf("ann"), 2);
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "x", .units = 2, .buyer = "ann"})), "LIMIT 0 0 1");
  EXPECT_EQ(Audit(sku.item).fault, "");
}

TEST(Reserve, WhileAFirstLimitIsCountedTheSkuWaitsAndTheSlicesAreBounded) {
  Sku sku(9'000);
  const auto take = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::string buyer = "b" + std::to_string(i % 700);
      sku.Reserve({.hold_id = "h" + std::to_string(i), .units = 1, .buyer = buyer, .final = true});
    }
  };
  take(0, 3000);
  sku.now = At(1);
  take(3000, 5000);
  sku.Set({.limit = 9});
  int slices = 0;
  while (const auto slice = DecideCountBuyers(sku.item, sku.instant())) {
    EXPECT_TRUE(HasDue(sku.item, sku.instant()));
    EXPECT_EQ(Audit(sku.item).fault, "");
    sku.Commit(std::get<BuyersCounted>(*slice));
    ++slices;
  }
  EXPECT_EQ(slices, 5);  // of at most 1,024 holds
  EXPECT_FALSE(HasDue(sku.item, sku.instant()));
  EXPECT_EQ(sku.item.UseOf("b0"), 8);
  EXPECT_EQ(sku.item.UseOf("b699"), 7);
  EXPECT_EQ(Audit(sku.item).fault, "");
  EXPECT_EQ(ItemPeek::Dump(sku.item), ItemPeek::Dump(sku.twin));
}

TEST(Reserve, PartialTakesTheLeastOfAskedSellableAndRest) {
  Sku sku(10, {.limit = 4, .safety = 3});
  const auto take = [&](std::string_view id, std::string_view buyer, Units units) {
    return ToText(sku.Reserve({.hold_id = id, .units = units, .buyer = buyer, .partial = true}));
  };
  EXPECT_EQ(take("a", "ann", 1), "HELD 1 900000 6");
  EXPECT_EQ(take("b", "ann", 9), "HELD 3 900000 3");  // her rest
  EXPECT_EQ(take("c", "ann", 1), "LIMIT 0 0 0");
  EXPECT_EQ(take("d", "bob", 9), "HELD 3 900000 0");  // the shop's
  EXPECT_EQ(take("e", "eve", 9), "SOLDOUT 0 0 0");
}

TEST(Reserve, FinalConfirmsAtOnce) {
  Sku sku(1);
  const ReserveRequest request{.hold_id = "a", .units = 1, .ttl = Ms(5), .final = true};
  EXPECT_EQ(ToText(sku.Reserve(request)), "CONFIRMED 1 0 0");
  EXPECT_EQ(sku.item.stock(), (Stock{.sold = 1, .supplied = 1}));
  sku.now = At(5);
  EXPECT_EQ(ToText(sku.Reserve(request)), "CONFIRMED 1 0 0");
}

TEST(Reserve, SafetyUnitsAreNeverSold) {
  Sku sku(5, {.safety = 3});
  EXPECT_EQ(ToText(sku.Reserve({.hold_id = "a", .units = 3})), "SHORT 0 0 2");
  EXPECT_EQ(sku.Reserve({.hold_id = "a", .units = 2}).status, kHeld);
  EXPECT_EQ(sku.Reserve({.hold_id = "b", .units = 1}).status, kSoldOut);
  EXPECT_EQ(sku.item.stock().available, 3);
}

TEST(Reserve, TtlComesFromTheRequestElseTheSkuElseTheServerAndIsCapped) {
  const LedgerLimits limits{.hold_life_max = Ms(100), .ttl_default = Ms(70)};
  Sku plain(9, {}, limits);
  EXPECT_EQ(plain.Reserve({.hold_id = "a", .units = 1}).ms, At(70));
  EXPECT_EQ(plain.Reserve({.hold_id = "b", .units = 1, .ttl = Ms(100)}).ms, At(100));
  EXPECT_EQ(plain.Reserve({.hold_id = "c", .units = 1, .ttl = Ms(101)}).ms, At(100));
  EXPECT_EQ(plain.Reserve({.hold_id = "d", .units = 1, .ttl = DurationMs::max()}).ms, At(100));
  Sku own(9, {.ttl = Ms(30)}, limits);
  EXPECT_EQ(own.Reserve({.hold_id = "a", .units = 1}).ms, At(30));
  Sku longer(9, {.ttl = Ms(300)}, limits);
  EXPECT_EQ(longer.Reserve({.hold_id = "a", .units = 1}).ms, At(100));
}

TEST(Reserve, AForgottenIdMayBeTakenAnewWithOtherWords) {
  Sku sku(9, {.retain = Ms(100)});
  sku.Reserve({.hold_id = "a", .units = 2, .buyer = "ann", .final = true});
  const ReserveRequest other{.hold_id = "a", .units = 1, .buyer = "eve"};
  sku.now = At(99);
  EXPECT_EQ(sku.Reserve(other).status, kHoldMismatch);
  sku.now = At(100);
  EXPECT_EQ(sku.Reserve(other).status, kHeld);
  EXPECT_EQ(sku.item.stock(), (Stock{.available = 6, .held = 1, .sold = 2, .supplied = 9}));
  EXPECT_EQ(Audit(sku.item).fault, "");
}

TEST(Reserve, ARefusalIsNotRememberedAndChangesNothing) {
  Sku sku(1);
  sku.Reserve({.hold_id = "a", .units = 1});
  const std::string before = ItemPeek::Dump(sku.item);
  EXPECT_EQ(sku.Reserve({.hold_id = "b", .units = 1}).status, kSoldOut);
  EXPECT_EQ(ItemPeek::Dump(sku.item), before);
  sku.Release("a");
  EXPECT_EQ(sku.Reserve({.hold_id = "b", .units = 1}).status, kHeld);
}

TEST(Reserve, IdsAndMetaMayBeAsLongAsPromisedAndHoldAnyByte) {
  Sku sku(1, {.limit = 1});
  const std::string id(kIdBytesMax, '\0');
  const std::string buyer(kIdBytesMax, '\xff');
  const std::string meta(kMetaBytesMax, '\n');
  const std::string reason(kReasonBytesMax, '\r');
  sku.Reserve({.hold_id = id, .units = 1, .buyer = buyer, .meta = meta});
  sku.Release(id, reason);
  const HoldWords words = sku.Find(id)->words();
  EXPECT_EQ(words.buyer, buyer);
  EXPECT_EQ(words.meta, meta);
  EXPECT_EQ(words.reason, reason);
  EXPECT_EQ(ItemPeek::Dump(sku.item), ItemPeek::Dump(sku.twin));
}

TEST(Amend, UpTakesTheIncrementAndDownGivesItBack) {
  Sku sku(5);
  sku.Reserve({.hold_id = "a", .units = 2});
  sku.now = At(7);
  EXPECT_EQ(ToText(sku.Amend("a", 5)), "HELD 5 900000 0");
  EXPECT_EQ(ToText(sku.Amend("a", 1)), "HELD 1 900000 4");
  const auto mutations = sku.mutations;
  EXPECT_EQ(ToText(sku.Amend("a", 1)), "HELD 1 900000 4");
  EXPECT_EQ(sku.mutations, mutations);
}

TEST(Amend, RefusedLeavesTheHoldAsItWas) {
  Sku sku(5, {.limit = 4, .maxqty = 4});
  sku.Reserve({.hold_id = "a", .units = 2, .buyer = "ann"});
  sku.Reserve({.hold_id = "b", .units = 2, .buyer = "bob"});
  EXPECT_EQ(ToText(sku.Amend("a", 5)), "BADQTY 2 0 0");
  EXPECT_EQ(ToText(sku.Amend("a", 4)), "SHORT 2 0 1");
  sku.Reserve({.hold_id = "c", .units = 1, .buyer = "ann"});
  EXPECT_EQ(ToText(sku.Amend("a", 4)), "LIMIT 2 0 1");
  EXPECT_EQ(ToText(sku.Amend("a", 3)), "SOLDOUT 2 0 0");
  EXPECT_EQ(ToText(sku.Amend("never", 3)), "NOHOLD 0 0 0");
  EXPECT_EQ(sku.Find("a")->units, 2u);
}

TEST(Amend, UpObeysTheWindowAndDownDoesNot) {
  Sku sku(9);
  sku.Reserve({.hold_id = "a", .units = 3});
  sku.Set({.limit = 1, .maxqty = 1, .closes = At(10)});
  EXPECT_EQ(ToText(sku.Amend("a", 4)), "BADQTY 3 0 0");
  sku.Set({.maxqty = 0});
  EXPECT_EQ(ToText(sku.Amend("a", 4)), "NEEDBUYER 3 0 0");
  sku.now = At(10);
  EXPECT_EQ(ToText(sku.Amend("a", 4)), "CLOSED 3 10 6");
  EXPECT_EQ(ToText(sku.Amend("a", 3)), "HELD 3 900000 6");
  EXPECT_EQ(ToText(sku.Amend("a", 2)), "HELD 2 900000 7");
}

TEST(Amend, WhatGoesBackFillsTheSafetyStockFirst) {
  Sku sku(5);
  sku.Reserve({.hold_id = "a", .units = 4});
  sku.Set({.safety = 3});
  EXPECT_EQ(ToText(sku.Amend("a", 3)), "HELD 3 900000 0");
  EXPECT_EQ(ToText(sku.Amend("a", 1)), "HELD 1 900000 1");
}

TEST(Amend, AFinishedHoldAnswersItsState) {
  Sku sku(9, {.ttl = Ms(10)});
  for (const char* const id : {"c", "r", "e"}) sku.Reserve({.hold_id = id, .units = 2});
  sku.Confirm("c");
  sku.Release("r");
  sku.Release("fence");
  sku.now = At(10);
  EXPECT_EQ(ToText(sku.Amend("c", 1)), "CONFIRMED 2 0 7");
  EXPECT_EQ(ToText(sku.Amend("r", 1)), "RELEASED 0 0 7");
  EXPECT_EQ(ToText(sku.Amend("e", 1)), "EXPIRED 0 0 7");
  EXPECT_EQ(ToText(sku.Amend("fence", 1)), "RELEASED 0 0 7");
}

}  // namespace
}  // namespace holdfast

#include "storage/core/stock.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/core/ledger_fixture.h"

namespace holdfast {
namespace {

constexpr Units kMost = std::numeric_limits<Units>::max();
constexpr Units kLeast = std::numeric_limits<Units>::min();

TEST(Create, AWindowMustOpenBeforeItCloses) {
  const Instant instant{kStart, kStart};
  const auto status = [&](UnixMs opens, UnixMs closes) {
    return DecideCreate(1, {.opens = opens, .closes = closes}, instant).outcome;
  };
  EXPECT_EQ(status(At(2), At(2)), OptionsStatus::kBadWindow);
  EXPECT_EQ(status(At(2), At(3)), OptionsStatus::kOk);
  EXPECT_EQ(status(At(2), kNever), OptionsStatus::kOk);
  EXPECT_EQ(status(kNever, At(2)), OptionsStatus::kOk);
}

TEST(Set, ChangesWhatItNamesAndLeavesTheRest) {
  Sku sku(5, {.limit = 3, .opens = At(1), .closes = At(9)});
  EXPECT_EQ(sku.Set({.limit = 0, .safety = 2}), OptionsStatus::kOk);
  EXPECT_EQ(sku.item.options(), (ItemOptions{.safety = 2, .opens = At(1), .closes = At(9)}));
  EXPECT_EQ(sku.Set({.opens = At(9)}), OptionsStatus::kBadWindow);
  EXPECT_EQ(sku.Set({.opens = At(9), .closes = kNever}), OptionsStatus::kOk);
  const auto mutations = sku.mutations;
  EXPECT_EQ(sku.Set({.opens = At(9)}), OptionsStatus::kOk);
  EXPECT_EQ(sku.mutations, mutations);
}

TEST(Adjust, SuppliesMoreAndTakesAwayWhatIsAvailable) {
  Sku sku(5, {.safety = 5});
  sku.Reserve({.hold_id = "none", .units = 1});
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r1", .delta = 3})), "ADJUSTED 3 8");
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r2", .delta = -9})), "SHORT 0 8");
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r2", .delta = -8})), "ADJUSTED -8 0");
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r3", .delta = 0})), "ADJUSTED 0 0");
  EXPECT_EQ(sku.item.stock().supplied, 0);
}

TEST(Adjust, TheSameRefIsDoneOnceAndAnsweredFirst) {
  Sku sku(5);
  sku.Adjust({.ref = "r", .delta = 3});
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r", .delta = 3, .if_available = 1})), "ADJUSTED 3 8");
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r", .delta = 4})), "HOLDMISMATCH 0 0");
  EXPECT_EQ(sku.item.stock().supplied, 8);
}

TEST(Adjust, IfComparesFirstThenShort) {
  Sku sku(5);
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r", .delta = -9, .if_available = 4})), "STALE 0 5");
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r", .delta = -9, .if_available = 5})), "SHORT 0 5");
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r", .delta = -1, .if_available = 5})), "ADJUSTED -1 4");
}

TEST(Adjust, ClampTakesWhatIsThereAndItsRetrySaysSo) {
  Sku sku(5);
  sku.Reserve({.hold_id = "a", .units = 2});
  const AdjustRequest request{.ref = "r", .delta = kLeast, .clamp = true};
  EXPECT_EQ(ToText(sku.Adjust(request)), "ADJUSTED -3 0");
  EXPECT_EQ(ToText(sku.Adjust(request)), "ADJUSTED -3 0");
  EXPECT_EQ(ToText(sku.Adjust({.ref = "s", .delta = -1, .clamp = true})), "ADJUSTED 0 0");
}

TEST(Adjust, SupplyNeverLeavesInt64) {
  Sku sku(1);
  sku.Reserve({.hold_id = "a", .units = 1});
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r", .delta = kMost})), "BADQTY 0 0");
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r", .delta = kMost - 1})),
            "ADJUSTED 9223372036854775806 9223372036854775806");
  EXPECT_EQ(ToText(sku.Adjust({.ref = "s", .delta = 1})), "BADQTY 0 0");
}

TEST(Adjust, ARefIsForgottenWithTime) {
  Sku sku(5, {.retain = Ms(100)});
  sku.Adjust({.ref = "r", .delta = 1});
  sku.now = At(99);
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r", .delta = 2})), "HOLDMISMATCH 0 0");
  sku.now = At(100);
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r", .delta = 2})), "ADJUSTED 2 8");
  sku.now = At(200);
  sku.Forget();
  EXPECT_EQ(sku.item.NextForget(), kNever);
}

// A confirmed hold "a" of 4 units of ann, out of 5.
Sku Sold() {
  Sku sku(5, {.limit = 4, .retain = Ms(100)});
  sku.Reserve({.hold_id = "a", .units = 4, .buyer = "ann", .final = true});
  return sku;
}

TEST(Return, PutsUnitsBackOnSaleAndFreesTheLimit) {
  Sku sku = Sold();
  EXPECT_EQ(ToText(sku.Return({.hold_id = "a", .ref = "r", .units = 3})), "RETURNED 3 4");
  EXPECT_EQ(sku.item.stock(), (Stock{.available = 4, .sold = 1, .supplied = 5, .returned = 3}));
  EXPECT_EQ(sku.item.UseOf("ann"), 1);
  EXPECT_EQ(sku.Find("a")->returns().units, 3u);
  EXPECT_EQ(ToText(sku.Confirm("a")), "CONFIRMED 4");
}

TEST(Return, WrittenOffUnitsLeaveTheSupply) {
  Sku sku = Sold();
  const ReturnRequest request{.hold_id = "a",
                              .ref = "r",
                              .units = 3,
                              .target = ReturnTarget::kWriteOff,
                              .keep_limit = true};
  EXPECT_EQ(ToText(sku.Return(request)), "RETURNED 3 1");
  EXPECT_EQ(sku.item.stock(), (Stock{.available = 1, .sold = 1, .supplied = 2, .returned = 3}));
  EXPECT_EQ(sku.item.UseOf("ann"), 4);
  EXPECT_EQ(Audit(sku.item).fault, "");
}

TEST(Return, OnlyConfirmedUnitsNotYetReturnedComeBack) {
  Sku sku = Sold();
  sku.Reserve({.hold_id = "held", .units = 1, .buyer = "bob"});
  sku.Release("fence");
  EXPECT_EQ(ToText(sku.Return({.hold_id = "held", .ref = "r", .units = 1})), "BADQTY 0 0");
  EXPECT_EQ(ToText(sku.Return({.hold_id = "fence", .ref = "r", .units = 1})), "BADQTY 0 0");
  EXPECT_EQ(ToText(sku.Return({.hold_id = "never", .ref = "r", .units = 1})), "NOHOLD 0 0");
  EXPECT_EQ(ToText(sku.Return({.hold_id = "a", .ref = "r", .units = 5})), "BADQTY 0 0");
  EXPECT_EQ(ToText(sku.Return({.hold_id = "a", .ref = "r", .units = 3})), "RETURNED 3 3");
  EXPECT_EQ(ToText(sku.Return({.hold_id = "a", .ref = "s", .units = 2})), "BADQTY 0 0");
  EXPECT_EQ(ToText(sku.Return({.hold_id = "a", .ref = "s", .units = 1})), "RETURNED 1 4");
}

TEST(Return, TheSameRefIsDoneOnceWhateverIsAskedUnderIt) {
  Sku sku = Sold();
  const ReturnRequest first{.hold_id = "a", .ref = "r", .units = 2};
  sku.Return(first);
  EXPECT_EQ(ToText(sku.Return(first)), "RETURNED 2 3");
  ReturnRequest other = first;
  other.hold_id = "b";
  EXPECT_EQ(ToText(sku.Return(other)), "HOLDMISMATCH 0 0");
  other = first;
  other.units = 1;
  EXPECT_EQ(ToText(sku.Return(other)), "HOLDMISMATCH 0 0");
  other = first;
  other.target = ReturnTarget::kWriteOff;
  EXPECT_EQ(ToText(sku.Return(other)), "HOLDMISMATCH 0 0");
  EXPECT_EQ(ToText(sku.Adjust({.ref = "r", .delta = 2})), "HOLDMISMATCH 0 0");
  sku.Adjust({.ref = "s", .delta = 2});
  other = first;
  other.ref = "s";
  EXPECT_EQ(ToText(sku.Return(other)), "HOLDMISMATCH 0 0");
}

TEST(Return, LaterThanRetainThereIsNoHold) {
  Sku sku = Sold();
  sku.now = At(99);
  EXPECT_EQ(ToText(sku.Return({.hold_id = "a", .ref = "r", .units = 1})), "RETURNED 1 2");
  sku.now = At(100);
  EXPECT_EQ(ToText(sku.Return({.hold_id = "a", .ref = "s", .units = 1})), "NOHOLD 0 0");
  EXPECT_EQ(ToText(sku.Return({.hold_id = "a", .ref = "r", .units = 1})), "RETURNED 1 2");
}

TEST(Drop, IsRefusedWhileHoldsLiveUnlessForced) {
  Sku sku(5, {.ttl = Ms(10)});
  sku.Reserve({.hold_id = "a", .units = 1});
  EXPECT_EQ(sku.Drop(false), DropStatus::kProtected);
  EXPECT_EQ(sku.Drop(true), DropStatus::kDropped);
  sku.now = At(9);
  EXPECT_EQ(sku.Drop(false), DropStatus::kProtected);
  sku.now = At(10);
  EXPECT_EQ(sku.Drop(false), DropStatus::kDropped);
}

TEST(SaleState, IsTheFirstOfPausedEarlyClosedSoldOutOpen) {
  Sku sku(0, {.opens = At(10), .closes = At(20), .paused = true});
  EXPECT_EQ(SaleStateOf(sku.item, At(0)), SaleState::kPaused);
  sku.Set({.paused = false});
  EXPECT_EQ(SaleStateOf(sku.item, At(9)), SaleState::kEarly);
  EXPECT_EQ(SaleStateOf(sku.item, At(20)), SaleState::kClosed);
  EXPECT_EQ(SaleStateOf(sku.item, At(10)), SaleState::kSoldOut);
  sku.Adjust({.ref = "r", .delta = 1});
  EXPECT_EQ(SaleStateOf(sku.item, At(19)), SaleState::kOpen);
}

// ---- seq: one for each event ----

// How far `change` moves seq.
template <typename F>
uint64_t Events(Sku& sku, F&& change) {
  const uint64_t before = sku.item.seq();
  change();
  return sku.item.seq() - before;
}

TEST(Seq, StartsWithCreatedEvenWhenSoldOutFromTheStart) {
  EXPECT_EQ(Sku(0).item.seq(), 1u);
  EXPECT_EQ(Sku(5).item.seq(), 1u);
}

TEST(Seq, MovesOnceForEachTransitionAndNotForRefusalsOrRetries) {
  Sku sku(9);
  const ReserveRequest request{.hold_id = "a", .units = 2};
  EXPECT_EQ(Events(sku, [&] { sku.Reserve(request); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Reserve(request); }), 0u);
  EXPECT_EQ(Events(sku, [&] { sku.Reserve({.hold_id = "b", .units = 8}); }), 0u);
  EXPECT_EQ(Events(sku, [&] { sku.Extend("a", Ms(1)); }), 0u);
  EXPECT_EQ(Events(sku, [&] { sku.Extend("a", Ms(1'000'000)); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Amend("a", 2); }), 0u);
  EXPECT_EQ(Events(sku, [&] { sku.Amend("a", 3); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Confirm({.hold_id = "a", .quantity = 2}); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Return({.hold_id = "a", .ref = "r", .units = 1}); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Adjust({.ref = "s", .delta = 0}); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Adjust({.ref = "s", .delta = 0}); }), 0u);
  EXPECT_EQ(Events(sku, [&] { sku.Release("fence"); }), 0u);
  EXPECT_EQ(Events(sku, [&] { sku.Set({.paused = true}); }), 0u);
}

TEST(Seq, SoldOutAndInStockFollowWhenSellableReachesOrLeavesZero) {
  Sku sku(3, {.safety = 1, .ttl = Ms(10)});
  EXPECT_EQ(Events(sku, [&] { sku.Reserve({.hold_id = "a", .units = 2, .final = true}); }), 2u);
  EXPECT_EQ(Events(sku, [&] { sku.Adjust({.ref = "r", .delta = -1}); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Adjust({.ref = "s", .delta = 1}); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Set({.safety = 0}); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Set({.safety = 1}); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Return({.hold_id = "a", .ref = "t", .units = 2}); }), 2u);
  EXPECT_EQ(Events(sku, [&] { sku.Reserve({.hold_id = "b", .units = 1}); }), 1u);
  EXPECT_EQ(Events(sku, [&] { sku.Reserve({.hold_id = "c", .units = 1}); }), 2u);
  sku.now = At(10);
  EXPECT_EQ(Events(sku, [&] { sku.Settle(); }), 3u);  // two expired, one instock
  EXPECT_EQ(Events(sku, [&] { sku.Confirm({.hold_id = "b", .reclaim = true}); }), 1u);
}

// ---- Stamps ----

TEST(Stamp, AvailableMovesOnlyWithWhatARefusalCouldSee) {
  Sku sku(9, {.limit = 9});
  const auto moves = [&](auto&& change) {
    const uint64_t before = sku.item.available_stamp;
    change();
    EXPECT_EQ(sku.item.any_stamp, sku.mutations);
    return sku.item.available_stamp != before;
  };
  for (const char* const id : {"a", "b"}) {
    EXPECT_TRUE(moves([&] { sku.Reserve({.hold_id = id, .units = 3, .buyer = "ann"}); }));
  }
  EXPECT_FALSE(moves([&] { sku.Extend("a", Ms(1'000'000)); }));
  EXPECT_FALSE(moves([&] { sku.Confirm("a"); }));
  EXPECT_TRUE(moves([&] { sku.Confirm({.hold_id = "b", .quantity = 1}); }));
  EXPECT_FALSE(moves([&] { sku.Release("fence"); }));
  EXPECT_TRUE(moves([&] { sku.Set({.limit = 8}); }));
  EXPECT_FALSE(moves([&] { sku.Adjust({.ref = "r0", .delta = 0}); }));
  EXPECT_TRUE(moves([&] { sku.Adjust({.ref = "r1", .delta = 1}); }));
  const auto give_back = [&](std::string_view ref, ReturnTarget target, bool keep_limit) {
    sku.Return(
        {.hold_id = "a", .ref = ref, .units = 1, .target = target, .keep_limit = keep_limit});
  };
  EXPECT_TRUE(moves([&] { give_back("r2", ReturnTarget::kAvailable, true); }));
  EXPECT_TRUE(moves([&] { give_back("r3", ReturnTarget::kWriteOff, false); }));
  EXPECT_FALSE(moves([&] { give_back("r4", ReturnTarget::kWriteOff, true); }));
}

}  // namespace
}  // namespace holdfast

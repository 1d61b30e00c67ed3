// A SKU for tests: each verb settles what is due, decides, applies, and replays the encoded
// mutation on a twin, so every test of a verb is a test of its replay too. Time moves by hand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "storage/core/audit.h"
#include "storage/core/holds.h"
#include "storage/core/item.h"
#include "storage/core/stock.h"
#include "storage/core/stock_apply.h"

namespace holdfast {

inline constexpr UnixMs kStart = FromUnixMs(1'795'288'000'000);

constexpr DurationMs Ms(int64_t ms) { return DurationMs{ms}; }
constexpr UnixMs At(int64_t ms) { return kStart + Ms(ms); }

// Reads and, for tests of the audit, spoils what only Apply may touch.
class ItemPeek {
 public:
  static Stock& stock(Item& item) { return item.stock_; }
  static ForgottenUnits& forgotten(Item& item) { return item.forgotten_; }
  static Hold& hold(Item& item, std::string_view id) {
    return **item.holds_.Find(item.holds_.Hash(id));
  }
  // In its place and its queue, as it should be.
  static void SetReturns(Item& item, std::string_view id, HoldReturns returns);
  static void Delay(Item& item, std::string_view id) {
    hold(item, id).set_until(hold(item, id).until() + Ms(1));
  }
  static BuyerUse& buyer(Item& item, std::string_view id) {
    return **item.buyers_.Find(item.buyers_.Hash(id));
  }
  // Everything in one canonical text: two items are the same if and only if their dumps are.
  static std::string Dump(const Item& item);
};

class Sku {
  template <typename Decide>
  auto Do(Decide decide) {
    Settle();
    const auto decision = decide(instant());
    if (decision.mutation) Commit(*decision.mutation);
    EXPECT_TRUE(Balanced(item.stock()));
    return decision.outcome;
  }

 public:
  explicit Sku(Units units, const OptionsChange& options = {}, LedgerLimits ledger_limits = {})
      : Sku(DecideCreate(units, options, {kStart, kStart}).mutation.value(), ledger_limits) {}

  ReserveOutcome Reserve(const ReserveRequest& request) {
    return Do([&](Instant instant) { return DecideReserve(item, request, limits, instant); });
  }
  ReserveOutcome Amend(std::string_view hold_id, Units units) {
    return Do([&](Instant instant) { return DecideAmend(item, {hold_id, units}, instant); });
  }
  ConfirmOutcome Confirm(const ConfirmRequest& request) {
    return Do([&](Instant instant) { return DecideConfirm(item, request, limits, instant); });
  }
  ConfirmOutcome Confirm(std::string_view hold_id) {
    return Confirm(ConfirmRequest{.hold_id = hold_id});
  }
  ReleaseOutcome Release(std::string_view hold_id, std::string_view reason = {}) {
    return Do([&](Instant instant) {
      return DecideRelease(item, {hold_id, reason}, limits, instant);
    });
  }
  ExtendOutcome Extend(std::string_view hold_id, DurationMs ttl) {
    return Do([&](Instant instant) { return DecideExtend(item, {hold_id, ttl}, limits, instant); });
  }
  OptionsStatus Set(const OptionsChange& change) {
    return Do([&](Instant instant) { return DecideSet(item, change, instant); });
  }
  AdjustOutcome Adjust(const AdjustRequest& request) {
    return Do([&](Instant instant) { return DecideAdjust(item, request, limits, instant); });
  }
  ReturnOutcome Return(const ReturnRequest& request) {
    return Do([&](Instant instant) { return DecideReturn(item, request, limits, instant); });
  }
  DropStatus Drop(bool force) {
    Settle();
    return DecideDrop(item, force, instant()).outcome;
  }

  void Settle(uint32_t most = kSweepMax) {
    while (const auto slice = DecideCountBuyers(item, instant(), most)) {
      std::visit([this](const auto& one) { Commit(one); }, *slice);
    }
    while (const auto expired = DecideSettle(item, limits, instant(), most)) {
      const size_t before = item.live_holds();
      Commit(*expired);
      ASSERT_EQ(item.live_holds() + expired->count, before);
    }
  }
  void Forget(uint32_t most = kSweepMax) {
    while (const auto forgotten = DecideForgetHolds(item, instant(), most)) {
      const size_t before = item.holds();
      Commit(*forgotten);
      ASSERT_EQ(item.holds() + forgotten->count, before);
    }
    while (const auto forgotten = DecideForgetRefs(item, instant(), most)) {
      const UnixMs first = item.NextForget();
      Commit(*forgotten);
      ASSERT_TRUE(forgotten->count == most || item.NextForget() != first);
    }
  }

  const Hold* Find(std::string_view hold_id) const { return item.FindHold(hold_id, now); }
  Instant instant() const { return {.now = now, .due = grace ? kNever : now}; }

  // Applies here, and from its bytes on the twin.
  template <typename M>
  void Commit(const M& mutation) {
    ++mutations;
    Apply(item, mutation);
    std::string batch;
    AppendMutation(batch, {.db = kStockDb, .slot = 1, .key = "sku"}, mutation);
    ByteReader reader(batch);
    MutationView view;
    ASSERT_TRUE(NextMutation(reader, view));
    ASSERT_TRUE(ApplyStockBody(twin, view.kind, view.body));
    Stamp(item, mutation, mutations);
  }

  LedgerLimits limits;
  UnixMs now = kStart;
  bool grace = false;      // the restart grace: nothing is due
  uint64_t mutations = 0;  // applied so far; also the stamp of the last one
  Item item;
  Item twin;  // another seed: places in the containers must not matter

 private:
  Sku(const ItemCreated& created, LedgerLimits ledger_limits)
      : limits(ledger_limits), item(created, HashSeed{1}), twin(created, HashSeed{2}) {}
};

// What a reply would say, for tests that compare many at once.
std::string ToText(const ReserveOutcome& outcome);
std::string ToText(const ConfirmOutcome& outcome);
std::string ToText(const ReleaseOutcome& outcome);
std::string ToText(const ExtendOutcome& outcome);
std::string ToText(const AdjustOutcome& outcome);
std::string ToText(const ReturnOutcome& outcome);

}  // namespace holdfast

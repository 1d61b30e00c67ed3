#include "storage/core/stock_mutations.h"

#include <string>

#include <gtest/gtest.h>

#include "storage/core/stock_apply.h"
#include "tests/unit/core/ledger_fixture.h"

namespace holdfast {
namespace {

constexpr ItemOptions kOptions{.limit = 1,
                               .maxqty = 2,
                               .safety = 3,
                               .opens = At(4),
                               .closes = At(5),
                               .ttl = Ms(6),
                               .retain = Ms(7),
                               .paused = true};

template <typename M>
std::string Encoded(const M& mutation) {
  std::string body;
  mutation.EncodeBody(body);
  return body;
}

// Its bytes read back give its bytes again; cut anywhere, or one byte longer, they are refused.
template <typename M>
void ExpectRoundTrip(const M& mutation) {
  const std::string body = Encoded(mutation);
  ByteReader reader(body);
  EXPECT_EQ(Encoded(M::DecodeBody(reader)), body);
  EXPECT_TRUE(reader.AtEnd());
  for (size_t size = 0; size < body.size(); ++size) {
    ByteReader cut(std::string_view(body).substr(0, size));
    M::DecodeBody(cut);
    EXPECT_FALSE(cut.AtEnd()) << "cut at " << size;
    Sku sku(9);
    const std::string before = ItemPeek::Dump(sku.item);
    EXPECT_FALSE(ApplyStockBody(sku.item, M::kKind, std::string_view(body).substr(0, size)));
    EXPECT_EQ(ItemPeek::Dump(sku.item), before);
  }
  Sku sku(9);
  EXPECT_FALSE(ApplyStockBody(sku.item, M::kKind, body + "x"));
}

TEST(StockMutations, EveryKindReadsBackAndRefusesEveryCut) {
  ExpectRoundTrip(ItemCreated{.at = At(1), .units = 5, .options = kOptions});
  ExpectRoundTrip(ItemDropped{.at = At(1)});
  ExpectRoundTrip(ItemOptionsSet{.at = At(1), .options = kOptions});
  ExpectRoundTrip(HoldTaken{.at = At(1),
                            .hold_id = "h",
                            .buyer = "ann",
                            .meta = "m",
                            .asked = kHoldUnitsMax,
                            .units = 4,
                            .deadline = At(9)});
  ExpectRoundTrip(
      HoldTaken{.at = At(1), .hold_id = "h", .asked = 4, .units = 4, .forget_at = At(9)});
  ExpectRoundTrip(
      HoldConfirmed{.at = At(1), .hold_id = "h", .sold = 2, .given_back = 1, .forget_at = At(9)});
  ExpectRoundTrip(
      HoldReclaimed{.at = At(1), .hold_id = "h", .sold = 2, .given_back = 0, .forget_at = At(9)});
  ExpectRoundTrip(HoldReleased{.at = At(1), .hold_id = "h", .reason = "w", .forget_at = At(9)});
  ExpectRoundTrip(
      FenceLeft{.at = At(1), .hold_id = "h", .reason = "w", .evicted = 3, .forget_at = At(9)});
  ExpectRoundTrip(HoldExtended{.at = At(1), .hold_id = "h", .deadline = At(9)});
  ExpectRoundTrip(HoldAmended{.at = At(1), .hold_id = "h", .units = 7});
  ExpectRoundTrip(
      HoldsExpired{.at = At(2), .up_to = At(1), .count = kSweepMax, .forget_at = At(9)});
  ExpectRoundTrip(HoldsForgotten{.at = At(2), .up_to = At(1), .count = 1});
  ExpectRoundTrip(RefsForgotten{.at = At(2), .up_to = At(1), .count = 1});
  ExpectRoundTrip(BuyersCounted{.at = At(2), .count = kSweepMax});
  ExpectRoundTrip(StockAdjusted{
      .at = At(1), .ref = "r", .reason = "w", .asked = -5, .applied = -3, .forget_at = At(9)});
  ExpectRoundTrip(StockReturned{.at = At(1),
                                .hold_id = "h",
                                .ref = "r",
                                .units = 2,
                                .target = ReturnTarget::kWriteOff,
                                .keep_limit = true,
                                .forget_at = At(9)});
}

template <typename M>
bool Decodes(const M& mutation) {
  const std::string body = Encoded(mutation);
  ByteReader reader(body);
  M::DecodeBody(reader);
  return reader.AtEnd();
}

TEST(StockMutations, WhatNobodyWroteIsRefused) {
  const HoldTaken taken{.at = At(1), .hold_id = "h", .asked = 2, .units = 2, .deadline = At(9)};
  EXPECT_TRUE(Decodes(taken));
  const std::string long_word(kMetaBytesMax + 1, 'x');
  HoldTaken bad = taken;
  bad.units = 3;  // more than asked
  EXPECT_FALSE(Decodes(bad));
  bad = taken;
  bad.units = 0;
  EXPECT_FALSE(Decodes(bad));
  bad = taken;
  bad.hold_id = "";
  EXPECT_FALSE(Decodes(bad));
  bad = taken;
  bad.buyer = long_word;
  EXPECT_FALSE(Decodes(bad));
  bad = taken;
  bad.meta = long_word;
  EXPECT_FALSE(Decodes(bad));
  EXPECT_FALSE(Decodes(HoldsExpired{.at = At(1), .up_to = At(1), .count = 0}));
  EXPECT_FALSE(Decodes(HoldsExpired{.at = At(1), .up_to = At(1), .count = kSweepMax + 1}));
  EXPECT_FALSE(Decodes(ItemCreated{.at = At(1), .units = -1}));
}

TEST(StockMutations, KindsOfTheKeyspaceAreNotForAnItem) {
  Sku sku(9);
  const std::string dropped = Encoded(ItemDropped{.at = At(1)});
  EXPECT_FALSE(ApplyStockBody(sku.item, MutationKind::kItemDropped, dropped));
  EXPECT_FALSE(ApplyStockBody(sku.item, MutationKind::kStringSet, ""));
}

using StockMutationsDeathTest = testing::Test;

TEST(StockMutationsDeathTest, TimeOfOneSkuNeverRunsBackwards) {
  Sku sku(9);
  sku.now = At(5);
  sku.Reserve({.hold_id = "a", .units = 1});
  EXPECT_DEATH(Apply(sku.item, HoldAmended{.at = At(4), .hold_id = "a", .units = 2}), "invariant");
}

TEST(StockMutationsDeathTest, UnitsThatAreNotThereAreNeverHeld) {
  Sku sku(1);
  const HoldTaken taken{.at = At(1), .hold_id = "a", .asked = 2, .units = 2, .deadline = At(9)};
  EXPECT_DEATH(Apply(sku.item, taken), "invariant");
}

TEST(StockMutationsDeathTest, AnIdIsNeverTakenTwice) {
  Sku sku(9);
  const HoldTaken taken{.at = At(1), .hold_id = "a", .asked = 2, .units = 2, .deadline = At(9)};
  Apply(sku.item, taken);
  EXPECT_DEATH(Apply(sku.item, taken), "invariant");
}

}  // namespace
}  // namespace holdfast

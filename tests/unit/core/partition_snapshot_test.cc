// A snapshot is what the partition held at its cut, whatever happened while it was taken, and with
// the mutations since it is what the partition holds now.
#include "storage/core/partition_snapshot.h"

#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/core/audit.h"
#include "storage/core/sparse_walk.h"
#include "tests/unit/core/chance_mover.h"
#include "tests/unit/core/partition_driver.h"

namespace holdfast {
namespace {

class SnapshotOfChanges : public testing::TestWithParam<unsigned> {};

TEST_P(SnapshotOfChanges, IsWhatWasThereAtTheCut) {
  Partitioned live(GetParam());
  for (int i = 0; i < 1'500; ++i) live.Step();
  for (uint32_t number = 1; number <= 3; ++number) {
    SCOPED_TRACE(number);
    const Dump at_cut = DumpOf(live.keys);
    const size_t keys_at_cut = KeysOf(live.keys);
    live.log.clear();
    live.mood = number == 2 ? Partitioned::Mood::kGrows : Partitioned::Mood::kShrinks;
    Rows rows;
    {
      // Beside it everything moves about.
      ChanceMover mover(2, GetParam());
      std::optional<SparseWalk> walk;
      PartitionSnapshot snapshot(live.keys, kPartition, number, rows);
      while (snapshot.Step(live.Below(60'000))) {
        if (!walk) walk.emplace(live.keys, mover);
        if (!walk->Step()) walk.reset();
        for (size_t left = live.Below(60); left > 0; --left) {
          live.Step();
          if (live.Below(10) == 0) live.keys.FreeDoomed();
        }
      }
      EXPECT_EQ(snapshot.keys(), keys_at_cut);
      EXPECT_EQ(snapshot.held_bytes(), 0U);
      for (int i = 0; i < 20; ++i) live.Step();
    }
    Keyspace loaded(kSeed, kPartition * kSlotsPerPartition,
                    (kPartition + 1) * kSlotsPerPartition - 1);
    ASSERT_TRUE(LoadAll(loaded, rows.rows));
    EXPECT_TRUE(DumpOf(loaded) == at_cut);
    AuditAll(loaded);
    EXPECT_EQ(KeysOf(loaded), keys_at_cut);
    Replay(loaded, live.log);
    EXPECT_TRUE(DumpOf(loaded) == DumpOf(live.keys));
    EXPECT_EQ(loaded.StockCount(), live.keys.StockCount());
    for (DbIndex db = 0; db < 3; ++db)
      EXPECT_EQ(loaded.DeadlineCount(db), live.keys.DeadlineCount(db));
    while (live.keys.FreeDoomed()) {
    }
    live.mood = Partitioned::Mood::kGrows;
    for (int i = 0; i < 500; ++i) live.Step();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SnapshotOfChanges, testing::Range(1u, 7u));

// The first segment of a container that was empty at the cut has nothing that was there.
TEST(PartitionSnapshot, WhatASkuRememberedNothingOfAtTheCutStaysOutOfIt) {
  const std::string sku = Tags()[0] + "sku";
  Keyspace keys(kSeed, kPartition * kSlotsPerPartition, (kPartition + 1) * kSlotsPerPartition - 1);
  const KeyPlace place = keys.At(kStockDb, SlotOf(sku), sku);
  keys.Apply(place, ItemCreated{.at = kStart, .units = 100, .options = {.limit = 5}});
  keys.Apply(place, *DecideAdjust(*keys.FindStock(place), {.ref = "r", .delta = 5}, kLimits,
                                  {kStart, kStart})
                         .mutation);
  const Dump at_cut = DumpOf(keys);
  Rows rows;
  PartitionSnapshot snapshot(keys, kPartition, 1, rows);
  keys.Apply(place, ItemOptionsSet{.at = kStart, .options = {.limit = 6}});
  keys.Apply(place, HoldTaken{.at = kStart,
                              .hold_id = "late",
                              .buyer = "ann",
                              .asked = 1,
                              .units = 1,
                              .deadline = At(50)});
  while (snapshot.Step(10'000)) {
  }
  Keyspace loaded(kSeed, kPartition * kSlotsPerPartition,
                  (kPartition + 1) * kSlotsPerPartition - 1);
  ASSERT_TRUE(LoadAll(loaded, rows.rows));
  EXPECT_TRUE(DumpOf(loaded) == at_cut);
}

TEST(PartitionSnapshot, ACountOfBuyersGoesOnWhereItWas) {
  const std::string sku = Tags()[0] + "sku";
  Keyspace keys(kSeed, kPartition * kSlotsPerPartition, (kPartition + 1) * kSlotsPerPartition - 1);
  const KeyPlace place = keys.At(kStockDb, SlotOf(sku), sku);
  keys.Apply(place, ItemCreated{.at = kStart, .units = 9'000});
  for (int i = 0; i < 4'000; ++i) {
    const std::string id = "hold" + std::to_string(i);
    keys.Apply(place, HoldTaken{.at = kStart,
                                .hold_id = id,
                                .buyer = i % 2 == 0 ? "ann" : "bob",
                                .asked = 1,
                                .units = 1,
                                .deadline = At(900)});
  }
  keys.Apply(place, ItemOptionsSet{.at = kStart, .options = {.limit = 5'000}});
  keys.Apply(place, BuyersCounted{.at = kStart, .count = 1'000});
  Rows rows;
  PartitionSnapshot snapshot(keys, kPartition, 1, rows);
  while (snapshot.Step(10'000)) {
  }
  Keyspace loaded(kSeed, kPartition * kSlotsPerPartition,
                  (kPartition + 1) * kSlotsPerPartition - 1);
  ASSERT_TRUE(LoadAll(loaded, rows.rows));
  EXPECT_EQ(loaded.NextDueWork().has_value(), true);
  Item& item = *loaded.FindStock(place);
  ASSERT_TRUE(item.counting());
  while (item.counting()) loaded.Apply(place, BuyersCounted{.at = kStart, .count = 1'000});
  EXPECT_EQ(item.UseOf("ann"), 2'000);
  EXPECT_EQ(item.UseOf("bob"), 2'000);
  EXPECT_EQ(Audit(item).fault, "");
}

// Hundreds of them may lie in one segment.
TEST(PartitionSnapshot, LongStringsAreTakenInPartsWhateverBecomesOfThem) {
  Keyspace keys(kSeed, kPartition * kSlotsPerPartition, (kPartition + 1) * kSlotsPerPartition - 1);
  const std::string tag = Tags()[0];
  const auto place = [&](int i) {
    static std::string key;
    key = tag + std::to_string(i);
    return keys.At(0, SlotOf(key), key);
  };
  for (int i = 0; i < 60; ++i) {
    const std::string value(200'000 + static_cast<size_t>(i), static_cast<char>('a' + i % 26));
    keys.Apply(place(i), StringSet{.value = value, .deadline = i % 2 == 0 ? At(900) : kNever});
  }
  const Dump at_cut = DumpOf(keys);
  Rows rows;
  PartitionSnapshot snapshot(keys, kPartition, 1, rows);
  for (int i = 0;; ++i) {
    const size_t before = rows.bytes();
    if (!snapshot.Step(1)) break;
    EXPECT_LT(rows.bytes() - before, 300'000U);  // a row at most
    if (i % 3 == 0 && i < 180) {
      switch (i / 3 % 5) {
        case 0:
          keys.Apply(place(i / 3), StringSet{.value = "short"});
          break;
        case 1:
          keys.Apply(place(i / 3), KeyDeleted{});
          break;
        case 2:
          keys.Apply(place(i / 3), StringRangeSet{.offset = 150'000, .bytes = "changed"});
          break;
        case 3:
          keys.Apply(place(i / 3), StringRangeSet{.offset = 400'000, .bytes = "longer"});
          break;
        default:
          keys.Apply(place(i / 3), DeadlineSet{.deadline = At(5000)});
      }
    }
  }
  Keyspace loaded(kSeed, kPartition * kSlotsPerPartition,
                  (kPartition + 1) * kSlotsPerPartition - 1);
  ASSERT_TRUE(LoadAll(loaded, rows.rows));
  EXPECT_TRUE(DumpOf(loaded) == at_cut);
}

// Two segments that one more deletion would bring together: one of them is not taken yet.
struct TwoSegments {
  std::vector<std::string> lower;
  std::vector<std::string> upper;
};

TwoSegments JustTooManyForOne(const Keyspace& keys, const std::string& prefix) {
  TwoSegments two;
  for (int i = 0; two.lower.size() + two.upper.size() <= kSegmentEntriesMax; ++i) {
    const std::string name = prefix + std::to_string(i);
    ((keys.Hash(name).hash >> 63) == 0 ? two.lower : two.upper).push_back(name);
  }
  return two;
}

TEST(PartitionSnapshot, SegmentsOfKeysDoNotComeTogetherMeanwhile) {
  Keyspace keys(kSeed, kPartition * kSlotsPerPartition, (kPartition + 1) * kSlotsPerPartition - 1);
  auto [lower, upper] = JustTooManyForOne(keys, Tags()[0] + "k");
  const auto place = [&](const std::string& key) { return keys.At(0, SlotOf(key), key); };
  for (const auto* names : {&lower, &upper}) {
    for (const std::string& key : *names) keys.Apply(place(key), StringSet{.value = key});
  }
  while (lower.size() + upper.size() > kMergedEntriesMax + 1) {
    auto& larger = lower.size() > upper.size() ? lower : upper;
    keys.Apply(place(larger.back()), KeyDeleted{});
    larger.pop_back();
  }
  const Dump at_cut = DumpOf(keys);
  Rows rows;
  PartitionSnapshot snapshot(keys, kPartition, 1, rows);
  for (int i = 0; i < 5; ++i, upper.pop_back()) keys.Apply(place(upper.back()), KeyDeleted{});
  while (snapshot.Step(10'000)) {
  }
  EXPECT_EQ(snapshot.keys(), at_cut.size());
  Keyspace loaded(kSeed, kPartition * kSlotsPerPartition,
                  (kPartition + 1) * kSlotsPerPartition - 1);
  ASSERT_TRUE(LoadAll(loaded, rows.rows));
  EXPECT_TRUE(DumpOf(loaded) == at_cut);
}

TEST(PartitionSnapshot, SegmentsOfHoldsDoNotComeTogetherMeanwhile) {
  const std::string sku = Tags()[0] + "sku";
  Keyspace keys(kSeed, kPartition * kSlotsPerPartition, (kPartition + 1) * kSlotsPerPartition - 1);
  const KeyPlace place = keys.At(kStockDb, SlotOf(sku), sku);
  auto [lower, upper] = JustTooManyForOne(keys, "hold");
  keys.Apply(place, ItemCreated{.at = kStart, .units = 9'000});
  const auto forget = [&](const std::string& id, UnixMs at) {
    keys.Apply(place, HoldExtended{.at = at, .hold_id = id, .deadline = at});
    keys.Apply(place, HoldsExpired{.at = at, .up_to = at, .count = 1, .forget_at = at});
    keys.Apply(place, HoldsForgotten{.at = at, .up_to = at, .count = 1});
  };
  for (const auto* ids : {&lower, &upper}) {
    for (const std::string& id : *ids) {
      keys.Apply(
          place,
          HoldTaken{.at = kStart, .hold_id = id, .asked = 1, .units = 1, .deadline = At(9'000)});
    }
  }
  while (lower.size() + upper.size() > kMergedEntriesMax + 1) {
    auto& larger = lower.size() > upper.size() ? lower : upper;
    forget(larger.back(), kStart);
    larger.pop_back();
  }
  const Dump at_cut = DumpOf(keys);
  Rows rows;
  PartitionSnapshot snapshot(keys, kPartition, 1, rows);
  for (int i = 0; i < 5; ++i, upper.pop_back()) forget(upper.back(), At(1));
  while (snapshot.Step(10'000)) {
  }
  Keyspace loaded(kSeed, kPartition * kSlotsPerPartition,
                  (kPartition + 1) * kSlotsPerPartition - 1);
  ASSERT_TRUE(LoadAll(loaded, rows.rows));
  EXPECT_TRUE(DumpOf(loaded) == at_cut);
  AuditAll(loaded);
}

TEST(PartitionSnapshot, SegmentsOfFieldsAndRefsDoNotComeTogetherMeanwhile) {
  const std::string hash = Tags()[0] + "hash";
  const std::string sku = Tags()[0] + "sku";
  Keyspace keys(kSeed, kPartition * kSlotsPerPartition, (kPartition + 1) * kSlotsPerPartition - 1);
  const KeyPlace hash_place = keys.At(0, SlotOf(hash), hash);
  const KeyPlace sku_place = keys.At(kStockDb, SlotOf(sku), sku);
  auto [lower, upper] = JustTooManyForOne(keys, "name");
  keys.Apply(sku_place, ItemCreated{.at = kStart, .units = 1});
  const auto adjust = [&](const std::string& ref, int64_t forget_at) {
    keys.Apply(sku_place,
               StockAdjusted{
                   .at = kStart, .ref = ref, .asked = 1, .applied = 1, .forget_at = At(forget_at)});
  };
  const auto forget = [&](const std::string& name, UnixMs at, uint32_t refs) {
    keys.Apply(hash_place, HashFieldsDeleted{.fields = {name}});
    keys.Apply(sku_place, RefsForgotten{.at = at, .up_to = at, .count = refs});
  };
  // Refs are forgotten in their order: those that go before the cut, after it, and not at all.
  const size_t stay = kMergedEntriesMax / 2;
  for (auto* names : {&lower, &upper}) {
    for (size_t i = 0; i < names->size(); ++i) {
      keys.Apply(hash_place, HashFieldsSet{.pairs = {{(*names)[i], "value"}}});
      const bool stays_until_later = names == &upper && i >= stay && i < stay + 5;
      adjust((*names)[i], i < stay ? 9'000 : stays_until_later ? 2 : 1);
    }
  }
  const auto drop = [&](std::vector<std::string>& names, size_t down_to) {
    for (; names.size() > down_to; names.pop_back()) forget(names.back(), At(1), 1);
  };
  drop(lower, stay);
  drop(upper, stay + 5);
  const Dump at_cut = DumpOf(keys);
  Rows rows;
  PartitionSnapshot snapshot(keys, kPartition, 1, rows);
  for (; upper.size() > stay - 5; upper.pop_back())
    forget(upper.back(), At(2), upper.size() > stay ? 1 : 0);
  while (snapshot.Step(10'000)) {
  }
  Keyspace loaded(kSeed, kPartition * kSlotsPerPartition,
                  (kPartition + 1) * kSlotsPerPartition - 1);
  ASSERT_TRUE(LoadAll(loaded, rows.rows));
  EXPECT_TRUE(DumpOf(loaded) == at_cut);
}

TEST(PartitionSnapshot, GivesUpWithoutATrace) {
  Partitioned live(5);
  for (int i = 0; i < 800; ++i) live.Step();
  Rows rows;
  { PartitionSnapshot(live.keys, kPartition, 1, rows).Step(10'000); }
  for (int i = 0; i < 800; ++i) live.Step();
  const Dump at_cut = DumpOf(live.keys);
  rows.rows.clear();
  PartitionSnapshot again(live.keys, kPartition, 2, rows);
  while (again.Step(100'000)) {
  }
  Keyspace loaded(kSeed, kPartition * kSlotsPerPartition,
                  (kPartition + 1) * kSlotsPerPartition - 1);
  ASSERT_TRUE(LoadAll(loaded, rows.rows));
  EXPECT_TRUE(DumpOf(loaded) == at_cut);
}

// Otherwise a sweep of 1,024 holds, which lie anywhere, would have a whole large SKU taken at once.
TEST(PartitionSnapshot, ASweepTakesNoMoreHoldsThanSomePiecesHave) {
  const std::string sku = Tags()[0] + "sku";
  Keyspace keys(kSeed, kPartition * kSlotsPerPartition, (kPartition + 1) * kSlotsPerPartition - 1);
  const KeyPlace place = keys.At(kStockDb, SlotOf(sku), sku);
  keys.Apply(place, ItemCreated{.at = kStart, .units = 100'000, .options = {.limit = 5}});
  for (int i = 0; i < 60'000; ++i) {
    const std::string id = "hold" + std::to_string(i);
    keys.Apply(place, HoldTaken{.at = kStart,
                                .hold_id = id,
                                .buyer = id,
                                .asked = 1,
                                .units = 1,
                                .deadline = kStart + Ms(i % 7)});
  }
  const Item& item = *keys.FindStock(place);
  const Instant later{At(100), At(100)};
  EXPECT_EQ(DecideSettle(item, {}, later)->count, kSweepMax);
  Rows rows;
  {
    PartitionSnapshot snapshot(keys, kPartition, 1, rows);
    snapshot.Step(1);  // the empty slots before it cost nothing
    while (rows.rows.empty() && DecideSettle(item, {}, later)->count == kSweepMax) snapshot.Step(1);
    const uint32_t count = DecideSettle(item, {}, later)->count;
    EXPECT_GE(count, 1U);
    EXPECT_LE(count, 16U);
    keys.Apply(place, *DecideSettle(item, {}, later));
    while (snapshot.Step(100'000)) {
    }
    EXPECT_EQ(DecideSettle(item, {}, later)->count, kSweepMax);
  }
}

TEST(PartitionSnapshot, AValueDeletedBeforeItIsTakenIsKeptUntilThen) {
  const std::string key = Tags()[0] + "hash";
  Keyspace keys(kSeed, kPartition * kSlotsPerPartition, (kPartition + 1) * kSlotsPerPartition - 1);
  const KeyPlace place = keys.At(0, SlotOf(key), key);
  for (int i = 0; i < 20'000; ++i) {
    const std::string field = std::to_string(i);
    keys.Apply(place, HashFieldsSet{.pairs = {{field, "a value of some length"}}});
  }
  const Dump at_cut = DumpOf(keys);
  const size_t bytes = keys.MemoryBytes();
  Rows rows;
  PartitionSnapshot snapshot(keys, kPartition, 1, rows);
  keys.Apply(place, KeyDeleted{});
  EXPECT_EQ(DumpOf(keys).size(), 0U);
  EXPECT_GT(snapshot.held_bytes(), bytes / 2);
  EXPECT_LT(keys.MemoryBytes(), bytes / 10);
  while (snapshot.Step(10'000)) {
  }
  EXPECT_EQ(snapshot.held_bytes(), 0U);
  Keyspace loaded(kSeed, kPartition * kSlotsPerPartition,
                  (kPartition + 1) * kSlotsPerPartition - 1);
  ASSERT_TRUE(LoadAll(loaded, rows.rows));
  EXPECT_TRUE(DumpOf(loaded) == at_cut);
}

// A step takes a piece: so much is a turn's longest wait for a snapshot.
TEST(PartitionSnapshot, StepsAreSmall) {
  Partitioned live(9);
  for (int i = 0; i < 2'000; ++i) live.Step();
  Rows rows;
  PartitionSnapshot snapshot(live.keys, kPartition, 1, rows);
  size_t steps = 0;
  while (snapshot.Step(20'000)) ++steps;
  size_t bytes = 0;
  for (const std::string& row : rows.rows) {
    bytes += row.size();
    EXPECT_LT(row.size(), size_t{1} << 20);
  }
  EXPECT_GT(steps, bytes / 400'000);
}

TEST(PartitionSnapshot, BytesThatCannotHaveBeenWrittenAreRefusedOrHarmless) {
  Partitioned live(7);
  for (int i = 0; i < 300; ++i) live.Step();
  Rows rows;
  PartitionSnapshot snapshot(live.keys, kPartition, 1, rows);
  while (snapshot.Step(100'000)) {
  }
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 100; ++i) {
    Keyspace loaded(kSeed, kPartition * kSlotsPerPartition,
                    (kPartition + 1) * kSlotsPerPartition - 1);
    bool sound = true;
    for (std::string row : rows.rows) {
      row[random() % row.size()] = static_cast<char>(random());
      if (random() % 4 == 0) row.resize(random() % row.size());
      sound = sound && Load(loaded, row);
    }
    refused += sound ? 0 : 1;
  }
  EXPECT_GT(refused, 50);
}

}  // namespace
}  // namespace holdfast

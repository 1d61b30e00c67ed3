// Whole databases: flushed, swapped, and what their timers do afterwards.
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/core/item.h"
#include "storage/core/keyspace.h"

namespace holdfast {
namespace {

constexpr Slot kLastSlot = kSlots - 1;
constexpr size_t kPlenty = 1'000'000;

UnixMs At(int64_t ms) { return FromUnixMs(1'795'288'000'000 + ms); }

class Databases : public testing::Test {
 protected:
  void Set(std::string_view key, std::string_view value, DbIndex db = 0, UnixMs deadline = kNever) {
    keys_.Apply(keys_.At(db, SlotOf(key), key), StringSet{.value = value, .deadline = deadline});
  }
  const Entry* Find(std::string_view key, DbIndex db = 0) {
    return keys_.Find(keys_.At(db, SlotOf(key), key));
  }
  // The same for every partition, from bytes, as recovery does.
  template <typename M>
  void Everywhere(const M& mutation, DbIndex db = 0) {
    std::string batch;
    for (int number = 0; number < kPartitions; ++number) {
      const auto first = static_cast<Slot>(number * kSlotsPerPartition);
      AppendMutation(batch, MutationPlace{.db = db, .slot = first, .key = {}}, mutation);
    }
    ByteReader reader(batch);
    MutationView view;
    while (NextMutation(reader, view)) ASSERT_TRUE(keys_.ApplyView(view));
  }
  // "db:key" of what is due, each answered with KeyExpired.
  std::vector<std::string> CollectDue(UnixMs now) {
    std::vector<std::string> due;
    keys_.CollectDue(
        now, kPlenty,
        [&](const KeyPlace& place) {
          due.push_back(std::to_string(place.db) + ":" + std::string(place.key));
          keys_.Apply(place, KeyExpired{});
        },
        [](const KeyPlace&, Item&) {});
    return due;
  }

  Keyspace keys_{HashSeed{7}, 0, kLastSlot};
};

TEST_F(Databases, AFlushedDatabaseIsEmptyAtOnceAndItsMemoryComesBackInSlices) {
  constexpr int kKeys = 20'000;
  Set("other", "x", 1, At(5));
  const size_t before = keys_.MemoryBytes();
  for (int i = 0; i < kKeys; ++i) Set("{tag}" + std::to_string(i), "value", 0, At(10));
  for (int i = 0; i < 100; ++i) Set("key" + std::to_string(i), "value");
  const size_t full = keys_.MemoryBytes();
  Everywhere(DatabaseFlushed{});
  EXPECT_EQ(keys_.KeyCount(0), 0U);
  EXPECT_EQ(keys_.DeadlineCount(0), 0U);
  EXPECT_EQ(Find("{tag}1"), nullptr);
  EXPECT_NE(Find("other", 1), nullptr);
  EXPECT_EQ(keys_.MemoryBytes(), full);
  size_t slices = 1;
  while (keys_.FreeDoomed()) ++slices;
  EXPECT_GT(slices, kKeys / kSegmentEntriesMax);
  EXPECT_EQ(keys_.MemoryBytes(), before);
  EXPECT_EQ(CollectDue(At(1000)), std::vector<std::string>{"1:other"});
}

TEST_F(Databases, ATimerOfAFlushedKeyHarmsNobodyOfTheSameName) {
  Set("k", "old", 0, At(5));
  Everywhere(DatabaseFlushed{.all = true});
  Set("k", "new", 0, At(50'000));
  EXPECT_TRUE(CollectDue(At(1000)).empty());
  ASSERT_NE(Find("k"), nullptr);
  EXPECT_EQ(Find("k")->string(), "new");
  while (keys_.FreeDoomed()) {
  }
  EXPECT_EQ(CollectDue(At(60'000)), std::vector<std::string>{"0:k"});
}

TEST_F(Databases, SwappedDatabasesExchangeKeysDeadlinesAndCounts) {
  Set("k", "zero", 0, At(5));
  Set("l", "zero", 0);
  Set("k", "nine", 9, At(50'000));
  Everywhere(DatabasesSwapped{.other = 9}, 0);
  EXPECT_EQ(Find("k", 0)->string(), "nine");
  EXPECT_EQ(Find("k", 9)->string(), "zero");
  EXPECT_EQ(keys_.KeyCount(0), 1U);
  EXPECT_EQ(keys_.KeyCount(9), 2U);
  EXPECT_EQ(keys_.DeadlineCount(9), 1U);
  EXPECT_EQ(CollectDue(At(1000)), std::vector<std::string>{"9:k"});
  // New keys of either side are told from the old ones' labels.
  Set("n", "new", 0, At(2000));
  Set("m", "new", 9, At(2000));
  const std::vector<std::string> due = CollectDue(At(3000));
  EXPECT_EQ(std::set<std::string>(due.begin(), due.end()), (std::set<std::string>{"0:n", "9:m"}));
}

TEST_F(Databases, AllSixteenMayBeInUseSwappedAndFlushedAgainAndAgain) {
  for (int round = 0; round < 50; ++round) {
    for (DbIndex db = 0; db < kDatabases; ++db)
      Set("k" + std::to_string(db), "v", db, At(round * 1000 + 500));
    const auto one = static_cast<DbIndex>(round % kDatabases);
    const auto other = static_cast<DbIndex>((round + 5) % kDatabases);
    Everywhere(DatabasesSwapped{.other = other}, one);
    EXPECT_NE(Find("k" + std::to_string(one), other), nullptr);
    Everywhere(DatabaseFlushed{}, other);
    EXPECT_EQ(keys_.KeyCount(other), 0U);
    EXPECT_EQ(CollectDue(At(round * 1000 + 999)).size(), kDatabases - 1U);
    if (round % 3 == 0) keys_.FreeDoomed();
  }
}

TEST_F(Databases, StockIsCountedOutWhenItIsFlushedAndNeverSwapped) {
  keys_.Apply(keys_.At(0, SlotOf("sku"), "sku"), ItemCreated{.at = At(0), .units = 5});
  std::string batch;
  const auto first = static_cast<Slot>(PartitionOf(SlotOf("sku")) * kSlotsPerPartition);
  AppendMutation(batch, MutationPlace{.db = 0, .slot = first, .key = {}},
                 DatabasesSwapped{.other = 3});
  ByteReader reader(batch);
  MutationView view;
  ASSERT_TRUE(NextMutation(reader, view));
  EXPECT_FALSE(keys_.ApplyView(view));
  Everywhere(DatabaseFlushed{.all = true});
  EXPECT_EQ(keys_.StockCount(), 0U);
}

TEST_F(Databases, BytesThatNameNoPartitionOrDatabaseAreRefused) {
  const auto applies = [&](const MutationPlace& place, const auto& mutation) {
    std::string batch;
    AppendMutation(batch, place, mutation);
    ByteReader reader(batch);
    MutationView view;
    return NextMutation(reader, view) && keys_.ApplyView(view);
  };
  EXPECT_TRUE(applies({.db = 0, .slot = 256, .key = {}}, DatabaseFlushed{}));
  EXPECT_FALSE(applies({.db = 0, .slot = 255, .key = {}}, DatabaseFlushed{}));
  EXPECT_FALSE(applies({.db = 0, .slot = 256, .key = "k"}, DatabaseFlushed{}));
  EXPECT_FALSE(applies({.db = 0, .slot = 256, .key = {}}, DatabasesSwapped{.other = 16}));
  EXPECT_FALSE(applies({.db = 4, .slot = 256, .key = {}}, DatabasesSwapped{.other = 4}));
}

}  // namespace
}  // namespace holdfast

#include "storage/core/segmented_set.h"

#include <map>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

struct Pair {
  std::string key;
  int value;
};
using PairPtr = std::unique_ptr<Pair>;
struct PairTraits {
  static std::string_view KeyOf(const PairPtr& pair) { return pair->key; }
};
using Pairs = SegmentedSet<PairPtr, PairTraits>;

// Everything has the same top 48 bits, as if somebody knew the seed.
HashedKey HashToOnePlace(HashSeed seed, std::string_view key) {
  return {key, uint64_t{0xABCDEF} << 40 | (HashKey(seed, key).hash & 0xFFFF)};
}
using CrowdedPairs = SegmentedSet<PairPtr, PairTraits, HashToOnePlace>;

template <typename Set>
void Put(Set& set, const std::string& key, int value) {
  set.Insert(set.Hash(key), std::make_unique<Pair>(Pair{key, value}));
}

template <typename Set>
Set Filled(int count) {
  Set set(HashSeed{7});
  for (int i = 0; i < count; ++i) Put(set, std::to_string(i), i);
  return set;
}

std::multiset<std::string> ScanAll(const Pairs& set, size_t count) {
  std::multiset<std::string> seen;
  uint64_t from = 0;
  do {
    from = set.Scan(from, count, [&](const PairPtr& pair) { seen.insert(pair->key); });
  } while (from != 0);
  return seen;
}

TEST(SegmentedSet, HoldsWhatAMapHoldsThroughGrowthAndShrinking) {
  for (const unsigned seed : {1u, 2u, 3u}) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Pairs set(HashSeed{seed});
    std::map<std::string, int> model;
    // Four waves: mostly inserting to 12,000 keys, then mostly erasing, so that segments split and
    // merge.
    for (int wave = 0; wave < 4; ++wave) {
      const unsigned insert_percent = wave % 2 == 0 ? 80 : 15;
      for (int i = 0; i < 20'000; ++i) {
        const std::string key = std::to_string(random() % 12'000);
        const HashedKey hashed = set.Hash(key);
        PairPtr* const found = set.Find(hashed);
        const auto expected = model.find(key);
        ASSERT_EQ(found != nullptr, expected != model.end());
        if (found != nullptr) {
          ASSERT_EQ((*found)->value, expected->second);
        }
        if (random() % 100 < insert_percent) {
          if (found == nullptr) {
            Put(set, key, i);
          } else {
            (*found)->value = i;
          }
          model[key] = i;
        } else {
          ASSERT_EQ(set.Erase(hashed), model.erase(key) == 1);
        }
        ASSERT_EQ(set.size(), model.size());
        ASSERT_LE(set.largest_segment(), kSegmentEntriesMax);
      }
      std::map<std::string, int> all;
      set.ForEach([&](const PairPtr& pair) { all[pair->key] = pair->value; });
      EXPECT_EQ(all, model);
    }
  }
}

// What is prefetched is a guess, but one that must nearly always be right.
TEST(SegmentedSet, TheFirstCandidateIsNearlyAlwaysTheEntryThatIsFound) {
  EXPECT_EQ(Pairs(HashSeed{7}).FirstCandidate(1), nullptr);
  for (const int count : {1, 500, 20'000}) {
    const Pairs set = Filled<Pairs>(count);
    int right = 0;
    for (int i = 0; i < count; ++i) {
      const std::string name = std::to_string(i);
      const HashedKey key = set.Hash(name);
      set.PrefetchSegment(key.hash);
      set.PrefetchPlaces(key);
      right += set.FirstCandidate(key.hash) == set.Find(key) ? 1 : 0;
    }
    EXPECT_GE(right, count * 9 / 10);
  }
}

TEST(SegmentedSet, OwnsNoMemoryWhileEmpty) {
  Pairs set(HashSeed{7});
  EXPECT_EQ(set.MemoryBytes(), 0u);
  EXPECT_EQ(set.Find(set.Hash("absent")), nullptr);
  EXPECT_FALSE(set.Erase(set.Hash("absent")));
  EXPECT_EQ(set.Scan(0, 10, [](const PairPtr&) { FAIL(); }), 0u);

  for (int i = 0; i < 10'000; ++i) Put(set, std::to_string(i), i);
  EXPECT_GT(set.MemoryBytes(), 10'000 * sizeof(PairPtr));
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(set.Erase(set.Hash(std::to_string(i))));
  EXPECT_EQ(set.MemoryBytes(), 0u);
}

TEST(SegmentedSet, GivesMemoryBackWhileEntriesRemain) {
  Pairs set = Filled<Pairs>(50'000);
  const size_t full = set.MemoryBytes();
  for (int i = 0; i < 49'000; ++i) set.Erase(set.Hash(std::to_string(i)));
  EXPECT_LT(set.MemoryBytes(), full / 10);
  EXPECT_LE(set.segment_count(), 4 * 1'000 / kMergedEntriesMax);
}

TEST(SegmentedSet, DoesNotSplitAndMergeWhenItsSizeSwingsAroundABorder) {
  Pairs set = Filled<Pairs>(static_cast<int>(kSegmentEntriesMax));
  EXPECT_EQ(set.segment_count(), 1u);
  Put(set, "one more", 0);
  EXPECT_EQ(set.segment_count(), 2u);
  for (int i = 0; i < 100; ++i) set.Erase(set.Hash(std::to_string(i)));
  EXPECT_EQ(set.segment_count(), 2u);
  for (int i = 100; i < 500; ++i) set.Erase(set.Hash(std::to_string(i)));
  EXPECT_EQ(set.segment_count(), 1u);
  EXPECT_EQ(set.directory_places(), 0u);
}

TEST(SegmentedSet, KeepsItsDirectoryInProportionWhenHashesShareTheirTopBits) {
  CrowdedPairs set = Filled<CrowdedPairs>(5'000);
  EXPECT_LE(set.directory_places() * kEntriesPerPlaceMin, 5'000u);
  for (int i = 0; i < 5'000; ++i) ASSERT_NE(set.Find(set.Hash(std::to_string(i))), nullptr);
  for (int i = 0; i < 5'000; ++i) ASSERT_TRUE(set.Erase(set.Hash(std::to_string(i))));
  EXPECT_EQ(set.MemoryBytes(), 0u);
}

TEST(SegmentedSet, ScanVisitsEachEntryOnceWhateverTheCount) {
  const Pairs set = Filled<Pairs>(5'000);
  for (const size_t count : {size_t{1}, size_t{10}, size_t{999}, size_t{100'000}}) {
    const auto seen = ScanAll(set, count);
    EXPECT_EQ(seen.size(), 5'000u);
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 5'000u);
  }
}

TEST(SegmentedSet, ScanStepVisitsAboutAsManyAsAsked) {
  const Pairs set = Filled<Pairs>(5'000);
  uint64_t from = 0;
  do {
    size_t visited = 0;
    from = set.Scan(from, 10, [&](const PairPtr&) { ++visited; });
    ASSERT_LE(visited, 12u);
    ASSERT_EQ(from & (~uint64_t{0} >> kScanPrefixBits), 0u);
  } while (from != 0);
}

TEST(SegmentedSet, ScanStepEndsWhereAVisitAsksForIt) {
  const Pairs set = Filled<Pairs>(2'000);
  std::multiset<std::string> seen;
  uint64_t from = 0;
  int steps = 0;
  do {
    int left = 3;
    from = set.Scan(from, 1'000, [&](const PairPtr& pair) {
      seen.insert(pair->key);
      return --left > 0;
    });
    ++steps;
  } while (from != 0);
  EXPECT_EQ(seen.size(), 2'000u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 2'000u);
  EXPECT_GE(steps, 600);
}

// A fair choice gives an entry 100 times of 100 n tries, give or take 10.
TEST(SegmentedSet, ASampleIsAnyEntryAboutEquallyOften) {
  EXPECT_EQ(Pairs(HashSeed{7}).Sample(42), nullptr);
  for (const int size : {1, 2, 100, 5'000}) {
    SCOPED_TRACE(size);
    const Pairs set = Filled<Pairs>(size);
    std::mt19937_64 random(5);
    std::map<std::string, int> times;
    for (int i = 0; i < size * 100; ++i) ++times[(*set.Sample(random()))->key];
    EXPECT_EQ(times.size(), static_cast<size_t>(size));
    for (const auto& [key, count] : times) {
      EXPECT_GT(count, 40) << key;
      EXPECT_LT(count, 180) << key;
    }
  }
}

TEST(SegmentedSet, ASampleIsFoundBesideSegmentsThatEmptied) {
  Pairs set = Filled<Pairs>(5'000);
  std::mt19937_64 random(5);
  // From the lowest hash on: segments empty one after the other.
  while (set.size() > 0) {
    for (int i = 0; i < 5; ++i) ASSERT_NE(set.Sample(random()), nullptr);
    std::string first;
    set.Scan(0, 1, [&](const PairPtr& pair) {
      first = pair->key;
      return false;
    });
    ASSERT_TRUE(set.Erase(set.Hash(first)));
  }
}

TEST(SegmentedSet, ScanReturnsEntriesThatShareACursorPrefixTogether) {
  const CrowdedPairs set = Filled<CrowdedPairs>(2'000);
  size_t visited = 0;
  set.Scan(0, 1, [&](const PairPtr&) { ++visited; });
  EXPECT_EQ(visited, 2'000u);
}

TEST(SegmentedSet, ScanMissesNothingThatStaysWhileOthersComeAndGo) {
  for (const unsigned seed : {11u, 12u}) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Pairs set(HashSeed{seed});
    for (int i = 0; i < 2'000; ++i) Put(set, "stays" + std::to_string(i), i);
    std::multiset<std::string> seen;
    uint64_t from = 0;
    int coming = 0;
    int going = 0;
    do {
      from = set.Scan(from, 20, [&](const PairPtr& pair) { seen.insert(pair->key); });
      // First growth by thousands, then as many erased: splits and merges between the steps.
      const bool grow = coming < 20'000;
      for (int i = 0; i < 500; ++i) {
        if (grow) {
          Put(set, "comes" + std::to_string(coming++), 0);
        } else if (going < coming) {
          set.Erase(set.Hash("comes" + std::to_string(going++)));
        }
      }
    } while (from != 0);
    for (int i = 0; i < 2'000; ++i) ASSERT_EQ(seen.count("stays" + std::to_string(i)), 1u);
  }
}

TEST(SegmentedSet, MovesWithItsEntries) {
  Pairs set = Filled<Pairs>(3'000);
  Pairs other = std::move(set);
  EXPECT_EQ(other.size(), 3'000u);
  set = Pairs(HashSeed{7});
  EXPECT_TRUE(set.empty());
  EXPECT_NE(other.Find(other.Hash("2999")), nullptr);
}

TEST(SegmentedSetDeathTest, RefusesASecondEntryOfOneKey) {
  Pairs set = Filled<Pairs>(10);
  EXPECT_DEATH(Put(set, "3", 0), "");
}

}  // namespace
}  // namespace holdfast

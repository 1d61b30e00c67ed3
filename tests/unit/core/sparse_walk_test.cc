// Whatever is moved is what it was: to whoever looks it up, to its deadline, to a snapshot.
#include "storage/core/sparse_walk.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/core/chance_mover.h"
#include "tests/unit/core/partition_driver.h"

namespace holdfast {
namespace {

constexpr Slot kFirst = kPartition * kSlotsPerPartition;
constexpr Slot kLast = (kPartition + 1) * kSlotsPerPartition - 1;

void WalkAll(Keyspace& keys, BlockMover& mover) {
  SparseWalk walk(keys, mover);
  while (walk.Step()) {
  }
}

// Some keys of the partition, over several slots.
std::vector<std::string> Names(size_t count) {
  std::vector<std::string> names;
  for (int i = 0; names.size() < count; ++i) {
    std::string name = "session:" + std::to_string(i);
    if (PartitionOf(SlotOf(name)) == kPartition) names.push_back(std::move(name));
  }
  return names;
}

class Keys {
 public:
  Keys() : keys(kSeed, kFirst, kLast) {}

  template <typename M>
  void Do(const std::string& key, const M& mutation, DbIndex db = 0) {
    keys.Apply(At(key, db), mutation);
  }
  KeyPlace At(const std::string& key, DbIndex db = 0) const {
    return keys.At(db, SlotOf(key), key);
  }
  std::vector<std::string> DueAt(UnixMs now) {
    std::vector<std::string> due;
    const auto key_due = [&](const KeyPlace& place) {
      due.emplace_back(place.key);
      keys.Apply(place, KeyExpired{});
    };
    while (keys.CollectDue(now, 16, key_due, [](const KeyPlace&, Item&) {}) == 16) {
    }
    return due;
  }

  Keyspace keys;
};

TEST(SparseWalk, WhateverMovesIsFoundAsItWas) {
  Keys shard;
  const std::vector<std::string> names = Names(3'000);
  for (size_t i = 0; i < names.size(); ++i) {
    if (i % 3 == 2) {
      shard.Do(names[i], HashFieldsSet{.pairs = {{"name", names[i]}, {"f", std::string(40, 'v')}}});
    } else {
      shard.Do(names[i], StringSet{.value = names[i], .deadline = i % 3 == 0 ? kNever : At(900)},
               static_cast<DbIndex>(i % 2));
    }
  }
  const auto locate = [&] {
    std::map<std::string, const Entry*> found;
    for (DbIndex db = 0; db < 2; ++db) {
      for (int slot = kFirst; slot <= kLast; ++slot) {
        shard.keys.ForEach(db, static_cast<Slot>(slot),
                           [&](const Entry& entry) { found.emplace(entry.key(), &entry); });
      }
    }
    return found;
  };
  const Dump before = DumpOf(shard.keys);
  const auto places_before = locate();
  const size_t bytes = shard.keys.MemoryBytes();
  ChanceMover mover(1);
  SparseWalk walk(shard.keys, mover);
  while (walk.Step()) {
  }
  EXPECT_TRUE(DumpOf(shard.keys) == before);
  EXPECT_LE(shard.keys.MemoryBytes(), bytes);  // no less than what is there: see below
  size_t moved = 0;
  for (const auto& [key, entry] : locate()) moved += entry != places_before.at(key);
  // A block may come to lie where another one was.
  EXPECT_GT(moved, names.size() / 2);
  EXPECT_EQ(walk.tally().keys_moved, names.size());
  EXPECT_EQ(walk.tally().keys_left, 0U);
  EXPECT_EQ(walk.tally().blocks_moved, names.size() + names.size() / 3 * 2);  // a hash is three
  EXPECT_EQ(walk.tally().blocks_left, 0U);
  EXPECT_GT(mover.asked, walk.tally().blocks_moved);  // segments, too
  EXPECT_LE(mover.largest_step, 3 * SparseWalk::kKeysPerStep);
  EXPECT_GT(mover.ends, 0U);
}

TEST(SparseWalk, WhatLiesWellStays) {
  Keys shard;
  for (const std::string& name : Names(500)) shard.Do(name, StringSet{.value = "v"});
  ChanceMover mover(0);
  SparseWalk walk(shard.keys, mover);
  while (walk.Step()) {
  }
  EXPECT_EQ(mover.freed, 0U);
  EXPECT_EQ(mover.ends, 0U);
  EXPECT_EQ(walk.tally().keys_left, 500U);
  EXPECT_EQ(walk.tally().blocks_left, 500U);
  EXPECT_EQ(walk.tally().keys_moved, 0U);
}

TEST(SparseWalk, EveryDeadlineComesAsItWouldHaveCome) {
  Keys shard;
  std::set<std::string> soon;
  const std::vector<std::string> names = Names(900);
  for (size_t i = 0; i < names.size(); ++i) {
    // Many in one bucket of the wheel, some far from it, some without.
    if (i % 3 == 0) soon.insert(names[i]);
    const UnixMs deadline = i % 3 == 0 ? At(100) : i % 3 == 1 ? At(5'000'000) : kNever;
    shard.Do(names[i], StringSet{.value = "v", .deadline = deadline});
  }
  ChanceMover mover(2);
  for (int i = 0; i < 5; ++i) WalkAll(shard.keys, mover);
  // A timer that moved can still be moved, in either direction, and leave.
  shard.Do(names[0], DeadlineSet{.deadline = At(50)});
  shard.Do(names[3], DeadlineSet{.deadline = At(5'000)});
  shard.Do(names[6], KeyDeleted{});
  WalkAll(shard.keys, mover);
  EXPECT_TRUE(shard.DueAt(At(49)).empty());
  EXPECT_EQ(shard.DueAt(At(58)), std::vector<std::string>{names[0]});
  EXPECT_TRUE(shard.DueAt(At(99)).empty());
  const std::vector<std::string> due = shard.DueAt(At(108));
  soon.erase(names[0]);
  soon.erase(names[3]);
  soon.erase(names[6]);
  EXPECT_EQ(std::set<std::string>(due.begin(), due.end()), soon);
  EXPECT_EQ(due.size(), soon.size());
  EXPECT_EQ(shard.DueAt(At(5'008)), std::vector<std::string>{names[3]});
  EXPECT_EQ(shard.DueAt(At(5'000'008)).size(), 300U);
}

TEST(SparseWalk, SegmentsThatWereEmptiedBecomeSmall) {
  Keys shard;
  const std::string tag = Tags()[0];
  for (int i = 0; i < 5'000; ++i) shard.Do(tag + std::to_string(i), StringSet{.value = "v"});
  for (int i = 0; i < 5'000; ++i) {
    if (i % 5 != 0) shard.Do(tag + std::to_string(i), KeyDeleted{});
  }
  const size_t bytes = shard.keys.MemoryBytes();
  ChanceMover mover(0);
  WalkAll(shard.keys, mover);
  const size_t tight = shard.keys.MemoryBytes();
  EXPECT_LT(tight, bytes - 10'000);
  EXPECT_EQ(mover.freed, 0U);
  // What is counted is what is there.
  for (int i = 0; i < 5'000; i += 5) shard.Do(tag + std::to_string(i), KeyDeleted{});
  EXPECT_EQ(shard.keys.MemoryBytes(), 0U);
}

TEST(SparseWalk, NothingIsLostWhereKeysComeAndGoBetweenItsSteps) {
  Partitioned live(7);
  ChanceMover mover(2);
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 100; ++i) live.Step();
    live.mood = round % 2 == 0 ? Partitioned::Mood::kGrows : Partitioned::Mood::kShrinks;
    SparseWalk walk(live.keys, mover);
    while (walk.Step()) {
      live.Step();
      if (live.Below(3) == 0) live.keys.FreeDoomed();
    }
  }
  Keyspace replayed(kSeed, kFirst, kLast);
  Replay(replayed, live.log);
  EXPECT_TRUE(DumpOf(replayed) == DumpOf(live.keys));
  AuditAll(live.keys);
  EXPECT_GT(mover.freed, 1'000U);
}

// A long string is read in parts, over many steps.
TEST(SparseWalk, WhatASnapshotIsReadingStaysWhereItIs) {
  Keys shard;
  const std::string key = Tags()[0] + "long";
  shard.Do(key, StringSet{.value = std::string(200'000, 'v')});
  Rows rows;
  PartitionSnapshot snapshot(shard.keys, kPartition, 1, rows);
  while (snapshot.Step(1)) {
    ChanceMover mover(1);
    WalkAll(shard.keys, mover);
  }
  Keyspace loaded(kSeed, kFirst, kLast);
  ASSERT_TRUE(LoadAll(loaded, rows.rows));
  EXPECT_TRUE(DumpOf(loaded) == DumpOf(shard.keys));
}

}  // namespace
}  // namespace holdfast

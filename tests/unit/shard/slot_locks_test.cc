#include "server/shard/slot_locks.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

class SlotLocksTest : public testing::Test {
 protected:
  void Enqueue(const std::string& name, const SlotList& slots) {
    locks_.Enqueue({.slots = slots, .request = name});
  }
  // The names of those that may go in; they stay.
  std::vector<std::string> Ready() {
    std::vector<std::string> names;
    for (const SlotLocks::VisitId id : locks_.Ready()) names.push_back(locks_.At(id).request);
    return names;
  }
  // The first of them goes in.
  std::string Enter() { return locks_.Leave(locks_.Ready().front()).request; }
  using Names = std::vector<std::string>;

  SlotLocks locks_;
};

TEST_F(SlotLocksTest, NobodyWaitsWhereNobodyIs) {
  EXPECT_TRUE(locks_.idle());
  EXPECT_TRUE(locks_.Free(Slot{7}));
  EXPECT_TRUE(locks_.Free(SlotList{1, 2}));
  EXPECT_TRUE(locks_.Free(SlotList{}));
}

TEST_F(SlotLocksTest, ALineIsServedInTheOrderOfArrival) {
  Enqueue("a", {7});
  Enqueue("b", {7});
  Enqueue("c", {8});
  EXPECT_FALSE(locks_.Free(Slot{7}));
  EXPECT_TRUE(locks_.Free(Slot{9}));
  EXPECT_EQ(Ready(), (Names{"a", "c"}));
  EXPECT_EQ(Enter(), "a");
  EXPECT_EQ(Ready(), (Names{"b", "c"}));
}

TEST_F(SlotLocksTest, AVisitToSeveralSlotsGoesInWhenItIsFirstInAll) {
  Enqueue("a", {7});
  Enqueue("both", {7, 8});
  Enqueue("c", {8});
  Enqueue("d", {9});
  EXPECT_EQ(Ready(), (Names{"a", "d"}));
  EXPECT_EQ(Enter(), "a");
  EXPECT_EQ(Ready(), (Names{"both", "d"}));
  EXPECT_EQ(Enter(), "both");
  EXPECT_EQ(Ready(), (Names{"c", "d"}));
}

TEST_F(SlotLocksTest, AHeldSlotLetsNobodyInUntilItIsReleased) {
  locks_.Hold({7, 8});
  EXPECT_TRUE(locks_.Held(8));
  EXPECT_FALSE(locks_.Held(9));
  EXPECT_FALSE(locks_.Free(Slot{7}));
  EXPECT_FALSE(locks_.Free(SlotList{}));
  Enqueue("a", {7});
  Enqueue("b", {9});
  EXPECT_EQ(Ready(), Names{"b"});
  locks_.Release({7, 8});
  EXPECT_EQ(Ready(), (Names{"a", "b"}));
}

TEST_F(SlotLocksTest, WhoNeedsEverySlotWaitsForAllBeforeAndHoldsBackAllBehind) {
  locks_.Hold({3});
  Enqueue("a", {7});
  Enqueue("all", {});
  Enqueue("b", {9});
  EXPECT_FALSE(locks_.Free(Slot{11}));
  EXPECT_EQ(Ready(), Names{"a"});
  EXPECT_EQ(Enter(), "a");
  EXPECT_EQ(Ready(), Names{});  // slot 3 is still held
  locks_.Release({3});
  EXPECT_EQ(Ready(), Names{"all"});
  EXPECT_EQ(Enter(), "all");
  locks_.Hold({});
  EXPECT_EQ(Ready(), Names{});
  EXPECT_TRUE(locks_.Held(12'345));
  locks_.Release({});
  EXPECT_EQ(Ready(), Names{"b"});
  EXPECT_EQ(Enter(), "b");
  EXPECT_TRUE(locks_.idle());
}

using SlotLocksDeathTest = SlotLocksTest;

TEST_F(SlotLocksDeathTest, TwoGroupsNeverHoldOneSlot) {
  locks_.Hold({7});
  EXPECT_DEATH(locks_.Hold({7}), "invariant");
  EXPECT_DEATH(locks_.Release({8}), "invariant");
}

}  // namespace
}  // namespace holdfast

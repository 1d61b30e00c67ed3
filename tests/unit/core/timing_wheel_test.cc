#include "storage/core/timing_wheel.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr size_t kPlenty = 1'000'000;
constexpr int64_t kDay = 24 * 3600 * 1000;
constexpr int64_t kStart = 1'795'288'000'000;  // some day in 2026

UnixMs At(int64_t ms) { return FromUnixMs(kStart + ms); }

// What fires at `now`, in any order; fired timers leave the wheel.
std::vector<TimerNode*> Fire(TimingWheel& wheel, UnixMs now) {
  std::vector<TimerNode*> fired;
  while (wheel.Advance(now, kPlenty, [&](TimerNode& node) {
    EXPECT_LE(node.deadline, now);
    node.Unlink();
    fired.push_back(&node);
  }) == kPlenty) {
  }
  return fired;
}

TEST(TimingWheel, FiresOnceNotBeforeTheDeadlineAndAtMostATickAfter) {
  for (const int64_t ms : {int64_t{0}, int64_t{1}, int64_t{3}, int64_t{1'023}, int64_t{1'024},
                           int64_t{262'144}, kDay, 300 * kDay, 36'500 * kDay}) {
    SCOPED_TRACE(ms);
    TimingWheel wheel;
    TimerNode node;
    wheel.Insert(node, At(ms));
    EXPECT_TRUE(Fire(wheel, At(ms - 1)).empty());
    EXPECT_EQ(Fire(wheel, At(ms + TimingWheel::kTickMs)).size(), 1u);
    EXPECT_TRUE(Fire(wheel, At(ms + 1'000'000)).empty());
  }
}

TEST(TimingWheel, FiresADeadlineThatIsPastAtOnce) {
  TimingWheel wheel;
  Fire(wheel, At(0));
  TimerNode old;
  TimerNode ancient;
  wheel.Insert(old, At(-kDay));
  wheel.Insert(ancient, FromUnixMs(-5));
  EXPECT_EQ(Fire(wheel, At(TimingWheel::kTickMs)).size(), 2u);
}

TEST(TimingWheel, KeepsADeadlineBeyondItsReach) {
  TimingWheel wheel;
  Fire(wheel, At(0));
  TimerNode node;
  wheel.Insert(node, FromUnixMs(std::numeric_limits<int64_t>::max()));
  EXPECT_TRUE(Fire(wheel, At(200 * 365 * kDay)).empty());
  EXPECT_TRUE(node.linked());
  node.Unlink();
}

TEST(TimingWheel, ARefreshedDeadlineCostsNothingUntilTheOldOneComesUp) {
  TimingWheel wheel;
  TimerNode node;
  wheel.Insert(node, At(1'000));
  TimerNode* const* const link = node.link;
  for (int64_t ms = 0; ms < 900; ++ms) wheel.Move(node, At(ms + 1'000));
  EXPECT_EQ(node.link, link);  // still where it was filed
  EXPECT_TRUE(Fire(wheel, At(1'898)).empty());
  EXPECT_EQ(Fire(wheel, At(1'899 + TimingWheel::kTickMs)).size(), 1u);
}

TEST(TimingWheel, AShortenedDeadlineFiresAtTheNewOne) {
  TimingWheel wheel;
  Fire(wheel, At(0));
  TimerNode node;
  wheel.Insert(node, At(kDay));
  wheel.Move(node, At(2 * kDay));
  wheel.Move(node, At(50));
  EXPECT_TRUE(Fire(wheel, At(49)).empty());
  EXPECT_EQ(Fire(wheel, At(50 + TimingWheel::kTickMs)).size(), 1u);
}

TEST(TimingWheel, WhatIsNotTakenComesAgain) {
  TimingWheel wheel;
  TimerNode node;
  wheel.Insert(node, At(10));
  int calls = 0;
  const auto leave_it = [&](TimerNode&) { ++calls; };
  wheel.Advance(At(20), kPlenty, leave_it);
  wheel.Advance(At(21), kPlenty, leave_it);
  EXPECT_EQ(calls, 1);
  wheel.Advance(At(20 + 100 + TimingWheel::kTickMs), kPlenty, leave_it);
  EXPECT_EQ(calls, 2);
  node.Unlink();
}

TEST(TimingWheel, AMillionDeadlinesInOneInstantComeInSlices) {
  constexpr size_t kTimers = 1'000'000;
  constexpr size_t kBudget = 10'000;
  TimingWheel wheel;
  Fire(wheel, At(0));
  std::vector<TimerNode> nodes(kTimers);
  for (TimerNode& node : nodes) wheel.Insert(node, At(10'000));
  size_t fired = 0;
  size_t turns = 0;
  size_t handled = 0;
  do {
    handled = wheel.Advance(At(10'100), kBudget, [&](TimerNode& node) {
      node.Unlink();
      ++fired;
    });
    ASSERT_LE(handled, kBudget);
    ++turns;
  } while (handled == kBudget);
  EXPECT_EQ(fired, kTimers);
  EXPECT_LE(turns, 2 * kTimers / kBudget + 1);  // filed anew once, then due
}

TEST(TimingWheel, SaysWhenItHasWorkToDo) {
  TimingWheel wheel;
  EXPECT_FALSE(wheel.NextWork());
  Fire(wheel, At(0));
  TimerNode node;
  wheel.Insert(node, At(5 * kDay));
  int wakes = 0;
  while (node.linked()) {
    const auto next = wheel.NextWork();
    ASSERT_TRUE(next);
    ASSERT_LE(*next, At(5 * kDay + TimingWheel::kTickMs));
    Fire(wheel, *next);
    ASSERT_LE(++wakes, 5);  // once a level
  }
  EXPECT_FALSE(wheel.NextWork());
}

TEST(TimingWheel, ATimerInTheLastBucketOfALevelWaitsAWholeTurn) {
  // The bucket that the wheel stands in is also the farthest one of its level.
  for (int64_t ticks = 0; ticks < 256; ++ticks) {
    const int64_t now = ticks * TimingWheel::kTickMs;
    const int64_t deadline = now + 65'535 * TimingWheel::kTickMs;
    TimingWheel wheel;
    Fire(wheel, At(now));
    TimerNode node;
    wheel.Insert(node, At(deadline));
    ASSERT_GT(*wheel.NextWork(), At(now + 250'000));
    ASSERT_TRUE(Fire(wheel, At(deadline - 1)).empty());
    ASSERT_EQ(Fire(wheel, At(deadline + TimingWheel::kTickMs)).size(), 1u);
  }
}

// Random inserts, moves both ways, removals and steps of time against deadlines kept in plain view.
class WheelAgainstModel {
 public:
  explicit WheelAgainstModel(unsigned seed) : random_(seed) {}
  ~WheelAgainstModel() {
    for (const Timer& timer : timers_) timer.node->Unlink();
  }

  void Insert() {
    const UnixMs deadline = SomeDeadline();
    timers_.push_back({std::make_unique<TimerNode>(), deadline, now_});
    wheel_.Insert(*timers_.back().node, deadline);
  }
  void MoveOne() {
    Timer& timer = timers_[random_() % timers_.size()];
    timer.deadline = SomeDeadline();
    timer.given_at = now_;
    wheel_.Move(*timer.node, timer.deadline);
  }
  void RemoveOne() {
    const size_t which = random_() % timers_.size();
    timers_[which].node->Unlink();
    Forget(which);
  }
  void Step() {
    now_ += SomeSpan(40);
    Fire(wheel_, now_);
    // Else a loop that sleeps until the next work would spin.
    const auto next_work = wheel_.NextWork();
    ASSERT_TRUE(!next_work || *next_work > now_);
    for (size_t i = 0; i < timers_.size();) {
      const Timer& timer = timers_[i];
      if (timer.node->linked()) {
        const UnixMs last_moment =
            std::max(timer.deadline, timer.given_at) + DurationMs{TimingWheel::kTickMs};
        ASSERT_GT(ToUnixMs(last_moment), ToUnixMs(now_));
        ++i;
      } else {
        ASSERT_LE(ToUnixMs(timer.deadline), ToUnixMs(now_));
        Forget(i);
      }
    }
  }

 private:
  struct Timer {
    std::unique_ptr<TimerNode> node;
    UnixMs deadline;
    UnixMs given_at;
  };

  // Up to 2^bits ms, each order of magnitude as likely as the others.
  DurationMs SomeSpan(unsigned bits) {
    return DurationMs{static_cast<int64_t>((random_() >> 24) >> (40 - random_() % bits))};
  }
  UnixMs SomeDeadline() { return now_ + SomeSpan(41) - DurationMs{5}; }
  void Forget(size_t which) {
    timers_[which] = std::move(timers_.back());
    timers_.pop_back();
  }

  std::mt19937_64 random_;
  TimingWheel wheel_;
  std::vector<Timer> timers_;
  UnixMs now_ = At(0);
};

TEST(TimingWheel, AgreesWithAPlainModel) {
  for (const unsigned seed : {1u, 2u, 3u, 4u}) {
    SCOPED_TRACE(seed);
    WheelAgainstModel run(seed);
    for (int step = 0; step < 3'000; ++step) {
      for (int i = 0; i < 5; ++i) run.Insert();
      for (int i = 0; i < 4; ++i) run.MoveOne();
      run.RemoveOne();
      ASSERT_NO_FATAL_FAILURE(run.Step());
    }
  }
}

}  // namespace
}  // namespace holdfast

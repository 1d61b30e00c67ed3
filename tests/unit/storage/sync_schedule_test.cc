#include "storage/sync_schedule.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using Time = SyncSchedule::Time;

constexpr Time At(int64_t ms) { return Time(milliseconds(ms)); }

TEST(SyncSchedule, NothingWrittenIsNeverDue) {
  SyncSchedule schedule(SyncPolicy::kAlways, SyncPolicy::kEverySecond);
  EXPECT_EQ(schedule.Due(), Time::max());
  EXPECT_FALSE(schedule.IsDue(At(1'000'000)));
}

TEST(SyncSchedule, EverySecondMeansASecondAfterTheFirstThatIsNotSynced) {
  SyncSchedule schedule(SyncPolicy::kAlways, SyncPolicy::kEverySecond);
  schedule.Written(At(5000));
  schedule.Written(At(5900));  // later ones do not put it off
  EXPECT_FALSE(schedule.IsDue(At(5999)));
  EXPECT_TRUE(schedule.IsDue(At(6000)));
  EXPECT_EQ(schedule.Due(), At(6000));
}

TEST(SyncSchedule, NoMeansThirtySeconds) {
  SyncSchedule schedule(SyncPolicy::kAlways, SyncPolicy::kNo);
  schedule.Written(At(5000));
  schedule.Written(At(34'000));
  EXPECT_FALSE(schedule.IsDue(At(34'999)));
  EXPECT_TRUE(schedule.IsDue(At(35'000)));
}

TEST(SyncSchedule, OneLevelInAHurryHurriesBoth) {
  SyncSchedule schedule(SyncPolicy::kEverySecond, SyncPolicy::kNo);
  schedule.Written(At(0));
  EXPECT_TRUE(schedule.IsDue(At(1000)));
}

TEST(SyncSchedule, ASyncStartsItAnew) {
  SyncSchedule schedule(SyncPolicy::kAlways, SyncPolicy::kNo);
  schedule.Written(At(5000));
  schedule.Synced();
  EXPECT_FALSE(schedule.IsDue(At(100'000)));
  schedule.Written(At(20'000));
  EXPECT_FALSE(schedule.IsDue(At(49'999)));
  EXPECT_TRUE(schedule.IsDue(At(50'000)));
}

TEST(SyncSchedule, AChangedPolicyHoldsForWhatIsWrittenAlready) {
  SyncSchedule schedule(SyncPolicy::kAlways, SyncPolicy::kNo);
  schedule.Written(At(5000));
  EXPECT_FALSE(schedule.IsDue(At(7000)));
  schedule.SetPolicies(SyncPolicy::kAlways, SyncPolicy::kEverySecond);
  EXPECT_TRUE(schedule.IsDue(At(7000)));
}

}  // namespace
}  // namespace holdfast

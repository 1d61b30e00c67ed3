#include "storage/disk_space.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(DiskSpace, IsLowBelowTheReserveAndClearsAnEighthAboveIt) {
  DiskSpace space("/tmp", 800);
  space.Judge(800);
  EXPECT_FALSE(space.low());
  space.Judge(799);
  EXPECT_TRUE(space.low());
  space.Judge(899);
  EXPECT_TRUE(space.low());
  space.Judge(900);
  EXPECT_FALSE(space.low());
  space.Judge(801);
  EXPECT_FALSE(space.low());
}

TEST(DiskSpace, FollowsAReserveThatIsChangedWhileRunning) {
  DiskSpace space("/tmp", 800);
  space.SetReserve(2000);
  space.Judge(1000);
  EXPECT_TRUE(space.low());
  space.SetReserve(0);
  space.Judge(0);
  EXPECT_FALSE(space.low());
}

TEST(DiskSpace, AsksTheFileSystem) {
  DiskSpace space("/tmp", ~uint64_t{0} / 2);
  space.Look();
  EXPECT_GT(space.free_bytes(), 0U);
  EXPECT_TRUE(space.low());
}

TEST(DiskSpace, LooksByItselfWhenMuchWasWritten) {
  DiskSpace space("/tmp", 3200);
  space.Wrote(99);
  EXPECT_EQ(space.free_bytes(), 0U);
  space.Wrote(1);
  EXPECT_GT(space.free_bytes(), 0U);
}

TEST(DiskSpace, TellsWhetherHalfOfTheReserveWouldBeLeft) {
  DiskSpace space("/tmp", 0);
  space.Look();
  const uint64_t free = space.free_bytes();
  constexpr uint64_t kOthers = uint64_t{100} << 20;  // who write there meanwhile
  ASSERT_GT(free, 4 * kOthers);
  EXPECT_TRUE(space.LeavesHalf(~uint64_t{0}));  // without a reserve nobody is kept from anything
  space.SetReserve(free);
  EXPECT_TRUE(space.LeavesHalf(free / 2 - kOthers));
  EXPECT_FALSE(space.LeavesHalf(free / 2 + kOthers));
  EXPECT_FALSE(space.LeavesHalf(free + kOthers));
  EXPECT_TRUE(DiskSpace("/no/such/directory", free).LeavesHalf(free));
}

TEST(DiskSpace, KeepsItsJudgementWhenTheFileSystemDoesNotAnswer) {
  DiskSpace space("/no/such/directory", 800);
  space.Judge(1);
  space.Look();
  EXPECT_TRUE(space.low());
}

}  // namespace
}  // namespace holdfast

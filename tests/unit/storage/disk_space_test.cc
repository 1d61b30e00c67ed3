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

TEST(DiskSpace, KeepsItsJudgementWhenTheFileSystemDoesNotAnswer) {
  DiskSpace space("/no/such/directory", 800);
  space.Judge(1);
  space.Look();
  EXPECT_TRUE(space.low());
}

}  // namespace
}  // namespace holdfast

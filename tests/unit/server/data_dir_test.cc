#include "server/data_dir.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast {
namespace {

namespace fs = std::filesystem;

class DataDirectory : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(base_);
    fs::create_directory(base_);
  }
  void TearDown() override { fs::remove_all(base_); }

  const std::string base_ =
      ::testing::TempDir() + "holdfast_data_dir_test." + std::to_string(getpid());
};

TEST_F(DataDirectory, IsMadeForItsOwnerAlone) {
  DataDir dir;
  ASSERT_TRUE(dir.Open(base_ + "/data").ok());
  EXPECT_TRUE(fs::is_directory(base_ + "/data"));
  EXPECT_EQ(fs::status(base_ + "/data").permissions() & fs::perms::others_all, fs::perms::none);
  EXPECT_EQ(dir.path(), fs::canonical(base_ + "/data").string());
}

TEST_F(DataDirectory, ASecondServerIsRefusedAndToldWhoHasIt) {
  DataDir first;
  ASSERT_TRUE(first.Open(base_).ok());
  DataDir second;
  const Status refused = second.Open(base_);
  EXPECT_EQ(refused.code(), Status::Code::kBusy);
  EXPECT_EQ(refused.text(), "dir '" + first.path() + "' is in use by another holdfast (process " +
                                std::to_string(::getpid()) +
                                "); stop it or choose another directory with --dir");
}

TEST_F(DataDirectory, ARefusedServerLeavesTheFirstOnesLockAlone) {
  DataDir first;
  ASSERT_TRUE(first.Open(base_).ok());
  { EXPECT_FALSE(DataDir().Open(base_).ok()); }
  EXPECT_EQ(DataDir().Open(base_).code(), Status::Code::kBusy);
}

TEST_F(DataDirectory, IsFreeAgainWhenItsServerIsGone) {
  {
    DataDir first;
    ASSERT_TRUE(first.Open(base_).ok());
  }
  DataDir second;
  EXPECT_TRUE(second.Open(base_).ok());
}

TEST_F(DataDirectory, ALockFileLeftBehindLocksNobodyOut) {
  std::ofstream(base_ + "/holdfast.lock") << "1234567890123456789\n";
  DataDir dir;
  EXPECT_TRUE(dir.Open(base_).ok());
}

TEST_F(DataDirectory, RefusalsNameTheRemedy) {
  DataDir dir;
  std::ofstream(base_ + "/file") << "x";
  const Status file = dir.Open(base_ + "/file");
  EXPECT_EQ(file.code(), Status::Code::kInvalid);
  EXPECT_NE(file.text().find("is not a directory"), std::string::npos) << file.text();
  const Status orphan = dir.Open(base_ + "/no/such");
  EXPECT_EQ(orphan.code(), Status::Code::kInvalid);
  EXPECT_NE(orphan.text().find("does not exist; make that first"), std::string::npos);
  EXPECT_FALSE(fs::exists(base_ + "/no"));
}

TEST_F(DataDirectory, ALockFileThatIsALinkIsNotFollowed) {
  std::ofstream(base_ + "/precious") << "data";
  fs::create_symlink(base_ + "/precious", base_ + "/holdfast.lock");
  DataDir dir;
  EXPECT_EQ(dir.Open(base_).code(), Status::Code::kIo);
  EXPECT_EQ(fs::file_size(base_ + "/precious"), 4U);
}

}  // namespace
}  // namespace holdfast

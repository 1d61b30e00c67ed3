// The proof's own proof: the shim must forget exactly what POSIX lets a disk forget.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/crash/power_loss_support.h"

namespace holdfast {
namespace {

class PowerLossShim : public PowerLossTest {
 protected:
  // Until the kill -9 at its end.
  void Live(std::vector<std::string> steps) {
    steps.insert(steps.begin(), dir_);
    PowerLossTest::Live(POWER_LOSS_PROBE, steps);
  }

  // "-" if there is no such file.
  std::string Read(const std::string& name) const {
    std::ifstream file(dir_ + "/" + name, std::ios::binary);
    if (!file) return "-";
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ + "/" + name) << text;
  }
};

TEST_F(PowerLossShim, KillAloneLosesNothing) {
  Live({"write:a:one"});
  EXPECT_EQ(Read("a"), "one");
}

TEST_F(PowerLossShim, ForgetsBytesThatWereNotSynced) {
  Live({"write:a:one", "syncdir:.", "sync:a", "write:a:two"});
  EXPECT_EQ(Read("a"), "onetwo");
  LosePower();
  EXPECT_EQ(Read("a"), "one");
}

TEST_F(PowerLossShim, KeepsANameWithoutItsBytes) {
  Live({"write:a:one", "syncdir:."});
  LosePower();
  EXPECT_EQ(Read("a"), "");
}

TEST_F(PowerLossShim, ForgetsANameWhoseDirectoryWasNotSynced) {
  Live({"write:a:one", "sync:a"});
  LosePower();
  EXPECT_EQ(Read("a"), "-");
}

TEST_F(PowerLossShim, KeepsSyncedRangesOfAFileWrittenInPlace) {
  Write("a", "0123456789");
  Live({"put:a:2:xx", "sync:a", "put:a:6:yy"});
  LosePower();
  EXPECT_EQ(Read("a"), "01xx456789");
}

TEST_F(PowerLossShim, KeepsEveryRangeOfManySyncs) {
  Live({"make:a", "syncdir:.", "write:a:one", "sync:a", "write:a:two", "sync:a", "put:a:0:O",
        "write:a:three", "sync:a", "write:a:lost"});
  LosePower();
  EXPECT_EQ(Read("a"), "Onetwothree");
}

TEST_F(PowerLossShim, ForgetsACutThatWasNotSyncedAndKeepsOneThatWas) {
  Write("a", "0123456789");
  Write("b", "0123456789");
  Live({"cut:a:3", "cut:b:3", "write:b:x", "sync:b"});
  LosePower();
  EXPECT_EQ(Read("a"), "0123456789");
  EXPECT_EQ(Read("b"), "012x");
}

TEST_F(PowerLossShim, UndoesARenameWhoseDirectoryWasNotSynced) {
  Write("current", "old");
  Live({"write:draft:new", "sync:draft", "rename:draft:current"});
  EXPECT_EQ(Read("current"), "new");
  LosePower();
  EXPECT_EQ(Read("current"), "old");
  EXPECT_EQ(Read("draft"), "-");
}

TEST_F(PowerLossShim, KeepsARenameWhoseDirectoryWasSynced) {
  Write("current", "old");
  Live({"write:draft:new", "sync:draft", "rename:draft:current", "syncdir:."});
  LosePower();
  EXPECT_EQ(Read("current"), "new");
  EXPECT_EQ(Read("draft"), "-");
}

TEST_F(PowerLossShim, BringsBackARemovedFileUnlessItsDirectoryWasSynced) {
  Write("a", "one");
  Write("b", "two");
  Live({"remove:a", "syncdir:.", "remove:b"});
  LosePower();
  EXPECT_EQ(Read("a"), "-");
  EXPECT_EQ(Read("b"), "two");
}

TEST_F(PowerLossShim, AFileMadeAnewUnderAnOldNameStartsEmpty) {
  Write("a", "old");
  Live({"remove:a", "write:a:new", "syncdir:."});
  LosePower();
  EXPECT_EQ(Read("a"), "");
}

TEST_F(PowerLossShim, WhatAKilledProcessLeftUnsyncedIsLostThoughTheNextOneSawIt) {
  Live({"make:a", "syncdir:.", "write:a:one", "sync:a", "write:a:two"});
  Live({"make:b", "make:a"});  // sees "onetwo", syncs nothing
  LosePower();
  EXPECT_EQ(Read("a"), "one");
}

TEST_F(PowerLossShim, TheNextProcesssSyncCoversWhatAKilledOneLeft) {
  Live({"make:a", "syncdir:.", "write:a:one", "sync:a", "write:a:two"});
  Live({"write:a:three", "sync:a"});
  LosePower();
  EXPECT_EQ(Read("a"), "onetwothree");
}

TEST_F(PowerLossShim, DirectoriesBelowCountOnTheirOwn) {
  Live({"mkdir:sub", "write:sub/a:one", "sync:sub/a", "syncdir:sub", "mkdir:lost",
        "write:sub/b:two", "sync:sub/b"});
  LosePower();
  EXPECT_EQ(Read("sub/a"), "one");
  EXPECT_EQ(Read("sub/b"), "-");
  EXPECT_FALSE(std::filesystem::exists(dir_ + "/lost"));
}

TEST_F(PowerLossShim, LifeGoesOnAfterAPowerLoss) {
  Live({"write:a:one", "sync:a", "syncdir:."});
  LosePower();
  Live({"write:a:two", "sync:a", "write:a:lost"});
  LosePower();
  EXPECT_EQ(Read("a"), "onetwo");
}

}  // namespace
}  // namespace holdfast

// The log under a disk that forgets whatever was not synced.
#include <string>

#include <gtest/gtest.h>

#include "tests/crash/power_loss_support.h"

namespace holdfast {
namespace {

// Each start writes a batch of its own, the one that opens its epoch.
class LogPowerLoss : public PowerLossTest {
 protected:
  std::string Live(int gated, int other) {
    return PowerLossTest::Live(LOG_PROBE, {dir_, std::to_string(gated), std::to_string(other)});
  }
  static bool Said(const std::string& output, const std::string& line) {
    return output.find(line + "\n") != std::string::npos;
  }
};

TEST_F(LogPowerLoss, WhatWasAckedSurvivesEveryPowerLoss) {
  int acked = 0;
  for (int round = 0; round < 4; ++round) {
    const std::string output = Live(15, 0);
    EXPECT_TRUE(Said(output, "replayed " + std::to_string(acked))) << output;
    acked += 1 + 15;
    EXPECT_TRUE(Said(output, "acked " + std::to_string(acked))) << output;
    LosePower();
  }
}

TEST_F(LogPowerLoss, WhatNobodyWaitedForMayBeLostButLeavesAWholeLog) {
  EXPECT_TRUE(Said(Live(3, 40), "written 44"));
  LosePower();
  const std::string output = Live(2, 0);
  EXPECT_FALSE(Said(output, "replayed 44")) << "the shim forgot nothing: this test proves nothing";
  const int replayed = std::stoi(output.substr(output.find(' ')));
  EXPECT_GE(replayed, 1 + 3) << output;
  EXPECT_TRUE(Said(output, "acked " + std::to_string(replayed + 1 + 2))) << output;
}

TEST_F(LogPowerLoss, WhatAStartReadAfterAKillSurvivesThePowerLossThatFollows) {
  EXPECT_TRUE(Said(Live(3, 40), "written 44"));
  // kill -9 spared the page cache: this start shows everything to its clients...
  EXPECT_TRUE(Said(Live(0, 0), "replayed 44"));
  LosePower();
  // ...so nothing of it may be gone, nor of its own opening.
  EXPECT_TRUE(Said(Live(0, 0), "replayed 45"));
}

}  // namespace
}  // namespace holdfast

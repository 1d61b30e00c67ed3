#include "server/shard/ack_gate.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(AckGate, AStampStandsForTheIndexItsTurnGot) {
  AckGate gate;
  const TurnStamp first = gate.Current();
  EXPECT_FALSE(gate.Acked(first));
  gate.Pushed(907);
  const TurnStamp second = gate.Current();
  gate.Pushed(911);
  EXPECT_EQ(gate.IndexOf(first), 907);
  EXPECT_EQ(gate.IndexOf(second), 911);
}

TEST(AckGate, WhatIsAckedWaitsForNothing) {
  AckGate gate;
  const TurnStamp first = gate.Current();
  gate.Pushed(907);
  const TurnStamp second = gate.Current();
  gate.Pushed(911);
  gate.Advance(910);
  EXPECT_TRUE(gate.Acked(first));
  EXPECT_EQ(gate.IndexOf(first), 0);
  EXPECT_FALSE(gate.Acked(second));
  EXPECT_EQ(gate.IndexOf(second), 911);
  gate.Advance(911);
  EXPECT_TRUE(gate.Acked(second));
}

TEST(AckGate, NothingToWaitForIsAlwaysAcked) {
  EXPECT_TRUE(AckGate().Acked(0));
  EXPECT_EQ(AckGate().IndexOf(0), 0);
}

TEST(AckGateDeathTest, ATurnThatWasNotPushedHasNoIndex) {
  AckGate gate;
  EXPECT_DEATH(gate.IndexOf(gate.Current()), "invariant");
}

}  // namespace
}  // namespace holdfast

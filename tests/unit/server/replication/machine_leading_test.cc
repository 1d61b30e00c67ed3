// How a node comes to lead: promises, and the group's record.
#include <gtest/gtest.h>

#include "tests/unit/server/replication/machine_test_support.h"

namespace holdfast {
namespace {

// ---- taking the lead

TEST(ReplicationMachine, AnEmptyNodeThatNobodySentAnywhereBeginsAHistoryAlone) {
  Node ann({.id = kAnn, .history = TheHistory()});
  ann->Lead();
  EXPECT_FALSE(ann.Did<SwapGroup>()) << "its own promise is not durable yet";
  ann->PromiseKept(1);
  const auto open = ann.Opens();
  ASSERT_TRUE(open);
  EXPECT_EQ(open->epoch, 1U);
  EXPECT_EQ(open->group.sync_set.size(), 1U);
  ann->Opened(*open, 1);
  EXPECT_FALSE(ann->serves());
  ann->StoredUpTo(1);
  EXPECT_TRUE(ann->serves());
  EXPECT_EQ(ann.Did<AckedUpTo>()->index, 1U);
  EXPECT_EQ(ann->LeaseUntil(), Uptime::max());
}

TEST(ReplicationMachine, AnEmptyReplicaIsNotPromoted) {
  Node bob({.id = kBob, .history = TheHistory()});
  bob->Follow(kAnn);
  bob->Lead();
  ASSERT_TRUE(bob.Did<LeadRefused>());
  EXPECT_FALSE(bob->campaigning());
}

TEST(ReplicationMachine, OnlyAMemberTakesOver) {
  ReplicationMachine::Node replica = WithLog(kCat, {kAnn, kBob}, 10, 10);
  replica.promise = {.epoch = 1, .primary = kAnn};
  Node cat(replica);
  cat->Lead();
  const auto refused = cat.Did<LeadRefused>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->why, LeadRefusal::kNotMember);
}

TEST(ReplicationMachine, ABackupGoesOnAloneAboveWhatItsLogKnows) {
  // A directory that never promised anything to anybody.
  Node cat(WithLog(kCat, {kAnn, kBob}, 10, 10));
  cat->Lead();
  cat->PromiseKept(2);
  const auto open = cat.Opens();
  ASSERT_TRUE(open);
  EXPECT_EQ(open->epoch, 2U);
  ASSERT_EQ(open->group.sync_set.size(), 1U);
  EXPECT_EQ(open->group.sync_set.front().id, kCat);
}

TEST(ReplicationMachine, ARestartIsANewEpochThatEveryMemberPromises) {
  Node ann(WithLog(kAnn, {kAnn, kBob}, 10, 8));
  ann->Lead();
  EXPECT_FALSE(ann.Said<AskPromise>()) << "its own promise is not durable yet";
  ann->PromiseKept(2);
  const auto ask = ann.Said<AskPromise>();
  ASSERT_TRUE(ask);
  EXPECT_EQ(ask->epoch, 2U);
  EXPECT_EQ(ask->last, (LogPlace{1, 10}));
  EXPECT_FALSE(ask->takeover);
  EXPECT_FALSE(ann.Did<SwapGroup>()) << "bob has not promised";
  ann.Hears(kBob, PromiseGiven{.epoch = 2});
  EXPECT_TRUE(ann.Opens());
}

TEST(ReplicationMachine, ATakeoverDropsThePrimaryFromTheSyncSetAndNobodyElse) {
  Node bob(WithLog(kBob, {kAnn, kBob, kCat}, 10, 8));
  bob->Lead();
  bob->PromiseKept(2);
  const auto ask = bob.Said<AskPromise>();
  ASSERT_TRUE(ask);
  EXPECT_TRUE(ask->takeover);
  EXPECT_EQ(ask->sync_set, (std::vector{kBob, kCat}));
}

TEST(ReplicationMachine, AnEpochThatLeavesAMemberOutUnaskedLeavesRoomForThoseItMayHaveOpened) {
  Node bob(WithLog(kBob, {kAnn, kBob, kCat}, 10, 8));
  bob->Lead({kCat});
  bob->PromiseKept(bob->promise().epoch);
  const auto open = bob.Opens();
  ASSERT_TRUE(open);
  EXPECT_GT(open->epoch, 1000U);
}

TEST(ReplicationMachine, AMemberDoesNotTakeOverWhileThePrimaryMayAnswerReads) {
  Node bob(WithLog(kBob, {kAnn, kBob}, 10, 8));
  const AppendRecords heartbeat{
      .epoch = 1, .previous = {1, 10}, .acked = 10, .sent = Uptime{5'000}};
  bob.Hears(kAnn, heartbeat);
  EXPECT_EQ(bob.Said<Stored>()->lease_from, Uptime{5'000});
  bob->Lead();
  EXPECT_EQ(bob->promise().epoch, 1U);
  bob.Hears(kAnn, heartbeat);
  EXPECT_FALSE(bob.Said<Stored>()) << "the lease is not renewed";
  bob->Tick(kLate + kTiming.lease);
  EXPECT_EQ(bob->promise().epoch, 2U);
}

// ---- the group's record

Node PromisedByBob() {
  Node ann(WithLog(kAnn, {kAnn, kBob}, 10, 8));
  ann->Lead();
  ann->PromiseKept(2);
  ann.Hears(kBob, PromiseGiven{.epoch = 2});
  return ann;
}

TEST(ReplicationMachine, AnEpochOpensWhenTheGroupsRecordIsItsOwn) {
  Node ann = PromisedByBob();
  const auto swap = ann.Did<SwapGroup>();
  ASSERT_TRUE(swap);
  EXPECT_EQ(swap->epoch, 2U);
  EXPECT_EQ(swap->group.primary, kAnn);
  EXPECT_FALSE(ann.Did<OpenEpoch>());
  ann->GroupSwapped(2, 41);
  const auto open = ann.Did<OpenEpoch>();
  ASSERT_TRUE(open);
  ann->Opened(*open, 11);
  EXPECT_EQ(ann->epochs().group().version, 41U);
}

TEST(ReplicationMachine, WhereTheRecordIsAnothersTheNextEpochIsTried) {
  Node ann = PromisedByBob();
  ASSERT_TRUE(ann.Did<SwapGroup>());
  ann->GroupSwapped(2, std::nullopt);
  EXPECT_FALSE(ann.Did<OpenEpoch>());
  ann->Tick(kLate + kTiming.patience);
  EXPECT_EQ(ann.Did<KeepPromise>()->promise.epoch, 3U);
  ann->GroupSwapped(2, 41);
  EXPECT_FALSE(ann.Did<OpenEpoch>()) << "of the epoch before";
}

TEST(ReplicationMachine, AStoreThatDoesNotAnswerIsAskedAgain) {
  Node ann = PromisedByBob();
  ASSERT_TRUE(ann.Did<SwapGroup>());
  ann->Tick(kLate + kTiming.patience - Uptime{1});
  EXPECT_FALSE(ann.Did<SwapGroup>());
  ann->Tick(kLate + kTiming.patience);
  EXPECT_TRUE(ann.Opens());
}

TEST(ReplicationMachine, WhatTheStoreAgreedToIsNotOpenedOnceSomebodyElseIsPromisedMore) {
  Node ann = PromisedByBob();
  ASSERT_TRUE(ann.Did<SwapGroup>());
  ann.Hears(kBob, AskPromise{.epoch = 3, .last = {1, 10}, .sync_set = {kAnn, kBob}});
  ASSERT_EQ(ann->promise().primary, kBob);
  ann->GroupSwapped(2, 41);
  EXPECT_FALSE(ann.Did<OpenEpoch>());
}

// ---- promises

TEST(ReplicationMachine, APromiseIsGivenWhenItIsDurableAndNotBefore) {
  Node cat(WithLog(kCat, {kAnn, kBob, kCat}, 10, 8));
  cat.Hears(kBob, AskPromise{.epoch = 2, .last = {1, 10}, .sync_set = {kBob, kCat}});
  ASSERT_TRUE(cat.Did<KeepPromise>());
  EXPECT_FALSE(cat.Said<PromiseGiven>());
  cat->PromiseKept(2);
  EXPECT_TRUE(cat.Said<PromiseGiven>());
}

TEST(ReplicationMachine, OneNodeIsPromisedAnEpoch) {
  Node cat(WithLog(kCat, {kAnn, kBob, kCat}, 10, 8));
  cat.Hears(kBob, AskPromise{.epoch = 2, .last = {1, 10}, .sync_set = {kBob, kCat}});
  cat->PromiseKept(2);
  cat.Hears(kAnn, AskPromise{.epoch = 2, .last = {1, 10}, .sync_set = {kAnn, kCat}});
  const auto refused = cat.Said<PromiseRefused>();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->why, PromiseRefusal::kEpoch);
  EXPECT_EQ(refused->promised.primary, kBob);
}

TEST(ReplicationMachine, ALogThatLacksWhatIsAckedIsPromisedNothing) {
  Node cat(WithLog(kCat, {kAnn, kBob, kCat}, 10, 8));
  cat.Hears(kBob, AskPromise{.epoch = 2, .last = {1, 7}, .sync_set = {kBob, kCat}});
  EXPECT_EQ(cat.Said<PromiseRefused>()->why, PromiseRefusal::kBehind);
  cat.Hears(kBob, AskPromise{.epoch = 2, .last = {1, 8}, .sync_set = {kBob, kCat}});
  EXPECT_FALSE(cat.Said<PromiseRefused>());
}

TEST(ReplicationMachine, ALogOfAnOlderEpochIsPromisedNothing) {
  ReplicationMachine::Node node = WithLog(kCat, {kAnn, kBob, kCat}, 10, 8);
  node.epochs.Begin({.epoch = 2, .first = 10, .group = node.epochs.group()});
  Node cat(node);
  cat.Hears(kBob, AskPromise{.epoch = 3, .last = {1, 20}, .sync_set = {kBob, kCat}});
  EXPECT_EQ(cat.Said<PromiseRefused>()->why, PromiseRefusal::kBehind);
}

TEST(ReplicationMachine, WhoPromisedToLeaveDoesNotLead) {
  Node bob(WithLog(kBob, {kAnn, kBob}, 10, 8));
  bob.Hears(kAnn, AskPromise{.epoch = 2, .last = {1, 10}, .sync_set = {kAnn}});
  EXPECT_TRUE(bob.Did<KeepPromise>()->promise.leaving);
  bob->PromiseKept(2);
  bob->Lead();
  EXPECT_EQ(bob.Did<LeadRefused>()->why, LeadRefusal::kLeft);
}

}  // namespace
}  // namespace holdfast

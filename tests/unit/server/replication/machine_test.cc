#include "server/replication/machine.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/server/replication/machine_test_support.h"

namespace holdfast {
namespace {

// ---- acks

TEST(ReplicationMachine, AnAckWaitsForEveryMembersDisk) {
  Node ann = LeadingWithBob();
  ann->StoredUpTo(11);
  EXPECT_FALSE(ann.Did<AckedUpTo>());
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11});
  EXPECT_EQ(ann.Did<AckedUpTo>()->index, 11U);
  ann->Pushed(14);
  ann.Hears(kBob, Stored{.epoch = 2, .index = 14});
  EXPECT_FALSE(ann.Did<AckedUpTo>()) << "its own disk counts, too";
  ann->StoredUpTo(13);
  EXPECT_EQ(ann.Did<AckedUpTo>()->index, 13U);
}

TEST(ReplicationMachine, NothingIsAckedByWhatAMemberStoredInAnotherEpoch) {
  Node ann = LeadingWithBob();
  ann->StoredUpTo(11);
  ann.Hears(kBob, Stored{.epoch = 1, .index = 11});
  EXPECT_FALSE(ann.Did<AckedUpTo>());
}

TEST(ReplicationMachine, APrimaryAnswersReadsWhileEveryMembersLeaseHolds) {
  Node ann = LeadingWithBob();
  ann->StoredUpTo(11);
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11, .lease_from = kLate - Uptime{100}});
  EXPECT_EQ(ann->LeaseUntil(), kLate - Uptime{100} + kTiming.lease * 9 / 10);
}

TEST(ReplicationMachine, AnOpeningIsShippedWhenItIsDurableHere) {
  Node ann = LeadingWithBob();
  ann.Hears(kBob, FollowFrom{.last = {1, 10}});
  EXPECT_FALSE(ann.Did<ShipRecords>()) << "bob would know of an epoch that ann may lose";
  ann->StoredUpTo(11);
  const auto ship = ann.Did<ShipRecords>();
  ASSERT_TRUE(ship);
  EXPECT_EQ(ship->from, 11U);
}

TEST(ReplicationMachine, OthersThanMembersGetWhatIsAckedAndNoMore) {
  Node ann = LeadingWithBob();
  ann.Hears(kCat, FollowFrom{.last = {1, 10}});
  EXPECT_FALSE(ann.Did<ShipRecords>());
  ann->StoredUpTo(11);
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11});
  const auto ship = ann.Did<ShipRecords>();
  ASSERT_TRUE(ship);
  EXPECT_EQ(ship->to, kCat);
  EXPECT_EQ(ship->up_to, 11U);
}

// ---- handing over

TEST(ReplicationMachine, AMemberIsToldToTakeOverWhenItHasAll) {
  Node ann = LeadingWithBob();
  ann->StoredUpTo(11);
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11, .lease_from = kLate});
  ann->Pushed(12);
  ASSERT_TRUE(ann->HandOver(kBob));
  EXPECT_FALSE(ann.Said<TakeOver>()) << "bob lacks a batch";
  EXPECT_EQ(ann->LeaseUntil(), Uptime{0}) << "bob may lead at any moment";
  ann.Hears(kBob, Stored{.epoch = 2, .index = 12, .lease_from = kLate});
  ann->Tick(kLate + kTiming.heartbeat);
  EXPECT_TRUE(ann.Said<TakeOver>());
}

// FAILOVER said OK to somebody.
TEST(ReplicationMachine, HandingOverWaitsForTheEpochsFirstAck) {
  Node ann = LeadingWithBob();
  ASSERT_TRUE(ann->HandOver(kBob));
  ann->Tick(kLate + kTiming.heartbeat);
  EXPECT_FALSE(ann.Said<TakeOver>());
  ann->StoredUpTo(11);
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11});
  ann->Tick(kLate + kTiming.heartbeat * 2);
  EXPECT_TRUE(ann.Said<TakeOver>());
}

TEST(ReplicationMachine, HandingOverWaitsForAChangeOfTheSyncSet) {
  Node ann = LeadingWithBob();
  ann->StoredUpTo(11);
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11});
  ASSERT_TRUE(ann->ChangeSyncSet({{.id = kAnn}, {.id = kBob}, {.id = kCat}}, {}));
  ASSERT_TRUE(ann->HandOver(kBob));
  ann->Tick(kLate + kTiming.heartbeat);
  EXPECT_FALSE(ann.Said<TakeOver>());
  ann->PromiseKept(3);
  for (const NodeId& member : {kBob, kCat}) ann.Hears(member, PromiseGiven{.epoch = 3});
  ann.OpensAt(12);
  ann->StoredUpTo(12);
  for (const NodeId& member : {kBob, kCat}) ann.Hears(member, Stored{.epoch = 3, .index = 12});
  ann->Tick(kLate + kTiming.heartbeat * 2);
  const auto order = ann.Said<TakeOver>();
  ASSERT_TRUE(order);
  EXPECT_EQ(order->epoch, 3U);
}

TEST(ReplicationMachine, HandingOverIsGivenUp) {
  Node ann = LeadingWithBob();
  ann->StoredUpTo(11);
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11});
  ASSERT_TRUE(ann->HandOver(kBob));
  const Uptime over = kLate + kTiming.change_patience;
  ann->Tick(over);
  EXPECT_FALSE(ann->handing_over());
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11, .lease_from = over}, over + Uptime{1});
  EXPECT_EQ(ann->LeaseUntil(), Uptime{0}) << "that lease may have been granted before the order";
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11, .lease_from = over + Uptime{1}},
            over + Uptime{2});
  EXPECT_GT(ann->LeaseUntil(), over);
}

TEST(ReplicationMachine, HandingOverIsGivenUpAsLateOrAsSoonAsSomebodyWants) {
  Node ann = LeadingWithBob();
  ann->StoredUpTo(11);
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11});
  ASSERT_TRUE(ann->HandOver(kBob, kTiming.change_patience * 2));
  ann->Tick(kLate + kTiming.change_patience * 2 - Uptime{1});
  EXPECT_TRUE(ann->handing_over());
  ann->GiveUpHandOver();
  EXPECT_FALSE(ann->handing_over());
}

TEST(ReplicationMachine, AnOrderToTakeOverEndsTheLeaseThatItFollowsAndNoLaterOne) {
  const AppendRecords heartbeat{
      .epoch = 1, .previous = {1, 10}, .acked = 10, .sent = Uptime{5'000}};
  Node bob(WithLog(kBob, {kAnn, kBob}, 10, 8));
  bob.Hears(kAnn, heartbeat);
  bob.Hears(kAnn, TakeOver{.epoch = 1, .sent = Uptime{4'999}});
  EXPECT_FALSE(bob->campaigning());
  bob.Hears(kAnn, TakeOver{.epoch = 1, .sent = Uptime{5'000}});
  EXPECT_EQ(bob->promise().epoch, 2U);
}

// ---- following

TEST(ReplicationMachine, AReplicaStoresOnReceiptAndAppliesWhatIsAcked) {
  Node bob(WithLog(kBob, {kAnn, kBob}, 10, 8));
  bob.Hears(kAnn, AppendRecords{.epoch = 1,
                                .previous = {1, 10},
                                .acked = 11,
                                .records = {RecordOf(1, 11), RecordOf(1, 12)}});
  EXPECT_EQ(bob.Did<StoreRecords>()->records.size(), 2U);
  EXPECT_EQ(bob.Did<AckedUpTo>()->index, 11U);
  EXPECT_EQ(bob.Said<Stored>()->index, 10U) << "of what is durable";
  bob->StoredUpTo(12);
  EXPECT_EQ(bob.Said<Stored>()->index, 12U);
  bob->StoredUpTo(12);
  EXPECT_FALSE(bob.Said<Stored>()) << "it has said so";
}

TEST(ReplicationMachine, AGapIsAskedForAgain) {
  Node bob(WithLog(kBob, {kAnn, kBob}, 10, 8));
  bob.Hears(kAnn, AppendRecords{
                      .epoch = 1, .previous = {1, 12}, .acked = 8, .records = {RecordOf(1, 13)}});
  EXPECT_FALSE(bob.Did<StoreRecords>());
  EXPECT_EQ(bob.Said<FollowFrom>()->last, (LogPlace{1, 10}));
}

TEST(ReplicationMachine, ATailThatTheNextPrimaryLacksIsCut) {
  Node cat(WithLog(kCat, {kAnn, kBob, kCat}, 10, 8));
  LogRecord opening = RecordOf(2, 10);
  opening.opens = Group{.primary = kBob, .sync_set = {{kBob, ""}, {kCat, ""}}, .version = 2};
  cat.Hears(kBob, AppendRecords{.epoch = 2, .previous = {1, 9}, .acked = 8, .records = {opening}});
  const auto cut = cat.Did<CutLog>();
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->last, 9U);
  EXPECT_FALSE(cut->reload);
  EXPECT_EQ(cat->epochs().last(), 2U);
  EXPECT_EQ(cat->last(), 10U);
}

TEST(ReplicationMachine, WhoLedLoadsAgainWhatTheCutLeaves) {
  Node ann = LeadingWithBob();
  LogRecord opening = RecordOf(3, 11);
  opening.opens = Group{.primary = kBob, .sync_set = {{kBob, ""}}, .version = 3};
  ann.Hears(kBob, AppendRecords{.epoch = 3, .previous = {1, 10}, .acked = 8, .records = {opening}});
  EXPECT_EQ(ann.Did<RoleChanged>()->role, ReplicationRole::kReplica);
  const auto cut = ann.Did<CutLog>();
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->last, 10U);
  EXPECT_TRUE(cut->reload);
}

TEST(ReplicationMachine, WhatTheDiskSaysBeforeACutIsDoneIsNotBelieved) {
  Node ann = LeadingWithBob();
  LogRecord opening = RecordOf(3, 11);
  opening.opens = Group{.primary = kBob, .sync_set = {{kBob, ""}}, .version = 3};
  ann.Hears(kBob, AppendRecords{.epoch = 3, .previous = {1, 10}, .acked = 8, .records = {opening}});
  ann->PromiseKept(3);
  ann.ForgetWhatItDid();
  ann->StoredUpTo(11);  // its own opening batch, which the cut takes
  EXPECT_EQ(ann->stored(), 10U);
  ann->ResetDone();
  EXPECT_EQ(ann.Said<Stored>()->index, 10U);
}

TEST(ReplicationMachine, AnOlderEpochsPrimaryIsToldSo) {
  Node bob(WithLog(kBob, {kAnn, kBob}, 10, 8));
  bob.Hears(kCat, AskPromise{.epoch = 4, .last = {1, 10}, .sync_set = {kCat, kBob}});
  bob.ForgetWhatItDid();
  bob.Hears(kAnn, AppendRecords{.epoch = 1, .previous = {1, 10}, .records = {RecordOf(1, 11)}});
  EXPECT_FALSE(bob.Did<StoreRecords>());
  EXPECT_EQ(bob.Said<Outdated>()->promised.epoch, 4U);
}

TEST(ReplicationMachine, APrimaryThatContradictsWhatIsAckedIsNotFollowed) {
  Node bob(WithLog(kBob, {kAnn, kBob}, 10, 8));
  LogRecord opening = RecordOf(5, 8);
  opening.opens = Group{.primary = kCat, .sync_set = {{kCat, ""}}, .version = 5};
  bob.Hears(kCat, AppendRecords{.epoch = 5, .previous = {1, 7}, .acked = 7, .records = {opening}});
  EXPECT_TRUE(bob.Did<Diverged>());
  EXPECT_FALSE(bob.Did<CutLog>());
}

TEST(ReplicationMachine, WhoIsFartherBehindThanTheLogReachesGetsASnapshot) {
  Node ann = LeadingWithBob();
  ann->StoredUpTo(11);
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11});
  ann->Trimmed(9);
  ann.Hears(kCat, FollowFrom{.last = {1, 7}});
  EXPECT_TRUE(ann.Did<SendSnapshot>());
  ann.Hears(kCat, FollowFrom{.last = {1, 8}});
  EXPECT_FALSE(ann.Did<SendSnapshot>());
  EXPECT_EQ(ann.Did<ShipRecords>()->from, 9U);
}

TEST(ReplicationMachine, WhoFallsBehindWhatIsTrimmedWhileItIsShippedGetsASnapshot) {
  Node ann = LeadingWithBob();
  ann->StoredUpTo(11);
  ann.Hears(kBob, Stored{.epoch = 2, .index = 11});
  ann.Hears(kCat, FollowFrom{.last = {1, 7}});
  ASSERT_EQ(ann.Did<ShipRecords>()->from, 8U);
  ann->Trimmed(10);
  ann->Shipped(kCat, 8);
  EXPECT_FALSE(ann.Did<ShipRecords>());
  EXPECT_TRUE(ann.Did<SendSnapshot>());
}

TEST(ReplicationMachine, WhatCouldNotBeShippedIsShippedFromWhereTheReplicaSays) {
  Node ann = LeadingWithBob();
  ann->StoredUpTo(11);
  ann.Hears(kBob, FollowFrom{.last = {1, 7}});
  ASSERT_EQ(ann.Did<ShipRecords>()->from, 8U);
  ann->NotShipped(kBob);
  EXPECT_FALSE(ann.Did<ShipRecords>());
  ann.Hears(kBob, FollowFrom{.last = {1, 5}});
  EXPECT_EQ(ann.Did<ShipRecords>()->from, 6U);
}

TEST(ReplicationMachine, SaysBeforehandWhichMessageEndsItsLead) {
  const auto deposes = [](ReplicationMessage::Body body, HistoryId history = TheHistory()) {
    Node ann = LeadingWithBob();
    const ReplicationMessage message{.history = history, .body = std::move(body)};
    const bool foreseen = ann->Deposes(kBob, message);
    ann->Receive(kBob, message, kLate);
    EXPECT_EQ(foreseen, !ann->leads());
    return foreseen;
  };
  HistoryId other;
  other.bytes[0] = 'x';
  const AskPromise ask{.epoch = 3, .last = {2, 11}, .sync_set = {kAnn, kBob}, .takeover = true};
  EXPECT_TRUE(deposes(ask));
  EXPECT_FALSE(deposes(ask, other));
  EXPECT_FALSE(deposes(AskPromise{.epoch = 2, .last = {2, 11}, .takeover = true}));
  EXPECT_FALSE(deposes(AskPromise{.epoch = 3, .last = {1, 10}, .takeover = true})) << "it lacks";
  EXPECT_TRUE(deposes(AppendRecords{.epoch = 3, .previous = {2, 11}}));
  EXPECT_FALSE(deposes(AppendRecords{.epoch = 2, .previous = {2, 11}}));
  EXPECT_FALSE(deposes(FollowFrom{.last = {2, 11}}));
  EXPECT_FALSE(deposes(Outdated{.promised = {.epoch = 4, .primary = kBob}}));
}

TEST(ReplicationMachine, ASnapshotTakesThePlaceOfAnEmptyLogAndOfNoOtherHistorys) {
  const SnapshotHead head{.epoch = 1,
                          .history = TheHistory(),
                          .epochs = WithLog(kAnn, {kAnn}, 9, 9).epochs,
                          .last = {1, 9}};
  HistoryId other;
  other.bytes[0] = 'x';
  Node blank({.id = kBob, .history = other});
  EXPECT_TRUE(blank->Install(kAnn, head, kLate));
  EXPECT_EQ(blank->last(), 9U);
  EXPECT_EQ(blank->history(), TheHistory());

  ReplicationMachine::Node full = WithLog(kCat, {kCat}, 3, 3);
  full.history = other;
  Node cat(full);
  EXPECT_FALSE(cat->Install(kAnn, head, kLate));
}

}  // namespace
}  // namespace holdfast

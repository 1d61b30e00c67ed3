#include "server/replication/machine.h"

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr ReplicationMachine::Timing kTiming;
constexpr Uptime kLate{60'000};  // after every lease that a start granted

NodeId Named(char name) {
  NodeId id;
  id.bytes[0] = name;
  return id;
}
const NodeId kAnn = Named('a');
const NodeId kBob = Named('b');
const NodeId kCat = Named('c');

HistoryId TheHistory() {
  HistoryId id;
  id.bytes[0] = 'h';
  return id;
}

LogRecord RecordOf(Epoch epoch, Index index) {
  return {.epoch = epoch, .first = index, .last = index};
}

// A machine whose disk is as fast as the test wants it: every action is kept, in order.
class Node {
 public:
  explicit Node(ReplicationMachine::Node node) : machine_(std::move(node), kTiming, Uptime{0}) {
    machine_.Tick(kLate);
  }

  ReplicationMachine& operator*() { return machine_; }
  ReplicationMachine* operator->() { return &machine_; }

  // The last action of its kind since the last call that found one; null if there is none.
  template <typename Action>
  std::unique_ptr<Action> Did() {
    for (ReplicationAction& action : machine_.TakeActions()) done_.push_back(std::move(action));
    for (auto action = done_.rbegin(); action != done_.rend(); ++action) {
      if (auto* const found = std::get_if<Action>(&*action); found != nullptr) {
        auto taken = std::make_unique<Action>(std::move(*found));
        done_.erase(std::next(action).base());
        return taken;
      }
    }
    return nullptr;
  }

  // The last message of its kind that it sent.
  template <typename Body>
  std::unique_ptr<Body> Said() {
    for (ReplicationAction& action : machine_.TakeActions()) done_.push_back(std::move(action));
    for (auto action = done_.rbegin(); action != done_.rend(); ++action) {
      auto* const send = std::get_if<SendMessage>(&*action);
      auto* const body = send == nullptr ? nullptr : std::get_if<Body>(&send->message.body);
      if (body == nullptr) continue;
      auto said = std::make_unique<Body>(std::move(*body));
      done_.erase(std::next(action).base());
      return said;
    }
    return nullptr;
  }

  void Hears(const NodeId& from, ReplicationMessage::Body body, Uptime now = kLate) {
    machine_.Receive(from, {.history = TheHistory(), .body = std::move(body)}, now);
  }

  void ForgetWhatItDid() {
    machine_.TakeActions();
    done_.clear();
  }

 private:
  ReplicationMachine machine_;
  std::vector<ReplicationAction> done_;
};

// Epoch 1 by ann, with these members; its log ends here, and so much is known to be acked.
ReplicationMachine::Node WithLog(const NodeId& id, const std::vector<NodeId>& members, Index last,
                                 Index acked) {
  ReplicationMachine::Node node{.id = id, .history = TheHistory(), .last = last, .acked = acked};
  Group group{.primary = kAnn, .version = 1};
  for (const NodeId& member : members) group.sync_set.push_back({.id = member});
  node.epochs.Begin({.epoch = 1, .first = 1, .group = group});
  return node;
}

// Ann leads in epoch 2, which bob has promised, and has opened it with batch 11.
Node LeadingWithBob() {
  Node ann(WithLog(kAnn, {kAnn, kBob}, 10, 8));
  ann->Lead();
  ann->PromiseKept(2);
  ann.Hears(kBob, PromiseGiven{.epoch = 2});
  EXPECT_TRUE(ann.Did<OpenEpoch>());
  ann->Opened(11);
  return ann;
}

// ---- taking the lead

TEST(ReplicationMachine, AnEmptyNodeThatNobodySentAnywhereBeginsAHistoryAlone) {
  Node ann({.id = kAnn, .history = TheHistory()});
  ann->Lead();
  EXPECT_FALSE(ann.Did<OpenEpoch>()) << "its own promise is not durable yet";
  ann->PromiseKept(1);
  const auto open = ann.Did<OpenEpoch>();
  ASSERT_TRUE(open);
  EXPECT_EQ(open->epoch, 1U);
  EXPECT_EQ(open->group.sync_set.size(), 1U);
  ann->Opened(1);
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
  const auto open = cat.Did<OpenEpoch>();
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
  EXPECT_FALSE(ann.Did<OpenEpoch>()) << "bob has not promised";
  ann.Hears(kBob, PromiseGiven{.epoch = 2});
  EXPECT_TRUE(ann.Did<OpenEpoch>());
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
  const auto open = bob.Did<OpenEpoch>();
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
  ASSERT_TRUE(ann.Did<OpenEpoch>());
  ann->Opened(12);
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

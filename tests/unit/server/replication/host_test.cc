// Two nodes' hosts, each with a log on disk, and links between them that the test carries and cuts:
// how one of them takes the other's state.
#include "server/replication/host.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "server/replication/steady_uptime.h"
#include "server/replication/wire.h"
#include "storage/snapshot_store.h"
#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

constexpr size_t kRows = 4000;
constexpr size_t kRowBytes = 1000;
// What a link's socket may be full of: then a turn adds one piece.
constexpr size_t kAlmostFull = (size_t{4} << 20) - 1;

class NoPost : public Post {
 public:
  void Send(ShardId, Letter& letter) override { letter = {}; }
};

// A node, and what it says to the only other one.
class Node : public ReplicationLinks {
 public:
  // Null: it keeps the group's record itself.
  explicit Node(const std::string& directory, GroupStore* groups = nullptr) {
    RocksLogOptions options;
    options.directory = directory;
    options.fatal = [](const Status& status) { ADD_FAILURE() << status.text(); };
    EXPECT_TRUE(RocksLog::Open(options, log_).ok());
    Replayed replayed;
    Heard heard;
    EXPECT_TRUE(log_->Replay({}, heard.Listener(), replayed).ok());
    EXPECT_TRUE(log_->StartFollowing().ok());
    server_ = std::make_unique<ServerState>(1, *log_);
    own_groups_ = std::make_unique<OwnGroupStore>(*log_);
    host_ = std::make_unique<ReplicationHost>(
        *log_, *server_, *this, groups == nullptr ? *own_groups_ : *groups, &waker_, 1, 0,
        ReplicationHost::Options{.now = [] { return FromUnixMs(1); },
                                 .reload = [this] { reload_ = true; },
                                 .config = [] { return Config{}; },
                                 .stop_snapshots = [] {}});
    host_->Serve(post_, {}, 0);
  }

  std::string* OutTo(const NodeId&) override { return linked ? &out : nullptr; }
  size_t UnsentTo(const NodeId&) const override { return unsent; }
  void WantLink(const NodeAddress&) override {}

  ReplicationHost& host() { return *host_; }
  RocksLog& log() { return *log_; }
  NodeId id() const { return log_->node(); }

  void Turn(Uptime now) {
    host_->Turn(now);
    if (!std::exchange(reload_, false)) return;
    ++reloads;
    host_->StopServing();
    host_->Serve(post_, {}, host_->ReloadUpTo());
  }
  void TakeSnapshot(char name) {
    const Index end = log_->Push({.mutations = Mutations("batch"), .gated = true});
    while (log_->Durable() < end) std::this_thread::yield();
    SnapshotStore& store = log_->snapshots();
    ASSERT_TRUE(store.Begin().ok());
    for (size_t row = 0; row < kRows; ++row) {
      std::string key(1, static_cast<char>(row * kPartitions / kRows));
      key += std::to_string(10'000 + row);
      ASSERT_TRUE(store.Write(key, std::string(kRowBytes, name)).ok());
    }
    SnapshotMark mark;
    mark.cuts.fill(end);
    ASSERT_TRUE(store.Finish(mark).ok());
  }
  // The value of every row; a space if they are not the same, or not all there.
  char SnapshotName() const {
    size_t rows = 0;
    std::optional<char> name;
    for (int partition = 0; partition < kPartitions; ++partition) {
      const auto take = [&](std::string_view, std::string_view value) {
        ++rows;
        const bool same = value == std::string(kRowBytes, name.value_or(value.front()));
        name = same ? value.front() : ' ';
        return Status::Ok();
      };
      EXPECT_TRUE(log_->snapshots().ForEachRow(static_cast<Partition>(partition), take).ok());
    }
    return rows == kRows ? *name : ' ';
  }

  bool linked = false;
  size_t unsent = kAlmostFull;
  std::string out;
  int reloads = 0;

 private:
  bool reload_ = false;
  NoPost post_;
  CountingWaker waker_;
  std::unique_ptr<RocksLog> log_;
  std::unique_ptr<ServerState> server_;
  std::unique_ptr<OwnGroupStore> own_groups_;
  std::unique_ptr<ReplicationHost> host_;
};

class HostTest : public testing::Test {
 protected:
  HostTest() {
    primary_.host().Lead();
    while (!primary_.host().settled()) primary_.Turn(now_);
    primary_.TakeSnapshot('a');
    replica_.host().Follow(kAddress);
  }

  void Link() {
    primary_.linked = replica_.linked = true;
    primary_.host().LinkIsUp(replica_.id(), {}, {});
    replica_.host().LinkIsUp(primary_.id(), {}, kAddress);
  }
  // What was on its way is lost.
  void Cut() {
    primary_.linked = replica_.linked = false;
    primary_.host().LinkIsDown(replica_.id());
    replica_.host().LinkIsDown(primary_.id());
    primary_.out.clear();
    replica_.out.clear();
  }
  static std::vector<std::string> FramesOf(std::string& out) {
    FrameReader reader;
    reader.Add(std::exchange(out, {}));
    std::vector<std::string> frames;
    for (std::string_view frame;;) {
      EXPECT_TRUE(reader.Next(frame).ok());
      if (frame.empty()) return frames;
      frames.emplace_back(frame);
    }
  }
  // What the one has said comes to the other.
  void Carry(Node& source, Node& target) {
    for (const std::string& frame : FramesOf(source.out)) {
      StateMessage message;
      if (IsStateFrame(frame) && DecodeStateFrame(frame, message).ok()) {
        if (const auto* wanted = std::get_if<StateWanted>(&message))
          wanted_.push_back(wanted->rows);
      }
      const Status taken = target.host().TakeFrame(source.id(), frame);
      EXPECT_TRUE(taken.ok()) << taken.text();
    }
  }
  void Turn() {
    now_ += Uptime{1};
    primary_.Turn(now_);
    Carry(primary_, replica_);
    replica_.Turn(now_);
    Carry(replica_, primary_);
  }
  // It has a good part of the state, and not all.
  void TakeHalf() {
    Link();
    for (int turn = 0; turn < 6; ++turn) Turn();
    ASSERT_TRUE(replica_.log().Installing());
    ASSERT_FALSE(wanted_.empty());
  }
  void TakeAll() {
    const int before = replica_.reloads;
    // The disk takes as long as it takes; but not so long.
    const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (replica_.reloads == before && std::chrono::steady_clock::now() < late) {
      Turn();
      std::this_thread::yield();
    }
    ASSERT_EQ(replica_.reloads, before + 1);
    ASSERT_FALSE(replica_.log().Installing());
  }

  const NodeAddress kAddress{.host = "primary", .port = 1};
  TempDir temp_;
  Uptime now_ = SteadyUptime() + Uptime{10'000};
  Node primary_{temp_ / "primary"};
  Node replica_{temp_ / "replica"};
  std::vector<uint64_t> wanted_;  // rows that the replica had, as it said each time
};

TEST_F(HostTest, AStateIsTaken) {
  Link();
  TakeAll();
  EXPECT_EQ(wanted_, std::vector<uint64_t>{0});
  EXPECT_EQ(replica_.SnapshotName(), 'a');
  EXPECT_EQ(replica_.log().LastPushed(), primary_.log().LastPushed());
}

TEST_F(HostTest, AnInterruptedStateGoesOnThoughItIsNoLongerTheCurrentOne) {
  for (const char newer : {'b', 'c', 'd'}) {
    TakeHalf();
    Cut();
    Turn();
    primary_.TakeSnapshot(newer);
  }
  Link();
  TakeAll();
  ASSERT_EQ(wanted_.size(), 4U);
  EXPECT_EQ(wanted_[0], 0U);
  for (size_t link = 1; link < 4; ++link) EXPECT_GT(wanted_[link], wanted_[link - 1]);
  EXPECT_EQ(replica_.SnapshotName(), 'a');
  EXPECT_EQ(replica_.log().LastPushed(), primary_.log().LastPushed());
}

TEST_F(HostTest, AStateGoesOnThatIsStillTheCurrentOneHoweverLateTheNodeComes) {
  TakeHalf();
  Cut();
  now_ += Uptime{3'600'000};
  Turn();
  Link();
  TakeAll();
  ASSERT_EQ(wanted_.size(), 2U);
  EXPECT_GT(wanted_[1], 0U);
  EXPECT_EQ(replica_.SnapshotName(), 'a');
}

TEST_F(HostTest, OneThatIsNotIsKeptForAMinute) {
  for (const Uptime away : {Uptime{59'990}, Uptime{60'000}}) {
    TakeHalf();
    Cut();
    primary_.TakeSnapshot('b');
    now_ += away;
    primary_.Turn(now_);
  }
  Link();
  TakeAll();
  ASSERT_EQ(wanted_.size(), 3U);
  EXPECT_GT(wanted_[1], 0U);
  EXPECT_EQ(wanted_[2], 0U);
  EXPECT_EQ(replica_.SnapshotName(), 'b');
}

TEST_F(HostTest, TheEndOfAStateMayBeLostOnTheWay) {
  Link();
  primary_.unsent = 0;
  while (wanted_.empty()) Turn();
  primary_.Turn(now_);  // all of it, and the log
  primary_.Turn(now_);
  primary_.TakeSnapshot('b');
  primary_.out.resize(kRows * kRowBytes / 2);
  FrameReader reader;
  reader.Add(primary_.out);
  for (std::string_view frame; reader.Next(frame).ok() && !frame.empty();) {
    ASSERT_TRUE(replica_.host().TakeFrame(primary_.id(), frame).ok());
  }
  Cut();
  Link();
  TakeAll();
  ASSERT_EQ(wanted_.size(), 2U);
  EXPECT_GT(wanted_[1], 0U);
  EXPECT_EQ(replica_.SnapshotName(), 'a');
}

TEST_F(HostTest, ASecondLinkIsAsOneThatWentDown) {
  TakeHalf();
  primary_.Turn(now_ + Uptime{1});
  ASSERT_FALSE(primary_.out.empty());
  primary_.out.clear();  // it was on the older one
  Link();
  TakeAll();
  EXPECT_GT(wanted_.back(), 0U);
  EXPECT_EQ(replica_.SnapshotName(), 'a');
}

// ---- the group's record

// One that takes its time.
class SlowGroupStore : public GroupStore {
 public:
  GroupRecord Get() const override { return record; }
  void CompareAndSwap(uint64_t expected, const GroupRecord& next, SwappedFn done) override {
    asked.push_back({.expected = expected, .next = next, .done = std::move(done)});
  }
  void Watch(WatchFn watch) override { watch_ = std::move(watch); }

  void Answer(bool swapped) {
    const Asked first = std::move(asked.front());
    asked.erase(asked.begin());
    if (swapped) record = first.next;
    first.done(swapped);
  }
  void Tell(const GroupRecord& told) { watch_(told); }

  struct Asked {
    uint64_t expected = 0;
    GroupRecord next{};
    SwappedFn done{};
  };
  GroupRecord record{};
  std::vector<Asked> asked;

 private:
  WatchFn watch_;
};

class GroupStoreTest : public testing::Test {
 protected:
  GroupStoreTest() { Turns(1); }
  void Turns(int count) {
    for (int turn = 0; turn < count; ++turn) node_.Turn(++now_);
  }
  void AwaitQuestion() {
    for (int turns = 0; store_.asked.empty() && turns < 1000; ++turns) Turns(1);
    ASSERT_EQ(store_.asked.size(), 1U);
  }

  TempDir temp_;
  Uptime now_ = SteadyUptime() + Uptime{10'000};
  SlowGroupStore store_;
  Node node_{temp_ / "node", &store_};
};

TEST_F(GroupStoreTest, AnEpochOpensWhenTheRecordIsItsOwnInTheVersionThatItHasThere) {
  store_.record.group.version = 40;
  node_.host().Lead();
  AwaitQuestion();
  Turns(100);
  EXPECT_EQ(store_.asked.front().expected, 40U);
  EXPECT_EQ(store_.asked.front().next.group.primary, node_.id());
  EXPECT_EQ(node_.log().LastPushed(), 0U);
  store_.Answer(true);
  Turns(1);
  EXPECT_EQ(node_.log().LastPushed(), 1U);
  EXPECT_EQ(node_.log().epochs().last(), store_.record.epoch);
  EXPECT_EQ(node_.log().epochs().group(), store_.record.group);
}

TEST_F(GroupStoreTest, AnEpochThatTheStoreRefusesIsNotOpenedAndALaterOneIs) {
  node_.host().Lead();
  AwaitQuestion();
  const Epoch refused = store_.asked.front().next.epoch;
  store_.Answer(false);
  AwaitQuestion();
  EXPECT_GT(store_.asked.front().next.epoch, refused);
  store_.Answer(true);
  Turns(1);
  EXPECT_EQ(node_.log().LastPushed(), 1U);
  EXPECT_GT(node_.log().epochs().last(), refused);
}

TEST_F(GroupStoreTest, AnAnswerThatWasLostIsFoundInTheRecord) {
  node_.host().Lead();
  AwaitQuestion();
  store_.record = store_.asked.front().next;
  store_.asked.clear();
  Turns(1000);
  EXPECT_TRUE(store_.asked.empty());
  EXPECT_EQ(node_.log().epochs().group(), store_.record.group);
}

TEST_F(GroupStoreTest, WhoeverTheRecordNamesIsAskedForTheLog) {
  node_.linked = true;
  Turns(1000);
  EXPECT_TRUE(node_.out.empty());
  GroupRecord told{.epoch = 7};
  told.group.primary.bytes.fill('p');
  store_.Tell(told);
  EXPECT_FALSE(node_.out.empty());
}

// ---- hostile words

TEST_F(HostTest, AnswersThatMakeNoSenseEndTheLinkAndNothingElse) {
  const StateWanted hostile[] = {
      {.snapshot = 1, .rows = kRows + 1, .after = "key"},
      {.snapshot = 1, .rows = ~uint64_t{0}, .after = "key"},
      {.snapshot = 1, .rows = 0, .after = "key"},
      {.snapshot = 1, .rows = 1, .after = ""},
  };
  for (const StateWanted& wanted : hostile) {
    Link();
    Carry(replica_, primary_);
    replica_.Turn(now_);
    Carry(replica_, primary_);
    std::string bytes;
    AppendStateFrame(bytes, primary_.log().history().id, wanted);
    const Status taken = primary_.host().TakeFrame(replica_.id(), FramesOf(bytes).front());
    EXPECT_EQ(taken.code(), Status::Code::kDamaged);
    Cut();
  }
  Link();
  TakeAll();
  EXPECT_EQ(replica_.SnapshotName(), 'a');
}

// The primary sends what it is asked for, and goes on serving; who lied has not all rows.
TEST_F(HostTest, AFalsePlaceHarmsOnlyWhoNamesIt) {
  const std::string keys[] = {"\x01key", std::string(1 << 20, '\xff')};
  for (const std::string& key : keys) {
    Link();
    replica_.Turn(now_);
    Carry(replica_, primary_);
    Carry(primary_, replica_);
    for (std::string& frame : FramesOf(replica_.out)) {
      std::string bytes;
      StateMessage message;
      if (IsStateFrame(frame) && DecodeStateFrame(frame, message).ok() &&
          std::holds_alternative<StateWanted>(message)) {
        AppendStateFrame(bytes, primary_.log().history().id,
                         StateWanted{.snapshot = 1, .rows = kRows / 2, .after = key});
        frame = FramesOf(bytes).front();
      }
      ASSERT_TRUE(primary_.host().TakeFrame(replica_.id(), frame).ok());
    }
    Status taken;
    for (int turn = 0; turn < 1000 && taken.ok(); ++turn) {
      primary_.Turn(++now_);
      for (const std::string& frame : FramesOf(primary_.out)) {
        if (taken.ok()) taken = replica_.host().TakeFrame(primary_.id(), frame);
      }
    }
    EXPECT_EQ(taken.code(), Status::Code::kDamaged);
    Cut();
  }
  wanted_.clear();
  Link();
  TakeAll();
  EXPECT_EQ(wanted_, std::vector<uint64_t>{0}) << "what came is not believed";
  EXPECT_EQ(replica_.SnapshotName(), 'a');
}

TEST_F(HostTest, AnswersToNoOfferAreNothing) {
  const auto say = [&](const StateMessage& message) {
    std::string bytes;
    AppendStateFrame(bytes, primary_.log().history().id, message);
    EXPECT_TRUE(primary_.host().TakeFrame(replica_.id(), FramesOf(bytes).front()).ok());
  };
  const auto say_all = [&] {
    say(StateWanted{.snapshot = 1, .rows = ~uint64_t{0}, .after = "key"});
    say(StateDeclined{.snapshot = 1});
    say(StateEnds{});
    say(StateRows{.packed = "rows"});
  };
  Link();
  say_all();
  replica_.Turn(now_);
  Carry(replica_, primary_);
  say(StateWanted{.snapshot = 2, .rows = ~uint64_t{0}, .after = "key"});
  say(StateDeclined{.snapshot = 2});
  for (int turn = 0; turn < 4; ++turn) Turn();
  say_all();
  TakeAll();
  EXPECT_EQ(wanted_, std::vector<uint64_t>{0});
  EXPECT_EQ(replica_.SnapshotName(), 'a');
}

TEST_F(HostTest, AStateThatIsDeclinedIsOfferedAgainToWhoAsksAgain) {
  Link();
  replica_.Turn(now_);
  Carry(replica_, primary_);
  primary_.out.clear();
  std::string bytes;
  AppendStateFrame(bytes, primary_.log().history().id, StateDeclined{.snapshot = 1});
  ASSERT_TRUE(primary_.host().TakeFrame(replica_.id(), FramesOf(bytes).front()).ok());
  now_ += Uptime{1000};
  TakeAll();
  EXPECT_EQ(replica_.SnapshotName(), 'a');
}

TEST_F(HostTest, RecordsBeforeTheStateIsWholeAreNotStored) {
  TakeHalf();
  const Index last = primary_.log().LastPushed();
  CountingWaker waker;
  std::vector<SealedRecord> records;
  ASSERT_TRUE(primary_.log().ReadBehind(last - 1, &waker)->Read(1 << 20, records).ok());
  const RecordHeader& header = records.front().header;
  AppendRecords append{.epoch = header.epoch, .previous = {header.epoch, header.first - 1}};
  append.records.push_back({.epoch = header.epoch,
                            .first = header.first,
                            .last = header.last(),
                            .bytes = records.front().bytes});
  std::string bytes;
  AppendFrame(bytes, {.history = primary_.log().history().id, .body = std::move(append)});
  ASSERT_TRUE(replica_.host().TakeFrame(primary_.id(), FramesOf(bytes).front()).ok());
  EXPECT_EQ(replica_.log().LastPushed(), 0U);
  Cut();
  Link();
  TakeAll();
  EXPECT_GT(wanted_.back(), 0U);
  EXPECT_EQ(replica_.SnapshotName(), 'a');
}

}  // namespace
}  // namespace holdfast

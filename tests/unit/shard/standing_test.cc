// A primary that is not alone: what its group acks, and what becomes of it when another one leads.
#include "server/standing.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/sim/snapshots.h"
#include "tests/unit/shard/cluster_fixture.h"

namespace holdfast {
namespace {

// A log that takes nothing from the moment on when another server leads.
class LogOfAnother final : public Log {
 public:
  explicit LogOfAnother(MemoryLog& log) : log_(log) {}
  Index Push(const Batch& batch) override { return deposed ? kNeverDurable : log_.Push(batch); }
  Index LastPushed() const override { return log_.LastPushed(); }
  Index Durable() const override { return log_.Durable(); }
  void RequestSync(Index index) override { log_.RequestSync(index); }
  bool Keeps() const override { return true; }
  bool Congested() const override { return false; }
  void AddWaker(Waker* waker) override { log_.AddWaker(waker); }
  Status Flush() override { return log_.Flush(); }

  bool deposed = false;

 private:
  MemoryLog& log_;
};

class StandingTest : public ClusterTest {
 protected:
  StandingTest() : ClusterTest(3) {}

  Standing& standing() { return cluster_.state().standing; }
  void Ack(Index index) {
    standing().acked = index;
    for (int shard = 0; shard < cluster_.shards(); ++shard) cluster_.Wake(shard);
  }
};

TEST_F(StandingTest, AStockReplyWaitsForTheGroupAndNotForOurDisk) {
  SimClient& client = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  standing().acked = log_.LastPushed();
  Send(client, "STOCK.CREATE " + sku + " 5");
  Settle();
  EXPECT_EQ(client.received, "");  // durable here
  Ack(log_.LastPushed() - 1);
  EXPECT_EQ(client.received, "");
  Ack(log_.LastPushed());
  EXPECT_EQ(client.received, "+OK\r\n");
}

TEST_F(StandingTest, AReplyFromAnotherShardWaitsForTheGroupToo) {
  SimClient& client = cluster_.Connect(0);
  standing().acked = log_.LastPushed();
  Send(client, "STOCK.CREATE " + KeyOn(2, "mask") + " 5");
  Settle();
  EXPECT_EQ(client.received, "");
  Ack(log_.LastPushed());
  EXPECT_EQ(client.received, "+OK\r\n");
}

TEST_F(StandingTest, WhatTheGroupHasAckedIsToldAtTheEndOfItsTurn) {
  SimClient& client = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  Send(client, "STOCK.CREATE " + sku + " 5");
  Settled(client);
  standing().acked = log_.LastPushed();
  Send(client, "STOCK.AVAIL " + sku);
  cluster_.EndTurn(0);
  EXPECT_EQ(client.received, "*1\r\n:5\r\n");
}

class DeposedTest : public testing::Test {
 protected:
  DeposedTest()
      : memory_({.history = {}, .fatal = [](const Status&) {}}),
        log_(memory_),
        cluster_(1, log_, HashSeed{1}, Config{}, FromUnixMs(1'795'288'322'993)),
        client_(cluster_.Connect(0)) {}

  std::string Ask(std::string_view line) {
    cluster_.Execute(client_, Words(line));
    cluster_.EndTurn(0);
    while (memory_.Step()) {
    }
    memory_.Sync();
    cluster_.Wake(0);
    cluster_.Work(0);
    cluster_.EndTurn(0);
    return std::exchange(client_.received, {});
  }

  MemoryLog memory_;
  LogOfAnother log_;
  Cluster cluster_;
  SimClient& client_;
};

TEST_F(DeposedTest, WhatNoLogTookIsNeverTold) {
  EXPECT_EQ(Ask("STOCK.CREATE mask 5"), "+OK\r\n");
  log_.deposed = true;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Ask("RESERVE mask ord-" + std::to_string(i) + " 1"), "");
  cluster_.state().standing.acked = memory_.LastPushed() + 1000;  // the other one goes on
  EXPECT_EQ(Ask("STOCK.AVAIL mask"), "");
  SimClient& other = cluster_.Connect(0);
  cluster_.Execute(other, Words("STOCK.AVAIL mask"));
  cluster_.EndTurn(0);
  cluster_.Wake(0);
  EXPECT_EQ(other.received, "");  // it would tell of them
}

TEST_F(DeposedTest, NoSnapshotHoldsWhatNoLogTook) {
  SimSnapshots snapshots;
  cluster_.state().snapshots = &snapshots;
  Ask("SET a 1");
  log_.deposed = true;
  Ask("SET a 2");
  snapshots.Request();
  for (int i = 0; i < 200; ++i) {
    cluster_.Work(0);
    cluster_.EndTurn(0);
  }
  SimSnapshot taken;
  snapshots.Finish(kNeverDurable, taken);
  EXPECT_TRUE(snapshots.running());
  EXPECT_FALSE(cluster_.router(0).HasWork());
}

// ---- clients of a server that leads no more

class DismissedTest : public StandingTest {
 protected:
  void Dismiss() {
    for (int shard = 0; shard < cluster_.shards(); ++shard) {
      cluster_.EndTurn(shard);
      cluster_.router(shard).RefuseWaiting("NOTACKED who knows");
    }
  }
  static std::string Refused(int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += "-NOTACKED who knows\r\n";
    return text;
  }
};

TEST_F(DismissedTest, EveryReplyThatIsMissingIsRefusedInItsPlace) {
  SimClient& client = cluster_.Connect(0);
  SimClient& idle = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  Send(client, "PING");
  Send(client, "STOCK.CREATE " + sku + " 5");   // waits for the disk
  Send(client, "RESERVE " + sku + " ord-1 1");  // so does this, with it
  Send(client, "GET " + KeyOn(1, "k"));         // is on its way
  Send(client, "PING");                         // stands behind it
  Send(client, "DBSIZE");                       // asks every shard
  Dismiss();
  EXPECT_EQ(Taken(client), "+PONG\r\n" + Refused(5));
  EXPECT_TRUE(client.client.close_after_replies);
  EXPECT_EQ(Taken(idle), "");
  EXPECT_TRUE(idle.client.close_after_replies);
  EXPECT_EQ(cluster_.shard(0).metrics().clients.Get(), 0U);
  Settle();  // what comes back finds nobody
  EXPECT_EQ(client.received, "");
}

TEST_F(DismissedTest, TransactionsAndGroupsEndWithTheirClients) {
  SimClient& ann = cluster_.Connect(0);
  SimClient& joe = cluster_.Connect(1);
  SimClient& eve = cluster_.Connect(2);
  Send(ann, "WATCH " + KeyOn(1, "k"));
  Settled(ann);
  Send(ann, "MULTI");
  Send(ann, "SET a 1");
  Send(joe, "MSET " + KeyOn(0, "k") + " 1 " + KeyOn(1, "k") + " 2 " + KeyOn(2, "k") + " 3");
  Send(eve, "MULTI");
  for (int shard = 0; shard < 3; ++shard) Send(eve, "INCR " + KeyOn(shard, "n"));
  Send(eve, "EXEC");
  Turn();
  const std::string queued = "+OK\r\n+QUEUED\r\n";
  Dismiss();
  EXPECT_EQ(Taken(ann), queued);
  EXPECT_EQ(Taken(joe), Refused(1));
  EXPECT_EQ(Taken(eve), queued + "+QUEUED\r\n+QUEUED\r\n" + Refused(1));
  Settle();
  for (int shard = 0; shard < 3; ++shard) {
    EXPECT_TRUE(cluster_.shard(shard).locks().idle());
    EXPECT_TRUE(cluster_.shard(shard).watches().empty());
  }
}

TEST_F(DismissedTest, APublishThatWaitedIsRefusedAndNobodyListensAnyMore) {
  SimClient& subscriber = cluster_.Connect(1);
  SimClient& client = cluster_.Connect(0);
  Send(subscriber, "SUBSCRIBE c");
  Settled(subscriber);
  Send(client, "GET " + KeyOn(1, "k"));
  Send(client, "PUBLISH c m");  // behind what was asked before
  Dismiss();
  EXPECT_EQ(Taken(client), Refused(2));
  Settle();
  EXPECT_EQ(Taken(subscriber), "");
  EXPECT_EQ(cluster_.state().channels.distinct(), 0U);
}

class NoRoad final : public Post {
 public:
  void Send(ShardId, Letter&) override { FAIL() << "there is one shard"; }
};

TEST(ReplacedRouter, WhatItHadStillToTellHoldsUpNobodyBehindIt) {
  MemoryLog log({.history = {}, .fatal = [](const Status&) {}});
  ServerState state(1, log);
  Config config;
  config.notify_keyspace_events = kKeyspaceChannels | kKeyeventChannels | kStringEvents;
  Shard shard(0, state, HashSeed{1}, config);
  NoRoad road;
  SimClient sim;
  sim.client.id = 1;
  sim.client.sink = &sim;
  {
    Router router(shard, road);
    router.Add(sim.client);
    const auto ask = [&](const std::string& line) {
      const std::vector<std::string> words = Words(line);
      router.Execute(sim.client, std::vector<std::string_view>(words.begin(), words.end()));
    };
    ask("HELLO 3");
    for (int i = 0; i < 500; ++i) ask("PSUBSCRIBE p" + std::to_string(i));
    for (int i = 0; i < 100; ++i) ask("SET k" + std::to_string(i) + " v");
    router.EndTurn();
    EXPECT_GT(state.untold_bytes, 0U);
    router.Remove(sim.client);
  }
  EXPECT_EQ(state.untold_bytes, 0U);
  EXPECT_EQ(state.patterns.distinct(), 0U);
}

}  // namespace
}  // namespace holdfast

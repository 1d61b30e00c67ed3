// Three shards in one thread: what leaves, when, and in which order.
#include "server/shard/router.h"

#include <gtest/gtest.h>

#include "tests/unit/shard/cluster_fixture.h"

namespace holdfast {
namespace {

class RouterTest : public ClusterTest {
 protected:
  using ClusterTest::ClusterTest;

  // A SKU of 5,000 units, of which so many are held for a second.
  void CreateWithHolds(SimClient& client, const std::string& sku, int holds) {
    Send(client, "STOCK.CREATE " + sku + " 5000");
    for (int i = 0; i < holds; ++i)
      Send(client, "RESERVE " + sku + " h" + std::to_string(i) + " 1 EX 1");
  }
};

TEST_F(RouterTest, AStockReplyLeavesOnlyWhenItsEffectIsDurable) {
  SimClient& client = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  Send(client, "STOCK.CREATE " + sku + " 5");
  EXPECT_EQ(Settled(client), "+OK\r\n");
  Send(client, "RESERVE " + sku + " ord-1 2");
  Turns();
  while (log_.Step()) {
  }
  Turns();
  EXPECT_EQ(client.received, "");  // written, not synced
  SyncLog();
  EXPECT_TRUE(client.received.starts_with("*4\r\n+HELD\r\n:2\r\n"));
}

TEST_F(RouterTest, AnAckSendsNothingThatIsNotPushedYet) {
  SimClient& client = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  const std::string key = KeyOn(0, "key");
  Send(client, "STOCK.CREATE " + sku + " 5");
  cluster_.EndTurn(0);
  log_.Step();
  log_.Sync();
  // The end of a turn is quicker than the shard's wake-up, and sends what is durable.
  Send(client, "PING");
  cluster_.EndTurn(0);
  ASSERT_EQ(std::exchange(client.received, {}), "+OK\r\n+PONG\r\n");
  Send(client, "INCR " + key);
  cluster_.Wake(0);
  EXPECT_EQ(client.received, "");
  cluster_.EndTurn(0);
  EXPECT_EQ(client.received, ":1\r\n");
}

TEST_F(RouterTest, ARefusalWaitsForTheReservationThatCausedIt) {
  SimClient& ann = cluster_.Connect(0);
  SimClient& joe = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  Send(ann, "STOCK.CREATE " + sku + " 1");
  Settled(ann);
  Send(ann, "RESERVE " + sku + " ord-1 1");
  Send(joe, "RESERVE " + sku + " ord-2 1");
  Turns();
  EXPECT_EQ(joe.received, "");  // a crash now would give the unit back
  SyncLog();
  EXPECT_EQ(joe.received, "*4\r\n+SOLDOUT\r\n:0\r\n:0\r\n:0\r\n");
}

TEST_F(RouterTest, WhateverTellsOfASkuWaitsForItsCreation) {
  SimClient& ann = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  Send(ann, "STOCK.CREATE " + sku + " 1");
  std::vector<SimClient*> others;
  for (std::string line : {"DEL", "TYPE", "EXISTS", "TTL", "INCR", "GET", "HGETALL", "PERSIST",
                           "STOCK.AVAIL", "STOCK.GET", "HOLD.LIST", "STOCK.AUDIT"}) {
    others.push_back(&cluster_.Connect(0));
    Send(*others.back(), line.append(" ").append(sku));
  }
  others.push_back(&cluster_.Connect(0));
  Send(*others.back(), "SET " + sku + " v");
  Turns();
  for (const SimClient* other : others) EXPECT_EQ(other->received, "");
  SyncLog();
  for (const SimClient* other : others) EXPECT_NE(other->received, "");
}

TEST_F(RouterTest, AConfirmDoesNotHoldUpRefusals) {
  SimClient& ann = cluster_.Connect(0);
  SimClient& joe = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  Send(ann, "STOCK.CREATE " + sku + " 1");
  Send(ann, "RESERVE " + sku + " ord-1 1");
  Settled(ann);
  Send(ann, "CONFIRM " + sku + " ord-1");
  Send(joe, "RESERVE " + sku + " ord-2 1");
  Turns();
  EXPECT_EQ(ann.received, "");
  EXPECT_EQ(joe.received, "*4\r\n+SOLDOUT\r\n:0\r\n:0\r\n:0\r\n");
}

TEST_F(RouterTest, ARefusalWritesNothing) {
  SimClient& client = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  Send(client, "STOCK.CREATE " + sku + " 1");
  Send(client, "RESERVE " + sku + " ord-1 1");
  Settled(client);
  const Index before = log_.LastPushed();
  for (int i = 0; i < 100; ++i)
    Send(client, "RESERVE " + sku + " other-" + std::to_string(i) + " 1");
  Turns();
  EXPECT_EQ(log_.LastPushed(), before);
  EXPECT_EQ(client.received.size(),
            100 * std::string_view("*4\r\n+SOLDOUT\r\n:0\r\n:0\r\n:0\r\n").size());
}

TEST_F(RouterTest, OrdinaryKeysDoNotWaitForTheDisk) {
  SimClient& client = cluster_.Connect(1);
  Send(client, "SET " + KeyOn(1, "session") + " v");
  Turn();
  EXPECT_EQ(client.received, "+OK\r\n");
}

TEST_F(RouterTest, RepliesKeepTheOrderOfTheRequestsAcrossShards) {
  SimClient& client = cluster_.Connect(0);
  std::string expected;
  for (int i = 0; i < 30; ++i) {
    Send(client, "SET " + KeyOn(i % 3, "k") + " v" + std::to_string(i));
    Send(client, "GET " + KeyOn(i % 3, "k"));
    const std::string value = "v" + std::to_string(i);
    expected += "+OK\r\n$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }
  EXPECT_EQ(Settled(client), expected);
}

TEST_F(RouterTest, AForwardedReservationWaitsForTheDiskToo) {
  SimClient& client = cluster_.Connect(0);
  const std::string sku = KeyOn(2, "mask");
  Send(client, "STOCK.CREATE " + sku + " 5");
  EXPECT_EQ(Settled(client), "+OK\r\n");
  Send(client, "RESERVE " + sku + " ord-1 1");
  Turns();
  EXPECT_EQ(client.received, "");
  EXPECT_TRUE(Settled(client).starts_with("*4\r\n+HELD\r\n"));
}

TEST_F(RouterTest, ManyKeysOfOneShardGoInPartsAndAreAnsweredAsOne) {
  SimClient& client = cluster_.Connect(0);
  std::string line = "EXISTS";
  for (int i = 0; i < 1000; ++i) line += " " + KeyOn(0, "k");
  Send(client, "SET " + KeyOn(0, "k") + " v");
  Send(client, line);
  EXPECT_EQ(Settled(client), "+OK\r\n:1000\r\n");
}

TEST_F(RouterTest, ACommandOverSeveralShardsIsABarrier) {
  SimClient& client = cluster_.Connect(0);
  const std::string here = KeyOn(0, "a");
  const std::string there = KeyOn(1, "b");
  Send(client, "SET " + there + " v");
  EXPECT_TRUE(Send(client, "EXISTS " + here + " " + there));
  EXPECT_FALSE(Send(client, "SET " + here + " v"));  // not before EXISTS is decided
  EXPECT_EQ(Settled(client), "+OK\r\n:1\r\n");
  EXPECT_TRUE(Send(client, "SET " + here + " v"));
}

TEST_F(RouterTest, LargeRepliesToAnotherShardTakeSeveralTurns) {
  SimClient& client = cluster_.Connect(0);
  const std::string key = KeyOn(1, "big");
  const std::string value(200'000, 'x');
  Send(client, "SET " + key + " " + value);
  Settled(client);
  for (int i = 0; i < 20; ++i) Send(client, "GET " + key);
  cluster_.EndTurn(0);
  cluster_.Deliver(0, 1);
  cluster_.EndTurn(1);
  cluster_.Deliver(1, 0);
  cluster_.EndTurn(0);
  EXPECT_GT(client.received.size(), value.size());
  EXPECT_LT(client.received.size(), 8 * value.size());
  EXPECT_GT(Settled(client).size(), 20 * value.size());
}

TEST_F(RouterTest, ASweepOfLongKeysEndsWhereARecordDoes) {
  SimClient& client = cluster_.Connect(0);
  const std::string tag = "{" + KeyOn(0, "k") + "}";
  for (int i = 0; i < 20; ++i) {
    Send(client, "SET " + tag + std::to_string(i) + std::string(200'000, 'x') + " v PX 10");
  }
  Settled(client);
  cluster_.Advance(DurationMs(50));
  cluster_.Work(0);
  const Counter& expired = cluster_.shard(0).metrics().expired_keys;
  EXPECT_GT(expired.Get(), 0);
  EXPECT_LE(expired.Get(), 6);
  for (int i = 0; i < 10; ++i) {
    cluster_.EndTurn(0);
    cluster_.Advance(DurationMs(150));
    cluster_.Work(0);
  }
  EXPECT_EQ(expired.Get(), 20);
}

TEST_F(RouterTest, AClientThatLeftIsForgotten) {
  SimClient& client = cluster_.Connect(0);
  Send(client, "GET " + KeyOn(1, "k"));
  Send(client, "DBSIZE");
  cluster_.Disconnect(client);
  Turns();
  SimClient& next = cluster_.Connect(0);
  Send(next, "GET " + KeyOn(1, "k"));
  EXPECT_EQ(Settled(next), "$-1\r\n");
}

TEST_F(RouterTest, MoreDueHoldsThanOneCommandMaySettleMakeItWaitAndNobodyElse) {
  SimClient& client = cluster_.Connect(0);
  SimClient& other = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  CreateWithHolds(client, sku, 400);
  Settled(client);
  cluster_.Advance(DurationMs(1001));
  Send(client, "STOCK.AVAIL " + sku);
  Send(other, "PING");
  cluster_.EndTurn(0);
  EXPECT_EQ(other.received, "+PONG\r\n");
  EXPECT_EQ(client.received, "");
  EXPECT_EQ(Settled(client), "*1\r\n:5000\r\n");  // exact: all of them are settled
  EXPECT_EQ(cluster_.shard(0).metrics().parked.Get(), 1);
}

TEST_F(RouterTest, AFirstLimitOverManyHoldsMakesTheNextCommandWaitAndNobodyElse) {
  SimClient& client = cluster_.Connect(0);
  SimClient& other = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  Send(client, "STOCK.CREATE " + sku + " 5000");
  for (int i = 0; i < 400; ++i)
    Send(client, "RESERVE " + sku + " h" + std::to_string(i) + " 1 BUYER ann");
  Settled(client);
  Send(client, "STOCK.SET " + sku + " LIMIT 401");
  EXPECT_EQ(Settled(client), "+OK\r\n");
  Send(client, "STOCK.SET " + sku + " LIMIT 0");  // the count goes on all the same
  Send(client, "STOCK.SET " + sku + " LIMIT 401");
  Send(client, "RESERVE " + sku + " x 2 BUYER ann");
  EXPECT_TRUE(Settled(client).ends_with("+LIMIT\r\n:0\r\n:0\r\n:1\r\n"));

  const uint64_t parked_before = cluster_.shard(0).metrics().parked.Get();
  const std::string next = KeyOn(0, "next");
  Send(client, "STOCK.CREATE " + next + " 5000");
  for (int i = 0; i < 400; ++i)
    Send(client, "RESERVE " + next + " h" + std::to_string(i) + " 1 BUYER ann");
  Settled(client);
  Send(client, "STOCK.SET " + next + " LIMIT 401");
  Send(client, "RESERVE " + next + " x 2 BUYER ann");
  Send(other, "PING");
  cluster_.EndTurn(0);
  EXPECT_EQ(other.received, "+PONG\r\n");
  EXPECT_EQ(Settled(client), "+OK\r\n*4\r\n+LIMIT\r\n:0\r\n:0\r\n:1\r\n");
  EXPECT_EQ(cluster_.shard(0).metrics().parked.Get(), parked_before + 1);
}

TEST_F(RouterTest, AWaveOfHoldsThatEndsIsSettledInShortTurns) {
  SimClient& client = cluster_.Connect(0);
  const std::string skus[] = {KeyOn(0, "mask"), KeyOn(0, "next")};
  for (const std::string& sku : skus) CreateWithHolds(client, sku, 2000);
  Settled(client);
  cluster_.Advance(DurationMs(1100));
  std::vector<SimClient*> waiting;
  for (int i = 0; i < 50; ++i) {  // each of them would take a slice
    waiting.push_back(&cluster_.Connect(0));
    Send(*waiting.back(), "STOCK.AVAIL " + skus[i % 2]);
  }
  const ShardMetrics& metrics = cluster_.shard(0).metrics();
  uint64_t expired = 0;
  for (int turn = 0; expired < 4000; ++turn) {
    ASSERT_LT(turn, 40);
    cluster_.Work(0);
    cluster_.EndTurn(0);
    const uint64_t before = std::exchange(expired, metrics.holds_expired.Get());
    EXPECT_LE(expired - before, 400);  // not a thousand for each command, or for each timer
  }
  for (SimClient* const each : waiting) EXPECT_EQ(Settled(*each), "*1\r\n:5000\r\n");
}

TEST_F(RouterTest, AWaveOfOneSkuLeavesTheOthersTheirTurn) {
  SimClient& client = cluster_.Connect(0);
  CreateWithHolds(client, KeyOn(0, "mask"), 5000);
  Settled(client);
  cluster_.Advance(DurationMs(100));
  Send(client, "SET " + KeyOn(0, "session") + " v PX 1000");
  Settled(client);
  Shard& shard = cluster_.shard(0);
  EXPECT_EQ(shard.keyspace().KeyCount(0), 2);
  cluster_.Advance(DurationMs(1200));
  for (int turn = 0; turn < 3; ++turn) {
    cluster_.Work(0);
    cluster_.EndTurn(0);
  }
  EXPECT_EQ(shard.keyspace().KeyCount(0), 1);
  EXPECT_LT(shard.metrics().holds_expired.Get(), 5000);  // the wave is not over
}

TEST_F(RouterTest, WhatEndsKeepsPaceWithWhatComes) {
  SimClient& client = cluster_.Connect(0);
  const std::string tag = "{" + KeyOn(0, "tag") + "}";
  constexpr int kEachTurn = 400;
  for (int turn = 0; turn < 200; ++turn) {
    for (int i = 0; i < kEachTurn; ++i)
      Send(client, "SET " + tag + std::to_string(turn * kEachTurn + i) + " v PX 20");
    client.received.clear();
    cluster_.Advance(DurationMs(5));
    cluster_.Work(0);
    cluster_.EndTurn(0);
  }
  EXPECT_LT(cluster_.shard(0).keyspace().KeyCount(0), 20 * kEachTurn);
}

TEST_F(RouterTest, WhoMayGoInNeedsNotWaitForThoseWhoMayNot) {
  SimClient& client = cluster_.Connect(0);
  const std::string soon = KeyOn(0, "soon");
  CreateWithHolds(client, soon, 10);  // it is due first, and the first sweep settles it
  cluster_.Advance(DurationMs(100));
  std::vector<std::string> skus;
  for (int i = 0; i < 100; ++i) {
    skus.push_back(KeyOn(0, "mask" + std::to_string(i)));
    CreateWithHolds(client, skus.back(), 200);
  }
  Settled(client);
  cluster_.Advance(DurationMs(1200));
  for (const std::string& sku : skus) Send(cluster_.Connect(0), "STOCK.GET " + sku + " available");
  SimClient& last = cluster_.Connect(0);
  Send(last, "STOCK.GET " + soon + " available");
  const ShardMetrics& metrics = cluster_.shard(0).metrics();
  EXPECT_EQ(metrics.parked.Get(), skus.size() + 1);
  for (int turn = 0; turn < 4; ++turn) {
    cluster_.Work(0);
    cluster_.EndTurn(0);
    SyncLog();
  }
  EXPECT_TRUE(last.received.ends_with(":5000\r\n")) << last.received;
  EXPECT_GT(cluster_.shard(0).locks().waiting(), 64);
}

TEST_F(RouterTest, TheTimerSettlesHoldsThatNobodyAsksFor) {
  SimClient& client = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  Send(client, "STOCK.CREATE " + sku + " 5");
  Send(client, "RESERVE " + sku + " h 1 EX 1");
  Settled(client);
  cluster_.Advance(DurationMs(1000));
  Turns();
  EXPECT_EQ(cluster_.shard(0).metrics().holds_expired.Get(),
            0);  // the wheel looks every few milliseconds
  cluster_.Advance(DurationMs(100));
  Turns();
  EXPECT_EQ(cluster_.shard(0).metrics().holds_expired.Get(), 1);
}

TEST_F(RouterTest, AfterARestartNoHoldFallsDueBeforeTheGrace) {
  SimClient& client = cluster_.Connect(0);
  const std::string sku = KeyOn(0, "mask");
  Send(client, "STOCK.CREATE " + sku + " 5");
  Send(client, "RESERVE " + sku + " h 1 EX 1");
  Settled(client);
  cluster_.state().grace_until_ms = ServerState::kGraceArmed;  // as recovery leaves it
  cluster_.Advance(DurationMs(60'000));
  Turns();
  Send(client, "PING");  // from here the grace runs
  cluster_.Advance(DurationMs(29'999));
  Turns();
  EXPECT_EQ(cluster_.shard(0).metrics().holds_expired.Get(), 0);
  cluster_.Advance(DurationMs(200));
  Turns();
  EXPECT_EQ(cluster_.shard(0).metrics().holds_expired.Get(), 1);
}

// ---- groups over shards

TEST_F(RouterTest, WhoComesToAKeyOfAGroupWaitsForItsEndAndNobodyElseDoes) {
  SimClient& ann = cluster_.Connect(0);
  SimClient& bob = cluster_.Connect(1);
  const std::string one = KeyOn(0, "one");
  const std::string two = KeyOn(1, "two");
  Send(ann, "MSET " + one + " a " + two + " b");
  // Shard 0 grants to itself, then shard 1 holds its key for the group.
  for (int turn = 0; turn < 3; ++turn) {
    cluster_.Work(0);
    cluster_.EndTurn(0);
  }
  ASSERT_TRUE(cluster_.Deliver(0, 1));
  EXPECT_TRUE(cluster_.shard(1).locks().Held(SlotOf(two)));
  Send(bob, "GET " + two);
  Send(bob, "GET " + KeyOn(1, "three"));
  cluster_.EndTurn(1);
  EXPECT_EQ(bob.received, "");  // replies keep order; the second one is there and waits for it
  EXPECT_EQ(Settled(ann), "+OK\r\n");
  EXPECT_EQ(std::exchange(bob.received, {}), "$1\r\nb\r\n$-1\r\n");
  EXPECT_TRUE(cluster_.shard(1).locks().idle());
}

TEST_F(RouterTest, ScanStopsAtAGroupsSlotsAndKeysWaitsForThem) {
  SimClient& ann = cluster_.Connect(0);
  SimClient& bob = cluster_.Connect(1);
  const int first = cluster_.state().map.FirstSlot(1);
  const std::string one = KeyOn(0, "one");
  std::string two = KeyOn(1, "two");  // not far behind, so that one step comes there
  while (SlotOf(two) <= first || SlotOf(two) > first + 1000) two = KeyOn(1, two.append("-"));
  Send(ann, "MSET " + one + " a " + two + " b");
  for (int turn = 0; turn < 3; ++turn) {
    cluster_.Work(0);
    cluster_.EndTurn(0);
  }
  ASSERT_TRUE(cluster_.Deliver(0, 1));
  const uint64_t cursor = static_cast<uint64_t>(first) << kCursorSlotShift;
  Send(bob, "SCAN " + std::to_string(cursor) + " COUNT 10000");
  cluster_.EndTurn(1);
  const uint64_t held = static_cast<uint64_t>(SlotOf(two)) << kCursorSlotShift;
  EXPECT_NE(bob.received.find("\r\n" + std::to_string(held) + "\r\n*0\r\n"), std::string::npos)
      << bob.received;
  bob.received.clear();
  Send(bob, "KEYS *");
  EXPECT_EQ(Settled(ann), "+OK\r\n");
  EXPECT_TRUE(bob.received.starts_with("*2\r\n")) << bob.received;
}

TEST_F(RouterTest, AGroupWhoseClientLeftIsDoneAllTheSame) {
  SimClient& ann = cluster_.Connect(0);
  SimClient& bob = cluster_.Connect(2);
  const std::string one = KeyOn(0, "one");
  const std::string two = KeyOn(1, "two");
  Send(ann, "MSET " + one + " a " + two + " b");
  cluster_.EndTurn(0);
  cluster_.Disconnect(ann);
  Turns();
  Send(bob, "MGET " + one + " " + two);
  EXPECT_EQ(Settled(bob), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  for (int shard = 0; shard < 3; ++shard) EXPECT_TRUE(cluster_.shard(shard).locks().idle());
}

TEST_F(RouterTest, AGroupLocksASkuOnlyWhenNothingIsDueOnIt) {
  SimClient& client = cluster_.Connect(2);
  const std::string sku = KeyOn(0, "mask");
  const std::string other = KeyOn(1, "mask");
  Send(client, "STOCK.CREATE " + sku + " 5000");
  Send(client, "STOCK.CREATE " + other + " 5");
  for (int i = 0; i < 400; ++i)
    Send(client, "RESERVE " + sku + " h" + std::to_string(i) + " 1 EX 1");
  Settled(client);
  cluster_.Advance(DurationMs(1001));
  Send(client, "MULTI");
  Send(client, "STOCK.AVAIL " + sku);
  Send(client, "RESERVE " + other + " x 1");
  Send(client, "EXEC");
  const std::string reply = Settled(client);
  EXPECT_NE(reply.find("*2\r\n*1\r\n:5000\r\n*4\r\n+HELD"), std::string::npos) << reply;
}

// More than one slice due on two SKUs at the present time.
class DueInTransactions : public RouterTest {
 protected:
  explicit DueInTransactions(int shards = 3) : RouterTest(shards) {
    client_ = &cluster_.Connect(0);
    for (std::string* sku : {&one_, &two_}) {
      *sku = KeyOn(0, sku == &one_ ? "one" : "two");
      Send(*client_, "STOCK.CREATE " + *sku + " 5000");
      for (int i = 0; i < 400; ++i)
        Send(*client_, "RESERVE " + *sku + " h" + std::to_string(i) + " 1 EX 1");
    }
    Settled(*client_);
    cluster_.Advance(DurationMs(1001));
  }
  std::string Exec(const std::vector<std::string>& lines) {
    Send(*client_, "MULTI");
    for (const std::string& line : lines) Send(*client_, line);
    Send(*client_, "EXEC");
    const std::string reply = Settled(*client_);
    return reply.substr(reply.rfind("+QUEUED") + 9);
  }

  SimClient* client_;
  std::string one_;
  std::string two_;
};

TEST_F(DueInTransactions, EverySkuOfACommandIsSettledFirst) {
  EXPECT_EQ(Exec({"STOCK.AVAIL " + one_ + " " + two_}), "*1\r\n*2\r\n:5000\r\n:5000\r\n");
}

TEST_F(DueInTransactions, ALimitThatTheTransactionItselfSetsIsCountedToTheEnd) {
  const std::string reply = Exec({"STOCK.SET " + one_ + " LIMIT 2", "STOCK.GET " + one_ + " limit",
                                  "GET " + KeyOn(1, "elsewhere")});
  EXPECT_EQ(reply, "*3\r\n+OK\r\n*2\r\n$5\r\nlimit\r\n:2\r\n$-1\r\n");
}

class DueOnOneShard : public DueInTransactions {
 protected:
  DueOnOneShard() : DueInTransactions(1) {}
};

TEST_F(DueOnOneShard, WithACommandThatNeedsEverySlot) {
  EXPECT_EQ(Exec({"STOCK.AVAIL " + two_, "STOCK.SET " + two_ + " LIMIT 2", "STOCK.AVAIL " + two_,
                  "KEYS nothing"}),
            "*4\r\n*1\r\n:5000\r\n+OK\r\n*1\r\n:5000\r\n*0\r\n");
}

TEST_F(DueOnOneShard, AFlushThatHasToWaitIsAGroupOfOneShard) {
  SimClient& other = cluster_.Connect(0);
  Send(other, "STOCK.AVAIL " + one_);  // waits behind the sweep
  EXPECT_EQ(Exec({"SELECT 4", "SET k v", "FLUSHDB", "DBSIZE"}),
            "*4\r\n+OK\r\n+OK\r\n+OK\r\n:0\r\n");
}

TEST_F(RouterTest, AWatchOfAClientThatLeftIsForgottenWhereverItWas) {
  const std::string one = KeyOn(0, "one");
  const std::string two = KeyOn(1, "two");
  const std::string watch = "WATCH " + one + " " + two;
  for (int turns = 0; turns < 4; ++turns) {
    SimClient& client = cluster_.Connect(0);
    Send(client, watch);
    for (int i = 0; i < turns; ++i) Turn();
    cluster_.Disconnect(client);
    Turns();
    for (int shard = 0; shard < 3; ++shard) EXPECT_TRUE(cluster_.shard(shard).watches().empty());
  }
}

TEST_F(RouterTest, WhatAFlushGivesBackIsNotHeldAgainstTheNextWrite) {
  Config config;
  config.maxmemory = 2 << 20;
  cluster_.shard(0).SetConfig(config);
  SimClient& client = cluster_.Connect(0);
  const std::string key = KeyOn(0, "large");
  Send(client, "SET " + key + " " + std::string(3 << 20, 'x'));
  Settled(client);
  Send(client, "SET " + key + " x");
  EXPECT_TRUE(Settled(client).starts_with("-OOM"));
  Send(client, "FLUSHALL");
  Settled(client);
  Send(client, "SET " + key + " x");
  EXPECT_EQ(Settled(client), "+OK\r\n");
}

// ---- while a start reads its log

TEST_F(RouterTest, WhileItLoadsNothingLooksAtTheData) {
  SimClient& client = cluster_.Connect(0);
  constexpr std::string_view kLoading = "-LOADING Redis is loading the dataset in memory\r\n";
  cluster_.state().loading = true;
  for (const std::string command : {"GET", "WATCH", "STOCK.AVAIL", "RESERVE ord-1 1", "PING"}) {
    Send(client, command + " " + KeyOn(1, "k"));
    EXPECT_EQ(Settled(client), kLoading) << command;
  }
  Send(client, "ECHO e");
  EXPECT_EQ(Settled(client), "$1\r\ne\r\n");
  Send(client, "MULTI");
  Send(client, "SET k v");
  cluster_.state().loading = false;
  Send(client, "EXEC");
  EXPECT_EQ(Settled(client),
            "+OK\r\n" + std::string(kLoading) +
                "-EXECABORT Transaction discarded because of previous errors.\r\n");
  Send(client, "GET k");
  EXPECT_EQ(Settled(client), "$-1\r\n");
}

TEST_F(RouterTest, WhileItLoadsNothingFallsDue) {
  SimClient& client = cluster_.Connect(0);
  const std::string key = KeyOn(0, "k");
  Send(client, "SET " + key + " v PX 1000");
  EXPECT_EQ(Settled(client), "+OK\r\n");
  cluster_.state().loading = true;
  cluster_.Advance(std::chrono::seconds(2));
  Turns();
  EXPECT_EQ(cluster_.shard(0).keyspace().KeyCount(0), 1U);
  cluster_.state().loading = false;
  Turns();
  EXPECT_EQ(cluster_.shard(0).keyspace().KeyCount(0), 0U);
}

TEST_F(RouterTest, TheGraceOfARestartBeginsWithTheFirstCommandThatIsNotAnsweredLoading) {
  SimClient& client = cluster_.Connect(0);
  std::atomic<int64_t>& grace = cluster_.state().grace_until_ms;
  grace = ServerState::kGraceArmed;
  cluster_.state().loading = true;
  Send(client, "GET k");
  EXPECT_EQ(grace, ServerState::kGraceArmed);
  cluster_.state().loading = false;
  Send(client, "GET k");
  EXPECT_EQ(grace, ToUnixMs(cluster_.now() + std::chrono::seconds(30)));
}

}  // namespace
}  // namespace holdfast

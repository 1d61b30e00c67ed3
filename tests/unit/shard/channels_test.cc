// Publishers and subscribers on three shards: who hears what, in which order, and not before what.
#include "server/shard/channels.h"

#include <vector>

#include "tests/unit/shard/cluster_fixture.h"

namespace holdfast {
namespace {

std::string Bulk(std::string_view bytes) {
  std::string text;
  RespWriter(text, RespVersion::kResp2).Bulk(bytes);
  return text;
}

std::string Message(std::string_view channel, std::string_view message) {
  return "*3\r\n" + Bulk("message") + Bulk(channel) + Bulk(message);
}

std::string PatternMessage(std::string_view pattern, std::string_view channel,
                           std::string_view message) {
  return "*4\r\n" + Bulk("pmessage") + Bulk(pattern) + Bulk(channel) + Bulk(message);
}

class ChannelsTest : public ClusterTest {
 protected:
  explicit ChannelsTest(const Config& config = {}) : ClusterTest(3, config) {}

  // Connected to this shard, and answered.
  SimClient& Subscriber(int shard, std::string_view line = "SUBSCRIBE news") {
    SimClient& client = cluster_.Connect(shard);
    Send(client, line);
    EXPECT_NE(Settled(client), "");
    return client;
  }
  // On each shard one.
  std::vector<SimClient*> Subscribers() {
    std::vector<SimClient*> all;
    all.reserve(3);
    for (int shard = 0; shard < cluster_.shards(); ++shard) all.push_back(&Subscriber(shard));
    return all;
  }
  // A SKU with units to reserve, so that what tells of it waits for the disk.
  std::string SkuOn(int shard) {
    SimClient& client = cluster_.Connect(shard);
    std::string sku = KeyOn(shard, "mask");
    Send(client, "STOCK.CREATE " + sku + " 100");
    EXPECT_EQ(Settled(client), "+OK\r\n");
    cluster_.Disconnect(client);
    return sku;
  }
  void SendAll(SimClient& client, const std::vector<std::string>& lines) {
    for (const std::string& line : lines) Send(client, line);
  }
  // Of all shards.
  uint64_t Subscriptions() { return cluster_.state().Sum(&ShardMetrics::subscriptions); }
};

TEST_F(ChannelsTest, AMessageReachesTheSubscribersOfEveryShardAndThePublisherHearsHowMany) {
  const std::vector<SimClient*> subscribers = Subscribers();
  for (int shard = 0; shard < cluster_.shards(); ++shard) {
    SimClient& publisher = cluster_.Connect(shard);
    Send(publisher, "PUBLISH news hello");
    EXPECT_EQ(Settled(publisher), ":3\r\n");
    for (SimClient* subscriber : subscribers)
      EXPECT_EQ(Taken(*subscriber), Message("news", "hello"));
    Send(publisher, "PUBLISH other hello");
    EXPECT_EQ(Settled(publisher), ":0\r\n");
    for (SimClient* subscriber : subscribers) EXPECT_EQ(Taken(*subscriber), "");
  }
}

TEST_F(ChannelsTest, WhoeverListensInSeveralWaysHearsTheMessageInEachOfThem) {
  SimClient& subscriber = Subscriber(1);
  Send(subscriber, "PSUBSCRIBE n* *s x*");
  Settled(subscriber);
  SimClient& publisher = cluster_.Connect(0);
  Send(publisher, "PUBLISH news hello");
  EXPECT_EQ(Settled(publisher), ":3\r\n");
  EXPECT_EQ(Taken(subscriber), Message("news", "hello") + PatternMessage("*s", "news", "hello") +
                                   PatternMessage("n*", "news", "hello"));
}

TEST_F(ChannelsTest, WhatOnePublisherSendsIsSeenInItsOrderByEverybody) {
  const std::vector<SimClient*> subscribers = Subscribers();
  SimClient& all = Subscriber(2, "PSUBSCRIBE *");
  SimClient& publisher = cluster_.Connect(1);
  std::string replies;
  std::string news;
  std::string everything;
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_TRUE(Send(publisher, "PUBLISH news " + number));
    EXPECT_TRUE(Send(publisher, "PUBLISH " + number + " x"));
    if (i % 7 == 0) Turn();
    replies += ":4\r\n:1\r\n";
    news += Message("news", number);
    everything += PatternMessage("*", "news", number) + PatternMessage("*", number, "x");
  }
  EXPECT_EQ(Settled(publisher), replies);
  for (SimClient* subscriber : subscribers) EXPECT_EQ(Taken(*subscriber), news);
  EXPECT_EQ(Taken(all), everything);
}

TEST_F(ChannelsTest, AMessageIsHeldUntilItsPublishersWriteIsDurable) {
  const std::vector<SimClient*> subscribers = Subscribers();
  for (int shard = 0; shard < cluster_.shards(); ++shard) {
    const std::string sku = SkuOn(shard);
    SimClient& publisher = cluster_.Connect(0);
    Send(publisher, "RESERVE " + sku + " ord-1 1");
    Send(publisher, "PUBLISH news sold");  // waits where the reservation went to another shard
    Turns();
    while (log_.Step()) {
    }
    Turns();
    for (SimClient* subscriber : subscribers) EXPECT_EQ(subscriber->received, "") << shard;
    SyncLog();
    Turns();
    for (SimClient* subscriber : subscribers)
      EXPECT_EQ(Taken(*subscriber), Message("news", "sold")) << shard;
    EXPECT_TRUE(Settled(publisher).ends_with(":3\r\n"));
  }
}

TEST_F(ChannelsTest, AWriteWhoseReplyNobodyWantsHoldsTheMessageToo) {
  SimClient& near = Subscriber(0);
  SimClient& far = Subscriber(1);
  for (const int shard : {0, 1, 2}) {
    const std::string sku = SkuOn(shard);
    SimClient& publisher = cluster_.Connect(0);
    Send(publisher, "CLIENT REPLY OFF");
    Send(publisher, "RESERVE " + sku + " ord-1 1");
    Send(publisher, "PUBLISH news sold");
    Turns();
    EXPECT_EQ(near.received + far.received, "") << shard;
    Settle();
    EXPECT_EQ(Taken(near), Message("news", "sold")) << shard;
    EXPECT_EQ(Taken(far), Message("news", "sold")) << shard;
    EXPECT_EQ(publisher.received, "");
  }
}

TEST_F(ChannelsTest, AMessageThatTellsOfNothingWaitsForNoDisk) {
  const std::vector<SimClient*> subscribers = Subscribers();
  SimClient& publisher = cluster_.Connect(2);
  Send(publisher, "SET " + KeyOn(2, "session") + " v");
  Send(publisher, "PUBLISH news hello");
  Turns();
  for (SimClient* subscriber : subscribers) EXPECT_EQ(Taken(*subscriber), Message("news", "hello"));
  EXPECT_EQ(publisher.received, "+OK\r\n:3\r\n");
}

TEST_F(ChannelsTest, PublishingIsNoBarrierForOtherCommands) {
  Subscribers();
  SimClient& publisher = cluster_.Connect(0);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(Send(publisher, "PUBLISH news hello"));
    EXPECT_TRUE(Send(publisher, "PING"));
  }
  std::string expected;
  for (int i = 0; i < 10; ++i) expected += ":3\r\n+PONG\r\n";
  EXPECT_EQ(Settled(publisher), expected);
}

TEST_F(ChannelsTest, WhatComesBehindAPublishThatWaitsIsAnsweredBehindIt) {
  SimClient& subscriber = Subscriber(0);
  SimClient& publisher = cluster_.Connect(0);
  Send(publisher, "SET " + KeyOn(1, "k") + " v");
  Send(publisher, "PUBLISH news hello");
  EXPECT_FALSE(Send(publisher, "PING"));
  Turns();
  EXPECT_TRUE(Send(publisher, "PING"));
  EXPECT_EQ(Settled(publisher), "+OK\r\n:1\r\n+PONG\r\n");
  EXPECT_EQ(Taken(subscriber), Message("news", "hello"));
}

TEST_F(ChannelsTest, APublisherOfResp3HearsItsOwnMessageBeforeItsReply) {
  Subscriber(1);
  SimClient& publisher = cluster_.Connect(0);
  Send(publisher, "HELLO 3");
  Send(publisher, "SUBSCRIBE news");
  Settled(publisher);
  Send(publisher, "PUBLISH news hello");
  EXPECT_EQ(Settled(publisher),
            ">3\r\n" + Bulk("message") + Bulk("news") + Bulk("hello") + ":2\r\n");
}

// ---- transactions

TEST_F(ChannelsTest, ATransactionsMessageWaitsForWhatTheTransactionDid) {
  const std::vector<SimClient*> subscribers = Subscribers();
  for (int shard = 0; shard < cluster_.shards(); ++shard) {
    const std::string sku = SkuOn(shard);
    SimClient& publisher = cluster_.Connect(0);
    SendAll(publisher, {"MULTI", "PUBLISH news sold", "RESERVE " + sku + " ord-1 1",
                        "PUBLISH other x", "EXEC"});
    Turns();
    for (SimClient* subscriber : subscribers) EXPECT_EQ(subscriber->received, "") << shard;
    SyncLog();
    Turns();
    for (SimClient* subscriber : subscribers)
      EXPECT_EQ(Taken(*subscriber), Message("news", "sold")) << shard;
    const std::string reply = Settled(publisher);
    EXPECT_NE(reply.find("*3\r\n:3\r\n*4\r\n+HELD\r\n"), std::string::npos) << reply;
    EXPECT_TRUE(reply.ends_with(":0\r\n")) << reply;
  }
}

TEST_F(ChannelsTest, ATransactionsMessageWaitsForWhatCameBeforeTheTransaction) {
  SimClient& near = Subscriber(0);
  for (const int shard : {0, 1}) {
    const std::string sku = SkuOn(shard);
    SimClient& publisher = cluster_.Connect(0);
    SendAll(publisher, {"RESERVE " + sku + " ord-1 1", "MULTI", "PUBLISH news sold", "EXEC"});
    Turns();
    EXPECT_EQ(near.received, "") << shard;
    Settle();
    EXPECT_EQ(Taken(near), Message("news", "sold")) << shard;
  }
}

TEST_F(ChannelsTest, ATransactionsCommandsSeeTheListenersThatThoseBeforeThemLeft) {
  SimClient& client = cluster_.Connect(0);
  SendAll(client, {"MULTI", "PUBSUB NUMSUB news", "PUBLISH news early", "SUBSCRIBE news",
                   "PUBSUB NUMSUB news", "EXEC"});
  const std::string none = "*2\r\n" + Bulk("news") + ":0\r\n";
  const std::string one = "*2\r\n" + Bulk("news") + ":1\r\n";
  const std::string reply = Settled(client);
  const std::string confirmed = "*3\r\n" + Bulk("subscribe") + Bulk("news") + ":1\r\n";
  EXPECT_NE(reply.find("*4\r\n" + none + ":0\r\n" + confirmed + one), std::string::npos) << reply;
}

TEST_F(ChannelsTest, ATransactionThatDoesNotRunPublishesNothing) {
  const std::vector<SimClient*> subscribers = Subscribers();
  for (int shard = 0; shard < cluster_.shards(); ++shard) {
    const std::string key = KeyOn(shard, "k");
    SimClient& publisher = cluster_.Connect(0);
    SimClient& other = cluster_.Connect(shard);
    Send(publisher, "WATCH " + key);
    Settle();
    Send(other, "SET " + key + " v");
    Settle();
    SendAll(publisher, {"MULTI", "PUBLISH news hello", "EXEC"});
    EXPECT_TRUE(Settled(publisher).ends_with("*-1\r\n"));
    for (SimClient* subscriber : subscribers) EXPECT_EQ(Taken(*subscriber), "");
  }
}

// ---- who comes and goes

TEST_F(ChannelsTest, WithoutSubscribersNothingIsSentToOtherShards) {
  SimClient& subscriber = Subscriber(1);
  int letters = 0;
  std::vector<int> to;
  SimClient& publisher = cluster_.Connect(0);
  cluster_.on_letter = [&](int, int receiver) {
    ++letters;
    to.push_back(receiver);
  };
  Send(publisher, "PUBLISH news hello");
  Settle();
  EXPECT_EQ(to, std::vector<int>({1, 0}));  // there and back, and nobody asks shard 2
  Send(subscriber, "UNSUBSCRIBE news");
  Settle();
  letters = 0;
  Send(publisher, "PUBLISH news hello");
  EXPECT_EQ(Settled(publisher), ":1\r\n:0\r\n");
  EXPECT_EQ(letters, 0);
}

TEST_F(ChannelsTest, WhoeverLeavesLeavesNothingBehind) {
  std::vector<SimClient*> subscribers = Subscribers();
  for (SimClient* subscriber : subscribers) {
    Send(*subscriber, "PSUBSCRIBE n* o*");
    Send(*subscriber, "SUBSCRIBE a b c");
  }
  Settle();
  EXPECT_EQ(Subscriptions(), 18);
  EXPECT_EQ(cluster_.state().channels.distinct(), 4);
  EXPECT_EQ(cluster_.state().patterns.distinct(), 2);
  Send(*subscribers[1], "RESET");
  EXPECT_EQ(Subscriptions(), 12);
  for (SimClient* subscriber : subscribers) cluster_.Disconnect(*subscriber);
  EXPECT_EQ(Subscriptions(), 0);
  EXPECT_EQ(cluster_.state().Sum(&ShardMetrics::pubsub_clients), 0);
  EXPECT_EQ(cluster_.state().channels.distinct(), 0);
  EXPECT_EQ(cluster_.state().patterns.distinct(), 0);
  SimClient& publisher = cluster_.Connect(0);
  Send(publisher, "PUBLISH news hello");
  EXPECT_EQ(Settled(publisher), ":0\r\n");
}

TEST_F(ChannelsTest, APublisherMayLeaveBeforeItsReplyIsThere) {
  const std::vector<SimClient*> subscribers = Subscribers();
  SimClient& publisher = cluster_.Connect(0);
  Send(publisher, "PUBLISH news hello");
  cluster_.EndTurn(0);
  cluster_.Disconnect(publisher);
  Settle();
  for (SimClient* subscriber : subscribers) EXPECT_EQ(Taken(*subscriber), Message("news", "hello"));
}

TEST_F(ChannelsTest, SubscribingTwiceIsSubscribingOnce) {
  SimClient& subscriber = cluster_.Connect(0);
  Send(subscriber, "SUBSCRIBE a a");
  const std::string once = "*3\r\n" + Bulk("subscribe") + Bulk("a") + ":1\r\n";
  EXPECT_EQ(Settled(subscriber), once + once);
  SimClient& publisher = cluster_.Connect(1);
  Send(publisher, "PUBLISH a x");
  EXPECT_EQ(Settled(publisher), ":1\r\n");
  EXPECT_EQ(Taken(subscriber), Message("a", "x"));
}

// ---- many

TEST_F(ChannelsTest, ATurnTakesItsShareOfManyMessagesAndTheNextGoesOn) {
  for (const int shard : {0, 1}) {  // the publisher's own, and another
    std::string line = "PSUBSCRIBE news";
    for (int i = 1; i < 1000; ++i) line += " x" + std::to_string(i);
    SimClient& subscriber = Subscriber(shard, line);
    SimClient& publisher = cluster_.Connect(0);
    std::string expected;
    std::string replies;
    int turns = 0;
    for (int i = 0; i < 100; ++i) {
      const std::string number = std::to_string(i);
      for (; !Send(publisher, "PUBLISH news " + number); ++turns) Turn();
      expected += PatternMessage("news", "news", number);
      replies += ":1\r\n";
    }
    for (; turns < 20 && subscriber.received.size() < expected.size(); ++turns) Turn();
    EXPECT_GE(turns, 4) << shard;  // 1,000 patterns for each of 100 messages
    Turns();
    EXPECT_EQ(Taken(publisher), replies);
    EXPECT_EQ(Taken(subscriber), expected);
    cluster_.Disconnect(subscriber);
  }
}

TEST_F(ChannelsTest, WhatComesWhileOthersWaitGoesBehindThem) {
  std::string line = "PSUBSCRIBE news";
  for (int i = 1; i < 1000; ++i) line += " x" + std::to_string(i);
  SimClient& subscriber = Subscriber(1, line);
  SimClient& publisher = cluster_.Connect(0);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_TRUE(Send(publisher, "PUBLISH news " + number));
    expected += PatternMessage("news", "news", number);
    if (i % 25 == 24) Turn();  // more than one turn's share
  }
  Turns();
  EXPECT_EQ(Taken(subscriber), expected);
  EXPECT_EQ(cluster_.state().untold_bytes, 0);
}

// ---- limits

class SmallLimitTest : public ChannelsTest {
 protected:
  static Config Small() {
    Config config;
    config.output_limits[static_cast<size_t>(OutputClass::kPubSub)] = {.hard = 1000};
    return config;
  }
  SmallLimitTest() : ChannelsTest(Small()) {}
};

TEST_F(SmallLimitTest, BeyondItsLimitASubscriberIsClosedAndSeesNoGap) {
  SimClient& subscriber = Subscriber(0);
  SimClient& publisher = cluster_.Connect(0);
  const std::string text(400, 'x');
  for (const char number : {'1', '2', '3'}) Send(publisher, "PUBLISH news " + (number + text));
  Send(publisher, "PUBLISH news 4");  // there would be room for it
  EXPECT_TRUE(subscriber.client.overflowed);
  Settle();
  EXPECT_EQ(Taken(subscriber), Message("news", '1' + text) + Message("news", '2' + text));
}

TEST_F(SmallLimitTest, WhoeverReadsIsNotClosed) {
  SimClient& subscriber = Subscriber(0);
  SimClient& publisher = cluster_.Connect(1);
  for (int i = 0; i < 20; ++i) {
    Send(publisher, "PUBLISH news " + std::string(400, 'x'));
    Turns();
  }
  EXPECT_FALSE(subscriber.client.overflowed);
}

// ---- key events

class KeyEventsTest : public ChannelsTest {
 protected:
  static Config Telling() {
    Config config;
    config.notify_keyspace_events = *ParseEventFlags("KA");
    return config;
  }
  explicit KeyEventsTest(const Config& config = Telling()) : ChannelsTest(config) {}

  static std::string Told(std::string_view key, std::string_view event) {
    return PatternMessage("__keyspace*", "__keyspace@0__:" + std::string(key), event);
  }
};

TEST_F(KeyEventsTest, WhateverShardAKeyLivesOnEverybodyWhoListensIsTold) {
  SimClient& client = cluster_.Connect(0);
  std::vector<SimClient*> listeners;
  listeners.reserve(3);
  for (int shard = 0; shard < 3; ++shard)
    listeners.push_back(&Subscriber(shard, "PSUBSCRIBE __keyspace*"));
  for (int shard = 0; shard < 3; ++shard) {
    const std::string key = KeyOn(shard, "k");
    SendAll(client, {"SET " + key + " v EX 100", "APPEND " + key + " w", "DEL " + key});
    Settle();
    for (SimClient* listener : listeners) {
      EXPECT_EQ(Taken(*listener),
                Told(key, "set") + Told(key, "expire") + Told(key, "append") + Told(key, "del"));
    }
  }
}

TEST_F(KeyEventsTest, WhatIsGatedIsToldWhenItIsDurable) {
  SimClient& listener = Subscriber(0, "PSUBSCRIBE __keyspace*");
  SimClient& client = cluster_.Connect(0);
  for (int shard = 0; shard < 3; ++shard) {
    const std::string sku = SkuOn(shard);
    EXPECT_EQ(Taken(listener), Told(sku, "created"));
    Send(client, "RESERVE " + sku + " ord-1 1");
    Turns();
    EXPECT_EQ(listener.received, "") << shard;
    SyncLog();
    Turns();
    EXPECT_EQ(Taken(listener), Told(sku, "held")) << shard;
  }
}

TEST_F(KeyEventsTest, ATransactionsEventsWaitForAllOfIt) {
  for (int shard = 0; shard < 3; ++shard) {
    const std::string sku = SkuOn(shard);
    const std::string key = KeyOn((shard + 1) % 3, "k");
    SimClient& listener = Subscriber(0, "PSUBSCRIBE __keyspace*");
    SimClient& client = cluster_.Connect(1);
    SendAll(client, {"MULTI", "RESERVE " + sku + " ord-1 1", "SET " + key + " v", "EXEC"});
    Turns();
    EXPECT_EQ(listener.received, "") << shard;  // the session's change alone would not have waited
    SyncLog();
    Turns();
    const std::string told = Taken(listener);
    EXPECT_EQ(told.size(), (Told(sku, "held") + Told(key, "set")).size());
    EXPECT_NE(told.find(Told(sku, "held")), std::string::npos);
    EXPECT_NE(told.find(Told(key, "set")), std::string::npos);
    cluster_.Disconnect(listener);
  }
}

TEST_F(KeyEventsTest, AGroupOverShardsTellsEachKeyOnce) {
  SimClient& listener = Subscriber(2, "PSUBSCRIBE __keyspace*");
  SimClient& client = cluster_.Connect(0);
  const std::string from = KeyOn(0, "a");
  const std::string to = KeyOn(1, "b");
  SendAll(client, {"SET " + from + " v"});
  Settle();
  EXPECT_EQ(Taken(listener), Told(from, "set"));
  Send(client, "RENAME " + from + " " + to);
  EXPECT_TRUE(Settled(client).ends_with("+OK\r\n"));
  EXPECT_EQ(Taken(listener), Told(from, "rename_from") + Told(to, "rename_to"));
  Send(client, "MSET " + from + " 1 " + to + " 2");
  Settle();
  EXPECT_EQ(Taken(listener), Told(from, "set") + Told(to, "set"));
}

TEST_F(KeyEventsTest, AKeyWhoseTimeIsOverIsToldWithoutAnybodyAsking) {
  SimClient& listener = Subscriber(0, "PSUBSCRIBE __keyspace*");
  SimClient& client = cluster_.Connect(0);
  const std::string key = KeyOn(1, "session");
  Send(client, "SET " + key + " v PX 500");
  Settle();
  EXPECT_EQ(Taken(listener), Told(key, "set") + Told(key, "expire"));
  cluster_.Advance(DurationMs{499});
  Settle();
  EXPECT_EQ(Taken(listener), "");
  cluster_.Advance(DurationMs{50});
  Settle();
  EXPECT_EQ(Taken(listener), Told(key, "expired"));
}

TEST_F(KeyEventsTest, AHoldWhoseTimeIsOverIsNoKeyThatIsGone) {
  SimClient& listener = Subscriber(0, "PSUBSCRIBE __keyspace*");
  SimClient& client = cluster_.Connect(0);
  const std::string sku = SkuOn(1);
  Send(client, "RESERVE " + sku + " ord-1 1 EX 10");
  Settle();
  EXPECT_EQ(Taken(listener), Told(sku, "created") + Told(sku, "held"));
  cluster_.Advance(std::chrono::seconds{11});
  Settle();
  EXPECT_EQ(Taken(listener), Told(sku, "hold_expired"));
}

TEST_F(KeyEventsTest, SoldOutAndInStockAreToldLastWhereASkuTurnsFromOneToTheOther) {
  SimClient& listener = Subscriber(0, "PSUBSCRIBE __keyspace*");
  SimClient& client = cluster_.Connect(0);
  for (int shard = 0; shard < 3; ++shard) {
    const std::string sku = KeyOn(shard, "mask");
    struct Step {
      std::string line;
      std::vector<std::string> told;
    };
    const Step steps[] = {
        {"STOCK.CREATE " + sku + " 0", {"created"}},
        {"STOCK.ADJUST " + sku + " r1 5", {"adjusted", "instock"}},
        {"RESERVE " + sku + " a 4", {"held"}},
        {"RESERVE " + sku + " b 1 FINAL", {"confirmed", "soldout"}},
        {"RESERVE " + sku + " c 1", {}},
        {"CONFIRM " + sku + " a QTY 3", {"confirmed", "instock"}},
        {"STOCK.SET " + sku + " SAFETY 1", {"soldout"}},
        {"STOCK.SET " + sku + " SAFETY 2", {}},
        {"STOCK.SET " + sku + " SAFETY 0", {"instock"}},
        {"RELEASE " + sku + " unknown", {}},
    };
    for (const auto& [line, told] : steps) {
      Send(client, line);
      Settle();
      std::string expected;
      for (const std::string& event : told) expected += Told(sku, event);
      EXPECT_EQ(Taken(listener), expected) << line;
    }
  }
}

TEST_F(KeyEventsTest, ManyAreToldInSlicesInOrderAndStillNotBeforeTheyAreDurable) {
  std::string patterns = "PSUBSCRIBE __keyspace*";
  for (int i = 1; i < 1000; ++i) patterns += " x" + std::to_string(i);
  for (int shard = 0; shard < 3; ++shard) {
    const std::string sku = SkuOn(shard);
    SimClient& listener = Subscriber(0, patterns);
    SimClient& client = cluster_.Connect(shard);
    SimClient& publisher = cluster_.Connect(0);
    std::string expected;
    for (int i = 0; i < 100; ++i) {
      Send(client, "RESERVE " + sku + " ord-" + std::to_string(i) + " 1");
      expected += Told(sku, "held");
    }
    expected += Told(sku, "soldout");
    cluster_.EndTurn(shard);
    int turns = 0;
    do {
      Turn();
      ++turns;
    } while (cluster_.state().untold_bytes > 0);
    EXPECT_GE(turns, 4) << shard;  // 1,000 patterns for each of 101 events
    EXPECT_EQ(listener.received, "") << shard;
    SyncLog();
    EXPECT_EQ(Taken(listener), expected) << shard;
    Send(publisher, "PUBLISH x1 m");  // whoever waited in the same line goes on
    EXPECT_EQ(Settled(publisher), ":1\r\n");
    cluster_.Disconnect(listener);
  }
}

TEST_F(KeyEventsTest, WithoutListenersNothingIsKeptToBeTold) {
  SimClient& client = cluster_.Connect(0);
  for (int i = 0; i < 100; ++i) Send(client, "SET " + KeyOn(0, "k") + " v");
  cluster_.EndTurn(0);
  EXPECT_FALSE(cluster_.router(0).HasWork());
  EXPECT_EQ(cluster_.state().untold_bytes, 0);
}

class QuietTest : public KeyEventsTest {
 protected:
  static Config Quiet() {
    Config config;
    config.notify_keyspace_events = *ParseEventFlags("A");  // of no channel
    return config;
  }
  QuietTest() : KeyEventsTest(Quiet()) {}
};

TEST_F(QuietTest, WithoutKOrENothingIsTold) {
  SimClient& listener = Subscriber(0, "PSUBSCRIBE *");
  SimClient& client = cluster_.Connect(0);
  Send(client, "SET " + KeyOn(0, "k") + " v");
  Settle();
  EXPECT_EQ(Taken(listener), "");
}

}  // namespace
}  // namespace holdfast

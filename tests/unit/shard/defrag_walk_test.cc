// What a shard is told to move it moves, in its own time, whatever its clients do meanwhile.
#include "server/shard/defrag_walk.h"

#include <string>

#include "tests/unit/core/chance_mover.h"
#include "tests/unit/shard/cluster_fixture.h"

namespace holdfast {
namespace {

class Defrag : public ClusterTest {
 protected:
  // The mover goes before the shards.
  void TearDown() override {
    Order(0, 0);
    Turn();
  }

  void Order(uint32_t pass, int percent) {
    cluster_.state().defrag.mover = &mover_;
    cluster_.state().defrag.pass = pass;
    cluster_.state().defrag.percent = percent;
  }
  // The first tick hears of the order, the next may work.
  void TwoTicks() {
    for (int i = 0; i < 2; ++i) {
      cluster_.Advance(DurationMs(20));
      Turn();
    }
  }
  bool Done(uint32_t pass) {
    for (size_t shard = 0; shard < 3; ++shard) {
      if (cluster_.state().defrag.done[shard] != pass) return false;
    }
    return true;
  }
  uint64_t Sum(Counter ShardMetrics::*counter) { return cluster_.state().Sum(counter); }
  void Fill(SimClient& client, int count) {
    for (int i = 0; i < count; ++i) {
      const std::string number = std::to_string(i);
      Send(client, "SET s" + number + " value-" + number + " PX " + std::to_string(1'000 + i));
      Send(client, "HSET h" + number + " field value-" + number);
    }
    Settle();
    Taken(client);
  }

  static std::string Bulk(const std::string& text) {
    return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }

  ChanceMover mover_{2};
};

TEST_F(Defrag, APassGoesThroughEveryShardOnce) {
  SimClient& client = cluster_.Connect(0);
  Fill(client, 400);
  EXPECT_EQ(mover_.asked, 0U);
  Order(1, 50);
  for (int i = 0; i < 2'000 && !Done(1); ++i) {
    cluster_.Advance(DurationMs(20));
    Turn();
  }
  ASSERT_TRUE(Done(1));
  EXPECT_TRUE(cluster_.Quiet());
  EXPECT_GE(Sum(&ShardMetrics::defrag_hits), mover_.freed);
  EXPECT_LE(Sum(&ShardMetrics::defrag_hits) + Sum(&ShardMetrics::defrag_misses), mover_.asked);
  EXPECT_EQ(Sum(&ShardMetrics::defrag_key_hits) + Sum(&ShardMetrics::defrag_key_misses), 800U);
  EXPECT_GT(Sum(&ShardMetrics::defrag_key_hits), 100U);
  const size_t asked = mover_.asked;
  cluster_.Advance(DurationMs(20));
  Turns();
  EXPECT_EQ(mover_.asked, asked);
  Order(2, 50);
  TwoTicks();
  EXPECT_GT(mover_.asked, asked);
}

TEST_F(Defrag, TakesNoMoreOfATurnThanAStep) {
  SimClient& client = cluster_.Connect(0);
  Fill(client, 600);
  Order(1, 99);
  for (int turn = 0; turn < 50; ++turn) {
    cluster_.Advance(DurationMs(20));
    const size_t before =
        Sum(&ShardMetrics::defrag_key_hits) + Sum(&ShardMetrics::defrag_key_misses);
    cluster_.Work(1);
    cluster_.EndTurn(1);
    const size_t after =
        Sum(&ShardMetrics::defrag_key_hits) + Sum(&ShardMetrics::defrag_key_misses);
    EXPECT_LE(after - before, SparseWalk::kKeysPerStep);
  }
  EXPECT_GT(mover_.asked, 0U);
}

TEST_F(Defrag, DoesNothingInTimeThatItIsNotAllowed) {
  SimClient& client = cluster_.Connect(0);
  Fill(client, 100);
  Order(1, 0);
  cluster_.Advance(DurationMs(1'000));
  Turns();
  EXPECT_EQ(mover_.asked, 0U);
  // Nor without any time passing.
  cluster_.state().defrag.percent = 99;
  Turns();
  EXPECT_EQ(mover_.asked, 0U);
}

TEST_F(Defrag, EndsWhenNothingIsWantedAnyMore) {
  SimClient& client = cluster_.Connect(0);
  Fill(client, 600);
  Order(1, 50);
  TwoTicks();
  ASSERT_GT(mover_.asked, 0U);
  Order(0, 0);
  Turn();
  const size_t asked = mover_.asked;
  cluster_.Advance(DurationMs(20));
  Turns();
  EXPECT_EQ(mover_.asked, asked);
  EXPECT_TRUE(cluster_.Quiet());
}

TEST_F(Defrag, WhoReadsAndWritesMeanwhileSeesWhatHeWrote) {
  SimClient& client = cluster_.Connect(0);
  Fill(client, 300);
  for (uint32_t pass = 1; pass < 20; ++pass) {
    Order(pass, 90);
    for (int i = 0; i < 15; ++i) {
      const std::string number = std::to_string(pass * 13 + static_cast<uint32_t>(i));
      const auto run = [&](const std::string& line) {
        cluster_.Advance(DurationMs(1));
        EXPECT_TRUE(Send(client, line));
        return Settled(client);
      };
      run("HSET h" + number + " more " + number);
      EXPECT_EQ(run("HGET h" + number + " field"), Bulk("value-" + number));
      run("SET s" + number + " again-" + number + " PX 100000");
      run("WATCH s" + number);
      run("MULTI");
      run("APPEND s" + number + " !");
      run("GET s" + number);
      const std::string replies = run("EXEC");
      EXPECT_NE(replies.find("again-" + number + "!"), std::string::npos) << replies;
    }
  }
  EXPECT_GT(mover_.freed, 500U);
  // What has a deadline still goes at it, and nothing else does.
  cluster_.Advance(DurationMs(200'000));
  for (int i = 0; i < 50; ++i) Turn();
  size_t keys = 0;
  for (int shard = 0; shard < 3; ++shard) {
    EXPECT_EQ(cluster_.shard(shard).keyspace().DeadlineCount(0), 0U);
    keys += cluster_.shard(shard).keyspace().KeyCount(0);
  }
  EXPECT_EQ(keys, 300U);
}

}  // namespace
}  // namespace holdfast

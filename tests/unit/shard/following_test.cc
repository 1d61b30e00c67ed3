// A replica's shards: what the primary's log makes of them, and nothing else.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/command_table.h"
#include "server/shard/letters.h"
#include "tests/sim/snapshots.h"
#include "tests/unit/shard/cluster_fixture.h"

namespace holdfast {
namespace {

constexpr std::string_view kReadOnly = "-READONLY You can't write against a read only replica.\r\n";

class CountingWaker final : public Waker {
 public:
  void Wake() override { ++wakes; }
  int wakes = 0;
};

// The fixture's cluster follows; what it follows is another one.
class FollowingTest : public ClusterTest {
 protected:
  FollowingTest()
      : primary_log_({.history = {}, .fatal = [](const Status&) {}}),
        primary_(3, primary_log_, HashSeed{1}, Config{}, cluster_.now()),
        writer_(primary_.Connect(0)) {
    state().standing.follows = true;
    state().standing.link_up = true;
    state().standing.on_applied = &host_;
  }

  ServerState& state() { return cluster_.state(); }

  // On the primary, at its time.
  std::string Write(std::string_view line) {
    EXPECT_TRUE(primary_.Execute(writer_, Words(line)));
    PrimaryTurns();
    return std::exchange(writer_.received, {});
  }
  void PrimaryTurns() {
    for (int i = 0; i < 6; ++i) {
      for (int shard = 0; shard < primary_.shards(); ++shard) {
        for (int from = 0; from < primary_.shards(); ++from) {
          while (primary_.Deliver(from, shard)) {
          }
        }
        primary_.Work(shard);
        primary_.EndTurn(shard);
      }
      while (primary_log_.Step()) {
      }
      primary_log_.Sync();
      for (int shard = 0; shard < primary_.shards(); ++shard) primary_.Wake(shard);
    }
  }

  // Puts what the primary has logged since the last time on its way to the shards.
  std::vector<Letter> Pack() {
    std::vector<Letter> letters(static_cast<size_t>(cluster_.shards()));
    MemoryLog copy({.history = {}, .fatal = [](const Status&) {}}, primary_log_.Kill());
    Replayed replayed;
    const auto pack = [&](Index index, std::string_view mutations) {
      if (index <= shipped_) return Status::Ok();
      std::vector<std::string> slices(letters.size());
      ByteReader reader(mutations);
      MutationView mutation{};
      for (std::string_view rest = mutations; NextMutation(reader, mutation);
           rest = reader.rest()) {
        slices[state().map.OwnerOf(mutation.place.slot)] +=
            rest.substr(0, rest.size() - reader.rest().size());
      }
      for (size_t to = 0; to < letters.size(); ++to) {
        AppendStream(letters[to].requests, static_cast<ShardId>(to), index, primary_.now(),
                     slices[to]);
      }
      shipped_ = index;
      return Status::Ok();
    };
    EXPECT_TRUE(copy.Replay(Cuts{}, pack, replayed).ok());
    state().standing.acked = shipped_;
    return letters;
  }
  void Ship() {
    std::vector<Letter> letters = Pack();
    for (int shard = 0; shard < cluster_.shards(); ++shard) Hand(shard, letters);
    Turns();
  }
  void Hand(int shard, std::vector<Letter>& letters) {
    cluster_.Work(shard);
    cluster_.router(shard).Deliver(std::move(letters[static_cast<size_t>(shard)]));
  }
  // The stream's time moves, and nothing else.
  void ShipTime() {
    for (int shard = 0; shard < cluster_.shards(); ++shard) {
      Letter letter;
      AppendStream(letter.requests, static_cast<ShardId>(shard), shipped_, primary_.now(), {});
      cluster_.router(shard).Deliver(std::move(letter));
    }
    Turns();
  }

  std::string Ask(SimClient& client, std::string_view line) {
    EXPECT_TRUE(Send(client, line));
    for (int i = 0; i < 3; ++i) Turns();
    return Taken(client);
  }
  std::string Ask(std::string_view line) { return Ask(cluster_.Connect(1), line); }

  // As the host does it: all that was logged is applied.
  void TakeOver() {
    Ship();
    state().standing.acked = Standing::kAlone;
    state().standing.follows = false;
  }

  CountingWaker host_;
  MemoryLog primary_log_;
  Cluster primary_;
  SimClient& writer_;
  Index shipped_ = 0;
};

// ---- what is read

TEST_F(FollowingTest, WhatThePrimaryHasLoggedIsReadHere) {
  Write("SET a 1");
  Write("MSET b 2 c 3 d 4");
  Write("HSET h f v");
  Write("STOCK.CREATE mask 10");
  Write("RESERVE mask ord-1 3");
  EXPECT_EQ(Ask("GET a"), "$-1\r\n");
  Ship();
  EXPECT_EQ(Ask("MGET a b c d"), "*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n");
  EXPECT_EQ(Ask("HGET h f"), "$1\r\nv\r\n");
  EXPECT_EQ(Ask("STOCK.AVAIL mask"), "*1\r\n:7\r\n");
  EXPECT_EQ(Ask("DBSIZE"), ":6\r\n");
  Write("DEL a");
  Write("CONFIRM mask ord-1");
  Ship();
  EXPECT_EQ(Ask("GET a"), "$-1\r\n");
  EXPECT_TRUE(Ask("HOLD.GET mask ord-1").find("CONFIRMED") != std::string::npos);
}

TEST_F(FollowingTest, WhatIsAppliedIsToldAndItsHostIsWokenOnceATurn) {
  Write("SET a 1");
  Write("SET b 2");
  std::vector<Letter> letters = Pack();
  Hand(0, letters);
  EXPECT_EQ(state().standing.applied[0], shipped_);
  EXPECT_EQ(state().standing.applied[1], 0U);
  EXPECT_EQ(host_.wakes, 0);
  cluster_.EndTurn(0);
  EXPECT_EQ(host_.wakes, 1);
  cluster_.EndTurn(0);
  EXPECT_EQ(host_.wakes, 1);
}

TEST_F(FollowingTest, ALongStreamLetsReadersInBetween) {
  for (int i = 0; i < 40; ++i)
    Write("SET " + KeyOn(0, "k" + std::to_string(i)) + " " + std::string(100'000, 'x'));
  std::vector<Letter> letters = Pack();
  Hand(0, letters);
  const Index first_turn = state().standing.applied[0];
  EXPECT_GT(first_turn, 0U);
  EXPECT_LT(first_turn, shipped_);
  EXPECT_TRUE(cluster_.router(0).HasWork());
  Turns();
  EXPECT_EQ(state().standing.applied[0], shipped_);
}

TEST_F(FollowingTest, WhatAFlushThrewAwayIsFreedAFewKeysATurn) {
  for (int i = 0; i < 200; ++i) Write("SET {" + KeyOn(0, "k") + "}" + std::to_string(i) + " v");
  Ship();
  const size_t bytes_before = cluster_.shard(0).keyspace().MemoryBytes();
  Write("FLUSHALL");
  std::vector<Letter> letters = Pack();
  Hand(0, letters);
  EXPECT_EQ(cluster_.shard(0).keyspace().KeyCount(0), 0U);
  for (int turns = 0; cluster_.shard(0).keyspace().HasDoomed() && turns < 10'000; ++turns) {
    cluster_.EndTurn(0);
    cluster_.Work(0);
  }
  EXPECT_FALSE(cluster_.shard(0).keyspace().HasDoomed());
  EXPECT_LT(cluster_.shard(0).keyspace().MemoryBytes(), bytes_before);
}

// ---- time

TEST_F(FollowingTest, AKeyIsHiddenWhenTheStreamsTimeIsPastItsDeadlineAndNoSooner) {
  const std::string key = KeyOn(0, "k");
  Write("SET " + key + " v PX 100");
  Ship();
  cluster_.Advance(DurationMs(1000));  // our clock is not asked
  EXPECT_EQ(Ask("GET " + key), "$1\r\nv\r\n");
  EXPECT_EQ(Ask("PTTL " + key), ":100\r\n");
  primary_.Advance(DurationMs(99));
  ShipTime();
  EXPECT_EQ(Ask("PTTL " + key), ":1\r\n");
  primary_.Advance(DurationMs(1));
  ShipTime();
  EXPECT_EQ(Ask("GET " + key), "$-1\r\n");
  EXPECT_EQ(Ask("EXISTS " + key), ":0\r\n");
  EXPECT_EQ(Ask("PTTL " + key), ":-2\r\n");
  EXPECT_EQ(Ask("KEYS *"), "*0\r\n");
  EXPECT_EQ(Ask("SCAN 0 COUNT 1000000").find(key), std::string::npos);
  EXPECT_EQ(Ask("RANDOMKEY"), "$-1\r\n");
  EXPECT_EQ(Ask("DBSIZE"), ":1\r\n");  // as a replica of Redis counts it
  EXPECT_EQ(log_.LastPushed(), 1U);    // the epoch's first record: nothing was decided here

  primary_.Advance(DurationMs(1000));
  PrimaryTurns();
  Ship();
  EXPECT_EQ(Ask("DBSIZE"), ":0\r\n");
}

TEST_F(FollowingTest, TheStreamsTimeNeverGoesBack) {
  Write("SET k v PX 100");
  Ship();
  primary_.Advance(DurationMs(100));
  ShipTime();
  EXPECT_EQ(Ask("GET k"), "$-1\r\n");
  primary_.Advance(DurationMs(-50));
  ShipTime();
  EXPECT_EQ(Ask("GET k"), "$-1\r\n");
}

TEST_F(FollowingTest, WhatALogHeldIsJudgedByTheLogsTime) {
  Write("SET k v PX 100");
  for (int shard = 0; shard < cluster_.shards(); ++shard)
    cluster_.shard(shard).NoteLoaded(shipped_, primary_.now() + DurationMs(100));
  Ship();
  EXPECT_EQ(Ask("GET k"), "$-1\r\n");
}

TEST_F(FollowingTest, AHoldExpiresWhenThePrimarySaysSo) {
  Write("STOCK.CREATE mask 5");
  Write("RESERVE mask ord-1 2 EX 1");
  Ship();
  cluster_.Advance(DurationMs(5000));
  primary_.Advance(DurationMs(5000));
  ShipTime();
  EXPECT_EQ(Ask("STOCK.AVAIL mask"), "*1\r\n:3\r\n");
  EXPECT_NE(Ask("STOCK.AUDIT").find("bad\r\n:0\r\n"), std::string::npos);
  PrimaryTurns();
  Ship();
  EXPECT_EQ(Ask("STOCK.AVAIL mask"), "*1\r\n:5\r\n");
  EXPECT_EQ(log_.LastPushed(), 1U);
}

TEST_F(FollowingTest, ACountOfBuyersGoesOnWhenThePrimarySaysSo) {
  const std::string sku = KeyOn(0, "mask");
  Write("STOCK.CREATE " + sku + " 5000");
  for (int i = 0; i < 400; ++i)
    primary_.Execute(writer_, Words("RESERVE " + sku + " h" + std::to_string(i) + " 1 BUYER ann"));
  PrimaryTurns();
  primary_.Execute(writer_, Words("STOCK.SET " + sku + " LIMIT 1000"));
  primary_.EndTurn(0);
  while (primary_log_.Step()) {
  }
  primary_log_.Sync();
  Ship();
  EXPECT_EQ(Ask("STOCK.AVAIL " + sku), "*1\r\n:4600\r\n");
  PrimaryTurns();
  Ship();
  TakeOver();
  SimClient& client = cluster_.Connect(0);
  Send(client, "RESERVE " + sku + " x 601 BUYER ann");
  EXPECT_TRUE(Settled(client).ends_with("+LIMIT\r\n:0\r\n:0\r\n:600\r\n"));
}

// ---- what is refused

TEST_F(FollowingTest, WritesAreRefused) {
  for (const std::string_view line :
       {"SET a 1", "MSET a 1 b 2", "DEL a", "EXPIRE a 10", "GETEX a", "FLUSHALL", "SWAPDB 0 1",
        "STOCK.CREATE mask 5", "RESERVE mask ord-1 1", "CONFIRM mask ord-1", "RENAME a b"}) {
    EXPECT_EQ(Ask(line), kReadOnly) << line;
  }
  for (const std::string_view line :
       {"PUBLISH c m", "CONFIG SET timeout 0", "GET a", "PING", "CLIENT ID", "STOCK.AUDIT"}) {
    EXPECT_FALSE(Ask(line).starts_with('-')) << line;
  }
}

TEST_F(FollowingTest, AWriteBreaksItsTransactionAndReadsMakeOne) {
  SimClient& client = cluster_.Connect(0);
  EXPECT_EQ(Ask(client, "MULTI"), "+OK\r\n");
  EXPECT_EQ(Ask(client, "SET a 1"), kReadOnly);
  EXPECT_EQ(Ask(client, "EXEC"),
            "-EXECABORT Transaction discarded because of previous errors.\r\n");
  Write("MSET a 1 b 2 c 3");
  Ship();
  Ask(client, "MULTI");
  for (const std::string_view line : {"GET a", "GET b", "GET c"}) Ask(client, line);
  EXPECT_EQ(Ask(client, "EXEC"), "*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n");
}

TEST_F(FollowingTest, AWriteThatWasQueuedBeforeIsNotRun) {
  state().standing.follows = false;
  SimClient& client = cluster_.Connect(0);
  Ask(client, "MULTI");
  Ask(client, "SET a 1");
  state().standing.follows = true;
  EXPECT_EQ(Ask(client, "EXEC"),
            "-EXECABORT Transaction discarded because of: READONLY You can't write against a read "
            "only replica.\r\n");
}

TEST_F(FollowingTest, AWriteThatComesInALetterIsRefusedToo) {
  state().standing.follows = false;
  SimClient& client = cluster_.Connect(0);
  Send(client, "SET " + KeyOn(1, "k") + " v");
  Send(client, "MSET " + KeyOn(1, "k") + " v " + KeyOn(2, "k") + " v");
  cluster_.EndTurn(0);
  state().standing.follows = true;
  Turns();
  EXPECT_EQ(Taken(client), std::string(kReadOnly) + std::string(kReadOnly));
}

TEST_F(FollowingTest, StaleDataIsRefusedWhereTheOperatorWantsThat) {
  const std::string down =
      "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n";
  state().standing.link_up = false;
  EXPECT_EQ(Ask("GET a"), "$-1\r\n");
  Ask("CONFIG SET replica-serve-stale-data no");
  EXPECT_EQ(Ask("GET a"), down);
  EXPECT_EQ(Ask("PING"), down);
  EXPECT_EQ(Ask("SET a 1"), kReadOnly);
  EXPECT_EQ(Ask("PUBLISH c m"), ":0\r\n");
  SimClient& client = cluster_.Connect(0);
  Ask(client, "MULTI");
  EXPECT_EQ(Ask(client, "GET a"), down);
  EXPECT_TRUE(Ask(client, "EXEC").starts_with("-EXECABORT"));
  Ask(client, "MULTI");
  Ask(client, "PUBLISH c m");
  EXPECT_EQ(Ask(client, "EXEC"), "*1\r\n:0\r\n");
  state().standing.link_up = true;
  EXPECT_EQ(Ask("GET a"), "$-1\r\n");
}

TEST_F(FollowingTest, StaleDataThatWasAskedForBeforeIsNotTold) {
  Ask("CONFIG SET replica-serve-stale-data no");
  SimClient& client = cluster_.Connect(0);
  Ask(client, "MULTI");
  Ask(client, "GET a");
  state().standing.link_up = false;
  EXPECT_TRUE(
      Ask(client, "EXEC")
          .starts_with(
              "-EXECABORT Transaction discarded because of: MASTERDOWN Link with MASTER is down"));
}

// Each with words that it might take: whatever it answers, it changes nothing (a shard that follows
// stops the process when it is to change anything).
TEST_F(FollowingTest, NoCommandChangesAnything) {
  Write("SET 1 1 PX 10");
  Write("HSET 2 1 1");
  Write("STOCK.CREATE 3 5");
  Write("RESERVE 3 1 2 EX 1");
  primary_.Advance(DurationMs(2000));
  cluster_.Advance(DurationMs(2000));
  Ship();
  state().clock_now = [] { return std::chrono::sys_time<std::chrono::nanoseconds>{}; };
  state().clock_offset = [] { return DurationMs(0); };
  state().configure_log = [](const Config&) {};
  const std::string before = Ask("DBSIZE");
  for (const CommandSpec* const row : Commands().rows()) {
    const CommandSpec& command = *row;
    if (command.name.starts_with("DEBUG")) continue;  // ends the process
    for (const std::string_view word : {"1", "2", "3"}) {
      std::string line(command.name);
      std::ranges::replace(line, '|', ' ');
      for (int words = 1; words < std::abs(command.arity); ++words) line.append(" ").append(word);
      SimClient& client = cluster_.Connect(0);
      Send(client, line);
      Turns();
    }
  }
  EXPECT_EQ(Ask("DBSIZE"), before);
  EXPECT_EQ(log_.LastPushed(), 1U);
}

// ---- transactions

TEST_F(FollowingTest, TheStreamBreaksTheTransactionOfWhoWatches) {
  SimClient& client = cluster_.Connect(0);
  Write("MSET a 1 b 2");
  Ship();
  Ask(client, "WATCH a b");
  Write("SET b 3");
  Ship();
  Ask(client, "MULTI");
  Ask(client, "GET a");
  EXPECT_EQ(Ask(client, "EXEC"), "*-1\r\n");
}

TEST_F(FollowingTest, SoDoesTheStreamsTime) {
  SimClient& client = cluster_.Connect(0);
  Write("SET a 1 PX 100");
  Ship();
  Ask(client, "WATCH a");
  primary_.Advance(DurationMs(100));
  ShipTime();
  Ask(client, "MULTI");
  Ask(client, "GET a");
  EXPECT_EQ(Ask(client, "EXEC"), "*-1\r\n");
}

// ---- snapshots

TEST_F(FollowingTest, ASnapshotIsCutWhereTheShardHasApplied) {
  SimSnapshots snapshots;
  state().snapshots = &snapshots;
  Write("MSET a 1 b 2 c 3");
  Ship();
  const Index applied = shipped_;
  Write("SET " + KeyOn(2, "k") + " v");
  std::vector<Letter> letters = Pack();
  Hand(2, letters);  // the others have not seen it yet
  snapshots.Request();
  Turns();
  SimSnapshot taken;
  snapshots.Finish(applied, taken);
  EXPECT_TRUE(snapshots.running()) << "it holds what is not acked";
  snapshots.Finish(shipped_, taken);
  ASSERT_FALSE(snapshots.running());
  for (int partition = 0; partition < kPartitions; ++partition) {
    const ShardId owner = state().map.OwnerOf(static_cast<Slot>(partition * kSlotsPerPartition));
    EXPECT_EQ(taken.cuts[static_cast<size_t>(partition)], owner == 2 ? shipped_ : applied);
  }
}

// ---- taking over

TEST_F(FollowingTest, WhoTakesOverDecidesFromThenOn) {
  Write("SET k v PX 100");
  Write("STOCK.CREATE mask 5");
  Write("RESERVE mask ord-1 2 EX 1");
  primary_.Advance(DurationMs(500));
  ShipTime();
  TakeOver();
  cluster_.Advance(DurationMs(2000));
  SimClient& client = cluster_.Connect(0);
  Send(client, "STOCK.AVAIL mask");
  EXPECT_EQ(Settled(client), "*1\r\n:5\r\n");
  Send(client, "RESERVE mask ord-2 5");
  EXPECT_TRUE(Settled(client).starts_with("*4\r\n+HELD\r\n:5\r\n"));
  Send(client, "DBSIZE");
  EXPECT_EQ(Settled(client), ":1\r\n");
}

TEST_F(FollowingTest, WhoTakesOverWithASlowClockGoesOnFromTheStreamsTime) {
  Write("SET k v PX 1000");
  primary_.Advance(DurationMs(900));
  ShipTime();
  TakeOver();
  cluster_.Advance(DurationMs(50));
  EXPECT_EQ(Ask("PTTL k"), ":100\r\n");
  cluster_.Advance(DurationMs(950));
  EXPECT_EQ(Ask("PTTL k"), ":-2\r\n");
}

}  // namespace
}  // namespace holdfast

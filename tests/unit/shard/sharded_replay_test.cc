// What is replayed by a thread for each shard is what is replayed by one thread for all.
#include "server/sharded_replay.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/core/item_pieces.h"
#include "storage/core/key_mutations.h"
#include "storage/memory_log.h"
#include "tests/sim/cluster.h"
#include "tests/unit/core/ledger_fixture.h"

namespace holdfast {
namespace {

constexpr HashSeed kSeed{77};

struct LoggedBatch {
  Index index;
  std::string mutations;
};

MemoryLogOptions QuietLog() {
  return {.history = {.id = {}, .hash_seed = kSeed, .epoch = 0}, .fatal = [](const Status&) {}};
}

// Three shards live for a while, on random commands: what their log then holds.
class RandomLife {
 public:
  explicit RandomLife(unsigned seed)
      : random_(seed), log_(QuietLog()), cluster_(3, log_, kSeed, Config{}, kStart) {
    for (int shard = 0; shard < 3; ++shard) clients_.push_back(&cluster_.Connect(shard));
  }

  std::vector<LoggedBatch> Live(int commands) {
    for (int i = 0; i < commands; ++i) {
      SimClient& client = *clients_[Below(clients_.size())];
      if (Below(20) == 0) Ask(client, "SELECT " + Number(3));
      const bool has_stock = client.client.db == kStockDb && Below(2) == 0;
      Ask(client, has_stock ? StockCommand() : KeyCommand());
      cluster_.Advance(Ms(static_cast<int64_t>(Below(60) == 0 ? Below(200'000) : Below(50))));
    }
    for (int i = 0; i < 10; ++i) Turn();
    MemoryLog again(QuietLog(), log_.Kill());
    std::vector<LoggedBatch> batches;
    Replayed replayed;
    const Status read = again.Replay(
        Cuts{},
        [&](Index index, std::string_view mutations) {
          batches.push_back({index, std::string(mutations)});
          return Status::Ok();
        },
        replayed);
    EXPECT_TRUE(read.ok()) << read.text();
    return batches;
  }

 private:
  size_t Below(size_t n) { return random_() % n; }
  std::string Number(size_t n) { return std::to_string(Below(n)); }
  std::string Key() { return "k" + Number(30); }
  std::string Field() { return "f" + Number(9) + " v" + Number(100); }

  std::string KeyCommand() {
    switch (Below(14)) {
      case 0:
        return "SET " + Key() + " v" + Number(1000);
      case 1:
        return "SET " + Key() + " v PX " + std::to_string(1 + Below(3000));
      case 2:
        return "MSET " + Key() + " a " + Key() + " b " + Key() + " c";
      case 3:
        return "RENAME " + Key() + " " + Key();
      case 4:
        return "SETRANGE " + Key() + " " + Number(200) + " xyz";
      case 5:
        return "DEL " + Key() + " " + Key();
      case 6:
        return "PEXPIRE " + Key() + " " + std::to_string(1 + Below(3000));
      case 7:
      case 8:
        return "HSET " + Key() + " " + Field() + " " + Field();
      case 9:
        return "HDEL " + Key() + " f" + Number(9);
      case 10:
        return "PERSIST " + Key();
      case 11:
        return "COPY " + Key() + " " + Key() + " DB " + Number(3) + " REPLACE";
      case 12:
        return Below(8) == 0 ? "SWAPDB 1 2" : "INCR n" + Number(5);
      default:
        return Below(8) == 0 ? "FLUSHDB" : "APPEND " + Key() + " more";
    }
  }

  std::string StockCommand() {
    const std::string sku = "sku" + Number(4);
    const std::string hold = " h" + Number(60);
    const std::string of_hold = sku + hold;
    switch (Below(16)) {
      case 0:
        return "STOCK.CREATE " + sku + " 500 RETAIN 60" + (Below(2) == 0 ? " LIMIT 4" : "");
      case 1:
        return Below(6) == 0 ? "STOCK.DROP " + sku + " FORCE" : "STOCK.SET " + sku + " LIMIT 5";
      case 2:
      case 3:
      case 4:
      case 5:
      case 6:
        return "RESERVE " + of_hold + " 2 EX " + std::to_string(1 + Below(90)) + " BUYER b" +
               Number(40);
      case 7:
        return "RESERVE " + of_hold + " 1 FINAL BUYER b" + Number(40);
      case 8:
        return "CONFIRM " + of_hold;
      case 9:
        return "CONFIRM " + of_hold + " RECLAIM";
      case 10:
        return "RELEASE " + of_hold;
      case 11:
        return "EXTEND " + of_hold + " EX 120";
      case 12:
        return "AMEND " + of_hold + " 3";
      case 13:
        return "STOCK.ADJUST " + sku + " ref" + Number(1000) + " 3";
      default:
        return "STOCK.RETURN " + of_hold + " ref" + Number(1000) + " 1";
    }
  }

  void Ask(SimClient& client, const std::string& line) {
    while (!cluster_.Execute(client, Words(line))) Turn();
    if (Below(3) == 0) Turn();
    client.received.clear();
  }

  void Turn() {
    for (int shard = 0; shard < cluster_.shards(); ++shard) {
      for (int from = 0; from < cluster_.shards(); ++from) {
        while (cluster_.Deliver(from, shard)) {
        }
      }
      cluster_.Work(shard);
      cluster_.EndTurn(shard);
    }
    while (log_.Step()) {
    }
    log_.Sync();
    for (int shard = 0; shard < cluster_.shards(); ++shard) cluster_.Wake(shard);
  }

  std::mt19937 random_;
  MemoryLog log_;
  Cluster cluster_;
  std::vector<SimClient*> clients_;
};

// Shards that a log is replayed into.
struct Reborn {
  explicit Reborn(int shards)
      : log(QuietLog()), cluster(shards, log, kSeed, Config{}, kStart), all() {
    for (int shard = 0; shard < shards; ++shard) all.push_back(&cluster.shard(shard));
  }

  // Everything there is, by database and key.
  std::map<std::string, std::string> Dump() {
    std::map<std::string, std::string> dump;
    for (Shard* shard : all) {
      for (DbIndex db = 0; db < kDatabases; ++db) {
        for (int slot = 0; slot < kSlots; ++slot) {
          if (cluster.state().map.OwnerOf(static_cast<Slot>(slot)) != shard->id()) continue;
          shard->keyspace().ForEach(db, static_cast<Slot>(slot), [&](const Entry& entry) {
            dump[std::to_string(db) + " " + std::string(entry.key())] = TextOf(entry);
          });
        }
      }
      dump["memory of shard " + std::to_string(shard->id())] =
          std::to_string(shard->keyspace().MemoryBytes()) + " told as " +
          std::to_string(shard->metrics().memory_bytes.Get());
    }
    return dump;
  }

  static std::string TextOf(const Entry& entry) {
    std::string text = std::to_string(ToUnixMs(entry.deadline())) + " ";
    if (entry.type() == KeyType::kString) return text.append(entry.string());
    if (entry.type() == KeyType::kStock) return text + ItemPeek::Dump(entry.item());
    std::map<std::string, std::string> fields;
    entry.fields().ForEach(
        [&](std::string_view field, std::string_view value) { fields.emplace(field, value); });
    for (const auto& [field, value] : fields)
      text.append(field).append("=").append(value).append(";");
    return text;
  }

  Status Replay(const std::vector<LoggedBatch>& batches) {
    ShardedReplay replay(cluster.state().map, all, abandoned);
    for (const LoggedBatch& batch : batches) {
      if (Status status = replay.Take(batch.index, batch.mutations); !status.ok()) return status;
    }
    Status status = replay.Finish();
    mutations = replay.mutations();
    EXPECT_EQ(replay.BytesQueued(), 0U);
    return status;
  }

  MemoryLog log;
  Cluster cluster;
  std::vector<Shard*> all;
  std::atomic<bool> abandoned{false};
  uint64_t mutations = 0;
};

template <typename M>
std::string One(std::string_view key, const M& mutation) {
  std::string bytes;
  AppendMutation(bytes, {.db = 0, .slot = SlotOf(key), .key = key}, mutation);
  return bytes;
}

std::string KeyOn(const ShardMap& map, int shard, const std::string& name) {
  for (int i = 0;; ++i) {
    std::string key = name + std::to_string(i);
    if (map.OwnerOf(SlotOf(key)) == shard) return key;
  }
}

TEST(ShardedReplay, MakesTheStateThatOneBatchAfterTheOtherMakes) {
  std::set<int> kinds;
  for (const unsigned seed : {1U, 2U, 3U}) {
    SCOPED_TRACE(seed);
    const std::vector<LoggedBatch> batches = RandomLife(seed).Live(6000);
    uint64_t mutations = 0;
    for (const LoggedBatch& batch : batches) {
      ByteReader reader(batch.mutations);
      MutationView mutation{};
      for (; NextMutation(reader, mutation); ++mutations)
        kinds.insert(static_cast<int>(mutation.kind));
    }
    for (const int shards : {1, 2, 3, 5}) {
      SCOPED_TRACE(shards);
      Reborn serial(shards);
      for (const LoggedBatch& batch : batches) ASSERT_TRUE(serial.cluster.Replay(batch.mutations));
      ASSERT_TRUE(serial.cluster.FinishRecovery().ok());
      Reborn sharded(shards);
      const Status status = sharded.Replay(batches);
      ASSERT_TRUE(status.ok()) << status.text();
      EXPECT_EQ(sharded.mutations, mutations);
      EXPECT_EQ(sharded.Dump(), serial.Dump());
    }
  }
  // Or it would prove less than it says.
  EXPECT_EQ(kinds, (std::set<int>{1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,
                                  14, 15, 16, 64, 65, 66, 67, 68, 69, 70, 80, 81}));
}

TEST(ShardedReplay, NamesTheFirstBatchThatCannotBeAppliedWhicheverShardFindsItFirst) {
  for (const int first : {0, 1}) {
    Reborn reborn(2);
    const ShardMap& map = reborn.cluster.state().map;
    const std::string good = KeyOn(map, 0, "good");
    const std::string bad[] = {KeyOn(map, first, "bad"), KeyOn(map, 1 - first, "bad")};
    std::vector<LoggedBatch> batches;
    for (Index index = 1; index <= 20'000; ++index) {
      std::string mutations = One(good, StringSet{.value = "v", .deadline = kNever});
      if (index == 9000) mutations += One(bad[0], KeyDeleted{});
      if (index == 9001) mutations += One(bad[1], KeyDeleted{});
      batches.push_back({index, mutations});
    }
    const Status status = reborn.Replay(batches);
    EXPECT_EQ(status.code(), Status::Code::kDamaged);
    EXPECT_TRUE(status.text().starts_with(
        "batch 9000 holds a mutation that this version cannot apply; 'holdfast-check DIR' shows"))
        << status.text();
  }
}

// A snapshot that brings a SKU without its holds.
TEST(ShardedReplay, RefusesASkuThatDoesNotAddUp) {
  Sku sku(10);
  sku.Reserve({.hold_id = "h", .units = 3, .buyer = "", .ttl = Ms(1000)});
  std::string facts;
  ItemPieces::AppendState(facts, {.db = 0, .slot = SlotOf("mask"), .key = "mask"}, sku.item);
  ByteReader reader(facts);
  MutationView fact{};
  Reborn reborn(2);
  ASSERT_TRUE(NextMutation(reader, fact));
  ASSERT_TRUE(reborn.all[reborn.cluster.state().map.OwnerOf(fact.place.slot)]->Load(fact));
  const Status status = reborn.Replay({});
  EXPECT_EQ(status.code(), Status::Code::kDamaged);
  EXPECT_TRUE(status.text().starts_with("the SKU \"mask\": held differs from the live holds; "))
      << status.text();
}

TEST(ShardedReplay, RefusesABatchThatIsNone) {
  Reborn reborn(2);
  const Status status = reborn.Replay(
      {{1, One("k", StringSet{.value = "v", .deadline = kNever})}, {2, "no mutation"}});
  EXPECT_EQ(status.text(), "batch 2 is malformed; 'holdfast-check DIR' shows where");
}

// Each makes 4 MB and throws them away: far slower than they are read.
std::vector<LoggedBatch> SlowBatches(const std::string& key, Index count) {
  const std::string padding(100'000, 'p');
  std::vector<LoggedBatch> batches;
  for (Index index = 1; index <= count; ++index) {
    batches.push_back({index, One(key, StringRangeSet{.offset = 4'000'000, .bytes = padding}) +
                                  One(key, KeyDeleted{})});
  }
  return batches;
}

TEST(ShardedReplay, ReadsNoFurtherAheadThanItsQueuesMayHold) {
  Reborn reborn(2);
  ShardedReplay replay(reborn.cluster.state().map, reborn.all, reborn.abandoned);
  uint64_t most = 0;
  for (const LoggedBatch& batch : SlowBatches("k", 100)) {
    ASSERT_TRUE(replay.Take(batch.index, batch.mutations).ok());
    most = std::max(most, replay.BytesQueued());
  }
  EXPECT_LT(most, 3'000'000U);
  EXPECT_TRUE(replay.Finish().ok());
}

TEST(ShardedReplay, LeavesTheRestUndoneOnceItIsAbandoned) {
  Reborn reborn(2);
  ShardedReplay replay(reborn.cluster.state().map, reborn.all, reborn.abandoned);
  const std::vector<LoggedBatch> batches = SlowBatches("k", 8);
  for (const LoggedBatch& batch : batches)
    ASSERT_TRUE(replay.Take(batch.index, batch.mutations).ok());
  reborn.abandoned = true;
  EXPECT_TRUE(replay.Finish().ok());
  EXPECT_LT(replay.mutations(), 2 * batches.size());
}

}  // namespace
}  // namespace holdfast

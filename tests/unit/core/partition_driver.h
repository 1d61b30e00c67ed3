// One partition of a keyspace under random changes, each of which is written down as in the log,
// and what tests of snapshots compare: everything that it holds, in one canonical form.
#pragma once

#include <map>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "storage/core/audit.h"
#include "storage/core/hashes.h"
#include "storage/core/holds.h"
#include "storage/core/keyspace.h"
#include "storage/core/partition_snapshot.h"
#include "storage/core/stock.h"
#include "tests/unit/core/ledger_fixture.h"

namespace holdfast {

inline constexpr Partition kPartition = 3;
inline constexpr HashSeed kSeed{42};
inline constexpr LedgerLimits kLimits{.hold_life_max = Ms(100'000),
                                      .ttl_default = Ms(400),
                                      .retention_default = Ms(900),
                                      .fence_max = 3};

class Rows : public PieceSink {
 public:
  void Put(Partition partition, std::string row) override {
    EXPECT_EQ(partition, kPartition);
    rows.push_back(std::move(row));
  }
  size_t bytes() const {
    size_t sum = 0;
    for (const std::string& row : rows) sum += row.size();
    return sum;
  }
  std::vector<std::string> rows;
};

// Everything that a partition holds, by database and key.
using Dump = std::map<std::pair<DbIndex, std::string>, std::string>;

inline std::string DumpOf(const Entry& entry) {
  std::string text = std::to_string(ToUnixMs(entry.deadline())) + " ";
  if (entry.type() == KeyType::kString) text += entry.string();
  if (entry.type() == KeyType::kStock) text += ItemPeek::Dump(entry.item());
  if (entry.type() == KeyType::kHash) {
    std::map<std::string, std::string> fields;
    entry.fields().ForEach([&](std::string_view field, std::string_view value) {
      EXPECT_TRUE(fields.emplace(field, value).second);
    });
    for (const auto& [field, value] : fields)
      text.append(field).append("=").append(value).append(";");
  }
  return text;
}

inline Dump DumpOf(const Keyspace& keys) {
  Dump dump;
  for (DbIndex db = 0; db < kDatabases; ++db) {
    for (int slot = 0; slot < kSlotsPerPartition; ++slot) {
      keys.ForEach(db, static_cast<Slot>(kPartition * kSlotsPerPartition + slot),
                   [&](const Entry& entry) {
                     EXPECT_TRUE(dump.emplace(std::pair(db, entry.key()), DumpOf(entry)).second);
                   });
    }
  }
  return dump;
}

inline size_t KeysOf(const Keyspace& keys) {
  size_t count = 0;
  for (DbIndex db = 0; db < kDatabases; ++db) count += keys.KeyCount(db);
  return count;
}

// The names of two slots of the partition, one of them crowded.
inline std::vector<std::string> Tags() {
  std::vector<std::string> tags;
  std::map<Slot, bool> slots;
  for (int i = 0; tags.size() < 2; ++i) {
    const std::string tag = "{" + std::to_string(i) + "}";
    const Slot slot = SlotOf(tag);
    if (PartitionOf(slot) == kPartition && slots.emplace(slot, true).second) tags.push_back(tag);
  }
  return tags;
}

class Partitioned {
 public:
  explicit Partitioned(unsigned seed)
      : keys(kSeed, kPartition * kSlotsPerPartition, (kPartition + 1) * kSlotsPerPartition - 1),
        random_(seed),
        tags_(Tags()) {}

  size_t Below(size_t bound) { return random_() % bound; }

  template <typename M>
  void Do(const std::string& key, DbIndex db, const M& mutation) {
    const KeyPlace place = keys.At(db, SlotOf(key), key);
    AppendMutation(log, place, mutation);
    keys.Apply(place, mutation);
  }
  template <typename... M>
  void Do(const std::string& key, DbIndex db, const std::variant<M...>& mutation) {
    std::visit([&](const auto& one) { Do(key, db, one); }, mutation);
  }
  template <typename M>
  void DoEverywhere(DbIndex db, const M& mutation) {
    const MutationPlace place{
        .db = db, .slot = static_cast<Slot>(kPartition * kSlotsPerPartition), .key = {}};
    AppendMutation(log, place, mutation);
    keys.Apply(keys.At(place), mutation);
  }
  Entry* Find(const std::string& key, DbIndex db) {
    return keys.Find(keys.At(db, SlotOf(key), key));
  }

  // Containers grow, so that segments split, or shrink, so that they would come together.
  enum class Mood { kGrows, kShrinks };

  void Step() {
    now += Ms(static_cast<int64_t>(Below(mood == Mood::kShrinks ? 400 : 3)));
    if (Below(3) == 0) {
      for (int i = 0; i < 40; ++i) StepCrowd();
    }
    const size_t what = Below(100);
    if (what < 35) return StepString();
    if (what < 60) return StepHash();
    if (what < 98) return StepStock();
    if (what == 98) return DoEverywhere(OtherDb(), DatabaseFlushed{});
    const DbIndex db = OtherDb();
    DoEverywhere(db, DatabasesSwapped{.other = static_cast<DbIndex>(db == 1 ? 2 : 1)});
  }

  Keyspace keys;
  std::string log;  // of what was done
  UnixMs now = kStart;
  Mood mood = Mood::kGrows;

 private:
  // Of one slot's keys, one hash's fields, one SKU's holds.
  void StepCrowd() {
    const std::string number = std::to_string(Below(4'000));
    const std::string key = tags_[0] + "crowd" + number;
    const std::string hash = tags_[1] + "crowded";
    const bool grows = (mood == Mood::kGrows) != (Below(10) == 0);
    if (grows) {
      Do(key, 0, StringSet{.value = number});
      Do(hash, 0, HashFieldsSet{.pairs = {{number, "value"}}});
      return Reserve(tags_[1] + "sku0", "crowd" + number);
    }
    if (Find(key, 0) != nullptr) Do(key, 0, KeyDeleted{});
    if (Find(hash, 0) != nullptr) Do(hash, 0, HashFieldsDeleted{.fields = {number}});
  }

  void Reserve(const std::string& sku, const std::string& hold) {
    Entry* const entry = Find(sku, kStockDb);
    if (entry == nullptr || !Settle(sku, entry->item())) return;
    const auto decision =
        DecideReserve(entry->item(), {.hold_id = hold, .units = 1, .buyer = hold, .ttl = Ms(9'000)},
                      kLimits, {now, now});
    if (decision.mutation) Do(sku, kStockDb, *decision.mutation);
  }

  DbIndex OtherDb() { return static_cast<DbIndex>(1 + Below(2)); }
  DbIndex AnyDb() { return static_cast<DbIndex>(Below(3)); }
  // In db 1 one slot holds some thousand keys: segments split and, deleted from, would merge.
  std::string AnyKey(const char* kind, size_t of) {
    return tags_[Below(8) == 0] + kind + std::to_string(Below(of));
  }

  void StepString() {
    const DbIndex db = AnyDb();
    const std::string key = AnyKey(Below(9) == 0 ? "h" : "s", db == 1 ? 2500 : 40);
    const Entry* const entry = Find(key, db);
    if (entry != nullptr && entry->type() == KeyType::kStock) return;
    const UnixMs deadline = Below(3) == 0 ? now + Ms(5'000) : kNever;
    switch (entry == nullptr ? 0 : Below(5)) {
      case 0:
      case 1:
        return Do(key, db,
                  StringSet{.value = std::string(Below(200) == 0 ? 700'000 : Below(60),
                                                 static_cast<char>('a' + Below(26))),
                            .deadline = deadline});
      case 2:
        if (entry->type() != KeyType::kString) return;
        return Do(key, db,
                  StringRangeSet{.offset = static_cast<uint32_t>(Below(50)), .bytes = "range"});
      case 3:
        return Do(key, db, DeadlineSet{.deadline = deadline});
      default:
        if (entry->has_deadline()) return Do(key, db, KeyExpired{});
        return Do(key, db, KeyDeleted{});
    }
  }

  void StepHash() {
    const DbIndex db = AnyDb();
    const std::string key = AnyKey("h", 6);
    const Entry* const entry = Find(key, db);
    if (entry != nullptr && entry->type() != KeyType::kHash) return;
    std::vector<std::string> fields;
    // Some hashes are large from the start.
    const size_t count = entry == nullptr && Below(2) == 0 ? 3'000 : 1 + Below(8);
    for (size_t i = 0; i < count; ++i) fields.push_back(std::to_string(Below(4'000)));
    if (entry != nullptr && Below(30) == 0) return Do(key, db, KeyDeleted{});
    if (entry != nullptr && Below(2) == 0) {
      return Do(key, db, HashFieldsDeleted{.fields = {fields.begin(), fields.end()}});
    }
    HashFieldsSet set;
    const std::string value(Below(40), 'v');
    for (const std::string& field : fields) set.pairs.push_back({field, value});
    Do(key, db, set);
  }

  void StepStock() {
    const std::string sku = AnyKey("sku", 3);
    Entry* const entry = Find(sku, kStockDb);
    if (entry == nullptr) {
      OptionsChange options;
      if (Below(2) == 0) options.limit = 50;
      return Do(sku, kStockDb,
                *DecideCreate(1 + static_cast<Units>(Below(9'000)), options, {now, now}).mutation);
    }
    Item& item = entry->item();
    if (!Settle(sku, item)) return;
    const std::string hold = "hold" + std::to_string(Below(4'000));
    const std::string buyer = Below(4) == 0 ? "" : "buyer" + std::to_string(Below(1'500));
    const Instant instant{now, now};
    const auto commit = [&](const auto& decision) {
      if (decision.mutation) Do(sku, kStockDb, *decision.mutation);
    };
    switch (Below(14)) {
      case 0:
        return commit(DecideConfirm(item, {.hold_id = hold, .reclaim = true}, kLimits, instant));
      case 1:
        return commit(DecideRelease(item, {hold, Below(2) == 0 ? "why" : ""}, kLimits, instant));
      case 2:
        return commit(DecideExtend(item, {hold, Ms(600)}, kLimits, instant));
      case 3:
        return commit(DecideAmend(item, {hold, 1 + static_cast<Units>(Below(3))}, instant));
      case 4:
        return commit(DecideAdjust(item, {.ref = hold, .delta = 5}, kLimits, instant));
      case 5:
        return commit(
            DecideReturn(item, {.hold_id = hold, .ref = "r" + hold, .units = 1}, kLimits, instant));
      case 6: {
        OptionsChange options;
        options.limit = static_cast<Units>(Below(2) * 40);
        return commit(DecideSet(item, options, instant));
      }
      case 7:
        if (Below(20) == 0) return commit(DecideDrop(item, true, instant));
        return;
      default: {
        const auto decision = DecideReserve(item,
                                            {.hold_id = hold,
                                             .units = 1 + static_cast<Units>(Below(2)),
                                             .buyer = buyer,
                                             .ttl = Ms(static_cast<int64_t>(200 + Below(9'000))),
                                             .final = Below(10) == 0,
                                             .meta = "meta"},
                                            kLimits, instant);
        if (decision.mutation) Do(sku, kStockDb, *decision.mutation);
      }
    }
  }

  bool Settle(const std::string& sku, Item& item) {
    const Instant instant{now, now};
    if (const auto slice = DecideCountBuyers(item, instant, 100)) {
      Do(sku, kStockDb, *slice);
      return false;
    }
    while (const auto expired = DecideSettle(item, kLimits, instant)) Do(sku, kStockDb, *expired);
    if (const auto forgotten = DecideForgetHolds(item, instant)) Do(sku, kStockDb, *forgotten);
    if (const auto forgotten = DecideForgetRefs(item, instant)) Do(sku, kStockDb, *forgotten);
    return true;
  }

  std::mt19937 random_;
  std::vector<std::string> tags_;
};

[[nodiscard]] inline bool Load(Keyspace& keys, std::string_view row) {
  ByteReader reader(row);
  MutationView fact;
  while (NextMutation(reader, fact)) {
    if (!keys.Load(fact)) return false;
  }
  return reader.AtEnd();
}

template <typename Rows>
[[nodiscard]] bool LoadAll(Keyspace& keys, const Rows& rows) {
  for (const std::string& row : rows) {
    if (!Load(keys, row)) return false;
  }
  keys.FinishLoad();
  return true;
}

inline void Replay(Keyspace& keys, std::string_view log) {
  ByteReader reader(log);
  MutationView mutation;
  while (NextMutation(reader, mutation)) ASSERT_TRUE(keys.ApplyView(mutation));
  ASSERT_TRUE(reader.AtEnd());
}

inline void AuditAll(const Keyspace& keys) {
  for (int slot = 0; slot < kSlotsPerPartition; ++slot) {
    keys.ForEach(kStockDb, static_cast<Slot>(kPartition * kSlotsPerPartition + slot),
                 [](const Entry& entry) {
                   if (entry.type() != KeyType::kStock) return;
                   EXPECT_EQ(Audit(entry.item()).fault, "") << entry.key();
                 });
  }
}

}  // namespace holdfast

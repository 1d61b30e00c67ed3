#include "storage/core/keyspace.h"

#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "storage/core/block_size.h"
#include "storage/core/item.h"

namespace holdfast {
namespace {

constexpr size_t kPlenty = 1'000'000;
constexpr Slot kLastSlot = kSlots - 1;

UnixMs At(int64_t ms) { return FromUnixMs(1'795'288'000'000 + ms); }

// A keyspace as the shard uses it: each mutation is applied and written down.
class LoggedKeyspace {
 public:
  explicit LoggedKeyspace(uint64_t seed = 42) : keys(HashSeed{seed}, 0, kLastSlot) {}

  KeyPlace Place(std::string_view key, DbIndex db = 0) const {
    return keys.At(db, SlotOf(key), key);
  }
  template <typename M>
  void Do(std::string_view key, const M& mutation, DbIndex db = 0) {
    const KeyPlace place = Place(key, db);
    AppendMutation(batch, place, mutation);
    keys.Apply(place, mutation);
  }
  const Entry* Find(std::string_view key, DbIndex db = 0) const {
    return keys.Find(Place(key, db));
  }
  std::string_view String(std::string_view key, DbIndex db = 0) const {
    return Find(key, db)->string();
  }

  Keyspace keys;
  std::string batch;
};

bool Replay(Keyspace& keys, std::string_view batch) {
  ByteReader reader(batch);
  MutationView view;
  while (NextMutation(reader, view)) {
    if (!keys.ApplyView(view)) return false;
  }
  return reader.AtEnd();
}

// One mutation's bytes against a keyspace.
template <typename M>
bool ApplyAsBytes(Keyspace& keys, const MutationPlace& place, const M& mutation) {
  std::string batch;
  AppendMutation(batch, place, mutation);
  return Replay(keys, batch);
}

using Dump = std::map<std::tuple<int, std::string>, std::string>;

Dump DumpOf(const Keyspace& keys) {
  Dump dump;
  for (DbIndex db = 0; db < kDatabases; ++db) {
    for (int slot = 0; slot < kSlots; ++slot) {
      keys.ForEach(db, static_cast<Slot>(slot), [&](const Entry& entry) {
        std::string text = std::to_string(ToUnixMs(entry.deadline())) + " ";
        if (entry.type() == KeyType::kString) text += entry.string();
        if (entry.type() == KeyType::kStock) {
          text += "stock " + std::to_string(entry.item().stock().available);
        }
        if (entry.type() == KeyType::kHash) {
          std::map<std::string, std::string> fields;
          entry.fields().ForEach([&](std::string_view field, std::string_view value) {
            fields.emplace(field, value);
          });
          for (const auto& [field, value] : fields) text += field + "=" + value + ";";
        }
        EXPECT_TRUE(dump.emplace(std::tuple(db, std::string(entry.key())), text).second);
      });
    }
  }
  return dump;
}

std::multiset<std::string> CollectAndExpire(LoggedKeyspace& logged, UnixMs now) {
  std::multiset<std::string> due;
  while (logged.keys.CollectDue(
             now, 100,
             [&](const KeyPlace& place) {
               EXPECT_TRUE(logged.keys.Find(place)->IsPast(now));
               due.insert(std::string(place.key));
               logged.keys.Apply(place, KeyExpired{});
             },
             [](const KeyPlace&, Item&) { FAIL(); }) == 100) {
  }
  return due;
}

TEST(Keyspace, AStringIsWhatItWasLastSetTo) {
  LoggedKeyspace logged;
  EXPECT_EQ(logged.Find("k"), nullptr);
  for (const size_t size : {0u, 1u, 100u, 100'000u, 5u}) {
    const std::string value(size, 'v');
    logged.Do("k", StringSet{.value = value});
    EXPECT_EQ(logged.String("k"), value);
    EXPECT_EQ(logged.Find("k")->deadline(), kNever);
  }
  logged.Do("k", KeyDeleted{});
  EXPECT_EQ(logged.Find("k"), nullptr);
}

TEST(Keyspace, DatabasesAreApart) {
  LoggedKeyspace logged;
  logged.Do("k", StringSet{.value = "zero"}, 0);
  logged.Do("k", StringSet{.value = "fifteen", .deadline = At(5)}, 15);
  EXPECT_EQ(logged.String("k", 0), "zero");
  EXPECT_EQ(logged.String("k", 15), "fifteen");
  EXPECT_EQ(logged.Find("k", 1), nullptr);
  EXPECT_EQ(logged.keys.KeyCount(15), 1u);
  EXPECT_EQ(logged.keys.KeyCount(15, SlotOf("k")), 1u);
  EXPECT_EQ(logged.keys.DeadlineCount(15), 1u);
  EXPECT_EQ(logged.keys.DeadlineCount(0), 0u);
  EXPECT_EQ(logged.keys.KeyCount(1), 0u);
}

TEST(Keyspace, AValueOfAboutTheSameSizeReusesItsBlock) {
  LoggedKeyspace logged;
  logged.Do("session", StringSet{.value = std::string(250, 'a'), .deadline = At(0)});
  const Entry* const before = logged.Find("session");
  logged.Do("session", StringSet{.value = std::string(256, 'b'), .deadline = At(1'000)});
  EXPECT_EQ(logged.Find("session"), before);
  EXPECT_EQ(logged.String("session"), std::string(256, 'b'));
  EXPECT_EQ(logged.Find("session")->deadline(), At(1'000));
}

TEST(Keyspace, AValueMayBeSetToAPartOfItself) {
  LoggedKeyspace logged;
  logged.Do("k", StringSet{.value = "0123456789"});
  logged.Do("k", StringSet{.value = logged.String("k").substr(3)});
  EXPECT_EQ(logged.String("k"), "3456789");
  const std::string large(1'000, 'x');
  logged.Do("k", StringSet{.value = large + "tail"});
  logged.Do("k", StringSet{.value = logged.String("k").substr(1'000), .deadline = At(0)});
  EXPECT_EQ(logged.String("k"), "tail");
}

TEST(Keyspace, APartOfAStringChangesAloneAndZerosFillTheGapBeforeIt) {
  LoggedKeyspace logged;
  logged.Do("k", StringRangeSet{.offset = 3, .bytes = "abc"});
  EXPECT_EQ(logged.String("k"), std::string("\0\0\0abc", 6));
  logged.Do("k", StringRangeSet{.offset = 1, .bytes = "xyz"});
  EXPECT_EQ(logged.String("k"), std::string("\0xyzbc", 6));
  logged.Do("k", StringRangeSet{.offset = 6, .bytes = "tail"});
  EXPECT_EQ(logged.String("k"), std::string("\0xyzbctail", 10));
  logged.Do("k", StringRangeSet{.offset = 2, .bytes = ""});
  EXPECT_EQ(logged.String("k").size(), 10u);
  logged.Do("k", StringRangeSet{.offset = 12, .bytes = ""});
  EXPECT_EQ(logged.String("k"), std::string("\0xyzbctail\0\0", 12));
  logged.Do("empty", StringRangeSet{});
  EXPECT_EQ(logged.String("empty"), "");
  logged.Do("k", KeyDeleted{});
  logged.Do("empty", KeyDeleted{});
  EXPECT_EQ(logged.keys.MemoryBytes(), 0u);
}

TEST(Keyspace, BytesLeftByALongerValueNeverComeBack) {
  LoggedKeyspace logged;
  logged.Do("k", StringSet{.value = "secret"});
  logged.Do("k", StringSet{.value = "s"});
  logged.Do("k", StringRangeSet{.offset = 5, .bytes = "t"});
  EXPECT_EQ(logged.String("k"), std::string("s\0\0\0\0t", 6));
}

TEST(Keyspace, AStringThatGrowsByteByByteIsSeldomCopiedAndKeepsItsDeadline) {
  LoggedKeyspace logged;
  logged.Do("k", StringSet{.value = "", .deadline = At(100)});
  std::string expected;
  size_t copied = 0;
  for (int i = 0; i < 100'000; ++i) {
    const Entry* const before = logged.Find("k");
    const char byte = static_cast<char>(i);
    logged.Do("k", StringRangeSet{.offset = static_cast<uint32_t>(i), .bytes = {&byte, 1}});
    if (logged.Find("k") != before) copied += expected.size();
    expected += byte;
  }
  EXPECT_EQ(logged.String("k"), expected);
  EXPECT_LT(copied, 7 * expected.size());
  EXPECT_LT(logged.Find("k")->MemoryBytes(), expected.size() * 5 / 4);
  EXPECT_EQ(logged.Find("k")->deadline(), At(100));
  EXPECT_EQ(logged.keys.DeadlineCount(0), 1u);
  EXPECT_EQ(CollectAndExpire(logged, At(200)).size(), 1u);
  EXPECT_EQ(logged.keys.MemoryBytes(), 0u);
}

TEST(Keyspace, BlocksAreAsSmallAsSessionsNeed) {
  LoggedKeyspace logged;
  logged.Do("session:123456789", StringSet{.value = std::string(256, 'x'), .deadline = At(0)});
  EXPECT_LE(logged.Find("session:123456789")->MemoryBytes(), 320u);
  logged.Do("sixteen-byte-key", StringSet{.value = std::string(64, 'x')});
  EXPECT_LE(logged.Find("sixteen-byte-key")->MemoryBytes(), 96u);
}

TEST(Keyspace, ADeadlineComesAndGoesWithoutTouchingTheValue) {
  LoggedKeyspace logged;
  logged.Do("s", StringSet{.value = "value"});
  logged.Do("h", HashFieldsSet{.pairs = {{"field", "value"}}});
  for (const char* key : {"s", "h"}) {
    logged.Do(key, DeadlineSet{.deadline = At(100)});
    EXPECT_EQ(logged.Find(key)->deadline(), At(100));
    EXPECT_FALSE(logged.Find(key)->IsPast(At(99)));
    EXPECT_TRUE(logged.Find(key)->IsPast(At(100)));
  }
  EXPECT_EQ(logged.keys.DeadlineCount(0), 2u);
  EXPECT_EQ(logged.String("s"), "value");
  EXPECT_EQ(logged.Find("h")->fields().Get("field"), "value");
  for (const char* key : {"s", "h"}) {
    logged.Do(key, DeadlineSet{.deadline = kNever});
    EXPECT_FALSE(logged.Find(key)->has_deadline());
  }
  EXPECT_EQ(logged.keys.DeadlineCount(0), 0u);
  EXPECT_TRUE(CollectAndExpire(logged, At(10'000)).empty());
  EXPECT_EQ(logged.Find("h")->fields().Get("field"), "value");
}

TEST(Keyspace, SettingAStringReplacesAHashAndItsDeadline) {
  LoggedKeyspace logged;
  logged.Do("k", HashFieldsSet{.pairs = {{"f", "v"}}});
  logged.Do("k", DeadlineSet{.deadline = At(100)});
  logged.Do("k", StringSet{.value = "v"});
  EXPECT_EQ(logged.String("k"), "v");
  EXPECT_FALSE(logged.Find("k")->has_deadline());
  EXPECT_EQ(logged.keys.DeadlineCount(0), 0u);
  EXPECT_TRUE(CollectAndExpire(logged, At(10'000)).empty());
}

TEST(Keyspace, AnEmptiedHashGoesWithItsKey) {
  LoggedKeyspace logged;
  logged.Do("h", HashFieldsSet{.pairs = {{"a", "1"}, {"b", "2"}}});
  logged.Do("h", HashFieldsDeleted{.fields = {"a", "absent"}});
  EXPECT_EQ(logged.Find("h")->fields().size(), 1u);
  logged.Do("h", HashFieldsDeleted{.fields = {"b"}});
  EXPECT_EQ(logged.Find("h"), nullptr);
  EXPECT_EQ(logged.keys.KeyCount(0), 0u);
}

TEST(Keyspace, EveryDueKeyIsCollectedOnceAndNoOther) {
  LoggedKeyspace logged;
  std::multiset<std::string> due;
  for (int i = 0; i < 2'000; ++i) {
    const std::string key = "k" + std::to_string(i);
    logged.Do(key, StringSet{.value = "v", .deadline = At(i)});
    if (i % 3 == 0) logged.Do(key, StringSet{.value = "v", .deadline = At(100'000)});
    if (i % 3 == 1) due.insert(key);
    if (i % 3 == 2) logged.Do(key, KeyDeleted{});
  }
  EXPECT_EQ(CollectAndExpire(logged, At(3'000)), due);
  EXPECT_EQ(CollectAndExpire(logged, At(99'999)).size(), 0u);
  EXPECT_EQ(logged.keys.KeyCount(0), 667u);
  EXPECT_EQ(CollectAndExpire(logged, At(100'004)).size(), 667u);
  EXPECT_FALSE(logged.keys.NextDueWork());
  EXPECT_EQ(logged.keys.MemoryBytes(), 0u);
}

TEST(Keyspace, ADueKeyThatIsLeftAloneIsStillThereAndComesAgain) {
  LoggedKeyspace logged;
  logged.Do("locked", StringSet{.value = "v", .deadline = At(0)});
  int calls = 0;
  const auto leave = [&](const KeyPlace&) { ++calls; };
  const auto no_item = [](const KeyPlace&, Item&) {};
  logged.keys.CollectDue(At(10), kPlenty, leave, no_item);
  EXPECT_NE(logged.Find("locked"), nullptr);
  logged.keys.CollectDue(At(20), kPlenty, leave, no_item);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(CollectAndExpire(logged, At(200)).size(), 1u);
}

ItemCreated Created(Units units) {
  return {.at = At(0), .units = units, .options = {.ttl = DurationMs{1'000}}};
}

HoldTaken Taken(std::string_view hold_id, UnixMs deadline) {
  return {.at = At(0),
          .hold_id = hold_id,
          .buyer = "",
          .meta = "",
          .asked = 1,
          .units = 1,
          .deadline = deadline};
}

TEST(Keyspace, ASkuIsFoundUntilItIsDropped) {
  LoggedKeyspace logged;
  EXPECT_EQ(logged.keys.FindStock(logged.Place("sku")), nullptr);
  logged.Do("string", StringSet{.value = "v"});
  EXPECT_EQ(logged.keys.FindStock(logged.Place("string")), nullptr);
  logged.Do("sku", Created(5));
  logged.Do("sku", Taken("order-1", At(1'000)));
  ASSERT_NE(logged.keys.FindStock(logged.Place("sku")), nullptr);
  EXPECT_EQ(logged.keys.FindStock(logged.Place("sku"))->stock().available, 4);
  EXPECT_EQ(logged.keys.StockCount(), 1u);
  EXPECT_FALSE(logged.Find("sku")->has_deadline());
  EXPECT_FALSE(logged.Find("sku")->IsPast(At(1'000'000)));
  logged.Do("string", KeyDeleted{});
  logged.Do("sku", ItemDropped{.at = At(1)});
  EXPECT_EQ(logged.Find("sku"), nullptr);
  EXPECT_EQ(logged.keys.StockCount(), 0u);
  EXPECT_EQ(logged.keys.MemoryBytes(), 0u);
}

TEST(Keyspace, ASkuComesUpForEachSweepAndAtOnceWhileMoreIsDue) {
  LoggedKeyspace logged;
  logged.Do("sku", Created(5));
  logged.Do("sku", Taken("late", At(5'000)));
  logged.Do("sku", Taken("first", At(1'000)));
  logged.Do("sku", Taken("second", At(1'000)));
  const auto no_key = [](const KeyPlace&) { FAIL(); };
  std::vector<Units> available;
  const auto expire_one = [&](const KeyPlace& place, Item& item) {
    const UnixMs now = item.NextDeadline();
    logged.keys.Apply(
        place, HoldsExpired{.at = now, .up_to = now, .count = 1, .forget_at = At(1'000'000)});
    available.push_back(item.stock().available);
  };
  logged.keys.CollectDue(At(999), kPlenty, no_key, expire_one);
  EXPECT_TRUE(available.empty());
  logged.keys.CollectDue(At(1'010), kPlenty, no_key, expire_one);
  EXPECT_EQ(available, (std::vector<Units>{3, 4}));
  logged.keys.CollectDue(At(4'999), kPlenty, no_key, expire_one);
  EXPECT_EQ(available.size(), 2u);
  logged.keys.CollectDue(At(5'010), kPlenty, no_key, expire_one);
  EXPECT_EQ(available, (std::vector<Units>{3, 4, 5}));
}

TEST(Keyspace, ASkuWhoseSweepIsHeldBackComesUpAgain) {
  LoggedKeyspace logged;
  logged.Do("sku", Created(5));
  logged.Do("sku", Taken("order-1", At(1'000)));
  int calls = 0;
  const auto no_key = [](const KeyPlace&) { FAIL(); };
  const auto leave = [&](const KeyPlace&, Item&) { ++calls; };
  logged.keys.CollectDue(At(1'010), kPlenty, no_key, leave);
  logged.keys.CollectDue(At(1'050), kPlenty, no_key, leave);
  EXPECT_EQ(calls, 1);
  logged.keys.CollectDue(At(1'120), kPlenty, no_key, leave);
  EXPECT_EQ(calls, 2);
}

TEST(Keyspace, ASkuWithNothingToSweepLeavesTheWheel) {
  LoggedKeyspace logged;
  logged.Do("sku", Created(5));
  EXPECT_FALSE(logged.keys.NextDueWork());
  logged.Do("sku", Taken("order-1", At(1'000)));
  logged.Do("sku",
            HoldConfirmed{.at = At(1), .hold_id = "order-1", .sold = 1, .forget_at = At(90'000)});
  const auto no_key = [](const KeyPlace&) { FAIL(); };
  const auto too_early = [](const KeyPlace&, Item&) { FAIL(); };
  logged.keys.CollectDue(At(89'999), kPlenty, no_key, too_early);
  logged.keys.CollectDue(At(90'010), kPlenty, no_key, [&](const KeyPlace& place, Item&) {
    logged.keys.Apply(place, HoldsForgotten{.at = At(90'010), .up_to = At(90'010), .count = 1});
  });
  logged.keys.CollectDue(At(100'000), kPlenty, no_key, too_early);
  EXPECT_FALSE(logged.keys.NextDueWork());
}

TEST(Keyspace, ReplayOfTheLogMakesTheSameKeyspace) {
  for (const unsigned seed : {1u, 2u, 3u}) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    LoggedKeyspace live(seed);
    for (int i = 0; i < 20'000; ++i) {
      const std::string key = "{t}" + std::to_string(random() % 3'000);
      const auto db = static_cast<DbIndex>(random() % 2);
      const Entry* const entry = live.Find(key, db);
      const std::string value(random() % 300, 'x');
      const UnixMs deadline = random() % 2 == 0 ? kNever : At(random() % 100'000);
      const bool is_hash = entry != nullptr && entry->type() == KeyType::kHash;
      const bool is_string = entry != nullptr && entry->type() == KeyType::kString;
      switch (random() % 7) {
        case 0:
        case 1:
          live.Do(key, StringSet{.value = value, .deadline = deadline}, db);
          break;
        case 2:
          if (entry != nullptr) live.Do(key, KeyDeleted{}, db);
          break;
        case 3:
          if (entry != nullptr) live.Do(key, DeadlineSet{.deadline = deadline}, db);
          break;
        case 4:
          if (entry == nullptr || is_hash) {
            live.Do(key, HashFieldsSet{.pairs = {{value, "v"}, {"f", value}}}, db);
          }
          break;
        case 5:
          if (entry == nullptr || is_string) {
            const auto offset = static_cast<uint32_t>(random() % 400);
            live.Do(key, StringRangeSet{.offset = offset, .bytes = value}, db);
          }
          break;
        default:
          if (is_hash) live.Do(key, HashFieldsDeleted{.fields = {"f", value}}, db);
      }
    }
    live.Do("sku", Created(10));
    live.Do("sku", Taken("order-1", At(50)));

    Keyspace replayed(HashSeed{seed}, 0, kLastSlot);
    ASSERT_TRUE(Replay(replayed, live.batch));
    EXPECT_EQ(DumpOf(replayed), DumpOf(live.keys));
    EXPECT_EQ(replayed.MemoryBytes(), live.keys.MemoryBytes());
    for (const DbIndex db : {DbIndex{0}, DbIndex{1}}) {
      EXPECT_EQ(replayed.KeyCount(db), live.keys.KeyCount(db));
      EXPECT_EQ(replayed.DeadlineCount(db), live.keys.DeadlineCount(db));
    }
  }
}

TEST(Keyspace, MemoryReturnsToNothingWhenAllKeysAreDeleted) {
  LoggedKeyspace logged;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "{one slot}" + std::to_string(i);
    if (i % 4 == 0) {
      logged.Do(key, HashFieldsSet{.pairs = {{"f", key}, {key, std::string(200, 'x')}}});
    } else {
      logged.Do(key, StringSet{.value = key, .deadline = i % 4 == 1 ? At(i) : kNever});
    }
    if (i % 3 == 0) logged.Do(key, DeadlineSet{.deadline = At(i)});
    if (i % 5 == 0) logged.Do(key, StringSet{.value = key + std::string(100, 'x')});
    if (i % 8 == 0 && i % 5 != 0) logged.Do(key, HashFieldsDeleted{.fields = {key}});
  }
  EXPECT_GT(logged.keys.MemoryBytes(), 20'000u * 50);
  for (int i = 0; i < 20'000; ++i) logged.Do("{one slot}" + std::to_string(i), KeyDeleted{});
  EXPECT_EQ(logged.keys.MemoryBytes(), 0u);
  EXPECT_EQ(logged.keys.KeyCount(0), 0u);
  EXPECT_EQ(logged.keys.DeadlineCount(0), 0u);
}

TEST(Keyspace, BytesThatDoNotFitTheStateAreRefusedAndChangeNothing) {
  LoggedKeyspace logged;
  logged.Do("string", StringSet{.value = "v"});
  logged.Do("hash", HashFieldsSet{.pairs = {{"f", "v"}}});
  logged.Do("sku", Created(5));
  const Dump before = DumpOf(logged.keys);
  Keyspace& keys = logged.keys;
  const KeyPlace absent = logged.Place("absent");
  const KeyPlace string = logged.Place("string");
  const KeyPlace sku = logged.Place("sku");
  EXPECT_FALSE(ApplyAsBytes(keys, absent, KeyDeleted{}));
  EXPECT_FALSE(ApplyAsBytes(keys, absent, DeadlineSet{.deadline = At(0)}));
  EXPECT_FALSE(ApplyAsBytes(keys, absent, ItemDropped{.at = At(1)}));
  EXPECT_FALSE(ApplyAsBytes(keys, absent, Taken("h", At(9))));
  EXPECT_FALSE(ApplyAsBytes(keys, absent, HashFieldsSet{}));
  EXPECT_FALSE(ApplyAsBytes(keys, string, KeyExpired{}));
  EXPECT_FALSE(ApplyAsBytes(keys, string, HashFieldsSet{.pairs = {{"f", "v"}}}));
  EXPECT_FALSE(ApplyAsBytes(keys, string, HashFieldsDeleted{.fields = {"f"}}));
  EXPECT_FALSE(ApplyAsBytes(keys, string, Created(1)));
  EXPECT_FALSE(ApplyAsBytes(keys, absent, StringRangeSet{.offset = 0xffff'ffff, .bytes = ""}));
  EXPECT_FALSE(
      ApplyAsBytes(keys, string,
                   StringRangeSet{.offset = static_cast<uint32_t>(kStringBytesMax), .bytes = "x"}));
  EXPECT_FALSE(ApplyAsBytes(keys, logged.Place("hash"), StringRangeSet{.offset = 0, .bytes = "x"}));
  EXPECT_FALSE(ApplyAsBytes(keys, sku, StringRangeSet{.offset = 0, .bytes = "x"}));
  EXPECT_FALSE(ApplyAsBytes(keys, sku, Created(1)));
  EXPECT_FALSE(ApplyAsBytes(keys, sku, StringSet{.value = "v"}));
  EXPECT_FALSE(ApplyAsBytes(keys, sku, KeyDeleted{}));
  EXPECT_FALSE(ApplyAsBytes(keys, sku, DeadlineSet{.deadline = At(0)}));
  EXPECT_FALSE(ApplyAsBytes(keys, logged.Place("other", 1), Created(1)));  // stock in database 1
  EXPECT_EQ(DumpOf(keys), before);
}

TEST(Keyspace, BytesOfAnotherSlotKindOrLengthAreRefused) {
  Keyspace keys(HashSeed{1}, 0, 99);
  const Slot slot = SlotOf("k");
  ASSERT_FALSE(keys.Owns(slot));
  EXPECT_FALSE(keys.ApplyView({MutationKind::kStringSet, {0, slot, "k"}, std::string(8, '\0')}));
  EXPECT_FALSE(keys.ApplyView({MutationKind::kStringSet, {0, 7, "k"}, std::string(8, '\0')}));

  LoggedKeyspace logged;
  EXPECT_FALSE(
      logged.keys.ApplyView({MutationKind::kStringSet, {0, slot, "k"}, std::string(7, '\0')}));
  EXPECT_FALSE(logged.keys.ApplyView({MutationKind{255}, {0, slot, "k"}, ""}));
  EXPECT_TRUE(
      logged.keys.ApplyView({MutationKind::kStringSet, {0, slot, "k"}, std::string(8, '\0')}));
  EXPECT_FALSE(logged.keys.ApplyView({MutationKind::kKeyDeleted, {0, slot, "k"}, "more"}));
}

TEST(Keyspace, ScanVisitsTheKeysOfASlotOnce) {
  LoggedKeyspace logged;
  for (int i = 0; i < 3'000; ++i) {
    logged.Do("{t}" + std::to_string(i), StringSet{.value = "v"});
  }
  std::multiset<std::string> seen;
  uint64_t from = 0;
  do {
    from = logged.keys.Scan(0, SlotOf("{t}"), from, 10,
                            [&](const Entry& entry) { seen.insert(std::string(entry.key())); });
  } while (from != 0);
  EXPECT_EQ(seen.size(), 3'000u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 3'000u);
  EXPECT_EQ(logged.keys.Scan(9, SlotOf("{t}"), 0, 10, [](const Entry&) { FAIL(); }), 0u);
}

TEST(Keyspace, ASampleIsAnyKeyEquallyOftenHoweverTheyLieInSlots) {
  LoggedKeyspace logged;
  Random random(5);
  EXPECT_EQ(logged.keys.Sample(0, random), nullptr);
  // Half of the keys in one slot, the others all over.
  for (int i = 0; i < 100; ++i) {
    logged.Do("{t}" + std::to_string(i), StringSet{.value = "v"});
    logged.Do(std::to_string(i), StringSet{.value = "v"});
    logged.Do("gone" + std::to_string(i), StringSet{.value = "v"});
  }
  logged.Do("elsewhere", StringSet{.value = "v"}, 1);
  for (int i = 0; i < 100; ++i) logged.Do("gone" + std::to_string(i), KeyDeleted{});
  std::map<std::string, int> times;
  for (int i = 0; i < 20'000; ++i) {
    ++times[std::string(logged.keys.Sample(0, random)->key())];
  }
  EXPECT_EQ(times.size(), 200u);
  for (const auto& [key, count] : times) {
    EXPECT_GT(count, 40) << key;
    EXPECT_LT(count, 180) << key;
  }
  EXPECT_EQ(logged.keys.Sample(1, random)->key(), "elsewhere");
  EXPECT_EQ(logged.keys.Sample(2, random), nullptr);
}

TEST(Keyspace, AKeyIsIdleFromItsLastWriteOrTouchOn) {
  LoggedKeyspace logged;
  const auto idle = [&](const char* key) { return logged.keys.IdleSeconds(*logged.Find(key)); };
  logged.keys.SetAccessSecond(1'000);
  logged.Do("a", StringSet{.value = "v"});
  logged.Do("h", HashFieldsSet{.pairs = {{"f", "v"}}});
  logged.Do("sku", Created(5));
  logged.keys.SetAccessSecond(1'010);
  EXPECT_EQ(idle("a"), 10u);
  EXPECT_EQ(idle("h"), 10u);
  EXPECT_EQ(idle("sku"), 10u);
  // A look-up alone is no use, a deadline that comes or goes none either.
  logged.Do("a", DeadlineSet{.deadline = At(0)});
  EXPECT_EQ(idle("a"), 10u);
  logged.Do("a", StringSet{.value = "w", .deadline = At(0)});
  EXPECT_EQ(idle("a"), 0u);
  logged.keys.Touch(*logged.keys.Find(logged.Place("h")));
  EXPECT_EQ(idle("h"), 0u);
  // 24 bits of seconds.
  logged.keys.SetAccessSecond(1'010 + (1U << 24) - 1);
  EXPECT_EQ(idle("h"), (1U << 24) - 1);
  logged.keys.SetAccessSecond(1'010 + (1U << 24) + 3);
  EXPECT_EQ(idle("h"), 3u);
  EXPECT_EQ(logged.Find("h")->type(), KeyType::kHash);
  EXPECT_TRUE(logged.Find("a")->has_deadline());
}

TEST(Keyspace, ASlotKeepsItsStampWhenItEmpties) {
  LoggedKeyspace logged;
  logged.Do("k", StringSet{.value = "v"});
  logged.keys.gated_stamp(SlotOf("k")) = 17;
  logged.Do("k", KeyDeleted{});
  EXPECT_EQ(logged.keys.gated_stamp(SlotOf("k")), 17u);
  EXPECT_EQ(logged.keys.gated_stamp(kLastSlot), 0u);
}

TEST(KeyspaceDeathTest, AMutationThatWasDecidedOnAnotherStateStopsTheProcess) {
  LoggedKeyspace logged;
  logged.Do("sku", Created(5));
  EXPECT_DEATH(logged.Do("absent", KeyDeleted{}), "");
  EXPECT_DEATH(logged.Do("sku", StringSet{.value = "v"}), "");
  EXPECT_DEATH(logged.Do("sku", HashFieldsSet{.pairs = {{"f", "v"}}}), "");
}

// jemalloc's table of size classes.
TEST(BlockSize, IsTheAllocatorsSizeClass) {
  for (const auto& [bytes, block] : std::vector<std::pair<size_t, size_t>>{{1, 16},
                                                                           {16, 16},
                                                                           {17, 32},
                                                                           {128, 128},
                                                                           {129, 160},
                                                                           {256, 256},
                                                                           {257, 320},
                                                                           {309, 320},
                                                                           {1025, 1280},
                                                                           {4096, 4096},
                                                                           {4097, 5120}}) {
    EXPECT_EQ(BlockSize(bytes), block) << bytes;
  }
}

}  // namespace
}  // namespace holdfast

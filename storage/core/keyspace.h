// Keyspace: all keys of one shard, in 16 databases. The shard decides on what it reads here and
// changes it by Apply only; replay and replicas pass through the same functions (ApplyView).
//
// Nothing here expires by itself: Find also gives entries that are past their deadline, since only
// a primary removes them, by a logged KeyExpired. CollectDue tells the shard which keys those are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "storage/base/random.h"
#include "storage/base/server_time.h"
#include "storage/base/slot.h"
#include "storage/core/entry.h"
#include "storage/core/hashed_key.h"
#include "storage/core/hashes.h"
#include "storage/core/key_mutations.h"
#include "storage/core/mutation.h"
#include "storage/core/segmented_set.h"
#include "storage/core/stock_apply.h"
#include "storage/core/timing_wheel.h"

namespace holdfast {

class PartitionSnapshot;
class SparseWalk;

// Where a key lies, whatever the database: the same on every shard.
struct KeyHash {
  Slot slot;
  uint64_t hash;
};

// A MutationPlace with the key's hash, computed once per command (Keyspace::At).
struct KeyPlace : MutationPlace {
  uint64_t hash;
  HashedKey hashed() const { return {key, hash}; }
};

// Owner thread: its shard.
class Keyspace {
 public:
  // For the slots first..last. `seed` is the history's.
  Keyspace(HashSeed seed, Slot first, Slot last);
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;
  ~Keyspace();

  HashSeed seed() const { return seed_; }
  bool Owns(Slot slot) const { return slot >= first_ && slot <= last_; }
  HashedKey Hash(std::string_view key) const { return HashKey(seed_, key); }

  // Where `key` is. Requires: `slot` is SlotOf(key), and owned.
  KeyPlace At(DbIndex db, Slot slot, std::string_view key) const {
    return {{.db = db, .slot = slot, .key = key}, Hash(key).hash};
  }
  KeyPlace At(const MutationPlace& place) const { return {place, Hash(place.key).hash}; }

  // Null if absent. Also entries past their deadline (see above). Valid until the next Apply, or
  // step of a SparseWalk.
  Entry* Find(const KeyPlace& place);
  const Entry* Find(const KeyPlace& place) const {
    return const_cast<Keyspace*>(this)->Find(place);
  }
  // The SKU of that key; null if there is no key or it is of another type. Valid until it is
  // dropped.
  Item* FindStock(const KeyPlace& place);
  // The second that keys are used in from now on (Entry::Touch); what the shard makes of its time.
  // New and overwritten keys are touched by themselves, others by whoever looks them up for a user.
  void SetAccessSecond(uint32_t second) { access_second_ = second; }
  void Touch(Entry& entry) const { entry.Touch(access_second_); }
  uint32_t IdleSeconds(const Entry& entry) const { return entry.IdleSeconds(access_second_); }

  // Brings into the processor's caches what Find will read of these places. A look-up in a large
  // keyspace is five cache misses in a row; those of many look-ups come in the time of one.
  void Prefetch(std::span<const KeyPlace> places) const;
  // The same, behind that, for the records of SKUs: a hold, and its buyer's use (empty: none).
  struct RecordsAhead {
    const Item* item;
    std::string_view hold_id;
    std::string_view buyer;
  };
  static void PrefetchRecords(std::span<const RecordsAhead> records);
  // Whose records those are, for one look-up after the other.
  class ItemsAhead {
   public:
    explicit ItemsAhead(const Keyspace& keyspace) : keyspace_(keyspace) {}
    // Null if it is no SKU, or one that is too small to be worth it. For a hint the hash tells keys
    // apart.
    const Item* Find(const KeyPlace& place) {
      if (last_hash_ != place.hash) Look(place);
      return item_;
    }

   private:
    void Look(const KeyPlace& place);

    const Keyspace& keyspace_;
    uint64_t last_hash_ = 0;  // a burst is about one SKU
    const Item* item_ = nullptr;
  };
  // The same for what ApplyView will read, hostile bytes or not.
  static constexpr size_t kAheadMax = 16;
  // Requires: at most kAheadMax.
  void PrefetchFor(std::span<const MutationView> mutations) const;

  // What a mutation requires of the state is written with its type. The place's key and a
  // StringSet's value may point into the entry itself.
  void Apply(const KeyPlace& place, const StringSet& mutation);
  void Apply(const KeyPlace& place, const StringRangeSet& mutation);
  void Apply(const KeyPlace& place, const KeyDeleted& mutation);
  void Apply(const KeyPlace& place, const DeadlineSet& mutation);
  void Apply(const KeyPlace& place, const KeyExpired& mutation);
  void Apply(const KeyPlace& place, const HashFieldsSet& mutation);
  void Apply(const KeyPlace& place, const HashFieldsDeleted& mutation);
  void Apply(const KeyPlace& place, const DatabaseFlushed& mutation);
  void Apply(const KeyPlace& place, const DatabasesSwapped& mutation);
  void Apply(const KeyPlace& place, const ItemCreated& mutation);
  void Apply(const KeyPlace& place, const ItemDropped& mutation);
  // Every other mutation of a SKU, or a variant of several. Requires: the SKU is there.
  template <typename M>
  void Apply(const KeyPlace& place, const M& mutation) {
    if (snapshot_ != nullptr) [[unlikely]]
      BeforeChange(place);
    Entry& entry = StockEntry(place);
    const size_t bytes_before = entry.MemoryBytes();
    holdfast::Apply(entry.item(), mutation);
    AfterItemChange(entry, bytes_before);
  }

  // The same for a fact of a snapshot: what makes the key what it was, loaded into an empty
  // keyspace in the order in which it was taken (partition_snapshot.h).
  [[nodiscard]] bool Load(const MutationView& fact);
  // After the last fact of the snapshot, before the first mutation behind it.
  void FinishLoad();

  // Decodes and applies one mutation of any kind, from the log or the stream. False, and nothing
  // changed, if it is malformed, of an unknown kind, of a slot that is not ours, or says what
  // cannot be of the present state.
  [[nodiscard]] bool ApplyView(const MutationView& view);

  // Keys of a database, those past their deadline included.
  size_t KeyCount(DbIndex db) const;
  size_t KeyCount(DbIndex db, Slot slot) const;
  size_t DeadlineCount(DbIndex db) const;
  size_t StockCount() const { return stock_count_; }
  // Frees a slice of what flushes threw away, about a segment of keys; false when nothing is left.
  bool FreeDoomed();
  bool HasDoomed() const { return NextDoomed() != doomed_.end(); }
  // Bytes of the heap that keys take, with the containers that hold them.
  size_t MemoryBytes() const { return memory_bytes_; }

  // One step of SCAN within a slot: visit(const Entry&) for about `count` keys from the hash `from`
  // on, in hash order; returns where to go on, or 0 at the end of the slot. The guarantees of
  // SegmentedSet::Scan. Only kScanPrefixBits top bits of the result are ever set: a cursor needs to
  // keep no more.
  template <typename F>
  uint64_t Scan(DbIndex db, Slot slot, uint64_t from, size_t count, F&& visit) const {
    const Keys* const keys = KeysOf(db, slot);
    if (keys == nullptr) return 0;
    return keys->Scan(from, count, [&](const Entry::Handle& entry) { return visit(*entry); });
  }

  // Some key of the database, perhaps one past its deadline; null if there is none. Slots are taken
  // exactly by their number of keys; within one see SegmentedSet::Sample. Takes some hundred steps.
  const Entry* Sample(DbIndex db, Random& random) const;

  // visit(const Entry&) for every key of a slot, in no order.
  template <typename F>
  void ForEach(DbIndex db, Slot slot, F&& visit) const {
    const Keys* const keys = KeysOf(db, slot);
    if (keys != nullptr) keys->ForEach([&](const Entry::Handle& entry) { visit(*entry); });
  }

  // Tells the shard what became due at `now`:
  //   key_due(const KeyPlace&)            a key past its deadline, to be answered with KeyExpired
  //   item_due(const KeyPlace&, Item&)    a SKU with holds to expire, or holds or refs to forget,
  //   to be answered
  //                                       with the sweeps' mutations
  // What gets no answer (a locked key) comes again some 100 ms later; a SKU that has more due after
  // its answer comes again behind what has been due for longer. The place's key dies with the
  // entry. Looks at no more than `budget` entries; a result below `budget` means that nothing is
  // left to do at `now`.
  template <typename KeyDue, typename ItemDue>
  size_t CollectDue(UnixMs now, size_t budget, KeyDue&& key_due, ItemDue&& item_due) {
    return wheel_.Advance(now, budget, [&](TimerNode& timer) {
      Entry& entry = Entry::OfTimer(timer);
      const Slot slot = SlotOf(entry.key());
      const KeyPlace place = At(DbOf(slot, entry), slot, entry.key());
      if (!doomed_.empty() && Find(place) != &entry) return timer.Unlink();
      if (entry.type() != KeyType::kStock) {
        key_due(place);
      } else if (IsSweepDue(entry, now)) {
        item_due(place, entry.item());
        if (entry.timer()->deadline <= now)
          wheel_.Move(*entry.timer(), TimingWheel::LastDueAt(now));
      }
    });
  }
  // When CollectDue has work to do next, if ever.
  std::optional<UnixMs> NextDueWork() const { return wheel_.NextWork(); }

  // What the shard notes per slot (the index that its replies wait for); stays when the slot
  // empties.
  uint64_t& gated_stamp(Slot slot) { return gated_stamps_[static_cast<size_t>(slot - first_)]; }

 private:
  friend class PartitionSnapshot;
  friend class SparseWalk;

  struct KeyTraits {
    static std::string_view KeyOf(const Entry::Handle& entry) { return entry->key(); }
  };
  using Keys = SegmentedSet<Entry::Handle, KeyTraits>;
  // The keys that one partition has in one database.
  struct Table {
    Table(HashSeed seed, uint8_t table_label);
    std::vector<Keys> slots;
    size_t keys = 0;
    size_t deadlines = 0;
    size_t skus = 0;
    uint8_t label;  // what its entries carry
  };
  // An entry carries the label of its table and not its database: SWAPDB exchanges tables.
  struct Tables {
    std::array<std::unique_ptr<Table>, kDatabases> by_db;  // made on first use
    std::array<DbIndex, kDatabases> db_of_label{};
  };
  struct Totals {
    size_t keys = 0;
    size_t deadlines = 0;
  };

  Tables& TablesAt(Slot slot) {
    return partitions_[static_cast<size_t>(PartitionOf(slot) - PartitionOf(first_))];
  }
  const Tables& TablesAt(Slot slot) const { return const_cast<Keyspace*>(this)->TablesAt(slot); }
  const Keys* KeysOf(DbIndex db, Slot slot) const {
    const auto& table = TablesAt(slot).by_db[db];
    return table ? &table->slots[static_cast<size_t>(slot % kSlotsPerPartition)] : nullptr;
  }
  Keys* KeysOf(DbIndex db, Slot slot) {
    return const_cast<Keys*>(static_cast<const Keyspace*>(this)->KeysOf(db, slot));
  }
  DbIndex DbOf(Slot slot, const Entry& entry) const {
    return TablesAt(slot).db_of_label[entry.table()];
  }
  Table& TableOf(DbIndex db, Slot slot) { return *TablesAt(slot).by_db[db]; }
  // Makes it if need be.
  Table& MakeTable(DbIndex db, Slot slot);
  void Count(Table& table, DbIndex db, int keys, int deadlines);
  void Doom(Tables& tables, DbIndex db);
  // What an entry of this place starts from.
  Entry::Shape ShapeOf(const KeyPlace& place, bool has_timer);
  Entry::Handle* FindHandle(const KeyPlace& place);
  Entry& Add(const KeyPlace& place, Entry::Handle entry, UnixMs deadline);
  void Remove(const KeyPlace& place);
  void SetDeadline(const KeyPlace& place, Entry::Handle& entry, UnixMs deadline);
  // Files a timer in the wheel, or moves it.
  void Time(TimerNode& timer, UnixMs deadline);
  Entry& StockEntry(const KeyPlace& place);
  // A snapshot that is taking this key's segment, or the field's, takes it as it is now.
  void BeforeChange(const KeyPlace& place);
  void BeforeFieldChange(const FieldMap& fields, std::string_view field);
  // One that is still taking the value keeps the entry; else it is destroyed.
  void Discard(Entry::Handle entry);
  uint32_t SnapshotOf(const Table& table) const;
  // A snapshot has yet to read it where it lies.
  bool IsPinned(const Entry& entry) const;
  // The next flushed table to free, which no snapshot is still taking.
  std::vector<std::unique_ptr<Table>>::const_iterator NextDoomed() const;
  // Counts the bytes that the item took or gave, and times its next sweep.
  void AfterItemChange(Entry& entry, size_t bytes_before);
  // Whether the item, whose timer came up, still has something to sweep at `now`; times its next
  // sweep.
  bool IsSweepDue(Entry& entry, UnixMs now);

  template <typename M>
  bool ApplyBody(const KeyPlace& place, std::string_view body);
  bool ApplyPartitionBody(const MutationView& view);
  bool ApplyItemBody(const KeyPlace& place, MutationKind kind, std::string_view body);
  bool LoadItem(const KeyPlace& place, std::string_view body);

  const HashSeed seed_;
  const Slot first_;
  const Slot last_;
  TimingWheel wheel_;  // before the tables: entries leave it when they are destroyed
  std::vector<Tables> partitions_;
  std::vector<std::unique_ptr<Table>> doomed_;  // flushed, and not yet freed
  PartitionSnapshot* snapshot_ = nullptr;       // that is being taken
  std::array<Totals, kDatabases> totals_;
  std::vector<uint64_t> gated_stamps_;
  size_t stock_count_ = 0;
  std::set<Slot> slots_to_finish_;  // where a snapshot brought SKUs
  size_t memory_bytes_ = 0;
  uint32_t access_second_ = 0;
};

}  // namespace holdfast

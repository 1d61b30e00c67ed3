#include "storage/core/keyspace.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <absl/container/inlined_vector.h>

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/core/item.h"
#include "storage/core/partition_snapshot.h"
#include "storage/core/stock_mutations.h"

namespace holdfast {

namespace {

// When the first hold of the item expires, or a hold or ref is to be forgotten; at once while its
// buyers are being counted.
UnixMs NextSweep(const Item& item) {
  if (item.counting()) return item.changed_at();
  const UnixMs deadline = item.NextDeadline();
  const UnixMs forget = item.NextForget();
  if (deadline == kNever) return forget;
  return forget == kNever ? deadline : std::min(deadline, forget);
}

}  // namespace

Keyspace::Keyspace(HashSeed seed, Slot first, Slot last)
    : seed_(seed), first_(first), last_(last), gated_stamps_(size_t{last} - first + 1) {
  Invariant(first <= last);
  Invariant(last < kSlots);
  partitions_.resize(size_t{PartitionOf(last)} - PartitionOf(first) + 1);
}

Keyspace::~Keyspace() = default;

Entry* Keyspace::Find(const KeyPlace& place) {
  Entry::Handle* const found = FindHandle(place);
  return found != nullptr ? found->get() : nullptr;
}

Item* Keyspace::FindStock(const KeyPlace& place) {
  Entry* const entry = Find(place);
  return entry != nullptr && entry->type() == KeyType::kStock ? &entry->item() : nullptr;
}

void Keyspace::Prefetch(std::span<const KeyPlace> places) const {
  struct LookUp {
    const Keys* keys;
    HashedKey key;
    const Entry::Handle* candidate = nullptr;
  };
  absl::InlinedVector<LookUp, 2 * kAheadMax> look_ups;
  for (const KeyPlace& place : places) {
    const Keys* const keys = KeysOf(place.db, place.slot);
    __builtin_prefetch(&gated_stamps_[static_cast<size_t>(place.slot - first_)]);
    if (keys == nullptr) continue;
    __builtin_prefetch(keys);
    look_ups.push_back({.keys = keys, .key = place.hashed()});
  }
  for (const LookUp& ahead : look_ups) ahead.keys->PrefetchSegment(ahead.key.hash);
  for (const LookUp& ahead : look_ups) ahead.keys->PrefetchPlaces(ahead.key);
  for (LookUp& ahead : look_ups) ahead.candidate = ahead.keys->FirstCandidate(ahead.key.hash);
  for (const LookUp& ahead : look_ups) {
    if (ahead.candidate != nullptr) (*ahead.candidate)->Prefetch();
  }
}

namespace {

// Of the mutations that a sale's log is full of.
struct HoldAndBuyer {
  std::string_view hold_id;
  std::string_view buyer;
};
HoldAndBuyer HoldOf(const MutationView& mutation) {
  ByteReader reader(mutation.body);
  switch (mutation.kind) {
    case MutationKind::kHoldTaken: {
      const auto taken = HoldTaken::DecodeBody(reader);
      return {taken.hold_id, taken.buyer};
    }
    case MutationKind::kHoldConfirmed:
      return {HoldConfirmed::DecodeBody(reader).hold_id, {}};
    case MutationKind::kHoldReleased:
      return {HoldReleased::DecodeBody(reader).hold_id, {}};
    default:
      return {};
  }
}

}  // namespace

void Keyspace::PrefetchFor(std::span<const MutationView> mutations) const {
  absl::InlinedVector<KeyPlace, kAheadMax> places;
  for (const MutationView& mutation : mutations) {
    if (Owns(mutation.place.slot) && mutation.place.db < kDatabases)
      places.push_back(At(mutation.place));
  }
  Prefetch(places);
  absl::InlinedVector<RecordsAhead, kAheadMax> records;
  ItemsAhead items(*this);
  for (const MutationView& mutation : mutations) {
    const HoldAndBuyer words = HoldOf(mutation);
    if (words.hold_id.empty() || !Owns(mutation.place.slot) || mutation.place.db != kStockDb)
      continue;
    if (const Item* const item = items.Find(At(mutation.place)))
      records.push_back({.item = item, .hold_id = words.hold_id, .buyer = words.buyer});
  }
  PrefetchRecords(records);
}

void Keyspace::ItemsAhead::Look(const KeyPlace& place) {
  const Entry* const entry = keyspace_.Find(place);
  const bool is_sku = entry != nullptr && entry->type() == KeyType::kStock;
  item_ = is_sku && entry->item().IsWorthPrefetching() ? &entry->item() : nullptr;
  last_hash_ = place.hash;
}

void Keyspace::PrefetchRecords(std::span<const RecordsAhead> records) {
  struct Change {
    const Item* item;
    Item::ChangeAhead ahead;
    Item::Candidates candidates{};
  };
  absl::InlinedVector<Change, 2 * kAheadMax> changes;
  for (const auto& [item, hold_id, buyer] : records)
    changes.push_back({.item = item, .ahead = item->Ahead(hold_id, buyer)});
  for (const Change& change : changes) change.item->PrefetchSegments(change.ahead);
  for (const Change& change : changes) change.item->PrefetchPlaces(change.ahead);
  for (Change& change : changes) change.candidates = change.item->PrefetchCandidates(change.ahead);
  for (const Change& change : changes) Item::PrefetchRecords(change.candidates);
}

size_t Keyspace::KeyCount(DbIndex db) const { return totals_[db].keys; }

size_t Keyspace::KeyCount(DbIndex db, Slot slot) const {
  const Keys* const keys = KeysOf(db, slot);
  return keys != nullptr ? keys->size() : 0;
}

size_t Keyspace::DeadlineCount(DbIndex db) const { return totals_[db].deadlines; }

const Entry* Keyspace::Sample(DbIndex db, Random& random) const {
  if (KeyCount(db) == 0) return nullptr;
  uint64_t skip = random.Below(KeyCount(db));
  const auto keys_of = [db](const Tables& tables) {
    return tables.by_db[db] ? tables.by_db[db]->keys : 0;
  };
  size_t partition = 0;
  while (skip >= keys_of(partitions_[partition])) skip -= keys_of(partitions_[partition++]);
  const Table& table = *partitions_[partition].by_db[db];
  size_t slot = 0;
  while (skip >= table.slots[slot].size()) skip -= table.slots[slot++].size();
  return table.slots[slot].Sample(random.Next())->get();
}

Entry::Handle* Keyspace::FindHandle(const KeyPlace& place) {
  Keys* const keys = KeysOf(place.db, place.slot);
  return keys != nullptr ? keys->Find(place.hashed()) : nullptr;
}

Keyspace::Table::Table(HashSeed seed, uint8_t table_label) : label(table_label) {
  slots.reserve(kSlotsPerPartition);
  for (int i = 0; i < kSlotsPerPartition; ++i) slots.emplace_back(seed);
}

Keyspace::Table& Keyspace::MakeTable(DbIndex db, Slot slot) {
  Tables& tables = TablesAt(slot);
  auto& table = tables.by_db[db];
  if (!table) {
    // There are as many labels as databases, so one is free.
    uint32_t used = 0;
    for (const auto& other : tables.by_db) used |= other ? 1U << other->label : 0;
    const auto label = static_cast<uint8_t>(std::countr_one(used));
    table = std::make_unique<Table>(seed_, label);
    tables.db_of_label[label] = db;
  }
  return *table;
}

void Keyspace::Count(Table& table, DbIndex db, int keys, int deadlines) {
  table.keys += static_cast<size_t>(keys);
  table.deadlines += static_cast<size_t>(deadlines);
  totals_[db].keys += static_cast<size_t>(keys);
  totals_[db].deadlines += static_cast<size_t>(deadlines);
}

Entry::Shape Keyspace::ShapeOf(const KeyPlace& place, bool has_timer) {
  return {.table = MakeTable(place.db, place.slot).label, .has_timer = has_timer};
}

// Requires: the entry was made with ShapeOf(place).
Entry& Keyspace::Add(const KeyPlace& place, Entry::Handle handle, UnixMs deadline) {
  Keys& keys = *KeysOf(place.db, place.slot);
  Entry& entry = *handle;
  const size_t container_before = keys.MemoryBytes();
  Table& table = TableOf(place.db, place.slot);
  keys.Insert(place.hashed(), std::move(handle), SnapshotOf(table));
  memory_bytes_ += keys.MemoryBytes() - container_before + entry.MemoryBytes();
  Count(table, place.db, 1, deadline != kNever ? 1 : 0);
  Touch(entry);
  if (deadline != kNever) wheel_.Insert(*entry.timer(), deadline);
  return entry;
}

void Keyspace::Remove(const KeyPlace& place) {
  Entry::Handle* const found = FindHandle(place);
  Invariant(found != nullptr);
  Entry& entry = **found;
  Keys& keys = *KeysOf(place.db, place.slot);
  Table& table = TableOf(place.db, place.slot);
  Count(table, place.db, -1, entry.has_deadline() ? -1 : 0);
  const size_t bytes_before = keys.MemoryBytes() + entry.MemoryBytes();
  if (snapshot_ != nullptr && snapshot_->Lacks(entry)) {
    // Something must stand in the container until it is erased.
    const Entry::Shape shape{.table = entry.table(), .has_timer = false};
    Discard(std::exchange(*found, Entry::MakeString(entry.key(), {}, shape)));
  }
  keys.Erase(place.hashed(), SnapshotOf(table) != 0);
  memory_bytes_ += keys.MemoryBytes() - bytes_before;
}

void Keyspace::Discard(Entry::Handle entry) {
  if (snapshot_ != nullptr && snapshot_->Lacks(*entry)) snapshot_->TakeOver(std::move(entry));
}

void Keyspace::BeforeChange(const KeyPlace& place) { snapshot_->BeforeChange(place); }

void Keyspace::BeforeFieldChange(const FieldMap& fields, std::string_view field) {
  if (fields.being_taken()) [[unlikely]]
    snapshot_->BeforeFieldChange(fields, field);
}

uint32_t Keyspace::SnapshotOf(const Table& table) const {
  return snapshot_ == nullptr ? 0 : snapshot_->NumberFor(table);
}

bool Keyspace::IsPinned(const Entry& entry) const {
  return snapshot_ != nullptr && snapshot_->Lacks(entry);
}

void Keyspace::SetDeadline(const KeyPlace& place, Entry::Handle& entry, UnixMs deadline) {
  const bool wanted = deadline != kNever;
  const bool had = entry->has_deadline();
  if (wanted != had) {
    const size_t bytes_before = entry->MemoryBytes();
    entry = entry->Rebuild(wanted);
    memory_bytes_ += entry->MemoryBytes() - bytes_before;
    Count(TableOf(place.db, place.slot), place.db, 0, wanted ? 1 : -1);
  }
  if (wanted) Time(*entry->timer(), deadline);
}

// ---- whole databases

void Keyspace::Doom(Tables& tables, DbIndex db) {
  auto& table = tables.by_db[db];
  if (!table) return;
  totals_[db].keys -= table->keys;
  totals_[db].deadlines -= table->deadlines;
  stock_count_ -= table->skus;
  doomed_.push_back(std::move(table));
}

std::vector<std::unique_ptr<Keyspace::Table>>::const_iterator Keyspace::NextDoomed() const {
  return std::ranges::find_if(doomed_, [this](const auto& table) {
    return snapshot_ == nullptr || !snapshot_->Captures(*table);
  });
}

bool Keyspace::FreeDoomed() {
  const auto next = NextDoomed();
  if (next == doomed_.end()) return false;
  Table& table = **next;
  // Empty slots cost little: one after the other, up to a first segment.
  size_t freed = 0;
  while (freed == 0 && !table.slots.empty()) {
    Keys& keys = table.slots.back();
    const size_t bytes_before = keys.MemoryBytes();
    size_t entry_bytes = 0;
    const bool more = keys.DropSegment([&](const Entry::Handle& entry) {
      entry_bytes += entry->MemoryBytes();
      ++freed;
    });
    memory_bytes_ -= entry_bytes + bytes_before - keys.MemoryBytes();
    if (!more) table.slots.pop_back();
  }
  if (table.slots.empty()) doomed_.erase(next);
  return HasDoomed();
}

void Keyspace::Time(TimerNode& timer, UnixMs deadline) {
  if (timer.linked()) {
    wheel_.Move(timer, deadline);
  } else {
    wheel_.Insert(timer, deadline);
  }
}

Entry& Keyspace::StockEntry(const KeyPlace& place) {
  Entry* const entry = Find(place);
  Invariant(entry != nullptr);
  Invariant(entry->type() == KeyType::kStock);
  return *entry;
}

void Keyspace::AfterItemChange(Entry& entry, size_t bytes_before) {
  memory_bytes_ += entry.MemoryBytes() - bytes_before;
  const UnixMs next = NextSweep(entry.item());
  // A timer that has nothing to wait for any more leaves when it comes up.
  if (next != kNever) Time(*entry.timer(), next);
}

bool Keyspace::IsSweepDue(Entry& entry, UnixMs now) {
  TimerNode& timer = *entry.timer();
  const UnixMs next = NextSweep(entry.item());
  if (next != kNever && next <= now) {
    // The wheel filed it for a retry. From there a sweep that leaves more to do moves it back.
    wheel_.Move(timer, TimingWheel::RetryAt(now));
    return true;
  }
  timer.Unlink();
  if (next != kNever) wheel_.Insert(timer, next);
  return false;
}

}  // namespace holdfast

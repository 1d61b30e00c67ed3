#include "storage/core/keyspace.h"

#include <algorithm>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/core/item.h"

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

void Keyspace::Prefetch(const KeyPlace& place) const {
  const Keys* const keys = KeysOf(place.db, place.slot);
  if (keys != nullptr) keys->Prefetch(place.hashed());
}

size_t Keyspace::KeyCount(DbIndex db) const { return databases_[db] ? databases_[db]->keys : 0; }

size_t Keyspace::KeyCount(DbIndex db, Slot slot) const {
  const Keys* const keys = KeysOf(db, slot);
  return keys != nullptr ? keys->size() : 0;
}

size_t Keyspace::DeadlineCount(DbIndex db) const {
  return databases_[db] ? databases_[db]->deadlines : 0;
}

const Entry* Keyspace::Sample(DbIndex db, Random& random) const {
  if (KeyCount(db) == 0) return nullptr;
  const Database& database = *databases_[db];
  uint64_t skip = random.Below(database.keys);
  size_t block = 0;
  while (skip >= database.block_keys[block]) skip -= database.block_keys[block++];
  size_t slot = block * kSlotsPerBlock;
  while (skip >= database.slots[slot].size()) skip -= database.slots[slot++].size();
  return database.slots[slot].Sample(random.Next())->get();
}

void Keyspace::CountKey(Database& database, Slot slot, int change) {
  database.keys += static_cast<size_t>(change);
  database.block_keys[static_cast<size_t>(slot - first_) / kSlotsPerBlock] +=
      static_cast<uint32_t>(change);
}

Entry::Handle* Keyspace::FindHandle(const KeyPlace& place) {
  Keys* const keys = KeysOf(place.db, place.slot);
  return keys != nullptr ? keys->Find(place.hashed()) : nullptr;
}

Keyspace::Database& Keyspace::MakeDatabase(DbIndex db) {
  auto& database = databases_[db];
  if (!database) {
    database = std::make_unique<Database>();
    database->slots.reserve(gated_stamps_.size());
    for (size_t i = 0; i < gated_stamps_.size(); ++i) database->slots.emplace_back(seed_);
  }
  return *database;
}

Entry& Keyspace::Add(const KeyPlace& place, Entry::Handle handle, UnixMs deadline) {
  Database& database = MakeDatabase(place.db);
  Keys& keys = *KeysOf(place.db, place.slot);
  Entry& entry = *handle;
  const size_t container_before = keys.MemoryBytes();
  keys.Insert(place.hashed(), std::move(handle));
  memory_bytes_ += keys.MemoryBytes() - container_before + entry.MemoryBytes();
  CountKey(database, place.slot, 1);
  Touch(entry);
  if (deadline != kNever) {
    wheel_.Insert(*entry.timer(), deadline);
    ++database.deadlines;
  }
  return entry;
}

void Keyspace::Remove(const KeyPlace& place) {
  const Entry* const entry = Find(place);
  Invariant(entry != nullptr);
  Database& database = *databases_[place.db];
  Keys& keys = *KeysOf(place.db, place.slot);
  if (entry->has_deadline()) --database.deadlines;
  CountKey(database, place.slot, -1);
  const size_t bytes_before = keys.MemoryBytes() + entry->MemoryBytes();
  keys.Erase(place.hashed());
  memory_bytes_ += keys.MemoryBytes() - bytes_before;
}

void Keyspace::SetDeadline(Entry::Handle& entry, UnixMs deadline) {
  const bool wanted = deadline != kNever;
  const bool had = entry->has_deadline();
  if (wanted != had) {
    const size_t bytes_before = entry->MemoryBytes();
    entry = entry->Rebuild(wanted);
    memory_bytes_ += entry->MemoryBytes() - bytes_before;
    databases_[entry->db()]->deadlines += size_t{wanted} - size_t{had};
  }
  if (wanted) Time(*entry->timer(), deadline);
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
    // The wheel filed it for a retry. From there a sweep that leaves more to do moves it to the
    // front again.
    wheel_.Move(timer, TimingWheel::RetryAt(now));
    return true;
  }
  timer.Unlink();
  if (next != kNever) wheel_.Insert(timer, next);
  return false;
}

}  // namespace holdfast

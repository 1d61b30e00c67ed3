// Every change of the keyspace, live (Apply) and from bytes (ApplyView).
#include <algorithm>
#include <memory>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/core/epoch_opened.h"
#include "storage/core/item.h"
#include "storage/core/item_pieces.h"
#include "storage/core/keyspace.h"
#include "storage/core/stock_apply.h"
#include "storage/core/stock_mutations.h"

namespace holdfast {

namespace {

// What a mutation requires of the entry at its place (null: none). Apply asserts it; ApplyView asks
// it of bytes before it believes them.
bool IsOrdinary(const Entry* entry) { return entry != nullptr && entry->type() != KeyType::kStock; }
bool IsHash(const Entry* entry) { return entry != nullptr && entry->type() == KeyType::kHash; }

bool Fits(const Entry* entry, const StringSet&) { return entry == nullptr || IsOrdinary(entry); }
bool Fits(const Entry* entry, const StringRangeSet& set) {
  return set.end() <= kStringBytesMax && (entry == nullptr || entry->type() == KeyType::kString);
}
bool Fits(const Entry* entry, const KeyDeleted&) { return IsOrdinary(entry); }
bool Fits(const Entry* entry, const DeadlineSet&) { return IsOrdinary(entry); }
bool Fits(const Entry* entry, const KeyExpired&) {
  return IsOrdinary(entry) && entry->has_deadline();
}
bool Fits(const Entry* entry, const HashFieldsSet& set) {
  return !set.pairs.empty() && (entry == nullptr || IsHash(entry));
}
bool Fits(const Entry* entry, const HashFieldsDeleted& deleted) {
  return !deleted.fields.empty() && IsHash(entry);
}
bool Fits(const Entry* entry, const ItemCreated& created) {
  return entry == nullptr && created.units >= 0;
}
bool Fits(const Entry* entry, const ItemDropped&) {
  return entry != nullptr && entry->type() == KeyType::kStock;
}

// The log's own word: nothing to apply, but bytes that must be one.
bool IsEpochOpened(const MutationView& view) {
  ByteReader reader(view.body);
  EpochOpened::DecodeBody(reader);
  return reader.AtEnd() && view.place.key.empty();
}

}  // namespace

void Keyspace::Apply(const KeyPlace& place, const StringSet& mutation) {
  if (snapshot_ != nullptr) [[unlikely]]
    BeforeChange(place);
  const bool with_timer = mutation.deadline != kNever;
  const Entry::Shape shape = ShapeOf(place, with_timer);
  Entry::Handle* const found = FindHandle(place);
  if (found == nullptr) {
    Add(place, Entry::MakeString(place.key, mutation.value, shape), mutation.deadline);
    return;
  }
  Entry::Handle& entry = *found;
  Invariant(Fits(entry.get(), mutation));
  const bool in_place = entry->type() == KeyType::kString && entry->has_deadline() == with_timer &&
                        entry->OverwriteString(mutation.value);
  if (!in_place) {
    Entry::Handle fresh = Entry::MakeString(entry->key(), mutation.value, shape);
    memory_bytes_ += fresh->MemoryBytes() - entry->MemoryBytes();
    Count(TableOf(place.db, place.slot), place.db, 0,
          static_cast<int>(with_timer) - static_cast<int>(entry->has_deadline()));
    Discard(std::exchange(entry, std::move(fresh)));
  }
  Touch(*entry);
  if (with_timer) Time(*entry->timer(), mutation.deadline);
}

void Keyspace::Apply(const KeyPlace& place, const StringRangeSet& mutation) {
  if (snapshot_ != nullptr) [[unlikely]]
    BeforeChange(place);
  Entry::Handle* found = FindHandle(place);
  Invariant(Fits(found != nullptr ? found->get() : nullptr, mutation));
  if (found == nullptr) {
    const Entry::Shape shape = ShapeOf(place, false);
    Add(place, Entry::MakeString(place.key, {}, shape), kNever);
    found = FindHandle(place);
  }
  Entry::Handle& entry = *found;
  const size_t size = std::max(entry->string().size(), mutation.end());
  if (!entry->ExtendString(size)) {
    const UnixMs deadline = entry->deadline();
    Entry::Handle longer = entry->RebuildLonger(size);
    memory_bytes_ += longer->MemoryBytes() - entry->MemoryBytes();
    entry = std::move(longer);
    if (deadline != kNever) Time(*entry->timer(), deadline);
  }
  entry->WriteString(mutation.offset, mutation.bytes);
}

void Keyspace::Apply(const KeyPlace& place, const KeyDeleted& mutation) {
  if (snapshot_ != nullptr) [[unlikely]]
    BeforeChange(place);
  Invariant(Fits(Find(place), mutation));
  Remove(place);
}

void Keyspace::Apply(const KeyPlace& place, const DeadlineSet& mutation) {
  if (snapshot_ != nullptr) [[unlikely]]
    BeforeChange(place);
  Entry::Handle* const found = FindHandle(place);
  Invariant(found != nullptr);
  Invariant(Fits(found->get(), mutation));
  SetDeadline(place, *found, mutation.deadline);
}

void Keyspace::Apply(const KeyPlace& place, const KeyExpired& mutation) {
  if (snapshot_ != nullptr) [[unlikely]]
    BeforeChange(place);
  Invariant(Fits(Find(place), mutation));
  Remove(place);
}

void Keyspace::Apply(const KeyPlace& place, const HashFieldsSet& mutation) {
  if (snapshot_ != nullptr) [[unlikely]]
    BeforeChange(place);
  Entry* entry = Find(place);
  Invariant(Fits(entry, mutation));
  if (entry == nullptr) {
    entry = &Add(
        place, Entry::MakeHash(place.key, std::make_unique<FieldMap>(seed_), ShapeOf(place, false)),
        kNever);
  }
  FieldMap& fields = entry->fields();
  const size_t bytes_before = fields.MemoryBytes();
  for (const auto& [field, value] : mutation.pairs) {
    BeforeFieldChange(fields, field);
    fields.Set(field, value);
  }
  memory_bytes_ += fields.MemoryBytes() - bytes_before;
}

void Keyspace::Apply(const KeyPlace& place, const HashFieldsDeleted& mutation) {
  if (snapshot_ != nullptr) [[unlikely]]
    BeforeChange(place);
  Entry* const entry = Find(place);
  Invariant(Fits(entry, mutation));
  FieldMap& fields = entry->fields();
  const size_t bytes_before = fields.MemoryBytes();
  for (const std::string_view field : mutation.fields) {
    BeforeFieldChange(fields, field);
    fields.Delete(field);
  }
  memory_bytes_ += fields.MemoryBytes() - bytes_before;
  if (fields.size() == 0) Remove(place);
}

void Keyspace::Apply(const KeyPlace& place, const DatabaseFlushed& mutation) {
  Tables& tables = TablesAt(place.slot);
  if (!mutation.all) return Doom(tables, place.db);
  for (DbIndex db = 0; db < kDatabases; ++db) Doom(tables, db);
}

void Keyspace::Apply(const KeyPlace& place, const DatabasesSwapped& mutation) {
  Tables& tables = TablesAt(place.slot);
  const DbIndex sides[] = {place.db, mutation.other};
  for (const DbIndex db : sides) {
    if (const auto& table = tables.by_db[db]) {
      Invariant(table->skus == 0);
      const DbIndex other = db == sides[0] ? sides[1] : sides[0];
      tables.db_of_label[table->label] = other;
      totals_[db].keys -= table->keys;
      totals_[db].deadlines -= table->deadlines;
      totals_[other].keys += table->keys;
      totals_[other].deadlines += table->deadlines;
    }
  }
  std::swap(tables.by_db[sides[0]], tables.by_db[sides[1]]);
}

void Keyspace::Apply(const KeyPlace& place, const ItemCreated& mutation) {
  if (snapshot_ != nullptr) [[unlikely]]
    BeforeChange(place);
  Invariant(Fits(Find(place), mutation));
  Invariant(place.db == kStockDb);
  const uint8_t table = MakeTable(place.db, place.slot).label;
  Add(place, Entry::MakeStock(place.key, std::make_unique<Item>(mutation, seed_), table), kNever);
  ++TableOf(place.db, place.slot).skus;
  ++stock_count_;
}

void Keyspace::Apply(const KeyPlace& place, const ItemDropped& mutation) {
  if (snapshot_ != nullptr) [[unlikely]]
    BeforeChange(place);
  Invariant(Fits(Find(place), mutation));
  Remove(place);
  --TableOf(place.db, place.slot).skus;
  --stock_count_;
}

bool Keyspace::ApplyView(const MutationView& view) {
  const MutationPlace& at = view.place;
  if (!Owns(at.slot) || at.db >= kDatabases) return false;
  if (IsOfPartition(view.kind)) return ApplyPartitionBody(view);
  if (view.kind == MutationKind::kEpochOpened) return IsEpochOpened(view);
  if (SlotOf(at.key) != at.slot) return false;
  if (IsStockKind(view.kind) && at.db != kStockDb) return false;
  const KeyPlace place = At(at);
  switch (view.kind) {
    case MutationKind::kStringSet:
      return ApplyBody<StringSet>(place, view.body);
    case MutationKind::kStringRangeSet:
      return ApplyBody<StringRangeSet>(place, view.body);
    case MutationKind::kKeyDeleted:
      return ApplyBody<KeyDeleted>(place, view.body);
    case MutationKind::kDeadlineSet:
      return ApplyBody<DeadlineSet>(place, view.body);
    case MutationKind::kKeyExpired:
      return ApplyBody<KeyExpired>(place, view.body);
    case MutationKind::kHashFieldsSet:
      return ApplyBody<HashFieldsSet>(place, view.body);
    case MutationKind::kHashFieldsDeleted:
      return ApplyBody<HashFieldsDeleted>(place, view.body);
    case MutationKind::kItemCreated:
      return ApplyBody<ItemCreated>(place, view.body);
    case MutationKind::kItemDropped:
      return ApplyBody<ItemDropped>(place, view.body);
    case MutationKind::kDatabaseFlushed:
    case MutationKind::kDatabasesSwapped:
    case MutationKind::kEpochOpened:  // see above
    case MutationKind::kItemState:    // these have no place in a log
    case MutationKind::kHoldsState:
    case MutationKind::kBuyersState:
    case MutationKind::kRefsState:
      return false;
    case MutationKind::kItemOptionsSet:
    case MutationKind::kHoldTaken:
    case MutationKind::kHoldConfirmed:
    case MutationKind::kHoldReleased:
    case MutationKind::kFenceLeft:
    case MutationKind::kHoldExtended:
    case MutationKind::kHoldAmended:
    case MutationKind::kHoldReclaimed:
    case MutationKind::kHoldsExpired:
    case MutationKind::kHoldsForgotten:
    case MutationKind::kStockAdjusted:
    case MutationKind::kStockReturned:
    case MutationKind::kRefsForgotten:
    case MutationKind::kBuyersCounted:
      return ApplyItemBody(place, view.kind, view.body);
  }
  return false;  // a kind of a later version
}

template <typename M>
bool Keyspace::ApplyBody(const KeyPlace& place, std::string_view body) {
  ByteReader reader(body);
  const M mutation = M::DecodeBody(reader);
  if (!reader.AtEnd() || !Fits(Find(place), mutation)) return false;
  Apply(place, mutation);
  return true;
}

bool Keyspace::ApplyPartitionBody(const MutationView& view) {
  if (!view.place.key.empty() || view.place.slot % kSlotsPerPartition != 0) return false;
  const KeyPlace place = At(view.place);
  ByteReader reader(view.body);
  if (view.kind == MutationKind::kDatabaseFlushed) {
    const auto flushed = DatabaseFlushed::DecodeBody(reader);
    if (!reader.AtEnd()) return false;
    Apply(place, flushed);
    return true;
  }
  const auto swapped = DatabasesSwapped::DecodeBody(reader);
  if (!reader.AtEnd() || swapped.other >= kDatabases || swapped.other == place.db) return false;
  const auto has_skus = [&](DbIndex db) {
    const auto& table = TablesAt(place.slot).by_db[db];
    return table && table->skus > 0;
  };
  if (has_skus(place.db) || has_skus(swapped.other)) return false;
  Apply(place, swapped);
  return true;
}

bool Keyspace::Load(const MutationView& fact) {
  if (!IsStateKind(fact.kind)) return ApplyView(fact);
  const MutationPlace& at = fact.place;
  if (!Owns(at.slot) || at.db != kStockDb || SlotOf(at.key) != at.slot) return false;
  const KeyPlace place = At(at);
  if (fact.kind == MutationKind::kItemState) return LoadItem(place, fact.body);
  Entry* const entry = Find(place);
  if (entry == nullptr || entry->type() != KeyType::kStock) return false;
  const size_t bytes_before = entry->MemoryBytes();
  if (!ItemPieces::LoadRecords(entry->item(), fact.kind, fact.body)) return false;
  AfterItemChange(*entry, bytes_before);
  return true;
}

void Keyspace::FinishLoad() {
  for (const Slot slot : std::exchange(slots_to_finish_, {})) {
    Keys* const keys = KeysOf(kStockDb, slot);
    if (keys == nullptr) continue;
    keys->ForEach([this](const Entry::Handle& entry) {
      if (entry->type() != KeyType::kStock) return;
      const size_t bytes_before = entry->MemoryBytes();
      ItemPieces::FinishLoad(entry->item());
      AfterItemChange(*entry, bytes_before);
    });
  }
}

bool Keyspace::LoadItem(const KeyPlace& place, std::string_view body) {
  if (Find(place) != nullptr) return false;
  std::unique_ptr<Item> item = ItemPieces::Load(body, seed_);
  if (item == nullptr) return false;
  const uint8_t table = MakeTable(place.db, place.slot).label;
  Entry& entry = Add(place, Entry::MakeStock(place.key, std::move(item), table), kNever);
  ++TableOf(place.db, place.slot).skus;
  ++stock_count_;
  slots_to_finish_.insert(place.slot);
  AfterItemChange(entry, entry.MemoryBytes());
  return true;
}

bool Keyspace::ApplyItemBody(const KeyPlace& place, MutationKind kind, std::string_view body) {
  Entry* const entry = Find(place);
  if (entry == nullptr || entry->type() != KeyType::kStock) return false;
  const size_t bytes_before = entry->MemoryBytes();
  if (snapshot_ != nullptr) [[unlikely]]
    BeforeChange(place);
  if (!ApplyStockBody(entry->item(), kind, body)) return false;
  AfterItemChange(*entry, bytes_before);
  return true;
}

}  // namespace holdfast

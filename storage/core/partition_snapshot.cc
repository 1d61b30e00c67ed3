#include "storage/core/partition_snapshot.h"

#include <algorithm>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/core/hashes.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

constexpr size_t kRowBytes = size_t{256} * 1024;
// A longer string is taken in parts of this size: a segment may have hundreds.
constexpr size_t kStringPartBytes = size_t{32} * 1024;

const void* ObjectOf(const Entry& entry) {
  switch (entry.type()) {
    case KeyType::kString:
      return &entry;
    case KeyType::kHash:
      return &entry.fields();
    case KeyType::kStock:
      return &entry.item();
  }
  return nullptr;
}

}  // namespace

// A value of several pieces whose entry is taken and whose pieces are not all.
class PartitionSnapshot::LargeValue final : public RecordTaker {
 public:
  LargeValue(PartitionSnapshot& snapshot, const MutationPlace& place, Entry& entry)
      : snapshot_(snapshot),
        db_(place.db),
        slot_(place.slot),
        key_(place.key),
        deadline_(entry.deadline()),
        string_(entry.type() == KeyType::kString ? &entry : nullptr),
        fields_(entry.type() == KeyType::kHash ? &entry.fields() : nullptr),
        item_(entry.type() == KeyType::kStock ? &entry.item() : nullptr) {
    if (fields_ != nullptr) fields_->StartTaking();
    if (item_ != nullptr) ItemPieces::Watch(*item_, this);
  }
  ~LargeValue() override {
    if (fields_ != nullptr) fields_->EndTaking();
    if (item_ != nullptr) ItemPieces::Watch(*item_, nullptr);
  }
  LargeValue(const LargeValue&) = delete;
  LargeValue& operator=(const LargeValue&) = delete;

  void Own(Entry::Handle entry) { owned_ = std::move(entry); }
  size_t owned_bytes() const { return owned_ ? owned_->MemoryBytes() : 0; }

  // The next piece; false when there is none left.
  bool TakeNext() {
    if (string_ != nullptr) return TakeStringPart();
    if (fields_ != nullptr) {
      hash_ = TakeFieldsAt(hash_);
      return hash_ != 0;
    }
    hash_ = TakeRecords(ItemPieces::kRecords[kind_], hash_);
    if (hash_ == 0) ++kind_;
    return kind_ < ItemPieces::kRecords.size();
  }

  void BeforeField(std::string_view field) { TakeFieldsAt(fields_->HashOf(field)); }
  void BeforeHold(uint64_t hash) override { TakeRecords(MutationKind::kHoldsState, hash); }
  void BeforeBuyer(uint64_t hash) override { TakeRecords(MutationKind::kBuyersState, hash); }
  void BeforeRef(uint64_t hash) override { TakeRecords(MutationKind::kRefsState, hash); }
  uint32_t number() const override { return snapshot_.number_; }

 private:
  MutationPlace place() const { return {.db = db_, .slot = slot_, .key = key_}; }

  bool TakeStringPart() {
    const std::string_view part = string_->string().substr(at_, kStringPartBytes);
    snapshot_.Put(place(), StringRangeSet{.offset = static_cast<uint32_t>(at_), .bytes = part});
    snapshot_.EndPiece();
    at_ += part.size();
    return at_ < string_->string().size();
  }

  uint64_t TakeFieldsAt(uint64_t hash) {
    std::vector<FieldValue> pairs;
    const uint64_t next =
        fields_->Take(hash, snapshot_.number_, [&](std::string_view field, std::string_view value) {
          pairs.push_back({field, value});
        });
    if (!pairs.empty()) snapshot_.TakeFields(place(), pairs, deadline_);
    return next;
  }

  uint64_t TakeRecords(MutationKind kind, uint64_t hash) {
    const size_t before = snapshot_.row_.size();
    const uint64_t next =
        ItemPieces::Take(*item_, kind, hash, snapshot_.number_, place(), snapshot_.row_);
    snapshot_.bytes_ += snapshot_.row_.size() - before;
    snapshot_.EndPiece();
    return next;
  }

  PartitionSnapshot& snapshot_;
  const DbIndex db_;
  const Slot slot_;
  const std::string key_;
  const UnixMs deadline_;  // at the cut
  Entry::Handle owned_;    // before what points into it
  const Entry* const string_;
  FieldMap* const fields_;
  Item* const item_;
  size_t at_ = 0;  // of the string
  size_t kind_ = 0;
  uint64_t hash_ = 0;
};

PartitionSnapshot::PartitionSnapshot(Keyspace& keyspace, Partition partition, uint32_t number,
                                     PieceSink& sink)
    : keyspace_(keyspace), partition_(partition), number_(number), sink_(sink) {
  const auto first = static_cast<Slot>(partition * kSlotsPerPartition);
  Invariant(keyspace.Owns(first));
  Invariant(number > 0);
  Invariant(keyspace.snapshot_ == nullptr);
  keyspace.snapshot_ = this;
  const auto& by_db = keyspace.TablesAt(first).by_db;
  for (DbIndex db = 0; db < kDatabases; ++db) {
    if (by_db[db]) sources_.push_back({.db = db, .table = by_db[db].get()});
  }
}

PartitionSnapshot::~PartitionSnapshot() { keyspace_.snapshot_ = nullptr; }

const PartitionSnapshot::Source* PartitionSnapshot::SourceOf(const Keyspace::Table& table) const {
  const auto found = std::ranges::find(sources_, &table, &Source::table);
  return found == sources_.end() ? nullptr : &*found;
}

// ---- The walk ----

bool PartitionSnapshot::Step(size_t bytes) {
  const uint64_t end = bytes_ + bytes;
  do {
    if (TakeNext()) continue;
    EndRow();
    sources_.clear();  // nothing is captured any more
    return false;
  } while (bytes_ < end);
  return true;
}

// A piece, or a slot without keys.
bool PartitionSnapshot::TakeNext() {
  if (!large_order_.empty()) {
    const auto value = large_.find(large_order_.front());
    if (value->second->TakeNext()) return true;
    held_bytes_ -= value->second->owned_bytes();
    large_.erase(value);
    large_order_.pop_front();
    return true;
  }
  if (source_ == sources_.size()) return false;
  const Source& source = sources_[source_];
  const auto slot = static_cast<Slot>(partition_ * kSlotsPerPartition + slot_in_table_);
  hash_ = TakeSegment(source, slot, hash_);
  if (hash_ != 0) return true;
  if (++slot_in_table_ < kSlotsPerPartition) return true;
  slot_in_table_ = 0;
  ++source_;
  return true;
}

uint64_t PartitionSnapshot::TakeSegment(const Source& source, Slot slot, uint64_t hash) {
  Keyspace::Keys& keys = source.table->slots[static_cast<size_t>(slot % kSlotsPerPartition)];
  const uint64_t next = keys.Take(hash, number_, [&](const Entry::Handle& entry) {
    TakeEntry({.db = source.db, .slot = slot, .key = entry->key()}, *entry);
  });
  EndPiece();
  return next;
}

void PartitionSnapshot::TakeEntry(const MutationPlace& place, Entry& entry) {
  ++keys_;
  switch (entry.type()) {
    case KeyType::kString:
      return TakeString(place, entry);
    case KeyType::kHash:
      return TakeHash(place, entry);
    case KeyType::kStock: {
      const size_t before = row_.size();
      ItemPieces::AppendState(row_, place, entry.item());
      bytes_ += row_.size() - before;
      if (ItemPieces::HasRecords(entry.item())) TakeInParts(place, entry);
      return;
    }
  }
}

void PartitionSnapshot::TakeString(const MutationPlace& place, Entry& entry) {
  const bool is_long = entry.string().size() > kStringPartBytes;
  const std::string_view value = is_long ? std::string_view() : entry.string();
  Put(place, StringSet{.value = value, .deadline = entry.deadline()});
  if (is_long) TakeInParts(place, entry);
}

void PartitionSnapshot::TakeInParts(const MutationPlace& place, Entry& entry) {
  large_.emplace(ObjectOf(entry), std::make_unique<LargeValue>(*this, place, entry));
  large_order_.push_back(ObjectOf(entry));
}

void PartitionSnapshot::TakeHash(const MutationPlace& place, Entry& entry) {
  if (entry.fields().is_packed()) {
    std::vector<FieldValue> pairs;
    entry.fields().ForEach([&](std::string_view field, std::string_view value) {
      pairs.push_back({field, value});
    });
    return TakeFields(place, pairs, entry.deadline());
  }
  TakeInParts(place, entry);
}

void PartitionSnapshot::TakeFields(const MutationPlace& place, const std::vector<FieldValue>& pairs,
                                   UnixMs deadline) {
  Put(place, HashFieldsSet{.pairs = {pairs.begin(), pairs.end()}});
  if (deadline != kNever) Put(place, DeadlineSet{.deadline = deadline});
  EndPiece();
}

template <typename M>
void PartitionSnapshot::Put(const MutationPlace& place, const M& mutation) {
  const size_t before = row_.size();
  AppendMutation(row_, place, mutation);
  bytes_ += row_.size() - before;
}

void PartitionSnapshot::EndPiece() {
  if (row_.size() >= kRowBytes) EndRow();
}

void PartitionSnapshot::EndRow() {
  if (!row_.empty()) sink_.Put(partition_, std::exchange(row_, {}));
}

// ---- What changes meanwhile ----

void PartitionSnapshot::BeforeChange(const KeyPlace& place) {
  if (PartitionOf(place.slot) != partition_) return;
  const auto& table = keyspace_.TablesAt(place.slot).by_db[place.db];
  const Source* const source = table ? SourceOf(*table) : nullptr;
  if (source == nullptr) return;
  TakeSegment(*source, place.slot, place.hash);
  TakeRestOfString(place);
}

// A change may write into the very bytes.
void PartitionSnapshot::TakeRestOfString(const KeyPlace& place) {
  if (large_.empty()) return;
  const Entry* const entry = keyspace_.Find(place);
  const auto value = large_.find(entry);
  if (entry == nullptr || value == large_.end()) return;
  while (value->second->TakeNext()) {
  }
  std::erase(large_order_, value->first);
  large_.erase(value);
}

void PartitionSnapshot::BeforeFieldChange(const FieldMap& fields, std::string_view field) {
  large_.at(&fields)->BeforeField(field);
}

bool PartitionSnapshot::Lacks(const Entry& entry) const {
  return !large_.empty() && large_.contains(ObjectOf(entry));
}

void PartitionSnapshot::TakeOver(Entry::Handle entry) {
  if (entry->has_timer() && entry->timer()->linked()) entry->timer()->Unlink();
  LargeValue& value = *large_.at(ObjectOf(*entry));
  held_bytes_ += entry->MemoryBytes();
  value.Own(std::move(entry));
}

}  // namespace holdfast

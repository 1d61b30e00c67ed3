#include "storage/core/sparse_walk.h"

#include <utility>

#include "storage/core/block_size.h"

namespace holdfast {
namespace {

// A slot without keys costs next to nothing, but there may be thousands in a row.
constexpr size_t kSlotsPerStep = 256;

}  // namespace

bool SparseWalk::Step() {
  key_count_ = block_count_ = 0;
  const bool more = Gather();
  for (size_t key = 0; key < key_count_; ++key) AddBlocks(key);
  MoveSparse();
  if (!more || old_segments_.size() + old_fields_.size() >= kOldMax) FreeOld();
  return more;
}

void SparseWalk::FreeOld() {
  if (old_segments_.empty() && old_fields_.empty()) return;
  old_segments_.clear();
  old_fields_.clear();
  mover_.EndOfMoves();
}

// Null: nothing was ever written there, or it was flushed.
Keyspace::Table* SparseWalk::TableHere() const {
  return keyspace_.partitions_[partition_].by_db[db_].get();
}

// The keys that the step looks at. False: there are none behind them.
bool SparseWalk::Gather() {
  for (size_t slots = 0; slots < kSlotsPerStep && key_count_ < keys_.size(); ++slots) {
    Keyspace::Table* const table = TableHere();
    if (table != nullptr) {
      Keyspace::Keys& keys = table->slots[slot_];
      if (place_.skip == 0) MoveSegment(keys);
      const bool more = keys.Walk(place_, keys_.size() - key_count_, [&](Entry::Handle& entry) {
        entry->Prefetch();
        keys_[key_count_++] = &entry;
      });
      if (more) continue;
    }
    place_ = {};
    if (table != nullptr && ++slot_ < table->slots.size()) continue;
    slot_ = 0;
    if (++db_ < kDatabases) continue;
    db_ = 0;
    if (++partition_ < keyspace_.partitions_.size()) continue;
    partition_ = 0;
    return false;
  }
  return true;
}

void SparseWalk::MoveSegment(Keyspace::Keys& keys) {
  std::array<const void*, 2> blocks{};
  size_t count = 0;
  for (const void* const block : keys.BlocksOf(place_.hash)) {
    if (block != nullptr) blocks[count++] = block;
  }
  std::array<uint8_t, blocks.size()> sparse{};
  if (count > 0) mover_.FindSparse({blocks.data(), count}, {sparse.data(), count});
  if (sparse[0] == 0 && sparse[1] == 0 && !keys.IsLoose(place_.hash)) return;
  const size_t bytes_before = keys.MemoryBytes();
  old_segments_.push_back(keys.Remake(place_.hash));
  keyspace_.memory_bytes_ += keys.MemoryBytes() - bytes_before;
  tally_.bytes_moved += old_segments_.back()->MemoryBytes();
}

void SparseWalk::AddBlock(size_t key, Part part, const void* block) {
  candidates_[block_count_] = {.key = key, .part = part};
  blocks_[block_count_] = block;
  ++block_count_;
}

void SparseWalk::AddBlocks(size_t key) {
  const Entry& entry = **keys_[key];
  if (keyspace_.IsPinned(entry)) return;
  AddBlock(key, Part::kEntry, &entry);
  if (entry.type() != KeyType::kHash || !entry.fields().is_packed()) return;
  AddBlock(key, Part::kFieldMap, &entry.fields());
  if (const void* const fields = entry.fields().packed_block())
    AddBlock(key, Part::kFields, fields);
}

void SparseWalk::MoveSparse() {
  mover_.FindSparse({blocks_.data(), block_count_}, {sparse_.data(), block_count_});
  size_t moved_key = keys_.size();
  const Tally before = tally_;
  for (size_t i = 0; i < block_count_; ++i) {
    if (sparse_[i] == 0) continue;
    const Candidate& candidate = candidates_[i];
    Move(candidate);
    ++tally_.blocks_moved;
    if (std::exchange(moved_key, candidate.key) != candidate.key) ++tally_.keys_moved;
  }
  tally_.keys_left += key_count_ - (tally_.keys_moved - before.keys_moved);
  tally_.blocks_left += block_count_ - (tally_.blocks_moved - before.blocks_moved);
}

void SparseWalk::Move(const Candidate& candidate) {
  Entry::Handle& entry = *keys_[candidate.key];
  switch (candidate.part) {
    case Part::kEntry: {
      void* const block = entry->block();
      const size_t bytes = entry->block_size();
      Entry* const copy = entry->MoveTo(mover_.Allocate(bytes));
      [[maybe_unused]] const Entry* const gone = entry.release();
      entry.reset(copy);
      mover_.Free(block, bytes);
      tally_.bytes_moved += bytes;
      return;
    }
    case Part::kFieldMap: {
      FieldMap* const fields = &entry->fields();
      entry->ReplaceFields(new (mover_.Allocate(sizeof(FieldMap))) FieldMap(std::move(*fields)));
      fields->~FieldMap();
      mover_.Free(fields, sizeof(FieldMap));
      tally_.bytes_moved += sizeof(FieldMap);
      return;
    }
    case Part::kFields: {
      const size_t bytes_before = entry->MemoryBytes();
      old_fields_.push_back(entry->fields().Repack());
      tally_.bytes_moved += BlockSize(old_fields_.back().capacity() + 1);
      keyspace_.memory_bytes_ += entry->MemoryBytes() - bytes_before;
      return;
    }
  }
}

}  // namespace holdfast

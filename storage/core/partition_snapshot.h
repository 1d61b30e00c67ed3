// PartitionSnapshot: takes what one partition held when it was made (the cut), piece by piece,
// while the partition goes on changing. No fork, no second copy of the data.
//
//   the walk    ──► segment after segment of the partition's tables
//   a change    ──► of a segment that the walk has not reached: it is taken first, as it was
//   a loss      ──► of a large value that is not taken yet: it comes here instead of being freed
//
// A piece is a segment of one container: of a slot's keys, of a large hash's fields, of a SKU's
// holds, buyers or refs; or a part of a long string. It is written as mutations that bring it back
// (and the facts of item_pieces.h): loading is applying. They leave in rows of some 256 KB, to be
// loaded in their order; a value's entry always comes before its pieces.
//
// Pure: where rows go is the sink's affair, when the walk takes a step the shard's. Owner thread:
// the keyspace's.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "storage/core/item_pieces.h"
#include "storage/core/keyspace.h"

namespace holdfast {

class PieceSink {
 public:
  virtual ~PieceSink() = default;
  // The partition's rows, in the order in which they are to be loaded. Must not call back.
  virtual void Put(Partition partition, std::string row) = 0;
};

class PartitionSnapshot {
 public:
  // The cut: what the keyspace holds now. `number` is above 0 and no earlier snapshot of this
  // process had it; the partitions of one snapshot may share it. At most one at a time looks at a
  // keyspace. Requires: the partition is the keyspace's.
  PartitionSnapshot(Keyspace& keyspace, Partition partition, uint32_t number, PieceSink& sink);
  // Before everything is taken: gives up.
  ~PartitionSnapshot();
  PartitionSnapshot(const PartitionSnapshot&) = delete;
  PartitionSnapshot& operator=(const PartitionSnapshot&) = delete;

  // Takes about `bytes` more, at least a piece. False when all is taken and in the sink.
  bool Step(size_t bytes);
  // Taken so far.
  uint64_t keys() const { return keys_; }
  // Of values that were deleted meanwhile and wait here to be taken: bytes that the keyspace counts
  // no more.
  size_t held_bytes() const { return held_bytes_; }

 private:
  friend class Keyspace;

  // A table that had keys at the cut, under the number that it had then.
  struct Source {
    DbIndex db;
    Keyspace::Table* table;
  };
  class LargeValue;

  // ---- for the keyspace: before it changes something
  bool Captures(const Keyspace::Table& table) const { return SourceOf(table) != nullptr; }
  // For segments that come to be.
  uint32_t NumberFor(const Keyspace::Table& table) const { return Captures(table) ? number_ : 0; }
  void BeforeChange(const KeyPlace& place);
  void BeforeFieldChange(const FieldMap& fields, std::string_view field);
  // Whether the entry's value is large and not wholly taken.
  bool Lacks(const Entry& entry) const;
  // Takes such an entry over: it is gone from the keyspace.
  void TakeOver(Entry::Handle entry);

  const Source* SourceOf(const Keyspace::Table& table) const;
  bool TakeNext();
  uint64_t TakeSegment(const Source& source, Slot slot, uint64_t hash);
  void TakeEntry(const MutationPlace& place, Entry& entry);
  void TakeHash(const MutationPlace& place, Entry& entry);
  void TakeFields(const MutationPlace& place, const std::vector<FieldValue>& fields,
                  UnixMs deadline);
  void TakeString(const MutationPlace& place, Entry& entry);
  void TakeInParts(const MutationPlace& place, Entry& entry);
  void TakeRestOfString(const KeyPlace& place);
  template <typename M>
  void Put(const MutationPlace& place, const M& mutation);
  // What was put makes a row, if it is enough for one.
  void EndPiece();
  void EndRow();

  Keyspace& keyspace_;
  const Partition partition_;
  const uint32_t number_;
  PieceSink& sink_;

  std::vector<Source> sources_;
  // The walk's place.
  size_t source_ = 0;
  int slot_in_table_ = 0;
  uint64_t hash_ = 0;

  // By its object: a long string's Entry, a FieldMap or an Item.
  absl::flat_hash_map<const void*, std::unique_ptr<LargeValue>> large_;
  std::deque<const void*> large_order_;

  std::string row_;
  uint64_t bytes_ = 0;
  uint64_t keys_ = 0;
  size_t held_bytes_ = 0;
};

}  // namespace holdfast

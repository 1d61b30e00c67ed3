// SparseWalk: goes once through a keyspace, a few keys at a time, and copies what lies on pages
// that hold little else to where more is in use (block_mover.h), so that memory comes back after
// much was deleted or has expired. Nothing else changes: a copy is the same entry in another block,
// and its timer stands in the wheel where it stood.
//
// Moved are the blocks of entries, the fields of small hashes, and the segments that hold the keys;
// a segment that has become much too large for what is left in it becomes smaller on the way. What
// a SKU owns, and the fields of large hashes, stay where they are.
//
// Between two steps the keyspace may change in any way. A key that is there from the first step to
// the last is looked at, unless others of its segment come or go meanwhile: then one may be missed,
// and is left to the next walk.
//
// Pure: when it takes a step is the shard's affair. Owner thread: the keyspace's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "storage/core/block_mover.h"
#include "storage/core/keyspace.h"

namespace holdfast {

class SparseWalk {
 public:
  // Both outlive it.
  SparseWalk(Keyspace& keyspace, BlockMover& mover) : keyspace_(keyspace), mover_(mover) {}
  ~SparseWalk() { FreeOld(); }
  SparseWalk(const SparseWalk&) = delete;
  SparseWalk& operator=(const SparseWalk&) = delete;

  // Looks at some keys, kKeysPerStep at most. False: it has been through all of them.
  bool Step();
  static constexpr size_t kKeysPerStep = 64;

  // Since it was made.
  struct Tally {
    uint64_t keys_moved = 0;  // some of their blocks
    uint64_t keys_left = 0;
    uint64_t blocks_moved = 0;
    uint64_t blocks_left = 0;
    uint64_t bytes_moved = 0;
  };
  const Tally& tally() const { return tally_; }

 private:
  enum class Part : uint8_t { kEntry, kFieldMap, kFields };
  struct Candidate {
    size_t key;  // of keys_
    Part part;
  };
  static constexpr size_t kPartsMax = 3;  // of a key

  Keyspace::Table* TableHere() const;
  bool Gather();
  void MoveSegment(Keyspace::Keys& keys);
  void AddBlock(size_t key, Part part, const void* block);
  void AddBlocks(size_t key);
  void MoveSparse();
  void Move(const Candidate& candidate);
  void FreeOld();

  Keyspace& keyspace_;
  BlockMover& mover_;

  // The walk's place.
  size_t partition_ = 0;
  size_t db_ = 0;
  size_t slot_ = 0;  // of the partition
  Keyspace::Keys::WalkPlace place_;

  // The step's.
  std::array<Entry::Handle*, kKeysPerStep> keys_{};
  size_t key_count_ = 0;
  std::array<Candidate, kKeysPerStep * kPartsMax> candidates_{};
  std::array<const void*, kKeysPerStep * kPartsMax> blocks_{};
  std::array<uint8_t, kKeysPerStep * kPartsMax> sparse_{};
  size_t block_count_ = 0;

  // What was moved in the ordinary way: let go of many at a time, which costs the allocator's cache
  // of this thread.
  using OldSegment = decltype(std::declval<Keyspace::Keys>().Remake(0));
  static constexpr size_t kOldMax = 32;
  std::vector<OldSegment> old_segments_;
  std::vector<std::string> old_fields_;

  Tally tally_;
};

}  // namespace holdfast

// FieldMap: the value of a hash key. Small ones, as sessions are, lie packed in one block and are
// searched from front to back; larger ones become a SegmentedSet of fields, for good.
//
//   packed:  field_size:u16 value_size:u16 field value | next field ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "storage/core/hashed_key.h"
#include "storage/core/segmented_set.h"

namespace holdfast {

inline constexpr size_t kPackedFieldsMax = 32;
inline constexpr size_t kPackedBytesMax = 1024;
// What Redis by default keeps as a listpack, and tools know by that name.
inline constexpr size_t kListpackFieldsMax = 128;
inline constexpr size_t kListpackWordBytesMax = 64;

// One field of a large hash: header, name and value in one heap block.
class HashField {
 public:
  struct Free {
    void operator()(HashField* field) const;
  };
  using Handle = std::unique_ptr<HashField, Free>;

  static Handle Make(std::string_view name, std::string_view value);

  std::string_view name() const { return {bytes(), name_size_}; }
  std::string_view value() const { return {bytes() + name_size_, value_size_}; }
  // In place if the block is of the right size; false if another block is needed.
  bool Overwrite(std::string_view value);
  size_t MemoryBytes() const;

 private:
  HashField(std::string_view name, std::string_view value);
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }

  uint32_t name_size_;
  uint32_t value_size_;
};

// Owner thread: the shard of its key.
class FieldMap {
 public:
  explicit FieldMap(HashSeed seed) : seed_(seed) {}

  size_t size() const { return is_packed() ? packed_count_ : large_->size(); }

  // Valid until the map changes.
  std::optional<std::string_view> Get(std::string_view field) const;
  // True if the field is new. Neither view may point into the map.
  bool Set(std::string_view field, std::string_view value);
  // False if the field was absent.
  bool Delete(std::string_view field);

  // visit(field, value) for each; in the order of making while packed, in none later.
  template <typename F>
  void ForEach(F&& visit) const {
    for (size_t at = 0; at < packed_.size();) {
      const Packed field = PackedAt(at);
      visit(field.name, field.value);
      at = field.end;
    }
    if (is_packed()) return;
    large_->ForEach([&](const HashField::Handle& field) { visit(field->name(), field->value()); });
  }

  // One step of a scan, as SegmentedSet::Scan; what Redis answers whole (a listpack), and a packed
  // map, comes whole whatever `from` is.
  template <typename F>
  uint64_t Scan(uint64_t from, size_t count, F&& visit) const {
    if (is_packed() || !outgrew_listpack_) {
      ForEach(visit);
      return 0;
    }
    return large_->Scan(from, count, [&](const HashField::Handle& field) {
      return visit(field->name(), field->value());
    });
  }

  // One field and its value, as `chance` (64 random bits) has it: see SegmentedSet::Sample.
  // Requires: not empty.
  std::pair<std::string_view, std::string_view> Sample(uint64_t chance) const;

  // ---- Snapshots: a large map is taken piece by piece (SegmentedSet, partition_snapshot.h).
  // Between StartTaking and EndTaking a field's piece is taken before the field changes.
  void StartTaking() { being_taken_ = true; }
  void EndTaking() { being_taken_ = false; }
  bool being_taken() const { return being_taken_; }
  uint64_t HashOf(std::string_view field) const { return HashKey(seed_, field).hash; }
  // The fields around `hash`: visit(field, value) unless snapshot `number` has them. Returns where
  // the next piece begins, or 0 at the end.
  template <typename F>
  uint64_t Take(uint64_t hash, uint32_t number, F&& visit) {
    if (is_packed()) return 0;
    return large_->Take(hash, number, [&](const HashField::Handle& field) {
      visit(field->name(), field->value());
    });
  }

  // ---- Memory that comes back (sparse_walk.h)

  // Of the packed fields, where they have one of their own; else null.
  const void* packed_block() const { return IsOnHeap(packed_) ? packed_.data() : nullptr; }
  // Copies them into a new block; returns the old one.
  std::string Repack();

  bool is_packed() const { return large_ == nullptr || large_->empty(); }
  // It once was larger than a listpack may be; as in Redis, that stays so.
  bool outgrew_listpack() const { return outgrew_listpack_; }
  // Bytes of the heap that the map takes, itself included.
  size_t MemoryBytes() const;

 private:
  struct FieldTraits {
    static std::string_view KeyOf(const HashField::Handle& field) { return field->name(); }
  };
  struct Large : SegmentedSet<HashField::Handle, FieldTraits> {
    using SegmentedSet::SegmentedSet;
    size_t field_bytes = 0;
  };
  struct Packed {
    std::string_view name;
    std::string_view value;
    size_t begin;
    size_t end;
  };
  static constexpr size_t kPackedHeaderBytes = 4;

  static bool IsOnHeap(const std::string& bytes) {
    return bytes.capacity() > std::string().capacity();
  }
  Packed PackedAt(size_t at) const;
  std::optional<Packed> FindPacked(std::string_view field) const;
  void AppendPacked(std::string_view field, std::string_view value);
  void ErasePacked(const Packed& field);
  bool FitsPacked(size_t count, size_t bytes) const;
  bool SetPacked(std::string_view field, std::string_view value);
  void Unpack();
  bool SetLarge(std::string_view field, std::string_view value);

  std::string packed_;
  uint32_t packed_count_ = 0;
  bool outgrew_listpack_ = false;
  bool being_taken_ = false;
  const HashSeed seed_;
  std::unique_ptr<Large> large_;  // made when the map outgrows the packed form
};

}  // namespace holdfast

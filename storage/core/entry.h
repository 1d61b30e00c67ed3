// Entry: a key and its value, in one heap block. One block instead of several saves about 35 bytes
// a key and a cache miss a look-up.
//
//   [ timer: TimerNode, 24 bytes ]   only if the key has a deadline, or is a SKU (its holds have)
//   Entry: key_size:u32 value_size:u32 table:4 type:3 has_timer:1 accessed:24   <- a handle points
//   here key value: a string's bytes; of the other types a pointer to the object that the entry
//   owns
//
// The block is as large as the allocator would make it anyway (BlockSize), so a value may change in
// place as long as it stays within the same size class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "storage/base/server_time.h"
#include "storage/core/mutation.h"
#include "storage/core/timing_wheel.h"

namespace holdfast {

class FieldMap;
class Item;

enum class KeyType : uint8_t { kString, kHash, kStock };

class Entry {
 public:
  struct Free {
    void operator()(Entry* entry) const;
  };
  using Handle = std::unique_ptr<Entry, Free>;
  // What a new entry starts from.
  struct Shape {
    uint8_t table;  // its label in the keyspace
    bool has_timer;
  };

  static Handle MakeString(std::string_view key, std::string_view value, Shape shape);
  static Handle MakeHash(std::string_view key, std::unique_ptr<FieldMap> fields, Shape shape);
  static Handle MakeStock(std::string_view key, std::unique_ptr<Item> item, uint8_t table);

  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  KeyType type() const { return static_cast<KeyType>(type_); }
  // The label of the table that it is in (keyspace.h).
  uint8_t table() const { return static_cast<uint8_t>(table_); }
  std::string_view key() const { return {bytes(), key_size_}; }

  // Of the key; kNever if there is none, as for every SKU.
  UnixMs deadline() const { return has_deadline() ? timer()->deadline : kNever; }
  bool has_deadline() const { return has_timer() && type() != KeyType::kStock; }
  // Dead from exactly its deadline on, whether or not it has been removed yet.
  bool IsPast(UnixMs now) const { return has_deadline() && now >= timer()->deadline; }

  // When the key was used last, for OBJECT IDLETIME: no part of the state, in no log. In seconds
  // since whenever the caller counts from; after 2^24 of them (194 days, as in Redis) an idle key
  // seems new.
  void Touch(uint32_t second) { accessed_ = second & kAccessMask; }
  uint32_t IdleSeconds(uint32_t second) const { return (second - accessed_) & kAccessMask; }

  // Requires: of that type.
  std::string_view string() const;
  const FieldMap& fields() const;
  FieldMap& fields();
  const Item& item() const;
  Item& item();

  // Requires: a string. False if the value needs another block; then nothing changed. `value` may
  // be (part of) the present one.
  bool OverwriteString(std::string_view value);
  // Requires: a string of at most `size` bytes. Zero bytes lengthen it to `size`; false if that
  // needs another block, then nothing changed.
  bool ExtendString(size_t size);
  // A copy that is `size` bytes long, in no wheel yet, where ExtendString was refused. Size classes
  // lie at most a quarter apart, so a string that grows byte by byte is copied a constant number of
  // times a byte.
  Handle RebuildLonger(size_t size) const;
  // Requires: a string, and that the bytes lie within it.
  void WriteString(size_t offset, std::string_view bytes);
  // A copy of this entry with or without a timer, in no wheel yet. It takes over the object.
  Handle Rebuild(bool with_timer);

  // Asks the processor for the header, the key and what of a short value lies next to them.
  void Prefetch() const {
    __builtin_prefetch(this);
    __builtin_prefetch(bytes() + kCacheLineBytes - sizeof(Entry));
  }

  bool has_timer() const { return has_timer_ != 0; }
  // Requires: has_timer().
  TimerNode* timer() { return reinterpret_cast<TimerNode*>(this) - 1; }
  const TimerNode* timer() const { return reinterpret_cast<const TimerNode*>(this) - 1; }
  static Entry& OfTimer(TimerNode& timer) { return *reinterpret_cast<Entry*>(&timer + 1); }

  // Bytes of the heap: the block and the object that it owns.
  size_t MemoryBytes() const;

  // ---- Memory that comes back (sparse_walk.h)

  // The heap block that it lies in, from its timer on, and its bytes.
  void* block() { return has_timer() ? static_cast<void*>(timer()) : this; }
  size_t block_size() const;
  // Goes on in another block of as many bytes, and in the wheel where it was. The present one is
  // bare memory then: whoever owned it lets go of it without destroying anything.
  [[nodiscard]] Entry* MoveTo(void* block);
  // Requires: a hash. It owns the new map; the old one is the caller's.
  void ReplaceFields(FieldMap* fields);

 private:
  Entry(std::string_view key, KeyType type, size_t value_size, Shape shape);
  static Handle Make(std::string_view key, KeyType type, size_t value_size, Shape shape);
  static size_t BytesFor(size_t key_size, size_t value_size, bool has_timer);

  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  char* value_bytes() { return bytes() + key_size_; }
  // The object of a type that has one. The pointer lies unaligned behind the key.
  void* object() const;
  void set_object(void* object);

  static constexpr size_t kCacheLineBytes = 64;
  static constexpr int kAccessBits = 24;
  static constexpr uint32_t kAccessMask = (uint32_t{1} << kAccessBits) - 1;

  uint32_t key_size_;
  uint32_t value_size_;
  // One word: a fourth would push many a block into the next size class.
  uint32_t table_ : 4;
  uint32_t type_ : 3;
  uint32_t has_timer_ : 1;
  uint32_t accessed_ : kAccessBits;
};

}  // namespace holdfast

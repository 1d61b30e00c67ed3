#include "storage/core/hashes.h"

#include <new>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/core/block_size.h"

namespace holdfast {

HashField::HashField(std::string_view name, std::string_view value)
    : name_size_(static_cast<uint32_t>(name.size())),
      value_size_(static_cast<uint32_t>(value.size())) {
  name.copy(bytes(), name.size());
  value.copy(bytes() + name.size(), value.size());
}

HashField::Handle HashField::Make(std::string_view name, std::string_view value) {
  void* const block = ::operator new(BlockSize(sizeof(HashField) + name.size() + value.size()));
  return Handle(new (block) HashField(name, value));
}

void HashField::Free::operator()(HashField* field) const { ::operator delete(field); }

size_t HashField::MemoryBytes() const {
  return BlockSize(sizeof(HashField) + name_size_ + value_size_);
}

bool HashField::Overwrite(std::string_view value) {
  if (BlockSize(sizeof(HashField) + name_size_ + value.size()) != MemoryBytes()) return false;
  value_size_ = static_cast<uint32_t>(value.size());
  value.copy(bytes() + name_size_, value.size());
  return true;
}

std::optional<std::string_view> FieldMap::Get(std::string_view field) const {
  if (is_packed()) {
    const auto found = FindPacked(field);
    return found ? std::optional(found->value) : std::nullopt;
  }
  const HashField::Handle* const found = large_->Find(large_->Hash(field));
  return found != nullptr ? std::optional((*found)->value()) : std::nullopt;
}

bool FieldMap::Set(std::string_view field, std::string_view value) {
  const bool fresh = is_packed() ? SetPacked(field, value) : SetLarge(field, value);
  outgrew_listpack_ |= size() > kListpackFieldsMax || field.size() > kListpackWordBytesMax ||
                       value.size() > kListpackWordBytesMax;
  return fresh;
}

bool FieldMap::SetPacked(std::string_view field, std::string_view value) {
  const auto found = FindPacked(field);
  const size_t bytes_gone = found ? found->end - found->begin : 0;
  const size_t bytes =
      packed_.size() - bytes_gone + kPackedHeaderBytes + field.size() + value.size();
  if (packed_count_ + (found ? 0 : 1) > kPackedFieldsMax || bytes > kPackedBytesMax) {
    Unpack();
    return SetLarge(field, value);
  }
  if (!found) {
    AppendPacked(field, value);
    return true;
  }
  const auto value_size = static_cast<uint16_t>(value.size());
  packed_.replace(found->end - found->value.size(), found->value.size(), value);
  std::memcpy(packed_.data() + found->begin + sizeof value_size, &value_size, sizeof value_size);
  return false;
}

bool FieldMap::Delete(std::string_view field) {
  if (is_packed()) {
    const auto found = FindPacked(field);
    if (!found) return false;
    packed_.erase(found->begin, found->end - found->begin);
    --packed_count_;
    return true;
  }
  const HashedKey key = large_->Hash(field);
  const HashField::Handle* const found = large_->Find(key);
  if (found == nullptr) return false;
  large_->field_bytes -= (*found)->MemoryBytes();
  large_->Erase(key, being_taken_);
  if (large_->empty() && !being_taken_) large_.reset();
  return true;
}

std::pair<std::string_view, std::string_view> FieldMap::Sample(uint64_t chance) const {
  if (!is_packed()) {
    const HashField::Handle& field = *large_->Sample(chance);
    return {field->name(), field->value()};
  }
  Invariant(packed_count_ > 0);
  Packed field = PackedAt(0);
  for (uint64_t skip = chance % packed_count_; skip > 0; --skip) field = PackedAt(field.end);
  return {field.name, field.value};
}

size_t FieldMap::MemoryBytes() const {
  const size_t packed = IsOnHeap(packed_) ? BlockSize(packed_.capacity() + 1) : 0;
  const size_t large =
      large_ ? BlockSize(sizeof(Large)) + large_->MemoryBytes() + large_->field_bytes : 0;
  return BlockSize(sizeof(FieldMap)) + packed + large;
}

std::string FieldMap::Repack() {
  std::string copy;
  copy.reserve(packed_.capacity());  // as much room to grow as before
  copy = packed_;
  return std::exchange(packed_, std::move(copy));
}

FieldMap::Packed FieldMap::PackedAt(size_t at) const {
  uint16_t sizes[2];
  static_assert(sizeof sizes == kPackedHeaderBytes);
  std::memcpy(sizes, packed_.data() + at, sizeof sizes);
  const std::string_view all = packed_;
  const size_t name_at = at + kPackedHeaderBytes;
  const size_t value_at = name_at + sizes[0];
  return {.name = all.substr(name_at, sizes[0]),
          .value = all.substr(value_at, sizes[1]),
          .begin = at,
          .end = value_at + sizes[1]};
}

std::optional<FieldMap::Packed> FieldMap::FindPacked(std::string_view field) const {
  for (size_t at = 0; at < packed_.size();) {
    const Packed packed = PackedAt(at);
    if (packed.name == field) return packed;
    at = packed.end;
  }
  return std::nullopt;
}

void FieldMap::AppendPacked(std::string_view field, std::string_view value) {
  const uint16_t sizes[2] = {static_cast<uint16_t>(field.size()),
                             static_cast<uint16_t>(value.size())};
  packed_.append(reinterpret_cast<const char*>(sizes), sizeof sizes);
  packed_.append(field);
  packed_.append(value);
  ++packed_count_;
}

void FieldMap::Unpack() {
  const std::string packed = std::exchange(packed_, std::string());
  FieldMap old(HashSeed{});
  old.packed_ = packed;
  packed_count_ = 0;
  old.ForEach([&](std::string_view field, std::string_view value) { SetLarge(field, value); });
}

bool FieldMap::SetLarge(std::string_view field, std::string_view value) {
  if (!large_) large_ = std::make_unique<Large>(seed_);
  const HashedKey key = large_->Hash(field);
  HashField::Handle* const found = large_->Find(key);
  if (found == nullptr) {
    auto fresh = HashField::Make(field, value);
    large_->field_bytes += fresh->MemoryBytes();
    large_->Insert(key, std::move(fresh));
    return true;
  }
  if ((*found)->Overwrite(value)) return false;
  large_->field_bytes -= (*found)->MemoryBytes();
  *found = HashField::Make(field, value);
  large_->field_bytes += (*found)->MemoryBytes();
  return false;
}

}  // namespace holdfast

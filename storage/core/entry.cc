#include "storage/core/entry.h"

#include <new>
#include <utility>

#include "storage/base/invariant.h"
#include "storage/core/block_size.h"
#include "storage/core/hashes.h"
#include "storage/core/item.h"

namespace holdfast {

static_assert(alignof(Entry) <= alignof(TimerNode));
static_assert(sizeof(Entry) == 12);
static_assert(kDatabases <= 1 << 4);
static_assert(sizeof(TimerNode) == 24);

Entry::Entry(std::string_view key, KeyType type, size_t value_size, Shape shape)
    : key_size_(static_cast<uint32_t>(key.size())),
      value_size_(static_cast<uint32_t>(value_size)),
      table_(shape.table & 0xF),
      type_(static_cast<uint32_t>(type) & 0x7),
      has_timer_(shape.has_timer),
      accessed_(0) {
  Invariant(this->type() == type);
  key.copy(bytes(), key.size());
}

Entry::Handle Entry::Make(std::string_view key, KeyType type, size_t value_size, Shape shape) {
  auto* block = static_cast<char*>(
      ::operator new(BlockSize(BytesFor(key.size(), value_size, shape.has_timer))));
  if (shape.has_timer) block = reinterpret_cast<char*>(new (block) TimerNode + 1);
  return Handle(new (block) Entry(key, type, value_size, shape));
}

Entry::Handle Entry::MakeString(std::string_view key, std::string_view value, Shape shape) {
  Handle entry = Make(key, KeyType::kString, value.size(), shape);
  value.copy(entry->value_bytes(), value.size());
  return entry;
}

Entry::Handle Entry::MakeHash(std::string_view key, std::unique_ptr<FieldMap> fields, Shape shape) {
  Handle entry = Make(key, KeyType::kHash, sizeof(void*), shape);
  entry->set_object(fields.release());
  return entry;
}

Entry::Handle Entry::MakeStock(std::string_view key, std::unique_ptr<Item> item, uint8_t table) {
  Handle entry = Make(key, KeyType::kStock, sizeof(void*), {.table = table, .has_timer = true});
  entry->set_object(item.release());
  return entry;
}

void Entry::Free::operator()(Entry* entry) const {
  if (entry->type() == KeyType::kHash) delete static_cast<FieldMap*>(entry->object());
  if (entry->type() == KeyType::kStock) delete static_cast<Item*>(entry->object());
  void* block = entry;
  if (entry->has_timer()) {
    if (entry->timer()->linked()) entry->timer()->Unlink();
    block = entry->timer();
  }
  ::operator delete(block);
}

std::string_view Entry::string() const {
  Invariant(type() == KeyType::kString);
  return {bytes() + key_size_, value_size_};
}

const FieldMap& Entry::fields() const {
  Invariant(type() == KeyType::kHash);
  return *static_cast<const FieldMap*>(object());
}

FieldMap& Entry::fields() {
  Invariant(type() == KeyType::kHash);
  return *static_cast<FieldMap*>(object());
}

const Item& Entry::item() const {
  Invariant(type() == KeyType::kStock);
  return *static_cast<const Item*>(object());
}

Item& Entry::item() {
  Invariant(type() == KeyType::kStock);
  return *static_cast<Item*>(object());
}

bool Entry::OverwriteString(std::string_view value) {
  Invariant(type() == KeyType::kString);
  if (BlockSize(BytesFor(key_size_, value.size(), has_timer())) != block_size()) return false;
  value_size_ = static_cast<uint32_t>(value.size());
  std::memmove(value_bytes(), value.data(), value.size());
  return true;
}

bool Entry::ExtendString(size_t size) {
  Invariant(type() == KeyType::kString);
  Invariant(size >= value_size_);
  if (BlockSize(BytesFor(key_size_, size, has_timer())) != block_size()) return false;
  std::memset(value_bytes() + value_size_, 0, size - value_size_);
  value_size_ = static_cast<uint32_t>(size);
  return true;
}

Entry::Handle Entry::RebuildLonger(size_t size) const {
  const std::string_view value = string();
  Invariant(size >= value.size());
  Handle copy = Make(key(), type(), size, {.table = table(), .has_timer = has_timer()});
  copy->accessed_ = accessed_;
  value.copy(copy->value_bytes(), value.size());
  std::memset(copy->value_bytes() + value.size(), 0, size - value.size());
  return copy;
}

void Entry::WriteString(size_t offset, std::string_view bytes) {
  Invariant(type() == KeyType::kString);
  Invariant(offset <= value_size_);
  Invariant(bytes.size() <= value_size_ - offset);
  bytes.copy(value_bytes() + offset, bytes.size());
}

Entry::Handle Entry::Rebuild(bool with_timer) {
  Handle copy = Make(key(), type(), value_size_, {.table = table(), .has_timer = with_timer});
  copy->accessed_ = accessed_;
  std::memcpy(copy->value_bytes(), value_bytes(), value_size_);
  if (type() != KeyType::kString) set_object(nullptr);
  return copy;
}

size_t Entry::MemoryBytes() const {
  switch (type()) {
    case KeyType::kString:
      return block_size();
    case KeyType::kHash:
      return block_size() + fields().MemoryBytes();
    case KeyType::kStock:
      return block_size() + item().MemoryBytes();
  }
  return 0;
}

Entry* Entry::MoveTo(void* block) {
  const size_t bytes = BytesFor(key_size_, value_size_, has_timer());
  std::memcpy(block, this->block(), bytes);
  if (!has_timer()) return static_cast<Entry*>(block);
  auto* const moved = static_cast<TimerNode*>(block);
  if (moved->linked()) timer()->Relink(*moved);
  return &OfTimer(*moved);
}

void Entry::ReplaceFields(FieldMap* fields) {
  Invariant(type() == KeyType::kHash);
  set_object(fields);
}

size_t Entry::BytesFor(size_t key_size, size_t value_size, bool has_timer) {
  return (has_timer ? sizeof(TimerNode) : 0) + sizeof(Entry) + key_size + value_size;
}

size_t Entry::block_size() const {
  return BlockSize(BytesFor(key_size_, value_size_, has_timer()));
}

void* Entry::object() const {
  void* object = nullptr;
  std::memcpy(&object, bytes() + key_size_, sizeof object);
  return object;
}

void Entry::set_object(void* object) { std::memcpy(value_bytes(), &object, sizeof object); }

}  // namespace holdfast

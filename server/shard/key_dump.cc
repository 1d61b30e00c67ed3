#include "server/shard/key_dump.h"

#include <memory>

#include "storage/base/bytes.h"
#include "storage/core/hashes.h"

namespace holdfast {
namespace {

void AppendFields(std::string& out, const FieldMap& fields) {
  AppendInt(out, static_cast<uint32_t>(fields.size()));
  fields.ForEach([&](std::string_view field, std::string_view value) {
    AppendWord(out, field);
    AppendWord(out, value);
  });
}

// A copy that serves one decision: where its fields are placed shows nowhere.
std::unique_ptr<FieldMap> ReadFields(ByteReader& reader) {
  auto fields = std::make_unique<FieldMap>(HashSeed{});
  for (auto left = reader.Int<uint32_t>(); left > 0; --left) {
    const std::string_view field = reader.Word();
    fields->Set(field, reader.Word());
  }
  Invariant(reader.AtEnd());
  return fields;
}

}  // namespace

void AppendKeyDump(std::string& out, const Entry* entry, KeyAsk ask, size_t bytes_max) {
  AppendInt<uint8_t>(out, entry != nullptr ? 1 : 0);
  if (entry == nullptr) return;
  const bool wanted = ask == KeyAsk::kValue
                          ? entry->type() != KeyType::kStock
                          : ask == KeyAsk::kString && entry->type() == KeyType::kString;
  const bool dumps = wanted && entry->MemoryBytes() <= bytes_max;
  AppendInt(out, static_cast<uint8_t>(entry->type()));
  AppendInt(out, ToUnixMs(entry->deadline()));
  AppendInt<uint8_t>(out, dumps ? 1 : wanted ? 2 : 0);
  if (!dumps) return;
  switch (entry->type()) {
    case KeyType::kString:
      out += entry->string();
      break;
    case KeyType::kHash:
      AppendFields(out, entry->fields());
      break;
    case KeyType::kStock:
      break;
  }
}

KeyView ReadKeyDump(std::string_view key, std::string_view dump, Entry::Handle& entry,
                    bool& too_large) {
  ByteReader reader(dump);
  if (reader.Int<uint8_t>() == 0) return {};
  KeyView view{.exists = true, .type = static_cast<KeyType>(reader.Int<uint8_t>())};
  view.deadline = FromUnixMs(reader.Int<int64_t>());
  const auto has_value = reader.Int<uint8_t>();
  Invariant(!reader.failed());
  too_large |= has_value == 2;
  if (has_value != 1) return view;
  const Entry::Shape shape{.table = 0, .has_timer = view.deadline != kNever};
  switch (view.type) {
    case KeyType::kString:
      entry = Entry::MakeString(key, reader.rest(), shape);
      break;
    case KeyType::kHash:
      entry = Entry::MakeHash(key, ReadFields(reader), shape);
      break;
    case KeyType::kStock:
      Invariant(false);
  }
  if (shape.has_timer) entry->timer()->deadline = view.deadline;
  view.entry = entry.get();
  return view;
}

}  // namespace holdfast

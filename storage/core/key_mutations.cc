#include "storage/core/key_mutations.h"

namespace holdfast {

namespace {

// A count that the rest of the body can hold if each element takes `bytes_min`: nothing is reserved
// for a lie.
uint32_t DecodeCount(ByteReader& reader, size_t bytes_min) {
  const auto count = reader.Int<uint32_t>();
  if (count <= reader.rest().size() / bytes_min) return count;
  reader.Bytes(reader.rest().size() + 1);  // stays failed
  return 0;
}

constexpr size_t kWordBytesMin = sizeof(uint32_t);

}  // namespace

void StringSet::EncodeBody(std::string& out) const {
  AppendInt<int64_t>(out, ToUnixMs(deadline));
  out.append(value);
}

StringSet StringSet::DecodeBody(ByteReader& reader) {
  const UnixMs deadline = FromUnixMs(reader.Int<int64_t>());
  return {.value = reader.Bytes(reader.rest().size()), .deadline = deadline};
}

void StringRangeSet::EncodeBody(std::string& out) const {
  AppendInt(out, offset);
  out.append(bytes);
}

StringRangeSet StringRangeSet::DecodeBody(ByteReader& reader) {
  const auto offset = reader.Int<uint32_t>();
  return {.offset = offset, .bytes = reader.Bytes(reader.rest().size())};
}

void DeadlineSet::EncodeBody(std::string& out) const {
  AppendInt<int64_t>(out, ToUnixMs(deadline));
}

DeadlineSet DeadlineSet::DecodeBody(ByteReader& reader) {
  return {.deadline = FromUnixMs(reader.Int<int64_t>())};
}

void HashFieldsSet::EncodeBody(std::string& out) const {
  AppendInt(out, static_cast<uint32_t>(pairs.size()));
  for (const auto& [field, value] : pairs) {
    AppendWord(out, field);
    AppendWord(out, value);
  }
}

HashFieldsSet HashFieldsSet::DecodeBody(ByteReader& reader) {
  HashFieldsSet set;
  const uint32_t count = DecodeCount(reader, 2 * kWordBytesMin);
  set.pairs.reserve(count);
  for (uint32_t i = 0; i < count && !reader.failed(); ++i) {
    const std::string_view field = reader.Word();
    set.pairs.push_back({field, reader.Word()});
  }
  return set;
}

void HashFieldsDeleted::EncodeBody(std::string& out) const {
  AppendInt(out, static_cast<uint32_t>(fields.size()));
  for (const std::string_view field : fields) AppendWord(out, field);
}

HashFieldsDeleted HashFieldsDeleted::DecodeBody(ByteReader& reader) {
  HashFieldsDeleted deleted;
  const uint32_t count = DecodeCount(reader, kWordBytesMin);
  deleted.fields.reserve(count);
  for (uint32_t i = 0; i < count && !reader.failed(); ++i) deleted.fields.push_back(reader.Word());
  return deleted;
}

void DatabaseFlushed::EncodeBody(std::string& out) const {
  AppendInt(out, static_cast<uint8_t>(all));
}

DatabaseFlushed DatabaseFlushed::DecodeBody(ByteReader& reader) {
  return {.all = reader.Int<uint8_t>() != 0};
}

void DatabasesSwapped::EncodeBody(std::string& out) const { AppendInt(out, other); }

DatabasesSwapped DatabasesSwapped::DecodeBody(ByteReader& reader) {
  return {.other = reader.Int<DbIndex>()};
}

}  // namespace holdfast

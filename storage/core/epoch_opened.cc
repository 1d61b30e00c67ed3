#include "storage/core/epoch_opened.h"

#include <limits>

#include "storage/base/invariant.h"

namespace holdfast {

void EpochOpened::EncodeBody(std::string& out) const {
  Invariant(primary.size() == kIdBytes);
  Invariant(sync_set.size() <= std::numeric_limits<uint16_t>::max());
  AppendInt(out, epoch);
  AppendInt(out, epoch_before);
  AppendInt(out, index_before);
  out.append(primary);
  AppendInt(out, version);
  AppendInt(out, static_cast<uint16_t>(sync_set.size()));
  for (const Member& member : sync_set) {
    Invariant(member.id.size() == kIdBytes);
    out.append(member.id);
    AppendWord(out, member.address);
  }
}

EpochOpened EpochOpened::DecodeBody(ByteReader& reader) {
  EpochOpened opened;
  opened.epoch = reader.Int<uint64_t>();
  opened.epoch_before = reader.Int<uint64_t>();
  opened.index_before = reader.Int<uint64_t>();
  opened.primary = reader.Bytes(kIdBytes);
  opened.version = reader.Int<uint64_t>();
  const auto count = reader.Int<uint16_t>();
  for (uint16_t i = 0; i < count && !reader.failed(); ++i) {
    const std::string_view id = reader.Bytes(kIdBytes);
    opened.sync_set.push_back({.id = id, .address = reader.Word()});
  }
  return opened;
}

}  // namespace holdfast

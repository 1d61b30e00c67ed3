#include "storage/history.h"

#include "storage/base/bytes.h"
#include "storage/checksum.h"

namespace holdfast {
namespace {

constexpr uint32_t kFormat = 0x31484648;  // "HFH1"
constexpr size_t kHashAt = 36;

}  // namespace

Status DrawHistory(History& out) {
  if (Status status = DrawId(out.id); !status.ok()) return status;
  if (Status status = DrawRandom(&out.hash_seed.value, sizeof out.hash_seed.value); !status.ok()) {
    return status;
  }
  out.epoch = 0;
  return Status::Ok();
}

std::string EncodeHistory(const History& history) {
  std::string bytes;
  AppendInt(bytes, kFormat);
  bytes.append(history.id.view());
  AppendInt(bytes, history.hash_seed.value);
  AppendInt(bytes, history.epoch);
  AppendInt(bytes, Checksum(bytes));
  return bytes;
}

Status DecodeHistory(std::string_view bytes, History& out) {
  ByteReader reader(bytes);
  const auto format = reader.Int<uint32_t>();
  const auto id = ReadId<History>(reader);
  const auto seed = reader.Int<uint64_t>();
  const auto epoch = reader.Int<uint64_t>();
  const auto hash = reader.Int<uint64_t>();
  if (!reader.AtEnd() || format != kFormat || hash != Checksum(bytes.substr(0, kHashAt))) {
    return Status::Damaged("the history row is not one that I wrote");
  }
  out.id = id;
  out.hash_seed.value = seed;
  out.epoch = epoch;
  return Status::Ok();
}

}  // namespace holdfast

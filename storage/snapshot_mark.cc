#include "storage/snapshot_mark.h"

#include "storage/base/bytes.h"
#include "storage/sealed_row.h"

namespace holdfast {
namespace {

constexpr std::string_view kWhat = "snapshot";
constexpr std::string_view kFormat = "HFS1";

}  // namespace

std::string EncodeSnapshotMark(const SnapshotMark& mark) {
  std::string body;
  AppendInt(body, mark.number);
  for (const Index cut : mark.cuts) AppendInt(body, cut);
  AppendInt(body, ToUnixMs(mark.server_time));
  AppendInt(body, mark.rows);
  AppendInt(body, mark.keys);
  AppendInt(body, mark.bytes);
  return SealRow(kFormat, body);
}

Status DecodeSnapshotMark(std::string_view row, SnapshotMark& out) {
  std::string_view body;
  if (Status status = OpenRow(kWhat, kFormat, row, body); !status.ok()) return status;
  ByteReader reader(body);
  SnapshotMark mark;
  mark.number = reader.Int<uint64_t>();
  for (Index& cut : mark.cuts) cut = reader.Int<uint64_t>();
  mark.server_time = FromUnixMs(reader.Int<int64_t>());
  mark.rows = reader.Int<uint64_t>();
  mark.keys = reader.Int<uint64_t>();
  mark.bytes = reader.Int<uint64_t>();
  if (!reader.AtEnd() || mark.number == 0) return DamagedRow(kWhat);
  out = mark;
  return Status::Ok();
}

}  // namespace holdfast

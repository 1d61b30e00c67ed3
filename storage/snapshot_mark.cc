#include "storage/snapshot_mark.h"

#include "storage/base/bytes.h"
#include "storage/checksum.h"

namespace holdfast {
namespace {

constexpr std::string_view kFormat = "HFS1";
constexpr std::string_view kAnyFormat = "HFS";
constexpr size_t kHashBytes = 8;

}  // namespace

std::string EncodeSnapshotMark(const SnapshotMark& mark) {
  std::string row(kFormat);
  AppendInt(row, mark.number);
  for (const Index cut : mark.cuts) AppendInt(row, cut);
  AppendInt(row, ToUnixMs(mark.server_time));
  AppendInt(row, mark.rows);
  AppendInt(row, mark.keys);
  AppendInt(row, mark.bytes);
  AppendInt(row, Checksum(row));
  return row;
}

Status DecodeSnapshotMark(std::string_view row, SnapshotMark& out) {
  Status damaged = Status::Damaged("the snapshot's mark is not one that I wrote");
  if (row.size() < kFormat.size() + kHashBytes) return damaged;
  const std::string_view hashed = row.substr(0, row.size() - kHashBytes);
  ByteReader tail(row.substr(hashed.size()));
  if (tail.Int<uint64_t>() != Checksum(hashed)) return damaged;
  ByteReader reader(hashed);
  const std::string_view format = reader.Bytes(kFormat.size());
  if (!format.starts_with(kAnyFormat)) return damaged;
  if (format != kFormat) {
    return Status::Invalid("the snapshot is of format '" + std::string(format) +
                           "', which this version does not know; start the version that wrote it");
  }
  SnapshotMark mark;
  mark.number = reader.Int<uint64_t>();
  for (Index& cut : mark.cuts) cut = reader.Int<uint64_t>();
  mark.server_time = FromUnixMs(reader.Int<int64_t>());
  mark.rows = reader.Int<uint64_t>();
  mark.keys = reader.Int<uint64_t>();
  mark.bytes = reader.Int<uint64_t>();
  if (!reader.AtEnd() || mark.number == 0) return damaged;
  out = mark;
  return Status::Ok();
}

}  // namespace holdfast

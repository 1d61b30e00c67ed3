#include "storage/backup_mark.h"

#include "storage/base/bytes.h"
#include "storage/sealed_row.h"

namespace holdfast {
namespace {

constexpr std::string_view kWhat = "backup";
constexpr std::string_view kFormat = "HFB1";

}  // namespace

std::string EncodeBackupMark(const BackupMark& mark) {
  std::string body(mark.history.view());
  AppendInt(body, mark.epoch);
  AppendInt(body, mark.index);
  AppendInt(body, ToUnixMs(mark.server_time));
  return SealRow(kFormat, body);
}

Status DecodeBackupMark(std::string_view row, BackupMark& out) {
  std::string_view body;
  if (Status status = OpenRow(kWhat, kFormat, row, body); !status.ok()) return status;
  ByteReader reader(body);
  BackupMark mark;
  mark.history = ReadId<History>(reader);
  mark.epoch = reader.Int<uint64_t>();
  mark.index = reader.Int<Index>();
  mark.server_time = FromUnixMs(reader.Int<int64_t>());
  if (!reader.AtEnd()) return DamagedRow(kWhat);
  out = mark;
  return Status::Ok();
}

}  // namespace holdfast

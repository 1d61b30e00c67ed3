#include "storage/arriving_mark.h"

#include "storage/base/bytes.h"
#include "storage/sealed_row.h"

namespace holdfast {
namespace {

constexpr std::string_view kWhat = "mark of a full sync";
constexpr std::string_view kFormat = "HFA1";

}  // namespace

std::string EncodeArrivingMark(const ArrivingMark& mark) {
  std::string body(mark.history.view());
  AppendInt(body, mark.last.epoch);
  AppendInt(body, mark.last.index);
  return SealRow(kFormat, body);
}

Status DecodeArrivingMark(std::string_view row, ArrivingMark& out) {
  std::string_view body;
  if (Status status = OpenRow(kWhat, kFormat, row, body); !status.ok()) return status;
  ByteReader reader(body);
  ArrivingMark mark;
  mark.history = ReadId<History>(reader);
  mark.last.epoch = reader.Int<Epoch>();
  mark.last.index = reader.Int<Index>();
  if (!reader.AtEnd()) return DamagedRow(kWhat);
  out = mark;
  return Status::Ok();
}

}  // namespace holdfast

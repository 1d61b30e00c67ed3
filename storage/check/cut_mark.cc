#include "storage/check/cut_mark.h"

#include "storage/base/bytes.h"
#include "storage/sealed_row.h"

namespace holdfast {
namespace {

constexpr std::string_view kFormat = "HFC1";
constexpr std::string_view kThing = "interrupted cut";

}  // namespace

std::string EncodeCutMark(const CutMark& mark) {
  std::string body;
  AppendInt(body, mark.segment);
  AppendInt(body, mark.keep_to);
  AppendInt(body, mark.rows);
  return SealRow(kFormat, body);
}

Status DecodeCutMark(std::string_view row, CutMark& out) {
  std::string_view body;
  if (Status status = OpenRow(kThing, kFormat, row, body); !status.ok()) return status;
  ByteReader reader(body);
  CutMark mark;
  mark.segment = reader.Int<uint64_t>();
  mark.keep_to = reader.Int<Index>();
  mark.rows = reader.Int<uint64_t>();
  if (!reader.AtEnd() || mark.segment == 0) return DamagedRow(kThing);
  out = mark;
  return Status::Ok();
}

}  // namespace holdfast

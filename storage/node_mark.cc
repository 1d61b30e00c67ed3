#include "storage/node_mark.h"

#include "storage/base/bytes.h"
#include "storage/data_directory.h"
#include "storage/sealed_row.h"

namespace holdfast {
namespace {

constexpr std::string_view kFormat = "HFN1";
constexpr std::string_view kThing = "node";
// More than any version's mark has.
constexpr size_t kFileBytesMax = 4096;

}  // namespace

std::string EncodeNodeMark(const NodeMark& mark) {
  std::string body(mark.id.view());
  AppendInt(body, mark.promise.epoch);
  body += mark.promise.primary.view();
  AppendInt(body, static_cast<uint8_t>(mark.promise.leaving));
  return SealRow(kFormat, body);
}

Status DecodeNodeMark(std::string_view bytes, NodeMark& out) {
  std::string_view body;
  if (Status status = OpenRow(kThing, kFormat, bytes, body); !status.ok()) return status;
  ByteReader reader(body);
  NodeMark mark;
  mark.id = ReadId<NodeOfGroup>(reader);
  mark.promise.epoch = reader.Int<uint64_t>();
  mark.promise.primary = ReadId<NodeOfGroup>(reader);
  const auto leaving = reader.Int<uint8_t>();
  mark.promise.leaving = leaving == 1;
  if (!reader.AtEnd() || leaving > 1) return DamagedRow(kThing);
  out = mark;
  return Status::Ok();
}

Status ReadNodeMark(const std::string& path, NodeMark& out) {
  std::string bytes;
  if (Status status = ReadSmallFile(path, kFileBytesMax, bytes); !status.ok()) return status;
  return DecodeNodeMark(bytes, out);
}

Status WriteNodeMark(const std::string& path, const NodeMark& mark) {
  return ReplaceFile(path, EncodeNodeMark(mark));
}

}  // namespace holdfast

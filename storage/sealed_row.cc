#include "storage/sealed_row.h"

#include "storage/base/bytes.h"
#include "storage/base/invariant.h"
#include "storage/checksum.h"

namespace holdfast {
namespace {

constexpr size_t kFormatBytes = 4;
constexpr size_t kHashBytes = 8;

}  // namespace

std::string SealRow(std::string_view format, std::string_view body) {
  Invariant(format.size() == kFormatBytes);
  std::string row(format);
  row += body;
  AppendInt(row, Checksum(row));
  return row;
}

Status DamagedRow(std::string_view what) {
  return Status::Damaged("the " + std::string(what) + "'s mark is not one that I wrote");
}

Status OpenRow(std::string_view what, std::string_view format, std::string_view row,
               std::string_view& body) {
  if (row.size() < kFormatBytes + kHashBytes) return DamagedRow(what);
  const std::string_view hashed = row.substr(0, row.size() - kHashBytes);
  ByteReader tail(row.substr(hashed.size()));
  if (tail.Int<uint64_t>() != Checksum(hashed)) return DamagedRow(what);
  const std::string_view found = hashed.substr(0, kFormatBytes);
  if (!found.starts_with(format.substr(0, kFormatBytes - 1))) return DamagedRow(what);
  if (found != format) {
    return Status::Invalid("the " + std::string(what) + " is of format '" + std::string(found) +
                           "', which this version does not know; start the version that wrote it");
  }
  body = hashed.substr(kFormatBytes);
  return Status::Ok();
}

}  // namespace holdfast

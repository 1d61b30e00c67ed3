// NodeMark: which node a data directory is, and what it has promised. The file "node", outside
// RocksDB: a backup does not have it, so a restored directory is another node, as is one in which
// it is missing. A sealed row (storage/sealed_row.h) of format "HFN1":
//
//   id:16 bytes | promised: epoch:u64 primary:16 bytes leaving:u8 (0 or 1)
//
// It is replaced whole: a crash leaves the old promise or the new one.
#pragma once

#include <string>
#include <string_view>

#include "storage/base/status.h"
#include "storage/group.h"

namespace holdfast {

struct NodeMark {
  NodeId id{};
  Promise promise{};

  bool operator==(const NodeMark&) const = default;
};

std::string EncodeNodeMark(const NodeMark& mark);
// kDamaged unless `bytes` is exactly what EncodeNodeMark makes; kInvalid, naming the format, for
// one of a later version.
Status DecodeNodeMark(std::string_view bytes, NodeMark& out);

// kNotFound: there is no such file.
Status ReadNodeMark(const std::string& path, NodeMark& out);
// Durable when it returns Ok. Otherwise the file says one or the other.
Status WriteNodeMark(const std::string& path, const NodeMark& mark);

}  // namespace holdfast

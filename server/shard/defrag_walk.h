// DefragWalk: one shard's share in defragmentation (server/defrag.h): a walk through its keyspace
// for each pass that is wanted, a short step a turn, in as much of its time as it is allowed.
//
// Owner thread: its shard.
#pragma once

#include <cstdint>
#include <optional>

#include "server/shard/shard.h"
#include "storage/core/sparse_walk.h"

namespace holdfast {

class DefragWalk {
 public:
  explicit DefragWalk(Shard& shard) : shard_(shard) {}

  // A step, if one is wanted and allowed.
  void Work();
  bool HasWork() const { return walk_.has_value() && allowance_ns_ > 0 && !shard_.loading(); }

 private:
  void Begin(uint32_t pass);
  void Allow();
  void Step();

  Shard& shard_;
  uint32_t pass_ = 0;  // that is walked, or was walked last
  std::optional<SparseWalk> walk_;
  UnixMs allowed_until_{};
  int64_t allowance_ns_ = 0;  // time that it may take at once
};

}  // namespace holdfast

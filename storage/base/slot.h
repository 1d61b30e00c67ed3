// Slots and partitions: where a key lives, whatever the number of shards.
//   key --CRC16 of the key or of its {tag}--> slot (16384) --equal contiguous ranges--> partition
//   (64)
// A shard owns whole partitions; nothing on disk names a shard, so their number may change at any
// start.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast {

using Slot = uint16_t;
using Partition = uint8_t;

inline constexpr int kSlots = 16384;
inline constexpr int kPartitions = 64;
inline constexpr int kSlotsPerPartition = kSlots / kPartitions;

// The slot that Redis Cluster clients compute for `key`: CRC16 (XMODEM: polynomial 0x1021, start 0)
// of the first non-empty {tag} if there is one, else of the whole key, modulo 16384.
Slot SlotOf(std::string_view key);

constexpr Partition PartitionOf(Slot slot) {
  return static_cast<Partition>(slot / kSlotsPerPartition);
}

}  // namespace holdfast

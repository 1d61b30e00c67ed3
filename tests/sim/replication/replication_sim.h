// A group of 3 to 5 nodes, their network, disks, clients and operators, from one seed: messages
// lost, doubled, late and out of order; partitions, one-way ones too; pauses; crashes that lose
// what was not synced; disks that forget what was; emptied directories; operators who promote the
// wrong node. Then everything heals, and the group must go on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast {

struct ReplicationFigures {
  std::optional<std::string> wrong;
  uint64_t acked = 0;
  uint64_t snapshots = 0;
  uint64_t steps = 0;
};

ReplicationFigures RunReplicationSim(uint64_t seed);

}  // namespace holdfast

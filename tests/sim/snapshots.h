// Snapshots without a disk: rows collect in memory, and a snapshot becomes the current one when
// whoever drives the simulation says so.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/log.h"
#include "storage/snapshot_run.h"

namespace holdfast {

// What a crash leaves of them: the last one that became current.
struct SimSnapshot {
  Cuts cuts{};
  std::vector<std::string> rows;
};

class SimSnapshots final : public SnapshotRun {
 public:
  // Nothing happens if one is being taken.
  void Request();
  // Gives it up.
  void Abandon() { running_ = false; }
  // If all is taken, and acked: it becomes `current`.
  void Finish(Index acked, SimSnapshot& current);
  bool running() const { return running_; }

  uint32_t Begin(bool) override { return 0; }
  uint32_t finished() const override { return running_ ? number_ - 1 : number_; }
  uint32_t complete() const override { return finished(); }
  SnapshotFigures figures() const override { return {}; }
  uint32_t wanted() const override { return running_ ? number_ : 0; }
  bool HasRoom() const override { return has_room; }
  void Put(Partition, std::string row) override { taken_.rows.push_back(std::move(row)); }
  void TookCut(Partition partition, Index cut, uint32_t) override { taken_.cuts[partition] = cut; }
  void TookAll(Partition, uint64_t) override { ++partitions_; }

  bool has_room = true;

 private:
  uint32_t number_ = 0;
  bool running_ = false;
  int partitions_ = 0;
  SimSnapshot taken_;
};

}  // namespace holdfast

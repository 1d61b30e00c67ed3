// What the snapshots' tests share: a server's start as it loads a snapshot and replays the log
// behind it, and rows to write.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/snapshot_store.h"
#include "tests/unit/storage/rocks_log_test_support.h"

namespace holdfast {

using Rows = std::map<std::string, std::string>;

class SnapshotTest : public RocksLogTest {
 protected:
  // As TryStart, from the current snapshot: what it says and holds is in mark_ and rows_.
  Status TryLoad(const RocksLogOptions& options);
  Status TryLoad() { return TryLoad(SnapshotOptions()); }
  void Load();
  // A start must be refused as damaged, with a text that contains `naming` and a remedy.
  void ExpectLoadDamaged(const std::string& naming);

  // Runs of 64 KB, so that few rows fill several tables.
  RocksLogOptions SnapshotOptions();
  SnapshotStore& snapshots() { return log_->snapshots(); }

  // A whole snapshot of `rows` with every cut at `cut`.
  Status TryTake(const Rows& rows, Index cut);
  void Take(const Rows& rows, Index cut);
  // `count` rows over all partitions, of `bytes` each, that tell `name`.
  static Rows MakeRows(const std::string& name, size_t count, size_t bytes = 100);

  // Names of what lies in the database, of families and of files.
  std::vector<std::string> FamilyNames();
  std::vector<std::string> FilesThatBegin(const std::string& beginning) const;
  std::vector<std::string> StrayTables() const { return FilesThatBegin("snap-"); }
  uint64_t DirectoryBytes() const;

  SnapshotMark mark_;
  Rows rows_;
};

}  // namespace holdfast

// What the tests of the check share: a small shop whose every batch is one that a server could have
// written, killed in the middle, and what a start finds of it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/base/slot.h"
#include "storage/check/cut_tail.h"
#include "storage/check/inspection.h"
#include "storage/core/keyspace.h"
#include "storage/core/stock_mutations.h"
#include "tests/unit/storage/snapshot_test_support.h"

namespace holdfast {

// All that a start loads: two directories that give the same give the same state.
struct Contents {
  Rows rows;                             // of the snapshot
  std::map<Index, std::string> batches;  // of the log, as far as the snapshot lacks them

  bool operator==(const Contents&) const = default;
};

class CheckTest : public SnapshotTest {
 protected:
  // A batch with one mutation, durable when it returns.
  template <typename M>
  Index Commit(const std::string& key, const M& mutation) {
    std::string batch;
    AppendMutation(batch, {.db = 0, .slot = SlotOf(key), .key = key}, mutation);
    return CommitBatch(batch);
  }
  Index CommitBatch(const std::string& batch);
  // A SKU, holds in every state, strings and a hash: 9 batches.
  void Sell();
  // Strings of so many bytes until the log has so many segments.
  void FillSegments(uint64_t segments);
  // A snapshot of all that was committed, as the shards would take it.
  void TakeSnapshot();

  // The directory is from now on one that a killed server left behind: records lie in write-ahead
  // files.
  void Kill();
  // A directory with everything that one can hold: several segments, a snapshot, and records in
  // write-ahead files behind it. Then Kill.
  void FillAndKill();
  // A new copy of `image`, which becomes the directory.
  void UseCopyOf(const std::string& image);
  std::string WalPath() const;
  void SetWitness(Index index);
  WitnessMark ReadWitnessMark() const;

  // What a server's start makes of the directory, with the log's extent in replayed_. It changes
  // what is on disk, as any start.
  Status Serve(Contents& out);
  Contents Served();

  // The check's opinion; fails if it changed a byte.
  CheckReport Checked(const CheckOptions& options = {});
  // The check must find damage, and one of its lines must contain `naming`.
  CheckReport ExpectFound(const std::string& naming);
  void ExpectSound();
  // Cuts the tail by what the check says now.
  Status Cut(const CutOptions& options = {});

  // A record as the log would have written it.
  static std::string MakeRecord(const History& history, Index first, const std::string& batch,
                                uint64_t epoch = 1);

  std::map<std::string, std::string> Files() const;  // path and bytes
  Index last_ = 0;

 private:
  std::unique_ptr<Keyspace> mirror_;
};

// One physical record of a small write-ahead file or manifest: crc:4 length:2 type:1, then so many
// bytes.
struct WalRecord {
  size_t at;
  size_t end;
};
inline constexpr size_t kWalHeaderBytes = 7;

std::vector<WalRecord> WalRecordsOf(const std::string& wal);

std::string Flipped(std::string bytes, size_t bit);

// The lines of damage, one behind the other.
std::string DamageText(const CheckReport& report);

}  // namespace holdfast

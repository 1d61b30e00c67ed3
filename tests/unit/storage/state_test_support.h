// A log whose records and snapshots a test lays by hand: so it knows which batches share a record,
// and where each partition was cut.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/bytes.h"
#include "storage/opening.h"
#include "storage/state_reader.h"
#include "tests/unit/storage/replica_log_test_support.h"

namespace holdfast {

// log_ follows. Its batch 1 opens epoch 1, batch 2 is "base".
class StateTest : public ReplicaLogTest {
 protected:
  // Slots of the first and of the last partition.
  static constexpr Slot kLow = 7;
  static constexpr Slot kHigh = kSlots - 1;

  static void Await(RocksLog& log, Index index) {
    while (log.Durable() < index) std::this_thread::yield();
  }
  static Index StoreBatches(RocksLog& log, Epoch epoch, const Texts& batches, Index acked = 0) {
    RecordBuilder record;
    for (const std::string& batch : batches) {
      record.Append({.mutations = batch, .gated = true, .server_time = FromUnixMs(3000)});
    }
    const Status stored =
        log.Store(std::make_shared<const std::string>(record.Seal({.history = log.history().id,
                                                                   .epoch = epoch,
                                                                   .first = log.LastPushed() + 1,
                                                                   .acked = acked})));
    EXPECT_TRUE(stored.ok()) << stored.text();
    Await(log, log.LastPushed());
    return log.LastPushed();
  }
  // One record of the log's epoch, a batch for each text; they take turns between the two slots.
  Index StoreRecord(const Texts& texts, Index acked = 0) {
    Texts batches;
    for (const std::string& text : texts) {
      batches.push_back(Mutations(text, batches.size() % 2 == 0 ? kLow : kHigh));
    }
    return StoreBatches(*log_, log_->epochs().last(), batches, acked);
  }
  Index StoreOpening(Epoch epoch) {
    const LogPlace before{.epoch = log_->epochs().last(), .index = log_->LastPushed()};
    return StoreBatches(
        *log_, epoch, {EncodeOpening({.epoch = epoch, .before = before, .group = GroupOfBoth()})});
  }

  // The last partition's cut is `high`, all others are `low`.
  static Cuts CutsAt(Index low, Index high) {
    Cuts cuts;
    cuts.fill(low);
    cuts.back() = high;
    return cuts;
  }
  static void TakeAt(RocksLog& log, const Rows& rows, const Cuts& cuts) {
    ASSERT_TRUE(log.snapshots().Begin().ok());
    for (const auto& [key, value] : rows) ASSERT_TRUE(log.snapshots().Write(key, value).ok());
    const SnapshotMark mark{.cuts = cuts, .server_time = FromUnixMs(4711), .keys = 3};
    ASSERT_TRUE(log.snapshots().Finish(mark).ok());
  }

  static std::unique_ptr<StateReader> StateOf(RocksLog& log) {
    std::unique_ptr<StateReader> reader;
    const Status read = log.ReadState(reader);
    EXPECT_TRUE(read.ok()) << read.text();
    return reader;
  }
  static void Unpack(std::string_view packed, Rows& out) {
    ByteReader words(packed);
    while (!words.rest().empty()) {
      const std::string_view key = words.Word();
      EXPECT_TRUE(out.empty() || out.rbegin()->first < key) << "not in order";
      out.emplace(key, words.Word());
    }
    EXPECT_FALSE(words.failed());
  }
  static Rows RowsOf(StateReader& reader) {
    Rows rows;
    for (std::string packed;;) {
      const Status read = reader.Read(1, packed);
      EXPECT_TRUE(read.ok()) << read.text();
      if (packed.empty()) return rows;
      Unpack(packed, rows);
    }
  }
  static Rows RowsIn(RocksLog& log) {
    Rows rows;
    const auto take = [&](std::string_view key, std::string_view value) {
      rows.emplace(key, value);
      return Status::Ok();
    };
    for (int partition = 0; partition < kPartitions; ++partition) {
      EXPECT_TRUE(log.snapshots().ForEachRow(static_cast<Partition>(partition), take).ok());
    }
    return rows;
  }
};

}  // namespace holdfast

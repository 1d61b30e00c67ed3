// Two nodes of which one takes the other's state: log_ has it, taker_ has, to begin with, data of
// its own.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "storage/witness.h"
#include "tests/unit/storage/state_test_support.h"

namespace holdfast {

class FullSyncTest : public StateTest {
 protected:
  // What comes over the link.
  struct Transfer {
    StateHead head{};
    Texts pieces{};
    Records records{};  // behind head.last
  };

  void SetUp() override {
    StateTest::SetUp();
    StoreOpening(4);
    StoreRecord({"a", "b", "c", "d"});
    const Index low = log_->LastPushed() - 2;
    StoreRecord({"e", "f", "g"});
    StoreOpening(6);
    TakeAt(*log_, rows_, CutsAt(low, log_->LastPushed()));
    StoreRecord({"h", "i", "j"});
    transfer_ = TransferFrom(*log_);
    MakeTaker();
  }
  void TearDown() override {
    taker_.reset();
    StateTest::TearDown();
  }

  static Transfer TransferFrom(RocksLog& log) {
    Transfer transfer;
    const auto reader = StateOf(log);
    transfer.head = reader->head();
    for (std::string piece;;) {
      const Status read = reader->Read(2000, piece);
      EXPECT_TRUE(read.ok()) << read.text();
      if (piece.empty()) break;
      transfer.pieces.push_back(piece);
    }
    transfer.records = RecordsBehind(log, transfer.head.last.index);
    return transfer;
  }

  // Of a history of its own that reaches further than the one to come, with several segments, a
  // snapshot, and segments that were trimmed away.
  void MakeTaker() {
    OpenTaker(TakerOptions());
    ASSERT_TRUE(taker_->KeepPromise({.epoch = 9, .primary = taker_->node()}).ok());
    promise_ = taker_->promise();
    node_ = taker_->node();
    const Index opening = taker_->OpenEpoch(
        9, {.primary = node_, .sync_set = {{.id = node_}}, .version = 1}, FromUnixMs(1000));
    Await(*taker_, opening);
    PushToTaker("first", 3);
    const Index cut = taker_->LastPushed();
    PushToTaker("second", 2);
    taker_->Follow();
    TakeAt(*taker_, MakeRows("old", 40), CutsAt(cut, cut));
    taker_->Trim(cut + 1);
    old_history_ = taker_->history().id;
    old_last_ = taker_->LastPushed();
    old_cuts_ = CutsAt(cut, cut);
    ASSERT_GT(old_last_, transfer_.head.last.index);
  }
  // Batches each of which fills a segment.
  void PushToTaker(const std::string& text, int batches) {
    for (int i = 0; i < batches; ++i) {
      const uint64_t segments = taker_->Stats().segments;
      const std::string batch = Mutations(text + std::string(9 << 10, '.'));
      Await(*taker_, taker_->Push({.mutations = batch, .gated = true}));
      while (taker_->Stats().segments <= segments) std::this_thread::yield();
    }
  }

  RocksLogOptions TakerOptions() {
    RocksLogOptions options = SnapshotOptions();
    options.directory = taker_dir_;
    options.segment_bytes = 8 << 10;
    options.snapshot_run_bytes = 4 << 10;
    return options;
  }
  // As a start does, with the cuts of the snapshot that is there. What it finds is in taken_.
  struct Found {
    bool anew = false;
    HistoryId history{};
    Rows rows{};
    Heard heard{};
    Replayed replayed{};
  };
  Status TryOpenTaker(const RocksLogOptions& options) {
    taker_.reset();
    found_ = {};
    std::unique_ptr<RocksLog> log;
    if (Status status = RocksLog::Open(options, log); !status.ok()) return status;
    found_.anew = log->BeganAnew();
    found_.history = log->history().id;
    found_.rows = RowsIn(*log);
    if (Status status = log->snapshots().CheckCount(found_.rows.size()); !status.ok()) {
      return status;
    }
    Status status =
        log->Replay(log->snapshots().current().cuts, found_.heard.Listener(), found_.replayed);
    if (status.ok()) status = log->StartFollowing();
    if (status.ok()) taker_ = std::move(log);
    return status;
  }
  void OpenTaker(const RocksLogOptions& options) {
    const Status status = TryOpenTaker(options);
    ASSERT_TRUE(status.ok()) << status.text();
  }

  // ---- the steps

  Status BringRows(const Transfer& transfer) {
    for (const std::string& piece : transfer.pieces) {
      if (Status status = taker_->InstallRows(piece); !status.ok()) return status;
    }
    return Status::Ok();
  }
  // False: a call failed.
  bool AwaitTaker(Index index) {
    taker_->RequestSync(index);
    return taker_->Flush().ok() && taker_->Durable() >= index;
  }
  bool BringLog(const Transfer& transfer) {
    for (const SealedRecord& record : transfer.records) {
      if (record.header.first <= taker_->LastPushed()) continue;
      if (!taker_->Store(record.bytes).ok()) return false;
    }
    return AwaitTaker(taker_->LastPushed());
  }
  bool TakeAll(const Transfer& transfer) {
    return taker_->BeginInstall(transfer.head).ok() && BringRows(transfer).ok() &&
           taker_->FinishInstall().ok() && BringLog(transfer) && taker_->CompleteInstall().ok();
  }

  // ---- what a start of the taker found

  void ExpectSame() {
    EXPECT_FALSE(found_.anew);
    EXPECT_EQ(EncodeHistory(taker_->history()), EncodeHistory(log_->history()));
    EXPECT_EQ(found_.rows, rows_);
    EXPECT_EQ(found_.heard.texts, (Texts{"c", "e", "g", "h", "i", "j"}));
    EXPECT_EQ(found_.replayed.last, log_->LastPushed());
    EXPECT_EQ(taker_->epochs().last(), 6U);
    ExpectSameNode();
  }
  void ExpectOld() {
    EXPECT_FALSE(found_.anew);
    EXPECT_EQ(found_.history, old_history_);
    EXPECT_EQ(found_.rows, MakeRows("old", 40));
    EXPECT_EQ(found_.heard.texts.size(), 2U);
    EXPECT_EQ(found_.replayed.last, old_last_);
    ExpectSameNode();
  }
  void ExpectEmpty() {
    EXPECT_NE(found_.history, old_history_);
    EXPECT_NE(found_.history, transfer_.head.history.id);
    EXPECT_TRUE(found_.rows.empty());
    EXPECT_EQ(found_.replayed.last, 0U);
    EXPECT_TRUE(taker_->epochs().empty());
    EXPECT_EQ(taker_->snapshots().current().number, 0U);
    EXPECT_EQ(taker_->Stats().segments, 1U);
    ExpectSameNode();
  }
  void ExpectSameNode() {
    EXPECT_EQ(taker_->node(), node_);
    EXPECT_EQ(taker_->promise(), promise_);
  }

  const Rows rows_ = MakeRows("row", 150);
  Transfer transfer_;
  std::string taker_dir_ = temp_ / "taker";
  std::unique_ptr<RocksLog> taker_;
  Found found_;
  NodeId node_;
  Promise promise_;
  HistoryId old_history_;
  Index old_last_ = 0;
  Cuts old_cuts_{};
};

}  // namespace holdfast

// A replica's log beside that of its primary: two nodes of one history, in directories of their
// own.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "storage/log_reader.h"
#include "tests/unit/storage/snapshot_test_support.h"

namespace holdfast {

using Records = std::vector<SealedRecord>;

// log_ is a replica's. The primary is another node of the same history, in a directory of its own.
class ReplicaLogTest : public SnapshotTest {
 protected:
  static constexpr uint64_t kEverything = ~uint64_t{0};

  void SetUp() override {
    Start();
    AwaitDurable(Push("base", true));
    log_.reset();
    std::filesystem::copy(dir_, primary_dir_, std::filesystem::copy_options::recursive);
    std::filesystem::remove(primary_dir_ + "/node");
    RocksLogOptions options = Options();
    options.directory = primary_dir_;
    primary_ = Opened(options);
    ASSERT_TRUE(primary_->Start(FromUnixMs(2000)).ok());
    Follow(Options());
  }
  void TearDown() override { log_.reset(); }

  std::unique_ptr<RocksLog> Opened(const RocksLogOptions& options, const Cuts& cuts = {}) {
    heard_ = {};
    replayed_ = {};
    std::unique_ptr<RocksLog> log;
    const Status opened = RocksLog::Open(options, log);
    EXPECT_TRUE(opened.ok()) << opened.text();
    const Status replayed = log->Replay(cuts, heard_.Listener(), replayed_);
    EXPECT_TRUE(replayed.ok()) << replayed.text();
    return log;
  }
  // The replica starts, again.
  void Follow(const RocksLogOptions& options) {
    log_.reset();
    log_ = Opened(options, log_cuts_);
    ASSERT_TRUE(log_->StartFollowing().ok());
  }

  void PushToPrimary(const Texts& texts) {
    for (const std::string& text : texts) {
      const std::string batch = Mutations(text);
      const Index index =
          primary_->Push({.mutations = batch, .gated = true, .server_time = FromUnixMs(3000)});
      while (primary_->Durable() < index) std::this_thread::yield();  // a record each
    }
  }
  static Records RecordsBehind(RocksLog& log, Index after) {
    CountingWaker waker;
    Records records;
    const auto reader = log.ReadBehind(after, &waker);
    for (Index before = ~Index{0}; before != reader->place();) {
      before = reader->place();
      const Status read = reader->Read(kEverything, records);
      EXPECT_TRUE(read.ok()) << read.text();
    }
    return records;
  }
  // What the primary has and the replica lacks.
  void Ship() {
    for (const SealedRecord& record : RecordsBehind(*primary_, log_->LastPushed())) {
      ASSERT_TRUE(log_->Store(record.bytes).ok());
    }
    AwaitDurable(log_->LastPushed());
  }
  static Texts BytesOf(const Records& records) {
    Texts bytes;
    for (const SealedRecord& record : records) bytes.push_back(*record.bytes);
    return bytes;
  }

  void Lead(Epoch epoch) {
    ASSERT_TRUE(log_->KeepPromise({.epoch = epoch, .primary = log_->node()}).ok());
    const Index index = log_->OpenEpoch(epoch, GroupOfBoth(), FromUnixMs(4000));
    AwaitDurable(index);
  }
  Group GroupOfBoth() {
    return {.primary = log_->node(),
            .sync_set = {{.id = log_->node(), .address = "a:1"},
                         {.id = primary_->node(), .address = "b:2"}},
            .version = 7};
  }

  std::string primary_dir_ = temp_ / "primary";
  std::unique_ptr<RocksLog> primary_;
  Cuts log_cuts_{};
};

}  // namespace holdfast

// What a log on disk knows of its epochs: each start opens one, says so in the log, and finds all
// of them again, whatever was trimmed and wherever a crash cut the start short.
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "storage/node_mark.h"
#include "storage/opening.h"
#include "tests/unit/storage/database_crash_disk.h"
#include "tests/unit/storage/rocks_log_test_support.h"

namespace holdfast {
namespace {

class LogEpochsTest : public RocksLogTest {
 protected:
  std::vector<Epoch> EpochsInLog() {
    std::vector<Epoch> epochs;
    const Epochs table = log_->epochs();
    for (const EpochStart& start : table.starts()) epochs.push_back(start.epoch);
    return epochs;
  }

  // The rows of the log, as they lie in its first segment.
  std::vector<std::string> Records() {
    std::vector<std::string> records;
    ChangeDatabase([&](rocksdb::DB& db, const Families& families) {
      const std::unique_ptr<rocksdb::Iterator> row(db.NewIterator({}, Find(families, "log-1")));
      for (row->SeekToFirst(); row->Valid(); row->Next()) {
        records.push_back(row->value().ToString());
      }
    });
    return records;
  }
};

TEST_F(LogEpochsTest, EachStartOpensAnEpochAndTheLogSaysSo) {
  Start();
  EXPECT_EQ(opening(), 1U) << "nothing comes before it";
  const NodeId node = log_->node();
  const Index a = Push("a", true);
  AwaitDurable(a);
  Restart();
  EXPECT_EQ(log_->node(), node) << "the directory stays the same node";
  EXPECT_EQ(log_->history().epoch, 2U);
  EXPECT_EQ(log_->promise(), (Promise{.epoch = 2, .primary = node}));
  const Group alone{.primary = node, .sync_set = {{.id = node, .address = ""}}, .version = 1};
  Group again = alone;
  again.version = 2;
  const Epochs epochs = log_->epochs();
  EXPECT_EQ(epochs.starts(), (std::vector<EpochStart>{
                                 {.epoch = 1, .first = 1, .group = alone},
                                 {.epoch = 2, .first = a + 1, .group = again},
                             }));
  const std::vector<std::string> records = Records();
  ASSERT_EQ(records.size(), 3U);
  RecordView record;
  ASSERT_TRUE(DecodeRecord(records[2], record).ok());
  EXPECT_EQ(record.header.epoch, 2U);
  ASSERT_EQ(record.batches.size(), 1U);
  Opening opening;
  ASSERT_TRUE(DecodeOpening(record.batches[0].mutations, opening).ok());
  EXPECT_EQ(opening, (Opening{.epoch = 2, .before = {1, a}, .group = again}));
}

TEST_F(LogEpochsTest, TheOpeningIsDurableWhenAStartReturnsAndTheWitnessKnowsIt) {
  Start();
  EXPECT_EQ(log_->Durable(), opening());
  EXPECT_EQ(log_->LastPushed(), opening());
  EXPECT_EQ(log_->Stats().witness_index, opening());
}

TEST_F(LogEpochsTest, AnEpochBeginsAboveWhateverWasPromised) {
  Start();
  const NodeId node = log_->node();
  log_.reset();
  NodeId other;
  other.bytes.fill('o');
  ASSERT_TRUE(
      WriteNodeMark(dir_ + "/node", {.id = node, .promise = {.epoch = 41, .primary = other}}).ok());
  Start();
  EXPECT_EQ(log_->history().epoch, 42U);
  EXPECT_EQ(EpochsInLog(), (std::vector<Epoch>{1, 42}));
  EXPECT_EQ(log_->promise(), (Promise{.epoch = 42, .primary = node}));
  Restart();
  EXPECT_EQ(EpochsInLog(), (std::vector<Epoch>{1, 42, 43}));
}

TEST_F(LogEpochsTest, ADirectoryThatLostItsNodeIsAnotherOne) {
  Start();
  const NodeId node = log_->node();
  AwaitDurable(Push("a", true));
  log_.reset();
  std::filesystem::remove(dir_ + "/node");
  Start();
  EXPECT_NE(log_->node(), node);
  EXPECT_EQ(heard_.texts, Texts{"a"});
  EXPECT_EQ(log_->history().epoch, 2U);
}

TEST_F(LogEpochsTest, ADamagedNodeIsRefused) {
  Start();
  log_.reset();
  WriteFile(dir_ + "/node", "HFN1 but nothing else");
  ExpectDamaged(dir_ + "/node");
}

// ---- what was trimmed

TEST_F(LogEpochsTest, OfWhatWasTrimmedTheEpochThatGoesOnIsStillKnown) {
  RocksLogOptions options = Options();
  options.segment_bytes = 16 << 10;
  const auto fill = [&](uint64_t segments) {
    while (log_->Stats().segments < segments) AwaitDurable(Push(std::string(4 << 10, 'x'), true));
  };
  for (int start = 0; start < 3; ++start) {
    log_.reset();
    ASSERT_TRUE(TryStart(options).ok());
    fill(3 + static_cast<uint64_t>(start));
  }
  const Epochs whole = log_->epochs();
  ASSERT_EQ(EpochsInLog(), (std::vector<Epoch>{1, 2, 3}));
  const Index third = opening();
  // Into the middle of the third epoch.
  fill(log_->Stats().segments + 3);
  const Index last = log_->Durable();
  log_->Trim(last);
  while (log_->Stats().segments > 2) std::this_thread::yield();
  Cuts cuts;
  cuts.fill(last - 1);
  for (int start = 0; start < 2; ++start) {
    log_.reset();
    const Status status = TryStart(options, cuts);
    ASSERT_TRUE(status.ok()) << status.text();
    EXPECT_GT(replayed_.first, third);
    EXPECT_EQ(log_->epochs().starts().front(), whole.starts().back());
  }
  EXPECT_EQ(EpochsInLog(), (std::vector<Epoch>{3, 4, 5}));
}

// ---- a start that is cut short

class StartCrashTest : public LogEpochsTest {
 protected:
  // An epoch with one batch; the start of the second is watched.
  void SetUp() override {
    Start();
    AwaitDurable(Push("a", true));
    ASSERT_TRUE(log_->Flush().ok());
    log_.reset();
    witness_ = ReadFile(dir_ + "/witness");
    node_ = ReadFile(dir_ + "/node");
    const auto disk = std::make_shared<CrashDisk>();
    disk->Watch(dir_ + "/db");
    RocksLogOptions options = Options();
    options.file_system = disk;
    ASSERT_TRUE(TryStart(options).ok());
    log_.reset();
    moments_ = disk->moments();
  }

  void Leave(const Files& files) const {
    std::filesystem::remove_all(dir_ + "/db");
    std::filesystem::create_directory(dir_ + "/db");
    for (const auto& [name, bytes] : files) WriteFile(dir_ + "/db/" + name, bytes);
    WriteFile(dir_ + "/witness", witness_);
    WriteFile(dir_ + "/node", node_);
  }

  // Each epoch is there once, and the epoch of a start that was cut short is not used again if a
  // record of it could have been written.
  void ExpectAGoodStartAfter(Files CrashDisk::Moment::*left_by_crash) {
    std::set<std::vector<Epoch>> found;
    const Files* before = nullptr;
    for (const CrashDisk::Moment& moment : moments_) {
      const Files& files = moment.*left_by_crash;
      if (before != nullptr && files == *before) continue;
      before = &files;
      Leave(files);
      const Status status = TryStart();
      ASSERT_TRUE(status.ok()) << status.text();
      EXPECT_EQ(heard_.texts, Texts{"a"});
      found.insert(EpochsInLog());
      log_.reset();
    }
    EXPECT_EQ(found, (std::set<std::vector<Epoch>>{{1, 2},      // before the row of epoch 2
                                                   {1, 3},      // between the row and the record
                                                   {1, 2, 3}})  // behind the record
    );
  }

  std::string witness_;
  std::string node_;
  std::vector<CrashDisk::Moment> moments_;
};

TEST_F(StartCrashTest, AKillAtAnyStepOfAStartLeavesALogThatStarts) {
  ExpectAGoodStartAfter(&CrashDisk::Moment::after_kill);
}

TEST_F(StartCrashTest, APowerLossAtAnyStepOfAStartLeavesALogThatStarts) {
  ExpectAGoodStartAfter(&CrashDisk::Moment::after_power_loss);
}

}  // namespace
}  // namespace holdfast

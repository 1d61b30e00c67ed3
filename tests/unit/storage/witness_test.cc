#include "storage/witness.h"

#include <atomic>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "storage/witness_writer.h"
#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

constexpr size_t kSlotBytes = 60;

WitnessMark Mark(Index index) {
  return {.history = TestHistory(), .epoch = 2, .index = index, .server_time = FromUnixMs(5000)};
}

class WitnessTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Witness::Create(path_, Mark(1)).ok()); }

  // The index in the file, or 0 if it is refused.
  Index Read() {
    Witness witness;
    WitnessMark mark;
    const Status status = witness.Open(path_, mark);
    EXPECT_TRUE(status.ok() || status.code() == Status::Code::kDamaged) << status.text();
    return status.ok() ? mark.index : 0;
  }

  TempDir dir_;
  std::string path_ = dir_ / "witness";
};

TEST_F(WitnessTest, TellsWhatWasWrittenLast) {
  Witness witness;
  WitnessMark mark;
  ASSERT_TRUE(witness.Open(path_, mark).ok());
  EXPECT_EQ(mark.index, 1U);
  for (Index index = 10; index < 15; ++index) {
    ASSERT_TRUE(witness.Write(Mark(index)).ok());
    EXPECT_EQ(Read(), index);
  }
  Witness again;
  ASSERT_TRUE(again.Open(path_, mark).ok());
  EXPECT_EQ(mark.history, TestHistory());
  EXPECT_EQ(mark.epoch, 2U);
  EXPECT_EQ(mark.server_time, FromUnixMs(5000));
  ASSERT_TRUE(again.Write(Mark(3)).ok());
  EXPECT_EQ(Read(), 3U) << "the last word counts, also when it is lower";
}

TEST_F(WitnessTest, AnyDamageToTheNewerSlotLeavesTheOlder) {
  Witness witness;
  WitnessMark mark;
  ASSERT_TRUE(witness.Open(path_, mark).ok());
  ASSERT_TRUE(witness.Write(Mark(10)).ok());
  ASSERT_TRUE(witness.Write(Mark(11)).ok());
  const std::string good = ReadFile(path_);
  const size_t newer = good.substr(0, kSlotBytes) > good.substr(4096, kSlotBytes) ? 0 : 4096;
  for (size_t bit = 0; bit < kSlotBytes * 8; ++bit) {
    std::string bad = good;
    bad[newer + bit / 8] = static_cast<char>(bad[newer + bit / 8] ^ (1 << (bit % 8)));
    WriteFile(path_, bad);
    EXPECT_EQ(Read(), 10U) << "bit " << bit;
  }
  for (size_t torn = 1; torn < kSlotBytes; ++torn) {
    std::string bad = good;
    bad.replace(newer + torn, kSlotBytes - torn, kSlotBytes - torn, '\0');
    WriteFile(path_, bad);
    EXPECT_EQ(Read(), 10U) << "torn at " << torn;
  }
}

TEST_F(WitnessTest, WithoutAValidSlotItIsRefused) {
  WriteFile(path_, "");
  EXPECT_EQ(Read(), 0U);
  WriteFile(path_, std::string(8192, '\0'));
  EXPECT_EQ(Read(), 0U);
  Witness witness;
  WitnessMark mark;
  EXPECT_EQ(witness.Open(path_ + ".no", mark).code(), Status::Code::kNotFound);
}

class WitnessWriterTest : public WitnessTest {
 protected:
  void SetUp() override {
    WitnessTest::SetUp();
    WitnessMark mark;
    ASSERT_TRUE(witness_.Open(path_, mark).ok());
    writer_.emplace(witness_, mark, space_, [this](const Status&) { failed_ = true; });
  }

  // Waits for the writer's thread; a wrong one makes the test fail by its time limit.
  void AwaitWritten(Index index) {
    while (writer_->written() != index) std::this_thread::yield();
  }

  Witness witness_;
  DiskSpace space_{"/tmp", ~uint64_t{0} / 2};
  std::atomic<bool> failed_{false};
  std::optional<WitnessWriter> writer_;
};

TEST_F(WitnessWriterTest, WritesByItselfWhenNoSyncFollows) {
  writer_->Start();
  writer_->Note({.epoch = 3, .index = 7}, FromUnixMs(6000));
  AwaitWritten(7);
  EXPECT_EQ(Read(), 7U);
  EXPECT_TRUE(space_.low()) << "its tick looks at the free space";
}

TEST_F(WitnessWriterTest, WritesBesideTheNextSync) {
  writer_->Start();
  for (Index index = 2; index < 20; ++index) {
    writer_->Note({.epoch = 3, .index = index}, FromUnixMs(6000));
    while (writer_->written() != index) {
      writer_->GoBesideSync();
      std::this_thread::yield();
    }
    EXPECT_EQ(Read(), index);
  }
}

TEST_F(WitnessWriterTest, WriteNowTellsTheIndexAndTheLaterOfTheTwoTimes) {
  writer_->Note({.epoch = 3, .index = 9}, FromUnixMs(6000));
  writer_->NoteTime(FromUnixMs(7000));
  ASSERT_TRUE(writer_->WriteNow().ok());
  Witness witness;
  WitnessMark mark;
  ASSERT_TRUE(witness.Open(path_, mark).ok());
  EXPECT_EQ(mark.epoch, 3U);
  EXPECT_EQ(mark.index, 9U);
  EXPECT_EQ(mark.server_time, FromUnixMs(7000));
}

TEST_F(WitnessWriterTest, TheTimeNeverGoesBack) {
  writer_->Note({.epoch = 3, .index = 9}, FromUnixMs(6000));
  writer_->NoteTime(FromUnixMs(10));
  ASSERT_TRUE(writer_->WriteNow().ok());
  writer_->Note({.epoch = 3, .index = 10}, FromUnixMs(20));
  ASSERT_TRUE(writer_->WriteNow().ok());
  Witness witness;
  WitnessMark mark;
  ASSERT_TRUE(witness.Open(path_, mark).ok());
  EXPECT_EQ(mark.server_time, FromUnixMs(6000));
}

}  // namespace
}  // namespace holdfast

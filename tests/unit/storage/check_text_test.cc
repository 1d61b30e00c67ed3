// holdfast-check's command line, its dump and its times.
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/random.h"
#include "storage/check/arguments.h"
#include "storage/check/dump.h"
#include "storage/check/progress.h"
#include "storage/log_segments.h"
#include "tests/unit/storage/check_support.h"

namespace holdfast {
namespace {

Status Parse(std::vector<std::string> words, CheckArguments& out) {
  std::vector<char*> pointers;
  pointers.reserve(words.size());
  for (std::string& word : words) pointers.push_back(word.data());
  out = {};
  return ParseCheckArguments(pointers, out);
}

TEST(CheckArguments, ADirectoryAndWhatToDoWithIt) {
  CheckArguments arguments;
  ASSERT_TRUE(Parse({"d"}, arguments).ok());
  EXPECT_EQ(arguments.directory, "d");
  EXPECT_TRUE(arguments.state);
  EXPECT_FALSE(arguments.cut_tail);
  EXPECT_FALSE(arguments.dump.has_value());
  ASSERT_TRUE(Parse({"--no-state", "d", "--cut-tail"}, arguments).ok());
  EXPECT_FALSE(arguments.state);
  EXPECT_TRUE(arguments.cut_tail);
  ASSERT_TRUE(Parse({"--help"}, arguments).ok());
  EXPECT_TRUE(arguments.help);
}

TEST(CheckArguments, ADumpTakesARangeOrNone) {
  constexpr Index kEnd = std::numeric_limits<Index>::max();
  CheckArguments arguments;
  for (const auto& [words, from, to] :
       std::vector<std::tuple<std::vector<std::string>, Index, Index>>{
           {{"--dump", "d"}, 0, kEnd},
           {{"d", "--dump"}, 0, kEnd},
           {{"--dump", "7", "d"}, 7, 7},
           {{"d", "--dump", "7-"}, 7, kEnd},
           {{"d", "--dump", "7-12"}, 7, 12}}) {
    ASSERT_TRUE(Parse(words, arguments).ok());
    EXPECT_EQ(arguments.directory, "d");
    ASSERT_TRUE(arguments.dump.has_value());
    EXPECT_EQ(arguments.dump->from, from);
    EXPECT_EQ(arguments.dump->to, to);
  }
}

TEST(CheckArguments, AnythingElseIsRefused) {
  CheckArguments arguments;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {""},
                                             {"--cut-tail"},
                                             {"a", "b"},
                                             {"a", "--cut"},
                                             {"a", "--dump", "12-7"},
                                             {"a", "--dump", "--cut-tail"}}) {
    EXPECT_EQ(Parse(words, arguments).code(), Status::Code::kInvalid);
  }
}

TEST(TimeText, TellsUtcWhereThereIsSuchATime) {
  EXPECT_EQ(TimeText(FromUnixMs(1'795'303'035'151)), "1795303035151 (2026-11-21 23:17:15.151 UTC)");
  EXPECT_EQ(TimeText(FromUnixMs(1)), "1 (1970-01-01 00:00:00.001 UTC)");
  EXPECT_EQ(TimeText(FromUnixMs(253'402'300'799'999)),
            "253402300799999 (9999-12-31 23:59:59.999 UTC)");
  for (const int64_t ms :
       {int64_t{0}, int64_t{-5}, int64_t{253'402'300'800'000}, std::numeric_limits<int64_t>::max(),
        std::numeric_limits<int64_t>::min()}) {
    EXPECT_EQ(TimeText(FromUnixMs(ms)), std::to_string(ms));
  }
}

TEST(Progress, WhatIsDoneWithinASecondSaysNothing) {
  std::vector<std::string> said;
  Progress progress([&](const std::string& line) { said.push_back(line); });
  progress.Begin("tables", 100);
  for (int i = 0; i < 1000; ++i) progress.Add(1);
  EXPECT_TRUE(said.empty());
}

// ---- the dump

// Behind the opening, which is batch 1.
class DumpTest : public CheckTest {
 protected:
  void SetUp() override {
    Load();
    node_ = log_->node().Hex();
    Commit("k", StringSet{.value = "1"});
    std::string two;
    AppendMutation(two, {.db = 0, .slot = SlotOf("k"), .key = "k"}, KeyDeleted{});
    AppendMutation(two, {.db = 3, .slot = SlotOf("k"), .key = "k"}, StringSet{.value = "2"});
    CommitBatch(two);
    Commit("l", StringSet{.value = "3"});
    Kill();
  }

  std::string Dump(const DumpRange& range = {}, Status::Code code = Status::Code::kOk) {
    const auto before = Files();
    DataDirectory directory;
    EXPECT_TRUE(directory.OpenExisting(dir_, false).ok());
    std::string text;
    const Status dumped = DumpLog(directory, range, [&](std::string_view line) { text += line; });
    EXPECT_EQ(dumped.code(), code) << dumped.text();
    EXPECT_TRUE(Files() == before) << "a dump changes nothing";
    return text;
  }

  std::string node_;
};

TEST_F(DumpTest, ALineForEachRecordAndOneForEachMutation) {
  const std::string slot = " slot=" + std::to_string(SlotOf("k"));
  const std::string last = " slot=" + std::to_string(SlotOf("l"));
  const std::string record = " epoch=1 acked=";
  const std::string end = " time=1795288000000 segment=log-1\n";
  EXPECT_EQ(Dump({.from = 2}),
            "record first=2 last=2 batches=1 bytes=107" + record + "1" + end +
                "  2 gated StringSet db=0" + slot + " key=\"k\" deadline=0 value=\"1\"\n" +
                "record first=3 last=3 batches=1 bytes=120" + record + "2" + end +
                "  3 gated KeyDeleted db=0" + slot + " key=\"k\"\n" + "  3 gated StringSet db=3" +
                slot + " key=\"k\" deadline=0 value=\"2\"\n" +
                "record first=4 last=4 batches=1 bytes=107" + record + "3" + end +
                "  4 gated StringSet db=0" + last + " key=\"l\" deadline=0 value=\"3\"\n");
  EXPECT_EQ(Dump({.from = 1, .to = 1}),
            "record first=1 last=1 batches=1 bytes=167" + record +
                "0 time=0 segment=log-1\n"
                "  1 gated EpochOpened db=0 slot=0 key=\"\" epoch=1 epoch_before=0 index_before=0 "
                "primary=\"" +
                node_ + "\" version=1 members=1 member=\"" + node_ + "\" at=\"\"\n");
  const std::string second = Dump({.from = 3, .to = 3});
  EXPECT_TRUE(second.starts_with("record first=3 ")) << second;
  EXPECT_EQ(second.find("first=4"), std::string::npos);
  EXPECT_EQ(Dump({.from = 5}), "");
}

TEST_F(DumpTest, DamageIsShownInItsPlaceAndTheRestAllTheSame) {
  ChangeDatabase([](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(db.Delete({}, Find(families, "log-1"), LogRowKey(3)).ok());
    ASSERT_TRUE(db.Put({}, Find(families, "log-1"), LogRowKey(5), "no record").ok());
  });
  const std::string text = Dump({}, Status::Code::kDamaged);
  EXPECT_NE(text.find("\nmissing first=3 last=3\nrecord first=4 "), std::string::npos) << text;
  EXPECT_NE(text.find("\ndamaged segment=log-1 index=5: a record header is cut short\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(Dump({.from = 4, .to = 4}).find("damaged"), std::string::npos);
}

// Records whose hashes fit, as a later version or a fault might write them.
TEST(DumpRecord, HostileBytesDoNotCrashIt) {
  Random random(5);
  for (int round = 0; round < 5'000; ++round) {
    std::string batch;
    for (uint64_t i = random.Below(3) + 1; i > 0; --i) {
      std::string body(random.Below(40), '\0');
      for (char& byte : body) byte = static_cast<char>(random.Next());
      AppendInt(batch, static_cast<uint8_t>(random.Next()));
      AppendInt<uint8_t>(batch, 0);
      AppendInt<uint16_t>(batch, 0);
      AppendInt(batch, static_cast<uint32_t>(body.size() + sizeof(uint32_t)));
      AppendInt<uint32_t>(batch, 0);
      batch += body;
    }
    RecordBuilder builder;
    builder.Append({.mutations = batch});
    std::string record(builder.Seal({.history = {}, .epoch = 1, .first = 7, .acked = 0}));
    int lines = 0;
    const auto count = [&](std::string_view line) {
      ++lines;
      EXPECT_EQ(line.find('\n'), line.size() - 1);
    };
    DumpRecord("log-1", 7, record, {}, count);
    EXPECT_GE(lines, 2);
    record[random.Below(record.size())] = static_cast<char>(random.Next());
    DumpRecord("log-1", 7, record, {}, count);
  }
}

}  // namespace
}  // namespace holdfast

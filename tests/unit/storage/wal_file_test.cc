// RocksDB's write-ahead files as we read them: every whole record, whatever is damaged beside it.
#include "storage/wal_file.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "storage/base/random.h"
#include "tests/unit/storage/check_support.h"

namespace holdfast {
namespace {

using Records = std::vector<std::string>;

Records Whole(const WalContents& contents) {
  Records records;
  for (const auto& fragments : contents.records) {
    records.emplace_back();
    for (const std::string_view fragment : fragments) records.back() += fragment;
  }
  return records;
}

// Small ones, and some that take several blocks.
Records SomeRecords(Random& random) {
  Records records;
  for (int i = 0; i < 12; ++i) {
    const size_t bytes = random.Below(4) == 0 ? random.Below(100'000) : random.Below(3'000);
    records.emplace_back(bytes, static_cast<char>('a' + i));
  }
  return records;
}

std::string FileOf(const Records& records) {
  WalContents contents;
  for (const std::string& record : records) contents.records.push_back({record});
  return WriteWal(contents);
}

TEST(WalFile, KnowsItsChecksum) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(Crc32c("6789", Crc32c("12345")), 0xe3069283U);
}

TEST(WalFile, EveryRecordComesBack) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    const Records records = SomeRecords(random);
    const std::string file = FileOf(records);
    const WalContents contents = ReadWal(file);
    EXPECT_EQ(Whole(contents), records);
    EXPECT_TRUE(contents.damages.empty());
    EXPECT_FALSE(contents.torn_at);
    EXPECT_EQ(WriteWal(contents), file);
  }
}

// Where each record ends in the file of all of them.
std::vector<size_t> EndsOf(const Records& records) {
  std::vector<size_t> ends;
  for (size_t i = 1; i <= records.size(); ++i) {
    ends.push_back(FileOf({records.begin(), records.begin() + static_cast<ptrdiff_t>(i)}).size());
  }
  return ends;
}

TEST(WalFile, CutAnywhereAllRecordsBeforeTheCutComeBackAndNothingIsCalledDamaged) {
  Random random(3);
  const Records records = SomeRecords(random);
  const std::string file = FileOf(records);
  const std::vector<size_t> ends = EndsOf(records);
  for (size_t size = 0; size < file.size(); size += 1 + random.Below(97)) {
    const std::string cut = file.substr(0, size);
    const WalContents contents = ReadWal(cut);
    EXPECT_TRUE(contents.damages.empty()) << size;
    const auto fit = std::upper_bound(ends.begin(), ends.end(), size) - ends.begin();
    EXPECT_EQ(Whole(contents), Records(records.begin(), records.begin() + fit)) << size;
  }
}

TEST(WalFile, AFlippedBitCostsNoRecordOfAnotherBlock) {
  constexpr size_t kBlock = size_t{32} << 10;
  Random random(4);
  const Records records = SomeRecords(random);
  const std::string file = FileOf(records);
  const std::vector<size_t> ends = EndsOf(records);
  for (int round = 0; round < 500; ++round) {
    std::string bad = file;
    const size_t at = random.Below(bad.size());
    bad[at] = static_cast<char>(bad[at] ^ (1 << random.Below(8)));
    const WalContents contents = ReadWal(bad);
    const Records found = Whole(contents);
    ASSERT_TRUE(!contents.damages.empty() || contents.torn_at) << "byte " << at;
    size_t missed = 0;
    for (size_t i = 0; i < records.size(); ++i) {
      const size_t begin = i == 0 ? 0 : ends[i - 1];
      const bool beside = ends[i] <= at / kBlock * kBlock || begin >= (at / kBlock + 1) * kBlock;
      const bool is_found = std::find(found.begin(), found.end(), records[i]) != found.end();
      if (beside && !contents.torn_at) {
        EXPECT_TRUE(is_found) << "byte " << at << " cost record " << i;
      }
      missed += is_found ? 0 : 1;
    }
    EXPECT_GE(missed, 1U);
    EXPECT_EQ(found.size() + missed, records.size()) << "nothing is made up";
    // What is handed on is sound.
    EXPECT_TRUE(ReadWal(WriteWal(contents)).damages.empty());
  }
}

TEST(WalFile, AnEndOfZerosIsAnEndThatWasNeverWritten) {
  const std::string file = FileOf({"one", "two"});
  const std::string zeros = file + std::string(5000, '\0');
  const WalContents contents = ReadWal(zeros);
  EXPECT_EQ(Whole(contents), (Records{"one", "two"}));
  EXPECT_TRUE(contents.damages.empty());
  EXPECT_EQ(contents.torn_at, file.size());
}

// Wherever they begin, in the middle of a record too: as if the file ended with the record before.
TEST(WalFile, ZerosFromAnywhereToTheEndSpoilNothingBeforeThem) {
  Random random(5);
  const Records records = SomeRecords(random);
  const std::string file = FileOf(records);
  const std::vector<size_t> ends = EndsOf(records);
  for (size_t at = 0; at + kZeroEndBytes <= file.size(); at += 1 + random.Below(97)) {
    const std::string lost = file.substr(0, at) + std::string(file.size() - at, '\0');
    const WalContents contents = ReadWal(lost);
    EXPECT_TRUE(contents.damages.empty()) << at;
    const auto fit = std::upper_bound(ends.begin(), ends.end(), at) - ends.begin();
    ASSERT_EQ(Whole(contents), Records(records.begin(), records.begin() + fit)) << at;
    ASSERT_TRUE(contents.torn_at) << at;
    EXPECT_EQ(Whole(ReadWal(lost.substr(0, *contents.torn_at))), Whole(contents)) << at;
  }
}

TEST(Manifest, AFlippedBitIsDamageWhereverItLies) {
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    Random random(seed);
    const Records records = SomeRecords(random);
    const std::string file = FileOf(records);
    EXPECT_TRUE(ReadManifest(file).damages.empty());
    std::vector<size_t> bits(100);
    for (size_t& bit : bits) bit = random.Below(file.size() * 8);
    for (const size_t end : EndsOf(records)) {
      if (end + kWalHeaderBytes > file.size()) continue;
      for (size_t bit = 0; bit < kWalHeaderBytes * 8; ++bit) bits.push_back(end * 8 + bit);
    }
    for (const size_t bit : bits) {
      EXPECT_FALSE(ReadManifest(Flipped(file, bit)).damages.empty()) << "bit " << bit;
    }
  }
}

// As a crash leaves it, with zeros behind the cut or without.
TEST(Manifest, CutAnywhereItIsTornAndNotDamaged) {
  Random random(7);
  const Records records = SomeRecords(random);
  const std::string file = FileOf(records);
  for (size_t size = 0; size < file.size(); size += 1 + random.Below(199)) {
    const std::string cut = file.substr(0, size);
    EXPECT_TRUE(ReadManifest(cut).damages.empty()) << size;
    const std::string zeros = cut + std::string(kZeroEndBytes, '\0');
    const WalContents contents = ReadManifest(zeros);
    EXPECT_TRUE(contents.damages.empty()) << size;
    EXPECT_TRUE(Whole(contents) == Whole(ReadWal(cut))) << size;
  }
}

// The record itself no longer fits its checksum: what follows tells that no crash tore it.
TEST(Manifest, WhatIsWholeBehindATornPlaceIsNotGivenUp) {
  const std::string file = FileOf({"one", "two", "three"});
  std::string bad = Flipped(file, 10 * 8 + 5 * 8);  // the higher byte of the second one's length
  bad[10 + 7] = 'T';
  ASSERT_EQ(ReadWal(bad).torn_at, 10U);
  const WalContents contents = ReadManifest(bad);
  ASSERT_EQ(contents.damages.size(), 1U);
  EXPECT_EQ(contents.damages[0].at, 10U);
  EXPECT_FALSE(contents.torn_at);
  // Nothing follows: nobody can tell.
  bad.resize(20);
  EXPECT_TRUE(ReadManifest(bad).damages.empty());
  EXPECT_EQ(ReadManifest(bad).torn_at, 10U);
}

TEST(WalFile, AnyBytesAreRead) {
  Random random(6);
  for (int round = 0; round < 300; ++round) {
    std::string file(random.Below(70'000), '\0');
    for (char& byte : file) byte = static_cast<char>(random.Below(3) == 0 ? random.Next() : 0);
    const WalContents contents = ReadWal(file);
    EXPECT_TRUE(contents.records.empty());
  }
}

class RocksWalTest : public CheckTest {};

// What RocksDB wrote we read, and what we would write it wrote.
TEST_F(RocksWalTest, RocksDbWritesThemSo) {
  Load();
  Sell();
  for (int i = 0; i < 6; ++i) {
    Commit("large-" + std::to_string(i),
           StringSet{.value = std::string(20'000 + 9'000 * static_cast<size_t>(i), 'v')});
  }
  Kill();
  const std::string file = ReadFile(WalPath());
  ASSERT_GT(file.size(), size_t{200'000});
  const WalContents contents = ReadWal(file);
  EXPECT_TRUE(contents.damages.empty());
  EXPECT_FALSE(contents.torn_at);
  EXPECT_GE(contents.records.size(), last_);
  EXPECT_EQ(WriteWal(contents), file);
}

}  // namespace
}  // namespace holdfast

// The end of RocksDB's tables as we verify it: what is damaged is refused by the table's name, and
// RocksDB never meets it.
#include "storage/table_tail.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/random.h"
#include "storage/checksum.h"
#include "tests/unit/storage/check_support.h"

namespace holdfast {
namespace {

constexpr size_t kFooterBytes = 53;
constexpr size_t kTrailerBytes = 5;

// Fails if anything is read that is not there.
std::string DamageOf(std::string_view table) {
  return FindTableTailDamage(table.size(), [&](uint64_t at, size_t size, std::string& out) {
    EXPECT_LE(at, table.size());
    EXPECT_LE(size, table.size() - at);
    out = table.substr(at, size);
    return true;
  });
}

std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string Handle(uint64_t at, uint64_t bytes) { return Varint(at) + Varint(bytes); }

// As it lies in a table: of no compression, so that nothing is mixed into its checksum.
std::string Block(const std::string& bytes) {
  std::string block = bytes + '\0';
  AppendInt(block, static_cast<uint32_t>(Checksum(bytes)));
  return block;
}

std::string Footer(const std::string& handles, uint8_t checksum = 4, uint32_t version = 5) {
  std::string footer;
  AppendInt(footer, checksum);
  footer += handles;
  footer.resize(41, '\0');
  AppendInt(footer, version);
  AppendInt(footer, uint64_t{0x88e241b785f4cff7});
  return footer;
}

// An entry whose key has `shared` bytes of the one before.
std::string Entry(uint64_t shared, const std::string& own, const std::string& value) {
  return Varint(shared) + Varint(own.size()) + Varint(value.size()) + own + value;
}

std::string Metaindex(const std::string& entries, uint32_t places = 1) {
  std::string bytes = entries;
  for (uint32_t i = 0; i < std::min(places, 2U); ++i) AppendInt(bytes, uint32_t{0});
  AppendInt(bytes, places);
  return bytes;
}

// A table of nothing but an end: the properties, which say nothing, and these.
const std::string kProperties = Block("properties");
std::string TableOf(const std::string& metaindex) {
  const std::string handle = Handle(kProperties.size(), metaindex.size());
  return kProperties + Block(metaindex) + Footer(handle + Handle(0, 10));
}
const std::string kEntry = Entry(0, "rocksdb.properties", Handle(0, 10));

TEST(TableTail, AnEndThatAddsUpIsSound) { EXPECT_EQ(DamageOf(TableOf(Metaindex(kEntry))), ""); }

TEST(TableTail, ThePropertiesAreFoundUnderAKeyThatIsHalfTheOneBefore) {
  const std::string metaindex =
      Metaindex(Entry(0, "rocksdb.first", "?") + Entry(8, "properties", Handle(0, 10)), 2);
  EXPECT_EQ(DamageOf(TableOf(metaindex)), "");
  EXPECT_NE(DamageOf(Flipped(TableOf(metaindex), 3)), "");
}

TEST(TableTail, WhatTheMetaindexClaimsIsNotBelieved) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  const std::string name = "rocksdb.properties";
  const std::string metaindexes[] = {
      "",
      "abc",
      Metaindex("", 0),
      Metaindex("", std::numeric_limits<uint32_t>::max()),
      Metaindex(kEntry, 1U << 31 | 1),
      Metaindex(Entry(0, "rocksdb.other", Handle(0, 10))),
      Metaindex(Entry(1, name, Handle(0, 10))),
      Metaindex(Entry(kMost, name, Handle(0, 10))),
      Metaindex(Varint(0) + Varint(kMost) + Varint(2) + name),
      Metaindex(Varint(0) + Varint(name.size()) + Varint(kMost) + name),
      Metaindex(Varint(0) + Varint(name.size()) + Varint(100) + name + Handle(0, 10)),
      Metaindex(Entry(0, name, "")),
      Metaindex(Entry(0, name, Varint(0))),
      Metaindex(Entry(0, name, std::string(20, '\xff'))),
      Metaindex(Entry(0, name, Handle(0, 9))),
      Metaindex(Entry(0, name, Handle(1, 10))),
      Metaindex(Entry(0, name, Handle(0, kMost))),
      Metaindex(Entry(0, name, Handle(kMost, kMost))),
      Metaindex(Entry(0, name, Handle(kMost - 9, 10))),
      Metaindex(Entry(0, name, Handle(100'000, 0))),
  };
  for (const std::string& metaindex : metaindexes) {
    EXPECT_NE(DamageOf(TableOf(metaindex)), "") << testing::PrintToString(metaindex);
  }
}

TEST(TableTail, WhatTheFooterClaimsIsNotBelieved) {
  const std::string blocks = kProperties + Block(Metaindex(kEntry));
  const uint64_t metaindex_at = kProperties.size();
  const uint64_t metaindex_bytes = Metaindex(kEntry).size();
  const std::string good = Handle(metaindex_at, metaindex_bytes);
  const auto damage_with = [&](const std::string& metaindex, const std::string& index) {
    return DamageOf(blocks + Footer(metaindex + index));
  };
  ASSERT_EQ(damage_with(good, Handle(0, 10)), "");

  const uint64_t hostile[] = {metaindex_at + 1,
                              blocks.size(),
                              blocks.size() - 1,
                              blocks.size() + kFooterBytes,
                              uint64_t{1} << 32,
                              std::numeric_limits<uint64_t>::max() - metaindex_bytes,
                              std::numeric_limits<uint64_t>::max() - 4,
                              std::numeric_limits<uint64_t>::max()};
  for (const uint64_t value : hostile) {
    EXPECT_NE(damage_with(Handle(value, metaindex_bytes), Handle(0, 10)), "");
    EXPECT_NE(damage_with(Handle(metaindex_at, value), Handle(0, 10)), "");
    EXPECT_NE(damage_with(Handle(value, value), Handle(0, 10)), "");
    // The index may lie anywhere in the table: RocksDB verifies it.
    if (value <= blocks.size() - kTrailerBytes) continue;
    EXPECT_NE(damage_with(good, Handle(0, value)), "") << value;
    EXPECT_NE(damage_with(good, Handle(value, 0)), "") << value;
  }
  EXPECT_NE(damage_with(std::string(40, '\xff'), ""), "");
  EXPECT_NE(damage_with(Varint(metaindex_at), ""), "");
  EXPECT_NE(damage_with(good, Handle(0, 10) + '\1'), "");
}

TEST(TableTail, AnotherFormatIsRefusedByItsNumber) {
  const std::string blocks = kProperties + Block(Metaindex(kEntry));
  const std::string handles =
      Handle(kProperties.size(), Metaindex(kEntry).size()) + Handle(0, kProperties.size() - 5);
  EXPECT_EQ(DamageOf(blocks + Footer(handles, 4, 5)), "");
  EXPECT_EQ(DamageOf(blocks + Footer(handles, 4, 7)), "its format is version 7, not 5");
  EXPECT_EQ(DamageOf(blocks + Footer(handles, 4, 4)), "its format is version 4, not 5");
  EXPECT_EQ(DamageOf(blocks + Footer(handles, 0, 5)), "its checksums are of kind 0, not 4");
}

TEST(TableTail, AnyBytesAreRead) {
  Random random(8);
  for (int round = 0; round < 2000; ++round) {
    std::string metaindex(random.Below(60), '\0');
    for (char& byte : metaindex) byte = static_cast<char>(random.Next() >> random.Below(8));
    // The random part, then all of it random.
    EXPECT_NE(DamageOf(TableOf(metaindex)), "");
    EXPECT_NE(DamageOf(kProperties + metaindex + Footer(metaindex.substr(0, 40))), "");
    EXPECT_NE(DamageOf(metaindex), "");
  }
}

TEST(TableTail, WhatNobodyCanReadIsNotCalledDamaged) {
  const std::string table = TableOf(Metaindex(kEntry));
  for (int readable = 0; readable < 3; ++readable) {
    int left = readable;
    const auto read = [&](uint64_t at, size_t size, std::string& out) {
      out = table.substr(at, size);
      return left-- > 0;
    };
    EXPECT_EQ(FindTableTailDamage(table.size(), read), "");
  }
}

// Where a real table's properties begin and end, as its metaindex has it.
struct Extent {
  size_t begin;
  size_t end;
};

size_t TakeVarint(const std::string& bytes, size_t& at) {
  size_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.at(at++));
    value |= size_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
}

Extent PropertiesOf(const std::string& table) {
  const std::string name = "rocksdb.properties";
  size_t at = table.rfind(name) + name.size();
  const size_t begin = TakeVarint(table, at);
  return {.begin = begin, .end = begin + TakeVarint(table, at)};
}

// A directory with tables of every kind: of the meta rows, of several segments, of a snapshot.
class TableTailTest : public CheckTest {
 protected:
  void SetUp() override {
    FillAndKill();
    image_ = dir_;
    for (const auto& [path, bytes] : Files()) {
      if (path.ends_with(".sst")) tables_.emplace_back(path.substr(image_.size()), bytes);
    }
    ASSERT_GE(tables_.size(), 4U);
    UseCopyOf(image_);
    whole_ = Served();
  }

  void UseDamaged(const std::string& file, const std::string& bytes) {
    UseCopyOf(image_);
    WriteFile(dir_ + file, bytes);
  }

  // Both name the table, or nothing is wrong. Returns whether it was refused.
  bool ExpectNamedOrHarmless(const std::string& file, const std::string& bytes,
                             const std::string& what) {
    UseDamaged(file, bytes);
    const CheckReport report = Checked();
    Contents found;
    const Status served = Serve(found);
    log_.reset();
    if (served.ok()) {
      EXPECT_TRUE(report.sound()) << what << ": " << DamageText(report);
      EXPECT_TRUE(found == whole_) << what << " changed what was there without a word";
      return false;
    }
    EXPECT_EQ(served.code(), Status::Code::kDamaged) << what << ": " << served.text();
    EXPECT_NE(served.text().find(file), std::string::npos) << what << ": " << served.text();
    EXPECT_NE(DamageText(report).find(file), std::string::npos) << what << DamageText(report);
    return true;
  }

  std::string image_;
  std::vector<std::pair<std::string, std::string>> tables_;  // names in the directory, and bytes
  Contents whole_;
};

TEST_F(TableTailTest, EveryTableThatIsWrittenIsSound) {
  for (const auto& [file, bytes] : tables_) EXPECT_EQ(DamageOf(bytes), "") << file;
}

TEST_F(TableTailTest, EveryBitOfTheEndIsFoundHereOrByRocksDb) {
  for (const auto& [file, bytes] : tables_) {
    size_t left = 0;
    for (size_t bit = PropertiesOf(bytes).begin * 8; bit < bytes.size() * 8; ++bit) {
      const std::string bad = Flipped(bytes, bit);
      if (!DamageOf(bad).empty()) continue;
      // All but the place of the index, whose checksum RocksDB knows before it looks into it.
      EXPECT_GE(bit / 8, bytes.size() - kFooterBytes) << file << ", bit " << bit;
      ++left;
      if (file == tables_.front().first) {
        ExpectNamedOrHarmless(file, bad, "bit " + std::to_string(bit));
      }
    }
    EXPECT_LE(left, 5 * 8U) << file;
  }
}

// RocksDB, as Debian builds it, ended the process on it: a table that claims a hash index.
TEST_F(TableTailTest, PropertiesThatClaimAHashIndexAreRefusedByTheTablesName) {
  for (const auto& [file, bytes] : tables_) {
    const Extent properties = PropertiesOf(bytes);
    EXPECT_TRUE(ExpectNamedOrHarmless(file, Flipped(bytes, properties.end * 8 - 1), file));
    UseDamaged(file, Flipped(bytes, properties.end * 8 - 1));
    Contents found;
    EXPECT_NE(
        Serve(found).text().find(file + ": its properties block at byte " +
                                 std::to_string(properties.begin) + " does not fit its checksum"),
        std::string::npos);
  }
}

TEST_F(TableTailTest, BitsOfTheEndAreRefusedByTheTablesName) {
  Random random(10);
  for (int round = 0; round < 60; ++round) {
    const auto& [file, bytes] = tables_[random.Below(tables_.size())];
    const Extent properties = PropertiesOf(bytes);
    // One half in the properties, the other behind them.
    const size_t begin = round % 2 == 0 ? properties.begin : properties.end + kTrailerBytes;
    const size_t end = round % 2 == 0 ? properties.end + kTrailerBytes : bytes.size();
    const size_t bit = begin * 8 + random.Below((end - begin) * 8);
    const std::string bad = Flipped(bytes, bit);
    const bool refused =
        ExpectNamedOrHarmless(file, bad, "bit " + std::to_string(bit) + " of " + file);
    EXPECT_TRUE(refused || DamageOf(bad).empty()) << "bit " << bit << " of " << file;
  }
}

TEST_F(TableTailTest, ATableCutAnywhereIsFound) {
  for (const auto& [file, bytes] : tables_) {
    for (size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_NE(DamageOf(std::string_view(bytes).substr(0, size)), "") << file << " at " << size;
    }
    for (const size_t size : {size_t{0}, size_t{1}, kFooterBytes - 1, bytes.size() - 1}) {
      EXPECT_TRUE(ExpectNamedOrHarmless(file, bytes.substr(0, size), "cut"));
    }
  }
}

// As long as it was, for RocksDB knows that from elsewhere.
TEST_F(TableTailTest, ATableOfGarbageIsRefusedByItsName) {
  Random random(11);
  for (const auto& [file, bytes] : tables_) {
    const size_t footer = bytes.size() - kFooterBytes;
    EXPECT_TRUE(ExpectNamedOrHarmless(file, std::string(bytes.size(), '\0'), "zeros"));
    const std::string handles[] = {std::string(40, '\xff'), Handle(uint64_t{1} << 62, 100),
                                   Handle(0, footer) + Handle(0, footer),
                                   Handle(footer, 0) + Handle(footer, 0)};
    for (const std::string& garbage : handles) {
      EXPECT_TRUE(
          ExpectNamedOrHarmless(file, bytes.substr(0, footer) + Footer(garbage), "garbage"));
    }
    std::string noise = bytes;
    for (char& byte : noise) byte = static_cast<char>(random.Next());
    EXPECT_TRUE(ExpectNamedOrHarmless(file, noise, "noise"));
  }
}

}  // namespace
}  // namespace holdfast

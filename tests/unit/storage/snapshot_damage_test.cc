// What a start must refuse of a snapshot that changed while the server was down.
#include <array>
#include <cstdio>
#include <thread>

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include "storage/snapshot_tables.h"
#include "tests/unit/storage/snapshot_test_support.h"

namespace holdfast {
namespace {

class SnapshotDamageTest : public SnapshotTest {
 protected:
  void LeaveSnapshot() {
    Load();
    Push("first", true);
    ASSERT_TRUE(log_->Flush().ok());
    Take(written_, log_->Durable());
    log_.reset();
  }

  using Change = std::function<void(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* snapshot)>;
  void ChangeSnapshot(const Change& change) {
    ChangeDatabase([&](rocksdb::DB& db, const Families& families) {
      ASSERT_NE(Find(families, "snap-1"), nullptr);
      change(db, Find(families, "snap-1"));
    });
  }
  static std::string Row(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* snapshot,
                         const std::string& key) {
    std::string row;
    EXPECT_TRUE(db.Get({}, snapshot, key, &row).ok());
    return row;
  }
  static std::string Hex(const std::string& key) {
    std::string hex;
    for (const char byte : key) {
      std::array<char, 3> digits{};
      std::snprintf(digits.data(), digits.size(), "%02x", static_cast<unsigned char>(byte));
      hex += digits.data();
    }
    return hex;
  }

  const Rows written_ = MakeRows("a", 200, 20);
  const std::string third_ = std::next(written_.begin(), 3)->first;
  const std::string fourth_ = std::next(written_.begin(), 4)->first;
};

TEST_F(SnapshotDamageTest, EveryFlippedBitOfARowShows) {
  LeaveSnapshot();
  std::string row;
  ChangeSnapshot([&](auto& db, auto* snapshot) { row = Row(db, snapshot, third_); });
  std::string_view value;
  ASSERT_TRUE(OpenSnapshotRow(third_, row, value).ok());
  EXPECT_EQ(value, written_.at(third_));
  for (size_t bit = 0; bit < row.size() * 8; ++bit) {
    std::string bad = row;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(OpenSnapshotRow(third_, bad, value).code(), Status::Code::kDamaged) << "bit " << bit;
  }
}

TEST_F(SnapshotDamageTest, AChangedRowIsRefusedAndNamed) {
  LeaveSnapshot();
  ChangeSnapshot([&](auto& db, auto* snapshot) {
    std::string bad = Row(db, snapshot, third_);
    bad[5] = static_cast<char>(bad[5] ^ 1);
    ASSERT_TRUE(db.Put({}, snapshot, third_, bad).ok());
  });
  ExpectLoadDamaged("snap-1, the row under the key " + Hex(third_));
}

TEST_F(SnapshotDamageTest, RowsThatWereSwappedAreRefused) {
  LeaveSnapshot();
  ChangeSnapshot([&](auto& db, auto* snapshot) {
    const std::string third = Row(db, snapshot, third_);
    ASSERT_TRUE(db.Put({}, snapshot, third_, Row(db, snapshot, fourth_)).ok());
    ASSERT_TRUE(db.Put({}, snapshot, fourth_, third).ok());
  });
  ExpectLoadDamaged(Hex(third_));
}

TEST_F(SnapshotDamageTest, ARowUnderAnotherKeyIsRefused) {
  LeaveSnapshot();
  ChangeSnapshot([&](auto& db, auto* snapshot) {
    ASSERT_TRUE(db.Put({}, snapshot, third_ + "!", Row(db, snapshot, third_)).ok());
    ASSERT_TRUE(db.Delete({}, snapshot, third_).ok());
  });
  ExpectLoadDamaged(Hex(third_ + "!"));
}

TEST_F(SnapshotDamageTest, ARowCutShortIsRefused) {
  LeaveSnapshot();
  ChangeSnapshot(
      [&](auto& db, auto* snapshot) { ASSERT_TRUE(db.Put({}, snapshot, third_, "short").ok()); });
  ExpectLoadDamaged(Hex(third_));
}

TEST_F(SnapshotDamageTest, AMissingRowIsRefused) {
  LeaveSnapshot();
  ChangeSnapshot(
      [&](auto& db, auto* snapshot) { ASSERT_TRUE(db.Delete({}, snapshot, third_).ok()); });
  ExpectLoadDamaged("199 rows, but 200 were written");
}

TEST_F(SnapshotDamageTest, ARowOfNoPartitionIsRefused) {
  LeaveSnapshot();
  ChangeSnapshot([&](auto& db, auto* snapshot) {
    ASSERT_TRUE(db.Put({}, snapshot, "\x40 behind", Row(db, snapshot, third_)).ok());
    ASSERT_TRUE(db.Delete({}, snapshot, third_).ok());
  });
  ExpectLoadDamaged("199 rows");
}

// Anywhere in the file: rows, index, footer. What RocksDB does not read again may be harmless. (It
// parses a table's properties before it verifies them: a build of it with assertions stops there at
// the topmost bit of their last number, with a text of its own.)
TEST_F(SnapshotDamageTest, AFlippedBitInATableIsRefusedOrHarmless) {
  Load();
  Push("first", true);
  ASSERT_TRUE(log_->Flush().ok());
  std::string table;
  const auto tables = [&] {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/db")) {
      if (entry.path().extension() == ".sst") paths.push_back(entry.path().string());
    }
    return paths;
  };
  Take(written_, log_->Durable());
  // Meta's rows lie in tables too; the snapshot's is the one that tells them.
  for (const std::string& path : tables()) {
    if (ReadFile(path).find("a 17 xxx") != std::string::npos) table = path;
  }
  log_.reset();
  ASSERT_FALSE(table.empty());
  const std::string whole = ReadFile(table);
  size_t refused = 0;
  for (size_t at = 0; at < whole.size(); at += whole.size() / 31) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 16);
    WriteFile(table, bad);
    log_.reset();
    const Status status = TryLoad();
    if (status.ok()) {
      EXPECT_EQ(rows_, written_) << "byte " << at << " changed rows without a word";
    } else {
      EXPECT_EQ(status.code(), Status::Code::kDamaged) << "byte " << at << ": " << status.text();
      ++refused;
    }
  }
  EXPECT_GT(refused, 25U);
}

TEST_F(SnapshotDamageTest, AChangedMarkIsRefused) {
  LeaveSnapshot();
  ChangeDatabase([](rocksdb::DB& db, const Families& /*families*/) {
    std::string mark;
    ASSERT_TRUE(db.Get({}, "snapshot", &mark).ok());
    mark[30] = static_cast<char>(mark[30] ^ 1);
    ASSERT_TRUE(db.Put({}, "snapshot", mark).ok());
  });
  ExpectLoadDamaged("mark");
}

TEST_F(SnapshotDamageTest, AMarkWithoutItsSnapshotIsRefused) {
  LeaveSnapshot();
  ChangeDatabase([](rocksdb::DB& db, const Families& families) {
    ASSERT_TRUE(db.DropColumnFamily(Find(families, "snap-1")).ok());
  });
  ExpectLoadDamaged("snap-1 is missing");
}

TEST_F(SnapshotDamageTest, ALogThatEndsBeforeACutIsRefused) {
  Load();
  Take(written_, 5);
  ExpectLoadDamaged("up to index 5");
}

// Whoever lost the mark may want the rows: nothing is removed before the data are known to be
// whole.
TEST_F(SnapshotDamageTest, ALostMarkBehindATrimmedLogIsRefusedAndTheRowsAreKept) {
  RocksLogOptions options = SnapshotOptions();
  options.segment_bytes = 16 << 10;
  ASSERT_TRUE(TryLoad(options).ok());
  Index last = 0;
  while (log_->Stats().segments < 5) {
    last = Push(std::string(4 << 10, 'x'), true);
    AwaitDurable(last);
  }
  Take(written_, last);
  log_->Trim(last + 1);
  while (log_->Stats().segments > 2) std::this_thread::yield();
  ChangeDatabase([](rocksdb::DB& db, const Families& /*families*/) {
    ASSERT_TRUE(db.Delete({}, "snapshot").ok());
  });
  ExpectLoadDamaged("is needed from index 1");
  ChangeSnapshot(
      [&](auto& db, auto* snapshot) { EXPECT_FALSE(Row(db, snapshot, third_).empty()); });
}

TEST_F(SnapshotDamageTest, APartThatANewerVersionWroteIsNotTouched) {
  for (const char* name : {"snap-", "snap-01", "snapshot-1"}) {
    dir_ = temp_ / name;
    LeaveSnapshot();
    ChangeDatabase([&](rocksdb::DB& db, const Families& /*families*/) {
      rocksdb::ColumnFamilyHandle* made = nullptr;
      ASSERT_TRUE(db.CreateColumnFamily({}, name, &made).ok());
      db.DestroyColumnFamilyHandle(made);
    });
    const Status status = TryLoad();
    EXPECT_EQ(status.code(), Status::Code::kInvalid);
    EXPECT_NE(status.text().find("'" + std::string(name) + "'"), std::string::npos)
        << status.text();
  }
}

}  // namespace
}  // namespace holdfast

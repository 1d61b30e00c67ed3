#include "tests/unit/storage/snapshot_test_support.h"

#include <algorithm>
#include <utility>

#include "storage/base/random.h"

namespace holdfast {

RocksLogOptions SnapshotTest::SnapshotOptions() {
  RocksLogOptions options = Options();
  options.snapshot_run_bytes = 64 << 10;
  return options;
}

Status SnapshotTest::TryLoad(const RocksLogOptions& options) {
  heard_ = {};
  replayed_ = {};
  rows_.clear();
  std::unique_ptr<RocksLog> log;
  if (Status status = RocksLog::Open(options, log); !status.ok()) return status;
  const SnapshotStore& store = log->snapshots();
  mark_ = store.current();
  for (int partition = 0; partition < kPartitions; ++partition) {
    std::string before;
    const auto take = [&](std::string_view key, std::string_view value) {
      EXPECT_EQ(key.front(), static_cast<char>(partition));
      EXPECT_LT(before, key);
      before = key;
      rows_.emplace(key, value);
      return Status::Ok();
    };
    Status status = store.ForEachRow(static_cast<Partition>(partition), take);
    if (!status.ok()) return status;
  }
  if (Status status = store.CheckCount(rows_.size()); !status.ok()) return status;
  Status status = log->Replay(mark_.cuts, heard_.Listener(), replayed_);
  if (status.ok()) status = log->Start(kNever);
  if (status.ok()) log_ = std::move(log);
  return status;
}

void SnapshotTest::Load() {
  log_.reset();
  const Status status = TryLoad();
  ASSERT_TRUE(status.ok()) << status.text();
}

void SnapshotTest::ExpectLoadDamaged(const std::string& naming) {
  log_.reset();
  const Status status = TryLoad();
  EXPECT_EQ(status.code(), Status::Code::kDamaged) << status.text();
  EXPECT_NE(status.text().find(naming), std::string::npos) << status.text();
  EXPECT_NE(status.text().find("restore the directory"), std::string::npos) << status.text();
}

Status SnapshotTest::TryTake(const Rows& rows, Index cut) {
  if (Status status = snapshots().Begin(); !status.ok()) return status;
  // In no order at all: pieces that change before their turn are written early.
  std::vector<std::pair<std::string, std::string>> shuffled(rows.begin(), rows.end());
  Random random(7);
  for (size_t i = shuffled.size(); i > 1; --i) {
    std::swap(shuffled[i - 1], shuffled[random.Below(i)]);
  }
  for (const auto& [key, value] : shuffled) {
    if (Status status = snapshots().Write(key, value); !status.ok()) return status;
  }
  SnapshotMark mark;
  mark.cuts.fill(cut);
  mark.server_time = FromUnixMs(4711);
  mark.keys = 3 * rows.size();
  return snapshots().Finish(mark);
}

void SnapshotTest::Take(const Rows& rows, Index cut) {
  const Status status = TryTake(rows, cut);
  ASSERT_TRUE(status.ok()) << status.text();
}

Rows SnapshotTest::MakeRows(const std::string& name, size_t count, size_t bytes) {
  Rows rows;
  for (size_t i = 0; i < count; ++i) {
    std::string key(1, static_cast<char>(i % kPartitions));
    key += "/" + std::to_string(i);
    std::string value = name + " " + std::to_string(i) + " ";
    value.resize(std::max(bytes, value.size()), 'x');
    rows.emplace(std::move(key), std::move(value));
  }
  return rows;
}

std::vector<std::string> SnapshotTest::FamilyNames() {
  log_.reset();
  std::vector<std::string> names;
  EXPECT_TRUE(rocksdb::DB::ListColumnFamilies({}, dir_ + "/db", &names).ok());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> SnapshotTest::FilesThatBegin(const std::string& beginning) const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/db")) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(beginning)) names.push_back(name);
  }
  return names;
}

uint64_t SnapshotTest::DirectoryBytes() const {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/db")) {
    // Files come and go while we look; one that is gone counts nothing.
    std::error_code gone;
    const uint64_t size = entry.file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace holdfast

#include "tests/unit/storage/rocks_log_test_support.h"

#include <algorithm>
#include <thread>

namespace holdfast {

class FaultyDisk::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(FaultyDisk& disk, std::string name, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), name_(std::move(name)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* dbg) override {
    const rocksdb::IOStatus met = disk_.Meet(disk_.append_, name_);
    return met.ok() ? FSWritableFileOwnerWrapper::Append(data, options, dbg) : met;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& /*info*/,
                           rocksdb::IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* dbg) override {
    disk_.WaitWhileHeld(name_);
    const rocksdb::IOStatus met = disk_.Meet(disk_.sync_, name_);
    return met.ok() ? FSWritableFileOwnerWrapper::Sync(options, dbg) : met;
  }

 private:
  FaultyDisk& disk_;
  const std::string name_;
};

rocksdb::IOStatus FaultyDisk::NewWritableFile(const std::string& name,
                                              const rocksdb::FileOptions& options,
                                              std::unique_ptr<rocksdb::FSWritableFile>* out,
                                              rocksdb::IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus made = FileSystemWrapper::NewWritableFile(name, options, &file, dbg);
  if (made.ok()) *out = std::make_unique<File>(*this, name, std::move(file));
  return made;
}

void FaultyDisk::Plan(Fault& fault, const std::string& ending, int k) {
  const std::lock_guard lock(mutex_);
  fault = {.ending = ending, .left = k};
}

rocksdb::IOStatus FaultyDisk::Meet(Fault& fault, const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (fault.left == 0 || !name.ends_with(fault.ending)) return rocksdb::IOStatus::OK();
  if (fault.left > 1) {
    --fault.left;
    return rocksdb::IOStatus::OK();
  }
  return rocksdb::IOStatus::IOError("planned fault");
}

void FaultyDisk::HoldSyncs(const std::string& ending) {
  const std::lock_guard lock(mutex_);
  hold_ = ending;
}

void FaultyDisk::ReleaseSyncs() {
  const std::lock_guard lock(mutex_);
  hold_.clear();
  changed_.notify_all();
}

void FaultyDisk::AwaitHeldSync() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return held_ > 0; });
}

void FaultyDisk::WaitWhileHeld(const std::string& name) {
  std::unique_lock lock(mutex_);
  const auto free = [&] { return hold_.empty() || !name.ends_with(hold_); };
  if (free()) return;
  ++held_;
  changed_.notify_all();
  changed_.wait(lock, free);
  --held_;
}

RocksLogOptions RocksLogTest::Options() {
  RocksLogOptions options;
  options.directory = dir_;
  options.disk_reserve_bytes = 0;
  options.fatal = [this](const Status& status) {
    const std::lock_guard lock(fatal_mutex_);
    fatal_.push_back(status.text());
  };
  return options;
}

std::vector<std::string> RocksLogTest::Fatal() {
  const std::lock_guard lock(fatal_mutex_);
  return fatal_;
}

Status RocksLogTest::TryStart(const RocksLogOptions& options, const Cuts& cuts) {
  heard_ = {};
  replayed_ = {};
  std::unique_ptr<RocksLog> log;
  if (Status status = RocksLog::Open(options, log); !status.ok()) return status;
  if (Status status = log->Replay(cuts, heard_.Listener(), replayed_); !status.ok()) return status;
  if (Status status = log->Start(kNever); !status.ok()) return status;
  log_ = std::move(log);
  return Status::Ok();
}

void RocksLogTest::ExpectDamaged(const std::string& naming) {
  log_.reset();
  const Status status = TryStart();
  EXPECT_EQ(status.code(), Status::Code::kDamaged) << status.text();
  EXPECT_NE(status.text().find(naming), std::string::npos) << status.text();
  EXPECT_NE(status.text().find("restore the directory"), std::string::npos) << status.text();
}

void RocksLogTest::ChangeDatabase(
    const std::function<void(rocksdb::DB& db, const Families& families)>& change) {
  log_.reset();
  rocksdb::DBOptions options;
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(options, dir_ + "/db", &names).ok());
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(names.size());
  for (const std::string& name : names) {
    descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions());
  }
  Families families;
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, dir_ + "/db", descriptors, &families, &raw).ok());
  const std::unique_ptr<rocksdb::DB> db(raw);
  change(*db, families);
  for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
}

rocksdb::ColumnFamilyHandle* RocksLogTest::Find(const Families& families, const std::string& name) {
  const auto found = std::find_if(families.begin(), families.end(),
                                  [&](const auto* family) { return family->GetName() == name; });
  return found == families.end() ? nullptr : *found;
}

Index RocksLogTest::Push(const std::string& text, bool gated) {
  const std::string batch = Mutations(text);
  return log_->Push({.mutations = batch, .gated = gated, .server_time = FromUnixMs(1000)});
}

void RocksLogTest::AwaitDurable(Index index) {
  while (log_->Durable() < index) std::this_thread::yield();
}

}  // namespace holdfast

#include "tests/unit/storage/database_crash_disk.h"

#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include <unistd.h>

#include "tests/unit/storage/log_test_support.h"

// RocksDB sleeps for a second behind a write that failed, in case the disk gets well again: in a
// test of a hundred days, each of which ends with one, that is all that takes time.
extern "C" int usleep(useconds_t) {
  const timespec moment{.tv_sec = 0, .tv_nsec = 100'000};
  return nanosleep(&moment, nullptr);
}

namespace holdfast {
namespace {

using rocksdb::FSWritableFileOwnerWrapper;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::string FileName(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

// How far from where it was sent a read goes astray.
constexpr uint64_t kElsewhere = 512;

// RocksDB's own diary and lock are no data.
bool IsData(const std::string& name) { return !name.starts_with("LO"); }

Files FilesIn(const std::string& directory) {
  Files files;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(directory, missing)) {
    const std::string name = entry.path().filename().string();
    if (IsData(name)) files.emplace(name, ReadFile(entry.path().string()));
  }
  return files;
}

}  // namespace

class CrashDisk::File : public FSWritableFileOwnerWrapper {
 public:
  File(CrashDisk& disk, std::string name, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), name_(std::move(name)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* dbg) override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.BeforeChange();
    const bool due = IsData(name_) && disk_.IsDue(Call::kAppend);
    const bool torn = due && disk_.fault_.effect == Effect::kTears;
    const rocksdb::Slice written(data.data(), due ? (torn ? data.size() / 2 : 0) : data.size());
    disk_.tracked_[name_].size += written.size();
    IOStatus status = FSWritableFileOwnerWrapper::Append(written, options, dbg);
    return due ? disk_.Meet("appending to " + name_) : status;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.BeforeChange();
    if (disk_.IsDue(Call::kSync)) return disk_.Meet("syncing " + name_);
    Tracked& file = disk_.tracked_[name_];
    file.synced = file.size;
    return IOStatus::OK();
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Sync(options, dbg);
  }
  IOStatus RangeSync(uint64_t /*offset*/, uint64_t /*bytes*/, const IOOptions& /*options*/,
                     IODebugContext* /*dbg*/) override {
    return IOStatus::OK();  // promises nothing
  }

 private:
  CrashDisk& disk_;
  const std::string name_;
};

class CrashDisk::Directory : public rocksdb::FSDirectory {
 public:
  explicit Directory(CrashDisk& disk) : disk_(disk) {}
  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.BeforeChange();
    if (disk_.IsDue(Call::kSyncDirectory)) return disk_.Meet("syncing the directory");
    for (auto& [name, file] : disk_.tracked_) {
      file.name_synced = true;
      file.replaced.reset();
    }
    return IOStatus::OK();
  }
  IOStatus Close(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return IOStatus::OK();
  }

 private:
  CrashDisk& disk_;
};

// A misdirected read comes from elsewhere in the file: from its begin, or from behind.
class CrashDisk::SequentialFile : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  SequentialFile(CrashDisk& disk, std::string name, std::unique_ptr<rocksdb::FSSequentialFile> file)
      : FSSequentialFileOwnerWrapper(std::move(file)), disk_(disk), name_(std::move(name)) {}

  IOStatus Read(size_t n, const IOOptions& options, rocksdb::Slice* result, char* scratch,
                IODebugContext* dbg) override {
    const std::lock_guard lock(disk_.mutex_);
    if (!IsData(name_) || !disk_.IsDue(Call::kRead))
      return FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, dbg);
    IOStatus met = disk_.Meet("reading " + name_);
    if (disk_.fault_.effect == Effect::kFails) return met;
    if (disk_.fault_.effect == Effect::kMisdirected) {
      IOStatus skipped = FSSequentialFileOwnerWrapper::Skip(kElsewhere);
      if (!skipped.ok()) return skipped;
    }
    IOStatus status = FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, dbg);
    if (disk_.fault_.effect == Effect::kTears) *result = {result->data(), result->size() / 2};
    return status;
  }

 private:
  CrashDisk& disk_;
  const std::string name_;
};

class CrashDisk::RandomAccessFile : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  RandomAccessFile(CrashDisk& disk, std::string name,
                   std::unique_ptr<rocksdb::FSRandomAccessFile> file)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), disk_(disk), name_(std::move(name)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, rocksdb::Slice* result,
                char* scratch, IODebugContext* dbg) const override {
    const std::lock_guard lock(disk_.mutex_);
    if (!IsData(name_) || !disk_.IsDue(Call::kRead))
      return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, dbg);
    IOStatus met = disk_.Meet("reading " + name_);
    if (disk_.fault_.effect == Effect::kFails) return met;
    if (disk_.fault_.effect == Effect::kMisdirected) offset = offset > 0 ? 0 : kElsewhere;
    IOStatus status =
        FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, dbg);
    if (disk_.fault_.effect == Effect::kTears) *result = {result->data(), result->size() / 2};
    return status;
  }

 private:
  CrashDisk& disk_;
  const std::string name_;
};

void CrashDisk::Watch(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  directory_ = directory;
  watches_ = true;
}

std::vector<CrashDisk::Moment> CrashDisk::moments() const {
  const std::lock_guard lock(mutex_);
  return moments_;
}

void CrashDisk::Plan(const std::string& directory, const Fault& fault) {
  const std::lock_guard lock(mutex_);
  directory_ = directory;
  fault_ = fault;
  fault_met_ = false;
}

bool CrashDisk::FaultMet() const {
  const std::lock_guard lock(mutex_);
  return fault_met_;
}

CrashDisk::Moment CrashDisk::Look() const {
  const std::lock_guard lock(mutex_);
  return Now();
}

bool CrashDisk::IsDue(Call call) {
  return fault_.call == call && fault_.in > 0 && --fault_.in == 0;
}

IOStatus CrashDisk::Meet(const std::string& what) {
  fault_met_ = true;
  return IOStatus::IOError("planned fault", what);
}

CrashDisk::Moment CrashDisk::Now() const {
  Moment moment;
  moment.after_kill = FilesIn(directory_);
  moment.after_power_loss = moment.after_kill;
  DropUnsynced(moment.after_power_loss);
  return moment;
}

void CrashDisk::BeforeChange() {
  if (watches_) moments_.push_back(Now());
}

void CrashDisk::DropUnsynced(Files& files) const {
  for (const auto& [name, file] : tracked_) {
    const auto found = files.find(name);
    if (found == files.end()) continue;
    if (file.replaced) {
      found->second = *file.replaced;
    } else if (!file.name_synced) {
      files.erase(found);
    } else if (found->second.size() > file.synced) {
      found->second.resize(file.synced);
    }
  }
}

IOStatus CrashDisk::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* out,
                                    IODebugContext* dbg) {
  const std::lock_guard lock(mutex_);
  BeforeChange();
  if (IsData(FileName(name)) && IsDue(Call::kCreate)) return Meet("making " + FileName(name));
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = FileSystemWrapper::NewWritableFile(name, options, &file, dbg);
  if (!status.ok()) return status;
  tracked_[FileName(name)] = {};
  *out = std::make_unique<File>(*this, FileName(name), std::move(file));
  return status;
}

IOStatus CrashDisk::NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* out,
                                      IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  IOStatus status = FileSystemWrapper::NewSequentialFile(name, options, &file, dbg);
  if (status.ok()) *out = std::make_unique<SequentialFile>(*this, FileName(name), std::move(file));
  return status;
}

IOStatus CrashDisk::NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* out,
                                        IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSRandomAccessFile> file;
  IOStatus status = FileSystemWrapper::NewRandomAccessFile(name, options, &file, dbg);
  if (status.ok())
    *out = std::make_unique<RandomAccessFile>(*this, FileName(name), std::move(file));
  return status;
}

IOStatus CrashDisk::NewDirectory(const std::string& /*name*/, const IOOptions& /*options*/,
                                 std::unique_ptr<rocksdb::FSDirectory>* out,
                                 IODebugContext* /*dbg*/) {
  *out = std::make_unique<Directory>(*this);
  return IOStatus::OK();
}

IOStatus CrashDisk::DeleteFile(const std::string& name, const IOOptions& options,
                               IODebugContext* dbg) {
  const std::lock_guard lock(mutex_);
  BeforeChange();
  tracked_.erase(FileName(name));
  return FileSystemWrapper::DeleteFile(name, options, dbg);
}

IOStatus CrashDisk::RenameFile(const std::string& from, const std::string& to,
                               const IOOptions& options, IODebugContext* dbg) {
  const std::lock_guard lock(mutex_);
  BeforeChange();
  if (IsData(FileName(to)) && IsDue(Call::kRename)) return Meet("naming " + FileName(to));
  std::optional<std::string> replaced;
  if (std::filesystem::exists(to)) replaced = ReadFile(to);
  IOStatus status = FileSystemWrapper::RenameFile(from, to, options, dbg);
  if (!status.ok()) return status;
  Tracked moved = std::move(tracked_[FileName(from)]);
  moved.name_synced = false;
  moved.replaced = std::move(replaced);
  tracked_.erase(FileName(from));
  tracked_[FileName(to)] = std::move(moved);
  return status;
}

IOStatus CrashDisk::LinkFile(const std::string& from, const std::string& to,
                             const IOOptions& options, IODebugContext* dbg) {
  const std::lock_guard lock(mutex_);
  BeforeChange();
  if (IsDue(Call::kLink)) return Meet("linking " + FileName(to));
  IOStatus status = FileSystemWrapper::LinkFile(from, to, options, dbg);
  if (!status.ok()) return status;
  const Tracked& linked = tracked_[FileName(from)];
  tracked_[FileName(to)] = {.size = linked.size, .synced = linked.synced};
  return status;
}

}  // namespace holdfast

#include "tests/unit/storage/database_crash_disk.h"

#include <filesystem>
#include <utility>

#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

using rocksdb::FSWritableFileOwnerWrapper;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::string FileName(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

// RocksDB's own diary and lock are no data.
bool IsData(const std::string& name) { return !name.starts_with("LO"); }

Files FilesIn(const std::string& directory) {
  Files files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
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
    disk_.tracked_[name_].size += data.size();
    return FSWritableFileOwnerWrapper::Append(data, options, dbg);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    const std::lock_guard lock(disk_.mutex_);
    disk_.BeforeChange();
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

void CrashDisk::Watch(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  directory_ = directory;
}

std::vector<CrashDisk::Moment> CrashDisk::moments() const {
  const std::lock_guard lock(mutex_);
  return moments_;
}

void CrashDisk::BeforeChange() {
  if (directory_.empty()) return;
  Moment moment;
  moment.after_kill = FilesIn(directory_);
  moment.after_power_loss = moment.after_kill;
  DropUnsynced(moment.after_power_loss);
  moments_.push_back(std::move(moment));
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
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus status = FileSystemWrapper::NewWritableFile(name, options, &file, dbg);
  if (!status.ok()) return status;
  tracked_[FileName(name)] = {};
  *out = std::make_unique<File>(*this, FileName(name), std::move(file));
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
  IOStatus status = FileSystemWrapper::LinkFile(from, to, options, dbg);
  if (!status.ok()) return status;
  const Tracked& linked = tracked_[FileName(from)];
  tracked_[FileName(to)] = {.size = linked.size, .synced = linked.synced};
  return status;
}

}  // namespace holdfast

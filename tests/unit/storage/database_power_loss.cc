#include "tests/unit/storage/database_power_loss.h"

#include <filesystem>
#include <utility>

#include "tests/unit/storage/log_test_support.h"

namespace holdfast {

using rocksdb::FSWritableFileOwnerWrapper;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// Syncs are only remembered, not passed on: the tests' disk keeps its power.
class PowerLossDisk::File : public FSWritableFileOwnerWrapper {
 public:
  File(PowerLossDisk& disk, std::string name, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), name_(std::move(name)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* dbg) override {
    IOStatus status = disk_.Change();
    if (status.ok()) status = FSWritableFileOwnerWrapper::Append(data, options, dbg);
    if (status.ok()) disk_.Appended(name_, data.size());
    return status;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    IOStatus status = disk_.Change();
    if (status.ok()) disk_.Synced(name_);
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override {
    return Sync(options, dbg);
  }
  IOStatus RangeSync(uint64_t /*offset*/, uint64_t /*bytes*/, const IOOptions& /*options*/,
                     IODebugContext* /*dbg*/) override {
    return IOStatus::OK();  // promises nothing
  }

 private:
  PowerLossDisk& disk_;
  const std::string name_;
};

class PowerLossDisk::Directory : public rocksdb::FSDirectory {
 public:
  explicit Directory(PowerLossDisk& disk) : disk_(disk) {}
  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    IOStatus status = disk_.Change();
    if (status.ok()) disk_.DirectorySynced();
    return status;
  }
  IOStatus Close(const IOOptions& /*options*/, IODebugContext* /*dbg*/) override {
    return IOStatus::OK();
  }

 private:
  PowerLossDisk& disk_;
};

void PowerLossDisk::FailAt(int k) {
  const std::lock_guard lock(mutex_);
  left_ = k;
}

bool PowerLossDisk::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

IOStatus PowerLossDisk::Change() {
  const std::lock_guard lock(mutex_);
  if (left_ > 0 && --left_ == 0) failed_ = true;
  return failed_ ? IOStatus::IOError("the power is gone") : IOStatus::OK();
}

void PowerLossDisk::Appended(const std::string& name, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  files_[name].size += bytes;
}

void PowerLossDisk::Synced(const std::string& name) {
  const std::lock_guard lock(mutex_);
  files_[name].synced = files_[name].size;
}

// There is only one directory.
void PowerLossDisk::DirectorySynced() {
  const std::lock_guard lock(mutex_);
  for (auto& [name, file] : files_) {
    file.name_synced = true;
    file.replaced.reset();
  }
}

IOStatus PowerLossDisk::NewWritableFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSWritableFile>* out,
                                        IODebugContext* dbg) {
  if (IOStatus status = Change(); !status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus made = FileSystemWrapper::NewWritableFile(name, options, &file, dbg);
  if (!made.ok()) return made;
  *out = std::make_unique<File>(*this, name, std::move(file));
  const std::lock_guard lock(mutex_);
  files_[name] = {};
  return made;
}

IOStatus PowerLossDisk::ReopenWritableFile(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* out,
                                           IODebugContext* dbg) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  IOStatus opened = FileSystemWrapper::ReopenWritableFile(name, options, &file, dbg);
  if (opened.ok()) *out = std::make_unique<File>(*this, name, std::move(file));
  return opened;
}

IOStatus PowerLossDisk::NewDirectory(const std::string& /*name*/, const IOOptions& /*options*/,
                                     std::unique_ptr<rocksdb::FSDirectory>* out,
                                     IODebugContext* /*dbg*/) {
  *out = std::make_unique<Directory>(*this);
  return IOStatus::OK();
}

IOStatus PowerLossDisk::DeleteFile(const std::string& name, const IOOptions& options,
                                   IODebugContext* dbg) {
  IOStatus status = Change();
  if (status.ok()) status = FileSystemWrapper::DeleteFile(name, options, dbg);
  const std::lock_guard lock(mutex_);
  if (status.ok()) files_.erase(name);
  return status;
}

IOStatus PowerLossDisk::RenameFile(const std::string& from, const std::string& to,
                                   const IOOptions& options, IODebugContext* dbg) {
  if (IOStatus status = Change(); !status.ok()) return status;
  std::optional<std::string> replaced;
  if (std::filesystem::exists(to)) replaced = ReadFile(to);
  IOStatus status = FileSystemWrapper::RenameFile(from, to, options, dbg);
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  Tracked moved = std::move(files_[from]);
  files_.erase(from);
  moved.name_synced = false;
  moved.replaced = std::move(replaced);
  files_[to] = std::move(moved);
  return status;
}

IOStatus PowerLossDisk::LinkFile(const std::string& from, const std::string& to,
                                 const IOOptions& options, IODebugContext* dbg) {
  IOStatus status = Change();
  if (status.ok()) status = FileSystemWrapper::LinkFile(from, to, options, dbg);
  const std::lock_guard lock(mutex_);
  if (status.ok()) files_[to] = {.size = files_[from].size, .synced = files_[from].synced};
  return status;
}

void PowerLossDisk::LoseUnsynced() {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, file] : files_) {
    if (!std::filesystem::exists(name)) continue;
    if (file.replaced) {
      WriteFile(name, *file.replaced);
    } else if (!file.name_synced) {
      std::filesystem::remove(name);
    } else if (std::filesystem::file_size(name) > file.synced) {
      std::filesystem::resize_file(name, file.synced);
    }
  }
  files_.clear();
}

}  // namespace holdfast

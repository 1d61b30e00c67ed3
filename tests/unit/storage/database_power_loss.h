// A disk under the database whose power fails at the k-th change: from there on nothing reaches it,
// and what was not synced before can be taken from it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <rocksdb/file_system.h>

namespace holdfast {

// A change is an append, a truncation, a sync, a name made, moved, linked or taken away. Of what
// was not synced nothing survives; a name that was taken away stays away.
class PowerLossDisk : public rocksdb::FileSystemWrapper {
 public:
  PowerLossDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "PowerLossDisk"; }

  // The k-th change from now on is the first that fails.
  void FailAt(int k);
  bool failed() const;
  // Once the database is closed: takes away what was not synced, as a power loss does and the kill
  // of a process does not.
  void LoseUnsynced();

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* out,
                                    rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* out,
                                       rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* out,
                                 rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* dbg) override;

 private:
  class File;
  class Directory;
  struct Tracked {
    uint64_t size = 0;
    uint64_t synced = 0;
    bool name_synced = false;
    std::optional<std::string> replaced{};  // the bytes that the name had before
  };
  rocksdb::IOStatus Change();
  void Appended(const std::string& name, uint64_t bytes);
  void Synced(const std::string& name);
  void DirectorySynced();

  mutable std::mutex mutex_;
  int left_ = 0;  // 0: no failure planned
  bool failed_ = false;
  std::map<std::string, Tracked> files_;
};

}  // namespace holdfast

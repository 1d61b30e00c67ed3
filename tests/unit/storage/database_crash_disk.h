// A disk under the database that tells what crashes would leave on it: before each change it keeps
// what is there, and what of that a power loss would take. So one run shows every moment at which
// it can be cut short.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <rocksdb/file_system.h>

namespace holdfast {

// What a directory holds: bytes by the names of their files.
using Files = std::map<std::string, std::string>;

// A change is an append, a sync, a name made, moved, linked or taken away. A power loss takes all
// that was not synced, and names as long as their directory was not; a name that was taken away
// stays away. Syncs are only remembered, not passed on: the tests' own disk keeps its power.
class CrashDisk : public rocksdb::FileSystemWrapper {
 public:
  struct Moment {
    Files after_kill;
    Files after_power_loss;
  };

  CrashDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "CrashDisk"; }

  // From now on each change of what is in `directory` makes a moment: the one before it. It must be
  // the only directory that is written.
  void Watch(const std::string& directory);
  std::vector<Moment> moments() const;

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
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
  // A file that was made since the disk was: of others everything is synced.
  struct Tracked {
    uint64_t size = 0;
    uint64_t synced = 0;
    bool name_synced = false;
    std::optional<std::string> replaced{};  // the bytes that the name had before
  };
  // All under the mutex, so that nothing changes while a moment is kept.
  void BeforeChange();
  void DropUnsynced(Files& files) const;

  mutable std::mutex mutex_;
  std::string directory_;  // empty: not watched
  std::vector<Moment> moments_;
  std::map<std::string, Tracked> tracked_;  // by the files' names
};

}  // namespace holdfast

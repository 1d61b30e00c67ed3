// A disk under the database that tells what crashes would leave on it: before each change it keeps
// what is there, and what of that a power loss would take. So one run shows every moment at which
// it can be cut short. And a disk of which one call, the k-th of its kind, goes wrong.
#pragma once

#include <cstdint>
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
  // What a call does to the disk.
  enum class Call : uint8_t { kAppend, kSync, kSyncDirectory, kCreate, kRename, kLink, kRead };
  enum class Effect : uint8_t {
    kFails,        // nothing was done, and the caller is told
    kTears,        // half of it was done, and the caller is told (of a read: he is not)
    kMisdirected,  // a read: of other bytes of the file, and nobody is told
  };
  // It happens once: who tries again succeeds, as on a disk that lost what it was given and has
  // told of it.
  struct Fault {
    Call call;
    uint64_t in;  // so many calls of the kind ahead, 1 is the next
    Effect effect = Effect::kFails;
  };

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

  // Of what is in `directory`, which must be the only one that is written.
  void Plan(const std::string& directory, const Fault& fault);
  bool FaultMet() const;
  // What a crash now would leave.
  Moment Look() const;

  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* out,
                                      rocksdb::IODebugContext* dbg) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* out,
                                        rocksdb::IODebugContext* dbg) override;
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
  class SequentialFile;
  class RandomAccessFile;
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
  Moment Now() const;
  // Whether the planned fault is this call's.
  bool IsDue(Call call);
  rocksdb::IOStatus Meet(const std::string& what);

  mutable std::mutex mutex_;
  std::string directory_;
  bool watches_ = false;
  std::vector<Moment> moments_;
  Fault fault_{.call = Call::kAppend, .in = 0};  // in 0: none
  bool fault_met_ = false;
  std::map<std::string, Tracked> tracked_;  // by the files' names
};

}  // namespace holdfast

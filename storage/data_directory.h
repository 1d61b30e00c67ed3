// The data directory: one owner at a time, and nothing of anybody else in it.
//
//   holdfast.lock   locked as long as a server has the directory
//   witness         see storage/witness.h
//   node            see storage/node_mark.h
//   db/             RocksDB: see storage/database.h
//   db.restoring/   a restore that is not done: see storage/backup_directory.h
#pragma once

#include <string>
#include <string_view>

#include "storage/base/status.h"

namespace holdfast {

inline constexpr std::string_view kRestoringName = "db.restoring";

class DataDirectory {
 public:
  DataDirectory() = default;
  // Gives the lock back.
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  // Makes the directory (not its parents) if it is missing, and locks it. kBusy: another process,
  // or this one, has it. kInvalid: not a directory, not permitted, or it holds things that are not
  // ours.
  Status Open(const std::string& path);

  // Only what is there, and a server has left: the lock is taken as well, but nothing is made (with
  // `may_write`, the lock file). kNotFound: no such directory. kInvalid: it holds no data of ours.
  // kBusy: a server has it.
  Status OpenExisting(const std::string& path, bool may_write);

  const std::string& path() const { return path_; }
  std::string db() const { return path_ + "/db"; }
  std::string witness() const { return path_ + "/witness"; }
  std::string node() const { return path_ + "/node"; }

 private:
  Status CheckForeign() const;
  void SetPath(const std::string& path);
  Status Lock(int flags, std::string_view what_to_do);

  std::string path_;
  int lock_fd_ = -1;
};

// Makes names that were added to or removed from the directory of `path` durable.
Status SyncDirectoryOf(const std::string& path);

// The file is `bytes` now, durably when it returns Ok. A crash leaves what was there or this, never
// a part.
Status ReplaceFile(const std::string& path, std::string_view bytes);
// All of it, or as much as its first bytes_max. kNotFound: there is none.
Status ReadSmallFile(const std::string& path, size_t bytes_max, std::string& out);

}  // namespace holdfast

// A directory of backups, best on another disk. RocksDB's BackupEngine makes them: tables never
// change, so a backup copies only those that no earlier one has, and the end of the write-ahead
// log. Each is whole by itself, and so is what is left when others are removed.
//
//   <directory>/holdfast.lock                    locked while a backup is made
//   <directory>/meta, private, shared_checksum   BackupEngine's; the mark: storage/backup_mark.h
//
// What a backup holds is a prefix of the log, up to its mark's index or some batches further, and
// the snapshot that was the current one: what a kill -9 at that moment would have left.
//
// A restore writes into "<to>/db.restoring", then the witness, and takes the name "db" last: until
// then nobody takes what lies there for data.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/backup_mark.h"
#include "storage/base/status.h"

namespace rocksdb {
class BackupEngine;
}

namespace holdfast {

class Database;

struct BackupInfo {
  uint32_t number = 0;  // rising
  BackupMark mark{};
  uint64_t bytes = 0;
  uint64_t bytes_own = 0;  // of these, in no other backup that is there

  bool operator==(const BackupInfo&) const = default;
};

// For making backups. Owner: one thread, but for GiveUp.
class BackupDirectory {
 public:
  ~BackupDirectory();
  BackupDirectory(const BackupDirectory&) = delete;
  BackupDirectory& operator=(const BackupDirectory&) = delete;

  // Makes the directory when only its last component is missing, locks it, and removes what backups
  // left that were cut short. kInvalid: not a directory, not permitted, or it holds other things;
  // kBusy: another process makes a backup there. Not more than `bytes_per_second` (0: no limit)
  // will be written.
  static Status Open(const std::string& path, uint64_t bytes_per_second,
                     std::unique_ptr<BackupDirectory>& out);

  // Those that are whole, by rising number.
  std::vector<BackupInfo> List() const;

  // `copied` is told now and then how many bytes were. Every file is read again and checked. Not
  // ok: there is no new backup. kInvalid: the directory holds backups of another history.
  Status Make(Database& database, const BackupMark& mark,
              const std::function<void(uint64_t)>& copied, BackupInfo& made);
  // The newest `count` stay.
  Status Keep(uint32_t count);

  // Any thread. Make ends soon, for good.
  void GiveUp();

 private:
  BackupDirectory() = default;
  Status Prepare();
  Status CheckHistory(const HistoryId& history) const;

  std::string path_;
  int lock_fd_ = -1;
  std::unique_ptr<rocksdb::BackupEngine> engine_;
};

// All backups in a directory, by rising number. kInvalid: it is no directory of backups.
Status ListBackups(const std::string& directory, std::vector<BackupInfo>& out);

// Brings backup `number` (0: the newest) into the log directory `to`, which is missing or empty, or
// where a restore was cut short. Every file is checked against the checksum that it was copied
// with. `restored` is told now and then how many bytes are there. Nobody else may use `to`
// meanwhile. Durable when it returns Ok.
Status RestoreBackup(const std::string& directory, uint32_t number, const std::string& to,
                     const std::function<void(uint64_t bytes, uint64_t of)>& restored,
                     BackupInfo& info);

}  // namespace holdfast

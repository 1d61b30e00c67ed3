#include "server/restore.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "server/data_dir.h"
#include "storage/backup_directory.h"

namespace holdfast {
namespace {

// "2026-11-22 07:05:09 UTC".
std::string TextOf(UnixMs instant) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(instant);
  std::tm utc{};
  char text[32] = "";
  if (gmtime_r(&seconds, &utc) != nullptr) {
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc);
  }
  return text;
}

unsigned long long Mebibytes(uint64_t bytes) { return bytes >> 20; }

void PrintProgress(uint64_t bytes, uint64_t of) {
  std::printf("Restoring: %llu of %llu MB\n", Mebibytes(bytes), Mebibytes(of));
  std::fflush(stdout);
}

}  // namespace

Status PrintBackups(const StartRequest& request) {
  std::vector<BackupInfo> backups;
  if (Status status = ListBackups(request.backups, backups); !status.ok()) return status;
  std::printf("%8s  %-23s  %12s  %8s  %8s\n", "number", "taken", "index", "MB", "own MB");
  for (const BackupInfo& backup : backups) {
    std::printf("%8u  %-23s  %12llu  %8llu  %8llu\n", backup.number,
                TextOf(backup.mark.server_time).c_str(),
                static_cast<unsigned long long>(backup.mark.index), Mebibytes(backup.bytes),
                Mebibytes(backup.bytes_own));
  }
  return Status::Ok();
}

Status Restore(const StartRequest& request) {
  DataDir data_dir;
  if (Status status = data_dir.Open(request.config.dir); !status.ok()) return status;
  BackupInfo backup;
  Status status = RestoreBackup(request.backups, request.backup_number, data_dir.path() + "/log",
                                PrintProgress, backup);
  if (!status.ok()) return status;
  std::printf(
      "Backup %u of %s is in %s: everything up to index %llu. Start the server with --dir %s\n",
      backup.number, TextOf(backup.mark.server_time).c_str(), data_dir.path().c_str(),
      static_cast<unsigned long long>(backup.mark.index), data_dir.path().c_str());
  return Status::Ok();
}

}  // namespace holdfast

#include "storage/backup_directory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <rocksdb/utilities/backup_engine.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/data_directory.h"
#include "storage/database.h"
#include "storage/witness.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLockName = "holdfast.lock";
constexpr uint64_t kTellEveryBytes = uint64_t{4} << 20;
constexpr auto kTellEvery = std::chrono::seconds(1);

// A backup that fails is no reason to stop the server, so nothing here is said as of the log.
Status Failed(std::string_view what, const rocksdb::Status& status) {
  if (status.ok()) return Status::Ok();
  std::string text(what);
  text += ": " + status.ToString();
  return status.IsCorruption() ? Status::Damaged(std::move(text)) : Status::Io(std::move(text));
}

rocksdb::BackupEngineOptions EngineOptions(const std::string& directory) {
  rocksdb::BackupEngineOptions options(directory);
  options.callback_trigger_interval_size = kTellEveryBytes;
  return options;
}

// Ours, or nothing at all.
Status CheckContents(const std::string& path) {
  constexpr std::array<std::string_view, 6> kOurs = {kLockName, "lost+found", "meta",
                                                     "private", "shared",     "shared_checksum"};
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end()) continue;
    return Status::Invalid("the directory " + path + " holds '" + name +
                           "', which is no backup of Holdfast's; name an empty or new directory");
  }
  if (error) return Status::Invalid("cannot read " + path + ": " + error.message());
  return Status::Ok();
}

// File by file, in how many of the backups it is.
using FileUses = std::map<std::string, int>;

FileUses CountUses(const std::vector<rocksdb::BackupInfo>& backups) {
  FileUses uses;
  for (const rocksdb::BackupInfo& backup : backups) {
    for (const rocksdb::BackupFileInfo& file : backup.file_details) ++uses[file.relative_filename];
  }
  return uses;
}

// Backups whose mark cannot be read are none of ours.
std::vector<BackupInfo> InfosOf(const rocksdb::BackupEngineReadOnlyBase& engine) {
  std::vector<rocksdb::BackupInfo> backups;
  engine.GetBackupInfo(&backups, /*include_file_details=*/true);
  const FileUses uses = CountUses(backups);
  std::vector<BackupInfo> infos;
  for (const rocksdb::BackupInfo& backup : backups) {
    BackupInfo info{.number = backup.backup_id, .bytes = backup.size};
    if (!DecodeBackupMark(backup.app_metadata, info.mark).ok()) continue;
    for (const rocksdb::BackupFileInfo& file : backup.file_details) {
      if (uses.at(file.relative_filename) == 1) info.bytes_own += file.size;
    }
    infos.push_back(info);
  }
  std::ranges::sort(infos, {}, &BackupInfo::number);
  return infos;
}

}  // namespace

// ---- making

BackupDirectory::~BackupDirectory() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

Status BackupDirectory::Open(const std::string& path, uint64_t bytes_per_second,
                             std::unique_ptr<BackupDirectory>& out) {
  std::unique_ptr<BackupDirectory> directory(new BackupDirectory);
  directory->path_ = path;
  if (Status status = directory->Prepare(); !status.ok()) return status;
  rocksdb::BackupEngineOptions options = EngineOptions(path);
  options.backup_rate_limit = bytes_per_second;
  rocksdb::BackupEngine* engine = nullptr;
  rocksdb::Status opened = rocksdb::BackupEngine::Open(options, rocksdb::Env::Default(), &engine);
  directory->engine_.reset(engine);
  if (opened.ok()) opened = engine->GarbageCollect();
  if (!opened.ok()) return Failed("opening the backups in " + path, opened);
  out = std::move(directory);
  return Status::Ok();
}

Status BackupDirectory::Prepare() {
  if (mkdir(path_.c_str(), 0750) == 0) {
    if (Status status = SyncDirectoryOf(path_); !status.ok()) return status;
  } else if (errno != EEXIST) {
    return Status::Invalid(Status::FromErrno("cannot make the directory " + path_, errno).text());
  }
  if (Status status = CheckContents(path_); !status.ok()) return status;
  const std::string lock = path_ + "/" + std::string(kLockName);
  lock_fd_ = open(lock.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (lock_fd_ < 0) return Status::Invalid(Status::FromErrno("cannot make " + lock, errno).text());
  // A file system that knows no locks is good enough for backups.
  if (flock(lock_fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return Status::Busy("another process is making a backup in " + path_);
  }
  return Status::Ok();
}

std::vector<BackupInfo> BackupDirectory::List() const { return InfosOf(*engine_); }

Status BackupDirectory::CheckHistory(const HistoryId& history) const {
  for (const BackupInfo& info : List()) {
    if (info.mark.history == history) continue;
    return Status::Invalid("the directory " + path_ + " holds backups of other data (history " +
                           info.mark.history.Hex() + ", this server has " + history.Hex() +
                           "); name a directory of its own");
  }
  return Status::Ok();
}

Status BackupDirectory::Make(Database& database, const BackupMark& mark,
                             const std::function<void(uint64_t)>& copied, BackupInfo& made) {
  if (Status status = CheckHistory(mark.history); !status.ok()) return status;
  rocksdb::CreateBackupOptions options;
  // Whoever waits for an answer goes before a copy that nobody waits for.
  options.decrease_background_thread_cpu_priority = true;
  options.background_thread_cpu_priority = rocksdb::CpuPriority::kLow;
  uint64_t bytes = 0;
  options.progress_callback = [&] { copied(bytes += kTellEveryBytes); };
  rocksdb::BackupID number = 0;
  rocksdb::Status status = engine_->CreateNewBackupWithMetadata(options, &database.rocks(),
                                                                EncodeBackupMark(mark), &number);
  if (!status.ok()) {
    // What was copied is of no use, and may fill a disk. If even that fails, the next one does it.
    engine_->GarbageCollect().PermitUncheckedError();
    return Failed("copying into " + path_, status);
  }
  status = engine_->VerifyBackup(number, /*verify_with_checksum=*/true);
  if (!status.ok()) {
    engine_->DeleteBackup(number).PermitUncheckedError();
    return Failed("reading backup " + std::to_string(number) + " in " + path_ + " again", status);
  }
  const std::vector<BackupInfo> all = List();
  const auto found = std::ranges::find(all, number, &BackupInfo::number);
  if (found == all.end()) return Status::Io("the new backup in " + path_ + " is not listed");
  made = *found;
  return Status::Ok();
}

Status BackupDirectory::Keep(uint32_t count) {
  return Failed("removing old backups in " + path_, engine_->PurgeOldBackups(count));
}

void BackupDirectory::GiveUp() { engine_->StopBackup(); }

// ---- restoring

namespace {

using Reader = std::unique_ptr<rocksdb::BackupEngineReadOnly>;

Status OpenToRead(const std::string& directory, Reader& out) {
  std::error_code error;
  if (!fs::is_directory(directory + "/meta", error)) {
    return Status::Invalid("the directory " + directory + " holds no backups");
  }
  rocksdb::BackupEngineReadOnly* engine = nullptr;
  const rocksdb::Status opened = rocksdb::BackupEngineReadOnly::Open(
      EngineOptions(directory), rocksdb::Env::Default(), &engine);
  out.reset(engine);
  return Failed("opening the backups in " + directory, opened);
}

Status Choose(const std::string& directory, const rocksdb::BackupEngineReadOnly& engine,
              uint32_t number, BackupInfo& info) {
  const std::vector<BackupInfo> all = InfosOf(engine);
  if (all.empty()) return Status::Invalid("no backup in " + directory + " is whole");
  const auto found =
      number == 0 ? std::prev(all.end()) : std::ranges::find(all, number, &BackupInfo::number);
  if (found == all.end()) {
    std::string text =
        "there is no backup " + std::to_string(number) + " in " + directory + "; there are";
    for (const BackupInfo& one : all) text += " " + std::to_string(one.number);
    return Status::Invalid(std::move(text));
  }
  info = *found;
  return Status::Ok();
}

// Leaves `to` with nothing but an empty place for the database, if there is nothing that a restore
// could destroy.
Status ClearPlace(const std::string& to, const std::string& place) {
  if (mkdir(to.c_str(), 0750) != 0 && errno != EEXIST) {
    return Status::FromErrno("making " + to, errno);
  }
  std::error_code error;
  const bool again = fs::exists(place, error);
  for (fs::directory_iterator it(to, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    const bool harmless = name == kLockName || name == "lost+found" || name == "witness.new" ||
                          (again && (name == "witness" || it->path() == place));
    if (harmless) continue;
    return Status::Invalid("the directory " + to + " holds data ('" + name +
                           "'); a restore needs an empty or new one: set another with --dir, or "
                           "move this away");
  }
  if (!error) fs::remove_all(place, error);
  if (!error) fs::create_directories(place, error);
  if (!error) fs::remove(to + "/witness", error);
  if (error) return Status::Io("making " + place + " ready: " + error.message());
  return Status::Ok();
}

Status SyncFile(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return Status::FromErrno("opening " + path, errno);
  const Status status = fsync(fd) == 0 ? Status::Ok() : Status::FromErrno("syncing " + path, errno);
  close(fd);
  return status;
}

Status SyncAll(const std::string& directory) {
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (Status status = SyncFile(it->path().string(), O_RDONLY); !status.ok()) return status;
  }
  if (error) return Status::Io("reading " + directory + ": " + error.message());
  return SyncFile(directory, O_RDONLY | O_DIRECTORY);
}

uint64_t BytesIn(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;
    const uint64_t size = it->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

}  // namespace

Status ListBackups(const std::string& directory, std::vector<BackupInfo>& out) {
  Reader engine;
  if (Status status = OpenToRead(directory, engine); !status.ok()) return status;
  out = InfosOf(*engine);
  return Status::Ok();
}

Status RestoreBackup(const std::string& directory, uint32_t number, const std::string& to,
                     const std::function<void(uint64_t bytes, uint64_t of)>& restored,
                     BackupInfo& info) {
  Reader engine;
  if (Status status = OpenToRead(directory, engine); !status.ok()) return status;
  if (Status status = Choose(directory, *engine, number, info); !status.ok()) return status;
  const std::string place = to + "/" + std::string(kRestoringName);
  if (Status status = ClearPlace(to, place); !status.ok()) return status;

  auto copying = std::async(std::launch::async, [&]() -> rocksdb::Status {
    return engine->RestoreDBFromBackup(rocksdb::RestoreOptions(), info.number, place, place);
  });
  while (copying.wait_for(kTellEvery) != std::future_status::ready) {
    restored(BytesIn(place), info.bytes);
  }
  Status status = Failed("restoring backup " + std::to_string(info.number), copying.get());
  if (status.ok()) status = SyncAll(place);
  const std::string witness = to + "/witness";
  if (status.ok()) {
    status = Witness::Create(witness, {.history = info.mark.history,
                                       .epoch = info.mark.epoch,
                                       .index = info.mark.index,
                                       .server_time = info.mark.server_time});
  }
  if (!status.ok()) return status;
  if (rename(place.c_str(), (to + "/db").c_str()) != 0) {
    return Status::FromErrno("naming " + to + "/db", errno);
  }
  if (status = SyncDirectoryOf(witness); !status.ok()) return status;
  return SyncDirectoryOf(to);
}

}  // namespace holdfast

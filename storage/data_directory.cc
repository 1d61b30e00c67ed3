#include "storage/data_directory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast {
namespace {

constexpr std::string_view kLockName = "holdfast.lock";

}  // namespace

DataDirectory::~DataDirectory() {
  if (lock_fd_ >= 0) close(lock_fd_);
}

Status SyncDirectoryOf(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const int fd = open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Status::FromErrno("opening " + parent, errno);
  Status status = fsync(fd) == 0 ? Status::Ok() : Status::FromErrno("syncing " + parent, errno);
  close(fd);
  return status;
}

Status ReplaceFile(const std::string& path, std::string_view bytes) {
  const std::string draft = path + ".new";
  const int fd = open(draft.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0640);
  if (fd < 0) return Status::FromErrno("making " + draft, errno);
  Status status;
  while (status.ok() && !bytes.empty()) {
    const ssize_t wrote = write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) status = Status::FromErrno("writing " + draft, errno);
    if (status.ok()) bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  if (status.ok() && fsync(fd) != 0) status = Status::FromErrno("syncing " + draft, errno);
  close(fd);
  if (!status.ok()) return status;
  if (rename(draft.c_str(), path.c_str()) != 0) return Status::FromErrno("naming " + path, errno);
  return SyncDirectoryOf(path);
}

Status ReadSmallFile(const std::string& path, size_t bytes_max, std::string& out) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return Status::NotFound(path + " is missing");
  if (fd < 0) return Status::FromErrno("opening " + path, errno);
  out.resize(bytes_max);
  ssize_t got = 0;
  do {
    got = pread(fd, out.data(), out.size(), 0);
  } while (got < 0 && errno == EINTR);
  Status status = got < 0 ? Status::FromErrno("reading " + path, errno) : Status::Ok();
  close(fd);
  out.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return status;
}

Status DataDirectory::CheckForeign() const {
  // What may lie here before the first start: nothing, or what a first start left that was cut
  // short.
  constexpr std::array<std::string_view, 3> kHarmless = {kLockName, "witness.new", "lost+found"};
  std::error_code error;
  if (std::filesystem::exists(path_ + "/" + std::string(kRestoringName), error)) {
    return Status::Invalid("a restore into the data directory " + path_ +
                           " was cut short; repeat it (holdfast --restore-from), or remove the "
                           "directory");
  }
  std::string stranger;
  for (std::filesystem::directory_iterator it(path_, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name == "witness" || name == "db") return Status::Ok();
    if (std::find(kHarmless.begin(), kHarmless.end(), name) == kHarmless.end()) stranger = name;
  }
  if (error)
    return Status::Invalid("cannot read the data directory " + path_ + ": " + error.message());
  if (stranger.empty()) return Status::Ok();
  return Status::Invalid("the data directory " + path_ +
                         " is not empty and not Holdfast's (it holds '" + stranger +
                         "'); set 'dir' to an empty or new directory");
}

Status DataDirectory::Lock(int flags, std::string_view what_to_do) {
  const std::string name = path_ + "/" + std::string(kLockName);
  lock_fd_ = open(name.c_str(), flags | O_CLOEXEC, 0640);
  if (lock_fd_ < 0) {
    const bool makes = (flags & O_CREAT) != 0;
    // A copy of a directory need not have one, and nobody serves what has none.
    if (errno == ENOENT && !makes) return Status::Ok();
    const std::string cannot = makes ? "cannot write to the data directory: " : "cannot lock ";
    return Status::Invalid(Status::FromErrno(cannot + name, errno).text());
  }
  if (flock(lock_fd_, LOCK_EX | LOCK_NB) == 0) return Status::Ok();
  if (errno != EWOULDBLOCK) return Status::FromErrno("locking " + name, errno);
  return Status::Busy("the data directory " + path_ +
                      " is in use by another Holdfast; stop it, or " + std::string(what_to_do));
}

void DataDirectory::SetPath(const std::string& path) {
  path_ = path;
  while (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
}

Status DataDirectory::Open(const std::string& path) {
  SetPath(path);
  if (mkdir(path_.c_str(), 0750) == 0) {
    if (Status status = SyncDirectoryOf(path_); !status.ok()) return status;
  } else if (errno != EEXIST) {
    return Status::Invalid(
        Status::FromErrno("cannot make the data directory " + path_, errno).text());
  }
  std::error_code error;
  if (!std::filesystem::is_directory(path_, error)) {
    return Status::Invalid("the data directory " + path_ + " is not a directory");
  }
  if (Status status = CheckForeign(); !status.ok()) return status;
  return Lock(O_RDWR | O_CREAT, "set 'dir' to another directory");
}

Status DataDirectory::OpenExisting(const std::string& path, bool may_write) {
  SetPath(path);
  std::error_code error;
  const auto kind = std::filesystem::status(path_, error).type();
  if (kind == std::filesystem::file_type::not_found) {
    return Status::NotFound("there is no directory " + path_);
  }
  if (kind != std::filesystem::file_type::directory) {
    return Status::Invalid(path_ + " is not a directory");
  }
  if (!std::filesystem::exists(witness(), error) && !std::filesystem::exists(db(), error)) {
    return Status::Invalid(path_ + " is no data directory: it holds neither 'witness' nor 'db'");
  }
  return Lock(may_write ? O_RDWR | O_CREAT : O_RDONLY, "work on a copy");
}

}  // namespace holdfast

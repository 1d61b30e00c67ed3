#include "server/data_dir.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast {
namespace {

constexpr mode_t kDirMode = 0750;  // what was sold to whom is nobody else's business
constexpr mode_t kLockMode = 0640;
constexpr std::string_view kLockName = "/holdfast.lock";

Status MakeDir(const std::string& path) {
  if (::mkdir(path.c_str(), kDirMode) == 0) return Status::Ok();
  if (errno == EEXIST) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) return Status::Ok();
    return Status::Invalid("dir '" + path + "' is not a directory; choose another with --dir");
  }
  if (errno == ENOENT) {
    return Status::Invalid("dir '" + path +
                           "' lies in a directory that does not exist; make that first or choose "
                           "another with --dir");
  }
  return Status::FromErrno("cannot make dir '" + path + "'", errno);
}

// What other servers keep their data under: a directory with one of these was named by mistake. Any
// other file may lie beside ours (a configuration, a log of lines).
constexpr std::array<std::string_view, 6> kForeignNames = {
    "dump.rdb", "appendonlydir", "appendonly.aof", "CURRENT", "PG_VERSION", "ibdata1"};

Status RefuseForeign(const std::string& path) {
  std::error_code error;
  for (const std::string_view name : kForeignNames) {
    if (!std::filesystem::exists(path + '/' + std::string(name), error)) continue;
    return Status::Invalid("dir '" + path + "' holds '" + std::string(name) +
                           "', the data of another server; give Holdfast a directory of its own "
                           "with --dir");
  }
  return Status::Ok();
}

// The number that the holder of the lock wrote into it; empty: none yet.
std::string HolderPid(int lock_fd) {
  std::array<char, 16> text{};
  const ssize_t size = ::pread(lock_fd, text.data(), text.size(), 0);
  const std::string_view read(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
  return std::string(read.substr(0, read.find_first_not_of("0123456789")));
}

Status Busy(const std::string& path, int lock_fd) {
  const std::string pid = HolderPid(lock_fd);
  return Status::Busy("dir '" + path + "' is in use by another holdfast" +
                      (pid.empty() ? "" : " (process " + pid + ")") +
                      "; stop it or choose another directory with --dir");
}

// For people and Busy only: the lock itself is the kernel's, so a number left behind locks nobody
// out.
Status WritePid(int lock_fd) {
  const std::string pid = std::to_string(::getpid()) + '\n';
  if (::ftruncate(lock_fd, 0) != 0 ||
      ::pwrite(lock_fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return Status::FromErrno("cannot write the lock file", errno);
  }
  return Status::Ok();
}

}  // namespace

DataDir::~DataDir() {
  // The file stays: removing it would let two servers lock two files of one name.
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Status DataDir::Open(const std::string& path) {
  if (Status made = MakeDir(path); !made.ok()) return made;
  std::error_code error;
  std::string absolute = std::filesystem::canonical(path, error).string();
  if (error) return Status::FromErrno("cannot resolve dir '" + path + "'", error.value());

  if (Status ours = RefuseForeign(absolute); !ours.ok()) return ours;

  const std::string lock = absolute + std::string(kLockName);
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kLockMode);
  if (fd < 0) {
    return Status::FromErrno("cannot write in dir '" + absolute +
                                 "' (its permissions must let "
                                 "this user make files)",
                             errno);
  }
  Status locked = Status::Ok();
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    locked = errno == EWOULDBLOCK ? Busy(absolute, fd)
                                  : Status::FromErrno("cannot lock '" + lock + "'", errno);
  } else {
    locked = WritePid(fd);
  }
  if (!locked.ok()) {
    ::close(fd);
    return locked;
  }
  path_ = std::move(absolute);
  lock_fd_ = fd;
  return Status::Ok();
}

}  // namespace holdfast

// Preloaded under a server, remembers what its disk would still hold after a power loss. kill -9
// spares the page cache, so a server that acknowledges before it syncs survives any number of
// kills; it does not survive this.
//
//   LD_PRELOAD=libpower_loss_shim.so HOLDFAST_SHIM_DIR=<dir> HOLDFAST_SHIM_SHADOW=<shadow> holdfast
//   ... kill -9, then: power_loss_apply <dir> <shadow>      (dir := what was durable; the shadow is
//   gone)
//
// The shadow is the pessimist's disk, in two parts on the same file system as each other:
//
//   <shadow>/inodes/<inode number in dir>   the file's bytes as of its last fsync or fdatasync
//   <shadow>/tree/...                       names as of their directory's last fsync: hard links to
//   the above
//
// A write marks its range; fsync copies the marked ranges, and nothing else, so a log of megabytes
// costs only what is new. Names that were made, moved or removed since their directory's fsync are
// undone. Some file systems keep more than this; POSIX promises no more. A file that an earlier
// process left counts as unsynced from end to end until somebody syncs it; on the first start
// everything there counts as durable.
//
// Covers what RocksDB and our own code call. Not covered, and not used by them: mmap'ed writes,
// O_SYNC, and writes through a dup'ed descriptor. stdio writes (RocksDB's LOG) pass unseen and are
// lost.
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;

// The library's own calls must not be watched.
thread_local bool inside = false;

class Inside {
 public:
  Inside() : before_(std::exchange(inside, true)) {}
  ~Inside() { inside = before_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  const bool before_;
};

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

[[noreturn]] void Give(const std::string& what) {
  std::fprintf(stderr, "power_loss_shim: %s\n", what.c_str());
  std::_Exit(97);  // a shadow that is wrong would prove nothing
}

struct Range {
  off_t begin;
  off_t end;
};

struct File {
  std::vector<Range> dirty;  // since the last sync, not joined except at the end
  off_t least_size = 0;      // the smallest since then: what lay beyond is gone
};

class Shadow {
 public:
  // Null unless the two variables are set.
  static Shadow* Get() {
    static Shadow* const kShadow = Make();
    return kShadow;
  }

  std::mutex& mutex() { return mutex_; }
  // One sync at a time, taken before mutex(): of two on one file the older must not copy last.
  std::mutex& sync_mutex() { return sync_mutex_; }

  bool Covers(const std::string& path) const {
    return path == dir_ || path.compare(0, dir_.size() + 1, dir_ + "/") == 0;
  }

  // All below: mutex held, Inside.

  void Opened(int fd, bool created, bool truncated) {
    struct stat info {};
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return;
    if (created) {
      files_.erase(info.st_ino);
      fs::remove(InodePath(info.st_ino));  // of a file that had the number before
    }
    const auto [it, first_seen] = files_.try_emplace(info.st_ino);
    File& file = it->second;
    if (first_seen && !created) {
      file.dirty = {{0, info.st_size}};
      // Nothing of it is cut: a kill in the middle of the first copy must not leave it empty.
      file.least_size = info.st_size;
    }
    if (truncated) {
      file.dirty.clear();
      file.least_size = 0;
    }
  }

  void Wrote(int fd, off_t begin, off_t size) {
    File* file = Find(fd);
    if (file == nullptr || size <= 0) return;
    const Range range{begin, begin + size};
    if (!file->dirty.empty() && file->dirty.back().end == begin) {
      file->dirty.back().end = range.end;
    } else {
      file->dirty.push_back(range);
    }
  }

  void Truncated(int fd, off_t size) {
    if (File* file = Find(fd)) file->least_size = std::min(file->least_size, size);
  }

  // What a sync that begins now will have made durable when it returns.
  struct Pending {
    ino_t inode = 0;
    std::vector<Range> dirty;
    off_t least_size = 0;
    off_t size = 0;
  };
  bool BeginSync(int fd, Pending& out) {
    File* file = Find(fd);
    if (file == nullptr) return false;
    struct stat info {};
    if (fstat(fd, &info) != 0) return false;
    out = {info.st_ino, std::exchange(file->dirty, {}), file->least_size, info.st_size};
    file->least_size = info.st_size;
    return true;
  }

  void EndSync(int fd, const Pending& pending) {
    // The descriptor may be for writing only.
    const int from = open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC);
    const int to = open(InodePath(pending.inode).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (from < 0 || to < 0) Give("cannot open a file for copying");
    struct stat before {};
    if (fstat(to, &before) != 0 ||
        ftruncate(to, std::min({before.st_size, pending.least_size, pending.size})) != 0) {
      Give("cannot cut a shadow file");
    }
    // The size grows with the bytes: a kill in the middle of this copy, which is ours and no
    // disk's, leaves a shorter file and not one that ends in zeros.
    for (const Range& range : pending.dirty) Copy(from, to, range);
    if (ftruncate(to, pending.size) != 0) Give("cannot resize a shadow file");
    close(from);
    close(to);
  }

  // Names of one directory, not of those below it. First those that are new, then those that name
  // another file now, then those that are gone: a kill in the middle leaves what a journal could
  // leave, never a name that tells of another that is not there yet.
  void SyncDirectory(const std::string& path) {
    const fs::path tree = TreePath(path);
    fs::create_directories(tree);
    std::set<std::string> live;
    std::vector<fs::path> changed;
    for (const auto& entry : fs::directory_iterator(path)) {
      const fs::path name = entry.path().filename();
      live.insert(name.string());
      if (entry.is_directory()) {
        fs::create_directories(tree / name);
      } else if (entry.is_regular_file() && fs::exists(tree / name)) {
        changed.push_back(name);
      } else if (entry.is_regular_file()) {
        LinkName(entry.path().string(), (tree / name).string());
      }
    }
    for (const fs::path& name : changed)
      LinkName((fs::path(path) / name).string(), (tree / name).string());
    std::vector<fs::path> gone;
    for (const auto& entry : fs::directory_iterator(tree)) {
      if (!live.contains(entry.path().filename().string())) gone.push_back(entry.path());
    }
    for (const fs::path& name : gone) fs::remove_all(name);
  }

 private:
  static Shadow* Make() {
    const char* dir = std::getenv("HOLDFAST_SHIM_DIR");
    const char* shadow = std::getenv("HOLDFAST_SHIM_SHADOW");
    if (dir == nullptr || shadow == nullptr) return nullptr;
    const Inside guard;
    return new Shadow(fs::canonical(dir).string(), shadow);
  }

  Shadow(std::string dir, std::string shadow) : dir_(std::move(dir)), shadow_(std::move(shadow)) {
    if (fs::exists(shadow_ + "/tree")) return;
    // The first start: what is there was written before the story begins.
    fs::create_directories(shadow_ + "/inodes");
    fs::create_directories(shadow_ + "/tree");
    for (const auto& entry : fs::recursive_directory_iterator(dir_)) {
      const std::string name = TreePath(entry.path().string());
      if (entry.is_directory()) fs::create_directories(name);
      if (!entry.is_regular_file()) continue;
      struct stat info {};
      if (stat(entry.path().c_str(), &info) != 0) Give("cannot look at " + entry.path().string());
      fs::copy_file(entry.path(), InodePath(info.st_ino));
      fs::create_hard_link(InodePath(info.st_ino), name);
    }
  }

  std::string InodePath(ino_t inode) const { return shadow_ + "/inodes/" + std::to_string(inode); }
  std::string TreePath(const std::string& path) const {
    return shadow_ + "/tree" + path.substr(dir_.size());
  }

  // Looked up by inode each time: a descriptor may have been closed and reused behind our back.
  File* Find(int fd) {
    struct stat info {};
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return nullptr;
    const auto found = files_.find(info.st_ino);
    return found == files_.end() ? nullptr : &found->second;
  }

  static void Copy(int from, int to, Range range) {
    std::vector<char> buffer(size_t{1} << 16);
    while (range.begin < range.end) {
      const auto want =
          std::min<size_t>(buffer.size(), static_cast<size_t>(range.end - range.begin));
      const ssize_t got = pread(from, buffer.data(), want, range.begin);
      if (got == 0) return;  // cut since
      if (got < 0 || pwrite(to, buffer.data(), static_cast<size_t>(got), range.begin) != got) {
        Give("cannot copy to a shadow file");
      }
      range.begin += got;
    }
  }

  void LinkName(const std::string& live, const std::string& name) {
    struct stat info {};
    if (stat(live.c_str(), &info) != 0) return;  // gone since it was listed
    const std::string bytes = InodePath(info.st_ino);
    // Never synced: the name survives, the bytes do not.
    if (!fs::exists(bytes)) std::fclose(std::fopen(bytes.c_str(), "w"));
    if (fs::exists(name) && fs::equivalent(name, bytes)) return;
    const std::string draft = shadow_ + "/draft";
    fs::remove(draft);
    fs::create_hard_link(bytes, draft);
    fs::rename(draft, name);
  }

  const std::string dir_;
  const std::string shadow_;
  std::mutex sync_mutex_;
  std::mutex mutex_;
  std::map<ino_t, File> files_;
};

// Null when the call is our own or nothing is watched.
Shadow* Watching() { return inside ? nullptr : Shadow::Get(); }

std::string Absolute(int at, const char* path) {
  std::error_code error;
  fs::path base = path;
  if (base.is_relative() && at != AT_FDCWD) {
    base = fs::read_symlink("/proc/self/fd/" + std::to_string(at), error) / path;
  }
  return fs::weakly_canonical(fs::absolute(base, error), error).string();
}

template <typename Call>
int OpenWatched(int at, const char* path, int flags, Call call) {
  Shadow* shadow = Watching();
  if (shadow == nullptr) return call();
  const Inside guard;
  if (!shadow->Covers(Absolute(at, path))) return call();
  const std::lock_guard lock(shadow->mutex());
  const bool existed = faccessat(at, path, F_OK, 0) == 0;
  const int fd = call();
  const bool truncated = (flags & O_TRUNC) != 0;
  if (fd >= 0) shadow->Opened(fd, !existed, truncated);
  return fd;
}

bool IsRegular(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

template <typename Call>
ssize_t WriteWatched(int fd, off_t at, Call call) {
  Shadow* shadow = Watching();
  if (shadow == nullptr || !IsRegular(fd)) return call();  // a socket may block: not under our lock
  const Inside guard;
  // Write and mark are one step, or a sync between them would miss the range and keep the size.
  const std::lock_guard lock(shadow->mutex());
  const ssize_t wrote = call();
  if (wrote > 0) {
    const off_t begin = at >= 0 ? at : lseek(fd, 0, SEEK_CUR) - wrote;
    if (begin >= 0) shadow->Wrote(fd, begin, wrote);
  }
  return wrote;
}

int TruncateWatched(int fd, off_t size) {
  static auto* const kReal = Real<int(int, off_t)>("ftruncate");
  Shadow* shadow = Watching();
  if (shadow == nullptr) return kReal(fd, size);
  const Inside guard;
  const std::lock_guard lock(shadow->mutex());
  const int result = kReal(fd, size);
  if (result == 0) shadow->Truncated(fd, size);
  return result;
}

int SyncWatched(int fd, int (*real)(int)) {
  Shadow* shadow = Watching();
  if (shadow == nullptr) return real(fd);
  const Inside guard;
  const std::lock_guard one_at_a_time(shadow->sync_mutex());
  struct stat info {};
  if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    const int result = real(fd);
    const std::string path = Absolute(AT_FDCWD, ("/proc/self/fd/" + std::to_string(fd)).c_str());
    const std::lock_guard lock(shadow->mutex());
    if (result == 0 && shadow->Covers(path)) shadow->SyncDirectory(path);
    return result;
  }
  Shadow::Pending pending;
  {
    const std::lock_guard lock(shadow->mutex());
    if (!shadow->BeginSync(fd, pending)) return real(fd);
  }
  const int result = real(fd);  // others may write meanwhile; what they write is not in `pending`
  const std::lock_guard lock(shadow->mutex());
  if (result == 0) shadow->EndSync(fd, pending);
  return result;
}

mode_t ModeOf(int flags, va_list args) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

}  // namespace

// The names that libc exports. Names made, moved and removed need no watching: a directory's fsync
// looks at what is there then.
extern "C" {

int open(const char* path, int flags, ...) {
  static auto* const kReal = Real<int(const char*, int, ...)>("open");
  va_list args;
  va_start(args, flags);
  const mode_t mode = ModeOf(flags, args);
  va_end(args);
  return OpenWatched(AT_FDCWD, path, flags, [&] { return kReal(path, flags, mode); });
}

int open64(const char* path, int flags, ...) {
  static auto* const kReal = Real<int(const char*, int, ...)>("open64");
  va_list args;
  va_start(args, flags);
  const mode_t mode = ModeOf(flags, args);
  va_end(args);
  return OpenWatched(AT_FDCWD, path, flags, [&] { return kReal(path, flags, mode); });
}

int openat(int at, const char* path, int flags, ...) {
  static auto* const kReal = Real<int(int, const char*, int, ...)>("openat");
  va_list args;
  va_start(args, flags);
  const mode_t mode = ModeOf(flags, args);
  va_end(args);
  return OpenWatched(at, path, flags, [&] { return kReal(at, path, flags, mode); });
}

// What open becomes under _FORTIFY_SOURCE.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the names are libc's
int __open_2(const char* path, int flags) { return open(path, flags); }
int __open64_2(const char* path, int flags) { return open64(path, flags); }
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const kReal = Real<ssize_t(int, const void*, size_t)>("write");
  return WriteWatched(fd, -1, [&] { return kReal(fd, data, size); });
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  static auto* const kReal = Real<ssize_t(int, const struct iovec*, int)>("writev");
  return WriteWatched(fd, -1, [&] { return kReal(fd, parts, count); });
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  static auto* const kReal = Real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return WriteWatched(fd, at, [&] { return kReal(fd, data, size, at); });
}

ssize_t pwrite64(int fd, const void* data, size_t size, off_t at) {
  return pwrite(fd, data, size, at);
}

int ftruncate(int fd, off_t size) noexcept { return TruncateWatched(fd, size); }
int ftruncate64(int fd, off_t size) noexcept { return TruncateWatched(fd, size); }

int fsync(int fd) {
  static auto* const kReal = Real<int(int)>("fsync");
  return SyncWatched(fd, kReal);
}

int fdatasync(int fd) {
  static auto* const kReal = Real<int(int)>("fdatasync");
  return SyncWatched(fd, kReal);
}

}  // extern "C"

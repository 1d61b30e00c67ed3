// Preloaded under a server, makes its machine as bad as a test asks, while it runs: a wall clock
// that is set wrong (and no other clock), a disk whose syncs take long, one write or sync that
// fails.
//
//   LD_PRELOAD=libmachine_shim.so HOLDFAST_MACHINE=<file> HOLDFAST_MACHINE_DISK=<dir> holdfast
//
// The file is mapped, and the test writes into it (machine.py), int64 each, little-endian:
//
//   0   what is added to CLOCK_REALTIME, in ms
//   8   how long each sync waits before it begins, in ms
//   16  which calls count for the next line: 1 syncs, 2 writes, 3 both
//   24  the how-manieth of them from now on fails, once; 0: none
//   32  with which errno
//   40  how many have failed (written here)
//   48  which file or directory the last one was about (written here), 0-terminated, 208 bytes
//
// Only calls on files and directories below <dir> are slow or fail. A write that fails has written
// half of its bytes. Stands before other shims in LD_PRELOAD: what fails here never reaches them.
// (libfaketime takes memory at its first call, which an allocator that asks for the time at its own
// first call does not survive: nothing here takes any.)
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace {

struct Control {
  std::atomic<int64_t> wall_step_ms;
  std::atomic<int64_t> sync_delay_ms;
  std::atomic<int64_t> failing_calls;
  std::atomic<int64_t> fails_after;
  std::atomic<int64_t> failing_errno;
  std::atomic<int64_t> failed;
  std::array<char, 208> failed_path;
};
static_assert(sizeof(Control) == 256);
static_assert(std::atomic<int64_t>::is_always_lock_free);  // the test's side is another process

constexpr int64_t kSyncs = 1;
constexpr int64_t kWrites = 2;

Control* control = nullptr;
std::array<char, PATH_MAX> disk{};

__attribute__((constructor)) void Open() {
  const char* const file = std::getenv("HOLDFAST_MACHINE");
  const char* const directory = std::getenv("HOLDFAST_MACHINE_DISK");
  if (file == nullptr) return;
  const int fd = open(file, O_RDWR | O_CLOEXEC);
  void* const mapped = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd < 0 || mapped == MAP_FAILED ||
      (directory != nullptr && realpath(directory, disk.data()) == nullptr)) {
    std::fprintf(stderr, "machine_shim: cannot open %s: %s\n", file, std::strerror(errno));
    std::_Exit(97);  // a machine that is better than asked for would prove nothing
  }
  close(fd);
  control = static_cast<Control*>(mapped);
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

using Path = std::array<char, PATH_MAX>;

// False: not below the disk.
bool PathOnDisk(int fd, Path& path) {
  if (disk[0] == '\0') return false;
  std::array<char, 32> link{};
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link.data(), path.data(), path.size() - 1);
  if (size < 0) return false;
  path[static_cast<size_t>(size)] = '\0';
  const size_t prefix = std::strlen(disk.data());
  return std::strncmp(path.data(), disk.data(), prefix) == 0 &&
         (path[prefix] == '/' || path[prefix] == '\0');
}

// Whether this call is the one that fails; errno says why.
bool Fails(int64_t kind, int fd) {
  if (control == nullptr || control->fails_after <= 0 || (control->failing_calls & kind) == 0) {
    return false;
  }
  Path path;
  if (!PathOnDisk(fd, path) || control->fails_after.fetch_sub(1) != 1) return false;
  auto& told = control->failed_path;
  told[std::string_view(path.data()).copy(told.data(), told.size() - 1)] = '\0';
  ++control->failed;
  errno = static_cast<int>(control->failing_errno);
  return true;
}

void Delay(int fd) {
  if (control == nullptr || control->sync_delay_ms <= 0) return;
  Path path;
  if (!PathOnDisk(fd, path)) return;
  const int64_t ms = control->sync_delay_ms;
  const timespec span{.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1'000'000};
  nanosleep(&span, nullptr);
}

template <typename Call>
int Sync(int fd, Call call) {
  Delay(fd);
  return Fails(kSyncs, fd) ? -1 : call();
}

template <typename Call>
ssize_t Write(int fd, size_t size, Call call) {
  if (!Fails(kWrites, fd)) return call(size);
  const int reason = errno;
  (void)call(size / 2);
  errno = reason;
  return -1;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, time);
  if (result != 0 || clock != CLOCK_REALTIME || control == nullptr) return static_cast<int>(result);
  const int64_t ns = time->tv_nsec + control->wall_step_ms % 1000 * 1'000'000;
  const int64_t carry = ns < 0 ? -1 : ns / 1'000'000'000;
  time->tv_sec += control->wall_step_ms / 1000 + carry;
  time->tv_nsec = ns - carry * 1'000'000'000;
  return 0;
}

int fsync(int fd) {
  static auto* const kReal = Real<int(int)>("fsync");
  return Sync(fd, [&] { return kReal(fd); });
}

int fdatasync(int fd) {
  static auto* const kReal = Real<int(int)>("fdatasync");
  return Sync(fd, [&] { return kReal(fd); });
}

int sync_file_range(int fd, off64_t from, off64_t size, unsigned flags) {
  static auto* const kReal = Real<int(int, off64_t, off64_t, unsigned)>("sync_file_range");
  if (flags == 0) return kReal(fd, from, size, flags);  // asks only whether there is such a call
  return Sync(fd, [&] { return kReal(fd, from, size, flags); });
}

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const kReal = Real<ssize_t(int, const void*, size_t)>("write");
  return Write(fd, size, [&](size_t part) { return kReal(fd, data, part); });
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  static auto* const kReal = Real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return Write(fd, size, [&](size_t part) { return kReal(fd, data, part, at); });
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  return pwrite(fd, data, size, at);
}

}  // extern "C"

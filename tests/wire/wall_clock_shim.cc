// Preloaded under a server, moves its wall clock by HOLDFAST_WALL_CLOCK_OFFSET_SECONDS and no other
// clock, as a machine does whose clock was set wrong. (libfaketime takes memory at its first call,
// which an allocator that asks for the time at its own first call does not survive.)
#include <cstdlib>
#include <ctime>

#include <sys/syscall.h>
#include <unistd.h>

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, time);
  const char* const offset = std::getenv("HOLDFAST_WALL_CLOCK_OFFSET_SECONDS");
  if (result == 0 && clock == CLOCK_REALTIME && offset != nullptr)
    time->tv_sec += std::atol(offset);
  return static_cast<int>(result);
}

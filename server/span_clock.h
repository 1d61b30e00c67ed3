// SpanClock: nanoseconds since no particular instant, to measure how long a command took. For
// statistics only: nothing that is decided or kept may depend on it (server/clock.h is for that).
//
// It is read once for each command, so it must cost next to nothing: the processor's time stamp
// counter where that runs at one rate always (about 7 ns a read; clock_gettime takes three times
// that), CLOCK_MONOTONIC elsewhere.
#pragma once

#include <cstdint>

namespace holdfast {

class SpanClock {
 public:
  using TicksFn = uint64_t (*)();

  // Stands still: whatever it measures took no time.
  SpanClock() = default;
  // Any clock; a test's is moved by hand.
  SpanClock(TicksFn ticks, uint64_t ns_per_2_32_ticks) : ticks_(ticks), rate_(ns_per_2_32_ticks) {}

  // The machine's. Takes 2 ms, to compare the counter's rate with the system's clock.
  static SpanClock OfThisMachine();

  // Any thread. Two threads' readings may differ by a little: never subtract across them.
  uint64_t Ns() const {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>(static_cast<Wide>(ticks_()) * rate_ >> 32);
  }

 private:
  TicksFn ticks_ = [] { return uint64_t{0}; };
  uint64_t rate_ = 0;
};

}  // namespace holdfast

// The server clock: the one time that deadlines, TTLs, sale windows and records use, and the only
// code that reads the machine's clocks.
//
//   server time = anchor + CLOCK_BOOTTIME since the anchor + slew
//
// The anchor is taken at start: the later of the last record's server time and the wall clock. From
// then on CLOCK_BOOTTIME carries it (it counts suspended time and nobody can set it), and the slew
// draws it towards the wall clock by at most 5 %. So it is never stepped and never goes back: an
// operator or NTP that sets the wall clock neither expires nor revives a hold nor reopens a sale. A
// wall clock that lies more than a day off is reported but not followed: somebody is wrong, and
// weeks of holds that run 5 % short would be worse.
//
// A line is valid from its boot time on and is replaced once a second:
//
//   server                       ____/ slewed span ends: back to real speed
//     |                 ____/---/
//     |   anchor  __/--/  (speed 1 + slew)
//     +-----------|---------------------------- boot time
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "storage/base/server_time.h"
#include "storage/base/status.h"

namespace holdfast {

using BootTime = std::chrono::nanoseconds;  // since the machine came up
using UnixNs = std::chrono::sys_time<std::chrono::nanoseconds>;

// Both of the machine's clocks at one instant.
struct ClockReading {
  BootTime boot{};
  UnixNs wall{};
};

// The door that time comes in through: the machine's clocks, or a test's.
struct MachineClocks {
  BootTime (*boot)();
  UnixNs (*wall)();

  ClockReading Read() const { return {.boot = boot(), .wall = wall()}; }
};

// CLOCK_BOOTTIME and CLOCK_REALTIME.
extern const MachineClocks kMachineClocks;

// The machine's clocks, now.
inline ClockReading ReadMachineClocks() { return kMachineClocks.Read(); }

// What the calling thread has used of its processor. A system call; for statistics only.
uint64_t ThreadCpuNs();

// From how far on a wall clock is wrong rather than fast or slow.
inline constexpr std::chrono::hours kClockTrust{24};

// Where to start: max(last_record, wall). Invalid when the wall clock lies more than kClockTrust
// behind the last record (a dead clock battery, or a record from a machine whose clock ran ahead)
// and the operator has not accepted it. `last_record` is kNever when nothing was recorded.
Status ChooseAnchor(UnixNs wall, UnixMs last_record, bool accept_clock, UnixNs& anchor);

// The pure part: where server time lies at a boot time, and how it is drawn towards the wall.
class ClockLine {
 public:
  ClockLine() = default;
  ClockLine(UnixNs anchor, BootTime boot) : anchor_(anchor), boot_(boot) {}

  // Requires: boot >= the line's own.
  UnixNs At(BootTime boot) const;

  // The line to follow from `now.boot` on: it meets this one there, and heads for the wall clock.
  ClockLine SteeredTo(const ClockReading& now) const;

 private:
  friend class ServerClock;

  UnixNs anchor_{};
  BootTime boot_{};
  int64_t slew_ = 0;  // gain per 2^20 of boot time; negative while the wall is behind
  std::chrono::nanoseconds slew_span_{};  // how long the slew lasts, from boot_
};

// The shared clock. Now() is for any thread: one vDSO read and some arithmetic, no lock, no system
// call.
class ServerClock {
 public:
  // The server time is `anchor` at `start`, which `clocks` gave.
  ServerClock(UnixNs anchor, const ClockReading& start,
              const MachineClocks& clocks = kMachineClocks);

  ServerClock(const ServerClock&) = delete;
  ServerClock& operator=(const ServerClock&) = delete;

  // Any thread. Never less than what any thread was told before.
  UnixMs Now() const { return std::chrono::floor<DurationMs>(NowNs()); }
  // As Now, for TIME's microseconds.
  UnixNs NowNs() const;

  // One thread, about once a second.
  void Steer();

  // Moves it forward, at once, if it lies behind. Only before anybody may rely on it: how far the
  // clock had come before a restart is known when the log has been read. The thread that steers, or
  // before there is one.
  void AdvanceTo(UnixNs at_least);

  // Any thread. Server time minus wall clock, when last steered; INFO shows it.
  DurationMs Offset() const { return DurationMs{offset_ms_.load(std::memory_order_relaxed)}; }

 private:
  // Goes over to next(line, now), which must not lie before the line.
  template <typename Next>
  void Redraw(Next next);
  ClockLine Load() const;
  void Store(const ClockLine& line);

  const MachineClocks clocks_;
  // A seqlock: odd while Redraw changes the line.
  std::atomic<uint64_t> version_{0};
  std::atomic<int64_t> anchor_ns_{0};
  std::atomic<int64_t> boot_ns_{0};
  std::atomic<int64_t> slew_{0};
  std::atomic<int64_t> slew_span_ns_{0};
  std::atomic<int64_t> offset_ms_{0};
};

}  // namespace holdfast

#include "server/clock.h"

#include <algorithm>
#include <string>
#include <thread>

#include <time.h>

#include "storage/base/invariant.h"

namespace holdfast {
namespace {

using std::chrono::nanoseconds;

constexpr int kSlewShift = 20;
constexpr int64_t kSlewShare = 20;  // one in 20 is 5 %
constexpr int64_t kSlewMax =
    (int64_t{1} << kSlewShift) / kSlewShare;  // rounded down: never overshoots

// Small differences are spread over one steering interval; large ones take as long as 5 % takes.
constexpr nanoseconds kSteerInterval = std::chrono::seconds{1};
// Steering may fail to come for a while (the machine sleeps); the slew then ends by itself, and the
// product of span and slew stays within 63 bits.
constexpr nanoseconds kSlewSpanMax = std::chrono::hours{1};

nanoseconds ReadClock(clockid_t id) {
  timespec time{};
  const int result = clock_gettime(id, &time);
  Invariant(result == 0);
  return std::chrono::seconds{time.tv_sec} + nanoseconds{time.tv_nsec};
}

}  // namespace

const MachineClocks kMachineClocks = {
    .boot = [] { return BootTime{ReadClock(CLOCK_BOOTTIME)}; },
    .wall = [] { return UnixNs{ReadClock(CLOCK_REALTIME)}; },
};

uint64_t ThreadCpuNs() { return static_cast<uint64_t>(ReadClock(CLOCK_THREAD_CPUTIME_ID).count()); }

Status ChooseAnchor(UnixNs wall, UnixMs last_record, bool accept_clock, UnixNs& anchor) {
  const UnixNs last{last_record};
  if (last_record != kNever && last - wall > kClockTrust && !accept_clock) {
    const auto behind = std::chrono::duration_cast<std::chrono::hours>(last - wall);
    return Status::Invalid(
        "the machine's clock lies " + std::to_string(behind.count()) +
        " hours behind the last record in the data directory; set the clock right, or start once "
        "with --accept-clock to go on from that record's time");
  }
  anchor = std::max(last, wall);
  return Status::Ok();
}

UnixNs ClockLine::At(BootTime boot) const {
  const nanoseconds elapsed = boot - boot_;
  const nanoseconds slewed = std::min(elapsed, slew_span_);
  return anchor_ + elapsed + nanoseconds{(slewed.count() * slew_) >> kSlewShift};
}

ClockLine ClockLine::SteeredTo(const ClockReading& now) const {
  ClockLine line(At(now.boot), now.boot);
  const nanoseconds behind = now.wall - line.anchor_;
  if (behind > kClockTrust || behind < -kClockTrust) return line;
  if (std::chrono::abs(behind) < kSteerInterval / kSlewShare) {
    line.slew_ = (behind.count() << kSlewShift) / kSteerInterval.count();
    line.slew_span_ = kSteerInterval;
  } else {
    line.slew_ = behind.count() > 0 ? kSlewMax : -kSlewMax;
    line.slew_span_ = std::min(std::chrono::abs(behind) * kSlewShare, kSlewSpanMax);
  }
  return line;
}

ServerClock::ServerClock(UnixNs anchor, const ClockReading& start, const MachineClocks& clocks)
    : clocks_(clocks) {
  Store(ClockLine(anchor, start.boot).SteeredTo(start));
  offset_ms_ = std::chrono::floor<DurationMs>(anchor - start.wall).count();
}

// The machine's clock is read between the two looks at the version, and Redraw reads it while the
// version is odd. So whoever finds the version unchanged read the clock before Redraw did, on the
// line that the new one starts from: nobody is told a time on the old line later than the place
// where the new one begins.
UnixNs ServerClock::NowNs() const {
  while (true) {
    const uint64_t before = version_.load(std::memory_order_acquire);
    if (before % 2 == 0) {
      const UnixNs now = Load().At(clocks_.boot());
      std::atomic_thread_fence(std::memory_order_acquire);
      if (version_.load(std::memory_order_relaxed) == before) return now;
    }
    std::this_thread::yield();  // Redraw may have lost its processor in the middle
  }
}

void ServerClock::Steer() {
  Redraw([](const ClockLine& line, const ClockReading& now) { return line.SteeredTo(now); });
}

void ServerClock::AdvanceTo(UnixNs at_least) {
  Redraw([&](const ClockLine& line, const ClockReading& now) {
    return ClockLine(std::max(at_least, line.At(now.boot)), now.boot).SteeredTo(now);
  });
}

template <typename Next>
void ServerClock::Redraw(Next next) {
  const uint64_t version = version_.load(std::memory_order_relaxed);
  version_.store(version + 1, std::memory_order_relaxed);
  // Full fence: the odd version must be seen before the clock is read, not only before the stores
  // below.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const ClockReading now = clocks_.Read();
  const ClockLine line = next(Load(), now);
  Store(line);
  version_.store(version + 2, std::memory_order_release);
  offset_ms_.store(std::chrono::floor<DurationMs>(line.anchor_ - now.wall).count(),
                   std::memory_order_relaxed);
}

ClockLine ServerClock::Load() const {
  ClockLine line(UnixNs{nanoseconds{anchor_ns_.load(std::memory_order_relaxed)}},
                 nanoseconds{boot_ns_.load(std::memory_order_relaxed)});
  line.slew_ = slew_.load(std::memory_order_relaxed);
  line.slew_span_ = nanoseconds{slew_span_ns_.load(std::memory_order_relaxed)};
  return line;
}

void ServerClock::Store(const ClockLine& line) {
  anchor_ns_.store(line.anchor_.time_since_epoch().count(), std::memory_order_relaxed);
  boot_ns_.store(line.boot_.count(), std::memory_order_relaxed);
  slew_.store(line.slew_, std::memory_order_relaxed);
  slew_span_ns_.store(line.slew_span_.count(), std::memory_order_relaxed);
}

}  // namespace holdfast

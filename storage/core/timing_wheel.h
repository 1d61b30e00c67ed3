// The deadlines of one shard's keys, as a hierarchical timing wheel (G. Varghese, A. Lauck: "Hashed
// and Hierarchical Timing Wheels", SOSP 1987, scheme 7), made lazy: a deadline that moves later, as
// a session's does on every request, costs no work here. The timer stays where it was filed and is
// filed anew when that bucket comes up; only a deadline that moves earlier is filed at once.
//
//   level 0   256 buckets of 4 ms            the next 1.02 s
//   level 1   256 buckets of 1.02 s          the next 4.4 minutes
//   level 2   256 buckets of 4.4 minutes     the next 18.6 hours
//   level 3   256 buckets of 18.6 hours      the next 199 days
//   level 4   256 buckets of 199 days        the next 139 years; later deadlines wait in its last
//   bucket
//
// When a bucket of a higher level comes up, its timers are filed anew, nearer. Each bucket is
// emptied timer by timer, so work stops at any budget and goes on there, however many deadlines
// share an instant.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "storage/base/server_time.h"

namespace holdfast {

// Part of what it times. Leaves the wheel in O(1). Must not die while linked, nor
// move but by Relink.
struct TimerNode {
  UnixMs deadline = kNever;
  TimerNode* next = nullptr;
  TimerNode** link = nullptr;  // what points at this node; null while in no bucket

  bool linked() const { return link != nullptr; }
  void Unlink();
  // Puts a copy of itself in its place. Requires: linked.
  void Relink(TimerNode& copy);
};

// Owner thread: its shard. Outlives its timers.
class TimingWheel {
 public:
  static constexpr int64_t kTickMs = 4;
  // A timer that was handed out as due and is still there comes up again this much later.
  static constexpr int64_t kRetryTicks = 25;

  static constexpr UnixMs RetryAt(UnixMs now) { return now + DurationMs{kRetryTicks * kTickMs}; }

  // The latest deadline that is handed out at `now`.
  static constexpr UnixMs LastDueAt(UnixMs now) {
    return FromUnixMs((ToUnixMs(now) / kTickMs - 1) * kTickMs);
  }

  TimingWheel() = default;
  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;

  // Requires: not linked.
  void Insert(TimerNode& node, UnixMs deadline);

  // Gives a linked timer another deadline.
  void Move(TimerNode& node, UnixMs deadline);

  // Calls due(TimerNode&) for timers with deadline <= now: never for another, and for each one at
  // the latest when called kTickMs after its deadline (and after it was given that) with budget
  // enough. `due` usually destroys the timer; it may insert, move and remove others. Stops after
  // `budget` timers, filed anew or due; returns how many it handled, so a result below `budget`
  // means that nothing is left to do at `now`.
  template <typename F>
  size_t Advance(UnixMs now, size_t budget, F&& due) {
    size_t handled = 0;
    while (handled < budget) {
      TimerNode* const node = NextUpTo(now);
      if (node == nullptr) break;
      ++handled;
      if (FileAnew(*node, now)) due(*node);
    }
    return handled;
  }

  // When Advance has work to do next: not later than the first deadline + kTickMs. Nothing if there
  // is no timer.
  std::optional<UnixMs> NextWork() const;

 private:
  static constexpr int kLevels = 5;
  static constexpr int kLevelBits = 8;
  static constexpr uint64_t kBuckets = uint64_t{1} << kLevelBits;

  struct Level {
    std::array<TimerNode*, kBuckets> buckets{};
    // A bucket with a timer has its bit set; a set bit may be stale, since timers leave without
    // telling.
    mutable std::array<uint64_t, kBuckets / 64> occupied{};
  };
  struct Event {
    uint64_t tick;
    int level;
    uint64_t bucket;
  };

  static uint64_t TickOf(UnixMs instant);
  void File(TimerNode& node, uint64_t tick);
  // The first timer of the earliest bucket that comes up at `now`, the wheel turned to it; null if
  // there is none.
  TimerNode* NextUpTo(UnixMs now);
  // Takes the timer out of the bucket that came up. True if it is due (then it stands at its
  // retry).
  bool FileAnew(TimerNode& node, UnixMs now);
  std::optional<Event> NextEvent() const;
  // How many buckets after `from`, round the level, the first one with a timer lies.
  static std::optional<uint64_t> NextOccupied(const Level& level, uint64_t from);

  std::array<Level, kLevels> levels_;
  uint64_t tick_ = 0;  // every tick before this one is dealt with
};

}  // namespace holdfast

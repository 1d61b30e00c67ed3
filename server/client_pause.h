// ClientPause: CLIENT PAUSE holds back what every client of every shard asks for, for a time, and
// handing over to another server holds back writes for as long as it takes. One word for the
// process, read before each request, so that a pause is in force everywhere from the moment it is
// answered.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "storage/base/server_time.h"

namespace holdfast {

enum class PauseKind : uint8_t { kNone, kWrites, kAll };

// Any thread.
class ClientPause {
 public:
  // What is held back at `now`.
  PauseKind At(UnixMs now) const {
    const uint64_t word = word_.load(std::memory_order_relaxed);
    if (word == 0) [[likely]]
      return PauseKind::kNone;
    const PauseKind asked = ToUnixMs(now) < UntilOf(word) ? KindOf(word) : PauseKind::kNone;
    return (word & kHandingOver) != 0 ? std::max(asked, PauseKind::kWrites) : asked;
  }

  // For `span_ms` from now. A pause in force never gets weaker or shorter by another one.
  // Requires: span_ms >= 0.
  void Extend(PauseKind kind, int64_t span_ms, UnixMs now) {
    const int64_t now_ms = ToUnixMs(now);
    const int64_t asked = now_ms + std::min(span_ms, kUntilMax - now_ms);
    uint64_t word = word_.load();
    uint64_t next = 0;
    do {
      const bool in_force = word != 0 && now_ms < UntilOf(word);
      const PauseKind stronger = in_force ? std::max(kind, KindOf(word)) : kind;
      const int64_t until = in_force ? std::max(asked, UntilOf(word)) : asked;
      next = static_cast<uint64_t>(until) << kUntilShift | static_cast<uint64_t>(stronger) |
             (word & kHandingOver);
    } while (!word_.compare_exchange_weak(word, next));
  }

  void End() { word_.fetch_and(kHandingOver); }

  // Neither of the two ends the other.
  void BeginHandOver() { word_.fetch_or(kHandingOver); }
  void EndHandOver() { word_.fetch_and(~kHandingOver); }

 private:
  static constexpr int kUntilShift = 3;
  static constexpr uint64_t kHandingOver = 4;
  static constexpr int64_t kUntilMax = int64_t{1} << 60;
  static PauseKind KindOf(uint64_t word) { return static_cast<PauseKind>(word & 3); }
  static int64_t UntilOf(uint64_t word) { return static_cast<int64_t>(word >> kUntilShift); }

  std::atomic<uint64_t> word_{
      0};  // until, Unix ms; the hand-over's bit; the kind in the two lowest
};

}  // namespace holdfast

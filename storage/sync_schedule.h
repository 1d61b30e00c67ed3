// SyncSchedule: when what nobody waits for is synced. Whoever waits asks for himself; the rest may
// lie written and unsynced for a span that the policies choose, counted from the first batch of it.
//
//   written   a     b        c           d
//             |-------- span --------|   |-------- span ...
//                                    sync of a, b, c
//
// No clock: the log thread passes its time in, a test its own.
#pragma once

#include <atomic>
#include <chrono>

#include "storage/log.h"

namespace holdfast {

class SyncSchedule {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Where no level asks for a second ("no"), about when the system would do it by itself: segments,
  // the witness and whoever counts what is not durable yet must get on at some time.
  static constexpr std::chrono::milliseconds kEverySecondSpan = std::chrono::seconds(1);
  static constexpr std::chrono::milliseconds kUnhurriedSpan = std::chrono::seconds(30);

  SyncSchedule(SyncPolicy stock, SyncPolicy ordinary) : span_(SpanFor(stock, ordinary)) {}

  // Any thread. Holds for what is written already, too.
  void SetPolicies(SyncPolicy stock, SyncPolicy ordinary) {
    span_.store(SpanFor(stock, ordinary), std::memory_order_relaxed);
  }

  // --- The log thread.
  void Written(Time now) {
    if (unsynced_) return;
    unsynced_ = true;
    since_ = now;
  }
  void Synced() { unsynced_ = false; }
  // Time::max() while everything is synced.
  Time Due() const {
    return unsynced_ ? since_ + span_.load(std::memory_order_relaxed) : Time::max();
  }
  bool IsDue(Time now) const { return now >= Due(); }

 private:
  static std::chrono::milliseconds SpanFor(SyncPolicy stock, SyncPolicy ordinary) {
    const bool hurried = stock == SyncPolicy::kEverySecond || ordinary == SyncPolicy::kEverySecond;
    return hurried ? kEverySecondSpan : kUnhurriedSpan;
  }

  std::atomic<std::chrono::milliseconds> span_;
  bool unsynced_ = false;
  Time since_{};  // of the first batch that is written and not synced
};

}  // namespace holdfast

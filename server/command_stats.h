// What commands cost and which errors they answered: INFO commandstats, latencystats, errorstats
// and LATENCY HISTOGRAM.
//
// Each shard counts for itself, alone, and anybody reads (server/metrics.h): a call costs three
// adds to memory that only its shard writes. A command over several shards, or key by key, is one
// call; its time is that of all its parts, and each part is in the histogram by itself.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <string_view>

#include "server/metrics.h"

namespace holdfast {

struct CommandSpec;

// Four buckets to each power of two, so that a quantile read from it is at most a quarter too long:
//
//   bucket   0: under 80 ns   1: 80 to 95   2: 96 to 111   3: 112 to 127   4: 128 to 159 ...
//   the last one, 127, holds whatever took longer than four minutes
class LatencyHistogram {
 public:
  static constexpr size_t kBuckets = 128;

  void Add(uint64_t ns) { buckets_[BucketOf(ns)].Add(); }
  void Reset() {
    for (Counter& bucket : buckets_) bucket.Set(0);
  }
  uint64_t At(size_t bucket) const { return buckets_[bucket].Get(); }

  static constexpr size_t BucketOf(uint64_t ns) {
    const uint64_t span = ns < kFirst ? kFirst : ns;
    const int octave = static_cast<int>(std::bit_width(span)) - 1;
    const size_t step = (span >> (octave - 2)) & 3;
    const size_t bucket = static_cast<size_t>(octave - kFirstOctave) * 4 + step;
    return bucket < kBuckets ? bucket : kBuckets - 1;
  }
  // The longest time that falls into the bucket (the last one has no end).
  static constexpr uint64_t LongestNs(size_t bucket) {
    const size_t octave = kFirstOctave + bucket / 4;
    return ((4 + bucket % 4 + 1) << (octave - 2)) - 1;
  }

 private:
  static constexpr int kFirstOctave = 6;
  static constexpr uint64_t kFirst = uint64_t{1} << kFirstOctave;

  std::array<Counter, kBuckets> buckets_{};
};

// A histogram added up over the shards; whoever asks owns it.
struct LatencySum {
  std::array<uint64_t, LatencyHistogram::kBuckets> buckets{};
  uint64_t calls = 0;

  void Add(const LatencyHistogram& histogram);
  // What `percent` of the calls did not exceed, in ns. Requires: calls > 0, 0 <= percent <= 100.
  uint64_t Percentile(double percent) const;
  // How many took no longer than `ns`, as exactly as the buckets tell.
  uint64_t UpTo(uint64_t ns) const;
};

class CommandStats {
 public:
  struct Row {
    const CommandSpec* command = nullptr;
    Counter calls;
    Counter nanoseconds;
    Counter rejected;  // refused before they ran: arity, no password, no memory
    Counter failed;    // answered an error
    std::atomic<LatencyHistogram*> histogram{nullptr};  // made with the first call

    bool used() const { return calls.Get() + rejected.Get() + failed.Get() > 0; }
  };

  // A row for each command of the table.
  CommandStats();
  ~CommandStats();
  CommandStats(const CommandStats&) = delete;
  CommandStats& operator=(const CommandStats&) = delete;

  struct Run {
    bool failed = false;     // it answered an error
    bool first_part = true;  // of those that one call is made of
  };

  // ---- owner thread: the shard's
  void Rejected(const CommandSpec& command) {
    if (Row* row = Find(command)) row->rejected.Add();
  }
  void Ran(const CommandSpec& command, uint64_t ns, Run run) {
    if (last_ == nullptr || last_->command != &command) {
      Row* const row = RowToRun(command);
      if (row == nullptr) return;
      last_ = row;
    }
    last_->nanoseconds.Add(ns);
    if (run.first_part) last_->calls.Add();
    if (run.failed) last_->failed.Add();
    last_->histogram.load(std::memory_order_relaxed)->Add(ns);
  }
  void Reset();

  // ---- any thread
  // Null for what is not of the table.
  const Row* Of(const CommandSpec& command) const {
    return const_cast<CommandStats*>(this)->Find(command);
  }

 private:
  Row* Find(const CommandSpec& command);
  // With its histogram. Null for what is not of the table.
  Row* RowToRun(const CommandSpec& command);

  std::unique_ptr<Row[]> rows_;  // open addressing by the row's address; at most half full
  size_t mask_;
  Row* last_ = nullptr;  // the row of the last one that ran: often of the next one, too
};

// How often each error word was answered. The words come from our own tables, so they are few.
class ErrorStats {
 public:
  static constexpr size_t kWordsMax = 64;

  // Owner thread: the shard's. `reply` is an error reply: "-ERR ...".
  void Add(std::string_view reply);
  void Reset();

  // Any thread: fn(word, count) in the order in which the words first came.
  template <typename Fn>
  void ForEach(Fn&& fn) const {
    const size_t size = size_.load(std::memory_order_acquire);
    for (size_t at = 0; at < size; ++at) fn(words_[at].view(), words_[at].count.Get());
  }

 private:
  struct Word {
    std::array<char, 24> text{};
    uint8_t bytes = 0;
    Counter count;

    std::string_view view() const { return {text.data(), bytes}; }
  };

  std::array<Word, kWordsMax> words_{};
  std::atomic<size_t> size_{0};  // a word is whole before it is counted in
};

}  // namespace holdfast

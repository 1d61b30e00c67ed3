// What INFO shows. Each shard counts for itself, alone, and anybody reads: no shared cache line is
// written by two, no counter costs more than an add.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "storage/core/mutation.h"

namespace holdfast {

// One writer (its shard), any reader.
class Counter {
 public:
  void Add(uint64_t n = 1) { value_.store(Get() + n, std::memory_order_relaxed); }
  void Set(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Max(uint64_t value) {
    if (value > Get()) Set(value);
  }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Verbs of the stock whose outcomes are counted by status.
enum class StockVerb : uint8_t { kReserve, kConfirm, kRelease, kExtend, kAmend, kAdjust, kReturn };
inline constexpr int kStockVerbs = 7;
inline constexpr int kStatusesMax = 16;

struct alignas(64) ShardMetrics {  // tidy: long because it is a list, and no function
  Counter commands_processed;
  Counter connections_received;
  Counter connections_rejected;
  Counter clients;               // now
  Counter client_bytes;          // now, of their requests and replies
  Counter client_bytes_largest;  // now, of the one that holds the most
  Counter subscriptions;         // now, of its clients; 0: no message is sent here
  Counter pubsub_clients;        // now, with a subscription
  Counter net_input_bytes;
  Counter net_output_bytes;
  Counter error_replies;
  Counter protocol_errors;

  Counter keyspace_hits;
  Counter keyspace_misses;
  Counter expired_keys;
  std::array<Counter, kDatabases> keys;         // now
  std::array<Counter, kDatabases> keys_expire;  // now, with a deadline
  Counter memory_bytes;                         // now, of keys, values, holds

  Counter defrag_hits;        // blocks that were moved
  Counter defrag_misses;      // blocks that lay well
  Counter defrag_key_hits;    // keys of which some block was moved
  Counter defrag_key_misses;  // the others
  Counter defrag_bytes;       // moved
  Counter defrag_ns;          // that it took

  Counter skus;                                                         // now
  std::array<std::array<Counter, kStatusesMax>, kStockVerbs> outcomes;  // by the verb's own status
  Counter holds_expired;
  Counter holds_forgotten;
  Counter refs_forgotten;
  Counter fences_dropped;

  Counter turns;
  Counter batches;
  Counter requests_sent;      // to other shards
  Counter requests_received;  // from them
  Counter parked;             // commands that waited at a slot, behind a sweep or a group
  Counter groups;             // over several shards
  Counter turn_us_max;
  Counter turn_cpu_us_max;  // of the thread's own time; while latency-monitor-threshold is not 0

  // CONFIG RESETSTAT: what counts starts anew, what measures the present stays. Owner thread: the
  // shard's.
  void ResetCounts() {
    for (Counter* counter : {&commands_processed,
                             &connections_received,
                             &connections_rejected,
                             &net_input_bytes,
                             &net_output_bytes,
                             &error_replies,
                             &protocol_errors,
                             &keyspace_hits,
                             &keyspace_misses,
                             &expired_keys,
                             &defrag_hits,
                             &defrag_misses,
                             &defrag_key_hits,
                             &defrag_key_misses,
                             &holds_expired,
                             &holds_forgotten,
                             &refs_forgotten,
                             &fences_dropped,
                             &turns,
                             &batches,
                             &requests_sent,
                             &requests_received,
                             &parked,
                             &groups,
                             &turn_us_max,
                             &turn_cpu_us_max}) {
      counter->Set(0);
    }
    for (auto& verb : outcomes) {
      for (Counter& counter : verb) counter.Set(0);
    }
  }
};

}  // namespace holdfast

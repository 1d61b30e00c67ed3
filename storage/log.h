// Log: one for the process, one order for everything. Every shard pushes what it changed in a loop
// turn as one batch; the log numbers batches (index), writes consecutive ones as one record, syncs,
// and publishes how far they are durable. Nobody waits in here: a push takes one short lock, and a
// failed write or sync stops the process (the tail of the log would be unknown) through the fatal
// handler.
//
// Homes: RocksLog (the real one), MemoryLog (tests: tears, forgets what was not synced, fails the
// k-th write), NullLog (`appendonly no`: numbers batches, keeps nothing).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "storage/base/server_time.h"
#include "storage/base/slot.h"
#include "storage/base/status.h"
#include "storage/waker.h"

namespace holdfast {

// The number of a batch: contiguous, starting at 1; 0 is "before everything".
using Index = uint64_t;

// Of a batch that no log took: a replica writes what its primary sends, and nothing of its own.
inline constexpr Index kNeverDurable = ~Index{0};

// What one shard hands over for one loop turn.
struct Batch {
  std::string_view mutations;  // as storage/core/mutation.h lays them; copied by Push
  bool gated = false;          // somebody waits for it: ask for a sync
  UnixMs server_time{};  // of the turn; records carry the latest, and the clock is anchored by it
};

class Log {
 public:
  virtual ~Log() = default;

  // Any thread. Push order is log order; the index is the place.
  virtual Index Push(const Batch& batch) = 0;

  // Any thread. The last index that was pushed, by whomever.
  virtual Index LastPushed() const = 0;

  // Any thread. All batches up to here survive a power loss.
  virtual Index Durable() const = 0;

  // Any thread. Somebody waits for `index`: sync as soon as it is written, not at the next second.
  virtual void RequestSync(Index index) = 0;

  // False when nothing is kept: shards then skip encoding what nobody will read.
  virtual bool Keeps() const = 0;

  // True while the queue is over its bound: sockets are not read and sweeps pause until it is
  // false. Any thread.
  virtual bool Congested() const = 0;

  // Before the first Push. Woken whenever Durable() moved or congestion ended.
  virtual void AddWaker(Waker* waker) = 0;

  // Any thread. Free space lies below the reserve: what grows is refused until this is false again.
  virtual bool LowOnDisk() const { return false; }

  // Writes and syncs everything pushed so far; blocks. For the clean stop, when no shard pushes any
  // more.
  virtual Status Flush() = 0;
};

// Called in index order with each batch of the log: its index and those of its mutations that lie
// above their partition's cut (all of them without a snapshot). The bytes are only lent.
using ReplayFn = std::function<Status(Index index, std::string_view mutations)>;

// Where the snapshot stands: of batch j, partition p still lacks its mutations if j > cuts[p]. All
// 0 without one.
using Cuts = std::array<Index, kPartitions>;

// What a replay found. `server_time` anchors the clock: the latest that a record or the witness
// carried, kNever if neither did.
struct Replayed {
  Index first = 0;  // 0 and 0: the log is empty
  Index last = 0;
  uint64_t records = 0;
  Index acked = 0;  // the latest that a record carried
  UnixMs server_time = kNever;
};

// When what lies in the log but was not waited for is synced.
enum class SyncPolicy : uint8_t { kAlways, kEverySecond, kNo };

// Told of the first failed write, flush or sync, from whichever thread met it. It must end the
// process: what the disk holds of the log's tail is unknown from here on, and asking again may
// report a success that is none. Tests may return from it: the log then takes pushes but writes,
// syncs and wakes nothing ever again.
using FatalHandler = std::function<void(const Status&)>;

}  // namespace holdfast

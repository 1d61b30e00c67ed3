// GroupStore: where a group's record is kept: who leads which epoch, and whose disks an ack waits
// for. A node that has the promises for an epoch has the record changed before it opens it.
//
// Safety does not rest on the store but on what nodes have promised (ReplicationMachine): one that
// is slow, wrong or lost keeps an epoch from beginning, and lets none begin that may not.
//
// Owner: the host's thread, for all calls both ways.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "storage/group.h"
#include "storage/rocks_log.h"

namespace holdfast {

struct GroupRecord {
  Epoch epoch = 0;
  Group group{};

  bool operator==(const GroupRecord&) const = default;
};

class GroupStore {
 public:
  using SwappedFn = std::function<void(bool swapped)>;
  using WatchFn = std::function<void(const GroupRecord& record)>;

  virtual ~GroupStore() = default;

  // As far as it is known here; epoch 0: there is none yet.
  virtual GroupRecord Get() const = 0;
  // Puts `next` in the place of the record of version `expected`. `done` is called at once or
  // later, or, where the answer is lost, never. False: the record is another one by now.
  virtual void CompareAndSwap(uint64_t expected, const GroupRecord& next, SwappedFn done) = 0;
  // From now on `watch` is told of each record, whoever changed it; not of all that came between
  // two that it is told of.
  virtual void Watch(WatchFn watch) = 0;
};

// The store of a group that has none of its own: each node keeps the record in its log, with the
// batch that opened the epoch and nowhere else, so it changes only with the epoch. Nodes hear of it
// as they take in each other's logs.
class OwnGroupStore final : public GroupStore {
 public:
  // `log` outlives it.
  explicit OwnGroupStore(const RocksLog& log) : log_(log) {}

  GroupRecord Get() const override;
  void CompareAndSwap(uint64_t expected, const GroupRecord& next, SwappedFn done) override;
  void Watch(WatchFn watch) override;

  // Tells the watcher, if the log has come to hold another record.
  void Look();

 private:
  const RocksLog& log_;
  WatchFn watch_;
  std::optional<GroupRecord> told_;
};

}  // namespace holdfast

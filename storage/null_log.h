// NullLog: `appendonly no`. Numbers batches so that the order of things is the same, keeps nothing,
// makes nobody wait: whatever was pushed counts as durable at once.
#pragma once

#include <atomic>

#include "storage/log.h"

namespace holdfast {

// Any thread may call anything.
class NullLog final : public Log {
 public:
  Index Push(const Batch& /*batch*/) override {
    return last_.fetch_add(1, std::memory_order_acq_rel) + 1;
  }
  Index LastPushed() const override { return last_.load(std::memory_order_acquire); }
  Index Durable() const override { return LastPushed(); }
  void RequestSync(Index /*index*/) override {}
  bool Keeps() const override { return false; }
  bool Congested() const override { return false; }
  void AddWaker(Waker* /*waker*/) override {}
  Status Flush() override { return Status::Ok(); }

 private:
  std::atomic<Index> last_{0};
};

}  // namespace holdfast

// The configuration as CONFIG SET changes it while the server runs.
//
// Each shard reads its own copy, without a lock. A change is decided once, under the lock, so that
// changes have one order and two that exclude each other cannot both win; every shard takes the
// new version before it does anything else, so whoever was told OK finds it in force everywhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "server/config.h"
#include "storage/base/status.h"

namespace holdfast {

// Any thread.
class SharedConfig {
 public:
  // 0 until the first change: the configuration is the one of the start.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // `change(config)` alters a copy of what is in force and may look at nothing else; not ok:
  // nothing changed. `at_start` is what is in force before the first change.
  template <typename ChangeFn>
  Status Change(const Config& at_start, ChangeFn&& change) {
    const std::lock_guard lock(mutex_);
    const uint64_t version = version_.load(std::memory_order_relaxed);
    Config next = version == 0 ? at_start : config_;
    if (Status status = change(next); !status.ok()) return status;
    config_ = std::move(next);
    version_.store(version + 1, std::memory_order_release);
    return Status::Ok();
  }

  // `use(config)` with what is in force, which nobody changes meanwhile.
  template <typename UseFn>
  Status Use(const Config& at_start, UseFn&& use) const {
    const std::lock_guard lock(mutex_);
    return use(version_.load(std::memory_order_relaxed) == 0 ? at_start : config_);
  }

  // What is in force, and its version. Requires: version() > 0.
  Config Get(uint64_t& version) const {
    const std::lock_guard lock(mutex_);
    version = version_.load(std::memory_order_relaxed);
    return config_;
  }

 private:
  mutable std::mutex mutex_;
  std::atomic<uint64_t> version_{0};
  Config config_;
};

}  // namespace holdfast

// SlowLog: the last commands that took longer than an operator wants, for SLOWLOG GET. One for the
// process, newest first, of a bounded length; who is in it is the exception, so a lock is cheap.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/server_time.h"

namespace holdfast {

struct SlowEntry {
  uint64_t id = 0;  // given by Add: unique in the process, ascending
  UnixMs at{};      // when it ran
  int64_t us = 0;   // how long
  std::vector<std::string> words;
  std::string address;  // of the client
  std::string name;
};

// Any thread.
class SlowLog {
 public:
  // Returns the entry's id. Of the older ones at most `length - 1` stay; 0: nothing is kept.
  uint64_t Add(SlowEntry entry, size_t length);
  // A command may run on another shard than its client's: who that was comes later.
  void SetClient(uint64_t id, std::string_view address, std::string_view name);

  std::vector<SlowEntry> Newest(size_t count) const;
  size_t size() const;
  void Reset();

 private:
  mutable std::mutex mutex_;
  // Under mutex_. The newest in front.
  std::deque<SlowEntry> entries_;
  uint64_t next_id_ = 0;
};

// The command line as it is kept: what is long is cut, and the cut says how much is missing, as
// Redis says it.
std::vector<std::string> SlowLogWords(std::span<const std::string_view> words);

}  // namespace holdfast

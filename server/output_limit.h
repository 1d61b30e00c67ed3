// How much of what a client is to be sent may wait for it: client-output-buffer-limit, in Redis'
// words. Above `hard` it is closed at once, above `soft` when it stays there for so long.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "storage/base/server_time.h"

namespace holdfast {

struct OutputLimit {
  int64_t hard = 0;  // bytes; 0: client-buffer-limit says
  int64_t soft = 0;  // bytes; 0: none
  std::chrono::seconds soft_for{0};

  bool operator==(const OutputLimit&) const = default;
};

// In the order in which CONFIG GET shows them.
enum class OutputClass : uint8_t { kNormal, kReplica, kPubSub };
using OutputLimits = std::array<OutputLimit, 3>;

// Since when one client is above its soft limit.
class SoftLimitWatch {
 public:
  // Whether it has been there for too long.
  bool IsOver(const OutputLimit& limit, size_t bytes, UnixMs now) {
    if (limit.soft == 0 || bytes <= static_cast<size_t>(limit.soft)) {
      since_.reset();
      return false;
    }
    if (!since_) since_ = now;
    return now - *since_ > limit.soft_for;
  }

 private:
  std::optional<UnixMs> since_;
};

}  // namespace holdfast

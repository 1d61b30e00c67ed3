// How far a start has come with its data: for INFO, and for the server's own log.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>

#include "storage/base/server_time.h"

namespace holdfast {

struct LoadProgress {
  UnixMs started{};
  DurationMs elapsed{};
  uint64_t bytes_total = 0;
  uint64_t bytes_loaded = 0;

  double Percent() const {
    if (bytes_loaded >= bytes_total) return 100;
    return 100 * static_cast<double>(bytes_loaded) / static_cast<double>(bytes_total);
  }

  // At the pace so far; 1 while there is none to tell it by, as Redis has it.
  int64_t SecondsToGo() const {
    if (bytes_loaded == 0) return 1;
    const uint64_t left = bytes_total - (bytes_loaded < bytes_total ? bytes_loaded : bytes_total);
    const std::chrono::duration<double> so_far = elapsed;
    const double seconds =
        so_far.count() * static_cast<double>(left) / static_cast<double>(bytes_loaded);
    return std::llround(seconds);
  }
};

}  // namespace holdfast

#include "storage/check/progress.h"

#include <utility>

namespace holdfast {
namespace {

constexpr auto kSayEvery = std::chrono::seconds(1);

std::string Megabytes(uint64_t bytes) { return std::to_string(bytes >> 20); }

}  // namespace

void Progress::Begin(std::string what, uint64_t bytes_total) {
  what_ = std::move(what);
  bytes_total_ = bytes_total;
  bytes_ = 0;
}

void Progress::Add(uint64_t bytes) {
  bytes_ += bytes;
  if (!say_) return;
  const auto now = Clock::now();
  if (now - said_ < kSayEvery) return;
  said_ = now;
  const std::string total = bytes_total_ == 0 ? "" : " of " + Megabytes(bytes_total_);
  say_(what_ + ": " + Megabytes(bytes_) + total + " MB");
}

}  // namespace holdfast

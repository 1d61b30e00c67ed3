#include "bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace holdfast::bench {

uint32_t Histogram::BucketOf(uint64_t value) {
  value = std::min(value, kValueMax);
  if (value < kExact) return static_cast<uint32_t>(value);
  // Shifted so far that the leading kSplitBits + 1 bits are left: [kSplit, 2 * kSplit).
  const auto shift = static_cast<uint32_t>(std::bit_width(value)) - kSplitBits - 1;
  return shift * kSplit + static_cast<uint32_t>(value >> shift);
}

uint64_t Histogram::HighestIn(uint32_t bucket) {
  if (bucket < kExact) return bucket;
  const uint32_t shift = bucket / kSplit - 1;
  const uint64_t lead = bucket - shift * kSplit;
  return ((lead + 1) << shift) - 1;
}

void Histogram::Record(uint64_t value) {
  ++counts_[BucketOf(value)];
  ++count_;
  sum_ += value;
  max_ = std::max(max_, value);
}

void Histogram::Merge(const Histogram& other) {
  for (uint32_t bucket = 0; bucket < kBuckets; ++bucket) counts_[bucket] += other.counts_[bucket];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

void Histogram::Clear() { *this = Histogram(); }

double Histogram::Mean() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

uint64_t Histogram::Quantile(double share) const {
  const double rank = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  const uint64_t wanted = std::max<uint64_t>(1, static_cast<uint64_t>(rank));
  uint64_t seen = 0;
  for (uint32_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted) return std::min(HighestIn(bucket), max_);
  }
  return max_;
}

}  // namespace holdfast::bench

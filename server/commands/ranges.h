// Ranges of a string as clients give them: "0 -1", both ends included, negative ones counted from
// the end.
#pragma once

#include <algorithm>
#include <cstdint>

namespace holdfast {

// Of bytes or bits, both ends included.
struct Range {
  int64_t first;
  int64_t last;

  bool empty() const { return first > last; }
  int64_t size() const { return empty() ? 0 : last - first + 1; }
  bool operator==(const Range&) const = default;
};

// What `start` and `end` mean of a string of `size` bytes or bits. An end before the first one
// means the first one, as in Redis: "-100 -50" of "abc" is "a". Requires: 0 <= size <= 2^62.
constexpr Range RangeOf(int64_t start, int64_t end, int64_t size) {
  const int64_t first = start < 0 ? size + start : start;
  const int64_t last = end < 0 ? size + end : end;
  return {.first = std::max<int64_t>(first, 0),
          .last = std::min(std::max<int64_t>(last, 0), size - 1)};
}

// Nothing, even where both ends would be drawn to the first byte.
constexpr bool IsBackwards(int64_t start, int64_t end) {
  return start < 0 && end < 0 && start > end;
}

}  // namespace holdfast

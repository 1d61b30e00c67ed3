// What a heap block really takes. Blocks of our own are made this large from the start, so that
// their content may grow in place up to it, and so that the memory counter tells what the allocator
// was asked for.
#pragma once

#include <bit>
#include <cstddef>

namespace holdfast {

// The size classes of jemalloc: steps of 16 up to 128 bytes, then four steps to each doubling.
constexpr size_t BlockSize(size_t bytes) {
  constexpr size_t kFineStep = 16;
  constexpr size_t kFineMax = 128;
  constexpr int kStepsLog = 2;
  const size_t step =
      bytes <= kFineMax ? kFineStep : size_t{1} << (std::bit_width(bytes - 1) - 1 - kStepsLog);
  return (bytes + step - 1) / step * step;
}

}  // namespace holdfast

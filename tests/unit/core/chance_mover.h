// A heap for tests of whatever moves blocks: which of them are sparse is chance, and a block that
// was moved away from is overwritten and freed, so that whoever still uses it is found.
#pragma once

#include <algorithm>
#include <cstring>
#include <random>
#include <set>

#include "storage/base/invariant.h"
#include "storage/core/block_mover.h"

namespace holdfast {

class ChanceMover final : public BlockMover {
 public:
  // One block in so many is sparse; 0: none.
  explicit ChanceMover(unsigned part, unsigned seed = 1) : one_in(part), random_(seed) {}

  void FindSparse(std::span<const void* const> blocks, std::span<uint8_t> sparse) override {
    asked += blocks.size();
    largest_step = std::max(largest_step, blocks.size());
    for (size_t i = 0; i < blocks.size(); ++i) {
      Invariant(blocks[i] != nullptr);
      CheckIsThere(blocks[i]);
      sparse[i] = static_cast<uint8_t>(one_in != 0 && random_() % one_in == 0);
    }
  }
  void* Allocate(size_t bytes) override { return ::operator new(bytes); }
  void Free(void* block, size_t bytes) override {
    ++freed;
    std::memset(block, 0xDB, bytes);
    ::operator delete(block);
  }
  void EndOfMoves() override { ++ends; }

  unsigned one_in;
  size_t asked = 0;
  size_t largest_step = 0;
  size_t freed = 0;
  size_t ends = 0;

 private:
  // A sanitizer sees what is not.
  void CheckIsThere(const void* block) { sum_ += *static_cast<const volatile uint8_t*>(block); }

  unsigned sum_ = 0;
  std::mt19937 random_;
};

}  // namespace holdfast

#include "tests/unit/protocol/allocation_count.h"

#include <cstdlib>
#include <new>

namespace holdfast {
namespace {

size_t allocation_count = 0;
size_t allocated_bytes = 0;

void* Allocate(size_t size) {
  ++allocation_count;
  allocated_bytes += size;
  void* const block = std::malloc(size);
  if (block == nullptr) std::abort();
  return block;
}

}  // namespace

size_t AllocationCount() { return allocation_count; }
size_t AllocatedBytes() { return allocated_bytes; }

}  // namespace holdfast

void* operator new(size_t size) { return holdfast::Allocate(size); }
void* operator new[](size_t size) { return holdfast::Allocate(size); }
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, size_t) noexcept { std::free(block); }
void operator delete[](void* block, size_t) noexcept { std::free(block); }

// jemalloc's functions, null without it: the allocator is chosen where the program is linked, and
// whoever links a file that uses these without one (a test) must not need it.
#pragma once

#include <cstddef>

// NOLINTBEGIN(readability-identifier-naming): they are called so.
extern "C" {
__attribute__((weak)) int mallctl(const char* name, void* old_value, size_t* old_size,
                                  void* new_value, size_t new_size);
__attribute__((weak)) int mallctlnametomib(const char* name, size_t* mib, size_t* length);
__attribute__((weak)) int mallctlbymib(const size_t* mib, size_t length, void* old_value,
                                       size_t* old_size, void* new_value, size_t new_size);
__attribute__((weak)) void* mallocx(size_t bytes, int flags);
__attribute__((weak)) void sdallocx(void* block, size_t bytes, int flags);
__attribute__((weak)) void malloc_stats_print(void (*write)(void* target, const char* text),
                                              void* target, const char* options);
}
// NOLINTEND(readability-identifier-naming)

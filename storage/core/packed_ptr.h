// PackedPtr: a unique_ptr in six bytes, for sets of millions: a process has at most 48 bits of
// addresses.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "storage/base/invariant.h"

namespace holdfast {

// Deleter: void operator()(T*) const. A leak checker does not see what such a pointer owns: it must
// be gone when the process exits.
template <typename T, typename Deleter>
class PackedPtr {
 public:
  PackedPtr() = default;
  explicit PackedPtr(T* thing) { Set(thing); }
  PackedPtr(PackedPtr&& other) noexcept : words_(std::exchange(other.words_, {})) {}
  PackedPtr& operator=(PackedPtr&& other) noexcept {
    PackedPtr old(std::move(*this));
    words_ = std::exchange(other.words_, {});
    return *this;
  }
  ~PackedPtr() {
    if (T* const thing = get()) Deleter{}(thing);
  }

  T* get() const {
    const uint64_t low = words_[0] | static_cast<uint32_t>(words_[1]) << 16;
    return reinterpret_cast<T*>(low | static_cast<uint64_t>(words_[2]) << 32);
  }
  T& operator*() const { return *get(); }
  T* operator->() const { return get(); }

 private:
  void Set(T* thing) {
    const auto address = reinterpret_cast<uintptr_t>(thing);
    Invariant(address >> 48 == 0);
    words_ = {static_cast<uint16_t>(address), static_cast<uint16_t>(address >> 16),
              static_cast<uint16_t>(address >> 32)};
  }

  std::array<uint16_t, 3> words_{};
};

}  // namespace holdfast

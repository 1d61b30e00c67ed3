// PackedPtr: a unique_ptr in six bytes, for sets of millions: a process has at most 48 bits of
// addresses.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
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
  PackedPtr(PackedPtr&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  PackedPtr& operator=(PackedPtr&& other) noexcept {
    PackedPtr old(std::move(*this));
    bytes_ = std::exchange(other.bytes_, {});
    return *this;
  }
  ~PackedPtr() {
    if (T* const thing = get()) Deleter{}(thing);
  }

  T* get() const {
    uint32_t low = 0;
    uint16_t high = 0;
    std::memcpy(&low, bytes_.data(), sizeof low);
    std::memcpy(&high, bytes_.data() + sizeof low, sizeof high);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): that is what is saved here
    return reinterpret_cast<T*>(low | static_cast<uint64_t>(high) << 32);
  }
  T& operator*() const { return *get(); }
  T* operator->() const { return get(); }

 private:
  void Set(T* thing) {
    const auto address = reinterpret_cast<uintptr_t>(thing);
    Invariant(address >> 48 == 0);
    const auto low = static_cast<uint32_t>(address);
    const auto high = static_cast<uint16_t>(address >> 32);
    std::memcpy(bytes_.data(), &low, sizeof low);
    std::memcpy(bytes_.data() + sizeof low, &high, sizeof high);
  }

  std::array<char, 6> bytes_{};
};

}  // namespace holdfast

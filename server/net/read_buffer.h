// Bytes of a request that has not wholly arrived. Empty for most connections most of the time: then
// it owns no memory, and requests are parsed where the loop read them.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace holdfast {

class ReadBuffer {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  std::string_view view() const { return {bytes_.get(), size_}; }

  // Room for at least `least` more bytes, behind what is there. Grows by doubling, never to what a
  // client merely announces.
  struct Room {
    char* at;
    size_t bytes;
  };
  Room MakeRoom(size_t least) {
    if (capacity_ - size_ < least) Grow(size_ + least);
    return {bytes_.get() + size_, capacity_ - size_};
  }
  void Filled(size_t bytes) { size_ += bytes; }

  void Append(std::string_view bytes) {
    std::memcpy(MakeRoom(bytes.size()).at, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

  void Consume(size_t bytes) {
    size_ -= bytes;
    if (size_ == 0) {
      bytes_.reset();
      capacity_ = 0;
    } else {
      std::memmove(bytes_.get(), bytes_.get() + bytes, size_);
    }
  }

 private:
  void Grow(size_t needed) {
    size_t capacity = capacity_ == 0 ? 1024 : capacity_ * 2;
    while (capacity < needed) capacity *= 2;
    auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
    if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace holdfast

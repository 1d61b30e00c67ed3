// A queue that owns no memory until something is put into it: std::deque takes 600 bytes for an
// empty one, and every connection has one.
//
// Amortised constant time; what was popped is freed when the queue is empty, or by half.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace holdfast {

template <typename T>
class Fifo {
 public:
  bool empty() const { return items_.empty(); }
  // In order.
  std::span<T> view() { return std::span(items_).subspan(first_); }
  std::span<const T> view() const { return std::span(items_).subspan(first_); }
  T& front() { return items_[first_]; }
  T& back() { return items_.back(); }
  const T& front() const { return items_[first_]; }

  void push_back(T item) { items_.push_back(std::move(item)); }

  void pop_front() {
    items_[first_++] = T{};
    if (first_ == items_.size()) return clear();
    if (first_ < kPoppedMin || first_ * 2 < items_.size()) return;
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }

  void clear() {
    items_.clear();
    first_ = 0;
    if (items_.capacity() > kItemsKept) items_.shrink_to_fit();
  }

 private:
  static constexpr size_t kPoppedMin = 32;
  static constexpr size_t kItemsKept = 2;

  std::vector<T> items_;  // empty, or one of them has not been popped
  size_t first_ = 0;
};

}  // namespace holdfast

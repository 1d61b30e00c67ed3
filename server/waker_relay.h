// WakerRelay: passes wakes on to whoever is there. Logs keep their wakers for good; the loops that
// are woken go, and others come, when a state is loaded anew.
#pragma once

#include <mutex>

#include "storage/waker.h"

namespace holdfast {

class WakerRelay final : public Waker {
 public:
  void Wake() override {
    const std::lock_guard lock(mutex_);
    if (to_ != nullptr) to_->Wake();
  }
  // Any thread. When it returns the one before is not woken any more, nor being woken.
  void PointTo(Waker* to) {
    const std::lock_guard lock(mutex_);
    to_ = to;
  }

 private:
  std::mutex mutex_;
  Waker* to_ = nullptr;
};

}  // namespace holdfast

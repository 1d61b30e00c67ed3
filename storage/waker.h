// How the log tells a shard that the durable index moved, without knowing what an event loop is.
#pragma once

namespace holdfast {

class Waker {
 public:
  virtual ~Waker() = default;
  // Any thread. Cheap and idempotent: many wakes before the shard runs are one.
  virtual void Wake() = 0;
};

}  // namespace holdfast

// Progress: a line a second for whoever waits, none for what is done sooner.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace holdfast {

class Progress {
 public:
  using SayFn = std::function<void(const std::string& line)>;

  // An empty `say` makes it silent.
  explicit Progress(SayFn say) : say_(std::move(say)) {}

  // `bytes_total` 0: nobody knows.
  void Begin(std::string what, uint64_t bytes_total);
  void Add(uint64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;

  const SayFn say_;
  std::string what_;
  uint64_t bytes_total_ = 0;
  uint64_t bytes_ = 0;
  Clock::time_point said_ = Clock::now();
};

}  // namespace holdfast

#include "server/span_clock.h"

#include <chrono>
#include <thread>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace holdfast {
namespace {

constexpr uint64_t kOneToOne = uint64_t{1} << 32;

uint64_t SteadyNs() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::nanoseconds(since).count());
}

#if defined(__x86_64__)

uint64_t ReadCounter() { return __builtin_ia32_rdtsc(); }

// The processor promises one rate, whatever its frequency and its sleep.
bool CounterIsSteady() {
  constexpr unsigned kPowerLeaf = 0x80000007;
  constexpr unsigned kInvariantTsc = 1U << 8;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(kPowerLeaf, &a, &b, &c, &d) != 0 && (d & kInvariantTsc) != 0;
}

#endif

}  // namespace

SpanClock SpanClock::OfThisMachine() {
#if defined(__x86_64__)
  if (CounterIsSteady()) {
    const uint64_t ns_before = SteadyNs();
    const uint64_t ticks_before = ReadCounter();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const uint64_t ns = SteadyNs() - ns_before;
    const uint64_t ticks = ReadCounter() - ticks_before;
    // Between 100 MHz and 10 GHz, or something between us and the processor makes the counter up.
    if (ticks >= ns / 10 && ticks <= ns * 10) return {ReadCounter, (ns << 32) / ticks};
  }
#endif
  return {SteadyNs, kOneToOne};
}

}  // namespace holdfast

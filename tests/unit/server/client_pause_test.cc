#include "server/client_pause.h"

#include <gtest/gtest.h>

#include "server/span_clock.h"

namespace holdfast {
namespace {

constexpr UnixMs At(int64_t ms) { return FromUnixMs(1'795'288'322'993 + ms); }

TEST(ClientPause, LastsItsTime) {
  ClientPause pause;
  EXPECT_EQ(pause.At(At(0)), PauseKind::kNone);
  pause.Extend(PauseKind::kWrites, 100, At(0));
  EXPECT_EQ(pause.At(At(99)), PauseKind::kWrites);
  EXPECT_EQ(pause.At(At(100)), PauseKind::kNone);
}

TEST(ClientPause, NeverGetsWeakerOrShorter) {
  ClientPause pause;
  pause.Extend(PauseKind::kAll, 100, At(0));
  pause.Extend(PauseKind::kWrites, 10, At(0));
  EXPECT_EQ(pause.At(At(99)), PauseKind::kAll);
  pause.Extend(PauseKind::kWrites, 200, At(50));
  EXPECT_EQ(pause.At(At(249)), PauseKind::kAll);
  EXPECT_EQ(pause.At(At(250)), PauseKind::kNone);
}

TEST(ClientPause, OneThatIsOverCountsForNothing) {
  ClientPause pause;
  pause.Extend(PauseKind::kAll, 100, At(0));
  pause.Extend(PauseKind::kWrites, 10, At(100));
  EXPECT_EQ(pause.At(At(109)), PauseKind::kWrites);
  EXPECT_EQ(pause.At(At(110)), PauseKind::kNone);
}

TEST(ClientPause, EndsWhenToldAndMayLastForEver) {
  ClientPause pause;
  pause.Extend(PauseKind::kAll, INT64_MAX, At(0));
  EXPECT_EQ(pause.At(At(int64_t{1} << 50)), PauseKind::kAll);
  pause.End();
  EXPECT_EQ(pause.At(At(0)), PauseKind::kNone);
}

TEST(ClientPause, AndHandingOverDoNotEndEachOther) {
  ClientPause pause;
  pause.BeginHandOver();
  EXPECT_EQ(pause.At(At(1000)), PauseKind::kWrites);
  pause.Extend(PauseKind::kAll, 100, At(0));
  EXPECT_EQ(pause.At(At(99)), PauseKind::kAll);
  EXPECT_EQ(pause.At(At(100)), PauseKind::kWrites);
  pause.End();
  EXPECT_EQ(pause.At(At(0)), PauseKind::kWrites);
  pause.Extend(PauseKind::kAll, 100, At(0));
  pause.EndHandOver();
  EXPECT_EQ(pause.At(At(99)), PauseKind::kAll);
  EXPECT_EQ(pause.At(At(100)), PauseKind::kNone);
}

TEST(SpanClock, CountsInNanosecondsWhateverItsTicks) {
  EXPECT_EQ(SpanClock().Ns(), 0U);
  // 3 ticks a nanosecond; after a hundred days, too.
  const SpanClock third([] { return uint64_t{3} * 8'640'000'000'000'000; },
                        (uint64_t{1} << 32) / 3);
  EXPECT_NEAR(static_cast<double>(third.Ns()), 8.64e15, 8.64e15 / 1e9);
}

TEST(SpanClock, OfThisMachineAgreesWithTheSystem) {
  const SpanClock clock = SpanClock::OfThisMachine();
  const auto system_before = std::chrono::steady_clock::now();
  const uint64_t before = clock.Ns();
  while (std::chrono::steady_clock::now() - system_before < std::chrono::milliseconds(20)) {
  }
  const uint64_t took = clock.Ns() - before;
  const auto system = static_cast<uint64_t>(
      std::chrono::nanoseconds(std::chrono::steady_clock::now() - system_before).count());
  EXPECT_GE(took, 19'000'000U);
  EXPECT_LE(took, system + system / 100);
}

}  // namespace
}  // namespace holdfast

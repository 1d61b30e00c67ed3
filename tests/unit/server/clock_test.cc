#include "server/clock.h"

#include <atomic>
#include <functional>
#include <future>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr UnixNs kNoon{std::chrono::seconds{1'795'000'000}};

// A server clock and the machine clocks under it, all moved by hand.
struct Bench {
  BootTime boot = 1000s;
  UnixNs wall = kNoon;
  ClockLine line{kNoon, 1000s};

  UnixNs Server() const { return line.At(boot); }
  void Pass(nanoseconds time) {
    boot += time;
    wall += time;
  }
  void Steer() { line = line.SteeredTo({.boot = boot, .wall = wall}); }
  // Steers once a second, as the server does.
  void Run(nanoseconds time) {
    for (nanoseconds passed{0}; passed < time; passed += 1s) {
      Pass(1s);
      Steer();
    }
  }
};

TEST(ClockLine, FollowsBootTimeWhileTheWallAgrees) {
  Bench bench;
  bench.Run(100s);
  bench.Pass(123456789ns);
  EXPECT_EQ(bench.Server(), kNoon + 100s + 123456789ns);
}

TEST(ClockLine, AWallSteppedAheadIsApproachedByAtMostFivePercent) {
  Bench bench;
  bench.wall += 60s;
  bench.Steer();
  EXPECT_EQ(bench.Server(), kNoon) << "never stepped";
  bench.Run(100s);
  const nanoseconds gained = bench.Server() - (kNoon + 100s);
  EXPECT_LE(gained, 5s);
  EXPECT_GE(gained, 4990ms);
}

TEST(ClockLine, AWallSteppedBackSlowsTheClockByAtMostFivePercent) {
  Bench bench;
  bench.wall -= 60s;
  bench.Steer();
  EXPECT_EQ(bench.Server(), kNoon) << "never stepped";
  bench.Run(100s);
  const nanoseconds lost = (kNoon + 100s) - bench.Server();
  EXPECT_LE(lost, 5s);
  EXPECT_GE(lost, 4990ms);
}

TEST(ClockLine, MeetsTheWallAndStaysThere) {
  for (const nanoseconds step : {60'000ms, 1'000ms, 49ms, 1ms, -1ms, -49ms, -1'000ms, -60'000ms}) {
    Bench bench;
    bench.wall += step;
    bench.Steer();
    bench.Run(1300s);
    EXPECT_LT(std::chrono::abs(bench.Server() - bench.wall), 2us) << step.count();
    bench.Run(100s);
    EXPECT_LT(std::chrono::abs(bench.Server() - bench.wall), 2us) << step.count();
  }
}

// When nobody steers (a stalled thread, a sleeping machine) the correction ends where it was to
// end.
TEST(ClockLine, DoesNotOvershootWhenSteeringStops) {
  for (const nanoseconds step : {40ms, 100'000ms, -40ms, -100'000ms}) {
    Bench bench;
    bench.wall += step;
    bench.Steer();
    bench.Pass(240h);
    const nanoseconds moved = bench.Server() - (kNoon + 240h);
    EXPECT_LE(std::chrono::abs(moved), std::chrono::abs(step));
    EXPECT_GE(std::chrono::abs(moved), std::chrono::abs(step) * 99 / 100);
  }
}

TEST(ClockLine, AWallMoreThanADayOffIsNotFollowed) {
  for (const nanoseconds step : {nanoseconds(24h) + 1ns, nanoseconds(-24h) - 1ns}) {
    Bench bench;
    bench.wall += step;
    bench.Steer();
    bench.Run(100s);
    EXPECT_EQ(bench.Server(), kNoon + 100s);
  }
  Bench bench;
  bench.wall += 24h;
  bench.Steer();
  bench.Pass(1s);
  EXPECT_GT(bench.Server(), kNoon + 1s) << "a day is still followed";
}

// Whatever the wall does and however irregularly the clock is steered: it goes on, never faster or
// slower than boot time by more than 5 %.
TEST(ClockLine, NeverGoesBackUnderAnySequenceOfWallSteps) {
  for (uint32_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Bench bench;
    UnixNs last = bench.Server();
    for (int i = 0; i < 2000; ++i) {
      const nanoseconds pass{static_cast<int64_t>(random() >> (24 + random() % 40))};
      bench.Pass(pass);
      const UnixNs now = bench.Server();
      ASSERT_GE(now, last);
      ASSERT_LE(now - last, pass + pass / 20 + 1ns);
      ASSERT_GE(now - last, pass - pass / 20 - 1ns);
      last = now;
      if (random() % 3 == 0) {
        const nanoseconds step{static_cast<int64_t>(random() >> (8 + random() % 55))};
        bench.wall = random() % 2 == 0 ? bench.Server() + step : bench.Server() - step;
      }
      if (random() % 2 == 0) {
        bench.Steer();
        ASSERT_EQ(bench.Server(), last) << "steering itself moves nothing";
      }
    }
  }
}

TEST(ChooseAnchor, TakesTheLaterOfLastRecordAndWall) {
  UnixNs anchor;
  const UnixMs record = std::chrono::floor<DurationMs>(kNoon);
  ASSERT_TRUE(ChooseAnchor(kNoon, kNever, false, anchor).ok());
  EXPECT_EQ(anchor, kNoon);
  ASSERT_TRUE(ChooseAnchor(kNoon, record - 1h, false, anchor).ok());
  EXPECT_EQ(anchor, kNoon);
  ASSERT_TRUE(ChooseAnchor(kNoon, record + 1h, false, anchor).ok());
  EXPECT_EQ(anchor, kNoon + 1h);
}

TEST(ChooseAnchor, RefusesAWallMoreThanADayBehindUntilToldToAcceptIt) {
  UnixNs anchor;
  const UnixMs record = std::chrono::floor<DurationMs>(kNoon);
  EXPECT_TRUE(ChooseAnchor(kNoon, record + 24h, false, anchor).ok());
  const Status refused = ChooseAnchor(kNoon, record + 24h + 1ms, false, anchor);
  EXPECT_EQ(refused.code(), Status::Code::kInvalid);
  EXPECT_NE(refused.text().find("--accept-clock"), std::string::npos);
  EXPECT_NE(refused.text().find("24 hours behind"), std::string::npos);

  ASSERT_TRUE(ChooseAnchor(kNoon, record + 48h, true, anchor).ok());
  EXPECT_EQ(anchor, kNoon + 48h) << "goes on from the last record's time";
  EXPECT_TRUE(ChooseAnchor(kNoon, kNever, false, anchor).ok());
}

TEST(ServerClock, StartsAtTheAnchorAndTellsItsOffset) {
  const ClockReading start = kMachineClocks.Read();
  ServerClock clock(start.wall + 48h, start);
  const UnixNs now = clock.NowNs();
  EXPECT_GE(now, start.wall + 48h);
  EXPECT_LT(now, start.wall + 48h + 60s);
  EXPECT_EQ(clock.Offset(), 48h);
  EXPECT_GE(clock.Now(), std::chrono::floor<DurationMs>(now));

  clock.Steer();
  EXPECT_LT(std::chrono::abs(clock.Offset() - 48h), 1s);
}

// Machine clocks moved by hand; `while_reading` runs once, in the middle of the next reading.
struct HandClocks {
  static inline BootTime boot;
  static inline UnixNs wall;
  static inline std::function<void()> while_reading;

  static void Interrupt() {
    if (auto action = std::exchange(while_reading, nullptr)) action();
  }
  static constexpr MachineClocks kClocks = {
      .boot =
          [] {
            Interrupt();
            return boot;
          },
      .wall = [] { return wall; },
  };
};

TEST(ServerClock, AReaderOvertakenBySteeringIsToldTheTimeOnTheNewLine) {
  HandClocks::boot = 0s;
  HandClocks::wall = kNoon + 1h;
  ServerClock clock(kNoon, {.boot = HandClocks::boot, .wall = HandClocks::wall},
                    HandClocks::kClocks);
  HandClocks::while_reading = [&] {
    HandClocks::wall = kNoon - 1h;
    clock.Steer();
    HandClocks::boot = 100s;
  };
  EXPECT_LT(clock.NowNs(), kNoon + 96s) << "on the old line it would be 105 s";
}

TEST(ServerClock, NobodyIsToldATimeWhileTheLineChanges) {
  HandClocks::boot = 0s;
  HandClocks::wall = kNoon;
  ServerClock clock(kNoon, {.boot = HandClocks::boot, .wall = HandClocks::wall},
                    HandClocks::kClocks);
  std::future<UnixNs> reader;
  HandClocks::while_reading = [&] {
    reader = std::async(std::launch::async, [&] { return clock.NowNs(); });
    EXPECT_EQ(reader.wait_for(20ms), std::future_status::timeout);
  };
  clock.Steer();
  EXPECT_EQ(reader.get(), kNoon);
}

TEST(ServerClock, IsMovedForwardWhereItBeganBehindTheLogAndNeverBack) {
  HandClocks::boot = 0s;
  HandClocks::wall = kNoon;
  ServerClock clock(kNoon, {.boot = HandClocks::boot, .wall = HandClocks::wall},
                    HandClocks::kClocks);
  HandClocks::boot += 3s;
  HandClocks::wall += 3s;
  clock.AdvanceTo(kNoon + 2s);
  EXPECT_EQ(clock.NowNs(), kNoon + 3s);
  clock.AdvanceTo(kNoon + 48h);
  EXPECT_EQ(clock.NowNs(), kNoon + 48h);
  EXPECT_EQ(clock.Offset(), 48h - 3s);
  HandClocks::boot += 1s;
  EXPECT_EQ(clock.NowNs(), kNoon + 48h + 1s) << "more than a day off: not drawn to the wall";
}

// What one thread was told, another is never told less afterwards, while a third turns the slew
// from fast to slow and back as hard as it can.
TEST(ServerClock, NeverGoesBackAcrossThreads) {
  static std::atomic<bool> ahead{false};
  static const MachineClocks clocks = {
      .boot = kMachineClocks.boot,
      .wall = [] { return kMachineClocks.wall() + (ahead.exchange(!ahead) ? 1h : -1h); },
  };
  constexpr int kReaders = 2;
  const ClockReading start = kMachineClocks.Read();
  ServerClock clock(start.wall, start, clocks);
  std::atomic<int64_t> told{0};
  std::atomic<int> reversals{0};
  std::atomic<int> reading{kReaders};
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      for (int n = 0; n < 50'000; ++n) {
        const int64_t before = told.load(std::memory_order_acquire);
        const int64_t now = clock.NowNs().time_since_epoch().count();
        if (now < before) reversals.fetch_add(1);
        told.store(std::max(now, before), std::memory_order_release);
      }
      reading.fetch_sub(1);
    });
  }
  while (reading.load() > 0) {
    clock.Steer();
    std::this_thread::yield();  // two processors are enough for this test
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(reversals.load(), 0);
}

}  // namespace
}  // namespace holdfast

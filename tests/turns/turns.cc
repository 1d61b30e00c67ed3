// holdfast-turns: the longest turn of a shard's loop by what the turn itself does, whatever else
// the machine does meanwhile.
//
// A machine that others use, too, takes a turn's processor away for milliseconds, and a part of
// that even the thread's own CPU clock counts: the part `machine`, a few microseconds of the same
// work again and again, has turns of milliseconds by that clock. So each part runs several times
// with the same hash seed and a clock that is moved by hand: the i-th turn does the same work in
// every round. Its time is the least of all rounds; the longest of those times is the server's own.
//
// A turn is one request, parsed, executed, its reply and its change encoded, or one turn of what a
// shard does by itself. Each round is a process of its own, which meets the allocator and the
// kernel's pages as new as the first one did.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/request_template.h"
#include "server/allocator.h"
#include "storage/base/invariant.h"
#include "tests/sim/one_shard.h"

namespace holdfast::bench {
namespace {

constexpr const char* kUsage =
    "usage: holdfast-turns keys|sku|slot|sessions|expiry|machine COUNT [ROUNDS]\n"
    "\n"
    "  keys      COUNT new keys of 64 bytes come\n"
    "  sku       COUNT holds of one SKU come\n"
    "  slot      COUNT new keys that share a {tag} come\n"
    "  sessions  COUNT sessions of 256 bytes end in the same second\n"
    "  expiry    COUNT holds of one SKU end in the same second\n"
    "  machine   COUNT times the same work that nothing but the machine makes longer\n"
    "\n"
    "Prints the longest turn in microseconds of the thread's CPU clock: of each round, and of the\n"
    "turns' least times in all rounds (3 if nothing else is said); and how many were longer than "
    "100.\n";

// A round's clock: so many requests a millisecond, and the loop's tick.
constexpr uint64_t kRequestsPerMs = 200;
constexpr DurationMs kTick{10};
constexpr DurationMs kTimeToFill{200'000};

using Words = std::vector<std::string>;

struct Part {
  std::string_view name;
  Words words;    // of the request that is repeated; none: the machine itself
  bool measured;  // whether it is the coming that is measured; otherwise the end, later
};

std::span<const Part> Parts() {
  const auto reserve = [](const std::string& seconds) {
    return Words{"RESERVE", "mask",  "order-<hold:18>", "1",
                 "PX",      seconds, "BUYER",           "buyer-<hold:10>"};
  };
  static const std::array kParts = {
      Part{"keys", {"SET", "key:<key:12>", std::string(64, 'x')}, true},
      Part{"sku", reserve("86400000"), true},
      Part{"slot", {"SET", "{sale}:<key:12>", std::string(64, 'x')}, true},
      Part{
          "sessions", {"SET", "session:<key:9>", std::string(256, 'x'), "PX", "<ttl_ms:6>"}, false},
      Part{"expiry", reserve("<ttl_ms:6>"), false},
      Part{"machine", {}, true},
  };
  return kParts;
}

int64_t CpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

// The least that each turn took in any round, in nanoseconds; shared with the rounds' processes.
class LeastTimes {
 public:
  explicit LeastTimes(size_t turns_max) {
    void* memory = mmap(nullptr, turns_max * sizeof(uint32_t), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    Invariant(memory != MAP_FAILED);
    least_ = std::span(static_cast<uint32_t*>(memory), turns_max);
    std::ranges::fill(least_, kNone);
  }

  template <typename Turn>
  void Time(Turn&& turn) {
    const int64_t begin = CpuNs();
    turn();
    const auto took = static_cast<uint32_t>(CpuNs() - begin);
    Invariant(turn_ < least_.size());
    least_[turn_] = std::min(least_[turn_], took);
    ++turn_;
    longest_of_round_ = std::max(longest_of_round_, took);
  }

  uint32_t longest_of_round() const { return longest_of_round_; }
  // Of the turns that were timed: all lie before the first one that was not.
  std::span<const uint32_t> turns() const {
    return {least_.begin(), std::ranges::find(least_, kNone)};
  }

 private:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

  std::span<uint32_t> least_;
  size_t turn_ = 0;
  uint32_t longest_of_round_ = 0;
};

class Round {
 public:
  Round(const Part& part, uint64_t count, LeastTimes& times)
      : part_(part), count_(count), load_(part.words), times_(times) {}

  void Run() {
    Come();
    if (!part_.measured) End();
  }

 private:
  void Come() {
    std::string request;
    AppendCommand(request, Words{"STOCK.CREATE", "mask", std::to_string(count_), "LIMIT", "5"});
    shard_.RunTurn(request);
    UnixMs tick = shard_.now();
    for (uint64_t i = 0; i < count_; ++i) {
      request.clear();
      const auto left = static_cast<uint64_t>((end_ - shard_.now()).count());
      load_.AppendTo(request, {.hold = i, .key = i, .ttl_ms = left});
      Turn([&] { shard_.RunTurn(request); });
      Invariant(!shard_.received().starts_with('-'));
      if (i % kRequestsPerMs == 0) shard_.Advance(DurationMs{1});
      if (shard_.now() < tick) continue;
      tick = shard_.now() + kTick;
      Work();
    }
    Invariant(shard_.now() < end_);
  }

  void End() {
    shard_.Advance(end_ - shard_.now() - 2 * kTick);
    in_measure_ = true;
    const uint64_t before = Ended();
    while (shard_.now() < end_ + DurationMs{1000}) {
      shard_.Advance(kTick);
      Work();
    }
    Invariant(Ended() - before == count_);
  }

  void Work() {
    do {
      Turn([&] { shard_.RunWork(); });
    } while (shard_.router().HasWork());
  }

  template <typename Do>
  void Turn(Do&& turn) {
    if (in_measure_) {
      times_.Time(turn);
    } else {
      turn();
    }
  }

  uint64_t Ended() {
    const ShardMetrics& metrics = shard_.shard().metrics();
    return metrics.expired_keys.Get() + metrics.holds_expired.Get();
  }

  const Part& part_;
  const uint64_t count_;
  const RequestTemplate load_;
  LeastTimes& times_;
  OneShard shard_;
  const UnixMs end_ = shard_.now() + kTimeToFill;
  bool in_measure_ = part_.measured;
};

// Some hundred lines of memory, read in an order that is always the same.
void RunMachine(uint64_t count, LeastTimes& times) {
  std::vector<uint8_t> memory(size_t{256} << 20, 1);
  uint64_t place = 1;
  for (uint64_t i = 0; i < count; ++i) {
    times.Time([&] {
      for (int read = 0; read < 256; ++read) {
        place = place * 6'364'136'223'846'793'005U + memory[(place >> 20) % memory.size()];
      }
    });
  }
}

void RunRound(const Part& part, uint64_t count, LeastTimes& times) {
  PurgeInBackground();  // as the server does
  part.words.empty() ? RunMachine(count, times) : Round(part, count, times).Run();
  std::printf("round_us %.1f\n", times.longest_of_round() / 1000.0);
  std::fflush(stdout);
}

bool ReadNumber(std::string_view text, uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number > 0;
}

int Main(std::span<const char* const> words) {
  uint64_t count = 0;
  uint64_t rounds = 3;
  const auto part =
      words.empty() ? Parts().end() : std::ranges::find(Parts(), words[0], &Part::name);
  if (words.size() < 2 || words.size() > 3 || part == Parts().end() ||
      !ReadNumber(words[1], count) || (words.size() == 3 && !ReadNumber(words[2], rounds))) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  // Turns of the shard's own beside those of the requests: one a tick at least, more while much
  // ends.
  LeastTimes times(2 * count + 100'000);
  for (uint64_t round = 0; round < rounds; ++round) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) {
      std::perror("holdfast-turns: fork");
      return 1;
    }
    if (child == 0) {
      RunRound(*part, count, times);
      _exit(0);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) {
      std::fputs("holdfast-turns: a round failed\n", stderr);
      return 1;
    }
  }
  const auto turns = times.turns();
  std::printf("turns %zu\nover_100_us %td\nlongest_us %.1f\n", turns.size(),
              std::ranges::count_if(turns, [](uint32_t ns) { return ns > 100'000; }),
              std::ranges::max(turns) / 1000.0);
  return 0;
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  const std::span<const char* const> words(argv, static_cast<size_t>(argc));
  return holdfast::bench::Main(words.subspan(words.empty() ? 0 : 1));
}

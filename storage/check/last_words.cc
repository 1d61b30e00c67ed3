#include "storage/check/last_words.h"

#include <array>
#include <atomic>
#include <csignal>
#include <string_view>

#include <unistd.h>

namespace holdfast {
namespace {

// A signal's handler can be handed nothing.
std::atomic<Index> loading{0};
static_assert(std::atomic<Index>::is_always_lock_free);

constexpr int kDamaged = 1;

void Say(std::string_view text) {
  // Nobody is left to be told that it failed.
  [[maybe_unused]] const ssize_t wrote = write(STDERR_FILENO, text.data(), text.size());
}

void SayIndex(Index index) {
  std::array<char, 20> digits{};
  size_t begin = digits.size();
  do {
    digits[--begin] = static_cast<char>('0' + index % 10);
    index /= 10;
  } while (index > 0);
  Say({digits.data() + begin, digits.size() - begin});
}

// Calls only what a signal's handler may.
void OnAbort(int /*signal*/) {
  const Index index = loading.load(std::memory_order_relaxed);
  Say("holdfast-check: damaged: ");
  if (index == 0) {
    Say("the snapshot");
  } else {
    Say("the log at index ");
    SayIndex(index);
  }
  Say(": it contradicts what came before, see the line above; cutting off the log's tail does not "
      "help: restore the directory from a backup or a replica\n");
  _exit(kDamaged);
}

}  // namespace

LastWords::LastWords() {
  loading = 0;
  std::signal(SIGABRT, OnAbort);
}

LastWords::~LastWords() { std::signal(SIGABRT, SIG_DFL); }

void LastWords::Loading(Index index) { loading.store(index, std::memory_order_relaxed); }

}  // namespace holdfast

// A server with one fault built in (mutants.py) must not get through the simulation: the oracle
// must name what is wrong. A server that stops at one of its own invariants is stopped, too, but
// proves nothing about the oracle, so each seed plays in a process of its own and the next one is
// tried.
#include <array>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/ledger_sim.h"
#include "tests/sim/replication/replication_sim.h"

namespace holdfast {
namespace {

constexpr uint64_t kSeeds = 200;

struct Verdict {
  bool stopped_itself = false;  // at an invariant
  std::string wrong;            // empty: nothing was noticed
};

std::string ReadAll(int fd) {
  std::string text;
  std::array<char, 4096> bytes{};
  for (ssize_t got = 0; (got = read(fd, bytes.data(), bytes.size())) > 0;)
    text.append(bytes.data(), static_cast<size_t>(got));
  return text;
}

Verdict Play(uint64_t seed) {
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    const std::string wrong = HOLDFAST_MUTANT_PLAYS(seed).wrong.value_or("");
    _exit(write(pipe_ends[1], wrong.data(), wrong.size()) < 0 ? 1 : 0);
  }
  close(pipe_ends[1]);
  Verdict verdict{.wrong = ReadAll(pipe_ends[0])};
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  verdict.stopped_itself = WIFSIGNALED(status);
  return verdict;
}

TEST(Mutant, IsCaught) {
  int stopped_themselves = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Verdict verdict = Play(seed);
    stopped_themselves += verdict.stopped_itself ? 1 : 0;
    if (verdict.wrong.find(HOLDFAST_MUTANT_TOLD) == std::string::npos) continue;
    std::printf("caught by seed %d: %s\n", static_cast<int>(seed), verdict.wrong.c_str());
    std::printf("%d seeds before it stopped at an invariant of the server's own\n",
                stopped_themselves);
    return;
  }
  FAIL() << "no seed of " << kSeeds << " noticed; " << stopped_themselves
         << " stopped at an invariant of the server's own";
}

}  // namespace
}  // namespace holdfast

// log_probe <dir> <gated> <other>: opens the log in <dir>/log, replays and starts it, pushes
// <gated> batches that it waits for, one by one, and <other> that nobody waits for, until they are
// written; then dies by kill -9. Says on standard output: "replayed <last index>", "acked <index>"
// after each wait, "written <last index>".
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <unistd.h>

#include "storage/core/mutation.h"
#include "storage/rocks_log.h"

namespace holdfast {
namespace {

struct Text {
  static constexpr MutationKind kKind = MutationKind::kStringSet;
  std::string_view text;
  void EncodeBody(std::string& out) const { AppendWord(out, text); }
};

void Say(const char* what, Index index) {
  std::printf("%s %llu\n", what, static_cast<unsigned long long>(index));
  std::fflush(stdout);
}

int Fail(const Status& status) {
  std::fprintf(stderr, "log_probe: %s\n", status.text().c_str());
  return 1;
}

Index Push(RocksLog& log, bool gated) {
  std::string batch;
  AppendMutation(batch, {.db = 0, .slot = 0, .key = "key"}, Text{std::string(2000, 'x')});
  return log.Push({.mutations = batch, .gated = gated, .server_time = FromUnixMs(1)});
}

int Run(const std::string& dir, int gated, int other) {
  RocksLogOptions options;
  options.directory = dir + "/log";
  options.disk_reserve_bytes = 0;
  options.segment_bytes = 16 << 10;  // several, so that seams and new families are in it
  options.ordinary_sync = SyncPolicy::kNo;
  options.fatal = [](const Status& status) { std::_Exit(Fail(status)); };
  std::unique_ptr<RocksLog> log;
  Replayed replayed;
  const ReplayFn ignore = [](Index, std::string_view) { return Status::Ok(); };
  if (const Status status = RocksLog::Open(options, log); !status.ok()) return Fail(status);
  if (const Status status = log->Replay({}, ignore, replayed); !status.ok()) return Fail(status);
  Say("replayed", replayed.last);
  if (const Status status = log->Start(kNever); !status.ok()) return Fail(status);
  for (int i = 0; i < gated; ++i) {
    const Index index = Push(*log, true);
    while (log->Durable() < index) std::this_thread::yield();
    Say("acked", index);
  }
  for (int i = 0; i < other; ++i) Push(*log, false);
  // One more opened the epoch.
  while (log->Stats().batches < static_cast<uint64_t>(1 + gated + other)) std::this_thread::yield();
  Say("written", log->LastPushed());
  return kill(getpid(), SIGKILL);
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  return holdfast::Run(argv[1], std::atoi(argv[2]), std::atoi(argv[3]));
}

#include "server/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include <signal.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/data_dir.h"
#include "server/loader.h"
#include "server/net/event_loop.h"
#include "server/net/sockets.h"
#include "server/server_log.h"
#include "server/server_state.h"
#include "server/shard/shard.h"
#include "server/version.h"
#include "storage/backups.h"
#include "storage/base/bytes.h"
#include "storage/base/hex.h"
#include "storage/base/invariant.h"
#include "storage/null_log.h"
#include "storage/rocks_log.h"
#include "storage/snapshots.h"

namespace holdfast {
namespace {

SyncPolicy PolicyOf(Fsync fsync) {
  switch (fsync) {
    case Fsync::kAlways:
      return SyncPolicy::kAlways;
    case Fsync::kEverysec:
      return SyncPolicy::kEverySecond;
    case Fsync::kNo:
      break;
  }
  return SyncPolicy::kNo;
}

// What the disk holds behind a failed write is unknown: nothing more may be told to anybody. No
// destructor runs, for each could write.
[[noreturn]] void DieOfLogFailure(const Status& status) {
  LogWarning(
      "The log cannot be written: {}. Stopping; a restart recovers all that was acknowledged.",
      status.text());
  std::fprintf(stderr, "holdfast: the log cannot be written: %s\n", status.text().c_str());
  std::fflush(stderr);
  std::_Exit(1);
}

// A start that loads for longer than this is told of to whoever connects meanwhile.
constexpr std::chrono::milliseconds kShortLoad{100};
constexpr std::chrono::milliseconds kLookAtLoading{20};

// Of the log's memtables, whatever its segments' size.
constexpr uint64_t kMemtableBytesMin = uint64_t{4} << 20;

// After a snapshot for which there was no room.
constexpr std::chrono::seconds kSnapshotRetry{60};

// Keeps SIGTERM and SIGINT from every thread that starts later; Wait takes them.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }

  // The signal that came within `span`, or 0.
  int WaitFor(std::chrono::nanoseconds span) const {
    const timespec timeout{.tv_sec = span.count() / 1'000'000'000,
                           .tv_nsec = span.count() % 1'000'000'000};
    const int signal = sigtimedwait(&signals_, nullptr, &timeout);
    return signal > 0 ? signal : 0;
  }

 private:
  sigset_t signals_{};
};

}  // namespace

struct Server::Impl {
  Config config;
  std::string config_file;
  DataDir data_dir;
  Sockets sockets;
  StopSignals signals;
  std::unique_ptr<ServerClock> clock;
  std::unique_ptr<ServerState> state;
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<std::unique_ptr<EventLoop>> loops;
  std::unique_ptr<MailboxPost> post;
  EventLoop::Drain drain{};
  // Last, so first to go: the log's threads wake the loops.
  std::unique_ptr<RocksLog> rocks_log;
  std::unique_ptr<NullLog> null_log;
  // Their thread writes beside the log, and wakes the loops.
  std::unique_ptr<Snapshots> snapshots;
  std::unique_ptr<Backups> backups;
  uint64_t log_bytes_at_snapshot = 0;
  std::atomic<uint64_t> snapshot_log_bytes{0};
  // Before even that: its thread reads the log.
  std::unique_ptr<Loader> loader;

  Status OpenLog(HashSeed& seed);
  void StartClock();
  void MakeLoops();
  Status StartLoading();
  Status FinishLoading(const Replayed& replayed);
  Status Listen();

  int WaitWhileLoading();
  int WaitWhileServing();
  void SnapshotIfDue();
};

Server::Server() : impl_(std::make_unique<Impl>()) {}
Server::~Server() = default;

Status Server::Open(const StartRequest& request) {
  Impl& impl = *impl_;
  impl.config = request.config;
  LogNotice("Holdfast {} starting, pid={}, {} shards", kHoldfastVersion, getpid(),
            impl.config.shards);
  for (const std::string& warning : request.warnings) LogWarning("{}", warning);

  if (Status status = impl.sockets.Bind(impl.config); !status.ok()) return status;
  HashSeed seed;
  if (Status status = impl.OpenLog(seed); !status.ok()) return status;

  impl.StartClock();
  ServerState& state = *impl.state;
  state.config_file = request.config_file;
  std::error_code unknown;  // the path is for INFO only
  state.executable = std::filesystem::read_symlink("/proc/self/exe", unknown).string();
  for (int id = 0; id < state.map.shards(); ++id) {
    impl.shards.push_back(
        std::make_unique<Shard>(static_cast<ShardId>(id), state, seed, impl.config));
  }
  impl.MakeLoops();
  if (Status status = impl.StartLoading(); !status.ok()) return status;
  return impl.Listen();
}

Status Server::Impl::OpenLog(HashSeed& seed) {
  Log* log = nullptr;
  History history;
  if (config.appendonly) {
    if (Status status = data_dir.Open(config.dir); !status.ok()) return status;
    RocksLogOptions options;
    options.directory = data_dir.path() + "/log";
    options.fatal = DieOfLogFailure;
    options.queue_bytes_max = static_cast<uint64_t>(config.log_queue_bytes);
    options.segment_bytes = static_cast<uint64_t>(config.log_segment_bytes);
    // Small segments are for small disks, on which 16 MB here and there are much.
    options.memtable_bytes =
        std::clamp(options.segment_bytes, kMemtableBytesMin, options.memtable_bytes);
    options.disk_reserve_bytes = static_cast<uint64_t>(config.disk_reserve);
    options.stock_sync = PolicyOf(config.stock_appendfsync);
    options.ordinary_sync = PolicyOf(config.appendfsync);
    options.on_sync = [this](std::chrono::microseconds took) {
      const auto ms = std::chrono::floor<std::chrono::milliseconds>(took);
      if (state->latency.Notes(ms.count()))
        state->latency.Add(LatencyEvent::kLogSync, clock->Now(), ms.count());
    };
    if (Status status = RocksLog::Open(options, rocks_log); !status.ok()) return status;
    history = rocks_log->history();
    log = rocks_log.get();
  } else {
    if (Status status = RefuseDirectoryWithLog(config.dir + "/log"); !status.ok()) return status;
    if (Status status = DrawHistory(history); !status.ok()) return status;
    null_log = std::make_unique<NullLog>();
    log = null_log.get();
  }
  seed = history.hash_seed;
  state = std::make_unique<ServerState>(static_cast<int>(config.shards), *log);
  state->replication_id = history.id.Hex();
  state->replication_id.resize(kReplicationIdDigits, '0');
  // Redis' run id has 40 hex digits, new with every start.
  History of_this_run;
  if (Status status = DrawHistory(of_this_run); !status.ok()) return status;
  std::string entropy(of_this_run.id.view());
  AppendInt<uint32_t>(entropy, static_cast<uint32_t>(of_this_run.hash_seed.value));
  state->run_id = HexOf(entropy);
  state->random_seed = of_this_run.hash_seed.value;
  return Status::Ok();
}

// At the wall clock's time. What the log tells of the time before is known only when it is loaded.
void Server::Impl::StartClock() {
  const ClockReading reading = ReadMachineClocks();
  clock = std::make_unique<ServerClock>(reading.wall, reading);
  state->clock_offset = [this] { return clock->Offset(); };
  state->clock_now = [this] { return clock->NowNs(); };
  state->started_at = clock->Now();
  state->span_clock = SpanClock::OfThisMachine();
  state->latency.SetThreshold(config.latency_monitor_threshold);
}

void Server::Impl::MakeLoops() {
  std::vector<Mailbox*> mailboxes;
  for (const auto& shard : shards) {
    loops.push_back(std::make_unique<EventLoop>(*shard, *clock));
    mailboxes.push_back(&loops.back()->mailbox());
  }
  post = std::make_unique<MailboxPost>(mailboxes);
  drain.loops_running = static_cast<int>(loops.size());
  for (const auto& loop : loops) {
    loop->Connect(*post);
    loop->SetDrain(&drain);
    state->log.AddWaker(&loop->mailbox());
  }
  if (!rocks_log) return;
  snapshot_log_bytes = static_cast<uint64_t>(config.snapshot_log_bytes);
  state->log_stats = [this] { return rocks_log->Stats(); };
  state->configure_log = [this](const Config& changed) {
    rocks_log->SetSyncPolicies(PolicyOf(changed.stock_appendfsync), PolicyOf(changed.appendfsync));
    rocks_log->SetDiskReserve(static_cast<uint64_t>(changed.disk_reserve));
    snapshot_log_bytes = static_cast<uint64_t>(changed.snapshot_log_bytes);
  };
}

// A load that is done before anybody can connect is told to nobody.
Status Server::Impl::StartLoading() {
  if (!rocks_log) return Status::Ok();
  std::vector<Shard*> all;
  all.reserve(shards.size());
  for (const auto& shard : shards) all.push_back(shard.get());
  loader = std::make_unique<Loader>(
      *rocks_log, *state, std::move(all),
      [this](const Replayed& replayed) { return FinishLoading(replayed); });
  state->load_progress = [this] { return loader->Progress(); };
  loader->Start(clock->Now());
  const bool is_short = rocks_log->BytesToReplay() == 0 || loader->WaitFor(kShortLoad);
  return is_short ? loader->Join() : Status::Ok();
}

// On the loader's thread: nobody is served yet, and nobody steers the clock.
Status Server::Impl::FinishLoading(const Replayed& replayed) {
  UnixNs anchor;
  if (Status status =
          ChooseAnchor(ReadMachineClocks().wall, replayed.server_time, config.accept_clock, anchor);
      !status.ok()) {
    return status;
  }
  const UnixMs before = clock->Now();
  clock->AdvanceTo(anchor);
  state->started_at = state->started_at.load() + (clock->Now() - before);
  if (replayed.last > 0) state->grace_until_ms = ServerState::kGraceArmed;
  if (Status status = rocks_log->Start(clock->Now()); !status.ok()) return status;
  snapshots = std::make_unique<Snapshots>(
      *rocks_log,
      Snapshots::Options{.now = [this] { return clock->Now(); },
                         .tell = [](const std::string& line) { LogNotice("{}", line); }});
  backups = std::make_unique<Backups>(
      *rocks_log, Backups::Options{.now = [this] { return clock->Now(); },
                                   .tell = [](const std::string& line) { LogNotice("{}", line); }});
  for (const auto& loop : loops) {
    snapshots->AddWaker(&loop->mailbox());
    backups->AddWaker(&loop->mailbox());
  }
  snapshots->Start();
  state->snapshots = snapshots.get();
  state->backups = backups.get();
  return Status::Ok();
}

Status Server::Impl::Listen() {
  for (const BoundSocket& socket : sockets.Release()) {
    for (size_t i = 0; i < loops.size(); ++i) {
      const int backlog = static_cast<int>(config.tcp_backlog);
      if (Status status = loops[i]->Listen(socket.descriptors[i], socket.unix_socket, backlog);
          !status.ok()) {
        return status;
      }
    }
    LogNotice("Listening on {}", socket.name);
  }
  return Status::Ok();
}

// The signal that came, or 0: loading has ended, well or not.
int Server::Impl::WaitWhileLoading() {
  auto told = std::chrono::steady_clock::now();
  while (loader && !loader->done()) {
    if (const int signal = signals.WaitFor(kLookAtLoading); signal != 0) return signal;
    if (std::chrono::steady_clock::now() - told < std::chrono::seconds(1)) continue;
    told += std::chrono::seconds(1);
    const LoadProgress progress = loader->Progress();
    LogNotice("Loading: {:.1f} % of {} bytes, about {} s to go", progress.Percent(),
              progress.bytes_total, progress.SecondsToGo());
  }
  return 0;
}

int Server::Impl::WaitWhileServing() {
  for (;;) {
    if (const int signal = signals.WaitFor(std::chrono::seconds(1)); signal != 0) return signal;
    clock->Steer();
    if (rocks_log) rocks_log->NoteTime(clock->Now());
    if (rocks_log) SnapshotIfDue();
  }
}

// When the log has grown by snapshot-log-bytes: a start would take long to read it, and the disk is
// not without end.
void Server::Impl::SnapshotIfDue() {
  const uint64_t bytes_max = snapshot_log_bytes;
  const uint64_t bytes = rocks_log->BytesToReplay() + rocks_log->Stats().bytes;
  const SnapshotFigures last = snapshots->figures();
  const bool again = last.given_up && clock->Now() - last.began >= kSnapshotRetry;
  if (bytes_max == 0 || (!again && bytes - log_bytes_at_snapshot < bytes_max)) return;
  if (snapshots->Begin(false) != 0) log_bytes_at_snapshot = bytes;
}

Status Server::Run() {
  Impl& impl = *impl_;
  std::vector<std::thread> threads;
  threads.reserve(impl.loops.size());
  for (const auto& loop : impl.loops) threads.emplace_back([&loop] { loop->Run(); });
  int signal = impl.WaitWhileLoading();
  if (signal != 0) impl.loader->Abandon();
  const bool loaded = !impl.state->loading.load(std::memory_order_acquire);
  if (signal == 0 && loaded) {
    LogNotice("Ready to accept connections");
    signal = impl.WaitWhileServing();
  }
  if (signal != 0) LogNotice("Received {}, shutting down", signal == SIGINT ? "SIGINT" : "SIGTERM");
  if (impl.snapshots) impl.snapshots->Stop();
  if (impl.backups) impl.backups->Stop();
  for (const auto& loop : impl.loops) loop->Stop();
  for (std::thread& thread : threads) thread.join();
  if (!loaded) {
    if (signal == 0) return impl.loader->Join();
    LogNotice(
        "No data was served, and the log is as it was. Holdfast is now ready to exit, bye bye...");
    return Status::Ok();
  }
  Status flushed = impl.state->log.Flush();
  if (flushed.ok()) LogNotice("All changes are on disk. Holdfast is now ready to exit, bye bye...");
  return flushed;
}

}  // namespace holdfast

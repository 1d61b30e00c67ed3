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

#include "server/allocator.h"
#include "server/clock.h"
#include "server/data_dir.h"
#include "server/loader.h"
#include "server/net/replication_service.h"
#include "server/net/sockets.h"
#include "server/server_log.h"
#include "server/server_state.h"
#include "server/serving.h"
#include "server/slab_mover.h"
#include "server/version.h"
#include "server/waker_relay.h"
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

// Empty: this server leads.
NodeAddress PrimaryOf(const Config& config) {
  NodeAddress primary;
  ParseNodeAddress(config.replicaof[0] + ":" + config.replicaof[1], primary);
  return primary;
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
  StopSignals() : waiter_(pthread_self()) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, kNudge);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }

  // The signal that came within `span`, or 0.
  int WaitFor(std::chrono::nanoseconds span) const {
    const timespec timeout{.tv_sec = span.count() / 1'000'000'000,
                           .tv_nsec = span.count() % 1'000'000'000};
    const int signal = sigtimedwait(&signals_, nullptr, &timeout);
    return signal > 0 && signal != kNudge ? signal : 0;
  }
  // Any thread: WaitFor, on the thread that made this, returns at once.
  void Nudge() const { pthread_kill(waiter_, kNudge); }

 private:
  static constexpr int kNudge = SIGUSR1;

  const pthread_t waiter_;
  sigset_t signals_{};
};

}  // namespace

struct Server::Impl {
  Config config;
  std::string config_file;
  DataDir data_dir;
  Sockets sockets;
  std::vector<BoundSocket> listening;
  StopSignals signals;
  std::unique_ptr<ServerClock> clock;
  std::unique_ptr<SlabMover> mover;
  std::unique_ptr<ServerState> state;
  std::unique_ptr<DefragWatch> defrag;
  // One for each loop: the log knows these, and not the loops, which may be made anew.
  std::vector<std::unique_ptr<WakerRelay>> relays;
  std::unique_ptr<Serving> serving;
  std::unique_ptr<ReplicationService> replication;
  bool joined = false;  // after the first load
  std::atomic<bool> reload_wanted{false};
  // Last, so first to go: the log's threads wake the loops, and replication.
  std::unique_ptr<RocksLog> rocks_log;
  std::unique_ptr<NullLog> null_log;
  // Their thread writes beside the log, and wakes the loops.
  std::unique_ptr<Snapshots> snapshots;
  std::unique_ptr<Backups> backups;
  std::mutex stopping_snapshots;
  uint64_t log_bytes_at_snapshot = 0;
  std::atomic<uint64_t> snapshot_log_bytes{0};
  // Before even that: its thread reads the log.
  std::unique_ptr<Loader> loader;
  Status reload_failed;

  ~Impl() {
    loader.reset();
    if (replication) replication->Stop();  // it reads the log
  }

  Status OpenLog(HashSeed& seed);
  void NameHistory(const History& history) const;
  void StartClock();
  void ConnectLog();
  void MakeServing(HashSeed seed);
  Status StartLoading();
  Status FinishLoading(const Replayed& replayed);
  Status Listen();
  Config ConfigInForce() const;
  void StartSnapshots();
  void StopSnapshots();
  void JoinGroup();

  int WaitWhileLoading();
  int WaitWhileServing();
  void SnapshotIfDue();
  void LookAtMemory();
  Status Reload();
  void End();
};

Server::Server() : impl_(std::make_unique<Impl>()) {}
Server::~Server() = default;

Status Server::Open(const StartRequest& request) {
  Impl& impl = *impl_;
  impl.config = request.config;
  LogNotice("Holdfast {} starting, pid={}, {} shards", kHoldfastVersion, getpid(),
            impl.config.shards);
  for (const std::string& warning : request.warnings) LogWarning("{}", warning);

  PurgeInBackground();
  if (Status status = impl.sockets.Bind(impl.config); !status.ok()) return status;
  HashSeed seed;
  if (Status status = impl.OpenLog(seed); !status.ok()) return status;

  impl.StartClock();
  ServerState& state = *impl.state;
  state.config_file = request.config_file;
  std::error_code unknown;  // the path is for INFO only
  state.executable = std::filesystem::read_symlink("/proc/self/exe", unknown).string();
  impl.ConnectLog();
  impl.MakeServing(seed);
  if (Status status = impl.StartLoading(); !status.ok()) return status;
  impl.listening = impl.sockets.Release();
  if (Status status = impl.Listen(); !status.ok()) return status;
  for (const BoundSocket& socket : impl.listening) LogNotice("Listening on {}", socket.name);
  return Status::Ok();
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
    options.pinned_bytes_max = static_cast<uint64_t>(config.sync_member_log_bytes);
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
  NameHistory(history);
  // Redis' run id has 40 hex digits, new with every start.
  History of_this_run;
  if (Status status = DrawHistory(of_this_run); !status.ok()) return status;
  std::string entropy(of_this_run.id.view());
  AppendInt<uint32_t>(entropy, static_cast<uint32_t>(of_this_run.hash_seed.value));
  state->run_id = HexOf(entropy);
  mover = SlabMover::Make();
  state->defrag.mover = mover.get();
  defrag = std::make_unique<DefragWatch>(state->defrag, state->map.shards());
  state->random_seed = of_this_run.hash_seed.value;
  return Status::Ok();
}

void Server::Impl::NameHistory(const History& history) const {
  state->replication_id = history.id.Hex();
  state->replication_id.resize(kReplicationIdDigits, '0');
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

void Server::Impl::ConnectLog() {
  for (int shard = 0; shard < state->map.shards(); ++shard) {
    relays.push_back(std::make_unique<WakerRelay>());
    state->log.AddWaker(relays.back().get());
  }
  if (!rocks_log) return;
  snapshot_log_bytes = static_cast<uint64_t>(config.snapshot_log_bytes);
  state->log_stats = [this] { return rocks_log->Stats(); };
  state->configure_log = [this](const Config& changed) {
    rocks_log->SetSyncPolicies(PolicyOf(changed.stock_appendfsync), PolicyOf(changed.appendfsync));
    rocks_log->SetDiskReserve(static_cast<uint64_t>(changed.disk_reserve));
    snapshot_log_bytes = static_cast<uint64_t>(changed.snapshot_log_bytes);
  };
  replication = std::make_unique<ReplicationService>(
      *rocks_log, *state,
      ReplicationService::Options{.now = [this] { return clock->Now(); },
                                  .reload =
                                      [this] {
                                        reload_wanted = true;
                                        signals.Nudge();
                                      },
                                  .config = [this] { return ConfigInForce(); },
                                  .stop_snapshots = [this] { StopSnapshots(); }});
  rocks_log->AddWaker(&replication->waker());
  state->standing.on_applied = &replication->waker();
}

Config Server::Impl::ConfigInForce() const {
  Config in_force;
  (void)state->config.Use(config, [&](const Config& current) {
    in_force = current;
    return Status::Ok();
  });
  return in_force;
}

void Server::Impl::MakeServing(HashSeed seed) {
  serving = std::make_unique<Serving>(*state, *clock, seed, config);
  const std::vector<Waker*> wakers = serving->wakers();
  for (size_t shard = 0; shard < relays.size(); ++shard) relays[shard]->PointTo(wakers[shard]);
}

// A load that is done before anybody can connect is told to nobody.
Status Server::Impl::StartLoading() {
  if (!rocks_log) return Status::Ok();
  loader = std::make_unique<Loader>(
      *rocks_log, *state, serving->shards(),
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
  if (Status status = rocks_log->StartFollowing(); !status.ok()) return status;
  StartSnapshots();
  replication->Start(replayed.last == 0 ? 1 : replayed.first, loader->applied());
  state->replication = replication.get();
  // Whoever needs nobody leads before anybody is let in. Others apply what their group has acked
  // meanwhile, as replicas, until it is clear who leads.
  if (!loader->alone() || !PrimaryOf(config).empty()) return Status::Ok();
  JoinGroup();
  while (!replication->settled() && !loader->abandoned()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return replication->settled() ? Status::Ok() : Status::Busy("the start was abandoned");
}

void Server::Impl::JoinGroup() {
  if (!rocks_log || joined) return;
  joined = true;
  replication->Serve(serving->post(), serving->wakers(), loader->applied());
  const NodeAddress primary = PrimaryOf(config);
  if (!primary.empty()) return replication->Follow(primary);
  // Who was deposed waits for the primary that its group knows, whatever its file says: to take
  // over is for REPLICAOF NO ONE to ask.
  const ReplicationStatus standing = replication->Describe();
  if (standing.group.Has(standing.node) && standing.group.primary != standing.node) {
    return replication->Follow({});
  }
  if (Status status = replication->Lead(); !status.ok()) LogWarning("{}", status.text());
}

void Server::Impl::StartSnapshots() {
  snapshots = std::make_unique<Snapshots>(
      *rocks_log,
      Snapshots::Options{.now = [this] { return clock->Now(); },
                         .acked = [this] { return AckedIndex(*state); },
                         .tell = [](const std::string& line) { LogNotice("{}", line); }});
  backups = std::make_unique<Backups>(
      *rocks_log, Backups::Options{.now = [this] { return clock->Now(); },
                                   .tell = [](const std::string& line) { LogNotice("{}", line); }});
  for (const auto& relay : relays) {
    snapshots->AddWaker(relay.get());
    backups->AddWaker(relay.get());
  }
  snapshots->Start();
  state->snapshots = snapshots.get();
  state->backups = backups.get();
}

// Any thread, and again: replication does when the log is about to be another's.
void Server::Impl::StopSnapshots() {
  const std::lock_guard lock(stopping_snapshots);
  if (snapshots) snapshots->Stop();
  if (backups) backups->Stop();
}

Status Server::Impl::Listen() {
  return serving->Listen(listening, static_cast<int>(config.tcp_backlog));
}

// What the shards hold is no longer what the log says: everything that stands on it goes, and comes
// again from snapshot and log. Links to other nodes stay.
Status Server::Impl::Reload() {
  LogNotice("Loading the state anew");
  replication->StopServing();
  StopSnapshots();
  serving->Abandon();
  for (const auto& relay : relays) relay->PointTo(nullptr);
  state->snapshots = nullptr;
  state->backups = nullptr;
  snapshots.reset();
  backups.reset();
  loader.reset();
  serving.reset();
  // Whoever waits for old answers is gone; the new ones say LOADING, and then what is acked.
  state->standing.answers_until_ns = Standing::kForGood;
  const History history = rocks_log->history();
  NameHistory(history);
  MakeServing(history.hash_seed);
  const Index up_to = replication->ReloadUpTo();
  loader = std::make_unique<Loader>(*rocks_log, *state, serving->shards(), up_to, [this] {
    StartSnapshots();
    return Status::Ok();
  });
  loader->Start(clock->Now());
  if (Status status = Listen(); !status.ok()) return status;
  serving->Run();
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
    LookAtMemory();
    if (!rocks_log) continue;
    rocks_log->NoteTime(clock->Now());
    if (reload_wanted.exchange(false)) {
      if (reload_failed = Reload(); !reload_failed.ok()) return 0;
      if (const int signal = WaitWhileLoading(); signal != 0) return signal;
      if (reload_failed = loader->Join(); !reload_failed.ok()) return 0;
      replication->Serve(serving->post(), serving->wakers(), loader->applied());
    }
    SnapshotIfDue();
  }
}

void Server::Impl::LookAtMemory() {
  PurgeInBackground();
  if (!mover) return;
  const SlabFigures figures = ReadSlabs();
  mover->SetAverages(figures);
  defrag->Look(figures, ConfigInForce(), state->Sum(&ShardMetrics::defrag_bytes), clock->Now());
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
  impl.serving->Run();
  int signal = impl.WaitWhileLoading();
  if (signal == 0 && impl.loader) {
    if (Status status = impl.loader->Join(); !status.ok()) {
      impl.End();
      return status;
    }
  }
  if (signal == 0) {
    impl.JoinGroup();
    LogNotice("Ready to accept connections");
    signal = impl.WaitWhileServing();
  }
  if (signal != 0) {
    LogNotice("Received {}, shutting down", signal == SIGINT ? "SIGINT" : "SIGTERM");
    if (impl.loader) impl.loader->Abandon();
  }
  const bool loaded = !impl.state->loading.load(std::memory_order_acquire);
  impl.End();
  if (!impl.reload_failed.ok()) return impl.reload_failed;
  if (!loaded) {
    LogNotice(
        "No data was served, and the log is as it was. Holdfast is now ready to exit, bye bye...");
    return Status::Ok();
  }
  Status flushed = impl.state->log.Flush();
  if (flushed.ok()) LogNotice("All changes are on disk. Holdfast is now ready to exit, bye bye...");
  return flushed;
}

// What was asked is answered; replication goes on meanwhile, for answers may wait for others.
void Server::Impl::End() {
  StopSnapshots();
  state->defrag.pass = 0;
  for (const BoundSocket& socket : listening) {
    for (const int descriptor : socket.descriptors) close(descriptor);
  }
  serving->Stop();
  if (replication) replication->Stop();
}

}  // namespace holdfast

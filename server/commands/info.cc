// INFO: what an operator watches. Redis' field names where the meaning is Redis', so that existing
// dashboards read them.
#include "server/commands/info.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "protocol/words.h"
#include "server/allocator.h"
#include "server/commands/process_memory.h"
#include "server/commands/tables.h"
#include "server/config.h"
#include "server/shard/shard.h"
#include "server/version.h"
#include "storage/backups.h"
#include "storage/rocks_log.h"
#include "storage/snapshot_run.h"

namespace holdfast {

uint64_t ResidentBytes() {
  unsigned long pages_total = 0;
  unsigned long pages_resident = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  if (std::fscanf(file, "%lu %lu", &pages_total, &pages_resident) != 2) pages_resident = 0;
  std::fclose(file);
  return pages_resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

namespace {

// "512B", "1.50M", as Redis writes bytes for people.
std::string HumanBytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{}B", bytes);
  auto value = static_cast<double>(bytes);
  static constexpr std::string_view kUnits = "KMGTP";
  size_t unit = 0;
  for (value /= 1024; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.2f}{}", value, kUnits[unit]);
}

std::string SystemName() {
  utsname name{};
  if (uname(&name) != 0) return "unknown";
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

int64_t UptimeSeconds(const CommandContext& ctx) {
  // The end of loading may move both, one after the other.
  const auto up = ctx.shard.now() - ctx.shard.server().started_at.load(std::memory_order_relaxed);
  return std::max<int64_t>(0, std::chrono::floor<std::chrono::seconds>(up).count());
}

void WriteServer(const CommandContext& ctx, FieldWriter& field) {
  const ServerState& server = ctx.shard.server();
  field("redis_version", kRedisVersion);
  field("holdfast_version", kHoldfastVersion);
  field("redis_mode", "standalone");
  field("os", SystemName());
  field("arch_bits", sizeof(void*) * 8);
  field("multiplexing_api", "epoll");
  field("process_id", getpid());
  field("run_id", server.run_id);
  field("tcp_port", ctx.shard.config().port);
  field(
      "server_time_usec",
      std::chrono::floor<std::chrono::microseconds>(server.clock_now()).time_since_epoch().count());
  field("uptime_in_seconds", UptimeSeconds(ctx));
  field("uptime_in_days", UptimeSeconds(ctx) / 86400);
  field("executable", server.executable);
  field("config_file", server.config_file);
}

void WriteClients(const CommandContext& ctx, FieldWriter& field) {
  field("connected_clients", ctx.shard.server().Sum(&ShardMetrics::clients));
  field("maxclients", ctx.shard.config().maxclients);
  field("blocked_clients", 0);  // no command blocks
  field("pubsub_clients", ctx.shard.server().Sum(&ShardMetrics::pubsub_clients));
}

// As MEMORY STATS (server/commands/memory.cc), under INFO's names.
void WriteAllocator(uint64_t resident, FieldWriter& field) {
  const AllocatorStats allocator = ReadAllocatorStats();
  if (!allocator.known) return;
  const auto pair = [&field](std::string_view name, uint64_t part, uint64_t whole) {
    const double ratio =
        static_cast<double>(part) / static_cast<double>(std::max<uint64_t>(1, whole));
    field(fmt::format("{}_ratio", name), fmt::format("{:.2f}", ratio));
    field(fmt::format("{}_bytes", name), static_cast<int64_t>(part) - static_cast<int64_t>(whole));
  };
  field("allocator_allocated", allocator.allocated);
  field("allocator_active", allocator.active);
  field("allocator_resident", allocator.resident);
  pair("allocator_frag", allocator.active, allocator.allocated);
  pair("allocator_rss", allocator.resident, allocator.active);
  pair("rss_overhead", resident, allocator.resident);
  field("mem_allocator", "jemalloc");
  pair("mem_fragmentation", resident, allocator.allocated);
}

void WriteMemory(const CommandContext& ctx, FieldWriter& field) {
  const uint64_t used = ctx.shard.server().Sum(&ShardMetrics::memory_bytes);
  const uint64_t resident = ResidentBytes();
  const auto limit = static_cast<uint64_t>(ctx.shard.config().maxmemory);
  field("used_memory", used);  // of data: keys, values, holds
  field("used_memory_human", HumanBytes(used));
  field("mem_clients_normal", ctx.shard.server().Sum(&ShardMetrics::client_bytes));
  field("used_memory_rss", resident);
  field("used_memory_rss_human", HumanBytes(resident));
  field("maxmemory", limit);
  field("maxmemory_human", HumanBytes(limit));
  field("maxmemory_policy", "noeviction");
  WriteAllocator(resident, field);
  field("active_defrag_running", ctx.shard.server().defrag.percent.load());
}

uint64_t TotalKeys(const ServerState& server) {
  uint64_t keys = 0;
  for (int shard = 0; shard < server.map.shards(); ++shard) {
    for (const auto& of_db : server.metrics[static_cast<size_t>(shard)].keys) keys += of_db.Get();
  }
  return keys;
}

void WriteBackups(const ServerState& server, FieldWriter& field) {
  BackupFigures backup;
  if (const Backups* const backups = server.backups) backup = backups->figures();
  field("backup_in_progress", backup.running ? 1 : 0);
  field("backup_bytes_copied", backup.bytes_copied);
  field("backups_complete", backup.complete);
  field("backups_failed", backup.failed);
  field("backup_last_status", backup.last_failed ? "err" : "ok");
  if (backup.complete == 0) return;
  field("backup_last_number", backup.last.number);
  field("backup_last_index", backup.last.mark.index);
  field("backup_last_time", ToUnixMs(backup.last.mark.server_time) / 1000);
  field("backup_last_bytes", backup.last.bytes);
  field("backup_last_bytes_own", backup.last.bytes_own);
  field("backup_last_ms", backup.last_took.count());
}

void WritePersistence(const CommandContext& ctx, FieldWriter& field) {
  const ServerState& server = ctx.shard.server();
  field("loading", ctx.shard.loading() ? 1 : 0);
  field("async_loading", 0);
  SnapshotFigures snapshot;
  if (const SnapshotRun* const run = server.snapshots) snapshot = run->figures();
  const auto running = snapshot.running ? ctx.shard.now() - snapshot.began : DurationMs{-1000};
  const bool ever = snapshot.last_cut != kNever;
  field("current_save_keys_processed", snapshot.running ? snapshot.keys : 0);
  field("current_save_keys_total", snapshot.running ? TotalKeys(server) : 0);
  field("rdb_bgsave_in_progress", snapshot.running ? 1 : 0);
  field("rdb_last_save_time", ToUnixMs(ever ? snapshot.last_cut : server.started_at.load()) / 1000);
  // One that the disk fails ends the process.
  field("rdb_last_bgsave_status", snapshot.given_up ? "err" : "ok");
  field("rdb_last_bgsave_time_sec", ever ? snapshot.last_took.count() / 1000 : -1);
  field("rdb_current_bgsave_time_sec", running.count() / 1000);
  field("rdb_saves", snapshot.complete);
  field("snapshot_bytes", snapshot.last_bytes);
  WriteBackups(server, field);
  field("aof_enabled", server.log.Keeps() ? 1 : 0);
  field("aof_rewrite_in_progress", snapshot.running ? 1 : 0);
  // A write that fails ends the process.
  field("aof_last_write_status", "ok");
  if (!ctx.shard.loading()) return;
  const LoadProgress progress = server.load_progress();
  field("loading_start_time", ToUnixMs(progress.started) / 1000);
  field("loading_total_bytes", progress.bytes_total);
  field("loading_loaded_bytes", progress.bytes_loaded);
  field("loading_loaded_perc", fmt::format("{:.2f}", progress.Percent()));
  field("loading_eta_seconds", progress.SecondsToGo());
}

void WriteDefragStats(const CommandContext& ctx, FieldWriter& field) {
  const ServerState& server = ctx.shard.server();
  const UnixMs began = server.defrag.began;
  const int64_t current =
      began == kNever ? 0 : std::max<int64_t>(0, (ctx.shard.now() - began).count());
  field("total_active_defrag_time", server.defrag.ms_before + current);
  field("current_active_defrag_time", current);
  field("active_defrag_hits", server.Sum(&ShardMetrics::defrag_hits));
  field("active_defrag_misses", server.Sum(&ShardMetrics::defrag_misses));
  field("active_defrag_key_hits", server.Sum(&ShardMetrics::defrag_key_hits));
  field("active_defrag_key_misses", server.Sum(&ShardMetrics::defrag_key_misses));
  // Ours: what was copied, and what of the shards' time that took.
  field("active_defrag_bytes", server.Sum(&ShardMetrics::defrag_bytes));
  field("active_defrag_cpu_ms", server.Sum(&ShardMetrics::defrag_ns) / 1'000'000);
}

void WriteStats(const CommandContext& ctx, FieldWriter& field) {
  const ServerState& server = ctx.shard.server();
  field("total_connections_received", server.Sum(&ShardMetrics::connections_received));
  field("total_commands_processed", server.Sum(&ShardMetrics::commands_processed));
  field("total_net_input_bytes", server.Sum(&ShardMetrics::net_input_bytes));
  field("total_net_output_bytes", server.Sum(&ShardMetrics::net_output_bytes));
  field("rejected_connections", server.Sum(&ShardMetrics::connections_rejected));
  field("expired_keys", server.Sum(&ShardMetrics::expired_keys));
  field("evicted_keys", 0);
  field("keyspace_hits", server.Sum(&ShardMetrics::keyspace_hits));
  field("keyspace_misses", server.Sum(&ShardMetrics::keyspace_misses));
  field("pubsub_channels", server.channels.distinct());
  field("pubsub_patterns", server.patterns.distinct());
  field("total_error_replies", server.Sum(&ShardMetrics::error_replies));
  field("protocol_errors", server.Sum(&ShardMetrics::protocol_errors));
  WriteDefragStats(ctx, field);
}

void WriteCpu(const CommandContext&, FieldWriter& field) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& span) {
    return fmt::format("{}.{:06}", span.tv_sec, span.tv_usec);
  };
  field("used_cpu_sys", seconds(usage.ru_stime));
  field("used_cpu_user", seconds(usage.ru_utime));
}

void WriteHoldfast(const CommandContext& ctx, FieldWriter& field) {
  const ServerState& server = ctx.shard.server();
  const int64_t grace = server.grace_until_ms.load(std::memory_order_relaxed);
  field("shards", server.map.shards());
  field("server_time_ms", ToUnixMs(ctx.shard.now()));
  field("clock_offset_ms", server.clock_offset().count());
  // Until when no hold is due; 0: there was no grace.
  field("restart_grace_until_ms", grace == ServerState::kGraceArmed ? 0 : grace);
  field("restart_grace_active", grace > ToUnixMs(ctx.shard.now()) ? 1 : 0);
}

// ---- Stock

struct VerbWords {
  StockVerb verb;
  std::string_view name;
  // In the order of the verb's own enum; what follows there is misuse and counted as an error.
  std::array<std::string_view, 9> statuses;
};
constexpr VerbWords kVerbs[] = {
    {StockVerb::kReserve,
     "reserve",
     {"held", "confirmed", "released", "expired", "soldout", "short", "limit", "early", "closed"}},
    {StockVerb::kConfirm, "confirm", {"confirmed", "expired", "released"}},
    {StockVerb::kRelease, "release", {"released", "expired", "confirmed"}},
    {StockVerb::kExtend, "extend", {"held", "confirmed", "released", "expired"}},
    {StockVerb::kAmend,
     "amend",
     {"held", "confirmed", "released", "expired", "soldout", "short", "limit", "early", "closed"}},
    {StockVerb::kAdjust, "adjust", {"adjusted", "short", "stale"}},
    {StockVerb::kReturn, "return", {"returned"}},
};
static_assert(std::size(kVerbs) == kStockVerbs);

uint64_t Outcomes(const ServerState& server, StockVerb verb, size_t status) {
  uint64_t sum = 0;
  for (int shard = 0; shard < server.map.shards(); ++shard) {
    sum += server.metrics[static_cast<size_t>(shard)]
               .outcomes[static_cast<size_t>(verb)][status]
               .Get();
  }
  return sum;
}

void WriteStock(const CommandContext& ctx, FieldWriter& field) {
  const ServerState& server = ctx.shard.server();
  field("skus", server.Sum(&ShardMetrics::skus));
  for (const auto& [verb, name, statuses] : kVerbs) {
    for (size_t status = 0; status < statuses.size() && !statuses[status].empty(); ++status) {
      field(fmt::format("{}_{}", name, statuses[status]), Outcomes(server, verb, status));
    }
  }
  field("holds_expired", server.Sum(&ShardMetrics::holds_expired));
  field("holds_forgotten", server.Sum(&ShardMetrics::holds_forgotten));
  field("refs_forgotten", server.Sum(&ShardMetrics::refs_forgotten));
  field("fences_dropped", server.Sum(&ShardMetrics::fences_dropped));
}

// ---- Log

// Each bucket of LogStats::sync_histogram, by the time that its syncs stayed under.
constexpr std::string_view kSyncBuckets[] = {"100us", "300us", "1ms",   "3ms",
                                             "10ms",  "30ms",  "100ms", "inf"};

void WriteLog(const CommandContext& ctx, FieldWriter& field) {
  const ServerState& server = ctx.shard.server();
  field("log_enabled", server.log_stats ? 1 : 0);
  // While it is read, the rest is another thread's.
  if (!server.log_stats || ctx.shard.loading()) return;
  const LogStats stats = server.log_stats();
  field("log_last_index", stats.last_index);
  field("log_durable_index", stats.durable_index);
  field("log_witness_index", stats.witness_index);
  field("log_batches", stats.batches);
  field("log_records", stats.records);
  field("log_bytes", stats.bytes);
  field("log_syncs", stats.syncs);
  field("log_sync_last_us", stats.sync_last_us);
  static_assert(std::size(kSyncBuckets) == std::tuple_size_v<decltype(stats.sync_histogram)>);
  for (size_t i = 0; i < std::size(kSyncBuckets); ++i) {
    field(fmt::format("log_syncs_under_{}", kSyncBuckets[i]), stats.sync_histogram[i]);
  }
  field("log_queue_bytes", stats.queue_bytes);
  field("log_segments", stats.segments);
  field("log_disk_bytes", stats.disk_bytes);
  field("log_write_stalls", stats.write_stalls);
  field("disk_free_bytes", stats.disk_free_bytes);
  field("low_on_disk", stats.low_on_disk ? 1 : 0);
}

// ---- Shards, Keyspace

void WriteShards(const CommandContext& ctx, FieldWriter& field) {
  const ServerState& server = ctx.shard.server();
  for (int id = 0; id < server.map.shards(); ++id) {
    const ShardMetrics& metrics = server.metrics[static_cast<size_t>(id)];
    uint64_t keys = 0;
    for (const Counter& in_db : metrics.keys) keys += in_db.Get();
    field(fmt::format("shard{}", id),
          fmt::format("slots={}-{},clients={},keys={},skus={},memory={},commands={},turns={},"
                      "batches={},sent={},received={},parked={},turn_us_max={},turn_cpu_us_max={}",
                      server.map.FirstSlot(id), server.map.FirstSlot(id + 1) - 1,
                      metrics.clients.Get(), keys, metrics.skus.Get(), metrics.memory_bytes.Get(),
                      metrics.commands_processed.Get(), metrics.turns.Get(), metrics.batches.Get(),
                      metrics.requests_sent.Get(), metrics.requests_received.Get(),
                      metrics.parked.Get(), metrics.turn_us_max.Get(),
                      metrics.turn_cpu_us_max.Get()));
  }
}

void WriteKeyspace(const CommandContext& ctx, FieldWriter& field) {
  const ServerState& server = ctx.shard.server();
  for (size_t db = 0; db < kDatabases; ++db) {
    uint64_t keys = 0;
    uint64_t expires = 0;
    for (int shard = 0; shard < server.map.shards(); ++shard) {
      keys += server.metrics[static_cast<size_t>(shard)].keys[db].Get();
      expires += server.metrics[static_cast<size_t>(shard)].keys_expire[db].Get();
    }
    if (keys == 0) continue;
    field(fmt::format("db{}", db), fmt::format("keys={},expires={},avg_ttl=0", keys, expires));
  }
}

// ---- INFO

struct Section {
  std::string_view name;
  void (*write)(const CommandContext& ctx, FieldWriter& field);
  bool by_default = true;  // the others only when they, or all, are asked for, as in Redis
};
constexpr Section kSections[] = {
    {"Server", WriteServer},
    {"Clients", WriteClients},
    {"Memory", WriteMemory},
    {"Persistence", WritePersistence},
    {"Stats", WriteStats},
    {"Replication", WriteReplication},
    {"CPU", WriteCpu},
    {"Commandstats", WriteCommandStats, false},
    {"Errorstats", WriteErrorStats},
    {"Latencystats", WriteLatencyStats, false},
    {"Holdfast", WriteHoldfast},
    {"Stock", WriteStock},
    {"Log", WriteLog},
    {"Shards", WriteShards},
    {"Keyspace", WriteKeyspace},
};

bool Asked(Args words, const Section& section) {
  if (words.empty()) return section.by_default;
  return std::ranges::any_of(words, [&section](std::string_view word) {
    return EqualsIgnoreCase(word, section.name) ||
           (EqualsIgnoreCase(word, "default") && section.by_default) ||
           EqualsIgnoreCase(word, "all") || EqualsIgnoreCase(word, "everything");
  });
}

void CmdInfo(CommandContext& ctx, Args args) {
  std::string text;
  FieldWriter field(text);
  for (const Section& section : kSections) {
    if (!Asked(args.subspan(1), section)) continue;
    fmt::format_to(std::back_inserter(text), "{}# {}\r\n", text.empty() ? "" : "\r\n",
                   section.name);
    section.write(ctx, field);
  }
  ctx.reply.Verbatim("txt", text);
}

constexpr CommandSpec kInfoCommands[] = {
    {.name = "INFO",
     .run = CmdInfo,
     .arity = -1,
     .flags = kLoading | kStale | kDangerous,
     .home = Home::kClient,
     .group = "server",
     .since = "0.1.0",
     .args = "[section [section ...]]",
     .summary = "What the server is, does and has done, by section."},
};

}  // namespace

std::span<const CommandSpec> InfoCommands() { return kInfoCommands; }

}  // namespace holdfast

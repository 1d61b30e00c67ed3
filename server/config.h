// What an operator may set. The fields carry their defaults; server/directives.h names, checks and
// documents each of them, so that file, command line, CONFIG and documentation cannot differ.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/event_flags.h"
#include "server/output_limit.h"
#include "server/server_log_level.h"
#include "storage/base/status.h"
#include "storage/core/mutation_format.h"

namespace holdfast {

inline constexpr int64_t kMiB = int64_t{1} << 20;

// When a change is on disk, seen from the reply that tells of it.
enum class Fsync : uint8_t {
  kAlways,    // before the reply
  kEverysec,  // written at once, synced within a second
  kNo,        // written at once, synced when the system pleases
};

// Who may use what reaches beyond the data: DEBUG, BACKUP.
enum class Access : uint8_t { kNo, kYes, kLocal };

// One shard for each processor, 64 at most (a shard owns whole partitions, and there are 64).
int64_t DefaultShards();

// A plain value: start-up fills one, and whoever serves CONFIG SET changes a copy and hands it
// round.
struct Config {
  // Network
  int64_t port = 6379;  // 0: no TCP
  std::vector<std::string> bind = {"127.0.0.1", "-::1"};
  std::string unixsocket;      // empty: none
  int64_t unixsocketperm = 0;  // 0: as the umask says
  int64_t tcp_backlog = 511;
  std::chrono::seconds timeout{0};  // 0: never
  std::chrono::seconds tcp_keepalive{300};
  bool protected_mode = true;
  std::string requirepass;  // empty: none. Never into a log line, a warning or an error

  // Clients
  int64_t maxclients = 10000;
  int64_t maxmemory_clients = 0;  // bytes, 0: no limit
  int64_t client_buffer_limit = 32 * kMiB;
  OutputLimits output_limits = {
      OutputLimit{},
      OutputLimit{256 * kMiB, 64 * kMiB, std::chrono::seconds{60}},
      OutputLimit{32 * kMiB, 8 * kMiB, std::chrono::seconds{60}},
  };
  int64_t client_query_buffer_limit = 128 * kMiB;
  int64_t proto_max_bulk_len = 64 * kMiB;
  int64_t group_bytes_max = 512 * kMiB;

  // General
  int64_t shards = DefaultShards();
  int64_t databases = 16;
  int64_t maxmemory = 0;  // bytes, 0: no limit
  std::string logfile;    // empty: standard output
  LogLevel loglevel = LogLevel::kNotice;

  // Defragmentation
  bool activedefrag = true;
  int64_t active_defrag_ignore_bytes = 100 * kMiB;
  int64_t active_defrag_threshold_lower = 10;   // percent of what is allocated
  int64_t active_defrag_threshold_upper = 100;  // likewise
  int64_t active_defrag_cycle_min = 1;          // percent of a shard's time
  int64_t active_defrag_cycle_max = 25;         // likewise

  // Data on disk
  std::string dir = ".";
  bool appendonly = true;
  Fsync appendfsync = Fsync::kEverysec;
  Fsync stock_appendfsync = Fsync::kAlways;
  int64_t disk_reserve = 256 * kMiB;
  int64_t log_segment_bytes = 256 * kMiB;
  int64_t snapshot_log_bytes = 1024 * kMiB;
  int64_t log_queue_bytes = 64 * kMiB;
  Access enable_backup_command = Access::kLocal;
  int64_t backup_rate = 64 * kMiB;  // bytes a second, 0: no limit

  // Replication
  std::vector<std::string> replicaof = {"no", "one"};  // host and port of the primary
  std::vector<std::string> sync_replicas = {"none"};   // "host:port" of each
  int64_t sync_member_log_bytes = 1024 * kMiB;
  int64_t holdfast_format = kOldestFormat;  // of mutations, that are written
  int64_t replica_sync_interval = 5;        // milliseconds; 0: as appendfsync says
  std::string masterauth;                   // empty: none. As requirepass
  std::string masteruser;
  bool replica_serve_stale_data = true;
  int64_t replica_priority = 100;  // 0: never promoted
  std::string replica_announce_ip;
  int64_t replica_announce_port = 0;  // 0: as it listens

  // Stock
  std::chrono::seconds hold_ttl{900};
  std::chrono::seconds hold_max_life{7200};
  std::chrono::seconds hold_retention{86400};
  int64_t fence_max = 10000;
  std::chrono::seconds restart_grace{30};
  bool accept_clock = false;
  bool enable_flush_stock = false;

  // Watching
  int64_t slowlog_log_slower_than = 10000;  // microseconds; -1: never
  int64_t slowlog_max_len = 128;
  int64_t latency_monitor_threshold = 0;  // milliseconds; 0: off
  uint32_t notify_keyspace_events = 0;    // EventFlags
  Access enable_debug_command = Access::kNo;
};

// What `holdfast …` was asked to do.
struct StartRequest {
  enum class Action : uint8_t {
    kRun,
    kHelp,
    kVersion,
    kPrintConf,
    kPrintCommands,
    kListBackups,
    kRestore,
  };

  Action action = Action::kRun;
  Config config;
  std::string backups;                // the directory to list, or to restore from
  uint32_t backup_number = 0;         // to restore; 0: the newest
  std::string config_file;            // absolute path; empty: none was named
  std::vector<std::string> warnings;  // for the log, once there is one
};

// Reads `holdfast [file] [--directive value …]` (`args` without the program's name), and the file
// it names; the command line wins over the file, the last line over the ones before. Not ok: the
// text is one line that says where the mistake is, what is wrong and how to mend it; `request` is
// half filled then.
Status ParseCommandLine(std::span<char* const> args, StartRequest& request);

// Applies the lines of a file; `name` stands before the line number in errors. Directives that only
// Redis has are added to `redis_only`, once each.
Status ParseConfigText(std::string_view name, std::string_view text, Config& config,
                       std::vector<std::string>& redis_only);

// Checks what no directive can see alone (a hold's default life above the longest life allowed, …).
// CONFIG SET asks this of its changed copy before anybody sees it.
Status CheckTogether(const Config& config);

}  // namespace holdfast

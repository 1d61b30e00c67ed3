#include "server/directives.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "protocol/glob.h"
#include "protocol/words.h"

namespace holdfast {
namespace {

using enum Directive::Change;
using enum Directive::Trait;

constexpr int64_t kIntMax = std::numeric_limits<int32_t>::max();
constexpr int64_t kBytesMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kGiB = 1024 * kMiB;
constexpr int64_t kTenYears =
    int64_t{10} * 365 * 86400;  // in seconds: deadlines stay far inside int64
constexpr int64_t kMicrosecondsMax = kTenYears * 1'000'000;
constexpr int64_t kMillisecondsMax = kTenYears * 1000;
constexpr int64_t kSlowlogMax = 1'000'000;  // entries: each may take some kilobytes
constexpr int64_t kKeepaliveMax = 32767;    // seconds that TCP_KEEPIDLE takes

constexpr std::string_view kLogLevels[] = {"debug", "verbose", "notice", "warning"};
constexpr std::string_view kAccesses[] = {"no", "yes", "local"};
constexpr std::string_view kFsyncs[] = {"always", "everysec", "no"};
constexpr std::string_view kYes[] = {"yes"};

// A choice over the words, kept in the enum that Field points to.
template <auto Field>
constexpr ChoiceField Choice(std::span<const std::string_view> words) {
  using Enum = std::remove_cvref_t<decltype(std::declval<Config&>().*Field)>;
  return {words, [](const Config& config) { return static_cast<size_t>(config.*Field); },
          [](Config& config, size_t value) { config.*Field = static_cast<Enum>(value); }};
}

// Of one word only, which programs ask for and set all the same.
constexpr ChoiceField Always(std::span<const std::string_view, 1> word) {
  return {word, [](const Config&) { return size_t{0}; }, [](Config&, size_t) {}};
}

constexpr std::string_view kNetwork = "Network";
constexpr std::string_view kClients = "Clients";
constexpr std::string_view kGeneral = "General";
constexpr std::string_view kDefrag = "Defragmentation";
constexpr std::string_view kDisk = "Data on disk";
constexpr std::string_view kReplication = "Replication";
constexpr std::string_view kStock = "Stock";
constexpr std::string_view kWatching = "Watching";

constexpr Directive kDirectives[] = {
    {kNetwork, "bind", ListField{&Config::bind}, kStart, kPlain,
     "Addresses to listen on. One with a leading '-' may be missing on this machine; '*' and '::*' "
     "are all of IPv4 and IPv6."},
    {kNetwork, "port", IntegerField{&Config::port, 0, 65535}, kStart, kPlain,
     "TCP port; 0 listens on none."},
    {kNetwork, "unixsocket", TextField{&Config::unixsocket, TextField::Empty::kAllowed}, kStart,
     kPlain, "Path of a Unix socket to listen on as well; empty means none."},
    {kNetwork, "unixsocketperm", ModeField{&Config::unixsocketperm}, kStart, kPlain,
     "Permissions of the Unix socket; 0 leaves them to the umask."},
    {kNetwork, "tcp-backlog", IntegerField{&Config::tcp_backlog, 1, kIntMax}, kStart, kPlain,
     "Connections that may wait to be accepted. The system cuts it to net.core.somaxconn."},
    {kNetwork, "timeout", SecondsField{&Config::timeout, 0, kIntMax}, kRunning, kPlain,
     "Close a client that has been idle for so long; 0 never does."},
    {kNetwork, "tcp-keepalive", SecondsField{&Config::tcp_keepalive, 0, kKeepaliveMax}, kRunning,
     kPlain, "Probe a silent TCP peer after so long, so that dead ones are noticed; 0 never does."},
    {kNetwork, "protected-mode", YesNoField{&Config::protected_mode}, kRunning, kPlain,
     "Refuse clients from other machines as long as no password is set."},
    {kNetwork, "requirepass", TextField{&Config::requirepass, TextField::Empty::kAllowed}, kRunning,
     kSecret, "Password that clients must give with AUTH or HELLO; empty asks for none."},

    {kClients, "maxclients", IntegerField{&Config::maxclients, 1, kIntMax}, kRunning, kPlain,
     "Connections at the same time. Lowered at start when the system grants fewer descriptors."},
    {kClients, "maxmemory-clients", MemoryField{&Config::maxmemory_clients, 0, kBytesMax}, kRunning,
     kPlain,
     "Memory for the buffers of all clients together; above it the largest client is "
     "disconnected; 0 sets no limit."},
    {kClients, "client-buffer-limit",
     MemoryField{&Config::client_buffer_limit, kMiB / 16, kBytesMax}, kRunning, kPlain,
     "Replies that may wait for one client behind what is being sent; above it the client is "
     "disconnected."},
    {kClients, "client-output-buffer-limit", OutputLimitsField{&Config::output_limits}, kRunning,
     kPlain,
     "The same for a class of clients, in place of client-buffer-limit where it is not 0: bytes, "
     "and fewer bytes that may wait for so many seconds. Of class pubsub is who has subscribed to "
     "anything, of class normal everybody else; replicas are not known yet."},
    {kClients, "client-query-buffer-limit",
     MemoryField{&Config::client_query_buffer_limit, kMiB, kBytesMax}, kRunning, kPlain,
     "Bytes of one client's requests that may wait to be run. At least proto-max-bulk-len."},
    {kClients, "proto-max-bulk-len", MemoryField{&Config::proto_max_bulk_len, kMiB, 512 * kMiB},
     kRunning, kPlain, "Longest single word of a request."},
    {kClients, "group-bytes-max", MemoryField{&Config::group_bytes_max, kMiB, 512 * kMiB}, kRunning,
     kPlain,
     "Largest request, and so the most that one command may change at once. At least "
     "proto-max-bulk-len."},

    {kGeneral, "shards", IntegerField{&Config::shards, 1, 64}, kStart, kMachine,
     "Threads that share the data. The default is one for each processor, 64 at most; every start "
     "may choose anew."},
    {kGeneral, "databases", IntegerField{&Config::databases, 16, 16}, kStart, kPlain,
     "Databases that SELECT knows. Stock lives in database 0."},
    {kGeneral, "maxmemory", MemoryField{&Config::maxmemory, 0, kBytesMax}, kRunning, kPlain,
     "Memory for data. Above it whatever grows is refused with OOM, nothing is evicted, and "
     "CONFIRM, "
     "RELEASE and DEL go on; 0 sets no limit."},
    {kGeneral, "logfile", TextField{&Config::logfile, TextField::Empty::kAllowed}, kStart, kPlain,
     "File for the server's own messages; empty writes them to standard output."},
    {kGeneral, "loglevel", Choice<&Config::loglevel>(kLogLevels), kRunning, kPlain,
     "The least important messages to write."},

    {kDefrag, "activedefrag", YesNoField{&Config::activedefrag}, kRunning, kPlain,
     "When much was deleted or has expired, move what is left together, so that memory comes back "
     "to the system."},
    {kDefrag, "active-defrag-ignore-bytes",
     MemoryField{&Config::active_defrag_ignore_bytes, 1, kBytesMax}, kRunning, kPlain,
     "Free memory between values from which on that is worth while."},
    {kDefrag, "active-defrag-threshold-lower",
     IntegerField{&Config::active_defrag_threshold_lower, 0, 1000}, kRunning, kPlain,
     "The same in percent of the memory in use: both must be reached."},
    {kDefrag, "active-defrag-threshold-upper",
     IntegerField{&Config::active_defrag_threshold_upper, 0, 1000}, kRunning, kPlain,
     "Percent from which on it is done with active-defrag-cycle-max."},
    {kDefrag, "active-defrag-cycle-min", IntegerField{&Config::active_defrag_cycle_min, 1, 99},
     kRunning, kPlain,
     "Percent of each shard's time that it takes at active-defrag-threshold-lower."},
    {kDefrag, "active-defrag-cycle-max", IntegerField{&Config::active_defrag_cycle_max, 1, 99},
     kRunning, kPlain, "And at active-defrag-threshold-upper, where it takes the most."},

    {kDisk, "dir", TextField{&Config::dir, TextField::Empty::kRefused}, kStart, kPlain,
     "Directory of the data. One server uses it at a time; it is made when its parent exists."},
    {kDisk, "appendonly", YesNoField{&Config::appendonly}, kStart, kPlain,
     "Keep data on disk. 'no' keeps nothing at all, stock included, and refuses a directory that "
     "holds a log."},
    {kDisk, "appendfsync", Choice<&Config::appendfsync>(kFsyncs), kRunning, kPlain,
     "When changes of ordinary keys reach the disk: before the reply, within a second, or when the "
     "system pleases."},
    {kDisk, "stock-appendfsync", Choice<&Config::stock_appendfsync>(kFsyncs), kRunning, kPlain,
     "The same for stock. Anything but 'always' may forget a reservation that a buyer was told "
     "of."},
    {kDisk, "disk-reserve", MemoryField{&Config::disk_reserve, 0, kBytesMax}, kRunning, kPlain,
     "When the disk has less than this left, writes that grow are refused with MISCONF until it "
     "has more again. A snapshot that would take more than half of it is given up."},
    {kDisk, "log-segment-bytes", MemoryField{&Config::log_segment_bytes, kMiB, 16 * kGiB}, kStart,
     kPlain, "The log is cut into segments of about this size and freed segment by segment."},
    {kDisk, "snapshot-log-bytes", MemoryField{&Config::snapshot_log_bytes, 0, kBytesMax}, kRunning,
     kPlain,
     "When the log has grown by this much a snapshot is taken, and the log before it is freed: a "
     "start reads no more than about this. 0: only when asked (BGSAVE)."},
    {kDisk, "log-queue-bytes", MemoryField{&Config::log_queue_bytes, kMiB, 16 * kGiB}, kStart,
     kPlain,
     "Changes that may wait for the disk; above it clients are not read until the disk catches "
     "up."},
    {kDisk, "enable-backup-command", Choice<&Config::enable_backup_command>(kAccesses), kStart,
     kPlain,
     "Who may use BACKUP, which writes wherever this server may: nobody, everybody, or clients of "
     "this machine."},
    {kDisk, "backup-rate", MemoryField{&Config::backup_rate, 0, kBytesMax}, kRunning, kPlain,
     "Bytes a second that a backup writes at most, so that it does not crowd the log's syncs; 0 "
     "sets no limit."},

    {kReplication, "replicaof", ListField{&Config::replicaof}, kStart, kPlain,
     "Host and port of the primary that this server is a replica of; 'no one': it leads.",
     "slaveof"},
    {kReplication, "sync-replicas", ListField{&Config::sync_replicas}, kRunning, kPlain,
     "Replicas, as host:port, on whose disks a change must be before it is acknowledged, so that "
     "any of them may take over without a loss; 'none': nobody waits for a replica, and none may "
     "take over."},
    {kReplication, "sync-member-log-bytes",
     MemoryField{&Config::sync_member_log_bytes, kMiB, kBytesMax}, kStart, kPlain,
     "Log that is kept for replicas that are away or slow; who lacks more is sent the whole state "
     "again."},
    {kReplication, "holdfast-format",
     IntegerField{&Config::holdfast_format, kOldestFormat, kNewestFormat}, kRunning, kPlain,
     "Newest format of changes that this server writes to its log, and sends. A release that knows "
     "a newer one reads it, and writes it when every node of the group does and this is raised."},
    {kReplication, "replica-sync-interval", IntegerField{&Config::replica_sync_interval, 0, 1000},
     kRunning, kPlain,
     "While a replica is linked ordinary keys are synced every so many milliseconds, for it is "
     "sent what is on disk; 0: as appendfsync says."},
    {kReplication, "masterauth", TextField{&Config::masterauth, TextField::Empty::kAllowed},
     kRunning, kSecret, "Password that a replica gives its primary; empty gives none."},
    {kReplication, "masteruser", TextField{&Config::masteruser, TextField::Empty::kAllowed},
     kRunning, kPlain, "User whose password that is; empty is the default user."},
    {kReplication, "replica-read-only", Always(kYes), kRunning, kPlain,
     "Replicas refuse writes; there is no other way.", "slave-read-only"},
    {kReplication, "replica-serve-stale-data", YesNoField{&Config::replica_serve_stale_data},
     kRunning, kPlain,
     "Whether a replica answers while it does not hear its primary: 'no' refuses with MASTERDOWN "
     "whatever tells of data, and PING.",
     "slave-serve-stale-data"},
    {kReplication, "replica-priority", IntegerField{&Config::replica_priority, 0, kIntMax},
     kRunning, kPlain,
     "Which replica Sentinel promotes first: the one with the lowest number; 0 is never promoted.",
     "slave-priority"},
    {kReplication, "replica-announce-ip",
     TextField{&Config::replica_announce_ip, TextField::Empty::kAllowed}, kRunning, kPlain,
     "Address under which clients and Sentinel find this server, where they see another than the "
     "primary does; empty tells the one it connects from.",
     "slave-announce-ip"},
    {kReplication, "replica-announce-port", IntegerField{&Config::replica_announce_port, 0, 65535},
     kRunning, kPlain, "The port under that address; 0 tells the one it listens on.",
     "slave-announce-port"},

    {kStock, "hold-ttl", SecondsField{&Config::hold_ttl, 1, kTenYears}, kRunning, kPlain,
     "Life of a hold when neither RESERVE nor the SKU says. At most hold-max-life."},
    {kStock, "hold-max-life", SecondsField{&Config::hold_max_life, 1, kTenYears}, kRunning, kPlain,
     "No hold lives longer than this, however often it is extended."},
    {kStock, "hold-retention", SecondsField{&Config::hold_retention, 1, kTenYears}, kRunning,
     kPlain,
     "A finished hold is remembered for so long, so that a late retry hears the same answer. A "
     "SKU's "
     "RETAIN goes before."},
    {kStock, "fence-max", IntegerField{&Config::fence_max, 1, 10'000'000}, kRunning, kPlain,
     "Releases of unknown holds that a SKU remembers; above it the oldest are forgotten first."},
    {kStock, "restart-grace", SecondsField{&Config::restart_grace, 0, 86400}, kStart, kPlain,
     "No hold expires within this time after a start, so that buyers whose requests were cut off "
     "can still confirm."},
    {kStock, "accept-clock", YesNoField{&Config::accept_clock}, kCommandLine, kPlain,
     "Start although the machine's clock lies more than a day behind the last record, and go on "
     "from that record's time."},
    {kStock, "enable-flush-stock", YesNoField{&Config::enable_flush_stock}, kRunning, kPlain,
     "Let FLUSHALL and FLUSHDB remove stock, too: for test servers, since sold records are "
     "records."},

    {kWatching, "slowlog-log-slower-than",
     IntegerField{&Config::slowlog_log_slower_than, -1, kMicrosecondsMax}, kRunning, kPlain,
     "Microseconds from which on a command is kept for SLOWLOG; 0 keeps every one, -1 none."},
    {kWatching, "slowlog-max-len", IntegerField{&Config::slowlog_max_len, 0, kSlowlogMax}, kRunning,
     kPlain, "Slow commands that are kept; the oldest goes first."},
    {kWatching, "latency-monitor-threshold",
     IntegerField{&Config::latency_monitor_threshold, 0, kMillisecondsMax}, kRunning, kPlain,
     "Milliseconds from which on LATENCY notes a command, a sync of the log or a sweep; 0 notes "
     "none."},
    {kWatching, "notify-keyspace-events", EventFlagsField{&Config::notify_keyspace_events},
     kRunning, kPlain,
     "What befalls keys is published, by letters: K to __keyspace@<db>__:<key>, E to "
     "__keyevent@<db>__:<event>; of g generic commands, $ strings, h hashes, d stock, x keys whose "
     "time is over, A all of these, n new keys, m keys that are not there. Empty: nothing is."},
    {kWatching, "enable-debug-command", Choice<&Config::enable_debug_command>(kAccesses), kStart,
     kPlain,
     "Who may use DEBUG, which can stop the server: nobody, everybody, or clients of this "
     "machine."},
};

}  // namespace

std::span<const Directive> Directives() { return kDirectives; }

const Directive* FindDirective(std::string_view name) {
  const auto* found = std::find_if(
      std::begin(kDirectives), std::end(kDirectives), [name](const Directive& directive) {
        return EqualsIgnoreCase(directive.name, name) ||
               (!directive.alias.empty() && EqualsIgnoreCase(directive.alias, name));
      });
  return found == std::end(kDirectives) ? nullptr : found;
}

Status SetWhileRunning(const Directive& directive, Config& config, std::string_view value) {
  if (directive.change != kRunning) {
    return Status::Invalid("can't set immutable config; restart the server with the new value");
  }
  return Set(directive, config, value);
}

std::vector<std::pair<std::string_view, std::string>> MatchDirectives(
    std::span<const std::string_view> patterns, const Config& config) {
  std::vector<std::pair<std::string_view, std::string>> matches;
  for (const Directive& directive : kDirectives) {
    for (const std::string_view name : {directive.name, directive.alias}) {
      const bool asked = std::ranges::any_of(patterns, [&](std::string_view pattern) {
        return GlobMatch(pattern, name, GlobCase::kIgnore);
      });
      if (asked && !name.empty()) matches.emplace_back(name, Get(directive, config));
    }
  }
  return matches;
}

}  // namespace holdfast

// What a server tells of its part in replication: ROLE, INFO's section, and WAIT. Fields and order
// are Redis', for Sentinel and dashboards read them.
#include <algorithm>
#include <optional>
#include <string>

#include "server/commands/info.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/replication/control.h"
#include "server/shard/router.h"
#include "server/shard/shard.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

// Redis counts bytes of a stream that it keeps in memory; here it is the log's own place, in
// batches.
int64_t Offset(Index index) { return static_cast<int64_t>(index); }

// Of a server that keeps nothing: a primary without anybody.
ReplicationStatus Describe(const ServerState& server) {
  const ReplicationControl* const replication = server.replication;
  if (replication != nullptr) return replication->Describe();
  return {.leads = true, .last = server.log.LastPushed()};
}

int64_t SecondsOf(DurationMs span) {
  return std::chrono::floor<std::chrono::seconds>(span).count();
}

// ---- ROLE

void RoleOfReplica(CommandContext& ctx, const ReplicationStatus& status) {
  ctx.reply.Array(5);
  ctx.reply.Bulk("slave");
  ctx.reply.Bulk(status.primary.host);
  ctx.reply.Integer(status.primary.port);
  ctx.reply.Bulk(!status.link_up ? "connect" : status.loading ? "sync" : "connected");
  ctx.reply.Integer(Offset(status.applied));
}

// ["master", offset, replicas]
void CmdRole(CommandContext& ctx, Args) {
  const ReplicationStatus status = Describe(ctx.shard.server());
  if (!status.leads) return RoleOfReplica(ctx, status);
  ctx.reply.Array(3);
  ctx.reply.Bulk("master");
  ctx.reply.Integer(Offset(ctx.shard.server().log.LastPushed()));
  ctx.reply.Array(status.replicas.size());
  for (const ReplicaStatus& replica : status.replicas) {
    ctx.reply.Array(3);
    ctx.reply.Bulk(replica.address.host);
    ctx.reply.Bulk(std::to_string(replica.address.port));
    ctx.reply.Bulk(std::to_string(replica.stored));
  }
}

// ---- WAIT

constexpr std::string_view kNoWaitOnReplica =
    "ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a "
    "replica is configured to be writable (which is not the default) writes to replicas are just "
    "local and are not propagated.";

struct Patience {
  int64_t replicas = 0;
  std::optional<UnixMs> until{};
};

// False: answered.
bool ParsePatience(CommandContext& ctx, std::string_view replicas, std::string_view timeout,
                   Patience& out) {
  const auto count = ParseInt64(replicas);
  const auto span = ParseInt64(timeout);
  if (!count) {
    ctx.reply.Error("ERR value is not an integer or out of range");
  } else if (!span) {
    ctx.reply.Error("ERR timeout is not an integer or out of range");
  } else if (*span < 0) {
    ctx.reply.Error("ERR timeout is negative");
  } else {
    out.replicas = *count;
    if (*span > 0) out.until = After(ctx.now.now, DurationMs{*span});
    return true;
  }
  return false;
}

int64_t ReplicasWith(const ServerState& server, Index index) {
  const ReplicationStatus status = Describe(server);
  return std::ranges::count_if(
      status.replicas, [&](const ReplicaStatus& replica) { return replica.stored >= index; });
}

// What this client, or anybody, has changed so far: known a turn later, when it has been pushed.
class LastChange {
 public:
  Index Of(Log& log) {
    if (!index_) {
      index_ = log.LastPushed();
      log.RequestSync(*index_);
    }
    return *index_;
  }

 private:
  std::optional<Index> index_;
};

// WAIT replicas timeout
void CmdWait(CommandContext& ctx, Args args) {
  Patience patience;
  if (ctx.shard.follows()) return ctx.reply.Error(kNoWaitOnReplica);
  if (!ParsePatience(ctx, args[1], args[2], patience)) return;
  ctx.router.late_replies().Await(
      *ctx.client,
      [patience, &shard = ctx.shard,
       change = LastChange()]() mutable -> std::optional<std::string> {
        const int64_t have = ReplicasWith(shard.server(), change.Of(shard.server().log));
        const bool is_over = patience.until && shard.now() >= *patience.until;
        if (have < patience.replicas && !is_over) return std::nullopt;
        return ":" + std::to_string(have) + "\r\n";
      });
}

// WAITAOF local replicas timeout: [1 if it is on this disk, on how many replicas' disks]
void CmdWaitAof(CommandContext& ctx, Args args) {
  Patience patience;
  if (ctx.shard.follows()) return ctx.reply.Error(kNoWaitOnReplica);
  if (args[1] != "0" && args[1] != "1") {
    return ctx.reply.Error("ERR value is out of range, value must between 0 and 1");
  }
  if (!ctx.shard.server().log.Keeps() && args[1] == "1") {
    return ctx.reply.Error(
        "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
  }
  if (!ParsePatience(ctx, args[2], args[3], patience)) return;
  const bool waits_for_disk = args[1] == "1";
  ctx.router.late_replies().Await(
      *ctx.client,
      [patience, waits_for_disk, &shard = ctx.shard,
       change = LastChange()]() mutable -> std::optional<std::string> {
        Log& log = shard.server().log;
        const Index index = change.Of(log);
        const bool is_durable = log.Keeps() && log.Durable() >= index;
        const int64_t have = ReplicasWith(shard.server(), index);
        const bool is_over = patience.until && shard.now() >= *patience.until;
        const bool is_done = (is_durable || !waits_for_disk) && have >= patience.replicas;
        if (!is_done && !is_over) return std::nullopt;
        return "*2\r\n:" + std::string(is_durable ? "1" : "0") + "\r\n:" + std::to_string(have) +
               "\r\n";
      });
}

constexpr CommandSpec WaitRow(std::string_view name, CommandFunction run, int arity,
                              std::string_view args, std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = arity,
          .flags = kNoScript | kNoMulti,
          .home = Home::kLater,
          .group = "generic",
          .category = "connection",
          .since = "0.1.0",
          .args = args,
          .summary = summary};
}

constexpr CommandSpec kReplicationStatusCommands[] = {
    ClientRow("server", "ROLE", CmdRole, 1,
              kNoScript | kLoading | kStale | kFast | kOfAdmins | kDangerous, "",
              "Whether this server is a primary or a replica, and how far its log is."),
    WaitRow("WAIT", CmdWait, 3, "numreplicas timeout",
            "Waits until so many replicas have what was written before."),
    WaitRow("WAITAOF", CmdWaitAof, 4, "numlocal numreplicas timeout",
            "The same, and for this server's own disk."),
};

// ---- INFO

void WriteAsReplica(const CommandContext& ctx, const ReplicationStatus& status,
                    FieldWriter& field) {
  const Config& config = ctx.shard.config();
  field("role", "slave");
  field("master_host", status.primary.host);
  field("master_port", status.primary.port);
  field("master_link_status", status.link_up ? "up" : "down");
  field("master_last_io_seconds_ago", status.link_up ? SecondsOf(status.heard_ago) : -1);
  field("master_sync_in_progress", status.loading ? 1 : 0);
  field("slave_read_repl_offset", Offset(status.last));
  field("slave_repl_offset", Offset(status.applied));
  if (!status.link_up) {
    const bool was_up = status.down_since != kNever;
    field("master_link_down_since_seconds",
          was_up ? SecondsOf(ctx.shard.now() - status.down_since) : -1);
  }
  field("slave_priority", config.replica_priority);
  field("slave_read_only", 1);
  field("replica_announced", 1);
}

void WriteReplicas(const ReplicationStatus& status, FieldWriter& field) {
  int number = 0;
  for (const ReplicaStatus& replica : status.replicas) {
    const std::string_view state = replica.state == ReplicaState::kSendingState ? "send_bulk"
                                   : replica.state == ReplicaState::kCatchingUp ? "wait_bgsave"
                                                                                : "online";
    field("slave" + std::to_string(number++),
          fmt::format("ip={},port={},state={},offset={},lag={},sync={}", replica.address.host,
                      replica.address.port, state, replica.stored, SecondsOf(replica.heard_ago),
                      replica.is_member ? "yes" : "no"));
  }
}

}  // namespace

void WriteReplication(const CommandContext& ctx, FieldWriter& field) {
  const ServerState& server = ctx.shard.server();
  const ReplicationStatus status = Describe(server);
  if (status.leads) {
    field("role", "master");
  } else {
    WriteAsReplica(ctx, status, field);
  }
  field("connected_slaves", status.replicas.size());
  WriteReplicas(status, field);
  field("master_failover_state", status.handing_over ? "failover-in-progress" : "no-failover");
  field("master_replid", server.replication_id);
  field("master_replid2", std::string(kReplicationIdDigits, '0'));
  field("master_repl_offset", Offset(server.log.LastPushed()));
  field("second_repl_offset", -1);
  // What a replica may have missed is in the log.
  field("repl_backlog_active", 0);
  field("repl_backlog_size", 0);
  field("repl_backlog_first_byte_offset", 0);
  field("repl_backlog_histlen", 0);
  if (server.replication == nullptr) return;
  field("node_id", status.node.Hex());
  field("epoch", status.epoch);
  field("acked_index", status.acked);
  field("sync_set_size", status.group.sync_set.size());
  field("waits_for_promises", status.campaigning ? 1 : 0);
  if (!status.leads) field("slave_lag_ms", LagMs(server, ctx.shard.now()));
}

std::span<const CommandSpec> ReplicationStatusCommands() { return kReplicationStatusCommands; }

}  // namespace holdfast

// What a server tells of its part in replication: ROLE, and INFO's section. Fields and order are
// Redis', for Sentinel and dashboards read them.
#include "server/commands/info.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/shard/shard.h"

namespace holdfast {
namespace {

// Redis counts bytes of a stream that it keeps in memory; here it is the log's own place, in
// batches.
int64_t ReplicationOffset(const CommandContext& ctx) {
  return static_cast<int64_t>(ctx.shard.server().log.LastPushed());
}

// ["master", offset, replicas]
void CmdRole(CommandContext& ctx, Args) {
  ctx.reply.Array(3);
  ctx.reply.Bulk("master");
  ctx.reply.Integer(ReplicationOffset(ctx));
  ctx.reply.Array(0);
}

constexpr CommandSpec kCommands[] = {
    ClientRow("server", "ROLE", CmdRole, 1,
              kNoScript | kLoading | kStale | kFast | kOfAdmins | kDangerous, "",
              "Whether this server is a primary, how far its log is, and its replicas."),
};

}  // namespace

void WriteReplication(const CommandContext& ctx, FieldWriter& field) {
  field("role", "master");
  field("connected_slaves", 0);
  field("master_failover_state", "no-failover");
  field("master_replid", ctx.shard.server().replication_id);
  field("master_replid2", std::string(kReplicationIdDigits, '0'));
  field("master_repl_offset", ReplicationOffset(ctx));
  field("second_repl_offset", -1);
  // What a replica may have missed is in the log.
  field("repl_backlog_active", 0);
  field("repl_backlog_size", 0);
  field("repl_backlog_first_byte_offset", 0);
  field("repl_backlog_histlen", 0);
}

std::span<const CommandSpec> ReplicationCommands() { return kCommands; }

}  // namespace holdfast

// Who leads and who follows: REPLICAOF, FAILOVER, SYNCSET, and what other nodes ask for. What these
// begin, ROLE and INFO show (replication_status.cc).
#include <algorithm>
#include <optional>
#include <string>

#include "protocol/words.h"
#include "server/commands/keys.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/replication/control.h"
#include "server/replication/hello.h"
#include "server/server_log.h"
#include "server/shard/client.h"
#include "server/shard/shard.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

// Longer than anybody waits.
constexpr int64_t kHandOverMsMax = int64_t{1} << 40;

ReplicationControl* ReplicationOf(CommandContext& ctx) {
  const ServerState& server = ctx.shard.server();
  if (server.replication == nullptr) {
    ctx.reply.Error(server.log.Keeps()
                        ? "LOADING Redis is loading the dataset in memory"
                        : "ERR this server keeps nothing on disk, so there is nothing to "
                          "replicate: it was started with appendonly no");
  }
  return server.replication;
}

bool ParsePort(std::string_view word, int64_t& port) {
  const auto number = ParseInt64(word);
  port = number.value_or(-1);
  return number && *number >= 0 && *number <= 65535;
}

// So that CONFIG REWRITE keeps the role.
void SetReplicaOf(CommandContext& ctx, std::vector<std::string> primary) {
  const Status set = ctx.shard.server().config.Change(ctx.shard.config(), [&](Config& config) {
    config.replicaof = std::move(primary);
    return Status::Ok();
  });
  Invariant(set.ok());
  ctx.shard.AdoptConfig();
}

void CmdReplicaOf(CommandContext& ctx, Args args) {
  ReplicationControl* const replication = ReplicationOf(ctx);
  if (replication == nullptr) return;
  if (EqualsIgnoreCase(args[1], "NO") && EqualsIgnoreCase(args[2], "ONE")) {
    if (const Status leads = replication->Lead(); !leads.ok()) {
      return ctx.reply.Error("ERR " + leads.text());
    }
    LogNotice("MASTER MODE enabled (user request from '{}')", ctx.client->address);
    SetReplicaOf(ctx, {"no", "one"});
    return ctx.reply.Ok();
  }
  NodeAddress primary{.host = std::string(args[1])};
  if (!ParsePort(args[2], primary.port)) return ctx.reply.Error("ERR Invalid master port");
  const std::vector<std::string> words{primary.host, std::to_string(primary.port)};
  const ReplicationStatus status = replication->Describe();
  // A replica that found its new primary by itself has yet to be told that it is to stay there.
  const bool is_told = ctx.shard.config().replicaof == words;
  if (is_told && !status.leads && !status.campaigning && status.primary == primary) {
    return ctx.reply.SimpleString("OK Already connected to specified master");
  }
  LogNotice("REPLICAOF {} enabled (user request from '{}')", primary.Text(), ctx.client->address);
  SetReplicaOf(ctx, words);
  replication->Follow(std::move(primary));
  ctx.reply.Ok();
}

struct FailoverRequest {
  std::optional<NodeAddress> to{};
  std::optional<DurationMs> patience{};
  bool abort = false;
  bool force = false;
};

// FAILOVER [TO host port [FORCE]] [ABORT] [TIMEOUT ms]. The error that it deserves, or none.
std::string_view ParseFailover(Args args, FailoverRequest& out) {
  for (size_t at = 1; at < args.size();) {
    const std::string_view word = args[at];
    if (EqualsIgnoreCase(word, "TIMEOUT") && at + 1 < args.size() && !out.patience) {
      const auto span = ParseInt64(args[at + 1]);
      if (!span) return kNotIntegerError;
      if (*span <= 0) return "ERR FAILOVER timeout must be greater than 0";
      out.patience = DurationMs{std::min(*span, kHandOverMsMax)};
      at += 2;
    } else if (EqualsIgnoreCase(word, "ABORT") && args.size() == 2) {
      out.abort = true;
      at += 1;
    } else if (EqualsIgnoreCase(word, "TO") && at + 2 < args.size() && !out.to) {
      const auto port = ParseInt64(args[at + 2]);
      if (!port) return kNotIntegerError;
      out.to = {.host = std::string(args[at + 1]), .port = *port};
      at += 3;
    } else if (EqualsIgnoreCase(word, "FORCE") && !out.force) {
      out.force = true;
      at += 1;
    } else {
      return kSyntaxError;
    }
  }
  return {};
}

void CmdFailover(CommandContext& ctx, Args args) {
  ReplicationControl* const replication = ReplicationOf(ctx);
  if (replication == nullptr) return;
  FailoverRequest request;
  if (const std::string_view error = ParseFailover(args, request); !error.empty()) {
    return ctx.reply.Error(error);
  }
  if (request.force) {
    return ctx.reply.Error(
        "ERR FAILOVER FORCE would let a replica lead that lacks what was acknowledged. Take the "
        "members that are lost out by SYNCSET REMOVE");
  }
  const Status status = request.abort ? replication->GiveUpHandOver()
                                      : replication->HandOver(request.to, request.patience);
  if (!status.ok()) return ctx.reply.Error("ERR " + status.text());
  ctx.reply.Ok();
}

// ---- the sync set

void CmdSyncSetList(CommandContext& ctx, Args) {
  ReplicationControl* const replication = ReplicationOf(ctx);
  if (replication == nullptr) return;
  const ReplicationStatus status = replication->Describe();
  ctx.reply.Array(status.group.sync_set.size());
  for (const Member& member : status.group.sync_set) {
    const bool is_own = member.id == status.node;
    const auto linked = [&](const ReplicaStatus& replica) { return replica.node == member.id; };
    const bool is_up = is_own || std::ranges::any_of(status.replicas, linked);
    ctx.reply.Array(3);
    ctx.reply.Bulk(is_own ? "self" : member.address);
    ctx.reply.Bulk(member.id.Hex());
    ctx.reply.Bulk(member.id == status.group.primary ? "primary" : is_up ? "linked" : "away");
  }
}

// The configured list with or without one of them.
void SetSyncReplicas(CommandContext& ctx, const std::string& member, bool is_in) {
  const Status set = ctx.shard.server().config.Change(ctx.shard.config(), [&](Config& config) {
    auto& members = config.sync_replicas;
    std::erase(members, member);
    std::erase(members, "none");
    if (is_in) members.push_back(member);
    if (members.empty()) members.push_back("none");
    return Status::Ok();
  });
  Invariant(set.ok());
  ctx.shard.AdoptConfig();
}

// It joins when it has caught up.
void CmdSyncSetAdd(CommandContext& ctx, Args args) {
  ReplicationControl* const replication = ReplicationOf(ctx);
  if (replication == nullptr) return;
  NodeAddress member;
  if (!ParseNodeAddress(args[2], member)) return ctx.reply.Error("ERR a member is host:port");
  SetSyncReplicas(ctx, member.Text(), true);
  ctx.reply.Ok();
}

void CmdSyncSetRemove(CommandContext& ctx, Args args) {
  ReplicationControl* const replication = ReplicationOf(ctx);
  if (replication == nullptr) return;
  NodeAddress member;
  if (!ParseNodeAddress(args[2], member)) return ctx.reply.Error("ERR a member is host:port");
  SetSyncReplicas(ctx, member.Text(), false);
  const Status removed = replication->RemoveMember(member);
  if (!removed.ok()) return ctx.reply.Error("ERR " + removed.text());
  LogWarning(
      "SYNCSET REMOVE {} (user request from '{}'): no acknowledgement waits for it any more. If "
      "it is up and cut off, it must not be made to lead: it may lack what is acknowledged from "
      "now on",
      member.Text(), ctx.client->address);
  ctx.reply.Ok();
}

// ---- other nodes

// NODELINK version reads writes node host port
void CmdNodeLink(CommandContext& ctx, Args args) {
  ReplicationControl* const replication = ReplicationOf(ctx);
  if (replication == nullptr) return;
  LinkHello hello;
  Status status = DecodeLinkRequest(args, hello);
  if (status.ok()) status = CanLink({.writes = ctx.shard.config().holdfast_format}, hello);
  if (!status.ok()) return ctx.reply.Error("ERR " + status.text());
  // As it is seen from here, unless it says.
  NodeAddress seen;
  ParseNodeAddress(ctx.client->address, seen);
  if (hello.announced.host.empty()) hello.announced.host = seen.host;
  const int descriptor = ctx.client->sink->OnDetach();
  if (descriptor < 0) return ctx.reply.Error("ERR nodes are linked over TCP");
  replication->TakeLink(descriptor, hello);
}

constexpr uint32_t kOfNodes = kAdmin | kNoScript | kStale | kLoading | kNoMulti;

constexpr CommandSpec kReplicationCommands[] = {
    ClientRow("server", "REPLICAOF", CmdReplicaOf, 3, kAdmin | kNoScript | kStale,
              "host port|NO ONE", "Makes this server a replica of another one, or a primary."),
    ClientRow("server", "SLAVEOF", CmdReplicaOf, 3, kAdmin | kNoScript | kStale, "host port|NO ONE",
              "REPLICAOF, as it was called before."),
    ClientRow("server", "FAILOVER", CmdFailover, -1, kAdmin | kNoScript | kStale,
              "[TO host port] [ABORT] [TIMEOUT ms]",
              "Hands over to a member of the sync set, which leads as soon as it has all."),
    ContainerRow("server", "SYNCSET",
                 "Commands about the replicas that acknowledgements wait for."),
    ClientRow("server", "SYNCSET|LIST", CmdSyncSetList, 2, kOfNodes, "",
              "The sync set: address, node, and how it stands."),
    ClientRow("server", "SYNCSET|ADD", CmdSyncSetAdd, 3, kOfNodes, "host:port",
              "Takes a replica into the sync set as soon as it has caught up."),
    ClientRow("server", "SYNCSET|REMOVE", CmdSyncSetRemove, 3, kOfNodes, "host:port",
              "Takes a member out of the sync set. If it is cut off it must never lead again."),
    ClientRow("server", "NODELINK", CmdNodeLink, -2, kOfNodes,
              "version reads writes node host port",
              "Makes this connection a link between two nodes, for nodes only."),
};

}  // namespace

std::span<const CommandSpec> ReplicationCommands() { return kReplicationCommands; }

}  // namespace holdfast

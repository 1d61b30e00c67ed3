// CLIENT's subcommands that change how connections are served.
#include <algorithm>
#include <limits>

#include "protocol/words.h"
#include "server/commands/keys.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/server_state.h"
#include "server/shard/client.h"
#include "server/shard/shard.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

// ---- CLIENT PAUSE, UNPAUSE

void CmdClientPause(CommandContext& ctx, Args args) {
  if (args.size() > 4) {
    return ctx.reply.Error(
        "ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.");
  }
  PauseKind kind = PauseKind::kAll;
  if (args.size() == 4) {
    if (EqualsIgnoreCase(args[3], "WRITE")) {
      kind = PauseKind::kWrites;
    } else if (!EqualsIgnoreCase(args[3], "ALL")) {
      return ctx.reply.Error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    }
  }
  const auto span = ParseInt64(args[2]);
  if (!span) return ctx.reply.Error("ERR timeout is not an integer or out of range");
  if (*span < 0) return ctx.reply.Error("ERR timeout is negative");
  ctx.shard.server().pause.Extend(kind, *span, ctx.shard.now());
  ctx.reply.Ok();
}

void CmdClientUnpause(CommandContext& ctx, Args) {
  ctx.shard.server().pause.End();
  ctx.reply.Ok();
}

// No command blocks, so nobody can be freed; the words are checked all the same.
void CmdClientUnblock(CommandContext& ctx, Args args) {
  if (args.size() > 4) {
    return ctx.reply.Error(
        "ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.");
  }
  if (args.size() == 4 && !EqualsIgnoreCase(args[3], "TIMEOUT") &&
      !EqualsIgnoreCase(args[3], "ERROR")) {
    return ctx.reply.Error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  if (!ParseInt64(args[2])) return ctx.reply.Error(kNotIntegerError);
  ctx.reply.Integer(0);
}

// ---- about the asking connection

void CmdClientNoEvict(CommandContext& ctx, Args args) {
  const bool on = EqualsIgnoreCase(args[2], "ON");
  if (!on && !EqualsIgnoreCase(args[2], "OFF")) return ctx.reply.Error(kSyntaxError);
  ctx.client->no_evict = on;
  ctx.reply.Ok();
}

void CmdClientReply(CommandContext& ctx, Args args) {
  using Voice = ReplyQueue::Voice;
  if (EqualsIgnoreCase(args[2], "ON")) {
    ctx.client->replies.SetVoice(Voice::kOn);
    ctx.reply.Ok();
  } else if (EqualsIgnoreCase(args[2], "OFF")) {
    ctx.client->replies.SetVoice(Voice::kOff);
  } else if (EqualsIgnoreCase(args[2], "SKIP")) {
    ctx.client->replies.SetVoice(Voice::kSkipNext);
  } else {
    ctx.reply.Error(kSyntaxError);
  }
}

// Nothing is tracked here, and nobody is told of keys that changed.

void CmdClientGetRedir(CommandContext& ctx, Args) { ctx.reply.Integer(-1); }

void CmdClientTrackingInfo(CommandContext& ctx, Args) {
  ctx.reply.Map(3);
  ctx.reply.Bulk("flags");
  ctx.reply.Set(1);
  ctx.reply.Bulk("off");
  ctx.reply.Bulk("redirect");
  ctx.reply.Integer(-1);
  ctx.reply.Bulk("prefixes");
  ctx.reply.Array(0);
}

constexpr uint32_t kFlags = kLoading | kStale | kNoScript;

constexpr CommandSpec kClientControlCommands[] = {
    ClientRow("connection", "CLIENT|PAUSE", CmdClientPause, -3, kFlags | kAdmin,
              "timeout-ms [WRITE|ALL]", "Run nobody's commands, or nobody's writes, for a time."),
    ClientRow("connection", "CLIENT|UNPAUSE", CmdClientUnpause, 2, kFlags | kAdmin, "",
              "End a pause at once."),
    ClientRow("connection", "CLIENT|UNBLOCK", CmdClientUnblock, -3, kFlags | kAdmin,
              "client-id [TIMEOUT|ERROR]",
              "Free a connection that a command blocks. No command does, so it answers 0."),
    ClientRow("connection", "CLIENT|NO-EVICT", CmdClientNoEvict, 3, kFlags | kAdmin, "ON|OFF",
              "Keep this connection open when maxmemory-clients is exceeded."),
    ClientRow("connection", "CLIENT|REPLY", CmdClientReply, 3, kFlags, "ON|OFF|SKIP",
              "Send replies, none, or none to the next command."),
    ClientRow("connection", "CLIENT|GETREDIR", CmdClientGetRedir, 2, kFlags, "",
              "Where tracking messages go: -1, nothing is tracked."),
    ClientRow("connection", "CLIENT|TRACKINGINFO", CmdClientTrackingInfo, 2, kFlags, "",
              "How keys are tracked for this connection: they are not."),
};

}  // namespace

std::span<const CommandSpec> ClientControlCommands() { return kClientControlCommands; }

}  // namespace holdfast

// SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF: snapshots (storage/snapshot_run.h). A snapshot also lets
// the log behind it go, so it is what BGREWRITEAOF asks for, too.
#include <chrono>

#include "protocol/words.h"
#include "server/commands/keys.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/server_state.h"
#include "server/shard/router.h"
#include "storage/snapshot_run.h"

namespace holdfast {
namespace {

constexpr std::string_view kKeepsNothing =
    "ERR this server keeps nothing on disk: it was started with appendonly no";

SnapshotRun* SnapshotsOf(CommandContext& ctx) {
  SnapshotRun* const snapshots = ctx.shard.server().snapshots;
  if (snapshots == nullptr) ctx.reply.Error(kKeepsNothing);
  return snapshots;
}

// Nobody else waits meanwhile.
void CmdSave(CommandContext& ctx, Args) {
  SnapshotRun* const snapshots = SnapshotsOf(ctx);
  if (snapshots == nullptr) return;
  const uint32_t number = snapshots->Begin(false);
  if (number == 0) return ctx.reply.Error("ERR Background save already in progress");
  ctx.router.snapshot_walk().AnswerWhenComplete(*ctx.client, number);
}

void CmdBgSave(CommandContext& ctx, Args args) {
  const bool schedule = args.size() == 2 && EqualsIgnoreCase(args[1], "SCHEDULE");
  if (args.size() > 1 && !schedule) return ctx.reply.Error(kSyntaxError);
  SnapshotRun* const snapshots = SnapshotsOf(ctx);
  if (snapshots == nullptr) return;
  if (snapshots->Begin(schedule) != 0) return ctx.reply.SimpleString("Background saving started");
  if (schedule) return ctx.reply.SimpleString("Background saving scheduled");
  ctx.reply.Error("ERR Background save already in progress");
}

void CmdBgRewriteAof(CommandContext& ctx, Args) {
  SnapshotRun* const snapshots = SnapshotsOf(ctx);
  if (snapshots == nullptr) return;
  ctx.reply.SimpleString(snapshots->Begin(true) != 0
                             ? "Background append only file rewriting started"
                             : "Background append only file rewriting scheduled");
}

void CmdLastSave(CommandContext& ctx, Args) {
  const ServerState& server = ctx.shard.server();
  const SnapshotRun* const snapshots = server.snapshots;
  UnixMs last = snapshots == nullptr ? kNever : snapshots->figures().last_cut;
  if (last == kNever) last = server.started_at;  // as Redis says it
  ctx.reply.Integer(ToUnixMs(last) / 1000);
}

constexpr CommandSpec kCommands[] = {
    {.name = "SAVE",
     .run = CmdSave,
     .arity = 1,
     .flags = kAdmin | kNoScript | kNoMulti,
     .home = Home::kLater,
     .group = "server",
     .since = "0.1.0",
     .args = "",
     .summary = "Take a snapshot and wait until it is complete; nobody else waits."},
    ClientRow("server", "BGSAVE", CmdBgSave, -1, kAdmin | kNoScript, "[SCHEDULE]",
              "Take a snapshot; with SCHEDULE another one if one is being taken."),
    ClientRow("server", "BGREWRITEAOF", CmdBgRewriteAof, 1, kAdmin | kNoScript, "",
              "The same: a snapshot lets the log behind it go."),
    ClientRow("server", "LASTSAVE", CmdLastSave, 1,
              kLoading | kStale | kFast | kOfAdmins | kDangerous, "",
              "The second in which the last complete snapshot was taken."),
};

}  // namespace

std::span<const CommandSpec> PersistenceCommands() { return kCommands; }

}  // namespace holdfast

// SAVE, BGSAVE, LASTSAVE, BGREWRITEAOF: snapshots (storage/snapshot_run.h). A snapshot also lets
// the log behind it go, so it is what BGREWRITEAOF asks for, too. BACKUP: storage/backups.h.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "protocol/words.h"
#include "server/commands/keys.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/server_state.h"
#include "server/shard/refusal.h"
#include "server/shard/router.h"
#include "storage/backups.h"
#include "storage/base/parse_int.h"
#include "storage/snapshot_run.h"

namespace holdfast {
namespace {

constexpr std::string_view kKeepsNothing =
    "ERR this server keeps nothing on disk: it was started with appendonly no";

constexpr std::string_view kGivenUp =
    "-ERR the snapshot was given up: it would have taken more than half of disk-reserve; make room "
    "on the disk\r\n";

constexpr int64_t kBackupsMax = 1'000'000;

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
  ctx.router.late_replies().Await(*ctx.client, [snapshots, number]() -> std::optional<std::string> {
    if (snapshots->finished() < number) return std::nullopt;
    return std::string(snapshots->complete() < number ? kGivenUp : kOkReply);
  });
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

std::string BackupReply(RespVersion version, const BackupJob& job) {
  std::string reply;
  RespWriter writer(reply, version);
  if (!job.status().ok()) {
    writer.Error("ERR the backup failed: " + job.status().text());
    return reply;
  }
  const BackupInfo& made = job.made();
  writer.Map(6);
  const auto field = [&](std::string_view name, auto value) {
    writer.Bulk(name);
    writer.Integer(static_cast<int64_t>(value));
  };
  field("number", made.number);
  field("index", made.mark.index);
  field("bytes", made.bytes);
  field("bytes-own", made.bytes_own);
  field("ms", job.took().count());
  field("backups", job.kept());
  return reply;
}

bool ParseBackup(CommandContext& ctx, Args args, BackupRequest& request) {
  request.directory = args[1];
  if (args.size() == 2) return true;
  const auto keep = args.size() == 4 ? ParseInt64(args[3]) : std::nullopt;
  if (args.size() != 4 || !EqualsIgnoreCase(args[2], "KEEP")) {
    ctx.reply.Error(kSyntaxError);
  } else if (!keep || *keep < 1 || *keep > kBackupsMax) {
    ctx.reply.Error("ERR KEEP takes how many backups stay, 1 to 1000000");
  } else {
    request.keep = static_cast<uint32_t>(*keep);
    return true;
  }
  return false;
}

// Nobody else waits meanwhile.
void CmdBackup(CommandContext& ctx, Args args) {
  if (!Grants(ctx.shard.config().enable_backup_command, *ctx.client)) {
    return ctx.reply.Error(RefusalOfAccess("BACKUP", "enable-backup-command"));
  }
  Backups* const backups = ctx.shard.server().backups;
  if (backups == nullptr) return ctx.reply.Error(kKeepsNothing);
  BackupRequest request;
  if (!ParseBackup(ctx, args, request)) return;
  // It stands in lines for the operator.
  const bool printable =
      std::ranges::none_of(request.directory, [](char c) { return c >= 0 && c < 0x20; });
  if (!request.directory.starts_with('/') || !printable) {
    return ctx.reply.Error("ERR the directory of the backups must be an absolute path");
  }
  request.bytes_per_second = static_cast<uint64_t>(ctx.shard.config().backup_rate);
  const auto job = backups->Begin(std::move(request));
  if (job == nullptr) return ctx.reply.Error("ERR Backup already in progress");
  ctx.router.late_replies().Await(
      *ctx.client, [job, version = ctx.client->resp]() -> std::optional<std::string> {
        if (!job->done()) return std::nullopt;
        return BackupReply(version, *job);
      });
}

constexpr CommandSpec kPersistenceCommands[] = {
    {.name = "BACKUP",
     .run = CmdBackup,
     .arity = -2,
     .flags = kAdmin | kNoScript | kNoMulti,
     .home = Home::kLater,
     .group = "server",
     .since = "0.1.0",
     .args = "directory [KEEP count]",
     .summary =
         "Copy what is new on disk into a directory of backups and wait until it is checked; "
         "nobody else waits."},
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

std::span<const CommandSpec> PersistenceCommands() { return kPersistenceCommands; }

}  // namespace holdfast

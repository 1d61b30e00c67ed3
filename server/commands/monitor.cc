// MONITOR: a connection that is shown what every other one asks for (server/monitor_line.h).
#include "server/commands/tables.h"
#include "server/shard/router.h"

namespace holdfast {
namespace {

// What it does not take in time counts as its unread replies: client-buffer-limit closes it.
void CmdMonitor(CommandContext& ctx, Args) {
  ctx.router.observers().SetMonitor(*ctx.client, true);
  ctx.reply.Ok();
}

constexpr CommandSpec kMonitorCommands[] = {
    {.name = "MONITOR",
     .run = CmdMonitor,
     .arity = 1,
     .flags = kAdmin | kNoScript | kLoading | kStale,
     .home = Home::kClient,
     .group = "server",
     .since = "0.1.0",
     .args = "",
     .summary = "Be sent every command of every client from now on. Passwords are left out."},
};

}  // namespace

std::span<const CommandSpec> MonitorCommands() { return kMonitorCommands; }

}  // namespace holdfast

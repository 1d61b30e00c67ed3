// DEBUG, for tests: only where enable-debug-command lets it (the rows' kDebug).
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>
#include <thread>

#include "server/commands/command_docs.h"
#include "server/commands/keys.h"
#include "server/commands/object.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/server_log.h"
#include "server/server_state.h"
#include "server/shard/shard.h"

namespace holdfast {
namespace {

constexpr double kSleepSecondsMax = 3600;

// On every shard at once, so that nobody is answered meanwhile. What is no number is none, as
// Redis takes it.
void CmdDebugSleep(CommandContext& ctx, Args args) {
  const double asked = std::strtod(std::string(args[2]).c_str(), nullptr);
  const double seconds = std::isnan(asked) ? 0 : std::clamp(asked, 0.0, kSleepSecondsMax);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  ctx.reply.Ok();
}

void FirstReply(RespWriter& reply, std::span<const std::string> parts) { reply.Raw(parts.front()); }

void CmdDebugSetActiveExpire(CommandContext& ctx, Args args) {
  const bool on = std::strtol(std::string(args[2]).c_str(), nullptr, 10) != 0;
  ctx.shard.server().sweeps = on;
  ctx.reply.Ok();
}

// Redis' line, which tools read. What has no meaning here is 0: where the value lies, and how large
// a dump of it would be.
void CmdDebugObject(CommandContext& ctx, Args) {
  const Entry* const entry = PeekForRead(ctx);
  if (entry == nullptr) return ctx.reply.Error("ERR no such key");
  ctx.reply.SimpleString("Value at:0x0 refcount:1 encoding:" + std::string(EncodingOf(*entry)) +
                         " serializedlength:0 lru:0 lru_seconds_idle:" +
                         std::to_string(ctx.shard.keyspace().IdleSeconds(*entry)));
}

void CmdDebugLog(CommandContext& ctx, Args args) {
  LogWarning("DEBUG LOG: {}", args[2]);
  ctx.reply.Ok();
}

constexpr uint32_t kFlags = kAdmin | kNoScript | kLoading | kStale;

constexpr CommandSpec kDebugCommands[] = {
    {.name = "DEBUG",
     .arity = -2,
     .flags = kFlags | kContainer | kDebug,
     .home = Home::kClient,
     .group = "server",
     .since = "0.1.0",
     .args = "",
     .summary = "A container for commands that tests need, where enable-debug-command lets them."},
    {.name = "DEBUG|SLEEP",
     .run = CmdDebugSleep,
     .arity = 3,
     .flags = kFlags | kDebug,
     .home = Home::kEveryShard,
     .combine = FirstReply,
     .group = "server",
     .since = "0.1.0",
     .args = "seconds",
     .summary = "Let every shard stand still. Fractions are allowed."},
    ClientRow("server", "DEBUG|SET-ACTIVE-EXPIRE", CmdDebugSetActiveExpire, 3, kFlags | kDebug,
              "0|1", "Switch the sweeps off or on: off, what is due goes when it is asked for."),
    {.name = "DEBUG|OBJECT",
     .run = CmdDebugObject,
     .arity = 3,
     .flags = kFlags | kDebug,
     .home = Home::kKey,
     .keys = {.first = 2, .last = 2, .step = 1},
     .group = "server",
     .since = "0.1.0",
     .args = "key",
     .summary = "A key's encoding and the seconds since it was used."},
    ClientRow("server", "DEBUG|LOG", CmdDebugLog, 3, kFlags | kDebug, "message",
              "Write a message to the server's own log."),
    ClientRow("server", "DEBUG|HELP", CmdContainerHelp, 2, kLoading | kStale, "",
              "Print this help."),
};

}  // namespace

std::span<const CommandSpec> DebugCommands() { return kDebugCommands; }

}  // namespace holdfast

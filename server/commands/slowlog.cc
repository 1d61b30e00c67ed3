// SLOWLOG: the last commands that took longer than slowlog-log-slower-than.
#include <algorithm>
#include <limits>

#include "server/commands/command_docs.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/server_state.h"
#include "server/shard/shard.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

constexpr size_t kShownAtFirst = 10;

void CmdSlowlogGet(CommandContext& ctx, Args args) {
  if (args.size() > 3) {
    return ctx.reply.Error(
        "ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.");
  }
  size_t count = kShownAtFirst;
  if (args.size() == 3) {
    const auto asked = ParseInt64(args[2]);
    if (!asked || *asked < -1) {
      return ctx.reply.Error("ERR count should be greater than or equal to -1");
    }
    count = *asked < 0 ? std::numeric_limits<size_t>::max() : static_cast<size_t>(*asked);
  }
  const auto entries = ctx.shard.server().slow_log.Newest(count);
  ctx.reply.Array(entries.size());
  for (const SlowEntry& entry : entries) {
    ctx.reply.Array(6);
    ctx.reply.Integer(static_cast<int64_t>(entry.id));
    ctx.reply.Integer(ToUnixMs(entry.at) / 1000);
    ctx.reply.Integer(entry.us);
    ctx.reply.Array(entry.words.size());
    for (const std::string& word : entry.words) ctx.reply.Bulk(word);
    ctx.reply.Bulk(entry.address);
    ctx.reply.Bulk(entry.name);
  }
}

void CmdSlowlogLen(CommandContext& ctx, Args) {
  ctx.reply.Integer(static_cast<int64_t>(ctx.shard.server().slow_log.size()));
}

void CmdSlowlogReset(CommandContext& ctx, Args) {
  ctx.shard.server().slow_log.Reset();
  ctx.reply.Ok();
}

constexpr uint32_t kFlags = kAdmin | kLoading | kStale;

constexpr CommandSpec kSlowlogCommands[] = {
    ContainerRow("server", "SLOWLOG", "A container for commands about slow commands."),
    ClientRow("server", "SLOWLOG|GET", CmdSlowlogGet, -2, kFlags, "[count]",
              "The last slow commands: id, Unix seconds, microseconds, words, client; -1 for all."),
    ClientRow("server", "SLOWLOG|LEN", CmdSlowlogLen, 2, kFlags, "",
              "How many slow commands are kept."),
    ClientRow("server", "SLOWLOG|RESET", CmdSlowlogReset, 2, kFlags, "",
              "Forget the slow commands."),
    ClientRow("server", "SLOWLOG|HELP", CmdContainerHelp, 2, kLoading | kStale, "",
              "Print this help."),
};

}  // namespace

std::span<const CommandSpec> SlowlogCommands() { return kSlowlogCommands; }

}  // namespace holdfast

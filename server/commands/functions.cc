// FUNCTION: there are none. Test tools flush them before anything else, and clients list them.
#include <string>

#include "protocol/words.h"
#include "server/commands/command_docs.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"

namespace holdfast {
namespace {

void CmdFunctionFlush(CommandContext& ctx, Args args) {
  if (args.size() > 3) {
    return ctx.reply.Error(
        "ERR unknown subcommand or wrong number of arguments for 'FLUSH'. Try FUNCTION HELP.");
  }
  if (args.size() == 3 && !EqualsIgnoreCase(args[2], "SYNC") &&
      !EqualsIgnoreCase(args[2], "ASYNC")) {
    return ctx.reply.Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  }
  ctx.reply.Ok();
}

void CmdFunctionList(CommandContext& ctx, Args args) {
  bool with_code = false;
  bool with_name = false;
  for (size_t at = 2; at < args.size(); ++at) {
    if (!with_code && EqualsIgnoreCase(args[at], "WITHCODE")) {
      with_code = true;
    } else if (!with_name && EqualsIgnoreCase(args[at], "LIBRARYNAME")) {
      with_name = true;
      if (++at == args.size()) {
        return ctx.reply.Error("ERR library name argument was not given");
      }
    } else {
      return ctx.reply.Error("ERR Unknown argument " + std::string(args[at]));
    }
  }
  ctx.reply.Array(0);
}

void CmdFunctionStats(CommandContext& ctx, Args) {
  ctx.reply.Map(2);
  ctx.reply.Bulk("running_script");
  ctx.reply.Null();
  ctx.reply.Bulk("engines");
  ctx.reply.Map(0);
}

constexpr CommandSpec kFunctionCommands[] = {
    ContainerRow("scripting", "FUNCTION",
                 "A container for commands about functions, of which there are none."),
    ClientRow("scripting", "FUNCTION|FLUSH", CmdFunctionFlush, -2, kWrite | kNoScript,
              "[ASYNC|SYNC]", "Remove all functions: OK, there are none."),
    ClientRow("scripting", "FUNCTION|LIST", CmdFunctionList, -2, kNoScript,
              "[LIBRARYNAME library-name] [WITHCODE]",
              "The libraries of functions: an empty list."),
    ClientRow("scripting", "FUNCTION|STATS", CmdFunctionStats, 2, kNoScript | kAllowBusy, "",
              "What function runs, and which engines there are: none."),
    ClientRow("scripting", "FUNCTION|HELP", CmdContainerHelp, 2, kLoading | kStale, "",
              "Print this help."),
};

}  // namespace

std::span<const CommandSpec> FunctionCommands() { return kFunctionCommands; }

}  // namespace holdfast

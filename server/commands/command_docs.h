// What every container of subcommands shares.
#pragma once

#include "server/command.h"

namespace holdfast {

// The HELP of the container that args[0] names ("CONFIG HELP"), from its rows.
void CmdContainerHelp(CommandContext& ctx, Args args);

}  // namespace holdfast

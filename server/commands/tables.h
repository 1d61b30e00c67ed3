// The command tables, one for each file of this folder.
#pragma once

#include <span>

#include "server/command.h"

namespace holdfast {

std::span<const CommandSpec> DatabaseCommands();
std::span<const CommandSpec> TransactionCommands();
std::span<const CommandSpec> ConnectionCommands();
std::span<const CommandSpec> ClientCommands();
std::span<const CommandSpec> ClientControlCommands();
std::span<const CommandSpec> ConfigCommands();
std::span<const CommandSpec> CommandDocsCommands();
std::span<const CommandSpec> InfoCommands();
std::span<const CommandSpec> PersistenceCommands();
std::span<const CommandSpec> SlowlogCommands();
std::span<const CommandSpec> LatencyCommands();
std::span<const CommandSpec> MemoryCommands();
std::span<const CommandSpec> MonitorCommands();
std::span<const CommandSpec> PubSubCommands();
std::span<const CommandSpec> ReplicationCommands();
std::span<const CommandSpec> ReplicationStatusCommands();
std::span<const CommandSpec> FunctionCommands();
std::span<const CommandSpec> DebugCommands();
std::span<const CommandSpec> StringCommands();
std::span<const CommandSpec> StringCounterCommands();
std::span<const CommandSpec> StringRangeCommands();
std::span<const CommandSpec> StringGroupCommands();
std::span<const CommandSpec> BitmapCommands();
std::span<const CommandSpec> HashCommands();
std::span<const CommandSpec> HashLookupCommands();
std::span<const CommandSpec> HashWalkCommands();
std::span<const CommandSpec> KeyCommands();
std::span<const CommandSpec> KeyMoveCommands();
std::span<const CommandSpec> ExpiryCommands();
std::span<const CommandSpec> ObjectCommands();
std::span<const CommandSpec> HoldCommands();
std::span<const CommandSpec> HoldLookupCommands();
std::span<const CommandSpec> StockCommands();
std::span<const CommandSpec> StockLookupCommands();

// All of them, in the order in which COMMAND and the README show them.
std::span<const std::span<const CommandSpec>> CommandTables();

}  // namespace holdfast

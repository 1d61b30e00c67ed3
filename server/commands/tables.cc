#include "server/commands/tables.h"

#include <array>

namespace holdfast {

std::span<const std::span<const CommandSpec>> CommandTables() {
  static const std::array kTables = {
      HoldCommands(),        HoldLookupCommands(),
      StockCommands(),       StockLookupCommands(),
      StringCommands(),      StringCounterCommands(),
      StringRangeCommands(), StringGroupCommands(),
      BitmapCommands(),      HashCommands(),
      HashLookupCommands(),  HashWalkCommands(),
      KeyCommands(),         KeyMoveCommands(),
      ExpiryCommands(),      ObjectCommands(),
      DatabaseCommands(),    TransactionCommands(),
      ConnectionCommands(),  ClientCommands(),
      ConfigCommands(),      CommandDocsCommands(),
      InfoCommands(),        ClientControlCommands(),
      MemoryCommands(),      FunctionCommands(),
      PersistenceCommands(), SlowlogCommands(),
      LatencyCommands(),     MonitorCommands(),
      DebugCommands(),       PubSubCommands(),
      ReplicationCommands(), ReplicationStatusCommands(),
  };
  return kTables;
}

}  // namespace holdfast

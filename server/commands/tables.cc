#include "server/commands/tables.h"

#include <array>

namespace holdfast {

std::span<const std::span<const CommandSpec>> CommandTables() {
  static const std::array kTables = {
      ConnectionCommands(),
      ClientCommands(),
      ConfigCommands(),
      CommandDocsCommands(),
      InfoCommands(),
      StringCommands(),
      HashCommands(),
      KeyCommands(),
      ExpiryCommands(),
      HoldCommands(),
      HoldLookupCommands(),
      StockCommands(),
      StockLookupCommands(),
  };
  return kTables;
}

}  // namespace holdfast

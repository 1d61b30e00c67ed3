// All commands by name, in any case. Built once before the shards start, read-only after; any
// thread.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "server/command.h"

namespace holdfast {

class CommandTable {
 public:
  // Rows stay where they are: specs point into the tables given.
  explicit CommandTable(std::span<const std::span<const CommandSpec>> tables);

  // The row for a command line, its subcommand included; null if there is none. For a container
  // with an unknown or missing subcommand the container's own row. Requires: at least one word.
  const CommandSpec* Find(Args words) const;

  // By its full name ("config|get").
  const CommandSpec* FindName(std::string_view name) const;

  // In the order of the tables, subcommands behind their container.
  std::span<const CommandSpec* const> rows() const { return rows_; }

 private:
  size_t Place(std::string_view name) const;

  std::vector<const CommandSpec*> rows_;
  struct Bucket {
    const CommandSpec* row = nullptr;
    bool is_subcommand = false;
  };
  std::vector<Bucket> buckets_;  // open addressing; a power of two, at most a quarter full
};

// Every table of server/commands/.
const CommandTable& Commands();

}  // namespace holdfast

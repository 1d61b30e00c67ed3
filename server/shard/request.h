// A request as its connection read it, with what its row and its words alone tell of it.
#pragma once

#include <optional>

#include "server/command.h"
#include "storage/core/keyspace.h"

namespace holdfast {

struct Request {
  Args words;
  const CommandSpec* command = nullptr;  // null: there is none of that name
  std::optional<KeyHash> key{};          // of its first key, for rows that route by it
};

}  // namespace holdfast

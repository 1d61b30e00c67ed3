// What a command line is refused with before anybody looks at its keys.
#pragma once

#include <string>

#include "server/command.h"
#include "server/config.h"
#include "server/shard/client.h"

namespace holdfast {

struct RefusalReasons {
  const Config& config;
  bool loading = false;
};

// Empty: the command may run. `command` is null if there is none of that name.
std::string RefusalOf(const Client& client, const CommandSpec* command, Args words,
                      const RefusalReasons& reasons);

}  // namespace holdfast

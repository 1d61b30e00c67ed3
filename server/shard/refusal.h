// What a command line is refused with before anybody looks at its keys.
#pragma once

#include <string>
#include <string_view>

#include "server/command.h"
#include "server/config.h"
#include "server/shard/client.h"

namespace holdfast {

struct RefusalReasons {
  const Config& config;
  bool loading = false;
  bool follows = false;  // a replica: nothing is written
  bool stale = false;    // Shard::IsStale
};

inline constexpr std::string_view kReadOnlyError =
    "READONLY You can't write against a read only replica.";

// For what an enable-...-command directive guards.
bool Grants(Access access, const Client& client);
std::string RefusalOfAccess(std::string_view command, std::string_view directive);

// Nothing is out of the ordinary, so RefusalOf would find no reason: it is not asked for every
// request.
inline bool IsOrdinary(const Client& client, const CommandSpec* command, Args words,
                       const RefusalReasons& reasons) {
  constexpr uint32_t kSpecial = kDebug | kContainer | kAdmin | kNoMulti;
  return command != nullptr && (command->flags & kSpecial) == 0 &&
         (command->run != nullptr || command->decide != nullptr) &&
         ArityFits(*command, words.size()) &&
         (client.authenticated || reasons.config.requirepass.empty()) && !reasons.follows &&
         !reasons.loading && client.subscriptions == nullptr;
}

// Empty: the command may run. `command` is null if there is none of that name.
std::string RefusalOf(const Client& client, const CommandSpec* command, Args words,
                      const RefusalReasons& reasons);

}  // namespace holdfast

#include "server/shard/refusal.h"

#include "protocol/words.h"

namespace holdfast {
namespace {

// What an unknown name is quoted with at most, as Redis does.
constexpr size_t kQuotedBytesMax = 128;

// Some look through a table for each of their words.
constexpr size_t kAdminWordsMax = 1024;

std::string UnknownCommand(Args words) {
  std::string text = "ERR unknown command '";
  text += words[0].substr(0, kQuotedBytesMax);
  text += "', with args beginning with: ";
  // Quotes and spaces count.
  const size_t begin = text.size();
  for (const std::string_view word : words.subspan(1)) {
    const size_t quoted = text.size() - begin;
    if (quoted >= kQuotedBytesMax) break;
    text += '\'';
    text += word.substr(0, kQuotedBytesMax - quoted);
    text += "' ";
  }
  return text;
}

// EXEC does if one of its commands does.
bool Writes(const Client& client, const CommandSpec& command) {
  if (command.home != Home::kTransaction) return (command.flags & kWrite) != 0;
  return client.transaction != nullptr && (client.transaction->flags_of_any & kWrite) != 0;
}

// And if all of them do.
bool RunsOnStaleData(const Client& client, const CommandSpec& command) {
  if (command.home != Home::kTransaction || client.transaction == nullptr)
    return (command.flags & kStale) != 0;
  return (client.transaction->flags_of_all & kStale) != 0;
}

// WATCH and DEBUG OBJECT do in Redis, whose one thread loads, too. Here the keys are another
// thread's.
bool RunsWhileLoading(const CommandSpec& command) {
  return (command.flags & kLoading) != 0 && command.keys.first == 0;
}

}  // namespace

bool Grants(Access access, const Client& client) {
  return access == Access::kYes || (access == Access::kLocal && client.local);
}

std::string RefusalOfAccess(std::string_view command, std::string_view directive) {
  std::string text = "ERR ";
  text.append(command).append(" command not allowed. If the ").append(directive);
  return text +
         " option is set to \"local\", you can run it from a local connection, otherwise you need "
         "to set this option in the configuration file, and then restart the server.";
}

std::string RefusalOf(const Client& client, const CommandSpec* command, Args words,
                      const RefusalReasons& reasons) {
  const Config& config = reasons.config;
  if (command == nullptr) return UnknownCommand(words);
  if ((command->flags & kDebug) != 0 && !Grants(config.enable_debug_command, client)) {
    return RefusalOfAccess("DEBUG", "enable-debug-command");
  }
  if ((command->flags & kContainer) != 0 && words.size() >= 2) {
    return "ERR unknown subcommand '" + std::string(words[1].substr(0, kQuotedBytesMax)) +
           "'. Try " + std::string(command->name) + " HELP.";
  }
  const bool runs =
      command->run != nullptr || command->decide != nullptr || command->home == Home::kTransaction;
  if (!ArityFits(*command, words.size()) || !runs) {
    return "ERR wrong number of arguments for '" + LowerCased(command->name) + "' command";
  }
  if ((command->flags & kAdmin) != 0 && words.size() > kAdminWordsMax) {
    return "ERR '" + LowerCased(command->name) + "' takes at most " +
           std::to_string(kAdminWordsMax) + " words";
  }
  if ((command->flags & kNoMulti) != 0 && client.transaction != nullptr)
    return "ERR Command not allowed inside a transaction";
  if (!client.authenticated && (command->flags & kNoAuth) == 0 && !config.requirepass.empty()) {
    return "NOAUTH Authentication required.";
  }
  // Whoever still loads may come to lead: until then he says LOADING.
  if (reasons.follows && !reasons.loading && Writes(client, *command)) {
    return std::string(kReadOnlyError);
  }
  const bool in_pushes_only = client.subscriptions != nullptr && client.resp == RespVersion::kResp2;
  if (in_pushes_only && (command->flags & kWhileSubscribed) == 0) {
    return "ERR Can't execute '" + LowerCased(command->name) +
           "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
           "context";
  }
  if (reasons.stale && !reasons.loading && !RunsOnStaleData(client, *command))
    return "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
  if (reasons.loading && !RunsWhileLoading(*command))
    return "LOADING Redis is loading the dataset in memory";
  return {};
}

}  // namespace holdfast

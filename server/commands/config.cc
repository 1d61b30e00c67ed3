#include <algorithm>
#include <string>
#include <vector>

#include "protocol/glob.h"
#include "protocol/words.h"
#include "server/commands/command_docs.h"
#include "server/commands/keys.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/config_rewrite.h"
#include "server/directives.h"
#include "server/server_log.h"
#include "server/shard/shard.h"

namespace holdfast {
namespace {

// What tools ask every Redis server for, and is fixed here: no save points, nothing evicted.
constexpr std::pair<std::string_view, std::string_view> kFixed[] = {
    {"save", ""},
    {"maxmemory-policy", "noeviction"},
};

// Globs cost pattern times text: longer than any sensible one.
constexpr size_t kPatternBytesMax = 256;

void CmdConfigGet(CommandContext& ctx, Args args) {
  const Args patterns = args.subspan(2);
  const auto too_long = [](std::string_view pattern) { return pattern.size() > kPatternBytesMax; };
  if (std::ranges::any_of(patterns, too_long)) return ctx.reply.Error("ERR pattern is too long");

  auto matches = MatchDirectives(patterns, ctx.shard.config());
  for (const auto& fixed : kFixed) {
    const bool asked = std::ranges::any_of(patterns, [&](std::string_view pattern) {
      return GlobMatch(pattern, fixed.first, GlobCase::kIgnore);
    });
    if (asked) matches.emplace_back(fixed.first, fixed.second);
  }
  ctx.reply.Map(matches.size());
  for (const auto& [name, value] : matches) {
    ctx.reply.Bulk(name);
    ctx.reply.Bulk(value);
  }
}

// ---- CONFIG SET

struct Setting {
  const Directive* directive;
  std::string_view value;
};

std::string SetFailed(std::string_view name, std::string_view why) {
  return "ERR CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - " +
         std::string(why);
}

// Empty: all names are known, each once.
std::string ParseSettings(Args words, std::vector<Setting>& settings) {
  for (size_t at = 0; at + 1 < words.size(); at += 2) {
    const Directive* directive = FindDirective(words[at]);
    if (directive == nullptr) {
      return "ERR Unknown option or number of arguments for CONFIG SET - '" +
             std::string(words[at].substr(0, kPatternBytesMax)) + "'";
    }
    const auto same = [&](const Setting& setting) { return setting.directive == directive; };
    if (std::ranges::any_of(settings, same)) {
      return SetFailed(directive->name, "duplicate parameter");
    }
    settings.push_back({.directive = directive, .value = words[at + 1]});
  }
  return {};
}

// All of them or none. Under the lock of the shared configuration, so that the log hears of
// changes in their order.
Status ApplySettings(ServerState& server, const std::vector<Setting>& settings, Config& config) {
  for (const auto& [directive, value] : settings) {
    if (Status status = SetWhileRunning(*directive, config, value); !status.ok()) {
      return Status::Invalid(SetFailed(directive->name, status.text()));
    }
  }
  if (Status status = CheckTogether(config); !status.ok()) {
    return Status::Invalid(SetFailed(settings.front().directive->name, status.text()));
  }
  if (server.configure_log) server.configure_log(config);
  SetLogLevel(config.loglevel);
  server.latency.SetThreshold(config.latency_monitor_threshold);
  return Status::Ok();
}

void CmdConfigSet(CommandContext& ctx, Args args) {
  const Args words = args.subspan(2);
  if (words.size() % 2 != 0) return ctx.reply.Error(kSyntaxError);
  std::vector<Setting> settings;
  if (const std::string error = ParseSettings(words, settings); !error.empty()) {
    return ctx.reply.Error(error);
  }
  ServerState& server = ctx.shard.server();
  const Status changed = server.config.Change(
      ctx.shard.config(), [&](Config& config) { return ApplySettings(server, settings, config); });
  if (!changed.ok()) return ctx.reply.Error(changed.text());
  ctx.shard.AdoptConfig();
  // The names only: a value may be a password.
  for (const Setting& setting : settings) {
    LogNotice("CONFIG SET changed {}", setting.directive->name);
  }
  ctx.reply.Ok();
}

// ---- CONFIG REWRITE

// The shard waits for the disk meanwhile, as Redis does: it is an operator's own doing, and rare.
void CmdConfigRewrite(CommandContext& ctx, Args) {
  const ServerState& server = ctx.shard.server();
  if (server.config_file.empty()) {
    return ctx.reply.Error("ERR The server is running without a config file");
  }
  const Status written = server.config.Use(ctx.shard.config(), [&](const Config& config) {
    return RewriteConfigFile(server.config_file, config);
  });
  if (!written.ok()) {
    LogWarning("CONFIG REWRITE failed: {}", written.text());
    return ctx.reply.Error("ERR " + written.text());
  }
  LogNotice("CONFIG REWRITE executed with success");
  ctx.reply.Ok();
}

// ---- CONFIG RESETSTAT, on every shard: a counter has one writer

void CmdConfigResetStat(CommandContext& ctx, Args) {
  ctx.shard.metrics().ResetCounts();
  ctx.shard.command_stats().Reset();
  ctx.shard.errors().Reset();
  ctx.reply.Ok();
}

void FirstReply(RespWriter& reply, std::span<const std::string> parts) { reply.Raw(parts.front()); }

constexpr uint32_t kFlags = kAdmin | kLoading | kStale | kNoScript;

constexpr CommandSpec kConfigCommands[] = {
    ContainerRow("server", "CONFIG", "A container for configuration commands."),
    {.name = "CONFIG|GET",
     .run = CmdConfigGet,
     .arity = -3,
     .flags = kFlags,
     .home = Home::kClient,
     .group = "server",
     .since = "0.1.0",
     .args = "pattern [pattern ...]",
     .summary = "Names and values of the directives that match a pattern."},
    {.name = "CONFIG|SET",
     .run = CmdConfigSet,
     .arity = -4,
     .flags = kFlags,
     .home = Home::kClient,
     .group = "server",
     .since = "0.1.0",
     .args = "directive value [directive value ...]",
     .summary = "Change directives while the server runs: all of them, or none."},
    {.name = "CONFIG|REWRITE",
     .run = CmdConfigRewrite,
     .arity = 2,
     .flags = kFlags,
     .home = Home::kClient,
     .group = "server",
     .since = "0.1.0",
     .args = "",
     .summary = "Make the configuration file say what is in force; its comments and order stay."},
    {.name = "CONFIG|RESETSTAT",
     .run = CmdConfigResetStat,
     .arity = 2,
     .flags = kFlags,
     .home = Home::kEveryShard,
     .combine = FirstReply,
     .group = "server",
     .since = "0.1.0",
     .args = "",
     .summary = "Start the counters of INFO anew; the log's own go on."},
    {.name = "CONFIG|HELP",
     .run = CmdContainerHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .home = Home::kClient,
     .group = "server",
     .since = "0.1.0",
     .args = "",
     .summary = "Print this help."},
};

}  // namespace

std::span<const CommandSpec> ConfigCommands() { return kConfigCommands; }

}  // namespace holdfast

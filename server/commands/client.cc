#include "server/shard/client.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "protocol/words.h"
#include "server/command_table.h"
#include "server/commands/command_docs.h"
#include "server/commands/connection.h"
#include "server/commands/keys.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/shard/router.h"
#include "server/shard/shard.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

// ---- one client as a line

int64_t SecondsBetween(UnixMs from, UnixMs to) {
  return std::chrono::floor<std::chrono::seconds>(to - from).count();
}

// Redis' letters, as many as hold.
std::string FlagsOf(const Client& client) {
  std::string flags;
  if (client.monitor) flags += 'O';
  if (client.subscriptions != nullptr) flags += 'P';
  if (client.postponed) flags += 'b';
  if (client.close_after_replies) flags += 'c';
  if (client.unix_socket) flags += 'U';
  if (client.no_evict) flags += 'e';
  return flags.empty() ? "N" : flags;
}

// Redis' fields in Redis' order, for programs read them by name; what does not exist here (sharded
// channels, argument memory) shows as there when it is not used.
std::string DescribeClient(const Client& client, UnixMs now) {
  const Subscriptions* const listens = client.subscriptions.get();
  const size_t memory = sizeof(Client) + client.query_bytes + client.replies.bytes() +
                        (listens != nullptr ? listens->bytes : 0);
  return fmt::format(
      "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub=0 "
      "multi={} qbuf={} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll={} omem={} "
      "tot-mem={} events=r cmd={} user=default redir=-1 resp={} lib-name={} lib-ver={}\n",
      client.id, client.address, client.sink->LocalAddress(), client.descriptor,
      client.names().name, SecondsBetween(client.connected_at, now),
      SecondsBetween(client.last_seen, now), FlagsOf(client), client.db,
      listens != nullptr ? listens->channels.size() : 0,
      listens != nullptr ? listens->patterns.size() : 0,
      client.transaction != nullptr ? static_cast<int64_t>(client.transaction->commands) : -1,
      client.query_bytes, client.replies.awaited(), client.replies.bytes(), memory,
      client.last_command != nullptr ? LowerCased(client.last_command->name) : "NULL",
      static_cast<int>(client.resp), client.names().library, client.names().library_version);
}

// ---- filters

enum class TypeFilter : uint8_t { kAny, kNormal, kPubSub, kOther };

// The other types are known and empty.
std::optional<TypeFilter> ParseType(std::string_view word) {
  if (EqualsIgnoreCase(word, "normal")) return TypeFilter::kNormal;
  if (EqualsIgnoreCase(word, "pubsub")) return TypeFilter::kPubSub;
  for (const std::string_view other : {"master", "replica", "slave"}) {
    if (EqualsIgnoreCase(word, other)) return TypeFilter::kOther;
  }
  return std::nullopt;
}

bool IsOfType(const Client& client, TypeFilter type) {
  const bool subscribed = client.subscriptions != nullptr;
  return type == TypeFilter::kAny ||
         type == (subscribed ? TypeFilter::kPubSub : TypeFilter::kNormal);
}

std::string UnknownType(std::string_view word) {
  return "ERR Unknown client type '" + std::string(word) + "'";
}

// ---- CLIENT LIST: each shard writes the lines of its own; they are framed when all are there

struct ListFilter {
  TypeFilter type = TypeFilter::kAny;
  std::optional<std::vector<uint64_t>> ids;
  std::string error;

  bool Lets(const Client& client) const {
    if (!IsOfType(client, type)) return false;
    return !ids || std::ranges::find(*ids, client.id) != ids->end();
  }
};

ListFilter ParseListFilter(Args words) {
  ListFilter filter;
  if (words.empty()) return filter;
  if (words.size() == 2 && EqualsIgnoreCase(words[0], "TYPE")) {
    const auto type = ParseType(words[1]);
    if (!type) filter.error = UnknownType(words[1]);
    filter.type = type.value_or(TypeFilter::kAny);
  } else if (words.size() >= 2 && EqualsIgnoreCase(words[0], "ID")) {
    filter.ids.emplace();
    for (const std::string_view word : words.subspan(1)) {
      const auto id = ParseInt64(word);
      if (!id || *id < 1) {
        filter.error = "ERR Invalid client ID";
        break;
      }
      filter.ids->push_back(static_cast<uint64_t>(*id));
    }
  } else {
    filter.error = kSyntaxError;
  }
  return filter;
}

void CmdClientList(CommandContext& ctx, Args args) {
  const ListFilter filter = ParseListFilter(args.subspan(2));
  if (!filter.error.empty()) return ctx.reply.Error(filter.error);
  for (const auto& [id, client] : ctx.router.clients()) {
    if (filter.Lets(*client)) ctx.reply.Raw(DescribeClient(*client, ctx.shard.now()));
  }
}

uint64_t IdOfLine(std::string_view line) {
  const std::string_view digits = line.substr(std::string_view("id=").size());
  return ParseUint64(digits.substr(0, digits.find(' '))).value_or(0);
}

void CombineLines(RespWriter& reply, std::span<const std::string> parts) {
  // Every shard read the same words: if one found an error, all did.
  if (parts.front().starts_with('-')) return reply.Raw(parts.front());
  std::vector<std::string_view> lines;
  for (const std::string_view part : parts) {
    for (size_t at = 0; at < part.size();) {
      const size_t end = part.find('\n', at) + 1;
      lines.push_back(part.substr(at, end - at));
      at = end;
    }
  }
  std::ranges::sort(lines, {}, IdOfLine);
  std::string text;
  for (const std::string_view line : lines) text += line;
  reply.Verbatim("txt", text);
}

// ---- CLIENT KILL: each shard closes its own and tells how many

struct KillFilter {
  bool by_address_only = false;  // CLIENT KILL ip:port: the answer is OK or an error
  std::optional<uint64_t> id;
  std::optional<std::string_view> address;
  std::optional<std::string_view> local_address;
  TypeFilter type = TypeFilter::kAny;
  bool skip_me = true;
  std::string error;

  bool Hits(const Client& client, uint64_t asking) const {
    if (skip_me && client.id == asking) return false;
    if (!IsOfType(client, type) || (id && *id != client.id)) return false;
    if (address && *address != client.address) return false;
    return !local_address || *local_address == client.sink->LocalAddress();
  }
};

// Takes one pair of words; empty, or what is wrong with it.
std::string TakeKillOption(KillFilter& filter, std::string_view option, std::string_view value) {
  if (EqualsIgnoreCase(option, "ID")) {
    const auto id = ParseInt64(value);
    if (!id || *id < 1) return "ERR client-id should be greater than 0";
    filter.id = static_cast<uint64_t>(*id);
  } else if (EqualsIgnoreCase(option, "ADDR")) {
    filter.address = value;
  } else if (EqualsIgnoreCase(option, "LADDR")) {
    filter.local_address = value;
  } else if (EqualsIgnoreCase(option, "TYPE")) {
    const auto type = ParseType(value);
    if (!type) return UnknownType(value);
    filter.type = *type;
  } else if (EqualsIgnoreCase(option, "USER")) {
    // Everybody is the default user.
    if (value != "default") return "ERR No such user '" + std::string(value) + "'";
  } else if (EqualsIgnoreCase(option, "SKIPME") && EqualsIgnoreCase(value, "yes")) {
    filter.skip_me = true;
  } else if (EqualsIgnoreCase(option, "SKIPME") && EqualsIgnoreCase(value, "no")) {
    filter.skip_me = false;
  } else {
    return std::string(kSyntaxError);
  }
  return {};
}

KillFilter ParseKillFilter(Args words) {
  KillFilter filter;
  if (words.size() == 1) {
    filter.by_address_only = true;
    filter.address = words[0];
    filter.skip_me = false;
    return filter;
  }
  if (words.size() % 2 != 0) {
    filter.error = kSyntaxError;
    return filter;
  }
  for (size_t at = 0; at < words.size() && filter.error.empty(); at += 2) {
    filter.error = TakeKillOption(filter, words[at], words[at + 1]);
  }
  return filter;
}

void CmdClientKill(CommandContext& ctx, Args args) {
  const KillFilter filter = ParseKillFilter(args.subspan(2));
  if (!filter.error.empty()) return ctx.reply.Error(filter.error);
  std::vector<Client*> victims;  // first: closing takes a client out of the router's table
  for (const auto& [id, client] : ctx.router.clients()) {
    if (filter.Hits(*client, ctx.client_id)) victims.push_back(client);
  }
  for (Client* victim : victims) {
    if (victim->id == ctx.client_id) {
      victim->close_after_replies = true;  // it still hears that it was killed
    } else {
      victim->sink->OnKill();
    }
  }
  // A simple string says that the form with one address was used; CombineKilled tells them apart.
  const std::string count = std::to_string(victims.size());
  if (filter.by_address_only) return ctx.reply.SimpleString(count);
  ctx.reply.Integer(static_cast<int64_t>(victims.size()));
}

void CombineKilled(RespWriter& reply, std::span<const std::string> parts) {
  const char kind = parts.front().front();
  if (kind == '-') return reply.Raw(parts.front());
  int64_t killed = 0;
  for (const std::string_view part : parts) {
    killed += ParseInt64(part.substr(1, part.size() - 1 - kCrlf.size())).value_or(0);
  }
  if (kind == ':') return reply.Integer(killed);
  killed > 0 ? reply.Ok() : reply.Error("ERR No such client");
}

// ---- about the asking connection

void CmdClientId(CommandContext& ctx, Args) {
  ctx.reply.Integer(static_cast<int64_t>(ctx.client->id));
}

void CmdClientInfo(CommandContext& ctx, Args) {
  ctx.reply.Verbatim("txt", DescribeClient(*ctx.client, ctx.shard.now()));
}

void CmdClientSetName(CommandContext& ctx, Args args) {
  if (!IsClientLabel(args[2])) return ctx.reply.Error(kBadClientName);
  ctx.client->GiveNames().name = args[2];
  ctx.reply.Ok();
}

void CmdClientGetName(CommandContext& ctx, Args) {
  const std::string& name = ctx.client->names().name;
  name.empty() ? ctx.reply.Null() : ctx.reply.Bulk(name);
}

void CmdClientSetInfo(CommandContext& ctx, Args args) {
  const bool is_name = EqualsIgnoreCase(args[2], "lib-name");
  if (!is_name && !EqualsIgnoreCase(args[2], "lib-ver")) {
    return ctx.reply.Error("ERR Unrecognized option '" + std::string(args[2]) + "'");
  }
  if (!IsClientLabel(args[3])) {
    return ctx.reply.Error("ERR " + LowerCased(args[2]) +
                           " cannot contain spaces, newlines or special characters.");
  }
  ClientNames& names = ctx.client->GiveNames();
  (is_name ? names.library : names.library_version) = args[3];
  ctx.reply.Ok();
}

constexpr uint32_t kFlags = kLoading | kStale | kNoScript;

// A row for a command about the asking connection.
constexpr CommandSpec Own(std::string_view name, CommandFunction run, int arity,
                          std::string_view args, std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = arity,
          .flags = kFlags,
          .home = Home::kClient,
          .group = "connection",
          .since = "0.1.0",
          .args = args,
          .summary = summary};
}

constexpr CommandSpec kClientCommands[] = {
    ContainerRow("connection", "CLIENT", "A container for commands about client connections."),
    Own("CLIENT|ID", CmdClientId, 2, "", "The number of this connection."),
    Own("CLIENT|INFO", CmdClientInfo, 2, "", "This connection as a line of CLIENT LIST."),
    {.name = "CLIENT|LIST",
     .run = CmdClientList,
     .arity = -2,
     .flags = kFlags | kAdmin,
     .home = Home::kEveryShard,
     .combine = CombineLines,
     .group = "connection",
     .since = "0.1.0",
     .args = "[TYPE normal|master|replica|pubsub] [ID client-id [client-id ...]]",
     .summary = "The open connections, a line for each."},
    Own("CLIENT|SETNAME", CmdClientSetName, 3, "connection-name", "Name this connection."),
    Own("CLIENT|GETNAME", CmdClientGetName, 2, "", "The name of this connection."),
    Own("CLIENT|SETINFO", CmdClientSetInfo, 4, "LIB-NAME libname|LIB-VER libver",
        "Tell which client library this is."),
    {.name = "CLIENT|KILL",
     .run = CmdClientKill,
     .arity = -3,
     .flags = kFlags | kAdmin,
     .home = Home::kEveryShard,
     .combine = CombineKilled,
     .group = "connection",
     .since = "0.1.0",
     .args = "[ip:port] [ID client-id] [TYPE normal|master|replica|pubsub] [USER username] "
             "[ADDR ip:port] [LADDR ip:port] [SKIPME yes|no]",
     .summary = "Close connections: the one from an address, or all that fit every filter."},
    {.name = "CLIENT|HELP",
     .run = CmdContainerHelp,
     .arity = 2,
     .flags = kLoading | kStale,
     .home = Home::kClient,
     .group = "connection",
     .since = "0.1.0",
     .args = "",
     .summary = "Print this help."},
};

}  // namespace

std::span<const CommandSpec> ClientCommands() { return kClientCommands; }

}  // namespace holdfast

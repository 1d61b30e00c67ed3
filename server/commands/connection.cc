#include "server/commands/connection.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "protocol/words.h"
#include "server/commands/keys.h"
#include "server/commands/tables.h"
#include "server/server_state.h"
#include "server/shard/client.h"
#include "server/shard/router.h"
#include "server/shard/shard.h"
#include "server/version.h"
#include "storage/base/parse_int.h"

namespace holdfast {

bool IsClientLabel(std::string_view label) {
  return label.size() <= kClientLabelBytesMax &&
         std::ranges::all_of(label, [](char c) { return c >= '!' && c <= '~'; });
}

namespace {

constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";

// The only user there is.
constexpr std::string_view kDefaultUser = "default";

// Takes as long for a wrong first byte as for a wrong last one: time must not tell how much of a
// guess was right.
bool SameSecret(std::string_view guess, std::string_view secret) {
  size_t difference = guess.size() ^ secret.size();
  for (size_t i = 0; i < guess.size(); ++i) {
    const char wanted = secret.empty() ? '\0' : secret[i % secret.size()];
    difference |= static_cast<unsigned char>(guess[i] ^ wanted);
  }
  return difference == 0;
}

// Without a password everybody is the default user, whatever they say.
bool MayBe(const CommandContext& ctx, std::string_view user, std::string_view password) {
  const std::string& wanted = ctx.shard.config().requirepass;
  return user == kDefaultUser && (wanted.empty() || SameSecret(password, wanted));
}

void CmdPing(CommandContext& ctx, Args args) {
  if (args.size() > 2) return ctx.reply.Error("ERR wrong number of arguments for 'ping' command");
  const std::string_view message = args.size() == 2 ? args[1] : std::string_view();
  // Among messages an answer must look like one.
  if (ctx.client->subscriptions != nullptr && ctx.client->resp == RespVersion::kResp2) {
    ctx.reply.Array(2);
    ctx.reply.Bulk("pong");
    return ctx.reply.Bulk(message);
  }
  if (args.size() == 2) return ctx.reply.Bulk(message);
  ctx.reply.Raw(kPongReply);
}

void CmdEcho(CommandContext& ctx, Args args) { ctx.reply.Bulk(args[1]); }

void CmdQuit(CommandContext& ctx, Args) {
  ctx.client->close_after_replies = true;
  ctx.reply.Ok();
}

void CmdReset(CommandContext& ctx, Args) {
  Client& client = *ctx.client;
  client.transaction.reset();
  ctx.router.transactions().Unwatch(client);
  client.resp = RespVersion::kResp2;
  client.db = 0;
  client.given_names.reset();
  client.authenticated = !ctx.shard.RequiresAuth();
  client.replies.SetVoice(ReplyQueue::Voice::kOn);
  ctx.router.observers().SetMonitor(client, false);
  ctx.router.channels().Leave(client);
  ctx.reply.SimpleString("RESET");
}

void CmdAuth(CommandContext& ctx, Args args) {
  if (args.size() > 3) return ctx.reply.Error(kSyntaxError);
  if (args.size() == 2 && !ctx.shard.RequiresAuth()) {
    return ctx.reply.Error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  }
  const std::string_view user = args.size() == 3 ? args[1] : kDefaultUser;
  if (!MayBe(ctx, user, args.back())) return ctx.reply.Error(kWrongPassword);
  ctx.client->authenticated = true;
  ctx.reply.Ok();
}

// ---- HELLO

// One after the other, as Redis: what stood before a mistake has happened. False: an error is
// replied.
bool TakeHelloOptions(CommandContext& ctx, Args words) {
  for (size_t at = 0; at < words.size(); ++at) {
    const size_t left = words.size() - at - 1;
    if (EqualsIgnoreCase(words[at], "AUTH") && left >= 2) {
      if (!MayBe(ctx, words[at + 1], words[at + 2])) {
        ctx.reply.Error(kWrongPassword);
        return false;
      }
      ctx.client->authenticated = true;
      at += 2;
    } else if (EqualsIgnoreCase(words[at], "SETNAME") && left >= 1) {
      const std::string_view name = words[++at];
      if (!IsClientLabel(name)) {
        ctx.reply.Error(kBadClientName);
        return false;
      }
      ctx.client->GiveNames().name = name;
    } else {
      ctx.reply.Error("ERR Syntax error in HELLO option '" + std::string(words[at]) + "'");
      return false;
    }
  }
  return true;
}

void WriteHello(CommandContext& ctx) {
  const Client& client = *ctx.client;
  RespWriter& reply = ctx.reply;
  reply.set_version(client.resp);  // just chosen, not the one that the request came in
  reply.Map(7);
  reply.Bulk("server");
  reply.Bulk("redis");  // clients look at this to learn what they may ask
  reply.Bulk("version");
  reply.Bulk(kRedisVersion);
  reply.Bulk("proto");
  reply.Integer(static_cast<int64_t>(client.resp));
  reply.Bulk("id");
  reply.Integer(static_cast<int64_t>(client.id));
  reply.Bulk("mode");
  reply.Bulk("standalone");
  reply.Bulk("role");
  reply.Bulk("master");
  reply.Bulk("modules");
  reply.Array(0);
}

void CmdHello(CommandContext& ctx, Args args) {
  Client& client = *ctx.client;
  RespVersion version = client.resp;
  if (args.size() > 1) {
    const auto number = ParseInt64(args[1]);
    if (!number) {
      return ctx.reply.Error("ERR Protocol version is not an integer or out of range");
    }
    if (*number != 2 && *number != 3) {
      return ctx.reply.Error("NOPROTO unsupported protocol version");
    }
    version = static_cast<RespVersion>(*number);
    if (!TakeHelloOptions(ctx, args.subspan(2))) return;
  }
  if (!client.authenticated && ctx.shard.RequiresAuth()) {
    return ctx.reply.Error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
  }
  client.resp = version;
  WriteHello(ctx);
}

// ---- SELECT, TIME

void CmdSelect(CommandContext& ctx, Args args) {
  const auto db = ParseInt64(args[1]);
  if (!db) return ctx.reply.Error("ERR value is not an integer or out of range");
  if (*db != static_cast<int32_t>(*db)) {
    return ctx.reply.Error(
        "ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (*db < 0 || *db >= kDatabases) return ctx.reply.Error("ERR DB index is out of range");
  ctx.client->db = static_cast<DbIndex>(*db);
  ctx.reply.Ok();
}

void CmdTime(CommandContext& ctx, Args) {
  const auto now = std::chrono::floor<std::chrono::microseconds>(ctx.shard.server().clock_now());
  const int64_t us = now.time_since_epoch().count();
  ctx.reply.Array(2);
  ctx.reply.Bulk(std::to_string(us / 1'000'000));
  ctx.reply.Bulk(std::to_string(us % 1'000'000));
}

constexpr uint32_t kAnytime = kFast | kLoading | kStale;
constexpr uint32_t kBeforeAnything = kAnytime | kNoAuth | kNoScript | kAllowBusy;

constexpr CommandSpec kConnectionCommands[] = {
    {.name = "PING",
     .run = CmdPing,
     .arity = -1,
     .flags = kFast | kWhileSubscribed,
     .home = Home::kClient,
     .group = "connection",
     .since = "0.1.0",
     .args = "[message]",
     .summary = "Answer PONG, or the message."},
    {.name = "ECHO",
     .run = CmdEcho,
     .arity = 2,
     .flags = kAnytime,
     .home = Home::kClient,
     .group = "connection",
     .since = "0.1.0",
     .args = "message",
     .summary = "Answer the message."},
    {.name = "AUTH",
     .run = CmdAuth,
     .arity = -2,
     .flags = kBeforeAnything,
     .home = Home::kClient,
     .group = "connection",
     .since = "0.1.0",
     .args = "[username] password",
     .summary = "Give the password; the only user is 'default'."},
    {.name = "HELLO",
     .run = CmdHello,
     .arity = -1,
     .flags = kBeforeAnything,
     .home = Home::kClient,
     .group = "connection",
     .since = "0.1.0",
     .args = "[protover [AUTH username password] [SETNAME clientname]]",
     .summary = "Choose RESP 2 or 3, authenticate and name the connection."},
    {.name = "SELECT",
     .run = CmdSelect,
     .arity = 2,
     .flags = kAnytime | kSelects,
     .home = Home::kClient,
     .group = "connection",
     .since = "0.1.0",
     .args = "index",
     .summary = "Choose the database of this connection. Stock lives in database 0."},
    {.name = "RESET",
     .run = CmdReset,
     .arity = 1,
     .flags = kBeforeAnything | kImmediate | kWhileSubscribed,
     .home = Home::kClient,
     .group = "connection",
     .since = "0.1.0",
     .args = "",
     .summary = "Make the connection as if it were new."},
    {.name = "QUIT",
     .run = CmdQuit,
     .arity = -1,
     .flags = kBeforeAnything | kImmediate | kWhileSubscribed,
     .home = Home::kClient,
     .group = "connection",
     .since = "0.1.0",
     .args = "",
     .summary = "Close the connection after the replies still owed."},
    {.name = "TIME",
     .run = CmdTime,
     .arity = 1,
     .flags = kAnytime,
     .home = Home::kClient,
     .group = "server",
     .since = "0.1.0",
     .args = "",
     .summary = "The server clock: Unix seconds, and microseconds of the second."},
};

}  // namespace

std::span<const CommandSpec> ConnectionCommands() { return kConnectionCommands; }

}  // namespace holdfast

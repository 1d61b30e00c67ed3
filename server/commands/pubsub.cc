// Publish and subscribe: who is told what is server/shard/channels.h.
#include <algorithm>
#include <string>
#include <vector>

#include "protocol/glob.h"
#include "server/commands/command_docs.h"
#include "server/commands/keys.h"
#include "server/commands/rows.h"
#include "server/commands/tables.h"
#include "server/shard/channels.h"
#include "server/shard/router.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

// ---- SUBSCRIBE and its like: a message for each word, and no other reply

// Null: the client listened to nothing.
void Confirm(CommandContext& ctx, std::string_view what, const std::string_view* name) {
  ctx.reply.Push(3);
  ctx.reply.Bulk(what);
  name != nullptr ? ctx.reply.Bulk(*name) : ctx.reply.Null();
  ctx.reply.Integer(static_cast<int64_t>(Channels::CountOf(*ctx.client)));
}

void Subscribe(CommandContext& ctx, Args names, Topic topic, std::string_view what) {
  for (const std::string_view name : names) {
    if (topic == Topic::kPattern && name.size() > kGlobBytesMax) {
      ctx.reply.Error("ERR the pattern is longer than 64 KiB");
      continue;
    }
    ctx.router.channels().Subscribe(*ctx.client, topic, name);
    Confirm(ctx, what, &name);
  }
}

// Without names, all of them.
void Unsubscribe(CommandContext& ctx, Args names, Topic topic, std::string_view what) {
  std::vector<std::string> all;
  if (names.empty()) all = Channels::NamesOf(*ctx.client, topic);
  std::vector<std::string_view> left(names.begin(), names.end());
  left.insert(left.end(), all.begin(), all.end());
  if (left.empty()) Confirm(ctx, what, nullptr);
  for (const std::string_view name : left) {
    ctx.router.channels().Unsubscribe(*ctx.client, topic, name);
    Confirm(ctx, what, &name);
  }
}

void CmdSubscribe(CommandContext& ctx, Args args) {
  Subscribe(ctx, args.subspan(1), Topic::kChannel, "subscribe");
}

void CmdPSubscribe(CommandContext& ctx, Args args) {
  Subscribe(ctx, args.subspan(1), Topic::kPattern, "psubscribe");
}

void CmdUnsubscribe(CommandContext& ctx, Args args) {
  Unsubscribe(ctx, args.subspan(1), Topic::kChannel, "unsubscribe");
}

void CmdPUnsubscribe(CommandContext& ctx, Args args) {
  Unsubscribe(ctx, args.subspan(1), Topic::kPattern, "punsubscribe");
}

// ---- PUBLISH: in a transaction its part on each shard only counts; Channels sends the message

void CmdPublish(CommandContext& ctx, Args args) {
  ctx.reply.Integer(static_cast<int64_t>(ctx.router.channels().ReceiversOf(args[1])));
}

// The number behind a marker, and its line taken off `reply`.
int64_t TakeNumber(std::string_view& reply) {
  const size_t line = reply.find(kCrlf);
  const int64_t number = ParseInt64(reply.substr(1, line - 1)).value_or(0);
  reply.remove_prefix(line + kCrlf.size());
  return number;
}

std::string_view TakeBulk(std::string_view& reply) {
  const auto size = static_cast<size_t>(TakeNumber(reply));
  const std::string_view bytes = reply.substr(0, size);
  reply.remove_prefix(size + kCrlf.size());
  return bytes;
}

// ---- PUBSUB

void CmdPubSubChannels(CommandContext& ctx, Args args) {
  if (args.size() > 3) {
    return ctx.reply.Error("ERR unknown subcommand or wrong number of arguments for '" +
                           std::string(args[1].substr(0, 128)) + "'. Try PUBSUB HELP.");
  }
  const std::string_view pattern = args.size() == 3 ? args[2] : "*";
  if (pattern.size() > kGlobBytesMax)
    return ctx.reply.Error("ERR the pattern is longer than 64 KiB");
  GlobPattern matcher(pattern);
  std::vector<std::string_view> names;
  ctx.router.channels().ForEachChannel([&](std::string_view name) {
    if (matcher.CostOn(name.size()) <= kGlobWorkMax && matcher.Matches(name)) names.push_back(name);
  });
  ctx.reply.Array(names.size());
  for (const std::string_view name : names) ctx.reply.Bulk(name);
}

void CombineChannels(RespWriter& reply, std::span<const std::string> parts) {
  std::vector<std::string_view> names;
  for (std::string_view part : parts) {
    if (part.starts_with('-')) return reply.Raw(part);
    for (int64_t left = TakeNumber(part); left > 0; --left) names.push_back(TakeBulk(part));
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  reply.Array(names.size());
  for (const std::string_view name : names) reply.Bulk(name);
}

void CmdPubSubNumSub(CommandContext& ctx, Args args) {
  const Args names = args.subspan(2);
  ctx.reply.Array(2 * names.size());
  for (const std::string_view name : names) {
    ctx.reply.Bulk(name);
    ctx.reply.Integer(static_cast<int64_t>(ctx.router.channels().SubscribersOf(name)));
  }
}

// Each part has the same names in the same order.
void CombineNumSub(RespWriter& reply, std::span<const std::string> parts) {
  std::vector<std::string_view> rests(parts.begin(), parts.end());
  int64_t words = 0;
  for (std::string_view& rest : rests) {
    if (rest.starts_with('-')) return reply.Raw(rest);
    words = TakeNumber(rest);
  }
  reply.Array(static_cast<size_t>(words));
  for (int64_t pair = 0; pair < words / 2; ++pair) {
    std::string_view name;
    int64_t sum = 0;
    for (std::string_view& rest : rests) {
      name = TakeBulk(rest);
      sum += TakeNumber(rest);
    }
    reply.Bulk(name);
    reply.Integer(sum);
  }
}

void CmdPubSubNumPat(CommandContext& ctx, Args) {
  ctx.reply.Integer(static_cast<int64_t>(ctx.shard.server().patterns.distinct()));
}

// ---- the rows

constexpr uint32_t kFlags = kPubSub | kLoading | kStale;
constexpr uint32_t kListens = kFlags | kNoScript | kPushes | kWhileSubscribed;

constexpr CommandSpec Gathers(std::string_view name, CommandFunction run, CombineFunction combine,
                              std::string_view args, std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = -2,
          .flags = kFlags,
          .home = Home::kEveryShard,
          .combine = combine,
          .group = "pubsub",
          .since = "0.1.0",
          .args = args,
          .summary = summary};
}

constexpr CommandSpec kPubSubCommands[] = {
    ClientRow("pubsub", "SUBSCRIBE", CmdSubscribe, -2, kListens, "channel [channel ...]",
              "Be sent what is published to these channels from now on."),
    ClientRow("pubsub", "UNSUBSCRIBE", CmdUnsubscribe, -1, kListens, "[channel [channel ...]]",
              "No longer; without channels, to none of them."),
    ClientRow("pubsub", "PSUBSCRIBE", CmdPSubscribe, -2, kListens, "pattern [pattern ...]",
              "Be sent what is published to any channel that matches."),
    ClientRow("pubsub", "PUNSUBSCRIBE", CmdPUnsubscribe, -1, kListens, "[pattern [pattern ...]]",
              "No longer; without patterns, by none of them."),
    {.name = "PUBLISH",
     .run = CmdPublish,
     .arity = 3,
     .flags = kFlags | kFast,
     .home = Home::kSubscribers,
     .combine = CombineSum,
     .group = "pubsub",
     .since = "0.1.0",
     .args = "channel message",
     .summary = "Send a message to all subscribers of a channel; the answer is how many."},
    ContainerRow("pubsub", "PUBSUB",
                 "A container for commands about channels and their subscribers."),
    Gathers("PUBSUB|CHANNELS", CmdPubSubChannels, CombineChannels, "[pattern]",
            "The channels that have subscribers."),
    Gathers("PUBSUB|NUMSUB", CmdPubSubNumSub, CombineNumSub, "[channel [channel ...]]",
            "How many subscribers channels have; patterns do not count."),
    ClientRow("pubsub", "PUBSUB|NUMPAT", CmdPubSubNumPat, 2, kFlags, "",
              "How many different patterns are subscribed to."),
    ClientRow("pubsub", "PUBSUB|HELP", CmdContainerHelp, 2, kLoading | kStale, "",
              "Print this help."),
};

}  // namespace

std::span<const CommandSpec> PubSubCommands() { return kPubSubCommands; }

}  // namespace holdfast

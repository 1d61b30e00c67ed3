// Several strings at one instant: MGET, MSET, MSETNX, LCS.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/words.h"
#include "server/commands/keys.h"
#include "server/commands/lcs.h"
#include "server/commands/tables.h"
#include "server/group.h"
#include "storage/base/parse_int.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

void MGet(GroupContext& ctx, Args) {
  ctx.reply().Array(ctx.keys());
  for (size_t i = 0; i < ctx.keys(); ++i) {
    const KeyView key = ctx.Read(i);
    if (key.exists && key.type == KeyType::kString) {
      ctx.reply().Bulk(key.entry->string());
    } else {
      ctx.reply().Null();
    }
  }
}

// Each key's value stands behind it.
void SetAll(GroupContext& ctx, Args args) {
  for (size_t i = 0; i < ctx.keys(); ++i) {
    ctx.Commit(i, StringSet{.value = args[2 * i + 2]});
    ctx.Notify(i, kStringEvents, "set");
  }
}

void MSet(GroupContext& ctx, Args args) {
  if (args.size() % 2 == 0) {
    return ctx.reply().Error("ERR wrong number of arguments for 'mset' command");
  }
  for (size_t i = 0; i < ctx.keys(); ++i) {
    const KeyView key = ctx.Look(i);
    if (key.exists && key.type == KeyType::kStock) return ctx.reply().Error(kProtectedError);
  }
  SetAll(ctx, args);
  ctx.reply().Ok();
}

void MSetNx(GroupContext& ctx, Args args) {
  if (args.size() % 2 == 0) {
    return ctx.reply().Error("ERR wrong number of arguments for 'msetnx' command");
  }
  for (size_t i = 0; i < ctx.keys(); ++i) {
    if (ctx.Look(i).exists) return ctx.reply().Integer(0);
  }
  SetAll(ctx, args);
  ctx.reply().Integer(1);
}

// ---- LCS

struct LcsOptions {
  bool length = false;
  bool runs = false;
  bool run_lengths = false;
  int64_t run_length_min = 0;
};

// Nothing after it has replied an error.
std::optional<LcsOptions> ReadLcsOptions(GroupContext& ctx, Args words) {
  LcsOptions options;
  for (size_t at = 0; at < words.size(); ++at) {
    if (EqualsIgnoreCase(words[at], "IDX")) {
      options.runs = true;
    } else if (EqualsIgnoreCase(words[at], "LEN")) {
      options.length = true;
    } else if (EqualsIgnoreCase(words[at], "WITHMATCHLEN")) {
      options.run_lengths = true;
    } else if (EqualsIgnoreCase(words[at], "MINMATCHLEN") && at + 1 < words.size()) {
      const auto length = ParseInt64(words[++at]);
      if (!length) {
        ctx.reply().Error(kNotIntegerError);
        return std::nullopt;
      }
      options.run_length_min = *length;
    } else {
      ctx.reply().Error(kSyntaxError);
      return std::nullopt;
    }
  }
  if (options.runs && options.length) {
    ctx.reply().Error("ERR If you want both the length and indexes, please just use IDX.");
    return std::nullopt;
  }
  return options;
}

void ReplyEnds(RespWriter& reply, size_t first, size_t size) {
  reply.Array(2);
  reply.Integer(static_cast<int64_t>(first));
  reply.Integer(static_cast<int64_t>(first + size - 1));
}

void ReplyRuns(RespWriter& reply, std::span<const CommonRun> runs, const LcsOptions& options) {
  size_t length = 0;
  for (const CommonRun& run : runs) length += run.size;
  const auto is_shown = [&](const CommonRun& run) {
    return static_cast<int64_t>(run.size) >= options.run_length_min;
  };
  reply.Map(2);
  reply.Bulk("matches");
  reply.Array(static_cast<size_t>(std::ranges::count_if(runs, is_shown)));
  for (const CommonRun& run : runs) {
    if (!is_shown(run)) continue;
    reply.Array(options.run_lengths ? 3 : 2);
    ReplyEnds(reply, run.in_a, run.size);
    ReplyEnds(reply, run.in_b, run.size);
    if (options.run_lengths) reply.Integer(static_cast<int64_t>(run.size));
  }
  reply.Bulk("len");
  reply.Integer(static_cast<int64_t>(length));
}

// The subsequence itself; its last run comes first.
std::string BytesOf(std::string_view a, std::span<const CommonRun> runs) {
  std::string bytes;
  for (size_t i = runs.size(); i-- > 0;) bytes += a.substr(runs[i].in_a, runs[i].size);
  return bytes;
}

void Lcs(GroupContext& ctx, Args args) {
  const KeyView keys[] = {ctx.Read(0), ctx.Read(1)};
  for (const KeyView& key : keys) {
    if (key.exists && key.type != KeyType::kString) {
      return ctx.reply().Error("ERR The specified keys must contain string values");
    }
  }
  const auto options = ReadLcsOptions(ctx, args.subspan(3));
  if (!options) return;
  const std::string_view a = keys[0].exists ? keys[0].entry->string() : std::string_view{};
  const std::string_view b = keys[1].exists ? keys[1].entry->string() : std::string_view{};
  if (!MayCompare(a.size(), b.size(), static_cast<size_t>(ctx.config().proto_max_bulk_len))) {
    return ctx.reply().Error(
        "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
  }
  if (options->length) return ctx.reply().Integer(static_cast<int64_t>(CommonLength(a, b)));
  const std::vector<CommonRun> runs = CommonRuns(a, b);
  if (options->runs) {
    RespWriter reply = ctx.reply();
    return ReplyRuns(reply, runs, *options);
  }
  ctx.reply().Bulk(BytesOf(a, runs));
}

constexpr KeyPositions kAllKeys{.first = 1, .last = -1, .step = 1};
constexpr KeyPositions kEverySecond{.first = 1, .last = -1, .step = 2};

constexpr CommandSpec kStringGroupCommands[] = {
    {.name = "MGET",
     .decide = MGet,
     .gathers = Gathers::kStrings,
     .arity = -2,
     .flags = kReadOnly | kFast,
     .home = Home::kGroup,
     .keys = kAllKeys,
     .group = "string",
     .since = "0.1.0",
     .args = "key [key ...]",
     .summary = "Answer the strings of the keys, null where there is none."},
    {.name = "MSET",
     .decide = MSet,
     .arity = -3,
     .flags = kWrite | kGrows,
     .home = Home::kGroup,
     .keys = kEverySecond,
     .group = "string",
     .since = "0.1.0",
     .args = "key value [key value ...]",
     .summary = "Set all the keys to strings at one instant, whatever they held."},
    {.name = "MSETNX",
     .decide = MSetNx,
     .arity = -3,
     .flags = kWrite | kGrows,
     .home = Home::kGroup,
     .keys = kEverySecond,
     .group = "string",
     .since = "0.1.0",
     .args = "key value [key value ...]",
     .summary = "Set all the keys to strings if every one is absent; answers 1 if so."},
    {.name = "LCS",
     .decide = Lcs,
     .gathers = Gathers::kStrings,
     .arity = -3,
     .flags = kReadOnly,
     .home = Home::kGroup,
     .keys = {.first = 1, .last = 2, .step = 1},
     .group = "string",
     .since = "0.1.0",
     .args = "key1 key2 [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]",
     .summary =
         "Answer the longest common subsequence of two strings, its length or where it lies."},
};

}  // namespace

std::span<const CommandSpec> StringGroupCommands() { return kStringGroupCommands; }

}  // namespace holdfast

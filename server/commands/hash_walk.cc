// Hashes: walks over the fields, and choices among them.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "protocol/words.h"
#include "server/commands/keys.h"
#include "server/commands/scan.h"
#include "server/commands/tables.h"
#include "storage/base/parse_int.h"
#include "storage/core/hashes.h"

namespace holdfast {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// ---- HSCAN

// The cursor is the prefix of a hash, in the bits that a walk over keys has below the slot.
constexpr int kCursorHashShift = 64 - kScanPrefixBits;

void ReplyPage(RespWriter& reply, uint64_t cursor, const std::vector<Pair>& pairs) {
  reply.Array(2);
  reply.Bulk(std::to_string(cursor));
  reply.Array(pairs.size() * 2);
  for (const auto& [field, value] : pairs) {
    reply.Bulk(field);
    reply.Bulk(value);
  }
}

void CmdHScan(CommandContext& ctx, Args args) {
  const auto cursor = ParseUint64(args[2]);
  if (!cursor) return ctx.reply.Error("ERR invalid cursor");
  const Entry* const entry = FindForRead(ctx);
  // As in Redis, nothing is wrong with the options of a walk over nothing.
  if (entry == nullptr) return ReplyPage(ctx.reply, 0, {});
  if (IsOtherThan(KeyType::kHash, entry)) return ctx.reply.Error(kWrongTypeError);
  auto step = ScanStep::Read(ctx, args.subspan(3), ScanOf::kElements);
  if (!step) return;
  std::vector<Pair> pairs;
  const uint64_t next = entry->fields().Scan(*cursor << kCursorHashShift, step->count(),
                                             [&](std::string_view field, std::string_view value) {
                                               if (step->Selects(field))
                                                 pairs.emplace_back(field, value);
                                               return !step->IsSpent();
                                             });
  ReplyPage(ctx.reply, next >> kCursorHashShift, pairs);
}

// ---- HRANDFIELD

// What one answer may hold; Redis builds it until the client is cut off.
constexpr int64_t kChosenFieldsMax = 1'000'000;
constexpr size_t kChosenBytesMax = size_t{64} << 20;

std::vector<Pair> ChooseWithRepeats(const FieldMap& fields, size_t count, bool with_values,
                                    Random& random) {
  std::vector<Pair> chosen;
  chosen.reserve(count);
  size_t bytes = 0;
  while (chosen.size() < count && bytes <= kChosenBytesMax) {
    chosen.push_back(fields.Sample(random.Next()));
    bytes += chosen.back().first.size() + (with_values ? chosen.back().second.size() : 0);
  }
  return chosen;
}

// No field twice.
std::vector<Pair> ChooseDistinct(const FieldMap& fields, size_t count, Random& random) {
  std::vector<Pair> chosen;
  // A try takes as long as a walk over some hundred fields, and seldom finds one a second time.
  if (count * 100 <= fields.size()) {
    absl::flat_hash_set<const char*> seen;
    while (chosen.size() < count) {
      const Pair pair = fields.Sample(random.Next());
      if (seen.insert(pair.first.data()).second) chosen.push_back(pair);
    }
    return chosen;
  }
  fields.ForEach(
      [&](std::string_view field, std::string_view value) { chosen.emplace_back(field, value); });
  if (count >= chosen.size()) return chosen;
  for (size_t at = 0; at < count; ++at) {
    std::swap(chosen[at], chosen[at + random.Below(chosen.size() - at)]);
  }
  chosen.resize(count);
  return chosen;
}

void ReplyChosen(RespWriter& reply, const std::vector<Pair>& chosen, bool with_values) {
  const bool in_pairs = with_values && reply.version() == RespVersion::kResp3;
  reply.Array(chosen.size() * (with_values && !in_pairs ? 2 : 1));
  for (const auto& [field, value] : chosen) {
    if (in_pairs) reply.Array(2);
    reply.Bulk(field);
    if (with_values) reply.Bulk(value);
  }
}

void CmdHRandFieldOne(CommandContext& ctx) {
  const Entry* const entry = FindForRead(ctx);
  if (entry == nullptr) return ctx.reply.Null();
  if (IsOtherThan(KeyType::kHash, entry)) return ctx.reply.Error(kWrongTypeError);
  ctx.reply.Bulk(entry->fields().Sample(ctx.shard.chance().Next()).first);
}

void CmdHRandField(CommandContext& ctx, Args args) {
  if (args.size() == 2) return CmdHRandFieldOne(ctx);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  const auto count = ParseInt64(args[2]);
  if (!count) return ctx.reply.Error(kNotIntegerError);
  if (*count < -kMax) {
    return ctx.reply.Error(
        "ERR value is out of range, value must between -9223372036854775807 and "
        "9223372036854775807");
  }
  const bool with_values = args.size() == 4 && EqualsIgnoreCase(args[3], "WITHVALUES");
  if (args.size() > 3 && !with_values) return ctx.reply.Error(kSyntaxError);
  if (with_values && (*count < -kMax / 2 || *count > kMax / 2)) {
    return ctx.reply.Error("ERR value is out of range");
  }
  const Entry* const entry = FindForRead(ctx);
  if (entry == nullptr) return ctx.reply.Array(0);
  if (IsOtherThan(KeyType::kHash, entry)) return ctx.reply.Error(kWrongTypeError);

  const FieldMap& fields = entry->fields();
  Random& random = ctx.shard.chance();
  if (*count >= 0) {
    const auto wanted = static_cast<size_t>(*count);
    return ReplyChosen(ctx.reply, ChooseDistinct(fields, std::min(wanted, fields.size()), random),
                       with_values);
  }
  constexpr std::string_view kTooMany = "ERR the answer would exceed 1000000 fields or 64 MiB";
  if (*count < -kChosenFieldsMax) return ctx.reply.Error(kTooMany);
  const auto wanted = static_cast<size_t>(-*count);
  const auto chosen = ChooseWithRepeats(fields, wanted, with_values, random);
  if (chosen.size() < wanted) return ctx.reply.Error(kTooMany);
  ReplyChosen(ctx.reply, chosen, with_values);
}

constexpr CommandSpec kHashWalkCommands[] = {
    {.name = "HSCAN",
     .run = CmdHScan,
     .arity = -3,
     .flags = kReadOnly,
     .keys = kFirstKey,
     .group = "hash",
     .since = "0.1.0",
     .args = "key cursor [MATCH pattern] [COUNT n]",
     .summary = "Walk over the fields of the hash in steps: answers the next cursor (0: the end), "
                "and fields with their values."},
    {.name = "HRANDFIELD",
     .run = CmdHRandField,
     .arity = -2,
     .flags = kReadOnly,
     .keys = kFirstKey,
     .group = "hash",
     .since = "0.1.0",
     .args = "key [count [WITHVALUES]]",
     .summary = "Answer some field of the hash, or some different ones, or (negative count) some "
                "that may come twice."},
};

}  // namespace

std::span<const CommandSpec> HashWalkCommands() { return kHashWalkCommands; }

}  // namespace holdfast

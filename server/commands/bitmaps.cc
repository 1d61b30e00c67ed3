// Strings as rows of bits, and as integers of any width (BITFIELD). The bits themselves:
// server/commands/bits.h.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/words.h"
#include "server/commands/bits.h"
#include "server/commands/keys.h"
#include "server/commands/ranges.h"
#include "server/commands/tables.h"
#include "server/group.h"
#include "storage/base/parse_int.h"
#include "storage/core/key_mutations.h"

namespace holdfast {
namespace {

constexpr std::string_view kBitOffsetError = "ERR bit offset is not an integer or out of range";
constexpr std::string_view kBitError = "ERR bit is not an integer or out of range";
constexpr std::string_view kFieldTypeError =
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 "
    "is.";

std::string_view BytesOf(const Entry* entry) {
  return entry == nullptr ? std::string_view{} : entry->string();
}

int64_t BitCount(std::string_view bytes) {
  return static_cast<int64_t>(bytes.size()) * kBitsPerByte;
}

// It must start within the longest string that a client may send.
std::optional<uint64_t> CheckBitOffset(const CommandContext& ctx, std::optional<int64_t> offset) {
  if (!offset || *offset < 0) return std::nullopt;
  if (*offset / kBitsPerByte >= ctx.shard.config().proto_max_bulk_len) return std::nullopt;
  return static_cast<uint64_t>(*offset);
}

// ---- single bits

void CmdGetBit(CommandContext& ctx, Args args) {
  const auto offset = CheckBitOffset(ctx, ParseInt64(args[2]));
  if (!offset) return ctx.reply.Error(kBitOffsetError);
  const Entry* const entry = FindForRead(ctx);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  ctx.reply.Integer(BitAt(BytesOf(entry), *offset) ? 1 : 0);
}

// Puts `value` into the field; a string that is too short grows even if the bits stay zero. Whether
// that changed anything.
bool WriteField(CommandContext& ctx, std::string_view bytes, const BitField& field, int64_t value) {
  const FieldBytes with = WithField(bytes, field, value);
  if (bytes.substr(std::min(with.offset, bytes.size())).starts_with(with.bytes)) return false;
  ctx.shard.Commit(
      ctx, StringRangeSet{.offset = static_cast<uint32_t>(with.offset), .bytes = with.bytes});
  return true;
}

void CmdSetBit(CommandContext& ctx, Args args) {
  const auto offset = CheckBitOffset(ctx, ParseInt64(args[2]));
  if (!offset) return ctx.reply.Error(kBitOffsetError);
  const auto bit = ParseInt64(args[3]);
  if (!bit || (*bit != 0 && *bit != 1)) return ctx.reply.Error(kBitError);
  const Entry* const entry = ctx.shard.Find(ctx);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  const bool before = BitAt(BytesOf(entry), *offset);
  if (WriteField(ctx, BytesOf(entry), {.is_signed = false, .bits = 1, .offset = *offset}, *bit))
    ctx.shard.Notify(kStringEvents, ctx.place, "setbit");
  ctx.reply.Integer(before ? 1 : 0);
}

// ---- ranges

// BYTE or BIT: what the ends of a range count.
std::optional<int> UnitOf(std::string_view word) {
  if (EqualsIgnoreCase(word, "BIT")) return 1;
  if (EqualsIgnoreCase(word, "BYTE")) return kBitsPerByte;
  return std::nullopt;
}

// The bits that `start` and `end` bound, in units of so many bits.
Range BitRangeOf(int64_t start, int64_t end, int unit, std::string_view bytes) {
  const Range units = RangeOf(start, end, BitCount(bytes) / unit);
  if (units.empty()) return {.first = 0, .last = -1};
  return {.first = units.first * unit, .last = units.last * unit + unit - 1};
}

void CmdBitCount(CommandContext& ctx, Args args) {
  const Entry* const entry = FindForRead(ctx);
  // Redis looks at the key before it looks at the range.
  if (entry == nullptr) return ctx.reply.Integer(0);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  const std::string_view bytes = entry->string();
  if (args.size() == 2) return ctx.reply.Integer(CountOnes(bytes, {0, BitCount(bytes) - 1}));
  if (args.size() == 3 || args.size() > 5) return ctx.reply.Error(kSyntaxError);
  const auto start = ParseInt64(args[2]);
  const auto end = ParseInt64(args[3]);
  if (!start || !end) return ctx.reply.Error(kNotIntegerError);
  if (IsBackwards(*start, *end)) return ctx.reply.Integer(0);
  const auto unit = args.size() == 5 ? UnitOf(args[4]) : kBitsPerByte;
  if (!unit) return ctx.reply.Error(kSyntaxError);
  ctx.reply.Integer(CountOnes(bytes, BitRangeOf(*start, *end, *unit, bytes)));
}

// The range of BITPOS; nothing after it has replied an error.
std::optional<Range> ReadPositionRange(CommandContext& ctx, Args args, std::string_view bytes) {
  if (args.size() > 6) {
    ctx.reply.Error(kSyntaxError);
    return std::nullopt;
  }
  const auto start = args.size() > 3 ? ParseInt64(args[3]) : 0;
  if (!start) {
    ctx.reply.Error(kNotIntegerError);
    return std::nullopt;
  }
  const auto unit = args.size() > 5 ? UnitOf(args[5]) : kBitsPerByte;
  if (!unit) {
    ctx.reply.Error(kSyntaxError);
    return std::nullopt;
  }
  const auto end = args.size() > 4 ? ParseInt64(args[4]) : -1;
  if (!end) {
    ctx.reply.Error(kNotIntegerError);
    return std::nullopt;
  }
  return BitRangeOf(*start, *end, *unit, bytes);
}

void CmdBitPos(CommandContext& ctx, Args args) {
  const auto wanted = ParseInt64(args[2]);
  if (!wanted) return ctx.reply.Error(kNotIntegerError);
  if (*wanted != 0 && *wanted != 1) {
    return ctx.reply.Error("ERR The bit argument must be 1 or 0.");
  }
  const Entry* const entry = FindForRead(ctx);
  // An absent key is zeros without end.
  if (entry == nullptr) return ctx.reply.Integer(*wanted == 0 ? 0 : -1);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  const std::string_view bytes = entry->string();
  const auto range = ReadPositionRange(ctx, args, bytes);
  if (!range) return;
  const auto found = FindBit(bytes, *wanted == 1, *range);
  if (found) return ctx.reply.Integer(*found);
  // Zeros follow the last byte, unless an end was given.
  const bool open_ended = *wanted == 0 && args.size() <= 4 && !range->empty();
  ctx.reply.Integer(open_ended ? BitCount(bytes) : -1);
}

// ---- BITFIELD

struct FieldOperation {
  enum class Kind : uint8_t { kGet, kSet, kIncrement };

  Kind kind;
  BitField field;
  int64_t operand;  // SET's value, INCRBY's increment
  Overflow overflow;

  bool Writes() const { return kind != Kind::kGet; }
};

std::optional<FieldOperation::Kind> FieldOperationOf(std::string_view word) {
  if (EqualsIgnoreCase(word, "GET")) return FieldOperation::Kind::kGet;
  if (EqualsIgnoreCase(word, "SET")) return FieldOperation::Kind::kSet;
  if (EqualsIgnoreCase(word, "INCRBY")) return FieldOperation::Kind::kIncrement;
  return std::nullopt;
}

std::optional<Overflow> OverflowOf(std::string_view word) {
  if (EqualsIgnoreCase(word, "WRAP")) return Overflow::kWrap;
  if (EqualsIgnoreCase(word, "SAT")) return Overflow::kSaturate;
  if (EqualsIgnoreCase(word, "FAIL")) return Overflow::kFail;
  return std::nullopt;
}

// "i5", "u63": its sign and width.
std::optional<BitField> FieldTypeOf(std::string_view word) {
  if (!word.starts_with('i') && !word.starts_with('u')) return std::nullopt;
  const bool is_signed = word[0] == 'i';
  const auto bits = ParseInt64(word.substr(1));
  if (!bits || *bits < 1 || *bits > (is_signed ? 64 : 63)) return std::nullopt;
  return BitField{.is_signed = is_signed, .bits = static_cast<int>(*bits), .offset = 0};
}

// "100" is a bit, "#3" the fourth field of that width.
std::optional<uint64_t> FieldOffsetOf(const CommandContext& ctx, std::string_view word, int bits) {
  const bool counts_fields = word.starts_with('#');
  const auto number = ParseInt64(counts_fields ? word.substr(1) : word);
  int64_t offset = 0;
  if (!number || __builtin_mul_overflow(*number, counts_fields ? bits : 1, &offset)) {
    return std::nullopt;
  }
  return CheckBitOffset(ctx, offset);
}

// Reads one operation from the words behind its name; the error, empty if there is none.
std::string_view ReadFieldOperation(const CommandContext& ctx, Args words,
                                    FieldOperation& operation) {
  const auto type = FieldTypeOf(words[0]);
  if (!type) return kFieldTypeError;
  operation.field = *type;
  const auto offset = FieldOffsetOf(ctx, words[1], type->bits);
  if (!offset) return kBitOffsetError;
  operation.field.offset = *offset;
  if (!operation.Writes()) return {};
  const auto operand = ParseInt64(words[2]);
  if (!operand) return kNotIntegerError;
  operation.operand = *operand;
  return {};
}

// All of them, or an error and nothing is done.
std::string_view ReadFieldOperations(const CommandContext& ctx, Args words,
                                     std::vector<FieldOperation>& operations) {
  Overflow overflow = Overflow::kWrap;
  for (size_t at = 0; at < words.size();) {
    const Args rest = words.subspan(at + 1);
    if (EqualsIgnoreCase(words[at], "OVERFLOW") && !rest.empty()) {
      const auto chosen = OverflowOf(rest[0]);
      if (!chosen) return "ERR Invalid OVERFLOW type specified";
      overflow = *chosen;
      at += 2;
      continue;
    }
    const auto kind = FieldOperationOf(words[at]);
    const size_t takes = kind == FieldOperation::Kind::kGet ? 2 : 3;
    if (!kind || rest.size() < takes) return kSyntaxError;
    FieldOperation operation{.kind = *kind, .field = {}, .operand = 0, .overflow = overflow};
    const std::string_view error = ReadFieldOperation(ctx, rest, operation);
    if (!error.empty()) return error;
    operations.push_back(operation);
    at += 1 + takes;
  }
  return {};
}

// The string as long as the farthest field that may be written needs it, as in Redis even if that
// write fails by its overflow.
bool MakeRoom(CommandContext& ctx, std::span<const FieldOperation> operations) {
  uint64_t end = 0;
  for (const FieldOperation& operation : operations) {
    if (operation.Writes()) end = std::max(end, operation.field.end());
  }
  const size_t size = (end + kBitsPerByte - 1) / kBitsPerByte;
  const Entry* const entry = ctx.shard.keyspace().Find(ctx.place);
  if (BytesOf(entry).size() >= size) return false;
  ctx.shard.Commit(ctx, StringRangeSet{.offset = static_cast<uint32_t>(size), .bytes = {}});
  return true;
}

// Whether it changed anything.
bool RunFieldOperation(CommandContext& ctx, const FieldOperation& operation) {
  // Each sees what those before it wrote.
  const std::string_view bytes = BytesOf(ctx.shard.keyspace().Find(ctx.place));
  const int64_t before = ReadField(bytes, operation.field);
  if (!operation.Writes()) {
    ctx.reply.Integer(before);
    return false;
  }
  const bool increments = operation.kind == FieldOperation::Kind::kIncrement;
  const auto after = increments
                         ? FitField(operation.field, before, operation.operand, operation.overflow)
                         : FitField(operation.field, operation.operand, 0, operation.overflow);
  if (!after) {
    ctx.reply.Null();
    return false;
  }
  const bool changed = WriteField(ctx, bytes, operation.field, *after);
  ctx.reply.Integer(increments ? *after : before);
  return changed;
}

void RunBitField(CommandContext& ctx, Args args, bool may_write) {
  std::vector<FieldOperation> operations;
  const std::string_view error = ReadFieldOperations(ctx, args.subspan(2), operations);
  if (!error.empty()) return ctx.reply.Error(error);
  const bool writes = std::ranges::any_of(operations, &FieldOperation::Writes);
  if (writes && !may_write) {
    return ctx.reply.Error("ERR BITFIELD_RO only supports the GET subcommand");
  }
  const Entry* const entry = writes ? ctx.shard.Find(ctx) : FindForRead(ctx);
  if (IsOtherThan(KeyType::kString, entry)) return ctx.reply.Error(kWrongTypeError);
  bool changed = writes && MakeRoom(ctx, operations);
  ctx.reply.Array(operations.size());
  for (const FieldOperation& operation : operations)
    changed = RunFieldOperation(ctx, operation) || changed;
  if (changed) ctx.shard.Notify(kStringEvents, ctx.place, "setbit");
}

void CmdBitField(CommandContext& ctx, Args args) { RunBitField(ctx, args, /*may_write=*/true); }

void CmdBitFieldRo(CommandContext& ctx, Args args) { RunBitField(ctx, args, /*may_write=*/false); }

// ---- BITOP

std::optional<BitOperation> BitOperationOf(std::string_view word) {
  if (EqualsIgnoreCase(word, "AND")) return BitOperation::kAnd;
  if (EqualsIgnoreCase(word, "OR")) return BitOperation::kOr;
  if (EqualsIgnoreCase(word, "XOR")) return BitOperation::kXor;
  if (EqualsIgnoreCase(word, "NOT")) return BitOperation::kNot;
  return std::nullopt;
}

// The first key takes the result, the others are the sources.
void BitOp(GroupContext& ctx, Args args) {
  const auto operation = BitOperationOf(args[1]);
  if (!operation) return ctx.reply().Error(kSyntaxError);
  if (*operation == BitOperation::kNot && ctx.keys() != 2) {
    return ctx.reply().Error("ERR BITOP NOT must be called with a single source key.");
  }
  std::vector<std::string_view> sources;
  for (size_t i = 1; i < ctx.keys(); ++i) {
    const KeyView source = ctx.Read(i);
    if (source.exists && source.type != KeyType::kString) {
      return ctx.reply().Error(kWrongTypeError);
    }
    sources.push_back(source.exists ? source.entry->string() : std::string_view{});
  }
  const KeyView destination = ctx.Look(0);
  if (destination.exists && destination.type == KeyType::kStock) {
    return ctx.reply().Error(kProtectedError);
  }
  const std::string result = CombineBits(*operation, sources);
  if (!result.empty()) {
    ctx.Commit(0, StringSet{.value = result});
    ctx.Notify(0, kStringEvents, "set");
  } else if (destination.exists) {
    ctx.Commit(0, KeyDeleted{});
    ctx.Notify(0, kGenericEvents, "del");
  }
  ctx.reply().Integer(static_cast<int64_t>(result.size()));
}

constexpr CommandSpec kBitmapCommands[] = {
    {.name = "BITOP",
     .decide = BitOp,
     .gathers = Gathers::kStrings,
     .arity = -4,
     .flags = kWrite | kCopies | kGrows,
     .home = Home::kGroup,
     .keys = {.first = 2, .last = -1, .step = 1},
     .group = "bitmap",
     .since = "0.1.0",
     .args = "AND|OR|XOR|NOT destkey key [key ...]",
     .summary = "Combine strings bit by bit into another; answers its length."},
    {.name = "SETBIT",
     .run = CmdSetBit,
     .arity = 4,
     .flags = kWrite | kGrows,
     .keys = kFirstKey,
     .group = "bitmap",
     .since = "0.1.0",
     .args = "key offset value",
     .summary = "Set a bit of the string to 0 or 1; answers what it was."},
    {.name = "GETBIT",
     .run = CmdGetBit,
     .arity = 3,
     .flags = kReadOnly | kFast,
     .keys = kFirstKey,
     .group = "bitmap",
     .since = "0.1.0",
     .args = "key offset",
     .summary = "Answer a bit of the string; 0 beyond its end."},
    {.name = "BITCOUNT",
     .run = CmdBitCount,
     .arity = -2,
     .flags = kReadOnly,
     .keys = kFirstKey,
     .group = "bitmap",
     .since = "0.1.0",
     .args = "key [start end [BYTE|BIT]]",
     .summary = "Count the ones in the string or in a part of it."},
    {.name = "BITPOS",
     .run = CmdBitPos,
     .arity = -3,
     .flags = kReadOnly,
     .keys = kFirstKey,
     .group = "bitmap",
     .since = "0.1.0",
     .args = "key bit [start [end [BYTE|BIT]]]",
     .summary = "Find the first 0 or 1 in the string or in a part of it; -1 if there is none."},
    {.name = "BITFIELD",
     .run = CmdBitField,
     .arity = -2,
     .flags = kWrite | kGrows,
     .keys = kFirstKey,
     .group = "bitmap",
     .since = "0.1.0",
     .args = "key [GET encoding offset] [OVERFLOW WRAP|SAT|FAIL] [SET encoding offset value] "
             "[INCRBY encoding offset increment] ...",
     .summary = "Read and write integers of any width in the string, one after another."},
    {.name = "BITFIELD_RO",
     .run = CmdBitFieldRo,
     .arity = -2,
     .flags = kReadOnly | kFast,
     .keys = kFirstKey,
     .group = "bitmap",
     .since = "0.1.0",
     .args = "key [GET encoding offset ...]",
     .summary = "Read integers of any width in the string."},
};

}  // namespace

std::span<const CommandSpec> BitmapCommands() { return kBitmapCommands; }

}  // namespace holdfast

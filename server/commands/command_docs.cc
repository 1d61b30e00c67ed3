// COMMAND: the command table, told to clients in the shape of Redis 7.0.
#include "server/commands/command_docs.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "protocol/glob.h"
#include "protocol/words.h"
#include "server/command_table.h"
#include "server/commands/command_docs_syntax.h"
#include "server/commands/key_flags.h"
#include "server/commands/keys.h"
#include "server/commands/tables.h"

namespace holdfast {
namespace {

constexpr size_t kPatternBytesMax = 256;

bool IsSubcommand(const CommandSpec& row) { return row.name.find('|') != std::string_view::npos; }

std::vector<const CommandSpec*> SubcommandsOf(const CommandSpec& container) {
  std::vector<const CommandSpec*> rows;
  if ((container.flags & kContainer) == 0) return rows;
  for (const CommandSpec* row : Commands().rows()) {
    const bool inside = row->name.size() > container.name.size() &&
                        row->name.starts_with(container.name) &&
                        row->name[container.name.size()] == '|';
    if (inside) rows.push_back(row);
  }
  return rows;
}

std::vector<const CommandSpec*> TopRows() {
  std::vector<const CommandSpec*> rows;
  for (const CommandSpec* row : Commands().rows()) {
    if (!IsSubcommand(*row)) rows.push_back(row);
  }
  return rows;
}

// ---- COMMAND, COMMAND INFO

struct FlagWord {
  CommandFlag flag;
  std::string_view word;
};
constexpr FlagWord kFlagWords[] = {
    {kWrite, "write"},          {kReadOnly, "readonly"},
    {kGrows, "denyoom"},        {kAdmin, "admin"},
    {kNoScript, "noscript"},    {kLoading, "loading"},
    {kStale, "stale"},          {kFast, "fast"},
    {kNoAuth, "no_auth"},       {kSkipSlowlog, "skip_slowlog"},
    {kAllowBusy, "allow_busy"}, {kNoMulti, "no_multi"},
    {kPubSub, "pubsub"},
};

std::vector<std::string> FlagsOf(const CommandSpec& row) {
  std::vector<std::string> words;
  for (const auto& [flag, word] : kFlagWords) {
    if ((row.flags & flag) != 0) words.emplace_back(word);
  }
  return words;
}

// What a row is about; empty: nothing that has a category.
std::string_view CategoryOf(const CommandSpec& row) {
  const bool only_contains = (row.flags & kContainer) != 0 && row.run == nullptr;
  if (only_contains) return {};
  if (!row.category.empty()) return row.category;
  if (row.group == "pubsub") return (row.flags & kPubSub) != 0 ? row.group : std::string_view{};
  if (row.group == "generic") return "keyspace";
  if (row.group == "transactions") return "transaction";
  return row.group == "server" ? std::string_view{} : row.group;
}

// As ACL rules and COMMAND LIST FILTERBY ACLCAT name them, without the '@'.
std::vector<std::string> CategoriesOf(const CommandSpec& row) {
  std::vector<std::string> words;
  if ((row.flags & kWrite) != 0) words.emplace_back("write");
  const std::string_view category = CategoryOf(row);
  if ((row.flags & kReadOnly) != 0) words.emplace_back("read");
  if (!category.empty()) words.emplace_back(category);
  if ((row.flags & (kAdmin | kOfAdmins)) != 0) words.emplace_back("admin");
  words.emplace_back((row.flags & kFast) != 0 ? "fast" : "slow");
  if ((row.flags & (kAdmin | kDangerous)) != 0) words.emplace_back("dangerous");
  return words;
}

void WriteStatuses(RespWriter& reply, std::string_view prefix,
                   const std::vector<std::string>& words) {
  reply.Set(words.size());
  for (const std::string& word : words) reply.SimpleString(std::string(prefix) + word);
}

void WriteWords(RespWriter& reply, std::string_view words) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < words.size();) {
    const size_t end = std::min(words.find(' ', at), words.size());
    parts.emplace_back(words.substr(at, end - at));
    at = end + 1;
  }
  WriteStatuses(reply, "", parts);
}

// Keys from one word of a command line on. As COMMAND tells them, `last` counts from the first or,
// below zero, from the line's end.
void WriteKeySpec(RespWriter& reply, std::string_view flags, const KeyPositions& keys) {
  reply.Map(3);
  reply.Bulk("flags");
  WriteWords(reply, flags);
  reply.Bulk("begin_search");
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk("index");
  reply.Bulk("spec");
  reply.Map(1);
  reply.Bulk("index");
  reply.Integer(keys.first);
  reply.Bulk("find_keys");
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk("range");
  reply.Bulk("spec");
  reply.Map(3);
  reply.Bulk("lastkey");
  reply.Integer(keys.last);
  reply.Bulk("keystep");
  reply.Integer(keys.step);
  reply.Bulk("limit");
  reply.Integer(0);
}

// Where the keys of a command line are, for clients that route by key.
void WriteKeySpecs(RespWriter& reply, const CommandSpec& row) {
  KeyPositions keys = row.keys;
  if (keys.first == 0) return reply.Array(0);
  const KeyFlags flags = KeyFlagsOf(row);
  if (!flags.same()) {
    reply.Array(2);
    WriteKeySpec(reply, flags.first, {.first = keys.first, .last = 0, .step = 1});
    keys.first += keys.step;
  } else {
    reply.Array(1);
  }
  if (keys.last > 0) keys.last -= keys.first;
  WriteKeySpec(reply, std::string(flags.others) + (flags.variable ? " variable_flags" : ""), keys);
}

void WriteInfo(RespWriter& reply, const CommandSpec& row) {
  reply.Array(10);
  reply.Bulk(LowerCased(row.name));
  reply.Integer(row.arity);
  WriteStatuses(reply, "", FlagsOf(row));
  reply.Integer(row.keys.first);
  reply.Integer(row.keys.last);
  reply.Integer(row.keys.step);
  WriteStatuses(reply, "@", CategoriesOf(row));
  reply.Array(0);  // tips for proxies
  WriteKeySpecs(reply, row);
  const auto subcommands = SubcommandsOf(row);
  reply.Array(subcommands.size());
  for (const CommandSpec* subcommand : subcommands) WriteInfo(reply, *subcommand);
}

void CmdCommand(CommandContext& ctx, Args) {
  const auto rows = TopRows();
  ctx.reply.Array(rows.size());
  for (const CommandSpec* row : rows) WriteInfo(ctx.reply, *row);
}

void CmdCommandInfo(CommandContext& ctx, Args args) {
  if (args.size() == 2) return CmdCommand(ctx, args);
  const Args names = args.subspan(2);
  ctx.reply.Array(names.size());
  for (const std::string_view name : names) {
    const CommandSpec* row = Commands().FindName(name);
    row != nullptr ? WriteInfo(ctx.reply, *row) : ctx.reply.NullArray();
  }
}

void CmdCommandCount(CommandContext& ctx, Args) {
  ctx.reply.Integer(static_cast<int64_t>(TopRows().size()));
}

// ---- COMMAND DOCS

void WriteArguments(RespWriter& reply, const std::vector<Argument>& arguments) {
  reply.Array(arguments.size());
  for (const Argument& argument : arguments) {
    const bool flags = argument.optional || argument.multiple;
    reply.Map(2 + size_t{argument.type == Argument::Type::kKey} + size_t{!argument.token.empty()} +
              size_t{flags} + size_t{!argument.arguments.empty()});
    reply.Bulk("name");
    reply.Bulk(argument.name);
    reply.Bulk("type");
    reply.Bulk(TypeName(argument.type));
    if (argument.type == Argument::Type::kKey) {
      reply.Bulk("key_spec_index");
      reply.Integer(0);
    }
    if (!argument.token.empty()) {
      reply.Bulk("token");
      reply.Bulk(argument.token);
    }
    if (flags) {
      std::vector<std::string> words;
      if (argument.optional) words.emplace_back("optional");
      if (argument.multiple) words.emplace_back("multiple");
      reply.Bulk("flags");
      WriteStatuses(reply, "", words);
    }
    if (!argument.arguments.empty()) {
      reply.Bulk("arguments");
      WriteArguments(reply, argument.arguments);
    }
  }
}

std::vector<Argument> ArgumentsOf(const CommandSpec& row) {
  std::vector<Argument> arguments = ParseArguments(row.args);
  // Positions count words: the name, and a subcommand's second one, come first.
  const size_t names = IsSubcommand(row) ? 2 : 1;
  const auto key = static_cast<size_t>(row.keys.first);
  if (key >= names && key - names < arguments.size()) {
    Argument* argument = &arguments[key - names];
    while (argument->type == Argument::Type::kBlock) argument = &argument->arguments.front();
    argument->type = Argument::Type::kKey;
  }
  return arguments;
}

void WriteDocs(RespWriter& reply, const CommandSpec& row) {
  const auto arguments = ArgumentsOf(row);
  const auto subcommands = SubcommandsOf(row);
  reply.Bulk(LowerCased(row.name));
  reply.Map(3 + size_t{!arguments.empty()} + size_t{!subcommands.empty()});
  reply.Bulk("summary");
  reply.Bulk(row.summary);
  reply.Bulk("since");
  reply.Bulk(row.since);
  reply.Bulk("group");
  reply.Bulk(row.group);
  if (!arguments.empty()) {
    reply.Bulk("arguments");
    WriteArguments(reply, arguments);
  }
  if (!subcommands.empty()) {
    reply.Bulk("subcommands");
    reply.Map(subcommands.size());
    for (const CommandSpec* subcommand : subcommands) WriteDocs(reply, *subcommand);
  }
}

// Of the names asked for; unknown ones are left out.
void CmdCommandDocs(CommandContext& ctx, Args args) {
  std::vector<const CommandSpec*> rows;
  if (args.size() == 2) rows = TopRows();
  for (const std::string_view name : args.subspan(2)) {
    if (const CommandSpec* row = Commands().FindName(name)) rows.push_back(row);
  }
  ctx.reply.Map(rows.size());
  for (const CommandSpec* row : rows) WriteDocs(ctx.reply, *row);
}

// ---- COMMAND LIST, GETKEYS

template <typename Keeps>
void WriteNames(RespWriter& reply, Keeps keeps) {
  std::vector<std::string> names;
  for (const CommandSpec* row : Commands().rows()) {
    if (keeps(*row)) names.push_back(LowerCased(row->name));
  }
  reply.Array(names.size());
  for (const std::string& name : names) reply.Bulk(name);
}

void CmdCommandList(CommandContext& ctx, Args args) {
  if (args.size() == 2) return WriteNames(ctx.reply, [](const CommandSpec&) { return true; });
  if (args.size() != 5 || !EqualsIgnoreCase(args[2], "FILTERBY")) {
    return ctx.reply.Error(kSyntaxError);
  }
  const std::string_view wanted = args[4];
  if (EqualsIgnoreCase(args[3], "PATTERN")) {
    if (wanted.size() > kPatternBytesMax) return ctx.reply.Error("ERR pattern is too long");
    return WriteNames(ctx.reply, [wanted](const CommandSpec& row) {
      return GlobMatch(wanted, row.name, GlobCase::kIgnore);
    });
  }
  if (EqualsIgnoreCase(args[3], "ACLCAT")) {
    return WriteNames(ctx.reply, [wanted](const CommandSpec& row) {
      const auto same = [wanted](const std::string& word) {
        return EqualsIgnoreCase(word, wanted);
      };
      return std::ranges::any_of(CategoriesOf(row), same);
    });
  }
  // No command comes from a module.
  if (EqualsIgnoreCase(args[3], "MODULE")) return ctx.reply.Array(0);
  ctx.reply.Error(kSyntaxError);
}

// Where the keys of a whole command line are; empty: there is none, and an error is answered.
std::vector<size_t> KeysOf(CommandContext& ctx, const CommandSpec* row, Args line) {
  const auto refuse = [&ctx](std::string_view error) {
    ctx.reply.Error(error);
    return std::vector<size_t>{};
  };
  const bool no_such_subcommand =
      row != nullptr && (row->flags & kContainer) != 0 && line.size() > 1;
  if (row == nullptr || no_such_subcommand) return refuse("ERR Invalid command specified");
  if (row->keys.first == 0) return refuse("ERR The command has no key arguments");
  const auto words = static_cast<int>(line.size());
  if (row->arity > 0 ? words != row->arity : words < -row->arity) {
    return refuse("ERR Invalid number of arguments specified for command");
  }
  const int last = row->keys.last < 0 ? words + row->keys.last : row->keys.last;
  std::vector<size_t> keys;
  for (int at = row->keys.first; at <= last && at < words; at += row->keys.step) {
    keys.push_back(static_cast<size_t>(at));
  }
  return keys.empty() ? refuse("ERR The command has no key arguments") : keys;
}

void CmdCommandGetKeys(CommandContext& ctx, Args args) {
  const Args line = args.subspan(2);
  const auto keys = KeysOf(ctx, Commands().Find(line), line);
  if (keys.empty()) return;
  ctx.reply.Array(keys.size());
  for (const size_t at : keys) ctx.reply.Bulk(line[at]);
}

void CmdCommandGetKeysAndFlags(CommandContext& ctx, Args args) {
  const Args line = args.subspan(2);
  const CommandSpec* row = Commands().Find(line);
  const auto keys = KeysOf(ctx, row, line);
  if (keys.empty()) return;
  ctx.reply.Array(keys.size());
  for (const size_t at : keys) {
    ctx.reply.Array(2);
    ctx.reply.Bulk(line[at]);
    WriteWords(ctx.reply, FlagsOfKey(*row, line, at));
  }
}

// ---- the rows

constexpr uint32_t kFlags = kLoading | kStale;

constexpr CommandSpec Row(std::string_view name, CommandFunction run, int arity,
                          std::string_view args, std::string_view summary) {
  return {.name = name,
          .run = run,
          .arity = arity,
          .flags = kFlags,
          .home = Home::kClient,
          .group = "server",
          .category = "connection",
          .since = "0.1.0",
          .args = args,
          .summary = summary};
}

constexpr std::string_view kListSyntax =
    "[FILTERBY MODULE module-name|ACLCAT category|PATTERN pattern]";

constexpr CommandSpec kCommandDocsCommands[] = {
    {.name = "COMMAND",
     .run = CmdCommand,
     .arity = -1,
     .flags = kFlags | kContainer,
     .home = Home::kClient,
     .group = "server",
     .category = "connection",
     .since = "0.1.0",
     .args = "",
     .summary = "What every command is and takes."},
    Row("COMMAND|COUNT", CmdCommandCount, 2, "", "How many commands there are."),
    Row("COMMAND|INFO", CmdCommandInfo, -2, "[command-name ...]",
        "Arity, flags and keys of commands."),
    Row("COMMAND|DOCS", CmdCommandDocs, -2, "[command-name ...]",
        "Summaries and arguments of commands."),
    Row("COMMAND|LIST", CmdCommandList, -2, kListSyntax, "The names of commands."),
    Row("COMMAND|GETKEYS", CmdCommandGetKeys, -4, "command [arg ...]",
        "The keys of a whole command line."),
    Row("COMMAND|GETKEYSANDFLAGS", CmdCommandGetKeysAndFlags, -4, "command [arg ...]",
        "The keys of a whole command line, and what it does with each."),
    Row("COMMAND|HELP", CmdContainerHelp, 2, "", "Print this help."),
};

}  // namespace

void CmdContainerHelp(CommandContext& ctx, Args args) {
  const CommandSpec* container = Commands().FindName(args[0]);
  const auto rows = SubcommandsOf(*container);
  ctx.reply.Array(1 + 2 * rows.size());
  ctx.reply.SimpleString(std::string(container->name) +
                         " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const CommandSpec* row : rows) {
    std::string line(row->name.substr(container->name.size() + 1));
    if (!row->args.empty()) line += " " + std::string(row->args);
    ctx.reply.SimpleString(line);
    ctx.reply.SimpleString("    " + std::string(row->summary));
  }
}

std::span<const CommandSpec> CommandDocsCommands() { return kCommandDocsCommands; }

}  // namespace holdfast

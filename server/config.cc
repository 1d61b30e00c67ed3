#include "server/config.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <system_error>
#include <thread>

#include "protocol/inline_words.h"
#include "protocol/words.h"
#include "server/directives.h"
#include "server/replication/control.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

constexpr size_t kFileBytesMax = size_t{1} << 20;
constexpr size_t kLineWordsMax = 64;
constexpr size_t kEchoMax = 64;  // bytes of an unknown name that an error repeats

// One directive as it was written, and where, as errors say it: "holdfast.conf:12", "command line".
struct Written {
  std::string where;
  std::string_view name;
  std::string_view dashes;  // how directives start there: "--" or nothing
  std::vector<std::string> values;
};

Status Mistake(const Written& written, std::string_view what) {
  return Status::Invalid(written.where + ": " + std::string(what));
}

// A name fit for one line of output, whatever bytes it is made of.
std::string Echo(std::string_view name) {
  std::string echo(name.substr(0, kEchoMax));
  std::replace_if(
      echo.begin(), echo.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return name.size() > kEchoMax ? echo + "..." : echo;
}

Status NotADirective(const Written& written) {
  const std::string dashes(written.dashes);
  std::string text = "'" + dashes + Echo(written.name) + "' is not a directive; ";
  const std::string_view closest = ClosestDirective(written.name);
  text += closest.empty() ? "`holdfast --help` lists them"
                          : "did you mean '" + dashes + std::string(closest) + "'?";
  return Mistake(written, text);
}

// What Set expects for these words: one value, or a whole list.
Status JoinValues(const Written& written, const Directive& directive, std::string& value) {
  const bool flag = !written.dashes.empty() && written.values.empty();
  if (flag && std::holds_alternative<YesNoField>(directive.field)) {
    value = "yes";
    return Status::Ok();
  }
  const std::string name(directive.name);
  if (written.values.empty()) return Mistake(written, name + ": the value is missing");
  if (TakesWords(directive)) {
    for (const std::string& word : written.values) value += (value.empty() ? "" : " ") + word;
    return Status::Ok();
  }
  if (written.values.size() > 1) {
    return Mistake(written, name + ": takes one value, not " +
                                std::to_string(written.values.size()) +
                                "; quote a value with blanks, put a comment on its own line");
  }
  value = written.values.front();
  return Status::Ok();
}

Status ApplyWritten(const Written& written, Config& config, std::vector<std::string>& redis_only) {
  const Directive* directive = FindDirective(written.name);
  if (directive == nullptr) {
    if (!IsRedisOnlyDirective(written.name)) return NotADirective(written);
    std::string name = LowerCased(written.name);
    if (std::find(redis_only.begin(), redis_only.end(), name) == redis_only.end()) {
      redis_only.push_back(std::move(name));
    }
    return Status::Ok();
  }
  if (directive->change == Directive::Change::kCommandLine && written.dashes.empty()) {
    const std::string name(directive->name);
    return Mistake(written, name + ": is for one start; remove the line and give --" + name);
  }
  std::string value;
  if (Status joined = JoinValues(written, *directive, value); !joined.ok()) return joined;
  const Status set = Set(*directive, config, value);
  if (set.ok()) return Status::Ok();
  return Mistake(written, std::string(directive->name) + ": " + set.text());
}

// Appends the words of a line; none for a blank line or a comment. False: unbalanced quotes or too
// many.
bool SplitLine(std::string_view line, std::vector<std::string>& words) {
  const size_t start = line.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || line[start] == '#') return true;
  std::string unquoted;
  std::vector<std::string_view> views;
  if (SplitInlineWords(line, kLineWordsMax, unquoted, views) != InlineSplit::kSplit) return false;
  words.assign(views.begin(), views.end());
  return true;
}

Status ReadFile(const std::string& path, std::string& text) {
  const std::string cannot = "cannot read the configuration file '" + path + "': ";
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return Status::Invalid(cannot + "a directory");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return Status::Invalid(cannot + std::generic_category().message(errno));
  text.resize(kFileBytesMax + 1);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return Status::Invalid(cannot + "the read failed");
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) return Status::Invalid(cannot + "larger than 1mb");
  return Status::Ok();
}

std::optional<StartRequest::Action> ActionOf(std::string_view word) {
  using enum StartRequest::Action;
  if (word == "--help" || word == "-h") return kHelp;
  if (word == "--version" || word == "-v") return kVersion;
  if (word == "--print-conf") return kPrintConf;
  if (word == "--print-commands") return kPrintCommands;
  return std::nullopt;
}

// Takes "--directive value …" off the front of `words`.
Written TakeFlag(std::span<char* const>& words) {
  Written written{"command line", std::string_view(words.front()).substr(2), "--", {}};
  words = words.subspan(1);
  while (!words.empty() && !std::string_view(words.front()).starts_with("--")) {
    written.values.emplace_back(words.front());
    words = words.subspan(1);
  }
  return written;
}

// What is done instead of a start and needs words of its own: --list-backups dir, --restore-from
// dir and --at. False: it is a directive.
bool TakesBackup(const Written& written, StartRequest& request, Status& status) {
  using enum StartRequest::Action;
  const bool list = written.name == "list-backups";
  const bool from = written.name == "restore-from";
  if (!list && !from && written.name != "at") return false;
  const std::string name = "--" + std::string(written.name);
  if (written.values.size() != 1) {
    status = Mistake(written, name + " takes one value");
  } else if (list || from) {
    request.action = list ? kListBackups : kRestore;
    request.backups = written.values.front();
  } else if (EqualsIgnoreCase(written.values.front(), "latest")) {
    request.backup_number = 0;
  } else {
    const auto number = ParseInt64(written.values.front());
    const bool fits = number && *number > 0 && *number <= std::numeric_limits<uint32_t>::max();
    if (fits) request.backup_number = static_cast<uint32_t>(*number);
    if (!fits) status = Mistake(written, "--at takes 'latest' or the number of a backup");
  }
  return true;
}

std::string RedisOnlyWarning(const std::vector<std::string>& names) {
  std::string text = "ignored these directives of Redis, which have no meaning here:";
  for (const std::string& name : names) text += ' ' + name;
  return text;
}

Status CheckReplication(const Config& config) {
  const auto& primary = config.replicaof;
  const bool is_one = primary.size() == 2;
  const bool leads =
      is_one && EqualsIgnoreCase(primary[0], "no") && EqualsIgnoreCase(primary[1], "one");
  NodeAddress address;
  if (!leads && (!is_one || !ParseNodeAddress(primary[0] + ":" + primary[1], address))) {
    return Status::Invalid("replicaof takes the primary's host and port, or 'no one'");
  }
  if (!leads && !config.appendonly) {
    return Status::Invalid(
        "a replica keeps its log: set appendonly to yes, or replicaof to no one");
  }
  const auto& members = config.sync_replicas;
  if (members.size() == 1 && EqualsIgnoreCase(members[0], "none")) return Status::Ok();
  for (const std::string& member : members) {
    if (ParseNodeAddress(member, address)) continue;
    return Status::Invalid("sync-replicas takes host:port of each replica, or 'none'");
  }
  return Status::Ok();
}

}  // namespace

int64_t DefaultShards() { return std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, 64); }

Status ParseConfigText(std::string_view name, std::string_view text, Config& config,
                       std::vector<std::string>& redis_only) {
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    Written written{std::string(name) + ':' + std::to_string(number), {}, {}, {}};
    std::vector<std::string> words;
    if (!SplitLine(line, words)) {
      return Mistake(written,
                     "unbalanced quotes, or more than 64 words; close each quote and "
                     "leave a blank behind it");
    }
    if (words.empty()) continue;
    written.name = words.front();
    written.values.assign(words.begin() + 1, words.end());
    if (Status applied = ApplyWritten(written, config, redis_only); !applied.ok()) return applied;
  }
  return Status::Ok();
}

Status CheckTogether(const Config& config) {
  if (Status status = CheckReplication(config); !status.ok()) return status;
  if (config.port == 0 && config.unixsocket.empty()) {
    return Status::Invalid("port 0 and no unixsocket leave nothing to listen on; set one of them");
  }
  if (config.hold_ttl > config.hold_max_life) {
    return Status::Invalid("hold-ttl is above hold-max-life; lower the one or raise the other");
  }
  if (config.proto_max_bulk_len > config.client_query_buffer_limit) {
    return Status::Invalid(
        "proto-max-bulk-len is above client-query-buffer-limit, so the longest words could not "
        "arrive; lower the one or raise the other");
  }
  if (config.proto_max_bulk_len > config.group_bytes_max) {
    return Status::Invalid(
        "proto-max-bulk-len is above group-bytes-max, so the longest words could not be stored; "
        "lower the one or raise the other");
  }
  return Status::Ok();
}

Status ParseCommandLine(std::span<char* const> args, StartRequest& request) {
  std::vector<std::string> redis_only;
  bool first = true;
  while (!args.empty()) {
    const std::string_view word = args.front();
    if (const auto action = ActionOf(word)) {
      request.action = *action;
      return Status::Ok();
    }
    if (word.starts_with("--")) {
      const Written written = TakeFlag(args);
      Status applied;
      if (!TakesBackup(written, request, applied)) {
        applied = ApplyWritten(written, request.config, redis_only);
      }
      if (!applied.ok()) return applied;
    } else if (first) {
      args = args.subspan(1);
      const std::string path(word);
      std::string text;
      if (Status read = ReadFile(path, text); !read.ok()) return read;
      Status parsed = ParseConfigText(path, text, request.config, redis_only);
      if (!parsed.ok()) return parsed;
      std::error_code error;
      request.config_file = std::filesystem::absolute(path, error).string();
    } else {
      return Status::Invalid(
          "command line: a word follows the configuration file; values belong behind a "
          "--directive");
    }
    first = false;
  }
  if (!redis_only.empty()) request.warnings.push_back(RedisOnlyWarning(redis_only));
  return CheckTogether(request.config);
}

}  // namespace holdfast

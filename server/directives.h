// The one table of configuration directives: what each is called, may hold, starts as and means.
// The file, the command line, CONFIG GET and SET, --help and conf/holdfast.conf all come from it.
//
// A value is text in four dialects, those of redis.conf:
//
//   integer    6379                 memory    64mb (b k kb m mb g gb: k = 1000, kb = 1024)
//   duration   900 (seconds)        yes-no    yes | no
//   choice     one of the words     mode      octal, 700
//   text       any bytes            list      words between blanks
//   events     letters (server/event_flags.h)
//   limits     class, memory, memory, seconds, as often as there are classes
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/config.h"
#include "storage/base/status.h"

namespace holdfast {

struct IntegerField {
  int64_t Config::*field;
  int64_t min;
  int64_t max;
};
struct MemoryField {  // bytes
  int64_t Config::*field;
  int64_t min;
  int64_t max;
};
struct SecondsField {
  std::chrono::seconds Config::*field;
  int64_t min;
  int64_t max;
};
struct ModeField {
  int64_t Config::*field;
};
struct YesNoField {
  bool Config::*field;
};
struct ChoiceField {
  std::span<const std::string_view> words;  // words[i] names the enum's value i
  size_t (*get)(const Config&);
  void (*set)(Config&, size_t);
};
struct TextField {
  std::string Config::*field;
  enum class Empty : uint8_t { kAllowed, kRefused } empty;
};
struct ListField {
  std::vector<std::string> Config::*field;
};
// Any number of "class hard soft seconds"; classes that are not named stay as they are.
struct OutputLimitsField {
  OutputLimits Config::*field;
};
struct EventFlagsField {
  uint32_t Config::*field;
};
using DirectiveField =
    std::variant<IntegerField, MemoryField, SecondsField, ModeField, YesNoField, ChoiceField,
                 TextField, ListField, OutputLimitsField, EventFlagsField>;

struct Directive {
  enum class Change : uint8_t {
    kRunning,      // at start, and by CONFIG SET
    kStart,        // at start only
    kCommandLine,  // for one start: a line left behind in a file would be obeyed for ever
  };
  enum class Trait : uint8_t {
    kPlain,
    kSecret,   // the value never leaves but by CONFIG GET
    kMachine,  // the default depends on the machine: the sample file leaves it to the server
  };

  std::string_view section;
  std::string_view name;
  DirectiveField field;
  Change change;
  Trait trait = Trait::kPlain;
  std::string_view doc;         // one sentence or two
  std::string_view alias = {};  // Redis' older name, which is read as well; empty: none
};

// Its value is several words.
inline bool TakesWords(const Directive& directive) {
  return std::holds_alternative<ListField>(directive.field) ||
         std::holds_alternative<OutputLimitsField>(directive.field);
}

// In the order of the sample file.
std::span<const Directive> Directives();

// By its name or its alias, in any case; null: there is none.
const Directive* FindDirective(std::string_view name);

// True for what redis.conf 7.0 may hold and we have no use for.
bool IsRedisOnlyDirective(std::string_view name);

// The directive that was most likely meant; empty: nothing comes close.
std::string_view ClosestDirective(std::string_view name);

// As CONFIG GET shows it: bytes and seconds as plain integers, lists with single blanks.
std::string Get(const Directive& directive, const Config& config);

// Not ok: nothing changed, and the text says what the value must be. It never repeats the value,
// which may be a password; the caller names the directive. Checks the value, not whether now is the
// time to change it.
Status Set(const Directive& directive, Config& config, std::string_view value);

// As Set, for CONFIG SET: also refuses what can only be set at start.
Status SetWhileRunning(const Directive& directive, Config& config, std::string_view value);

// For CONFIG GET: name and value of all that match one of the patterns (in any case), each once; an
// alias is a name of its own there.
std::vector<std::pair<std::string_view, std::string>> MatchDirectives(
    std::span<const std::string_view> patterns, const Config& config);

// What the value may be, for people: "integer 0 to 65535", "memory, at least 1mb".
std::string AllowedValues(const Directive& directive);

// The line of a configuration file that sets what `config` holds: "maxmemory 64mb", "logfile \"\"".
std::string ConfigLine(const Directive& directive, const Config& config);

// conf/holdfast.conf, and what --print-conf and --help print.
std::string SampleConfigFile();
std::string HelpText();

}  // namespace holdfast

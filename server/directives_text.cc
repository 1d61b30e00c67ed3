// The directive table for people: the sample file and --help.
#include "protocol/words.h"
#include "server/directives.h"

namespace holdfast {
namespace {

constexpr size_t kColumns = 96;

// Appends `text` in lines that start with `indent`, broken at blanks.
void AppendWrapped(std::string& out, std::string_view indent, std::string_view text) {
  size_t column = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column > 0 && column + 1 + word.size() > kColumns) {
      out += '\n';
      column = 0;
    }
    out += column == 0 ? indent : " ";
    out += word;
    column += word.size() + (column == 0 ? indent.size() : 1);
  }
  out += '\n';
}

std::string Terms(const Directive& directive) {
  switch (directive.change) {
    case Directive::Change::kRunning:
      return AllowedValues(directive);
    case Directive::Change::kStart:
      return AllowedValues(directive) + "; at start only";
    case Directive::Change::kCommandLine:
      return AllowedValues(directive) + "; on the command line only";
  }
  return {};
}

constexpr std::string_view kSampleHead =
    R"(# Holdfast's configuration: every directive with its default. This file is what
# `holdfast --print-conf` prints.
#
#   holdfast holdfast.conf --port 7000 --shards 2
#
# The dialect is that of redis.conf: a name and its value on a line, comments on lines of their own,
# "…" and '…' around words with blanks. What stands on the command line wins. Memory takes units:
# 1k is 1000 bytes, 1kb is 1024; likewise m, mb, g, gb. CONFIG SET changes what is not marked
# "at start only". Directives that only Redis has are ignored with a warning.
)";

constexpr std::string_view kHelpHead = R"(Usage: holdfast [file] [--directive value ...]
       holdfast --list-backups directory
       holdfast --restore-from directory [--at latest|number] --dir directory
       holdfast --version | --help | --print-conf | --print-commands

  holdfast                                  the defaults, data in the working directory
  holdfast /etc/holdfast.conf               a configuration file
  holdfast --port 7000 --dir /var/lib/sale  directives; they win over a file's
  holdfast --restore-from /mnt/backups --dir /var/lib/sale
                                            brings a backup back; starts no server

--print-conf prints a configuration file with every directive, --print-commands the command
table as the README has it.

Directives (with defaults):
)";

std::string SampleLine(const Directive& directive, const Config& defaults) {
  if (directive.change == Directive::Change::kCommandLine) {
    return "# --" + std::string(directive.name);
  }
  if (directive.trait == Directive::Trait::kMachine) {
    return "# " + std::string(directive.name) + " <one for each processor>";
  }
  return ConfigLine(directive, defaults);
}

}  // namespace

std::string SampleConfigFile() {
  const Config defaults;
  std::string text(kSampleHead);
  std::string_view section;
  for (const Directive& directive : Directives()) {
    if (directive.section != section) {
      section = directive.section;
      text += "\n\n######## " + std::string(section) + " ########\n";
    }
    text += '\n';
    AppendWrapped(text, "# ", std::string(directive.doc) + " (" + Terms(directive) + ")");
    text += SampleLine(directive, defaults) + '\n';
  }
  return text;
}

std::string HelpText() {
  const Config defaults;
  std::string text(kHelpHead);
  for (const Directive& directive : Directives()) {
    text += "\n  --" + ConfigLine(directive, defaults) + '\n';
    AppendWrapped(text, "      ", directive.doc);
    AppendWrapped(text, "      ", "(" + Terms(directive) + ")");
  }
  return text;
}

}  // namespace holdfast

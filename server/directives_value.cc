// A directive's value: from text to its field and back.
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "protocol/inline_words.h"
#include "protocol/words.h"
#include "server/directives.h"
#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

constexpr size_t kListWordsMax = 16;
constexpr int64_t kModeMax = 0777;

struct MemoryUnit {
  std::string_view name;
  int64_t bytes;
};
// As redis.conf: k is a thousand, kb is 1024.
constexpr std::array<MemoryUnit, 8> kMemoryUnits = {{{"", 1},
                                                     {"b", 1},
                                                     {"k", 1000},
                                                     {"kb", 1 << 10},
                                                     {"m", 1'000'000},
                                                     {"mb", 1 << 20},
                                                     {"g", 1'000'000'000},
                                                     {"gb", 1 << 30}}};

std::optional<int64_t> ParseMemory(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view unit_name = text.substr(digits);
  const auto* unit = std::find_if(
      kMemoryUnits.begin(), kMemoryUnits.end(),
      [unit_name](const MemoryUnit& known) { return EqualsIgnoreCase(known.name, unit_name); });
  const auto number = ParseInt64(text.substr(0, digits));
  if (unit == kMemoryUnits.end() || !number) return std::nullopt;
  if (*number > std::numeric_limits<int64_t>::max() / unit->bytes) return std::nullopt;
  return *number * unit->bytes;
}

// "64mb": the largest unit of 1024 that divides it.
std::string MemoryText(int64_t bytes) {
  if (bytes == 0) return "0";
  for (const std::string_view name : {"gb", "mb", "kb"}) {
    const auto* unit = std::find_if(kMemoryUnits.begin(), kMemoryUnits.end(),
                                    [name](const MemoryUnit& known) { return known.name == name; });
    if (bytes % unit->bytes == 0) return std::to_string(bytes / unit->bytes) + std::string(name);
  }
  return std::to_string(bytes);
}

std::optional<int64_t> ParseOctal(std::string_view text) {
  int64_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return mode;
}

std::string OctalText(int64_t mode) {
  std::array<char, 24> digits{};
  const auto result = std::to_chars(digits.begin(), digits.end(), mode, 8);
  return {digits.data(), result.ptr};
}

std::string Joined(std::span<const std::string_view> words, std::string_view between) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text.append(between);
    text.append(word);
  }
  return text;
}

Status CheckRange(int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return Status::Ok();
  if (min == max) return Status::Invalid("argument can only be " + std::to_string(min));
  return Status::Invalid("argument must be between " + std::to_string(min) + " and " +
                         std::to_string(max) + " inclusive");
}

// ---- client-output-buffer-limit

constexpr size_t kLimitWordsMax = 64;

// As Redis 7.0 shows them; it reads "replica", too.
constexpr std::string_view kOutputClasses[] = {"normal", "slave", "pubsub"};

std::optional<size_t> OutputClassNamed(std::string_view word) {
  if (EqualsIgnoreCase(word, "replica")) return static_cast<size_t>(OutputClass::kReplica);
  for (size_t i = 0; i < std::size(kOutputClasses); ++i) {
    if (EqualsIgnoreCase(word, kOutputClasses[i])) return i;
  }
  return std::nullopt;
}

// All of it or nothing; the errors are Redis'.
Status ParseOutputLimits(std::string_view text, OutputLimits& limits) {
  std::string unquoted;
  std::vector<std::string_view> words;
  const auto split = SplitInlineWords(text, kLimitWordsMax, unquoted, words);
  if (split != InlineSplit::kSplit || words.empty() || words.size() % 4 != 0)
    return Status::Invalid("Wrong number of arguments in buffer limit configuration.");
  OutputLimits changed = limits;
  for (size_t at = 0; at < words.size(); at += 4) {
    const auto type = OutputClassNamed(words[at]);
    if (!type)
      return Status::Invalid("Invalid client class specified in buffer limit configuration.");
    const auto hard = ParseMemory(words[at + 1]);
    const auto soft = ParseMemory(words[at + 2]);
    const auto seconds = ParseInt64(words[at + 3]);
    if (!hard || !soft || *hard < 0 || *soft < 0 || !seconds || *seconds < 0 ||
        *seconds > std::numeric_limits<int32_t>::max()) {
      return Status::Invalid(
          "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    }
    changed[*type] = {.hard = *hard, .soft = *soft, .soft_for = std::chrono::seconds{*seconds}};
  }
  limits = changed;
  return Status::Ok();
}

template <typename BytesText>
std::string OutputLimitsText(const OutputLimits& limits, BytesText bytes_text) {
  std::string text;
  for (size_t i = 0; i < limits.size(); ++i) {
    if (i > 0) text += ' ';
    text += std::string(kOutputClasses[i]) + ' ' + bytes_text(limits[i].hard) + ' ' +
            bytes_text(limits[i].soft) + ' ' + std::to_string(limits[i].soft_for.count());
  }
  return text;
}

// Checks and stores one kind of value each.
struct Setter {
  Config& config;
  std::string_view value;

  Status operator()(const IntegerField& row) const {
    const auto number = ParseInt64(value);
    if (!number) return Status::Invalid("argument couldn't be parsed into an integer");
    Status in_range = CheckRange(*number, row.min, row.max);
    if (in_range.ok()) config.*row.field = *number;
    return in_range;
  }
  Status operator()(const MemoryField& row) const {
    const auto bytes = ParseMemory(value);
    if (!bytes) return Status::Invalid("argument must be a memory value, such as 64mb");
    Status in_range = CheckRange(*bytes, row.min, row.max);
    if (in_range.ok()) config.*row.field = *bytes;
    return in_range;
  }
  Status operator()(const SecondsField& row) const {
    const auto number = ParseInt64(value);
    if (!number) return Status::Invalid("argument must be a whole number of seconds");
    Status in_range = CheckRange(*number, row.min, row.max);
    if (in_range.ok()) config.*row.field = std::chrono::seconds{*number};
    return in_range;
  }
  Status operator()(const ModeField& row) const {
    const auto mode = ParseOctal(value);
    if (!mode || *mode < 0 || *mode > kModeMax) {
      return Status::Invalid("argument must be an octal number between 0 and 777, such as 700");
    }
    config.*row.field = *mode;
    return Status::Ok();
  }
  Status operator()(const YesNoField& row) const {
    const bool yes = EqualsIgnoreCase(value, "yes");
    if (!yes && !EqualsIgnoreCase(value, "no")) {
      return Status::Invalid("argument must be 'yes' or 'no'");
    }
    config.*row.field = yes;
    return Status::Ok();
  }
  Status operator()(const ChoiceField& row) const {
    for (size_t i = 0; i < row.words.size(); ++i) {
      if (!EqualsIgnoreCase(row.words[i], value)) continue;
      row.set(config, i);
      return Status::Ok();
    }
    return Status::Invalid("argument must be one of the following: " + Joined(row.words, ", "));
  }
  Status operator()(const TextField& row) const {
    if (value.empty() && row.empty == TextField::Empty::kRefused) {
      return Status::Invalid("argument must not be empty");
    }
    // The system's calls would silently see only what stands before it.
    if (value.find('\0') != std::string_view::npos) {
      return Status::Invalid("argument must not contain a zero byte");
    }
    config.*row.field = value;
    return Status::Ok();
  }
  Status operator()(const ListField& row) const {
    std::string unquoted;
    std::vector<std::string_view> words;
    if (SplitInlineWords(value, kListWordsMax, unquoted, words) != InlineSplit::kSplit) {
      return Status::Invalid("argument must be at most 16 words, with balanced quotes");
    }
    if (words.empty()) return Status::Invalid("argument must be at least one word");
    const bool comment = std::any_of(words.begin(), words.end(),
                                     [](std::string_view word) { return word.starts_with('#'); });
    if (comment) return Status::Invalid("a word starts with '#'; a comment needs its own line");
    (config.*row.field).assign(words.begin(), words.end());
    return Status::Ok();
  }
  Status operator()(const EventFlagsField& row) const {
    const auto flags = ParseEventFlags(value);
    if (!flags) {
      return Status::Invalid("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    }
    config.*row.field = *flags;
    return Status::Ok();
  }
  Status operator()(const OutputLimitsField& row) const {
    return ParseOutputLimits(value, config.*row.field);
  }
};

struct Getter {
  const Config& config;

  std::string operator()(const IntegerField& row) const {
    return std::to_string(config.*row.field);
  }
  std::string operator()(const MemoryField& row) const { return std::to_string(config.*row.field); }
  std::string operator()(const SecondsField& row) const {
    return std::to_string((config.*row.field).count());
  }
  std::string operator()(const ModeField& row) const { return OctalText(config.*row.field); }
  std::string operator()(const YesNoField& row) const { return config.*row.field ? "yes" : "no"; }
  std::string operator()(const ChoiceField& row) const {
    return std::string(row.words[row.get(config)]);
  }
  std::string operator()(const TextField& row) const { return config.*row.field; }
  std::string operator()(const ListField& row) const {
    const auto& words = config.*row.field;
    return Joined(std::vector<std::string_view>(words.begin(), words.end()), " ");
  }
  std::string operator()(const EventFlagsField& row) const {
    return EventFlagsText(config.*row.field);
  }
  std::string operator()(const OutputLimitsField& row) const {
    return OutputLimitsText(config.*row.field, [](int64_t bytes) { return std::to_string(bytes); });
  }
};

struct Describer {
  std::string operator()(const IntegerField& row) const {
    if (row.min == row.max) return "always " + std::to_string(row.min);
    return "integer, " + std::to_string(row.min) + " to " + std::to_string(row.max);
  }
  std::string operator()(const MemoryField& row) const {
    std::string range = row.min == 0 ? "memory" : "memory, at least " + MemoryText(row.min);
    if (row.max != std::numeric_limits<int64_t>::max()) range += ", at most " + MemoryText(row.max);
    return range;
  }
  std::string operator()(const SecondsField& row) const {
    return "seconds, " + std::to_string(row.min) + " to " + std::to_string(row.max);
  }
  std::string operator()(const ModeField&) const { return "octal, 0 to 777"; }
  std::string operator()(const YesNoField&) const { return "yes or no"; }
  std::string operator()(const ChoiceField& row) const { return Joined(row.words, ", "); }
  std::string operator()(const TextField&) const { return "text"; }
  std::string operator()(const ListField&) const { return "list of words"; }
  std::string operator()(const EventFlagsField&) const { return "letters of KEg$lshzxetdmnA"; }
  std::string operator()(const OutputLimitsField&) const { return "class memory memory seconds"; }
};

// So that SplitInlineWords reads back the same bytes.
std::string Quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

bool NeedsQuotes(std::string_view text) {
  return text.empty() || std::any_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte <= 0x20 || byte == 0x7f || c == '"' || c == '\'';
         });
}

}  // namespace

std::string Get(const Directive& directive, const Config& config) {
  return std::visit(Getter{config}, directive.field);
}

Status Set(const Directive& directive, Config& config, std::string_view value) {
  return std::visit(Setter{config, value}, directive.field);
}

std::string AllowedValues(const Directive& directive) {
  return std::visit(Describer{}, directive.field);
}

std::string ConfigLine(const Directive& directive, const Config& config) {
  std::string value = Get(directive, config);
  if (const auto* memory = std::get_if<MemoryField>(&directive.field)) {
    value = MemoryText(config.*memory->field);
  } else if (const auto* limits = std::get_if<OutputLimitsField>(&directive.field)) {
    value = OutputLimitsText(config.*limits->field, MemoryText);
  } else if ((std::holds_alternative<TextField>(directive.field) ||
              std::holds_alternative<EventFlagsField>(directive.field)) &&
             NeedsQuotes(value)) {
    value = Quoted(value);
  }
  return std::string(directive.name) + ' ' + value;
}

}  // namespace holdfast

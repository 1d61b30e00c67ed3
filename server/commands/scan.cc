#include "server/commands/scan.h"

#include <algorithm>

#include "protocol/words.h"
#include "server/commands/keys.h"
#include "storage/base/parse_int.h"

namespace holdfast {

std::optional<ScanStep> ScanStep::Read(CommandContext& ctx, Args words, ScanOf what) {
  ScanStep step;
  for (size_t at = 0; at < words.size(); at += 2) {
    if (at + 1 == words.size()) {
      ctx.reply.Error(kSyntaxError);
      return std::nullopt;
    }
    std::string_view error;
    if (EqualsIgnoreCase(words[at], "COUNT")) {
      const auto count = ParseInt64(words[at + 1]);
      if (!count) error = kNotIntegerError;
      if (count && *count < 1) error = kSyntaxError;
      step.count_ = static_cast<size_t>(std::clamp<int64_t>(count.value_or(1), 1, kScanCountMax));
    } else if (EqualsIgnoreCase(words[at], "MATCH")) {
      const std::string_view pattern = words[at + 1];
      if (pattern.size() > kGlobBytesMax) error = "ERR the pattern is longer than 64 KiB";
      step.pattern_.reset();
      if (error.empty() && pattern != "*") step.pattern_.emplace(pattern);
    } else if (what == ScanOf::kKeys && EqualsIgnoreCase(words[at], "TYPE")) {
      step.type_ = words[at + 1];
    } else {
      error = kSyntaxError;
    }
    if (!error.empty()) {
      ctx.reply.Error(error);
      return std::nullopt;
    }
  }
  return step;
}

}  // namespace holdfast

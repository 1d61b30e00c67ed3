// holdfast-check's command line.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "storage/base/status.h"
#include "storage/check/dump.h"

namespace holdfast {

struct CheckArguments {
  std::string directory;
  bool help = false;
  bool state = true;
  bool cut_tail = false;
  std::optional<DumpRange> dump;
};

std::string_view CheckUsage();

// kInvalid: not a command line of ours.
Status ParseCheckArguments(std::span<char* const> words, CheckArguments& out);

}  // namespace holdfast

// What of a command line nobody else may see: SLOWLOG and MONITOR show it without its passwords.
#pragma once

#include <string_view>
#include <vector>

#include "server/command.h"

namespace holdfast {

// `words` with "(redacted)" in the place of each secret.
std::vector<std::string_view> WithoutSecrets(const CommandSpec& command, Args words);

}  // namespace holdfast

// CONFIG REWRITE: the configuration file, made to say what is in force now, and otherwise left as
// its author wrote it: comments, order, and every line that already says so.
#pragma once

#include <string>
#include <string_view>

#include "server/config.h"
#include "storage/base/status.h"

namespace holdfast {

// The text of a file that sets what `config` holds. Of a directive that `text` sets more than once
// the first place stays. What it does not set is added at the end, unless it is the default.
std::string RewrittenConfig(std::string_view text, const Config& config);

// Replaces the file by its rewritten self: whole or not at all, also when power fails. Its owner's
// permissions stay (it may hold a password). Waits for the disk.
Status RewriteConfigFile(const std::string& path, const Config& config);

}  // namespace holdfast

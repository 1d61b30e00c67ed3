#pragma once

#include <string>

namespace holdfast {

// The command table as the README shows it, in Markdown: a table for each group.
std::string CommandListMarkdown();

}  // namespace holdfast

#include "server/commands/command_list.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "server/command_table.h"

namespace holdfast {
namespace {

// "CONFIG|GET" is typed as two words; a bar would end a table's cell.
void AppendCell(std::string& out, std::string_view text, char bar) {
  for (const char c : text) {
    if (c != '|') {
      out += c;
    } else if (bar == ' ') {
      out += ' ';
    } else {
      out += "\\|";
    }
  }
}

void AppendRow(std::string& out, const CommandSpec& row) {
  out += "| `";
  AppendCell(out, row.name, ' ');
  if (!row.args.empty()) out += ' ';
  AppendCell(out, row.args, '|');
  out += "` | ";
  AppendCell(out, row.summary, '|');
  out += " |\n";
}

}  // namespace

std::string CommandListMarkdown() {
  // Groups in the order in which the table first names them.
  std::vector<std::pair<std::string_view, std::string>> groups;
  for (const CommandSpec* row : Commands().rows()) {
    if ((row->flags & kContainer) != 0 && row->run == nullptr) continue;
    auto group = std::ranges::find(groups, row->group, &decltype(groups)::value_type::first);
    if (group == groups.end()) group = groups.insert(groups.end(), {row->group, {}});
    AppendRow(group->second, *row);
  }
  std::string out;
  for (const auto& [name, rows] : groups) {
    out += out.empty() ? "" : "\n";
    out += "**" + std::string(name) + "**\n\n| command | what it does |\n|---|---|\n" + rows;
  }
  return out;
}

}  // namespace holdfast

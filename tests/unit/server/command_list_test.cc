#include "server/commands/command_list.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

// After a change of the table: `holdfast --print-commands` between the README's two marks.
TEST(CommandList, IsWhatTheReadmeShows) {
  std::ifstream file(HOLDFAST_SOURCE_DIR "/README.md");
  const std::string readme{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(readme.find("<!-- commands -->\n" + CommandListMarkdown() + "<!-- /commands -->"),
            std::string::npos);
}

}  // namespace
}  // namespace holdfast

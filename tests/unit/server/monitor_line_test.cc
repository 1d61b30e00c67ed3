#include "server/monitor_line.h"

#include <gtest/gtest.h>

#include "server/command_table.h"
#include "server/commands/secrets.h"

namespace holdfast {
namespace {

using Words = std::vector<std::string_view>;

TEST(MonitorLine, IsOneLineWhateverTheBytes) {
  const auto at = std::chrono::sys_time<std::chrono::nanoseconds>(
      std::chrono::nanoseconds(1'795'307'295'000'042'999));
  const Words words = {"SET", "a", std::string_view("b c\"\\\n\r\t\a\b\x01\xc3\0", 13), ""};
  EXPECT_EQ(MonitorLine(at, 3, "127.0.0.1:5", words),
            "+1795307295.000042 [3 127.0.0.1:5] \"SET\" \"a\" "
            "\"b c\\\"\\\\\\n\\r\\t\\a\\b\\x01\\xc3\\x00\" \"\"\r\n");
}

Words Shown(const Words& words) { return WithoutSecrets(*Commands().Find(words), words); }

TEST(WithoutSecrets, PasswordsAreLeftOut) {
  EXPECT_EQ(Shown({"AUTH", "pw"}), (Words{"AUTH", "(redacted)"}));
  EXPECT_EQ(Shown({"auth", "me", "pw"}), (Words{"auth", "(redacted)", "(redacted)"}));
  EXPECT_EQ(
      Shown({"HELLO", "3", "setname", "auth", "Auth", "me", "pw", "SETNAME", "x"}),
      (Words{"HELLO", "3", "setname", "auth", "Auth", "(redacted)", "(redacted)", "SETNAME", "x"}));
  EXPECT_EQ(Shown({"CONFIG", "set", "timeout", "1", "RequirePass", "pw"}),
            (Words{"CONFIG", "set", "timeout", "1", "RequirePass", "(redacted)"}));
}

TEST(WithoutSecrets, NothingElseIs) {
  for (const Words& words : {Words{"SET", "requirepass", "x"}, Words{"GET", "AUTH"},
                             Words{"CONFIG", "GET", "requirepass"}, Words{"HELLO", "3", "AUTH"}}) {
    EXPECT_EQ(Shown(words), words);
  }
}

}  // namespace
}  // namespace holdfast

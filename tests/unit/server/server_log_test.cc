#include "server/server_log.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace holdfast {
namespace {

// A server log in a file of its own.
class ServerLog : public ::testing::Test {
 protected:
  void SetUp() override {
    std::remove(path_.c_str());
    ASSERT_TRUE(OpenServerLog(path_, LogLevel::kDebug).ok());
  }
  void TearDown() override {
    ASSERT_TRUE(OpenServerLog("", LogLevel::kNotice).ok());
    std::remove(path_.c_str());
  }

  std::vector<std::string> Lines() const {
    std::ifstream file(path_);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  // A line's mark and message, without pid and time.
  std::vector<std::string> Messages() const {
    std::vector<std::string> messages;
    for (const std::string& line : Lines()) messages.push_back(line.substr(line.find('.') + 5));
    return messages;
  }

  const std::string path_ =
      ::testing::TempDir() + "holdfast_server_log_test." + std::to_string(getpid()) + ".log";
};

// "4711:M 21 Nov" as "0000:A 00 Aaa".
std::string Shape(std::string text) {
  for (char& c : text) {
    if (c >= '0' && c <= '9') c = '0';
    if (c >= 'A' && c <= 'Z') c = 'A';
    if (c >= 'a' && c <= 'z') c = 'a';
  }
  return text;
}

TEST_F(ServerLog, WritesLinesAsRedisDoes) {
  LogNotice("Ready to accept connections on port {}", 6379);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1U);
  const std::string pid = std::to_string(::getpid());
  ASSERT_TRUE(lines[0].starts_with(pid + ":M ")) << lines[0];
  const std::string rest = lines[0].substr(pid.size() + 3);
  const std::string time = "21 Nov 2026 21:09:25.123 ";
  EXPECT_EQ(Shape(rest.substr(0, time.size())), Shape(time)) << lines[0];
  EXPECT_EQ(rest.substr(time.size()), "* Ready to accept connections on port 6379");
}

TEST_F(ServerLog, TellsLocalWallTime) {
  using std::chrono::system_clock;
  const auto before = std::chrono::floor<std::chrono::seconds>(system_clock::now());
  LogNotice("now");
  const auto after = system_clock::now();
  const std::string line = Lines().at(0);
  std::tm local{};
  ASSERT_NE(::strptime(line.substr(line.find(' ')).c_str(), " %d %b %Y %H:%M:%S", &local), nullptr);
  local.tm_isdst = -1;
  const auto told = system_clock::from_time_t(std::mktime(&local));
  EXPECT_GE(told, before);
  EXPECT_LE(told, after);
}

TEST_F(ServerLog, MarksEachLevel) {
  LogDebug("a");
  LogVerbose("b");
  LogNotice("c");
  LogWarning("d");
  EXPECT_EQ(Messages(), (std::vector<std::string>{". a", "- b", "* c", "# d"}));
}

TEST_F(ServerLog, LeavesOutWhatLiesBelowItsLevel) {
  SetLogLevel(LogLevel::kWarning);
  LogNotice("unseen");
  WriteLog(LogLevel::kVerbose, "unseen");
  LogWarning("seen");
  SetLogLevel(LogLevel::kVerbose);
  LogDebug("unseen");
  LogVerbose("seen again");
  EXPECT_EQ(Messages(), (std::vector<std::string>{"# seen", "- seen again"}));
}

TEST_F(ServerLog, AMessageCannotForgeALine) {
  LogNotice("key '{}'", "x\n1:M 21 Nov 2026 21:09:25.123 # all is lost\x1b\x7f");
  EXPECT_EQ(Messages(), (std::vector<std::string>{
                            "* key 'x\\x0a1:M 21 Nov 2026 21:09:25.123 # all is lost\\x1b\\x7f'"}));
}

TEST_F(ServerLog, BracesInAMessageAreNoFormat) {
  WriteLog(LogLevel::kNotice, "{} {0} {hash}");
  EXPECT_EQ(Messages(), std::vector<std::string>{"* {} {0} {hash}"});
}

TEST_F(ServerLog, AppendsToAFileThatIsThere) {
  LogNotice("before");
  ASSERT_TRUE(OpenServerLog(path_, LogLevel::kNotice).ok());
  LogNotice("after");
  EXPECT_EQ(Messages(), (std::vector<std::string>{"* before", "* after"}));
}

TEST_F(ServerLog, SaysWhyAFileCannotBeOpened) {
  const Status opened = OpenServerLog("/proc/no/such.log", LogLevel::kNotice);
  EXPECT_EQ(opened.code(), Status::Code::kIo);
  EXPECT_NE(opened.text().find("/proc/no/such.log"), std::string::npos) << opened.text();
}

}  // namespace
}  // namespace holdfast

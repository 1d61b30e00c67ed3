#include "server/config.h"

#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "server/directives.h"

namespace holdfast {
namespace {

// A command line, and the file it may name.
class CommandLine : public ::testing::Test {
 protected:
  Status Parse(std::vector<std::string> words) {
    std::vector<char*> args;
    args.reserve(words.size());
    for (std::string& word : words) args.push_back(word.data());
    request_ = {};
    return ParseCommandLine(args, request_);
  }

  std::string MakeFile(std::string_view text) {
    std::string path =
        ::testing::TempDir() + "holdfast_config_test." + std::to_string(getpid()) + ".conf";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  // What is wrong with a file of this text; the file itself is written FILE.
  std::string MistakeIn(std::string_view text) {
    const std::string path = MakeFile(text);
    const Status status = Parse({path});
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.code(), Status::Code::kInvalid);
    EXPECT_EQ(status.text().find('\n'), std::string::npos) << "one line";
    std::string mistake = status.text();
    if (mistake.starts_with(path)) mistake.replace(0, path.size(), "FILE");
    return mistake;
  }

  std::string MistakeAt(std::vector<std::string> words) {
    const Status status = Parse(std::move(words));
    EXPECT_FALSE(status.ok());
    return status.text();
  }

  StartRequest request_;
};

TEST_F(CommandLine, WithoutWordsEverythingIsAsDefault) {
  ASSERT_TRUE(Parse({}).ok());
  EXPECT_EQ(request_.action, StartRequest::Action::kRun);
  for (const Directive& directive : Directives()) {
    EXPECT_EQ(Get(directive, request_.config), Get(directive, Config{})) << directive.name;
  }
  EXPECT_TRUE(request_.warnings.empty());
  EXPECT_TRUE(request_.config_file.empty());
}

TEST_F(CommandLine, DirectivesFollowTwoDashes) {
  ASSERT_TRUE(Parse({"--port", "7000", "--shards", "2", "--bind", "10.0.0.1", "-::1"}).ok());
  EXPECT_EQ(request_.config.port, 7000);
  EXPECT_EQ(request_.config.shards, 2);
  EXPECT_EQ(request_.config.bind, (std::vector<std::string>{"10.0.0.1", "-::1"}));
}

TEST_F(CommandLine, WinsOverTheFile) {
  const std::string path = MakeFile("port 7000\nmaxclients 9\n");
  ASSERT_TRUE(Parse({path, "--port", "7001"}).ok());
  EXPECT_EQ(request_.config.port, 7001);
  EXPECT_EQ(request_.config.maxclients, 9);
  EXPECT_EQ(request_.config_file, path);
}

TEST_F(CommandLine, AYesNoDirectiveAloneMeansYes) {
  ASSERT_TRUE(Parse({"--accept-clock", "--protected-mode", "no"}).ok());
  EXPECT_TRUE(request_.config.accept_clock);
  EXPECT_FALSE(request_.config.protected_mode);
}

TEST_F(CommandLine, AsksForHelpVersionOrTheSampleFile) {
  ASSERT_TRUE(Parse({"--help"}).ok());
  EXPECT_EQ(request_.action, StartRequest::Action::kHelp);
  ASSERT_TRUE(Parse({"-v"}).ok());
  EXPECT_EQ(request_.action, StartRequest::Action::kVersion);
  ASSERT_TRUE(Parse({"--print-conf"}).ok());
  EXPECT_EQ(request_.action, StartRequest::Action::kPrintConf);
}

TEST_F(CommandLine, NamesABackupToRestoreAndWhereTo) {
  ASSERT_TRUE(Parse({"--restore-from", "/b", "--at", "7", "--dir", "/d"}).ok());
  EXPECT_EQ(request_.action, StartRequest::Action::kRestore);
  EXPECT_EQ(request_.backups, "/b");
  EXPECT_EQ(request_.backup_number, 7U);
  EXPECT_EQ(request_.config.dir, "/d");
  ASSERT_TRUE(Parse({"--restore-from", "/b", "--at", "latest"}).ok());
  EXPECT_EQ(request_.backup_number, 0U);
  ASSERT_TRUE(Parse({"--list-backups", "/b"}).ok());
  EXPECT_EQ(request_.action, StartRequest::Action::kListBackups);
  EXPECT_EQ(MistakeAt({"--restore-from"}), "command line: --restore-from takes one value");
  for (const char* at : {"0", "-1", "soon", "4294967296"}) {
    EXPECT_EQ(MistakeAt({"--restore-from", "/b", "--at", at}),
              "command line: --at takes 'latest' or the number of a backup");
  }
}

TEST_F(CommandLine, MistakesNameTheRemedy) {
  EXPECT_EQ(MistakeAt({"--prot", "1"}),
            "command line: '--prot' is not a directive; did you mean '--port'?");
  EXPECT_EQ(MistakeAt({"--qqqqqqqq", "1"}),
            "command line: '--qqqqqqqq' is not a directive; `holdfast --help` lists them");
  EXPECT_EQ(MistakeAt({"--port"}), "command line: port: the value is missing");
  EXPECT_EQ(MistakeAt({"--shards", "65"}),
            "command line: shards: argument must be between 1 and 64 inclusive");
  EXPECT_EQ(MistakeAt({"/no/such.conf"}),
            "cannot read the configuration file '/no/such.conf': No such file or directory");
  EXPECT_EQ(MistakeAt({"/"}), "cannot read the configuration file '/': a directory");
}

TEST_F(CommandLine, AWordBehindTheFileIsNoValue) {
  EXPECT_EQ(MistakeAt({MakeFile(""), "7000"}),
            "command line: a word follows the configuration file; values belong behind a "
            "--directive");
}

TEST_F(CommandLine, ThePasswordIsInNoErrorAndNoWarning) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--requirepass", "s3cret", "word"},
                                             {"--requirepass", "--s3cret"},
                                             {"--requirepass", "s3cret", "--port", "x"},
                                             {MakeFile("requirepass \"s3cret\n")},
                                             {MakeFile("requirepass s3cret word\n")},
                                             {MakeFile("requirepass \"s3cret\"word\n")},
                                             {MakeFile("requirepass \"s3cret\\x00\"\n")},
                                             {"--masterauth", "s3cret", "word"}}) {
    const std::string mistake = MistakeAt(words);
    EXPECT_EQ(mistake.find("s3cret"), std::string::npos) << mistake;
  }
  ASSERT_TRUE(Parse({"--requirepass", "s3cret", "--tls-key-file-pass", "s3cret"}).ok());
  ASSERT_EQ(request_.warnings.size(), 1U);
  EXPECT_EQ(request_.warnings[0].find("s3cret"), std::string::npos);
}

TEST_F(CommandLine, WhatOnlyRedisHasIsNamedInOneWarning) {
  const std::string path = MakeFile("save 3600 1\nport 7000\nDaemonize no\nsave 300 100\n");
  ASSERT_TRUE(Parse({path, "--maxmemory-policy", "allkeys-lru"}).ok());
  EXPECT_EQ(request_.config.port, 7000);
  EXPECT_EQ(request_.warnings,
            std::vector<std::string>{"ignored these directives of Redis, which have no meaning "
                                     "here: save daemonize maxmemory-policy"});
}

TEST_F(CommandLine, AFileSkipsBlankLinesAndCommentsAndTakesQuotes) {
  const std::string path = MakeFile(
      "# head\r\n\r\n   # indented\n\tPORT\t7000  \r\n"
      "requirepass \"a \\x41\\n\\\"b\"\nlogfile 'it\\'s here'\nunixsocket \"\"\nmaxclients 5");
  const Status parsed = Parse({path});
  ASSERT_TRUE(parsed.ok()) << parsed.text();
  EXPECT_EQ(request_.config.port, 7000);
  EXPECT_EQ(request_.config.requirepass, "a A\n\"b");
  EXPECT_EQ(request_.config.logfile, "it's here");
  EXPECT_EQ(request_.config.unixsocket, "");
  EXPECT_EQ(request_.config.maxclients, 5) << "the last line needs no line feed";
}

TEST_F(CommandLine, AMistakeInAFileNamesFileAndLine) {
  EXPECT_EQ(MistakeIn("port 1\n\n# x\nprot 2\nport x\n"),
            "FILE:4: 'prot' is not a directive; did you mean 'port'?");
  EXPECT_EQ(MistakeIn("port x"), "FILE:1: port: argument couldn't be parsed into an integer");
  EXPECT_EQ(MistakeIn("\nport 7000 # the usual\n"),
            "FILE:2: port: takes one value, not 4; quote a value with blanks, put a comment on "
            "its own line");
  EXPECT_EQ(MistakeIn("appendonly\n"), "FILE:1: appendonly: the value is missing");
  EXPECT_EQ(MistakeIn("dir \"/x\n"),
            "FILE:1: unbalanced quotes, or more than 64 words; close each quote and leave a blank "
            "behind it");
  EXPECT_EQ(MistakeIn("accept-clock yes\n"),
            "FILE:1: accept-clock: is for one start; remove the line and give --accept-clock");
}

TEST_F(CommandLine, AFileOfHostileBytesIsRefusedInOnePlainLine) {
  const std::string mistake_of_bytes = MistakeIn(std::string("\x1b[2J\0\xff\x7f 1\n", 10));
  EXPECT_EQ(mistake_of_bytes,
            R"(FILE:1: '?[2J???' is not a directive; `holdfast --help` lists them)");
  const std::string mistake = MistakeIn(std::string(500'000, 'q') + " 1\n");
  EXPECT_LT(mistake.size(), 200U);
  EXPECT_NE(MistakeIn(std::string(1'100'000, '\n')).find("larger than 1mb"), std::string::npos);
}

TEST_F(CommandLine, DirectivesThatContradictEachOtherAreRefused) {
  EXPECT_TRUE(MistakeAt({"--port", "0"}).starts_with("port 0 and no unixsocket"));
  EXPECT_TRUE(Parse({"--port", "0", "--unixsocket", "/tmp/s"}).ok());
  EXPECT_TRUE(MistakeAt({"--hold-ttl", "7201"}).starts_with("hold-ttl is above hold-max-life"));
  EXPECT_TRUE(Parse({"--hold-ttl", "7200"}).ok());
  EXPECT_TRUE(MistakeAt({"--proto-max-bulk-len", "129mb"})
                  .starts_with("proto-max-bulk-len is above client-query-buffer-limit"));
  EXPECT_TRUE(Parse({"--proto-max-bulk-len", "128mb"}).ok());
  EXPECT_TRUE(MistakeAt({"--group-bytes-max", "63mb"})
                  .starts_with("proto-max-bulk-len is above group-bytes-max"));
  EXPECT_TRUE(Parse({"--group-bytes-max", "64mb"}).ok());
}

TEST(DefaultShards, IsOneForEachProcessorAndAtMostSixtyFour) {
  EXPECT_GE(DefaultShards(), 1);
  EXPECT_LE(DefaultShards(), 64);
}

}  // namespace
}  // namespace holdfast

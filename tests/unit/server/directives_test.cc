#include "server/directives.h"

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using Matches = std::vector<std::pair<std::string_view, std::string>>;

// The value after setting, or why it was refused.
std::string AfterSet(std::string_view name, std::string_view value) {
  Config config;
  const Directive* directive = FindDirective(name);
  if (directive == nullptr) return "no such directive";
  const Status set = Set(*directive, config, value);
  return set.ok() ? Get(*directive, config) : set.text();
}

TEST(Directives, EveryDefaultIsAValueThatSetAccepts) {
  for (const Directive& directive : Directives()) {
    Config config;
    const std::string value = Get(directive, Config{});
    EXPECT_TRUE(Set(directive, config, value).ok()) << directive.name << " " << value;
    EXPECT_EQ(Get(directive, config), value) << directive.name;
  }
}

TEST(Directives, NamesAreUniqueAndNeverAmongThoseThatOnlyRedisHas) {
  std::set<std::string_view> names;
  for (const Directive& directive : Directives()) {
    EXPECT_TRUE(names.insert(directive.name).second) << directive.name;
    EXPECT_FALSE(IsRedisOnlyDirective(directive.name)) << directive.name;
    if (directive.alias.empty()) continue;
    EXPECT_TRUE(names.insert(directive.alias).second) << directive.alias;
    EXPECT_FALSE(IsRedisOnlyDirective(directive.alias)) << directive.alias;
    EXPECT_TRUE(directive.doc.ends_with('.')) << directive.name;
  }
}

// A row that pointed to its neighbour's field would pass every test of its own.
TEST(Directives, NoTwoDirectivesSetTheSameField) {
  for (const Directive& directive : Directives()) {
    for (const std::string_view value : {"7", "1048577", "701", "yes", "no", "always", "debug"}) {
      Config config;
      if (!Set(directive, config, value).ok()) continue;
      for (const Directive& other : Directives()) {
        if (&other == &directive) continue;
        EXPECT_EQ(Get(other, config), Get(other, Config{})) << directive.name << " " << other.name;
      }
    }
  }
}

TEST(Directives, OutputLimitsAreSetClassByClassOrNotAtAll) {
  const std::string begin = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
  const std::string name = "client-output-buffer-limit";
  EXPECT_EQ(Get(*FindDirective(name), Config{}), begin);
  EXPECT_EQ(AfterSet(name, "pubsub 1mb 1kb 5 NORMAL 1 2 3 replica 4 5 6"),
            "normal 1 2 3 slave 4 5 6 pubsub 1048576 1024 5");
  for (const std::string_view bad : {"", "pubsub", "pubsub 1 2", "pubsub 1 2 3 normal"}) {
    EXPECT_EQ(AfterSet(name, bad), "Wrong number of arguments in buffer limit configuration.");
  }
  EXPECT_EQ(AfterSet(name, "pubsub 1 2 3 master 1 2 3"),
            "Invalid client class specified in buffer limit configuration.");
  for (const std::string_view bad :
       {"pubsub x 2 3", "pubsub 1 2x 3", "pubsub 1 2 -3", "pubsub 1 2 3.5", "pubsub -1 2 3"}) {
    EXPECT_EQ(AfterSet(name, bad),
              "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
  }
}

TEST(Directives, EventLettersAreShownAsRedisShowsThem) {
  const std::string name = "notify-keyspace-events";
  EXPECT_EQ(AfterSet(name, ""), "");
  EXPECT_EQ(AfterSet(name, "KEA"), "AKE");
  EXPECT_EQ(AfterSet(name, "Em"), "Em");
  EXPECT_EQ(AfterSet(name, "KEn"), "nKE");
  EXPECT_EQ(AfterSet(name, "dtexzhsl$gE"), "AE");
  EXPECT_EQ(AfterSet(name, "xKg"), "gxK");
  EXPECT_EQ(AfterSet(name, "KAmn"), "AnKm");  // Redis forgets the n
  EXPECT_EQ(AfterSet(name, "KEq"), "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
}

TEST(Directives, AreFoundInAnyCase) {
  ASSERT_NE(FindDirective("MaxMemory"), nullptr);
  EXPECT_EQ(FindDirective("MaxMemory")->name, "maxmemory");
  EXPECT_EQ(FindDirective("maxmemor"), nullptr);
}

TEST(Directives, AnAliasNamesTheSameDirective) {
  EXPECT_EQ(FindDirective("SLAVE-priority"), FindDirective("replica-priority"));
  EXPECT_EQ(FindDirective(""), nullptr);
  const std::string_view both[] = {"*-priority"};
  EXPECT_EQ(MatchDirectives(both, Config{}),
            (Matches{{"replica-priority", "100"}, {"slave-priority", "100"}}));
  const std::string_view older[] = {"slave-priority"};
  EXPECT_EQ(MatchDirectives(older, Config{}), (Matches{{"slave-priority", "100"}}));
}

TEST(Directives, OnlyOneAnswerMayBeAllThereIs) {
  EXPECT_EQ(AfterSet("replica-read-only", "YES"), "yes");
  EXPECT_EQ(AfterSet("replica-read-only", "no"), "argument must be one of the following: yes");
}

TEST(Directives, IntegersAreStrictAndInRange) {
  EXPECT_EQ(AfterSet("port", "0"), "0");
  EXPECT_EQ(AfterSet("port", "65535"), "65535");
  EXPECT_EQ(AfterSet("port", "65536"), "argument must be between 0 and 65535 inclusive");
  EXPECT_EQ(AfterSet("port", "-1"), "argument must be between 0 and 65535 inclusive");
  for (const std::string_view bad : {"", "+1", "01", " 1", "1 ", "0x10", "9223372036854775808"}) {
    EXPECT_EQ(AfterSet("port", bad), "argument couldn't be parsed into an integer") << bad;
  }
  EXPECT_EQ(AfterSet("shards", "64"), "64");
  EXPECT_EQ(AfterSet("shards", "65"), "argument must be between 1 and 64 inclusive");
  EXPECT_EQ(AfterSet("databases", "32"), "argument can only be 16");
}

TEST(Directives, MemoryTakesRedisUnits) {
  EXPECT_EQ(AfterSet("maxmemory", "100"), "100");
  EXPECT_EQ(AfterSet("maxmemory", "100b"), "100");
  EXPECT_EQ(AfterSet("maxmemory", "2k"), "2000");
  EXPECT_EQ(AfterSet("maxmemory", "2kb"), "2048");
  EXPECT_EQ(AfterSet("maxmemory", "2m"), "2000000");
  EXPECT_EQ(AfterSet("maxmemory", "2MB"), "2097152");
  EXPECT_EQ(AfterSet("maxmemory", "2g"), "2000000000");
  EXPECT_EQ(AfterSet("maxmemory", "2Gb"), "2147483648");
  for (const std::string_view bad :
       {"", "mb", "-1", "1tb", "1 mb", "1.5gb", "5%", "9223372036854775807kb"}) {
    EXPECT_EQ(AfterSet("maxmemory", bad), "argument must be a memory value, such as 64mb") << bad;
  }
  EXPECT_EQ(AfterSet("proto-max-bulk-len", "1048575"),
            "argument must be between 1048576 and 536870912 inclusive");
}

TEST(Directives, OtherTypesSayWhatTheyTake) {
  EXPECT_EQ(AfterSet("hold-ttl", "60"), "60");
  EXPECT_EQ(AfterSet("hold-ttl", "1h"), "argument must be a whole number of seconds");
  EXPECT_EQ(AfterSet("appendonly", "NO"), "no");
  EXPECT_EQ(AfterSet("appendonly", "1"), "argument must be 'yes' or 'no'");
  EXPECT_EQ(AfterSet("appendfsync", "Always"), "always");
  EXPECT_EQ(AfterSet("appendfsync", "sometimes"),
            "argument must be one of the following: always, everysec, no");
  EXPECT_EQ(AfterSet("unixsocketperm", "0770"), "770");
  for (const std::string_view bad : {"", "778", "1000", "-1", "7 "}) {
    EXPECT_EQ(AfterSet("unixsocketperm", bad),
              "argument must be an octal number between 0 and 777, such as 700")
        << bad;
  }
  EXPECT_EQ(AfterSet("dir", ""), "argument must not be empty");
  EXPECT_EQ(AfterSet("dir", std::string_view("a\0b", 3)), "argument must not contain a zero byte");
  EXPECT_EQ(AfterSet("bind", " ::1   -10.0.0.1 "), "::1 -10.0.0.1");
  EXPECT_EQ(AfterSet("bind", " "), "argument must be at least one word");
}

TEST(Directives, ARefusedValueChangesNothing) {
  Config config;
  config.bind = {"10.0.0.1"};
  EXPECT_FALSE(Set(*FindDirective("bind"), config, "1 # here").ok());
  EXPECT_EQ(config.bind, std::vector<std::string>{"10.0.0.1"});
}

TEST(Directives, WhatIsForTheStartCannotBeChangedWhileRunning) {
  Config config;
  for (const std::string_view name : {"port", "shards", "appendonly", "dir", "accept-clock"}) {
    const std::string before = Get(*FindDirective(name), config);
    const Status set = SetWhileRunning(*FindDirective(name), config, "1");
    EXPECT_EQ(set.text(), "can't set immutable config; restart the server with the new value");
    EXPECT_EQ(Get(*FindDirective(name), config), before);
  }
  EXPECT_TRUE(SetWhileRunning(*FindDirective("maxclients"), config, "5").ok());
  EXPECT_EQ(config.maxclients, 5);
}

TEST(Directives, PatternsMatchNamesInAnyCaseAndEachOnce) {
  const std::string_view patterns[] = {"MAXMEM*", "maxmemory", "appendfs?nc"};
  EXPECT_EQ(MatchDirectives(patterns, Config{}),
            (Matches{{"maxmemory-clients", "0"}, {"maxmemory", "0"}, {"appendfsync", "everysec"}}));
}

TEST(Directives, TheClosestNameIsSuggested) {
  EXPECT_EQ(ClosestDirective("prot"), "port");
  EXPECT_EQ(ClosestDirective("append_only"), "appendonly");
  EXPECT_EQ(ClosestDirective("client-output-buffer"), "client-output-buffer-limit");
  EXPECT_EQ(ClosestDirective("repl-diskless-sync"), "");
  EXPECT_EQ(ClosestDirective("fsync"), "appendfsync");
  EXPECT_EQ(ClosestDirective("qqqqqqqq"), "");
  EXPECT_EQ(ClosestDirective(std::string(100'000, 'p')), "");
}

// Texts that need quotes, escapes or neither come back as they were.
TEST(ConfigLine, IsReadBackAsItWasWritten) {
  for (const std::string_view text : {"plain", "", "two words", "quo\"te'd \\ back", "line\nfeed",
                                      "back\\slash", "#hash", "\x01\x7f\xff"}) {
    Config config;
    config.requirepass = text;
    const std::string line = ConfigLine(*FindDirective("requirepass"), config);
    Config read;
    std::vector<std::string> redis_only;
    ASSERT_TRUE(ParseConfigText("test", line, read, redis_only).ok()) << line;
    EXPECT_EQ(read.requirepass, text) << line;
  }
}

TEST(ConfigLine, ShowsMemoryInTheLargestUnitThatDividesIt) {
  Config config;
  const Directive& maxmemory = *FindDirective("maxmemory");
  for (const std::string_view value : {"0", "1000", "3kb", "1025kb", "64mb", "2gb"}) {
    ASSERT_TRUE(Set(maxmemory, config, value).ok());
    EXPECT_EQ(ConfigLine(maxmemory, config), "maxmemory " + std::string(value));
  }
}

TEST(SampleConfigFile, IsTheFileInConf) {
  std::ifstream file(HOLDFAST_SOURCE_DIR "/conf/holdfast.conf");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(text, SampleConfigFile())
      << "write it anew: holdfast --print-conf > conf/holdfast.conf";
}

TEST(SampleConfigFile, NamesEveryDirectiveAndReadsBackAsTheDefaults) {
  const std::string text = SampleConfigFile();
  std::set<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.insert(line);
  for (const Directive& directive : Directives()) {
    if (directive.name == "shards") {
      EXPECT_TRUE(lines.contains("# shards <one for each processor>"));
    } else if (directive.name == "accept-clock") {
      EXPECT_TRUE(lines.contains("# --accept-clock"));
    } else {
      EXPECT_TRUE(lines.contains(ConfigLine(directive, Config{}))) << directive.name;
    }
  }

  // Every value that can differ does, so that a line that is missing or wrong shows.
  Config config;
  std::vector<std::string> redis_only;
  const std::string others =
      "port 1\nbind 1.1.1.1\nmaxclients 7\nappendfsync no\nloglevel debug\nrequirepass x\n"
      "hold-ttl 1\ndisk-reserve 0\nproto-max-bulk-len 2mb\nprotected-mode no\ndir /x\n";
  ASSERT_TRUE(ParseConfigText("others", others, config, redis_only).ok());
  ASSERT_TRUE(ParseConfigText("sample", text, config, redis_only).ok());
  for (const Directive& directive : Directives()) {
    EXPECT_EQ(Get(directive, config), Get(directive, Config{})) << directive.name;
  }
  EXPECT_TRUE(redis_only.empty());
}

TEST(HelpText, NamesEveryDirective) {
  const std::string help = HelpText();
  for (const Directive& directive : Directives()) {
    EXPECT_NE(help.find("\n  --" + std::string(directive.name) + " "), std::string::npos)
        << directive.name;
  }
}

}  // namespace
}  // namespace holdfast

#include "bench/arguments.h"

#include <vector>

#include <gtest/gtest.h>

namespace holdfast::bench {
namespace {

Status Parse(const std::vector<const char*>& words, Arguments& out) {
  return ParseArguments(words, out);
}

std::string Problem(const std::vector<const char*>& words) {
  Arguments arguments;
  const Status status = Parse(words, arguments);
  return status.ok() ? "" : status.text();
}

TEST(Arguments, ReadALoadWithItsOptions) {
  Arguments arguments;
  const Status status = Parse({"--load", "reserve", "-c", "7", "-P", "16", "-n", "1000", "--port",
                               "7000", "--lua", "--json", "out.json", "--rate", "500"},
                              arguments);
  ASSERT_TRUE(status.ok()) << status.text();
  EXPECT_EQ(arguments.load, "reserve");
  EXPECT_EQ(arguments.connections, 7U);
  EXPECT_EQ(arguments.pipeline, 16U);
  EXPECT_EQ(arguments.requests, 1000U);
  EXPECT_EQ(arguments.address.port, 7000);
  EXPECT_EQ(arguments.dialect, Dialect::kLua);
  EXPECT_EQ(arguments.json, "out.json");
  EXPECT_EQ(arguments.rate, 500U);
}

TEST(Arguments, SayWhichKeysAndWhichShard) {
  Arguments arguments;
  const Status status = Parse({"--load", "session", "--in-order", "--tag", "sale", "--ends-at",
                               "1795288322993", "--on-shard", "0", "--holds-per-buyer", "1"},
                              arguments);
  ASSERT_TRUE(status.ok()) << status.text();
  EXPECT_TRUE(arguments.in_order);
  EXPECT_EQ(arguments.tag, "sale");
  EXPECT_EQ(arguments.ends_at_ms, 1'795'288'322'993U);
  EXPECT_EQ(arguments.on_shard, 0U);
  EXPECT_EQ(arguments.holds_per_buyer, 1U);
}

TEST(Arguments, AHoldEndsOnceSoItsLoadCountsRequests) {
  EXPECT_EQ(Problem({"--load", "confirm", "-n", "10"}), "");
  EXPECT_EQ(Problem({"--load", "release", "--seconds", "3"}),
            "each hold ends once: --load release takes -n, not --seconds");
}

TEST(Arguments, ReadTheScenarioWithItsOwn) {
  Arguments arguments;
  const Status status = Parse({"--scenario", "masks", "--buyers", "500", "--connections", "20",
                               "--stock", "100", "--limit", "3", "--open-in", "0", "--seed", "9"},
                              arguments);
  ASSERT_TRUE(status.ok()) << status.text();
  EXPECT_EQ(arguments.masks.buyers, 500U);
  EXPECT_EQ(arguments.masks.connections, 20U);
  EXPECT_EQ(arguments.masks.stock, 100U);
  EXPECT_EQ(arguments.masks.limit, 3U);
  EXPECT_EQ(arguments.masks.open_in_s, 0U);
  EXPECT_EQ(arguments.seed, 9U);
}

TEST(Arguments, NameTheWordThatIsWrong) {
  EXPECT_EQ(Problem({"--load", "set", "--fast"}), "unknown option '--fast'");
  EXPECT_EQ(Problem({"--load", "set", "-c"}), "-c needs a value behind it");
  EXPECT_EQ(Problem({"--load", "set", "-c", "many"}),
            "-c takes a number from 1 to 10000, not 'many'");
  EXPECT_EQ(Problem({"--load", "set", "--port", "65536"}),
            "--port takes a number from 1 to 65535, not '65536'");
  EXPECT_EQ(Problem({"--scenario", "masks", "--connections", "201"}),
            "--connections takes a number from 1 to 200, not '201'");
  EXPECT_NE(Problem({"--load", "burst"}).find("unknown load 'burst'"), std::string::npos);
  EXPECT_NE(Problem({"--scenario", "gloves"}).find("unknown scenario 'gloves'"), std::string::npos);
}

TEST(Arguments, WantExactlyOneThingToDo) {
  EXPECT_FALSE(Problem({}).empty());
  EXPECT_FALSE(Problem({"--load", "set", "--scenario", "masks"}).empty());
}

TEST(Arguments, RefuseDialectsThatCannotSayIt) {
  EXPECT_FALSE(Problem({"--load", "lifecycle", "--lua-bare"}).empty());
  EXPECT_FALSE(Problem({"--scenario", "masks", "--lua"}).empty());
  EXPECT_TRUE(Problem({"--load", "soldout", "--lua-bare"}).empty());
}

TEST(Arguments, HelpNeedsNothingElse) {
  Arguments arguments;
  EXPECT_TRUE(Parse({"--help"}, arguments).ok());
  EXPECT_TRUE(arguments.help);
}

}  // namespace
}  // namespace holdfast::bench

#include "protocol/resp_writer.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using namespace std::string_literals;

// What `write` puts out in each version.
template <typename Write>
std::pair<std::string, std::string> InBoth(Write write) {
  std::pair<std::string, std::string> out;
  RespWriter resp2(out.first, RespVersion::kResp2);
  RespWriter resp3(out.second, RespVersion::kResp3);
  write(resp2);
  write(resp3);
  return out;
}

std::pair<std::string, std::string> Same(const std::string& text) { return {text, text}; }

TEST(RespWriter, AppendsToWhatIsThere) {
  std::string out = "+before\r\n";
  RespWriter(out, RespVersion::kResp2).Ok();
  EXPECT_EQ(out, "+before\r\n+OK\r\n");
}

TEST(RespWriter, LeavesOutBulkStringsBeyondItsBound) {
  std::string out = "+before\r\n";
  RespWriter writer(out, RespVersion::kResp2, 10);
  writer.Bulk("0123456789");  // the last to begin within the bound
  const size_t size = out.size();
  writer.Bulk("more");
  EXPECT_EQ(out.size(), size);
}

TEST(RespWriter, WritesStringsAlikeInBothVersions) {
  EXPECT_EQ(InBoth([](auto& w) { w.SimpleString("HELD"); }), Same("+HELD\r\n"));
  EXPECT_EQ(InBoth([](auto& w) { w.Bulk(""); }), Same("$0\r\n\r\n"));
  EXPECT_EQ(InBoth([](auto& w) { w.Bulk("a\r\n\0b"s); }), Same("$5\r\na\r\n\0b\r\n"s));
  EXPECT_EQ(InBoth([](auto& w) { w.Bulk(std::string(12345, 'x')); }),
            Same("$12345\r\n" + std::string(12345, 'x') + "\r\n"));
}

TEST(RespWriter, LetsNoErrorForgeAReply) {
  EXPECT_EQ(InBoth([](auto& w) { w.Error("ERR unknown command 'a\r\n+OK\r\n'"); }),
            Same("-ERR unknown command 'a  +OK  '\r\n"));
}

TEST(RespWriter, CleansNothingButTheError) {
  std::string out = "+OK\r\n";
  RespWriter(out, RespVersion::kResp2).Error("ERR\n");
  EXPECT_EQ(out, "+OK\r\n-ERR \r\n");
}

TEST(RespWriter, WritesEveryInteger) {
  std::vector<int64_t> values = {1795288322993, std::numeric_limits<int64_t>::max(),
                                 std::numeric_limits<int64_t>::min()};
  int64_t power = 1;  // of ten, and what is one digit less
  for (int zeros = 0; zeros <= 18; ++zeros, power = zeros <= 18 ? power * 10 : power) {
    for (const int64_t value : {power - 1, power, power + 1, 7 * (power / 7)}) {
      values.push_back(value);
      values.push_back(-value);
    }
  }
  for (int64_t value = -1100; value <= 1100; ++value) values.push_back(value);
  // Long ones are written by eights, and these by fours.
  for (int64_t four = 0; four <= 9999; ++four) {
    values.push_back(four * 10'000 + (9999 - four));
    values.push_back(70'000'000'000'000 + four * 10'001);
  }
  for (const int64_t value : values) {
    EXPECT_EQ(InBoth([&](auto& w) { w.Integer(value); }),
              Same(":" + std::to_string(value) + "\r\n"));
  }
}

TEST(RespWriter, WritesAStatusWithItsNumbersInOnePiece) {
  EXPECT_EQ(InBoth([](auto& w) {
              w.StatusArray("SOLDOUT", {0, 1795288322993, -1});
            }),
            Same("*4\r\n+SOLDOUT\r\n:0\r\n:1795288322993\r\n:-1\r\n"));
  EXPECT_EQ(InBoth([](auto& w) { w.StatusArray("CONFIRMED", {12}); }),
            Same("*2\r\n+CONFIRMED\r\n:12\r\n"));
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  const std::string least = ":" + std::to_string(kLeast) + "\r\n";
  EXPECT_EQ(
      InBoth([](auto& w) {
        w.StatusArray(std::string(RespWriter::kStatusBytesMax, 'S'), {kLeast, kLeast, kLeast});
      }),
      Same("*4\r\n+" + std::string(RespWriter::kStatusBytesMax, 'S') + "\r\n" + least + least +
           least));
}

TEST(RespWriter, HasOneNullInResp3AndTwoInResp2) {
  EXPECT_EQ(InBoth([](auto& w) { w.Null(); }), std::pair("$-1\r\n"s, "_\r\n"s));
  EXPECT_EQ(InBoth([](auto& w) { w.NullArray(); }), std::pair("*-1\r\n"s, "_\r\n"s));
}

TEST(RespWriter, FlattensWhatResp2HasNoTypeFor) {
  EXPECT_EQ(InBoth([](auto& w) { w.Array(3); }), Same("*3\r\n"));
  EXPECT_EQ(InBoth([](auto& w) { w.Array(1000); }), Same("*1000\r\n"));
  EXPECT_EQ(InBoth([](auto& w) { w.Map(7); }), std::pair("*14\r\n"s, "%7\r\n"s));
  EXPECT_EQ(InBoth([](auto& w) { w.Set(2); }), std::pair("*2\r\n"s, "~2\r\n"s));
  EXPECT_EQ(InBoth([](auto& w) { w.Push(3); }), std::pair("*3\r\n"s, ">3\r\n"s));
}

TEST(RespWriter, WritesDoublesAsRedis70Does) {
  const auto doubles = [](double value) { return InBoth([&](auto& w) { w.Double(value); }); };
  EXPECT_EQ(doubles(0), std::pair("$1\r\n0\r\n"s, ",0\r\n"s));
  EXPECT_EQ(doubles(3), std::pair("$1\r\n3\r\n"s, ",3\r\n"s));
  EXPECT_EQ(doubles(0.1),
            std::pair("$19\r\n0.10000000000000001\r\n"s, ",0.10000000000000001\r\n"s));
  EXPECT_EQ(doubles(-1.5), std::pair("$4\r\n-1.5\r\n"s, ",-1.5\r\n"s));
  EXPECT_EQ(doubles(1e300),
            std::pair("$23\r\n1.0000000000000001e+300\r\n"s, ",1.0000000000000001e+300\r\n"s));
  EXPECT_EQ(doubles(std::numeric_limits<double>::lowest()).second, ",-1.7976931348623157e+308\r\n");
  EXPECT_EQ(doubles(std::numeric_limits<double>::denorm_min()).second,
            ",4.9406564584124654e-324\r\n");
}

TEST(RespWriter, HasWordsForWhatIsNoNumber) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(InBoth([](auto& w) { w.Double(kInfinity); }), std::pair("$3\r\ninf\r\n"s, ",inf\r\n"s));
  EXPECT_EQ(InBoth([](auto& w) { w.Double(-kInfinity); }),
            std::pair("$4\r\n-inf\r\n"s, ",-inf\r\n"s));
  EXPECT_EQ(InBoth([](auto& w) { w.Double(-kNan); }), std::pair("$3\r\nnan\r\n"s, ",nan\r\n"s));
}

TEST(RespWriter, WritesBooleansBigNumbersAndVerbatimText) {
  EXPECT_EQ(InBoth([](auto& w) { w.Boolean(true); }), std::pair(":1\r\n"s, "#t\r\n"s));
  EXPECT_EQ(InBoth([](auto& w) { w.Boolean(false); }), std::pair(":0\r\n"s, "#f\r\n"s));
  EXPECT_EQ(InBoth([](auto& w) { w.BigNumber("-12345678901234567890"); }),
            std::pair("$21\r\n-12345678901234567890\r\n"s, "(-12345678901234567890\r\n"s));
  EXPECT_EQ(InBoth([](auto& w) { w.Verbatim("txt", "# Server\r\n"); }),
            std::pair("$10\r\n# Server\r\n\r\n"s, "=14\r\ntxt:# Server\r\n\r\n"s));
}

}  // namespace
}  // namespace holdfast

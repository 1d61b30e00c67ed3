#include "bench/request_template.h"

#include <gtest/gtest.h>

namespace holdfast::bench {
namespace {

TEST(RequestTemplate, WritesTheNumbersIntoTheirPlaces) {
  const RequestTemplate reserve({"RESERVE", "sku:<sku:4>", "h:<sku:2>-<hold:6>-x", "1"});
  std::string out;
  reserve.AppendTo(out, {.sku = 7, .hold = 123456});
  reserve.AppendTo(out, {.sku = 42, .hold = 0});
  EXPECT_EQ(out,
            "*4\r\n$7\r\nRESERVE\r\n$8\r\nsku:0007\r\n$13\r\nh:07-123456-x\r\n$1\r\n1\r\n"
            "*4\r\n$7\r\nRESERVE\r\n$8\r\nsku:0042\r\n$13\r\nh:42-000000-x\r\n$1\r\n1\r\n");
}

TEST(RequestTemplate, CutsDigitsThatDoNotFit) {
  std::string out;
  RequestTemplate({"<key:3>"}).AppendTo(out, {.key = 12345});
  EXPECT_EQ(out, "*1\r\n$3\r\n345\r\n");
}

TEST(RequestTemplate, TakesWordsOfAnyBytesAsTheyStand) {
  std::string out;
  RequestTemplate({"SET", std::string("a\r\n\0b", 5), ""}).AppendTo(out, {});
  EXPECT_EQ(out, std::string("*3\r\n$3\r\nSET\r\n$5\r\na\r\n\0b\r\n$0\r\n\r\n", 30));
}

TEST(RequestTemplate, FindsItsPlacesBehindWordsThatHoldLineEnds) {
  std::string out;
  RequestTemplate({"a\r\nb", "<key:2>"}).AppendTo(out, {.key = 9});
  EXPECT_EQ(out, "*2\r\n$4\r\na\r\nb\r\n$2\r\n09\r\n");
}

}  // namespace
}  // namespace holdfast::bench

#include "storage/base/long_double.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(ParseLongDouble, ReadsTheWholeWordOnly) {
  EXPECT_EQ(ParseLongDouble("0"), 0.0L);
  EXPECT_EQ(ParseLongDouble("+1"), 1.0L);
  EXPECT_EQ(ParseLongDouble("-1.5e3"), -1500.0L);
  EXPECT_EQ(ParseLongDouble(".5"), 0.5L);
  EXPECT_EQ(ParseLongDouble("5."), 5.0L);
  EXPECT_EQ(ParseLongDouble("0x1p-3"), 0.125L);
  EXPECT_EQ(ParseLongDouble("9007199254740993"), 9007199254740993.0L);  // no double
  for (const char* text : {"", " ", " 1", "\t1", "\v1", "1 ", "x", "1x", "1,5", "--1", "1e", "-"}) {
    EXPECT_FALSE(ParseLongDouble(text)) << text;
  }
  EXPECT_FALSE(ParseLongDouble(std::string_view("1\0", 2)));
}

TEST(ParseLongDouble, KnowsInfinityButNoNan) {
  EXPECT_EQ(ParseLongDouble("inf"), std::numeric_limits<long double>::infinity());
  EXPECT_EQ(ParseLongDouble("-INFINITY"), -std::numeric_limits<long double>::infinity());
  EXPECT_FALSE(ParseLongDouble("nan"));
  EXPECT_FALSE(ParseLongDouble("-nan"));
}

TEST(ParseLongDouble, RefusesWhatNoLongDoubleIs) {
  EXPECT_TRUE(ParseLongDouble("1e4932"));
  EXPECT_FALSE(ParseLongDouble("1e4933"));
  EXPECT_FALSE(ParseLongDouble("-1e4933"));
  EXPECT_FALSE(ParseLongDouble("1e-5000"));
  EXPECT_TRUE(ParseLongDouble("1e-4945"));  // subnormal, but not zero
  EXPECT_TRUE(ParseLongDouble("0e-99999"));
}

TEST(ParseLongDouble, RefusesWordsOf5KiB) {
  const std::string zeros(5 * 1024 - 1, '0');
  EXPECT_EQ(ParseLongDouble(zeros), 0.0L);
  EXPECT_FALSE(ParseLongDouble(zeros + "0"));
}

TEST(LongDoubleText, HasNoZerosAtItsEnd) {
  EXPECT_EQ(LongDoubleText(0.0L), "0");
  EXPECT_EQ(LongDoubleText(3.0L), "3");
  EXPECT_EQ(LongDoubleText(-1500.0L), "-1500");
  EXPECT_EQ(LongDoubleText(10.5L), "10.5");
  EXPECT_EQ(LongDoubleText(0.1L), "0.1");
  EXPECT_EQ(LongDoubleText(0.1L + 0.2L), "0.3");
  EXPECT_EQ(LongDoubleText(1.0L / 3), "0.33333333333333333");
}

TEST(LongDoubleText, WhatRoundsToZeroHasNoSign) {
  EXPECT_EQ(LongDoubleText(-0.0L), "0");
  EXPECT_EQ(LongDoubleText(-1e-18L), "0");
  EXPECT_EQ(LongDoubleText(-1e-17L), "-0.00000000000000001");
}

TEST(LongDoubleText, PrintsTheLargestInFull) {
  const std::string text = LongDoubleText(-std::numeric_limits<long double>::max());
  EXPECT_EQ(text.size(), 1u + 4933);
  EXPECT_EQ(text.substr(0, 8), "-1189731");
  EXPECT_EQ(ParseLongDouble(text), -std::numeric_limits<long double>::max());
}

}  // namespace
}  // namespace holdfast

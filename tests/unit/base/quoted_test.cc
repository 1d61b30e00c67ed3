#include "storage/base/quoted.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

std::string Quoted(std::string_view bytes) {
  std::string out;
  AppendQuoted(out, bytes);
  return out;
}

TEST(Quoted, ShowsWhatCanBeReadAsItIsAndEscapesTheRest) {
  EXPECT_EQ(Quoted(""), R"("")");
  EXPECT_EQ(Quoted("a b~ "), R"("a b~ ")");
  EXPECT_EQ(Quoted("\"\\\n\r\t\a\b"), R"("\"\\\n\r\t\a\b")");
  EXPECT_EQ(Quoted(std::string_view("\0\x1f\x7f\x80\xff", 5)), R"("\x00\x1f\x7f\x80\xff")");
}

}  // namespace
}  // namespace holdfast

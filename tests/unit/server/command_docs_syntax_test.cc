#include "server/commands/command_docs_syntax.h"

#include <string>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

// The tree as one line: name:type, "TOKEN" before it, ? optional, * multiple, (parts).
std::string Show(const std::vector<Argument>& arguments) {
  std::string text;
  for (const Argument& argument : arguments) {
    if (!text.empty()) text += ' ';
    if (!argument.token.empty()) text += '"' + argument.token + '"';
    text += argument.name + ":" + std::string(TypeName(argument.type));
    if (argument.optional) text += '?';
    if (argument.multiple) text += '*';
    if (!argument.arguments.empty()) text += "(" + Show(argument.arguments) + ")";
  }
  return text;
}

std::string Parsed(std::string_view line) { return Show(ParseArguments(line)); }

TEST(CommandDocsSyntax, NoArgumentsAreAnEmptyTree) { EXPECT_EQ(Parsed(""), ""); }

TEST(CommandDocsSyntax, WordsAreArgumentsWithTheTypeOfTheirName) {
  EXPECT_EQ(Parsed("sku hold units"), "sku:string hold:string units:integer");
  EXPECT_EQ(Parsed("pattern"), "pattern:pattern");
}

TEST(CommandDocsSyntax, BracketsAreOptional) {
  EXPECT_EQ(Parsed("key [seconds]"), "key:string seconds:integer?");
  EXPECT_EQ(Parsed("[MATCH pattern] [FINAL]"),
            "\"MATCH\"pattern:pattern? \"FINAL\"final:pure-token?");
}

TEST(CommandDocsSyntax, ChoicesInsideBracketsEachHaveTheirToken) {
  EXPECT_EQ(Parsed("[EX s|PX ms|KEEPTTL]"),
            "s-or-ms-or-keepttl:oneof?(\"EX\"s:integer \"PX\"ms:integer "
            "\"KEEPTTL\"keepttl:pure-token)");
  EXPECT_EQ(Parsed("[NX|XX]"), "nx-or-xx:oneof?(\"NX\"nx:pure-token \"XX\"xx:pure-token)");
}

TEST(CommandDocsSyntax, AChoiceBindsCloserThanABlank) {
  EXPECT_EQ(Parsed("sku hold EX s|PX ms"),
            "sku:string hold:string s-or-ms:oneof(\"EX\"s:integer \"PX\"ms:integer)");
}

TEST(CommandDocsSyntax, AWordBehindABarIsAnotherValueOfTheSameToken) {
  EXPECT_EQ(Parsed("[TO free|writeoff]"), "\"TO\"to:oneof?(free:string writeoff:string)");
}

TEST(CommandDocsSyntax, ATokenTakesSeveralValuesOnlyInsideBrackets) {
  EXPECT_EQ(Parsed("[AUTH username password]"),
            "\"AUTH\"auth:block?(username:string password:string)");
  EXPECT_EQ(Parsed("COUNT n key"), "\"COUNT\"n:integer key:string");
}

TEST(CommandDocsSyntax, TokensAroundABarTakeNothingBehindIt) {
  EXPECT_EQ(Parsed("key BEFORE|AFTER element"),
            "key:string before-or-after:oneof(\"BEFORE\"before:pure-token "
            "\"AFTER\"after:pure-token) element:string");
}

TEST(CommandDocsSyntax, WhatIsRepeatedIsOneArgument) {
  EXPECT_EQ(Parsed("key [key ...]"), "key:string*");
  EXPECT_EQ(Parsed("[key ...]"), "key:string?*");
  EXPECT_EQ(Parsed("[key [key ...]]"), "key:string?*");
  EXPECT_EQ(Parsed("key field value [field value ...]"),
            "key:string field:block*(field:string value:string)");
  EXPECT_EQ(Parsed("[ID client-id [client-id ...]]"), "\"ID\"client-id:integer?*");
}

TEST(CommandDocsSyntax, OptionsMayStandInsideOptions) {
  EXPECT_EQ(Parsed("[protover [SETNAME clientname]]"),
            "protover:block?(protover:integer \"SETNAME\"clientname:string?)");
}

}  // namespace
}  // namespace holdfast

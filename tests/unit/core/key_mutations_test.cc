#include "storage/core/key_mutations.h"

#include <string>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

template <typename M>
std::string Body(const M& mutation) {
  std::string body;
  mutation.EncodeBody(body);
  return body;
}

// No prefix of a body of fixed or counted parts passes for a whole one.
template <typename M>
void ExpectEveryTruncationFails(const std::string& body) {
  for (size_t size = 0; size < body.size(); ++size) {
    ByteReader reader(std::string_view(body).substr(0, size));
    M::DecodeBody(reader);
    EXPECT_FALSE(reader.AtEnd()) << size;
  }
}

TEST(KeyMutations, AStringComesBackAsItWas) {
  for (const std::string& value : {std::string(), std::string("v"), std::string(100'000, '\0')}) {
    const std::string body = Body(StringSet{.value = value, .deadline = FromUnixMs(17)});
    ByteReader reader(body);
    const StringSet back = StringSet::DecodeBody(reader);
    EXPECT_TRUE(reader.AtEnd());
    EXPECT_EQ(back.value, value);
    EXPECT_EQ(back.deadline, FromUnixMs(17));
  }
  ExpectEveryTruncationFails<StringSet>(Body(StringSet{.value = ""}));
}

TEST(KeyMutations, APartOfAStringComesBackAsItWas) {
  for (const std::string& bytes : {std::string(), std::string("v"), std::string(100'000, '\0')}) {
    for (const uint32_t offset : {0u, 1u, 0xffff'ffffu}) {
      const std::string body = Body(StringRangeSet{.offset = offset, .bytes = bytes});
      ByteReader reader(body);
      const StringRangeSet back = StringRangeSet::DecodeBody(reader);
      EXPECT_TRUE(reader.AtEnd());
      EXPECT_EQ(back.bytes, bytes);
      EXPECT_EQ(back.offset, offset);
      EXPECT_EQ(back.end(), size_t{offset} + bytes.size());
    }
  }
  ExpectEveryTruncationFails<StringRangeSet>(Body(StringRangeSet{}));
}

TEST(KeyMutations, ADeadlineComesBackAsItWas) {
  const std::string body = Body(DeadlineSet{.deadline = FromUnixMs(1'795'288'322'993)});
  ByteReader reader(body);
  EXPECT_EQ(DeadlineSet::DecodeBody(reader).deadline, FromUnixMs(1'795'288'322'993));
  EXPECT_TRUE(reader.AtEnd());
  ExpectEveryTruncationFails<DeadlineSet>(body);
}

TEST(KeyMutations, FieldsComeBackInOrder) {
  HashFieldsSet set;
  for (int i = 0; i < 10; ++i) set.pairs.push_back({"field", i % 2 == 0 ? "" : "value"});
  const std::string body = Body(set);
  ByteReader reader(body);
  const HashFieldsSet back = HashFieldsSet::DecodeBody(reader);
  EXPECT_TRUE(reader.AtEnd());
  EXPECT_EQ(back.pairs, set.pairs);
  ExpectEveryTruncationFails<HashFieldsSet>(body);
}

TEST(KeyMutations, DeletedFieldsComeBackInOrder) {
  const HashFieldsDeleted deleted{.fields = {"a", "", "b"}};
  const std::string body = Body(deleted);
  ByteReader reader(body);
  EXPECT_EQ(HashFieldsDeleted::DecodeBody(reader).fields, deleted.fields);
  EXPECT_TRUE(reader.AtEnd());
  ExpectEveryTruncationFails<HashFieldsDeleted>(body);
}

TEST(KeyMutations, ACountBeyondTheBytesFailsBeforeAnythingIsReserved) {
  std::string body = "\xff\xff\xff\xff";
  ByteReader pairs(body);
  EXPECT_TRUE(HashFieldsSet::DecodeBody(pairs).pairs.empty());
  EXPECT_TRUE(pairs.failed());
  ByteReader fields(body);
  EXPECT_TRUE(HashFieldsDeleted::DecodeBody(fields).fields.empty());
  EXPECT_TRUE(fields.failed());
}

}  // namespace
}  // namespace holdfast

#include "storage/node_mark.h"

#include <gtest/gtest.h>

#include "storage/sealed_row.h"
#include "tests/unit/storage/log_test_support.h"

namespace holdfast {
namespace {

NodeMark AMark() {
  return {.id = TestNode('n'), .promise = {.epoch = 41, .primary = TestNode('p'), .leaving = true}};
}

Status::Code CodeOf(const std::string& bytes) {
  NodeMark mark;
  return DecodeNodeMark(bytes, mark).code();
}

TEST(NodeMark, SaysWhatWasWritten) {
  for (const NodeMark& written : {AMark(), NodeMark{}, NodeMark{.id = TestNode('n')}}) {
    NodeMark mark;
    ASSERT_TRUE(DecodeNodeMark(EncodeNodeMark(written), mark).ok());
    EXPECT_EQ(mark, written);
  }
}

TEST(NodeMark, EveryFlippedBitShows) {
  const std::string bytes = EncodeNodeMark(AMark());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string bad = bytes;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(CodeOf(bad), Status::Code::kDamaged) << "bit " << bit;
  }
}

TEST(NodeMark, EveryOtherLengthShows) {
  const std::string bytes = EncodeNodeMark(AMark());
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(CodeOf(bytes.substr(0, length)), Status::Code::kDamaged);
  }
  EXPECT_EQ(CodeOf(bytes + "x"), Status::Code::kDamaged);
}

TEST(NodeMark, WhatIsNoneShowsEvenWithItsHash) {
  std::string body(AMark().id.view());
  body.resize(16 + 8 + 16, 'x');
  EXPECT_EQ(CodeOf(SealRow("HFN1", body)), Status::Code::kDamaged) << "a byte too few";
  EXPECT_EQ(CodeOf(SealRow("HFN1", body + '\2')), Status::Code::kDamaged) << "no flag";
  EXPECT_EQ(CodeOf(SealRow("HFN1", body + '\1')), Status::Code::kOk);
  EXPECT_EQ(CodeOf(SealRow("HFN2", body + '\1')), Status::Code::kInvalid) << "a later version's";
}

TEST(NodeMark, IsThereAfterItWasWrittenAndReplacesTheOneBefore) {
  const TempDir temp;
  NodeMark mark;
  EXPECT_EQ(ReadNodeMark(temp / "node", mark).code(), Status::Code::kNotFound);
  ASSERT_TRUE(WriteNodeMark(temp / "node", {.id = TestNode('a')}).ok());
  ASSERT_TRUE(WriteNodeMark(temp / "node", AMark()).ok());
  ASSERT_TRUE(ReadNodeMark(temp / "node", mark).ok());
  EXPECT_EQ(mark, AMark());
  EXPECT_EQ(WriteNodeMark(temp / "no/such/place", AMark()).code(), Status::Code::kIo);
}

}  // namespace
}  // namespace holdfast

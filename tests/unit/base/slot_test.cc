#include "storage/base/slot.h"

#include <string>

#include <gtest/gtest.h>

namespace holdfast {
namespace {

// Figures from `redis-server` 7.0.15's CLUSTER KEYSLOT, and the check value of CRC16-XMODEM.
TEST(SlotOf, AgreesWithRedisCluster) {
  EXPECT_EQ(SlotOf("123456789"), 0x31C3 % kSlots);
  EXPECT_EQ(SlotOf("foo"), 12182);
  EXPECT_EQ(SlotOf("bar"), 5061);
  EXPECT_EQ(SlotOf(""), 0);
}

TEST(SlotOf, HashesOnlyTheFirstNonEmptyTag) {
  EXPECT_EQ(SlotOf("{user1000}.following"), SlotOf("user1000"));
  EXPECT_EQ(SlotOf("foo{bar}{zap}"), SlotOf("bar"));
  EXPECT_EQ(SlotOf("foo{{bar}}zap"), SlotOf("{bar"));
  EXPECT_NE(SlotOf("foo{}bar"), SlotOf(""));
  EXPECT_NE(SlotOf("foo{bar"), SlotOf("bar"));
}

TEST(SlotOf, GivesTheSameBytewiseAndInSteps) {
  // Bytewise CRC16 as its definition says, against the sliced one, over every length up to 40.
  std::string key;
  for (int length = 0; length < 40; ++length) {
    unsigned crc = 0;
    for (const char c : key) {
      crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    EXPECT_EQ(SlotOf(key), (crc & 0xffff) % kSlots) << length;
    key += static_cast<char>(200 + length * 7);
  }
}

}  // namespace
}  // namespace holdfast

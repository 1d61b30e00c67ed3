#include "server/replication/control.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(NodeAddress, IsReadAsItIsWritten) {
  for (const NodeAddress& address :
       {NodeAddress{"10.0.0.2", 6379}, NodeAddress{"fd00::2", 1}, NodeAddress{"db.shop", 65535}}) {
    NodeAddress read;
    ASSERT_TRUE(ParseNodeAddress(address.Text(), read)) << address.Text();
    EXPECT_EQ(read, address);
  }
  EXPECT_EQ((NodeAddress{"fd00::2", 1}).Text(), "[fd00::2]:1");
}

TEST(NodeAddress, IsRefusedWithoutAHostOrAPort) {
  for (const char* text : {"", ":", "host", "host:", ":6379", "host:0", "host:65536", "host:-1",
                           "host:63x", "host: 1", "[]:1"}) {
    NodeAddress address{"kept", 7};
    EXPECT_FALSE(ParseNodeAddress(text, address)) << text;
    EXPECT_EQ(address, (NodeAddress{"kept", 7})) << text;
  }
}

}  // namespace
}  // namespace holdfast

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "storage/core/audit.h"
#include "tests/unit/core/ledger_fixture.h"

namespace holdfast {
namespace {

// Something of everything: held, sold, returned, a fence and, if so wanted, an old forgotten sale.
Sku Busy(bool with_forgotten) {
  Sku sku(50, {.limit = 9, .retain = Ms(100)});
  if (with_forgotten) {
    sku.Reserve({.hold_id = "old", .units = 2, .buyer = "ann", .final = true});
    sku.now = At(100);
    sku.Forget();
  }
  sku.Reserve({.hold_id = "sold", .units = 3, .buyer = "ann", .final = true});
  sku.Reserve({.hold_id = "held", .units = 2, .buyer = "bob"});
  sku.Return({.hold_id = "sold", .ref = "r", .units = 1});
  sku.Release("fence");
  return sku;
}

class AuditOfAnySku : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Forgotten, AuditOfAnySku, testing::Bool());

TEST_P(AuditOfAnySku, FindsASoundOneSound) {
  const Sku sku = Busy(GetParam());
  const AuditReport report = Audit(sku.item);
  EXPECT_TRUE(report.sound()) << report.fault;
  EXPECT_EQ(report.holds, 3u);
}

TEST_P(AuditOfAnySku, SeesEverySumThatIsOffByOne) {
  const auto fault = [](auto spoil) {
    Sku sku = Busy(GetParam());
    spoil(sku.item);
    return std::string(Audit(sku.item).fault);
  };
  EXPECT_NE(fault([](Item& item) { ++ItemPeek::stock(item).available; }), "");
  EXPECT_NE(fault([](Item& item) {
              ++ItemPeek::stock(item).held;
              --ItemPeek::stock(item).available;
            }),
            "");
  EXPECT_NE(fault([](Item& item) {
              ++ItemPeek::stock(item).sold;
              ++ItemPeek::stock(item).supplied;
            }),
            "");
  EXPECT_NE(fault([](Item& item) { ++ItemPeek::stock(item).returned; }), "");
  EXPECT_NE(fault([](Item& item) { ++ItemPeek::forgotten(item).sold; }), "");
  EXPECT_NE(fault([](Item& item) { ++ItemPeek::forgotten(item).used; }), "");
  EXPECT_NE(fault([](Item& item) { ++ItemPeek::hold(item, "held").units; }), "");
  EXPECT_NE(fault([](Item& item) { ItemPeek::SetReturns(item, "sold", {.units = 2}); }), "");
  EXPECT_NE(fault([](Item& item) { ItemPeek::SetReturns(item, "sold", {.units = 1, .kept = 1}); }),
            "");
  EXPECT_NE(fault([](Item& item) { ItemPeek::Delay(item, "held"); }), "");
  EXPECT_NE(fault([](Item& item) { ItemPeek::Delay(item, "sold"); }), "");
  EXPECT_NE(fault([](Item& item) { ++ItemPeek::buyer(item, "bob").units; }), "");
  EXPECT_NE(fault([](Item& item) {  // one buyer's use cannot hide behind another's
              ++ItemPeek::buyer(item, "ann").units;
              --ItemPeek::buyer(item, "bob").units;
            }),
            "");
}

TEST(Audit, InSlicesSeesTheSameAsAtOnce) {
  Sku sku(5'000);
  for (int i = 0; i < 3'000; ++i) {
    sku.Reserve({.hold_id = std::to_string(i), .units = 1, .final = i % 3 == 0});
  }
  ItemAudit audit(sku.item);
  uint64_t steps = 1;
  while (!audit.Step(100)) ++steps;
  EXPECT_GT(steps, 20u);
  EXPECT_EQ(audit.report().fault, "");
  EXPECT_EQ(audit.report().holds, 3'000u);
}

}  // namespace
}  // namespace holdfast

// How a hold lies in its block, and what comes to it late.
#include "storage/core/hold.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/core/block_size.h"
#include "storage/core/deadlines.h"
#include "tests/unit/core/ledger_fixture.h"

namespace holdfast {
namespace {

constexpr std::string_view kId = "order-123456789012345678";
constexpr std::string_view kBuyer = "buyer-1234567890";
constexpr UnixMs kLast = FromBits48(Pair48::kMax);
constexpr UnixMs kEnd = UnixMs::max();

TEST(Hold, WithIdsOf24And16BytesFillsABlockOf64) {
  ASSERT_EQ(kId.size(), 24u);
  ASSERT_EQ(kBuyer.size(), 16u);
  EXPECT_EQ(BlockSize(Hold::Make({.id = kId, .buyer = kBuyer}, kStart)->BlockBytes()), 64u);
  EXPECT_EQ(sizeof(HoldPtr), 6u);
}

TEST(Hold, HasWhatItWasMadeWith) {
  const std::string longest(kIdBytesMax, 'i');
  const std::string meta(kMetaBytesMax, 'm');
  const std::string reason(kReasonBytesMax, 'r');
  for (const HoldWords& words :
       {HoldWords{.id = "i"}, HoldWords{.id = "i", .buyer = "b"}, HoldWords{.id = "i", .meta = "m"},
        HoldWords{.id = "i", .buyer = "bb", .reason = "r"},
        HoldWords{.id = longest, .buyer = longest, .meta = meta, .reason = reason}}) {
    for (const HoldReturns returns : {HoldReturns{}, HoldReturns{.units = 7, .kept = 2}}) {
      const HoldPtr hold = Hold::Make(words, kStart, returns);
      EXPECT_EQ(hold->id(), words.id);
      EXPECT_EQ(hold->buyer(), words.buyer);
      EXPECT_EQ(hold->words().meta, words.meta);
      EXPECT_EQ(hold->words().reason, words.reason);
      EXPECT_EQ(hold->returns().units, returns.units);
      EXPECT_EQ(hold->returns().kept, returns.kept);
      EXPECT_EQ(hold->made(), kStart);
      EXPECT_EQ(hold->until(), kNever);
    }
  }
}

TEST(Hold, KeepsEveryInstantUpToTheYear10889AndTakesLaterOnesForThat) {
  const HoldPtr hold = Hold::Make({.id = kId}, kLast);
  for (const UnixMs until : {kNever, FromUnixMs(1), kStart, kLast - Ms(1), kLast}) {
    hold->set_until(until);
    EXPECT_EQ(hold->until(), until);
    EXPECT_EQ(hold->made(), kLast);
  }
  for (const UnixMs until : {kLast + Ms(1), kEnd}) {
    hold->set_until(until);
    EXPECT_EQ(hold->until(), kLast);
  }
  EXPECT_EQ(Hold::Make({.id = kId}, kNever)->made(), kNever);
  EXPECT_DEATH(hold->set_until(kNever - Ms(1)), "invariant");
}

// A return, or a reason, takes a new block; the queue and the buyer's use must follow it.
TEST(Hold, KeepsItsWordsAndItsPlaceThroughReturns) {
  Sku sku(9, {.limit = 9, .retain = Ms(100)});
  sku.Reserve({.hold_id = kId, .units = 5, .buyer = kBuyer, .final = true});
  sku.Reserve({.hold_id = "b", .units = 4, .buyer = kBuyer, .final = true, .meta = "red"});
  sku.now = At(50);
  for (const std::string_view id : {kId, std::string_view("b")}) {
    const std::string ref(id);
    sku.Return({.hold_id = id, .ref = ref + "1", .units = 2, .keep_limit = true});
    EXPECT_EQ(sku.Find(id)->returns().units, 2u);
    EXPECT_EQ(sku.Find(id)->returns().kept, 2u);
    sku.Return({.hold_id = id, .ref = ref + "2", .units = 1});
    EXPECT_EQ(sku.Find(id)->returns().units, 3u);
    EXPECT_EQ(sku.Find(id)->returns().kept, 2u);
    EXPECT_EQ(sku.Find(id)->buyer(), kBuyer);
    EXPECT_EQ(sku.Find(id)->words().meta, id == kId ? "" : "red");
    EXPECT_EQ(sku.Find(id)->state, HoldState::kConfirmed);
    EXPECT_EQ(sku.Find(id)->made(), kStart);
    EXPECT_EQ(sku.Find(id)->until(), At(100));
  }
  EXPECT_EQ(sku.item.UseOf(kBuyer), 7);
  EXPECT_EQ(Audit(sku.item).fault, "");
  EXPECT_EQ(ItemPeek::Dump(sku.item), ItemPeek::Dump(sku.twin));
  sku.now = At(100);
  sku.Forget();
  EXPECT_EQ(sku.item.holds(), 0u);
  EXPECT_EQ(sku.item.UseOf(kBuyer), 7);
  EXPECT_EQ(Audit(sku.item).fault, "");
}

TEST(Hold, KeepsItsWordsWhenAReasonComes) {
  Sku sku(9, {.retain = Ms(100)});
  sku.Reserve({.hold_id = kId, .units = 1, .buyer = kBuyer});
  sku.Reserve({.hold_id = "b", .units = 1, .meta = "red"});
  sku.Release(kId, "gone");
  sku.Release("b", "sent back");
  EXPECT_EQ(sku.Find(kId)->buyer(), kBuyer);
  EXPECT_EQ(sku.Find(kId)->words().reason, "gone");
  EXPECT_EQ(sku.Find("b")->words().meta, "red");
  EXPECT_EQ(sku.Find("b")->words().reason, "sent back");
  EXPECT_EQ(Audit(sku.item).fault, "");
  // Not among the verbs, but of the block: a reason beside what was returned.
  const HoldPtr sold = Hold::Make({.id = kId}, kStart, {.units = 3, .kept = 1});
  const HoldPtr both = sold->Remade({.id = kId, .reason = "why"}, sold->returns());
  EXPECT_EQ(both->words().reason, "why");
  EXPECT_EQ(both->returns().units, 3u);
  EXPECT_EQ(both->returns().kept, 1u);
}

TEST(Hold, RetainedToTheEndOfTimeStays) {
  Sku sku(9, {.retain = DurationMs::max()});
  sku.Reserve({.hold_id = "a", .units = 1, .final = true});
  sku.Reserve({.hold_id = "b", .units = 1});
  sku.Release("b");
  sku.Release("fence");
  sku.now = kLast - Ms(1);
  EXPECT_EQ(DecideForgetHolds(sku.item, sku.instant()), std::nullopt);
  EXPECT_EQ(ToText(sku.Confirm("a")), "CONFIRMED 1");
  EXPECT_EQ(Audit(sku.item).fault, "");
}

TEST(Deadlines, ComeInOrderOfTheWholeInstant) {
  std::vector<HoldPtr> holds;
  Deadlines<Hold, IdOnly> queue;
  const std::vector<UnixMs> instants = {kNever,
                                        FromUnixMs(1),
                                        FromUnixMs(0xffff),
                                        FromUnixMs(0x1'0000),
                                        FromUnixMs(0x1'0000'0000),
                                        kStart,
                                        kLast - Ms(1),
                                        kLast};
  for (size_t i = instants.size(); i > 0; --i) {
    holds.push_back(Hold::Make({.id = std::to_string(i)}, kStart));
    queue.Add(instants[i - 1], *holds.back());
  }
  for (const UnixMs instant : instants) {
    EXPECT_EQ(queue.First().at(), instant);
    EXPECT_EQ(&queue.First().thing(), holds.back().get());
    queue.Remove(instant, *holds.back());
    holds.pop_back();
  }
  EXPECT_TRUE(queue.empty());
}

TEST(PackedPtr, EndsWhatItOwnsOnce) {
  static int ended = 0;
  struct End {
    void operator()(const int*) const { ++ended; }
  };
  using Ptr = PackedPtr<int, End>;
  int one = 1;
  int two = 2;
  {
    Ptr a(&one);
    Ptr b(std::move(a));
    EXPECT_EQ(b.get(), &one);
    a = Ptr(&two);
    EXPECT_EQ(*a, 2);
    b = std::move(a);
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(b.get(), &two);
    EXPECT_EQ(Ptr().get(), nullptr);
  }
  EXPECT_EQ(ended, 2);
}

}  // namespace
}  // namespace holdfast

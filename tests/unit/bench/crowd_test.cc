#include "bench/masks/crowd.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

namespace holdfast::bench {
namespace {

constexpr int64_t kOpens = 10'000;

std::string Outcome(const std::string& status, int64_t units, int64_t ms, int64_t n) {
  return "*4\r\n+" + status + "\r\n:" + std::to_string(units) + "\r\n:" + std::to_string(ms) +
         "\r\n:" + std::to_string(n) + "\r\n";
}

std::string Short(const std::string& status, int64_t units) {
  return "*2\r\n+" + status + "\r\n:" + std::to_string(units) + "\r\n";
}

struct Request {
  std::string verb;
  std::string hold;
  int64_t units = 0;
  std::string buyer = {};
  bool partial = false;
};

Request Parse(const std::string& bytes) {
  RespValue value;
  EXPECT_EQ(value.Read(bytes).state, ReplyRead::State::kComplete);
  const auto word = [&value](size_t i) {
    const RespNode* node = value.Child(value.root(), i);
    return node == nullptr ? std::string() : std::string(node->text);
  };
  Request request{.verb = word(0), .hold = word(2)};
  if (request.verb == "RESERVE") {
    request.units = std::stoll(word(3));
    request.buyer = word(7);
    request.partial = word(8) == "PARTIAL";
  }
  return request;
}

// A right and simple server, and ways to make it wrong.
class Shop {
 public:
  explicit Shop(int64_t stock, int64_t limit) : available_(stock), limit_(limit) {}

  std::string Answer(const Request& request, int64_t now) {
    Expire(now);
    if (request.verb == "RESERVE") return Reserve(request, now);
    const auto found = holds_.find(request.hold);
    if (found == holds_.end()) return "-NOHOLD no hold\r\n";
    Hold& hold = found->second;
    if (request.verb == "CONFIRM") {
      if (hold.state == "HELD") {
        hold.state = "CONFIRMED";
        sold_ += hold.units;
      }
      return Short(hold.state, hold.state == "CONFIRMED" ? hold.units : 0);
    }
    if (hold.state == "HELD") GiveBack(hold, "RELEASED");
    return Short(hold.state, hold.state == "CONFIRMED" ? 0 : hold.units);
  }

  int64_t sold() const { return sold_; }
  bool ignores_limit = false;
  bool retry_takes_more = false;
  bool misstates_rest = false;

 private:
  struct Hold {
    std::string state = "HELD";
    std::string buyer;
    int64_t units = 0;
    int64_t deadline = 0;
  };

  void GiveBack(Hold& hold, const std::string& state) {
    hold.state = state;
    available_ += hold.units;
    used_[hold.buyer] -= hold.units;
  }

  void Expire(int64_t now) {
    for (auto& [id, hold] : holds_) {
      if (hold.state == "HELD" && now >= hold.deadline) GiveBack(hold, "EXPIRED");
    }
  }

  std::string Reserve(const Request& request, int64_t now) {
    if (const auto found = holds_.find(request.hold); found != holds_.end() && !retry_takes_more) {
      const Hold& hold = found->second;
      const bool live = hold.state == "HELD" || hold.state == "CONFIRMED";
      return Outcome(hold.state, live ? hold.units : 0, live ? hold.deadline : 0, available_);
    }
    if (now < kOpens) return Outcome("EARLY", 0, kOpens, available_);
    const int64_t rest = limit_ - used_[request.buyer];
    int64_t units = request.units;
    if (request.partial) units = std::min({units, rest, std::max<int64_t>(1, available_)});
    if (!ignores_limit && (units > rest || units == 0)) {
      return Outcome("LIMIT", 0, 0, misstates_rest ? rest + 1 : rest);
    }
    if (available_ == 0) return Outcome("SOLDOUT", 0, 0, 0);
    if (available_ < units) return Outcome("SHORT", 0, 0, available_);
    available_ -= units;
    used_[request.buyer] += units;
    holds_[request.hold] = {.buyer = request.buyer, .units = units, .deadline = now + 500};
    return Outcome("HELD", units, holds_[request.hold].deadline, available_);
  }

  int64_t available_;
  int64_t limit_;
  int64_t sold_ = 0;
  std::map<std::string, Hold> holds_;
  std::map<std::string, int64_t> used_;
};

CrowdPlan Plan(uint32_t buyers, int64_t stock) {
  return {.sku = "mask",
          .buyers = buyers,
          .stock = stock,
          .limit = 5,
          .starts_ms = 0,
          .opens_ms = kOpens,
          .hold_ms = 500,
          .seed = 3};
}

void Tell(Crowd& crowd, uint32_t buyer, const std::string& bytes, int64_t now) {
  RespValue value;
  ASSERT_EQ(value.Read(bytes).state, ReplyRead::State::kComplete);
  crowd.TakeAnswer(buyer, value, now);
}

// Runs the sale in steps of a millisecond; every `lose_every`th answer is lost (0: none).
void Sell(Crowd& crowd, Shop& shop, int lose_every) {
  int asked = 0;
  for (int64_t now = 0; now < 200'000 && !crowd.SoldOut() && !crowd.Idle(); ++now) {
    while (const auto buyer = crowd.NextDue(now)) {
      std::string request;
      crowd.AppendRequest(*buyer, request);
      const std::string answer = shop.Answer(Parse(request), now);
      if (lose_every > 0 && ++asked % lose_every == 0) {
        crowd.LoseAnswer(*buyer, now);
      } else {
        Tell(crowd, *buyer, answer, now);
      }
    }
  }
}

std::string AllOf(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(Crowd, BuysExactlyTheStockWithEveryKindOfStep) {
  Crowd crowd(Plan(1000, 200));
  Shop shop(200, 5);
  Sell(crowd, shop, 0);
  EXPECT_TRUE(crowd.differences().empty()) << AllOf(crowd.differences());
  EXPECT_EQ(crowd.counts().confirmed_units, 200);
  EXPECT_EQ(shop.sold(), 200);
  const CrowdCounts& counts = crowd.counts();
  for (const uint64_t seen : {counts.early, counts.refused, counts.released, counts.left,
                              counts.repeated, counts.over_limit, counts.expired}) {
    EXPECT_GT(seen, 0U);
  }
}

TEST(Crowd, CountsEachSaleOnceThoughManyAnswersAreLost) {
  Crowd crowd(Plan(1000, 200));
  Shop shop(200, 5);
  Sell(crowd, shop, 3);
  EXPECT_TRUE(crowd.differences().empty()) << AllOf(crowd.differences());
  EXPECT_GT(crowd.counts().repeated_lost, 50U);
  EXPECT_EQ(crowd.counts().confirmed_units, 200);
  EXPECT_EQ(shop.sold(), 200);
}

TEST(Crowd, RepeatsALostRequestWithTheSameBytes) {
  Crowd crowd(Plan(1, 10));
  const auto buyer = crowd.NextDue(kOpens + 5000);
  ASSERT_TRUE(buyer);
  std::string first;
  crowd.AppendRequest(*buyer, first);
  crowd.LoseAnswer(*buyer, kOpens + 5000);
  ASSERT_EQ(crowd.NextDue(kOpens + 5000), buyer);
  std::string second;
  crowd.AppendRequest(*buyer, second);
  EXPECT_EQ(first, second);
}

TEST(Crowd, KeepsAskingWhileTheServerIsLoading) {
  Crowd crowd(Plan(1, 10));
  for (int64_t now = kOpens + 5000; now < kOpens + 9000; now += 1000) {
    const auto buyer = crowd.NextDue(now);
    ASSERT_TRUE(buyer);
    Tell(crowd, *buyer, "-LOADING not yet\r\n", now);
  }
  EXPECT_EQ(crowd.counts().told_later, 4U);
  EXPECT_TRUE(crowd.differences().empty());
  EXPECT_FALSE(crowd.Idle());
}

TEST(Crowd, BehindClosedDoorsOnlyLostAnswersAreAskedFor) {
  Crowd crowd(Plan(2, 10));
  const int64_t now = kOpens + 5000;
  const auto ann = crowd.NextDue(now);
  const auto bob = crowd.NextDue(now);
  ASSERT_TRUE(ann && bob);
  crowd.CloseDoors();
  crowd.LoseAnswer(*ann, now);
  Tell(crowd, *bob, Outcome("SOLDOUT", 0, 0, 0), now);
  ASSERT_EQ(crowd.NextDue(now), ann);
  EXPECT_FALSE(crowd.NextDue(now + 10'000));
  Tell(crowd, *ann, Outcome("SOLDOUT", 0, 0, 0), now);
  EXPECT_TRUE(crowd.Idle());
}

TEST(Crowd, NoticesAServerThatIgnoresTheLimit) {
  Crowd crowd(Plan(1000, 200));
  Shop shop(200, 5);
  shop.ignores_limit = true;
  Sell(crowd, shop, 0);
  EXPECT_NE(AllOf(crowd.differences()).find("beyond the buyer's limit"), std::string::npos);
}

TEST(Crowd, NoticesAServerThatMisstatesWhatABuyerMayStillTake) {
  Crowd crowd(Plan(1000, 200));
  Shop shop(200, 5);
  shop.misstates_rest = true;
  Sell(crowd, shop, 0);
  EXPECT_NE(AllOf(crowd.differences()).find("another rest to take"), std::string::npos);
}

TEST(Crowd, NoticesARetryThatMakesANewHold) {
  Crowd crowd(Plan(1000, 200));
  Shop shop(200, 100);
  shop.retry_takes_more = true;
  Sell(crowd, shop, 0);
  EXPECT_NE(AllOf(crowd.differences()).find("a repeat"), std::string::npos);
}

// Answers that no buyer may hear to a first RESERVE in an open sale.
TEST(Crowd, NoticesAnswersThatContradictTheContract) {
  const std::string wrong[] = {
      "-NOHOLD forgotten\r\n",
      "+OK\r\n",
      ":1\r\n",
      "*0\r\n",
      Outcome("HELD", 6, 99'999, 1),
      Outcome("HELD", 0, 99'999, 1),
      Outcome("SOLDOUT", 0, 0, 3),
      Outcome("SHORT", 0, 0, 0),
      Outcome("SHORT", 0, 0, 5),
      Outcome("CLOSED", 0, 1, 1),
      Outcome("EARLY", 0, kOpens, 10),
      Outcome("EXPIRED", 0, 0, 1),
      Outcome("LIMIT", 0, 0, 2),
      Outcome("CONFIRMED", 1, 0, 1),
  };
  for (const std::string& bytes : wrong) {
    Crowd crowd(Plan(1, 10));
    const auto buyer = crowd.NextDue(kOpens + 5000);
    ASSERT_TRUE(buyer);
    Tell(crowd, *buyer, bytes, kOpens + 5000);
    EXPECT_EQ(crowd.differences().size(), 1U) << bytes;
    EXPECT_TRUE(crowd.Idle()) << bytes;
  }
}

TEST(Crowd, NoticesAHoldMadeBeforeTheOpening) {
  Crowd crowd(Plan(200, 10));
  const auto buyer = crowd.NextDue(kOpens / 2);  // one of the early clicks
  ASSERT_TRUE(buyer);
  std::string request;
  crowd.AppendRequest(*buyer, request);
  Tell(crowd, *buyer, Outcome("HELD", Parse(request).units, kOpens, 1), kOpens / 2);
  EXPECT_EQ(crowd.differences().size(), 1U);
}

}  // namespace
}  // namespace holdfast::bench

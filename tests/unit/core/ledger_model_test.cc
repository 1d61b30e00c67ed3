// Random commands, retries, reorderings, time steps and option changes against the plain model,
// compared after every command. HOLDFAST_SEED=n runs that one sequence again.
#include "tests/unit/core/ledger_model.h"

#include <array>
#include <cstdlib>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/core/ledger_fixture.h"

namespace holdfast {
namespace {

constexpr int kSequences = 2'000;
constexpr int kCommands = 200;
constexpr std::array<const char*, 9> kIds = {"h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7", "h8"};
constexpr std::array<const char*, 4> kBuyers = {"", "ann", "bob", "eve"};
constexpr std::array<const char*, 5> kRefs = {"r0", "r1", "r2", "r3", "r4"};
constexpr LedgerLimits kLimits{
    .hold_life_max = Ms(60), .ttl_default = Ms(25), .retention_default = Ms(90), .fence_max = 3};

class Duel {
 public:
  explicit Duel(uint64_t seed)
      : random_(seed),
        change_(RandomOptions()),
        units_(Below(12)),
        sku_(units_, change_, kLimits),
        model_(units_, sku_.item.options(), kLimits) {
    if (Chance(4)) grace_end_ = At(Below(60));
  }

  void Step() {
    if (Chance(2)) PassTime();
    sku_.grace = sku_.now < grace_end_;
    model_.now = sku_.now;
    model_.Settle(sku_.instant().due);
    sku_.Settle(Chance(3) ? 1 : kSweepMax);
    if (Chance(6)) sku_.Forget(Chance(2) ? 1 : kSweepMax);
    Command();
    Compare();
  }

  void CompareReplay() const {
    EXPECT_EQ(ItemPeek::Dump(sku_.item), ItemPeek::Dump(sku_.twin));
    EXPECT_EQ(Audit(sku_.twin).fault, "");
  }

 private:
  // ---- Chance ----

  Units Below(Units bound) { return static_cast<Units>(random_() % static_cast<uint64_t>(bound)); }
  bool Chance(Units one_in) { return Below(one_in) == 0; }
  template <typename Words>
  const char* Any(const Words& words) {
    return words[static_cast<size_t>(Below(static_cast<Units>(words.size())))];
  }

  OptionsChange RandomOptions() {
    OptionsChange change;
    if (Chance(3)) change.limit = Below(6);
    if (Chance(6)) change.maxqty = Below(5);
    if (Chance(5)) change.safety = Below(4);
    if (Chance(8)) change.ttl = Ms(Below(40));
    if (Chance(8)) change.retain = Ms(Below(80));
    return change;
  }

  // Often to the very edge of a deadline, on either side.
  void PassTime() {
    const UnixMs next = sku_.item.NextDeadline();
    const UnixMs forget = sku_.item.NextForget();
    const UnixMs edge = Chance(2) ? next : forget;
    UnixMs to = sku_.now + Ms(Below(Chance(8) ? 120 : 6));
    if (Chance(3) && edge != kNever) to = edge + Ms(Below(3) - 1);
    sku_.now = std::max(sku_.now, to);
  }

  // ---- Commands ----

  void Command() {
    switch (Below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return Reserve();
      case 5:
      case 6:
        return Confirm();
      case 7:
      case 8:
        return Release();
      case 9:
        return Extend();
      case 10:
      case 11:
        return Amend();
      case 12:
        return Adjust();
      case 13:
      case 14:
        return Return();
      default:
        return Set();
    }
  }

  void Reserve() {
    const std::string id = Any(kIds);
    ReserveRequest request{
        .hold_id = id, .units = Below(3) + 1, .buyer = Any(kBuyers), .meta = Chance(2) ? "m" : ""};
    if (Chance(3)) request.ttl = Ms(Below(90) + 1);
    request.partial = Chance(4);
    request.final = Chance(6);
    const auto* const known = model_.Find(id);
    if (known != nullptr && !known->fence && Chance(2)) {  // a true retry
      request.units = known->asked;
      request.buyer = known->buyer;
    }
    const std::string expected = model_.Reserve(request);
    Same("RESERVE", expected, ToText(sku_.Reserve(request)));
  }

  void Confirm() {
    ConfirmRequest request{.hold_id = Any(kIds), .reclaim = Chance(2)};
    if (Chance(3)) request.quantity = Below(3) + 1;
    const std::string expected = model_.Confirm(request);
    Same("CONFIRM", expected, ToText(sku_.Confirm(request)));
  }

  void Release() {
    const std::string id = Any(kIds);
    const std::string reason = Chance(2) ? "late" : "";
    const std::string expected = model_.Release(id, reason);
    Same("RELEASE", expected, ToText(sku_.Release(id, reason)));
  }

  void Extend() {
    const std::string id = Any(kIds);
    const DurationMs ttl = Ms(Below(80) + 1);
    const std::string expected = model_.Extend(id, ttl);
    Same("EXTEND", expected, ToText(sku_.Extend(id, ttl)));
  }

  void Amend() {
    const std::string id = Any(kIds);
    const Units units = Below(4) + 1;
    const std::string expected = model_.Amend(id, units);
    Same("AMEND", expected, ToText(sku_.Amend(id, units)));
  }

  void Adjust() {
    AdjustRequest request{.ref = Any(kRefs), .delta = Below(7) - 3, .clamp = Chance(2)};
    if (Chance(3)) request.if_available = Below(5);
    const std::string expected = model_.Adjust(request);
    Same("ADJUST", expected, ToText(sku_.Adjust(request)));
  }

  void Return() {
    const ReturnRequest request{
        .hold_id = Any(kIds),
        .ref = Any(kRefs),
        .units = Below(2) + 1,
        .target = Chance(3) ? ReturnTarget::kWriteOff : ReturnTarget::kAvailable,
        .keep_limit = Chance(3)};
    const std::string expected = model_.Return(request);
    Same("RETURN", expected, ToText(sku_.Return(request)));
  }

  void Set() {
    OptionsChange change = RandomOptions();
    if (Chance(4)) change.paused = Chance(3);
    if (Chance(3)) change.opens = Chance(2) ? kNever : sku_.now + Ms(Below(8));
    if (Chance(3)) change.closes = Chance(2) ? kNever : sku_.now + Ms(Below(60));
    ItemOptions all = model_.options;
    all.limit = change.limit.value_or(all.limit);
    all.maxqty = change.maxqty.value_or(all.maxqty);
    all.safety = change.safety.value_or(all.safety);
    all.opens = change.opens.value_or(all.opens);
    all.closes = change.closes.value_or(all.closes);
    all.ttl = change.ttl.value_or(all.ttl);
    all.retain = change.retain.value_or(all.retain);
    all.paused = change.paused.value_or(all.paused);
    const std::string expected = model_.Set(all);
    Same("SET", expected, sku_.Set(change) == OptionsStatus::kOk ? "OK" : "BADWINDOW");
  }

  // ---- Comparison ----

  static void Same(const char* verb, const std::string& expected, const std::string& answered) {
    EXPECT_EQ(expected, answered) << verb;
  }

  void Compare() {
    const Item& item = sku_.item;
    const Stock expected{.available = model_.Available(),
                         .held = model_.Held(),
                         .sold = model_.Sold(),
                         .supplied = model_.Available() + model_.Held() + model_.Sold(),
                         .returned = model_.Returned()};
    EXPECT_EQ(item.stock().available, expected.available);
    EXPECT_EQ(item.stock().held, expected.held);
    EXPECT_EQ(item.stock().sold, expected.sold);
    EXPECT_EQ(item.stock().supplied, expected.supplied);
    EXPECT_EQ(item.stock().returned, expected.returned);
    EXPECT_EQ(item.Sellable(), model_.Sellable());
    EXPECT_EQ(item.seq(), model_.seq);
    EXPECT_EQ(item.options(), model_.options);
    EXPECT_EQ(item.live_holds(), model_.LiveHolds());
    EXPECT_EQ(item.NextDeadline(), model_.NextDeadline());
    EXPECT_LE(item.fences(), kLimits.fence_max);
    for (const char* const id : kIds) CompareHold(id);
    if (item.counts_buyers()) {
      for (size_t i = 1; i < kBuyers.size(); ++i) {
        EXPECT_EQ(item.UseOf(kBuyers[i]), model_.UseOf(kBuyers[i])) << kBuyers[i];
      }
    }
    EXPECT_EQ(Audit(item).fault, "");
  }

  void CompareHold(const char* id) {
    const Hold* const hold = sku_.Find(id);
    const auto* const expected = model_.Find(id);
    ASSERT_EQ(hold == nullptr, expected == nullptr) << id;
    if (hold == nullptr) return;
    EXPECT_EQ(hold->state, expected->state) << id;
    EXPECT_EQ(hold->asked, expected->asked) << id;
    EXPECT_EQ(hold->units, expected->units) << id;
    EXPECT_EQ(hold->returns().units, expected->returned) << id;
    EXPECT_EQ(hold->returns().kept, expected->kept) << id;
    EXPECT_EQ(hold->made(), expected->made) << id;
    EXPECT_EQ(hold->deadline(), expected->deadline) << id;
    EXPECT_EQ(hold->words().buyer, expected->buyer) << id;
    EXPECT_EQ(hold->words().meta, expected->meta) << id;
    EXPECT_EQ(hold->words().reason, expected->reason) << id;
  }

  std::mt19937_64 random_;
  OptionsChange change_;
  Units units_;
  Sku sku_;
  LedgerModel model_;
  UnixMs grace_end_ = kNever;
};

void Play(uint64_t seed) {
  Duel duel(seed);
  for (int i = 0; i < kCommands; ++i) {
    duel.Step();
    if (testing::Test::HasFailure()) {
      FAIL() << "HOLDFAST_SEED=" << seed << ", command " << i;
    }
  }
  duel.CompareReplay();
  if (testing::Test::HasFailure()) FAIL() << "HOLDFAST_SEED=" << seed << ", replay";
}

TEST(Ledger, AnswersAsThePlainModelWhateverComesInWhateverOrder) {
  if (const char* const seed = std::getenv("HOLDFAST_SEED")) {
    return Play(std::strtoull(seed, nullptr, 10));
  }
  for (uint64_t seed = 1; seed <= kSequences && !HasFailure(); ++seed) Play(seed);
}

}  // namespace
}  // namespace holdfast

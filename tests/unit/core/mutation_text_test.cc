#include "storage/core/mutation_text.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage/base/random.h"
#include "storage/core/epoch_opened.h"
#include "storage/core/item_pieces.h"
#include "storage/core/key_mutations.h"
#include "storage/core/stock_mutations.h"
#include "tests/unit/core/ledger_fixture.h"

namespace holdfast {
namespace {

MutationView FirstOf(const std::string& bytes) {
  ByteReader reader(bytes);
  MutationView view{};
  EXPECT_TRUE(NextMutation(reader, view));
  return view;
}

std::string TextOf(const MutationView& view) {
  std::string text;
  AppendText(text, view);
  return text;
}

template <typename M>
std::string Encoded(const M& mutation) {
  std::string bytes;
  AppendMutation(bytes, {.db = 0, .slot = 7, .key = "k\n"}, mutation);
  return bytes;
}

template <typename M>
std::string Told(const M& mutation) {
  const std::string bytes = Encoded(mutation);
  EXPECT_TRUE(IsWellFormed(FirstOf(bytes)));
  return TextOf(FirstOf(bytes));
}

constexpr UnixMs kAt = FromUnixMs(1);
constexpr UnixMs kThen = FromUnixMs(9);
constexpr ItemOptions kOptions{.limit = 1,
                               .maxqty = 2,
                               .safety = 3,
                               .opens = FromUnixMs(4),
                               .closes = FromUnixMs(5),
                               .ttl = DurationMs{6},
                               .retain = DurationMs{7},
                               .paused = true};

// One of each kind of a log, with every field set to something of its own.
std::vector<std::pair<std::string, std::string>> StockExamples() {
  const std::string options =
      "limit=1 maxqty=2 safety=3 opens=4 closes=5 ttl_ms=6 retain_ms=7 paused=yes";
  return {
      {Told(ItemCreated{.at = kAt, .units = 5, .options = kOptions}),
       "ItemCreated # at=1 units=5 " + options},
      {Told(ItemOptionsSet{.at = kAt, .options = kOptions}), "ItemOptionsSet # at=1 " + options},
      {Told(ItemDropped{.at = kAt}), "ItemDropped # at=1"},
      {Told(HoldTaken{.at = kAt,
                      .hold_id = "h",
                      .buyer = "b",
                      .meta = "m",
                      .asked = 3,
                      .units = 2,
                      .deadline = kThen}),
       R"(HoldTaken # at=1 asked=3 units=2 confirmed=no deadline=9 forget_at=0 hold="h" buyer="b" meta="m")"},
      {Told(HoldTaken{.at = kAt, .hold_id = "h", .asked = 3, .units = 3, .forget_at = kThen}),
       R"(HoldTaken # at=1 asked=3 units=3 confirmed=yes deadline=0 forget_at=9 hold="h" buyer="" meta="")"},
      {Told(HoldConfirmed{
           .at = kAt, .hold_id = "h", .sold = 2, .given_back = 1, .forget_at = kThen}),
       R"(HoldConfirmed # at=1 sold=2 given_back=1 forget_at=9 hold="h")"},
      {Told(HoldReclaimed{
           .at = kAt, .hold_id = "h", .sold = 2, .given_back = 1, .forget_at = kThen}),
       R"(HoldReclaimed # at=1 sold=2 given_back=1 forget_at=9 hold="h")"},
      {Told(HoldReleased{.at = kAt, .hold_id = "h", .reason = "w", .forget_at = kThen}),
       R"(HoldReleased # at=1 forget_at=9 hold="h" reason="w")"},
      {Told(FenceLeft{.at = kAt, .hold_id = "h", .reason = "w", .evicted = 2, .forget_at = kThen}),
       R"(FenceLeft # at=1 forget_at=9 evicted=2 hold="h" reason="w")"},
      {Told(HoldExtended{.at = kAt, .hold_id = "h", .deadline = kThen}),
       R"(HoldExtended # at=1 deadline=9 hold="h")"},
      {Told(HoldAmended{.at = kAt, .hold_id = "h", .units = 4}),
       R"(HoldAmended # at=1 units=4 hold="h")"},
      {Told(HoldsExpired{.at = kThen, .up_to = kAt, .count = 3, .forget_at = kThen}),
       "HoldsExpired # at=9 up_to=1 count=3 forget_at=9"},
      {Told(HoldsForgotten{.at = kThen, .up_to = kAt, .count = 3}),
       "HoldsForgotten # at=9 up_to=1 count=3"},
      {Told(RefsForgotten{.at = kThen, .up_to = kAt, .count = 3}),
       "RefsForgotten # at=9 up_to=1 count=3"},
      {Told(BuyersCounted{.at = kAt, .count = 3}), "BuyersCounted # at=1 count=3"},
      {Told(StockAdjusted{
           .at = kAt, .ref = "r", .reason = "w", .asked = -5, .applied = -3, .forget_at = kThen}),
       R"(StockAdjusted # at=1 asked=-5 applied=-3 forget_at=9 ref="r" reason="w")"},
      {Told(StockReturned{.at = kAt,
                          .hold_id = "h",
                          .ref = "r",
                          .units = 2,
                          .target = ReturnTarget::kWriteOff,
                          .keep_limit = true,
                          .forget_at = kThen}),
       R"(StockReturned # at=1 units=2 target=writeoff keep_limit=yes forget_at=9 hold="h" ref="r")"},
  };
}

std::vector<std::pair<std::string, std::string>> KeyExamples() {
  return {
      {Told(StringSet{.value = "v", .deadline = kThen}), R"(StringSet # deadline=9 value="v")"},
      {Told(StringRangeSet{.offset = 3, .bytes = "v"}), R"(StringRangeSet # offset=3 bytes="v")"},
      {Told(KeyDeleted{}), "KeyDeleted #"},
      {Told(DeadlineSet{.deadline = kThen}), "DeadlineSet # deadline=9"},
      {Told(KeyExpired{}), "KeyExpired #"},
      {Told(HashFieldsSet{.pairs = {{"f", "v"}, {"g", "w"}}}),
       R"(HashFieldsSet # count=2 field="f" value="v" field="g" value="w")"},
      {Told(HashFieldsDeleted{.fields = {"f", "g"}}),
       R"(HashFieldsDeleted # count=2 field="f" field="g")"},
      {Told(DatabaseFlushed{.all = true}), "DatabaseFlushed # all=yes"},
      {Told(DatabasesSwapped{.other = 3}), "DatabasesSwapped # other=3"},
      {Told(EpochOpened{.epoch = 4,
                        .epoch_before = 2,
                        .index_before = 97,
                        .primary = std::string_view("0123456789abcdef"),
                        .version = 5,
                        .sync_set = {{.id = "0123456789abcdef", .address = "h:1"}}}),
       "EpochOpened # epoch=4 epoch_before=2 index_before=97 "
       "primary=\"30313233343536373839616263646566\" version=5 members=1 "
       "member=\"30313233343536373839616263646566\" at=\"h:1\""},
  };
}

std::string WithPlace(std::string text) {
  return text.replace(text.find('#'), 1, R"(db=0 slot=7 key="k\n")");
}

TEST(MutationText, TellsEveryFieldOfEveryKindByName) {
  std::set<std::string> told;
  for (const auto& examples : {StockExamples(), KeyExamples()}) {
    for (const auto& [text, expected] : examples) {
      EXPECT_EQ(text, WithPlace(expected));
      told.insert(text.substr(0, text.find(' ')));
    }
  }
  for (const MutationKind kind : AllMutationKinds()) {
    EXPECT_TRUE(IsKnown(kind));
    EXPECT_TRUE(IsStateKind(kind) || told.contains(NameOf(kind))) << NameOf(kind);
  }
}

// As a snapshot holds it: the SKU, then the records of each kind.
std::string StateOf(Item& item) {
  std::string bytes;
  const MutationPlace place{.db = 0, .slot = 7, .key = "k\n"};
  ItemPieces::AppendState(bytes, place, item);
  for (const MutationKind kind : ItemPieces::kRecords) {
    ItemPieces::Take(item, kind, 0, 1, place, bytes);
  }
  return bytes;
}

TEST(MutationText, TellsTheFactsOfASnapshot) {
  Sku sku(9, {.limit = 5});
  sku.Reserve({.hold_id = "h", .units = 2, .buyer = "ann", .meta = "m"});
  sku.Adjust({.ref = "r", .delta = 3});
  const std::string bytes = StateOf(sku.item);
  ByteReader reader(bytes);
  std::string all;
  MutationView view{};
  while (NextMutation(reader, view)) {
    EXPECT_TRUE(IsWellFormed(view));
    all += TextOf(view) + "\n";
  }
  for (const char* part :
       {"ItemState db=0 slot=7 key=\"k\\n\" at=", "limit=5",
        "available=10 held=2 sold=0 supplied=12 returned=0", "counts_buyers=yes counting=no",
        "HoldsState db=0 slot=7 key=\"k\\n\" count=1 hold=\"h\" buyer=\"ann\" meta=\"m\"",
        "asked=2 units=2 returned=0 kept=0 state=0", "count=1 buyer=\"ann\" units=2",
        "count=1 ref=\"r\" hold=\"\"", "is_return=no asked=3 applied=3 target=available"}) {
    EXPECT_NE(all.find(part), std::string::npos) << part << "\nin\n" << all;
  }
}

TEST(MutationText, AKindOfALaterVersionIsShownAsItIs) {
  const MutationView view{.kind = static_cast<MutationKind>(200),
                          .place = {.db = 3, .slot = 9, .key = "k"},
                          .body = std::string_view("\x01\x02", 2)};
  EXPECT_EQ(TextOf(view), R"(kind-200 db=3 slot=9 key="k" body="\x01\x02")");
  EXPECT_FALSE(IsKnown(view.kind));
  EXPECT_FALSE(IsWellFormed(view));
}

TEST(MutationText, ALongWordIsCutShortAndItsLengthTold) {
  const std::string text = Told(StringSet{.value = std::string(100'000, 'x')});
  EXPECT_LT(text.size(), 400U);
  EXPECT_TRUE(text.ends_with("x\"...(100000 bytes)")) << text;
}

TEST(MutationText, ABodyThatIsCutOrGoesOnIsCalledMalformed) {
  std::vector<std::string> all = {
      Encoded(ItemCreated{.at = kAt, .units = 5, .options = kOptions}),
      Encoded(HoldTaken{.at = kAt, .hold_id = "h", .asked = 3, .units = 2, .deadline = kThen}),
      Encoded(HashFieldsSet{.pairs = {{"f", "v"}}}), Encoded(DatabasesSwapped{.other = 3})};
  Sku sku(9);
  sku.Reserve({.hold_id = "h", .units = 2});
  all.push_back(StateOf(sku.item));
  for (const std::string& bytes : all) {
    const MutationView whole = FirstOf(bytes);
    for (size_t size = 0; size < whole.body.size(); ++size) {
      MutationView cut = whole;
      cut.body = whole.body.substr(0, size);
      EXPECT_FALSE(IsWellFormed(cut)) << NameOf(cut.kind) << " cut at " << size;
      EXPECT_NE(TextOf(cut).find(" malformed body="), std::string::npos);
    }
    const std::string longer = std::string(whole.body) + "!";
    MutationView behind = whole;
    behind.body = longer;
    EXPECT_FALSE(IsWellFormed(behind)) << NameOf(behind.kind);
  }
}

TEST(MutationText, NoBytesWhateverCrashIt) {
  Random random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string body(random.Below(120), '\0');
    for (char& byte : body) {
      // Small numbers are counts and lengths that lead somewhere.
      byte = static_cast<char>(random.Below(random.Below(2) == 0 ? 4 : 256));
    }
    const auto kinds = AllMutationKinds();
    const MutationView view{.kind = kinds[random.Below(kinds.size())],
                            .place = {.db = 0, .slot = 0, .key = {}},
                            .body = body};
    const std::string text = TextOf(view);
    EXPECT_EQ(text.find('\n'), std::string::npos);
    EXPECT_EQ(IsWellFormed(view), text.find(" malformed ") == std::string::npos);
  }
}

}  // namespace
}  // namespace holdfast

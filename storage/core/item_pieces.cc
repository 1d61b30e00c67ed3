#include "storage/core/item_pieces.h"

#include <utility>

#include "storage/base/bytes.h"
#include "storage/core/stock_mutations.h"

namespace holdfast {
namespace {

// A body that was encoded before.
template <MutationKind kKindOfBody>
struct Encoded {
  static constexpr MutationKind kKind = kKindOfBody;
  std::string_view body;
  void EncodeBody(std::string& out) const { out += body; }
};

void AppendInstant(std::string& out, UnixMs instant) { AppendInt<int64_t>(out, ToUnixMs(instant)); }
UnixMs ReadInstant(ByteReader& reader) { return FromUnixMs(reader.Int<int64_t>()); }

void AppendHold(std::string& out, const Hold& hold) {
  AppendInstant(out, hold.made());
  AppendInstant(out, hold.until());
  AppendInt(out, hold.asked);
  AppendInt(out, hold.units);
  AppendInt(out, hold.returns().units);
  AppendInt(out, hold.returns().kept);
  AppendInt(out, static_cast<uint8_t>(hold.state));
  const HoldWords words = hold.words();
  for (const std::string_view word : {words.id, words.buyer, words.meta, words.reason})
    AppendWord(out, word);
}

void AppendBuyer(std::string& out, const BuyerUse& use) {
  AppendInt(out, use.units);
  AppendWord(out, use.buyer());
}

void AppendRef(std::string& out, const Ref& ref) {
  AppendInstant(out, ref.forget_at);
  AppendInt<uint8_t>(out, ref.is_return ? 1 : 0);
  AppendInt(out, ref.asked);
  AppendInt(out, ref.applied);
  AppendInt(out, static_cast<uint8_t>(ref.target));
  AppendWord(out, ref.ref);
  AppendWord(out, ref.hold_id);
}

// One fact for one segment; none for an empty one.
template <MutationKind kKind, typename Set, typename Append>
uint64_t TakeRecords(Set& records, uint64_t hash, uint32_t number, const MutationPlace& place,
                     std::string& out, Append&& append) {
  std::string body;
  uint32_t count = 0;
  AppendInt(body, count);
  const uint64_t next = records.Take(hash, number, [&](const auto& record) {
    append(body, *record);
    ++count;
  });
  if (count == 0) return next;
  std::memcpy(body.data(), &count, sizeof count);
  AppendMutation(out, place, Encoded<kKind>{body});
  return next;
}

}  // namespace

void ItemPieces::AppendState(std::string& out, const MutationPlace& place, const Item& item) {
  std::string body;
  ItemOptionsSet{.at = item.changed_at_, .options = item.options_}.EncodeBody(body);
  const Stock& stock = item.stock_;
  for (const Units units : {stock.available, stock.held, stock.sold, stock.supplied, stock.returned,
                            item.forgotten_.sold, item.forgotten_.returned, item.forgotten_.used}) {
    AppendInt(body, units);
  }
  AppendInt(body, item.seq_);
  AppendInt<uint8_t>(body, item.counts_buyers_ ? 1 : 0);
  AppendInt<uint8_t>(body, item.counting() ? 1 : 0);
  if (item.counting()) {
    AppendInstant(body, item.counting_->since);
    AppendInt(body, item.counting_->from);
    AppendInt<uint64_t>(body, item.counting_->counted);
  }
  AppendMutation(out, place, Encoded<MutationKind::kItemState>{body});
}

bool ItemPieces::HasRecords(const Item& item) {
  return !item.holds_.empty() || !item.buyers_.empty() || !item.refs_.empty();
}

uint64_t ItemPieces::Take(Item& item, MutationKind kind, uint64_t hash, uint32_t number,
                          const MutationPlace& place, std::string& out) {
  switch (kind) {
    case MutationKind::kHoldsState:
      return TakeRecords<MutationKind::kHoldsState>(item.holds_, hash, number, place, out,
                                                    AppendHold);
    case MutationKind::kBuyersState:
      return TakeRecords<MutationKind::kBuyersState>(item.buyers_, hash, number, place, out,
                                                     AppendBuyer);
    default:
      Invariant(kind == MutationKind::kRefsState);
      return TakeRecords<MutationKind::kRefsState>(item.refs_, hash, number, place, out, AppendRef);
  }
}

// ---- Loading ----

std::unique_ptr<Item> ItemPieces::Load(std::string_view body, HashSeed seed) {
  ByteReader reader(body);
  const ItemOptionsSet set = ItemOptionsSet::DecodeBody(reader);
  auto item =
      std::make_unique<Item>(ItemCreated{.at = set.at, .units = 0, .options = set.options}, seed);
  Stock& stock = item->stock_;
  for (Units* units : {&stock.available, &stock.held, &stock.sold, &stock.supplied, &stock.returned,
                       &item->forgotten_.sold, &item->forgotten_.returned, &item->forgotten_.used})
    *units = reader.Int<Units>();
  item->seq_ = reader.Int<uint64_t>();
  item->counts_buyers_ = reader.Int<uint8_t>() != 0;
  if (reader.Int<uint8_t>() != 0) {
    Item::Counting counting{.since = ReadInstant(reader)};
    counting.from = reader.Int<uint64_t>();
    counting.counted = reader.Int<uint64_t>();
    item->counting_ = counting;
  }
  if (!reader.AtEnd() || stock.supplied < 0 || !Balanced(stock)) return nullptr;
  return item;
}

bool ItemPieces::LoadRecords(Item& item, MutationKind kind, std::string_view body) {
  ByteReader reader(body);
  for (auto left = reader.Int<uint32_t>(); left > 0; --left) {
    const bool loaded = kind == MutationKind::kHoldsState    ? LoadHold(item, reader)
                        : kind == MutationKind::kBuyersState ? LoadBuyer(item, reader)
                        : kind == MutationKind::kRefsState   ? LoadRef(item, reader)
                                                             : false;
    if (!loaded) return false;
  }
  return reader.AtEnd();
}

bool ItemPieces::LoadHold(Item& item, ByteReader& reader) {
  const UnixMs made = ReadInstant(reader);
  const UnixMs until = ReadInstant(reader);
  const auto asked = reader.Int<uint32_t>();
  const auto units = reader.Int<uint32_t>();
  HoldReturns returns;
  returns.units = reader.Int<uint32_t>();
  returns.kept = reader.Int<uint32_t>();
  const auto state = reader.Int<uint8_t>();
  HoldWords words{};
  for (std::string_view* word : {&words.id, &words.buyer, &words.meta, &words.reason})
    *word = reader.Word();
  const bool bounded = IsId(words.id.size()) && words.buyer.size() <= kIdBytesMax &&
                       words.meta.size() <= kMetaBytesMax && words.reason.size() <= kReasonBytesMax;
  if (reader.failed() || !bounded || made < kNever || until < kNever ||
      state > static_cast<uint8_t>(HoldState::kExpired) || asked > kHoldUnitsMax ||
      units > kHoldUnitsMax)
    return false;
  const HashedKey key = item.holds_.Hash(words.id);
  if (item.holds_.Find(key) != nullptr) return false;
  HoldPtr made_hold = Hold::Make(words, made, returns);
  made_hold->set_until(until);
  made_hold->asked = asked;
  made_hold->units = units;
  made_hold->state = static_cast<HoldState>(state);
  if (made_hold->IsLive() && made_hold->IsFence()) return false;
  Hold& hold = *item.holds_.Insert(key, std::move(made_hold));
  item.block_bytes_ += hold.BlockBytes();
  return true;
}

bool ItemPieces::LoadBuyer(Item& item, ByteReader& reader) {
  const auto units = reader.Int<Units>();
  const std::string_view buyer = reader.Word();
  if (reader.failed() || units < 0 || !IsId(buyer.size())) return false;
  const HashedKey key = item.buyers_.Hash(buyer);
  if (item.buyers_.Find(key) != nullptr) return false;
  BuyerUsePtr& use = item.buyers_.Insert(key, BuyerUse::Make(buyer));
  use->units = units;
  item.block_bytes_ += use->BlockBytes();
  return true;
}

bool ItemPieces::LoadRef(Item& item, ByteReader& reader) {
  Ref ref;
  ref.forget_at = ReadInstant(reader);
  ref.is_return = reader.Int<uint8_t>() != 0;
  ref.asked = reader.Int<Units>();
  ref.applied = reader.Int<Units>();
  const auto target = reader.Int<uint8_t>();
  ref.target = static_cast<ReturnTarget>(target);
  ref.ref = reader.Word();
  ref.hold_id = reader.Word();
  if (reader.failed() || ref.forget_at < kNever || !IsId(ref.ref.size()) ||
      ref.hold_id.size() > kIdBytesMax || target > static_cast<uint8_t>(ReturnTarget::kWriteOff))
    return false;
  const HashedKey key = item.refs_.Hash(ref.ref);
  if (item.refs_.Find(key) != nullptr) return false;
  Ref& added = *item.refs_.Insert(key, std::make_unique<Ref>(std::move(ref)));
  item.block_bytes_ += added.BlockBytes();
  return true;
}

void ItemPieces::FinishLoad(Item& item) {
  std::vector<Item::LiveHolds::Entry> live;
  std::vector<Item::FinishedHolds::Entry> finished;
  std::vector<Item::FinishedHolds::Entry> fences;
  item.holds_.ForEach([&](const HoldPtr& hold) {
    if (hold->IsLive()) {
      live.emplace_back(hold->until(), *hold);
    } else {
      finished.emplace_back(hold->until(), *hold);
    }
    if (hold->IsFence()) fences.emplace_back(hold->until(), *hold);
  });
  item.live_.Fill(std::move(live));
  item.finished_.Fill(std::move(finished));
  item.fences_.Fill(std::move(fences));
  item.refs_.ForEach([&](const RefPtr& ref) { item.refs_by_forget_.Add(ref->forget_at, *ref); });
}

}  // namespace holdfast

#include "storage/core/mutation_text.h"

#include <algorithm>
#include <array>

#include "storage/base/hex.h"
#include "storage/base/quoted.h"
#include "storage/core/epoch_opened.h"
#include "storage/core/hold.h"
#include "storage/core/key_mutations.h"
#include "storage/core/stock_mutations.h"

namespace holdfast {
namespace {

// Of a word: what tells it from others, not what fills a screen.
constexpr size_t kWordBytesShown = 256;

void AppendWordText(std::string& out, std::string_view word) {
  AppendQuoted(out, word.substr(0, kWordBytesShown));
  if (word.size() > kWordBytesShown) out += "...(" + std::to_string(word.size()) + " bytes)";
}

// Writes " name=value" again and again; into nothing, if there is no text to write to.
class Fields {
 public:
  explicit Fields(std::string* out) : out_(out) {}

  template <typename Value>
  Fields& operator()(std::string_view name, const Value& value) {
    if (out_ == nullptr) return *this;
    *out_ += ' ';
    *out_ += name;
    *out_ += '=';
    Append(value);
    return *this;
  }

 private:
  void Append(std::string_view word) { AppendWordText(*out_, word); }
  void Append(bool flag) { *out_ += flag ? "yes" : "no"; }
  void Append(UnixMs instant) { *out_ += std::to_string(ToUnixMs(instant)); }
  void Append(DurationMs span) { *out_ += std::to_string(span.count()); }
  void Append(int64_t number) { *out_ += std::to_string(number); }
  void Append(uint64_t number) { *out_ += std::to_string(number); }
  void Append(uint32_t number) { *out_ += std::to_string(number); }
  void Append(uint8_t number) { *out_ += std::to_string(number); }
  void Append(ReturnTarget target) {
    *out_ += target == ReturnTarget::kWriteOff ? "writeoff" : "available";
  }

  std::string* out_;
};

// ---- What each kind says. Names are those of the structs' members.

void Tell(Fields& tell, const ItemOptions& options) {
  tell("limit", options.limit)("maxqty", options.maxqty)("safety", options.safety);
  tell("opens", options.opens)("closes", options.closes);
  tell("ttl_ms", options.ttl)("retain_ms", options.retain)("paused", options.paused);
}

void Tell(Fields& tell, const ItemCreated& created) {
  tell("at", created.at)("units", created.units);
  Tell(tell, created.options);
}

void Tell(Fields& tell, const ItemOptionsSet& set) {
  tell("at", set.at);
  Tell(tell, set.options);
}

void Tell(Fields& tell, const ItemDropped& dropped) { tell("at", dropped.at); }

void Tell(Fields& tell, const HoldTaken& taken) {
  tell("at", taken.at)("asked", taken.asked)("units", taken.units);
  tell("confirmed", taken.Confirmed())("deadline", taken.deadline)("forget_at", taken.forget_at);
  tell("hold", taken.hold_id)("buyer", taken.buyer)("meta", taken.meta);
}

template <typename Sale>
void TellSale(Fields& tell, const Sale& sale) {
  tell("at", sale.at)("sold", sale.sold)("given_back", sale.given_back);
  tell("forget_at", sale.forget_at)("hold", sale.hold_id);
}
void Tell(Fields& tell, const HoldConfirmed& confirmed) { TellSale(tell, confirmed); }
void Tell(Fields& tell, const HoldReclaimed& reclaimed) { TellSale(tell, reclaimed); }

void Tell(Fields& tell, const HoldReleased& released) {
  tell("at", released.at)("forget_at", released.forget_at);
  tell("hold", released.hold_id)("reason", released.reason);
}

void Tell(Fields& tell, const FenceLeft& left) {
  tell("at", left.at)("forget_at", left.forget_at)("evicted", left.evicted);
  tell("hold", left.hold_id)("reason", left.reason);
}

void Tell(Fields& tell, const HoldExtended& extended) {
  tell("at", extended.at)("deadline", extended.deadline)("hold", extended.hold_id);
}

void Tell(Fields& tell, const HoldAmended& amended) {
  tell("at", amended.at)("units", amended.units)("hold", amended.hold_id);
}

void Tell(Fields& tell, const HoldsExpired& expired) {
  tell("at", expired.at)("up_to", expired.up_to)("count", expired.count);
  tell("forget_at", expired.forget_at);
}

void Tell(Fields& tell, const HoldsForgotten& forgotten) {
  tell("at", forgotten.at)("up_to", forgotten.up_to)("count", forgotten.count);
}

void Tell(Fields& tell, const RefsForgotten& forgotten) {
  tell("at", forgotten.at)("up_to", forgotten.up_to)("count", forgotten.count);
}

void Tell(Fields& tell, const BuyersCounted& counted) {
  tell("at", counted.at)("count", counted.count);
}

void Tell(Fields& tell, const StockAdjusted& adjusted) {
  tell("at", adjusted.at)("asked", adjusted.asked)("applied", adjusted.applied);
  tell("forget_at", adjusted.forget_at)("ref", adjusted.ref)("reason", adjusted.reason);
}

void Tell(Fields& tell, const StockReturned& returned) {
  tell("at", returned.at)("units", returned.units)("target", returned.target);
  tell("keep_limit", returned.keep_limit)("forget_at", returned.forget_at);
  tell("hold", returned.hold_id)("ref", returned.ref);
}

void Tell(Fields& tell, const StringSet& set) {
  tell("deadline", set.deadline)("value", set.value);
}

void Tell(Fields& tell, const StringRangeSet& set) {
  tell("offset", set.offset)("bytes", set.bytes);
}

void Tell(Fields&, const KeyDeleted&) {}
void Tell(Fields& tell, const DeadlineSet& set) { tell("deadline", set.deadline); }
void Tell(Fields&, const KeyExpired&) {}

void Tell(Fields& tell, const HashFieldsSet& set) {
  tell("count", uint64_t{set.pairs.size()});
  for (const auto& [field, value] : set.pairs) tell("field", field)("value", value);
}

void Tell(Fields& tell, const HashFieldsDeleted& deleted) {
  tell("count", uint64_t{deleted.fields.size()});
  for (const std::string_view field : deleted.fields) tell("field", field);
}

void Tell(Fields& tell, const DatabaseFlushed& flushed) { tell("all", flushed.all); }
void Tell(Fields& tell, const DatabasesSwapped& swapped) { tell("other", swapped.other); }

void Tell(Fields& tell, const EpochOpened& opened) {
  tell("epoch", opened.epoch)("epoch_before", opened.epoch_before);
  tell("index_before", opened.index_before)("primary", HexOf(opened.primary));
  tell("version", opened.version)("members", uint64_t{opened.sync_set.size()});
  for (const auto& [id, address] : opened.sync_set) tell("member", HexOf(id))("at", address);
}

template <typename M>
void TellBody(ByteReader& reader, Fields& tell) {
  const M mutation = M::DecodeBody(reader);
  if (reader.AtEnd()) Tell(tell, mutation);
}

// ---- The facts of snapshots are no structs: storage/core/item_pieces.h draws them.

UnixMs ReadInstant(ByteReader& reader) { return FromUnixMs(reader.Int<int64_t>()); }

void TellItemState(ByteReader& reader, Fields& tell) {
  Tell(tell, ItemOptionsSet::DecodeBody(reader));
  for (const std::string_view name : {"available", "held", "sold", "supplied", "returned",
                                      "forgotten_sold", "forgotten_returned", "forgotten_used"})
    tell(name, reader.Int<Units>());
  tell("seq", reader.Int<uint64_t>());
  tell("counts_buyers", reader.Int<uint8_t>() != 0);
  const bool counting = reader.Int<uint8_t>() != 0;
  tell("counting", counting);
  if (!counting) return;
  tell("since", ReadInstant(reader));
  tell("from", reader.Int<uint64_t>());
  tell("counted", reader.Int<uint64_t>());
}

void TellHold(ByteReader& reader, Fields& tell) {
  const UnixMs made = ReadInstant(reader);
  const UnixMs until = ReadInstant(reader);
  std::array<uint32_t, 4> units{};
  for (uint32_t& one : units) one = reader.Int<uint32_t>();
  const auto state = reader.Int<uint8_t>();
  tell("hold", reader.Word())("buyer", reader.Word())("meta", reader.Word());
  tell("reason", reader.Word())("made", made)("until", until)("asked", units[0]);
  tell("units", units[1])("returned", units[2])("kept", units[3])("state", state);
}

void TellBuyer(ByteReader& reader, Fields& tell) {
  const auto units = reader.Int<Units>();
  tell("buyer", reader.Word())("units", units);
}

void TellRef(ByteReader& reader, Fields& tell) {
  const UnixMs forget_at = ReadInstant(reader);
  const bool is_return = reader.Int<uint8_t>() != 0;
  const auto asked = reader.Int<Units>();
  const auto applied = reader.Int<Units>();
  const auto target = static_cast<ReturnTarget>(reader.Int<uint8_t>());
  tell("ref", reader.Word())("hold", reader.Word())("forget_at", forget_at);
  tell("is_return", is_return)("asked", asked)("applied", applied)("target", target);
}

template <void (*TellRecord)(ByteReader&, Fields&)>
void TellRecords(ByteReader& reader, Fields& tell) {
  const auto count = reader.Int<uint32_t>();
  tell("count", count);
  for (uint32_t i = 0; i < count && !reader.failed(); ++i) TellRecord(reader, tell);
}

// ---- The one table of kinds

struct Kind {
  MutationKind kind;
  std::string_view name;
  void (*tell)(ByteReader& reader, Fields& fields);
};

template <typename M>
constexpr Kind KindOf(std::string_view name) {
  return {.kind = M::kKind, .name = name, .tell = TellBody<M>};
}

constexpr auto kKinds = std::to_array<Kind>({
    KindOf<ItemCreated>("ItemCreated"),
    KindOf<ItemOptionsSet>("ItemOptionsSet"),
    KindOf<ItemDropped>("ItemDropped"),
    KindOf<HoldTaken>("HoldTaken"),
    KindOf<HoldConfirmed>("HoldConfirmed"),
    KindOf<HoldReleased>("HoldReleased"),
    KindOf<FenceLeft>("FenceLeft"),
    KindOf<HoldExtended>("HoldExtended"),
    KindOf<HoldAmended>("HoldAmended"),
    KindOf<HoldReclaimed>("HoldReclaimed"),
    KindOf<HoldsExpired>("HoldsExpired"),
    KindOf<HoldsForgotten>("HoldsForgotten"),
    KindOf<StockAdjusted>("StockAdjusted"),
    KindOf<StockReturned>("StockReturned"),
    KindOf<RefsForgotten>("RefsForgotten"),
    KindOf<BuyersCounted>("BuyersCounted"),
    KindOf<StringSet>("StringSet"),
    KindOf<KeyDeleted>("KeyDeleted"),
    KindOf<DeadlineSet>("DeadlineSet"),
    KindOf<KeyExpired>("KeyExpired"),
    KindOf<HashFieldsSet>("HashFieldsSet"),
    KindOf<HashFieldsDeleted>("HashFieldsDeleted"),
    KindOf<StringRangeSet>("StringRangeSet"),
    KindOf<DatabaseFlushed>("DatabaseFlushed"),
    KindOf<DatabasesSwapped>("DatabasesSwapped"),
    KindOf<EpochOpened>("EpochOpened"),
    {MutationKind::kItemState, "ItemState", TellItemState},
    {MutationKind::kHoldsState, "HoldsState", TellRecords<TellHold>},
    {MutationKind::kBuyersState, "BuyersState", TellRecords<TellBuyer>},
    {MutationKind::kRefsState, "RefsState", TellRecords<TellRef>},
});

constexpr auto kNumbers = [] {
  std::array<MutationKind, kKinds.size()> numbers{};
  for (size_t i = 0; i < kKinds.size(); ++i) numbers[i] = kKinds[i].kind;
  return numbers;
}();
static_assert(std::is_sorted(kNumbers.begin(), kNumbers.end()));

const Kind* FindKind(MutationKind number) {
  const auto* const found = std::find_if(kKinds.begin(), kKinds.end(),
                                         [=](const Kind& kind) { return kind.kind == number; });
  return found == kKinds.end() ? nullptr : found;
}

}  // namespace

std::string NameOf(MutationKind kind) {
  const Kind* const known = FindKind(kind);
  if (known != nullptr) return std::string(known->name);
  return "kind-" + std::to_string(static_cast<unsigned>(kind));
}

bool IsKnown(MutationKind kind) { return FindKind(kind) != nullptr; }

std::span<const MutationKind> AllMutationKinds() { return kNumbers; }

bool IsWellFormed(const MutationView& mutation) {
  const Kind* const kind = FindKind(mutation.kind);
  if (kind == nullptr) return false;
  ByteReader reader(mutation.body);
  Fields nowhere(nullptr);
  kind->tell(reader, nowhere);
  return reader.AtEnd();
}

void AppendText(std::string& out, const MutationView& mutation) {
  out += NameOf(mutation.kind);
  Fields fields(&out);
  fields("db", mutation.place.db)("slot", uint32_t{mutation.place.slot});
  fields("key", mutation.place.key);
  const Kind* const kind = FindKind(mutation.kind);
  if (kind != nullptr) {
    const size_t begin = out.size();
    ByteReader reader(mutation.body);
    kind->tell(reader, fields);
    if (reader.AtEnd()) return;
    out.resize(begin);
    out += " malformed";
  }
  fields("body", mutation.body);
}

}  // namespace holdfast

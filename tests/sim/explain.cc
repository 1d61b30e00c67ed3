#include "tests/sim/explain.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "storage/base/parse_int.h"

namespace holdfast {
namespace {

constexpr std::array<std::string_view, 4> kStates{"HELD", "CONFIRMED", "RELEASED", "EXPIRED"};

// One reply in the light of one question.
class Explanation {
 public:
  Explanation(const Referee& referee, const Asked& asked, const RespValue& reply,
              const RespNode& node, const HeardAt& heard)
      : referee_(referee), asked_(asked), reply_(reply), node_(node), heard_(heard) {}

  bool Holds() {
    const std::string& verb = asked_.words[0];
    if (verb == "GET" || verb == "INCR") return Key();
    if (verb == "COPY" || verb == "SET" || verb == "DEL" || verb == "PEXPIRE") return true;
    if (node_.type == RespType::kError) return Error();
    if (verb == "RESERVE" || verb == "AMEND") return Reserve();
    if (verb == "CONFIRM" || verb == "RELEASE" || verb == "EXTEND") return Finish();
    if (verb == "STOCK.ADJUST" || verb == "STOCK.RETURN") return Move();
    if (verb == "STOCK.GET") return Stock();
    if (verb == "STOCK.AVAIL") return Avail();
    if (verb == "STOCK.AUDIT") return Field("bad") == 0;  // I1, computed by the server itself
    if (verb == "STOCK.SET") return Saw([](const SkuBook*) { return true; });
    if (verb == "STOCK.CREATE") return Saw([](const SkuBook* sku) { return sku != nullptr; });
    if (verb == "STOCK.DROP") return Saw([](const SkuBook* sku) { return sku == nullptr; });
    if (verb == "TYPE") return Type();
    if (verb == "HOLD.GET") return HoldGet();
    if (verb == "HOLD.LIST") return HoldList();
    return false;
  }

 private:
  const std::string& Word(size_t at) const { return asked_.words[at]; }
  bool Asks(std::string_view option) const {
    return std::ranges::find(asked_.words, option) != asked_.words.end();
  }
  std::string After(std::string_view option) const {
    const auto found = std::ranges::find(asked_.words, option);
    return found == asked_.words.end() ? std::string() : *(found + 1);
  }
  Units UnitsAt(size_t at) const { return ParseInt64(asked_.words[at]).value_or(0); }

  std::string_view Text(size_t child) const { return reply_.Child(node_, child)->text; }
  int64_t Int(size_t child) const { return reply_.Child(node_, child)->integer; }
  int64_t Field(std::string_view name) const { return reply_.Field(node_, name)->integer; }
  std::string_view FieldText(std::string_view name) const {
    return reply_.Field(node_, name)->text;
  }

  template <typename F>
  bool Saw(F&& fits) const {
    return referee_.Saw(asked_.words[1], asked_.log_end, heard_.durable, fits);
  }
  template <typename F>
  bool SawSku(F&& fits) const {
    return Saw([&](const SkuBook* sku) { return sku != nullptr && fits(*sku); });
  }

  // I3: remembered until its time, and not longer. The command ran between the two instants.
  const BookHold* Find(const SkuBook& sku, const std::string& id) const {
    const BookHold* const hold = sku.Find(id);
    return hold != nullptr && !hold->live() && hold->until <= asked_.at ? nullptr : hold;
  }
  bool MayBeAbsent(const SkuBook& sku, const std::string& id) const {
    const BookHold* const hold = sku.Find(id);
    return hold == nullptr || (!hold->live() && hold->until <= heard_.at);
  }
  // I9: nobody is told that a hold lives whose time was over when he asked.
  bool Lives(const BookHold& hold) const {
    return hold.live() && SkuBook::EndOf(hold, referee_.grace_until()) > asked_.at;
  }
  bool IsIn(const BookHold& hold, std::string_view state) const {
    return kStates[static_cast<size_t>(hold.state)] == state && (!hold.live() || Lives(hold));
  }
  static int64_t DeadlineOf(const BookHold& hold) { return hold.live() ? ToUnixMs(hold.until) : 0; }
  static bool IsState(std::string_view word) {
    return std::ranges::find(kStates, word) != kStates.end();
  }

  // ---- verbs

  bool Error() const {
    const std::string_view text = node_.text;
    const std::string& verb = Word(0);
    if (text.starts_with("NOSKU")) return Saw([](const SkuBook* sku) { return sku == nullptr; });
    return SawSku([&](const SkuBook& sku) {
      if (text.starts_with("EXISTS")) return true;
      if (text.starts_with("PROTECTED")) return verb != "STOCK.DROP" || sku.LiveHolds() > 0;
      if (text.starts_with("NOHOLD")) return MayBeAbsent(sku, Word(2));
      if (text.starts_with("NEEDBUYER")) return sku.options.limit > 0;
      if (text.starts_with("ERR CLOSES")) return true;
      if (text.starts_with("BADQTY")) return BadQuantity(sku);
      if (!text.starts_with("HOLDMISMATCH")) return false;
      if (verb == "STOCK.ADJUST") return sku.FindRef(Word(2)) != nullptr;
      if (verb == "STOCK.RETURN") return sku.FindRef(Word(3)) != nullptr;
      const BookHold* const hold = Find(sku, Word(2));
      if (hold == nullptr) return false;
      if (verb == "CONFIRM") return hold->state == HoldState::kConfirmed;
      return hold->asked != UnitsAt(3) || hold->buyer != After("BUYER");
    });
  }

  bool BadQuantity(const SkuBook& sku) const {
    if (Word(0) == "RESERVE" || Word(0) == "AMEND") {
      return sku.options.maxqty > 0 && UnitsAt(3) > sku.options.maxqty;
    }
    const BookHold* const hold = Find(sku, Word(2));
    if (hold == nullptr) return false;
    if (Word(0) == "CONFIRM") return hold->units < ParseInt64(After("QTY")).value_or(0);
    return hold->Sold() < UnitsAt(4);
  }

  // A refusal waits only for what it could have come from, and may overtake changes that make no
  // difference to it: so it must be true of what it saw, and of what is durable.
  bool Reserve() const {
    const auto fits = [&](const SkuBook* sku) { return sku != nullptr && Reserve(*sku); };
    if (IsState(Text(0))) return Saw(fits);
    const std::string& sku = Word(1);
    return referee_.Saw(sku, asked_.log_end, heard_.log_end, fits) &&
           referee_.Saw(sku, std::min(asked_.log_end, heard_.durable), heard_.durable, fits);
  }

  bool Reserve(const SkuBook& sku) const {
    const std::string_view status = Text(0);
    const bool amends = Word(0) == "AMEND";
    if (status != "LIMIT" && Int(3) != sku.Sellable()) return false;
    const BookHold* const hold = Find(sku, Word(2));
    if (IsState(status)) {
      if (hold == nullptr || !IsIn(*hold, status) || Int(2) != DeadlineOf(*hold)) return false;
      const bool in_hand = hold->live() || hold->state == HoldState::kConfirmed;
      if (Int(1) != (in_hand ? hold->units : 0)) return false;
      const bool fence = hold->asked == 0;
      return amends || fence || (hold->asked == UnitsAt(3) && hold->buyer == After("BUYER"));
    }
    if (amends ? hold == nullptr || !Lives(*hold) : !MayBeAbsent(sku, Word(2))) return false;
    return Int(1) == (amends ? hold->units : 0) && Refuses(sku, status, amends ? hold : nullptr);
  }

  bool Refuses(const SkuBook& sku, std::string_view status, const BookHold* amended) const {
    const Units more = UnitsAt(3) - (amended != nullptr ? amended->units : 0);
    const Units least = Asks("PARTIAL") ? 1 : more;
    const ItemOptions& options = sku.options;
    if (status == "SOLDOUT") return sku.Sellable() == 0;
    if (status == "SHORT") return sku.Sellable() > 0 && sku.Sellable() < least;
    if (status == "EARLY") return asked_.at < options.opens && Int(2) == ToUnixMs(options.opens);
    if (status == "CLOSED") {
      const bool over = options.closes != kNever && heard_.at >= options.closes;
      return (options.paused || over) && Int(2) == ToUnixMs(options.closes);
    }
    if (status != "LIMIT") return false;
    const Units rest = sku.RestOf(amended != nullptr ? amended->buyer : After("BUYER"));
    return Int(3) == rest && rest < least;
  }

  // CONFIRM, RELEASE, EXTEND: [state, n].
  bool Finish() const {
    const std::string_view status = Text(0);
    const std::string& verb = Word(0);
    return SawSku([&](const SkuBook& sku) {
      const BookHold* const hold = Find(sku, Word(2));
      if (hold == nullptr || !IsIn(*hold, status)) return false;
      if (verb == "CONFIRM") return Int(1) == (status == "CONFIRMED" ? hold->units : 0);
      if (verb == "RELEASE") return Int(1) == (status == "CONFIRMED" ? 0 : hold->units);
      return Int(1) == DeadlineOf(*hold);
    });
  }

  // ADJUST, RETURN: [status, units, available].
  bool Move() const {
    const std::string_view status = Text(0);
    const bool adjusts = Word(0) == "STOCK.ADJUST";
    return SawSku([&](const SkuBook& sku) {
      if (Int(2) != sku.Available()) return false;
      if (status == "SHORT") return Int(1) == 0 && UnitsAt(3) < -sku.Available();
      if (status == "STALE") return Int(1) == 0;
      const BookRef* const ref = sku.FindRef(Word(adjusts ? 2 : 3));
      return ref != nullptr && ref->is_return != adjusts && Int(1) == ref->applied;
    });
  }

  bool Stock() const {
    // I1, as the client sees it.
    if (Field("available") + Field("held") + Field("sold") != Field("supplied")) return false;
    return SawSku([&](const SkuBook& sku) {
      return Field("supplied") == sku.supplied && Field("held") == sku.Held() &&
             Field("sold") == sku.Sold() && Field("available") == sku.Available() &&
             Field("sellable") == sku.Sellable() && Field("returned") == sku.Returned() &&
             Field("holds") == sku.LiveHolds() && Field("limit") == sku.options.limit &&
             Field("closes") == ToUnixMs(sku.options.closes) &&
             Field("seq") == static_cast<int64_t>(sku.seq);
    });
  }

  bool Avail() const {
    for (size_t i = 0; i + 1 < asked_.words.size(); ++i) {
      const RespNode& told = *reply_.Child(node_, i);
      const auto fits = [&](const SkuBook* sku) {
        if (told.type == RespType::kNull) return sku == nullptr;
        return sku != nullptr && told.integer == sku->Sellable();
      };
      if (!referee_.Saw(Word(i + 1), asked_.log_end, heard_.durable, fits)) return false;
    }
    return true;
  }

  bool Type() const {
    return Saw([&](const SkuBook* sku) { return (sku != nullptr) == (node_.text == "stock"); });
  }

  bool HoldGet() const {
    return SawSku([&](const SkuBook& sku) {
      if (node_.type == RespType::kNull) return MayBeAbsent(sku, Word(2));
      const BookHold* const hold = Find(sku, Word(2));
      return hold != nullptr && IsIn(*hold, FieldText("state")) && Field("units") == hold->units &&
             Field("asked") == hold->asked && Field("returned") == hold->returned &&
             FieldText("buyer") == hold->buyer && Field("deadline") == DeadlineOf(*hold) &&
             Field("made") == ToUnixMs(hold->made);
    });
  }

  bool HoldList() const {
    const RespNode& page = *reply_.Child(node_, 1);
    return SawSku([&](const SkuBook& sku) {
      for (size_t i = 0; i < page.size; ++i) {
        const RespNode& line = *reply_.Child(page, i);
        const auto at = [&](size_t child) { return *reply_.Child(line, child); };
        const BookHold* const hold = Find(sku, std::string(at(0).text));
        if (hold == nullptr || !IsIn(*hold, at(1).text) || at(2).integer != hold->units ||
            at(3).text != hold->buyer || at(4).integer != DeadlineOf(*hold)) {
          return false;
        }
      }
      const auto is_remembered = [&](const auto& entry) {
        return entry.second.live() || entry.second.until > heard_.at;
      };
      return static_cast<int64_t>(page.size) >= std::ranges::count_if(sku.holds, is_remembered);
    });
  }

  bool Key() const {
    const auto fits = [&](const BookKey* key) {
      if (node_.type == RespType::kNull) return key == nullptr;
      if (key == nullptr) return false;
      return node_.type == RespType::kInteger ? std::to_string(node_.integer) == key->value
                                              : node_.text == key->value;
    };
    return referee_.SawKey(Word(1), asked_.log_end, heard_.log_end, fits);
  }

  const Referee& referee_;
  const Asked& asked_;
  const RespValue& reply_;
  const RespNode& node_;
  const HeardAt& heard_;
};

bool IsRefusal(const RespValue& reply, const RespNode& node) {
  constexpr std::array<std::string_view, 7> kRefusals{"SOLDOUT", "SHORT", "LIMIT",  "EARLY",
                                                      "CLOSED",  "STALE", "EXPIRED"};
  if (node.type == RespType::kError) return true;
  const RespNode* const status = reply.Child(node, 0);
  return status != nullptr && std::ranges::find(kRefusals, status->text) != kRefusals.end();
}

}  // namespace

std::string Explain(const Referee& referee, const Asked& asked, const RespValue& reply,
                    const RespNode& node, const HeardAt& heard) {
  std::string told;
  for (const std::string& word : asked.words) told += word + ' ';
  told += "-> " + std::string(node.text);
  for (size_t i = 0; i < 4 && i < node.size; ++i) {
    const RespNode& part = *reply.Child(node, i);
    told += ' ' + (part.type == RespType::kInteger ? std::to_string(part.integer)
                                                   : std::string(part.text));
  }
  if (asked.grew && IsRefusal(reply, node)) return "I10: a refusal left something: " + told;
  if (Explanation(referee, asked, reply, node, heard).Holds()) return {};
  const bool waits = asked.words[0] != "GET" && asked.words[0] != "INCR";
  return (waits ? "I7: told, and not in the log as far as it is durable: "
                : "I7: told, and not in the log: ") +
         told;
}

}  // namespace holdfast

#include "tests/unit/core/ledger_fixture.h"

#include <map>
#include <sstream>

namespace holdfast {

void ItemPeek::SetReturns(Item& item, std::string_view id, HoldReturns returns) {
  HoldPtr& owner = *item.holds_.Find(item.holds_.Hash(id));
  item.finished_.Remove(owner->until(), *owner);
  owner = owner->Remade(owner->words(), returns);
  item.finished_.Add(owner->until(), *owner);
}

std::string ItemPeek::Dump(const Item& item) {
  std::ostringstream out;
  const Stock& stock = item.stock_;
  out << stock.available << ' ' << stock.held << ' ' << stock.sold << ' ' << stock.supplied << ' '
      << stock.returned << " seq " << item.seq_ << " at " << ToUnixMs(item.changed_at_)
      << " forgotten " << item.forgotten_.sold << ' ' << item.forgotten_.returned << ' '
      << item.forgotten_.used << " counts " << item.counts_buyers_ << item.counting() << " bytes "
      << item.block_bytes_ << '\n';
  const ItemOptions& options = item.options_;
  out << options.limit << ' ' << options.maxqty << ' ' << options.safety << ' '
      << ToUnixMs(options.opens) << ' ' << ToUnixMs(options.closes) << ' ' << options.ttl.count()
      << ' ' << options.retain.count() << ' ' << options.paused << '\n';
  std::map<std::string, std::string> lines;  // sorted: the containers' order is their own
  item.holds_.ForEach([&](const HoldPtr& hold) {
    const HoldWords words = hold->words();
    std::ostringstream line;
    line << static_cast<int>(hold->state) << ' ' << hold->asked << ' ' << hold->units << ' '
         << hold->returns().units << ' ' << hold->returns().kept << ' ' << ToUnixMs(hold->made())
         << ' ' << ToUnixMs(hold->until()) << ' ' << words.buyer << '|' << words.meta << '|'
         << words.reason;
    lines["hold " + std::string(words.id)] = line.str();
  });
  item.buyers_.ForEach([&](const BuyerUsePtr& use) {
    lines["buyer " + std::string(use->buyer())] = std::to_string(use->units);
  });
  item.refs_.ForEach([&](const RefPtr& ref) {
    std::ostringstream line;
    line << ref->is_return << ' ' << ref->asked << ' ' << ref->applied << ' ' << ref->hold_id << ' '
         << static_cast<int>(ref->target) << ' ' << ToUnixMs(ref->forget_at);
    lines["ref " + ref->ref] = line.str();
  });
  for (const auto& [name, line] : lines) out << name << ": " << line << '\n';
  return out.str();
}

namespace {

const char* Word(ReserveStatus status) {
  switch (status) {
    case ReserveStatus::kHeld:
      return "HELD";
    case ReserveStatus::kConfirmed:
      return "CONFIRMED";
    case ReserveStatus::kReleased:
      return "RELEASED";
    case ReserveStatus::kExpired:
      return "EXPIRED";
    case ReserveStatus::kSoldOut:
      return "SOLDOUT";
    case ReserveStatus::kShort:
      return "SHORT";
    case ReserveStatus::kLimit:
      return "LIMIT";
    case ReserveStatus::kEarly:
      return "EARLY";
    case ReserveStatus::kClosed:
      return "CLOSED";
    case ReserveStatus::kHoldMismatch:
      return "HOLDMISMATCH";
    case ReserveStatus::kNoHold:
      return "NOHOLD";
    case ReserveStatus::kNeedBuyer:
      return "NEEDBUYER";
    case ReserveStatus::kBadQuantity:
      return "BADQTY";
  }
  return "?";
}

// Milliseconds since kStart, or 0 for never.
std::string When(UnixMs instant) {
  return std::to_string(instant == kNever ? 0 : (instant - kStart).count());
}

std::string Join(const std::string& word, Units first) {
  return word + ' ' + std::to_string(first);
}

}  // namespace

std::string ToText(const ReserveOutcome& outcome) {
  return Join(Word(outcome.status), outcome.units) + ' ' + When(outcome.ms) + ' ' +
         std::to_string(outcome.n);
}

std::string ToText(const ConfirmOutcome& outcome) {
  constexpr const char* kWords[] = {"CONFIRMED", "EXPIRED",      "RELEASED",
                                    "NOHOLD",    "HOLDMISMATCH", "BADQTY"};
  return Join(kWords[static_cast<int>(outcome.status)], outcome.units);
}

std::string ToText(const ReleaseOutcome& outcome) {
  constexpr const char* kWords[] = {"RELEASED", "EXPIRED", "CONFIRMED"};
  return Join(kWords[static_cast<int>(outcome.status)], outcome.units);
}

std::string ToText(const ExtendOutcome& outcome) {
  constexpr const char* kWords[] = {"HELD", "CONFIRMED", "RELEASED", "EXPIRED", "NOHOLD"};
  return std::string(kWords[static_cast<int>(outcome.status)]) + ' ' + When(outcome.deadline);
}

std::string ToText(const AdjustOutcome& outcome) {
  constexpr const char* kWords[] = {"ADJUSTED", "SHORT", "STALE", "HOLDMISMATCH", "BADQTY"};
  return Join(kWords[static_cast<int>(outcome.status)], outcome.delta) + ' ' +
         std::to_string(outcome.available);
}

std::string ToText(const ReturnOutcome& outcome) {
  constexpr const char* kWords[] = {"RETURNED", "NOHOLD", "HOLDMISMATCH", "BADQTY"};
  return Join(kWords[static_cast<int>(outcome.status)], outcome.units) + ' ' +
         std::to_string(outcome.available);
}

}  // namespace holdfast

#include "tests/sim/ledger_commands.h"

namespace holdfast {

CommandLine LedgerCommands::Create(int sku, UnixMs now) {
  CommandLine words = {"STOCK.CREATE", "sku-" + std::to_string(sku), std::to_string(9 + 2 * sku),
                       "TTL", "3"};
  const auto add = [&](const CommandLine& more) {
    words.insert(words.end(), more.begin(), more.end());
  };
  const auto at = [&](int ms) { return std::to_string(ToUnixMs(now) + ms); };
  if (sku == 1) add({"LIMIT", "3"});
  if (sku == 2) add({"SAFETY", "2", "MAXQTY", "2"});
  if (sku == 3) add({"OPENS", at(2000), "CLOSES", at(25'000), "LIMIT", "5"});
  if (sku == 4) add({"RETAIN", "2"});
  return words;
}

std::deque<CommandLine> LedgerCommands::Some(UnixMs now) {
  if (Chance(12)) return {{"MULTI"}, Reserve(), Reserve(), {"EXEC"}};
  // What is copied was raised a moment ago, perhaps in a turn that has not ended.
  const std::string number = "number-" + Number(0, 3);
  if (Chance(12)) return {{"INCR", number}, CopyOf(number)};
  return {Any(now)};
}

CommandLine LedgerCommands::CopyOf(const std::string& number) {
  return {"COPY", number, "copy-" + number, "REPLACE"};
}

CommandLine LedgerCommands::Any(UnixMs now) {
  const int what = Below(20);
  if (what < 12) return OfHold();
  if (what < 15) return OfStock(now);
  return what < 18 ? OfKeys() : Read();
}

CommandLine LedgerCommands::Read() {
  switch (Below(10)) {
    case 0:
      return {"STOCK.AVAIL", Sku(), Sku()};
    case 1:
      return {"HOLD.LIST", Sku(), "COUNT", "1000"};
    case 2:
      return {"STOCK.AUDIT", Sku()};
    case 3:
      return {"TYPE", Sku()};
    case 4:
    case 5:
    case 6:
      return {"HOLD.GET", Sku(), Hold()};
    case 7:
      return {"GET", "number-" + Number(0, 3)};
    default:
      return {"STOCK.GET", Sku()};
  }
}

// The id fixes units and buyer, mostly: a retry asks what was asked.
CommandLine LedgerCommands::Reserve() {
  const int id = Below(kHolds);
  CommandLine words = {"RESERVE", Sku(), "hold-" + std::to_string(id), std::to_string(1 + id % 3)};
  if (Chance(15)) words[3] = Number(1, 4);
  if (!Chance(8)) words.insert(words.end(), {"BUYER", "b-" + std::to_string(id % 4)});
  if (Chance(3)) words.insert(words.end(), {"PX", Number(1, 4000)});
  if (Chance(7)) words.emplace_back("PARTIAL");
  if (Chance(7)) words.emplace_back("FINAL");
  return words;
}

CommandLine LedgerCommands::OfHold() {
  switch (Below(14)) {
    case 0:
    case 1:
      return {"CONFIRM", Sku(), Hold()};
    case 2:
      return {"CONFIRM", Sku(), Hold(), "RECLAIM"};
    case 3:
      return {"CONFIRM", Sku(), Hold(), "QTY", Number(1, 2)};
    case 4:
      return {"RELEASE", Sku(), Hold()};
    case 5:
      return {"RELEASE", Sku(), Hold(), "REASON", "late"};
    case 6:
      return {"EXTEND", Sku(), Hold(), "PX", Number(1, 5000)};
    case 7:
    case 8:
      return {"AMEND", Sku(), Hold(), Number(1, 4)};
    default:
      return Reserve();
  }
}

CommandLine LedgerCommands::OfStock(UnixMs now) {
  switch (Below(12)) {
    case 0:
    case 1:
    case 2: {
      CommandLine words = {"STOCK.ADJUST", Sku(), "ref-" + Number(0, 7),
                           std::to_string(Below(8) - 3)};
      if (Chance(4)) words.emplace_back("CLAMP");
      if (Chance(4)) words.insert(words.end(), {"IF", Number(0, 6)});
      return words;
    }
    case 3:
    case 4:
    case 5: {
      CommandLine words = {"STOCK.RETURN", Sku(), Hold(), "ref-" + Number(0, 7), Number(1, 2)};
      if (Chance(3)) words.insert(words.end(), {"TO", "writeoff"});
      if (Chance(3)) words.emplace_back("KEEPLIMIT");
      return words;
    }
    case 6:
      if (Chance(3)) return {"STOCK.DROP", Sku(), "FORCE"};
      return Chance(3) ? CommandLine{"STOCK.DROP", Sku()} : Set(now);
    case 7:
    case 8:
      return Create(Below(kSkus), now);
    default:
      return Set(now);
  }
}

std::string LedgerCommands::Instant(UnixMs now, int span_ms) {
  return Chance(3) ? "0" : std::to_string(ToUnixMs(now) - 500 + Below(span_ms));
}

CommandLine LedgerCommands::Set(UnixMs now) {
  const std::string sku = Sku();
  switch (Below(7)) {
    case 0:
      return {"STOCK.SET", sku, "LIMIT", Number(0, 5)};
    case 1:
      return {"STOCK.SET", sku, "PAUSED", Chance(3) ? "yes" : "no"};
    case 2:
      return {"STOCK.SET", sku, "OPENS", Instant(now, 2000)};
    case 3:
      return {"STOCK.SET", sku, "CLOSES", Instant(now, 9000)};
    case 4:
      return {"STOCK.SET", sku, "SAFETY", Number(0, 2), "MAXQTY", Number(0, 3)};
    case 5:
      return {"STOCK.SET", sku, "RETAIN", Number(0, 4), "TTL", Number(1, 4)};
    default:
      return {"STOCK.SET", sku, "PAUSED", "no", "OPENS", "0", "CLOSES", "0"};
  }
}

CommandLine LedgerCommands::OfKeys() {
  const std::string number = "number-" + Number(0, 3);
  switch (Below(9)) {
    case 0:
    case 1:
    case 2:
      return {"INCR", number};
    case 3:
    case 4:
      return CopyOf(number);
    case 5:
      return {"SET", "s-" + Number(0, 3), Number(0, 99), "PX", Number(1, 900)};
    case 6:
      return {"PEXPIRE", "s-" + Number(0, 3), Number(1, 900)};
    case 7:
      return {"DEL", "s-" + Number(0, 3)};
    default:
      return {"GET", "s-" + Number(0, 3)};
  }
}

}  // namespace holdfast

// The audit after the sale. The buyers' records are one witness and the server the other: each hold
// of which a buyer was told is looked up, each sale is confirmed once more (the same id must hear
// the same), and the sums of both sides must agree to the unit.
#include <algorithm>
#include <string_view>
#include <unordered_map>

#include <fmt/core.h>

#include "bench/masks/masks.h"
#include "bench/request_template.h"
#include "bench/socket.h"

namespace holdfast::bench {
namespace {

constexpr size_t kDifferencesMax = 100;
constexpr size_t kBatch = 200;

std::string_view StateWord(HoldState state) {
  switch (state) {
    case HoldState::kHeld:
      return "HELD";
    case HoldState::kConfirmed:
      return "CONFIRMED";
    case HoldState::kReleased:
      return "RELEASED";
    case HoldState::kExpired:
      return "EXPIRED";
  }
  return "";
}

class Audit {
 public:
  Audit(Client& client, const Crowd& crowd, MasksResult& result)
      : client_(client), crowd_(crowd), sku_(crowd.plan().sku), result_(result) {}

  Status Run() {
    CheckBuyers();
    Status status = CheckHolds();
    if (status.ok()) status = CheckSales();
    if (status.ok()) status = CheckLedger();
    if (status.ok()) status = CheckServersOwnAudit();
    return status;
  }

 private:
  void Differ(std::string text) {
    if (result_.differences.size() < kDifferencesMax)
      result_.differences.push_back(std::move(text));
  }

  void CheckBuyers() {
    std::unordered_map<uint32_t, int64_t> units_by_buyer;
    for (const HoldRecord& record : crowd_.records()) {
      if (record.state == HoldState::kConfirmed) units_by_buyer[record.buyer] += record.units;
    }
    int64_t sum = 0;
    for (const auto& [buyer, units] : units_by_buyer) {
      sum += units;
      result_.most_units_of_a_buyer = std::max(result_.most_units_of_a_buyer, units);
      if (units > crowd_.plan().limit) {
        Differ(fmt::format("{} bought {} units, the limit is {}", Crowd::BuyerId(buyer), units,
                           crowd_.plan().limit));
      }
    }
    result_.buyers_with_units = units_by_buyer.size();
    if (sum != crowd_.counts().confirmed_units) {
      Differ(fmt::format("the buyers' records sum to {} units, their answers to {}", sum,
                         crowd_.counts().confirmed_units));
    }
    if (sum > crowd_.plan().stock) {
      Differ(fmt::format("OVERSOLD: buyers hold confirmations of {} units, there were {}", sum,
                         crowd_.plan().stock));
    }
  }

  // Sends one request per chosen record and shows each answer with its record.
  template <typename Wanted, typename Check>
  Status ForEach(std::string_view verb, Wanted wanted, Check check) {
    std::vector<const HoldRecord*> chosen;
    for (const HoldRecord& record : crowd_.records()) {
      if (wanted(record)) chosen.push_back(&record);
    }
    RespValue reply;
    for (size_t done = 0; done < chosen.size();) {
      const size_t end = std::min(done + kBatch, chosen.size());
      for (size_t i = done; i < end; ++i) {
        const std::string words[] = {std::string(verb), sku_, IdOf(*chosen[i])};
        AppendCommand(client_.out(), words);
      }
      if (Status status = client_.Send(); !status.ok()) return status;
      for (; done < end; ++done) {
        if (Status status = client_.Next(reply); !status.ok()) return status;
        ++result_.answers_checked;
        check(*chosen[done], reply);
      }
    }
    return Status::Ok();
  }

  static std::string IdOf(const HoldRecord& record) {
    return Crowd::HoldId(record.buyer, record.attempt);
  }

  Status CheckHolds() {
    const auto all = [](const HoldRecord&) { return true; };
    return ForEach("HOLD.GET", all, [this](const HoldRecord& record, const RespValue& reply) {
      CheckHold(record, reply);
    });
  }

  void CheckHold(const HoldRecord& record, const RespValue& reply) {
    const std::string name = "hold " + IdOf(record);
    const auto told = fmt::format("{}, acknowledged as {} of {} units,", name,
                                  StateWord(record.state), record.units);
    const RespNode* state = reply.Field(reply.root(), "state");
    const RespNode* units = reply.Field(reply.root(), "units");
    const RespNode* buyer = reply.Field(reply.root(), "buyer");
    if (state == nullptr || units == nullptr || buyer == nullptr) {
      Differ(told + " is not on the server: " + std::string(reply.root().text));
      return;
    }
    // A buyer who fell silent was told HELD, and time may have gone on since.
    const bool lapsed = record.state == HoldState::kHeld && state->text == "EXPIRED";
    if (state->text != StateWord(record.state) && !lapsed) {
      Differ(told + " is " + std::string(state->text) + " on the server");
    }
    // A hold whose end was the first that its buyer heard of it has no units that he knows.
    if (record.units > 0 && units->integer != record.units) {
      Differ(fmt::format("{} has {} units on the server", told, units->integer));
    }
    if (buyer->text != Crowd::BuyerId(record.buyer)) {
      Differ(told + " belongs to " + std::string(buyer->text) + " on the server");
    }
    if (state->text == "HELD") held_units_seen_ += units->integer;
    if (state->text == "CONFIRMED") confirmed_units_seen_ += units->integer;
  }

  Status CheckSales() {
    const auto sold = [](const HoldRecord& record) {
      return record.state == HoldState::kConfirmed;
    };
    return ForEach("CONFIRM", sold, [this](const HoldRecord& record, const RespValue& reply) {
      const RespNode* status = reply.Child(reply.root(), 0);
      const RespNode* units = reply.Child(reply.root(), 1);
      const bool same = status != nullptr && units != nullptr && status->text == "CONFIRMED" &&
                        units->integer == record.units;
      if (same) return;
      Differ(fmt::format("CONFIRM of {} repeated after the sale does not answer CONFIRMED {}",
                         IdOf(record), record.units));
    });
  }

  int64_t Number(const RespValue& reply, std::string_view name) {
    const RespNode* node = reply.Field(reply.root(), name);
    if (node != nullptr && node->type == RespType::kInteger) return node->integer;
    Differ(fmt::format("the server's answer has no number '{}'", name));
    return -1;
  }

  Status CheckLedger() {
    RespValue reply;
    if (Status status = client_.CallGood({"STOCK.GET", sku_}, reply); !status.ok()) return status;
    ServerLedger& ledger = result_.ledger;
    ledger.supplied = Number(reply, "supplied");
    ledger.available = Number(reply, "available");
    ledger.held = Number(reply, "held");
    ledger.sold = Number(reply, "sold");
    const int64_t stock = crowd_.plan().stock;
    const auto same = [this](std::string_view what, int64_t server, int64_t ours) {
      if (server != ours)
        Differ(fmt::format("{}: the server says {}, it must be {}", what, server, ours));
    };
    same("supplied", ledger.supplied, stock);
    same("available + held + sold", ledger.available + ledger.held + ledger.sold, stock);
    same("sold against the buyers' acknowledged sales", ledger.sold,
         crowd_.counts().confirmed_units);
    same("sold against the holds looked up", ledger.sold, confirmed_units_seen_);
    // Between the look-ups and this answer holds may have run out, and none can have been made.
    if (ledger.held > held_units_seen_) {
      Differ(fmt::format("held: the server says {}, the buyers' holds are {}", ledger.held,
                         held_units_seen_));
    }
    if (result_.ending == "all sold") same("sold, when all was sold", ledger.sold, stock);
    return Status::Ok();
  }

  Status CheckServersOwnAudit() {
    RespValue reply;
    if (Status status = client_.CallGood({"STOCK.AUDIT", sku_}, reply); !status.ok()) return status;
    result_.ledger.audit_holds = Number(reply, "holds");
    result_.ledger.audit_bad = Number(reply, "bad");
    if (result_.ledger.audit_bad == 0) return Status::Ok();
    const RespNode* first = reply.Field(reply.root(), "first-bad");
    Differ(fmt::format("STOCK.AUDIT: {} bad, the first: {}", result_.ledger.audit_bad,
                       first == nullptr ? "" : first->text));
    return Status::Ok();
  }

  Client& client_;
  const Crowd& crowd_;
  const std::string sku_;
  MasksResult& result_;
  int64_t held_units_seen_ = 0;
  int64_t confirmed_units_seen_ = 0;
};

}  // namespace

Status AuditMasks(const Arguments& arguments, const Crowd& crowd, MasksResult& result) {
  Client client;
  if (Status status = client.Open(arguments.address); !status.ok()) return status;
  return Audit(client, crowd, result).Run();
}

}  // namespace holdfast::bench

#include "bench/masks/crowd.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "bench/request_template.h"
#include "storage/base/invariant.h"

namespace holdfast::bench {
namespace {

constexpr uint64_t kEarlyPercent = 20;
constexpr uint64_t kPartialPercent = 10;
constexpr uint64_t kRepeatPercent = 10;
constexpr uint64_t kRepeatMs = 300;  // within this after the answer
constexpr uint64_t kConfirmPercent = 70;
constexpr uint64_t kReleasePercent = 15;  // the rest leave their hold alone
constexpr uint64_t kLatePayPercent = 30;  // of those who left it
constexpr uint64_t kOverLimitPercent = 5;
constexpr uint64_t kRushMs = 2000;  // the crowd's clicks spread over this after the opening
constexpr uint16_t kPatience = 200;
// Our idea of the server's clock is a request's round trip old, or that of a busy machine.
constexpr int64_t kClockSlackMs = 1000;
// An hour's worth of differences tells no more than the first hundred.
constexpr size_t kDifferencesMax = 100;

// Error words that mean: not now, ask the same again.
constexpr std::string_view kLaterWords[] = {"LOADING",  "OVERLOAD", "MISCONF", "NOTACKED",
                                            "READONLY", "BUSY",     "OOM"};

}  // namespace

std::string Crowd::HoldId(uint32_t buyer, uint32_t attempt) {
  return "order-" + std::to_string(buyer) + "-" + std::to_string(attempt);
}

std::string Crowd::BuyerId(uint32_t buyer) { return "buyer-" + std::to_string(buyer); }

Crowd::Crowd(CrowdPlan plan) : plan_(std::move(plan)), random_(plan_.seed), buyers_(plan_.buyers) {
  const auto before = static_cast<uint64_t>(std::max<int64_t>(1, plan_.opens_ms - plan_.starts_ms));
  for (uint32_t buyer = 0; buyer < plan_.buyers; ++buyer) {
    Buyer& b = buyers_[buyer];
    b.wanted = static_cast<uint8_t>(1 + random_.Below(static_cast<uint64_t>(plan_.limit)));
    b.asked = b.wanted;
    b.partial = random_.Percent(kPartialPercent);
    const bool early = random_.Percent(kEarlyPercent);
    WaitUntil(buyer, early ? Soon(plan_.starts_ms, 0, before) : Soon(plan_.opens_ms, 0, kRushMs));
  }
}

int64_t Crowd::Soon(int64_t now_ms, uint64_t least_ms, uint64_t span_ms) {
  return now_ms + static_cast<int64_t>(least_ms + random_.Below(span_ms));
}

std::optional<uint32_t> Crowd::NextDue(int64_t now_ms) {
  for (Queue* const queue : {&holders_, &clickers_}) {
    while (!queue->empty() && queue->top().ms <= now_ms) {
      const uint32_t buyer = queue->top().buyer;
      queue->pop();
      Buyer& b = buyers_[buyer];
      if (b.thinking && !Decide(buyer)) continue;
      b.sent_ms = now_ms;
      ++in_flight_;
      return buyer;
    }
  }
  return std::nullopt;
}

int64_t Crowd::NextDueMs() const {
  int64_t next_ms = std::numeric_limits<int64_t>::max();
  for (const Queue* const queue : {&holders_, &clickers_}) {
    if (!queue->empty()) next_ms = std::min(next_ms, queue->top().ms);
  }
  return next_ms;
}

void Crowd::AppendRequest(uint32_t buyer, std::string& out) const {
  const Buyer& b = buyers_[buyer];
  const std::string hold = HoldId(buyer, b.attempt);
  switch (b.errand) {
    case Errand::kReserve:
    case Errand::kRepeatReserve:
    case Errand::kOverLimit: {
      const std::string words[] = {"RESERVE", plan_.sku,
                                   hold,      std::to_string(b.asked),
                                   "PX",      std::to_string(plan_.hold_ms),
                                   "BUYER",   BuyerId(buyer),
                                   "PARTIAL"};
      AppendCommand(out, std::span(words).first(b.partial ? 9 : 8));
      return;
    }
    case Errand::kConfirm:
    case Errand::kRepeatConfirm:
    case Errand::kRelease:
    case Errand::kRepeatRelease: {
      const bool confirm = b.errand == Errand::kConfirm || b.errand == Errand::kRepeatConfirm;
      const std::string words[] = {confirm ? "CONFIRM" : "RELEASE", plan_.sku, hold};
      AppendCommand(out, words);
      return;
    }
    case Errand::kNone:
      Invariant(false);
  }
}

void Crowd::WaitUntil(uint32_t buyer, int64_t ms) {
  if (doors_closed_ && !buyers_[buyer].lost) return;
  const Buyer& b = buyers_[buyer];
  const bool clicks = b.errand == Errand::kReserve && !b.thinking && !b.lost;
  (clicks ? clickers_ : holders_).push({ms, buyer});
}

void Crowd::LoseAnswer(uint32_t buyer, int64_t now_ms) {
  --in_flight_;
  ++counts_.repeated_lost;
  buyers_[buyer].lost = true;
  WaitUntil(buyer, now_ms);
}

void Crowd::CloseDoors() {
  doors_closed_ = true;
  clickers_ = {};
  for (Queue all = std::exchange(holders_, {}); !all.empty(); all.pop()) {
    if (buyers_[all.top().buyer].lost) holders_.push(all.top());
  }
}

void Crowd::TakeAnswer(uint32_t buyer, const RespValue& answer, int64_t now_ms) {
  --in_flight_;
  ++counts_.answers;
  const RespNode& root = answer.root();
  if (root.type == RespType::kError) {
    TakeError(buyer, root.text, now_ms);
    return;
  }
  const auto integer = [&](size_t position) {
    const RespNode* node = answer.Child(root, position);
    return node != nullptr && node->type == RespType::kInteger ? node->integer : -1;
  };
  const RespNode* status = answer.Child(root, 0);
  Answer outcome;
  if (root.type == RespType::kArray && status != nullptr) {
    outcome = {.status = status->text, .units = integer(1), .ms = integer(2), .n = integer(3)};
  }
  outcome.after_loss = std::exchange(buyers_[buyer].lost, false);
  TakeOutcome(buyer, outcome, now_ms);
}

void Crowd::TakeError(uint32_t buyer, std::string_view text, int64_t now_ms) {
  const std::string_view word = text.substr(0, text.find(' '));
  if (std::ranges::find(kLaterWords, word) != std::end(kLaterWords)) {
    ++counts_.told_later;
    // Whether an earlier try took effect is as open as before; with NOTACKED this one may have,
    // too.
    if (word == "NOTACKED") buyers_[buyer].lost = true;
    WaitUntil(buyer, Soon(now_ms, 50, 200));
    return;
  }
  buyers_[buyer].lost = false;
  Differ(buyer, {.status = text}, "an error");
}

void Crowd::TakeOutcome(uint32_t buyer, const Answer& answer, int64_t now_ms) {
  switch (buyers_[buyer].errand) {
    case Errand::kReserve:
      return OnReserve(buyer, answer, now_ms);
    case Errand::kRepeatReserve:
      return OnRepeatReserve(buyer, answer, now_ms);
    case Errand::kConfirm:
    case Errand::kRepeatConfirm:
      return OnConfirm(buyer, answer, now_ms);
    case Errand::kRelease:
    case Errand::kRepeatRelease:
      return OnRelease(buyer, answer, now_ms);
    case Errand::kOverLimit:
      return OnOverLimit(buyer, answer);
    case Errand::kNone:
      Invariant(false);
  }
}

void Crowd::OnReserve(uint32_t buyer, const Answer& answer, int64_t now_ms) {
  Buyer& b = buyers_[buyer];
  if (answer.status == "HELD") {
    const bool right =
        answer.units == b.asked || (b.partial && answer.units >= 1 && answer.units < b.asked);
    if (!right) return Differ(buyer, answer, "holds other units than asked for");
    if (now_ms < plan_.opens_ms - kClockSlackMs) return Differ(buyer, answer, "before the opening");
    AddRecord(buyer, answer, HoldState::kHeld);
    ++counts_.held;
    counts_.held_units += answer.units;
    if (!random_.Percent(kRepeatPercent)) return Think(buyer, now_ms);
    ++counts_.repeated;
    b.errand = Errand::kRepeatReserve;
    return WaitUntil(buyer, Soon(now_ms, 0, kRepeatMs));
  }
  if (answer.status == "EXPIRED" && answer.after_loss) {
    // The lost request had made the hold; nobody was told, and its time is up.
    AddRecord(buyer, answer, HoldState::kExpired);
    ++counts_.expired;
    return TryAgainUnderANewId(buyer, now_ms);
  }
  OnRefusal(buyer, answer, now_ms);
}

void Crowd::OnRefusal(uint32_t buyer, const Answer& answer, int64_t now_ms) {
  Buyer& b = buyers_[buyer];
  if (answer.units != 0) return Differ(buyer, answer, "a refusal that holds units");
  if (answer.status == "EARLY") {
    if (answer.ms != plan_.opens_ms) return Differ(buyer, answer, "another opening time");
    if (b.sent_ms > plan_.opens_ms + kClockSlackMs) {
      return Differ(buyer, answer, "asked after the opening");
    }
    ++counts_.early;
    return WaitUntil(buyer, Soon(std::max(plan_.opens_ms, now_ms), 0, 300));
  }
  if (answer.status == "SOLDOUT") {
    if (answer.n != 0) return Differ(buyer, answer, "sold out with units left");
    ++counts_.refused;
    return ComeBack(buyer, now_ms);
  }
  if (answer.status == "SHORT") {
    if (answer.n <= 0 || answer.n >= b.asked) return Differ(buyer, answer, "short of nothing");
    ++counts_.refused;
    if (random_.Percent(50)) return ComeBack(buyer, now_ms);
    b.asked =
        static_cast<uint8_t>(answer.n);  // refusals are not remembered: the id may ask for less
    return WaitUntil(buyer, now_ms);
  }
  Differ(buyer, answer, "not an answer to a first RESERVE in an open sale");
}

void Crowd::OnRepeatReserve(uint32_t buyer, const Answer& answer, int64_t now_ms) {
  const HoldRecord& record = records_[static_cast<size_t>(buyers_[buyer].record)];
  if (answer.status == "HELD") {
    if (answer.units != record.units)
      return Differ(buyer, answer, "a repeat that holds other units");
    if (answer.ms != record.deadline_ms)
      return Differ(buyer, answer, "a repeat moved the deadline");
    return Think(buyer, now_ms);
  }
  if (answer.status == "EXPIRED" && NoteExpiry(buyer, now_ms)) {
    return TryAgainUnderANewId(buyer, now_ms);
  }
  Differ(buyer, answer, "the hold was acknowledged");
}

void Crowd::OnConfirm(uint32_t buyer, const Answer& answer, int64_t now_ms) {
  Buyer& b = buyers_[buyer];
  HoldRecord& record = records_[static_cast<size_t>(b.record)];
  if (answer.status == "CONFIRMED") {
    if (answer.units != record.units)
      return Differ(buyer, answer, "sold other units than were held");
    if (b.errand == Errand::kRepeatConfirm) return MaybeOverLimit(buyer, now_ms);
    record.state = HoldState::kConfirmed;
    ++counts_.confirmed;
    counts_.confirmed_units += record.units;
    if (!record.left) counts_.held_units -= record.units;
    if (!random_.Percent(kRepeatPercent)) return MaybeOverLimit(buyer, now_ms);
    ++counts_.repeated;
    b.errand = Errand::kRepeatConfirm;
    return WaitUntil(buyer, Soon(now_ms, 0, kRepeatMs));
  }
  const bool first = b.errand == Errand::kConfirm;
  if (answer.status == "EXPIRED" && first && NoteExpiry(buyer, now_ms)) {
    return record.left ? Finish(buyer) : TryAgainUnderANewId(buyer, now_ms);
  }
  Differ(buyer, answer, first ? "the hold was acknowledged" : "the sale was acknowledged");
}

void Crowd::OnRelease(uint32_t buyer, const Answer& answer, int64_t now_ms) {
  Buyer& b = buyers_[buyer];
  HoldRecord& record = records_[static_cast<size_t>(b.record)];
  const bool first = b.errand == Errand::kRelease;
  if (answer.status == "RELEASED") {
    if (answer.units != record.units) return Differ(buyer, answer, "gave back other units");
    if (!first) return Finish(buyer);
    record.state = HoldState::kReleased;
    ++counts_.released;
    counts_.held_units -= record.units;
    if (!random_.Percent(kRepeatPercent)) return Finish(buyer);
    ++counts_.repeated;
    b.errand = Errand::kRepeatRelease;
    return WaitUntil(buyer, Soon(now_ms, 0, kRepeatMs));
  }
  if (answer.status == "EXPIRED" && first && NoteExpiry(buyer, now_ms)) return Finish(buyer);
  Differ(buyer, answer, first ? "the hold was acknowledged" : "the release was acknowledged");
}

void Crowd::OnOverLimit(uint32_t buyer, const Answer& answer) {
  const Buyer& b = buyers_[buyer];
  const HoldRecord& bought = records_[static_cast<size_t>(b.record)];
  if (answer.status == "LIMIT") {
    if (answer.n != plan_.limit - bought.units)
      return Differ(buyer, answer, "another rest to take");
    ++counts_.over_limit;
    return Finish(buyer);
  }
  if (answer.status == "HELD") AddRecord(buyer, answer, HoldState::kHeld);
  Differ(buyer, answer, "beyond the buyer's limit");
}

void Crowd::AddRecord(uint32_t buyer, const Answer& answer, HoldState state) {
  Buyer& b = buyers_[buyer];
  b.record = static_cast<int32_t>(records_.size());
  records_.push_back({.buyer = buyer,
                      .attempt = b.attempt,
                      .asked = b.asked,
                      .units = static_cast<uint8_t>(answer.units),
                      .state = state,
                      .deadline_ms = answer.ms});
}

void Crowd::Think(uint32_t buyer, int64_t now_ms) {
  buyers_[buyer].thinking = true;
  WaitUntil(buyer, Soon(now_ms, 50, 1450));
}

bool Crowd::Decide(uint32_t buyer) {
  Buyer& b = buyers_[buyer];
  b.thinking = false;
  const uint64_t percent = random_.Below(100);
  if (percent < kConfirmPercent) {
    b.errand = Errand::kConfirm;
    return true;
  }
  if (percent < kConfirmPercent + kReleasePercent) {
    b.errand = Errand::kRelease;
    return true;
  }
  HoldRecord& record = records_[static_cast<size_t>(b.record)];
  record.left = true;
  ++counts_.left;
  counts_.held_units -= record.units;
  Finish(buyer);
  if (random_.Percent(kLatePayPercent)) {
    b.errand = Errand::kConfirm;
    WaitUntil(buyer, Soon(record.deadline_ms, 100, 1000));
  }
  return false;
}

void Crowd::ComeBack(uint32_t buyer, int64_t now_ms) {
  Buyer& b = buyers_[buyer];
  if (++b.comebacks > kPatience) {
    ++counts_.given_up;
    return Finish(buyer);
  }
  b.errand = Errand::kReserve;
  b.asked = b.wanted;
  WaitUntil(buyer, Soon(now_ms, 1000, 4000));
}

void Crowd::TryAgainUnderANewId(uint32_t buyer, int64_t now_ms) {
  ++buyers_[buyer].attempt;
  ComeBack(buyer, now_ms);
}

void Crowd::Finish(uint32_t buyer) { buyers_[buyer].errand = Errand::kNone; }

bool Crowd::NoteExpiry(uint32_t buyer, int64_t now_ms) {
  HoldRecord& record = records_[static_cast<size_t>(buyers_[buyer].record)];
  if (now_ms < record.deadline_ms - kClockSlackMs) return false;
  record.state = HoldState::kExpired;
  ++counts_.expired;
  if (!record.left) counts_.held_units -= record.units;
  return true;
}

void Crowd::MaybeOverLimit(uint32_t buyer, int64_t now_ms) {
  Buyer& b = buyers_[buyer];
  if (doors_closed_ || !random_.Percent(kOverLimitPercent)) return Finish(buyer);
  ++b.attempt;
  b.asked = static_cast<uint8_t>(plan_.limit);
  b.partial = false;
  b.errand = Errand::kOverLimit;
  WaitUntil(buyer, now_ms);
}

void Crowd::Differ(uint32_t buyer, const Answer& answer, std::string_view problem) {
  if (differences_.size() < kDifferencesMax) {
    std::string request;
    AppendRequest(buyer, request);
    std::ranges::replace(request, '\n', ' ');
    std::erase(request, '\r');
    differences_.push_back(BuyerId(buyer) + " asked " + request + "and heard [" +
                           std::string(answer.status) + " " + std::to_string(answer.units) + " " +
                           std::to_string(answer.ms) + " " + std::to_string(answer.n) +
                           "]: " + std::string(problem));
  }
  Finish(buyer);
}

}  // namespace holdfast::bench

// The buyers of the masks scenario, and what each was told: pure, no socket, no clock. Whoever
// drives it asks who is due, sends that buyer's request, and brings back the answer or the news
// that the connection was lost. The crowd judges each answer at once by what the same buyer was
// told before; the records that it keeps are the buyers' side of the final audit.
//
// A buyer's way:
//
//        click ──► RESERVE ──HELD──► think ──► CONFIRM (70 %) ──► bought; some try to take more
//        than LIMIT
//          ▲      EARLY │ SOLDOUT               RELEASE (15 %) ──► gone
//          └── later ◄──┴─ SHORT                leave it (15 %) ──► gone; some pay too late
//
// Some requests are repeated although they were answered; all are repeated whose answer was lost. A
// repeat carries the same hold id, and must hear the same.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp_value.h"
#include "storage/base/random.h"

namespace holdfast::bench {

// Instants are Unix ms of the server's clock.
struct CrowdPlan {
  std::string sku;
  uint32_t buyers = 0;
  int64_t stock = 0;
  int64_t limit = 5;
  int64_t starts_ms = 0;  // the first early click
  int64_t opens_ms = 0;
  int64_t hold_ms = 5000;
  uint64_t seed = 1;
};

enum class HoldState : uint8_t { kHeld, kConfirmed, kReleased, kExpired };

// One hold of which a buyer was told: its last acknowledged state.
struct HoldRecord {
  uint32_t buyer = 0;
  uint8_t attempt = 0;
  uint8_t asked = 0;
  uint8_t units = 0;
  HoldState state = HoldState::kHeld;
  bool left = false;  // the buyer walked away without a word
  int64_t deadline_ms = 0;
};

struct CrowdCounts {
  uint64_t answers = 0;
  uint64_t early = 0;
  uint64_t refused = 0;  // SOLDOUT and SHORT
  uint64_t held = 0;
  uint64_t confirmed = 0;
  uint64_t released = 0;
  uint64_t expired = 0;  // told so; a hold left alone expires unasked
  uint64_t left = 0;
  uint64_t over_limit = 0;     // tried, and got LIMIT
  uint64_t repeated = 0;       // although answered
  uint64_t repeated_lost = 0;  // since the connection was lost
  uint64_t told_later = 0;     // LOADING and the like
  uint64_t given_up = 0;
  int64_t held_units = 0;
  int64_t confirmed_units = 0;
};

class Crowd {
 public:
  explicit Crowd(CrowdPlan plan);

  // A buyer whose request is due, or nothing. The request then is in flight until its TakeAnswer or
  // LoseAnswer.
  std::optional<uint32_t> NextDue(int64_t now_ms);
  // When the next one is due; INT64_MAX if nobody waits.
  int64_t NextDueMs() const;
  void AppendRequest(uint32_t buyer, std::string& out) const;
  void TakeAnswer(uint32_t buyer, const RespValue& answer, int64_t now_ms);
  void LoseAnswer(uint32_t buyer, int64_t now_ms);

  // From now on only requests whose answer was lost are due: what became of them must be known.
  void CloseDoors();
  bool SoldOut() const { return counts_.confirmed_units >= plan_.stock; }
  // Nobody waits and nothing is in flight.
  bool Idle() const { return holders_.empty() && clickers_.empty() && in_flight_ == 0; }

  const CrowdPlan& plan() const { return plan_; }
  const CrowdCounts& counts() const { return counts_; }
  const std::vector<HoldRecord>& records() const { return records_; }
  // Answers that contradict the contract, or what the buyer was told before.
  const std::vector<std::string>& differences() const { return differences_; }

  static std::string HoldId(uint32_t buyer, uint32_t attempt);
  static std::string BuyerId(uint32_t buyer);

 private:
  enum class Errand : uint8_t {
    kReserve,
    kRepeatReserve,
    kConfirm,
    kRepeatConfirm,
    kRelease,
    kRepeatRelease,
    kOverLimit,
    kNone,
  };

  struct Buyer {
    int64_t sent_ms = 0;
    int32_t record = -1;  // of the current hold
    uint16_t comebacks = 0;
    uint8_t wanted = 1;
    uint8_t asked = 1;
    uint8_t attempt = 0;
    Errand errand = Errand::kReserve;
    bool partial = false;
    bool lost = false;  // an answer to this very request was lost
    bool thinking = false;
  };

  // The reply of RESERVE; CONFIRM and RELEASE have the first two.
  struct Answer {
    std::string_view status;
    int64_t units = 0;
    int64_t ms = 0;
    int64_t n = 0;
    bool after_loss = false;  // an earlier try of this very request had no answer
  };

  struct Due {
    int64_t ms = 0;
    uint32_t buyer = 0;
    bool operator>(const Due& other) const { return ms > other.ms; }
  };

  using Queue = std::priority_queue<Due, std::vector<Due>, std::greater<>>;

  // With the doors closed only who lost an answer may still wait.
  void WaitUntil(uint32_t buyer, int64_t ms);
  int64_t Soon(int64_t now_ms, uint64_t least_ms, uint64_t span_ms);
  void TakeError(uint32_t buyer, std::string_view text, int64_t now_ms);
  void TakeOutcome(uint32_t buyer, const Answer& answer, int64_t now_ms);

  void OnReserve(uint32_t buyer, const Answer& answer, int64_t now_ms);
  void OnRefusal(uint32_t buyer, const Answer& answer, int64_t now_ms);
  void OnRepeatReserve(uint32_t buyer, const Answer& answer, int64_t now_ms);
  void OnConfirm(uint32_t buyer, const Answer& answer, int64_t now_ms);
  void OnRelease(uint32_t buyer, const Answer& answer, int64_t now_ms);
  void OnOverLimit(uint32_t buyer, const Answer& answer);

  void AddRecord(uint32_t buyer, const Answer& answer, HoldState state);
  void Think(uint32_t buyer, int64_t now_ms);
  // What to do with a hold. False: nothing, or not yet.
  bool Decide(uint32_t buyer);
  void ComeBack(uint32_t buyer, int64_t now_ms);
  void TryAgainUnderANewId(uint32_t buyer, int64_t now_ms);
  void Finish(uint32_t buyer);
  // A hold that a buyer held is said to be gone: true, and noted, if its time was up.
  bool NoteExpiry(uint32_t buyer, int64_t now_ms);
  void MaybeOverLimit(uint32_t buyer, int64_t now_ms);
  // Says which request got which answer and what is wrong with it; the buyer asks no more.
  void Differ(uint32_t buyer, const Answer& answer, std::string_view problem);

  CrowdPlan plan_;
  Random random_;
  std::vector<Buyer> buyers_;
  std::vector<HoldRecord> records_;
  std::vector<std::string> differences_;
  // Who holds something, or lost an answer, goes first: behind 200,000 clicks on a slow machine no
  // hold would live until its buyer's turn came.
  Queue holders_;
  Queue clickers_;
  uint64_t in_flight_ = 0;
  bool doors_closed_ = false;
  CrowdCounts counts_;
};

}  // namespace holdfast::bench

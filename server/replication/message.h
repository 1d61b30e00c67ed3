// What nodes of a group say to each other. Every message may be lost, doubled, late or out of
// order: each stands for itself, and names the epoch or the place that it speaks of.
//
//   taking the lead             A ── AskPromise ──────► every member of the sync set to be
//                               A ◄─ PromiseGiven ───── (or PromiseRefused)
//   shipping                    P ◄─ FollowFrom ─────── R    "my log ends here"
//                               P ── AppendRecords ───► R    none: I am here, and so much is acked
//                               P ◄─ Stored ─────────── R    durable, and the same as yours, up to
//   a step down                   ◄─ Outdated ─────────      "there is a later epoch than yours"
//   handing over                P ── TakeOver ────────► R    "you have all: lead instead of me"
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "storage/group.h"
#include "storage/history.h"
#include "storage/log.h"

namespace holdfast {

// Of one node, since whenever; never goes back. Nodes' clocks need not agree, only run at about the
// same speed.
using Uptime = std::chrono::milliseconds;

// May I open this epoch, with my log as it is, for this sync set?
struct AskPromise {
  Epoch epoch = 0;
  LogPlace last{};  // of the log of who asks
  std::vector<NodeId> sync_set{};
  // Instead of the last epoch's primary. One that only goes on, after a restart or with another
  // sync set, gives way to it.
  bool takeover = false;
};

struct PromiseGiven {
  Epoch epoch = 0;
};

enum class PromiseRefusal : uint8_t {
  kEpoch,     // a later one is promised: ask for one above it
  kBehind,    // the log lacks what this node knows to be in the history
  kTakeover,  // another node is taking over, and who asks is the one that it replaces
};

struct PromiseRefused {
  Epoch epoch = 0;  // that was asked for
  PromiseRefusal why{};
  Promise promised{};
};

struct FollowFrom {
  // The last batch of the log, or of that part of it which may be common.
  LogPlace last{};
};

// One record, as it lies in the log.
struct LogRecord {
  Epoch epoch = 0;
  Index first = 0;
  Index last = 0;
  std::optional<Group> opens{};                // if it opens its epoch
  std::shared_ptr<const std::string> bytes{};  // shared: each replica's link sends the same ones
};

// Requires: the records are consecutive, the first one behind `previous`. Whoever takes them from a
// wire has checked that.
struct AppendRecords {
  Epoch epoch = 0;
  LogPlace previous{};  // of the batch before the first record
  Index acked = 0;
  Uptime sent{};  // by the primary's clock
  std::vector<LogRecord> records{};
};

struct Stored {
  Epoch epoch = 0;
  Index index = 0;
  Uptime lease_from{};  // `sent` of the append that a lease was granted for
};

struct Outdated {
  Promise promised{};
};

struct TakeOver {
  Epoch epoch = 0;
  Uptime sent{};  // by the primary's clock, which counts no lease of the receiver from before
};

struct ReplicationMessage {
  using Body = std::variant<AskPromise, PromiseGiven, PromiseRefused, FollowFrom, AppendRecords,
                            Stored, Outdated, TakeOver>;

  HistoryId history{};
  Body body{};
};

}  // namespace holdfast

// One machine, driven by hand: a test says what it hears and what its disk has done, and looks at
// what it asks for. Nodes are ann, bob and cat.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "server/replication/machine.h"

namespace holdfast {

inline constexpr ReplicationMachine::Timing kTiming;
inline constexpr Uptime kLate{60'000};  // after every lease that a start granted

inline NodeId Named(char name) {
  NodeId id;
  id.bytes[0] = name;
  return id;
}
inline const NodeId kAnn = Named('a');
inline const NodeId kBob = Named('b');
inline const NodeId kCat = Named('c');

inline HistoryId TheHistory() {
  HistoryId id;
  id.bytes[0] = 'h';
  return id;
}

inline LogRecord RecordOf(Epoch epoch, Index index) {
  return {.epoch = epoch, .first = index, .last = index};
}

// A machine whose disk is as fast as the test wants it: every action is kept, in order.
class Node {
 public:
  explicit Node(ReplicationMachine::Node node) : machine_(std::move(node), kTiming, Uptime{0}) {
    machine_.Tick(kLate);
  }

  ReplicationMachine& operator*() { return machine_; }
  ReplicationMachine* operator->() { return &machine_; }

  // The last action of its kind since the last call that found one; null if there is none.
  template <typename Action>
  std::unique_ptr<Action> Did() {
    for (ReplicationAction& action : machine_.TakeActions()) done_.push_back(std::move(action));
    for (auto action = done_.rbegin(); action != done_.rend(); ++action) {
      if (auto* const found = std::get_if<Action>(&*action); found != nullptr) {
        auto taken = std::make_unique<Action>(std::move(*found));
        done_.erase(std::next(action).base());
        return taken;
      }
    }
    return nullptr;
  }

  // The last message of its kind that it sent.
  template <typename Body>
  std::unique_ptr<Body> Said() {
    for (ReplicationAction& action : machine_.TakeActions()) done_.push_back(std::move(action));
    for (auto action = done_.rbegin(); action != done_.rend(); ++action) {
      auto* const send = std::get_if<SendMessage>(&*action);
      auto* const body = send == nullptr ? nullptr : std::get_if<Body>(&send->message.body);
      if (body == nullptr) continue;
      auto said = std::make_unique<Body>(std::move(*body));
      done_.erase(std::next(action).base());
      return said;
    }
    return nullptr;
  }

  void Hears(const NodeId& from, ReplicationMessage::Body body, Uptime now = kLate) {
    machine_.Receive(from, {.history = TheHistory(), .body = std::move(body)}, now);
  }

  // The group's store agrees to what it asks for. Null: it asks for nothing.
  std::unique_ptr<OpenEpoch> Opens() {
    const auto swap = Did<SwapGroup>();
    if (!swap) return nullptr;
    machine_.GroupSwapped(swap->epoch, swap->epoch);
    return Did<OpenEpoch>();
  }
  void OpensAt(Index first) {
    const auto open = Opens();
    ASSERT_TRUE(open);
    machine_.Opened(*open, first);
  }

  void ForgetWhatItDid() {
    machine_.TakeActions();
    done_.clear();
  }

 private:
  ReplicationMachine machine_;
  std::vector<ReplicationAction> done_;
};

// Epoch 1 by ann, with these members; its log ends here, and so much is known to be acked.
inline ReplicationMachine::Node WithLog(const NodeId& id, const std::vector<NodeId>& members,
                                        Index last, Index acked) {
  ReplicationMachine::Node node{.id = id, .history = TheHistory(), .last = last, .acked = acked};
  Group group{.primary = kAnn, .version = 1};
  for (const NodeId& member : members) group.sync_set.push_back({.id = member});
  node.epochs.Begin({.epoch = 1, .first = 1, .group = group});
  return node;
}

// Ann leads in epoch 2, which bob has promised, and has opened it with batch 11.
inline Node LeadingWithBob() {
  Node ann(WithLog(kAnn, {kAnn, kBob}, 10, 8));
  ann->Lead();
  ann->PromiseKept(2);
  ann.Hears(kBob, PromiseGiven{.epoch = 2});
  ann.OpensAt(11);
  return ann;
}

}  // namespace holdfast

// The ack gate: a reply leaves when what it tells is acked, so that nobody is told what a crash can
// undo.
//
// Within a turn nobody knows the index that the turn's changes will get: it is learnt at the push.
// So state and replies carry stamps. A stamp is the shard's own number of a turn; it grows as the
// index does, fits into the state that it marks, and needs no visit when the index becomes known:
//
//   turn (stamp)   41      42      43 = Current()
//   index         907     911      -- not pushed yet
//                  '--acked--'  unacked_ = {911}
//
// Stamps never leave their shard. What goes to another shard or to a client's queue is turned into
// an index after the push (end of turn, step 2).
//
// Owner thread: its shard.
#pragma once

#include <cstdint>
#include <deque>

#include "storage/base/invariant.h"
#include "storage/log.h"

namespace holdfast {

// 0: nothing to wait for.
using TurnStamp = uint64_t;

class AckGate {
 public:
  // Marks a change made in this turn.
  TurnStamp Current() const { return turn_; }

  bool Acked(TurnStamp stamp) const { return stamp <= acked_turn_; }

  // The index that a stamp stands for; 0 when it is acked already.
  // Requires: its turn has been pushed.
  Index IndexOf(TurnStamp stamp) const {
    if (Acked(stamp)) return 0;
    Invariant(stamp < turn_);
    return unacked_[stamp - acked_turn_ - 1];
  }

  // A stamp that is acked no sooner than this index, which another shard pushed.
  // Requires: nothing has been stamped with Current() yet, or `turn_is_used`.
  TurnStamp StampFor(Index index, bool turn_is_used) {
    if (index == 0 || index <= acked_index_) return 0;
    // A turn of ours that was pushed later than it: a little more than is asked.
    if (!unacked_.empty() && unacked_.back() >= index) return turn_ - 1;
    if (turn_is_used) return turn_;
    Pushed(index);
    return turn_ - 1;
  }

  // The turn's batch got this index; the next turn begins. What no log took is never acked, and
  // more of the same may follow it.
  void Pushed(Index index) {
    Invariant(unacked_.empty() || unacked_.back() < index || index == kNeverDurable);
    unacked_.push_back(index);
    ++turn_;
  }

  void Advance(Index acked) {
    acked_index_ = acked;
    while (!unacked_.empty() && unacked_.front() <= acked) {
      unacked_.pop_front();
      ++acked_turn_;
    }
  }

 private:
  TurnStamp turn_ = 1;
  TurnStamp acked_turn_ = 0;
  Index acked_index_ = 0;
  std::deque<Index> unacked_;  // of turns acked_turn_ + 1 to turn_ - 1
};

}  // namespace holdfast

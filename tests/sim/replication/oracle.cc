#include "tests/sim/replication/oracle.h"

#include <utility>

#include "storage/base/bytes.h"
#include "storage/core/mutation.h"
#include "storage/core/stock_mutations.h"

namespace holdfast {
namespace {

std::string NameOf(const NodeId& node) { return std::string(1, node.bytes[0]); }
std::string At(Index index) { return " at index " + std::to_string(index); }

}  // namespace

void ReplicationOracle::Wrong(std::string what) {
  if (wrong_.empty()) wrong_ = std::move(what);
}

void ReplicationOracle::Acked(const NodeId& node, Epoch epoch, const LogBatches& log, Index before,
                              Index acked) {
  const auto [acker, first] = acker_.try_emplace(epoch, node);
  if (!first && acker->second != node) {
    Wrong("two nodes acked in epoch " + std::to_string(epoch));
  }
  for (Index index = before + 1; index <= acked; ++index) {
    const LogBatch& batch = log[index - 1];
    if (index > acked_.size()) {
      Extend(epoch, batch);
    } else if (batch != acked_[index - 1]) {
      Wrong(NameOf(node) + " acked something else" + At(index));
    }
  }
}

void ReplicationOracle::Extend(Epoch epoch, const LogBatch& batch) {
  acked_.push_back(batch);
  acked_in_.push_back(epoch);
  const Index index = acked_.size();
  for (auto later = openings_.upper_bound(epoch); later != openings_.end(); ++later) {
    const auto& [opened, opening] = *later;
    if (index >= opening.first || opening.before[index - 1] != batch) {
      Wrong("acked in epoch " + std::to_string(epoch) + " and not in the log of " +
            NameOf(opening.node) + ", primary of epoch " + std::to_string(opened) + At(index));
    }
  }
  if (!batch.mutations.empty()) Judge(batch);
  sellable_.push_back(book_ ? book_->Sellable() : 0);
}

void ReplicationOracle::Judge(const LogBatch& batch) {
  ByteReader reader(batch.mutations);
  MutationView fact;
  while (NextMutation(reader, fact)) {
    ByteReader body(fact.body);
    if (fact.kind == MutationKind::kItemCreated) {
      if (book_) Wrong("the SKU was created twice");
      book_.emplace(ItemCreated::DecodeBody(body));
      continue;
    }
    const std::string wrong = book_ ? book_->Take(fact, {}) : "a fact of no SKU";
    if (!wrong.empty()) Wrong(wrong + At(acked_.size()));
  }
}

void ReplicationOracle::Read(const NodeId& node, Index index) {
  if (index < acked_.size()) Wrong(NameOf(node) + " answered a read from the past" + At(index));
}

bool ReplicationOracle::IsAcked(Index index) {
  if (index > acked_.size()) Wrong("a client was told of what is not acked" + At(index));
  return index <= acked_.size();
}

void ReplicationOracle::ToldHeld(Index index, const std::string& hold) {
  if (IsAcked(index) && book_->Find(hold) == nullptr) {
    Wrong("a client was told of the hold " + hold + ", which is not in the history");
  }
}

void ReplicationOracle::ToldSoldOut(Index index) {
  if (IsAcked(index) && sellable_[index - 1] > 0) {
    Wrong("a client was told that nothing is left, and something was" + At(index));
  }
}

void ReplicationOracle::Opened(const NodeId& node, Epoch epoch, const LogBatches& log) {
  const Index first = log.size();
  for (Index index = 1; index <= acked_.size(); ++index) {
    // An epoch that opens late, after a later one, acks nothing: its members have promised that.
    if (acked_in_[index - 1] > epoch) break;
    if (index >= first || log[index - 1] != acked_[index - 1]) {
      return Wrong("the log of " + NameOf(node) + ", primary of epoch " + std::to_string(epoch) +
                   ", lacks what was acked" + At(index));
    }
  }
  const bool fresh =
      openings_.try_emplace(epoch, Opening{.node = node, .first = first, .before = log}).second;
  if (!fresh) Wrong("epoch " + std::to_string(epoch) + " was opened twice");
}

void ReplicationOracle::Applied(const NodeId& node, Index index, const LogBatch& batch) {
  if (index > acked_.size()) {
    Wrong("the replica " + NameOf(node) + " applied what was not acked" + At(index));
  } else if (batch != acked_[index - 1]) {
    Wrong("the replica " + NameOf(node) + " applied something else" + At(index));
  }
}

}  // namespace holdfast

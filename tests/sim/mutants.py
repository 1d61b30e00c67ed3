#!/usr/bin/python3
"""The proof's own proof: servers with one fault each, which the simulation must catch.

    tests/sim/mutants.py --list            name;source;what the oracle must say;which simulation, a line each
    tests/sim/mutants.py NAME SOURCE OUT   writes the source with the fault into OUT

A mutant is made from the real source when it is built, by one line of it, and linked before the library. A
line that is no longer there exactly once fails the build: a mutant cannot rot in silence.

`build/dev/bin/sim_mutant_NAME` runs one; `ctest --preset dev -R mutant` runs all.
"""

import sys
from typing import NamedTuple


class Mutant(NamedTuple):
    source: str  # which the line is in
    line: str
    instead: str
    told: str  # part of what the simulation must say about it
    plays: str = "RunLedgerSim"


MUTANTS = {
    # Replies leave when their turn is pushed.
    "ack_before_sync": Mutant(
        "server/shard/shard.cc",
        "  gate_.Advance(AckedIndex(server_));",
        "  gate_.Advance(index);",
        "not in the log as far as it is durable",
    ),
    # Replies that only read tell what is not durable.
    "no_read_gate": Mutant(
        "server/command.cc",
        "void CommandContext::WaitForRead(TurnStamp stamp) { WaitForChange(stamp); }",
        "void CommandContext::WaitForRead(TurnStamp) {}",
        "not in the log as far as it is durable",
    ),
    # A snapshot becomes the current one while the log's end that it holds may still be lost.
    "snapshot_contains_the_tail": Mutant(
        "storage/snapshot_run.cc",
        "  return *std::ranges::max_element(cuts) <= durable;",
        "  return *std::ranges::max_element(cuts) <= durable + 1'000'000;",
        "the snapshot needs it up to index",
    ),
    "skip_one_mutation_on_replay": Mutant(
        "server/shard/shard.cc",
        "  const bool applied = keyspace_.ApplyView(mutation);",
        "  static int seen = 0;\n"
        "  const bool applied = ++seen % 100 == 0 || keyspace_.ApplyView(mutation);",
        "after the recovery",
    ),
    # Holds that are due go back on the shelf, and the log does not hear of it.
    "expire_without_logging": Mutant(
        "server/shard/shard.cc",
        "  CommitItem(place, item, *expired);",
        "  keyspace_.Apply(place, *expired);",
        "not in the log as far as it is durable",
    ),
    # What a replay finishes it remembers half as long.
    "forget_at_a_different_time_on_replay": Mutant(
        "storage/core/stock_apply.cc",
        "  Apply(item, mutation);",
        "  M sooner = mutation;\n"
        "  if constexpr (requires { sooner.forget_at; })\n"
        "    sooner.forget_at -= (sooner.forget_at - sooner.at) / 2;\n"
        "  Apply(item, sooner);",
        "is forgotten at",
    ),
    # Letters that wait for nothing do not wait for the push either: who reads one may be first.
    "push_after_waking_peers": Mutant(
        "server/shard/router.cc",
        "  shard_.PushBatch();  // (1)",
        "  for (size_t to = 0; to < outboxes_.size(); ++to) {\n"
        "    bool gated = to == shard_.id() || outboxes_[to].empty();\n"
        "    for (std::string_view rest = outboxes_[to].responses; !rest.empty();) {\n"
        "      std::string_view reply;\n"
        "      gated |= !shard_.gate().Acked(TakeResponse(rest, reply).gate);\n"
        "    }\n"
        "    if (!gated) post_.Send(static_cast<ShardId>(to), outboxes_[to]);\n"
        "  }\n"
        "  shard_.PushBatch();  // (1)",
        "is in the log before what it was copied from",
    ),
    # ---- replication
    "ack_before_members": Mutant(
        "server/replication/machine_leading.cc",
        "    if (member.id != id_) everywhere = std::min(everywhere, MatchOf(member.id));",
        "    if (member.id != id_ && stored_ == 0) everywhere = 0;",
        "lacks what was acked",
        "RunReplicationSim",
    ),
    # Who was deposed is still listened to.
    "skip_the_epoch_check": Mutant(
        "server/replication/machine_following.cc",
        "bool ReplicationMachine::Accepts(const NodeId& from, Epoch epoch) {",
        "bool ReplicationMachine::Accepts(const NodeId& from, Epoch epoch) {\n"
        "  if (epoch < promise_.epoch) promise_ = {.epoch = epoch, .primary = from};",
        "and not in the log of",
        "RunReplicationSim",
    ),
    "accept_a_lower_index": Mutant(
        "server/replication/machine_following.cc",
        "  if (ask.last.index < acked_) return PromiseRefusal::kBehind;",
        "",
        "lacks what was acked",
        "RunReplicationSim",
    ),
    "cut_nothing_on_rejoin": Mutant(
        "server/replication/machine_following.cc",
        "    if (Matches({.epoch = record.epoch, .index = record.last})) {",
        "    if (record.last <= last_) {",
        "applied something else",
        "RunReplicationSim",
    ),
    # A primary goes on where its log ends: what it shipped and lost is there twice.
    "same_epoch_after_a_restart": Mutant(
        "server/replication/machine_leading.cc",
        "  if (leads()) return;",
        "  if (leads()) return;\n"
        "  if (epochs_.group().primary == id_ && promise_.primary == id_ &&\n"
        "      promise_.epoch == epochs_.last()) {\n"
        "    role_ = ReplicationRole::kPrimary;\n"
        "    opening_ = epochs_.starts().back().first;\n"
        "    applied_ = last_;\n"
        "    for (const Member& member : epochs_.group().sync_set) replicas_.try_emplace(member.id);\n"
        "    Do(RoleChanged{.role = role_});\n"
        "    return;\n"
        "  }",
        "applied something else",
        "RunReplicationSim",
    ),
    "apply_on_receipt": Mutant(
        "server/replication/machine_following.cc",
        "  acked = std::min(acked, verified_);",
        "  acked = verified_;",
        "applied what was not acked",
        "RunReplicationSim",
    ),
    "lead_without_being_a_member": Mutant(
        "server/replication/machine_leading.cc",
        "  if (!MayLead()) return Do(LeadRefused{LeadRefusal::kNotMember});",
        "",
        "lacks what was acked",
        "RunReplicationSim",
    ),
    "lead_during_a_lease": Mutant(
        "server/replication/machine_leading.cc",
        "    campaign.again_at = lease_until_;",
        "    campaign.again_at = now_;",
        "answered a read from the past",
        "RunReplicationSim",
    ),
    "answer_while_handing_over": Mutant(
        "server/replication/machine_leading.cc",
        "  yielded_at_ = now_;",
        "",
        "answered a read from the past",
        "RunReplicationSim",
    ),
    "answer_without_a_lease": Mutant(
        "server/replication/machine_leading.cc",
        "  if (!serves()) return Uptime{0};",
        "  if (serves()) return Uptime::max();",
        "answered a read from the past",
        "RunReplicationSim",
    ),
}


def mutate(name: str, source: str, out: str) -> None:
    mutant = MUTANTS[name]
    with open(source, encoding="utf-8") as file:
        lines = file.read().split("\n")
    found = lines.count(mutant.line)
    if found != 1:
        sys.exit(f"mutants.py: {name}: found {found} times in {source}, not once; mend the mutant: {mutant.line}")
    lines[lines.index(mutant.line)] = mutant.instead
    with open(out, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        for mutant_name, row in MUTANTS.items():
            print(f"{mutant_name};{row.source};{row.told};{row.plays}")
    elif len(sys.argv) == 4:
        mutate(*sys.argv[1:])
    else:
        sys.exit(__doc__)

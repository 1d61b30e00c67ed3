"""Whether what clients saw of one SKU could have happened one thing at a time.

    history = [Op(("RESERVE", "h1", 2), called=0.1, returned=0.3, reply=("HELD", 2, 8)), ...]
    explain(supply, history)        None, or why no order explains it

An order explains a history if each operation takes effect at one instant between its call and its return, and
every reply is what a plain shelf would have said. An operation without a reply (its server died) may have taken
effect at any time after its call, or never.

The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with Lowe's memory of what was
tried ("Testing for linearizability", 2017): worst case exponential, at once for windows of some hundred operations.
"""

import math
from typing import NamedTuple, Optional


class Op(NamedTuple):
    words: tuple  # ("RESERVE", hold, units), ("CONFIRM", hold), ("RELEASE", hold) or ("AVAIL",)
    called: float
    returned: float = math.inf  # no reply: never
    reply: Optional[tuple] = None


class Shelf(NamedTuple):
    """The SKU: what is left, and every hold as (state, units in hand or given back, asked). Asked 0: a fence."""

    left: int
    holds: frozenset = frozenset()

    def put(self, left, hold, record):
        kept = frozenset(item for item in self.holds if item[0] != hold)
        return Shelf(left, kept | {(hold, record)})

    def reserve(self, hold, units):
        known = dict(self.holds).get(hold)
        if known:
            state, in_hand, _ = known
            return (state, 0 if state == "RELEASED" else in_hand, self.left), self
        if self.left < units:
            return ("SOLDOUT" if self.left == 0 else "SHORT", 0, self.left), self
        return ("HELD", units, self.left - units), self.put(self.left - units, hold, ("HELD", units, units))

    def confirm(self, hold):
        known = dict(self.holds).get(hold)
        if not known:
            return ("NOHOLD",), self
        state, units, asked = known
        if state == "HELD":
            return ("CONFIRMED", units), self.put(self.left, hold, ("CONFIRMED", units, asked))
        return (state, 0 if state == "RELEASED" else units), self

    def release(self, hold):
        known = dict(self.holds).get(hold)
        if not known:
            return ("RELEASED", 0), self.put(self.left, hold, ("RELEASED", 0, 0))
        state, units, asked = known
        if state == "HELD":
            return ("RELEASED", units), self.put(self.left + units, hold, ("RELEASED", units, asked))
        return (state, 0 if state == "CONFIRMED" else units), self

    def take(self, words):
        """What it replies to this, and the shelf afterwards."""
        verb, *arguments = words
        if verb == "AVAIL":
            return (self.left,), self
        return {"RESERVE": self.reserve, "CONFIRM": self.confirm, "RELEASE": self.release}[verb](*arguments)


def explain(supply, history):
    ops = sorted(history, key=lambda op: op.called)
    answered = sum(op.reply is not None for op in ops)
    tried = set()
    farthest = 0
    # For each operation that was put into the order: how many answers it explains, and what may come next.
    path = [(0, nexts(ops, 0, Shelf(supply)))]
    while path:
        explained, choices = path[-1]
        farthest = max(farthest, explained)
        if explained == answered:
            return None
        step = next(choices, None)
        if step is None:
            path.pop()
        elif step[:2] not in tried:
            tried.add(step[:2])
            done, shelf, is_answer = step
            path.append((explained + is_answer, nexts(ops, done, shelf)))
    return "no order explains more than %d of %d answers" % (farthest, answered)


def nexts(ops, done, shelf):
    """What may take effect next, as (what is done then, the shelf, whether that explains an answer)."""
    # Nothing may come before something that had returned when it was called.
    until, at, open_ones = math.inf, first_open(done), []
    while at < len(ops) and ops[at].called <= until:
        if not done >> at & 1:
            until = min(until, ops[at].returned)
            open_ones.append(at)
        at += 1
    # What was not answered took effect only if nothing else explains the rest.
    for i in sorted(open_ones, key=lambda i: ops[i].reply is None):
        reply, after = shelf.take(ops[i].words)
        if ops[i].called > until or ops[i].reply not in (None, reply):
            continue
        if ops[i].reply is not None or after != shelf:
            yield done | 1 << i, after, ops[i].reply is not None


def first_open(done):
    """The lowest bit that is not set."""
    return (~done & (done + 1)).bit_length() - 1

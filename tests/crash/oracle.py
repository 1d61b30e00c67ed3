"""What buyers wrote down, and whether a server still stands by it.

Each buyer keeps a notebook of its own: of every hold, ref and session key the last answer that it got (`known`),
and what it has asked since without an answer (`asked`). After a crash `check` compares a server with all of it:

- what was acknowledged is there: holds with units and deadline, final states, refs;
- what was not, is there wholly or not at all: a hold is in one of the states that a prefix of `asked` leads to, and
  each SKU's sums are those of its holds and refs, to the unit;
- of keys whose loss is allowed only a suffix is missing, in the order in which they were acknowledged, and nothing
  older than an acknowledged hold or than an answer after a restart.

What a check saw is acknowledged too: the next check holds the server to it.
"""

import time

from harness import ReplyError

FINAL = ("CONFIRMED", "RELEASED", "EXPIRED")
# The server's clock is its machine's, set once at the start and steered slowly.
CLOCK_SLACK_MS = 100
SESSION_SECONDS = 600
PIPELINE = 200


def now_ms():
    return time.time_ns() // 1_000_000


def fields(reply):
    return {reply[i].decode(): reply[i + 1] for i in range(0, len(reply), 2)}


class Fact:
    """A hold's state. The deadline lies in [earliest, latest]: one instant once an answer has named it."""

    def __init__(self, state, earliest=0, latest=0):
        self.state, self.earliest, self.latest = state, earliest, latest

    @staticmethod
    def same(one, other):
        """Also of two that are None."""
        return (one and vars(one)) == (other and vars(other))

    def __repr__(self):
        return "%s until %d..%d" % (self.state, self.earliest, self.latest) if self.latest else self.state


class Ask:
    """A command about a hold, as it was sent; nothing was due before `grace_until`."""

    def __init__(self, verb, ttl_ms, grace_until):
        self.verb, self.ttl_ms, self.grace_until, self.sent_ms = verb, ttl_ms, grace_until, now_ms()

    def too_late_for(self, fact):
        return self.sent_ms > max(fact.latest, self.grace_until) + CLOCK_SLACK_MS


class Hold:
    def __init__(self, sku, name, units):
        self.sku, self.name, self.units = sku, name, units
        self.known = None  # a Fact; None: no such hold
        self.asked = []
        self.ghosts = {}  # by verb: an Ask whose answer is lost, and which may still take effect at any time

    def outcomes(self, fact, ask, now):
        """The facts that a server may make of one by one command, at any time until now."""
        before = fact and fact.state
        if before is None:
            if ask.verb == "RESERVE":
                return [None, self._held(ask, now)]
            return [Fact("RELEASED")] if ask.verb == "RELEASE" else [None]
        if before in FINAL or ask.verb == "RESERVE" or ask.too_late_for(fact):
            return [fact]
        if ask.verb == "EXTEND":
            asked = self._held(ask, now)
            return [Fact("HELD", max(fact.earliest, asked.earliest), max(fact.latest, asked.latest))]
        return [Fact("CONFIRMED" if ask.verb == "CONFIRM" else "RELEASED")]

    @staticmethod
    def _held(ask, now):
        return Fact("HELD", ask.sent_ms + ask.ttl_ms - CLOCK_SLACK_MS, now + ask.ttl_ms + CLOCK_SLACK_MS)

    def possible(self, now):
        """Every fact that some prefix of the unanswered commands leads to."""
        reached = last = self._haunted([self.known], now)
        for ask in self.asked:
            last = self._haunted([after for fact in last for after in self.outcomes(fact, ask, now)], now)
            reached = reached + last
        return reached

    def _haunted(self, facts, now):
        """These, and all that the ghosts make of them."""
        reached = list(facts)
        for fact in reached:
            for after in [after for ask in self.ghosts.values() for after in self.outcomes(fact, ask, now)]:
                if not any(Fact.same(after, other) for other in reached):
                    reached.append(after)
        return reached

    def loses_answers(self):
        """The connection is gone, and what was asked may be on its way; it will be asked again."""
        for ask in self.asked:
            self.ghosts.setdefault(ask.verb, ask)
        self.asked = []

    @staticmethod
    def fits(seen, expected, due_by):
        """Whether a fact seen is the one expected, or what time alone made of it: due_by is the latest instant at
        which a hold could fall due."""
        if seen is None or expected is None:
            return seen is expected
        if seen.state == "EXPIRED" and expected.state == "HELD":
            return expected.earliest - CLOCK_SLACK_MS <= due_by
        if seen.state != expected.state:
            return False
        return seen.state != "HELD" or expected.earliest <= seen.earliest <= expected.latest

    def answered(self, seen, now, due_by):
        """Takes the answer to the oldest command; False if no server that keeps its word could give it."""
        ask, before = self.asked.pop(0), self._haunted([self.known], now)
        expected = self._haunted([after for fact in before for after in self.outcomes(fact, ask, now)], now)
        if seen and seen.state == "EXPIRED":
            expected += before  # time came first
        self.known, honest = seen, any(self.fits(seen, fact, due_by) for fact in expected)
        return honest

    def refused(self):
        """No room to grow, says the answer to the oldest command; False if it needed none."""
        self.asked.pop(0)
        return self.known is None

    def __repr__(self):
        return "hold %s on %s (%d units): known %s, unanswered %s" % (
            self.name, self.sku, self.units, self.known, [ask.verb for ask in self.asked])


class Ref:
    """A STOCK.ADJUST that nothing can refuse: applied is None until an answer tells."""

    def __init__(self, sku, name, delta):
        self.sku, self.name, self.delta, self.applied = sku, name, delta, None

    def words(self):
        return ("STOCK.ADJUST", self.sku, self.name, self.delta)


class Sessions:
    """One buyer's keys of the level that may lose its last moments: two counters that grow in turn, and keys
    <buyer>:0, <buyer>:1, ... each set after the one before was acknowledged."""

    def __init__(self, buyer):
        self.first, self.second = "{%s}first" % buyer, "{%s}second" % buyer
        self.prefix = buyer + ":"
        self.counted = self.counted_safe = self.counted_sent = 0
        self.set_at = []  # (sent, acknowledged or None) of each key, unix ms
        self.safe_keys = 0

    def keys_acked(self):
        return len(self.set_at) - (1 if self.set_at and not self.set_at[-1][1] else 0)

    def mark(self):
        """What is acknowledged now is older than whatever is asked from now on."""
        return self.counted, self.keys_acked()

    def safe_up_to(self, mark):
        """Something asked after the mark is durable, hence all that came before it in the log."""
        self.counted_safe, self.safe_keys = max(self.counted_safe, mark[0]), max(self.safe_keys, mark[1])


class Notebook:
    """Owner: the buyer's thread; the checks while no buyer runs."""

    def __init__(self, buyer):
        self.buyer = buyer
        self.holds, self.refs = [], []
        self.touched, self.fresh_refs = {}, []  # since the last check; touched: a set in order
        self.sessions = Sessions(buyer)
        self.problems = []
        self.died_at = self.grace_until = 0  # of the server's last death and start; unix ms

    def due_by(self, now):
        """The latest instant at which a hold could fall due until now: in the grace none does."""
        return now if now >= self.grace_until else self.died_at

    def new_hold(self, sku, name, units):
        hold = Hold(sku, name, units)
        self.holds.append(hold)
        return hold

    def ask(self, hold, verb, ttl_ms=0):
        hold.asked.append(Ask(verb, ttl_ms, self.grace_until))
        self.touched[hold] = None

    def new_ref(self, sku, name, delta):
        ref = Ref(sku, name, delta)
        self.refs.append(ref)
        self.fresh_refs.append(ref)
        return ref


class Watch:
    """The furthest that anybody was shown of each SKU: seq and sold only grow."""

    def __init__(self):
        self.seq, self.sold, self.problems = {}, {}, []

    def saw(self, sku, stock):
        for name, past in (("seq", self.seq), ("sold", self.sold)):
            if stock[name] < past.get(sku, 0):
                self.problems.append("%s of %s went back from %d to %d" % (name, sku, past[sku], stock[name]))
            past[sku] = max(stock[name], past.get(sku, 0))
        if stock["available"] + stock["held"] + stock["sold"] != stock["supplied"]:
            self.problems.append("%s is out of balance: %s" % (sku, stock))


class Oracle:
    """All notebooks of a sale of `skus` (name: units it was created with)."""

    def __init__(self, skus, buyers, rng, grace_ms):
        self.skus, self.rng, self.grace_ms = skus, rng, grace_ms
        self.notebooks = [Notebook("buyer%d" % i) for i in range(buyers)]
        self.watch = Watch()
        self.killed_at = now_ms()

    def acknowledged(self):
        """How many holds some answer has named."""
        return sum(1 for notes in self.notebooks for hold in notes.holds if hold.known)

    def check(self, client, everything=False):
        """Every broken promise, as text. Looks at what is new and at a sample of the old; the sums cover all."""
        problems = []
        grace_until = self._restart_grace(client, problems)
        self._check_holds(client, grace_until, everything, problems)
        self._check_retries(client, problems)
        self._check_refs(client, everything, problems)
        for notes in self.notebooks:
            self._check_sessions(client, notes.sessions, problems)
        self._check_sums(client, problems)
        for notes in self.notebooks:
            notes.touched, notes.fresh_refs = {}, []
            notes.died_at, notes.grace_until = self.killed_at, grace_until
        # While the server ran, they heard it contradict itself.
        return [text for heard in (self.watch, *self.notebooks) for text in heard.problems] + problems

    def _restart_grace(self, client, problems):
        asked_at = now_ms()
        info = client.call("INFO", "holdfast").decode()
        until = int(info.split("restart_grace_until_ms:")[1].split("\r\n")[0])
        if until < asked_at + self.grace_ms - CLOCK_SLACK_MS:
            problems.append("the restart grace ends %d ms after the first command" % (until - asked_at))
        return until

    def _chosen(self, fresh, old, everything):
        return old if everything else fresh + self.rng.sample(old, min(len(old), 100))

    def _check_holds(self, client, grace_until, everything, problems):
        holds = [hold for notes in self.notebooks
                 for hold in self._chosen(list(notes.touched), notes.holds, everything)]
        # Of two looks at one hold the second would find the first's answer in the notebook.
        holds = list(dict.fromkeys(holds))
        for hold, reply in zip(holds, run(client, [("HOLD.GET", hold.sku, hold.name) for hold in holds])):
            now = now_ms()
            if isinstance(reply, ReplyError):
                problems.append("%r: HOLD.GET answers %s" % (hold, reply))
                reply = None
            seen, units = self._seen(reply)
            # No hold falls due between the kill and the end of the grace.
            due_by = now if now >= grace_until else self.killed_at
            if not any(Hold.fits(seen, fact, due_by) for fact in hold.possible(now)):
                problems.append("%r, but it is %s" % (hold, seen))
                continue
            if seen and units not in (hold.units, 0 if seen.state == "RELEASED" else hold.units):
                problems.append("%r has %d units" % (hold, units))
            hold.known = seen

    @staticmethod
    def _seen(reply):
        if reply is None:
            return None, 0
        found = fields(reply)
        deadline = found["deadline"]
        return Fact(found["state"].decode(), deadline, deadline), found["units"]

    def _check_retries(self, client, problems):
        """Buyers whose connection was lost ask again, with the same ids: one state, no second effect."""
        retries = []
        for notes in self.notebooks:
            known = [hold for hold in notes.touched if hold.known]
            retries += [hold for hold in known if hold.asked] + self.rng.sample(known, min(len(known), 20))
            for hold in notes.touched:
                hold.asked, hold.ghosts = [], {}
        retries = list(dict.fromkeys(retries))
        replies = run(client, [("RESERVE", hold.sku, hold.name, hold.units) for hold in retries])
        for hold, reply in zip(retries, replies):
            if isinstance(reply, ReplyError):
                problems.append("%r: its retry answers %s" % (hold, reply))
                continue
            status, _, deadline, _ = reply
            seen = Fact(str(status), deadline, deadline)
            if not Hold.fits(seen, hold.known, now_ms()):
                problems.append("%r: its retry answers %s" % (hold, reply))

    def _check_refs(self, client, everything, problems):
        refs = [ref for notes in self.notebooks for ref in self._chosen(notes.fresh_refs, notes.refs, everything)]
        for ref, reply in zip(refs, run(client, [ref.words() for ref in refs])):
            applied = None if isinstance(reply, ReplyError) else reply[1]
            # Unanswered before: done then or done now. The sums tell if it was both.
            if applied != ref.delta:
                problems.append("ref %s of %s (%d): its retry answers %s" % (ref.name, ref.sku, ref.delta, reply))
            ref.applied = applied

    def _check_sessions(self, client, keys, problems):
        first, second = (int(value or 0) for value in run(client, [("GET", keys.first), ("GET", keys.second)]))
        if not keys.counted_safe <= first <= keys.counted_sent or first - second not in (0, 1):
            problems.append("counters of %s are %d and %d, safe was %d, sent was %d" % (
                keys.prefix, first, second, keys.counted_safe, keys.counted_sent))
        if first > second:
            client.call("INCR", keys.second)
        keys.counted = keys.counted_safe = keys.counted_sent = first

        before = now_ms()
        ttls = run(client, [("PTTL", keys.prefix + str(i)) for i in range(len(keys.set_at))])
        after = now_ms()
        there = next((i for i, ttl in enumerate(ttls) if ttl == -2), len(ttls))
        if there < keys.safe_keys or any(ttl != -2 for ttl in ttls[there:]):
            problems.append("keys of %s: %d of %d are there, safe were %d, holes: %s" % (
                keys.prefix, there, len(ttls), keys.safe_keys, any(ttl != -2 for ttl in ttls[there:])))
        for (sent, acked), ttl in zip(keys.set_at[:there], ttls):
            earliest = sent + SESSION_SECONDS * 1000 - after - CLOCK_SLACK_MS
            latest = (acked or after) + SESSION_SECONDS * 1000 - before + CLOCK_SLACK_MS
            if not earliest <= ttl <= latest:
                problems.append("a key of %s lives %d ms, not %d to %d" % (keys.prefix, ttl, earliest, latest))
        keys.set_at = [(sent, acked or after) for sent, acked in keys.set_at[:there]]
        keys.safe_keys = there

    def _check_sums(self, client, problems):
        for sku, created in self.skus.items():
            (reply,) = client.pipeline(("STOCK.GET", sku))
            if isinstance(reply, ReplyError):
                problems.append("%s: STOCK.GET answers %s" % (sku, reply))
                continue
            stock = fields(reply)
            self.watch.saw(sku, stock)
            holds = [hold for notes in self.notebooks for hold in notes.holds if hold.sku == sku and hold.known]
            sold = sum(hold.units for hold in holds if hold.known.state == "CONFIRMED")
            held_at_most = sum(hold.units for hold in holds if hold.known.state == "HELD")
            now = now_ms()
            held_at_least = sum(hold.units for hold in holds
                                if hold.known.state == "HELD" and hold.known.earliest > now + CLOCK_SLACK_MS)
            refs = [ref for notes in self.notebooks for ref in notes.refs if ref.sku == sku]
            supplied = created + sum(ref.applied or 0 for ref in refs)
            if stock["sold"] != sold or stock["supplied"] != supplied or \
                    not held_at_least <= stock["held"] <= held_at_most:
                problems.append("%s: sold %d, supplied %d, held %d; by the notebooks %d, %d, %d to %d" % (
                    sku, stock["sold"], stock["supplied"], stock["held"], sold, supplied, held_at_least, held_at_most))
        audit = fields(client.call("STOCK.AUDIT"))
        if audit["bad"] != 0 or audit["items"] != len(self.skus):
            problems.append("STOCK.AUDIT: %s" % audit)


def run(client, commands):
    """The replies to many commands, in pipelines of a bounded length."""
    replies = []
    for begin in range(0, len(commands), PIPELINE):
        replies += client.pipeline(*commands[begin:begin + PIPELINE])
    return replies

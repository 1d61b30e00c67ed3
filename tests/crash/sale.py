"""Buyers who reserve, confirm, release and extend until the server is gone, and write down every answer."""

import contextlib
import threading

from harness import Client, ReplyError
from oracle import Fact, SESSION_SECONDS, fields, now_ms

LONG_MS, SHORT_MS = 600_000, 400
OPEN_HOLDS = 200  # of one buyer; beyond them only what ends holds


class Customer:
    """What is bought on one connection after the other, and written down in one notebook."""

    def __init__(self, notes, skus, rng):
        self.notes, self.skus, self.rng = notes, skus, rng
        self.open = [hold for hold in notes.holds if hold.known and hold.known.state == "HELD"]

    def _buy(self, client):
        mark = self.notes.sessions.mark()
        plan = [step for _ in range(self.rng.randint(1, 4)) for step in self._some_steps()]
        client.raw(b"".join(client.pack(*words) for words, _ in plan))
        for words, take in plan:
            if take(words, client.read()):
                self.notes.sessions.safe_up_to(mark)

    def _some_steps(self):
        """A few commands, each with the function that takes its reply and tells if it proves something durable that
        is newer than the command."""
        kind = self.rng.random()
        if kind < 0.08:
            sku = self.rng.choice(self.skus[:-1])  # the last is scarce: its sums stay what they are
            name = "%s-ref%d" % (self.notes.buyer, len(self.notes.refs))
            ref = self.notes.new_ref(sku, name, self.rng.choice((-2, 1, 4)))
            return [(ref.words(), lambda words, reply: self._take_adjusted(ref, reply))]
        if kind < 0.12:
            return [self._ask(self._new_hold(), "RELEASE")]  # of an id never reserved: a fence
        if kind < 0.55 and len(self.open) < OPEN_HOLDS or not self.open:
            hold = self._new_hold()
            self.open.append(hold)
            steps = [self._ask(hold, "RESERVE", SHORT_MS if kind < 0.18 else LONG_MS)]
            if kind > 0.45:
                steps.append(self._ask(hold, "CONFIRM"))  # before RESERVE is answered
            return steps
        hold = self.rng.choice(self.open)
        verb = self.rng.choice(("CONFIRM", "CONFIRM", "RELEASE", "EXTEND"))
        return [self._ask(hold, verb, self.rng.randint(1, 1000) * 1000 if verb == "EXTEND" else 0)]

    def _new_hold(self):
        name = "%s-%d" % (self.notes.buyer, len(self.notes.holds))
        return self.notes.new_hold(self.rng.choice(self.skus), name, self.rng.randint(1, 3))

    def _ask(self, hold, verb, ttl_ms=0):
        self.notes.ask(hold, verb, ttl_ms)
        words = (verb, hold.sku, hold.name)
        if verb == "RESERVE":
            words += (hold.units,)
        if ttl_ms:
            words += ("PX", ttl_ms)
        return words, lambda words, reply: self._take(hold, words, reply)

    def _take(self, hold, words, reply):
        before, now, seen = hold.known, now_ms(), None
        if isinstance(reply, ReplyError) and reply.code == "MISCONF":
            honest = hold.refused()
        else:
            seen = self._seen(words[0], reply)
            honest = hold.answered(seen, now, self.notes.due_by(now))
        if not honest:
            self.notes.problems.append("%s answers %s, known was %s" % (" ".join(map(str, words)), reply, before))
        if (seen is None or seen.state != "HELD") and not hold.asked and hold in self.open:
            self.open.remove(hold)
        return before is None and seen is not None

    @staticmethod
    def _seen(verb, reply):
        if isinstance(reply, ReplyError):
            return None if reply.code == "NOHOLD" else Fact(str(reply))
        status = str(reply[0])
        if status in ("SOLDOUT", "SHORT"):
            return None
        deadline = 0
        if status == "HELD":
            deadline = reply[2] if verb == "RESERVE" else reply[1]
        return Fact(status, deadline, deadline)

    def _take_adjusted(self, ref, reply):
        if isinstance(reply, ReplyError) and reply.code == "MISCONF":
            return False  # asked again by the next check
        ref.applied = 0 if isinstance(reply, ReplyError) else reply[1]
        if ref.applied != ref.delta:
            self.notes.problems.append("ref %s of %s (%d): %s" % (ref.name, ref.sku, ref.delta, reply))
        return True


class Buyer(Customer, threading.Thread):
    """One connection, until it is lost. Without `sessions`: stock alone."""

    def __init__(self, server, notes, skus, rng, sessions=True):
        Customer.__init__(self, notes, skus, rng)
        threading.Thread.__init__(self, daemon=True)
        self.server, self.sessions = server, sessions

    def run(self):
        try:
            with contextlib.closing(Client(self.server.port)) as client:
                while True:
                    self._buy(client)
                    if self.sessions:
                        self._use_session(client)
        except OSError:
            pass  # the crash; what is unanswered stays so in the notebook
        except Exception as error:  # a thread's own would go unseen
            self.notes.problems.append("%s was answered out of order: %r" % (self.notes.buyer, error))

    def _use_session(self, client):
        keys = self.notes.sessions
        name = keys.prefix + str(len(keys.set_at))
        keys.counted_sent += 1
        sent = now_ms()
        keys.set_at.append((sent, None))
        _, _, was_set = client.pipeline(
            ("INCR", keys.first), ("INCR", keys.second), ("SET", name, sent, "EX", SESSION_SECONDS))
        keys.counted += 1
        keys.set_at[-1] = (sent, now_ms())
        if was_set != "OK":
            self.notes.problems.append("SET %s: %s" % (name, was_set))


class Watcher(threading.Thread):
    """Looks at every SKU again and again: what it was once shown must never be unsaid, in this life or the next."""

    def __init__(self, server, watch, skus):
        super().__init__(daemon=True)
        self.server, self.watch, self.skus = server, watch, skus

    def run(self):
        try:
            with contextlib.closing(Client(self.server.port)) as client:
                while True:
                    for sku in self.skus:
                        self.watch.saw(sku, fields(client.call("STOCK.GET", sku)))
        except OSError:
            pass
        except Exception as error:
            self.watch.problems.append("STOCK.GET: %r" % error)

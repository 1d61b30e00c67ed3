"""Every SKU is linearizable: what clients saw at the same time, also across a kill -9, fits one order."""

import random
import threading
import time
import unittest

from harness import Client, ReplyError, WireTest
from linear import Op, explain

CLIENTS = 6
WINDOWS = 8
OPS = 150
SUPPLY = 12


class Checker(unittest.TestCase):
    def assertExplained(self, *history):
        self.assertIsNone(explain(2, history))

    def assertUnexplained(self, *history):
        self.assertIsNotNone(explain(2, history))

    def test_what_happens_at_once_may_have_happened_in_either_order(self):
        short = Op(("RESERVE", "b", 2), 0, 9, ("SOLDOUT", 0, 0))
        self.assertExplained(short, Op(("RESERVE", "a", 2), 1, 8, ("HELD", 2, 0)))

    def test_a_unit_is_not_held_twice(self):
        self.assertUnexplained(
            Op(("RESERVE", "a", 2), 0, 9, ("HELD", 2, 0)), Op(("RESERVE", "b", 1), 0, 9, ("HELD", 1, 0))
        )

    def test_what_had_returned_is_seen_by_whoever_asks_then(self):
        taken = Op(("RESERVE", "a", 2), 0, 1, ("HELD", 2, 0))
        self.assertExplained(taken, Op(("AVAIL",), 0.5, 3, (2,)))
        self.assertUnexplained(taken, Op(("AVAIL",), 2, 3, (2,)))

    def test_two_who_ask_one_after_the_other_see_no_step_back(self):
        taken = Op(("RESERVE", "a", 2), 0, 9, ("HELD", 2, 0))
        self.assertUnexplained(taken, Op(("AVAIL",), 1, 2, (0,)), Op(("AVAIL",), 3, 4, (2,)))

    def test_what_was_never_answered_may_have_taken_effect_late_or_never(self):
        lost = Op(("RESERVE", "a", 2), 0)
        self.assertExplained(lost, Op(("AVAIL",), 1, 2, (2,)))
        self.assertExplained(lost, Op(("AVAIL",), 1, 2, (2,)), Op(("AVAIL",), 3, 4, (0,)))
        self.assertUnexplained(lost, Op(("AVAIL",), 1, 2, (0,)), Op(("AVAIL",), 3, 4, (2,)))

    def test_a_released_hold_gives_back_once(self):
        held = Op(("RESERVE", "a", 2), 0, 1, ("HELD", 2, 0))
        first = Op(("RELEASE", "a"), 2, 3, ("RELEASED", 2))
        again = Op(("RELEASE", "a"), 4, 5, ("RELEASED", 2))
        self.assertExplained(held, first, again, Op(("AVAIL",), 6, 7, (2,)))
        self.assertUnexplained(held, first, again, Op(("AVAIL",), 6, 7, (4,)))


def simplified(words, reply):
    """A server's reply as the shelf would say it."""
    if words[0] == "AVAIL":
        return (reply[0],)
    if isinstance(reply, ReplyError):
        return (reply.code,)
    return (str(reply[0]), reply[1], reply[3]) if words[0] == "RESERVE" else (str(reply[0]), reply[1])


class Shopper(threading.Thread):
    """Asks about one SKU until its share is done; a connection that breaks is made anew, the question is not."""

    def __init__(self, sku, share, seed, port_of):
        super().__init__()
        self.sku, self.share, self.random, self.port_of = sku, share, random.Random(seed), port_of
        self.history = []
        self.client = None

    def run(self):
        while len(self.history) < self.share:
            words = self.choose()
            called = time.monotonic()
            try:
                reply = self.ask(words)
            except OSError:
                self.history.append(Op(words, called))
                self.leave()
                continue
            if isinstance(reply, ReplyError) and reply.code == "LOADING":
                time.sleep(0.01)  # nothing was done
                continue
            self.history.append(Op(words, called, time.monotonic(), simplified(words, reply)))

        self.leave()

    def leave(self):
        if self.client:
            self.client.close()
        self.client = None

    def choose(self):
        hold = "h%d" % self.random.randrange(24)
        verb = self.random.choice(("RESERVE", "RESERVE", "RESERVE", "CONFIRM", "RELEASE", "RELEASE", "AVAIL"))
        if verb == "AVAIL":
            return (verb,)
        return (verb, hold, 1 + int(hold[1:]) % 3) if verb == "RESERVE" else (verb, hold)

    def ask(self, words):
        while self.client is None:
            try:
                self.client = Client(self.port_of())
            except OSError:
                time.sleep(0.01)
        verb = "STOCK.AVAIL" if words[0] == "AVAIL" else words[0]
        return self.client.pipeline((verb, self.sku, *words[1:]))[0]


class Linear(WireTest):
    flags = ("--shards", "3", "--restart-grace", "0")

    def shop(self, window, disturb):
        sku = self.key("sku-%d" % window)
        self.call("STOCK.CREATE", sku, SUPPLY)
        share = OPS // CLIENTS
        shoppers = [Shopper(sku, share, repr((window, i)), lambda: self.server.port) for i in range(CLIENTS)]
        for shopper in shoppers:
            shopper.start()
        disturb()
        for shopper in shoppers:
            shopper.join()
        history = [op for shopper in shoppers for op in shopper.history]
        self.assertIsNone(explain(SUPPLY, history), "%s: %r" % (sku, sorted(history, key=lambda op: op.called)))
        return history

    def test_what_clients_see_at_once_fits_one_order(self):
        for window in range(WINDOWS):
            self.shop(window, lambda: None)

    # Whoever asked when it died got no answer; what it had been told before must hold.
    def test_a_kill_leaves_no_answer_unexplained(self):
        unanswered = 0
        for window in range(WINDOWS // 2):
            history = self.shop(window, self.kill_and_start)
            unanswered += sum(op.reply is None for op in history)
        self.assertGreater(unanswered, 0, "no kill met a question")

    def kill_and_start(self):
        time.sleep(random.uniform(0.001, 0.01))
        self.server.kill()
        self.server.start()
        self.client = self.connect()

"""Whatever happens to the wall clock and to the process's own time, no hold falls due early or late: time is the
server's own, drawn towards the wall clock by 5 % at most, never stepped, never back."""

import contextlib
import os
import signal
import time
import unittest
from unittest import mock

from crash_case import CrashCase, rounds
from harness import Client, eventually
from oracle import fields

HOUR_MS = 3_600_000
SLEW = 0.05


class Life:
    """What a client sees of one hold and one key from their making to their end, and of TIME meanwhile."""

    def __init__(self, client, name, ttl_ms):
        self.client, self.name, self.ttl_ms, self.problems = client, name, ttl_ms, []
        self.down_ms = 0  # the server, meanwhile, which may not know of it
        self.asked_at = time.monotonic()
        client.call("SET", "key-" + name, "v", "PX", ttl_ms)
        self.deadline = client.call("RESERVE", "watch", name, 1, "PX", ttl_ms)[2]  # behind it the key is durable, too
        self.told_at = time.monotonic()
        self.alive_at, self.ended_at = {}, {}  # as late as is sure, and as early

    def look(self):
        asked_at = time.monotonic()
        hold = fields(self.client.call("HOLD.GET", "watch", self.name))
        self.saw("hold", hold["state"] == b"HELD", asked_at)
        if hold["state"] == b"HELD" and hold["deadline"] != self.deadline:
            self.problems.append("its deadline moved from %d to %d" % (self.deadline, hold["deadline"]))
        asked_at = time.monotonic()
        self.saw("key", self.client.call("PTTL", "key-" + self.name) != -2, asked_at)

    def saw(self, what, alive, asked_at):
        if alive:
            self.alive_at[what] = asked_at
        else:
            self.ended_at.setdefault(what, time.monotonic())

    def check(self):
        for what in ("hold", "key"):
            if what not in self.ended_at:
                self.problems.append("the %s never fell due" % what)
                continue
            lived_at_least = (self.alive_at.get(what, self.told_at) - self.told_at) * 1000
            lived_at_most = (self.ended_at[what] - self.asked_at) * 1000
            if lived_at_most < self.ttl_ms * (1 - SLEW) - 2:
                self.problems.append("the %s lived %.0f ms of %d" % (what, lived_at_most, self.ttl_ms))
            if lived_at_least > self.ttl_ms * (1 + SLEW) + self.down_ms + 2:
                self.problems.append("the %s lived %.0f ms, not %d" % (what, lived_at_least, self.ttl_ms))
        return self.problems


def server_time(client):
    seconds, micros = client.call("TIME")
    return int(seconds) * 1000 + int(micros) / 1000


class Steps(CrashCase):
    def open(self, *flags):
        self.open_sale(*flags, machine=True)
        client = Client(self.server.port)
        self.addCleanup(client.close)
        return client

    def watch(self, client, lives, step_ms, seconds):
        """Looks again and again; in the middle of it the wall clock is set."""
        begin = asked_at = time.monotonic()
        last, told_at, stepped = server_time(client), time.monotonic(), False
        while time.monotonic() - begin < seconds:
            if not stepped and time.monotonic() - begin > 0.3:
                self.machine.set_wall_clock(step_ms)
                stepped = True
            for life in lives:
                life.look()
            before, earliest, latest = last, told_at, asked_at
            asked_at = time.monotonic()
            last, told_at = server_time(client), time.monotonic()
            self.assertGreaterEqual(last, before)
            self.assertLessEqual(last - before, (told_at - latest) * 1000 * (1 + SLEW) + 1)
            self.assertGreaterEqual(last - before, (asked_at - earliest) * 1000 * (1 - SLEW) - 1)

    def test_no_hold_and_no_key_lives_longer_or_shorter_for_a_step_of_the_wall_clock(self):
        client = self.open()
        client.call("STOCK.CREATE", "watch", 100)
        for step_ms in (HOUR_MS, -HOUR_MS, 0):
            lives = [Life(client, "%d-%d" % (step_ms, ttl_ms), ttl_ms) for ttl_ms in (200, 1000, 2000)]
            self.watch(client, lives, step_ms, 2.4)
            self.assertEqual([problem for life in lives for problem in life.check()], [])

    def test_a_clock_set_back_while_the_server_was_down_changes_no_deadline(self):
        client = self.open("--restart-grace", "0")
        client.call("STOCK.CREATE", "watch", 100)
        life = Life(client, "h", 3000)
        self.server.kill()
        self.machine.set_wall_clock(-HOUR_MS)
        self.server.start()
        # All that the new server knows of the old one's time is when the hold was made.
        life.down_ms = (time.monotonic() - life.asked_at) * 1000
        life.client = client = Client(self.server.port)
        self.addCleanup(client.close)
        self.assertGreaterEqual(server_time(client), life.deadline - life.ttl_ms)
        self.watch(client, [life], -HOUR_MS, 3 + life.down_ms / 1000 + 0.4)
        self.assertEqual(life.check(), [])

    def test_a_clock_set_ahead_while_the_server_was_down_leaves_buyers_the_restart_grace(self):
        client = self.open("--restart-grace", "2")
        client.call("STOCK.CREATE", "watch", 100)
        for name in ("a", "b"):
            client.call("RESERVE", "watch", name, 1, "PX", 600_000)
        before = server_time(client)
        self.server.kill()
        self.machine.set_wall_clock(HOUR_MS)
        self.server.start()
        with contextlib.closing(Client(self.server.port)) as client:
            self.assertGreaterEqual(server_time(client), before + HOUR_MS)
            # As after an hour without power: both are past their deadline, and still there.
            self.assertEqual(client.call("STOCK.GET", "watch", "held"), [b"held", 2])
            self.assertEqual(client.call("CONFIRM", "watch", "a"), ["CONFIRMED", 1])
            begin = time.monotonic()
            eventually(lambda: client.call("STOCK.GET", "watch", "held") == [b"held", 0])
            self.assertGreater(time.monotonic() - begin, 1.5)
            self.assertEqual(client.call("CONFIRM", "watch", "b"), ["EXPIRED", 0])

    def test_buyers_notice_no_step_through_any_number_of_lives(self):
        self.open()
        # Drawn to a wall clock that is wrong, time is off by 5 % of what passes meanwhile.
        with mock.patch("oracle.CLOCK_SLACK_MS", 300):
            for _ in range(rounds(8)):
                with self.everybody_buys():
                    for step_ms in (HOUR_MS, -HOUR_MS, self.rng.randint(-HOUR_MS, HOUR_MS)):
                        self.machine.set_wall_clock(step_ms)
                        time.sleep(self.rng.uniform(0.02, 0.15))
                    self.assert_alive()
                # Set right before the next start, which would take the hour for one without power.
                self.machine.set_wall_clock(0)
                self.assert_kept()


class Stopped(CrashCase):
    def stop(self):
        self.server.process.send_signal(signal.SIGSTOP)
        tasks = "/proc/%d/task" % self.server.process.pid
        eventually(lambda: all(self.state("%s/%s/stat" % (tasks, task)) == "T" for task in os.listdir(tasks)))

    @staticmethod
    def state(path):
        with open(path) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]

    def go_on(self):
        self.server.process.send_signal(signal.SIGCONT)

    def test_ten_seconds_later_nothing_is_confirmed_behind_its_deadline_and_the_sale_goes_on(self):
        self.open_sale()
        client = Client(self.server.port)
        self.addCleanup(client.close)
        with self.everybody_buys():
            time.sleep(0.3)
            client.call("STOCK.CREATE", "watch", 10)
            for name in ("in time", "late", "reclaimed"):
                client.call("RESERVE", "watch", name, 1, "PX", 1000)
            client.call("RESERVE", "watch", "long", 1, "PX", 600_000)
            self.stop()
            client.send("CONFIRM", "watch", "in time")  # but nobody reads it before the deadline
            time.sleep(10)
            for words in (("late",), ("reclaimed", "RECLAIM"), ("long",)):
                client.send("CONFIRM", "watch", *words)
            self.go_on()
            for expected in (["EXPIRED", 0], ["EXPIRED", 0], ["CONFIRMED", 1], ["CONFIRMED", 1]):
                self.assertEqual(client.read(), expected)
            before = self.oracle.acknowledged()
            eventually(lambda: self.oracle.acknowledged() > before + 50)
            self.assert_alive()
            client.call("STOCK.DROP", "watch", "FORCE")
        self.assert_kept()

    def test_what_fell_due_meanwhile_is_settled_though_nobody_asks(self):
        self.open_sale()
        with contextlib.closing(Client(self.server.port)) as client:
            for i in range(50):
                client.call("RESERVE", "mask", "hold%d" % i, 1, "PX", 500)
            client.call("SET", "key", "v", "PX", 500)
            self.assertEqual(self.ended(), (0, 0))
            self.stop()
            time.sleep(1)
            self.go_on()
            eventually(lambda: self.ended() == (50, 1), seconds=2)

    def ended(self):
        return int(self.info("stock")["holds_expired"]), int(self.info("stats")["expired_keys"])


if __name__ == "__main__":
    unittest.main()

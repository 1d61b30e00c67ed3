"""A disk that fails once stops the server, which says why; nothing is acknowledged behind the failure. A disk that is
slow costs its clients time and nothing else."""

import contextlib
import errno
import time
import unittest

from crash_case import CrashCase, Filler, SKUS, rounds, take_snapshot
from harness import Client
from machine import SYNCS, WRITES

FAILURES = ((SYNCS, errno.EIO), (SYNCS, errno.ENOSPC), (WRITES, errno.EIO), (WRITES, errno.ENOSPC))
# As RocksDB and we word them.
TEXTS = {errno.EIO: "Input/output error", errno.ENOSPC: "No space left on device"}


class Failures(CrashCase):
    """The power goes out with each failed server: an answer that left without its sync would be found out."""

    def sell_until_the_disk_fails(self, calls, reason, number, *acts):
        with self.everybody_buys(*acts):
            self.machine.fail(calls, number, reason)
            self.assert_dies_by_itself(TEXTS[reason])
        self.assertEqual(self.machine.failed, 1)

    def test_a_failed_write_or_sync_stops_it_and_nothing_is_acknowledged_behind_it(self):
        self.open_sale(machine=True, power_loss=True)
        for _ in range(rounds(4)):
            for calls, reason in FAILURES:
                self.sell_until_the_disk_fails(calls, reason, self.rng.randint(1, 150))
                self.lose_power()
                self.assert_kept()
        self.server.kill()
        self.assert_kept(everything=True)

    def test_so_does_one_in_a_snapshot_or_while_the_log_is_trimmed(self):
        self.open_sale("--log-segment-bytes", "1mb", machine=True, power_loss=True)
        for _ in range(rounds(2)):
            for calls, reason in FAILURES:
                self.sell_until_the_disk_fails(
                    calls, reason, self.rng.randint(20, 500), take_snapshot, Filler(value_bytes=100_000))
                self.lose_power()
                self.assert_kept()
        self.assertIn("DB loaded from snapshot", self.server.log())

    def test_a_start_whose_disk_fails_says_so_and_the_next_one_finds_everything(self):
        self.open_sale("--log-segment-bytes", "1mb", machine=True, power_loss=True)
        self.sell_until_killed(take_snapshot, Filler())
        for calls in (SYNCS, WRITES):
            number = refused = 0
            while number <= refused:  # the last one was more than a start has
                number += 1
                self.machine.fail(calls, number)
                refused += self.start_that_may_fail()
            self.assertGreater(refused, 5)
            self.assert_kept(everything=True)
            self.server.kill()

    def start_that_may_fail(self):
        """True: it did, and said why."""
        try:
            self.server.start()
        except AssertionError:
            self.assert_dies_by_itself(TEXTS[errno.EIO])
            self.assertEqual(self.machine.failed, 1)
            self.lose_power()
            return True
        self.machine.spare()
        self.server.kill()
        return False


class SlowDisk(CrashCase):
    def test_however_long_syncs_take_whatever_was_acknowledged_survives(self):
        self.open_sale(machine=True, power_loss=True)
        for delay_ms in (5, 500, 50):
            with self.everybody_buys(take_snapshot):
                self.machine.delay_syncs(delay_ms)
                time.sleep(0.4 + delay_ms / 250)
                self.assert_alive()
            self.machine.delay_syncs(0)
            self.lose_power()
            self.assert_kept()

    def test_a_start_on_a_slow_disk_is_only_slow(self):
        self.open_sale(machine=True)
        self.sell_until_killed()
        self.machine.delay_syncs(100)
        self.assert_kept(everything=True)

    def test_while_a_sync_hangs_only_those_wait_who_must(self):
        self.open_sale(machine=True)
        with contextlib.closing(Client(self.server.port)) as client:
            client.call("STOCK.CREATE", "gone", 0)
        self.oracle.skus = {**SKUS, "gone": 0}
        self.machine.delay_syncs(500)
        others, waiting = Timing(), Timing()
        with self.everybody_buys(
                others.of(("PING",)), others.of(("RESERVE", "gone", "late", 1), ["SOLDOUT", 0, 0, 0]),
                others.of(("STOCK.AVAIL", "gone"), [0]), others.of(("GET", "nobody"), None),
                waiting.of_fences("{drop}a")):
            time.sleep(3)
            self.assert_alive()
        self.machine.delay_syncs(0)
        self.assertLess(others.nearly_all(), 0.25)
        self.assertGreater(len(others.seconds), 400)
        self.assertGreaterEqual(min(waiting.seconds), 0.5)
        self.assertGreater(len(waiting.seconds), 1)
        self.assert_kept()


class Timing:
    """How long answers took, of all who share it."""

    def __init__(self):
        self.seconds = []

    def ask(self, client, words):
        begin = time.monotonic()
        reply = client.call(*words)
        self.seconds.append(time.monotonic() - begin)
        return reply

    def of(self, words, expected="PONG"):
        def act(client):
            reply = self.ask(client, words)
            if reply != expected:
                raise AssertionError("%s answers %s" % (words, reply))
            time.sleep(0.01)
        return act

    def of_fences(self, sku):
        return lambda client: self.ask(client, ("RELEASE", sku, "fence%d" % len(self.seconds)))

    def nearly_all(self):
        """A busy machine may be the reason for a few."""
        return sorted(self.seconds)[len(self.seconds) * 95 // 100]


class TheProofItself(CrashCase):
    def test_a_server_that_acknowledges_before_it_syncs_is_caught(self):
        self.open_sale("--stock-appendfsync", "everysec", machine=True, power_loss=True)
        for _ in range(5):
            with self.everybody_buys():
                self.machine.fail(SYNCS, 3)
                self.assert_dies_by_itself(TEXTS[errno.EIO])
            self.lose_power()
            if any(text.startswith("hold ") for text in self.problems_after_start()):
                return
        self.fail("a failed sync took nothing from a server that answers before it syncs")

    def test_a_loop_that_waits_for_the_disk_would_be_seen(self):
        self.open_sale(machine=True)
        self.machine.delay_syncs(500)
        others = Timing()
        with self.everybody_buys(others.of(("SETEX", "k", 10, "v"), "OK")):
            with contextlib.closing(Client(self.server.port)) as client:
                client.call("CONFIG", "SET", "appendfsync", "always")
            time.sleep(1.5)
        self.assertGreater(others.nearly_all(), 0.4)


if __name__ == "__main__":
    unittest.main()

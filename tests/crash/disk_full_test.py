"""A small disk that a sale fills. Below the reserve what grows is refused and the rest of the sale goes on, until there
is room again; without a reserve, full to the brim, the server stops and says why. Nobody is lied to."""

import contextlib
import time
import unittest

from crash_case import CrashCase, Filler, rounds, take_snapshot
from harness import Client, ReplyError, eventually
from small_disk import MIB, SmallDisk

RESERVE_MB = 80
FULL = "No space left on device"


class FullDisk(CrashCase):
    def open_on_small_disk(self, *flags):
        self.disk = SmallDisk(self.base, 480)
        self.addCleanup(self.disk.remove)
        self.open_sale("--log-segment-bytes", "4mb", *flags, directory=self.disk.path)

    def low(self):
        return self.info("log")["low_on_disk"] == "1"

    def assert_refused(self, client, *words):
        with self.assertRaises(ReplyError) as caught:
            client.call(*words)
        self.assertEqual(caught.exception.code, "MISCONF")


class BelowTheReserve(FullDisk):
    def setUp(self):
        super().setUp()
        self.open_on_small_disk("--disk-reserve", "%dmb" % RESERVE_MB)
        self.client = Client(self.server.port)
        self.addCleanup(self.client.close)

    @contextlib.contextmanager
    def a_sale_that_fills_it(self, megabytes, keys=10):
        """By so much, until it is below the reserve. Ends with the server's death; nobody was lied to."""
        self.disk.leave(RESERVE_MB + megabytes)
        self.filler = Filler(keys=keys)
        with self.everybody_buys(self.filler, sessions=False):
            eventually(self.low, seconds=20)
            yield
            self.assert_alive()
        self.assert_kept(everything=True)

    def test_what_grows_is_refused_and_the_rest_of_the_sale_goes_on_until_there_is_room(self):
        client = self.client
        client.call("STOCK.CREATE", "watch", 201)
        client.call("STOCK.CREATE", "gone", 0)
        for i in range(200):
            client.call("RESERVE", "watch", "hold%d" % i, 1)
        with self.a_sale_that_fills_it(30):
            # What the log had set aside comes back little by little, and must not be enough to go on.
            for _ in range(4):
                self.disk.leave(RESERVE_MB - 20)
                time.sleep(0.2)
            eventually(self.low)
            for i in range(0, 200, 2):
                self.assert_refused(client, "SET", "key", "v")
                self.assert_refused(client, "RESERVE", "watch", "new%d" % i, 1)
                self.assert_refused(client, "STOCK.CREATE", "new%d" % i, 1)
                self.assertEqual(client.call("RESERVE", "gone", "hold", 1)[0], "SOLDOUT")
                self.assertEqual(client.call("RESERVE", "watch", "hold%d" % i, 1)[0], "HELD")  # a retry
                self.assertEqual(client.call("CONFIRM", "watch", "hold%d" % i), ["CONFIRMED", 1])
                self.assertEqual(client.call("RELEASE", "watch", "hold%d" % (i + 1)), ["RELEASED", 1])
                self.assertEqual(len(client.call("GET", "filler0")), self.filler.value_bytes)
            self.assertTrue(self.low())
            self.assertGreater(self.disk.free(), 0)
            written, acknowledged = self.filler.written, self.oracle.acknowledged()
            self.disk.make_room()
            eventually(lambda: self.filler.written > written + 10 and self.oracle.acknowledged() > acknowledged + 10)
            for sku in ("watch", "gone"):
                client.call("STOCK.DROP", sku, "FORCE")

    def test_a_snapshot_lets_the_log_go_and_with_it_the_want_of_room(self):
        with self.a_sale_that_fills_it(100):
            self.filler.value_bytes = 1
            eventually(self.saved)  # what was queued when the disk became low is still being written
            eventually(lambda: not self.low())
        self.assertIn("DB loaded from snapshot", self.server.log())

    def saved(self):
        try:
            return self.save() == "OK"
        except ReplyError:
            return False

    def test_a_snapshot_for_which_there_is_no_room_is_given_up_and_harms_nobody(self):
        with self.a_sale_that_fills_it(100, keys=10**6):
            with self.assertRaisesRegex(ReplyError, "ERR the snapshot was given up"):
                self.save()
            # The log has its share of the lower half, which is for what must go on.
            self.assertGreater(self.disk.free(), RESERVE_MB // 4 * MIB)
            self.assertEqual(self.info("persistence")["rdb_last_bgsave_status"], "err")
            self.filler.value_bytes = 1
            self.disk.make_room()
            eventually(lambda: not self.low())
            self.assertEqual(self.save(), "OK")
            self.assertEqual(self.info("persistence")["rdb_last_bgsave_status"], "ok")
        self.assertIn("DB loaded from snapshot", self.server.log())

    def test_snapshots_given_up_in_the_middle_leave_nothing_to_those_that_follow(self):
        for _ in range(rounds(4)):
            with self.everybody_buys(Filler(2000, keys=3000), self.save_or_hear_why_not, self.move_the_reserve, sessions=False):
                time.sleep(self.rng.uniform(0.5, 1))
                self.assert_alive()
            self.assert_kept()
        self.server.kill()
        self.assert_kept(everything=True)
        log = self.server.log()
        self.assertGreater(log.count("Snapshot complete"), 0)
        self.assertGreater(log.count("Snapshot given up"), 0)

    @staticmethod
    def save_or_hear_why_not(client):
        with contextlib.suppress(ReplyError):
            client.call("SAVE")

    @staticmethod
    def move_the_reserve(client):
        for reserve in (1 << 60, 0):
            client.call("CONFIG", "SET", "disk-reserve", reserve)
            time.sleep(0.02)


class WithoutReserve(FullDisk):
    def test_full_to_the_brim_it_stops_and_says_why_and_with_room_again_everything_is_there(self):
        self.open_on_small_disk("--disk-reserve", "0")
        for acts in ((), (take_snapshot,), (take_snapshot,)) * rounds(1):
            self.disk.leave(self.rng.randint(20, 40))
            # New keys all the time: a snapshot that lets the log go must not make room for ever.
            with self.everybody_buys(Filler(keys=100_000), *acts):
                self.assert_dies_by_itself(FULL)
            self.start_without_room()
            self.disk.make_room()
            self.assert_kept(everything=True)
            self.assertEqual(self.save(), "OK")

    def start_without_room(self):
        """It may find some, in what the dead server had set aside; or it says again what is missing."""
        self.disk.leave(0)
        try:
            self.server.start()
            self.server.kill()
        except AssertionError:
            self.assert_dies_by_itself(FULL)


if __name__ == "__main__":
    unittest.main()

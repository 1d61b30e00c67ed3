"""kill -9 under load, again and again on one directory: nothing that a buyer was told is ever unsaid."""

import os
import shutil
import time
import unittest

import machine
from crash_case import CrashCase, Filler, LIVES_MOST, rounds, take_snapshot
from harness import eventually

ROUNDS = rounds(50)


class Kill(CrashCase):
    def test_whatever_was_acknowledged_survives_every_kill(self):
        for first in range(0, ROUNDS, LIVES_MOST):
            self.open_sale()
            lives = min(LIVES_MOST, ROUNDS - first)
            for _ in range(lives):
                self.sell_until_killed(longest=0.3)
                self.assert_kept()
            self.server.kill()
            self.assert_kept(everything=True)
            self.assertGreater(self.oracle.acknowledged(), 5 * lives, "too little was sold to prove anything")

    def test_kills_in_the_middle_of_starts_lose_nothing(self):
        self.open_sale()
        for _ in range(rounds(3)):
            self.sell_until_killed(longest=0.2)
            for _ in range(4):
                self.die_while_starting()
            self.assert_kept(everything=True)

    def test_kills_in_the_middle_of_snapshots_lose_nothing(self):
        self.open_sale("--log-segment-bytes", "1mb")
        lives = rounds(8)

        def snapshots():
            return self.server.log().count("Snapshot complete")
        for life in range(4 * lives):
            if life >= lives and snapshots() > lives:
                break
            self.sell_until_killed(take_snapshot)
            if self.rng.random() < 0.3:
                self.die_while_starting()
            self.assert_kept()
        self.server.kill()
        self.assert_kept(everything=True)
        self.assertIn("DB loaded from snapshot", self.server.log())
        self.assertGreater(snapshots(), lives)

    @unittest.skipUnless(machine.SHIM, machine.SKIP)
    def test_kills_while_the_log_is_trimmed_lose_nothing(self):
        self.open_sale("--log-segment-bytes", "1mb", machine=True)
        cut_short = 0
        for _ in range(rounds(12)):
            filler = Filler(value_bytes=250_000)
            with self.everybody_buys(filler):
                eventually(lambda: self.segments() > 6)
                filler.value_bytes = 1
                # Segment after segment goes behind a snapshot, with a sync each.
                self.machine.delay_syncs(20)
                before = self.segments()
                self.assertEqual(self.save(), "OK")
                time.sleep(self.rng.uniform(0, 0.15))
            self.machine.delay_syncs(0)
            self.assert_kept()
            cut_short += 3 < self.segments() < before
        self.assertGreater(cut_short, 0, "no kill came between the first segment's end and the last one's")
        self.assertEqual(self.save(), "OK")
        eventually(lambda: self.segments() < 4)
        self.server.kill()
        self.assert_kept(everything=True)

    def segments(self):
        return int(self.info("log")["log_segments"])

    def test_the_number_of_shards_may_change_between_lives(self):
        self.open_sale()
        for shards in ("1", "3", "2"):
            self.sell_until_killed(longest=0.2)
            self.server.flags += ("--shards", shards)
            self.assert_kept(everything=True)


class TheProofItself(CrashCase):
    def test_an_older_state_of_the_directory_is_told_from_the_newest(self):
        self.open_sale()
        self.sell_until_killed()
        older = os.path.join(self.base, "older")
        shutil.copytree(self.data, older)
        self.assert_kept()
        self.sell_until_killed()
        # Log and witness agree with each other: only the buyers know better.
        shutil.rmtree(self.data)
        shutil.copytree(older, self.data)
        problems = "\n".join(self.problems_after_start())
        self.assertIn("but it is None", problems)
        self.assertIn("by the notebooks", problems)
        self.assertIn("went back", problems)


if __name__ == "__main__":
    unittest.main()

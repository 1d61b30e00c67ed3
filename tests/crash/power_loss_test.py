"""Power losses under load: kill -9 spares what the system has not yet written, the shim under the server does not."""

import unittest

from crash_case import CrashCase, Filler, rounds, take_snapshot

ROUNDS = rounds(5)


class PowerLoss(CrashCase):
    def test_whatever_was_acknowledged_survives_every_power_loss(self):
        self.open_sale(power_loss=True)
        for _ in range(ROUNDS):
            self.sell_until_killed()
            self.lose_power()
            self.assert_kept()
        self.assertGreater(self.oracle.acknowledged(), 5 * ROUNDS, "too little was sold to prove anything")

    def test_what_a_start_showed_after_a_kill_survives_the_power_loss_that_follows(self):
        self.open_sale(power_loss=True)
        for _ in range(ROUNDS):
            self.sell_until_killed()
            # This start finds records that were written and never synced, and shows them to the oracle...
            self.assert_kept()
            self.server.kill()
            self.lose_power()
            # ...which from then on takes every one of them, session keys too, for a promise.
            self.assert_kept()

    def test_a_power_loss_after_kills_in_the_middle_of_starts_loses_nothing(self):
        self.open_sale(power_loss=True)
        for _ in range(2):
            self.sell_until_killed()
            for _ in range(4):
                self.die_while_starting()
            self.lose_power()
            self.assert_kept(everything=True)

    def test_a_power_loss_in_the_middle_of_snapshots_and_of_trimming_the_log_loses_nothing(self):
        self.open_sale("--log-segment-bytes", "1mb", power_loss=True)
        rounds = 0
        # More of them, where kills came before any snapshot was done.
        while rounds < ROUNDS or (rounds < 5 * ROUNDS and "DB loaded from snapshot" not in self.server.log()):
            self.sell_until_killed(take_snapshot, Filler(value_bytes=250_000))
            self.lose_power()
            self.assert_kept()
            rounds += 1
        self.assertIn("DB loaded from snapshot", self.server.log())

    def test_session_keys_synced_always_lose_nothing(self):
        self.open_sale("--appendfsync", "always", power_loss=True)
        for _ in range(2):
            self.sell_until_killed()
            for notes in self.oracle.notebooks:
                notes.sessions.safe_up_to(notes.sessions.mark())
            self.lose_power()
            self.assert_kept()


class TheProofItself(CrashCase):
    def test_a_server_that_acknowledges_before_it_syncs_is_caught(self):
        self.open_sale("--stock-appendfsync", "everysec", power_loss=True)
        for _ in range(ROUNDS):
            self.sell_until_killed()
            self.lose_power()
            if any(text.startswith("hold ") for text in self.problems_after_start()):
                return
        self.fail("%d power losses took nothing from a server that answers before it syncs" % ROUNDS)


if __name__ == "__main__":
    unittest.main()

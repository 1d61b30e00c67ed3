"""A group of three real servers, all in the sync set, in every kind of trouble, while a sale goes on: nothing that a
buyer was told is ever unsaid, by whoever leads, and all three end up with the same."""

import contextlib
import unittest

from crash_case import Filler, GRACE_SECONDS, rounds
import hosts
from group_case import GroupCase, NODES
from harness import ReplyError
from oracle import fields, now_ms


class Rounds(GroupCase):
    def each_round(self, *flags):
        self.open_sale(*flags)
        for _ in range(rounds(1)):
            with self.everybody_buys():
                self.a_while()
                yield self.primary()
            self.assert_kept()

    # ---- what they look at

    def goes_on_at(self, node):
        """Returns the seq of a SKU as soon as more of it was sold there than before."""
        def seq():
            with contextlib.suppress(OSError, ReplyError):
                return fields(node.call("STOCK.GET", "mask", seconds=2))["seq"]
        before = self.until(seq)
        return self.until(lambda: (seq() or 0) > before and seq())

    def acks_within(self, node, seconds):
        """Whether it acknowledged something new within that time, as if it could."""
        with contextlib.suppress(OSError), contextlib.closing(node.connect(seconds)) as client:
            client.send("RELEASE", "mask", "unheard-%d" % now_ms())  # a fence: the notebooks' sums stay true
            return not isinstance(client.read(), ReplyError)
        return False

    def assert_shows_nothing_before(self, client, seq):
        client.send("ROLE")
        with contextlib.suppress(OSError):
            seen, role = client.read(), client.read()
            if not isinstance(seen, ReplyError) and role[0] == b"master":
                self.assertGreaterEqual(fields(seen)["seq"], seq)

    def fill_segments(self, node, count):
        with contextlib.closing(node.connect()) as client:
            fill = Filler()
            while self.segments(node) < count:
                fill(client)

    @staticmethod
    def segments(node):
        info = node.call("INFO", "log").decode()
        return int(info.split("log_segments:")[1].split("\r\n")[0])


class AGroup(Rounds):
    def test_loses_nothing_when_its_primary_is_killed(self):
        for primary in self.each_round():
            # Often what it said last does not arrive.
            unheard = [node for node in self.others(primary) if self.rng.random() < 0.7]
            for node in unheard:
                self.network.silence(primary, node)
            self.a_while(0, 0.3)
            primary.kill()
            killed_at = now_ms()
            for node in unheard:
                self.network.cut(primary, node)
            self.network.heal()
            self.a_while(0, 0.3)
            heir = self.promote(self.others(primary))
            # Buyers find their way there in peace.
            info = heir.call("INFO", "holdfast").decode()
            grace_until = int(info.split("restart_grace_until_ms:")[1].split("\r\n")[0])
            self.assertGreater(grace_until, killed_at + GRACE_SECONDS * 1000 - 100)
            self.a_while()
            primary.start(loaded=False)
            self.await_whole_group()

    def test_waits_for_a_member_that_is_killed(self):
        for primary in self.each_round():
            member = self.rng.choice(self.others(primary))
            member.kill()
            self.a_while()
            self.assertFalse(self.acks_within(primary, 0.5))
            member.start(loaded=False)
            self.await_whole_group()

    def test_hears_nothing_of_the_past_from_a_primary_that_was_stopped(self):
        for primary in self.each_round():
            with contextlib.closing(primary.connect()) as early:
                early.call("PING")
                primary.pause()
                early.send("STOCK.GET", "mask")  # it finds this when it goes on
                self.a_while(0, 0.3)
                heir = self.promote(self.others(primary))
                new = self.goes_on_at(heir)
                primary.resume()
                self.assert_shows_nothing_before(early, new)
            self.await_whole_group()

    def test_waits_for_a_member_that_is_stopped(self):
        for primary in self.each_round():
            member = self.rng.choice(self.others(primary))
            member.pause()
            self.a_while()
            self.assertFalse(self.acks_within(primary, self.rng.uniform(0.2, 3)))
            member.resume()
            self.await_whole_group()

    def test_loses_nothing_when_its_primary_is_parted_from_it(self):
        for primary in self.each_round():
            for node in self.others(primary):
                self.network.silence(primary, node)
                self.network.silence(node, primary)
            if self.rng.random() < 0.5:
                self.street.cut_off(primary)  # else buyers go on asking it
            self.a_while()
            heir = self.promote(self.others(primary))
            self.goes_on_at(heir)
            self.assertFalse(self.acks_within(primary, 0.3))
            self.a_while()
            self.street.heal()
            self.network.heal()
            self.await_whole_group()

    def test_loses_nothing_when_links_are_slow_and_cut_and_silent_one_way(self):
        for primary in self.each_round():
            for _ in range(4):
                one, other = self.rng.sample(self.nodes, 2)
                self.rng.choice((
                    lambda: self.network.cut(one, other),
                    lambda: self.network.slow(one, other, self.rng.uniform(0.001, 0.2)),
                    lambda: self.network.silence(one, other)))()
                self.a_while()
                if self.rng.random() < 0.3:
                    self.network.heal()
            self.network.heal()
            self.await_whole_group()

    def test_takes_in_a_member_whose_directory_was_emptied(self):
        for primary in self.each_round():
            member = self.rng.choice(self.others(primary))
            member.kill()
            member.lose_directory()
            self.a_while(0, 0.3)
            self.assertEqual(primary.call("SYNCSET", "REMOVE", member.address), "OK")
            self.goes_on_at(primary)
            member.primary = primary
            member.start(loaded=False)
            self.a_while()
            self.assertEqual(primary.call("SYNCSET", "ADD", member.address), "OK")
            self.await_whole_group()

    def test_goes_on_when_all_were_killed_at_once(self):
        for primary in self.each_round():
            for node in self.rng.sample(self.nodes, len(self.nodes)):
                node.kill()
            self.a_while(0, 0.5)
            for node in self.rng.sample(self.nodes, len(self.nodes)):
                node.start(loaded=False)
            self.await_whole_group()

    def test_hands_over_when_it_is_told_to(self):
        for primary in self.each_round():
            self.assertEqual(primary.call("FAILOVER"), "OK")
            self.until(lambda: not primary.leads())
            self.obey(self.primary())
            self.await_whole_group()

    def test_sends_its_state_to_who_was_away_for_too_long(self):
        small = ("--log-segment-bytes", "1mb", "--sync-member-log-bytes", "1mb")
        for primary in self.each_round(*small):
            member = self.rng.choice(self.others(primary))
            member.kill()
            self.assertEqual(primary.call("SYNCSET", "REMOVE", member.address), "OK")
            self.fill_segments(primary, 8)
            primary.call("SAVE", seconds=30)
            self.until(lambda: self.segments(primary) <= 3)
            self.a_while(0.6, 0.8)  # until then it may send what it still has in memory
            member.primary = primary
            begin = len(member.log())
            member.start(loaded=False)
            self.until(lambda: "taking the state" in member.log(begin))
            self.a_while(0, 0.3)
            if self.rng.random() < 0.5:  # in the middle of it
                member.kill()
                member.start(loaded=False)
            self.assertEqual(primary.call("SYNCSET", "ADD", member.address), "OK")
            self.await_whole_group()


@unittest.skipIf(hosts.SKIP, hosts.SKIP)
class AGroupOnHostsOfItsOwn(Rounds):
    def make_network(self):
        network = hosts.Hosts(NODES)
        self.addCleanup(network.remove)
        return network

    def make_node(self, number, *flags, **options):
        return hosts.HostNode(self.network, number, *flags, **options)

    def test_loses_nothing_when_its_primary_s_packets_are_dropped(self):
        """All of them, or those that it sends, or those that are sent to it."""
        for primary in self.each_round():
            ways = self.rng.choice(("both", "out", "in"))
            for node in self.others(primary):
                if ways != "in":
                    self.network.silence(primary, node)
                if ways != "out":
                    self.network.silence(node, primary)
            self.a_while()
            heir = self.promote(self.others(primary))
            self.goes_on_at(heir)
            self.a_while()
            self.network.heal()
            self.await_whole_group()


if __name__ == "__main__":
    unittest.main()

"""Three of Debian's redis-sentinels over a primary and two replicas in its sync set. Buyers, on redis-py in Sentinel
mode, go on through every failover: nothing that they were told is lost, and nothing is sold twice."""

import collections
import os
import shutil
import tempfile
import threading
import time
import unittest

import redis
import redis.sentinel

from group import Node
from harness import ReplyError, eventually
from sentinels import Sentinel

UNITS = 100000
# A start as a replica, a look around of every Sentinel: far longer than any of it takes.
SECONDS = 60


class Buyers:
    """A crowd that finds the primary through Sentinel, and asks again under the same hold id until it is answered."""

    def __init__(self, sentinels, count=6):
        self.asked = redis.sentinel.Sentinel([("127.0.0.1", sentinel.port) for sentinel in sentinels],
                                             socket_timeout=1)
        self.stop = threading.Event()
        self.mutex = threading.Lock()
        self.answers = {}  # by hold id
        self.answered_at = []
        self.errors = collections.Counter()
        self.threads = [threading.Thread(target=self.buy, args=("buyer-%d" % number,)) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def buy(self, buyer):
        primary = self.asked.master_for("sale", socket_timeout=1)
        number = 0
        while not self.stop.is_set():
            hold = "%s:%d" % (buyer, number)
            number += 1
            answer = self.reserve(primary, hold, buyer)
            with self.mutex:
                self.answers[hold] = answer
                self.answered_at.append(time.monotonic())
        primary.close()

    def reserve(self, primary, hold, buyer):
        while True:
            try:
                return primary.execute_command("RESERVE", "mask", hold, 1, "EX", 3600, "BUYER", buyer)
            except redis.RedisError as error:
                with self.mutex:
                    self.errors[type(error).__name__ + " " + str(error).split(" ", 1)[0]] += 1
                time.sleep(0.01)

    def count(self):
        with self.mutex:
            return len(self.answers)

    def have_gone_on(self, since):
        """Each of them, often: what stood in a pipe is not all of it."""
        return self.count() > since + 100

    def finish(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def longest_wait(self):
        times = sorted(self.answered_at)
        return max(b - a for a, b in zip(times, times[1:]))


class Watched(unittest.TestCase):
    """Servers told by their files alone who they are, as CONFIG REWRITE leaves them."""

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="holdfast-conf-")
        self.addCleanup(shutil.rmtree, folder)
        self.nodes = [self.node(os.path.join(folder, name)) for name in ("a", "b", "c")]
        primary = self.nodes[0]
        for node in self.nodes:
            others = [other.address for other in self.nodes if other is not node]
            with open(node.config_file, "w") as file:
                file.write("sync-replicas %s\n" % " ".join(others))
                if node is not primary:
                    file.write("replicaof 127.0.0.1 %d\n" % primary.port)
        for node in self.nodes:
            node.start()
        eventually(lambda: primary.has_members(*self.nodes[1:]), SECONDS)
        primary.call("STOCK.CREATE", "mask", UNITS)
        self.sentinels = [self.sentinel(primary) for _ in range(3)]
        self.wait_for_health(primary, *self.nodes[1:])

    def node(self, config_file):
        node = Node(config_file=config_file)
        self.addCleanup(node.remove)
        return node

    def sentinel(self, primary):
        sentinel = Sentinel(primary.port)
        self.addCleanup(sentinel.remove)
        return sentinel

    def buyers(self):
        buyers = Buyers(self.sentinels)
        self.addCleanup(buyers.finish)
        eventually(lambda: buyers.have_gone_on(0))
        return buyers

    def wait_for_health(self, primary, *replicas):
        """As every Sentinel sees it."""
        for sentinel in self.sentinels:
            eventually(lambda sentinel=sentinel: sentinel.finds_all_well(primary, *replicas), SECONDS)
            eventually(lambda sentinel=sentinel: (sentinel.has_quorum() or "").startswith("OK 3 usable"), SECONDS)

    def ask_sentinel_to_move(self, first):
        """Of a busy machine Sentinel may think that nobody is fit just now; whoever asked asks again."""
        def asked():
            if self.sentinels[0].address() != first.address:
                return True
            try:
                self.sentinels[0].client.call("SENTINEL", "FAILOVER", "sale")
            except ReplyError as error:
                self.assertIn(error.code, ("INPROG", "NOGOODSLAVE"))
            return False
        eventually(asked, SECONDS)

    def promoted(self, before):
        """Whom all of them name instead."""
        def named():
            addresses = {sentinel.address() for sentinel in self.sentinels}
            return addresses.pop() if len(addresses) == 1 and before.address not in addresses else None
        address = eventually(named, SECONDS)
        node, = [node for node in self.nodes if node.address == address]
        eventually(node.leads, SECONDS)
        return node

    def check(self, buyers, primary, replicas):
        """Every answer stands, every unit is where an answer put it, and replicas agree."""
        buyers.finish()
        self.assertEqual({answer[0] for answer in buyers.answers.values()}, {b"HELD"})
        client = primary.client()
        self.addCleanup(client.close)
        for hold in buyers.answers:
            found = client.call("HOLD.GET", "mask", hold)
            self.assertEqual(found[:6], [b"hold", hold.encode(), b"state", b"HELD", b"units", 1])
        pile = dict(zip(*[iter(client.call("STOCK.GET", "mask", "available", "held", "supplied"))] * 2))
        sold = len(buyers.answers)
        self.assertEqual(pile, {b"available": UNITS - sold, b"held": sold, b"supplied": UNITS})
        self.assertEqual(client.call("STOCK.AUDIT", "mask")[:6], [b"items", 1, b"holds", sold, b"bad", 0])
        for replica in replicas:
            eventually(lambda replica=replica: replica.has_all_of(primary), SECONDS)
            self.assertEqual(replica.call("STOCK.AVAIL", "mask"), [UNITS - sold])

    @staticmethod
    def file_of(node):
        with open(node.config_file) as file:
            return file.read().splitlines()


class AFailover(Watched):
    def test_of_a_killed_primary_loses_no_answer_and_it_comes_back_as_a_replica(self):
        first = self.nodes[0]
        buyers = self.buyers()
        first.kill()
        before = buyers.count()
        second = self.promoted(first)
        eventually(lambda: buyers.have_gone_on(before))
        print("(%.1f s without an answer, %s) " % (buyers.longest_wait(), dict(buyers.errors)), end="", flush=True)
        self.assertLess(buyers.longest_wait(), 20)
        third, = [node for node in self.nodes if node not in (first, second)]
        eventually(lambda: third.has_all_of(second) and third.replication()["master_port"] == str(second.port), SECONDS)
        first.start(loaded=False)  # its file makes a primary of it
        eventually(lambda: second.has_members(first, third), SECONDS)
        self.wait_for_health(second, first, third)
        self.check(buyers, second, (first, third))
        with self.assertRaisesRegex(ReplyError, "^READONLY "):
            first.call("RESERVE", "mask", "late", 1)

    def test_that_somebody_asks_sentinel_for_leaves_nobody_behind(self):
        first = self.nodes[0]
        buyers = self.buyers()
        self.ask_sentinel_to_move(first)
        second = self.promoted(first)
        before = buyers.count()
        eventually(lambda: buyers.have_gone_on(before))
        third, = [node for node in self.nodes if node not in (first, second)]
        self.wait_for_health(second, first, third)
        eventually(lambda: second.has_members(first, third), SECONDS)
        print("(%.1f s without an answer, %s) " % (buyers.longest_wait(), dict(buyers.errors)), end="", flush=True)
        self.check(buyers, second, (first, third))

    def test_is_written_down_and_holds_after_all_have_been_restarted(self):
        first = self.nodes[0]
        self.ask_sentinel_to_move(first)
        second = self.promoted(first)
        replicas = [node for node in self.nodes if node is not second]
        self.wait_for_health(second, *replicas)
        self.assertIn("replicaof no one", self.file_of(second))
        third, = [node for node in replicas if node is not first]
        eventually(lambda: "replicaof 127.0.0.1 %d" % second.port in self.file_of(third), SECONDS)
        for sentinel in self.sentinels:
            sentinel.process.kill()  # who would otherwise tell them again
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.start(loaded=False)
        eventually(second.leads, SECONDS)
        for replica in replicas:
            eventually(lambda replica=replica: replica.has_all_of(second), SECONDS)
        self.assertEqual(second.call("RESERVE", "mask", "h", 1)[0], "HELD")


if __name__ == "__main__":
    unittest.main()

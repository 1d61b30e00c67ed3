"""Replicas of real servers: they take the state and the log, show what is acked, and take over without a loss."""

import contextlib
import re
import signal
import socket
import threading
import time
import unittest

from group import Node, until
from harness import Client, ReplyError, eventually


class GroupTest(unittest.TestCase):
    def node(self, *flags, **options):
        node = Node(*flags, **options)
        self.addCleanup(node.remove)
        return node

    def pair(self, *flags, is_member=False):
        primary, replica = self.node(*flags), self.node(*flags)
        replica.primary = primary
        if is_member:
            primary.members, replica.members = [replica], [primary]
        primary.start()
        replica.start()
        until(replica.has_all_of, primary)
        if is_member:
            until(primary.has_members, replica)
        return primary, replica

    def refused(self, node, *words):
        with self.assertRaises(ReplyError) as refusal:
            node.call(*words)
        return str(refusal.exception)


class AReplica(GroupTest):
    def test_shows_what_its_primary_had_and_what_it_does(self):
        primary = self.node().start()
        primary.call("STOCK.CREATE", "mask", 10)
        primary.call("MSET", *[word for i in range(200) for word in ("before:%d" % i, i)])
        replica = self.node(primary=primary).start()
        until(replica.has_all_of, primary)
        self.assertEqual(replica.call("GET", "before:7"), b"7")
        self.assertEqual(replica.call("DBSIZE"), 201)
        primary.call("RESERVE", "mask", "h1", 3)
        primary.call("SET", "after", "v")
        until(replica.has_all_of, primary)
        self.assertEqual(replica.call("GET", "after"), b"v")
        self.assertEqual(replica.call("STOCK.AVAIL", "mask"), primary.call("STOCK.AVAIL", "mask"))

    def test_says_how_far_behind_it_may_be(self):
        primary, replica = self.pair()
        primary.call("STOCK.CREATE", "mask", 10)
        until(replica.has_all_of, primary)
        self.assertEqual(primary.call("STOCK.GET", "mask", "lag"), [b"lag", 0])
        self.assertNotIn(b"lag", primary.call("STOCK.GET", "mask"))
        until(lambda: replica.call("STOCK.GET", "mask", "lag")[1] < 200)
        self.assertEqual(replica.call("STOCK.GET", "mask")[-2], b"lag")
        primary.process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        until(lambda: replica.call("STOCK.GET", "mask", "lag")[1] > 500)
        self.assertGreater(time.monotonic() - stopped, 0.3)
        self.assertGreater(int(replica.replication()["slave_lag_ms"]), 500)
        primary.process.send_signal(signal.SIGCONT)
        until(lambda: replica.call("STOCK.GET", "mask", "lag")[1] < 200)

    def test_tells_its_role_as_redis_does(self):
        primary, replica = self.pair()
        self.assertEqual(replica.call("ROLE")[:4], [b"slave", b"127.0.0.1", primary.port, b"connected"])
        role = primary.call("ROLE")
        self.assertEqual((role[0], role[2][0][:2]), (b"master", [b"127.0.0.1", b"%d" % replica.port]))
        told = primary.replication()
        self.assertEqual(told["connected_slaves"], "1")
        self.assertRegex(told["slave0"], r"^ip=127.0.0.1,port=%d,state=online,offset=\d+,lag=0" % replica.port)
        self.assertEqual(replica.replication()["master_replid"], told["master_replid"])

    def test_refuses_writes_and_never_expires_by_itself(self):
        primary, replica = self.pair()
        self.assertEqual(self.refused(replica, "SET", "k", "v"), "READONLY You can't write against a read only replica.")
        self.assertTrue(self.refused(replica, "RESERVE", "mask", "h", 1).startswith("READONLY"))
        primary.call("SET", "short", "v", "PX", 300)
        until(lambda: replica.call("GET", "short") is None and primary.call("EXISTS", "short") == 0)
        until(replica.has_all_of, primary)
        self.assertEqual(replica.call("DBSIZE"), 0)

    def test_goes_on_where_it_was_after_a_kill(self):
        primary, replica = self.pair()
        replica.kill()
        for i in range(100):
            primary.call("SET", "k%d" % i, i)
        replica.start()
        until(replica.has_all_of, primary)
        self.assertEqual(replica.call("GET", "k99"), b"99")
        self.assertNotIn("taking the state", replica.log()[replica.log().rindex("starting"):])

    def test_takes_the_whole_state_when_the_log_does_not_reach_back(self):
        flags = ("--log-segment-bytes", "1mb", "--sync-member-log-bytes", "1mb")
        primary, replica = self.pair(*flags)
        replica.kill()
        client = primary.client()
        for turn in range(8):
            client.pipeline(*[("SET", "k%d" % i, "%d" % turn + "x" * 4000) for i in range(300)])
        client.call("SAVE")
        client.call("STOCK.CREATE", "mask", 5)
        eventually(lambda: int(self.info(primary, "log")["log_segments"]) <= 4)
        replica.start()
        until(replica.has_all_of, primary)
        self.assertIn("taking the state", replica.log())
        self.assertEqual(replica.call("DBSIZE"), 301)
        self.assertEqual(replica.call("GET", "k299"), b"7" + b"x" * 4000)
        self.assertEqual(replica.call("STOCK.AVAIL", "mask"), [5])
        client.call("SET", "later", "v")
        replica.kill()
        replica.start()
        until(replica.has_all_of, primary)
        self.assertEqual(replica.call("GET", "later"), b"v")

    def test_is_made_and_unmade_by_hand(self):
        primary = self.node().start()
        primary.call("SET", "k", "v")
        other = self.node().start()
        self.assertEqual(other.call("REPLICAOF", "127.0.0.1", primary.port), "OK")
        until(other.has_all_of, primary)
        self.assertEqual(other.call("GET", "k"), b"v")
        # It is asynchronous: it may lack what was acknowledged.
        self.assertIn("not in the sync set", self.refused(other, "REPLICAOF", "NO", "ONE"))
        self.assertTrue(other.follows())

    def test_that_has_data_of_its_own_keeps_them(self):
        primary = self.node().start()
        other = self.node().start()
        other.call("SET", "mine", "v")
        other.call("REPLICAOF", "127.0.0.1", primary.port)
        until(lambda: "another history" in other.log())
        self.assertEqual(other.call("GET", "mine"), b"v")

    def info(self, node, section):
        lines = node.call("INFO", section).decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)


class ALink(GroupTest):
    NODE = "00112233445566778899aabbccddeeff"

    def test_is_refused_to_who_does_not_understand_this_node_or_is_not_understood(self):
        node = self.node()
        node.start()
        for words, told in (("2 %s h 1", "links nodes of version 3, not 2; run the same release"),
                            ("3 1 2 %s h 1", "reads mutations up to format 1, and the other one writes 2"),
                            ("3 1 1 %s h", "7 words here, not 6"),
                            ("3 0 1 %s h 1", "formats are numbers from 1 on"),
                            ("three", "which version of links")):
            self.assertIn(told, self.refused(node, "NODELINK", *words.replace("%s", self.NODE).split()))
        self.assertEqual(node.call("PING"), "PONG")

    def test_is_given_up_where_what_answers_is_no_such_node(self):
        for answer, told in (("+LINK 3 1 2 " + self.NODE, "upgrade this one"), ("+LINK 2 " + self.NODE, "not 2"),
                             ("+OK", "no node answers there")):
            with socket.create_server(("127.0.0.1", 0)) as door:
                node = self.node("--replicaof", "127.0.0.1 %d" % door.getsockname()[1])
                node.start(loaded=False)
                with door.accept()[0] as dialed:
                    self.assertIn(b"NODELINK", dialed.recv(1000))
                    dialed.sendall(answer.encode() + b"\r\n")
                    eventually(lambda node=node, told=told: told in node.log())
                    self.assertEqual(dialed.recv(1), b"")


class Passage:
    """A way to a server that is cut each time it has said so many bytes, and then shut until it is opened."""

    host = "127.0.0.1"

    def __init__(self, node, cut_after):
        self.node, self.cut_after = node, cut_after
        self.is_open = threading.Event()
        self.is_open.set()
        self.listener = socket.create_server((self.host, 0))
        self.other_port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                dialer, _ = self.listener.accept()
                self.is_open.wait()
                with dialer, socket.create_connection((self.host, self.node.port)) as server:
                    threading.Thread(target=self.carry, args=(dialer, server), daemon=True).start()
                    if self.carry(server, dialer, self.cut_after):
                        self.is_open.clear()

    def carry(self, source, target, count=float("inf")):
        """True: so many bytes went through."""
        with contextlib.suppress(OSError):
            while count > 0:
                data = source.recv(min(count, 1 << 16))
                if not data:
                    break
                target.sendall(data)
                count -= len(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return count <= 0


class AFullSync(GroupTest):
    """Of a state that is larger than what a link's buffers hold."""

    KEYS, STEP = 12000, 500

    def primary_with_a_state(self):
        primary = self.node().start()
        client = primary.client()
        for first in range(0, self.KEYS, self.STEP):
            client.pipeline(*[("SET", "k%d" % i, b"%d" % i * 800) for i in range(first, first + self.STEP)])
        client.call("STOCK.CREATE", "mask", 100)
        client.call("RESERVE", "mask", "h1", 3)
        client.call("SAVE")
        client.close()
        return primary

    def replica_behind(self, passage):
        self.addCleanup(passage.listener.close)
        self.addCleanup(passage.is_open.set)
        return self.node(primary=passage).start(loaded=False)

    def assert_same(self, one, other):
        self.assertEqual(one.call("DBSIZE"), other.call("DBSIZE"))
        self.assertEqual(one.call("STOCK.AUDIT"), other.call("STOCK.AUDIT"))
        for first in range(0, self.KEYS, self.STEP):
            keys = ["k%d" % i for i in range(first, first + self.STEP)]
            self.assertEqual(one.call("MGET", *keys), other.call("MGET", *keys))

    def rows_gone_on_from(self, node):
        return [int(row) for row in re.findall(r"going on with the state .*, from row (\d+) of", node.log())]

    def test_goes_on_where_it_was_interrupted_however_often(self):
        primary = self.primary_with_a_state()
        passage = Passage(primary, cut_after=8 << 20)
        replica = self.replica_behind(passage)
        cuts = 0

        def has_all():
            nonlocal cuts
            if not passage.is_open.is_set():
                cuts += 1
                # What the replica has half of is by then no longer the current snapshot.
                primary.call("SET", "meanwhile", cuts)
                primary.call("SAVE")
                passage.is_open.set()
            return replica.has_all_of(primary)
        eventually(has_all, seconds=60)
        self.assertGreater(cuts, 3)
        rows = self.rows_gone_on_from(primary)
        self.assertEqual(len(rows), cuts)
        self.assertEqual(rows, self.rows_gone_on_from(replica))
        self.assertEqual(rows, sorted(set(rows)))
        self.assertEqual(primary.log().count("sending the state"), 1)
        self.assertEqual(replica.log().count("taking the state"), 1)
        self.assert_same(primary, replica)
        self.assertEqual(replica.call("GET", "meanwhile"), b"%d" % cuts)

    def test_begins_anew_with_another_state(self):
        primary = self.primary_with_a_state()
        passage = Passage(primary, cut_after=8 << 20)
        replica = self.replica_behind(passage)
        until(lambda: not passage.is_open.is_set())
        # The primary, started anew, knows of no state that was half sent, and has another one.
        primary.kill()
        primary.start()
        primary.call("DEL", *["k%d" % i for i in range(0, self.KEYS, 2)])
        primary.call("SAVE")
        passage.cut_after = float("inf")
        passage.is_open.set()
        eventually(lambda: replica.has_all_of(primary), seconds=60)
        self.assertEqual(self.rows_gone_on_from(replica), [])
        self.assertGreater(replica.log().count("taking the state"), 1)
        self.assert_same(primary, replica)


class TheSyncSet(GroupTest):
    def test_holds_back_what_a_member_does_not_have(self):
        primary, replica = self.pair(is_member=True)
        primary.call("STOCK.CREATE", "mask", 10)
        primary.call("CONFIG", "SET", "latency-monitor-threshold", 500)
        replica.process.send_signal(signal.SIGSTOP)
        try:
            client = primary.client()
            client.socket.settimeout(1)
            client.send("RESERVE", "mask", "h1", 1)
            with self.assertRaises(TimeoutError):
                client.read()
        finally:
            replica.process.send_signal(signal.SIGCONT)
        client.socket.settimeout(30)
        self.assertEqual(client.read()[0], "HELD")
        waits = eventually(lambda: primary.call("LATENCY", "HISTORY", "sync-member"))
        self.assertGreater(max(ms for _, ms in waits), 500)

    def test_stalls_what_tells_of_data_and_nothing_else(self):
        primary, replica = self.pair(is_member=True)
        primary.call("SET", "k", "v")
        replica.process.send_signal(signal.SIGSTOP)
        try:
            reader = primary.client()
            reader.socket.settimeout(2)

            def is_held():
                reader.send("GET", "k")  # another node may lead by now, and know better
                try:
                    reader.read()
                except TimeoutError:
                    return True
            until(is_held)
            # But whoever looks after it sees how it stands.
            self.assertEqual(primary.call("PING"), "PONG")
            self.assertEqual(primary.call("ROLE")[0], b"master")
            self.assertEqual(primary.call("CONFIG", "GET", "sync-replicas"), [b"sync-replicas", replica.address.encode()])
            self.assertEqual(primary.sync_set(), {replica.address})
            transaction = primary.client()
            replies = transaction.pipeline(("MULTI",), ("PING",), ("EXEC",))
            self.assertEqual(replies[2], ["PONG"])
        finally:
            replica.process.send_signal(signal.SIGCONT)
        reader.socket.settimeout(30)
        self.assertEqual(reader.read(), b"v")

    def test_is_told_and_changed_by_hand(self):
        primary, replica = self.pair()
        self.assertEqual(primary.call("SYNCSET", "ADD", replica.address), "OK")
        until(primary.has_members, replica)
        self.assertEqual(primary.call("SYNCSET", "REMOVE", replica.address), "OK")
        until(primary.has_members)
        self.assertEqual(primary.call("SET", "k", "v"), "OK")

    def test_lets_a_member_go_that_does_not_answer(self):
        primary, replica = self.pair(is_member=True)
        primary.call("STOCK.CREATE", "mask", 10)
        replica.process.send_signal(signal.SIGSTOP)
        self.addCleanup(replica.process.send_signal, signal.SIGCONT)
        self.assertEqual(primary.call("SYNCSET", "REMOVE", replica.address), "OK")
        self.assertEqual(primary.call("RESERVE", "mask", "h1", 1)[0], "HELD")
        self.assertTrue(primary.has_members())


class AFailover(GroupTest):
    def reserve_until_it_fails(self, node, sku="mask"):
        client, held = node.client(), []
        try:
            for number in range(100000):
                hold = "h%d" % number
                if client.call("RESERVE", sku, hold, 1)[0] != "HELD":
                    break
                held.append(hold)
                if number == 50:
                    node.kill()
        except (OSError, ConnectionError):
            pass
        return held

    def test_loses_nothing_that_was_acknowledged(self):
        primary, replica = self.pair(is_member=True)
        primary.call("STOCK.CREATE", "mask", 100000)
        held = self.reserve_until_it_fails(primary)
        self.assertGreater(len(held), 50)
        self.assertEqual(replica.call("REPLICAOF", "NO", "ONE"), "OK")
        until(replica.leads)
        for hold in held:
            self.assertEqual(replica.call("HOLD.GET", "mask", hold)[:2], [b"hold", hold.encode()])
        self.assertEqual(replica.call("RESERVE", "mask", "new", 1)[0], "HELD")
        # The old one comes back as what it is now.
        primary.start()
        until(primary.has_all_of, replica)
        self.assertEqual(primary.call("STOCK.AVAIL", "mask"), replica.call("STOCK.AVAIL", "mask"))
        until(replica.has_members, primary)

    def test_is_planned_and_nobody_is_told_an_error_but_to_come_back(self):
        primary, replica = self.pair(is_member=True)
        primary.call("STOCK.CREATE", "mask", 100)
        self.assertEqual(primary.call("RESERVE", "mask", "h1", 1)[0], "HELD")
        self.assertEqual(primary.call("FAILOVER"), "OK")
        until(replica.leads)
        until(primary.has_all_of, replica)
        self.assertEqual(replica.call("STOCK.AVAIL", "mask"), [99])
        self.assertEqual(primary.call("STOCK.AVAIL", "mask"), [99])
        self.assertTrue(self.refused(primary, "RESERVE", "mask", "h2", 1).startswith("READONLY"))

    def test_holds_writes_back_no_longer_than_it_takes(self):
        primary, replica = self.pair(is_member=True)
        began = time.monotonic()
        self.assertEqual(primary.call("FAILOVER", "TO", "127.0.0.1", replica.port, "TIMEOUT", 50000), "OK")
        until(replica.leads)

        def sends_elsewhere():
            try:
                return self.refused(primary, "SET", "k", "v").startswith("READONLY")
            except OSError:  # as it loads its state anew
                return False
        until(sends_elsewhere)
        self.assertEqual(replica.call("SET", "k", "v"), "OK")
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(self.refused(replica, "FAILOVER", "ABORT"), "ERR No failover in progress.")

    def test_takes_nobody_who_may_lack_something(self):
        primary, replica = self.pair()
        self.assertEqual(self.refused(primary, "FAILOVER"),
                         "ERR FAILOVER requires a member of the sync set: another replica may lack what was acknowledged.")
        self.assertTrue(self.refused(primary, "FAILOVER", "TO", "127.0.0.1", replica.port, "FORCE", "TIMEOUT", 1)
                        .startswith("ERR FAILOVER FORCE would let a replica lead that lacks"))

    def test_is_not_undone_by_a_restart_of_who_led_before(self):
        primary, replica = self.pair(is_member=True)
        primary.call("FAILOVER")
        until(replica.leads)
        until(replica.has_members, primary)
        # Nobody has told it: its command line still makes a primary of it.
        primary.kill()
        primary.start()
        until(primary.has_all_of, replica)
        epoch = replica.replication()["epoch"]
        self.assertEqual(replica.call("SET", "k", "v"), "OK")
        self.assertTrue(self.refused(primary, "SET", "k", "v").startswith("READONLY"))
        self.assertEqual(replica.replication()["epoch"], epoch)
        # It follows, and yet is told for the first time.
        self.assertEqual(primary.call("REPLICAOF", "127.0.0.1", replica.port), "OK")
        self.assertEqual(primary.call("CONFIG", "GET", "replicaof"), [b"replicaof", b"127.0.0.1 %d" % replica.port])
        until(primary.has_all_of, replica)
        self.assertEqual(primary.call("REPLICAOF", "127.0.0.1", replica.port), "OK Already connected to specified master")

    def test_of_all_at_once_goes_on(self):
        primary, replica = self.pair(is_member=True)
        primary.call("STOCK.CREATE", "mask", 100)
        primary.call("RESERVE", "mask", "h1", 1)
        for node in (primary, replica):
            node.kill()
        replica.start(loaded=False)
        primary.start()
        until(primary.leads)
        until(replica.has_all_of, primary)
        self.assertEqual(replica.call("STOCK.AVAIL", "mask"), [99])


if __name__ == "__main__":
    unittest.main()

"""A primary and its replica, ours beside Redis': the fields of INFO and ROLE, and what is answered to nonsense."""

import unittest

from group import Node, until
from harness import Client, ReplyError, eventually
from peers import Redis

# Where they are, how long ago they heard of each other, and how far they are: it is compared that they say it.
OF_ONE_SERVER = {"master_host", "master_port", "master_last_io_seconds_ago", "master_replid", "master_repl_offset",
                 "slave_read_repl_offset", "slave_repl_offset", "repl_backlog_active", "repl_backlog_size",
                 "repl_backlog_first_byte_offset", "repl_backlog_histlen"}

ON_BOTH = [
    ("REPLICAOF", "a"), ("REPLICAOF", "127.0.0.1", "70000"), ("REPLICAOF", "127.0.0.1", "-1"), ("SLAVEOF", "a", "b"),
    ("SLAVEOF", "a", "b", "c"), ("FAILOVER", "ABORT"), ("FAILOVER", "TO"), ("FAILOVER", "TO", "a"), ("FAILOVER", "x"),
    ("FAILOVER", "TO", "a", "b"), ("FAILOVER", "TO", "a", "1", "TO", "a", "1"), ("FAILOVER", "TIMEOUT"),
    ("FAILOVER", "TIMEOUT", "0"), ("FAILOVER", "TIMEOUT", "-1"), ("FAILOVER", "TIMEOUT", "x"), ("FAILOVER", "ABORT", "x"),
    ("FAILOVER", "TIMEOUT", "1", "TIMEOUT", "1"), ("WAIT",), ("WAIT", "1"), ("WAIT", "0", "0", "0"), ("ROLE", "x"),
]
OF_A_PRIMARY = [
    ("REPLICAOF", "NO", "ONE"), ("SLAVEOF", "no", "one"), ("FAILOVER", "TO", "127.0.0.1", "1"),
    ("FAILOVER", "TO", "nobody", "99999"), ("WAIT", "0", "0"), ("WAIT", "1", "0"), ("WAIT", "1", "30000"),
    ("WAIT", "7", "20"), ("WAIT", "-1", "0"), ("WAIT", "99999999999", "1"), ("WAIT", "x", "0"), ("WAIT", "x", "-1"),
    ("WAIT", "0", "x"), ("WAIT", "0", "-1"), ("WAIT", "0", "9223372036854775807"), ("PING",),
]
OF_A_REPLICA = [
    ("FAILOVER",), ("FAILOVER", "TO", "127.0.0.1", "1"), ("WAIT", "0", "0"), ("WAIT", "x", "-1"), ("SET", "k", "v"),
    ("EXPIRE", "k", "1"), ("PUBLISH", "channel", "message"), ("GET", "k"), ("PING",),
]


def answer(client, words):
    try:
        reply = client.call(*words)
        # How many have it by now is not the same every time.
        return "a number" if words[0] == "WAIT" and isinstance(reply, int) else reply
    except ReplyError as error:
        return "-" + str(error)


def fields(client):
    text = client.call("INFO", "replication").decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


class Pair(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        primary, theirs = Redis(), Redis()
        for one in (primary, theirs):
            cls.addClassCleanup(one.remove)
        our_primary = Node().start()
        cls.addClassCleanup(our_primary.remove)
        ours = Node(primary=our_primary).start()
        cls.addClassCleanup(ours.remove)
        cls.ports = {"ours": (our_primary.port, ours.port), "theirs": (primary.port, theirs.port)}
        cls.their_primary, cls.theirs = cls.client(primary.port), cls.client(theirs.port)
        until(ours.has_all_of, our_primary)  # the connections from before end
        cls.our_primary, cls.ours = cls.client(our_primary.port), cls.client(ours.port)
        cls.theirs.call("REPLICAOF", "127.0.0.1", primary.port)
        eventually(lambda: fields(cls.theirs)["master_link_status"] == "up", 30)
        eventually(lambda: "state=online" in fields(cls.their_primary).get("slave0", ""), 30)

    @classmethod
    def client(cls, port):
        client = Client(port)
        cls.addClassCleanup(client.close)
        return client

    def compare_fields(self, ours, theirs):
        """Theirs, in their order, and then our own."""
        ours, theirs = fields(ours), fields(theirs)
        self.assertEqual(list(ours)[:len(theirs)], list(theirs))
        lag = ["slave_lag_ms"] if ours["role"] == "slave" else []
        self.assertEqual(list(ours)[len(theirs):],
                         ["node_id", "epoch", "acked_index", "sync_set_size", "waits_for_promises"] + lag)
        for name in set(theirs) - OF_ONE_SERVER - {"slave0"}:
            self.assertEqual((name, ours[name]), (name, theirs[name]))
        return ours, theirs

    def test_a_replica_tells_of_itself_as_redis_does(self):
        ours, theirs = self.compare_fields(self.ours, self.theirs)
        for own, ports in ((ours, self.ports["ours"]), (theirs, self.ports["theirs"])):
            self.assertEqual((own["master_host"], own["master_port"]), ("127.0.0.1", str(ports[0])))
        self.assertEqual([type(part) for part in self.ours.call("ROLE")], [type(part) for part in self.theirs.call("ROLE")])
        self.assertEqual(self.ours.call("ROLE")[:4], [b"slave", b"127.0.0.1", self.ports["ours"][0], b"connected"])
        self.assertEqual(self.theirs.call("ROLE")[:4], [b"slave", b"127.0.0.1", self.ports["theirs"][0], b"connected"])

    def test_a_primary_tells_of_its_replica_as_redis_does(self):
        ours, theirs = self.compare_fields(self.our_primary, self.their_primary)
        names = [[part.split("=")[0] for part in told["slave0"].split(",")] for told in (ours, theirs)]
        self.assertEqual(names[0], names[1] + ["sync"])
        self.assertIn("ip=127.0.0.1,port=%d,state=online," % self.ports["ours"][1], ours["slave0"])
        for client, ports in ((self.our_primary, self.ports["ours"]), (self.their_primary, self.ports["theirs"])):
            role = client.call("ROLE")
            self.assertEqual([role[0], role[2][0][:2]], [b"master", [b"127.0.0.1", b"%d" % ports[1]]])
            self.assertTrue(role[2][0][2].isdigit())

    def test_nonsense_is_answered_as_redis_does(self):
        for words in ON_BOTH + OF_A_PRIMARY:
            self.assertEqual((words, answer(self.our_primary, words)), (words, answer(self.their_primary, words)))
        for words in ON_BOTH + OF_A_REPLICA:
            self.assertEqual((words, answer(self.ours, words)), (words, answer(self.theirs, words)))

    def test_who_is_told_of_its_primary_again_says_so(self):
        for client, ports in ((self.theirs, self.ports["theirs"]), (self.ours, self.ports["ours"])):
            self.assertEqual(client.call("REPLICAOF", "127.0.0.1", ports[0]), "OK Already connected to specified master")
            self.assertEqual(client.call("SLAVEOF", "127.0.0.1", ports[0]), "OK Already connected to specified master")


class Alone(unittest.TestCase):
    def test_a_replica_whose_primary_is_away_answers_as_redis_does(self):
        redis, node = Redis(), Node().start()
        self.addCleanup(redis.remove)
        self.addCleanup(node.remove)
        theirs = Client(redis.port)
        self.addCleanup(theirs.close)
        for call in (theirs.call, node.call):
            call("REPLICAOF", "127.0.0.1", 1)
        eventually(lambda: node.log().count("DB loaded") == 2)  # it is ready for another one's state
        eventually(lambda: node.replication().get("master_sync_in_progress") == "0")
        ours = Client(node.port)
        self.addCleanup(ours.close)
        told, other = fields(ours), fields(theirs)
        self.assertEqual(list(told)[:len(other)], list(other))
        for name in ("master_link_status", "master_last_io_seconds_ago", "master_link_down_since_seconds"):
            self.assertEqual((name, told[name]), (name, other[name]))
        self.assertEqual(ours.call("ROLE")[:3], theirs.call("ROLE")[:3])
        for client in (theirs, ours):
            client.call("CONFIG", "SET", "replica-serve-stale-data", "no")
        for words in (("PING",), ("GET", "k"), ("SET", "k", "v"), ("INFO", "nothing"), ("CONFIG", "GET", "nothing"),
                      ("SUBSCRIBE", "channel"), ("UNSUBSCRIBE", "channel")):
            self.assertEqual((words, answer(ours, words)), (words, answer(theirs, words)))


if __name__ == "__main__":
    unittest.main()

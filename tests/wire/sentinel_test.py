"""Debian's redis-sentinel watches a Holdfast primary: two of them find it well, and each other through it."""

import os
import re
import shutil
import tempfile
import unittest

import redis.sentinel

from harness import Server, WireTest, eventually
from sentinels import Sentinel

HELLO = "__sentinel__:hello"


class SentinelTest(WireTest):
    password = None

    def sentinel(self, **options):
        sentinel = Sentinel(self.server.port, password=self.password, **options)
        self.addCleanup(sentinel.remove)
        return sentinel


class Watched(SentinelTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="holdfast-conf-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.config_file = os.path.join(folder, "holdfast.conf")
        with open(cls.config_file, "w") as file:
            file.write("shards 3\nappendonly no\n")
        cls.server = Server(config_file=cls.config_file).start()
        cls.addClassCleanup(cls.server.remove)

    def test_it_is_a_primary_in_good_health(self):
        sentinel = self.sentinel(quorum=1)
        state = eventually(sentinel.finds_it_well)
        self.assertEqual(state["runid"], self.info("server")["run_id"])
        self.assertEqual((state["num-slaves"], state["port"]), ("0", str(self.server.port)))
        self.assertEqual(sentinel.client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "sale"),
                         [b"127.0.0.1", b"%d" % self.server.port])
        self.assertEqual(sentinel.client.call("SENTINEL", "CKQUORUM", "sale"),
                         "OK 1 usable Sentinels. Quorum and failover authorization can be reached")

        def clients():
            return self.call("CLIENT", "LIST").decode()
        self.assertRegex(clients(), r" name=sentinel-[0-9a-f]{8}-cmd ")
        eventually(lambda: re.search(r" name=sentinel-[0-9a-f]{8}-pubsub .* sub=1 ", clients()))

    def test_redis_py_finds_the_primary_through_it_and_keeps_its_data_there(self):
        sentinel = self.sentinel(quorum=1)
        eventually(sentinel.finds_it_well)
        asked = redis.sentinel.Sentinel([("127.0.0.1", sentinel.port)], socket_timeout=5)
        self.assertEqual(asked.discover_master("sale"), ("127.0.0.1", self.server.port))
        primary = asked.master_for("sale")
        self.addCleanup(primary.close)
        self.assertTrue(primary.set(self.key(), "v"))
        self.assertEqual(self.call("GET", self.key()), b"v")
        replica = asked.slave_for("sale")
        self.addCleanup(replica.close)
        self.assertEqual(replica.get(self.key()), b"v")  # there is none, so the primary answers

    def test_two_discover_each_other_through_its_channel(self):
        listener = self.connect()
        listener.call("SUBSCRIBE", HELLO)
        pair = [self.sentinel(), self.sentinel()]
        for sentinel in pair:
            self.assertEqual(eventually(sentinel.has_quorum),
                             "OK 2 usable Sentinels. Quorum and failover authorization can be reached")
            self.assertEqual(sentinel.primary()["num-other-sentinels"], "1")
        self.assertEqual(self.call("PUBSUB", "NUMSUB", HELLO), [HELLO.encode(), 3])
        heard = set()
        while len(heard) < 2:  # ip, port, run id, epoch, and what it believes of the primary
            words = listener.read()[2].decode().split(",")
            self.assertEqual(words[4:7], ["sale", "127.0.0.1", str(self.server.port)])
            heard.add(int(words[1]))
        self.assertEqual(heard, {sentinel.port for sentinel in pair})

    def test_what_it_sends_a_server_that_changes_its_role_is_one_transaction_that_ends_all_but_its_own_connection(self):
        normal, subscriber = [self.connect() for _ in range(6)], self.connect()
        for client in normal:
            client.call("PING")
        subscriber.call("SUBSCRIBE", self.key())
        self.call("CONFIG", "SET", "slave-priority", 7)
        replies = self.client.pipeline(("MULTI",), ("CONFIG", "REWRITE"), ("CLIENT", "KILL", "TYPE", "normal"),
                                       ("CLIENT", "KILL", "TYPE", "pubsub"), ("EXEC",))
        self.assertEqual(replies[:4], ["OK"] + ["QUEUED"] * 3)
        rewritten, killed, subscribers = replies[4]
        self.assertEqual(rewritten, "OK")
        with open(self.config_file) as file:
            self.assertIn("replica-priority 7\n", file.read())
        self.assertGreaterEqual(killed, len(normal))
        self.assertGreaterEqual(subscribers, 1)
        for client in normal + [subscriber]:
            self.assertTrue(client.at_end())
        self.assertEqual(self.call("PING"), "PONG")


class Guarded(SentinelTest):
    flags = ("--shards", "2", "--appendonly", "no", "--requirepass", "secret")
    password = "secret"

    def connect(self, resp=2):
        client = super().connect(resp)
        client.call("AUTH", "secret")
        return client

    def test_it_gives_the_password(self):
        self.assertTrue(eventually(self.sentinel(quorum=1).finds_it_well))


class Lost(SentinelTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def test_one_that_is_killed_is_down_and_comes_back_as_another_run(self):
        sentinel = self.sentinel(quorum=1)
        before = eventually(sentinel.finds_it_well)["runid"]
        self.server.kill()
        eventually(lambda: "o_down" in sentinel.primary()["flags"], 20)
        self.server.start()
        self.assertNotEqual(eventually(sentinel.finds_it_well, 20)["runid"], before)


if __name__ == "__main__":
    unittest.main()

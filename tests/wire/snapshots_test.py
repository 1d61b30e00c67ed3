"""Snapshots: taken while everything goes on, loaded at the next start, and the log goes behind them."""

import os
import threading
import time
import unittest

from harness import Client, Server, WireTest, eventually


def persistence(client):
    text = client.call("INFO", "persistence").decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def complete(client):
    return persistence(client)["rdb_bgsave_in_progress"] == "0"


class Snapshots(WireTest):
    flags = ("--shards", "2")

    def fill(self, client):
        for i in range(300):
            client.call("SET", "key%d" % i, "value%d" % i)
            client.call("SET", "dying%d" % i, "v", "EX", "5000")
        client.call("SELECT", "3")
        client.call("SET", "elsewhere", "db 3")
        client.call("SELECT", "0")
        client.call("SET", "large", b"x" * 3_000_000)
        client.call("HSET", "small-hash", "f", "v", "g", "w")
        for start in range(0, 5000, 500):
            client.call("HSET", "large-hash", *[word for i in range(start, start + 500) for word in (str(i), "v%d" % i)])
        client.call("EXPIRE", "large-hash", "4000")
        client.call("STOCK.CREATE", "mask", "5000", "LIMIT", "3", "TTL", "600")
        for i in range(3000):
            client.call("RESERVE", "mask", "hold%d" % i, "1", "BUYER", "buyer%d" % (i % 1200))
        for i in range(0, 900, 3):
            client.call("CONFIRM", "mask", "hold%d" % i)
            client.call("RELEASE", "mask", "hold%d" % (i + 1))
        client.call("STOCK.ADJUST", "mask", "delivery", "100")

    def state(self, client):
        words = [("GET", "key7"), ("GET", "large"), ("HGETALL", "small-hash"), ("HLEN", "large-hash"),
                 ("HGET", "large-hash", "4321"), ("STOCK.GET", "mask"), ("STOCK.AUDIT", "mask"), ("DBSIZE",),
                 ("HOLD.GET", "mask", "hold0"), ("HOLD.GET", "mask", "hold1"), ("HOLD.GET", "mask", "hold2999"),
                 ("STOCK.ADJUST", "mask", "delivery", "100"),
                 ("RESERVE", "mask", "one-more", "3", "BUYER", "buyer5"),
                 ("EXPIRETIME", "large-hash"), ("EXPIRETIME", "dying5")]
        return [client.call(*word) for word in words]

    def test_a_start_from_a_snapshot_and_the_log_behind_it_finds_everything(self):
        self.fill(self.client)
        self.assertEqual(self.call("SAVE"), "OK")
        self.call("SET", "key7", "after the snapshot")
        self.call("RESERVE", "mask", "after", "1", "BUYER", "late")
        self.call("CONFIRM", "mask", "hold2")
        self.call("HDEL", "large-hash", "17")
        before = self.state(self.client)
        self.assertEqual(before[0], b"after the snapshot")
        self.assertEqual(before[3], 4999)
        self.server.kill()
        self.server.start()
        self.client = self.connect()
        self.assertEqual(self.state(self.client), before)
        self.call("SELECT", "3")
        self.assertEqual(self.call("GET", "elsewhere"), b"db 3")
        self.assertIn("snapshot", self.server.log())
        # And once more, from a snapshot of what was loaded.
        self.call("SELECT", "0")
        self.assertEqual(self.call("SAVE"), "OK")
        self.server.kill()
        self.server.start()
        self.client = self.connect()
        self.assertEqual(self.state(self.client), before)

    def test_one_at_a_time(self):
        started = int(persistence(self.client)["rdb_saves"])
        replies = self.client.pipeline(("BGSAVE",), ("BGSAVE",), ("BGSAVE", "SCHEDULE"), ("SAVE",), ("BGREWRITEAOF",))
        self.assertEqual(replies[0], "Background saving started")
        self.assertEqual(str(replies[1]), "ERR Background save already in progress")
        self.assertEqual(replies[2], "Background saving scheduled")
        self.assertEqual(str(replies[3]), "ERR Background save already in progress")
        self.assertEqual(replies[4], "Background append only file rewriting scheduled")
        # The two that were scheduled are one.
        eventually(lambda: int(persistence(self.client)["rdb_saves"]) == started + 2)
        self.assertTrue(complete(self.client))
        self.assertError("ERR syntax error", "BGSAVE", "LATER")
        self.assertGreaterEqual(self.call("LASTSAVE"), int(time.time()) - 20)

    def test_save_is_not_for_transactions(self):
        replies = self.client.pipeline(("MULTI",), ("SAVE",), ("EXEC",))
        self.assertEqual(str(replies[1]), "ERR Command not allowed inside a transaction")
        self.assertTrue(str(replies[2]).startswith("EXECABORT"))

    def test_whoever_asked_for_save_and_left_is_missed_by_nobody(self):
        other = self.connect()
        other.send("SAVE")
        other.close()
        eventually(lambda: complete(self.client))
        self.assertEqual(self.call("PING"), "PONG")

    def test_a_snapshot_under_load_holds_what_was_there(self):
        stop = threading.Event()
        counts = [0] * 4

        def load(number):
            client = self.connect()
            while not stop.is_set():
                for _ in range(20):
                    counts[number] = client.call("INCR", "counter%d" % number)
                    client.call("MSET", "a%d" % number, counts[number], "b%d" % number, counts[number])
        threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
        self.call("CONFIG", "SET", "appendfsync", "always")
        for thread in threads:
            thread.start()
        for _ in range(5):
            self.assertEqual(self.call("SAVE"), "OK")
        stop.set()
        for thread in threads:
            thread.join()
        self.server.kill()
        self.server.start()
        self.client = self.connect()
        for number in range(4):
            self.assertEqual(int(self.call("GET", "counter%d" % number)), counts[number])
            self.assertEqual(self.call("MGET", "a%d" % number, "b%d" % number), [b"%d" % counts[number]] * 2)


class Trimmed(WireTest):
    flags = ("--shards", "1", "--log-segment-bytes", "1mb", "--snapshot-log-bytes", "4mb")

    def test_the_log_is_kept_short_by_itself(self):
        value = os.urandom(50_000)
        for i in range(400):  # 20 MB of changes to 10 keys
            self.call("SET", "key%d" % (i % 10), value)
        eventually(lambda: int(persistence(self.client)["rdb_saves"]) >= 1 and complete(self.client))
        self.call("SAVE")
        eventually(lambda: int(self.info("log")["log_segments"]) <= 4)
        self.server.kill()
        self.server.start()
        self.client = self.connect()
        self.assertEqual(self.call("DBSIZE"), 10)
        self.assertEqual(self.call("GET", "key3"), value)


class KeepsNothing(WireTest):
    flags = ("--shards", "1", "--appendonly", "no")

    def test_there_is_nothing_to_take(self):
        text = "ERR this server keeps nothing on disk: it was started with appendonly no"
        for words in (("SAVE",), ("BGSAVE",), ("BGREWRITEAOF",)):
            self.assertError(text, *words)
        self.assertGreaterEqual(self.call("LASTSAVE"), int(time.time()) - 60)


if __name__ == "__main__":
    unittest.main()

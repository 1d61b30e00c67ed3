"""FLUSHALL, FLUSHDB, SWAPDB, KEYS, RANDOMKEY over one shard and several."""

import unittest

from harness import WireTest


class Databases(WireTest):
    flags = ("--shards", "3")

    def setUp(self):
        super().setUp()
        self.call("FLUSHALL")

    def fill(self, database, count=30):
        self.call("SELECT", database)
        names = ["d%d-%d" % (database, i) for i in range(count)]
        for name in names:
            self.call("SET", name, database)
        return {name.encode() for name in names}

    def test_flushdb_empties_one_database_and_flushall_all(self):
        one, two = self.fill(1), self.fill(2)
        self.assertEqual(self.call("FLUSHDB"), "OK")
        self.assertEqual(self.call("DBSIZE"), 0)
        self.assertEqual(self.call("KEYS", "*"), [])
        self.call("SELECT", 1)
        self.assertEqual(set(self.call("KEYS", "*")), one)
        self.fill(2)
        self.assertEqual(self.call("FLUSHALL", "ASYNC"), "OK")
        for database in (1, 2):
            self.call("SELECT", database)
            self.assertEqual((self.call("DBSIZE"), self.call("GET", next(iter(one | two)))), (0, None))

    def test_what_was_flushed_or_swapped_stays_so_after_a_kill(self):
        self.fill(1)
        three, four = self.fill(3), self.fill(4, 7)
        self.call("SELECT", 1)
        self.call("FLUSHDB")
        self.call("SWAPDB", 3, 4)
        self.call("CONFIG", "SET", "appendfsync", "always")
        self.call("SET", "last", 1)
        self.call("CONFIG", "SET", "appendfsync", "everysec")
        self.server.kill()
        self.server.start()
        self.client = self.connect()
        for database, names in ((1, {b"last"}), (3, four), (4, three)):
            self.call("SELECT", database)
            self.assertEqual(set(self.call("KEYS", "*")), names)

    def test_stock_is_protected(self):
        self.call("SELECT", 0)
        self.call("STOCK.CREATE", "sku", 5)
        self.call("SET", "k", 1)
        for words in (("FLUSHALL",), ("FLUSHDB",), ("SWAPDB", 0, 1)):
            self.assertError("PROTECTED", *words)
        self.assertEqual(self.call("GET", "k"), b"1")
        self.call("SELECT", 5)
        self.call("SET", "k", 1)
        self.assertEqual(self.call("FLUSHDB"), "OK")
        self.assertEqual(self.call("CONFIG", "SET", "enable-flush-stock", "yes"), "OK")
        self.assertEqual(self.call("FLUSHALL"), "OK")
        self.call("SELECT", 0)
        self.assertEqual((self.call("EXISTS", "sku", "k"), self.call("STOCK.AVAIL", "sku")), (0, [None]))
        self.call("CONFIG", "SET", "enable-flush-stock", "no")

    def test_misuse(self):
        for words in (("FLUSHALL", "NOW"), ("FLUSHDB", "SYNC", "ASYNC")):
            self.assertError("ERR syntax error", *words)
        self.assertError("ERR invalid first DB index", "SWAPDB", "x", 1)
        self.assertError("ERR invalid second DB index", "SWAPDB", 1, "x")
        self.assertError("ERR DB index is out of range", "SWAPDB", 1, 16)
        self.assertEqual(self.call("SWAPDB", 1, 1), "OK")

    def test_keys_takes_patterns(self):
        self.call("SELECT", 6)
        self.call("MSET", "one", 1, "two", 2, "three", 3)
        self.assertEqual(set(self.call("KEYS", "t*")), {b"two", b"three"})
        self.assertEqual(self.call("KEYS", "?n[a-e]"), [b"one"])

    def test_randomkey_is_any_key_and_null_for_none(self):
        self.call("SELECT", 7)
        self.assertIsNone(self.call("RANDOMKEY"))
        names = self.fill(7, 5)
        self.assertEqual({self.call("RANDOMKEY") for _ in range(200)}, names)

    def test_within_a_transaction(self):
        self.fill(8)
        self.call("MULTI")
        for words in (("SET", "more", 1), ("DBSIZE",), ("FLUSHDB",), ("KEYS", "*"), ("SET", "left", 1), ("KEYS", "*")):
            self.assertEqual(self.call(*words), "QUEUED")
        self.assertEqual(self.call("EXEC"), ["OK", 31, "OK", [], "OK", [b"left"]])
        self.assertEqual(self.call("KEYS", "*"), [b"left"])

    def test_a_flush_tells_watchers_of_keys_that_were_there(self):
        self.call("SELECT", 9)
        self.call("SET", "there", 1)
        other = self.connect()
        other.call("SELECT", 9)
        for name, runs in (("there", False), ("not-there", True)):
            self.call("WATCH", name)
            other.call("FLUSHDB")
            self.call("MULTI")
            self.call("PING")
            self.assertEqual(self.call("EXEC"), ["PONG"] if runs else None)


class OneShard(Databases):
    flags = ("--shards", "1")


if __name__ == "__main__":
    unittest.main()

"""MULTI, EXEC, DISCARD, WATCH, UNWATCH on one shard and over several."""

import unittest

from harness import ReplyError, WireTest, eventually


class Transactions(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")

    def multi(self, *commands, client=None):
        client = client or self.client
        self.assertEqual(client.call("MULTI"), "OK")
        for words in commands:
            self.assertEqual(client.call(*words), "QUEUED")
        return client.call("EXEC")

    def keys(self, name="t", count=8):
        """Enough keys for every shard to have some."""
        return ["%s%d" % (self.key(name), i) for i in range(count)]

    def test_replies_come_together_and_in_order(self):
        keys = self.keys()
        replies = self.multi(*[("SET", key, i) for i, key in enumerate(keys)], ("PING",), ("GET", keys[3]), ("INCR", keys[3]))
        self.assertEqual(replies, ["OK"] * len(keys) + ["PONG", b"3", 4])
        self.assertEqual(self.call("GET", keys[3]), b"4")

    def test_an_empty_transaction_answers_an_empty_array(self):
        self.assertEqual(self.multi(), [])

    def test_an_error_of_one_command_leaves_the_others(self):
        first, second, third = self.keys(count=3)
        self.call("SET", second, "word")
        replies = self.multi(("SET", first, 1), ("INCR", second), ("HSET", second, "f", "v"), ("SET", third, 3))
        self.assertEqual((replies[0], replies[3]), ("OK", "OK"))
        self.assertIsInstance(replies[1], ReplyError)
        self.assertTrue(str(replies[2]).startswith("WRONGTYPE"))
        self.assertEqual(self.call("GET", third), b"3")

    def test_what_was_refused_while_it_was_queued_spoils_the_whole(self):
        key, other = self.keys(count=2)
        for bad in (("NOSUCH", key), ("GET",), ("CONFIG", "NOSUCH")):
            self.call("MULTI")
            self.call("SET", key, 1)
            self.assertError("ERR", *bad)
            self.assertError("EXECABORT", "EXEC")
        self.assertIsNone(self.call("GET", key))
        self.assertEqual(self.multi(("SET", other, 1)), ["OK"])

    def test_misuse(self):
        self.assertError("ERR EXEC without MULTI", "EXEC")
        self.assertError("ERR DISCARD without MULTI", "DISCARD")
        self.call("MULTI")
        self.assertError("ERR MULTI calls can not be nested", "MULTI")
        self.assertError("ERR WATCH inside MULTI is not allowed", "WATCH", "k")
        self.assertEqual(self.call("PING"), "QUEUED")
        self.assertEqual(self.call("EXEC"), ["PONG"])

    def test_client_list_tells_how_many_wait(self):
        def waiting():
            line = self.connect().call("CLIENT", "LIST", "ID", me).decode()
            return dict(field.split("=", 1) for field in line.split())["multi"]

        me = self.call("CLIENT", "ID")
        self.assertEqual(waiting(), "-1")
        for commands in range(3):
            self.call("MULTI") if commands == 0 else self.call("PING")
            self.assertEqual(waiting(), str(commands))
        self.call("DISCARD")

    def test_a_client_may_kill_itself_within(self):
        client = self.connect()
        me = client.call("CLIENT", "ID")
        client.send("MULTI")
        for words in (("INCR", self.key("n")), ("CLIENT", "KILL", "ID", me, "SKIPME", "no"), ("CLIENT", "SETNAME", "late"),
                      ("INCR", self.key("n")), ("EXEC",)):
            client.send(*words)
        eventually(lambda: self.call("GET", self.key("n")) == b"2")

    def test_a_value_named_many_times_is_one_value(self):
        large, elsewhere = self.keys("many")[:2]
        self.call("SET", large, "x" * 1_000_000)
        for target in self.keys("many")[1:4]:
            self.assertEqual(self.call("BITOP", "AND", target, *[large] * 600), 1_000_000)

    def test_discard_and_reset_forget_the_queue(self):
        key = self.key("gone")
        for word, answer in (("DISCARD", "OK"), ("RESET", "RESET")):
            self.call("MULTI")
            self.call("SET", key, 1)
            self.assertEqual(self.call(word), answer)
            self.assertError("ERR EXEC without MULTI", "EXEC")
        self.assertIsNone(self.call("GET", key))

    def test_select_counts_for_what_follows_it(self):
        key = self.key("db")
        replies = self.multi(("SET", key, "nine"), ("SELECT", 9), ("SET", key, "there"), ("GET", key))
        self.assertEqual(replies, ["OK", "OK", "OK", b"there"])
        self.assertEqual(self.call("GET", key), b"there")
        self.call("SELECT", 0)
        self.assertEqual(self.call("GET", key), b"nine")

    def test_a_watched_key_that_changed_stops_it(self):
        for keys in (self.keys("w", 1), self.keys("w")):
            for change in (("SET", keys[-1], "x"), ("EXPIRE", keys[-1], 100), ("DEL", keys[-1])):
                self.call("SET", keys[-1], "before")
                self.assertEqual(self.call("WATCH", *keys), "OK")
                self.connect().call(*change)
                self.assertIsNone(self.multi(("SET", keys[0], "mine"), ("SET", keys[-1], "mine")))
                self.assertNotEqual(self.call("GET", keys[-1]), b"mine")
                # It counts once: the next transaction is free.
                self.assertEqual(self.multi(("GET", self.key("free"))), [None])

    def test_a_command_over_shards_in_between_forgets_no_watched_key(self):
        keys = self.keys("between", 6)
        for key in keys:
            self.call("WATCH", key)
            self.call("SET", key, "mine already")
            self.call("MGET", *keys)
            self.assertIsNone(self.multi())

    def test_an_exec_that_is_refused_ends_the_transaction(self):
        key = self.key("refused")
        self.call("MULTI")
        self.call("SET", key, 1)
        self.assertError("EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
                         "EXEC", "x")
        self.assertError("ERR EXEC without MULTI", "EXEC")
        self.assertIsNone(self.call("GET", key))

    def test_a_watched_key_that_nobody_touched_lets_it_pass(self):
        keys = self.keys("calm")
        self.call("WATCH", *keys)
        self.connect().call("SET", self.key("another"), 1)
        self.connect().call("GET", keys[0])
        self.assertEqual(self.multi(("SET", keys[0], 1)), ["OK"])

    def test_unwatch_and_discard_let_go(self):
        key = self.key("let-go")
        for word in ("UNWATCH", "DISCARD"):
            self.call("WATCH", key)
            if word == "DISCARD":
                self.call("MULTI")
            self.call(word)
            self.connect().call("SET", key, 1)
            self.assertEqual(self.multi(("PING",)), ["PONG"])

    def test_a_watched_key_that_expired_was_changed(self):
        for key in self.keys("short", 4):
            self.call("SET", key, 1, "PX", 30)
            self.call("WATCH", key)
            eventually(lambda: self.connect().call("EXISTS", key) == 0)
            self.assertIsNone(self.multi(("PING",)))

    def test_stock_of_several_shards_at_one_instant(self):
        skus = self.keys("sku", 4)
        self.assertEqual(self.multi(*[("STOCK.CREATE", sku, 5) for sku in skus]), ["OK"] * 4)
        held = self.multi(*[("RESERVE", sku, "order-1", 2) for sku in skus])
        self.assertEqual([outcome[0] for outcome in held], ["HELD"] * 4)
        self.assertEqual(self.multi(("STOCK.AVAIL", *skus)), [[3] * 4])
        self.assertEqual(self.multi(*[("CONFIRM", sku, "order-1") for sku in skus]), [["CONFIRMED", 2]] * 4)

    def test_commands_for_every_shard_within_one(self):
        keys = self.keys("all")
        self.call("SELECT", 7)
        replies = self.multi(*[("SET", key, 1) for key in keys], ("DBSIZE",))
        self.assertEqual(replies[-1], len(keys))

    def test_resp3_answers_null_for_what_did_not_run(self):
        client = self.connect()
        client.call("HELLO", 3)
        for key in self.keys("three", 3):
            client.call("WATCH", key)
            self.call("SET", key, 1)
            self.assertIsNone(self.multi(("PING",), client=client))


class OneShard(Transactions):
    flags = ("--shards", "1", "--appendonly", "no")


class Durable(Transactions):
    flags = ("--shards", "3", "--appendfsync", "always")

    def test_a_key_that_the_transaction_itself_lets_expire_is_replayed_alike(self):
        keys = self.keys("past")
        self.call("SET", keys[1], "old", "PX", 100_000)
        replies = self.multi(("SET", keys[0], "v", "PXAT", 1), ("SET", keys[1], "v", "PXAT", 1), ("MGET", *keys),
                             ("SET", keys[2], "kept"))
        self.assertEqual(replies, ["OK", "OK", [None] * len(keys), "OK"])
        self.server.kill()
        self.server.start()
        self.client = self.connect()
        self.assertEqual(self.call("MGET", *keys[:3]), [None, None, b"kept"])

    def test_copies_beyond_what_the_log_takes_at_once_are_refused_and_the_rest_runs(self):
        self.call("CONFIG", "SET", "proto-max-bulk-len", 1 << 20, "group-bytes-max", 1 << 20)
        keys = self.keys("large", 6)
        self.call("SET", keys[0], "x" * 300_000)
        replies = self.multi(*[("COPY", keys[0], key) for key in keys[1:]], ("SET", self.key("small"), 1), ("GET", self.key("small")))
        self.assertEqual(replies[:2], [1, 1])
        self.assertIn("group-bytes-max", str(replies[4]))
        self.assertEqual(replies[-2:], ["OK", b"1"])
        self.call("CONFIG", "SET", "group-bytes-max", 512 << 20, "proto-max-bulk-len", 64 << 20)


class DurableOneShard(Durable):
    flags = ("--shards", "1", "--appendfsync", "always")


if __name__ == "__main__":
    unittest.main()

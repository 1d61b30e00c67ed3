import time
import unittest

from harness import Status, WireTest, eventually

INT64_MAX = 2**63 - 1
INT64_MIN = -2**63


class KeyTest(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")

    def names(self, count):
        return [self.key(str(i)) for i in range(count)]

    def fill(self, names):
        self.client.pipeline(*[("SET", name, "v") for name in names])


class SeveralKeys(KeyTest):
    def test_exists_and_del_count_over_all_shards(self):
        names = self.names(50)
        self.fill(names)
        self.assertEqual(self.call("EXISTS", *names, *names[:10], self.key("absent")), 60)
        self.assertEqual(self.call("DEL", *names[:20], names[0], self.key("absent")), 20)
        self.assertEqual(self.call("UNLINK", *names), 30)
        self.assertEqual(self.call("EXISTS", *names), 0)

    def test_a_command_over_shards_is_in_order_with_its_neighbours(self):
        names = self.names(10)
        commands = []
        for _ in range(5):
            commands += [("SET", name, "v") for name in names]
            commands += [("EXISTS", *names), ("DEL", *names), ("EXISTS", *names)]
        replies = self.client.pipeline(*commands)
        self.assertEqual([reply for reply in replies if reply != "OK"], [10, 10, 0] * 5)

    def test_a_stock_key_among_others_is_an_error_and_stays(self):
        names = self.names(6)
        self.fill(names)
        self.call("STOCK.CREATE", self.key("sku"), 5)
        self.assertEqual(self.call("TOUCH", *names, self.key("sku"), self.key("absent")), 7)
        for command in ("DEL", "UNLINK"):
            self.assertError("PROTECTED", command, *names[:3], self.key("sku"), *names[3:])
            self.assertError("PROTECTED", command, self.key("sku"))
        self.assertEqual(self.call("EXISTS", self.key("sku"), *names), 7)


class AllOrNothing(KeyTest):
    def test_a_stock_key_among_the_deleted_keeps_every_key(self):
        names = self.names(6)
        self.fill(names)
        self.call("STOCK.CREATE", self.key("sku"), 5)
        self.assertError("PROTECTED", "DEL", *names, self.key("sku"))
        self.assertEqual(self.call("EXISTS", *names), 6)
        self.assertError("PROTECTED", "UNLINK", self.key("sku"), *names)
        self.assertEqual(self.call("EXISTS", *names), 6)


class Moved(KeyTest):
    """Keys that go elsewhere, within a shard ({tag}) and from one to another."""

    def pairs(self):
        yield "{tag}" + self.key("from"), "{tag}" + self.key("to")
        for i in range(8):  # of three shards, some pair is on two
            yield self.key("from%d" % i), self.key("to%d" % i)

    def make(self, kind, key):
        if kind == "string":
            self.call("SET", key, "v" * 100)
        elif kind == "small hash":
            self.call("HSET", key, "f", "v", "", "\r\n")
        else:
            self.call("HSET", key, *[word for i in range(2000) for word in (i, "v" * 20)])

    def value(self, key):
        if self.call("TYPE", key) == "string":
            return self.call("GET", key)
        flat = self.call("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))

    def test_rename_takes_value_and_deadline_along(self):
        for kind in ("string", "small hash", "large hash"):
            for target in (None, "string", "small hash", "large hash"):
                for old, new in self.pairs():
                    self.call("DEL", old, new)
                    self.make(kind, old)
                    self.call("PEXPIREAT", old, 33177117420123)
                    if target:
                        self.make(target, new)
                        self.call(*(("HSET", new, "other", "x") if "hash" in target else ("APPEND", new, "x")))
                    value = self.value(old)
                    self.assertEqual(self.call("RENAME", old, new), "OK")
                    self.assertEqual(self.call("EXISTS", old), 0)
                    self.assertEqual(self.value(new), value)
                    self.assertEqual(self.call("PEXPIRETIME", new), 33177117420123)

    def test_rename_forgets_the_targets_deadline(self):
        for old, new in self.pairs():
            self.call("SET", old, "v")
            self.call("HSET", new, "f", "v")
            self.call("EXPIRE", new, 100)
            self.call("RENAME", old, new)
            self.assertEqual(self.call("TTL", new), -1)

    def test_rename_of_nothing_and_onto_itself(self):
        for old, new in self.pairs():
            self.assertError("ERR no such key", "RENAME", old, new)
            self.assertError("ERR no such key", "RENAMENX", old, old)
            self.call("SET", old, "v")
            self.assertEqual(self.call("RENAME", old, old), "OK")
            self.assertEqual(self.call("RENAMENX", old, old), 0)
            self.assertEqual(self.call("GET", old), b"v")

    def test_renamenx_does_not_take_a_name_that_is_taken(self):
        for old, new in self.pairs():
            self.call("SET", old, "v")
            self.assertEqual(self.call("RENAMENX", old, new), 1)
            self.call("SET", old, "w")
            self.assertEqual(self.call("RENAMENX", old, new), 0)
            self.assertEqual(self.client.pipeline(("GET", old), ("GET", new)), [b"w", b"v"])

    def test_copy_leaves_the_source_and_a_target_that_is_there(self):
        for old, new in self.pairs():
            self.assertEqual(self.call("COPY", old, new), 0)
            self.call("HSET", old, "f", "v")
            self.call("PEXPIREAT", old, 33177117420123)
            self.assertEqual(self.call("COPY", old, new), 1)
            self.call("HSET", old, "g", "w")
            self.assertEqual(self.call("COPY", old, new), 0)
            self.assertEqual(self.value(new), {b"f": b"v"})
            self.assertEqual(self.call("PEXPIRETIME", new), 33177117420123)
            self.assertEqual(self.call("COPY", old, new, "replace"), 1)
            self.assertEqual(self.value(new), {b"f": b"v", b"g": b"w"})
            self.assertEqual(self.value(old), self.value(new))

    def test_copy_and_move_reach_other_databases(self):
        for old, new in self.pairs():
            self.call("SET", old, "v")
            self.assertEqual(self.call("COPY", old, old, "DB", 9), 1)
            self.assertEqual(self.call("COPY", old, new, "DB", 9), 1)
            self.assertEqual(self.call("MOVE", old, 9), 0)
            self.call("EXPIRE", new, 100)
            self.call("SET", new, "w", "EX", 100)
            self.assertEqual(self.call("MOVE", new, 8), 1)
            self.assertEqual(self.call("MOVE", new, 8), 0)
            self.assertEqual(self.call("EXISTS", new, old), 1)
            self.call("SELECT", 8)
            self.assertEqual(self.call("GET", new), b"w")
            self.assertEqual(self.call("TTL", new), 100)
            self.call("SELECT", 9)
            self.assertEqual(self.client.pipeline(("GET", old), ("GET", new)), [b"v", b"v"])
            self.call("SELECT", 0)

    def test_databases_that_are_none_are_refused(self):
        self.call("SET", self.key(), "v")
        for command in (("MOVE", self.key()), ("COPY", self.key(), self.key("to"), "DB")):
            self.assertError("ERR value is not an integer or out of range", *command, "x")
            self.assertError("ERR DB index is out of range", *command, 16)
            self.assertError("ERR DB index is out of range", *command, -1)
            self.assertError("ERR value is out of range, value must between -2147483648 and 2147483647",
                             *command, 2**31)
        self.assertError("ERR source and destination objects are the same", "MOVE", self.key(), 0)
        self.assertError("ERR source and destination objects are the same", "COPY", self.key(), self.key())
        self.assertError("ERR syntax error", "COPY", self.key(), self.key("to"), "DB")

    def test_a_stock_key_stays_where_it_is(self):
        for i in range(6):
            sku, key, absent = self.key("sku%d" % i), self.key("k%d" % i), self.key("absent%d" % i)
            self.call("STOCK.CREATE", sku, 5)
            self.call("SET", key, "v")
            for words in (("RENAME", sku, absent), ("RENAME", key, sku), ("RENAMENX", sku, absent),
                          ("COPY", sku, absent), ("COPY", key, sku, "REPLACE"), ("COPY", sku, absent, "DB", 3),
                          ("MOVE", sku, 3), ("RENAME", sku, key)):
                self.assertError("PROTECTED", *words)
            # What Redis would not do anyway is no error.
            self.assertEqual(self.call("RENAMENX", key, sku), 0)
            self.assertEqual(self.call("COPY", key, sku), 0)
            self.assertEqual(self.call("RENAME", sku, sku), "OK")
            self.assertEqual(self.call("STOCK.AVAIL", sku), [5])
            self.assertEqual(self.call("EXISTS", sku, key, absent), 2)

    def test_what_is_larger_than_a_group_is_refused_and_stays(self):
        self.call("CONFIG", "SET", "proto-max-bulk-len", "1mb", "group-bytes-max", "1mb")
        self.addCleanup(self.call, "CONFIG", "SET", "group-bytes-max", "512mb", "proto-max-bulk-len", "64mb")
        old, new = self.key("from"), self.key("to")
        for field in "ab":
            self.call("HSET", old, field, "v" * 600_000)
        for words in (("RENAME", old, new), ("COPY", old, new), ("MOVE", old, 5)):
            self.assertError("ERR the value is larger than group-bytes-max", *words)
        self.assertEqual(self.call("HLEN", old), 2)
        self.assertEqual(self.call("EXISTS", new), 0)


class Types(KeyTest):
    def test_each_type_has_its_name(self):
        self.call("SET", self.key("s"), "v")
        self.call("HSET", self.key("h"), "f", "v")
        self.call("STOCK.CREATE", self.key("sku"), 5)
        types = [self.call("TYPE", self.key(name)) for name in ("s", "h", "sku", "absent")]
        self.assertEqual(types, [Status("string"), Status("hash"), Status("stock"), Status("none")])


class Deadlines(KeyTest):
    def setUp(self):
        super().setUp()
        self.call("SET", self.key(), "v")

    def test_ttl_tells_no_key_from_no_deadline(self):
        self.assertEqual(self.call("TTL", self.key()), -1)
        self.assertEqual(self.call("PTTL", self.key()), -1)
        self.assertEqual(self.call("TTL", self.key("absent")), -2)
        self.assertEqual(self.call("PTTL", self.key("absent")), -2)

    def test_expire_and_persist(self):
        self.assertEqual(self.call("EXPIRE", self.key(), 100), 1)
        self.assertEqual(self.call("TTL", self.key()), 100)
        self.assertIn(self.call("PTTL", self.key()), range(95_000, 100_001))
        self.assertEqual(self.call("PEXPIRE", self.key(), 50_400), 1)
        self.assertEqual(self.call("TTL", self.key()), 50)
        self.assertEqual(self.call("PERSIST", self.key()), 1)
        self.assertEqual(self.call("PERSIST", self.key()), 0)
        self.assertEqual(self.call("TTL", self.key()), -1)
        self.assertEqual(self.call("EXPIRE", self.key("absent"), 100), 0)
        self.assertEqual(self.call("PERSIST", self.key("absent")), 0)

    def test_ttl_rounds_to_the_nearest_second(self):
        self.call("PEXPIRE", self.key(), 10_900)
        self.assertEqual(self.call("TTL", self.key()), 11)

    def test_nx_and_xx_ask_for_the_present_deadline(self):
        self.assertEqual(self.call("EXPIRE", self.key(), 100, "XX"), 0)
        self.assertEqual(self.call("EXPIRE", self.key(), 100, "NX"), 1)
        self.assertEqual(self.call("EXPIRE", self.key(), 200, "nx"), 0)
        self.assertEqual(self.call("EXPIRE", self.key(), 300, "XX"), 1)
        self.assertEqual(self.call("TTL", self.key()), 300)

    def test_gt_only_prolongs_and_lt_only_shortens(self):
        self.assertEqual(self.call("EXPIRE", self.key(), 100, "GT"), 0)
        self.assertEqual(self.call("EXPIRE", self.key(), 100, "LT"), 1)
        self.assertEqual(self.call("EXPIRE", self.key(), 50, "GT"), 0)
        self.assertEqual(self.call("EXPIRE", self.key(), 200, "GT", "XX"), 1)
        self.assertEqual(self.call("EXPIRE", self.key(), 300, "LT"), 0)
        self.assertEqual(self.call("EXPIRE", self.key(), 150, "LT"), 1)
        self.assertEqual(self.call("TTL", self.key()), 150)

    def test_a_time_that_is_past_deletes_the_key(self):
        for command, number in (("EXPIRE", 0), ("EXPIRE", -1), ("PEXPIRE", -1),
                                ("PEXPIRE", INT64_MIN), ("EXPIRE", INT64_MIN // 1000 + 1)):
            self.call("SET", self.key(), "v")
            self.assertEqual(self.call(command, self.key(), number), 1)
            self.assertEqual(self.call("EXISTS", self.key()), 0)

    def test_times_beyond_int64_are_refused(self):
        for command, numbers in (("EXPIRE", (INT64_MAX, INT64_MAX // 1000, INT64_MIN)),
                                 ("PEXPIRE", (INT64_MAX, INT64_MAX - 1000))):
            for number in numbers:
                self.assertError("ERR invalid expire time in '%s' command" % command.lower(),
                                 command, self.key(), number)
        self.assertEqual(self.call("TTL", self.key()), -1)
        self.assertEqual(self.call("PEXPIRE", self.key(), INT64_MAX // 2), 1)
        self.assertEqual(self.call("GET", self.key()), b"v")

    def test_a_deadline_can_be_set_and_read_as_unix_time(self):
        self.assertEqual(self.call("EXPIRETIME", self.key()), -1)
        self.assertEqual(self.call("PEXPIRETIME", self.key()), -1)
        self.assertEqual(self.call("EXPIRETIME", self.key("absent")), -2)
        self.assertEqual(self.call("PEXPIRETIME", self.key("absent")), -2)
        self.assertEqual(self.call("PEXPIREAT", self.key(), 33177117420499), 1)
        self.assertEqual(self.call("PEXPIRETIME", self.key()), 33177117420499)
        self.assertEqual(self.call("EXPIRETIME", self.key()), 33177117420)
        self.assertEqual(self.call("EXPIREAT", self.key(), 33177117421, "LT"), 0)
        self.assertEqual(self.call("EXPIREAT", self.key(), 33177117421, "GT"), 1)
        self.assertEqual(self.call("PEXPIRETIME", self.key()), 33177117421000)
        for command, past in (("EXPIREAT", 1), ("PEXPIREAT", 0), ("EXPIREAT", -1), ("PEXPIREAT", INT64_MIN)):
            self.call("SET", self.key(), "v")
            self.assertEqual(self.call(command, self.key(), past), 1)
            self.assertEqual(self.call("EXISTS", self.key()), 0)
        self.assertError("ERR invalid expire time in 'expireat' command", "EXPIREAT", self.key(), INT64_MAX)
        self.call("STOCK.CREATE", self.key("sku"), 5)
        self.assertError("PROTECTED", "EXPIREAT", self.key("sku"), 33177117421)
        self.assertError("PROTECTED", "PEXPIREAT", self.key("sku"), 1)

    def test_conditions_that_contradict_are_refused(self):
        self.assertError("ERR NX and XX, GT or LT options at the same time are not compatible",
                         "EXPIRE", self.key(), 1, "NX", "GT")
        self.assertError("ERR GT and LT options at the same time are not compatible",
                         "PEXPIRE", self.key(), 1, "GT", "LT")
        self.assertError("ERR Unsupported option frob", "EXPIRE", self.key(), 1, "frob")
        self.assertError("ERR value is not an integer or out of range", "EXPIRE", self.key(), "1s")

    def test_a_hash_dies_too(self):
        self.call("HSET", self.key("h"), "f", "v")
        self.call("PEXPIRE", self.key("h"), 20)
        eventually(lambda: self.call("HGET", self.key("h"), "f") is None)
        self.assertEqual(self.call("TYPE", self.key("h")), "none")

    def test_a_stock_key_takes_no_deadline(self):
        self.call("STOCK.CREATE", self.key("sku"), 5)
        for words in (("EXPIRE", 100), ("PEXPIRE", -1), ("EXPIRE", 100, "NX"), ("EXPIRE", 9, "LT")):
            self.assertError("PROTECTED", words[0], self.key("sku"), *words[1:])
        self.assertEqual(self.call("EXPIRE", self.key("sku"), 100, "XX"), 0)
        self.assertEqual(self.call("PERSIST", self.key("sku")), 0)
        self.assertEqual(self.call("TTL", self.key("sku")), -1)
        self.assertEqual(self.call("PTTL", self.key("sku")), -1)


class Objects(KeyTest):
    def encoding(self, *words):
        self.call("DEL", self.key())
        self.call(*words)
        return self.call("OBJECT", "ENCODING", self.key())

    def test_encodings_have_the_names_of_redis(self):
        for value in ("0", "-7", str(INT64_MAX), str(INT64_MIN)):
            self.assertEqual(self.encoding("SET", self.key(), value), b"int")
        for value in ("", "01", "+1", "1.0", str(INT64_MAX + 1), "x" * 44):
            self.assertEqual(self.encoding("SET", self.key(), value), b"embstr")
        self.assertEqual(self.encoding("SET", self.key(), "x" * 45), b"raw")
        many = [word for i in range(128) for word in (i, "v" * 64)]
        self.assertEqual(self.encoding("HSET", self.key(), *many), b"listpack")
        self.assertEqual(self.encoding("HSET", self.key(), *many, "one more", "v"), b"hashtable")
        self.assertEqual(self.encoding("HSET", self.key(), "f", "v" * 65), b"hashtable")
        self.call("STOCK.CREATE", self.key("sku"), 5)
        self.assertEqual(self.call("OBJECT", "ENCODING", self.key("sku")), b"stock")

    def test_a_key_that_is_asked_about_stays_idle_until_it_is_used(self):
        self.call("SET", self.key(), "v")
        self.call("STOCK.CREATE", self.key("sku"), 5)
        eventually(lambda: self.call("OBJECT", "IDLETIME", self.key()) >= 2)
        eventually(lambda: self.call("OBJECT", "IDLETIME", self.key("sku")) >= 2)
        for words in (("TTL",), ("PTTL",), ("EXPIRETIME",), ("TYPE",), ("EXISTS",), ("OBJECT", "ENCODING"),
                      ("MEMORY", "USAGE")):
            self.call(*words, self.key())
            self.assertGreaterEqual(self.call("OBJECT", "IDLETIME", self.key()), 2, words)
        for words in (("GET", self.key()), ("SET", self.key(), "w"), ("TOUCH", self.key()),
                      ("STOCK.GET", self.key("sku"))):
            self.call(*words)
            self.assertEqual(self.call("OBJECT", "IDLETIME", words[1]), 0, words)

    def test_counts_of_uses_are_not_kept(self):
        self.call("SET", self.key(), "v")
        self.assertEqual(self.call("OBJECT", "REFCOUNT", self.key()), 1)
        self.assertError("ERR", "OBJECT", "FREQ", self.key())

    def test_an_absent_key_is_null(self):
        for word in ("ENCODING", "IDLETIME", "FREQ", "REFCOUNT"):
            self.assertIsNone(self.call("OBJECT", word, self.key()))
        self.assertIsNone(self.call("MEMORY", "USAGE", self.key()))

    def test_memory_usage_grows_with_the_value(self):
        self.call("SET", self.key("s"), "v" * 1000)
        self.assertIn(self.call("MEMORY", "USAGE", self.key("s")), range(1000, 1400))
        self.call("HSET", self.key("h"), *[word for i in range(1000) for word in (i, "v" * 100)])
        used = self.call("MEMORY", "USAGE", self.key("h"), "SAMPLES", 0)
        self.assertIn(used, range(100_000, 250_000))
        self.call("STOCK.CREATE", self.key("sku"), 5)
        self.assertGreater(self.call("MEMORY", "USAGE", self.key("sku"), "samples", 5), 100)
        for options in (("SAMPLES",), ("SAMPLES", -1), ("FROB", 1)):
            self.assertError("ERR syntax error", "MEMORY", "USAGE", self.key("s"), *options)
        self.assertError("ERR value is not an integer or out of range", "MEMORY", "USAGE", self.key("s"),
                         "SAMPLES", "x")

    def test_help_lists_what_there_is(self):
        for container, words in (("OBJECT", {"ENCODING", "FREQ", "IDLETIME", "REFCOUNT"}), ("MEMORY", {"USAGE"})):
            lines = self.call(container, "HELP")
            self.assertLessEqual(words, {line.split(" ")[0] for line in lines})


class Scan(WireTest):
    """A server of its own for each test: SCAN sees everybody's keys."""

    flags = ("--shards", "3", "--appendonly", "no")

    def setUp(self):
        self.setUpClass()
        super().setUp()

    def tearDown(self):
        super().tearDown()
        self.doClassCleanups()

    def scan(self, *options, between=lambda: None):
        """All keys of a whole walk, and the number of calls."""
        cursor, keys, calls = b"0", [], 0
        while True:
            cursor, page = self.call("SCAN", cursor, *options)
            keys += page
            calls += 1
            if cursor == b"0":
                return keys, calls
            between()

    def fill(self, count, prefix="k"):
        names = [b"%s:%d" % (prefix.encode(), i) for i in range(count)]
        self.client.pipeline(*[("SET", name, "v") for name in names])
        return names

    def test_an_empty_database_takes_a_handful_of_calls(self):
        keys, calls = self.scan()
        self.assertEqual(keys, [])
        self.assertLess(calls, 10)

    def test_every_key_comes_once_whatever_count_says(self):
        names = self.fill(500)
        for count in (1, 7, 1000, INT64_MAX):
            keys, calls = self.scan("COUNT", count)
            self.assertEqual(sorted(keys), sorted(names))
            self.assertLess(calls, 500 // min(count, 500) + 10)
        self.assertEqual(self.call("DBSIZE"), 500)

    def test_many_keys_of_one_slot_come_in_steps(self):
        names = self.fill(3000, "{tag}")
        keys, calls = self.scan("COUNT", 100)
        self.assertEqual(sorted(keys), sorted(names))
        self.assertGreaterEqual(calls, 30)

    def test_keys_that_stay_are_seen_while_others_come_and_go(self):
        staying = self.fill(300, "staying")
        step = iter(range(10**6))

        def between():
            i = next(step)
            self.client.pipeline(*[("SET", "new:%d:%d" % (i, j), "v") for j in range(20)],
                                 ("DEL", "new:%d:3" % (i - 1)))

        keys, _ = self.scan("COUNT", 20, between=between)
        self.assertEqual(sorted(key for key in keys if key.startswith(b"staying")), sorted(staying))

    def test_cursors_fit_a_double(self):
        self.fill(500)
        cursor = b"0"
        while True:
            cursor, _ = self.call("SCAN", cursor, "COUNT", 3)
            self.assertLess(int(cursor), 2**53)
            if cursor == b"0":
                return

    def test_patterns_of_64_kib_are_matched_in_bounded_time(self):
        long = b"a" * 65000
        self.fill(20)
        self.client.pipeline(*[("SET", long + b"%d" % i, "v") for i in range(8)])
        patterns = [(b"a*" * 32767 + b"b", 0), (b"*" + b"a" * 32000 + b"b", 0), (b"*" + b"?" * 65000 + b"*", 8),
                    (b"*[^b]" * 13000 + b"b", 0), (long + b"*", 8), (b"k:1" + b"*" * 65000, 11)]
        for pattern, matches in patterns:
            started = self.server.cpu_seconds()
            cursor, found, longest = b"0", 0, 0
            while True:
                step = self.server.cpu_seconds()
                cursor, page = self.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
                longest = max(longest, self.server.cpu_seconds() - step)
                found += len(page)
                if cursor == b"0":
                    break
            self.assertEqual(found, matches, pattern[:10])
            # No step holds up a shard much longer than one such key takes; a processor may be slow.
            self.assertLess(longest, 2, pattern[:10])
            self.assertLess(self.server.cpu_seconds() - started, 30, pattern[:10])

    def test_match_and_type_choose(self):
        self.fill(30, "a")
        self.fill(30, "b")
        self.call("HSET", "hash", "f", "v")
        self.call("STOCK.CREATE", "sku", 5)
        self.assertEqual(len(self.scan("MATCH", "a:*")[0]), 30)
        self.assertEqual(sorted(self.scan("MATCH", "[ab]:1?", "COUNT", 50)[0]),
                         sorted(b"%s:1%d" % (p, i) for p in (b"a", b"b") for i in range(10)))
        self.assertEqual(self.scan("TYPE", "hash")[0], [b"hash"])
        self.assertEqual(self.scan("TYPE", "STOCK", "COUNT", 5)[0], [b"sku"])
        self.assertEqual(self.scan("TYPE", "zset")[0], [])
        self.assertEqual(len(self.scan("TYPE", "string", "MATCH", "b*")[0]), 30)

    def test_each_database_has_keys_of_its_own(self):
        names = self.fill(20)
        self.call("SELECT", 5)
        self.assertEqual(self.scan()[0], [])
        self.assertEqual(self.call("EXISTS", *names), 0)
        self.call("SET", "there", "v")
        self.assertEqual(self.scan()[0], [b"there"])
        self.assertEqual(self.call("DBSIZE"), 1)
        self.call("SELECT", 0)
        self.assertEqual(self.call("DEL", "there"), 0)
        self.assertEqual(sorted(self.scan()[0]), sorted(names))

    def test_dead_keys_are_not_shown(self):
        self.call("SET", "dead", "v", "PXAT", 1)
        self.call("SET", "alive", "v")
        self.assertEqual(self.scan()[0], [b"alive"])
        eventually(lambda: self.call("DBSIZE") == 1)

    def test_what_is_no_cursor_or_option_is_refused(self):
        for cursor in ("x", "1x", " 1", 2**64, "-1"):
            self.assertError("ERR invalid cursor", "SCAN", cursor)
        for options in (("COUNT",), ("COUNT", 0), ("COUNT", -1), ("COUNT", INT64_MIN), ("FROB", 1), ("MATCH",)):
            self.assertError("ERR syntax error", "SCAN", 0, *options)
        self.assertError("ERR value is not an integer or out of range", "SCAN", 0, "COUNT", "x")
        self.assertError("ERR", "SCAN", 0, "MATCH", "*" * 65537)
        self.fill(10)
        for cursor in (1, 2**50 - 1, 2**63, 2**64 - 1):
            self.assertEqual(len(self.call("SCAN", cursor)), 2)


if __name__ == "__main__":
    unittest.main()

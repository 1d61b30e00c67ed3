import time
import unittest

from harness import ReplyError, Status, WireTest, eventually

INT64_MAX = 2**63 - 1
INT64_MIN = -2**63
NOT_INTEGER = "ERR value is not an integer or out of range"
SYNTAX = "ERR syntax error"


class StringTest(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")


class Set(StringTest):
    def test_a_value_comes_back_byte_by_byte(self):
        for value in (b"", b"v", bytes(range(256)), b"x" * 100_000):
            self.assertEqual(self.call("SET", self.key(), value), Status("OK"))
            self.assertEqual(self.call("GET", self.key()), value)

    def test_keys_of_all_shards_answer_a_pipeline_in_order(self):
        keys = [self.key(str(i)) for i in range(200)]
        self.client.pipeline(*[("SET", key, i) for i, key in enumerate(keys)])
        self.assertEqual(self.client.pipeline(*[("GET", key) for key in keys]),
                         [b"%d" % i for i in range(200)])

    def test_an_absent_key_is_null_in_both_versions(self):
        self.assertIsNone(self.call("GET", self.key()))
        resp3 = self.connect(resp=3)
        resp3.send("GET", self.key())
        self.assertEqual(resp3.read_line(), b"_")

    def test_nx_sets_only_an_absent_key(self):
        self.assertEqual(self.call("SET", self.key(), "a", "NX"), "OK")
        self.assertIsNone(self.call("SET", self.key(), "b", "nx"))
        self.assertEqual(self.call("GET", self.key()), b"a")

    def test_xx_sets_only_a_present_key(self):
        self.assertIsNone(self.call("SET", self.key(), "a", "XX"))
        self.assertIsNone(self.call("GET", self.key()))
        self.call("SET", self.key(), "a")
        self.assertEqual(self.call("SET", self.key(), "b", "XX"), "OK")
        self.assertEqual(self.call("GET", self.key()), b"b")

    def test_get_answers_the_old_value_set_or_not(self):
        self.assertIsNone(self.call("SET", self.key(), "a", "GET"))
        self.assertEqual(self.call("SET", self.key(), "b", "GET"), b"a")
        self.assertEqual(self.call("SET", self.key(), "c", "NX", "GET"), b"b")
        self.assertEqual(self.call("GET", self.key()), b"b")
        self.assertIsNone(self.call("SET", self.key("new"), "v", "NX", "GET"))
        self.assertEqual(self.call("GET", self.key("new")), b"v")
        self.assertIsNone(self.call("SET", self.key("absent"), "v", "XX", "GET"))
        self.assertIsNone(self.call("GET", self.key("absent")))

    def test_set_overwrites_a_hash_but_not_with_get(self):
        self.call("HSET", self.key(), "f", "v")
        self.assertError("WRONGTYPE", "SET", self.key(), "v", "GET")
        self.assertEqual(self.call("TYPE", self.key()), "hash")
        self.assertEqual(self.call("SET", self.key(), "v"), "OK")
        self.assertEqual(self.call("TYPE", self.key()), "string")

    def test_a_plain_set_takes_the_deadline_away_and_keepttl_keeps_it(self):
        self.call("SET", self.key(), "a", "EX", 100)
        self.assertEqual(self.call("SET", self.key(), "longer than before", "KEEPTTL"), "OK")
        self.assertEqual(self.call("TTL", self.key()), 100)
        self.call("SET", self.key(), "b")
        self.assertEqual(self.call("TTL", self.key()), -1)
        self.call("SET", self.key("new"), "a", "KEEPTTL")
        self.assertEqual(self.call("TTL", self.key("new")), -1)

    def test_each_form_of_a_deadline_is_understood(self):
        now = int(time.time())
        for option, number in (("EX", 1000), ("PX", 1_000_000),
                               ("EXAT", now + 1000), ("PXAT", (now + 1000) * 1000)):
            self.call("SET", self.key(option), "v", option, number)
            self.assertIn(self.call("TTL", self.key(option)), range(997, 1001), option)

    def test_a_key_dies_at_its_deadline(self):
        self.call("SET", self.key(), "v", "PX", 30)
        self.assertEqual(self.call("GET", self.key()), b"v")
        eventually(lambda: self.call("GET", self.key()) is None)
        self.assertEqual(self.call("EXISTS", self.key()), 0)
        self.assertEqual(self.call("SET", self.key(), "again", "NX"), "OK")
        self.assertEqual(self.call("TTL", self.key()), -1)

    def test_a_deadline_in_the_past_leaves_nothing(self):
        self.call("SET", self.key(), "v")
        self.assertEqual(self.call("SET", self.key(), "w", "EXAT", 1), "OK")
        self.assertIsNone(self.call("GET", self.key()))

    def test_deadlines_that_make_no_sense_are_refused_and_change_nothing(self):
        self.call("SET", self.key(), "kept")
        invalid = "ERR invalid expire time in 'set' command"
        for option, number in (("EX", 0), ("EX", -1), ("PX", 0), ("EXAT", 0), ("PXAT", -5),
                               ("EX", INT64_MAX), ("EX", INT64_MAX // 1000), ("PX", INT64_MAX),
                               ("EXAT", INT64_MAX // 1000 + 1), ("EX", INT64_MIN)):
            self.assertError(invalid, "SET", self.key(), "v", option, number)
        for number in ("ten", "", "1.5", " 1", "+1", "01", INT64_MAX + 1):
            self.assertError(NOT_INTEGER, "SET", self.key(), "v", "EX", number)
        self.assertEqual(self.call("GET", self.key()), b"kept")
        self.assertEqual(self.call("SET", self.key(), "v", "PXAT", INT64_MAX), "OK")
        self.assertEqual(self.call("SET", self.key(), "v", "EXAT", INT64_MAX // 1000), "OK")

    def test_options_that_exclude_each_other_are_a_syntax_error(self):
        for options in (("NX", "XX"), ("XX", "NX"), ("EX", 1, "PX", 1), ("EX", 1, "KEEPTTL"),
                        ("KEEPTTL", "PXAT", 1), ("EX",), ("PX", 1, "EXAT", 1), ("PERSIST",),
                        ("FROB",), ("",), ("NX", "GET", "XX")):
            self.assertError(SYNTAX, "SET", self.key(), "v", *options)
        self.assertIsNone(self.call("GET", self.key()))
        self.assertError("ERR wrong number of arguments for 'set' command", "SET", self.key())


class GetAndChange(StringTest):
    def test_getex_answers_and_moves_the_deadline(self):
        self.call("SET", self.key(), "v")
        self.assertEqual(self.call("GETEX", self.key()), b"v")
        self.assertEqual(self.call("TTL", self.key()), -1)
        self.assertEqual(self.call("GETEX", self.key(), "EX", 100), b"v")
        self.assertEqual(self.call("TTL", self.key()), 100)
        self.assertEqual(self.call("GETEX", self.key()), b"v")
        self.assertEqual(self.call("TTL", self.key()), 100)
        self.assertEqual(self.call("GETEX", self.key(), "PERSIST"), b"v")
        self.assertEqual(self.call("TTL", self.key()), -1)

    def test_getex_with_a_deadline_in_the_past_deletes(self):
        self.call("SET", self.key(), "v")
        self.assertEqual(self.call("GETEX", self.key(), "PXAT", 1), b"v")
        self.assertEqual(self.call("EXISTS", self.key()), 0)

    def test_getex_refuses_what_set_refuses(self):
        self.call("SET", self.key(), "v")
        self.assertError("ERR invalid expire time in 'getex' command", "GETEX", self.key(), "EX", 0)
        for options in (("EX",), ("PERSIST", "EX", 1), ("EX", 1, "PERSIST"), ("KEEPTTL",), ("NX",)):
            self.assertError(SYNTAX, "GETEX", self.key(), *options)
        self.assertIsNone(self.call("GETEX", self.key("absent"), "EX", 0))

    def test_getdel_answers_and_deletes(self):
        self.call("SET", self.key(), "v")
        self.assertEqual(self.call("GETDEL", self.key()), b"v")
        self.assertIsNone(self.call("GETDEL", self.key()))
        self.call("HSET", self.key(), "f", "v")
        self.assertError("WRONGTYPE", "GETDEL", self.key())
        self.assertEqual(self.call("EXISTS", self.key()), 1)


    def test_getset_answers_the_old_value_and_takes_the_deadline_away(self):
        self.assertIsNone(self.call("GETSET", self.key(), "a"))
        self.call("EXPIRE", self.key(), 100)
        self.assertEqual(self.call("GETSET", self.key(), "b"), b"a")
        self.assertEqual(self.call("TTL", self.key()), -1)
        self.call("HSET", self.key("h"), "f", "v")
        self.assertError("WRONGTYPE", "GETSET", self.key("h"), "v")

    def test_setnx_sets_only_an_absent_key(self):
        self.assertEqual(self.call("SETNX", self.key(), "a"), 1)
        self.assertEqual(self.call("SETNX", self.key(), "b"), 0)
        self.assertEqual(self.call("GET", self.key()), b"a")
        self.call("HSET", self.key("h"), "f", "v")
        self.assertEqual(self.call("SETNX", self.key("h"), "v"), 0)

    def test_setex_and_psetex_give_a_deadline(self):
        self.assertEqual(self.call("SETEX", self.key(), 100, "v"), Status("OK"))
        self.assertEqual(self.call("TTL", self.key()), 100)
        self.assertEqual(self.call("PSETEX", self.key(), 200_000, "w"), Status("OK"))
        self.assertEqual(self.call("TTL", self.key()), 200)
        self.assertEqual(self.call("GET", self.key()), b"w")
        for number in (0, -1, INT64_MIN):
            self.assertError("ERR invalid expire time in 'setex' command", "SETEX", self.key(), number, "x")
            self.assertError("ERR invalid expire time in 'psetex' command", "PSETEX", self.key(), number, "x")
        self.assertError(NOT_INTEGER, "SETEX", self.key(), "soon", "x")
        self.assertEqual(self.call("GET", self.key()), b"w")


class Parts(StringTest):
    def test_append_writes_behind_the_end_and_keeps_the_deadline(self):
        self.assertEqual(self.call("APPEND", self.key(), "ab"), 2)
        self.call("EXPIRE", self.key(), 100)
        self.assertEqual(self.call("APPEND", self.key(), "c" * 1000), 1002)
        self.assertEqual(self.call("APPEND", self.key(), ""), 1002)
        self.assertEqual(self.call("GET", self.key()), b"ab" + b"c" * 1000)
        self.assertEqual(self.call("TTL", self.key()), 100)
        self.assertEqual(self.call("STRLEN", self.key()), 1002)

    def test_append_of_nothing_makes_an_empty_string_but_setrange_does_not(self):
        self.assertEqual(self.call("APPEND", self.key("a"), ""), 0)
        self.assertEqual(self.call("EXISTS", self.key("a")), 1)
        self.assertEqual(self.call("SETRANGE", self.key("s"), 5, ""), 0)
        self.assertEqual(self.call("EXISTS", self.key("s")), 0)

    def test_setrange_fills_the_gap_with_zeros(self):
        self.assertEqual(self.call("SETRANGE", self.key(), 3, "abc"), 6)
        self.assertEqual(self.call("SETRANGE", self.key(), 1, "x"), 6)
        self.assertEqual(self.call("GET", self.key()), b"\x00x\x00abc")
        self.assertError("ERR offset is out of range", "SETRANGE", self.key(), -1, "x")
        self.assertError(NOT_INTEGER, "SETRANGE", self.key(), "x", "x")

    def test_getrange_counts_negative_ends_from_the_end(self):
        self.call("SET", self.key(), "This is a string")
        for name in ("GETRANGE", "SUBSTR"):
            for start, end, part in ((0, 3, b"This"), (-3, -1, b"ing"), (0, -1, b"This is a string"), (10, 100, b"string"),
                                     (5, 3, b""), (-100, -50, b"T"), (-50, -100, b""), (16, 20, b""), (0, INT64_MIN, b"T")):
                self.assertEqual(self.call(name, self.key(), start, end), part, (name, start, end))
            self.assertEqual(self.call(name, self.key("absent"), 0, -1), b"")
            self.assertError(NOT_INTEGER, name, self.key("absent"), 0, "x")

    def test_no_string_becomes_longer_than_the_longest_word(self):
        too_long = "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
        longest = 64 * 2**20
        self.assertError(too_long, "SETRANGE", self.key(), longest, "x")
        self.assertError(too_long, "SETRANGE", self.key(), longest - 1, "xy")
        self.assertError(too_long, "SETRANGE", self.key(), INT64_MAX, "x")
        self.assertEqual(self.call("EXISTS", self.key()), 0)
        self.assertEqual(self.call("SETRANGE", self.key(), longest - 1, "x"), longest)
        self.assertError(too_long, "APPEND", self.key(), "x")
        self.assertEqual(self.call("APPEND", self.key(), ""), longest)
        self.assertEqual(self.call("GETRANGE", self.key(), -2, -1), b"\x00x")
        self.call("DEL", self.key())

    def test_other_types_are_refused(self):
        self.call("HSET", self.key(), "f", "v")
        for words in (("APPEND", "v"), ("STRLEN",), ("GETRANGE", 0, 1), ("SETRANGE", 0, ""), ("INCRBYFLOAT", 1)):
            self.assertError("WRONGTYPE", words[0], self.key(), *words[1:])


class Counters(StringTest):
    def test_they_count_from_zero_both_ways(self):
        self.assertEqual(self.call("INCR", self.key()), 1)
        self.assertEqual(self.call("INCRBY", self.key(), 41), 42)
        self.assertEqual(self.call("DECRBY", self.key(), 50), -8)
        self.assertEqual(self.call("DECR", self.key()), -9)
        self.assertEqual(self.call("GET", self.key()), b"-9")

    def test_they_stop_at_the_edges_of_int64(self):
        overflow = "ERR increment or decrement would overflow"
        self.call("SET", self.key(), INT64_MAX - 1)
        self.assertEqual(self.call("INCR", self.key()), INT64_MAX)
        self.assertError(overflow, "INCR", self.key())
        self.assertEqual(self.call("DECRBY", self.key(), INT64_MAX), 0)
        self.assertError("ERR decrement would overflow", "DECRBY", self.key(), INT64_MIN)
        self.assertEqual(self.call("INCRBY", self.key(), INT64_MIN), INT64_MIN)
        self.assertError(overflow, "DECR", self.key())
        self.assertEqual(self.call("GET", self.key()), b"%d" % INT64_MIN)

    def test_what_is_no_integer_is_refused_and_kept(self):
        for value in ("", "a", "1.0", " 1", "1 ", "+1", "-0", "01", str(INT64_MAX + 1)):
            self.call("SET", self.key(), value)
            self.assertError(NOT_INTEGER, "INCR", self.key())
            self.assertEqual(self.call("GET", self.key()), value.encode())
            self.assertError(NOT_INTEGER, "INCRBY", self.key("other"), value)
            self.assertError(NOT_INTEGER, "DECRBY", self.key("other"), value)
        self.assertEqual(self.call("EXISTS", self.key("other")), 0)

    def test_fractions_are_added_as_people_write_them(self):
        self.assertEqual(self.call("INCRBYFLOAT", self.key(), "0.1"), b"0.1")
        self.assertEqual(self.call("INCRBYFLOAT", self.key(), "0.2"), b"0.3")
        self.assertEqual(self.call("INCRBYFLOAT", self.key(), "-0.3"), b"0")
        self.assertEqual(self.call("INCRBYFLOAT", self.key(), "-5.0e3"), b"-5000")
        self.assertEqual(self.call("INCRBYFLOAT", self.key(), "5000"), b"0")
        self.assertEqual(self.call("INCR", self.key()), 1)

    def test_what_is_no_float_is_refused_and_kept(self):
        for value in ("", "a", " 1", "1 ", "nan", "1e5000", "1,5"):
            self.call("SET", self.key(), value)
            self.assertError("ERR value is not a valid float", "INCRBYFLOAT", self.key(), 1)
            self.assertError("ERR value is not a valid float", "INCRBYFLOAT", self.key("other"), value)
            self.assertEqual(self.call("GET", self.key()), value.encode())
        for delta in ("inf", "-inf"):
            self.assertError("ERR increment would produce NaN or Infinity", "INCRBYFLOAT", self.key("other"), delta)
        self.assertEqual(self.call("EXISTS", self.key("other")), 0)

    def test_the_deadline_stays(self):
        self.call("SET", self.key(), 9, "EX", 100)
        self.assertEqual(self.call("INCR", self.key()), 10)
        self.assertEqual(self.call("INCRBYFLOAT", self.key(), "1.5"), b"11.5")
        self.assertEqual(self.call("TTL", self.key()), 100)

    def test_many_clients_at_once_lose_no_step(self):
        clients = [self.connect() for _ in range(20)]
        for client in clients:
            client.raw(b"".join(client.pack("INCR", self.key()) for _ in range(100)))
        replies = [client.read() for client in clients for _ in range(100)]
        self.assertEqual(sorted(replies), list(range(1, 2001)))


class Several(StringTest):
    """Keys of all shards, and of one."""

    def keys(self, count=20):
        return [self.key(str(i)) for i in range(count)]

    def one_slot(self, count=20):
        return ["{%s}%d" % (self.key(), i) for i in range(count)]

    def test_mset_sets_all_and_mget_answers_in_order(self):
        for keys in (self.keys(), self.one_slot()):
            self.call("SET", keys[0], "old", "EX", 100)
            self.call("HSET", keys[1], "f", "v")
            self.assertEqual(self.call("MSET", *[word for i, key in enumerate(keys) for word in (key, i)]), Status("OK"))
            self.assertEqual(self.call("MGET", *keys), [b"%d" % i for i in range(20)])
            self.assertEqual(self.call("TTL", keys[0]), -1)

    def test_mget_of_what_is_no_string_is_null(self):
        for keys in (self.keys(4), self.one_slot(4)):
            self.call("SET", keys[0], "v")
            self.call("HSET", keys[1], "f", "v")
            self.call("STOCK.CREATE", keys[2], 5)
            self.assertEqual(self.call("MGET", *keys, keys[0]), [b"v", None, None, None, b"v"])

    def test_the_last_value_of_a_key_given_twice_stays(self):
        a, b = self.keys(2)
        self.call("MSET", a, 1, b, 2, a, 3)
        self.assertEqual(self.call("MGET", a, b), [b"3", b"2"])
        self.assertEqual(self.call("MSETNX", a + "new", 1, a + "new", 2), 1)
        self.assertEqual(self.call("GET", a + "new"), b"2")

    def test_msetnx_sets_all_or_none(self):
        for keys in (self.keys(), self.one_slot()):
            pairs = [word for key in keys for word in (key, "v")]
            self.call("HSET", keys[7], "f", "v")
            self.assertEqual(self.call("MSETNX", *pairs), 0)
            self.assertEqual(self.call("EXISTS", *keys), 1)
            self.call("DEL", keys[7])
            self.assertEqual(self.call("MSETNX", *pairs), 1)
            self.assertEqual(self.call("EXISTS", *keys), 20)

    def test_a_value_is_missing(self):
        for name in ("MSET", "MSETNX"):
            self.assertError("ERR wrong number of arguments for '%s' command" % name.lower(), name, *self.keys(2), "v")
        self.assertEqual(self.call("EXISTS", *self.keys(2)), 0)

    def test_a_stock_key_among_them_protects_all(self):
        for keys in (self.keys(3), self.one_slot(3)):
            self.call("STOCK.CREATE", keys[2], 5)
            self.assertError("PROTECTED", "MSET", keys[0], "v", keys[1], "v", keys[2], "v")
            self.assertEqual(self.call("MSETNX", keys[0], "v", keys[2], "v"), 0)
            self.assertEqual(self.call("EXISTS", *keys), 1)

    def test_nobody_sees_half_of_an_mset(self):
        keys = self.keys(6)
        self.call("MSET", *[word for key in keys for word in (key, 0)])
        writer, reader = self.connect(), self.connect()
        for value in range(1, 100):
            writer.send("MSET", *[word for key in keys for word in (key, value)])
            seen = set(reader.call("MGET", *keys))
            self.assertEqual(len(seen), 1, seen)
            writer.read()


class Lcs(StringTest):
    def setUp(self):
        super().setUp()
        self.a, self.b = self.key("a"), self.key("b")
        self.call("MSET", self.a, "ohmytext", self.b, "mynewtext")

    def lcs(self, *options):
        return self.call("LCS", self.a, self.b, *options)

    def test_it_answers_the_bytes_or_how_many(self):
        self.assertEqual(self.lcs(), b"mytext")
        self.assertEqual(self.lcs("LEN"), 6)
        self.assertEqual(self.call("LCS", self.a, self.key("absent")), b"")
        self.assertEqual(self.call("LCS", self.key("absent"), self.b, "LEN"), 0)

    def test_idx_answers_where_they_lie(self):
        self.assertEqual(self.lcs("IDX"), [b"matches", [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], b"len", 6])
        self.assertEqual(self.lcs("IDX", "MINMATCHLEN", 4, "WITHMATCHLEN"), [b"matches", [[[4, 7], [5, 8], 4]], b"len", 6])
        self.assertEqual(self.lcs("idx", "minmatchlen", -1), self.lcs("IDX"))
        self.assertEqual(self.connect(resp=3).call("LCS", self.a, self.b, "IDX", "MINMATCHLEN", 5), {b"matches": [], b"len": 6})

    def test_what_makes_no_sense_is_refused(self):
        self.assertError("ERR If you want both the length and indexes, please just use IDX.", "LCS", self.a, self.b, "LEN", "IDX")
        self.assertError(NOT_INTEGER, "LCS", self.a, self.b, "MINMATCHLEN", "x")
        for options in (("MINMATCHLEN",), ("FROB",)):
            self.assertError(SYNTAX, "LCS", self.a, self.b, *options)
        self.call("HSET", self.key("h"), "f", "v")
        self.assertError("ERR The specified keys must contain string values", "LCS", self.a, self.key("h"), "FROB")

    def test_strings_too_long_for_redis_are_too_long(self):
        self.call("MSET", self.a, "x" * 4095, self.b, "y" * 4095)
        self.assertEqual(self.lcs(), b"")
        self.call("APPEND", self.b, "y")
        self.assertError("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len", "LCS", self.a, self.b)


class OfStock(StringTest):
    """A stock key is no string, and nothing but STOCK.DROP removes it."""

    def setUp(self):
        super().setUp()
        self.call("STOCK.CREATE", self.key(), 5)

    def test_it_is_protected_from_whatever_would_overwrite_expire_or_remove_it(self):
        for words in (("SET", "v"), ("SET", "v", "XX"), ("SET", "v", "GET"), ("GETDEL",),
                      ("GETEX", "EX", 1), ("GETEX", "PERSIST"), ("GETSET", "v"), ("SETEX", 10, "v"),
                      ("PSETEX", 10, "v")):
            self.assertError("PROTECTED", words[0], self.key(), *words[1:])
        self.assertEqual(self.call("TYPE", self.key()), "stock")

    def test_redis_own_refusals_stay(self):
        self.assertIsNone(self.call("SET", self.key(), "v", "NX"))
        self.assertEqual(self.call("SETNX", self.key(), "v"), 0)
        for words in (("GET",), ("GETEX",), ("INCR",), ("DECRBY", 1), ("SET", "v", "NX", "GET"), ("APPEND", "v"),
                      ("STRLEN",), ("GETRANGE", 0, -1), ("SETRANGE", 0, "v"), ("INCRBYFLOAT", 1)):
            self.assertError("WRONGTYPE", words[0], self.key(), *words[1:])
        self.assertError("ERR The specified keys must contain string values", "LCS", self.key(), self.key())
        self.assertEqual(self.call("TYPE", self.key()), "stock")


class Hits(StringTest):
    def test_reads_count_as_hits_and_misses_and_writes_do_not(self):
        def counted(*words):
            before = self.info("stats")
            try:
                self.call(*words)
            except ReplyError:
                pass
            after = self.info("stats")
            return tuple(int(after[name]) - int(before[name])
                         for name in ("keyspace_hits", "keyspace_misses"))

        self.call("SET", self.key(), "v")
        self.call("HSET", self.key("h"), "f", "v")
        for words in (("GET",), ("GETEX",), ("EXISTS",), ("TYPE",), ("TTL",), ("PTTL",),
                      ("SET", "w", "GET"), ("STRLEN",), ("GETRANGE", 0, -1), ("GETSET", "w")):
            self.assertEqual(counted(words[0], self.key(), *words[1:]), (1, 0), words)
            self.assertEqual(counted(words[0], self.key("absent:" + words[0]), *words[1:]), (0, 1),
                             words)
        self.assertEqual(counted("GET", self.key("h")), (1, 0))
        self.assertEqual(counted("HGET", self.key("h"), "f"), (1, 0))
        self.assertEqual(counted("HGETALL", self.key("none")), (0, 1))
        for name in ("EXISTS", "MGET"):
            self.assertEqual(counted(name, self.key(), self.key(), self.key("none")), (2, 1))
        self.assertEqual(counted("LCS", self.key(), self.key("none")), (1, 1))
        self.assertEqual(counted("MSETNX", self.key(), "v", self.key("none"), "v"), (0, 0))
        for words in (("SET", "v"), ("SET", "v", "NX"), ("INCR",), ("EXPIRE", 10), ("PERSIST",),
                      ("DEL",), ("SETEX", 10, "v"), ("SETNX", "v"), ("APPEND", "v"), ("SETRANGE", 0, "v"), ("DEL",),
                      ("INCRBYFLOAT", 1), ("DEL",), ("HSET", "f", "v"), ("HDEL", "f")):
            self.assertEqual(counted(words[0], self.key(), *words[1:]), (0, 0), words)
        self.assertEqual(counted("GETDEL", self.key("h")), (1, 0))


if __name__ == "__main__":
    unittest.main()

import unittest

from harness import WireTest


class Hashes(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")

    def all_of(self, key):
        flat = self.call("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))

    def test_hset_answers_how_many_fields_are_new(self):
        self.assertEqual(self.call("HSET", self.key(), "a", 1, "b", 2), 2)
        self.assertEqual(self.call("HSET", self.key(), "b", 3, "c", 4, "c", 5), 1)
        self.assertEqual(self.all_of(self.key()), {b"a": b"1", b"b": b"3", b"c": b"5"})

    def test_bytes_and_empty_words_come_back(self):
        every = bytes(range(256))
        self.call("HSET", self.key(), every, "", "", every)
        self.assertEqual(self.call("HGET", self.key(), every), b"")
        self.assertEqual(self.call("HGET", self.key(), ""), every)

    def test_hget_of_what_is_not_there_is_null(self):
        self.call("HSET", self.key(), "a", 1)
        self.assertIsNone(self.call("HGET", self.key(), "b"))
        self.assertIsNone(self.call("HGET", self.key("absent"), "a"))

    def test_hgetall_is_a_map_in_resp3_and_flat_in_resp2(self):
        self.call("HSET", self.key(), "a", 1, "b", 2)
        self.assertEqual(self.call("HGETALL", self.key()), [b"a", b"1", b"b", b"2"])
        self.assertEqual(self.call("HGETALL", self.key("absent")), [])
        resp3 = self.connect(resp=3)
        self.assertEqual(resp3.call("HGETALL", self.key()), {b"a": b"1", b"b": b"2"})
        self.assertEqual(resp3.call("HGETALL", self.key("absent")), {})

    def test_hdel_answers_how_many_there_were_and_the_last_takes_the_key(self):
        self.call("HSET", self.key(), "a", 1, "b", 2, "c", 3)
        self.assertEqual(self.call("HDEL", self.key(), "a", "a", "x"), 1)
        self.assertEqual(self.call("HDEL", self.key(), "x"), 0)
        self.assertEqual(self.call("EXISTS", self.key()), 1)
        self.assertEqual(self.call("HDEL", self.key(), "b", "c"), 2)
        self.assertEqual(self.call("EXISTS", self.key()), 0)
        self.assertEqual(self.call("HDEL", self.key(), "b"), 0)

    def test_a_large_hash_keeps_every_field(self):
        fields = {b"field-%d" % i: b"value-%d" % i for i in range(3000)}
        words = [word for pair in fields.items() for word in pair]
        self.assertEqual(self.call("HSET", self.key(), *words), 3000)
        self.assertEqual(self.all_of(self.key()), fields)
        gone = [field for i, field in enumerate(fields) if i % 2]
        self.assertEqual(self.call("HDEL", self.key(), *gone), 1500)
        for field in gone:
            del fields[field]
        self.assertEqual(self.all_of(self.key()), fields)
        long = b"x" * 100_000
        self.call("HSET", self.key("long"), long, long)
        self.assertEqual(self.call("HGET", self.key("long"), long), long)

    def test_a_change_keeps_the_deadline(self):
        self.call("HSET", self.key(), "a", 1)
        self.call("EXPIRE", self.key(), 100)
        self.call("HSET", self.key(), "b", 2)
        self.call("HDEL", self.key(), "a")
        self.assertEqual(self.call("TTL", self.key()), 100)

    def test_the_parts_of_a_hash(self):
        self.call("HSET", self.key(), "a", 1, "b", "", "c", "xyz")
        self.assertEqual(self.call("HLEN", self.key()), 3)
        self.assertEqual(sorted(self.call("HKEYS", self.key())), [b"a", b"b", b"c"])
        self.assertEqual(sorted(self.call("HVALS", self.key())), [b"", b"1", b"xyz"])
        self.assertEqual(self.call("HMGET", self.key(), "c", "x", "a", "a"), [b"xyz", None, b"1", b"1"])
        self.assertEqual([self.call("HEXISTS", self.key(), field) for field in "abx"], [1, 1, 0])
        self.assertEqual([self.call("HSTRLEN", self.key(), field) for field in "cbx"], [3, 0, 0])

    def test_the_parts_of_no_hash(self):
        self.assertEqual(self.call("HLEN", self.key()), 0)
        self.assertEqual(self.call("HKEYS", self.key()), [])
        self.assertEqual(self.call("HVALS", self.key()), [])
        self.assertEqual(self.call("HMGET", self.key(), "a", "b"), [None, None])
        self.assertEqual(self.call("HEXISTS", self.key(), "a"), 0)
        self.assertEqual(self.call("HSTRLEN", self.key(), "a"), 0)

    def test_hmset_answers_ok(self):
        self.assertEqual(self.call("HMSET", self.key(), "a", 1, "b", 2), "OK")
        self.assertEqual(self.all_of(self.key()), {b"a": b"1", b"b": b"2"})
        self.assertError("ERR wrong number of arguments for 'hmset' command", "HMSET", self.key(), "a", 1, "b")

    def test_hsetnx_sets_only_what_is_not_there(self):
        self.assertEqual(self.call("HSETNX", self.key(), "a", 1), 1)
        self.assertEqual(self.call("HSETNX", self.key(), "a", 2), 0)
        self.assertEqual(self.call("HSETNX", self.key(), "b", 3), 1)
        self.assertEqual(self.all_of(self.key()), {b"a": b"1", b"b": b"3"})

    def test_hincrby_counts_within_int64(self):
        self.assertEqual(self.call("HINCRBY", self.key(), "n", 5), 5)
        self.assertEqual(self.call("HINCRBY", self.key(), "n", -7), -2)
        self.call("HSET", self.key(), "n", 2**63 - 2, "word", "x")
        self.assertEqual(self.call("HINCRBY", self.key(), "n", 1), 2**63 - 1)
        self.assertError("ERR increment or decrement would overflow", "HINCRBY", self.key(), "n", 1)
        self.assertError("ERR hash value is not an integer", "HINCRBY", self.key(), "word", 1)
        self.assertError("ERR value is not an integer or out of range", "HINCRBY", self.key(), "n", "1.5")
        self.assertEqual(self.call("HGET", self.key(), "n"), b"%d" % (2**63 - 1))

    def test_hincrbyfloat_adds_fractions_exactly_enough(self):
        self.assertEqual(self.call("HINCRBYFLOAT", self.key(), "n", "0.1"), b"0.1")
        self.assertEqual(self.call("HINCRBYFLOAT", self.key(), "n", "0.2"), b"0.3")
        self.assertEqual(self.call("HINCRBYFLOAT", self.key(), "n", "-5e0"), b"-4.7")
        self.assertEqual(self.call("HGET", self.key(), "n"), b"-4.7")
        self.call("HSET", self.key(), "word", "x")
        self.assertError("ERR hash value is not a float", "HINCRBYFLOAT", self.key(), "word", 1)
        self.assertError("ERR value is not a valid float", "HINCRBYFLOAT", self.key(), "n", "x")
        self.assertError("ERR value is NaN or Infinity", "HINCRBYFLOAT", self.key(), "n", "inf")
        self.assertEqual(self.call("HGET", self.key(), "n"), b"-4.7")

    def test_a_string_is_no_hash_and_a_hash_no_string(self):
        self.call("SET", self.key("s"), "v")
        for words in (("HSET", "f", "v"), ("HGET", "f"), ("HGETALL",), ("HDEL", "f"), ("HMSET", "f", "v"),
                      ("HSETNX", "f", "v"), ("HINCRBY", "f", 1), ("HINCRBYFLOAT", "f", 1), ("HMGET", "f"), ("HLEN",), ("HEXISTS", "f"),
                      ("HKEYS",), ("HVALS",), ("HSTRLEN", "f"), ("HSCAN", 0), ("HRANDFIELD",),
                      ("HRANDFIELD", 2)):
            self.assertError("WRONGTYPE", words[0], self.key("s"), *words[1:])
        self.call("HSET", self.key("h"), "f", "v")
        for words in (("GET",), ("INCR",), ("GETEX",)):
            self.assertError("WRONGTYPE", words[0], self.key("h"), *words[1:])

    def test_stock_is_no_hash(self):
        self.call("STOCK.CREATE", self.key(), 5)
        for words in (("HSET", "f", "v"), ("HGET", "f"), ("HGETALL",), ("HDEL", "f")):
            self.assertError("WRONGTYPE", words[0], self.key(), *words[1:])

    def test_a_field_without_a_value_changes_nothing(self):
        wrong = "ERR wrong number of arguments for 'hset' command"
        self.assertError(wrong, "HSET", self.key(), "a")
        self.assertError(wrong, "HSET", self.key(), "a", 1, "b")
        self.assertEqual(self.call("EXISTS", self.key()), 0)


class Chosen(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")

    def setUp(self):
        super().setUp()
        self.small = {b"f%d" % i: b"v%d" % i for i in range(10)}
        self.large = {b"f%d" % i: b"v%d" % i for i in range(2000)}
        for name, fields in (("small", self.small), ("large", self.large)):
            self.call("HSET", self.key(name), *[word for pair in fields.items() for word in pair])

    def test_one_field_is_any_of_them(self):
        seen = {self.call("HRANDFIELD", self.key("small")) for _ in range(300)}
        self.assertEqual(seen, set(self.small))
        self.assertIn(self.call("HRANDFIELD", self.key("large")), self.large)
        self.assertIsNone(self.call("HRANDFIELD", self.key("absent")))

    def test_a_count_gives_so_many_different_fields(self):
        for name, fields in (("small", self.small), ("large", self.large)):
            for count in (0, 1, 7, 15, 700, 1999, 3000, 2**62):
                chosen = self.call("HRANDFIELD", self.key(name), count)
                self.assertEqual(len(chosen), min(count, len(fields)))
                self.assertEqual(len(set(chosen)), len(chosen))
                self.assertLessEqual(set(chosen), set(fields))
        self.assertEqual(self.call("HRANDFIELD", self.key("absent"), 5), [])
        often = [field for _ in range(200) for field in self.call("HRANDFIELD", self.key("small"), 5)]
        self.assertLess(max(map(often.count, self.small)), 2 * min(map(often.count, self.small)))

    def test_a_negative_count_gives_exactly_so_many(self):
        for name, fields in (("small", self.small), ("large", self.large)):
            chosen = self.call("HRANDFIELD", self.key(name), -5000)
            self.assertEqual(len(chosen), 5000)
            self.assertLessEqual(set(chosen), set(fields))
            self.assertGreater(len(set(chosen)), len(fields) // 2)
        self.assertEqual(self.call("HRANDFIELD", self.key("absent"), -5), [])

    def test_values_come_beside_the_fields_and_in_pairs_in_resp3(self):
        for count in (5, -5, 100):
            flat = self.call("HRANDFIELD", self.key("small"), count, "withvalues")
            self.assertEqual(len(flat), 2 * min(abs(count), 10))
            for field, value in zip(flat[::2], flat[1::2]):
                self.assertEqual(self.small[field], value)
            pairs = self.connect(resp=3).call("HRANDFIELD", self.key("small"), count, "WITHVALUES")
            self.assertEqual(len(pairs), min(abs(count), 10))
            for field, value in pairs:
                self.assertEqual(self.small[field], value)

    def test_counts_out_of_range_are_refused(self):
        self.assertError("ERR value is not an integer or out of range", "HRANDFIELD", self.key("small"), 2**63)
        self.assertError("ERR value is out of range, value must between -9223372036854775807 and "
                         "9223372036854775807", "HRANDFIELD", self.key("small"), -2**63)
        self.assertError("ERR value is out of range", "HRANDFIELD", self.key("small"), 2**62, "WITHVALUES")
        self.assertError("ERR syntax error", "HRANDFIELD", self.key("small"), 1, "FROB")
        self.assertError("ERR syntax error", "HRANDFIELD", self.key("small"), 1, "WITHVALUES", "x")

    def test_an_answer_is_bounded(self):
        for count in (-1_000_001, -2**62, -2**63 + 1):
            self.assertError("ERR", "HRANDFIELD", self.key("small"), count)
        self.call("HSET", self.key("heavy"), "f" * 100_000, "v")
        self.assertError("ERR", "HRANDFIELD", self.key("heavy"), -1000)
        self.assertEqual(len(self.call("HRANDFIELD", self.key("heavy"), -500)), 500)


class Scan(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")

    def fill(self, count, prefix="f"):
        fields = {b"%s%d" % (prefix.encode(), i): b"v%d" % i for i in range(count)}
        self.call("HSET", self.key(), *[word for pair in fields.items() for word in pair])
        return fields

    def scan(self, *options, between=lambda: None):
        """All pairs of a whole walk, and the number of calls."""
        cursor, words, calls = b"0", [], 0
        while True:
            cursor, page = self.call("HSCAN", self.key(), cursor, *options)
            words += page
            calls += 1
            self.assertLess(int(cursor), 2**53)
            if cursor == b"0":
                return list(zip(words[::2], words[1::2])), calls
            between()

    def test_a_small_hash_comes_at_once_as_in_redis(self):
        fields = self.fill(128)
        pairs, calls = self.scan("COUNT", 1)
        self.assertEqual(sorted(pairs), sorted(fields.items()))
        self.assertEqual(calls, 1)
        self.assertEqual(len(self.call("HSCAN", self.key(), 12345)[1]), 256)

    def test_every_field_comes_once_whatever_count_says(self):
        fields = self.fill(3000)
        for count in (1, 100, 2**63 - 1):
            pairs, calls = self.scan("COUNT", count)
            self.assertEqual(sorted(pairs), sorted(fields.items()))
            self.assertGreaterEqual(calls, 3000 // min(count, 3000))

    def test_fields_that_stay_are_seen_while_others_come_and_go(self):
        staying = self.fill(1000, "staying")
        step = iter(range(10**6))

        def between():
            i = next(step)
            self.call("HSET", self.key(), *[word for j in range(300) for word in ("new:%d:%d" % (i, j), "v")])
            self.call("HDEL", self.key(), *["new:%d:%d" % (i - 1, j) for j in range(300)])

        pairs, _ = self.scan("COUNT", 50, between=between)
        self.assertEqual(sorted(pair for pair in pairs if pair[0].startswith(b"staying")), sorted(staying.items()))

    def test_match_chooses(self):
        self.fill(500)
        self.assertEqual(len(self.scan("MATCH", "f1??", "COUNT", 20)[0]), 100)
        self.assertEqual(self.scan("MATCH", "*x*")[0], [])
        self.assertEqual(len(self.scan("MATCH", "*", "COUNT", 1000)[0]), 500)

    def test_what_is_no_cursor_or_option_is_refused(self):
        self.fill(3)
        for cursor in ("x", "1x", 2**64):
            self.assertError("ERR invalid cursor", "HSCAN", self.key(), cursor)
            self.assertError("ERR invalid cursor", "HSCAN", self.key("absent"), cursor)
        for options in (("COUNT",), ("COUNT", 0), ("COUNT", -2**63), ("TYPE", "hash"), ("MATCH",)):
            self.assertError("ERR syntax error", "HSCAN", self.key(), 0, *options)
        self.assertEqual(self.call("HSCAN", self.key("absent"), 0, "FROB"), [b"0", []])
        self.fill(500)
        for cursor in (1, 2**39 - 1, 2**63, 2**64 - 1):
            self.assertEqual(len(self.call("HSCAN", self.key(), cursor)), 2)


if __name__ == "__main__":
    unittest.main()

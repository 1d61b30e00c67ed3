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

    def test_a_string_is_no_hash_and_a_hash_no_string(self):
        self.call("SET", self.key("s"), "v")
        for words in (("HSET", "f", "v"), ("HGET", "f"), ("HGETALL",), ("HDEL", "f")):
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


if __name__ == "__main__":
    unittest.main()

import unittest

from harness import WireTest

OFFSET = "ERR bit offset is not an integer or out of range"
BIT = "ERR bit is not an integer or out of range"
NOT_INTEGER = "ERR value is not an integer or out of range"
SYNTAX = "ERR syntax error"
FIELD_TYPE = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."

# proto-max-bulk-len as it is by default: no bit lies behind it.
BITS_MAX = 64 * 2**20 * 8


class BitmapTest(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")


class SingleBits(BitmapTest):
    def test_a_bit_comes_back_and_its_neighbours_are_zero(self):
        self.assertEqual(self.call("SETBIT", self.key(), 9, 1), 0)
        self.assertEqual(self.call("SETBIT", self.key(), 9, 1), 1)
        self.assertEqual(self.call("GET", self.key()), b"\x00\x40")
        self.assertEqual([self.call("GETBIT", self.key(), bit) for bit in range(8, 12)], [0, 1, 0, 0])
        self.assertEqual(self.call("GETBIT", self.key(), 1_000_000), 0)
        self.assertEqual(self.call("GETBIT", self.key("absent"), 0), 0)

    def test_a_zero_behind_the_end_makes_the_string_longer(self):
        self.assertEqual(self.call("SETBIT", self.key(), 23, 0), 0)
        self.assertEqual(self.call("GET", self.key()), b"\x00\x00\x00")

    def test_the_deadline_stays(self):
        self.call("SET", self.key(), "v", "EX", 100)
        self.call("SETBIT", self.key(), 5000, 1)
        self.call("BITFIELD", self.key(), "SET", "u8", 9000, 1)
        self.assertEqual(self.call("TTL", self.key()), 100)

    def test_the_last_bit_is_the_last_of_the_longest_string(self):
        self.assertEqual(self.call("GETBIT", self.key(), BITS_MAX - 1), 0)
        self.assertError(OFFSET, "GETBIT", self.key(), BITS_MAX)
        self.assertError(OFFSET, "SETBIT", self.key(), BITS_MAX, 1)
        self.assertEqual(self.call("EXISTS", self.key()), 0)
        self.assertEqual(self.call("SETBIT", self.key(), BITS_MAX - 1, 1), 0)
        self.assertEqual(self.call("STRLEN", self.key()), BITS_MAX // 8)
        self.assertEqual(self.call("BITCOUNT", self.key()), 1)
        self.assertEqual(self.call("BITPOS", self.key(), 1), BITS_MAX - 1)
        self.call("DEL", self.key())

    def test_what_is_no_bit_is_refused(self):
        for bit in (2, -1, "x", ""):
            self.assertError(BIT, "SETBIT", self.key(), 0, bit)
        for offset in (-1, "x", "", "#1", 2**63):
            self.assertError(OFFSET, "SETBIT", self.key(), offset, 1)
            self.assertError(OFFSET, "GETBIT", self.key(), offset)
        self.assertEqual(self.call("EXISTS", self.key()), 0)

    def test_many_clients_at_once_lose_no_bit(self):
        clients = [self.connect() for _ in range(10)]
        for number, client in enumerate(clients):
            client.raw(b"".join(client.pack("SETBIT", self.key(), 10 * i + number, 1) for i in range(100)))
        self.assertEqual([client.read() for client in clients for _ in range(100)], [0] * 1000)
        self.assertEqual(self.call("BITCOUNT", self.key()), 1000)


class Ranges(BitmapTest):
    def test_ones_are_counted_in_bytes_and_in_bits(self):
        self.call("SET", self.key(), "foobar")
        for words, ones in (((), 26), ((0, 0), 4), ((1, 1), 6), ((0, -1), 26), ((-2, -1), 7), ((5, 30, "BIT"), 17),
                            ((1, 1, "BYTE"), 6), ((-1, -2), 0), ((3, 2), 0), ((100, 200), 0)):
            self.assertEqual(self.call("BITCOUNT", self.key(), *words), ones, words)
        self.assertEqual(self.call("BITCOUNT", self.key("absent")), 0)

    def test_the_first_bit_is_found_in_bytes_and_in_bits(self):
        self.call("SET", self.key(), b"\xff\xf0\x00")
        for words, at in (((0,), 12), ((1,), 0), ((1, 2), -1), ((0, 0, 0), -1), ((1, 7, 15, "BIT"), 7), ((0, 7, -3, "BIT"), 12)):
            self.assertEqual(self.call("BITPOS", self.key(), *words), at, words)

    def test_zeros_follow_an_end_that_was_not_given(self):
        self.call("SET", self.key(), b"\xff\xff")
        self.assertEqual(self.call("BITPOS", self.key(), 0), 16)
        self.assertEqual(self.call("BITPOS", self.key(), 0, 1), 16)
        self.assertEqual(self.call("BITPOS", self.key(), 0, 0, -1), -1)
        self.assertEqual(self.call("BITPOS", self.key(), 0, 2), -1)
        self.assertEqual(self.call("BITPOS", self.key("absent"), 0), 0)
        self.assertEqual(self.call("BITPOS", self.key("absent"), 1), -1)

    def test_a_range_that_makes_no_sense_is_refused(self):
        self.call("SET", self.key(), "foobar")
        for words in ((0,), (0, 1, "BITS"), (0, 1, "BIT", "x")):
            self.assertError(SYNTAX, "BITCOUNT", self.key(), *words)
        for words in (("x", 1), (0, "x"), (0, 2**63)):
            self.assertError(NOT_INTEGER, "BITCOUNT", self.key(), *words)
            self.assertError(NOT_INTEGER, "BITPOS", self.key(), 1, *words)
        self.assertError("ERR The bit argument must be 1 or 0.", "BITPOS", self.key(), 2)
        self.assertError(SYNTAX, "BITPOS", self.key(), 1, 0, 1, "BITS")
        self.assertError(SYNTAX, "BITPOS", self.key(), 1, 0, 1, "BIT", "x")


class Fields(BitmapTest):
    def test_each_operation_sees_those_before_it(self):
        self.assertEqual(self.call("BITFIELD", self.key(), "SET", "u8", "#1", 200, "GET", "u8", 8, "INCRBY", "i5", 100, 1,
                                   "GET", "u4", 0), [0, 200, 1, 0])
        self.assertEqual(self.call("BITFIELD_RO", self.key(), "GET", "i8", 8, "GET", "u8", "#1"), [-56, 200])
        self.assertEqual(self.call("STRLEN", self.key()), 14)

    def test_overflow_wraps_saturates_or_fails_from_its_word_on(self):
        self.call("BITFIELD", self.key(), "SET", "u2", 0, 3)
        self.assertEqual(self.call("BITFIELD", self.key(), "INCRBY", "u2", 0, 1, "OVERFLOW", "SAT", "INCRBY", "u2", 0, -1,
                                   "SET", "u2", 0, 9, "OVERFLOW", "FAIL", "INCRBY", "u2", 0, 1, "GET", "u2", 0),
                         [0, 0, 0, None, 3])
        resp3 = self.connect(resp=3)
        self.assertEqual(resp3.call("BITFIELD", self.key(), "OVERFLOW", "FAIL", "SET", "i3", 0, 4), [None])

    def test_a_write_that_fails_by_its_overflow_still_makes_room(self):
        self.assertEqual(self.call("BITFIELD", self.key(), "OVERFLOW", "FAIL", "SET", "u8", 9, 256), [None])
        self.assertEqual(self.call("GET", self.key()), b"\x00\x00\x00")

    def test_whatever_is_wrong_anywhere_changes_nothing(self):
        for words, error in ((("SET", "u64", 0, 1), FIELD_TYPE), (("SET", "i65", 0, 1), FIELD_TYPE), (("SET", "8", 0, 1), FIELD_TYPE),
                             (("SET", "u0", 0, 1), FIELD_TYPE), (("GET", "u8", -1), OFFSET), (("GET", "u8", "#x"), OFFSET),
                             (("GET", "i64", "#%d" % 2**60), OFFSET), (("SET", "u8", 0, "x"), NOT_INTEGER), (("SET", "u8", 0), SYNTAX),
                             (("OVERFLOW", "NEVER"), "ERR Invalid OVERFLOW type specified"), (("OVERFLOW",), SYNTAX), (("FROB",), SYNTAX)):
            self.assertError(error, "BITFIELD", self.key(), "SET", "u8", 0, 1, *words)
        self.assertError("ERR BITFIELD_RO only supports the GET subcommand", "BITFIELD_RO", self.key(), "SET", "u8", 0, 1)
        self.assertEqual(self.call("EXISTS", self.key()), 0)

    def test_only_a_write_makes_the_key(self):
        self.assertEqual(self.call("BITFIELD", self.key(), "GET", "u8", 0), [0])
        self.assertEqual(self.call("BITFIELD", self.key()), [])
        self.assertEqual(self.call("EXISTS", self.key()), 0)


class Combined(BitmapTest):
    def setUp(self):
        super().setUp()
        self.a, self.b, self.to = self.key("a"), self.key("b"), self.key("to")
        self.call("SET", self.a, b"\xf0\xff")
        self.call("SET", self.b, b"\x3c")

    def test_each_operation_takes_missing_bytes_for_zeros(self):
        for name, result in (("AND", b"\x00\x00"), ("OR", b"\xfc\xff"), ("XOR", b"\xcc\xff"), ("or", b"\xfc\xff")):
            self.assertEqual(self.call("BITOP", name, self.to, self.a, self.b, self.key("absent")), 2, name)
            self.assertEqual(self.call("GET", self.to), result, name)
        self.assertEqual(self.call("BITOP", "AND", self.to, self.a, self.b), 2)
        self.assertEqual(self.call("GET", self.to), b"\x30\x00")
        self.assertEqual(self.call("BITOP", "NOT", self.to, self.a), 2)
        self.assertEqual(self.call("GET", self.to), b"\x0f\x00")

    def test_a_source_may_take_the_result(self):
        self.assertEqual(self.call("BITOP", "XOR", self.a, self.a, self.b), 2)
        self.assertEqual(self.call("GET", self.a), b"\xcc\xff")

    def test_the_result_replaces_whatever_was_there(self):
        self.call("HSET", self.to, "f", "v")
        self.call("EXPIRE", self.to, 100)
        self.assertEqual(self.call("BITOP", "OR", self.to, self.b), 1)
        self.assertEqual(self.call("GET", self.to), b"\x3c")
        self.assertEqual(self.call("TTL", self.to), -1)

    def test_an_empty_result_leaves_no_key(self):
        self.call("SET", self.to, "v")
        self.assertEqual(self.call("BITOP", "AND", self.to, self.key("x"), self.key("y")), 0)
        self.assertEqual(self.call("EXISTS", self.to), 0)

    def test_what_makes_no_sense_is_refused(self):
        self.assertError(SYNTAX, "BITOP", "NAND", self.to, self.a, self.b)
        self.assertError("ERR BITOP NOT must be called with a single source key.", "BITOP", "NOT", self.to, self.a, self.b)
        self.call("HSET", self.key("h"), "f", "v")
        self.assertError("WRONGTYPE", "BITOP", "OR", self.to, self.a, self.key("h"))
        self.assertEqual(self.call("EXISTS", self.to), 0)

    def test_a_stock_key_is_neither_source_nor_overwritten_nor_removed(self):
        self.call("STOCK.CREATE", self.to, 5)
        self.assertError("WRONGTYPE", "BITOP", "OR", self.key("other"), self.to)
        self.assertError("PROTECTED", "BITOP", "OR", self.to, self.a)
        self.assertError("PROTECTED", "BITOP", "OR", self.to, self.key("absent"))
        self.assertEqual(self.call("TYPE", self.to), "stock")


class OfOtherTypes(BitmapTest):
    COMMANDS = (("SETBIT", 0, 1), ("GETBIT", 0), ("BITCOUNT",), ("BITPOS", 0), ("BITFIELD",), ("BITFIELD", "SET", "u8", 0, 1),
                ("BITFIELD_RO", "GET", "u8", 0))

    def test_they_are_refused(self):
        self.call("HSET", self.key("hash"), "f", "v")
        self.call("STOCK.CREATE", self.key("stock"), 5)
        for name, *words in self.COMMANDS:
            for key in ("hash", "stock"):
                self.assertError("WRONGTYPE", name, self.key(key), *words)


class Hits(BitmapTest):
    def test_reads_count_as_hits_and_misses_and_writes_do_not(self):
        self.call("SET", self.key(), "v")
        for words, counts in ((("GETBIT", 0), 1), (("BITCOUNT",), 1), (("BITPOS", 1), 1), (("BITFIELD", "GET", "u8", 0), 1),
                              (("SETBIT", 0, 1), 0), (("BITFIELD", "SET", "u8", 0, 1), 0)):
            before = int(self.info("stats")["keyspace_hits"])
            self.call(words[0], self.key(), *words[1:])
            self.assertEqual(int(self.info("stats")["keyspace_hits"]) - before, counts, words)


class AfterARestart(WireTest):
    flags = ("--shards", "2", "--appendfsync", "always")

    def test_parts_and_bits_are_what_they_were(self):
        self.call("SET", self.key(), "head", "EX", 1000)
        self.call("APPEND", self.key(), "tail" * 1000)
        self.call("SETRANGE", self.key(), 2, "XY")
        self.call("SETBIT", self.key(), 50_000, 1)
        self.call("BITFIELD", self.key(), "INCRBY", "i40", "#3", -5, "SET", "u13", 70_001, 4095)
        self.call("INCRBYFLOAT", self.key("float"), "10.25")
        before = self.call("GET", self.key())
        self.server.kill()
        self.server.start()
        after = self.connect()
        self.assertEqual(after.call("GET", self.key()), before)
        self.assertIn(after.call("TTL", self.key()), range(900, 1001))
        self.assertEqual(after.call("GET", self.key("float")), b"10.25")


if __name__ == "__main__":
    unittest.main()

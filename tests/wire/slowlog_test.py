import unittest

from harness import WireTest, eventually


class SlowLog(WireTest):
    flags = ("--shards", "3", "--slowlog-log-slower-than", "-1", "--enable-debug-command", "yes")

    def setUp(self):
        super().setUp()
        self.call("CONFIG", "SET", "slowlog-log-slower-than", "-1", "slowlog-max-len", "128")
        self.call("SLOWLOG", "RESET")

    def words(self, count=-1):
        return [entry[3] for entry in self.call("SLOWLOG", "GET", count)]

    def test_keeps_what_took_longer_and_nothing_else(self):
        self.call("CONFIG", "SET", "slowlog-log-slower-than", "30000")
        before = int(self.call("TIME")[0])
        self.call("DEBUG", "SLEEP", "0.05")
        self.call("SET", self.key(), "v")
        entries = self.call("SLOWLOG", "GET")
        self.assertEqual({tuple(entry[3]) for entry in entries}, {(b"DEBUG", b"SLEEP", b"0.05")})
        self.assertEqual(len(entries), 3)  # on each shard
        for entry in entries:
            self.assertEqual(len(entry), 6)
            self.assertLessEqual(before, entry[1])
            self.assertGreaterEqual(entry[2], 50000)
            self.assertLess(entry[2], 5000000)
        self.assertEqual(self.call("SLOWLOG", "LEN"), 3)
        self.assertEqual(self.call("SLOWLOG", "RESET"), "OK")
        self.assertEqual(self.call("SLOWLOG", "GET"), [])

    def test_each_entry_names_its_client_wherever_it_ran(self):
        self.call("CLIENT", "SETNAME", "till")
        keys = [self.key(str(i)) for i in range(30)]  # on every shard
        self.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        for key in keys:
            self.call("SET", key, "v")
        self.call("CONFIG", "SET", "slowlog-log-slower-than", "-1")
        address = b"%s:%d" % (self.client.socket.getsockname()[0].encode(), self.client.socket.getsockname()[1])

        def named():
            return all(entry[4:] == [address, b"till"] for entry in self.call("SLOWLOG", "GET", -1))

        eventually(named)
        self.assertEqual({words[1].decode() for words in self.words() if words[0] == b"SET"}, set(keys))

    def test_ids_grow_and_the_newest_is_first(self):
        self.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        for i in range(5):
            self.call("ECHO", str(i))
        self.call("CONFIG", "SET", "slowlog-log-slower-than", "-1")
        entries = self.call("SLOWLOG", "GET", "-1")
        ids = [entry[0] for entry in entries]
        self.assertEqual(ids, sorted(ids, reverse=True))
        echoed = [entry[3][1] for entry in entries if entry[3][0] == b"ECHO"]
        self.assertEqual(echoed, [b"4", b"3", b"2", b"1", b"0"])
        self.assertEqual(len(self.call("SLOWLOG", "GET", "2")), 2)

    def test_length_is_bounded(self):
        self.call("CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "4")
        self.client.pipeline(*[("PING",)] * 50)
        self.assertEqual(self.call("SLOWLOG", "LEN"), 4)

    def test_long_lines_are_cut_and_secrets_left_out(self):
        other = self.connect()
        self.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        self.call("EXISTS", *["w"] * 40)
        self.call("ECHO", "x" * 200)
        other.pipeline(("AUTH", "secret-1"), ("AUTH", "me", "secret-2"), ("HELLO", "3", "AUTH", "default", "secret-3"))
        self.call("CONFIG", "SET", "requirepass", "secret-4", "timeout", "0")
        self.call("CONFIG", "SET", "requirepass", "", "slowlog-log-slower-than", "-1")
        words = self.words()
        self.assertIn([b"ECHO", b"x" * 128 + b"... (72 more bytes)"], words)
        self.assertIn([b"AUTH", b"(redacted)"], words)
        self.assertIn([b"AUTH", b"(redacted)", b"(redacted)"], words)
        self.assertIn([b"HELLO", b"3", b"AUTH", b"(redacted)", b"(redacted)"], words)
        self.assertIn([b"CONFIG", b"SET", b"requirepass", b"(redacted)", b"timeout", b"0"], words)
        self.assertNotIn(b"secret", b" ".join(word for line in words for word in line))

    def test_count_is_checked_as_redis_does(self):
        for count in ("-2", "x", ""):
            self.assertError("ERR count should be greater than or equal to -1", "SLOWLOG", "GET", count)
        self.assertError("ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.",
                         "SLOWLOG", "GET", "1", "2")
        self.assertError("ERR unknown subcommand 'FROB'. Try SLOWLOG HELP.", "SLOWLOG", "FROB")
        self.assertIn("GET [count]", self.call("SLOWLOG", "HELP"))


if __name__ == "__main__":
    unittest.main()

import unittest

from harness import WireTest, eventually


class Memory(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def stats(self):
        flat = self.call("MEMORY", "STATS")
        return dict(zip(flat[::2], flat[1::2]))

    def test_stats_follow_the_data(self):
        before = self.stats()
        for i in range(50):
            self.call("SET", self.key(str(i)), "x" * 20000)
        after = self.stats()
        self.assertEqual(after[b"keys.count"], before[b"keys.count"] + 50)
        self.assertGreaterEqual(after[b"dataset.bytes"], before[b"dataset.bytes"] + 50 * 20000)
        self.assertEqual(after[b"keys.bytes-per-key"], after[b"dataset.bytes"] // after[b"keys.count"])
        self.assertGreaterEqual(after[b"total.allocated"], after[b"dataset.bytes"])
        self.assertGreater(float(after[b"dataset.percentage"]), 0)
        self.assertGreater(float(after[b"fragmentation"]), 0)
        if b"allocator.allocated" in after:
            self.assertLessEqual(after[b"allocator.allocated"], after[b"allocator.active"])
            self.assertLessEqual(after[b"allocator.active"], after[b"allocator.resident"])
        self.call("DEL", *[self.key(str(i)) for i in range(50)])
        # A figure: over several shards it may come a moment after the reply.
        eventually(lambda: self.stats()[b"keys.count"] == before[b"keys.count"])

    def test_stats_are_a_map_in_resp3(self):
        stats = self.connect(resp=3).call("MEMORY", "STATS")
        self.assertIsInstance(stats[b"dataset.percentage"], float)

    def test_doctor_purge_and_the_allocators_report(self):
        self.assertIn(b"too little data", self.call("MEMORY", "DOCTOR"))
        self.call("SET", self.key(), "x" * (8 << 20))
        self.call("CONFIG", "SET", "maxmemory", 8 << 20)
        try:
            self.assertIn(b"bytes of maxmemory", self.call("MEMORY", "DOCTOR"))
        finally:
            self.call("CONFIG", "SET", "maxmemory", 0)
        self.assertNotIn(b"bytes of maxmemory", self.call("MEMORY", "DOCTOR"))
        self.assertEqual(self.call("MEMORY", "PURGE"), "OK")
        report = self.call("MEMORY", "MALLOC-STATS")
        self.assertTrue(b"jemalloc" in report or report == b"Stats not supported for the current allocator")
        self.assertError("ERR unknown subcommand 'FROB'. Try MEMORY HELP.", "MEMORY", "FROB")


class MemoryThatComesBack(WireTest):
    flags = ("--shards", "2", "--appendonly", "no", "--active-defrag-ignore-bytes", "1mb",
             "--active-defrag-cycle-max", "75", "--activedefrag", "no")
    KEYS = 60_000

    def info(self):
        text = self.call("INFO", "memory", "stats").decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def active(self):
        """Bytes of the pages that hold something."""
        return int(self.info()["allocator_active"])

    def test_what_stays_is_moved_together_when_most_has_gone(self):
        if "allocator_active" not in self.info():
            self.skipTest("a sanitizer's allocator tells nothing")
        empty = self.active()
        keys = [self.key("%d" % (i * 0x9E3779B1 % 2**32)) for i in range(self.KEYS)]
        for first in range(0, self.KEYS, 1000):
            self.client.pipeline(*(("SET", key, "%-256s" % key) if i % 10 else ("HSET", key, "f", "%-256s" % key)
                                   for i, key in enumerate(keys[first:first + 1000])))
        full = self.active()
        gone = [key for i, key in enumerate(keys) if i % 4]
        for first in range(0, len(gone), 1000):
            self.call("UNLINK", *gone[first:first + 1000])
        stays = keys[::4]
        self.assertGreater(self.active() - empty, (full - empty) * 0.9)
        self.assertEqual(self.info()["active_defrag_running"], "0")
        self.call("CONFIG", "SET", "activedefrag", "yes")
        eventually(lambda: self.active() - empty < (full - empty) * 0.4, seconds=15)
        info = self.info()
        self.assertGreater(int(info["active_defrag_hits"]), len(stays) // 2)
        self.assertGreater(int(info["active_defrag_key_hits"]), len(stays) // 2)
        self.assertGreater(int(info["active_defrag_bytes"]), 256 * len(stays) // 2)
        self.assertGreater(int(info["total_active_defrag_time"]), 0)
        for i, key in enumerate(keys):
            if i % 4 == 0 and i % 97 == 0:
                value = self.call("GET", key) if i % 10 else self.call("HGET", key, "f")
                self.assertEqual(value, b"%-256s" % key.encode())
        eventually(lambda: self.info()["active_defrag_running"] == "0", seconds=10)


class Functions(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def test_there_are_none_and_that_is_no_error(self):
        for mode in ((), ("SYNC",), ("async",)):
            self.assertEqual(self.call("FUNCTION", "FLUSH", *mode), "OK")
        self.assertEqual(self.call("FUNCTION", "LIST"), [])
        self.assertEqual(self.call("FUNCTION", "LIST", "LIBRARYNAME", "x", "WITHCODE"), [])
        self.assertEqual(self.call("FUNCTION", "STATS"), [b"running_script", None, b"engines", []])

    def test_words_are_checked_as_redis_does(self):
        for text, words in (
                ("ERR FUNCTION FLUSH only supports SYNC|ASYNC option", ("FLUSH", "x")),
                ("ERR unknown subcommand or wrong number of arguments for 'FLUSH'. Try FUNCTION HELP.",
                 ("FLUSH", "SYNC", "x")),
                ("ERR Unknown argument x", ("LIST", "x")),
                ("ERR Unknown argument WITHCODE", ("LIST", "WITHCODE", "WITHCODE")),
                ("ERR library name argument was not given", ("LIST", "LIBRARYNAME")),
                ("ERR unknown subcommand 'LOAD'. Try FUNCTION HELP.", ("LOAD", "x"))):
            self.assertError(text, "FUNCTION", *words)


if __name__ == "__main__":
    unittest.main()

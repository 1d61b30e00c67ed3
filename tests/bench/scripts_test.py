#!/usr/bin/python3
"""The scripts of bench/ run to their end, small: each has its rows, with figures of every side that it measures.

usage: scripts_test.py path/to/holdfast path/to/holdfast-bench
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

BENCH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench")
BINARIES = []


@unittest.skipIf((os.cpu_count() or 1) < 2, "they pin servers and loads to two cores")
class ScriptsTest(unittest.TestCase):
    def rows(self, script, *words):
        """Its JSON's rows. What is wanted may be missed: these builds and sizes measure nothing."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "figures.json")
            done = subprocess.run(
                [os.path.join(BENCH, script), *BINARIES, "--dir", directory, "--json", path, "--rounds", "1", *words],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=170)
            if done.returncode != 0:
                self.assertIn("missed: ", done.stdout[-300:], done.stdout)
            with open(path) as file:
                return json.load(file)["rows"]

    def assert_sides(self, rows, sides, *names):
        for name in names:
            self.assertEqual(set(rows[name]["runs"]), set(sides), name)

    def test_side_by_side(self):
        small = ["--requests-min", "2000", "--cpu-seconds", "0.01"]
        rows = self.rows("side_by_side", "--only", "set,confirm-p16,limit-p16", *small)
        self.assert_sides(rows, ["redis", "holdfast"], "set", "confirm-p16", "limit-p16")
        self.assertGreater(rows["set"]["ratio"], 0)

    def test_another_binary_of_ours_stands_beside(self):
        rows = self.rows("side_by_side", "--only", "get", "--requests-min", "2000", "--cpu-seconds", "0.01",
                         "--before", BINARIES[1])
        self.assert_sides(rows, ["redis", "before", "holdfast"], "get")

    def test_memory(self):
        rows = self.rows("memory", "--only", "key,early", "--keys", "20000", "--refusals", "20000")
        self.assert_sides(rows, ["redis", "holdfast"], "key")
        self.assertEqual(rows["early, log"]["runs"], {"holdfast": [0]})

    def test_stalls(self):
        rows = self.rows("stalls", "--only", "keys,sessions", "--keys", "20000", "--ending", "5000", "--lead", "13",
                         "--ending-seconds", "2")
        self.assert_sides(rows, ["redis", "holdfast"], "keys ping", "keys command", "sessions ping")
        self.assert_sides(rows, ["holdfast"], "keys turn-cpu", "sessions turn-cpu", "keys own", "sessions own")
        self.assertGreater(rows["sessions own"]["runs"]["holdfast"][0], 0)

    def test_shards(self):
        rows = self.rows("shards", "--only", "set-p16,flood", "--requests", "5000", "--rate", "500", "--seconds", "1")
        self.assert_sides(rows, ["holdfast"], "set-p16 forwarded", "flood beside/alone")

    def test_latency(self):
        rows = self.rows("latency", "--only", "always", "--keys", "2000", "--rates", "1000", "--seconds", "1")
        self.assert_sides(rows, ["redis", "holdfast"], "always 1k p50", "always 1k max")

    def test_connections(self):
        rows = self.rows("connections", "--idle", "100", "--active", "20", "--rate", "500", "--connects", "200",
                         "--seconds", "1")
        self.assert_sides(rows, ["redis", "holdfast"], "idle beside/alone p99", "connect p99 ms", "slow beside p99 ms")
        self.assertEqual(rows["connect refused"]["runs"]["holdfast"], [0])

    def test_redis_benchmark(self):
        rows = self.rows("redis_benchmark", "--requests", "5000")
        self.assert_sides(rows, ["redis", "holdfast"], "set-p64", "get-p1", "reserve-p16", "soldout-p1")


if __name__ == "__main__":
    BINARIES = ["--holdfast", sys.argv.pop(1), "--bench", sys.argv.pop(1)]
    unittest.main()

"""redis-cli's modes, as an operator types them."""

import subprocess
import time
import unittest

from harness import Client, WireTest


class RedisCli(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client = Client(cls.server.port)
        for i in range(300):
            client.call("SET", "small:%d" % i, "v")
        client.call("SET", "the-longest", "x" * 5000)
        client.call("HSET", "the-widest", *[word for i in range(50) for word in ("f%d" % i, "v")])
        client.call("STOCK.CREATE", "mask", "5")
        client.close()

    def cli(self, *words, text=None):
        done = subprocess.run(["redis-cli", "-p", str(self.server.port), *words], input=text, capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def until(self, *words, lines):
        """The first lines of what would go on for ever."""
        cli = subprocess.Popen(["redis-cli", "-p", str(self.server.port), *words], stdout=subprocess.PIPE, text=True)
        try:
            return [cli.stdout.readline() for _ in range(lines)]
        finally:
            cli.kill()
            cli.wait()
            cli.stdout.close()

    def test_scan_finds_every_key(self):
        keys = self.cli("--scan").split()
        self.assertEqual(len(keys), 303)
        self.assertEqual(len(set(keys)), 303)
        self.assertEqual(len(self.cli("--scan", "--pattern", "small:1?").split()), 10)

    def test_bigkeys_finds_the_biggest(self):
        text = self.cli("--bigkeys")
        self.assertIn('Biggest string found \'"the-longest"\' has 5000 bytes', text)
        self.assertIn('Biggest   hash found \'"the-widest"\' has 50 fields', text)
        self.assertIn("Sampled 303 keys in the keyspace!", text)

    def test_memkeys_finds_what_takes_most(self):
        text = self.cli("--memkeys")
        self.assertRegex(text, 'Biggest string found \'"the-longest"\' has 5[0-9]{3} bytes')
        self.assertIn("Sampled 303 keys in the keyspace!", text)

    def test_stat_counts_keys_and_requests(self):
        lines = self.until("--stat", "-i", "0.1", lines=4)
        fields = lines[2].split()
        self.assertEqual(fields[0], "303", lines)
        self.assertGreater(int(fields[4]), 300, lines)

    def test_latency_measures(self):
        line, = self.cli("--latency", "--raw", "-i", "1").splitlines()[:1]
        low, high, average, samples = line.split()
        self.assertLessEqual(float(low), float(average))
        self.assertLessEqual(float(average), float(high))
        self.assertGreater(int(samples), 10)

    def test_pipe_tells_how_many_replies_and_errors(self):
        # A pipe's commands are RESP or inline; the last of these is an error.
        lines = "".join("SET piped:%d v\r\n" % i for i in range(1000)) + "INCR piped:0\r\n"
        try:
            done = subprocess.run(["redis-cli", "-p", str(self.server.port), "--pipe"], input=lines.encode(),
                                  capture_output=True, timeout=60)
            self.assertIn(b"errors: 1, replies: 1001", done.stdout)
        finally:
            self.call("DEL", *["piped:%d" % i for i in range(1000)])

    def test_csv_and_resp3(self):
        self.assertEqual(self.cli("--csv", "HGET", "the-widest", "f1"), '"v"\n')
        self.assertEqual(self.cli("--csv", "HMGET", "the-widest", "f1", "nosuch"), '"v",NULL\n')
        self.assertIn("# Server", self.cli("-3", "INFO"))
        self.assertEqual(self.cli("-3", "STOCK.AVAIL", "mask").split(), ["5"])

    def test_repeats_and_reads_its_last_argument(self):
        self.assertEqual(self.cli("-r", "3", "PING"), "PONG\nPONG\nPONG\n")
        self.assertEqual(self.cli("-x", "ECHO", text="from stdin"), "from stdin\n")

    def test_time_to_start_is_short(self):
        # Interactive mode asks for COMMAND DOCS first, to hint with.
        begin = time.monotonic()
        self.assertEqual(self.cli(text="PING\nGET small:1\n"), "PONG\nv\n")
        self.assertLess(time.monotonic() - begin, 20)


if __name__ == "__main__":
    unittest.main()

"""A server with much to load listens meanwhile: it says LOADING, and how far it is, and stops when told to."""

import glob
import os
import re
import shutil
import subprocess
import time
import unittest

from harness import BINARY, Client, ReplyError, Server, Status, eventually, free_port

# A log of this is small and quickly written, but takes a while to load: each round makes 60 MB and throws them away.
ROUNDS = 30
BIG = 60_000_000
PADDING = b"p" * 100_000

LOADING = "LOADING Redis is loading the dataset in memory"


def error_of(client, *words):
    try:
        return "no error: %r" % client.call(*words)
    except ReplyError as error:
        return str(error)


def persistence(client):
    text = client.call("INFO", "persistence").decode()
    return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


class Loading(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--shards", "2")
        cls.addClassCleanup(cls.server.remove)
        cls.server.start()
        client = Client(cls.server.port)
        client.call("STOCK.CREATE", "mask", 10)
        client.call("RESERVE", "mask", "first", 1)
        for i in range(ROUNDS):
            client.pipeline(("SETRANGE", "big%d" % i, BIG, "x"), ("DEL", "big%d" % i),
                            ("SET", "padding%d" % i, PADDING))
        client.call("RESERVE", "mask", "last", 2)
        client.close()
        assert cls.server.stop() == 0
        # What a stop leaves in the write-ahead file becomes a table at the next start.
        assert cls.server.start().stop() == 0

    def tearDown(self):
        if self.server.process.poll() is None:
            self.server.kill()

    def loading(self):
        """A client of a server that has begun to load."""
        client = self.connect(self.server.start(loaded=False))
        self.assertEqual(persistence(client)["loading"], "1", "it loads faster than this test can look")
        return client

    def connect(self, server):
        client = Client(server.port)
        self.addCleanup(client.close)
        return client

    def story(self):
        """What the server has told of its present life."""
        return self.server.log().rsplit(" starting, pid=", 1)[-1]

    def await_loaded(self, client):
        eventually(lambda: persistence(client)["loading"] == "0", 60)

    def assert_all_there(self, client):
        self.assertEqual(client.call("DBSIZE"), ROUNDS + 1)
        self.assertEqual(client.call("GET", "padding%d" % (ROUNDS - 1)), PADDING)
        self.assertEqual(client.call("STOCK.AVAIL", "mask"), [7])
        self.assertEqual(client.call("STOCK.AUDIT")[-3], 0)  # none is bad

    def test_what_needs_data_is_refused_and_the_rest_is_answered(self):
        client = self.loading()
        for words in (("GET", "k"), ("SET", "k", "v"), ("MGET", "a", "b"), ("RESERVE", "mask", "h", 1), ("PING",),
                      ("STOCK.AVAIL", "mask"), ("CONFIRM", "mask", "first"), ("DBSIZE",), ("SCAN", 0), ("KEYS", "*"),
                      ("FLUSHALL",), ("STOCK.AUDIT",), ("WATCH", "k"), ("OBJECT", "ENCODING", "k"), ("TYPE", "k")):
            self.assertEqual(error_of(client, *words), LOADING, words)
        self.assertEqual(error_of(client, "NOSUCH"), "ERR unknown command 'NOSUCH', with args beginning with: ")
        self.assertEqual(error_of(client, "GET"), "ERR wrong number of arguments for 'get' command")
        self.assertEqual(client.call("ECHO", "e"), b"e")
        self.assertEqual(client.call("SELECT", 3), "OK")
        self.assertEqual(client.call("SELECT", 0), "OK")
        self.assertEqual(client.call("CONFIG", "GET", "shards"), [b"shards", b"2"])
        self.assertEqual(client.call("CONFIG", "SET", "maxmemory", "0"), "OK")
        self.assertEqual(client.call("CLIENT", "SETNAME", "early"), "OK")
        self.assertIn(b"name=early", client.call("CLIENT", "LIST"))
        self.assertGreater(client.call("COMMAND", "COUNT"), 50)
        self.assertEqual(client.call("HELLO", "3")[b"proto"], 3)
        self.assertEqual(client.call("RESET"), "RESET")
        self.assertEqual(len(client.call("TIME")), 2)
        for section in ("everything", "keyspace", "stock", "log", "shards"):
            self.assertIn(b"# ", client.call("INFO", section))
        self.assertEqual(persistence(client)["loading"], "1", "all this was meant to be asked while it loads")
        self.await_loaded(client)
        self.assertEqual(client.call("PING"), "PONG")
        self.assert_all_there(client)

    def test_a_transaction_of_what_is_refused_is_not_executed_later(self):
        client = self.loading()
        self.assertEqual(client.call("MULTI"), "OK")
        self.assertEqual(client.call("ECHO", "e"), "QUEUED")
        self.assertEqual(error_of(client, "SET", "padding0", "v"), LOADING)
        other = self.connect(self.server)
        self.await_loaded(other)
        self.assertEqual(error_of(client, "EXEC"), "EXECABORT Transaction discarded because of previous errors.")
        self.assertEqual(client.call("GET", "padding0"), PADDING)

    def test_a_transaction_of_what_is_answered_runs(self):
        client = self.loading()
        replies = client.pipeline(("MULTI",), ("ECHO", "e"), ("CLIENT", "LIST"), ("CONFIG", "GET", "shards"), ("EXEC",))
        self.assertEqual([replies[-1][0], replies[-1][2]], [b"e", [b"shards", b"2"]])

    def test_info_tells_how_far_it_is(self):
        begun = time.time()
        client = self.loading()
        seen = []
        while True:
            now = persistence(client)
            self.assertEqual(now["async_loading"], "0")
            if now["loading"] == "0":
                break
            self.assertAlmostEqual(int(now["loading_start_time"]), begun, delta=5)
            self.assertGreater(int(now["loading_total_bytes"]), ROUNDS * len(PADDING))
            loaded, total = int(now["loading_loaded_bytes"]), int(now["loading_total_bytes"])
            self.assertRegex(now["loading_loaded_perc"], r"^\d+\.\d\d$")
            self.assertAlmostEqual(float(now["loading_loaded_perc"]), 100 * loaded / total, delta=0.01)
            self.assertTrue(0 <= int(now["loading_eta_seconds"]) < 60)
            seen.append(loaded)
            time.sleep(0.02)
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(len(set(seen)), 5)
        self.assertLess(seen[0], total / 2)
        self.assertLessEqual(seen[-1], total)
        self.assertFalse([name for name in now if name.startswith("loading_")])
        # Redis' words, which scripts wait for, come when everything is there.
        eventually(lambda: "Ready to accept connections" in self.story())

    def test_the_log_tells_each_second_how_far_it_is(self):
        client = self.loading()
        self.await_loaded(client)
        lines = self.story()
        seconds = float(re.search(r"DB loaded from log: \d+ records, \d+ changes, (\d+\.\d+) seconds", lines)[1])
        told = re.findall(r"Loading: (\d+\.\d) % of \d+ bytes, about \d+ s to go", lines)
        self.assertAlmostEqual(len(told), int(seconds - 0.1), delta=1)
        self.assertEqual(told, sorted(told, key=float))

    def test_the_grace_of_a_restart_begins_when_the_first_client_is_served(self):
        client = self.loading()
        self.assertEqual(error_of(client, "CONFIRM", "mask", "first"), LOADING)
        time.sleep(0.5)
        self.await_loaded(client)
        text = client.call("INFO", "holdfast").decode()
        fields = dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)
        left = int(fields["restart_grace_until_ms"]) - int(fields["server_time_ms"])
        self.assertTrue(29_500 < left <= 30_000, left)

    def test_a_stop_meanwhile_is_clean_and_soon_and_loses_nothing(self):
        client = self.loading()
        begun = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(time.monotonic() - begun, 2)
        self.assertTrue(client.at_end())
        lines = self.story()
        self.assertIn("Received SIGTERM", lines)
        self.assertNotIn("DB loaded", lines)
        self.assert_all_there(self.connect(self.server.start()))

    def test_a_kill_meanwhile_loses_nothing(self):
        self.loading()
        self.server.kill()
        self.assert_all_there(self.connect(self.server.start()))

    def test_damage_that_is_found_late_refuses_the_start_although_clients_are_there(self):
        copy = self.server.directory + "-damaged"
        self.addCleanup(shutil.rmtree, copy, ignore_errors=True)
        shutil.copytree(self.server.directory, copy)
        newest = max(glob.glob(os.path.join(copy, "log", "db", "*.sst")), key=os.path.getsize)
        with open(newest, "r+b") as table:
            table.seek(os.path.getsize(newest) * 9 // 10)
            byte = table.read(1)[0]
            table.seek(-1, os.SEEK_CUR)
            table.write(bytes([byte ^ 1]))
        port = free_port()
        process = subprocess.Popen([BINARY, "--port", str(port), "--dir", copy, "--shards", "2"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        self.assertEqual(eventually(lambda: self.early_word(port)), LOADING)
        _, complaint = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        lines = complaint.strip().splitlines()
        self.assertTrue(lines[-1].startswith("holdfast: ") and "refusing to start" in lines[-1], complaint)

    @staticmethod
    def early_word(port):
        try:
            client = Client(port)
        except OSError:
            return None
        try:
            return error_of(client, "GET", "k")
        finally:
            client.close()


if __name__ == "__main__":
    unittest.main()

import os
import shutil
import tempfile
import threading
import unittest

from harness import Client, ReplyError, Server, WireTest, eventually

IMMUTABLE = "can't set immutable config; restart the server with the new value"


def failed(name, why):
    return "ERR CONFIG SET failed (possibly related to argument '%s') - %s" % (name, why)


class Configuration(WireTest):
    flags = ("--shards", "3")

    def get(self, *patterns):
        flat = [text.decode() for text in self.call("CONFIG", "GET", *patterns)]
        return dict(zip(flat[::2], flat[1::2]))

    def test_get_takes_several_patterns_and_names_each_directive_once(self):
        self.assertEqual(self.get("port"), {"port": str(self.server.port)})
        self.assertEqual(self.get("PORT"), {"port": str(self.server.port)})
        self.assertEqual(set(self.get("hold-*", "hold-ttl", "por?")),
                         {"hold-ttl", "hold-max-life", "hold-retention", "port"})
        self.assertEqual(self.get("nosuch"), {})
        self.assertGreater(len(self.get("*")), 30)
        self.assertError("ERR wrong number of arguments for 'config|get' command", "CONFIG", "GET")
        self.assertError("ERR pattern is too long", "CONFIG", "GET", "*" * 300)

    def test_what_tools_ask_of_every_redis_is_answered(self):
        self.assertEqual(self.get("save"), {"save": ""})
        self.assertEqual(self.get("appendonly"), {"appendonly": "yes"})
        self.assertEqual(self.get("maxmemory-policy"), {"maxmemory-policy": "noeviction"})

    def test_get_is_a_map_in_resp3(self):
        self.assertEqual(self.connect(resp=3).call("CONFIG", "GET", "databases"), {b"databases": b"16"})

    def test_set_is_seen_by_every_shard_at_once(self):
        others = [self.connect() for _ in range(9)]
        for seconds in range(100, 120):
            self.call("CONFIG", "SET", "hold-ttl", seconds)
            for other in others:
                self.assertEqual(other.call("CONFIG", "GET", "hold-ttl"), [b"hold-ttl", b"%d" % seconds])
        self.call("CONFIG", "SET", "hold-ttl", 900)

    def test_set_reaches_the_ledger_on_every_shard(self):
        self.call("CONFIG", "SET", "hold-ttl", 100)
        for i in range(12):
            sku = self.key(str(i))
            self.call("STOCK.CREATE", sku, 1)
            now = int(self.call("TIME")[0])
            deadline = self.call("RESERVE", sku, "h", 1)[2]
            self.assertAlmostEqual(deadline / 1000, now + 100, delta=5)
        self.call("CONFIG", "SET", "hold-ttl", 900)

    def test_set_of_several_is_all_or_nothing(self):
        self.assertEqual(self.call("CONFIG", "SET", "timeout", "7", "fence-max", "77"), "OK")
        self.assertEqual(self.get("timeout", "fence-max"), {"timeout": "7", "fence-max": "77"})
        for words in (("timeout", "8", "fence-max", "none"), ("timeout", "8", "port", "1"), ("timeout", "8", "nosuch", "1"),
                      ("timeout", "8", "timeout", "9"), ("timeout", "8", "fence-max")):
            with self.assertRaises(ReplyError):
                self.call("CONFIG", "SET", *words)
            self.assertEqual(self.get("timeout", "fence-max"), {"timeout": "7", "fence-max": "77"})
        self.call("CONFIG", "SET", "timeout", "0", "fence-max", "10000")

    def test_set_says_what_is_wrong_and_with_what(self):
        self.assertError(failed("port", IMMUTABLE), "CONFIG", "SET", "port", "1")
        self.assertError(failed("timeout", "duplicate parameter"), "CONFIG", "SET", "timeout", "1", "TIMEOUT", "2")
        self.assertError("ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
                         "CONFIG", "SET", "nosuch", "1")
        self.assertError("ERR syntax error", "CONFIG", "SET", "timeout", "1", "maxmemory")
        self.assertError("ERR wrong number of arguments for 'config|set' command", "CONFIG", "SET", "timeout")
        with self.assertRaises(ReplyError) as caught:
            self.call("CONFIG", "SET", "maxmemory", "abc")
        self.assertTrue(str(caught.exception).startswith(failed("maxmemory", "")), caught.exception)
        # What single directives cannot see: a default life above the longest allowed.
        with self.assertRaises(ReplyError) as caught:
            self.call("CONFIG", "SET", "hold-ttl", "7201")
        self.assertTrue(str(caught.exception).startswith(failed("hold-ttl", "")), caught.exception)
        self.assertEqual(self.get("hold-ttl"), {"hold-ttl": "900"})

    def test_changes_that_exclude_each_other_never_both_win(self):
        # hold-ttl must not exceed hold-max-life: from two sides at once, on whatever shards.
        def push(client, *words):
            client.send("CONFIG", "SET", *words)

        first, second = self.connect(), self.connect()
        watchers = [self.connect() for _ in range(6)]
        for _ in range(50):
            self.call("CONFIG", "SET", "hold-max-life", "7200", "hold-ttl", "900")
            push(first, "hold-ttl", "5000")
            push(second, "hold-max-life", "1000")
            replies = [str(first.read()), str(second.read())]
            self.assertEqual(sorted(reply == "OK" for reply in replies), [False, True], replies)
            seen = {tuple(watcher.call("CONFIG", "GET", "hold-ttl", "hold-max-life")) for watcher in watchers}
            self.assertEqual(len(seen), 1, seen)
        self.call("CONFIG", "SET", "hold-max-life", "7200", "hold-ttl", "900")

    def test_the_log_level_changes_what_is_logged(self):
        def bad_request():
            other = self.connect()
            other.raw(b"*-x\r\n")
            other.read()
            self.assertTrue(other.at_end())

        bad_request()
        self.assertNotIn("Protocol error from", self.server.log())
        self.call("CONFIG", "SET", "loglevel", "verbose")
        bad_request()
        self.assertIn("Protocol error from", self.server.log())
        self.call("CONFIG", "SET", "loglevel", "notice")

    def test_the_disk_reserve_reaches_the_log(self):
        self.call("CONFIG", "SET", "disk-reserve", str(1 << 60))
        try:
            eventually(lambda: self.info("log")["low_on_disk"] == "1")
            self.assertError("MISCONF", "SET", self.key(), "v")
        finally:
            self.call("CONFIG", "SET", "disk-reserve", "1mb")
        eventually(lambda: self.info("log")["low_on_disk"] == "0")
        self.assertEqual(self.call("SET", self.key(), "v"), "OK")

    def test_maxmemory_refuses_what_grows_and_lets_go_what_frees(self):
        key = self.key()
        self.call("SET", key, "v")
        self.call("CONFIG", "SET", "maxmemory", "1")
        try:
            self.assertError("OOM command not allowed when used memory > 'maxmemory'.", "SET", key, "w")
            self.assertEqual(self.call("DEL", key), 1)
        finally:
            self.call("CONFIG", "SET", "maxmemory", "0")

    def test_passwords_never_reach_the_servers_log(self):
        self.call("CONFIG", "SET", "requirepass", "top-secret-word")
        self.call("CONFIG", "SET", "requirepass", "")
        self.assertNotIn("top-secret-word", self.server.log())

    def test_help(self):
        self.assertIn("SET directive value [directive value ...]", self.call("CONFIG", "HELP"))
        self.assertError("ERR unknown subcommand 'REWRITEX'. Try CONFIG HELP.", "CONFIG", "REWRITEX")


class Rewrite(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def server_with(self, text, *flags):
        folder = tempfile.mkdtemp(prefix="holdfast-test-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        path = os.path.join(folder, "holdfast.conf")
        with open(path, "w") as file:
            file.write(text)
        server = Server(*flags, config_file=path).start()
        self.addCleanup(server.remove)
        client = Client(server.port)
        self.addCleanup(client.close)
        return server, client, path

    def read(self, path):
        with open(path) as file:
            return file.read()

    def test_the_file_says_what_is_in_force_and_is_otherwise_as_it_was(self):
        server, client, path = self.server_with("# mine\nmaxmemory 64mb\n\ntimeout 0\nhz 10\n# the end\n",
                                                "--shards", "2")
        client.call("CONFIG", "SET", "timeout", "77", "slowlog-max-len", "9")
        self.assertEqual(client.call("CONFIG", "REWRITE"), "OK")
        text = self.read(path)
        self.assertTrue(text.startswith("# mine\nmaxmemory 64mb\n\ntimeout 77\nhz 10\n# the end\n"
                                        "\n# Generated by CONFIG REWRITE\n"), text)
        self.assertIn("\nslowlog-max-len 9\n", text)
        self.assertIn("\nport %d\n" % server.port, text)  # from the command line
        self.assertEqual(client.call("CONFIG", "REWRITE"), "OK")
        self.assertEqual(self.read(path), text)
        self.assertEqual(server.stop(), 0)
        server.flags = ()
        server.start()
        again = Client(server.port)
        self.addCleanup(again.close)
        self.assertEqual(again.call("CONFIG", "GET", "timeout", "shards"), [b"timeout", b"77", b"shards", b"2"])

    def test_without_a_file_it_says_so(self):
        self.assertError("ERR The server is running without a config file", "CONFIG", "REWRITE")

    def test_a_file_that_is_gone_is_an_error_and_nothing_else_happens(self):
        _, client, path = self.server_with("timeout 5\n")
        os.unlink(path)
        with self.assertRaises(ReplyError) as caught:
            client.call("CONFIG", "REWRITE")
        self.assertTrue(str(caught.exception).startswith("ERR Rewriting config file: "), caught.exception)
        self.assertEqual(client.call("PING"), "PONG")
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    unittest.main()

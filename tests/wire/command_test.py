import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
import unittest

from harness import WireTest


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


class CommandTable(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def docs(self, name):
        (key, value), = pairs(self.call("COMMAND", "DOCS", name)).items()
        self.assertEqual(key.decode(), name.lower())
        return pairs(value)

    def test_info_has_the_ten_fields_of_redis_7(self):
        get, unknown, sub = self.call("COMMAND", "INFO", "get", "nosuch", "config|get")
        self.assertIsNone(unknown)
        self.assertEqual(get[:2], [b"get", 2])
        self.assertEqual(set(get[2]), {"readonly", "fast"})
        self.assertEqual(get[3:6], [1, 1, 1])
        self.assertEqual(set(get[6]), {"@read", "@string", "@fast"})
        self.assertEqual(len(get), 10)
        spec = pairs(get[8][0])
        self.assertEqual(pairs(pairs(spec[b"begin_search"])[b"spec"]), {b"index": 1})
        self.assertEqual(pairs(pairs(spec[b"find_keys"])[b"spec"]), {b"lastkey": 0, b"keystep": 1, b"limit": 0})
        self.assertEqual(sub[:2], [b"config|get", -3])
        self.assertEqual(set(sub[6]), {"@admin", "@slow", "@dangerous"})

    def test_containers_carry_their_subcommands(self):
        config, = self.call("COMMAND", "INFO", "config")
        self.assertEqual({row[0] for row in config[9]},
                         {b"config|get", b"config|set", b"config|resetstat", b"config|rewrite", b"config|help"})

    def test_count_and_the_whole_table_agree(self):
        rows = self.call("COMMAND")
        self.assertEqual(len(rows), self.call("COMMAND", "COUNT"))
        names = {row[0] for row in rows}
        self.assertEqual(len(names), len(rows))
        self.assertLessEqual({b"get", b"reserve", b"client", b"info", b"command"}, names)
        self.assertFalse([name for name in names if b"|" in name])
        self.assertEqual(set(pairs(self.call("COMMAND", "DOCS"))), names)
        self.assertError("ERR wrong number of arguments for 'command|count' command", "COMMAND", "COUNT", "x")

    def test_list_filters(self):
        everything = self.call("COMMAND", "LIST")
        self.assertIn(b"config|get", everything)
        self.assertIn(b"reserve", everything)
        self.assertEqual(set(self.call("COMMAND", "LIST", "FILTERBY", "PATTERN", "CONFIG*")),
                         {b"config", b"config|get", b"config|set", b"config|resetstat", b"config|rewrite", b"config|help"})
        fast_reads = self.call("COMMAND", "LIST", "FILTERBY", "ACLCAT", "read")
        self.assertIn(b"get", fast_reads)
        self.assertNotIn(b"set", fast_reads)
        self.assertEqual(self.call("COMMAND", "LIST", "FILTERBY", "ACLCAT", "nosuch"), [])
        self.assertEqual(self.call("COMMAND", "LIST", "FILTERBY", "MODULE", "x"), [])
        self.assertError("ERR syntax error", "COMMAND", "LIST", "FILTERBY", "x", "y")
        self.assertError("ERR syntax error", "COMMAND", "LIST", "x")

    def test_getkeys_finds_what_the_router_would(self):
        self.assertEqual(self.call("COMMAND", "GETKEYS", "SET", "k", "v", "EX", "5"), [b"k"])
        self.assertEqual(self.call("COMMAND", "GETKEYS", "del", "a", "b", "c"), [b"a", b"b", b"c"])
        self.assertEqual(self.call("COMMAND", "GETKEYS", "RESERVE", "mask", "h", "1"), [b"mask"])
        self.assertEqual(self.call("COMMAND", "GETKEYSANDFLAGS", "del", "a", "b"),
                         [[b"a", ["RM", "delete"]], [b"b", ["RM", "delete"]]])
        self.assertEqual(self.call("COMMAND", "GETKEYSANDFLAGS", "get", "a"), [[b"a", ["RO", "access"]]])
        self.assertError("ERR The command has no key arguments", "COMMAND", "GETKEYSANDFLAGS", "ping", "a")
        self.assertError("ERR Invalid command specified", "COMMAND", "GETKEYS", "nosuch", "a")
        self.assertError("ERR The command has no key arguments", "COMMAND", "GETKEYS", "ping", "a")
        self.assertError("ERR Invalid number of arguments specified for command", "COMMAND", "GETKEYS", "get", "a", "b")

    def test_docs_tell_the_arguments_of_reserve(self):
        docs = self.docs("RESERVE")
        self.assertEqual(docs[b"group"], b"stock")
        arguments = [pairs(argument) for argument in docs[b"arguments"]]
        self.assertEqual(arguments[0], {b"name": b"sku", b"type": b"key", b"key_spec_index": 0})
        self.assertEqual(arguments[1], {b"name": b"hold", b"type": b"string"})
        self.assertEqual(arguments[2], {b"name": b"units", b"type": b"integer"})
        self.assertEqual((arguments[3][b"type"], arguments[3][b"flags"]), (b"oneof", ["optional"]))
        choices = [pairs(choice) for choice in arguments[3][b"arguments"]]
        self.assertEqual([(c[b"token"], c[b"name"], c[b"type"]) for c in choices],
                         [(b"EX", b"s", b"integer"), (b"PX", b"ms", b"integer")])
        self.assertEqual(arguments[4], {b"name": b"id", b"type": b"string", b"token": b"BUYER", b"flags": ["optional"]})

    def test_docs_of_a_container_hold_those_of_its_subcommands(self):
        subcommands = pairs(self.docs("CLIENT")[b"subcommands"])
        kill = pairs(subcommands[b"client|kill"])
        self.assertEqual(kill[b"group"], b"connection")
        self.assertEqual(pairs(pairs(self.call("COMMAND", "DOCS", "client|kill", "nosuch"))[b"client|kill"]), kill)

    def test_docs_are_maps_in_resp3(self):
        docs = self.connect(resp=3).call("COMMAND", "DOCS", "get")
        self.assertEqual(docs[b"get"][b"arguments"][0][b"type"], b"key")

    def test_redis_cli_hints_at_what_reserve_takes(self):
        main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        cli = subprocess.Popen(["redis-cli", "-p", str(self.server.port)], stdin=other, stdout=other, stderr=other,
                               env={**os.environ, "TERM": "xterm", "HOME": self.server.directory}, close_fds=True)
        os.close(other)
        seen = b""
        deadline = time.monotonic() + 10

        def read_until(text):
            nonlocal seen
            while text not in seen and time.monotonic() < deadline:
                if select.select([main], [], [], 0.1)[0]:
                    seen += os.read(main, 65536)
            self.assertIn(text, seen)

        try:
            read_until(b"> ")
            for letter in b"reserve ":
                os.write(main, bytes([letter]))
            read_until(b"sku hold units [EX s|PX ms] [BUYER id]")
        finally:
            cli.kill()
            cli.wait()
            os.close(main)


if __name__ == "__main__":
    unittest.main()

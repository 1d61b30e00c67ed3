import select
import socket
import threading
import time
import unittest

from harness import WireTest, eventually


def parse(line):
    return dict(field.split("=", 1) for field in line.split(" "))


REDIS_FIELDS = ("id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem multi-mem rbs rbp "
                "obl oll omem tot-mem events cmd user redir resp").split()


class Clients(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")

    def list(self, *words):
        text = self.call("CLIENT", "LIST", *words).decode()
        return [parse(line) for line in text.splitlines()]

    def address_of(self, client):
        return "%s:%d" % client.socket.getsockname()

    def test_ids_are_unique_and_grow(self):
        ids = [self.connect().call("CLIENT", "ID") for _ in range(10)]
        self.assertEqual(ids, sorted(set(ids)))

    def test_info_describes_this_connection_in_redis_fields(self):
        self.call("CLIENT", "SETNAME", "till")
        self.call("CLIENT", "SETINFO", "LIB-NAME", "mylib")
        self.call("CLIENT", "SETINFO", "lib-ver", "1.2")
        self.call("SELECT", "5")
        line = self.call("CLIENT", "INFO").decode()
        fields = parse(line.rstrip("\n"))
        self.assertEqual(list(fields), REDIS_FIELDS + ["lib-name", "lib-ver"])
        self.assertEqual(fields["id"], str(self.call("CLIENT", "ID")))
        self.assertEqual(fields["addr"], self.address_of(self.client))
        self.assertEqual(fields["laddr"], "127.0.0.1:%d" % self.server.port)
        self.assertEqual((fields["name"], fields["db"], fields["resp"]), ("till", "5", "2"))
        self.assertEqual((fields["cmd"], fields["user"], fields["flags"]), ("client|info", "default", "N"))
        self.assertEqual((fields["lib-name"], fields["lib-ver"]), ("mylib", "1.2"))

    def test_age_and_idle_count_seconds(self):
        idle = self.connect()
        me = idle.call("CLIENT", "ID")

        def seen():
            fields = self.list("ID", me)[0]
            return int(fields["age"]) >= 1 and int(fields["idle"]) >= 1

        eventually(seen)
        idle.call("PING")
        fields = self.list("ID", me)[0]
        self.assertEqual(fields["idle"], "0")
        self.assertGreaterEqual(int(fields["age"]), 1)

    def test_list_shows_every_shards_clients_by_id(self):
        others = [self.connect() for _ in range(12)]
        ids = [other.call("CLIENT", "ID") for other in others]
        others[3].call("GET", "nothing")
        clients = self.list()
        listed = [int(fields["id"]) for fields in clients]
        self.assertEqual(listed, sorted(listed))
        self.assertLessEqual(set(ids), set(listed))
        by_id = {int(fields["id"]): fields for fields in clients}
        self.assertEqual(by_id[ids[3]]["cmd"], "get")
        self.assertEqual(by_id[self.call("CLIENT", "ID")]["cmd"], "client|list")

    def test_list_filters(self):
        first, second = self.connect().call("CLIENT", "ID"), self.connect().call("CLIENT", "ID")
        self.assertEqual([f["id"] for f in self.list("ID", second, first, 999999)], [str(first), str(second)])
        self.assertEqual([], self.list("TYPE", "pubsub"))
        self.assertIn(str(first), [f["id"] for f in self.list("TYPE", "NORMAL")])
        self.assertError("ERR Unknown client type 'x'", "CLIENT", "LIST", "TYPE", "x")
        self.assertError("ERR Invalid client ID", "CLIENT", "LIST", "ID", "x")
        self.assertError("ERR syntax error", "CLIENT", "LIST", "ID")
        self.assertError("ERR syntax error", "CLIENT", "LIST", "FOO", "x")

    def test_names_are_visible_ascii(self):
        self.assertIsNone(self.call("CLIENT", "GETNAME"))
        self.assertEqual(self.call("CLIENT", "SETNAME", "a-b"), "OK")
        for bad in ("a b", "a\nb", "\x7f", "é", "x" * 1025):
            self.assertError("ERR Client names cannot contain spaces, newlines or special characters.",
                             "CLIENT", "SETNAME", bad)
        self.assertEqual(self.call("CLIENT", "GETNAME"), b"a-b")
        self.call("CLIENT", "SETNAME", "")
        self.assertIsNone(self.call("CLIENT", "GETNAME"))
        self.assertError("ERR Unrecognized option 'lib-x'", "CLIENT", "SETINFO", "lib-x", "1")
        self.assertError("ERR lib-name cannot contain spaces, newlines or special characters.",
                         "CLIENT", "SETINFO", "LIB-NAME", "a b")

    def test_kill_by_address_closes_that_one(self):
        victims = [self.connect() for _ in range(6)]  # on every shard
        bystander = self.connect()
        for victim in victims:
            self.assertEqual(self.call("CLIENT", "KILL", self.address_of(victim)), "OK")
            self.assertTrue(victim.at_end())
        self.assertEqual(bystander.call("PING"), "PONG")
        self.assertError("ERR No such client", "CLIENT", "KILL", self.address_of(victims[0]))

    def test_kill_with_filters_tells_how_many(self):
        victim = self.connect()
        me, other = self.call("CLIENT", "ID"), victim.call("CLIENT", "ID")
        self.assertEqual(self.call("CLIENT", "KILL", "ID", other, "ADDR", "1.2.3.4:5"), 0)
        self.assertEqual(self.call("CLIENT", "KILL", "ID", other, "TYPE", "pubsub"), 0)
        self.assertEqual(self.call("CLIENT", "KILL", "ID", me), 0)  # SKIPME yes is the default
        self.assertEqual(victim.call("PING"), "PONG")
        self.assertEqual(self.call("CLIENT", "KILL", "ID", other, "TYPE", "normal", "USER", "default"), 1)
        self.assertTrue(victim.at_end())
        self.assertEqual(self.call("CLIENT", "KILL", "ID", other), 0)

    def test_a_transaction_that_kills_its_own_connection_is_answered_first(self):
        client = self.connect()
        me = client.call("CLIENT", "ID")
        replies = client.pipeline(("MULTI",), ("CLIENT", "KILL", "ID", me, "SKIPME", "no"), ("SET", self.key(), "v"),
                                  ("EXEC",))
        self.assertEqual(replies[-1], [1, "OK"])  # Redis closes without a word
        self.assertTrue(client.at_end())

    def test_kill_by_local_address_may_take_all_but_me(self):
        others = [self.connect() for _ in range(6)]
        for other in others:
            other.call("PING")
        local = "127.0.0.1:%d" % self.server.port
        self.assertGreaterEqual(self.call("CLIENT", "KILL", "LADDR", local), 6)
        for other in others:
            self.assertTrue(other.at_end())
        self.assertEqual(len(self.list()), 1)

    def test_who_kills_itself_hears_of_it(self):
        suicide = self.connect()
        replies = suicide.pipeline(("PING",), ("CLIENT", "KILL", "ID", suicide.call("CLIENT", "ID"), "SKIPME", "no"))
        self.assertEqual(replies, ["PONG", 1])
        self.assertTrue(suicide.at_end())
        suicide = self.connect()
        self.assertEqual(suicide.call("CLIENT", "KILL", self.address_of(suicide)), "OK")
        self.assertTrue(suicide.at_end())

    def test_killed_while_it_pipelines_nobody_else_is_disturbed(self):
        def noise(client):
            try:
                while True:
                    client.pipeline(*[("GET", "k%d" % i) for i in range(200)])
            except (ConnectionError, OSError):
                pass

        victims = [self.connect() for _ in range(4)]
        ids = [victim.call("CLIENT", "ID") for victim in victims]
        threads = [threading.Thread(target=noise, args=(victim,)) for victim in victims]
        for thread in threads:
            thread.start()
        for one in ids:
            self.assertEqual(self.call("CLIENT", "KILL", "ID", one), 1)
        for thread in threads:
            thread.join()
        self.assertEqual(self.call("PING"), "PONG")

    def test_kill_says_what_is_wrong(self):
        for text, words in (("ERR client-id should be greater than 0", ("ID", "0")),
                            ("ERR client-id should be greater than 0", ("ID", "a")),
                            ("ERR Unknown client type 'x'", ("TYPE", "x")),
                            ("ERR No such user 'x'", ("USER", "x")),
                            ("ERR syntax error", ("FOO", "x")),
                            ("ERR syntax error", ("SKIPME", "maybe")),
                            ("ERR syntax error", ("ID", "1", "ADDR"))):
            self.assertError(text, "CLIENT", "KILL", *words)

    def test_no_command_blocks_so_none_is_unblocked(self):
        me = self.call("CLIENT", "ID")
        for words in ((), ("TIMEOUT",), ("error",)):
            self.assertEqual(self.call("CLIENT", "UNBLOCK", me, *words), 0)
        self.assertError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR", "CLIENT", "UNBLOCK", me, "x")
        self.assertError("ERR value is not an integer or out of range", "CLIENT", "UNBLOCK", "x")

    def test_nothing_is_tracked(self):
        self.assertEqual(self.call("CLIENT", "GETREDIR"), -1)
        self.assertEqual(self.call("CLIENT", "TRACKINGINFO"), [b"flags", [b"off"], b"redirect", -1, b"prefixes", []])

    def test_unknown_subcommands_point_to_help(self):
        self.assertError("ERR unknown subcommand 'FROB'. Try CLIENT HELP.", "CLIENT", "FROB")
        text = [line for line in self.call("CLIENT", "HELP")]
        self.assertEqual(text[0], "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
        self.assertIn("SETNAME connection-name", text)


class Replies(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")

    def pings(self, *lines):
        self.client.raw(b"".join(self.client.pack(*line) for line in lines))

    def test_off_sends_nothing_until_on(self):
        self.pings(("CLIENT", "REPLY", "OFF"), ("SET", self.key("a"), "1"), ("MGET", self.key("a"), self.key("b")),
                   ("NOSUCH",), ("INCR", self.key("a")), ("CLIENT", "REPLY", "ON"), ("GET", self.key("a")))
        self.assertEqual(self.client.read(), "OK")
        self.assertEqual(self.client.read(), b"2")

    def test_skip_leaves_one_out(self):
        for i in range(20):  # on every shard
            self.pings(("CLIENT", "REPLY", "SKIP"), ("SET", self.key(str(i)), i), ("GET", self.key(str(i))))
            self.assertEqual(self.client.read(), b"%d" % i)

    def test_reset_turns_replies_on(self):
        self.pings(("CLIENT", "REPLY", "OFF"), ("PING",), ("RESET",), ("PING",))
        self.assertEqual([self.client.read(), self.client.read()], ["RESET", "PONG"])

    def test_syntax(self):
        self.assertError("ERR syntax error", "CLIENT", "REPLY", "MAYBE")


class Pause(WireTest):
    flags = ("--shards", "3", "--enable-debug-command", "yes")

    def tearDown(self):
        super().tearDown()
        # Whatever a test left behind: what a pause of all holds back, nobody can lift.
        eventually(lambda: self.connect().call("CLIENT", "UNPAUSE") == "OK")

    def assertWaits(self, clients):
        readable, _, _ = select.select([client.socket for client in clients], [], [], 0.2)
        self.assertEqual(readable, [])

    def test_writes_wait_on_every_shard_and_reads_do_not(self):
        writers = [self.connect() for _ in range(6)]
        for i, writer in enumerate(writers):
            writer.call("SET", self.key(str(i)), "before")
        self.assertEqual(self.call("CLIENT", "PAUSE", "60000", "WRITE"), "OK")
        for i, writer in enumerate(writers):
            writer.raw(writer.pack("GET", self.key(str(i))) + writer.pack("SET", self.key(str(i)), "after") +
                       writer.pack("GET", self.key(str(i))))
            self.assertEqual(writer.read(), b"before")
        self.assertWaits(writers)
        line = self.call("CLIENT", "LIST", "ID", 1, *range(2, 200)).decode()
        self.assertIn("flags=b", line)
        self.assertEqual(self.call("GET", self.key("0")), b"before")
        self.assertEqual(self.call("CLIENT", "UNPAUSE"), "OK")
        for writer in writers:
            self.assertEqual([writer.read(), writer.read()], ["OK", b"after"])

    def test_a_transaction_waits_if_anything_in_it_writes(self):
        writer, reader = self.connect(), self.connect()
        for client, words in ((writer, ("SET", self.key(), "v")), (reader, ("GET", self.key()))):
            self.assertEqual(client.pipeline(("MULTI",), ("GET", self.key()), words), ["OK", "QUEUED", "QUEUED"])
        self.call("CLIENT", "PAUSE", "60000", "WRITE")
        self.assertEqual(reader.call("EXEC"), [None, None])
        writer.send("EXEC")
        self.assertWaits([writer])
        self.call("CLIENT", "UNPAUSE")
        self.assertEqual(writer.read(), [None, "OK"])

    def test_all_waits_for_its_time(self):
        begin = time.monotonic()
        self.assertEqual(self.call("CLIENT", "PAUSE", "400"), "OK")
        others = [self.connect() for _ in range(6)]
        for other in others:
            other.send("PING")
        for other in others:
            self.assertEqual(other.read(), "PONG")
            self.assertGreaterEqual(time.monotonic() - begin, 0.39)
        self.assertLess(time.monotonic() - begin, 10)

    def test_a_pause_never_gets_weaker_or_shorter(self):
        begin = time.monotonic()
        self.client.pipeline(("CLIENT", "PAUSE", "400", "WRITE"), ("CLIENT", "PAUSE", "10", "WRITE"))
        self.assertEqual(self.call("SET", self.key(), "v"), "OK")
        self.assertGreaterEqual(time.monotonic() - begin, 0.39)

    def test_who_waits_may_leave_or_be_killed(self):
        self.call("CLIENT", "PAUSE", "60000", "WRITE")
        gone, killed = self.connect(), self.connect()
        killed_id = killed.call("CLIENT", "ID")
        for client in (gone, killed):
            client.send("SET", self.key(), "v")
        self.assertWaits([killed])
        gone.close()
        self.assertEqual(self.call("CLIENT", "KILL", "ID", killed_id), 1)
        self.assertTrue(killed.at_end())
        self.call("CLIENT", "UNPAUSE")
        self.assertIsNone(self.call("GET", self.key()))

    def test_who_asks_and_hangs_up_is_still_answered(self):
        self.call("CLIENT", "PAUSE", "60000", "WRITE")
        writer = self.connect()
        writer.send("SET", self.key(), "v")
        writer.socket.shutdown(socket.SHUT_WR)
        self.assertWaits([writer])
        self.call("CLIENT", "UNPAUSE")
        self.assertEqual(writer.read(), "OK")
        self.assertTrue(writer.at_end())

    def test_words_are_checked_as_redis_does(self):
        for text, words in (("ERR timeout is not an integer or out of range", ("x",)),
                            ("ERR timeout is negative", ("-1",)),
                            ("ERR CLIENT PAUSE mode must be WRITE or ALL", ("0", "FOO")),
                            ("ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.",
                             ("0", "WRITE", "x"))):
            self.assertError(text, "CLIENT", "PAUSE", *words)
        self.assertEqual(self.call("CLIENT", "PAUSE", "0"), "OK")
        self.assertEqual(self.call("PING"), "PONG")


class NoEvict(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def test_maxmemory_clients_passes_over_who_asked_for_it(self):
        self.assertError("ERR syntax error", "CLIENT", "NO-EVICT", "maybe")
        spared, other = self.connect(), self.connect()
        self.assertEqual(spared.call("CLIENT", "NO-EVICT", "on"), "OK")
        self.assertIn(b"flags=e", spared.call("CLIENT", "INFO"))
        for client, size in ((spared, 4 << 20), (other, 2 << 20)):
            # The beginning of a request whose end does not come.
            client.raw(b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % (16 << 20) + b"x" * size)
        eventually(lambda: int(self.info("memory")["mem_clients_normal"]) >= 6 << 20)
        self.call("CONFIG", "SET", "maxmemory-clients", "1mb")
        try:
            self.assertTrue(other.at_end())
            self.call("CONFIG", "SET", "maxmemory-clients", "0")
            spared.raw(b"x" * (12 << 20) + b"\r\n")
            self.assertEqual(len(spared.read()), 16 << 20)
        finally:
            self.call("CONFIG", "SET", "maxmemory-clients", "0")


if __name__ == "__main__":
    unittest.main()

import threading
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

    def test_unknown_subcommands_point_to_help(self):
        self.assertError("ERR unknown subcommand 'FROB'. Try CLIENT HELP.", "CLIENT", "FROB")
        text = [line for line in self.call("CLIENT", "HELP")]
        self.assertEqual(text[0], "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")
        self.assertIn("SETNAME connection-name", text)


if __name__ == "__main__":
    unittest.main()

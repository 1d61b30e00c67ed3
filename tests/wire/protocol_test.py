import socket
import unittest

from harness import Client, WireTest, ReplyError, Status


class Protocol(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def test_a_pipeline_is_answered_in_order_however_it_is_cut(self):
        data = b"".join(Client.pack("ECHO", str(i)) for i in range(50)) + b"PING\r\nECHO \"a b\"\r\n"
        for cut in range(0, len(data), 7):
            self.client.raw(data[:cut])
            self.client.raw(data[cut:])
            self.assertEqual([self.client.read() for _ in range(50)], [b"%d" % i for i in range(50)])
            self.assertEqual(self.client.read(), Status("PONG"))
            self.assertEqual(self.client.read(), b"a b")

    def test_an_unknown_command_leaves_the_connection_usable(self):
        self.assertError("ERR unknown command 'FROB', with args beginning with: 'a' 'b' ", "FROB", "a", "b")
        self.assertError("ERR wrong number of arguments for 'echo' command", "ECHO")
        self.assertEqual(self.call("PING"), "PONG")

    def test_a_row_of_the_table_is_not_a_name_to_send(self):
        with self.assertRaisesRegex(ReplyError, "unknown command"):
            self.call("CLIENT|ID", "x")

    def test_a_request_like_the_one_in_front_of_it_is_still_its_own(self):
        key, other = self.key("a"), self.key("b")
        replies = self.client.pipeline(
            ("SET", key, "1"), ("SET", other, "2"), ("GET", key), ("GET", other), ("get", key), ("GET", key), ("GET",),
            ("GET", key), ("GETDEL", key), ("GET", key), ("CONFIG", "GET", "port"), ("CONFIG", "RESETSTAT"),
            ("CONFIG|GET", "port"), ("CONFIG", "GET", "port"), ("CONFIG",), ("NOSUCH", key), ("NOSUCH", key), ("GET", other),
            ("OBJECT", "ENCODING", other), ("OBJECT", "ENCODING", key), ("OBJECT", "HELP"))
        codes = [reply.code if isinstance(reply, ReplyError) else reply for reply in replies[:-1]]
        port = [b"port", b"%d" % self.server.port]
        self.assertEqual(codes, ["OK", "OK", b"1", b"2", b"1", b"1", "ERR", b"1", b"1", None, port, "OK", "ERR", port, "ERR",
                                 "ERR", "ERR", b"2", b"int", None])
        self.assertIsInstance(replies[-1], list)

    def test_malformed_bytes_close_that_connection_only(self):
        for data, text in ((b"*1\r\n:1\r\n", "ERR Protocol error: expected '$', got ':'"),
                           (b"*-x\r\n", "ERR Protocol error: invalid multibulk length"),
                           (b"*1\r\n$-2\r\n", "ERR Protocol error: invalid bulk length")):
            other = self.connect()
            other.raw(data)
            reply = other.read()
            self.assertIsInstance(reply, ReplyError)
            self.assertEqual(str(reply), text)
            self.assertTrue(other.at_end())
        self.assertEqual(self.call("PING"), "PONG")

    def test_what_stands_before_malformed_bytes_is_answered_first(self):
        # MSET goes over both shards: the connection waits for it before it goes on.
        wide = [word for i in range(40) for word in ("wide%d" % i, "v")]
        for before, reply in ((("PING",), "PONG"), (("MSET", *wide), "OK"), (("CLIENT", "PAUSE", "50"), "OK")):
            other = self.connect()
            other.raw(Client.pack(*before) + Client.pack("ECHO", "between") + b"*1\r\n:1\r\n")
            self.assertEqual(other.read(), reply)
            self.assertEqual(other.read(), b"between")
            self.assertEqual(str(other.read()), "ERR Protocol error: expected '$', got ':'")
            self.assertTrue(other.at_end())

    def test_half_a_request_behind_one_that_waits_is_read_once_it_is_whole(self):
        wide = [word for i in range(40) for word in ("wide%d" % i, "v")]
        rest = Client.pack("ECHO", "a") + Client.pack("ECHO", "behind") * 40
        for cut in range(1, len(rest), 13):
            self.client.raw(Client.pack("MSET", *wide) + rest[:cut])
            self.client.raw(rest[cut:])
            self.assertEqual(self.client.read(), "OK")
            self.assertEqual([self.client.read() for _ in range(41)], [b"a"] + [b"behind"] * 40)

    def test_inline_requests_among_others_keep_their_words(self):
        line = b'SET "quoted key" "a b"\r\nGET "quoted key"\r\n'
        self.client.raw((Client.pack("ECHO", "x") + line) * 20)
        for _ in range(20):
            self.assertEqual([self.client.read() for _ in range(3)], [b"x", "OK", b"a b"])

    def test_http_is_refused(self):
        other = self.connect()
        other.raw(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nPING\r\n")
        self.assertTrue(other.at_end())

    def test_quit_answers_and_closes(self):
        replies = self.client.pipeline(("PING",), ("QUIT",))
        self.assertEqual(replies, ["PONG", "OK"])
        self.assertTrue(self.client.at_end())

    def test_a_large_word_arrives_whole(self):
        word = bytes(range(256)) * 20000
        self.assertEqual(self.call("ECHO", word), word)


class HalfClosed(WireTest):
    """A client that says no more still reads: `printf ... | nc -N`."""

    flags = ("--shards", "2")

    def test_everything_asked_is_answered_before_the_connection_closes(self):
        for round in range(5):
            other = self.connect()
            commands = [("STOCK.CREATE", "s%d-%d" % (round, i), "1") for i in range(20)] + [("PING",)]
            other.raw(b"".join(Client.pack(*words) for words in commands) + b"*1\r\n$4\r\nPI")
            other.socket.shutdown(socket.SHUT_WR)
            self.assertEqual([other.read() for _ in commands], ["OK"] * 20 + ["PONG"])
            self.assertTrue(other.at_end())


class BeforeAuthentication(WireTest):
    flags = ("--requirepass", "secret", "--shards", "1", "--appendonly", "no")

    def test_nothing_but_a_few_small_words_is_taken(self):
        self.assertError("NOAUTH Authentication required.", "ECHO", "x")
        other = self.connect()
        other.raw(b"*11\r\n")
        self.assertEqual(str(other.read()), "ERR Protocol error: unauthenticated multibulk length")
        self.assertTrue(other.at_end())
        other = self.connect()
        other.raw(b"*2\r\n$4\r\nECHO\r\n$16385\r\n")
        self.assertEqual(str(other.read()), "ERR Protocol error: unauthenticated bulk length")
        self.assertTrue(other.at_end())

    def test_a_large_word_behind_auth_in_one_pipeline_is_taken(self):
        other = self.connect()
        word = b"w" * 100_000
        other.raw(Client.pack("AUTH", "secret") + Client.pack("ECHO", word) + Client.pack("PING"))
        self.assertEqual([other.read() for _ in range(3)], ["OK", word, "PONG"])


if __name__ == "__main__":
    unittest.main()

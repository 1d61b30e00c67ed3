"""Every bound has an answer, and nobody else pays for who runs into it."""

import socket
import time
import unittest

from harness import Client, ReplyError, Server, WireTest, eventually

MIB = 1 << 20


class SlowReaders(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def test_a_client_that_does_not_read_is_not_read_and_loses_nothing(self):
        value = b"x" * 100_000
        self.call("SET", "big", value)
        slow = self.connect()
        requests = 2000  # 200 MB of replies
        slow.socket.setblocking(False)
        unsent = Client.pack("GET", "big") * requests
        while unsent:
            try:
                unsent = unsent[slow.socket.send(unsent):]
            except BlockingIOError:
                break
        self.assertEqual(self.call("PING"), "PONG")  # others go on
        eventually(lambda: int(self.info("memory")["mem_clients_normal"]) < 4 * MIB)
        slow.socket.settimeout(20)
        received = 0
        while received < requests:
            if unsent:
                sent = slow.socket.send(unsent[:65536])
                unsent = unsent[sent:]
            self.assertEqual(slow.read(), value)
            received += 1

    def test_a_long_pipeline_is_answered_whole(self):
        count = 200_000
        self.client.raw(Client.pack("INCR", self.key()) * count)
        for i in range(count):
            self.assertEqual(self.client.read(), i + 1)


class ClientBufferLimit(WireTest):
    flags = ("--shards", "2", "--appendonly", "no", "--client-buffer-limit", "64kb")

    def test_who_lets_more_wait_is_disconnected(self):
        keys = ["{a}1", "{a}2", "{b}1", "{b}2"]  # two on each shard
        for key in keys:
            self.call("SET", key, b"x" * (8 * MIB))
        # The first two must come from the other shard, and the kernel chooses where a connection lands.
        slow = []

        def one_was_closed():
            slow.append(self.connect())
            slow[-1].raw(b"".join(Client.pack("GET", key) for key in keys))
            return "client-buffer-limit" in self.server.log()
        eventually(one_was_closed)
        self.assertEqual(self.call("PING"), "PONG")

    def test_one_large_value_is_no_reason(self):
        value = b"y" * (8 * MIB)
        self.call("SET", self.key(), value)
        self.assertEqual(self.call("GET", self.key()), value)


class ClientBufferLimitOfOneShard(WireTest):
    flags = ("--shards", "1", "--appendonly", "no", "--client-buffer-limit", "64kb", "--proto-max-bulk-len", "512mb",
             "--client-query-buffer-limit", "512mb")

    def test_what_could_not_be_sent_yet_does_not_wait_for_the_client(self):
        value = b"y" * (8 * MIB)
        self.call("MSET", self.key(), value, "a", "ab" * 5_500, "b", "ba" * 5_500)
        # The look at all clients, a few times a second, is due when so long a turn ends: before the reply is sent.
        begin = time.monotonic()
        replies = self.client.pipeline(*[("LCS", "a", "b", "LEN")] * 300, ("GET", self.key()))
        self.assertEqual(replies, [10_999] * 300 + [value])
        self.assertGreater(time.monotonic() - begin, 0.2)


class ClientMemory(WireTest):
    flags = ("--shards", "2", "--appendonly", "no", "--maxmemory-clients", "8mb")

    def test_together_above_the_limit_the_largest_is_disconnected(self):
        clients = [self.connect() for _ in range(4)]
        for index, client in enumerate(clients):
            client.raw(b"*2\r\n$4\r\nECHO\r\n$%d\r\n" % (20 * MIB) + b"x" * ((1 + 4 * (index == 2)) * MIB))
        # Three of 1 MiB and one of 5, then two more: above the limit only with most of the largest.
        clients[0].raw(b"x" * MIB)
        clients[1].raw(b"x" * MIB)
        eventually(lambda: "maxmemory-clients" in self.server.log())
        self.assertTrue(clients[2].at_end())
        self.assertEqual(self.call("PING"), "PONG")


class Connections(WireTest):
    flags = ("--shards", "2", "--appendonly", "no", "--maxclients", "5", "--timeout", "1")

    def test_one_too_many_is_told_so(self):
        eventually(lambda: self.info("clients")["connected_clients"] == "1")  # those of the last test have left
        others = [self.connect() for _ in range(4)]
        for client in [self.client, *others]:
            client.call("PING")  # the kernel connects before the server accepts
        one_more = self.connect()
        self.assertEqual(str(one_more.read()), "ERR max number of clients reached")
        self.assertTrue(one_more.at_end())
        others[0].close()
        eventually(lambda: self.accepted())
        self.assertGreater(int(self.info("stats")["rejected_connections"]), 0)

    def accepted(self):
        client = Client(self.server.port)
        try:
            return client.call("PING") == "PONG"
        except (ReplyError, ConnectionError):
            return False
        finally:
            client.close()

    def test_an_idle_client_is_disconnected_and_a_busy_one_is_not(self):
        idle = self.connect()
        for _ in range(20):
            self.assertEqual(self.call("PING"), "PONG")
            time.sleep(0.1)
        self.assertTrue(idle.at_end())


class ReplySize(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def test_a_reply_beyond_a_gibibyte_is_an_error_and_costs_no_more(self):
        text = "ERR the reply is larger than 1 GiB, ask for less at once"
        self.call("HSET", "{t}h", "f", b"x" * (32 << 20))
        self.assertError(text, "HMGET", "{t}h", *["f"] * 10_000)


class AdminWords(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def test_what_looks_through_a_table_for_each_word_takes_only_so_many(self):
        self.assertIn(b"port", self.call("CONFIG", "GET", *["port"] * 1000))
        for words in (("CONFIG", "GET"), ("LATENCY", "HISTOGRAM"), ("CLIENT", "LIST", "ID")):
            self.assertError("ERR '%s' takes at most 1024 words" % "|".join(words[:2]).lower(), *words, *["1"] * 1024)


class RequestSize(WireTest):
    flags = ("--shards", "2", "--proto-max-bulk-len", "1mb", "--group-bytes-max", "4mb")

    def test_a_word_or_a_request_beyond_its_limit_closes_the_connection(self):
        self.client.raw(b"*2\r\n$4\r\nECHO\r\n$1048577\r\n")
        self.assertEqual(str(self.client.read()), "ERR Protocol error: invalid bulk length")
        self.assertTrue(self.client.at_end())
        other = self.connect()
        other.raw(b"*7\r\n$4\r\nHSET\r\n" + (b"$1000000\r\n" + b"x" * 1000000 + b"\r\n") * 6)
        self.assertEqual(str(other.read()), "ERR Protocol error: too big request")

    def test_many_large_values_in_one_go_are_kept(self):
        words = [("SET", "v%d" % i, b"%d" % i * 200_000) for i in range(60)]
        self.assertEqual(self.client.pipeline(*words), ["OK"] * 60)
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        self.client = self.connect()
        for _, key, value in words:
            self.assertEqual(self.call("GET", key), value)


class LittleDisk(WireTest):
    flags = ("--shards", "2", "--restart-grace", "0")

    def be_low(self, low):
        self.call("CONFIG", "SET", "disk-reserve", str(1 << 60) if low else "0")
        eventually(lambda: self.info("log")["low_on_disk"] == "01"[low])

    def tearDown(self):
        super().tearDown()
        self.be_low(False)

    def test_below_the_reserve_what_grows_is_refused_and_the_rest_goes_on(self):
        self.call("STOCK.CREATE", "mask", 2)
        self.call("RESERVE", "mask", "ord-1", 1)
        self.call("RESERVE", "mask", "ord-2", 1)
        self.call("SET", "session", "v")
        self.be_low(True)
        self.assertError("MISCONF", "SET", "session", "w")
        self.assertError("MISCONF", "STOCK.CREATE", "other", 5)
        self.assertEqual(self.call("RESERVE", "mask", "ord-3", 1)[0], "SOLDOUT")
        self.assertEqual(self.call("RESERVE", "mask", "ord-1", 1)[0], "HELD")
        self.assertEqual(self.call("CONFIRM", "mask", "ord-1"), ["CONFIRMED", 1])
        self.assertEqual(self.call("RELEASE", "mask", "ord-2"), ["RELEASED", 1])
        self.assertError("MISCONF", "RESERVE", "mask", "ord-4", 1)
        self.assertEqual(self.call("DEL", "session"), 1)
        self.assertEqual(self.call("GET", "session"), None)

        self.be_low(False)
        self.assertEqual(self.call("RESERVE", "mask", "ord-4", 1)[0], "HELD")

    def test_timers_pause_and_what_is_due_is_settled_when_somebody_asks(self):
        for sku in ("soap", "rice"):
            self.call("STOCK.CREATE", sku, 2)
        before = self.settled()
        self.call("SET", "dying", "v", "PX", 1000)
        self.call("RESERVE", "soap", "asked-for", 1, "PX", 1000)
        self.call("RESERVE", "rice", "left-alone", 1, "PX", 1000)
        self.be_low(True)
        time.sleep(1.2)
        self.assertEqual(self.settled(), before)
        self.assertEqual(self.call("GET", "dying"), None)
        self.assertEqual(self.call("CONFIRM", "soap", "asked-for"), ["EXPIRED", 0])
        self.assertEqual(self.settled(), (before[0] + 1, before[1] + 1))
        self.be_low(False)
        eventually(lambda: self.settled() == (before[0] + 2, before[1] + 1))

    def settled(self):
        return int(self.info("stock")["holds_expired"]), int(self.info("stats")["expired_keys"])

    def test_a_snapshot_that_would_eat_the_reserve_is_given_up(self):
        self.call("SET", "key", "v")
        self.be_low(True)
        self.assertError("ERR the snapshot was given up: it would have taken more than half of disk-reserve; "
                         "make room on the disk", "SAVE")
        self.assertEqual(self.info("persistence")["rdb_last_bgsave_status"], "err")
        self.assertEqual(self.call("BGSAVE"), "Background saving started")
        eventually(lambda: self.info("persistence")["rdb_bgsave_in_progress"] == "0")
        self.be_low(False)
        self.assertEqual(self.call("SAVE"), "OK")
        self.assertEqual(self.info("persistence")["rdb_last_bgsave_status"], "ok")
        self.assertEqual(self.info("persistence")["rdb_saves"], "1")


if __name__ == "__main__":
    unittest.main()

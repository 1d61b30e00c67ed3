import contextlib
import os
import resource
import shutil
import signal
import socket
import tempfile
import unittest

from harness import Client, ReplyError, WireTest, eventually


class OnePoll(WireTest):
    @contextlib.contextmanager
    def one_poll(self):
        """What is sent in this block is there before the server looks."""
        process = self.server.process
        process.send_signal(signal.SIGSTOP)
        try:
            with open("/proc/%d/stat" % process.pid) as stat:
                eventually(lambda: stat.seek(0) == 0 and stat.read().rsplit(")", 1)[1].split()[0] in "Tt")
            yield
        finally:
            process.send_signal(signal.SIGCONT)


class Gathered(OnePoll):
    """What small requests of many connections find when one poll brings them all: they run one behind the other, and what
    one does to another's connection is done before that one's turn."""

    flags = ("--shards", "1", "--appendonly", "no")

    def clients(self, count):
        clients = [self.connect() for _ in range(count)]
        for client in clients:
            client.call("PING")
        return clients

    @staticmethod
    def closed(client):
        client.buffer = b""
        return client.at_end()

    def test_each_connection_gets_its_own_answers(self):
        clients = self.clients(100)
        with self.one_poll():
            for i, client in enumerate(clients):
                client.send("SET", self.key(i), i)
                client.send("INCR", self.key("all"))
                client.send("GET", self.key(i))
        answers = [[client.read() for _ in range(3)] for client in clients]
        self.assertEqual([(first, third) for first, _, third in answers], [("OK", b"%d" % i) for i in range(100)])
        self.assertEqual(sorted(second for _, second, _ in answers), list(range(1, 101)))

    def test_reservations_of_many_connections_sell_no_more_than_there_is(self):
        clients = self.clients(50)
        sku = self.key("sku")
        self.call("STOCK.CREATE", sku, "20", "LIMIT", "3")
        with self.one_poll():
            for i, client in enumerate(clients):
                client.send("RESERVE", sku, "hold-%d" % i, "1", "EX", "60", "BUYER", "buyer-%d" % i)
        codes = [client.read()[0] for client in clients]
        self.assertEqual((codes.count("HELD"), codes.count("SOLDOUT")), (20, 30))

    def test_a_client_that_says_no_more_is_answered(self):
        clients = self.clients(20)
        with self.one_poll():
            for client in clients:
                client.send("ECHO", "the last")
                client.socket.shutdown(socket.SHUT_WR)
        for client in clients:
            self.assertEqual(client.read(), b"the last")
            self.assertTrue(client.at_end())

    def test_a_client_that_is_killed_meanwhile_harms_nobody_else(self):
        for _ in range(20):
            killer, *others = self.clients(30)
            names = [client.call("CLIENT", "ID") for client in others[:10]]
            self.call("DEL", self.key())
            for name in names:
                killer.send("CLIENT", "KILL", "ID", name)
                for client in others:  # a kill comes to be in the middle of these
                    with contextlib.suppress(ConnectionError):
                        client.send("INCR", self.key())
            self.assertEqual([killer.read() for _ in names], [1] * 10)
            answers = [[client.read() for _ in names] for client in others[10:]]
            flat = [answer for one in answers for answer in one]
            self.assertEqual(len(set(flat)), len(flat))
            self.assertTrue(all(one == sorted(one) for one in answers))
            self.assertGreaterEqual(int(self.call("GET", self.key())), max(flat))
            for client in others[:10]:
                self.assertTrue(eventually(lambda client=client: self.closed(client)))

    def test_who_is_paused_meanwhile_waits_and_loses_nothing(self):
        pauses, *others = self.clients(8)
        for _ in range(5):
            self.call("DEL", self.key())
            with self.one_poll():
                pauses.send("CLIENT", "PAUSE", "200", "WRITE")
                for client in others:  # whoever of them comes behind it
                    client.raw(Client.pack("ECHO", "x") + Client.pack("INCR", self.key()) + Client.pack("PING")[:9])
            self.assertEqual(pauses.read(), "OK")
            self.assertEqual([client.read() for client in others], [b"x"] * 7)
            self.assertEqual(sorted(client.read() for client in others), list(range(1, 8)))
            for client in others:
                client.raw(Client.pack("PING")[9:])
                self.assertEqual(client.read(), "PONG")

    def poll_of_most(self):
        """The connections of a poll that one call does not tell whole (1,024 at most), so that it goes on, and fifteen of
        them, who still wait for a sixteenth by then: what they say meanwhile belongs to the same poll."""
        descriptors, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(descriptors, min(most, 4000)), most))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (descriptors, most))
        clients = self.clients(1024)
        return clients[:-15], clients[-15:]

    def test_a_poll_that_comes_back_for_more_finds_the_rest(self):
        others, fifteen = self.poll_of_most()
        for size in (60, 120, 180):
            word = b"x" * size
            request = Client.pack("ECHO", word)
            with self.one_poll():
                others[0].send("ECHO", "y" * 300)  # runs alone: fifteen are left over
                for client in others[1:]:
                    client.raw(request)
                for client in fifteen:
                    client.raw(request[:1])
            for at in range(1, len(request)):
                for client in fifteen:
                    client.raw(request[at : at + 1])
            self.assertEqual(others[0].read(), b"y" * 300)
            for client in others[1:] + fifteen:
                self.assertEqual(client.read(), word)

    def test_a_poll_that_comes_back_for_more_finds_whole_requests(self):
        others, fifteen = self.poll_of_most()
        for _ in range(3):
            with self.one_poll():
                others[0].send("ECHO", "y" * 300)
                for client in others[1:] + fifteen:
                    client.send("PING")
            for _ in range(100):
                for client in fifteen:
                    client.send("PING")
            self.assertEqual(others[0].read(), b"y" * 300)
            for client in others[1:]:
                self.assertEqual(client.read(), "PONG")
            for client in fifteen:
                self.assertEqual([client.read() for _ in range(101)], ["PONG"] * 101)

    def test_requests_that_are_cut_or_malformed_harm_nobody_else(self):
        clients = self.clients(30)
        whole = Client.pack("ECHO", "whole")
        with self.one_poll():
            for i, client in enumerate(clients):
                client.raw((whole[:i % 20 + 1], whole + whole[:7], b"*1\r\n$x\r\n")[i % 3])
        for i, client in enumerate(clients):
            if i % 3 == 2:
                self.assertIsInstance(client.read(), ReplyError)
                self.assertTrue(client.at_end())
                continue
            if i % 3 == 1:
                self.assertEqual(client.read(), b"whole")
            client.raw(whole[i % 20 + 1:] if i % 3 == 0 else whole[7:])
            self.assertEqual(client.read(), b"whole")


class GatheredByTwoShards(Gathered):
    """Letters come in between."""

    flags = ("--shards", "2", "--appendonly", "no")


class BesideALog(OnePoll):
    """A request may fill a batch, which ends the turn for the log in the middle of a connection's requests."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.path = os.path.join(cls.directory, "socket")
        cls.flags = ("--shards", "1", "--appendonly", "yes", "--unixsocket", cls.path)
        super().setUpClass()

    def test_all_that_a_client_asked_before_it_left_is_done(self):
        self.call("SET", self.key("big"), b"x" * (2 << 20))
        for _ in range(3):
            self.call("DEL", self.key("after"))
            client = Client(None, unix=self.path)
            client.send("CLIENT", "REPLY", "OFF")
            client.send("SET", self.key("there"), 1)
            eventually(lambda: self.call("DEL", self.key("there")) == 1)
            with self.one_poll():
                client.send("COPY", self.key("big"), self.key("copy"), "REPLACE")
                client.send("SET", self.key("after"), 1)
                client.close()
            eventually(lambda: self.call("GET", self.key("after")) == b"1")


if __name__ == "__main__":
    unittest.main()

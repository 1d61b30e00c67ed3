import os
import re
import subprocess
import tempfile
import unittest

from harness import Client, Server, WireTest, eventually


class Monitor(WireTest):
    flags = ("--shards", "3", "--appendonly", "no")

    def monitor(self):
        client = self.connect()
        self.assertEqual(client.call("MONITOR"), "OK")
        return client

    def next_lines(self, monitor, count):
        """Words as MONITOR quotes them, without time and client."""
        lines = [monitor.read() for _ in range(count)]
        for line in lines:
            self.assertRegex(line, r'^\d{10}\.\d{6} \[\d+ (127\.0\.0\.1:\d+|unix:.*)\] "')
        return [line.split("] ", 1)[1] for line in lines]

    def test_shows_every_command_of_every_shard_to_monitors_of_every_shard(self):
        monitors = [self.monitor() for _ in range(4)]
        clients = [self.connect() for _ in range(6)]
        expected = []
        for i, client in enumerate(clients):
            client.call("SET", "k%d" % i, "v")
            expected.append('"SET" "k%d" "v"' % i)
        for monitor in monitors:
            self.assertEqual(sorted(self.next_lines(monitor, len(expected))), expected)

    def test_one_clients_commands_come_in_their_order(self):
        monitor = self.monitor()
        self.client.pipeline(*[("GET", "k%d" % i) for i in range(100)])
        self.assertEqual(self.next_lines(monitor, 100), ['"GET" "k%d"' % i for i in range(100)])

    def test_lines_are_as_redis_writes_them(self):
        monitor = self.monitor()
        self.call("SELECT", "3")
        self.call("set", "a", b'b c"\\\n\x01\xc3\xa9')
        line = monitor.read()
        self.assertRegex(line, r'^\d{10}\.\d{6} \[0 127\.0\.0\.1:%d\] "SELECT" "3"$' % self.client.socket.getsockname()[1])
        line = monitor.read()
        self.assertIn('[3 ', line)
        self.assertTrue(line.endswith(r'"set" "a" "b c\"\\\n\x01\xc3\xa9"'), line)

    def test_secrets_and_what_only_operators_ask_are_not_shown(self):
        monitor = self.monitor()
        self.client.pipeline(("AUTH", "secret"), ("HELLO", "2", "AUTH", "default", "secret", "SETNAME", "x"),
                             ("CONFIG", "SET", "requirepass", "secret"), ("CONFIG", "SET", "requirepass", ""),
                             ("SLOWLOG", "GET"), ("CLIENT", "LIST"), ("NOSUCH", "x"), ("GET",), ("PING",))
        self.assertEqual(self.next_lines(monitor, 3),
                         ['"AUTH" "(redacted)"', '"HELLO" "2" "AUTH" "(redacted)" "(redacted)" "SETNAME" "x"', '"PING"'])

    def test_a_monitor_may_still_ask_and_sees_itself(self):
        monitor = self.monitor()
        monitor.send("PING")
        self.assertEqual(self.next_lines(monitor, 1), ['"PING"'])
        self.assertEqual(monitor.read(), "PONG")
        self.assertIn("flags=O", self.call("CLIENT", "LIST", "ID", self.id_of(monitor)).decode())

    def id_of(self, monitor):
        monitor.send("CLIENT", "ID")
        self.next_lines(monitor, 1)
        return monitor.read()

    def test_reset_ends_it(self):
        monitor = self.monitor()
        monitor.send("RESET")
        self.next_lines(monitor, 1)
        self.assertEqual(monitor.read(), "RESET")
        self.call("PING")
        self.assertEqual(monitor.call("ECHO", "x"), b"x")

    def test_who_leaves_is_shown_nothing_more(self):
        for _ in range(20):
            self.monitor().close()
        self.assertEqual(self.client.pipeline(*[("PING",)] * 50), ["PONG"] * 50)

    def test_one_that_does_not_read_is_closed(self):
        self.call("CONFIG", "SET", "client-buffer-limit", "1mb")
        try:
            monitor = self.monitor()

            def closed():
                self.client.pipeline(*[("ECHO", "x" * 10000)] * 100)
                return ("id=%d " % monitor_id) not in self.call("CLIENT", "LIST").decode()

            monitor_id = self.id_of(monitor)
            eventually(closed, 60)
        finally:
            self.call("CONFIG", "SET", "client-buffer-limit", "32mb")

    def test_redis_cli_monitors(self):
        cli = subprocess.Popen(["redis-cli", "-p", str(self.server.port), "MONITOR"], stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(cli.stdout.readline(), "OK\n")
            self.call("SET", self.key(), "v")
            self.assertIn('"SET" "%s" "v"' % self.key(), cli.stdout.readline())
        finally:
            cli.kill()
            cli.wait()
            cli.stdout.close()


class UnixSocket(WireTest):
    def test_a_client_of_the_unix_socket_is_named_by_its_path(self):
        with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
            path = os.path.join(folder, "s")
            server = Server("--shards", "2", "--unixsocket", path).start()
            self.addCleanup(server.remove)
            monitor = Client(server.port)
            self.addCleanup(monitor.close)
            monitor.call("MONITOR")
            local = Client(0, unix=path)
            self.addCleanup(local.close)
            local.call("PING")
            self.assertTrue(re.search(r'\[0 unix:%s\] "PING"$' % re.escape(path), monitor.read()))
            self.assertIn(b"flags=U", local.call("CLIENT", "INFO"))


if __name__ == "__main__":
    unittest.main()

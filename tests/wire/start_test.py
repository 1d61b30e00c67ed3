"""How a server starts and stops. A bad start says in its last line on stderr what is wrong and how to go on, and exits
with 1; whatever was on disk stays as it was. A good stop answers what was asked and keeps everything."""

import contextlib
import glob
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import BINARY, Client, Server, free_port
from machine import Machine, SHIM as MACHINE_SHIM, SKIP

NOBODY = 65534
DAY_SECONDS = 86400


class StartCase(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="holdfast-start-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.base, *names)

    def new_server(self, *flags, directory="data", **options):
        server = Server(*flags, directory=self.path(directory), **options)
        server.log_path = self.path("server.log")
        self.addCleanup(server.remove)
        return server

    def call(self, server, *words):
        with contextlib.closing(Client(server.port)) as client:
            return client.call(*words)

    def refusal(self, *arguments, port=None, directory="data", user=None):
        """Starts a server that must refuse; gives its last words."""
        # Another user may not reach the binary where it was built.
        binary = shutil.copy(BINARY, self.path("holdfast")) if user else BINARY
        words = [binary, *arguments, "--port", str(port or free_port()), "--dir", self.path(directory)]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=20, user=user, cwd=self.base)
        self.assertEqual(ended.returncode, 1, ended)
        lines = ended.stderr.splitlines()
        self.assertTrue(lines and lines[-1].startswith("holdfast: "), ended)
        self.assertTrue(ended.stderr.endswith("\n"))
        return lines[-1]

    def assertRefused(self, what, *arguments, **options):
        """`what`: words that must stand in the last line, in this order."""
        line = self.refusal(*arguments, **options)
        self.assertRegex(line, ".*".join(what))

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def sold(self, *flags):
        """A directory in which one hold was confirmed; its server has stopped."""
        server = self.new_server(*flags).start()
        self.call(server, "STOCK.CREATE", "mask", 10)
        self.call(server, "RESERVE", "mask", "h", 2)
        self.call(server, "CONFIRM", "mask", "h")
        self.assertEqual(server.stop(), 0)
        return server

    def files(self, *under):
        return {path: os.stat(path).st_size for path in glob.glob(self.path(*under, "**"), recursive=True)}


class Port(StartCase):
    def test_a_port_of_another_holdfast_is_refused_although_both_would_share_it(self):
        first = self.new_server(directory="first").start()
        self.assertRefused(["port", str(first.port), "in use", "--port"], port=first.port)
        self.assertEqual(self.call(first, "PING"), "PONG")

    def test_a_port_of_any_other_server_is_refused(self):
        for share in (0, 1):
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, share)
                other.bind(("127.0.0.1", 0))
                other.listen()
                port = other.getsockname()[1]
                self.assertRefused(["port", str(port), "in use", "--port"], port=port)

    def test_a_refused_port_leaves_no_directory_behind(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            self.refusal(port=other.getsockname()[1])
        self.assertFalse(os.path.exists(self.path("data")))


class UnixSocket(StartCase):
    def test_it_serves_has_its_mode_outlives_a_kill_and_goes_with_a_clean_stop(self):
        path = self.path("holdfast.sock")
        server = self.new_server("--unixsocket", path, "--unixsocketperm", "700", "--shards", "3")
        for end in (server.kill, server.stop):
            server.start()
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o700)
            clients = [Client(None, unix=path) for _ in range(6)]
            for number, client in enumerate(clients):
                self.assertEqual(client.call("SET", "key%d" % number, "v"), "OK")
                self.assertEqual(client.call("EXISTS", *("key%d" % i for i in range(number + 1))), number + 1)
                client.close()
            end()
        self.assertFalse(os.path.exists(path))

    def test_a_file_of_that_name_is_left_alone(self):
        path = self.write("holdfast.sock", "a file")
        self.assertRefused(["unixsocket", "is a file"], "--unixsocket", path)
        with open(path) as file:
            self.assertEqual(file.read(), "a file")


class Directory(StartCase):
    def test_one_that_another_holdfast_uses(self):
        first = self.new_server().start()
        self.assertRefused(["in use by another holdfast", str(first.process.pid), "--dir"])
        self.assertEqual(self.call(first, "PING"), "PONG")

    def test_one_that_may_not_be_written(self):
        os.chmod(self.base, 0o755)
        os.mkdir(self.path("data"), 0o555)
        user = NOBODY if os.getuid() == 0 else None
        self.assertRefused(["cannot write", "permission", "Permission denied"], user=user)

    def test_one_that_may_not_be_read(self):
        self.sold()
        user = NOBODY if os.getuid() == 0 else None
        os.chmod(self.base, 0o755)
        for folder, _, files in os.walk(self.path("data")):
            os.chmod(folder, 0o000 if folder.endswith("log") else 0o777)
            for name in files:
                os.chmod(os.path.join(folder, name), 0o666)
        self.addCleanup(os.chmod, self.path("data", "log"), 0o700)
        self.assertRefused(["data directory", "Permission denied"], user=user)

    def test_one_that_is_a_file_or_has_no_parent(self):
        self.write("data", "")
        self.assertRefused(["not a directory", "--dir"])
        self.assertRefused(["does not exist", "--dir"], directory="missing/data")

    def test_one_that_holds_the_files_of_something_else(self):
        path = self.write("data/log/dump.rdb", "REDIS0011")
        self.assertRefused(["not Holdfast's", "dump.rdb", "'dir'"])
        with open(path) as file:
            self.assertEqual(file.read(), "REDIS0011")

    def test_one_that_is_the_directory_of_another_server(self):
        for name in ("dump.rdb", "CURRENT"):
            path = self.write("data/" + name, "not ours")
            self.assertRefused([name, "data of another server", "--dir"])
            self.assertEqual(os.listdir(self.path("data")), [name])  # nothing was added
            os.remove(path)

    def test_one_that_holds_the_database_of_another(self):
        self.write("data/log/db/CURRENT", "MANIFEST-000004\n")
        before = self.files("data", "log", "db")
        self.assertRefused(["missing beside a log", "backup", "move it away"])
        self.assertEqual(self.files("data", "log", "db"), before)

    def test_one_with_a_log_when_nothing_is_to_be_kept(self):
        server = self.sold()
        self.assertRefused(["holds a log", "appendonly yes", "'dir'"], "--appendonly", "no")
        server.start()
        self.assertEqual(self.call(server, "CONFIRM", "mask", "h"), ["CONFIRMED", 2])


class Damage(StartCase):
    def newest_write_ahead_log(self):
        logs = [path for path in glob.glob(self.path("data", "log", "db", "*.log")) if os.path.getsize(path)]
        return max(logs, key=os.path.getmtime)

    def test_a_log_that_ends_before_its_witness(self):
        self.sold()
        path = self.newest_write_ahead_log()
        os.truncate(path, os.path.getsize(path) - 1)
        self.assertRefused(["log at index", "ends here", "known to be on disk", "refusing to start", "backup"])

    def test_a_log_whose_newest_file_is_gone(self):
        self.sold()
        os.remove(self.newest_write_ahead_log())
        self.assertRefused(["log at index", "refusing to start", "backup", "move it away"])

    def test_a_log_without_its_witness(self):
        self.sold()
        os.remove(self.path("data", "log", "witness"))
        self.assertRefused(["witness", "missing beside a log", "refusing to start", "backup"])

    def test_a_witness_without_its_log(self):
        self.sold()
        shutil.rmtree(self.path("data", "log", "db"))
        self.assertRefused(["missing", "witness knows a log up to index", "refusing to start", "backup"])

    def test_a_flipped_bit(self):
        self.sold()
        path = self.newest_write_ahead_log()
        with open(path, "r+b") as log:
            log.seek(os.path.getsize(path) // 2)
            byte = log.read(1)[0]
            log.seek(-1, os.SEEK_CUR)
            log.write(bytes([byte ^ 1]))
        self.assertRefused(["refusing to start", "backup"])


class Directives(StartCase):
    def test_a_mistake_in_the_file_names_file_line_and_remedy(self):
        path = self.write("holdfast.conf", "# ours\nloglevel notice\nprot 7000\n")
        self.assertRefused(["holdfast.conf:3", "'prot' is not a directive", "did you mean 'port'"], path)
        path = self.write("holdfast.conf", "\nappendfsync sometimes\n")
        self.assertRefused(["holdfast.conf:2", "appendfsync", "always, everysec, no"], path)
        self.assertRefused(["configuration file", "missing.conf", "No such file"], "missing.conf")

    def test_bad_values_on_the_command_line(self):
        for directive, value, remedy in (
                ("shards", "65", "between 1 and 64"), ("shards", "0", "between 1 and 64"),
                ("shards", "two", "integer"), ("stock-appendfsync", "on", "always, everysec, no"),
                ("restart-grace", "-1", "between 0 and 86400"), ("maxmemory", "1x", "memory value"),
                ("appendonly", "maybe", "'yes' or 'no'"), ("hold-ttl", "999999", "lower the one or raise the other")):
            self.assertRefused([directive, remedy], "--" + directive, value)
        self.assertRefused(["'--shrads' is not a directive", "did you mean '--shards'"], "--shrads", "2")
        self.assertRefused(["between 0 and 65535"], port=70000)
        self.assertFalse(os.path.exists(self.path("data")))


class Stop(StartCase):
    def test_a_clean_stop_and_start_keep_everything(self):
        server = self.sold()
        server.start()
        self.call(server, "SET", "session", "s", "EX", 100)
        self.call(server, "HSET", "cart", "f", "v")
        self.call(server, "STOCK.ADJUST", "mask", "ref", 5)
        held = self.call(server, "RESERVE", "mask", "open", 1)
        self.assertEqual(server.stop(), 0)
        self.assertIn("All changes are on disk", server.log())
        server.start()
        self.assertEqual(self.call(server, "CONFIRM", "mask", "h"), ["CONFIRMED", 2])
        self.assertEqual(self.call(server, "RESERVE", "mask", "open", 1), held)
        self.assertEqual(self.call(server, "STOCK.ADJUST", "mask", "ref", 5), ["ADJUSTED", 5, 12])
        self.assertEqual(self.call(server, "HGETALL", "cart"), [b"f", b"v"])
        self.assertTrue(0 < self.call(server, "PTTL", "session") <= 100_000)

    def test_the_number_of_shards_is_no_part_of_the_data(self):
        server = self.sold("--shards", "1")
        for shards in ("3", "2", "1"):
            server.flags = ("--shards", shards)
            server.start()
            self.assertEqual(self.call(server, "DBSIZE"), 1 + (0 if shards == "3" else 30))
            for i in range(30):
                self.call(server, "INCR", "key%d" % i)
            self.assertEqual(self.call(server, "CONFIRM", "mask", "h"), ["CONFIRMED", 2])
            self.assertEqual(server.stop(), 0)
        server.start()
        for i in range(30):
            self.assertEqual(self.call(server, "GET", "key%d" % i), b"3")

    def test_sigterm_answers_a_pipeline_in_flight_and_exits_with_0(self):
        server = self.new_server("--shards", "3").start()
        client = Client(server.port)
        self.addCleanup(client.close)
        client.call("STOCK.CREATE", "mask", 10**6)
        commands = [client.pack("RESERVE", "mask", "h%d" % i, 1) for i in range(500)]
        client.raw(b"".join(commands))
        first = client.read()
        codes = []
        stopping = threading.Thread(target=lambda: codes.append(server.stop()))
        stopping.start()
        replies = [first] + [client.read() for _ in range(499)]
        self.assertEqual([str(reply[0]) for reply in replies], ["HELD"] * 500)
        self.assertTrue(client.at_end())
        stopping.join()
        self.assertEqual(codes, [0])
        server.start()
        self.assertEqual(self.call(server, "STOCK.AVAIL", "mask"), [10**6 - 500])


@unittest.skipUnless(MACHINE_SHIM, SKIP)
class Clock(StartCase):
    def at(self, offset_seconds):
        """A server on a machine whose wall clock is wrong by so much."""
        machine = Machine(self.path("machine"))
        machine.set_wall_clock(offset_seconds * 1000)
        return self.new_server(environment=machine.environment())

    def test_a_clock_more_than_a_day_back_is_refused_until_accepted(self):
        server = self.at(2 * DAY_SECONDS).start()
        self.call(server, "STOCK.CREATE", "mask", 10)
        _, _, deadline, _ = self.call(server, "RESERVE", "mask", "h", 1)
        self.assertGreater(deadline, (time.time() + DAY_SECONDS) * 1000)
        self.assertEqual(server.stop(), 0)

        self.assertRefused(["clock", "47 hours behind|48 hours behind", "set the clock right", "--accept-clock"])

        server = self.new_server("--accept-clock").start()
        # Time went on from the last record, so the hold neither gained nor lost by the step.
        seconds = int(self.call(server, "TIME")[0])
        self.assertTrue(deadline / 1000 - 900 <= seconds + 1 and seconds <= deadline / 1000)
        self.assertEqual(self.call(server, "CONFIRM", "mask", "h"), ["CONFIRMED", 1])

    def test_a_clock_less_than_a_day_back_is_none_of_ours(self):
        server = self.at(DAY_SECONDS // 2).start()
        before = int(self.call(server, "TIME")[0])
        self.call(server, "SET", "k", "v", "EX", 1000)
        self.assertEqual(server.stop(), 0)
        server = self.new_server().start()
        self.assertGreaterEqual(int(self.call(server, "TIME")[0]), before)
        self.assertTrue(900 < self.call(server, "TTL", "k") <= 1000)


if __name__ == "__main__":
    unittest.main()

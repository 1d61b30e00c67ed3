"""A real server on a free port, and a client that sees every byte of its replies.

    class SetAndGet(WireTest):
        flags = ("--shards", "3")
        def test_a_value_comes_back(self):
            self.assertEqual(self.call("SET", "k", "v"), "OK")

The server's binary is named by HOLDFAST_BIN. Nothing sleeps to be right: `eventually` polls with a limit.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BINARY = os.environ.get("HOLDFAST_BIN", "build/dev/bin/holdfast")
# What never comes, on however busy a machine.
START_SECONDS = ANSWER_SECONDS = 60


class ReplyError(Exception):
    """An error reply; its first word is .code."""

    @property
    def code(self):
        return str(self).split(" ", 1)[0]


class Status(str):
    """A simple string (+OK), told apart from a bulk string."""


class Client:
    """One connection. Bulk strings come back as bytes, simple strings as Status, errors are raised by call()."""

    def __init__(self, port, resp=2, unix=None):
        if unix:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(unix)
            except OSError:
                self.socket.close()
                raise
        else:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        self.socket.settimeout(ANSWER_SECONDS)
        self.buffer = b""
        if resp == 3:
            self.call("HELLO", "3")

    def close(self):
        self.socket.close()

    @staticmethod
    def pack(*words):
        out = b"*%d\r\n" % len(words)
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            out += b"$%d\r\n%s\r\n" % (len(word), word)
        return out

    def send(self, *words):
        self.socket.sendall(self.pack(*words))

    def call(self, *words):
        self.send(*words)
        reply = self.read()
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def pipeline(self, *commands):
        """Sends all at once; error replies come back as values."""
        self.socket.sendall(b"".join(self.pack(*words) for words in commands))
        return [self.read() for _ in commands]

    def raw(self, data):
        self.socket.sendall(data)

    def read_line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def read_bytes(self, count):
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def at_end(self):
        """True once the server has closed the connection and nothing is left to read."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return True
        self.buffer += data
        return not data and not self.buffer

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data

    def read(self):
        line = self.read_line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return Status(rest.decode())
        if kind == b"-":
            return ReplyError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$" or kind == b"=":
            if int(rest) < 0:
                return None
            data = self.read_bytes(int(rest))
            self.read_bytes(2)
            return data
        if kind in b"*~>":
            return None if int(rest) < 0 else [self.read() for _ in range(int(rest))]
        if kind == b"%":
            return {self._key(self.read()): self.read() for _ in range(int(rest))}
        if kind == b"_":
            return None
        if kind == b"#":
            return rest == b"t"
        if kind == b",":
            return float(rest)
        if kind == b"(":
            return int(rest)
        raise AssertionError("not RESP: %r" % line)

    @staticmethod
    def _key(key):
        return key if not isinstance(key, list) else tuple(key)


def free_port():
    """Below those that the kernel gives to whoever connects: it stays free until its server starts, and between restarts."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(12_000, 32_000)))
            return probe.getsockname()[1]


class Server:
    """A holdfast process with its own directory and port; survives restarts, removed at the end."""

    def __init__(self, *flags, directory=None, environment=None, config_file=None):
        self.directory = directory or tempfile.mkdtemp(prefix="holdfast-test-")
        self.port = free_port()
        self.flags = flags
        self.config_file = config_file
        self.environment = environment or {}
        self.log_path = os.path.join(self.directory, "server.log")
        self.process = None

    def command_line(self):
        file = [self.config_file] if self.config_file else []
        return [BINARY, *file, "--port", str(self.port), "--dir", self.directory, *self.flags]

    def start(self, loaded=True):
        """Returns when it serves; with loaded=False as soon as it listens, perhaps to say LOADING."""
        begin = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command_line(), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment})
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError("the server stopped at its start:\n" + self.log())
            try:
                self.knock()
                if not loaded or "Ready to accept connections" in self.log(begin):
                    return self
            except OSError:
                pass
            time.sleep(0.01)
        raise AssertionError("the server did not start in time:\n" + self.log())

    def knock(self):
        """An OSError until it listens."""
        socket.create_connection(("127.0.0.1", self.port), timeout=1).close()

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def log(self, begin=0):
        with open(self.log_path, "rb") as log:
            log.seek(begin)
            return log.read().decode(errors="replace")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """A clean stop; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class WireTest(unittest.TestCase):
    """One server for the class; each test gets its own connection and keys of its own by self.key()."""

    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.flags).start()
        cls.addClassCleanup(cls.server.remove)

    def setUp(self):
        self.client = self.connect()

    def tearDown(self):
        # A server that died under a test failed it, whatever the test looked at.
        self.assertIsNone(self.server.process.poll(), "the server died:\n" + self.server.log()[-4000:])

    def connect(self, resp=2):
        client = Client(self.server.port, resp)
        self.addCleanup(client.close)
        return client

    def call(self, *words):
        return self.client.call(*words)

    def key(self, name="k"):
        return "%s:%s" % (self.id().rsplit(".", 1)[1], name)

    def assertError(self, code_or_text, *words):
        """The command must answer an error with that first word, or that very text."""
        with self.assertRaises(ReplyError) as caught:
            self.call(*words)
        text = str(caught.exception)
        self.assertTrue(text == code_or_text or text.split(" ", 1)[0] == code_or_text, text)

    def info(self, section=None):
        text = self.call("INFO", *([section] if section else [])).decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)


def eventually(condition, seconds=10):
    """Polls until the condition holds; returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("it did not come true in %s s" % seconds)
        time.sleep(0.01)

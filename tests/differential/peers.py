"""Two servers side by side, and the bytes of their replies."""

import shutil
import socket
import subprocess
import tempfile
import time

from harness import Client, free_port
from words import STRING_MAX

# What stands for a reply that never comes.
CLOSED = b"<closed>"
SILENT = b"<no reply>"


class Redis:
    """A redis-server of this test's own."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="holdfast-peer-")
        self.port = free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--proto-max-bulk-len", str(STRING_MAX), "--dir", self.directory],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError("redis-server did not start")
                time.sleep(0.01)

    def remove(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


# ---- the bytes of a reply

def take_reply(client):
    """The next reply, as it came."""
    line = client.read_line() + b"\r\n"
    kind = line[:1]
    if kind in b"$=" and line != b"$-1\r\n":
        return line + client.read_bytes(int(line[1:]) + 2)
    if kind in b"*~%>" and line != b"*-1\r\n":
        count = int(line[1:]) * (2 if kind == b"%" else 1)
        return line + b"".join(take_reply(client) for _ in range(count))
    return line


class Bytes:
    """A reply already read, for take_reply."""

    def __init__(self, data):
        self.data = data

    def read_line(self):
        line, self.data = self.data.split(b"\r\n", 1)
        return line

    def read_bytes(self, count):
        taken, self.data = self.data[:count], self.data[count:]
        return taken


def parts_of(reply):
    """The first line of an aggregate and its elements; of any other reply itself and nothing."""
    if reply[:1] not in b"*~%" or reply == b"*-1\r\n":
        return reply, []
    rest = Bytes(reply)
    head = rest.read_line()
    parts = []
    while rest.data:
        parts.append(take_reply(rest))
    return head, parts


def is_error(reply):
    return reply[:1] == b"-"


def is_null(reply):
    return reply in (b"$-1\r\n", b"*-1\r\n", b"_\r\n")


# ---- one of the two servers, with the connections that a sequence uses

class Peer:
    def __init__(self, port, resp, connections):
        self.port = port
        self.resp = resp
        self.clients = [Client(port, resp) for _ in range(connections)]

    def close(self):
        for client in self.clients:
            client.close()

    def reconnect(self, number):
        self.clients[number].close()
        self.clients[number] = Client(self.port, self.resp)

    def ask(self, number, requests):
        """The reply to each of these requests."""
        client = self.clients[number]
        replies = []
        try:
            client.raw(b"".join(requests))
            for _ in requests:
                replies.append(take_reply(client))
        except ConnectionError:
            replies += [CLOSED] * (len(requests) - len(replies))
        except TimeoutError:
            replies += [SILENT] * (len(requests) - len(replies))
        return replies

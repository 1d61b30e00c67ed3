"""A network between nodes on one machine: each is reached by the others through a front of its own, which learns from
what is said first which node dials, and can be slow, silent in one direction, or cut off in the middle of a frame.

    node.front = Front(network, node.port)  # its server: --replica-announce-port front.port
    network.silence(one, other)             # what one sends to other does not arrive; as with TCP, later it does
    network.cut(one, other)                 # their links end, each in the middle of what it carries
"""

import contextlib
import random
import socket
import threading
import time

CHUNK = 1 << 16
# `*7 NODELINK version reads writes node host port`: what a node says first, in lines.
LINES_OF_REQUEST, LINE_OF_PORT = 15, 14


class Lane:
    """One direction between two nodes, over all of its connections."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()
        self.delay = 0.0
        self.cuts = 0  # each cut ends all connections of before

    def carry(self, source, target, rng):
        cuts = self.cuts
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if self.delay:
                    time.sleep(self.delay)
                self.open.wait()
                if self.cuts != cuts:
                    target.sendall(data[:rng.randrange(len(data))])
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Network:
    """Its nodes are who has a front. Any thread."""

    def __init__(self, rng):
        self.rng = random.Random(rng.random())
        self.lock = threading.Lock()
        self.lanes = {}

    def lane(self, source_port, target_port):
        """By the ports of their fronts."""
        with self.lock:
            return self.lanes.setdefault((source_port, target_port), Lane())

    def silence(self, source, target):
        self.lane(source.front.port, target.front.port).open.clear()

    def slow(self, source, target, seconds):
        self.lane(source.front.port, target.front.port).delay = seconds

    def cut(self, one, other):
        for ports in ((one.front.port, other.front.port), (other.front.port, one.front.port)):
            self.lane(*ports).cuts += 1

    def heal(self):
        with self.lock:
            for lane in self.lanes.values():
                lane.delay = 0.0
                lane.open.set()


class Front:
    """Where other nodes reach a server."""

    def __init__(self, network, server_port):
        self.network, self.server_port = network, server_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                dialer, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(dialer,), daemon=True).start()

    def _serve(self, dialer):
        with dialer, contextlib.suppress(OSError):
            said = b""
            while said.count(b"\r\n") < LINES_OF_REQUEST:
                more = dialer.recv(CHUNK)
                if not more:
                    return
                said += more
            source = int(said.split(b"\r\n")[LINE_OF_PORT])
            there, back = self.network.lane(source, self.port), self.network.lane(self.port, source)
            there.open.wait()
            with socket.create_connection(("127.0.0.1", self.server_port)) as server:
                for end in (dialer, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                server.sendall(said)
                answers = threading.Thread(
                    target=back.carry, args=(server, dialer, self.network.rng), daemon=True)
                answers.start()
                there.carry(dialer, server, self.network.rng)
                answers.join()

"""Hosts of their own for the nodes of a group: network namespaces, joined by a bridge in one more, so that the
machine's own network stays as it is. nft drops what is not to arrive. Clients come over unix sockets.

Whoever may not make namespaces, or has no nft, is told so by SKIP.
"""

import os
import subprocess

from group_case import GroupNode
from harness import Client

PORT = 6379
TABLE = "inet holdfast"


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def why_not():
    """None: hosts can be made."""
    probe = "holdfast-%d-probe" % os.getpid()
    try:
        run("ip", "netns", "add", probe)
        try:
            run("ip", "netns", "exec", probe, "nft", "add", "table", *TABLE.split())
        finally:
            run("ip", "netns", "del", probe)
    except FileNotFoundError as error:
        return "there is no %s" % error.filename
    except subprocess.CalledProcessError as error:
        return "%s: %s" % (" ".join(error.cmd), error.stdout.strip())


SKIP = why_not()


class Hosts:
    """Any number of them, 10.77.0.1 and so on, on one wire."""

    def __init__(self, count):
        self.lan = "holdfast-%d-lan" % os.getpid()
        self.names = ["holdfast-%d-%d" % (os.getpid(), number) for number in range(count)]
        run("ip", "netns", "add", self.lan)
        run("ip", "-n", self.lan, "link", "add", "lan", "type", "bridge")
        run("ip", "-n", self.lan, "link", "set", "lan", "up")
        for number, name in enumerate(self.names):
            run("ip", "netns", "add", name)
            run("ip", "-n", self.lan, "link", "add", "host%d" % number, "type", "veth", "peer", "eth0", "netns", name)
            run("ip", "-n", self.lan, "link", "set", "host%d" % number, "master", "lan", "up")
            run("ip", "-n", name, "addr", "add", self.address(number) + "/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                run("ip", "-n", name, "link", "set", device, "up")
            self.nft(name, "add table " + TABLE)
            self.nft(name, "add chain %s in { type filter hook input priority 0 ; }" % TABLE)

    @staticmethod
    def address(number):
        return "10.77.0.%d" % (number + 1)

    @staticmethod
    def nft(name, rule):
        run("ip", "netns", "exec", name, "nft", *rule.split())

    def silence(self, source, target):
        self.nft(target.namespace, "add rule %s in ip saddr %s drop" % (TABLE, source.host))

    def heal(self):
        for name in self.names:
            self.nft(name, "flush chain %s in" % TABLE)

    def remove(self):
        for name in (*self.names, self.lan):
            run("ip", "netns", "del", name)


class HostNode(GroupNode):
    other_port = PORT

    def __init__(self, hosts, number, *flags, **options):
        self.host, self.namespace = hosts.address(number), hosts.names[number]
        super().__init__(*flags, **options)
        self.port, self.socket_path = PORT, os.path.join(self.directory, "socket")

    def command_line(self):
        return ["ip", "netns", "exec", self.namespace, *super().command_line(), "--unixsocket", self.socket_path,
                "--protected-mode", "no"]

    def connect(self, seconds=20):
        client = Client(None, unix=self.socket_path)
        client.socket.settimeout(seconds)
        return client

    def knock(self):
        self.connect(1).close()

"""Debian's redis-sentinels, as many as a test wants, each with its own directory and port."""

import os
import shutil
import subprocess
import tempfile

from harness import Client, ReplyError, eventually, free_port

SENTINEL_CONF = """\
port %d
bind 127.0.0.1
dir %s
sentinel monitor sale 127.0.0.1 %d %d
sentinel down-after-milliseconds sale 1000
sentinel failover-timeout sale 5000
"""


class Sentinel:
    """A redis-sentinel that watches one primary, which it calls "sale"."""

    def __init__(self, primary, quorum=2, password=None):
        self.directory = tempfile.mkdtemp(prefix="holdfast-sentinel-")
        self.port = free_port()
        path = os.path.join(self.directory, "sentinel.conf")
        with open(path, "w") as file:
            file.write(SENTINEL_CONF % (self.port, self.directory, primary, quorum))
            if password:
                file.write("sentinel auth-pass sale %s\n" % password)
        self.process = subprocess.Popen(["redis-sentinel", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        stdin=subprocess.DEVNULL)
        self.client = eventually(self.connect)
        # It looks around ten times a second; on its own it would every ten.
        self.client.call("SENTINEL", "DEBUG", "info-period", 100, "publish-period", 100, "ping-period", 100)

    def connect(self):
        try:
            return Client(self.port)
        except OSError:
            return None

    def primary(self):
        return fields(self.client.call("SENTINEL", "MASTER", "sale"))

    def address(self):
        host, port = self.client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "sale")
        return "%s:%d" % (host.decode(), int(port))

    def replicas(self):
        """By port, what it knows of each."""
        return {int(one["port"]): one for one in map(fields, self.client.call("SENTINEL", "REPLICAS", "sale"))}

    def finds_it_well(self):
        state = self.primary()
        return state if state["flags"] == "master" and state["role-reported"] == "master" and state["runid"] else None

    def finds_all_well(self, primary, *replicas):
        """It knows this primary, and these replicas of it and no other, all of them up."""
        if self.address() != primary.address or not self.finds_it_well():
            return False
        known = self.replicas()
        return set(known) == {replica.port for replica in replicas} and all(
            one["flags"] == "slave" and one["master-link-status"] == "ok" and
            one["master-host"] + ":" + one["master-port"] == primary.address for one in known.values())

    def has_quorum(self):
        try:
            return self.client.call("SENTINEL", "CKQUORUM", "sale")
        except ReplyError:
            return None

    def remove(self):
        self.client.close()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def fields(flat):
    words = [word.decode() for word in flat]
    return dict(zip(words[::2], words[1::2]))

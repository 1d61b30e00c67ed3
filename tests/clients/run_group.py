#!/usr/bin/python3
"""Runs a client's program beside a primary, two replicas in its sync set and three Sentinels: run_group.py program ...

The program finds in its environment
    HOLDFAST_SENTINELS   the ports of the Sentinels, which call the group "sale"
    HOLDFAST_CONTROL     a port that kills the primary: "kill\\n" is answered "done\\n" when it is dead
Needs HOLDFAST_BIN, and tests/wire in PYTHONPATH.
"""

import os
import socketserver
import subprocess
import sys
import threading

from group import Node
from harness import eventually
from sentinels import Sentinel

SECONDS = 60


class Control(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line == b"kill\n":
                self.server.primary.kill()
                self.wfile.write(b"done\n")


def main():
    nodes, sentinels = [Node(), Node(), Node()], []
    primary, *replicas = nodes
    try:
        for node in nodes:
            node.primary = primary if node is not primary else None
            node.members = [other for other in nodes if other is not node]
            node.start()
        eventually(lambda: primary.has_members(*replicas), SECONDS)
        sentinels += [Sentinel(primary.port) for _ in range(3)]
        for sentinel in sentinels:
            eventually(lambda sentinel=sentinel: sentinel.finds_all_well(primary, *replicas), SECONDS)
            eventually(lambda sentinel=sentinel: (sentinel.has_quorum() or "").startswith("OK 3 usable"), SECONDS)
        control = socketserver.TCPServer(("127.0.0.1", 0), Control)
        control.primary = primary
        threading.Thread(target=control.serve_forever, daemon=True).start()
        status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, env={
            **os.environ, "HOLDFAST_SENTINELS": ",".join(str(sentinel.port) for sentinel in sentinels),
            "HOLDFAST_CONTROL": str(control.server_address[1])}).returncode
        control.shutdown()
        for node in replicas:
            if node.process.poll() is not None:
                print("a replica died:\n" + node.log()[-4000:])
                status = 1
    finally:
        for one in sentinels + nodes:
            one.remove()
    return status


if __name__ == "__main__":
    sys.exit(main())

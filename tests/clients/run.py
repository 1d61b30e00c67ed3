#!/usr/bin/python3
"""Runs a client's program beside a server of its own: run.py program [argument ...]

The program finds in its environment
    HOLDFAST_PORT      the server
    HOLDFAST_CONTROL   a port that restarts it: "restart\\n" is answered "done\\n" once the server listens again
Needs HOLDFAST_BIN, and tests/wire in PYTHONPATH.
"""

import os
import socketserver
import subprocess
import sys
import threading

from harness import Server


class Control(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line == b"restart\n":
                self.server.holdfast.stop()
                self.server.holdfast.start()
                self.wfile.write(b"done\n")


def main():
    holdfast = Server("--shards", "2").start()
    control = socketserver.TCPServer(("127.0.0.1", 0), Control)
    control.holdfast = holdfast
    threading.Thread(target=control.serve_forever, daemon=True).start()
    try:
        status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, env={
            **os.environ, "HOLDFAST_PORT": str(holdfast.port),
            "HOLDFAST_CONTROL": str(control.server_address[1])}).returncode
        if holdfast.process.poll() is not None:
            print("the server died:\n" + holdfast.log()[-4000:])
            status = 1
    finally:
        control.shutdown()
        holdfast.remove()
    return status


if __name__ == "__main__":
    sys.exit(main())

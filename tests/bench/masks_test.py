#!/usr/bin/env python3
"""The masks scenario's audit: exact against a right ledger that is killed and restarted in the middle, and
a difference, with exit status 1, against ledgers that are wrong in one way each.

usage: masks_test.py path/to/holdfast-bench
"""
import os
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Sale:
    """A ledger of its own and a crowd before it. The sales of a test run side by side."""

    def __init__(self, bench, directory, wrong):
        self.wrong = wrong
        self.log = os.path.join(directory, (wrong or "right") + ".log")
        self.port = 0
        self.start_ledger()
        masks = "--buyers 1500 --stock 900 --connections 20 --open-in 1 --hold-s 1 --max-seconds 60 --quiet"
        self.bench = subprocess.Popen(
            [bench, "--scenario", "masks", "--port", str(self.port), *masks.split()],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def start_ledger(self):
        command = [sys.executable, os.path.join(HERE, "fake_server.py"), "--log", self.log, "--port", str(self.port)]
        if self.wrong:
            command += ["--break", self.wrong]
        self.ledger = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.ledger.stdout.readline().split()[-1])

    def kill_and_restart(self):
        """In the first rush: a sale of this size has about five thousand requests."""
        while self.requests() < 1200 and self.bench.poll() is None:
            time.sleep(0.01)
        self.ledger.kill()
        self.ledger.wait()
        self.start_ledger()

    def requests(self):
        with open(self.log, "rb") as file:
            return file.read().count(b"\n")

    def finish(self):
        text = self.bench.communicate(timeout=120)[0]
        self.ledger.kill()
        self.ledger.wait()
        return self.bench.returncode, text


# How the ledger is wrong, and what the audit must say of it.
WRONG = {
    "oversell": "it must be 900",
    "forget": "DIFFERENCE",
    "limit": "beyond the buyer's limit",
    "retry": "a repeat moved the deadline",
    "confirm": "acknowledged as CONFIRMED",
    "release": "acknowledged as RELEASED",
    "sum": "available + held + sold",
}


def main():
    bench = sys.argv[1]
    failures = []
    with tempfile.TemporaryDirectory() as directory:
        right = Sale(bench, directory, "")
        wrong = [Sale(bench, directory, way) for way in WRONG]
        # At once: one sale may be over by the time that another was watched until its rush.
        kills = [threading.Thread(target=sale.kill_and_restart) for sale in [right, *wrong] if sale.wrong in ("", "forget")]
        for kill in kills:
            kill.start()
        for kill in kills:
            kill.join()
        code, text = right.finish()
        if code != 0 or "result: exact" not in text or "connections lost  20" not in text:
            failures.append("the right ledger: exit %d\n%s" % (code, text))
        for sale in wrong:
            code, text = sale.finish()
            if code != 1 or WRONG[sale.wrong] not in text:
                failures.append("the ledger with --break %s: exit %d\n%s" % (sale.wrong, code, text))
    print("\n".join(failures) or "the audit tells right from wrong in %d ways" % len(WRONG))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

"""Lives and deaths of one server on one directory: sell, kill -9, perhaps lose power, start, ask the oracle."""

import contextlib
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from harness import Client, Server
from oracle import Oracle, now_ms
from sale import Buyer, Watcher

BUYERS = 3
GRACE_SECONDS = 1
# Over three shards and many partitions. The last has fewer units than there are buyers for.
SKUS = {"mask": 10**9, "soap": 10**9, "rice": 10**9, "{drop}a": 10**9, "rare": 40}
SHIM, APPLY = os.environ.get("HOLDFAST_SHIM"), os.environ.get("HOLDFAST_POWER_LOSS_APPLY")


class Saver(threading.Thread):
    """One snapshot after the other, until the server is gone."""

    def __init__(self, server):
        super().__init__()
        self.port = server.port

    def run(self):
        with contextlib.suppress(OSError), contextlib.closing(Client(self.port)) as client:
            while True:
                client.call("SAVE")


class CrashCase(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("HOLDFAST_CRASH_SEED", time.time_ns() % 10**9))
        print("HOLDFAST_CRASH_SEED=%d" % self.seed, flush=True)
        self.rng = random.Random(self.seed)
        self.base = tempfile.mkdtemp(prefix="holdfast-crash-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.data, self.shadow = os.path.join(self.base, "data"), os.path.join(self.base, "shadow")

    def open_sale(self, *flags, power_loss=False):
        """A first start on an empty directory, with the SKUs made and acknowledged."""
        os.mkdir(self.data)
        environment = {}
        if power_loss:
            environment = {"LD_PRELOAD": SHIM, "HOLDFAST_SHIM_DIR": self.data, "HOLDFAST_SHIM_SHADOW": self.shadow}
        self.server = Server("--shards", "3", "--restart-grace", str(GRACE_SECONDS), *flags,
                             directory=self.data, environment=environment)
        # A power loss must not take the story with it.
        self.server.log_path = os.path.join(self.base, "server.log")
        self.addCleanup(self.server.remove)
        self.oracle = Oracle(SKUS, BUYERS, self.rng, GRACE_SECONDS * 1000)
        self.server.start()
        with contextlib.closing(Client(self.server.port)) as client:
            for sku, units in SKUS.items():
                self.assertEqual(client.call("STOCK.CREATE", sku, units), "OK")

    def sell_until_killed(self, longest=0.6, snapshots=False):
        """Everybody buys; kill -9 comes at a random moment, and sometimes it takes a while until somebody notices."""
        threads = [Buyer(self.server, notes, list(SKUS), random.Random(self.rng.random()))
                   for notes in self.oracle.notebooks]
        threads.append(Watcher(self.server, self.oracle.watch, list(SKUS)))
        if snapshots:
            threads.append(Saver(self.server))
        for thread in threads:
            thread.start()
        time.sleep(self.rng.uniform(0.05, longest))
        self.assertIsNone(self.server.process.poll(), "the server died by itself:\n" + self.server.log()[-4000:])
        self.server.kill()
        self.oracle.killed_at = now_ms()
        for thread in threads:
            thread.join(30)
            self.assertFalse(thread.is_alive())
        time.sleep(self.rng.choice((0, 0, 0.4)))  # long enough for short holds to fall due: none may expire for it

    def die_while_starting(self):
        """A start that is cut off anywhere in it, by kill -9."""
        with open(self.server.log_path, "ab") as log:
            process = subprocess.Popen(self.server.command_line(), stdout=log, stderr=log,
                                       env={**os.environ, **self.server.environment})
        time.sleep(self.rng.uniform(0, 0.15))
        self.assertIsNone(process.poll(), "the server stopped by itself:\n" + self.server.log()[-4000:])
        process.kill()
        process.wait()

    def lose_power(self):
        subprocess.run([APPLY, self.data, self.shadow], check=True)

    def problems_after_start(self, everything=False):
        self.server.start()
        with contextlib.closing(Client(self.server.port)) as client:
            return self.oracle.check(client, everything)

    def assert_kept(self, everything=False):
        problems = self.problems_after_start(everything)
        self.assertEqual(problems[:10], [], "%d broken promises, seed %d" % (len(problems), self.seed))

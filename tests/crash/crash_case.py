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

from harness import Client, ReplyError, Server
from machine import Machine
from oracle import Oracle, now_ms
from sale import Buyer, Watcher

BUYERS = 3
GRACE_SECONDS = 1
# Over three shards and many partitions. The last has fewer units than there are buyers for.
SKUS = {"mask": 10**9, "soap": 10**9, "rice": 10**9, "{drop}a": 10**9, "rare": 40}
POWER_LOSS_SHIM, APPLY = os.environ.get("HOLDFAST_SHIM"), os.environ.get("HOLDFAST_POWER_LOSS_APPLY")
# A sale's story grows with each of its lives, and so does what a check looks at.
LIVES_MOST = 50


def rounds(usual):
    """How many a test makes, where CI makes `usual`; HOLDFAST_CRASH_ROUNDS is what the longest makes instead of 50."""
    return max(1, usual * int(os.environ.get("HOLDFAST_CRASH_ROUNDS", LIVES_MOST)) // LIVES_MOST)


class Until(threading.Thread):
    """Does one thing again and again on a connection of its own, until the server is gone."""

    def __init__(self, server, act):
        super().__init__(daemon=True)
        self.server, self.act, self.problem = server, act, None

    def run(self):
        try:
            with contextlib.closing(Client(self.server.port)) as client:
                while True:
                    self.act(client)
        except OSError:
            pass
        except Exception as error:  # a thread's own would go unseen
            self.problem = error


def take_snapshot(client):
    client.call("SAVE")


class Filler:
    """Makes the log grow: large values for a few keys. Refused for want of room it comes back a little later."""

    def __init__(self, value_bytes=60_000, keys=10):
        self.value_bytes, self.keys, self.written, self.refused = value_bytes, keys, 0, 0

    def __call__(self, client):
        value = os.urandom(self.value_bytes)
        try:
            client.call("SET", "filler%d" % (self.written % self.keys), value)
            self.written += 1
        except ReplyError as error:
            if error.code != "MISCONF":
                raise
            self.refused += 1
            time.sleep(0.01)


class CrashCase(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("HOLDFAST_CRASH_SEED", time.time_ns() % 10**9))
        print("HOLDFAST_CRASH_SEED=%d" % self.seed, flush=True)
        self.rng = random.Random(self.seed)
        self.base = tempfile.mkdtemp(prefix="holdfast-crash-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.server = self.machine = None

    def open_sale(self, *flags, directory=None, machine=False, power_loss=False):
        """A first start on an empty directory, with the SKUs made and acknowledged."""
        if self.server:
            self.server.remove()
        place = directory or tempfile.mkdtemp(dir=self.base)
        # A power loss must not take the story with it, nor a full disk.
        self.data, self.shadow = os.path.join(place, "data"), os.path.join(place, "shadow")
        os.mkdir(self.data)
        environment, shims = {}, [POWER_LOSS_SHIM] if power_loss else []
        if power_loss:
            environment = {"LD_PRELOAD": POWER_LOSS_SHIM, "HOLDFAST_SHIM_DIR": self.data,
                           "HOLDFAST_SHIM_SHADOW": self.shadow}
        if machine:
            self.machine = Machine(os.path.join(self.base, "machine"), self.data)
            environment.update(self.machine.environment(*shims))
        self.server = Server("--shards", "3", "--restart-grace", str(GRACE_SECONDS), *flags,
                             directory=self.data, environment=environment)
        self.server.log_path = os.path.join(self.base, "server.log")
        self.addCleanup(self.server.remove)
        self.oracle = Oracle(SKUS, BUYERS, self.rng, GRACE_SECONDS * 1000)
        self.server.start()
        with contextlib.closing(Client(self.server.port)) as client:
            for sku, units in SKUS.items():
                self.assertEqual(client.call("STOCK.CREATE", sku, units), "OK")

    @contextlib.contextmanager
    def everybody_buys(self, *acts, sessions=True):
        """While the body runs, at whose end the server is dead. `acts`: what others do meanwhile, see Until."""
        threads = [Buyer(self.server, notes, list(SKUS), random.Random(self.rng.random()), sessions)
                   for notes in self.oracle.notebooks]
        threads.append(Watcher(self.server, self.oracle.watch, list(SKUS)))
        others = [Until(self.server, act) for act in acts]
        for thread in threads + others:
            thread.start()
        try:
            yield
        except OSError:
            self.assert_alive()
            raise
        finally:
            self.server.kill()
        self.oracle.killed_at = now_ms()
        for thread in threads + others:
            thread.join(30)
            self.assertFalse(thread.is_alive())
        for other in others:
            self.assertIsNone(other.problem)

    def assert_alive(self):
        self.assertIsNone(self.server.process.poll(), "the server died by itself:\n" + self.server.log()[-4000:])

    def sell_until_killed(self, *acts, longest=0.5, **options):
        """kill -9 comes at a random moment, and sometimes it takes a while until somebody notices."""
        with self.everybody_buys(*acts, **options):
            time.sleep(self.rng.uniform(0.05, longest))
            self.assert_alive()
        time.sleep(self.rng.choice((0, 0, 0.4)))  # long enough for short holds to fall due: none may expire for it

    def assert_dies_by_itself(self, *reasons, seconds=20):
        """Within so long, saying in its last words on stderr why."""
        try:
            code = self.server.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.fail("nothing stopped the server, failed was %s, seed %d" % (self.failed_path(), self.seed))
        said = self.server.log()[-4000:]
        self.assertEqual(code, 1, said)
        words = " ".join(line for line in said.splitlines()[-3:] if line.startswith("holdfast: "))
        self.assertTrue(any(reason in words for reason in reasons), said)

    def failed_path(self):
        return self.machine.failed_path if self.machine else None

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

    def save(self):
        with contextlib.closing(Client(self.server.port)) as client:
            return client.call("SAVE")

    def info(self, section):
        with contextlib.closing(Client(self.server.port)) as client:
            text = client.call("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

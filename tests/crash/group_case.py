"""A sale at a group of three servers, all in the sync set, whose links can be slowed, silenced and cut."""

import contextlib
import os
import random
import shutil
import signal
import tempfile
import time
import unittest

from crash_case import BUYERS, GRACE_SECONDS, SKUS
from group import Node
from group_sale import GroupBuyer, NodeWatcher, Scribbler, SharedWatch, Street
from harness import Client, ReplyError, eventually
from links import Front, Network
from oracle import Oracle, fields, now_ms

NODES = 3
SETTLE_SECONDS = 60  # what never comes, on however busy a machine
FIELDS_ALIKE = ("available", "held", "sold", "supplied", "returned", "holds", "seq", "paused", "limit")


class GroupOracle(Oracle):
    """Of a server that buyers have asked before: its grace runs already, or is over."""

    def _restart_grace(self, client, problems):
        info = client.call("INFO", "holdfast").decode()
        self.killed_at = now_ms()
        return int(info.split("restart_grace_until_ms:")[1].split("\r\n")[0])


class GroupNode(Node):
    """What a test does to a node."""

    is_paused = False

    def connect(self, seconds=20):
        client = Client(self.port)
        client.socket.settimeout(seconds)
        return client

    def call(self, *words, seconds=20):
        with contextlib.closing(self.connect(seconds)) as client:
            return client.call(*words)

    def pause(self):
        """Returns when none of its threads runs any more, which is a little later."""
        self.is_paused = True
        self.process.send_signal(signal.SIGSTOP)
        eventually(lambda: all(state == "T" for state in self.thread_states()))

    def thread_states(self):
        for task in os.listdir("/proc/%d/task" % self.process.pid):
            with open("/proc/%d/task/%s/stat" % (self.process.pid, task)) as stat:
                yield stat.read().rsplit(")", 1)[1].split()[0]

    def resume(self):
        self.is_paused = False
        self.process.send_signal(signal.SIGCONT)

    def is_up(self):
        return self.process.poll() is None and not self.is_paused

    def lose_directory(self):
        shutil.rmtree(self.directory)
        os.mkdir(self.directory)


class FrontedNode(GroupNode):
    def __init__(self, network, *flags, **options):
        super().__init__(*flags, **options)
        self.front = Front(network, self.port)

    @property
    def other_port(self):
        return self.front.port

    def command_line(self):
        return super().command_line() + ["--replica-announce-port", str(self.front.port)]

    def remove(self):
        self.front.close()
        super().remove()


class GroupCase(unittest.TestCase):
    def setUp(self):
        self.seed = int(os.environ.get("HOLDFAST_CRASH_SEED", time.time_ns() % 10**9))
        print("HOLDFAST_CRASH_SEED=%d" % self.seed, flush=True)
        self.rng = random.Random(self.seed)
        self.base = tempfile.mkdtemp(prefix="holdfast-group-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)

    def open_sale(self, *flags):
        """Three that have found each other, with the SKUs made and acknowledged."""
        self.network = self.make_network()
        self.nodes = []
        for number in range(NODES):
            directory = os.path.join(self.base, "node%d" % number)
            os.mkdir(directory)
            node = self.make_node(number, "--restart-grace", str(GRACE_SECONDS), *flags, directory=directory)
            node.log_path = os.path.join(self.base, "node%d.log" % number)
            self.addCleanup(node.remove)
            self.nodes.append(node)
        for node in self.nodes:
            node.members = [other for other in self.nodes if other is not node]
            node.primary = self.nodes[0] if node is not self.nodes[0] else None
            node.start(loaded=False)
        self.street = Street(self.nodes, self.rng)
        self.oracle = GroupOracle(SKUS, BUYERS, self.rng, 0)
        self.oracle.watch = SharedWatch()
        self.until(lambda: self.nodes[0].leads())
        for sku, units in SKUS.items():
            self.assertEqual(self.nodes[0].call("STOCK.CREATE", sku, units), "OK")
        self.await_whole_group()

    def make_network(self):
        return Network(self.rng)

    def make_node(self, _number, *flags, **options):
        return FrontedNode(self.network, *flags, **options)

    def until(self, condition, seconds=SETTLE_SECONDS):
        try:
            return eventually(condition, seconds)
        except AssertionError:
            self.fail("it did not come true in %d s, seed %d:\n%s" % (seconds, self.seed, self.tell()))

    def tell(self):
        """How the group stands, and what each of its nodes said last."""
        told = []
        for node in self.nodes:
            state = node.replication() if node.is_up() else {"process": node.process.poll()}
            told += ["%s (port %d, pid %d): %s" % (node.address, node.port, node.process.pid, state), node.log()[-2500:]]
        return "\n".join(told)

    # ---- who leads

    def primary(self):
        return self.until(lambda: next((node for node in self.nodes if node.is_up() and node.leads()), None))

    def others(self, node):
        return [other for other in self.nodes if other is not node]

    def promote(self, candidates):
        """As whoever watches the group would: one after another, until one leads; then all follow that one."""
        candidates = self.rng.sample(candidates, len(candidates))

        def leads():
            candidates.append(candidates.pop(0))
            with contextlib.suppress(OSError, ReplyError):
                candidates[0].call("REPLICAOF", "NO", "ONE", seconds=2)
            with contextlib.suppress(AssertionError):
                return eventually(candidates[0].leads, 3)

        self.until(leads)
        self.obey(candidates[0])
        return candidates[0]

    def obey(self, leader):
        """What each would write into its configuration."""
        for node in self.nodes:
            node.primary = None if node is leader else leader
            if node is not leader and node.is_up():
                with contextlib.suppress(OSError, ReplyError):
                    node.call("REPLICAOF", leader.host, leader.other_port)

    def await_whole_group(self):
        """One leads, and all others are in the sync set."""
        def is_whole():
            leaders = [node for node in self.nodes if node.leads()]
            return len(leaders) == 1 and leaders[0].has_members(*self.others(leaders[0]))
        self.until(is_whole)

    # ---- the sale

    @contextlib.contextmanager
    def everybody_buys(self):
        """While the body runs; at its end everybody has asked again what was not answered."""
        threads = [GroupBuyer(self.street, notes, list(SKUS), random.Random(self.rng.random()))
                   for notes in self.oracle.notebooks]
        threads.append(Scribbler(self.street, random.Random(self.rng.random())))
        threads += [NodeWatcher(self.street, node, self.oracle.watch, list(SKUS)) for node in self.nodes]
        for thread in threads:
            thread.start()
        try:
            yield
            for buyer in threads[:BUYERS]:  # the sale goes on, at every one of them
                turns = buyer.turns
                self.until(lambda: buyer.turns > turns + 2 or buyer.problem)
        finally:
            for thread in threads:
                thread.stopping.set()
        for thread in threads:
            thread.join(SETTLE_SECONDS)
            self.assertFalse(thread.is_alive(), "%r has not heard the end of it, seed %d:\n%s" % (
                thread, self.seed, self.tell()))
            self.assertIsNone(thread.problem)

    def a_while(self, least=0.2, most=0.8):
        time.sleep(self.rng.uniform(least, most))

    # ---- what must be so

    def assert_kept(self):
        """All troubles are over: the group becomes whole, stands by every answer, and is of one mind."""
        for node in self.nodes:
            self.assertIsNone(node.process.poll(), "a server died by itself, seed %d:\n%s" % (self.seed, self.tell()))
        self.await_whole_group()
        leader = self.primary()
        with contextlib.closing(leader.connect()) as client:
            problems = self.oracle.check(client)
        self.assertEqual(problems[:10], [], "%d broken promises, seed %d:\n%s" % (
            len(problems), self.seed, self.tell()))
        states = []

        def agree():
            states[:] = [self.state_of(node) for node in self.nodes]
            return states[0] == states[1] == states[2]
        try:
            eventually(agree, 20)
        except AssertionError:
            self.fail("the nodes differ, seed %d: %s\n%s" % (self.seed, self.differences(states), self.tell()))

    def state_of(self, node):
        """All of the stock, and of the ordinary keys their number and what is in a part of them."""
        with contextlib.closing(node.connect()) as client:
            state = {"keys": client.call("DBSIZE"), "bad": fields(client.call("STOCK.AUDIT"))["bad"]}
            for sku in SKUS:
                stock = fields(client.call("STOCK.GET", sku))
                state[sku] = {name: stock[name] for name in FIELDS_ALIKE}
                cursor = b"0"
                while True:
                    cursor, holds = client.call("HOLD.LIST", sku, "CURSOR", cursor, "COUNT", 1000)
                    state.update(((sku, hold[0]), hold[1:]) for hold in holds)
                    if cursor == b"0":
                        break
            names = [kind + str(i) for i in range(0, Scribbler.KEYS, 7) for kind in ("value:", "one:", "two:", "count:")]
            state.update(zip(names, client.call("MGET", *names)))
            hashes = ["hash:%d" % i for i in range(0, Scribbler.KEYS, 7)]
            replies = client.pipeline(*[("HGETALL", name) for name in hashes])
            state.update((name, sorted(zip(reply[::2], reply[1::2]))) for name, reply in zip(hashes, replies))
        return state

    @staticmethod
    def differences(states):
        names = {name for state in states for name in state}
        different = [name for name in names if any(state.get(name) != states[0].get(name) for state in states)]
        return [(name, [state.get(name) for state in states]) for name in sorted(different, key=str)[:5]]

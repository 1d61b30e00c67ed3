"""A sale at a group of servers: buyers who look for the one that leads, and ask again what was not answered."""

import contextlib
import os
import threading
import time

from harness import ReplyError
from oracle import Watch, fields
from sale import Customer

# Longer than a group needs to go on after most troubles, so that some are seen by those who wait.
PATIENCE_SECONDS = 1.5
LOOK_SECONDS = 0.5
# "Not here" and "not known": look for the primary and repeat with the same id.
AWAY = ("NOTACKED", "READONLY", "LOADING", "MASTERDOWN")


class TurnedAway(Exception):
    pass


class Street:
    """The servers, as clients see them: addresses of which some answer, and one leads."""

    def __init__(self, nodes, rng):
        self.nodes, self.rng = nodes, rng
        self.lock = threading.Lock()
        self.unreachable, self.clients = set(), []

    def client_of_primary(self):
        """A client of a server that says that it leads, and until when its restart grace runs."""
        for node in self.rng.sample(self.nodes, len(self.nodes)):
            with contextlib.suppress(OSError, ReplyError):
                client = self.client_of(node, LOOK_SECONDS)
                try:
                    if client.call("ROLE")[0] == b"master":
                        info = client.call("INFO", "holdfast")
                        client.socket.settimeout(PATIENCE_SECONDS)
                        found, client = client, None
                        return found, int(info.split(b"restart_grace_until_ms:")[1].split(b"\r\n")[0])
                finally:
                    if client:
                        client.close()
        raise ConnectionError("nobody says that it leads")

    def client_of(self, node, seconds):
        with self.lock:
            if node in self.unreachable:
                raise ConnectionError("cut off")
            client = node.connect(seconds)
            self.clients = [(whose, one) for whose, one in self.clients if one.socket.fileno() >= 0]
            self.clients.append((node, client))
            return client

    def cut_off(self, node):
        """No client reaches it."""
        with self.lock:
            self.unreachable.add(node)
            for whose, client in self.clients:
                if whose is node:
                    with contextlib.suppress(OSError):
                        client.socket.shutdown(2)

    def heal(self):
        with self.lock:
            self.unreachable.clear()


class Errand(threading.Thread):
    """Does something at whoever leads, until it is told to stop and nothing is left to be asked again."""

    def __init__(self, street):
        super().__init__(daemon=True)
        self.street, self.stopping, self.problem, self.turns = street, threading.Event(), None, 0

    def run(self):
        try:
            while not (self.stopping.is_set() and self.is_settled()):
                try:
                    client, grace_until = self.street.client_of_primary()
                    with contextlib.closing(client):
                        self.begin(client, grace_until)
                        while not self.stopping.is_set():
                            self.turn(client)
                            self.turns += 1
                except (OSError, TurnedAway):
                    self.lose()
                    time.sleep(0.02)
        except Exception as error:  # a thread's own would go unseen
            self.problem = error
            raise

    def is_settled(self):
        return True

    def begin(self, client, grace_until):
        pass

    def lose(self):
        pass


class GroupBuyer(Customer, Errand):
    def __init__(self, street, notes, skus, rng):
        Customer.__init__(self, notes, skus, rng)
        Errand.__init__(self, street)
        self.lost, self.lost_refs = {}, []  # hold: its commands, in order; refs

    def is_settled(self):
        return not self.lost and not self.lost_refs

    def begin(self, client, grace_until):
        """First of all, again what was not answered, in its order."""
        if grace_until != self.notes.grace_until:
            # Who led before may have let holds expire until just now.
            self.notes.died_at, self.notes.grace_until = int(time.time() * 1000), grace_until
        for hold in list(self.lost):
            for verb, ttl_ms in self.lost[hold]:
                self._call(client, *self._ask(hold, verb, ttl_ms))
            if hold.known is None:
                # Refused now; but the lost one may still be on its way, and find units.
                self._call(client, *self._ask(hold, "RELEASE"))
            del self.lost[hold]
        while self.lost_refs:
            ref = self.lost_refs[-1]
            self._call(client, ref.words(), lambda words, reply, ref=ref: self._take_adjusted(ref, reply))
            self.lost_refs.pop()

    def turn(self, client):
        self._buy(client)
        time.sleep(0.003)

    @staticmethod
    def _call(client, words, take):
        client.send(*words)
        take(words, client.read())

    def lose(self):
        for hold in self.notes.touched:
            if hold.asked:
                self.lost.setdefault(hold, [(ask.verb, ask.ttl_ms) for ask in hold.asked])
                hold.loses_answers()
        self.lost_refs = [ref for ref in self.notes.fresh_refs if ref.applied is None]

    def _take(self, hold, words, reply):
        if isinstance(reply, ReplyError) and reply.code in AWAY:
            raise TurnedAway
        return super()._take(hold, words, reply)

    def _take_adjusted(self, ref, reply):
        if isinstance(reply, ReplyError) and reply.code in AWAY:
            raise TurnedAway
        return super()._take_adjusted(ref, reply)


class Scribbler(Errand):
    """Ordinary keys of several types come, change and go; nobody writes down what was answered."""

    KEYS = 300

    def __init__(self, street, rng, value_bytes=200):
        super().__init__(street)
        self.rng, self.value_bytes = rng, value_bytes

    def turn(self, client):
        name, value = str(self.rng.randrange(self.KEYS)), os.urandom(self.rng.randint(1, self.value_bytes))
        commands = self.rng.sample((
            ("SET", "value:" + name, value), ("SET", "brief:" + name, value, "PX", self.rng.randint(1, 2000)),
            ("HSET", "hash:" + name, value[:1], value), ("DEL", "value:" + str(self.rng.randrange(self.KEYS))),
            ("MSET", "one:" + name, value, "two:" + name, value), ("INCR", "count:" + name)), 3)
        for reply in client.pipeline(*commands):
            if isinstance(reply, ReplyError):
                if reply.code in AWAY:
                    raise TurnedAway
                raise reply
        time.sleep(0.002)


class SharedWatch(Watch):
    """What was shown to anybody is older than whatever is asked from then on, of whomever."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()

    def before(self):
        with self.lock:
            return dict(self.seq), dict(self.sold)

    def saw_since(self, before, where, sku, stock):
        with self.lock:
            for name, past, now in zip(("seq", "sold"), before, (self.seq, self.sold)):
                if stock[name] < past.get(sku, 0):
                    self.problems.append("%s of %s at %s is %d after somebody saw %d" % (
                        name, sku, where, stock[name], past[sku]))
                now[sku] = max(stock[name], now.get(sku, 0))


class NodeWatcher(threading.Thread):
    """Looks at one server again and again. While it says that it leads, it shows nothing of the past."""

    def __init__(self, street, node, watch, skus):
        super().__init__(daemon=True)
        self.street, self.node, self.watch, self.skus = street, node, watch, skus
        self.stopping, self.problem, self.looks = threading.Event(), None, 0

    def run(self):
        try:
            while not self.stopping.is_set():
                try:
                    with contextlib.closing(self.street.client_of(self.node, 20)) as client:
                        while not self.stopping.is_set():
                            self._look(client)
                            time.sleep(0.005)
                except OSError:
                    time.sleep(0.02)
        except Exception as error:
            self.problem = error
            raise

    def _look(self, client):
        before = self.watch.before()
        questions = [("STOCK.GET", sku) for sku in self.skus]
        first, *replies, last = client.pipeline(("ROLE",), *questions, ("ROLE",))
        for sku, reply in zip(self.skus, replies):
            if isinstance(reply, ReplyError):
                continue
            stock = fields(reply)
            if stock["available"] + stock["held"] + stock["sold"] != stock["supplied"]:
                self.watch.problems.append("%s is out of balance at %s: %s" % (sku, self.node.address, stock))
            # What a replica shows may be old; between two roles nothing is known of it.
            if all(isinstance(role, list) and role[0] == b"master" for role in (first, last)):
                self.watch.saw_since(before, self.node.address, sku, stock)
                self.looks += 1

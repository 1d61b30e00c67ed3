"""notify-keyspace-events: the same random commands to Holdfast and to a redis-server 7.0 publish the same events.

What befell a key comes in the same order; between keys there is none across shards.
"""

import random
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from families import BITS, EXPIRY, HASHES, KEYS_OF_ANY_TYPE, PAUSE, STRINGS, Family, sequence
from harness import Client, WireTest
from peers import Redis, take_reply
from words import DATABASES, STRING_MAX

ROUNDS = 4
COMMANDS_A_ROUND = 400

# Seconds until all that the commands left to time is over. Some of it is a matter of milliseconds: where one of the two
# servers was kept waiting just then, the same commands differ. A difference of ours is there each time.
PATIENCE = (0.3, 1, 3)

# Redis finds keys whose time is over when it comes to them: those that such a command takes first were not expired.
NOT_SENT = {"FLUSHDB", "FLUSHALL", "SWAPDB"}

FAMILIES = {"strings": STRINGS, "bits": BITS, "hashes": HASHES, "keys": KEYS_OF_ANY_TYPE, "expiry": EXPIRY}


def is_sent(command):
    return command[0].split()[0].upper() not in NOT_SENT if isinstance(command[0], str) else True


class Listener:
    """All key events of one server, by channel, in the order of their coming."""

    def __init__(self, port):
        self.client = Client(port)
        self.client.call("PSUBSCRIBE", "__key*__:*")
        self.client.call("SUBSCRIBE", "end")
        self.heard = {}

    def listen_until(self, marker):
        while True:
            message = self.client.read()
            if message[0] == b"message":
                if message[2] == marker:
                    return
                continue
            self.heard.setdefault(message[2], []).append(message[3])


class Events(WireTest):
    flags = ("--shards", "3", "--appendonly", "no", "--proto-max-bulk-len", str(STRING_MAX))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.redis = Redis()
        cls.addClassCleanup(cls.redis.remove)

    def setUp(self):
        super().setUp()
        self.seen = 0  # channels that Redis told of something

    def heard_by(self, port, commands, letters, patience):
        client = Client(port)
        self.addCleanup(client.close)
        client.call("FLUSHALL")
        client.call("CONFIG", "SET", "notify-keyspace-events", letters)
        listener = Listener(port)
        self.addCleanup(listener.client.close)
        for command in commands:
            if command == PAUSE:
                time.sleep(0.012)
                continue
            client.raw(Client.pack(*command))
            take_reply(client)
        # What the commands left to time is over, and what other shards tell is there.
        time.sleep(patience)
        other = Client(port)
        self.addCleanup(other.close)
        other.call("PUBLISH", "end", "1")
        listener.listen_until(b"1")
        return listener.heard

    def compare(self, letters, sort=lambda events: events, names=FAMILIES):
        for name in names:
            for seed in range(ROUNDS):
                chance = random.Random("%s/%d" % (name, seed))
                made = sequence(Family(FAMILIES[name]), COMMANDS_A_ROUND, chance)
                commands = [command for _, command in made if is_sent(command)]
                for patience in PATIENCE:
                    ours, theirs = self.heard_by_both(commands, letters, patience, sort)
                    if ours == theirs:
                        break
                self.seen += len(theirs)
                for channel in sorted(set(ours) | set(theirs)):
                    self.assertEqual(ours.get(channel), theirs.get(channel),
                                     "%s, seed %d: %r" % (name, seed, channel))

    def heard_by_both(self, commands, letters, patience, sort):
        with ThreadPoolExecutor() as both:
            heard = both.map(lambda port: self.heard_by(port, commands, letters, patience),
                             (self.server.port, self.redis.port))
            return [{channel: sort(events) for channel, events in one.items()} for one in heard]

    def test_each_key_is_told_the_same_events_in_the_same_order(self):
        self.compare("KA")
        self.assertTrue(self.seen)

    def test_new_keys_and_misses_too(self):
        self.compare("KAnm")

    def test_each_event_is_told_the_same_keys(self):
        self.compare("EA", sorted)

    def test_letters_choose(self):
        for letters in ("Kg", "K$", "Kh"):
            self.seen = 0
            self.compare(letters, names=("hashes", "keys"))
            self.assertTrue(self.seen)


if __name__ == "__main__":
    unittest.main()

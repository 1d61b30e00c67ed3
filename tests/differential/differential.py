#!/usr/bin/python3
"""The same random commands to Holdfast and to a redis-server 7.0: the replies must be the same bytes.

    differential.py [family ...] [--seed N] [--rounds N | --minutes N]

A round is a family, a seed and some 400 commands on empty servers; with families.py's tables and the seed it is
always the same. When replies differ, the round is cut down to the shortest sequence that still shows it, and the
command that repeats the round is printed. A family that differed is left out from then on, the others go on; the
exit code is 1 if there was any. Deliberate differences are in differences.py.

Run from anywhere with HOLDFAST_BIN naming the server (default: build/dev/bin/holdfast of this tree).
"""

import argparse
import os
import random
import sys
import time
from typing import NamedTuple

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TREE, "tests", "wire"))
os.environ.setdefault("HOLDFAST_BIN", os.path.join(TREE, "build", "dev", "bin", "holdfast"))

from differences import REPLIES
from families import FAMILIES, PAUSE, RAW, sequence
from harness import Client, Server
from peers import CLOSED, Peer, Redis, parts_of
from words import DATABASES, KEYS, STRING_MAX

COMMANDS_A_ROUND = 400
PIPELINE_MOST = 100
PAUSE_SECONDS = 0.012
SHORTEN_SECONDS = 20

CONTAINERS = {"CLIENT", "COMMAND", "CONFIG", "MEMORY", "OBJECT", "PUBSUB"}
COMPARATORS = {name: comparator for names, (comparator, _) in REPLIES.items() for name in names.split()}


class Difference(NamedTuple):
    position: int
    command: tuple
    ours: bytes
    theirs: bytes


def text_of(word):
    return word.decode("latin-1") if isinstance(word, bytes) else str(word)


def name_of(command):
    words = [text_of(word).upper() for word in command[:2]]
    return "|".join(words) if words[0] in CONTAINERS else words[0]


def same_reply(command, ours, theirs):
    if ours == theirs:
        return True
    comparator = COMPARATORS.get(name_of(command))
    return comparator is not None and comparator(ours, theirs)


class Connection:
    """What one connection has queued since its MULTI: EXEC's reply is theirs, in order."""

    def __init__(self):
        self.queued = []

    def same(self, command, ours, theirs):
        name = name_of(command)
        if ours == theirs == b"+QUEUED\r\n":
            self.queued.append(command)
            return True
        if name not in ("EXEC", "DISCARD", "RESET"):
            return same_reply(command, ours, theirs)
        queued, self.queued = self.queued, []
        if name != "EXEC" or ours == theirs:
            return ours == theirs
        (our_head, our_parts), (head, parts) = parts_of(ours), parts_of(theirs)
        if our_head != head or len(our_parts) != len(queued) or len(parts) != len(queued):
            return False
        return all(map(same_reply, queued, our_parts, parts))


def pipelines(commands):
    """Runs of commands for one connection: (place of the first, connection, commands)."""
    start = 0
    while start < len(commands):
        connection = commands[start][0]
        end = start
        while end < len(commands) and commands[end][0] == connection and end - start < PIPELINE_MOST:
            end += 1
            # What comes behind a QUIT may cost the replies before it; nothing is asked while time passes.
            if commands[end - 1][1] == PAUSE or name_of(commands[end - 1][1]) == "QUIT":
                break
        yield start, connection, [command for _, command in commands[start:end]]
        start = end


def request_of(command):
    return command[1] if command[0] == RAW else Client.pack(*command)


def walk(client, name, *options):
    cursor, found = b"0", []
    while True:
        cursor, page = client.call(*name, cursor, *options)
        found += page
        if cursor == b"0":
            return found


def fields_of(found):
    return sorted(zip(found[::2], found[1::2]))


class Pair:
    """Holdfast and redis-server, and rounds on both."""

    def __init__(self):
        self.redis = Redis()
        self.holdfast = Server("--shards", "3", "--appendonly", "no", "--proto-max-bulk-len", str(STRING_MAX)).start()

    def remove(self):
        self.redis.remove()
        self.holdfast.remove()

    def ports(self):
        return self.holdfast.port, self.redis.port

    def clear(self):
        for port in self.ports():
            client = Client(port)
            client.pipeline(*[words for db in DATABASES for words in (("SELECT", db), ("DEL", *KEYS))])
            client.close()

    def compare(self, connections, resp, commands):
        """The first difference, if any."""
        self.clear()
        ours, theirs = (Peer(port, resp, connections) for port in self.ports())
        try:
            states = [Connection() for _ in range(connections)]
            for start, number, run in pipelines(commands):
                found = self.compare_run(ours, theirs, states, start, number, run)
                if found:
                    return found
        finally:
            ours.close()
            theirs.close()
        return self.compare_data(len(commands))

    @staticmethod
    def compare_run(ours, theirs, states, start, number, run):
        asked = [command for command in run if command != PAUSE]
        requests = [request_of(command) for command in asked]
        our_replies, replies = ours.ask(number, requests), theirs.ask(number, requests)
        for place, command in enumerate(asked):
            if not states[number].same(command, our_replies[place], replies[place]):
                return Difference(start + place, command, our_replies[place], replies[place])
        if len(asked) < len(run):
            time.sleep(PAUSE_SECONDS)
        if CLOSED in replies or (asked and name_of(asked[-1]) == "QUIT"):
            states[number] = Connection()
            ours.reconnect(number)
            theirs.reconnect(number)
        return None

    def compare_data(self, position):
        """What the round left behind, key by key and by walks."""
        commands = []
        for db in DATABASES:
            commands += [("SELECT", db), ("EXISTS", *KEYS)]
            for key in KEYS:
                commands += [("TYPE", key), ("PTTL", key), ("GET", key), ("HGETALL", key)]
            commands += [("DBSIZE",)]
        ours, theirs = (Peer(port, 2, 1) for port in self.ports())
        try:
            found = self.compare_run(ours, theirs, [Connection()], position, 0, commands)
            for db in DATABASES:
                found = found or self.compare_walks(ours.clients[0], theirs.clients[0], position, db)
            return found
        finally:
            ours.close()
            theirs.close()

    @staticmethod
    def compare_walks(ours, theirs, position, db):
        for client in (ours, theirs):
            client.call("SELECT", db)
        for options in ((), ("COUNT", 1), ("MATCH", "{tag}*"), ("TYPE", "hash"), ("TYPE", "zset"),
                        ("MATCH", "[a-c]", "TYPE", "string", "COUNT", 100)):
            mine, keys = (sorted(walk(client, ["SCAN"], *options)) for client in (ours, theirs))
            if mine != keys:
                return Difference(position, ("SCAN", 0, *options), repr(mine).encode(), repr(keys).encode())
        for key in walk(theirs, ["SCAN"], "TYPE", "hash"):
            for options in ((), ("COUNT", 1), ("MATCH", "f*")):
                mine, fields = (fields_of(walk(client, ["HSCAN", key], *options)) for client in (ours, theirs))
                if mine != fields:
                    return Difference(position, ("HSCAN", key, 0, *options), repr(mine).encode(), repr(fields).encode())
        return None

    def shortened(self, connections, resp, commands, found):
        """Leaves out what is not needed for a difference, halves first, while the time lasts."""
        until = time.monotonic() + SHORTEN_SECONDS
        commands = commands[:found.position + 1]
        size = len(commands) // 2
        while size > 0 and time.monotonic() < until:
            start = 0
            while start < len(commands) and time.monotonic() < until:
                without = commands[:start] + commands[start + size:]
                other = self.compare(connections, resp, without)
                if other is None:
                    start += size
                else:
                    commands, found = without[:other.position + 1], other
            size = min(size // 2, len(commands))
        return commands, found


def shown(command, most=300):
    text = " ".join(repr(text_of(word)) for word in command)
    return text if len(text) <= most else text[:most] + " ..."


def tell(family, seed, resp, commands, found):
    print("DIFFERENT: %s, seed %d, RESP%d" % (family, seed, resp))
    for connection, command in commands[:found.position]:
        print("    %s%s" % ("" if connection == 0 else "other connection: ", shown(command)))
    print("  then  %s" % shown(found.command))
    print("  ours  %r" % found.ours[:500])
    print("  Redis %r" % found.theirs[:500])
    print("  again: tests/differential/differential.py %s --seed %d --rounds 1" % (family, seed), flush=True)


def play(pair, name, seed):
    """True if the round went alike."""
    chance = random.Random("%s/%d" % (name, seed))
    resp = chance.choice((2, 3))
    family = FAMILIES[name]
    commands = sequence(family, COMMANDS_A_ROUND, chance)
    try:
        found = pair.compare(family.connections, resp, commands)
        if found is None:
            return True
        commands, found = pair.shortened(family.connections, resp, commands, found)
    except OSError as error:
        found = Difference(len(commands), ("<anything>",), str(error).encode(), b"<goes on>")
    tell(name, seed, resp, commands, found)
    if pair.holdfast.process.poll() is not None:
        print(pair.holdfast.log()[-4000:])
        raise SystemExit("the server died")
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("families", nargs="*", choices=[*FAMILIES, []], metavar="family", help=", ".join(FAMILIES))
    parser.add_argument("--seed", type=int, default=None, help="of the first round; each next one takes the next")
    parser.add_argument("--rounds", type=int, default=0, help="for each family")
    parser.add_argument("--minutes", type=float, default=0.5, help="if no rounds are given")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**32)
    left = list(given.families or FAMILIES)
    different, rounds = [], 0
    until = time.monotonic() + 60 * given.minutes
    pair = Pair()
    try:
        while left and (rounds < given.rounds if given.rounds else time.monotonic() < until):
            for name in list(left):
                if not play(pair, name, seed + rounds):
                    left.remove(name)
                    different.append(name)
            rounds += 1
    finally:
        pair.remove()
    print("seed %d, %d rounds of %d commands a family; different: %s" % (
        seed, rounds, COMMANDS_A_ROUND, ", ".join(different) or "none"))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

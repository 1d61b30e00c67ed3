"""The same random commands to us and to a redis-server 7.0: the replies must be the same bytes.

A run's seed is in its failure; HOLDFAST_SEED=<seed> repeats it. Deliberate differences, which the commands
made here keep clear of or `same_reply` allows for:

    TTL, PTTL, EXPIRETIME, PEXPIRETIME, OBJECT IDLETIME
                        the two servers do not read their clocks in the same millisecond
    HGETALL, HKEYS, HVALS, HSCAN
                        the order of fields is nobody's promise: compared in an order of ours
    HSCAN's pages       cursors differ by nature: what comes in one page is compared
    HRANDFIELD          chance: compared in number. Over 1,000,000 fields or 64 MiB we refuse; Redis builds
                        the answer until the client is cut off
    OBJECT ENCODING     told from the content alone: Redis remembers that a string was once appended to (raw),
                        made by INCRBYFLOAT (embstr), or that HSETNX was once asked for a long value
    OBJECT REFCOUNT     1: values are never shared; Redis shares the integers from 0 to 9999
    MEMORY USAGE        bytes of two servers
    SCAN's pages        cursors differ by nature: whole walks are compared. Redis also takes "-1", "+1", "01"
                        and "" for a cursor; we take what a reply can have given
    SCAN MATCH          a pattern over 64 KiB is refused: matching must not hold up a shard. Only stars match
                        the empty name, too: to Redis "*" does, "**" does not
    BITFIELD ... #n     Redis multiplies n by the width without looking whether the product fits; we refuse
    EXPIRE ... <word>   Redis quotes an unknown option up to its first NUL byte and without line breaks at its
                        end, we quote it whole
"""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from harness import Client, WireTest, free_port

COMMANDS_PER_FAMILY = 16000
PIPELINE = 200

INT64_MAX = 2**63 - 1
INT64_MIN = -2**63

# Both servers' proto-max-bulk-len, the least that they take: no string may become longer.
STRING_MAX = 2**20

KEYS = [b"a", b"b", b"c", b"d", b"", b"{tag}1", b"{tag}2", b"\x00\xff\r\n"]
DATABASES = (1, 0)  # the last is where a sequence starts
FIELDS = [b"f", b"g", b"", b"\r\n", b"h" * 300] + [b"field-%d" % i for i in range(60)]
INTEGERS = [0, 1, -1, 7, 10, INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MIN + 1, INT64_MAX + 1, INT64_MIN - 1]
NOT_INTEGERS = [b"", b"x", b"+1", b"-0", b"01", b" 1", b"1 ", b"1.0", b"0x1", b"-", b"1\x00", b"9" * 40]
VALUES = [b"", b"v", b"x" * 64, b"x" * 70, b"y" * 5000, bytes(range(256))]
FLOATS = [b"0.1", b"-0.1", b".5", b"5.", b"+5", b"1e3", b"3.0e-5", b"1e-17", b"-4e-18", b"1e-4940", b"1e-4960", b"0x1p-3",
          b"-0", b"1e4931", b"-1.1e4932", b"1e4932", b"1e4933", b"inf", b"-Infinity", b"nan", b"1e", b"1,5", b"--1",
          b"9" * 30, b"0" * 5119, b"0" * 5120, b"0.30000000000000004", b"9007199254740993", b"\n1", b"\x0b1"]
NEVER_MEANT = [b"FROB", b"", b"NXX", b"EX", b"PX", b"\r\nx"]


class Redis:
    """A redis-server of this test's own."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="holdfast-peer-")
        self.port = free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", self.directory, "--proto-max-bulk-len", str(STRING_MAX)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise AssertionError("redis-server did not start")
                time.sleep(0.01)

    def remove(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def take_reply(client):
    """The next reply's bytes."""
    line = client.read_line() + b"\r\n"
    kind = line[:1]
    if kind in b"$=" and line != b"$-1\r\n":
        return line + client.read_bytes(int(line[1:]) + 2)
    if kind in b"*~%>" and line != b"*-1\r\n":
        count = int(line[1:]) * (2 if kind == b"%" else 1)
        return line + b"".join(take_reply(client) for _ in range(count))
    return line


def ask(client, commands):
    client.raw(b"".join(Client.pack(*words) for words in commands))
    return [take_reply(client) for _ in commands]


def in_order(reply, width):
    """The words of an array or a map in an order of ours, `width` of them kept together, below the headers above
    them; other replies as they are."""
    heads = []
    while reply[:1] in (b"*", b"%"):
        head, reply = reply.split(b"\r\n", 1)
        heads.append(head)
        if len(heads) == 1 and reply.startswith(b"$1\r\n0\r\n*"):  # HSCAN's last cursor
            heads.append(b"0")
            reply = reply[len(b"$1\r\n0\r\n"):]
    words = []
    while reply and heads:
        size, reply = reply.split(b"\r\n", 1)
        words.append(reply[:int(size[1:])])
        reply = reply[int(size[1:]) + 2:]
    return heads, sorted(zip(*(words[i::width] for i in range(width)))), reply


# Which replies are numbers that may lie apart, and how far.
NEAR = {"TTL": 1, "PTTL": 5000, "EXPIRETIME": 5, "PEXPIRETIME": 5000, "OBJECT|IDLETIME": 30, "MEMORY|USAGE": 10**6}
UNORDERED = {"HGETALL": 2, "HSCAN": 2, "HKEYS": 1, "HVALS": 1}


def same_reply(words, ours, theirs):
    if ours == theirs:
        return True
    name = words[0].upper()
    if name in ("OBJECT", "MEMORY"):
        name += "|" + words[1].upper()
    if ours[:1] == theirs[:1] == b":":
        numbers = int(ours[1:]), int(theirs[1:])
        if name == "OBJECT|REFCOUNT":
            return numbers == (1, 2**31 - 1)
        return min(numbers) >= 0 and abs(numbers[0] - numbers[1]) <= NEAR.get(name, -1)
    if name == "HRANDFIELD":
        same = ours[:1] == theirs[:1] == b"*" and ours.split(b"\r")[0] == theirs.split(b"\r")[0]
        return same or (ours[:1] == theirs[:1] == b"$" and b"$-1\r\n" not in (ours, theirs))
    last_page = b"*2\r\n$1\r\n0\r\n"
    if name == "HSCAN" and not ours.startswith(last_page) and not theirs.startswith(last_page):
        return ours[:5] == theirs[:5] == last_page[:5]
    return name in UNORDERED and in_order(ours, UNORDERED[name]) == in_order(theirs, UNORDERED[name])


class Words:
    """Makes commands: mostly such as a client means, some with odd numbers, words too many or too few."""

    def __init__(self, chance):
        self.chance = chance

    def one_of(self, *choices):
        return self.chance.choice(choices)

    def key(self):
        return self.chance.choice(KEYS)

    def number(self):
        kind = self.chance.random()
        if kind < 0.6:
            return self.chance.randrange(-1000, 1000)
        return self.chance.choice(INTEGERS if kind < 0.85 else NOT_INTEGERS)

    def value(self):
        return self.number() if self.chance.random() < 0.5 else self.chance.choice(VALUES)

    def seconds(self):
        """Far enough apart that a moment between the two servers changes no comparison."""
        kind = self.chance.random()
        if kind < 0.7:
            return self.chance.randrange(100, 10**6) * 1000
        if kind < 0.8:
            return self.one_of(0, -1, -1000, INT64_MIN // 1000, INT64_MIN // 1000 - 1)
        return self.chance.choice([0, -1, INT64_MAX, INT64_MAX // 1000, INT64_MAX // 1000 + 1, INT64_MIN,
                                   *NOT_INTEGERS])

    def deadline(self):
        option = self.one_of("EX", "PX", "EXAT", "PXAT", "ex", "pXaT")
        number = self.seconds()
        if isinstance(number, int) and 0 < number < 10**12:
            if "AT" in option.upper():
                number += 2 * 10**9
            if option.upper().startswith("P"):
                number *= 1000
        return [option, number]

    def some(self, most, *makers):
        """Up to `most` options, in any order, perhaps twice or against each other."""
        words = []
        while len(words) < 2 * most and self.chance.random() < 0.55:
            words += self.chance.choice(makers)()
        return words

    def odd(self, words):
        kind = self.chance.random()
        if kind < 0.04:
            return words[:self.chance.randrange(1, len(words) + 1)]
        if kind < 0.08:
            return words + [self.chance.choice(NEVER_MEANT)]
        return words

    def string(self):
        name = self.one_of("SET", "SET", "SET", "set", "GET", "GET", "GETEX", "GETDEL", "INCR", "DECR",
                           "INCRBY", "DECRBY", "HSET", "TTL", "TYPE", "GETSET", "SETNX", "SETEX", "PSETEX")
        words = [name, self.key()]
        if name in ("SET", "set"):
            words += [self.value()]
            words += self.some(2, lambda: [self.one_of("NX", "XX", "GET", "KEEPTTL", "nx")], self.deadline)
        elif name == "GETEX":
            words += self.some(1, lambda: [self.one_of("PERSIST", "persist")], self.deadline)
        elif name in ("INCRBY", "DECRBY"):
            words += [self.number()]
        elif name in ("GETSET", "SETNX"):
            words += [self.value()]
        elif name in ("SETEX", "PSETEX"):
            words += [self.seconds(), self.value()]
        elif name == "HSET":
            words += ["f", "v"] if self.chance.random() < 0.3 else ["f"]
        return self.odd(words)

    def place(self, unit=1):
        """An offset into a string, in bytes or (unit 8) bits: mostly near its start."""
        kind = self.chance.random()
        if kind < 0.92:
            return self.chance.randrange(60 * unit)
        if kind < 0.94:
            return STRING_MAX * unit - self.chance.randrange(-1, 3)
        return self.chance.choice(INTEGERS + NOT_INTEGERS)

    def bound(self):
        """One end of a range."""
        kind = self.chance.random()
        return self.chance.randrange(-70, 70) if kind < 0.9 else self.chance.choice(INTEGERS + NOT_INTEGERS)

    def bytes(self):
        kind = self.chance.random()
        if kind < 0.4:
            return bytes(self.chance.choices((0, 255), k=self.chance.randrange(60)))
        return self.chance.randbytes(self.chance.randrange(40)) if kind < 0.9 else self.value()

    def other_than_a_string(self):
        """What a string's commands must refuse, and room for new ones: long strings are not to pile up."""
        key = self.key()
        return self.one_of(["HSET", key, "f", "v"], ["DEL", key], ["DEL", key], ["DEL", key], ["EXPIRE", key, 100_000],
                           ["SET", key, self.bytes(), *self.some(1, lambda: ["EX", 200_000])])

    def part(self):
        if self.chance.random() < 0.25:
            return self.other_than_a_string()
        name = self.one_of("APPEND", "APPEND", "STRLEN", "GETRANGE", "GETRANGE", "SUBSTR", "SETRANGE", "SETRANGE", "TTL")
        words = [name, self.key()]
        if name == "APPEND":
            words += [self.bytes()]
        elif name in ("GETRANGE", "SUBSTR"):
            words += [self.bound(), self.bound()]
        elif name == "SETRANGE":
            words += [self.place(), self.bytes()]
        return self.odd(words)

    def float(self):
        if self.chance.random() < 0.1:
            return self.other_than_a_string()
        name = self.one_of("INCRBYFLOAT", "INCRBYFLOAT", "INCRBYFLOAT", "SET", "INCR", "TTL")
        words = [name, self.key()]
        return self.odd(words + [self.fraction()] if name in ("INCRBYFLOAT", "SET") else words)

    def fraction(self):
        if self.chance.random() < 0.5:
            return self.chance.randrange(-10**6, 10**6) / 10**self.chance.randrange(9)
        return self.chance.choice(FLOATS + NOT_INTEGERS + INTEGERS)

    def bits(self):
        if self.chance.random() < 0.2:
            return self.other_than_a_string()
        name = self.one_of("SETBIT", "SETBIT", "GETBIT", "BITCOUNT", "BITCOUNT", "BITPOS", "BITPOS", "BITFIELD", "BITFIELD",
                           "BITFIELD", "BITFIELD_RO", "STRLEN", "TTL")
        words = [name, self.key()]
        if name in ("SETBIT", "GETBIT"):
            words += [self.place(8)]
            words += [self.one_of(0, 1, 1, 1, 2, -1, "x")] if name == "SETBIT" else []
        elif name in ("BITCOUNT", "BITPOS"):
            words += [self.one_of(0, 0, 0, 1, 1, 1, 2, "x")] if name == "BITPOS" else []
            words += [self.bound(), self.bound(), self.one_of("BIT", "BYTE", "bit", "BITS")][:self.chance.randrange(4)]
        elif name in ("BITFIELD", "BITFIELD_RO"):
            for _ in range(self.chance.choice((0, 1, 1, 2, 4))):
                words += self.field(reads_only=name == "BITFIELD_RO" and self.chance.random() < 0.9)
        return self.odd(words)

    def field(self, reads_only):
        """One operation of BITFIELD."""
        kind = self.chance.random()
        if kind < 0.25 and not reads_only:
            return [self.one_of("OVERFLOW", "overflow"), self.one_of("WRAP", "SAT", "FAIL", "FAIL", "sat", "NEVER")]
        name = "GET" if reads_only else self.one_of("GET", "SET", "INCRBY", "incrby")
        width = self.chance.choice((1, 2, 5, 8, 8, 13, 31, 32, 33, 62, 63, 64, self.chance.randrange(-1, 67)))
        words = [name, self.one_of("i", "u", "i", "u", "i", "u", "I", "") + str(width),
                 str(self.place(8)) if self.chance.random() < 0.7 else "#%s" % self.one_of(*range(60), -1, "x", "")]
        if name != "GET":
            words += [self.one_of(self.chance.randrange(-300, 300), self.number(), self.chance.randrange(-2**63, 2**63))]
        return words

    def hash(self):
        name = self.one_of("HSET", "HSET", "HSET", "HGET", "HGET", "HGETALL", "HDEL", "HDEL", "DEL", "SET", "TTL",
                           "HMSET", "HSETNX", "HINCRBY", "HINCRBYFLOAT", "HINCRBYFLOAT", "HMGET", "HLEN", "HEXISTS", "HSTRLEN",
                           "HKEYS", "HVALS", "HSCAN", "HSCAN", "HRANDFIELD", "HRANDFIELD", "OBJECT")
        words = [name, self.key()]
        if name in ("HSET", "HMSET"):
            for _ in range(self.chance.choice((1, 1, 2, 3, 40))):
                words += [self.chance.choice(FIELDS), self.one_of(self.value, self.value, self.fraction)()]
        elif name in ("HGET", "HEXISTS", "HSTRLEN"):
            words += [self.chance.choice(FIELDS)]
        elif name == "HSETNX":
            words += [self.chance.choice(FIELDS[:3]), self.chance.choice(VALUES[:3])]
        elif name == "HINCRBY":
            words += [self.chance.choice(FIELDS), self.number()]
        elif name == "HINCRBYFLOAT":
            words += [self.chance.choice(FIELDS[:3]), self.fraction()]
        elif name in ("HDEL", "HMGET"):
            words += self.chance.choices(FIELDS, k=self.chance.choice((1, 2, 3, 30)))
        elif name == "HSCAN":
            words += [0, "COUNT", 1000]
            words += self.some(1, lambda: ["MATCH", self.one_of("*", "f*", "field-[1-3]?", "?", "", "*\\r*", "h*h")],
                               lambda: ["count", self.one_of(500, 0, -1, INT64_MIN, INT64_MAX + 1, b"x")])
            words += self.one_of([], [], [], ["TYPE", "hash"], ["MATCH"])
        elif name == "HRANDFIELD":
            words += self.one_of([], [0], [1], [-3], [70], [-100], [self.chance.choice(NOT_INTEGERS)], [INT64_MIN],
                                 [INT64_MAX + 1], [INT64_MAX])
            words += self.one_of([], [], ["WITHVALUES"], ["withvalues"]) if len(words) > 2 else []
        elif name == "OBJECT":
            words = [name, self.one_of("ENCODING", "encoding", "REFCOUNT", "FREQ"), words[1]]
        elif name == "SET" and self.chance.random() < 0.8:
            return ["EXPIRE", words[1], 100_000]
        elif name == "SET":
            words += ["v"]
        return self.odd(words)

    def keys(self):
        name = self.one_of("DEL", "UNLINK", "EXISTS", "EXISTS", "TYPE", "SET", "SET", "SET", "HSET", "GETDEL", "TOUCH",
                           "OBJECT", "OBJECT", "MEMORY")
        words = [name, self.key()]
        if name == "OBJECT":
            words.insert(1, self.one_of("ENCODING", "REFCOUNT", "IDLETIME", "FREQ", "FROB"))
        elif name == "MEMORY":
            words.insert(1, "USAGE")
            words += self.some(1, lambda: ["SAMPLES", self.one_of(0, 5, -1, b"x", INT64_MAX + 1)])
        elif name in ("DEL", "UNLINK", "EXISTS", "TOUCH"):
            words += [self.key() for _ in range(self.chance.choice((0, 0, 1, 2, 5)))]
        elif name == "SET":
            words += [self.value()]
        elif name == "HSET":
            words += ["f", "v"]
        return self.odd(words)

    def move(self):
        """Of two databases."""
        name = self.one_of("RENAME", "RENAME", "RENAMENX", "COPY", "COPY", "COPY", "MOVE", "MOVE", "SET", "HSET", "HSET",
                           "DEL", "EXISTS", "SELECT", "PERSIST", "EXPIRE")
        if name == "SELECT":
            return [name, self.one_of(0, 1)]
        words = [name, self.key()]
        if name in ("RENAME", "RENAMENX"):
            words += [self.key()]
        elif name == "COPY":
            words += [self.key()]
            words += self.some(2, lambda: [self.one_of("REPLACE", "replace")],
                               lambda: [self.one_of("DB", "db"), self.one_of(0, 1, 1, 16, -1, b"x", 2**31)])
        elif name == "MOVE":
            words += [self.one_of(0, 1, 1, 1, 16, -1, b"x", 2**31, INT64_MAX + 1)]
        elif name == "EXPIRE":
            words += [100_000]
        elif name == "SET":
            words += [self.chance.choice(VALUES)] + self.one_of([], ["EX", 200_000])
        elif name == "HSET":
            for _ in range(self.chance.choice((1, 3, 40))):
                words += [self.chance.choice(FIELDS), self.chance.choice(VALUES)]
        elif name in ("DEL", "EXISTS"):
            words += [self.key() for _ in range(self.chance.randrange(4))]
        return self.odd(words)

    def expiry(self):
        name = self.one_of("EXPIRE", "EXPIRE", "PEXPIRE", "PEXPIRE", "TTL", "PTTL", "PERSIST", "SET", "SET",
                           "HSET", "EXISTS", "EXPIREAT", "PEXPIREAT", "EXPIRETIME", "PEXPIRETIME")
        words = [name, self.key()]
        if name.startswith(("EXPIRE", "PEXPIRE")) and not name.endswith("TIME"):
            number = self.seconds()
            if isinstance(number, int) and 0 < number < 10**12 and name.endswith("AT"):
                number += 2 * 10**9
            words += [number * 1000 if name.startswith("P") and isinstance(number, int) else number]
            words += self.some(1, lambda: [self.one_of("NX", "XX", "GT", "LT", "gt", "lt", "f\r\nrob")])
        elif name == "SET":
            words += ["v"]
            if self.chance.random() < 0.5:
                words += self.deadline()
        elif name == "HSET":
            words += ["f", "v"]
        return self.odd(words)

    def scan(self):
        """Only what is refused: what is not, differs by nature."""
        options = self.one_of(["COUNT"], ["COUNT", 0], ["COUNT", -1], ["COUNT", "x"], ["FROB", 1],
                              ["MATCH"], ["TYPE"], ["MATCH", "*", "COUNT"], ["COUNT", INT64_MAX + 1])
        if self.chance.random() < 0.5:
            return ["SCAN", self.one_of("x", "1x", " 1", "1 ", 2**64, "9" * 30), *options[:2]]
        return ["SCAN", 0, *options]


def walk(client, *options):
    cursor, keys = b"0", []
    while True:
        cursor, page = client.call("SCAN", cursor, *options)
        keys += page
        if cursor == b"0":
            return sorted(keys)


class Differential(WireTest):
    flags = ("--shards", "3", "--appendonly", "no", "--proto-max-bulk-len", str(STRING_MAX))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.redis = Redis()
        cls.addClassCleanup(cls.redis.remove)

    def peers(self, resp):
        ours, theirs = self.connect(resp), Client(self.redis.port, resp)
        self.addCleanup(theirs.close)
        return ours, theirs

    def compare(self, family, count=COMMANDS_PER_FAMILY):
        seed = int(os.environ.get("HOLDFAST_SEED", random.SystemRandom().randrange(2**32)))
        words = Words(random.Random(seed))
        for resp in (2, 3):
            ours, theirs = self.peers(resp)
            for client in (ours, theirs):
                for db in DATABASES:
                    client.pipeline(("SELECT", db), ("DEL", *KEYS))
            for start in range(0, count // 2, PIPELINE):
                commands = [getattr(words, family)() for _ in range(PIPELINE)]
                self.assertSameReplies(commands, ask(ours, commands), ask(theirs, commands),
                                       "HOLDFAST_SEED=%d RESP%d, command %d on" % (seed, resp, start))
            for db in DATABASES:
                ask(ours, [("SELECT", db)]), ask(theirs, [("SELECT", db)])
                self.assertSameData(ours, theirs, "HOLDFAST_SEED=%d RESP%d, database %d at the end" % (seed, resp, db))

    def assertSameReplies(self, commands, ours, theirs, where):
        for i, words in enumerate(commands):
            if not same_reply(words, ours[i], theirs[i]):
                self.fail("%s\nnumber %d: %r\n  ours   %r\n  Redis' %r\nbefore it, on that key:\n  %s" % (
                    where, i, words, ours[i][:300], theirs[i][:300],
                    "\n  ".join(repr(other)[:200] for other in commands[:i][-PIPELINE:]
                                if words[1:2] == other[1:2])))

    def assertSameData(self, ours, theirs, where):
        commands = [("EXISTS", *KEYS), ("DBSIZE",)]
        for key in KEYS:
            commands += [("TYPE", key), ("PTTL", key), ("GET", key), ("HGETALL", key)]
        self.assertSameReplies(commands, ask(ours, commands), ask(theirs, commands), where)
        for options in ((), ("COUNT", 1), ("MATCH", "{tag}*"), ("TYPE", "hash"), ("TYPE", "zset"),
                        ("MATCH", "[a-c]", "TYPE", "string", "COUNT", 100)):
            self.assertEqual(walk(ours, *options), walk(theirs, *options), (where, options))

    def test_strings(self):
        self.compare("string")

    def test_parts_of_strings(self):
        self.compare("part")

    def test_floats(self):
        self.compare("float")

    def test_bits(self):
        self.compare("bits")

    def test_hashes(self):
        self.compare("hash")

    def test_keys(self):
        self.compare("keys")

    def test_moves(self):
        self.compare("move")

    def test_expiry(self):
        self.compare("expiry")

    def test_scan_refuses_alike(self):
        self.compare("scan", count=400)


if __name__ == "__main__":
    unittest.main()

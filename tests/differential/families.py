"""The commands that each family draws from, a row each: how often, the command, what follows it.

A new command is a row here: the makers of words.py stand for its arguments, a literal for itself. Where one
command is not enough, a function makes several. The same keys serve every family, and each family has rows that
leave another type, a deadline or another database behind, so that wrong types and the like come of themselves.
"""

from typing import NamedTuple

from words import (INT64_MAX, INT64_MIN, at_most, bits, database, deadline, field, flat, float_number, key,
                   milliseconds, mistaken, near_place, number, one_of, place, random_count, repeated, seconds,
                   small_integer, some, text, unix_milliseconds, unix_seconds, value, words)

# Not for the servers: the runner waits a few milliseconds, or sends the bytes as they are.
PAUSE = ("<pause>",)
RAW = "<raw>"


class Family(NamedTuple):
    rows: tuple
    connections: int = 1
    mistakes: bool = True  # words are left out, doubled and changed


key_value = words(key, value)
field_value = words(field, one_of(value, value, float_number))

# ---- strings

not_there = one_of("NX", "XX", "GET", "KEEPTTL", "nx")

# Few letters in any order: common subsequences of many runs.
letters = one_of(*["".join("abc"[(place * step + place // 3) % 3] for place in range(size))
                   for step in (1, 2, 4) for size in (1, 9, 40)])

STRINGS = (
    (12, "SET", key, value, some(2, not_there, deadline)),
    (8, "GET", key),
    (3, "GETEX", key, some(1, one_of("PERSIST", "persist"), deadline)),
    (2, "GETDEL", key),
    (2, "GETSET", key, value),
    (2, "SETNX", key, value),
    (2, "SETEX", key, seconds, value),
    (2, "PSETEX", key, milliseconds, value),
    (3, "APPEND", key, value),
    (2, "STRLEN", key),
    (4, "GETRANGE", key, at_most(90), at_most(90)),
    (1, "SUBSTR", key, at_most(90), at_most(90)),
    (4, "SETRANGE", key, near_place, one_of(value, bits)),
    (3, "INCR", key),
    (3, "DECR", key),
    (3, "INCRBY", key, number),
    (3, "DECRBY", key, number),
    (4, "INCRBYFLOAT", key, float_number),
    (3, "MGET", repeated(key, 1, 2, 5)),
    (3, "MSET", repeated(key_value, 1, 2, 4)),
    (2, "MSETNX", repeated(key_value, 1, 2)),
    (3, "SET", key, letters),
    (3, "LCS", key, key, some(2, "LEN", "IDX", words("MINMATCHLEN", small_integer), "WITHMATCHLEN")),
)

# ---- bits: the same strings, seen bit by bit

bit = one_of(0, 0, 0, 1, 1, 1, 2, -1, "x")
bit_range = one_of([], [], words(at_most(70)), words(at_most(70), at_most(70)),
                   words(at_most(600), at_most(600), one_of("BIT", "BYTE", "bit", "BITS")))


def field_type(chance):
    width = chance.choice((1, 2, 5, 8, 8, 13, 31, 32, 33, 62, 63, 64, chance.randrange(-1, 67)))
    return chance.choice("iuiuiuI") + str(width) if chance.random() < 0.97 else chance.choice(["", "8", "x8", "u8 "])


def field_offset(chance):
    if chance.random() < 0.7:
        return place(8)(chance)
    return "#%s" % chance.choice((*range(60), -1, "x", ""))


field_number = one_of(at_most(300), number, lambda chance: chance.randrange(INT64_MIN, INT64_MAX))


def field_value_set(chance):
    """Not so low that it would wrap (differences.py)."""
    made = field_number(chance)(chance)
    return max(made, -2**62) if isinstance(made, int) and made >= INT64_MIN else made


field_reading = words("GET", field_type, field_offset)
field_step = one_of(
    field_reading,
    words("SET", field_type, field_offset, field_value_set),
    words(one_of("INCRBY", "incrby"), field_type, field_offset, field_number),
    words(one_of("OVERFLOW", "overflow"), one_of("WRAP", "SAT", "FAIL", "FAIL", "sat", "NEVER")))

BITS = (
    (8, "SET", key, bits, some(1, words("EX", 200_000))),
    (3, "GET", key),
    (8, "SETBIT", key, place(8), bit),
    (5, "GETBIT", key, place(8)),
    (6, "BITCOUNT", key, bit_range),
    (6, "BITPOS", key, bit, bit_range),
    (6, "BITOP", one_of("AND", "OR", "XOR", "NOT", "not", "FROB"), repeated(key, 2, 3, 4)),
    (10, "BITFIELD", key, repeated(field_step, 0, 1, 2, 4)),
    (3, "BITFIELD_RO", key, repeated(one_of(field_reading, field_reading, field_reading, field_step), 1, 2)),
    (2, "SETRANGE", key, place(), bits),
    (1, "APPEND", key, bits),
    (1, "STRLEN", key),
    (4, "DEL", key),
)

# ---- hashes

HASHES = (
    (8, "HSET", key, repeated(field_value, 1, 1, 2, 3, 40)),
    (2, "HMSET", key, repeated(field_value, 1, 2)),
    (3, "HSETNX", key, field, value),
    (6, "HGET", key, field),
    (3, "HMGET", key, repeated(field, 1, 2, 10)),
    (4, "HGETALL", key),
    (2, "HKEYS", key),
    (2, "HVALS", key),
    (3, "HLEN", key),
    (3, "HEXISTS", key, field),
    (2, "HSTRLEN", key, field),
    (6, "HDEL", key, repeated(field, 1, 2, 3, 30)),
    (4, "HINCRBY", key, field, number),
    (4, "HINCRBYFLOAT", key, field, float_number),
    (3, "HRANDFIELD", key, one_of([], random_count, words(random_count, one_of("WITHVALUES", "withvalues", "FROB")))),
    (3, "HSCAN", key, 0, some(2, words("MATCH", one_of("*", "f*", "[fg]", "*\r*", "h*h")), words("COUNT", at_most(100)),
                              words("TYPE", "hash"), "FROB")),
    (2, "DEL", key),
)

# ---- keys of any type, in several databases

pattern = one_of("*", "[a-c]", "{tag}*", "?", "", "a", "[^a]", "\\a", "[", "*[", "[z-a]", "\\", b"\x00*", "**a", b"*\n")

KEYS_OF_ANY_TYPE = (
    (4, "DEL", repeated(key, 1, 1, 2, 3, 6)),
    (2, "UNLINK", repeated(key, 1, 1, 2, 6)),
    (4, "EXISTS", repeated(key, 1, 2, 6)),
    (2, "TOUCH", repeated(key, 1, 2, 6)),
    (4, "TYPE", key),
    (5, "RENAME", key, key),
    (3, "RENAMENX", key, key),
    (5, "COPY", key, key, some(2, "REPLACE", "replace", words("DB", database))),
    (3, "MOVE", key, database),
    (2, "SWAPDB", database, database),
    (2, "KEYS", pattern),
    (1, "RANDOMKEY"),
    (2, "DBSIZE"),
    (1, "FLUSHDB", some(1, "SYNC", "ASYNC", "async")),
    (1, "FLUSHALL", some(1, "SYNC", "ASYNC")),
    (3, "OBJECT ENCODING", key),
    (1, "OBJECT REFCOUNT", key),
    (1, "OBJECT IDLETIME", key),
    (1, "OBJECT FREQ", key),
    (1, "OBJECT FROB", key),
    (1, "MEMORY USAGE", key, some(1, words("SAMPLES", at_most(5)))),
    (2, "SELECT", database),
    (2, "EXPIRE", key, seconds),
    (2, "TTL", key),
    (6, "SET", key, value),
    (3, "HSET", key, repeated(field_value, 1, 3, 40)),
    (1, "GETDEL", key),
    (1, "GET", key),
    (1, "HGETALL", key),
    (1, "MULTI"),
    (2, "EXEC"),
)

# ---- deadlines

condition = some(1, one_of("NX", "XX", "GT", "LT", "gt", "lt", "f\r\nrob"))


def lapse(chance):
    """A key that is gone when the next command comes."""
    soon = chance.randrange(1, 6)
    name = key(chance)
    return [chance.choice([["SET", name, "v", "PX", soon], ["PEXPIRE", name, soon]]), PAUSE]


EXPIRY = (
    (6, "EXPIRE", key, seconds, condition),
    (6, "PEXPIRE", key, milliseconds, condition),
    (4, "EXPIREAT", key, unix_seconds, condition),
    (4, "PEXPIREAT", key, unix_milliseconds, condition),
    (3, "TTL", key),
    (3, "PTTL", key),
    (3, "EXPIRETIME", key),
    (3, "PEXPIRETIME", key),
    (3, "PERSIST", key),
    (5, "SET", key, "v"),
    (4, "SET", key, "v", deadline),
    (3, "GETEX", key, deadline),
    (3, "HSET", key, "f", "v"),
    (2, "RENAME", key, key),
    (2, "COPY", key, key, "REPLACE"),
    (1, "MOVE", key, database),
    (1, "SELECT", database),
    (2, "EXISTS", repeated(key, 1, 3)),
    (1, "INCR", key),
    (1, lapse),
)

# ---- walks: what is not refused differs by nature (differences.py), so the runner compares whole walks

scan_option = one_of(
    ["COUNT"], ["COUNT", 0], ["COUNT", -1], ["COUNT", "x"], ["FROB", 1], ["MATCH"], ["TYPE"], ["MATCH", "*", "COUNT"],
    ["COUNT", INT64_MAX + 1], ["COUNT", INT64_MIN])
bad_cursor = one_of("x", "1x", " 1", "1 ", 2**64, "9" * 30)

SCANS = (
    (4, "SCAN", bad_cursor, some(1, words("COUNT", 1))),
    (4, "SCAN", 0, scan_option),
    (4, "HSCAN", key, bad_cursor, some(1, words("COUNT", 1))),
    (4, "HSCAN", key, 0, scan_option),
    (4, "HSCAN", key, 0, some(2, words("MATCH", pattern), words("COUNT", at_most(100)))),
    (2, "HSET", key, repeated(field_value, 1, 3, 40)),
    (2, "SET", key, value),
    (1, "DEL", key),
    (1, "SELECT", database),
)

# ---- what every family may meet

OTHERS = (
    (2, "DEL", key),
    (1, "SET", key, value),
    (1, "HSET", key, "f", "v"),
    (1, "EXPIRE", key, 100_000),
    (1, "SELECT", database),
)

# ---- transactions, from two connections

DATA = STRINGS + HASHES + KEYS_OF_ANY_TYPE

TRANSACTIONS = (
    (110, "MULTI"),
    (80, "EXEC"),
    (15, "DISCARD"),
    (60, "WATCH", repeated(key, 1, 1, 2, 5)),
    (15, "UNWATCH"),
    (4, "RESET"),
    (8, "FROB", text),
    (4, "PING"),
    (4, "ECHO", value),
    (4, "CLIENT SETNAME", one_of("me", "a b")),
    (4, "CLIENT GETNAME"),
    (60, "SET", key, value),
    (40, "GET", key),
    (20, "EXPIRE", key, seconds),
    *(row for row in DATA if row[1] != "DBSIZE"),  # it counts what `SET k v EXAT 1` left until somebody sweeps it
)

# ---- the connection itself


def get_keys(chance):
    """COMMAND GETKEYS of any command that there is."""
    command = draw(DATA + BITS + EXPIRY[:-1], chance)[0]
    return [["COMMAND", chance.choice(["GETKEYS", "getkeys", "GETKEYSANDFLAGS"]), *command]]


def inline(chance):
    line = chance.choice([b"PING", b"  PING  ", b"ECHO \"a b\"", b"ECHO 'it\\'s'", b"ECHO \"\\x41\\n\"", b"SET a 1",
                          b"GET a", b"PING a b", b"FROB x", b"ECHO \"\""])
    return [[RAW, line + chance.choice([b"\r\n", b"\n"])]]


client_name = one_of("me", "", "a b", "x\n", b"\xff", "n" * 100)

CONNECTION = (
    (3, "PING", some(1, value)),
    (3, "ECHO", value),
    (6, "SELECT", database),
    (3, "HELLO", one_of(2, 3, 3), some(1, words("SETNAME", client_name), words("AUTH", "default", "x"))),
    (2, "HELLO", some(1, one_of(2, 3, 3, 4, 1, b"x", INT64_MAX + 1)),
     some(1, words("SETNAME", client_name), words("AUTH", "default", "x"), words("AUTH", "nobody", "x"), "FROB")),
    (2, "RESET"),
    (1, "QUIT"),
    (2, "AUTH", "x"),
    (2, "AUTH", one_of("default", "nobody"), "x"),
    (3, "CLIENT SETNAME", client_name),
    (3, "CLIENT GETNAME"),
    (1, "CLIENT NO-EVICT", one_of("on", "OFF", "x")),
    (1, "CLIENT UNPAUSE"),
    (1, "CLIENT UNBLOCK", at_most(5), some(1, "ERROR", "TIMEOUT", "FROB")),
    (1, "CLIENT FROB", value),
    (1, "CONFIG FROB", value),
    (2, "FROB", repeated(text, 0, 1, 3, 20)),
    (1, b"x" * 200, repeated(text, 0, 1)),
    (3, "SET", key, value),
    (3, "GET", key),
    (3, "HSET", key, "f", "v"),
    (3, "HGETALL", key),
    (3, inline),
    (8, get_keys),
)

# ---- publish and subscribe, as far as one reply comes for one command: one channel, one pattern, and what is
# published goes to neither (tests/wire/pubsub_test.py and events_test.py look at messages)

PUBSUB = (
    (6, "SUBSCRIBE", "channel"),
    (6, "PSUBSCRIBE", "patt*"),
    (6, "UNSUBSCRIBE", one_of([], "channel", "other")),
    (6, "PUNSUBSCRIBE", one_of([], "patt*", "other")),
    (6, "PUBLISH", one_of("other", value), value),
    (4, "PUBSUB CHANNELS", one_of([], "*", "ch*", "x*", "[c]hannel")),
    (4, "PUBSUB NUMSUB", one_of([], "channel", "other", words("other", "channel"))),
    (4, "PUBSUB NUMPAT"),
    (1, "PUBSUB FROB", some(1, value)),
    (1, "PUBSUB CHANNELS", "a", "b"),
    (1, "PUBSUB NUMPAT", "a"),
    (1, "PUBSUB"),
    (1, "SUBSCRIBE"),
    (1, "PSUBSCRIBE"),
    (1, "PUBLISH", some(1, "other")),
    (1, "FROB"),
    (4, "PING", some(1, value)),
    (3, "RESET"),
    (2, "MULTI"),
    (2, "EXEC"),
    (1, "DISCARD"),
    (2, "GET", key),
    (2, "SET", key, value),
)

FAMILIES = {
    "strings": Family(STRINGS + OTHERS),
    "bits": Family(BITS + OTHERS),
    "hashes": Family(HASHES + OTHERS),
    "keys": Family(KEYS_OF_ANY_TYPE),
    "expiry": Family(EXPIRY),
    "scans": Family(SCANS),
    "transactions": Family(TRANSACTIONS, connections=2),
    "connection": Family(CONNECTION),
    "pubsub": Family(PUBSUB, mistakes=False),
}



def draw(rows, chance):
    """One row's commands, unspoilt."""
    row, = chance.choices(rows, weights=[row[0] for row in rows])
    if callable(row[1]):
        return row[1](chance)
    name = row[1].split() if isinstance(row[1], str) else [row[1]]
    return [name + flat(row[2:], chance)]


def names_of(rows):
    """What is sent by name, "OBJECT|ENCODING" for one of several words."""
    return {row[1].replace(" ", "|") for row in rows if isinstance(row[1], str)}


def sequence(family, count, chance):
    """About `count` commands, each with the number of the connection that it goes to."""
    made = []
    while len(made) < count:
        connection = chance.randrange(family.connections) if chance.random() < 0.3 else 0
        for command in draw(family.rows, chance):
            as_it_is = not family.mistakes or command[0] in (PAUSE[0], RAW)
            spoilt = command if as_it_is else mistaken(command, chance)
            made.append((connection, tuple(spoilt)))
    return made

"""What commands are made of. A maker takes the chance, a random.Random, and returns one word or a list of them.

Few keys, few fields and few values, so that commands meet; numbers at every edge. Deadlines lie so far ahead or
behind that the moment between the two servers changes no answer.
"""

INT64_MAX = 2**63 - 1
INT64_MIN = -2**63

KEYS = [b"a", b"b", b"c", b"d", b"", b"{tag}1", b"{tag}2", b"\x00\xff\r\n"]
FIELDS = [b"f", b"g", b"", b"\r\n", b"h" * 300] + [b"field-%d" % i for i in range(60)]
DATABASES = [0, 1, 9]

# Both servers' proto-max-bulk-len, the least that they take: no string may become longer.
STRING_MAX = 2**20

INTEGERS = [0, 1, -1, 7, 10, INT64_MAX, INT64_MAX - 1, INT64_MIN, INT64_MIN + 1, INT64_MAX + 1, INT64_MIN - 1]
NOT_INTEGERS = [b"", b"x", b"+1", b"-0", b"01", b" 1", b"1 ", b"1.0", b"0x1", b"-", b"1\x00", b"9" * 40]
FLOATS = [b"0.1", b"-0.1", b".5", b"5.", b"+5", b"1e3", b"3.0e-5", b"1e-17", b"-4e-18", b"1e-4940", b"1e-4960",
          b"0x1p-3", b"-0", b"1e4931", b"-1.1e4932", b"1e4932", b"1e4933", b"inf", b"-Infinity", b"nan", b"1e", b"1,5",
          b"--1", b"9" * 30, b"0" * 5119, b"0" * 5120, b"0.30000000000000004", b"9007199254740993", b"\n1", b"\x0b1"]
VALUES = [b"", b"v", b"x" * 44, b"x" * 45, b"x" * 64, b"x" * 65, b"y" * 2000, bytes(range(256))]
WORDS_NEVER_MEANT = [b"FROB", b"", b"NXX", b"EX", b"PX", b"\r\nx"]


# ---- words

def key(chance):
    return chance.choice(KEYS)


def field(chance):
    return chance.choice(FIELDS)


def small_integer(chance):
    return chance.randrange(-20, 20)


def number(chance):
    """An integer, or what only looks like one."""
    kind = chance.random()
    if kind < 0.6:
        return chance.randrange(-1000, 1000)
    return chance.choice(INTEGERS if kind < 0.85 else NOT_INTEGERS)


def float_number(chance):
    kind = chance.random()
    if kind < 0.25:
        return "%.*g" % (chance.randrange(1, 18), chance.uniform(-1000, 1000))
    if kind < 0.5:
        return chance.randrange(-10**6, 10**6) / 10**chance.randrange(9)
    return chance.choice(FLOATS) if kind < 0.8 else number(chance)


def value(chance):
    kind = chance.random()
    if kind < 0.4:
        return number(chance)
    return chance.choice(VALUES) if kind < 0.9 else chance.choice(FLOATS)


def bits(chance):
    kind = chance.random()
    if kind < 0.4:
        return bytes(chance.choices((0, 255), k=chance.randrange(60)))
    return chance.randbytes(chance.randrange(40)) if kind < 0.9 else value(chance)


def near_place(chance):
    """An offset into a string of a few bytes, or beyond all strings."""
    kind = chance.random()
    return chance.randrange(60) if kind < 0.93 else chance.choice([2**29, 2**32, -1, *NOT_INTEGERS])


def place(unit=1):
    """An offset into a string, in bytes or (unit 8) bits: mostly near its start, now and then at its bound."""
    def make(chance):
        kind = chance.random()
        if kind < 0.93:
            return chance.randrange(60 * unit)
        if kind < 0.94:
            return STRING_MAX * unit - chance.randrange(-1, 3)
        return chance.choice([2**29, 2**32, *INTEGERS, *NOT_INTEGERS])
    return make


def text(chance):
    """For what an error quotes (differences.py)."""
    return chance.choice([b"", b"v", b"a b", b"'", b"\xff\x80", b"two\r\nlines", b"y" * 300])


def database(chance):
    kind = chance.random()
    if kind < 0.9:
        return chance.choice(DATABASES)
    return chance.choice([-1, 16, INT64_MAX, INT64_MIN - 1, *NOT_INTEGERS])


def at_most(largest):
    """One end of a range, a count: mostly within -largest..largest."""
    def make(chance):
        if chance.random() < 0.85:
            return chance.randrange(-largest, largest + 1)
        return chance.choice(INTEGERS + NOT_INTEGERS)
    return make


def random_count(chance):
    """A negative one is taken at its word, however large: -2**62 elements would never end."""
    return chance.randrange(-80, 80) if chance.random() < 0.9 else chance.choice([INT64_MAX, INT64_MIN, *NOT_INTEGERS])


def one_of(*choices):
    """One of several words, lists of words or makers."""
    return lambda chance: chance.choice(choices)


def words(*parts):
    """All of them, in this order."""
    return lambda chance: flat(parts, chance)


def some(most, *makers):
    """Up to `most` options, in any order, now and then twice or against each other."""
    def make(chance):
        made = []
        while len(made) < 2 * most and chance.random() < 0.55:
            made += flat([chance.choice(makers)], chance)
        return made
    return make


def repeated(maker, *counts):
    return lambda chance: flat([maker] * chance.choice(counts), chance)


def flat(parts, chance):
    """Makers asked, lists laid out, until only words are left."""
    made = []
    for part in parts:
        while callable(part):
            part = part(chance)
        made += flat(part, chance) if isinstance(part, (list, tuple)) else [part]
    return made


# ---- time

def seconds(chance):
    kind = chance.random()
    if kind < 0.7:
        return chance.randrange(100, 10**6) * 1000
    if kind < 0.8:
        return chance.choice([0, -1, -1000, INT64_MIN // 1000, INT64_MIN // 1000 - 1])
    return chance.choice([0, -1, INT64_MAX, INT64_MAX // 1000, INT64_MAX // 1000 + 1, INT64_MIN, *NOT_INTEGERS])


def scaled(number_made, factor, offset=0):
    """A span of seconds as milliseconds, or as a moment; what is no such span stays as it is."""
    if isinstance(number_made, int) and 0 < number_made < 10**12:
        return (number_made + offset) * factor
    return number_made


def milliseconds(chance):
    made = scaled(seconds(chance), 1000)
    # One after the other, spans that lie a millisecond apart would be told apart by how long the first one took.
    return made + 10**9 if made == INT64_MAX // 1000 + 1 else made


YEAR_2033 = 2 * 10**9


def unix_seconds(chance):
    return chance.choice([1, 10**9]) if chance.random() < 0.1 else scaled(seconds(chance), 1, YEAR_2033)


def unix_milliseconds(chance):
    return chance.choice([1, 10**12]) if chance.random() < 0.1 else scaled(seconds(chance), 1000, YEAR_2033)


def deadline(chance):
    """EX and its like, with a number that means about the same."""
    option, maker = chance.choice([("EX", seconds), ("PX", milliseconds), ("EXAT", unix_seconds),
                                   ("PXAT", unix_milliseconds), ("ex", seconds), ("pXaT", unix_milliseconds)])
    return [option, maker(chance)]


# ---- mistakes

def mistaken(command, chance):
    """The command, sometimes with a word too many or too few, or its name in another case."""
    kind = chance.random()
    if kind < 0.04:
        return command[:chance.randrange(1, len(command) + 1)]
    if kind < 0.08:
        return command + [chance.choice(WORDS_NEVER_MEANT)]
    if kind < 0.11:
        return [command[0].lower(), *command[1:]]
    return command

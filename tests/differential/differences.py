"""Where Holdfast is meant to differ from Redis 7.0.15, and why. Everything else must be the same bytes."""

import re

from peers import is_error, is_null, parts_of


# ---- replies that need not be the same bytes, and what must hold for them instead

def in_any_order(ours, theirs):
    (our_head, our_parts), (head, parts) = parts_of(ours), parts_of(theirs)
    return our_head == head and sorted(our_parts) == sorted(parts)


def pairs_in_any_order(ours, theirs):
    (our_head, our_parts), (head, parts) = parts_of(ours), parts_of(theirs)
    return our_head == head and (sorted(zip(our_parts[::2], our_parts[1::2])) == sorted(zip(parts[::2], parts[1::2])))


def of_the_same_shape(ours, theirs):
    """Both a number, both a string, or arrays of the same length; never an error or a null beside something else."""
    if is_error(ours) or is_error(theirs) or is_null(ours) or is_null(theirs):
        return False
    if ours[:1] in b":$":
        return theirs[:1] == ours[:1]
    return parts_of(ours)[0] == parts_of(theirs)[0]


def but_for_the_id(ours, theirs):
    pattern = rb"(\$2\r\nid\r\n:)\d+"
    return re.sub(pattern, rb"\1", ours) == re.sub(pattern, rb"\1", theirs)


ENCODINGS = [{b"$3\r\nint\r\n", b"$6\r\nembstr\r\n", b"$3\r\nraw\r\n"},
             {b"$8\r\nlistpack\r\n", b"$9\r\nhashtable\r\n"}]


def of_the_same_type(ours, theirs):
    return any(ours in encodings and theirs in encodings for encodings in ENCODINGS)


def one_or_more(ours, theirs):
    return ours == b":1\r\n" and theirs[:1] == b":"


def both_arrays(ours, theirs):
    return ours[:1] == theirs[:1] == b"*"


def near(apart_most):
    def compare(ours, theirs):
        if ours[:1] != b":" or theirs[:1] != b":":
            return False
        a, b = int(ours[1:]), int(theirs[1:])
        return min(a, b) >= 0 and abs(a - b) <= apart_most
    return compare


REPLIES = {
    "TTL EXPIRETIME": (near(2), "the two servers do not read their clocks in the same moment"),
    "PTTL PEXPIRETIME": (near(5000), "the same"),
    "OBJECT|IDLETIME": (of_the_same_shape, "Redis' shared integers are as old as their last use by any key"),
    "HGETALL": (pairs_in_any_order, "the order of a hash's fields is nobody's promise"),
    "HKEYS HVALS KEYS": (in_any_order, "nor is that of keys"),
    "HRANDFIELD RANDOMKEY": (of_the_same_shape, "drawn by chance"),
    "OBJECT|ENCODING": (of_the_same_type, "ours tells of the content alone; Redis remembers that a string was appended "
                        "to, that a hash was larger once"),
    "OBJECT|REFCOUNT": (one_or_more, "our values are never shared; Redis' integers up to 9999 are, and what a "
                        "transaction's commands brought"),
    "SCAN HSCAN": (of_the_same_shape, "a page is what the cursor finds; whole walks are compared at the end"),
    "MEMORY|USAGE": (of_the_same_shape, "our entries take fewer bytes"),
    "COMMAND": (both_arrays, "the tables differ: rows_test.py"),
    "HELLO": (but_for_the_id, "connections are numbered by each server"),
}

# ---- commands that both have and that no family sends, and why

NOT_SENT = {
    "SAVE BGSAVE BGREWRITEAOF LASTSAVE": "tests/wire/snapshots_test.py: they tell of one process and its disk",
    "CLIENT|ID CLIENT|INFO CLIENT|LIST INFO TIME": "tell of one process",
    "CLIENT|KILL": "tests/wire/client_test.py",
    "ROLE": "tests/wire/replication_test.py: tells of one process and its log",
    "REPLICAOF SLAVEOF FAILOVER WAIT": "tests/differential/roles_test.py: the generators' servers stand alone",
    "CLIENT|HELP COMMAND|HELP CONFIG|HELP FUNCTION|HELP LATENCY|HELP MEMORY|HELP OBJECT|HELP PUBSUB|HELP "
    "SLOWLOG|HELP":
        "the help is our own",
    "CLIENT|SETINFO": "Redis has it from 7.2 on; clients send it",
    "COMMAND|GETKEYS": "families.get_keys sends it",
    "COMMAND|COUNT COMMAND|DOCS COMMAND|INFO COMMAND|LIST": "the tables differ; rows_test.py",
    "CONFIG|GET CONFIG|SET CONFIG|RESETSTAT CONFIG|REWRITE": "directives of our own",
    "CLIENT|PAUSE CLIENT|REPLY CLIENT|GETREDIR CLIENT|TRACKINGINFO":
        "tests/wire/client_test.py: the generator's client waits for a reply to each command",
    "MEMORY|STATS MEMORY|DOCTOR MEMORY|PURGE MEMORY|MALLOC-STATS": "tell of one process",
    "FUNCTION|FLUSH FUNCTION|LIST FUNCTION|STATS": "tests/wire/memory_test.py: there are none, and no engine for them",
    "COMMAND|GETKEYSANDFLAGS": "tests/wire/command_test.py: what a write does with its key is not told apart",
    "SLOWLOG|GET SLOWLOG|LEN SLOWLOG|RESET LATENCY|LATEST LATENCY|HISTORY LATENCY|RESET LATENCY|GRAPH LATENCY|DOCTOR "
    "LATENCY|HISTOGRAM": "tell of one process",
    "MONITOR": "tests/wire/monitor_test.py",
    "DEBUG": "tests/wire/debug_test.py: not allowed by default",
}

# ---- what the generators keep clear of
#
#   SCAN      Redis also takes "-1", "+1", "01" and "" for a cursor; we take what a reply can have given.
#             A MATCH pattern over 64 KiB is refused: matching must not hold up a shard. Stars alone match the empty
#             key, too: in Redis "*" does, "**" does not
#   PUBLISH   inside MULTI to a channel of one's own (RESP3): Redis puts the message into the middle of EXEC's array, we
#             send it before or behind that reply
#   SUBSCRIBE to several channels: their order in what UNSUBSCRIBE without words answers is Redis' table's, ours theirs
#   HELLO     inside MULTI: the transaction's later replies keep the protocol that it began with
#   HRANDFIELD over 1,000,000 fields or 64 MiB is refused; Redis builds the answer until the client is cut off
#   errors    Redis quotes a word (an unknown command's, EXPIRE's option) up to its first NUL byte and without line
#             breaks at its end, we quote it whole
#   BITFIELD  Redis multiplies the n of an offset #n by the width without looking whether the product fits; we refuse.
#             SET under OVERFLOW SAT of a number below -2^62: its distance to the greatest wraps around in Redis, which
#             then stores the greatest; we store the least

# ---- rows of COMMAND: what differs (arity, flags, keys, categories), and why

ROWS = {
    "SAVE BGSAVE BGREWRITEAOF REPLICAOF SLAVEOF": ({"flags"}, "no async loading here, so no flag for it"),
    "WAIT": ({"flags"}, "within MULTI Redis' does not wait; ours is refused there"),
}

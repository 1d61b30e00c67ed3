"""A data directory of every released format is kept in formats/: what it held is there after a start on it.

`formats_test.py --make VERSION` makes one, with the server that HOLDFAST_BIN names: once, before a release.
"""

import json
import os
import shutil
import sys
import tempfile
import time
import unittest

from harness import Client, Server, WireTest

FORMATS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "formats")
FLAGS = ("--shards", "2", "--restart-grace", "0", "--hold-max-life", "315360000")
YEARS = "300000000"  # seconds, so that nothing in it falls due
NOT_KEPT = ("LOG*", "LOCK", "OPTIONS-*", "holdfast.lock")


def fill(client, name):
    """Every kind of change, so that the log, or the snapshot in front of it, holds every kind of record."""
    def call(*words):
        return client.call(*(word.replace("*", name) if isinstance(word, str) else word for word in words))

    call("SET", "*:text", "value of *")
    call("SET", "*:session", b"\x00\xff bytes", "EX", YEARS)
    call("SET", "*:gone", "v")
    call("DEL", "*:gone")
    call("SET", "*:short", "v", "PX", "1")
    call("PERSIST", "*:session") if name == "log" else call("EXPIRE", "*:text", YEARS)
    call("HSET", "*:cart", "mask", "2", "soap", "1")
    call("HDEL", "*:cart", "soap")
    call("HSET", "*:large", *[word for i in range(1000) for word in ("field%d" % i, "value%d" % i)])
    call("APPEND", "*:text", ", and more")
    call("SETRANGE", "*:range", "10", "ten")
    call("SETBIT", "*:bits", "77", "1")
    call("INCRBYFLOAT", "*:float", "10.5")
    for db in ("1", "2", "3"):
        call("SELECT", db)
        call("SET", "*:in%s" % db, "of %s" % db)
    call("FLUSHDB")
    call("SELECT", "0")
    call("SWAPDB", "1", "2")

    call("STOCK.CREATE", "*:mask", "1000", "LIMIT", "5", "TTL", YEARS, "RETAIN", YEARS)
    for i in range(40):
        call("RESERVE", "*:mask", "h%d" % i, "2", "BUYER", "b%d" % (i % 20), "META", "meta %d" % i)
    for i in range(0, 40, 4):
        call("CONFIRM", "*:mask", "h%d" % i)
        call("RELEASE", "*:mask", "h%d" % (i + 1))
    call("EXTEND", "*:mask", "h2", "EX", YEARS)
    call("AMEND", "*:mask", "h2", "1")
    call("RELEASE", "*:mask", "fence")
    call("STOCK.ADJUST", "*:mask", "delivery", "100", "REASON", "a van")
    call("STOCK.RETURN", "*:mask", "h0", "parcel", "1")
    call("STOCK.SET", "*:mask", "SAFETY", "7")

    call("STOCK.CREATE", "*:fast", "50", "RETAIN", "1")
    for i in range(20):
        call("RESERVE", "*:fast", "f%d" % i, "1", "BUYER", "b%d" % i, "PX", "1")
    call("RESERVE", "*:fast", "late", "1", "PX", "50")
    call("STOCK.ADJUST", "*:fast", "ref", "5")
    call("STOCK.CREATE", "*:dropped", "5")
    call("STOCK.DROP", "*:dropped")
    time.sleep(0.1)
    call("CONFIRM", "*:fast", "late", "RECLAIM")
    time.sleep(1.5)  # what was to be forgotten is
    call("STOCK.SET", "*:fast", "LIMIT", "3")  # counts the buyers
    call("RESERVE", "*:fast", "new", "2", "BUYER", "b1", "EX", YEARS)
    call("EXISTS", "*:short")


def text_of(value):
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list):
        return [text_of(element) for element in value]
    return str(value) if value is not None else None


def state_of(client):
    """Everything, in one canonical form."""
    state = {}

    def note(*words):
        state[" ".join(words)] = text_of(client.pipeline(words)[0])

    for db in range(16):
        client.call("SELECT", db)
        for key in sorted(client.call("KEYS", "*")):
            key = key.decode()
            kind = client.call("TYPE", key)
            place = "db%d %s" % (db, key)
            if kind == "string":
                state[place] = [text_of(client.call("GET", key)), client.call("PEXPIRETIME", key)]
            elif kind == "hash":
                fields = client.call("HGETALL", key)
                pairs = sorted(zip(fields[::2], fields[1::2]))
                state[place] = [text_of([list(pair) for pair in pairs]), client.call("PEXPIRETIME", key)]
    client.call("SELECT", 0)
    for name in ("snapshot", "log"):
        for sku in (name + ":mask", name + ":fast"):
            note("STOCK.GET", sku)
            holds, cursor = [], b"0"
            while True:
                cursor, page = client.call("HOLD.LIST", sku, "CURSOR", cursor, "COUNT", 100)
                holds += text_of(page)
                if cursor == b"0":
                    break
            state["holds of " + sku] = sorted(holds)
        # Retries of what is remembered: none of them changes anything.
        note("RESERVE", name + ":mask", "h3", "2", "BUYER", "b3")
        note("RESERVE", name + ":mask", "fence", "1")
        note("CONFIRM", name + ":mask", "h0")
        note("STOCK.ADJUST", name + ":mask", "delivery", "100")
        note("STOCK.RETURN", name + ":mask", "h0", "parcel", "1")
        note("RESERVE", name + ":fast", "another", "2", "BUYER", "b1")
    note("STOCK.AUDIT")
    return state


def make(version):
    place = os.path.join(FORMATS, version)
    server = Server(*FLAGS).start()
    try:
        client = Client(server.port)
        fill(client, "snapshot")
        client.call("SAVE")
        fill(client, "log")
        time.sleep(1.5)  # ordinary keys are synced each second
        state = state_of(client)
        server.kill()
        shutil.copytree(os.path.join(server.directory, "log"), os.path.join(place, "log"),
                        ignore=shutil.ignore_patterns(*NOT_KEPT))
        with open(os.path.join(place, "state.json"), "w") as file:
            json.dump(state, file, indent=0, sort_keys=True)
            file.write("\n")
    finally:
        server.remove()


class Formats(unittest.TestCase):
    maxDiff = 4000

    def test_what_every_released_version_wrote_is_read(self):
        versions = sorted(os.listdir(FORMATS))
        self.assertIn("0.1.0", versions)
        for version in versions:
            with self.subTest(version):
                self.check(os.path.join(FORMATS, version))

    def check(self, place):
        directory = tempfile.mkdtemp(prefix="holdfast-format-")
        self.addCleanup(shutil.rmtree, directory, True)
        shutil.copytree(os.path.join(place, "log"), os.path.join(directory, "log"))
        with open(os.path.join(place, "state.json")) as file:
            expected = json.load(file)
        server = Server(*FLAGS, directory=directory)
        self.addCleanup(server.remove)
        for _ in ("as it was", "as this version wrote it"):
            server.start()
            client = Client(server.port)
            self.assertEqual(json.loads(json.dumps(state_of(client))), expected)
            client.call("SAVE")
            client.close()
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        make(sys.argv[2])
    else:
        unittest.main()

"""What COMMAND tells of every command that both servers have, and that each of them is in a family."""

import unittest

from differences import NOT_SENT, ROWS
from families import FAMILIES, names_of
from harness import Client, WireTest
from peers import Redis


def rows_of(client):
    """Each command and subcommand by name."""
    found, left = {}, client.call("COMMAND")
    while left:
        row = left.pop()
        found[row[0].decode()] = row
        left += row[9]
    return found


def named(table):
    return {name.lower(): what for names, what in table.items() for name in names.split()}


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


def positions_of(row, words=9):
    """First key, last key and step, and where the key specifications find keys in a line of so many words."""
    found = set()
    for spec in map(pairs, row[8]):
        first = pairs(pairs(spec[b"begin_search"])[b"spec"])[b"index"]
        span = pairs(pairs(spec[b"find_keys"])[b"spec"])
        last = words + span[b"lastkey"] if span[b"lastkey"] < 0 else first + span[b"lastkey"]
        found |= set(range(first, last + 1, span[b"keystep"]))
    return row[3:6], sorted(found)


class Rows(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        redis = Redis()
        cls.addClassCleanup(redis.remove)
        client = Client(redis.port)
        cls.addClassCleanup(client.close)
        cls.theirs = rows_of(client)

    def setUp(self):
        super().setUp()
        self.ours = rows_of(self.client)
        self.shared = sorted(set(self.ours) & set(self.theirs))

    def compare(self, what, of_row):
        """`ROWS` says which of them may differ, and must."""
        allowed = {name for name, (whats, _) in named(ROWS).items() if what in whats}
        different = ["%s: ours %s, Redis' %s" % (name, of_row(self.ours[name]), of_row(self.theirs[name]))
                     for name in self.shared
                     if (of_row(self.ours[name]) != of_row(self.theirs[name])) != (name in allowed)]
        if different:
            self.fail("\n".join(["the rows differ, or not where differences.py says so:"] + different))

    def test_arity(self):
        self.compare("arity", lambda row: row[1])

    def test_flags(self):
        self.compare("flags", lambda row: sorted(row[2]))

    def test_key_positions(self):
        self.compare("keys", positions_of)

    def test_what_is_done_with_each_key(self):
        self.compare("key flags", lambda row: [sorted(pairs(spec)[b"flags"]) for spec in row[8]])

    def test_acl_categories(self):
        self.compare("categories", lambda row: sorted(row[6]))

    def test_every_shared_command_is_in_a_family(self):
        sent = {name.lower() for family in FAMILIES.values() for name in names_of(family.rows)}
        not_sent = named(NOT_SENT)
        containers = {name.split("|")[0] for name in self.shared if "|" in name}
        self.assertEqual([name for name in self.shared if name not in sent | set(not_sent) | containers], [])
        self.assertEqual([name for name in not_sent if name in sent], [])


if __name__ == "__main__":
    unittest.main()

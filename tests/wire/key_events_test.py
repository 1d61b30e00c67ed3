"""notify-keyspace-events over real sockets: who is told what befalls keys and stock, and when."""

import threading
import time
import unittest

from harness import WireTest


class KeyEventsTest(WireTest):
    def listener(self, *patterns):
        client = self.connect()
        client.send("PSUBSCRIBE", *patterns)
        for _ in patterns:
            client.read()
        return client

    def heard(self, listener, count):
        return [listener.read()[2:] for _ in range(count)]


class KeyEvents(KeyEventsTest):
    flags = ("--shards", "4", "--notify-keyspace-events", "KEA")

    def test_a_keys_channel_tells_the_events_and_an_events_channel_the_keys(self):
        listener = self.listener("__key*@0__:*" + self.key(), "__keyevent@0__:set")
        self.call("SET", self.key(), "v", "EX", "100")
        self.assertEqual(sorted(self.heard(listener, 3)),
                         sorted([[("__keyspace@0__:" + self.key()).encode(), b"set"],
                                 [b"__keyevent@0__:set", self.key().encode()],
                                 [("__keyspace@0__:" + self.key()).encode(), b"expire"]]))

    def test_every_shards_keys_and_every_database(self):
        listener = self.listener("__keyevent@*__:set")
        other = self.connect()
        other.call("SELECT", 7)
        for i in range(50):
            self.call("SET", self.key(str(i)), "v")
            other.call("SET", self.key(str(i)), "v")
        self.assertEqual(sorted(self.heard(listener, 100)),
                         sorted([b"__keyevent@%d__:set" % db, self.key(str(i)).encode()] for db in (0, 7) for i in range(50)))

    def test_a_key_that_nobody_asks_for_is_told_when_its_time_is_over(self):
        listener = self.listener("__keyevent@0__:expired")
        due = {}
        for i in range(20):
            self.call("SET", self.key(str(i)), "v", "PX", 100 + 10 * i)
            due[self.key(str(i)).encode()] = time.monotonic() + 0.1 + 0.01 * i
        late = []
        for _ in range(20):
            key = listener.read()[3]
            late.append(time.monotonic() - due[key])
        late.sort()
        self.assertGreater(late[0], -0.1)  # each was set a little before its time was noted
        self.assertLess(late[len(late) // 2], 0.1, late)

    def test_stock_tells_what_befalls_it(self):
        sku = self.key()
        listener = self.listener("__keyspace@0__:" + sku)
        for words in (("STOCK.CREATE", sku, 10), ("RESERVE", sku, "a", 2), ("RESERVE", sku, "a", 2), ("CONFIRM", sku, "a"),
                      ("RESERVE", sku, "b", 1), ("EXTEND", sku, "b", "EX", 1000), ("AMEND", sku, "b", 2),
                      ("RELEASE", sku, "b"), ("STOCK.ADJUST", sku, "ref-1", 5), ("RESERVE", sku, "c", 1, "PX", 100),
                      ("RESERVE", sku, "d", 1000)):
            self.client.pipeline(words)
        self.assertEqual([event for _, event in self.heard(listener, 9)],
                         [b"created", b"held", b"confirmed", b"held", b"extended", b"amended", b"released", b"adjusted",
                          b"held"])
        self.assertEqual(self.heard(listener, 1)[0][1], b"hold_expired")
        self.call("STOCK.DROP", sku, "FORCE")
        self.assertEqual(self.heard(listener, 1)[0][1], b"dropped")

    def test_it_is_switched_while_running(self):
        listener = self.listener("__keyspace@0__:" + self.key(""))
        try:
            self.call("CONFIG", "SET", "notify-keyspace-events", "")
            self.call("SET", self.key(""), "1")
            self.call("CONFIG", "SET", "notify-keyspace-events", "Kg")
            self.call("SET", self.key(""), "2")
            self.call("DEL", self.key(""))
            self.assertEqual(self.heard(listener, 1)[0][1], b"del")
            self.assertError("ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event "
                             "class character. Use 'Ag$lshzxeKEtmdn'.", "CONFIG", "SET", "notify-keyspace-events", "KEq")
            self.assertEqual(self.call("CONFIG", "GET", "notify-keyspace-events")[1], b"gK")
        finally:
            self.call("CONFIG", "SET", "notify-keyspace-events", "KEA")

    def test_a_listener_hears_of_its_own_changes(self):
        client = self.connect(resp=3)
        client.send("SUBSCRIBE", "__keyspace@0__:" + self.key())
        client.read()
        client.send("SET", self.key(), "v")
        self.assertIn("OK", [client.read(), client.read()])

    def test_many_keys_at_once(self):
        listener = self.listener("__keyevent@0__:del")
        keys = [self.key(str(i)) for i in range(5000)]
        self.call("MSET", *(word for key in keys for word in (key, "v")))
        self.assertEqual(self.call("DEL", *keys), 5000)
        self.assertEqual(sorted(key for _, key in self.heard(listener, 5000)), sorted(key.encode() for key in keys))


class Backlog(KeyEventsTest):
    flags = ("--shards", "4", "--notify-keyspace-events", "K$", "--appendonly", "no")

    def test_whoever_changes_keys_does_not_outrun_who_is_told(self):
        def peak():
            with open("/proc/%d/status" % self.server.process.pid) as status:
                return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024
        # Each event is a large name, held against many patterns in vain.
        listener = self.listener(*("x%d" % i for i in range(2000)))
        before = peak()
        key, writers = "k" * 100_000, [self.connect() for _ in range(4)]
        threads = [threading.Thread(target=writer.pipeline, args=[("INCR", key)] * 500) for writer in writers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()  # 200 MB
        with open("/proc/%d/maps" % self.server.process.pid) as maps:
            keeps_freed = "jemalloc" not in maps.read()  # a sanitizer
        if not keeps_freed:
            self.assertLess(peak() - before, 130)
        self.assertEqual(self.call("PUBLISH", "x7", "m"), 1)
        self.assertEqual(listener.read(), [b"pmessage", b"x7", b"x7", b"m"])


if __name__ == "__main__":
    unittest.main()

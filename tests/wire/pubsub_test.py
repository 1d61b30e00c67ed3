"""Publish and subscribe over real sockets: many shards, many subscribers, slow ones, and what a crash may undo."""

import subprocess
import time
import unittest

from harness import Client, ReplyError, WireTest, eventually

MIB = 1 << 20


class PubSubTest(WireTest):
    flags = ("--shards", "4", "--appendonly", "no")

    def subscriber(self, *channels, resp=2, command="SUBSCRIBE"):
        client = self.connect(resp)
        client.send(command, *channels)
        for i, channel in enumerate(channels):
            self.assertEqual(client.read(), [command.lower().encode(), channel.encode(), i + 1])
        return client

    def listed(self, client_id):
        return self.call("CLIENT", "LIST", "ID", client_id).decode()


class Messages(PubSubTest):
    def test_every_subscriber_of_every_shard_hears_it_and_the_publisher_hears_how_many(self):
        channel = self.key()
        subscribers = [self.subscriber(channel, resp=2 + i % 2) for i in range(12)]
        for client in [self.client] + [self.connect() for _ in range(6)]:
            self.assertEqual(client.call("PUBLISH", channel, b"\x00\r\n\xff"), 12)
        for subscriber in subscribers:
            for _ in range(7):
                self.assertEqual(subscriber.read(), [b"message", channel.encode(), b"\x00\r\n\xff"])

    def test_a_resp3_client_is_told_by_pushes_and_may_go_on_asking(self):
        client = self.connect(resp=3)
        client.raw(Client.pack("SUBSCRIBE", self.key()))
        self.assertEqual(client.read_line(), b">3")
        client.read_bytes(len(b"$9\r\nsubscribe\r\n$%d\r\n%s\r\n:1\r\n" % (len(self.key()), self.key().encode())))
        self.assertEqual(client.call("SET", self.key("x"), "v"), "OK")
        client.send("PUBLISH", self.key(), "m")
        self.assertEqual(client.read_line(), b">3")  # its own message, and then the reply
        client.read_bytes(len(b"$7\r\nmessage\r\n$%d\r\n%s\r\n$1\r\nm\r\n" % (len(self.key()), self.key().encode())))
        self.assertEqual(client.read(), 1)

    def test_whoever_was_told_that_it_is_subscribed_misses_nothing_that_is_sent_from_then_on(self):
        publishers = [self.connect() for _ in range(8)]
        for i in range(200):
            channel = self.key(str(i))
            subscriber = self.subscriber(channel)
            self.assertEqual(publishers[i % 8].call("PUBLISH", channel, "m"), 1)
            self.assertEqual(subscriber.read(), [b"message", channel.encode(), b"m"])
            subscriber.close()

    def test_each_publishers_messages_come_in_its_order(self):
        channel = self.key()
        subscribers = [self.subscriber(channel) for _ in range(6)]
        publishers = [self.connect() for _ in range(6)]
        for publisher in publishers:
            publisher.raw(b"".join(Client.pack("PUBLISH", channel, "%d %d" % (id(publisher), i)) for i in range(300)))
        for publisher in publishers:
            self.assertEqual([publisher.read() for _ in range(300)], [6] * 300)
        for subscriber in subscribers:
            seen = {}
            for _ in range(1800):
                who, number = subscriber.read()[2].split()
                self.assertEqual(int(number), seen.get(who, -1) + 1)
                seen[who] = int(number)

    def test_a_thousand_subscribers(self):
        channel = self.key()
        subscribers = [self.connect() for _ in range(1000)]
        for subscriber in subscribers:
            subscriber.send("SUBSCRIBE", channel)
        for subscriber in subscribers:
            subscriber.read()
        self.assertEqual(self.info("stats")["pubsub_channels"], "1")
        self.assertEqual(self.info("clients")["pubsub_clients"], "1000")
        self.assertEqual(self.client.pipeline(*[("PUBLISH", channel, "x" * 100)] * 20), [1000] * 20)
        for subscriber in subscribers:
            for _ in range(20):
                self.assertEqual(subscriber.read()[2], b"x" * 100)
        for subscriber in subscribers:
            subscriber.close()
        eventually(lambda: self.call("PUBLISH", channel, "m") == 0)
        self.assertEqual(self.call("PUBSUB", "CHANNELS"), [])
        self.assertEqual(self.info("stats")["pubsub_channels"], "0")

    def test_a_large_message(self):
        subscribers = [self.subscriber(self.key()) for _ in range(4)]
        message = bytes(range(256)) * 4096 * 8  # 8 MiB
        self.assertEqual(self.call("PUBLISH", self.key(), message), 4)
        for subscriber in subscribers:
            self.assertEqual(subscriber.read()[2], message)

    def test_many_channels_of_one_client(self):
        names = ["%s%d" % (self.key(), i) for i in range(20_000)]
        client = self.connect()
        client.send("SUBSCRIBE", *names)
        for i in range(len(names)):
            self.assertEqual(client.read()[2], i + 1)
        client.send("UNSUBSCRIBE")
        for i, name in enumerate(names):
            self.assertEqual(client.read(), [b"unsubscribe", name.encode(), len(names) - i - 1])
        self.assertEqual(client.call("PING"), "PONG")

    def test_in_a_transaction_it_is_sent_when_the_transaction_runs(self):
        subscriber = self.subscriber(self.key())
        for i in range(20):  # its key on any shard
            self.assertEqual(self.client.pipeline(("MULTI",), ("SET", self.key(str(i)), "v"), ("PUBLISH", self.key(), i),
                                                  ("MGET", "a", "b"), ("EXEC",))[-1], ["OK", 1, [None, None]])
            self.assertEqual(subscriber.read()[2], b"%d" % i)

    def test_while_others_hold_locks(self):
        subscriber = self.subscriber(self.key())
        movers = [self.connect() for _ in range(4)]
        for mover in movers:
            mover.raw(Client.pack("MSET", *(word for i in range(50) for word in ("k%d" % i, "v"))) * 50)
        self.assertEqual(self.client.pipeline(*[("PUBLISH", self.key(), "m")] * 100), [1] * 100)
        for mover in movers:
            self.assertEqual([mover.read() for _ in range(50)], ["OK"] * 50)
        for _ in range(100):
            subscriber.read()

    def test_client_pause_of_writes_holds_publishing_back(self):
        subscriber = self.subscriber(self.key())
        self.client.raw(Client.pack("CLIENT", "PAUSE", 300, "WRITE") + Client.pack("PUBLISH", self.key(), "m"))
        begin = time.monotonic()
        self.assertEqual(self.client.read(), "OK")
        self.assertEqual(self.client.read(), 1)
        self.assertGreater(time.monotonic() - begin, 0.2)
        self.assertEqual(subscriber.read()[2], b"m")


class Lookups(PubSubTest):
    def test_pubsub_tells_of_all_shards_together(self):
        names = [self.key(str(i)) for i in range(5)]
        for _ in range(6):
            self.subscriber(*names[:2])
            self.subscriber("p1*", "p2*", command="PSUBSCRIBE")
        self.subscriber(names[4])
        mine = self.key("") + "*"
        self.assertEqual(sorted(self.call("PUBSUB", "CHANNELS", mine)), sorted(n.encode() for n in names[:2] + names[4:]))
        self.assertEqual(self.call("PUBSUB", "NUMSUB", names[0], "none", names[4], names[0]),
                         [names[0].encode(), 6, b"none", 0, names[4].encode(), 1, names[0].encode(), 6])
        self.assertEqual(self.call("PUBSUB", "NUMPAT"), 2)
        self.assertEqual(self.info("stats")["pubsub_patterns"], "2")

    def test_clients_are_listed_and_killed_by_their_type(self):
        subscriber = self.connect()
        client_id = subscriber.call("CLIENT", "ID")
        for command, names in (("SUBSCRIBE", ("a", "b", "c")), ("PSUBSCRIBE", ("x*",))):
            subscriber.send(command, *names)
            for _ in names:
                subscriber.read()
        line = self.listed(client_id)
        self.assertIn(" sub=3 psub=1 ", line)
        self.assertIn(" flags=P ", line)
        self.assertIn("id=%d " % client_id, self.call("CLIENT", "LIST", "TYPE", "pubsub").decode())
        self.assertNotIn("id=%d " % client_id, self.call("CLIENT", "LIST", "TYPE", "normal").decode())
        self.assertEqual(self.call("CLIENT", "KILL", "TYPE", "normal", "ID", client_id), 0)
        self.assertEqual(self.call("CLIENT", "KILL", "TYPE", "pubsub", "ID", client_id), 1)
        self.assertTrue(subscriber.at_end())

    def test_monitor_shows_it(self):
        monitor = self.connect()
        monitor.call("MONITOR")
        self.subscriber("a")
        self.call("PUBLISH", "a", "m")
        self.assertTrue(monitor.read().endswith('"SUBSCRIBE" "a"'))
        self.assertTrue(monitor.read().endswith('"PUBLISH" "a" "m"'))


class Subscribed(PubSubTest):
    def test_of_resp2_it_may_ask_little_until_it_listens_to_nothing(self):
        client = self.subscriber("a")
        for words in (("GET", "x"), ("publish", "a", "m"), ("CLIENT", "LIST"), ("MULTI",)):
            with self.assertRaises(ReplyError) as caught:
                client.call(*words)
            name = words[0].lower() + ("|" + words[1].lower() if words[0] == "CLIENT" else "")
            self.assertEqual(str(caught.exception),
                             "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
                             "allowed in this context" % name)
        self.assertEqual(client.call("PING"), [b"pong", b""])
        self.assertEqual(client.call("PING", "x"), [b"pong", b"x"])
        self.assertEqual(client.call("UNSUBSCRIBE"), [b"unsubscribe", b"a", 0])
        self.assertEqual(client.call("UNSUBSCRIBE"), [b"unsubscribe", None, 0])
        self.assertEqual(client.call("PING"), "PONG")

    def test_reset_and_quit_end_it(self):
        client = self.subscriber(self.key())
        self.assertEqual(client.call("RESET"), "RESET")
        self.assertEqual(self.call("PUBLISH", self.key(), "m"), 0)
        self.assertEqual(client.call("PING"), "PONG")
        client = self.subscriber(self.key())
        self.assertEqual(client.call("QUIT"), "OK")
        self.assertTrue(client.at_end())
        self.assertEqual(self.call("PUBLISH", self.key(), "m"), 0)

    def test_client_reply_silences_no_message(self):
        client = self.connect(resp=3)
        client.send("CLIENT", "REPLY", "OFF")
        client.send("SUBSCRIBE", self.key())
        client.send("PING")
        self.assertEqual(client.read(), [b"subscribe", self.key().encode(), 1])
        self.call("PUBLISH", self.key(), "m")
        self.assertEqual(client.read(), [b"message", self.key().encode(), b"m"])
        client.send("CLIENT", "REPLY", "ON")
        self.assertEqual(client.read(), "OK")

    def test_a_pattern_that_would_take_long_is_refused(self):
        client = self.connect()
        with self.assertRaises(ReplyError):
            client.call("PSUBSCRIBE", "*a" * 40_000)
        self.assertEqual(client.call("PING"), "PONG")

    def test_by_redis_cli(self):
        cli = subprocess.Popen(["redis-cli", "-p", str(self.server.port), "--csv", "PSUBSCRIBE", self.key("") + "*"],
                               stdout=subprocess.PIPE, text=True)
        try:
            while '"psubscribe"' not in cli.stdout.readline():
                self.assertIsNone(cli.poll())
            eventually(lambda: self.call("PUBLISH", self.key("x"), "hello") == 1)
            self.assertEqual(cli.stdout.readline().strip(), '"pmessage","%s*","%s","hello"' % (self.key(""), self.key("x")))
        finally:
            cli.kill()
            cli.wait()
            cli.stdout.close()


class Idle(PubSubTest):
    flags = ("--shards", "2", "--appendonly", "no", "--timeout", "1")

    def test_whoever_listens_is_not_idle(self):
        subscriber = self.subscriber("a")
        idle = self.connect()
        self.assertEqual(idle.call("PING"), "PONG")
        self.assertTrue(idle.at_end())
        self.assertEqual(self.connect().call("PUBLISH", "a", "m"), 1)
        self.assertEqual(subscriber.read()[2], b"m")


class SlowSubscribers(PubSubTest):
    flags = ("--shards", "2", "--appendonly", "no", "--client-output-buffer-limit", "pubsub", "4mb", "1mb", "1")

    def test_one_that_does_not_read_is_closed_and_nobody_else_pays(self):
        fast, slow = self.subscriber("flood"), self.subscriber("flood")

        def closed():
            self.client.pipeline(*[("PUBLISH", "flood", "x" * 10_000)] * 50)
            for _ in range(50):
                fast.read()
            return self.info("clients")["pubsub_clients"] == "1"
        eventually(closed, 60)
        self.assertIn("client-output-buffer-limit pubsub", self.server.log())
        self.assertEqual(self.call("PUBLISH", "flood", "m"), 1)
        self.assertEqual(fast.read()[2], b"m")
        slow.close()

    def test_above_the_soft_limit_it_may_stay_only_for_a_while(self):
        slow = self.subscriber("soft")
        # Fill the sockets until some of it waits here, then a little above the soft limit.
        begin = time.monotonic()

        def waits():
            line = self.call("CLIENT", "LIST", "TYPE", "pubsub").decode()
            return int(line.split("omem=")[1].split()[0]) > MIB
        while not waits():
            self.call("PUBLISH", "soft", "x" * 200_000)
        eventually(lambda: self.info("clients")["pubsub_clients"] == "0", 10)
        self.assertGreater(time.monotonic() - begin, 0.9)
        slow.close()


class Durable(PubSubTest):
    flags = ("--shards", "3", "--appendonly", "yes")

    def test_a_message_tells_of_no_reservation_that_a_crash_undoes(self):
        for i in range(5):
            sku = self.key("%d" % i)
            self.call("STOCK.CREATE", sku, 10)
            subscriber = self.subscriber("sold")
            publisher = self.connect()
            publisher.raw(b"".join(Client.pack("RESERVE", sku, "ord-%d" % n, 1) + Client.pack("PUBLISH", "sold", n)
                                   for n in range(5)))
            heard = int(subscriber.read()[2])
            self.server.kill()
            self.server.start()
            self.client = self.connect()
            available = self.call("STOCK.AVAIL", sku)
            self.assertLessEqual(available if isinstance(available, int) else available[0], 10 - heard - 1)


class Directive(PubSubTest):
    def limits(self):
        return self.call("CONFIG", "GET", "client-output-buffer-limit")[1].decode()

    def test_limits_are_set_and_shown_as_redis_does(self):
        begin = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
        self.assertEqual(self.limits(), begin)
        self.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 512kb 5")
        self.assertEqual(self.limits(), "normal 0 0 0 slave 268435456 67108864 60 pubsub 1048576 524288 5")
        self.call("CONFIG", "SET", "client-output-buffer-limit", "Normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60")
        self.assertEqual(self.limits(), begin)
        prefix = "ERR CONFIG SET failed (possibly related to argument 'client-output-buffer-limit') - "
        for wrong, text in (("pubsub 1", "Wrong number of arguments in buffer limit configuration."),
                            ("frob 1 2 3", "Invalid client class specified in buffer limit configuration."),
                            ("pubsub 1 2 x", "Error in hard, soft or soft_seconds setting in buffer limit configuration.")):
            self.assertError(prefix + text, "CONFIG", "SET", "client-output-buffer-limit", wrong)
        self.assertEqual(self.limits(), begin)


if __name__ == "__main__":
    unittest.main()

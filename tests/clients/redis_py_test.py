"""redis-py as Debian ships it (4.3, RESP2): what a shop's Python does all day."""

import threading
import unittest

import redis

from harness import WireTest, eventually


class RedisPy(WireTest):
    flags = ("--shards", "2")

    def setUp(self):
        super().setUp()
        self.redis = redis.Redis(port=self.server.port, decode_responses=True)
        self.addCleanup(self.redis.close)

    def test_a_session_lives_as_long_as_it_was_given(self):
        name = self.key()
        self.assertTrue(self.redis.set(name, "cart", ex=600))
        self.assertEqual(self.redis.get(name), "cart")
        self.assertIn(self.redis.ttl(name), range(591, 601))
        self.redis.pexpire(name, 20)
        eventually(lambda: self.redis.get(name) is None)

    def test_counters_count_what_many_ask_at_once(self):
        name = self.key()
        threads = [threading.Thread(target=lambda: [self.redis.incr(name) for _ in range(50)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.redis.get(name), "200")

    def test_a_hash_is_a_dict(self):
        name = self.key()
        self.assertEqual(self.redis.hset(name, mapping={"name": "mask", "price": 2}), 2)
        self.assertEqual(self.redis.hgetall(name), {"name": "mask", "price": "2"})

    def test_bytes_come_back_as_they_went(self):
        binary = redis.Redis(port=self.server.port)
        self.addCleanup(binary.close)
        value = bytes(range(256)) * 100
        binary.set(self.key(), value)
        self.assertEqual(binary.get(self.key()), value)

    def test_a_pipeline_answers_each_command_with_errors_in_their_place(self):
        name = self.key()
        replies = (self.redis.pipeline(transaction=False)
                   .set(name, "text").incr(name).get(name).execute(raise_on_error=False))
        self.assertEqual(replies[0], True)
        self.assertIsInstance(replies[1], redis.ResponseError)
        self.assertEqual(replies[2], "text")

    def test_a_subscriber_hears_channels_and_patterns(self):
        subscriber = self.redis.pubsub()
        self.addCleanup(subscriber.close)
        subscriber.subscribe(self.key())
        subscriber.psubscribe(self.key("") + "*")
        told = [subscriber.get_message(timeout=10) for _ in range(2)]
        self.assertEqual([(message["type"], message["data"]) for message in told], [("subscribe", 1), ("psubscribe", 2)])
        self.assertEqual(self.redis.publish(self.key(), "hello"), 2)
        heard = [subscriber.get_message(timeout=10) for _ in range(2)]
        self.assertEqual([(message["type"], message["channel"], message["data"]) for message in heard],
                         [("message", self.key(), "hello"), ("pmessage", self.key(), "hello")])
        self.assertEqual(self.redis.pubsub_numsub(self.key()), [(self.key(), 1)])
        self.assertEqual(self.redis.pubsub_channels(self.key("") + "*"), [self.key()])
        self.assertEqual(self.redis.pubsub_numpat(), 1)
        subscriber.ping()
        self.assertEqual(subscriber.get_message(timeout=10)["type"], "pong")

    def test_a_handler_of_key_events_in_a_thread_of_its_own(self):
        self.redis.config_set("notify-keyspace-events", "KEA")
        heard = []
        subscriber = self.redis.pubsub()
        subscriber.psubscribe(**{"__keyspace@0__:" + self.key(): heard.append})
        thread = subscriber.run_in_thread(sleep_time=0.01)
        try:
            eventually(lambda: self.redis.pubsub_numpat() == 1)
            self.redis.set(self.key(), "v", px=50)
            eventually(lambda: len(heard) == 3)
            self.assertEqual([message["data"] for message in heard], ["set", "expire", "expired"])
        finally:
            thread.stop()
            thread.join()
            self.redis.config_set("notify-keyspace-events", "")

    def test_a_long_pipeline(self):
        pipeline = self.redis.pipeline(transaction=False)
        for i in range(5000):
            pipeline.set(self.key(str(i)), i)
        self.assertEqual(pipeline.execute(), [True] * 5000)
        self.assertEqual(len(list(self.redis.scan_iter(self.key("*"), count=500))), 5000)

    def test_a_transaction_happens_whole_and_errors_say_where(self):
        name = self.key()
        self.assertEqual(self.redis.pipeline().set(name, 1).incr(name).get(name).execute(), [True, 2, "2"])
        with self.assertRaisesRegex(redis.ResponseError, r"Command # 2 \(HGET .*\) of pipeline caused error: WRONGTYPE"):
            self.redis.pipeline().incr(name).hget(name, "f").incr(name).execute()
        self.assertEqual(self.redis.get(name), "4")

    def test_a_watched_key_that_changed_stops_the_transaction(self):
        name = self.key()
        with self.redis.pipeline() as pipeline:
            pipeline.watch(name)
            self.assertIsNone(pipeline.get(name))
            self.redis.set(name, "other")
            pipeline.multi()
            pipeline.set(name, "mine")
            self.assertRaises(redis.WatchError, pipeline.execute)
        self.assertEqual(self.redis.get(name), "other")

        def double(pipeline):
            value = pipeline.get(name)
            pipeline.multi()
            pipeline.set(name, value * 2)

        self.assertEqual(self.redis.transaction(double, name), [True])
        self.assertEqual(self.redis.get(name), "otherother")

    def test_a_sale_by_commands_that_redis_py_does_not_know(self):
        ask, sku = self.redis.execute_command, self.key()
        self.assertIn(ask("STOCK.CREATE", sku, 3, "LIMIT", 2), (True, "OK"))
        status, units, deadline, left = ask("RESERVE", sku, "order-1", 2, "BUYER", "ann")
        self.assertEqual((status, units, left), ("HELD", 2, 1))
        self.assertEqual(ask("RESERVE", sku, "order-1", 2, "BUYER", "ann"), ["HELD", 2, deadline, 1])
        self.assertEqual(ask("RESERVE", sku, "order-2", 1, "BUYER", "ann"), ["LIMIT", 0, 0, 0])
        self.assertEqual(ask("RESERVE", sku, "order-3", 1, "BUYER", "bob")[0], "HELD")
        self.assertEqual(ask("RESERVE", sku, "order-4", 1, "BUYER", "eve"), ["SOLDOUT", 0, 0, 0])
        self.assertEqual(ask("CONFIRM", sku, "order-1"), ["CONFIRMED", 2])
        self.assertEqual(ask("RELEASE", sku, "order-3"), ["RELEASED", 1])
        with self.assertRaisesRegex(redis.ResponseError, "^NOHOLD "):
            ask("CONFIRM", sku, "unknown")

    def test_a_sale_inside_a_transaction(self):
        sku = self.key()
        self.redis.execute_command("STOCK.CREATE", sku, 1)
        replies = (self.redis.pipeline().execute_command("RESERVE", sku, "order-1", 1)
                   .execute_command("CONFIRM", sku, "order-1").incr(self.key("sales")).execute())
        self.assertEqual((replies[0][0], replies[1], replies[2]), ("HELD", ["CONFIRMED", 1], 1))

    def test_nobody_gets_a_unit_twice_however_many_ask(self):
        sku, sold = self.key(), []
        self.redis.execute_command("STOCK.CREATE", sku, 40)

        def buy(buyer):
            for i in range(30):
                hold = "%d-%d" % (buyer, i)
                if self.redis.execute_command("RESERVE", sku, hold, 1)[0] == "HELD":
                    sold.append(self.redis.execute_command("CONFIRM", sku, hold)[1])

        threads = [threading.Thread(target=buy, args=(buyer,)) for buyer in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sum(sold), 40)

    def test_after_a_restart_the_pool_connects_again_and_nothing_acknowledged_is_gone(self):
        client = redis.Redis(port=self.server.port, decode_responses=True, retry_on_error=[redis.ConnectionError],
                             retry=redis.retry.Retry(redis.backoff.ConstantBackoff(0.02), 200))
        self.addCleanup(client.close)
        sku = self.key()
        client.execute_command("STOCK.CREATE", sku, 2)
        client.execute_command("RESERVE", sku, "order-1", 1)
        self.server.stop()
        self.server.start()
        self.assertEqual(client.execute_command("CONFIRM", sku, "order-1"), ["CONFIRMED", 1])


if __name__ == "__main__":
    unittest.main()

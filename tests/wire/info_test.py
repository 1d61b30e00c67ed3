import os
import re
import time
import unittest

from harness import Client, ReplyError, Server, WireTest, eventually


class InfoTest(WireTest):
    flags = ("--shards", "2", "--restart-grace", "5")

    def number(self, field):
        return int(self.info()[field])

    def assertGrows(self, field, act, at_least=1):
        before = self.number(field)
        act()
        eventually(lambda: self.number(field) >= before + at_least)


class Counters(InfoTest):
    """Each field that counts or measures, and what makes it change."""

    def test_sections_are_shown_as_asked(self):
        def titles(*words):
            text = self.call("INFO", *words).decode()
            return [line[2:] for line in text.split("\r\n") if line.startswith("# ")]

        everything = ["Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "CPU", "Commandstats",
                      "Errorstats", "Latencystats", "Holdfast", "Stock", "Log", "Shards", "Keyspace"]
        default = [title for title in everything if title not in ("Commandstats", "Latencystats")]
        self.assertEqual(titles(), default)
        self.assertEqual(titles("default"), default)
        self.assertEqual(titles("all"), everything)
        self.assertEqual(titles("everything"), everything)
        self.assertEqual(titles("default", "commandstats"), everything[:9] + everything[10:])
        self.assertEqual(titles("stock", "SERVER"), ["Server", "Stock"])
        self.assertEqual(titles("nosuch"), [])
        self.assertEqual(self.call("INFO", "nosuch"), b"")

    def test_who_this_is(self):
        info = self.info("server")
        self.assertEqual(info["redis_version"], "7.0.15")
        self.assertEqual(info["holdfast_version"], "0.1.0")
        self.assertEqual(info["process_id"], str(self.server.process.pid))
        self.assertEqual(info["tcp_port"], str(self.server.port))
        self.assertRegex(info["run_id"], "^[0-9a-f]{40}$")
        self.assertTrue(info["executable"].endswith("holdfast"))
        self.assertLess(abs(int(info["server_time_usec"]) / 1e6 - time.time()), 5)
        self.assertEqual(self.info("replication")["role"], "master")

    def test_uptime_and_server_time_go_on(self):
        before = self.info()
        eventually(lambda: self.number("uptime_in_seconds") > int(before["uptime_in_seconds"]))
        self.assertGreater(self.number("server_time_ms"), int(before["server_time_ms"]))

    def test_cpu_seconds_grow_with_work(self):
        def cpu():
            info = self.info("cpu")
            return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

        before = cpu()

        def more():
            self.client.pipeline(*[("PING",)] * 1000)
            return cpu() > before

        eventually(more)

    def test_clients_are_counted_now_and_ever(self):
        # Those of the tests before this one may still be leaving.
        eventually(lambda: self.number("connected_clients") == 1)
        before = 1
        total = self.number("total_connections_received")
        others = [self.connect() for _ in range(5)]
        for other in others:
            other.call("PING")
        self.assertEqual(self.number("connected_clients"), before + 5)
        self.assertEqual(self.number("total_connections_received"), total + 5)
        for other in others:
            other.close()
        eventually(lambda: self.number("connected_clients") == before)

    def test_rejected_connections(self):
        # One, ourselves: connections of tests before this one may still be closing.
        self.call("CONFIG", "SET", "maxclients", 1)
        try:
            self.assertGrows("rejected_connections", lambda: self.connect().read())
        finally:
            self.call("CONFIG", "SET", "maxclients", 1000)
        self.assertEqual(self.number("maxclients"), 1000)

    def test_traffic(self):
        self.assertGrows("total_commands_processed", lambda: self.client.pipeline(*[("PING",)] * 10), 10)
        self.assertGrows("total_net_input_bytes", lambda: self.call("PING", "x" * 5000), 5000)
        self.assertGrows("total_net_output_bytes", lambda: self.call("PING", "x" * 5000), 5000)
        self.assertGrows("total_error_replies", lambda: self.client.pipeline(("NOSUCH",), ("GET",)), 2)

        def malformed():
            other = self.connect()
            other.raw(b"*-x\r\n")
            other.read()

        self.assertGrows("protocol_errors", malformed)

    def test_hits_misses_and_expiry(self):
        key = self.key()
        self.call("SET", key, "v")
        self.assertGrows("keyspace_hits", lambda: self.call("GET", key))
        self.assertGrows("keyspace_misses", lambda: self.call("GET", self.key("absent")))
        self.assertGrows("expired_keys", lambda: self.call("SET", key, "v", "PX", "1"))

    def test_memory_grows_with_data_and_comes_back(self):
        before = self.number("used_memory")
        keys = [self.key(str(i)) for i in range(20)]
        for key in keys:
            self.call("SET", key, "x" * 100000)
        full = self.info("memory")
        self.assertGreaterEqual(int(full["used_memory"]), before + 20 * 100000)
        self.assertRegex(full["used_memory_human"], r"^[0-9.]+M$")
        self.assertGreaterEqual(int(full["used_memory_rss"]), int(full["used_memory"]))
        for key in keys:
            self.call("DEL", key)
        self.assertLess(self.number("used_memory"), before + 100000)
        self.call("CONFIG", "SET", "maxmemory", "100mb")
        self.assertEqual(self.info("memory")["maxmemory"], str(100 << 20))
        self.assertEqual(self.info("memory")["maxmemory_human"], "100.00M")
        self.call("CONFIG", "SET", "maxmemory", "0")

    def test_keyspace_counts_keys_and_deadlines_by_database(self):
        # A figure: over several shards it may come a moment after the reply.
        self.call("SELECT", "9")
        eventually(lambda: "db9" not in self.info("keyspace"))
        self.call("SET", "a", "1")
        self.call("SET", "b", "1", "EX", "100")
        self.assertEqual(self.info("keyspace")["db9"], "keys=2,expires=1,avg_ttl=0")
        self.call("DEL", "a", "b")
        eventually(lambda: "db9" not in self.info("keyspace"))

    def test_the_log_counts(self):
        before = self.info("log")
        self.assertEqual(before["log_enabled"], "1")
        self.call("STOCK.CREATE", self.key(), "5")
        after = self.info("log")
        for field in ("log_last_index", "log_durable_index", "log_batches", "log_records", "log_bytes", "log_syncs"):
            self.assertGreater(int(after[field]), int(before[field]), field)

        def buckets(info):
            return sum(int(value) for field, value in info.items() if field.startswith("log_syncs_under_"))

        self.assertGreater(buckets(after), buckets(before))
        self.assertGreater(int(after["log_sync_last_us"]), 0)
        eventually(lambda: int(self.info("log")["log_witness_index"]) >= int(after["log_last_index"]))
        self.assertGreater(int(after["log_segments"]), 0)
        self.assertGreater(int(after["disk_free_bytes"]), 0)
        self.assertEqual((after["log_queue_bytes"], after["low_on_disk"]), ("0", "0"))
        self.assertGrows("log_disk_bytes", lambda: self.call("SET", self.key("big"), os.urandom(1 << 20)), 1 << 19)

    def test_what_waits_for_the_disk_is_shown(self):
        def queued_behind_a_large_value():
            set_, info = self.client.pipeline(("SET", self.key("big"), "x" * (8 << 20)), ("INFO", "log"))
            return set_ == "OK" and int(info.decode().split("log_queue_bytes:")[1].split("\r\n")[0]) >= 8 << 20

        eventually(queued_behind_a_large_value)
        eventually(lambda: self.number("log_queue_bytes") == 0)

    def test_free_space_is_that_of_the_directory(self):
        def free():
            disk = os.statvfs(self.server.directory)
            return disk.f_bavail * disk.f_frsize

        # Others write to the disk meanwhile: what is shown lies within what was free before and after, and some.
        eventually(lambda: abs(self.number("disk_free_bytes") - free()) < 16 << 20)
        path = os.path.join(self.server.directory, "ballast")
        before = self.number("disk_free_bytes")
        with open(path, "wb") as ballast:
            ballast.write(os.urandom(64 << 20))
        try:
            eventually(lambda: self.number("disk_free_bytes") < before - (32 << 20))
        finally:
            os.unlink(path)

    def test_shards_share_the_work(self):
        def shards():
            lines = self.info("shards")
            return [dict(pair.split("=") for pair in lines["shard%d" % i].split(",")) for i in range(2)]

        self.assertEqual([shard["slots"] for shard in shards()], ["0-8191", "8192-16383"])
        before = shards()
        self.client.pipeline(*[("SET", self.key(str(i)), "v") for i in range(50)])
        after = shards()
        for name in ("keys", "memory", "turns", "batches"):
            for i in range(2):
                self.assertGreater(int(after[i][name]), int(before[i][name]), name)
        for name in ("commands", "sent", "received"):
            self.assertGreater(sum(int(s[name]) for s in after), sum(int(s[name]) for s in before), name)
        self.assertEqual(sum(int(s["sent"]) for s in after), sum(int(s["received"]) for s in after))
        self.assertEqual(sum(int(s["clients"]) for s in after), self.number("connected_clients"))
        self.assertGreater(max(int(s["turn_us_max"]) for s in after), 0)

    def test_a_turn_tells_its_own_time_while_somebody_looks_for_delays(self):
        def longest():
            shards = [line for name, line in self.info("shards").items() if name.startswith("shard")]
            return max(int(re.search(r"turn_cpu_us_max=(\d+)", line)[1]) for line in shards)

        self.assertEqual(self.call("CONFIG", "RESETSTAT"), "OK")
        self.client.pipeline(*[("SET", self.key(str(i)), "v" * 1000) for i in range(500)])
        self.assertEqual(longest(), 0)
        self.assertEqual(self.call("CONFIG", "SET", "latency-monitor-threshold", "1"), "OK")
        self.client.pipeline(*[("SET", self.key(str(i)), "v" * 1000) for i in range(500)])
        self.assertEqual(self.call("CONFIG", "SET", "latency-monitor-threshold", "0"), "OK")
        self.assertGreater(longest(), 0)

    def test_resetstat_starts_counters_anew_and_leaves_the_present(self):
        key = self.key()
        self.call("SET", key, "v")
        self.client.pipeline(*[("GET", key)] * 100)
        before = self.info()
        self.assertEqual(self.call("CONFIG", "RESETSTAT"), "OK")
        after = self.info()
        self.assertGreaterEqual(int(before["keyspace_hits"]), 100)
        self.assertEqual(after["keyspace_hits"], "0")
        self.assertLess(int(after["total_commands_processed"]), 10)
        self.assertEqual(after["connected_clients"], before["connected_clients"])
        self.assertEqual(after["used_memory"], before["used_memory"])
        self.assertEqual(after["db0"], before["db0"])

    def test_info_is_text_in_resp3_too(self):
        self.assertIn(b"redis_version:7.0.15", self.connect(resp=3).call("INFO"))


class Stock(InfoTest):
    def test_outcomes_are_counted_by_verb_and_status(self):
        now = int(self.call("TIME")[0]) * 1000
        a, b, early, closed = (self.key(name) for name in ("a", "b", "early", "closed"))
        self.call("STOCK.CREATE", a, "5", "LIMIT", "4")
        self.call("STOCK.CREATE", b, "1")
        self.call("STOCK.CREATE", early, "1", "OPENS", now + 3600000)
        self.call("STOCK.CREATE", closed, "1", "PAUSED", "yes")
        for field, words in (
                ("reserve_held", ("RESERVE", a, "h1", "3", "BUYER", "ann")),
                ("reserve_limit", ("RESERVE", a, "h2", "2", "BUYER", "ann")),
                ("reserve_short", ("RESERVE", a, "h3", "3", "BUYER", "bob")),
                ("reserve_held", ("RESERVE", b, "h1", "1")),
                ("reserve_soldout", ("RESERVE", b, "h2", "1")),
                ("reserve_early", ("RESERVE", early, "h", "1")),
                ("reserve_closed", ("RESERVE", closed, "h", "1")),
                ("amend_held", ("AMEND", a, "h1", "2")),
                ("amend_limit", ("AMEND", a, "h1", "5")),
                ("extend_held", ("EXTEND", a, "h1", "EX", "1000")),
                ("confirm_confirmed", ("CONFIRM", a, "h1")),
                ("extend_confirmed", ("EXTEND", a, "h1", "EX", "1000")),
                ("amend_confirmed", ("AMEND", a, "h1", "1")),
                ("reserve_confirmed", ("RESERVE", a, "h1", "3", "BUYER", "ann")),
                ("release_confirmed", ("RELEASE", a, "h1")),
                ("release_released", ("RELEASE", b, "h1")),
                ("confirm_released", ("CONFIRM", b, "h1")),
                ("extend_released", ("EXTEND", b, "h1", "EX", "10")),
                ("reserve_released", ("RESERVE", b, "h1", "1")),
                ("adjust_adjusted", ("STOCK.ADJUST", a, "r1", "2")),
                ("adjust_short", ("STOCK.ADJUST", a, "r2", "-100")),
                ("adjust_stale", ("STOCK.ADJUST", a, "r3", "1", "IF", "1000")),
                ("return_returned", ("STOCK.RETURN", a, "h1", "r4", "1"))):
            before = self.number(field)
            reply = self.call(*words)
            self.assertEqual(reply[0].lower(), field.split("_")[1], words)
            self.assertEqual(self.number(field), before + 1, words)

    def assertCounted(self, field, *words):
        """The command answers the outcome that the field is named for, and is counted there."""
        before = self.number(field)
        reply = self.call(*words)
        self.assertEqual(reply[0].lower(), field.split("_")[1], words)
        self.assertEqual(self.number(field), before + 1, words)

    def test_outcomes_of_a_hold_that_expired(self):
        sku = self.key()
        self.call("STOCK.CREATE", sku, "5")
        expired = self.number("holds_expired")
        self.call("RESERVE", sku, "h", "1", "PX", "1")
        eventually(lambda: self.number("holds_expired") == expired + 1)
        self.assertCounted("reserve_expired", "RESERVE", sku, "h", "1")
        self.assertCounted("extend_expired", "EXTEND", sku, "h", "EX", "10")
        self.assertCounted("amend_expired", "AMEND", sku, "h", "2")
        self.assertCounted("release_expired", "RELEASE", sku, "h")

    def test_refusals_of_amend(self):
        now = int(self.call("TIME")[0]) * 1000
        sku, rare, gone = self.key("sku"), self.key("rare"), self.key("gone")
        for one, units in ((sku, "5"), (rare, "2"), (gone, "5")):
            self.call("STOCK.CREATE", one, units)
            self.call("RESERVE", one, "h", "2")
        self.assertCounted("amend_short", "AMEND", sku, "h", "6")
        self.assertCounted("amend_soldout", "AMEND", rare, "h", "3")
        self.call("STOCK.SET", sku, "OPENS", now + 3600000)
        self.assertCounted("amend_early", "AMEND", sku, "h", "3")
        self.call("STOCK.SET", sku, "OPENS", "0", "PAUSED", "yes")
        self.assertCounted("amend_closed", "AMEND", sku, "h", "3")
        self.call("RELEASE", gone, "h")
        self.assertCounted("amend_released", "AMEND", gone, "h", "3")

    def test_skus_expiry_and_forgetting(self):
        sku = self.key()
        before = self.number("skus")
        self.call("STOCK.CREATE", sku, "9", "RETAIN", "1")
        self.assertEqual(self.number("skus"), before + 1)
        self.assertGrows("holds_expired", lambda: self.call("RESERVE", sku, "h1", "1", "PX", "1"))
        self.assertGrows("confirm_expired", lambda: self.call("CONFIRM", sku, "h1"))
        self.assertGrows("holds_forgotten", lambda: None)
        self.assertGrows("refs_forgotten", lambda: self.call("STOCK.ADJUST", sku, "r", "1"))
        self.call("STOCK.DROP", sku, "FORCE")
        self.assertEqual(self.number("skus"), before)

    def test_fences_above_the_bound_are_counted_as_dropped(self):
        sku = self.key()
        self.call("STOCK.CREATE", sku, "9")
        self.call("CONFIG", "SET", "fence-max", "3")
        try:
            self.assertGrows("fences_dropped",
                             lambda: self.client.pipeline(*[("RELEASE", sku, "f%d" % i) for i in range(5)]), 2)
        finally:
            self.call("CONFIG", "SET", "fence-max", "10000")


class Commands(InfoTest):
    """INFO commandstats, errorstats, latencystats: Redis' lines."""

    def stat(self, command):
        line = self.info("commandstats").get("cmdstat_" + command, "calls=0,usec=0,rejected_calls=0,failed_calls=0")
        return {name: float(value) for name, value in (pair.split("=") for pair in line.split(","))}

    def errors(self, word):
        return int(self.info("errorstats").get("errorstat_" + word, "count=0").split("=")[1])

    def test_calls_and_time_are_counted_by_command_wherever_it_ran(self):
        before = self.stat("set")
        self.client.pipeline(*[("SET", self.key(str(i)), "v") for i in range(60)])
        after = self.stat("set")
        self.assertEqual(after["calls"], before["calls"] + 60)
        self.assertGreater(after["usec"], before["usec"])
        self.assertAlmostEqual(after["usec_per_call"], after["usec"] / after["calls"], delta=0.05)
        self.assertEqual((after["rejected_calls"], after["failed_calls"]), (0, 0))

    def test_a_command_over_many_keys_is_one_call(self):
        before = self.stat("exists")["calls"]
        self.call("EXISTS", *[self.key(str(i)) for i in range(20)])
        self.call("EXISTS", self.key())
        self.assertEqual(self.stat("exists")["calls"], before + 2)
        before = self.stat("dbsize")["calls"]
        self.call("DBSIZE")
        self.assertEqual(self.stat("dbsize")["calls"], before + 1)

    def test_subcommands_are_counted_by_themselves(self):
        before = self.stat("client|id")["calls"]
        self.call("CLIENT", "ID")
        self.assertEqual(self.stat("client|id")["calls"], before + 1)

    def test_errors_are_counted_by_command_and_by_word(self):
        key = self.key()
        self.call("SET", key, "v")
        before, wrong, other = self.stat("incr"), self.errors("WRONGTYPE"), self.errors("ERR")
        self.client.pipeline(("INCR", key), ("INCR",), ("NOSUCH",))
        after = self.stat("incr")
        self.assertEqual(after["failed_calls"], before["failed_calls"] + 1)
        self.assertEqual(after["rejected_calls"], before["rejected_calls"] + 1)
        self.assertEqual(after["calls"], before["calls"] + 1)
        self.assertEqual(self.errors("ERR"), other + 3)
        with self.assertRaises(ReplyError):
            self.call("HGETALL", key)
        self.assertEqual(self.errors("WRONGTYPE"), wrong + 1)

    def test_what_memory_refuses_is_rejected(self):
        before, oom = self.stat("set"), self.errors("OOM")
        self.call("SET", self.key(), "v")
        self.call("CONFIG", "SET", "maxmemory", "1")
        try:
            with self.assertRaises(ReplyError):
                self.call("SET", self.key(), "w")
        finally:
            self.call("CONFIG", "SET", "maxmemory", "0")
        after = self.stat("set")
        self.assertEqual((after["calls"], after["rejected_calls"]), (before["calls"] + 1, before["rejected_calls"] + 1))
        self.assertEqual(self.errors("OOM"), oom + 1)

    def test_percentiles_rise(self):
        self.client.pipeline(*[("GET", self.key())] * 500)
        line = self.info("latencystats")["latency_percentiles_usec_get"]
        self.assertRegex(line, r"^p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+\.\d{3}$")
        p50, p99, p999 = (float(pair.split("=")[1]) for pair in line.split(","))
        self.assertLess(0, p50)
        self.assertLessEqual(p50, p99)
        self.assertLessEqual(p99, p999)

    def test_resetstat_starts_them_anew(self):
        self.client.pipeline(("GET", self.key()), ("NOSUCH",))
        self.call("CONFIG", "RESETSTAT")
        text = self.call("INFO", "commandstats", "errorstats", "latencystats").decode()
        self.assertNotIn("cmdstat_get", text)
        self.assertNotIn("errorstat_", text)
        self.assertNotIn("usec_get", text)


class SmallSegments(InfoTest):
    flags = ("--shards", "2", "--log-segment-bytes", "1mb")

    def test_segments_grow_with_the_log(self):
        before = self.number("log_segments")

        def another():
            self.call("SET", self.key(), os.urandom(1 << 20))
            return self.number("log_segments") >= before + 2

        eventually(another)


class Restart(InfoTest):
    def connect_to(self, server):
        client = Client(server.port)
        self.addCleanup(client.close)
        return client

    def test_the_grace_is_shown_after_a_restart_with_data_and_ends(self):
        server = Server("--shards", "2", "--restart-grace", "2").start()
        self.addCleanup(server.remove)
        client = self.connect_to(server)

        def info():
            return dict(line.split(":", 1) for line in client.call("INFO", "holdfast").decode().split("\r\n")
                        if ":" in line)

        self.assertEqual((info()["restart_grace_until_ms"], info()["restart_grace_active"]), ("0", "0"))
        client.call("STOCK.CREATE", "sku", "1")
        run_id = client.call("INFO", "server").decode().split("run_id:")[1][:40]
        server.kill()
        server.start()
        client = self.connect_to(server)
        first = info()
        self.assertEqual(first["restart_grace_active"], "1")
        self.assertAlmostEqual(int(first["restart_grace_until_ms"]), int(first["server_time_ms"]) + 2000, delta=500)
        self.assertNotEqual(client.call("INFO", "server").decode().split("run_id:")[1][:40], run_id)
        eventually(lambda: info()["restart_grace_active"] == "0")
        self.assertLess(abs(int(info()["clock_offset_ms"])), 5000)

    def test_a_server_that_keeps_nothing_says_so(self):
        server = Server("--shards", "1", "--appendonly", "no").start()
        self.addCleanup(server.remove)
        text = self.connect_to(server).call("INFO").decode()
        self.assertIn("log_enabled:0\r\n", text)
        self.assertIn("aof_enabled:0\r\n", text)


if __name__ == "__main__":
    unittest.main()

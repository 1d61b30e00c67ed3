import time
import unittest

from harness import WireTest, eventually


class Latency(WireTest):
    flags = ("--shards", "2", "--latency-monitor-threshold", "0", "--enable-debug-command", "yes")

    def setUp(self):
        super().setUp()
        self.call("CONFIG", "SET", "latency-monitor-threshold", "0")
        self.call("LATENCY", "RESET")

    def test_nothing_is_noted_until_it_is_turned_on(self):
        self.call("DEBUG", "SLEEP", "0.03")
        self.assertEqual(self.call("LATENCY", "LATEST"), [])
        self.assertIn(b"is off", self.call("LATENCY", "DOCTOR"))

    def test_a_slow_command_is_an_event(self):
        self.call("CONFIG", "SET", "latency-monitor-threshold", "20")
        now = int(self.call("TIME")[0])
        self.call("DEBUG", "SLEEP", "0.06")
        self.call("DEBUG", "SLEEP", "0.03")
        (name, at, latest, longest), = self.call("LATENCY", "LATEST")
        self.assertEqual(name, b"command")
        self.assertIn(at - now, (0, 1))
        self.assertGreaterEqual(longest, 60)
        self.assertLessEqual(30, latest)
        history = self.call("LATENCY", "HISTORY", "command")
        self.assertEqual(history[-1], [at, latest])
        self.assertIn(b"command - high %d ms" % max(ms for _, ms in history), self.call("LATENCY", "GRAPH", "command"))
        self.assertIn(b"command: %d spikes" % len(history), self.call("LATENCY", "DOCTOR"))
        self.assertEqual(self.call("LATENCY", "RESET", "sweep", "nosuch"), 0)
        self.assertEqual(self.call("LATENCY", "RESET", "sweep", "COMMAND"), 1)
        self.assertEqual(self.call("LATENCY", "HISTORY", "command"), [])
        self.assertError("ERR No samples available for event 'command'", "LATENCY", "GRAPH", "command")

    def test_unknown_events_have_no_history(self):
        self.assertEqual(self.call("LATENCY", "HISTORY", "fork"), [])
        self.assertError("ERR No samples available for event 'fork'", "LATENCY", "GRAPH", "fork")

    def test_histogram_counts_up_to_powers_of_two(self):
        self.call("CONFIG", "RESETSTAT")
        for i in range(40):
            self.call("SET", self.key(str(i)), "v")
        reply = self.call("LATENCY", "HISTOGRAM", "set", "nosuch", "get")
        self.assertEqual(reply[0], b"set")
        self.assertEqual(len(reply), 2)
        fields = dict(zip(reply[1][::2], reply[1][1::2]))
        self.assertEqual(fields[b"calls"], 40)
        steps = fields[b"histogram_usec"]
        bounds, counts = steps[::2], steps[1::2]
        self.assertEqual(bounds, sorted(bounds))
        self.assertEqual(counts, sorted(set(counts)))
        self.assertEqual(counts[-1], 40)
        for bound in bounds:
            self.assertIn(bound, [2 ** i * 1024 // 1000 for i in range(40)])

    def test_histogram_of_a_container_is_that_of_its_subcommands(self):
        self.call("CLIENT", "ID")
        self.call("CLIENT", "GETNAME")
        names = set(self.call("LATENCY", "HISTOGRAM", "client")[::2])
        self.assertLessEqual({b"client|id", b"client|getname"}, names)
        self.assertFalse([name for name in names if not name.startswith(b"client|")])
        self.assertIn(b"client|id", self.connect(resp=3).call("LATENCY", "HISTOGRAM"))

    def test_help_and_unknown_subcommands(self):
        self.assertIn("GRAPH event", self.call("LATENCY", "HELP"))
        self.assertError("ERR unknown subcommand 'FROB'. Try LATENCY HELP.", "LATENCY", "FROB")

    def test_a_measured_time_is_that_of_the_command(self):
        self.call("CONFIG", "RESETSTAT")
        begin = time.monotonic()
        self.call("DEBUG", "SLEEP", "0.2")
        took_us = (time.monotonic() - begin) * 1e6
        line = self.info("commandstats")["cmdstat_debug|sleep"]
        fields = dict(pair.split("=") for pair in line.split(","))
        self.assertEqual(fields["calls"], "1")
        # Two shards slept, at the same time.
        self.assertGreaterEqual(int(fields["usec"]), 2 * 200000)
        self.assertLessEqual(int(fields["usec"]), 2 * took_us)
        p50 = float(self.info("latencystats")["latency_percentiles_usec_debug|sleep"].split(",")[0].split("=")[1])
        self.assertTrue(200000 <= p50 <= 1.25 * took_us, p50)


class SlowDisk(WireTest):
    flags = ("--shards", "1", "--latency-monitor-threshold", "1", "--appendfsync", "always")

    def test_a_slow_sync_is_an_event_of_its_own(self):
        def noted():
            self.call("SET", self.key(), "x" * (8 << 20))
            return self.call("LATENCY", "HISTORY", "log-sync")

        # How fast a disk is nobody knows; 8 MB in under a millisecond, again and again, none is.
        (at, ms), *_ = eventually(noted, 30)
        self.assertLess(abs(at - time.time()), 60)
        self.assertGreaterEqual(ms, 1)


class SlowSweep(WireTest):
    flags = ("--shards", "1", "--appendonly", "no", "--enable-debug-command", "yes")

    def test_a_slow_sweep_is_an_event_of_its_own(self):
        self.call("CONFIG", "SET", "latency-monitor-threshold", "1")

        def noted():
            # Large values: freeing them takes the sweep's time.
            self.client.pipeline(*[("SET", self.key(str(i)), "x" * 60000, "PX", "100") for i in range(2000)])
            eventually(lambda: self.call("DBSIZE") == 0)
            return self.call("LATENCY", "HISTORY", "sweep")

        eventually(noted, 60)


if __name__ == "__main__":
    unittest.main()

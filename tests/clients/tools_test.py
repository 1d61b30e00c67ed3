"""The tools that come with Redis, and the exporter that Prometheus reads: pointed at Holdfast, nothing surprises."""

import shutil
import subprocess
import unittest
import urllib.request

from harness import WireTest, eventually, free_port


class Tools(WireTest):
    flags = ("--shards", "2")

    def run_tool(self, *command):
        done = subprocess.run([command[0], "-p", str(self.server.port), *command[1:]], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def cli(self, *words):
        return self.run_tool("redis-cli", *words).rstrip("\n")


class Cli(Tools):
    def test_a_sale_in_resp3(self):
        sku = self.key()
        self.assertEqual(self.cli("-3", "STOCK.CREATE", sku, "2"), "OK")
        self.assertRegex(self.cli("-3", "RESERVE", sku, "order-1", "2"), r"\AHELD\n2\n\d+\n0\Z")
        self.assertEqual(self.cli("-3", "RESERVE", sku, "order-2", "1"), "SOLDOUT\n0\n0\n0")
        self.assertEqual(self.cli("-3", "CONFIRM", sku, "order-1"), "CONFIRMED\n2")
        self.assertEqual(self.cli("-3", "--no-raw", "STOCK.GET", sku, "sold", "available"),
                         '1# "sold" => (integer) 2\n2# "available" => (integer) 0')
        self.assertEqual(self.cli("-2", "--no-raw", "STOCK.GET", sku, "sold"), '1) "sold"\n2) (integer) 2')

    def test_maps_and_nulls_look_like_what_they_are(self):
        name = self.key()
        self.cli("-3", "HSET", name, "f", "v")
        self.assertEqual(self.cli("-3", "--no-raw", "HGETALL", name), '1# "f" => "v"')
        self.assertEqual(self.cli("-3", "--no-raw", "GET", self.key("absent")), "(nil)")

    def test_an_error_is_an_exit_code_when_asked_for(self):
        done = subprocess.run(["redis-cli", "-e", "-p", str(self.server.port), "CONFIRM", self.key(), "x"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.startswith("NOSKU "), done)

    def test_scan_walks_over_every_key(self):
        names = {self.key(str(i)) for i in range(500)}
        self.client.pipeline(*[("SET", name, "v") for name in names])
        self.assertEqual(set(self.cli("--scan", "--pattern", self.key("*")).split("\n")), names)


class Benchmark(Tools):
    def figures(self, *words):
        """Name and requests a second of each line; redis-benchmark stops at the first error reply with -e."""
        lines = [line.strip('"').split('","') for line in self.run_tool(
            "redis-benchmark", "-e", "--csv", "-n", "2000", "-c", "10", "-r", "100", *words).splitlines()]
        return {line[0]: float(line[1]) for line in lines[1:]}

    def test_the_usual_commands_run_without_an_error(self):
        for pipeline in ("1", "16"):
            figures = self.figures("-P", pipeline, "-t", "set,get,incr,hset,mset")
            self.assertEqual([name.split(" ")[0] for name in figures], ["SET", "GET", "INCR", "HSET", "MSET"])
            self.assertTrue(all(figures.values()))

    def test_a_line_of_ones_own(self):
        self.call("STOCK.CREATE", "sku", 1000)
        self.assertEqual(len(self.figures("-P", "16", "RESERVE", "sku", "order-__rand_int__", "1")), 1)
        self.assertEqual(self.call("STOCK.AUDIT", "sku")[5], 0)
        held, = self.call("STOCK.GET", "sku", "held")[1:]
        self.assertGreater(held, 0)
        self.assertLessEqual(held, 100)


class Exporter(Tools):
    def test_prometheus_reads_us(self):
        self.assertTrue(shutil.which("prometheus-redis-exporter"), "prometheus-redis-exporter is not installed")
        port = free_port()
        exporter = subprocess.Popen(
            ["prometheus-redis-exporter", "--redis.addr", "redis://127.0.0.1:%d" % self.server.port,
             "--web.listen-address", "127.0.0.1:%d" % port],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (exporter.kill(), exporter.wait()))
        self.call("SET", self.key(), "v")

        def read():
            try:
                with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=10) as page:
                    return page.read().decode()
            except OSError:
                return None

        lines = eventually(read).splitlines()
        figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        self.assertEqual(figures["redis_up"], "1")
        self.assertEqual(figures["redis_exporter_last_scrape_error{err=\"\"}"], "0")
        self.assertGreaterEqual(float(figures['redis_db_keys{db="db0"}']), 1)
        self.assertGreater(float(figures["redis_memory_used_bytes"]), 0)
        self.assertGreater(float(figures["redis_commands_processed_total"]), 0)


if __name__ == "__main__":
    unittest.main()

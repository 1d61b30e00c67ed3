"""What a server that nobody replicates tells of replication, and the directives that wait for a replica."""

import os
import shutil
import tempfile
import unittest

from harness import Client, Server, WireTest

REDIS_FIELDS = """role connected_slaves master_failover_state master_replid master_replid2 master_repl_offset
second_repl_offset repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen""".split()


class Primary(WireTest):
    flags = ("--shards", "2")

    def test_info_has_redis_fields_in_redis_order(self):
        self.call("STOCK.CREATE", self.key(), 1)
        info = self.info("replication")
        self.assertEqual(list(info)[:len(REDIS_FIELDS)], REDIS_FIELDS)  # ours come behind them
        self.assertEqual((info["role"], info["connected_slaves"]), ("master", "0"))
        self.assertRegex(info["master_replid"], "^[0-9a-f]{32}0{8}$")
        self.assertEqual(info["master_replid2"], "0" * 40)
        self.assertEqual(info["second_repl_offset"], "-1")

    def test_role_tells_how_far_the_log_is(self):
        role = self.call("ROLE")
        self.assertEqual(role, [b"master", int(self.info("replication")["master_repl_offset"]), []])
        self.call("SET", self.key(), "v")
        self.assertGreater(self.call("ROLE")[1], role[1])
        self.assertError("ERR wrong number of arguments for 'role' command", "ROLE", "x")

    def test_a_run_has_an_id_of_its_own_and_a_history_keeps_its_over_runs(self):
        def ids():
            return self.info("server")["run_id"], self.info("replication")["master_replid"]
        run, history = ids()
        self.call("SET", self.key(), "v")
        self.server.stop()
        self.server.start()
        self.client = self.connect()
        after = ids()
        self.assertRegex(run, "^[0-9a-f]{40}$")
        self.assertNotEqual(after[0], run)
        self.assertEqual(after[1], history)
        with Other() as other:
            self.assertFalse({run, history, *after} & {other.info("server")["run_id"],
                                                       other.info("replication")["master_replid"]})


class Other:
    """Another server, for as long as it is needed."""

    def __enter__(self):
        self.server = Server("--appendonly", "no")
        self.server.start()
        self.client = Client(self.server.port)
        return self

    def __exit__(self, *_):
        self.client.close()
        self.server.stop()
        self.server.remove()

    def info(self, section):
        lines = self.client.call("INFO", section).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


class Directives(WireTest):
    def setUp(self):
        folder = tempfile.mkdtemp(prefix="holdfast-conf-")
        self.addCleanup(shutil.rmtree, folder)
        self.path = os.path.join(folder, "holdfast.conf")
        with open(self.path, "w") as file:
            file.write("slave-priority 50\nmasterauth old-secret\nreplica-read-only yes\n")
        self.server = Server("--appendonly", "no", config_file=self.path)
        self.addCleanup(self.server.remove)
        self.server.start()
        self.client = Client(self.server.port)
        self.addCleanup(self.client.close)

    @classmethod
    def setUpClass(cls):
        pass  # each test has a server of its own

    def get(self, *patterns):
        flat = [text.decode() for text in self.call("CONFIG", "GET", *patterns)]
        return dict(zip(flat[::2], flat[1::2]))

    def test_both_of_redis_names_are_read_and_shown(self):
        self.assertEqual(self.get("*-priority"), {"replica-priority": "50", "slave-priority": "50"})
        self.call("CONFIG", "SET", "slave-announce-ip", "10.0.0.7", "replica-announce-port", "7000")
        self.assertEqual(self.get("*-announce-*"),
                         {"replica-announce-ip": "10.0.0.7", "slave-announce-ip": "10.0.0.7",
                          "replica-announce-port": "7000", "slave-announce-port": "7000"})
        prefix = "ERR CONFIG SET failed (possibly related to argument '%s') - %s"
        for name, value, why in (("replica-announce-port", 65536, "argument must be between 0 and 65535 inclusive"),
                                 ("replica-priority", -1, "argument must be between 0 and 2147483647 inclusive"),
                                 ("replica-read-only", "no", "argument must be one of the following: yes")):
            self.assertError(prefix % (name, why), "CONFIG", "SET", name, value)
        self.assertError(prefix % ("replica-priority", "duplicate parameter"),
                         "CONFIG", "SET", "replica-priority", 1, "slave-priority", 2)

    def test_a_rewritten_file_says_what_is_in_force(self):
        self.call("CONFIG", "SET", "slave-priority", "7", "masteruser", "replica", "masterauth", "new secret")
        self.call("CONFIG", "REWRITE")
        with open(self.path) as file:
            lines = file.read().splitlines()
        self.assertEqual(lines[:3], ["replica-priority 7", 'masterauth "new secret"', "replica-read-only yes"])
        self.assertIn("masteruser replica", lines)
        self.assertFalse([line for line in lines if line.startswith("slave-")])

    def test_a_primarys_password_is_shown_to_nobody_but_config_get(self):
        self.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        self.call("CONFIG", "SET", "masterauth", "new-secret")
        self.assertNotIn(b"secret", b" ".join(word for entry in self.call("SLOWLOG", "GET", -1) for word in entry[3]))
        self.assertNotIn("secret", self.server.log())
        self.assertEqual(self.get("masterauth"), {"masterauth": "new-secret"})


if __name__ == "__main__":
    unittest.main()

"""BACKUP of a live server, --list-backups and --restore-from: what comes back is what was there."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from harness import BINARY, Client, ReplyError, Server, WireTest, eventually


def pairs(reply):
    return dict(zip((name.decode() for name in reply[::2]), reply[1::2]))


class Backups(WireTest):
    flags = ("--shards", "2", "--log-segment-bytes", "1mb", "--restart-grace", "0")

    @classmethod
    def setUpClass(cls):
        pass  # each test compares whole servers, so each has its own

    def setUp(self):
        self.server = Server(*self.flags).start()
        self.addCleanup(self.server.remove)
        super().setUp()
        self.base = tempfile.mkdtemp(prefix="holdfast-backups-")
        self.addCleanup(shutil.rmtree, self.base, True)
        self.backups = os.path.join(self.base, "backups")
        self.restored = os.path.join(self.base, "restored")

    def backup(self, *words):
        return pairs(self.call("BACKUP", self.backups, *words))

    def is_running(self):
        return self.info("persistence")["backup_in_progress"] == "1"

    def restore(self, *words):
        return self.holdfast("--restore-from", self.backups, *words, "--dir", self.restored)

    @staticmethod
    def holdfast(*words):
        return subprocess.run([BINARY, *words], capture_output=True, text=True, timeout=60)

    def start_restored(self):
        server = Server(*self.flags, directory=self.restored)
        server.start()
        self.addCleanup(server.kill)
        client = Client(server.port)
        self.addCleanup(client.close)
        return client

    def fill(self, sku):
        """Everything that a sale leaves, and other keys beside it."""
        self.call("STOCK.CREATE", sku, 1000)
        for i in range(300):
            self.call("RESERVE", sku, "h%d" % i, 2, "BUYER", "b%d" % (i % 50), "EX", "600")
        for i in range(0, 100):
            self.call("CONFIRM", sku, "h%d" % i)
        for i in range(100, 150):
            self.call("RELEASE", sku, "h%d" % i)
        self.client.pipeline(*[("SET", "%s:s%d" % (sku, i), b"v" * 200, "EX", "1000") for i in range(2000)])
        self.call("HSET", sku + ":cart", *[b"f%d" % i for i in range(100)])

    @staticmethod
    def faults(client):
        return pairs(client.call("STOCK.AUDIT"))["bad"]

    @staticmethod
    def holds(client, sku):
        holds, cursor = {}, b"0"
        while True:
            cursor, page = client.call("HOLD.LIST", sku, "CURSOR", cursor, "COUNT", 100)
            holds.update({hold[0]: hold[1:] for hold in page})
            if cursor == b"0":
                return holds

    def state(self, client, *skus):
        """What the drill compares: every count, every key, and that the audit finds it sound."""
        state = {"keys": client.call("DBSIZE")}
        for sku in skus:
            state[sku] = client.call("STOCK.GET", sku)
            state[sku, "holds"] = self.holds(client, sku)
            self.assertEqual(self.faults(client), 0)
            state[sku, "cart"] = sorted(client.call("HGETALL", sku + ":cart"))
            state[sku, "session"] = client.call("GET", sku + ":s17")
            state[sku, "expires"] = client.call("PEXPIRETIME", sku + ":s17")
        return state

    def test_the_drill_counts_holds_and_audit_are_equal_on_another_machine(self):
        self.fill("mask")
        self.call("SAVE")
        self.fill("soap")  # the snapshot holds one, the log the other
        made = self.backup()
        self.assertEqual(made["number"], 1)
        told = self.state(self.client, "mask", "soap")
        self.fill("late")
        run = self.restore()
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("everything up to index %d." % made["index"], run.stdout)
        other = self.start_restored()
        self.assertEqual(self.state(other, "mask", "soap"), told)
        self.assertEqual(other.call("RESERVE", "soap", "new", 1)[0], "HELD")

    def test_each_is_listed_and_can_be_chosen_and_old_ones_go(self):
        indexes = []
        for i in range(4):
            self.call("SET", "round", i)
            self.call("STOCK.CREATE", "sku%d" % i, 5)
            indexes.append(self.backup("KEEP", 3)["index"])
        listed = self.holdfast("--list-backups", self.backups).stdout.splitlines()
        self.assertEqual([line.split()[0] for line in listed], ["number", "2", "3", "4"])
        self.assertEqual([int(line.split()[4]) for line in listed[1:]], indexes[1:])
        run = self.restore("--at", "1")
        self.assertEqual(run.returncode, 1)
        self.assertIn("there are 2 3 4", run.stderr)
        self.assertEqual(self.restore("--at", "3").returncode, 0)
        self.assertEqual(self.start_restored().call("GET", "round"), b"2")

    def test_under_load_whatever_was_answered_before_it_is_in_it(self):
        self.call("STOCK.CREATE", "mask", 1_000_000)
        stop = threading.Event()
        answered = []

        def buy(name):
            client = Client(self.server.port)
            for i in range(1_000_000):
                if stop.is_set():
                    return client.close()
                self.assertEqual(client.call("RESERVE", "mask", "%s-%d" % (name, i), 1)[0], "HELD")
                answered.append("%s-%d" % (name, i))
        buyers = [threading.Thread(target=buy, args=("b%d" % i,)) for i in range(4)]
        for buyer in buyers:
            buyer.start()
        time.sleep(0.3)
        self.call("BGSAVE")
        for _ in range(5):
            before = list(answered)
            self.backup()
        stop.set()
        for buyer in buyers:
            buyer.join()
        self.assertEqual(self.restore().returncode, 0)
        other = self.start_restored()
        for reply in other.pipeline(*[("RESERVE", "mask", hold, 1) for hold in before]):
            self.assertEqual(reply[0], "HELD")
        self.assertEqual(self.faults(other), 0)

    def test_a_kill_in_the_middle_leaves_the_older_ones_and_the_data(self):
        self.call("CONFIG", "SET", "backup-rate", "8mb")
        self.fill("mask")
        self.backup()
        told = self.state(self.client, "mask")
        for i in range(300):
            self.call("SET", "big%d" % i, os.urandom(100_000))
        self.connect().raw(Client.pack("BACKUP", self.backups))
        eventually(lambda: self.is_running())
        time.sleep(0.3)
        self.server.kill()
        self.assertEqual(self.restore().returncode, 0)
        self.assertEqual(self.state(self.start_restored(), "mask"), told)
        self.server.start()
        self.client = self.connect()
        self.call("CONFIG", "SET", "backup-rate", "0")
        self.assertEqual(self.backup()["backups"], 2)

    def test_a_restore_that_is_killed_can_be_repeated(self):
        self.fill("mask")
        for i in range(600):
            self.call("SET", "big%d" % i, b"x" * 100_000)
        self.backup()
        keys = self.call("DBSIZE")
        words = [BINARY, "--restore-from", self.backups, "--dir", self.restored]
        for wait in (0.005, 0.02, 0.04, 0.08):
            shutil.rmtree(self.restored, True)
            restoring = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(wait)
            restoring.send_signal(signal.SIGKILL)
            restoring.wait()
            if not os.path.isdir(os.path.join(self.restored, "log", "db")):
                run = self.restore()
                self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertEqual(self.start_restored().call("DBSIZE"), keys)

    def test_while_one_is_made_others_go_on_and_a_second_is_refused(self):
        self.call("CONFIG", "SET", "backup-rate", "1mb")
        for i in range(30):
            self.call("SET", "big%d" % i, os.urandom(100_000))
        waiting = self.connect()
        waiting.raw(Client.pack("BACKUP", self.backups))
        eventually(lambda: self.is_running())
        self.assertError("ERR Backup already in progress", "BACKUP", self.backups)
        for i in range(100):
            self.call("SET", "k%d" % i, "v")
        self.assertTrue(self.is_running())
        self.assertEqual(self.server.stop(), 0)  # gives it up
        self.assertIn("Backup failed", self.server.log())
        self.server.start()

    def test_misuse_is_named(self):
        for name in ("backups", "/tmp/a\nb", "/tmp/a\0b", ""):
            self.assertError("ERR the directory of the backups must be an absolute path", "BACKUP", name)
        self.assertError("ERR syntax error", "BACKUP", self.backups, "KEEP")
        self.assertError("ERR KEEP takes how many backups stay, 1 to 1000000", "BACKUP", self.backups, "KEEP", "0")
        with self.assertRaises(ReplyError) as caught:
            self.call("BACKUP", os.path.join(self.base, "no", "parent"))
        self.assertIn("cannot make the directory", str(caught.exception))
        self.assertEqual(self.info("persistence")["backup_last_status"], "err")
        run = self.restore()
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("holds no backups", run.stderr)
        self.assertIn("takes 'latest' or the number", self.restore("--at", "soon").stderr)

    def test_a_failed_disk_of_the_backups_is_no_reason_to_stop(self):
        self.fill("mask")
        mount = tempfile.mkdtemp(prefix="holdfast-full-")
        self.addCleanup(os.rmdir, mount)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount]).returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", mount], check=True)
        for i in range(20):
            self.call("SET", "big%d" % i, os.urandom(100_000))
        with self.assertRaises(ReplyError) as caught:
            self.call("BACKUP", mount)
        self.assertIn("No space left", str(caught.exception))
        self.assertEqual(self.call("RESERVE", "mask", "h-after", 1)[0], "HELD")
        self.assertGreater(shutil.disk_usage(mount).free, 500_000)  # what was half copied is gone


class NotAllowed(WireTest):
    flags = ("--shards", "2", "--enable-backup-command", "no")

    def test_an_operator_can_forbid_it(self):
        with self.assertRaises(ReplyError) as caught:
            self.call("BACKUP", "/tmp/backups")
        self.assertIn("BACKUP command not allowed", str(caught.exception))


class KeepsNothing(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def test_there_is_nothing_to_copy(self):
        self.assertError("ERR this server keeps nothing on disk: it was started with appendonly no", "BACKUP", "/b")


if __name__ == "__main__":
    unittest.main()

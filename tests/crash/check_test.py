"""holdfast-check on what killed servers leave: sound it calls sound, with the figures that clients knew; damage it
finds where a start refuses; and a start accepts what it cut."""

import contextlib
import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time

from crash_case import CrashCase, rounds, take_snapshot
from formats_test import FLAGS, FORMATS, fill, state_of
from harness import Client, Server, eventually
from oracle import fields

CHECK = os.environ.get("HOLDFAST_CHECK_BIN", "build/dev/bin/holdfast-check")
LOG_KINDS = {
    "ItemCreated", "ItemOptionsSet", "ItemDropped", "HoldTaken", "HoldConfirmed", "HoldReleased", "FenceLeft",
    "HoldExtended", "HoldAmended", "HoldReclaimed", "HoldsExpired", "HoldsForgotten", "StockAdjusted", "StockReturned",
    "RefsForgotten", "BuyersCounted", "StringSet", "KeyDeleted", "DeadlineSet", "KeyExpired", "HashFieldsSet",
    "HashFieldsDeleted", "StringRangeSet", "DatabaseFlushed", "DatabasesSwapped", "EpochOpened"}


def check(*words):
    """Exit code, stdout, and of stderr what is not progress, which shows where a second passes."""
    done = subprocess.run([CHECK, *words], capture_output=True, text=True, timeout=120)
    complaint = re.sub(r"(?m)^[a-z ]+: \d+ of \d+ MB\n", "", done.stderr)
    return done.returncode, done.stdout, complaint


def hashes(directory):
    found = {}
    for folder, _, files in os.walk(directory):
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, directory)] = hashlib.sha256(file.read()).hexdigest()
    return found


def figure(report, pattern):
    found = re.search(pattern, report)
    if not found:
        raise AssertionError("no %s in\n%s" % (pattern, report))
    return tuple(int(group) for group in found.groups())


class CheckCase(CrashCase):
    def assert_sound(self, directory=None):
        directory = directory or self.data
        before = hashes(directory)
        code, report, complaint = check(directory)
        self.assertEqual((code, complaint), (0, ""), report)
        self.assertEqual(hashes(directory), before, "a check changes nothing")
        self.assertIn("\nsound ", report)
        return report

    def assert_damaged(self, *parts):
        before = hashes(self.data)
        code, report, _ = check(self.data)
        self.assertEqual(code, 1, report)
        self.assertEqual(hashes(self.data), before, "a check changes nothing")
        for part in ("\ndamaged ", "\nremedy ", *parts):
            self.assertIn(part, report)
        return report

    def newest_write_ahead_log(self):
        logs = [path for path in glob.glob(os.path.join(self.data, "log", "db", "*.log")) if os.path.getsize(path)]
        return max(logs, key=os.path.getmtime)

    def refusal(self):
        """The last line of a server that does not start."""
        done = subprocess.run(self.server.command_line(), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout)
        return done.stderr.strip().split("\n")[-1]


class EveryKindOfChange(CheckCase):
    @classmethod
    def setUpClass(cls):
        """What a server with every kind of change in it leaves when it is killed."""
        base = tempfile.mkdtemp(prefix="holdfast-crash-")
        cls.addClassCleanup(shutil.rmtree, base, ignore_errors=True)
        cls.killed = os.path.join(base, "data")
        os.mkdir(cls.killed)
        server = Server(*FLAGS, directory=cls.killed)
        server.log_path = os.path.join(base, "server.log")
        cls.addClassCleanup(server.remove)
        server.start()
        with contextlib.closing(Client(server.port)) as client:
            fill(client, "snapshot")
            client.call("SAVE")
            fill(client, "log")
            cls.state = state_of(client)
            cls.known = cls.what_clients_know(client)
            # Ordinary keys are synced each second, and what was synced is witnessed a little later.
            eventually(lambda: b"log_witness_index:%d\r" % cls.known["last"] in client.call("INFO"))
        server.kill()

    def setUp(self):
        super().setUp()
        self.data = os.path.join(self.base, "data")
        shutil.copytree(self.killed, self.data)
        self.server = Server(*FLAGS, directory=self.data)
        self.server.log_path = os.path.join(self.base, "server.log")
        self.addCleanup(self.server.remove)

    @staticmethod
    def what_clients_know(client):
        info = client.call("INFO").decode()
        known = {"last": int(re.search(r"log_last_index:(\d+)", info).group(1)), "string": 0, "hash": 0, "stock": 0}
        units = {"available": 0, "held": 0, "sold": 0, "supplied": 0}
        known["fields"] = known["deadlines"] = 0
        for db in range(16):
            client.call("SELECT", db)
            for key in client.call("KEYS", "*"):
                kind = client.call("TYPE", key)
                known[kind] += 1
                known["deadlines"] += client.call("PTTL", key) >= 0
                if kind == "hash":
                    known["fields"] += client.call("HLEN", key)
                if kind == "stock":
                    stock = fields(client.call("STOCK.GET", key))
                    for name in units:
                        units[name] += stock[name]
        client.call("SELECT", 0)
        known["audited"] = fields(client.call("STOCK.AUDIT"))["holds"]
        known["units"] = tuple(units.values())
        return known

    def test_is_sound_and_its_figures_are_what_clients_knew(self):
        report = self.assert_sound()
        known = self.known
        self.assertEqual(figure(report, r"log +index 1 to (\d+)"), (known["last"],))
        self.assertEqual(figure(report, r"state +up to index (\d+)"), (known["last"],))
        self.assertEqual(
            figure(report, r"(\d+) SKUs, (\d+) strings, (\d+) hashes of (\d+) fields; (\d+) keys with a deadline"),
            (known["stock"], known["string"], known["hash"], known["fields"], known["deadlines"]))
        self.assertEqual(
            figure(report, r"units: available (\d+) \+ held (\d+) \+ sold (\d+) = supplied (\d+)"), known["units"])
        holds = figure(report, r"holds: (\d+) held, (\d+) confirmed, (\d+) released, (\d+) expired")
        self.assertEqual(sum(holds), known["audited"])
        kinds = dict(re.findall(r"^ +(\w+) +(\d+) +\d+ bytes$", report, re.M))
        self.assertEqual(set(kinds), LOG_KINDS, "fill makes every kind")
        self.server.start()
        with contextlib.closing(Client(self.server.port)) as client:
            self.assertEqual(state_of(client), self.state)

    def test_without_the_state_everything_else_is_verified(self):
        code, report, _ = check(self.data, "--no-state")
        self.assertEqual(code, 0)
        self.assertNotIn("\nstate ", report)
        self.assertIn("\nsound ", report)

    def test_the_dump_shows_every_change_under_its_index(self):
        before = hashes(self.data)
        code, dump, complaint = check(self.data, "--dump")
        self.assertEqual((code, complaint), (0, ""))
        self.assertEqual(hashes(self.data), before)
        lines = dump.split("\n")[:-1]
        mutations = [line.split() for line in lines if line.startswith("  ")]
        kinds = {words[2] if words[1] == "gated" else words[1] for words in mutations}
        self.assertEqual(kinds, LOG_KINDS)
        self.assertEqual({int(words[0]) for words in mutations}, set(range(1, self.known["last"] + 1)))
        self.assertNotIn("malformed", dump)
        self.assertRegex(dump, r'StringSet db=0 slot=\d+ key="log:session" deadline=\d+ value="\\x00\\xff bytes"')
        self.assertRegex(dump, r'StockAdjusted .* ref="delivery" reason="a van"')
        some = check(self.data, "--dump", "5-7")[1].split("\n")[:-1]
        self.assertEqual({int(line.split()[0]) for line in some if line.startswith("  ")}, {5, 6, 7})

    def test_a_directory_that_a_server_has_is_refused_by_name(self):
        self.server.start()
        for words in ((), ("--dump",), ("--cut-tail",), ("--no-state",)):
            code, report, complaint = check(self.data, *words)
            self.assertEqual((code, report), (2, ""))
            self.assertIn("%s/log is in use by another Holdfast" % self.data, complaint)

    def test_what_is_no_data_directory_is_refused_by_name(self):
        for path in (os.path.join(self.base, "nowhere"), self.base):
            before = hashes(self.base)
            code, report, complaint = check(path, "--cut-tail")
            self.assertEqual((code, report), (2, ""))
            self.assertIn(path, complaint)
            self.assertEqual(hashes(self.base), before)

    def test_usage(self):
        for words in ((), ("a", "b"), ("--what", "a"), ("a", "--dump", "--cut-tail")):
            self.assertEqual(check(*words)[0], 2, words)
        code, text, _ = check("--help")
        self.assertEqual(code, 0)
        self.assertIn("TAKE A COPY OF THE DIRECTORY FIRST", text)

    def test_a_torn_end_is_named_by_the_server_and_the_check_and_cut_when_told(self):
        path = self.newest_write_ahead_log()
        os.truncate(path, os.path.getsize(path) - 1)
        last = self.known["last"]
        copy = os.path.join(self.base, "copy")
        shutil.copytree(self.data, copy)
        report = self.assert_damaged("it ends here, but was known to be on disk up to index %d" % last,
                                     "holdfast-check --cut-tail: it keeps all up to index ")
        kept, = figure(report, r"the log at index (\d+): it ends here")
        refusal = self.refusal()
        self.assertIn("holdfast-check DIR", refusal)
        self.assertIn("the log at index %d" % kept, refusal)
        # What a refused start leaves, and the directory as it was before.
        for directory in (self.data, copy):
            code, text, complaint = check(directory, "--cut-tail")
            self.assertEqual((code, complaint), (0, ""), text)
            self.assertIn("\nkept       all up to index %d, " % kept, text)
            self.assertIn("\nlost       index %d to %d, " % (kept + 1, last), text)
            report = self.assert_sound(directory)
            self.assertEqual(figure(report, r"log +index 1 to (\d+)"), (kept,))
        self.server.start()
        with contextlib.closing(Client(self.server.port)) as client:
            self.assertEqual(fields(client.call("STOCK.AUDIT"))["bad"], 0)

    def test_damage_in_the_middle_is_named_with_its_file(self):
        path = self.newest_write_ahead_log()
        with open(path, "r+b") as log:
            log.seek(os.path.getsize(path) // 2)
            byte = log.read(1)[0]
            log.seek(-1, os.SEEK_CUR)
            log.write(bytes([byte ^ 1]))
        self.assert_damaged(path + " at byte ", "the log at index ")
        self.assertEqual(check(self.data, "--dump")[0], 1)
        self.assertEqual(check(self.data, "--cut-tail")[0], 0)
        self.assert_sound()
        self.server.start()

    def test_a_cut_that_is_killed_anywhere_is_finished_by_the_next(self):
        path = self.newest_write_ahead_log()
        with open(path, "r+b") as log:
            log.seek(os.path.getsize(path) // 2)
            log.write(b"\xff" * 8)
        image = os.path.join(self.base, "image")
        shutil.copytree(self.data, image)
        begin = time.monotonic()
        self.assertEqual(check(self.data, "--cut-tail")[0], 0)
        took = time.monotonic() - begin
        expected = re.search(r"log +index .*", self.assert_sound()).group()
        for _ in range(rounds(12)):
            shutil.rmtree(self.data)
            shutil.copytree(image, self.data)
            process = subprocess.Popen([CHECK, self.data, "--cut-tail"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(self.rng.uniform(0, took))
            process.kill()
            process.wait()
            code, text, complaint = check(self.data, "--cut-tail")
            self.assertEqual((code, complaint), (0, ""), text)
            self.assertIn(expected, self.assert_sound())
        self.server.start()


class UnderLoad(CheckCase):
    def test_what_a_kill_under_load_leaves_is_sound_and_what_a_start_finds(self):
        self.open_sale("--log-segment-bytes", "1mb")
        for _ in range(rounds(4)):
            self.sell_until_killed(take_snapshot)
            report = self.assert_sound()
            units = figure(report, r"units: available (\d+) \+ held (\d+) \+ sold (\d+) = supplied (\d+)")
            self.assertEqual(sum(units[:3]), units[3])
            self.assert_kept()
            with contextlib.closing(Client(self.server.port)) as client:
                stocks = [fields(client.call("STOCK.GET", sku)) for sku in self.oracle.skus]
                # Nothing that the check counted as sold was unsold by the start.
                self.assertGreaterEqual(sum(stock["sold"] for stock in stocks), units[2])


class Formats(CheckCase):
    def test_a_directory_of_every_released_format_is_sound(self):
        for version in sorted(os.listdir(FORMATS)):
            with tempfile.TemporaryDirectory() as base:
                copy = os.path.join(base, "data")
                shutil.copytree(os.path.join(FORMATS, version), copy)
                self.assert_sound(copy)

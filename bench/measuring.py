"""What the scripts of this folder share: servers, the load tool, rounds in turn, and the tables at the end.

A side is a server that is measured: "redis", "holdfast", and with --before another holdfast binary, "before". Each
script prints one table: a row's figures are medians, one for each side, and what is wanted of it, either of the ratio
Redis' : ours or of our own figure. The aim lies further and fails nobody.
"""
import argparse
import contextlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SERVER_CORE, CLIENT_CORE, BOTH_CORES = "0", "1", "0,1"
READY_SECONDS_MAX = 600
SESSION_BYTES = 256
PAGE = os.sysconf("SC_PAGE_SIZE")

# How each side keeps its data: nothing, within a second, before the reply. No fork may take CPU time that would not be
# counted, and no snapshot comes by itself: neither a snapshot nor a rewrite of the log.
REDIS_QUIET = ["--save", "", "--auto-aof-rewrite-percentage", "0"]
OUR_QUIET = ["--snapshot-log-bytes", "0"]
KEEPING = {
    "none": (["--appendonly", "no"], ["--appendonly", "no"]),
    "everysec": (["--appendonly", "yes", "--appendfsync", "everysec"], ["--appendonly", "yes"]),
    "always": (["--appendonly", "yes", "--appendfsync", "always"],
               ["--appendonly", "yes", "--appendfsync", "always", "--stock-appendfsync", "always"]),
}


def flags_of(side, keeping="none", shards=1):
    redis, ours = KEEPING[keeping]
    return REDIS_QUIET + redis if side == "redis" else OUR_QUIET + ours + ["--shards", str(shards)]


def free_port():
    """Below those that the kernel gives to whoever connects: it stays free until its server starts, and between restarts."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(12_000, 32_000)))
            return probe.getsockname()[1]


def pack(*words):
    out = b"*%d\r\n" % len(words)
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        out += b"$%d\r\n%s\r\n" % (len(word), word)
    return out


def session(i):
    return b"*5\r\n$3\r\nSET\r\n$17\r\nsession:%09d\r\n$256\r\n%s\r\n$2\r\nEX\r\n$6\r\n100000\r\n" % (
        i, b"x" * SESSION_BYTES)


class Load:
    """A run of holdfast-bench against one server."""

    def __init__(self, options, server, *words, core=CLIENT_CORE):
        self.path = os.path.join(server.directory, "bench-%d.json" % time.monotonic_ns())
        self.command = ["taskset", "-c", core, options.bench, "--port", str(server.port), "--quiet", "--json", self.path,
                        "--server-pid", str(server.process.pid), *map(str, words)]
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def result(self, answer=None):
        """The tool's summary. With `answer`, every request must have been answered so."""
        told, _ = self.process.communicate()
        if self.process.returncode != 0:
            raise RuntimeError("%s: exit status %d\n%s" % (shlex.join(self.command), self.process.returncode, told))
        with open(self.path) as file:
            summary = json.load(file)
        if answer and set(summary["answers"]) != {answer}:
            raise RuntimeError("%s: answered %s" % (shlex.join(self.command), summary["answers"]))
        summary["cpu_us"] = summary["server_cpu_seconds"] * 1e6 / summary["requests"]
        return summary


class Server:
    """A server in a directory of its own, pinned or not, killed and started again at will; gone, with the directory, at the
    end of the block."""

    def __init__(self, options, side, *flags, cores=SERVER_CORE, directory=None):
        self.name = side
        self.binary = {"redis": options.redis, "holdfast": options.holdfast, "before": options.before}[side]
        self.directory = directory or tempfile.mkdtemp(prefix="bench-", dir=options.dir)
        self.port = free_port()
        self.flags, self.cores = list(flags), cores

    def __enter__(self):
        try:
            self.start()
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory)

    @property
    def command(self):
        # taskset becomes the server: the process id is the server's own.
        pin = ["taskset", "-c", self.cores] if self.cores else []
        return [*pin, self.binary, "--port", str(self.port), "--dir", self.directory, *self.flags]

    def start(self):
        """Returns the seconds until it served."""
        self.log = open(os.path.join(self.directory, "server.log"), "a+")
        began = time.monotonic()
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        while time.monotonic() < began + READY_SECONDS_MAX and self.process.poll() is None:
            try:
                if b"PONG" in self.ask("PING"):
                    return time.monotonic() - began
            except OSError:
                pass
            time.sleep(0.005)
        raise RuntimeError("no server by '%s': %s" % (shlex.join(self.command), self.text()[-2000:]))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def text(self):
        with open(os.path.join(self.directory, "server.log")) as file:
            return file.read()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), 600)

    def ask(self, *words):
        """The whole of a short reply, raw."""
        with self.connect() as connection:
            connection.sendall(pack(*words))
            reply = connection.recv(1 << 20)
            size = re.match(rb"\$(\d+)\r\n", reply)
            while size and len(reply) < size.end() + int(size[1]) + 2:
                reply += connection.recv(1 << 20)
            return reply

    def info(self, name, section="persistence"):
        return re.search(r"^%s:(.*?)\r?$" % name, self.ask("INFO", section).decode(), re.M)[1]

    def status(self, name):
        """Of /proc/<pid>/status, in bytes."""
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"^%s:\s+(\d+)" % name, file.read(), re.M)[1]) << 10

    def rss(self):
        with open("/proc/%d/statm" % self.process.pid) as file:
            return int(file.read().split()[1]) * PAGE

    def written(self):
        """Bytes that this process gave the disk to write."""
        with open("/proc/%d/io" % self.process.pid) as file:
            return int(re.search(r"^write_bytes: (\d+)", file.read(), re.M)[1])

    def fill(self, count, command):
        """`count` commands, 2,000 at a time; every one must be answered without an error."""
        with self.connect() as connection:
            for first in range(0, count, 2000):
                numbers = range(first, min(count, first + 2000))
                connection.sendall(b"".join(command(i) for i in numbers))
                lines = 0
                while lines < len(numbers):
                    reply = connection.recv(1 << 20)
                    if b"\n-" in reply or reply.startswith(b"-"):
                        raise RuntimeError("%s: %r" % (self.name, reply[:200]))
                    lines += reply.count(b"+OK\r\n") + reply.count(b":") + reply.count(b"HELD\r\n")

    def bench(self, options, *words):
        return Load(options, self, *words).result()


def latencies(result):
    waits = result["latency_ns"]
    return "p50 %.2f  p99 %.2f  p99.9 %.2f  max %.2f ms" % tuple(
        waits[name] / 1e6 for name in ("p50", "p99", "p99.9", "max"))


# ---------------------------------------------------------------- rounds and tables


def in_turn(sides, rounds, measures=(None,)):
    """Round, measure, side: in each round all measures, and of each the sides right after each other. Who goes first changes:
    a machine that slows down hurts all alike."""
    for number in range(rounds):
        first = number % len(sides)
        for measure in measures:
            for side in sides[first:] + sides[:first]:
                yield number, measure, side


@dataclass
class Row:
    """One measure. `better`: "ratio", what is wanted is Redis' figure by ours, at least so much; "more", the same of
    ours by Redis'; "less", our figure at most."""
    name: str
    what: str
    want: float = None
    aim: float = None
    better: str = "ratio"
    runs: dict = field(default_factory=dict)  # side -> figures, one a run

    def add(self, side, figure):
        self.runs.setdefault(side, []).append(figure)
        return figure

    def figure(self, side):
        return statistics.median(self.runs[side]) if self.runs.get(side) else None

    @property
    def ratio(self):
        """The median of the rounds' own ratios: whoever shares the machine slows both runs of a round."""
        pairs = list(zip(self.runs.get("redis", []), self.runs.get("holdfast", [])))
        if self.better == "more":
            pairs = [(ours, redis) for redis, ours in pairs]
        ratios = [one / other for one, other in pairs if other > 0]
        return statistics.median(ratios) if ratios else None

    def reaches(self, wanted):
        judged = self.figure("holdfast") if self.better == "less" else self.ratio
        if wanted is None or judged is None:
            return True
        return judged <= wanted if self.better == "less" else judged >= wanted

    def told(self):
        return {"what": self.what, "want": self.want, "aim": self.aim, "better": self.better, "ratio": self.ratio,
                "medians": {side: self.figure(side) for side in self.runs}, "runs": self.runs}


def finish(options, unit, rows, more=None):
    """The table and --json's file. Ends the process with status 1 if a want is missed."""
    sides = [side for side in ("redis", "before", "holdfast") if any(side in row.runs for row in rows)]
    widest = max(len(row.name) for row in rows)
    print("\n%s; medians\n%-*s" % (unit, widest, "measure"), *("%11s" % side for side in sides), "%8s %7s %7s" % (
        "ratio", "want", "aim"))
    for row in rows:
        sign = "" if row.better == "less" else "x"
        print("%-*s" % (widest, row.name),
              *("%11s" % ("-" if row.figure(side) is None else "%.2f" % row.figure(side)) for side in sides),
              "%8s %7s %7s" % ("-" if row.ratio is None else "%.2fx" % row.ratio,
                               *("-" if wanted is None else "%.7g%s" % (wanted, sign) for wanted in (row.want, row.aim))),
              "" if row.reaches(row.want) else "MISSED", row.what)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"unit": unit, "rows": {row.name: row.told() for row in rows}, **(more or {})}, file, indent=1)
    missed = [row.name for row in rows if not row.reaches(row.want)]
    if missed:
        sys.exit("missed: " + " ".join(missed))


def parser_of(doc, rounds, names):
    build = os.path.join(ROOT, "build", "release", "bin")
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(names), help="with commas between")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", default="", help="a file for all figures")
    parser.add_argument("--holdfast", default=os.path.join(build, "holdfast"))
    parser.add_argument("--before", default="", help="another holdfast binary, measured beside")
    parser.add_argument("--bench", default=os.path.join(build, "holdfast-bench"))
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--dir", default=os.path.join(ROOT, "build"), help="for data directories: on a real disk")
    return parser


def parse(parser, names):
    """The options; `only` is a list of the chosen names, `sides` the servers."""
    options = parser.parse_args()
    chosen = options.only.split(",")
    unknown = set(chosen) - set(names)
    if unknown:
        parser.error("unknown measure: %s; there are %s" % (" ".join(sorted(unknown)), " ".join(names)))
    options.only = [name for name in names if name in chosen]
    options.ours = ["before", "holdfast"] if options.before else ["holdfast"]
    options.sides = ["redis", *options.ours]
    if (os.cpu_count() or 1) < 2:
        sys.exit("two cores are needed: one for the server, one for the load tool")
    return options


def run(main):
    # Whoever stops a script stops its servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))

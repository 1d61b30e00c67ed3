#!/usr/bin/env python3
"""What the load tool promises of its figures and its exit status, against a server that a test can make pause,
fail and talk nonsense.

usage: load_test.py path/to/holdfast-bench
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BENCH = ""
PAUSE_SECONDS = 0.6


class Peer:
    """Answers each request with `reply`; before request number `pause_at` everything stands still for a while."""

    def __init__(self, reply=b"+OK\r\n", pause_at=-1, answers_max=None):
        self.reply, self.pause_at, self.answers_max = reply, pause_at, answers_max
        self.requests = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection:
                self.answer_all(connection)
        except ConnectionError:
            pass  # the tool has left, as it does after an answer that is none

    def answer_all(self, connection):
        while data := connection.recv(65536):
            # SET key value; a request that a read cut in two still counts by its beginning alone.
            for _ in range(data.count(b"*3\r")):
                if self.requests == self.pause_at:
                    time.sleep(PAUSE_SECONDS)
                if self.requests == self.answers_max:
                    return
                self.requests += 1
                connection.sendall(self.reply)


def bench(port, *options):
    """Exit status, output, and the JSON summary if there is one."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "summary.json")
        command = [BENCH, "--port", str(port), "--load", "set", "--quiet", "--json", path, *map(str, options)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        if not os.path.exists(path):
            return done.returncode, done.stdout, None
        with open(path) as file:
            return done.returncode, done.stdout, json.load(file)


class LoadTest(unittest.TestCase):
    def test_an_open_loop_counts_what_a_pause_kept_waiting(self):
        peer = Peer(pause_at=400)
        code, text, summary = bench(peer.port, "-c", 1, "--rate", 1000, "-n", 2000)
        self.assertEqual(code, 0, text)
        self.assertEqual(summary["requests"], 2000)
        # Some 600 of 2000 were due while the server stood still: not one latency, but every seventh or more.
        self.assertGreater(summary["latency_ns"]["p99"], PAUSE_SECONDS * 0.8e9)

    def test_a_closed_loop_sees_the_same_pause_once(self):
        peer = Peer(pause_at=400)
        code, text, summary = bench(peer.port, "-c", 1, "-n", 2000)
        self.assertEqual(code, 0, text)
        self.assertGreater(summary["latency_ns"]["max"], PAUSE_SECONDS * 0.8e9)
        self.assertLess(summary["latency_ns"]["p99"], PAUSE_SECONDS * 0.5e9)

    def test_sends_as_many_requests_as_told_and_no_more(self):
        peer = Peer()
        code, text, summary = bench(peer.port, "-c", 7, "-P", 16, "-n", 1003)
        self.assertEqual(code, 0, text)
        self.assertEqual((summary["requests"], peer.requests), (1003, 1003))
        self.assertEqual(summary["answers"], {"OK": 1003})

    def test_keeps_to_its_rate_and_its_seconds(self):
        peer = Peer()
        code, text, summary = bench(peer.port, "-c", 4, "--rate", 500, "--seconds", 2)
        self.assertEqual(code, 0, text)
        self.assertLessEqual(summary["requests"], 1000)
        self.assertGreater(summary["requests"], 900)

    def test_error_replies_are_counted_and_make_it_fail(self):
        peer = Peer(reply=b"-OOM no memory left\r\n")
        code, text, summary = bench(peer.port, "-n", 100)
        self.assertEqual(code, 1)
        self.assertEqual(summary["errors"], 100)
        self.assertIn("OOM no memory left", text)

    def test_a_lost_connection_makes_it_fail(self):
        code, text, _ = bench(Peer(answers_max=50).port, "-c", 1, "-n", 100)
        self.assertEqual(code, 1)
        self.assertIn("closed a connection", text)

    def test_a_reply_that_is_none_makes_it_fail(self):
        code, text, _ = bench(Peer(reply=b"HTTP/1.1 400\r\n").port, "-n", 100)
        self.assertEqual(code, 1)
        self.assertIn("malformed reply", text)

    def test_nobody_there_makes_it_fail_at_once(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            code, text, _ = bench(probe.getsockname()[1], "-n", 100)
        self.assertEqual(code, 1)
        self.assertIn("Connection refused", text)

    def test_a_wrong_command_line_is_told_apart_by_its_status(self):
        code, text, _ = bench(1, "--fast")
        self.assertEqual(code, 2)
        self.assertIn("unknown option '--fast'", text)


if __name__ == "__main__":
    BENCH = sys.argv.pop(1)
    unittest.main()

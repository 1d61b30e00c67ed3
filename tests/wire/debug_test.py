import threading
import time
import unittest

from harness import WireTest, eventually

REFUSAL = ("ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a "
           "local connection, otherwise you need to set this option in the configuration file, and then restart the "
           "server.")


class NotAllowed(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def test_by_default_nobody_may(self):
        for words in (("SLEEP", "0"), ("LOG", "x"), ("SET-ACTIVE-EXPIRE", "0"), ("JMAP",)):
            self.assertError(REFUSAL, "DEBUG", *words)
        self.assertNotIn("DEBUG LOG", self.server.log())
        self.assertError("ERR CONFIG SET failed (possibly related to argument 'enable-debug-command') - can't set "
                         "immutable config; restart the server with the new value",
                         "CONFIG", "SET", "enable-debug-command", "yes")


class Debug(WireTest):
    flags = ("--shards", "3", "--appendonly", "no", "--enable-debug-command", "local")

    def test_sleep_lets_every_shard_stand_still(self):
        others = [self.connect() for _ in range(6)]
        for other in others:
            other.call("PING")
        sleeper = threading.Thread(target=lambda: self.call("DEBUG", "SLEEP", "0.5"))
        begin = time.monotonic()
        sleeper.start()
        time.sleep(0.1)
        for other in others:
            other.send("PING")
        for other in others:
            self.assertEqual(other.read(), "PONG")
            self.assertGreaterEqual(time.monotonic() - begin, 0.4)
        sleeper.join()

    def test_sleep_takes_what_is_no_number_for_none(self):
        for seconds in ("0", "x", "-5", "nan"):
            self.assertEqual(self.call("DEBUG", "SLEEP", seconds), "OK")
        self.assertError("ERR wrong number of arguments for 'debug|sleep' command", "DEBUG", "SLEEP")

    def test_without_sweeps_keys_go_when_they_are_asked_for(self):
        key = self.key()
        others = self.call("DBSIZE")
        self.assertEqual(self.call("DEBUG", "SET-ACTIVE-EXPIRE", "0"), "OK")
        try:
            self.call("SET", key, "v", "PX", "1")
            time.sleep(0.3)  # a sweep would have come by many times
            self.assertEqual(self.call("DBSIZE"), others + 1)
            self.assertIsNone(self.call("GET", key))
            self.assertEqual(self.call("DBSIZE"), others)
            self.call("SET", key, "v", "PX", "1")
        finally:
            self.call("DEBUG", "SET-ACTIVE-EXPIRE", "1")
        eventually(lambda: self.call("DBSIZE") == others)

    def test_object_tells_the_encoding(self):
        for value, encoding in (("12", "int"), ("v", "embstr"), ("x" * 50, "raw")):
            self.call("SET", self.key(), value)
            self.assertRegex(self.call("DEBUG", "OBJECT", self.key()),
                             r"^Value at:0x0 refcount:1 encoding:%s serializedlength:\d+ lru:\d+ "
                             r"lru_seconds_idle:\d+$" % encoding)
        self.assertError("ERR no such key", "DEBUG", "OBJECT", self.key("absent"))

    def test_log_writes_to_the_servers_log(self):
        self.assertEqual(self.call("DEBUG", "LOG", "a line\nand no more"), "OK")
        eventually(lambda: r"DEBUG LOG: a line\x0aand no more" in self.server.log())

    def test_what_redis_has_and_we_have_not(self):
        self.assertError("ERR unknown subcommand 'JMAP'. Try DEBUG HELP.", "DEBUG", "JMAP")
        self.assertIn("LOG message", self.call("DEBUG", "HELP"))


if __name__ == "__main__":
    unittest.main()

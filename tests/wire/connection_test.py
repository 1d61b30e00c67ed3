import time
import unittest

from harness import ReplyError, Status, WireTest

NO_AUTH_HELLO = (
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> "
    "<pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
WRONG_PASS = "WRONGPASS invalid username-password pair or user is disabled."


class Connection(WireTest):
    flags = ("--shards", "2", "--appendonly", "no")

    def test_hello_tells_who_answers_and_switches_the_protocol(self):
        flat = self.call("HELLO")
        self.assertEqual(flat[0:6], [b"server", b"redis", b"version", b"7.0.15", b"proto", 2])
        resp3 = self.call("HELLO", "3")
        self.assertEqual(resp3[b"proto"], 3)
        self.assertEqual(resp3[b"id"], self.call("CLIENT", "ID"))
        self.assertEqual((resp3[b"mode"], resp3[b"role"], resp3[b"modules"]), (b"standalone", b"master", []))
        self.assertIsInstance(self.call("CONFIG", "GET", "port"), dict)
        self.assertIsInstance(self.call("HELLO", "2"), list)
        self.assertIsInstance(self.call("CONFIG", "GET", "port"), list)

    def test_a_hello_that_fails_keeps_the_protocol_and_what_stood_before_the_mistake(self):
        for text, name, words in (
                ("NOPROTO unsupported protocol version", b"before", ("4", "SETNAME", "after")),
                ("NOPROTO unsupported protocol version", b"before", ("1",)),
                ("ERR Protocol version is not an integer or out of range", b"before", ("x",)),
                ("ERR Syntax error in HELLO option 'foo'", b"after", ("3", "SETNAME", "after", "foo")),
                ("ERR Syntax error in HELLO option 'AUTH'", b"before", ("3", "AUTH", "default")),
                (WRONG_PASS, b"after", ("3", "SETNAME", "after", "AUTH", "nobody", "x")),
                (WRONG_PASS, b"before", ("3", "AUTH", "nobody", "x", "SETNAME", "after", "foo")),
                ("ERR Client names cannot contain spaces, newlines or special characters.", b"before",
                 ("3", "AUTH", "default", "x", "SETNAME", "a b"))):
            self.call("CLIENT", "SETNAME", "before")
            self.assertError(text, "HELLO", *words)
            self.assertEqual(self.call("CLIENT", "GETNAME"), name)
            self.assertIsInstance(self.call("CONFIG", "GET", "port"), list)

    def test_hello_may_name_the_connection(self):
        self.call("HELLO", "2", "SETNAME", "till-4")
        self.assertEqual(self.call("CLIENT", "GETNAME"), b"till-4")

    def test_auth_without_a_password_set(self):
        self.assertError("ERR AUTH <password> called without any password configured for the default user. "
                         "Are you sure your configuration is correct?", "AUTH", "x")
        self.assertEqual(self.call("AUTH", "default", "whatever"), "OK")
        self.assertError(WRONG_PASS, "AUTH", "nobody", "x")
        self.assertError("ERR syntax error", "AUTH", "a", "b", "c")

    def test_databases_are_separate_worlds_from_0_to_15(self):
        key = self.key()
        self.call("SET", key, "in 0")
        self.assertEqual(self.call("SELECT", "15"), "OK")
        self.assertIsNone(self.call("GET", key))
        self.assertError("ERR DB index is out of range", "SELECT", "16")
        self.assertError("ERR DB index is out of range", "SELECT", "-1")
        self.assertError("ERR value is not an integer or out of range", "SELECT", "x")
        self.assertError("ERR value is out of range, value must between -2147483648 and 2147483647",
                         "SELECT", 2**31)
        self.assertIsNone(self.call("GET", key))  # still in 15
        self.call("SELECT", "0")
        self.assertEqual(self.call("GET", key), b"in 0")

    def test_reset_makes_the_connection_as_new(self):
        key = self.key()
        self.call("SET", key, "in 0")
        self.call("HELLO", "3", "SETNAME", "old")
        self.call("SELECT", "3")
        self.assertEqual(self.call("RESET"), Status("RESET"))
        self.assertIsNone(self.call("CLIENT", "GETNAME"))
        self.assertEqual(self.call("GET", key), b"in 0")
        self.assertIsInstance(self.call("CONFIG", "GET", "port"), list)

    def test_time_is_now_in_seconds_and_microseconds_and_never_goes_back(self):
        def now():
            seconds, us = self.call("TIME")
            self.assertLess(int(us), 1000000)
            return int(seconds) + int(us) / 1e6

        before = time.time()
        readings = [now() for _ in range(50)]
        self.assertLess(abs(readings[0] - before), 5)
        self.assertEqual(readings, sorted(readings))
        self.assertGreater(len(set(readings)), 10)  # microseconds move between two calls

    def test_ping_takes_one_message_at_most(self):
        self.assertEqual(self.call("PING", "x"), b"x")
        self.assertError("ERR wrong number of arguments for 'ping' command", "PING", "x", "y")


class Password(WireTest):
    flags = ("--requirepass", "secret", "--shards", "2", "--appendonly", "no")

    def test_only_the_whole_password_opens(self):
        for guess in ("", "s", "secre", "secret2", "secretsecret", "Secret", "terces"):
            self.assertError(WRONG_PASS, "AUTH", guess)
            self.assertError("NOAUTH Authentication required.", "PING")
        self.assertError(WRONG_PASS, "AUTH", "nobody", "secret")
        self.assertError("NOAUTH Authentication required.", "PING")
        self.assertEqual(self.call("AUTH", "secret"), "OK")
        self.assertEqual(self.call("PING"), "PONG")

    def test_the_default_user_may_be_named(self):
        self.assertEqual(self.call("AUTH", "default", "secret"), "OK")
        self.assertEqual(self.call("PING"), "PONG")

    def test_a_wrong_guess_later_does_not_log_out(self):
        self.call("AUTH", "secret")
        self.assertError(WRONG_PASS, "AUTH", "wrong")
        self.assertEqual(self.call("PING"), "PONG")

    def test_hello_authenticates(self):
        self.assertError(NO_AUTH_HELLO, "HELLO", "3")
        self.assertError(WRONG_PASS, "HELLO", "3", "AUTH", "default", "wrong")
        self.assertError("NOAUTH Authentication required.", "PING")
        self.assertEqual(self.call("HELLO", "3", "AUTH", "default", "secret")[b"proto"], 3)
        self.assertEqual(self.call("PING"), "PONG")

    def test_reset_logs_out(self):
        self.call("AUTH", "secret")
        self.call("RESET")
        self.assertError("NOAUTH Authentication required.", "PING")

    def test_the_password_can_change_while_the_server_runs(self):
        self.call("AUTH", "secret")
        try:
            self.assertEqual(self.call("CONFIG", "SET", "requirepass", "new"), "OK")
            self.assertEqual(self.call("PING"), "PONG")  # who is in stays in
            for _ in range(8):  # on every shard
                other = self.connect()
                with self.assertRaises(ReplyError):
                    other.call("AUTH", "secret")
                self.assertEqual(other.call("AUTH", "new"), "OK")
            outsider = self.connect()
            self.call("CONFIG", "SET", "requirepass", "")
            # Who never logged in is as free as everybody now: more words than before a login.
            self.assertEqual(outsider.call("DEL", *["k%d" % i for i in range(50)]), 0)
            for _ in range(8):
                self.assertEqual(self.connect().call("PING"), "PONG")
        finally:
            self.call("CONFIG", "SET", "requirepass", "secret")


if __name__ == "__main__":
    unittest.main()

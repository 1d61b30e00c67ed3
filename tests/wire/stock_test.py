import unittest

from harness import ReplyError, eventually
from stock_case import HOUR_MS, INT64_MAX, LONGEST, NOT_INTEGERS, TOO_LONG, StockCase, now_ms

FIELDS = ("available sellable held sold supplied returned safety holds limit maxqty opens closes ttl retain paused "
          "state seq").split()


class CreateAndSet(StockCase):
    def test_a_new_sku_has_its_units_and_no_options(self):
        sku = self.sku(7)
        self.assertEqual(list(self.stock(sku)), FIELDS)
        self.assertEqual(self.stock(sku), dict(zip(FIELDS, (7, 7, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, b"no", b"open", 1))))

    def test_options_are_shown_as_they_were_set(self):
        opens = now_ms() - HOUR_MS
        sku = self.sku(7, "limit", 1, "MAXQTY", 2, "OPENS", opens, "closes", opens + 2 * HOUR_MS, "TTL", 3, "RETAIN", 4,
                       "SAFETY", 5, "PAUSED", "YES")
        expected = dict(available=7, sellable=2, limit=1, maxqty=2, opens=opens, closes=opens + 2 * HOUR_MS, ttl=3, retain=4,
                        safety=5, paused=b"yes", state=b"paused")
        self.assertEqual({name: self.stock(sku)[name] for name in expected}, expected)
        self.assertEqual(self.call("STOCK.SET", sku, "PAUSED", "no", "SAFETY", 7), "OK")
        expected.update(sellable=0, safety=7, paused=b"no", state=b"soldout")
        self.assertEqual({name: self.stock(sku)[name] for name in expected}, expected)

    def test_zero_unsets_every_option(self):
        names = ("LIMIT", "MAXQTY", "OPENS", "CLOSES", "TTL", "RETAIN", "SAFETY")
        sku = self.sku(7, *(word for value, name in enumerate(names, 5) for word in (name, value)))
        self.assertEqual(self.call("STOCK.SET", sku, *(word for name in names for word in (name, 0))), "OK")
        self.assertEqual({self.stock(sku)[name.lower()] for name in names}, {0})

    def test_a_sku_is_made_once(self):
        sku = self.sku(7)
        self.assertRefusedUnchanged(sku, "EXISTS", "STOCK.CREATE", sku, 9)
        self.assertIsNone(self.call("STOCK.CREATE", sku, 9, "NX"))
        self.assertEqual(self.call("STOCK.CREATE", self.key("new"), 9, "nx", "LIMIT", 3), "OK")
        self.assertEqual(self.units(sku), (7, 0, 0))

    def test_no_units_is_sold_out_from_the_start(self):
        sku = self.sku(0)
        self.assertEqual((self.stock(sku)["state"], self.stock(sku)["seq"]), (b"soldout", 1))

    def test_bad_options_are_refused_and_change_nothing(self):
        sku, none = self.sku(7), self.key("none")
        cases = [("ERR", (name, bad)) for name in ("LIMIT", "MAXQTY", "SAFETY", "OPENS", "CLOSES", "TTL", "RETAIN")
                 for bad in NOT_INTEGERS]
        cases += [("BADQTY", (name, bad)) for name in ("LIMIT", "MAXQTY", "SAFETY") for bad in (-1, -2**63)]
        cases += [("ERR", (name, -1)) for name in ("OPENS", "CLOSES", "TTL", "RETAIN")]
        cases += [("ERR", words) for words in (("TTL", INT64_MAX), ("LIMIT", 1, "LIMIT", 1), ("PAUSED", "maybe"), ("FROB", 1),
                                               ("LIMIT", 1, "MAXQTY"), ("OPENS", 9, "CLOSES", 9), ("OPENS", 9, "CLOSES", 8))]
        for code, words in cases:
            self.assertRefusedUnchanged(sku, code, "STOCK.SET", sku, *words)
            self.assertError(code, "STOCK.CREATE", none, 1, *words)
        for bad in NOT_INTEGERS:
            self.assertError("ERR", "STOCK.CREATE", none, bad)
        self.assertError("BADQTY", "STOCK.CREATE", none, -1)
        self.assertError("ERR", "STOCK.SET", sku, "NX", 1)
        self.assertError("ERR wrong number of arguments for 'stock.set' command", "STOCK.SET", sku)
        self.assertEqual(self.call("STOCK.AVAIL", none), [None])

    def test_syntax_comes_before_badqty_before_nosku(self):
        none = self.key("none")
        self.assertError("ERR", "STOCK.SET", none, "LIMIT", -1, "FROB")
        self.assertError("BADQTY", "STOCK.SET", none, "LIMIT", -1)
        self.assertError("NOSKU", "STOCK.SET", none, "LIMIT", 1)

    def test_set_judges_the_window_as_it_will_be(self):
        sku = self.sku(7, "OPENS", 1000)
        self.assertRefusedUnchanged(sku, "ERR", "STOCK.SET", sku, "CLOSES", 1000)
        self.assertEqual(self.call("STOCK.SET", sku, "CLOSES", 1001), "OK")

    def test_the_state_is_the_first_of_paused_early_closed_soldout_open(self):
        sku = self.sku(0, "PAUSED", "yes", "OPENS", now_ms() + HOUR_MS)
        for change, state in (((), b"paused"), (("PAUSED", "no"), b"early"), (("OPENS", 0, "CLOSES", 5), b"closed"),
                              (("CLOSES", 0), b"soldout")):
            if change:
                self.call("STOCK.SET", sku, *change)
            self.assertEqual(self.stock(sku)["state"], state)

    def test_another_type_is_a_wrong_type_and_stays(self):
        key = self.key()
        self.call("SET", key, "v")
        for words in (("STOCK.CREATE", key, 1), ("STOCK.CREATE", key, 1, "NX"), ("STOCK.SET", key, "LIMIT", 1),
                      ("STOCK.ADJUST", key, "r", 1), ("STOCK.RETURN", key, "h", "r", 1), ("STOCK.GET", key),
                      ("STOCK.AUDIT", key), ("STOCK.DROP", key)):
            self.assertError("WRONGTYPE", *words)
        self.assertEqual(self.call("STOCK.AVAIL", key), [None])
        self.assertEqual(self.call("GET", key), b"v")

    def test_a_retention_forgets_by_the_clock(self):
        sku = self.sku(7, "RETAIN", 1)
        self.call("RESERVE", sku, "a", 2, "FINAL")
        eventually(lambda: self.hold(sku, "a") is None)
        self.assertEqual(self.units(sku), (5, 0, 2))
        self.assertError("NOHOLD", "STOCK.RETURN", sku, "a", "r", 1)
        self.assertEqual(self.call("STOCK.AUDIT", sku)[5], 0)


class Adjust(StockCase):
    def test_a_ref_counts_once(self):
        sku = self.sku(7)
        self.assertStatus(["ADJUSTED", 5, 12], "STOCK.ADJUST", sku, "r", 5, "REASON", "delivery")
        self.assertStatus(["ADJUSTED", 5, 12], "STOCK.ADJUST", sku, "r", "+5")
        self.assertRefusedUnchanged(sku, "HOLDMISMATCH", "STOCK.ADJUST", sku, "r", 6)
        self.assertEqual(self.stock(sku)["supplied"], 12)

    def test_a_star_makes_a_ref_of_its_own_each_time(self):
        sku = self.sku(0)
        for expected in (3, 6, 9):
            self.assertStatus(["ADJUSTED", 3, expected], "STOCK.ADJUST", sku, "*", 3)
        self.assertStatus(["ADJUSTED", 0, 9], "STOCK.ADJUST", sku, "*", 0)
        self.assertStatus(["ADJUSTED", -9, 0], "STOCK.ADJUST", sku, "*", -9)

    def test_a_star_is_no_ref_that_a_client_took_before(self):
        sku = self.sku(10)
        run_id = self.info("server")["run_id"]
        for number in range(1, 6):
            self.call("STOCK.ADJUST", sku, "%s-%d" % (run_id, number), 5)
        self.assertStatus(["ADJUSTED", 5, 40], "STOCK.ADJUST", sku, "*", 5)

    def test_short_takes_nothing_and_clamp_what_there_is(self):
        sku = self.sku(7, "SAFETY", 5)
        self.assertStatus(["SHORT", 0, 7], "STOCK.ADJUST", sku, "r", -8)
        self.assertStatus(["ADJUSTED", -7, 0], "STOCK.ADJUST", sku, "r", -8, "clamp")
        self.call("STOCK.ADJUST", sku, "*", 3)
        self.assertStatus(["ADJUSTED", -7, 3], "STOCK.ADJUST", sku, "r", -8)
        self.assertStatus(["ADJUSTED", -3, 0], "STOCK.ADJUST", sku, "s", -2**63, "CLAMP")

    def test_if_compares_first(self):
        sku = self.sku(7)
        self.assertStatus(["STALE", 0, 7], "STOCK.ADJUST", sku, "r", -8, "IF", 6)
        self.assertStatus(["SHORT", 0, 7], "STOCK.ADJUST", sku, "r", -8, "IF", 7)
        self.assertStatus(["ADJUSTED", 1, 8], "STOCK.ADJUST", sku, "r", 1, "if", 7)
        self.assertStatus(["ADJUSTED", 1, 8], "STOCK.ADJUST", sku, "r", 1, "IF", 7)

    def test_the_supply_stays_an_int64(self):
        sku = self.sku(INT64_MAX - 1)
        self.assertStatus(["ADJUSTED", 1, INT64_MAX], "STOCK.ADJUST", sku, "r", "+1")
        self.assertRefusedUnchanged(sku, "BADQTY", "STOCK.ADJUST", sku, "s", 1)
        self.assertRefusedUnchanged(sku, "BADQTY", "STOCK.ADJUST", sku, "s", INT64_MAX)
        self.assertStatus(["SHORT", 0, INT64_MAX], "STOCK.ADJUST", sku, "s", -2**63)
        self.assertStatus(["ADJUSTED", -INT64_MAX, 0], "STOCK.ADJUST", sku, "s", -INT64_MAX)

    def test_words_are_read_strictly(self):
        sku = self.sku(7)
        for bad in ("", "+", "++1", "+-1", "-+1", "+01", "01", "-0", "x", "1.5", str(2**63), "+" + str(2**63)):
            self.assertRefusedUnchanged(sku, "ERR value is not an integer or out of range", "STOCK.ADJUST", sku, "r", bad)
        for bad in (("REASON",), ("REASON", "r" * 129), ("IF", "+7"), ("IF",), ("CLAMP", "CLAMP"), ("IF", 7, "IF", 7), ("FROB",)):
            self.assertRefusedUnchanged(sku, "ERR", "STOCK.ADJUST", sku, "r", 1, *bad)
        for bad in (b"", TOO_LONG):
            self.assertRefusedUnchanged(sku, "ERR", "STOCK.ADJUST", sku, bad, 1)
        self.assertStatus(["ADJUSTED", 1, 8], "STOCK.ADJUST", sku, LONGEST, "+1")
        self.assertError("NOSKU", "STOCK.ADJUST", self.key("none"), "r", 1)


class Return(StockCase):
    def test_a_refund_goes_back_on_sale_once_per_ref(self):
        sku = self.sku(7)
        self.call("RESERVE", sku, "a", 5, "FINAL")
        for _ in range(2):
            self.assertStatus(["RETURNED", 2, 4], "STOCK.RETURN", sku, "a", "r", 2)
        self.assertStatus(["RETURNED", 3, 7], "STOCK.RETURN", sku, "a", "s", 3, "to", "AVAILABLE")
        self.assertRefusedUnchanged(sku, "BADQTY", "STOCK.RETURN", sku, "a", "t", 1)
        self.assertEqual((self.units(sku), self.stock(sku)["returned"]), ((7, 0, 0), 5))
        self.assertStatus(["CONFIRMED", 5], "CONFIRM", sku, "a")

    def test_a_write_off_leaves_the_supply(self):
        sku = self.sku(7)
        self.call("RESERVE", sku, "a", 5, "FINAL")
        self.assertStatus(["RETURNED", 2, 2], "STOCK.RETURN", sku, "a", "r", 2, "TO", "writeoff")
        self.assertEqual((self.units(sku), self.stock(sku)["supplied"]), ((2, 0, 3), 5))

    def test_a_refund_frees_the_buyer_s_limit_unless_it_is_kept(self):
        sku = self.sku(9, "LIMIT", 2)
        self.call("RESERVE", sku, "a", 2, "FINAL", "BUYER", "ann")
        self.call("STOCK.RETURN", sku, "a", "r", 1, "KEEPLIMIT")
        self.assertEqual(self.call("RESERVE", sku, "b", 1, "BUYER", "ann")[0], "LIMIT")
        self.call("STOCK.RETURN", sku, "a", "s", 1)
        self.assertEqual(self.call("RESERVE", sku, "b", 1, "BUYER", "ann")[0], "HELD")

    def test_a_ref_is_for_one_thing(self):
        sku = self.sku(9)
        self.call("RESERVE", sku, "a", 5, "FINAL")
        self.call("RESERVE", sku, "b", 2, "FINAL")
        self.call("STOCK.RETURN", sku, "a", "r", 2)
        self.call("STOCK.ADJUST", sku, "adjusted", 1)
        for other in (("b", "r", 2), ("a", "r", 1), ("a", "r", 2, "TO", "writeoff"), ("a", "adjusted", 1)):
            self.assertRefusedUnchanged(sku, "HOLDMISMATCH", "STOCK.RETURN", sku, *other)
        self.assertRefusedUnchanged(sku, "HOLDMISMATCH", "STOCK.ADJUST", sku, "r", 2)

    def test_only_what_was_sold_comes_back(self):
        sku = self.sku(9)
        self.call("RESERVE", sku, "held", 2)
        self.call("RELEASE", sku, "fence")
        self.assertRefusedUnchanged(sku, "BADQTY", "STOCK.RETURN", sku, "held", "r", 1)
        self.assertRefusedUnchanged(sku, "BADQTY", "STOCK.RETURN", sku, "fence", "r", 1)
        self.assertRefusedUnchanged(sku, "NOHOLD", "STOCK.RETURN", sku, "none", "r", 1)

    def test_words_are_read_strictly(self):
        sku = self.sku(9)
        self.call("RESERVE", sku, "a", 5, "FINAL")
        for bad in (("TO",), ("TO", "moon"), ("KEEPLIMIT", "keeplimit"), ("TO", "available", "TO", "available"), ("FROB",)):
            self.assertRefusedUnchanged(sku, "ERR", "STOCK.RETURN", sku, "a", "r", 1, *bad)
        for bad in NOT_INTEGERS:
            self.assertRefusedUnchanged(sku, "ERR", "STOCK.RETURN", sku, "a", "r", bad)
        for bad in (0, -1, 2**31):
            self.assertError("BADQTY", "STOCK.RETURN", self.key("none"), "a", "r", bad)
        for bad in (b"", TOO_LONG):
            self.assertRefusedUnchanged(sku, "ERR", "STOCK.RETURN", sku, "a", bad, 1)
            self.assertRefusedUnchanged(sku, "ERR", "STOCK.RETURN", sku, bad, "r", 1)
        self.assertError("NOSKU", "STOCK.RETURN", self.key("none"), "a", "r", 1)


class Lookups(StockCase):
    def test_get_answers_a_map_in_resp3_and_the_fields_asked_for(self):
        sku = self.sku(7)
        three = self.connect(resp=3)
        self.assertEqual(list(three.call("STOCK.GET", sku)), [name.encode() for name in FIELDS])
        self.assertEqual(three.call("STOCK.GET", sku, "sold", "frob", "Available"),
                         {b"sold": 0, b"frob": None, b"Available": 7})
        self.assertEqual(self.call("STOCK.GET", sku, "paused", "frob"), [b"paused", b"no", b"frob", None])
        self.assertError("NOSKU", "STOCK.GET", self.key("none"))

    def test_holds_counts_live_ones(self):
        sku = self.sku(7)
        self.call("RESERVE", sku, "a", 1)
        self.call("RESERVE", sku, "b", 1, "FINAL")
        self.assertEqual(self.stock(sku)["holds"], 1)

    def test_seq_moves_with_transitions_and_with_nothing_else(self):
        sku = self.sku(2)
        for words, moved in ((("RESERVE", sku, "a", 1), 1), (("RESERVE", sku, "a", 1), 0), (("RESERVE", sku, "b", 5), 0),
                             (("AMEND", sku, "a", 1), 0), (("AMEND", sku, "a", 2), 2), (("CONFIRM", sku, "a", "QTY", 1), 2),
                             (("CONFIRM", sku, "a"), 0), (("STOCK.SET", sku, "LIMIT", 0), 0), (("RELEASE", sku, "z"), 0),
                             (("STOCK.SET", sku, "SAFETY", 1), 1)):
            before = self.stock(sku)["seq"]
            self.call(*words)
            self.assertEqual(self.stock(sku)["seq"] - before, moved, words)

    def test_avail_asks_every_shard_and_answers_in_order(self):
        skus = [self.sku(i + 1, name=str(i)) for i in range(20)]
        none = self.key("none")
        for client in (self.client, self.connect(resp=3)):
            self.assertEqual(client.call("STOCK.AVAIL", *skus, none, skus[0]), [*range(1, 21), None, 1])
        self.call("STOCK.SET", skus[4], "SAFETY", 3)
        self.assertEqual(self.call("STOCK.AVAIL", skus[4]), [2])

    def test_audit_looks_at_every_sku_of_every_shard(self):
        def audit(client):
            reply = client.call("STOCK.AUDIT")
            return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2]))
        before = audit(self.client)
        for i in range(20):
            sku = self.sku(9, name=str(i))
            self.call("RESERVE", sku, "a", 1)
            self.call("RESERVE", sku, "b", 1, "FINAL")
        for client in (self.client, self.connect(resp=3)):
            self.assertEqual(audit(client), {b"items": before[b"items"] + 20, b"holds": before[b"holds"] + 40, b"bad": 0,
                                             b"first-bad": None})
        self.assertEqual(self.call("STOCK.AUDIT", sku), [b"items", 1, b"holds", 2, b"bad", 0, b"first-bad", None])
        self.assertError("NOSKU", "STOCK.AUDIT", self.key("none"))
        self.assertError("ERR", "STOCK.AUDIT", sku, "more")

    def test_drop_forgets_everything_but_protects_live_holds(self):
        sku = self.sku(7)
        self.assertEqual(self.call("STOCK.DROP", self.key("none")), 0)
        self.call("RESERVE", sku, "a", 1)
        self.assertRefusedUnchanged(sku, "PROTECTED", "STOCK.DROP", sku)
        self.assertRefusedUnchanged(sku, "ERR", "STOCK.DROP", sku, "FROB")
        self.assertRefusedUnchanged(sku, "ERR", "STOCK.DROP", sku, "FORCE", "FORCE")
        self.assertEqual(self.call("STOCK.DROP", sku, "force"), 1)
        self.assertError("NOSKU", "STOCK.GET", sku)
        self.assertEqual(self.call("STOCK.CREATE", sku, 3), "OK")
        self.assertIsNone(self.hold(sku, "a"))
        self.assertEqual(self.stock(sku)["seq"], 1)
        self.assertEqual(self.call("STOCK.DROP", sku), 1)

    def test_errors_quote_the_client_s_bytes_on_one_line(self):
        reply = self.client.pipeline(("STOCK.GET", b"a\r\n+OK\r\n" + b"x" * 5000), ("STOCK.AVAIL", "none"))
        self.assertIsInstance(reply[0], ReplyError)
        self.assertLess(len(str(reply[0])), 250)
        self.assertEqual(reply[1], [None])


class Survival(StockCase):
    def test_what_was_answered_is_there_after_a_kill(self):
        sku = self.sku(9, "LIMIT", 5)
        held = self.call("RESERVE", sku, "a", 2, "BUYER", "ann")
        self.call("STOCK.ADJUST", sku, "*", 4)
        before = self.stock(sku)
        self.server.kill()
        self.server.start()
        self.client = self.connect()
        self.assertEqual(self.stock(sku), before)
        self.assertEqual(self.call("RESERVE", sku, "a", 2, "BUYER", "ann")[:3], held[:3])
        self.assertStatus(["ADJUSTED", 4, 15], "STOCK.ADJUST", sku, "*", 4)


class Growth(StockCase):
    """Over maxmemory what grows is refused; what finishes or gives back goes on."""

    def test_only_what_grows_is_refused(self):
        sku = self.sku(20)
        for hold in "abc":
            self.call("RESERVE", sku, hold, 2)
        self.call("RESERVE", sku, "sold", 2, "FINAL")
        self.call("STOCK.ADJUST", sku, "known", 1)
        self.server.stop()
        self.server.flags += ("--maxmemory", "1")
        self.server.start()
        self.client = self.connect()
        for words in (("STOCK.CREATE", self.key("new"), 1), ("RESERVE", sku, "d", 1), ("AMEND", sku, "a", 3),
                      ("RELEASE", sku, "unknown"), ("STOCK.ADJUST", sku, "r", 1), ("STOCK.RETURN", sku, "sold", "r", 1)):
            self.assertRefusedUnchanged(sku, "OOM", *words)
        for words, status in ((("RESERVE", sku, "a", 2), "HELD"), (("RESERVE", sku, "d", 99), "SHORT"),
                              (("STOCK.ADJUST", sku, "known", 1), "ADJUSTED"), (("AMEND", sku, "a", 1), "HELD"),
                              (("EXTEND", sku, "a", "EX", 6000), "HELD"), (("CONFIRM", sku, "a"), "CONFIRMED"),
                              (("RELEASE", sku, "b"), "RELEASED")):
            self.assertEqual(self.call(*words)[0], status, words)


if __name__ == "__main__":
    unittest.main()

import unittest

from harness import ReplyError, Status, eventually
from stock_case import HOUR_MS, INT64_MAX, LONGEST, NOT_INTEGERS, TOO_LONG, StockCase, now_ms


class Reserve(StockCase):
    def test_a_hold_has_its_units_until_its_deadline(self):
        sku = self.sku(10)
        before = now_ms()
        status, units, deadline, left = self.call("RESERVE", sku, "h", 3, "EX", 60)
        self.assertEqual((status, units, left), ("HELD", 3, 7))
        self.assertIsInstance(status, Status)
        self.assertTrue(before + 59_000 <= deadline <= now_ms() + 61_000)
        self.assertEqual(self.units(sku), (7, 3, 0))

    def test_the_time_to_live_is_the_request_s_else_the_sku_s_else_900_s_and_at_most_two_hours(self):
        plain, own = self.sku(name="plain"), self.sku(10, "TTL", 100, name="own")
        for words, seconds in (((plain, "a", 1), 900), ((own, "a", 1), 100), ((own, "b", 1, "PX", 7000), 7),
                               ((own, "c", 1, "EX", 999999), 7200)):
            self.assertAlmostEqual(self.call("RESERVE", *words)[2] - now_ms(), seconds * 1000, delta=1500)

    def test_sold_out_and_short_hold_nothing(self):
        sku = self.sku(2)
        self.assertStatus(["SHORT", 0, 0, 2], "RESERVE", sku, "a", 3)
        self.call("RESERVE", sku, "b", 2)
        self.assertStatus(["SOLDOUT", 0, 0, 0], "RESERVE", sku, "c", 1)
        self.assertEqual(self.units(sku), (0, 2, 0))
        self.assertIsNone(self.hold(sku, "c"))

    def test_safety_units_are_not_sold(self):
        sku = self.sku(5, "SAFETY", 3)
        self.assertStatus(["SHORT", 0, 0, 2], "RESERVE", sku, "a", 3)
        self.assertEqual(self.call("RESERVE", sku, "a", 2)[3], 0)
        self.assertStatus(["SOLDOUT", 0, 0, 0], "RESERVE", sku, "b", 1)

    def test_a_buyer_may_take_no_more_than_the_limit(self):
        sku = self.sku(10, "LIMIT", 3)
        self.call("RESERVE", sku, "a", 2, "BUYER", "ann")
        self.assertStatus(["LIMIT", 0, 0, 1], "RESERVE", sku, "b", 2, "BUYER", "ann")
        self.assertEqual(self.call("RESERVE", sku, "c", 3, "BUYER", "bob")[0], "HELD")
        for nobody in ((), ("BUYER", "-")):
            self.assertRefusedUnchanged(sku, "NEEDBUYER", "RESERVE", sku, "d", 1, *nobody)
        self.call("RELEASE", sku, "a")
        self.assertEqual(self.call("RESERVE", sku, "e", 3, "BUYER", "ann")[0], "HELD")

    def test_partial_holds_what_there_is_and_what_the_buyer_may_take(self):
        sku = self.sku(5, "LIMIT", 3)
        self.assertEqual(self.call("RESERVE", sku, "a", 9, "PARTIAL", "BUYER", "ann")[:2], ["HELD", 3])
        self.assertEqual(self.call("RESERVE", sku, "b", 9, "PARTIAL", "BUYER", "bob")[:2], ["HELD", 2])
        self.assertStatus(["LIMIT", 0, 0, 0], "RESERVE", sku, "c", 1, "PARTIAL", "BUYER", "ann")
        self.assertStatus(["SOLDOUT", 0, 0, 0], "RESERVE", sku, "d", 1, "PARTIAL", "BUYER", "eve")

    def test_final_sells_at_once(self):
        sku = self.sku(5)
        self.assertStatus(["CONFIRMED", 2, 0, 3], "RESERVE", sku, "a", 2, "FINAL", "EX", 5)
        self.assertEqual(self.units(sku), (3, 0, 2))

    def test_before_opening_after_closing_and_paused(self):
        opens, closed = now_ms() + HOUR_MS, now_ms() - HOUR_MS
        early, late = self.sku(5, "OPENS", opens, name="early"), self.sku(5, "CLOSES", closed, name="late")
        paused = self.sku(5, "OPENS", opens, "PAUSED", "yes", name="paused")
        self.assertStatus(["EARLY", 0, opens, 5], "RESERVE", early, "a", 1)
        self.assertStatus(["CLOSED", 0, closed, 5], "RESERVE", late, "a", 1)
        self.assertStatus(["CLOSED", 0, 0, 5], "RESERVE", paused, "a", 1)

    def test_a_sale_opens_by_the_clock(self):
        sku = self.sku(5, "OPENS", now_ms() + 150)
        self.assertEqual(self.call("RESERVE", sku, "a", 1)[0], "EARLY")
        eventually(lambda: self.call("RESERVE", sku, "a", 1)[0] == "HELD")

    def test_more_than_maxqty_is_misuse_even_if_partial(self):
        sku = self.sku(10, "MAXQTY", 2)
        self.assertRefusedUnchanged(sku, "BADQTY", "RESERVE", sku, "a", 3)
        self.assertRefusedUnchanged(sku, "BADQTY", "RESERVE", sku, "a", 3, "PARTIAL")
        self.assertEqual(self.call("RESERVE", sku, "a", 2)[0], "HELD")

    def test_the_guards_come_in_the_promised_order(self):
        sku = self.sku(0, "LIMIT", 1, "MAXQTY", 1, "OPENS", now_ms() + HOUR_MS, "PAUSED", "yes")
        def status(*words):
            reply = self.client.pipeline(words)[0]
            return reply.code if isinstance(reply, ReplyError) else reply[0]
        request = ("RESERVE", sku, "h", 5)
        self.assertEqual(status("RESERVE", self.key("none"), "h", 0, "FROB"), "ERR")
        self.assertEqual(status("RESERVE", self.key("none"), "h", 0), "BADQTY")
        self.assertEqual(status("RESERVE", self.key("none"), "h", 1), "NOSKU")
        self.assertEqual(status(*request), "CLOSED")
        for change, next_answer in ((("PAUSED", "no"), "EARLY"), (("OPENS", 0), "BADQTY"), (("MAXQTY", 0), "NEEDBUYER")):
            self.call("STOCK.SET", sku, *change)
            self.assertEqual(status(*request), next_answer)
        request += ("BUYER", "ann")
        self.assertEqual(status(*request), "LIMIT")
        self.call("STOCK.SET", sku, "LIMIT", 0)
        self.assertEqual(status(*request), "SOLDOUT")
        self.call("STOCK.ADJUST", sku, "*", 4)
        self.assertEqual(status(*request), "SHORT")
        self.call("STOCK.ADJUST", sku, "*", 1)
        self.assertEqual(status(*request), "HELD")

    def test_a_retry_hears_the_state_and_takes_nothing(self):
        sku = self.sku(3, "CLOSES", now_ms() + HOUR_MS)
        first = self.call("RESERVE", sku, "a", 3, "BUYER", "ann", "EX", 50)
        self.call("STOCK.SET", sku, "PAUSED", "yes", "MAXQTY", 1)
        self.assertEqual(self.call("RESERVE", sku, "a", 3, "BUYER", "ann", "PX", 1, "FINAL", "META", "m"), first)
        self.assertRefusedUnchanged(sku, "HOLDMISMATCH", "RESERVE", sku, "a", 2, "BUYER", "ann")
        self.assertRefusedUnchanged(sku, "HOLDMISMATCH", "RESERVE", sku, "a", 3, "BUYER", "bob")
        self.assertRefusedUnchanged(sku, "HOLDMISMATCH", "RESERVE", sku, "a", 3)
        self.call("CONFIRM", sku, "a")
        self.assertStatus(["CONFIRMED", 3, 0, 0], "RESERVE", sku, "a", 3, "BUYER", "ann")
        self.assertEqual(self.units(sku), (0, 0, 3))

    def test_a_retry_compares_what_was_asked_not_what_it_got(self):
        sku = self.sku(3)
        self.call("RESERVE", sku, "a", 5, "PARTIAL")
        self.call("AMEND", sku, "a", 2)
        self.assertEqual(self.call("RESERVE", sku, "a", 5)[:2], ["HELD", 2])
        self.assertError("HOLDMISMATCH", "RESERVE", sku, "a", 2)

    def test_a_retry_of_a_finished_hold_has_no_units(self):
        sku = self.sku(3)
        self.call("RESERVE", sku, "a", 2)
        self.call("RELEASE", sku, "a")
        self.assertStatus(["RELEASED", 0, 0, 3], "RESERVE", sku, "a", 2)
        self.expired(sku, "b", 2)
        self.assertStatus(["EXPIRED", 0, 0, 3], "RESERVE", sku, "b", 2)

    def test_options_in_any_order_and_case_each_once(self):
        sku = self.sku(50)
        self.assertEqual(self.call("reserve", sku, "a", 1, "meta", "m", "partial", "buyer", "ann", "px", 60000)[0], "HELD")
        hold = self.hold(sku, "a")
        self.assertEqual((hold["meta"], hold["buyer"]), (b"m", b"ann"))
        for bad in (("FROB",), ("EX",), ("EX", 5, "EX", 5), ("EX", 5, "PX", 5), ("BUYER", "a", "buyer", "a"),
                    ("PARTIAL", "partial"), ("FINAL", "FINAL"), ("META", "a", "META", "b"), ("META",), ("EX", 5, "PX")):
            self.assertRefusedUnchanged(sku, "ERR", "RESERVE", sku, "x", 1, *bad)

    def test_a_time_to_live_is_a_positive_number_that_fits(self):
        sku = self.sku(50)
        text = "ERR invalid expire time in 'reserve' command"
        for bad in (("EX", 0), ("PX", 0), ("EX", -1), ("PX", -5), ("EX", INT64_MAX), ("PX", INT64_MAX),
                    ("EX", INT64_MAX // 1000), ("EX", -2**63)):
            self.assertRefusedUnchanged(sku, text, "RESERVE", sku, "x", 1, *bad)
        for bad in NOT_INTEGERS:
            self.assertRefusedUnchanged(sku, "ERR value is not an integer or out of range",
                                        "RESERVE", sku, "x", 1, "PX", bad)

    def test_units_are_1_to_2147483647(self):
        sku = self.sku(INT64_MAX)
        for bad in NOT_INTEGERS:
            self.assertRefusedUnchanged(sku, "ERR value is not an integer or out of range", "RESERVE", sku, "x", bad)
        for bad in (0, -1, 2**31, INT64_MAX, -2**63):
            self.assertRefusedUnchanged(sku, "BADQTY", "RESERVE", sku, "x", bad)
            self.assertError("BADQTY", "RESERVE", self.key("none"), "x", bad)
        self.assertEqual(self.call("RESERVE", sku, "x", 2**31 - 1)[1], 2**31 - 1)

    def test_ids_have_1_to_128_bytes_of_any_kind(self):
        sku = self.sku(50)
        for bad in (b"", TOO_LONG):
            self.assertRefusedUnchanged(sku, "ERR", "RESERVE", sku, bad, 1)
            self.assertRefusedUnchanged(sku, "ERR", "RESERVE", sku, "x", 1, "BUYER", bad)
        self.assertRefusedUnchanged(sku, "ERR", "RESERVE", sku, "x", 1, "META", b"m" * 1025)
        self.assertEqual(self.call("RESERVE", sku, LONGEST, 1, "BUYER", LONGEST, "META", b"\xff" * 1024)[0], "HELD")
        hold = self.hold(sku, LONGEST)
        self.assertEqual((hold["hold"], hold["buyer"], hold["meta"]), (LONGEST, LONGEST, b"\xff" * 1024))

    def test_stock_lives_in_database_0(self):
        sku = self.sku()
        self.call("SELECT", 1)
        for words in (("RESERVE", sku, "h", 1), ("CONFIRM", sku, "h"), ("STOCK.CREATE", sku, 1), ("STOCK.GET", sku),
                      ("STOCK.AVAIL", sku, sku), ("STOCK.AUDIT",), ("STOCK.DROP", sku), ("HOLD.LIST", sku)):
            self.assertError("ERR stock lives in database 0 only, SELECT 0 first", *words)

    def test_another_type_is_a_wrong_type(self):
        key = self.key()
        self.call("SET", key, "v")
        for words in (("RESERVE", key, "h", 1), ("CONFIRM", key, "h"), ("RELEASE", key, "h"), ("EXTEND", key, "h", "EX", 1),
                      ("AMEND", key, "h", 1), ("HOLD.GET", key, "h"), ("HOLD.LIST", key)):
            self.assertError("WRONGTYPE", *words)
        self.assertEqual(self.call("GET", key), b"v")

    def test_an_unknown_sku_is_told_apart_from_an_unknown_hold(self):
        sku, none = self.sku(), self.key("none")
        for verb, *rest in (("CONFIRM",), ("EXTEND", "EX", 5), ("AMEND", 1)):
            self.assertError("NOSKU", verb, none, "h", *rest)
            self.assertRefusedUnchanged(sku, "NOHOLD", verb, sku, "h", *rest)
        for words in (("RELEASE", none, "h"), ("HOLD.GET", none, "h"), ("HOLD.LIST", none)):
            self.assertError("NOSKU", *words)


class Finish(StockCase):
    def test_confirm_sells_and_repeats_itself(self):
        sku = self.sku(5)
        self.call("RESERVE", sku, "a", 3)
        for _ in range(2):
            self.assertStatus(["CONFIRMED", 3], "CONFIRM", sku, "a")
        self.assertEqual(self.units(sku), (2, 0, 3))
        self.assertStatus(["CONFIRMED", 0], "RELEASE", sku, "a")
        self.assertStatus(["CONFIRMED", 0], "EXTEND", sku, "a", "EX", 5)
        self.assertStatus(["CONFIRMED", 3, 0, 2], "AMEND", sku, "a", 1)

    def test_confirm_of_a_part_gives_the_rest_back(self):
        sku = self.sku(5)
        self.call("RESERVE", sku, "a", 3)
        self.assertRefusedUnchanged(sku, "BADQTY", "CONFIRM", sku, "a", "QTY", 4)
        self.assertStatus(["CONFIRMED", 2], "CONFIRM", sku, "a", "qty", 2)
        self.assertEqual(self.units(sku), (3, 0, 2))
        self.assertStatus(["CONFIRMED", 2], "CONFIRM", sku, "a")
        self.assertStatus(["CONFIRMED", 2], "CONFIRM", sku, "a", "QTY", 2)
        self.assertRefusedUnchanged(sku, "HOLDMISMATCH", "CONFIRM", sku, "a", "QTY", 3)
        self.assertStatus(["CONFIRMED", 0], "RELEASE", sku, "a")

    def test_confirm_reads_its_options_strictly(self):
        sku = self.sku(5)
        self.call("RESERVE", sku, "a", 3)
        for bad in (("FROB",), ("QTY",), ("QTY", 1, "QTY", 1), ("RECLAIM", "RECLAIM"), ("QTY", "+1"), ("QTY", 2**63)):
            self.assertRefusedUnchanged(sku, "ERR", "CONFIRM", sku, "a", *bad)
        for bad in (0, -1, 2**31):
            self.assertError("BADQTY", "CONFIRM", self.key("none"), "a", "QTY", bad)
        for bad in (b"", TOO_LONG):
            self.assertError("ERR", "CONFIRM", sku, bad)

    def test_an_expired_hold_is_sold_again_only_by_reclaim(self):
        sku = self.sku(3)
        self.expired(sku, "a", 3)
        self.assertEqual(self.units(sku), (3, 0, 0))
        self.assertStatus(["EXPIRED", 0], "CONFIRM", sku, "a")
        self.assertStatus(["EXPIRED", 3], "RELEASE", sku, "a")
        self.assertStatus(["EXPIRED", 0], "EXTEND", sku, "a", "EX", 5)
        self.assertStatus(["EXPIRED", 0, 0, 3], "AMEND", sku, "a", 1)
        self.call("RESERVE", sku, "b", 1)
        self.assertStatus(["EXPIRED", 0], "CONFIRM", sku, "a", "RECLAIM")
        self.call("RELEASE", sku, "b")
        self.call("STOCK.SET", sku, "PAUSED", "yes")
        self.assertRefusedUnchanged(sku, "BADQTY", "CONFIRM", sku, "a", "RECLAIM", "QTY", 4)
        self.assertStatus(["CONFIRMED", 2], "CONFIRM", sku, "a", "RECLAIM", "QTY", 2)
        self.assertEqual(self.units(sku), (1, 0, 2))

    def test_reclaim_obeys_the_buyer_s_limit(self):
        sku = self.sku(9, "LIMIT", 2)
        self.expired(sku, "a", 2, "BUYER", "ann")
        self.call("RESERVE", sku, "b", 1, "BUYER", "ann")
        self.assertStatus(["EXPIRED", 0], "CONFIRM", sku, "a", "RECLAIM")
        self.call("RELEASE", sku, "b")
        self.assertStatus(["CONFIRMED", 2], "CONFIRM", sku, "a", "RECLAIM")

    def test_release_gives_back_once_and_keeps_its_first_reason(self):
        sku = self.sku(5)
        self.call("RESERVE", sku, "a", 3)
        self.assertStatus(["RELEASED", 3], "RELEASE", sku, "a", "REASON", "changed-mind")
        self.assertStatus(["RELEASED", 3], "RELEASE", sku, "a", "reason", "other")
        self.assertEqual(self.hold(sku, "a")["reason"], b"changed-mind")
        self.assertStatus(["RELEASED", 0], "CONFIRM", sku, "a", "RECLAIM")
        self.assertStatus(["RELEASED", 0], "EXTEND", sku, "a", "PX", 5)
        self.assertStatus(["RELEASED", 0, 0, 5], "AMEND", sku, "a", 1)
        self.assertEqual(self.units(sku), (5, 0, 0))
        for bad in (("REASON",), ("FROB",), ("REASON", "a", "REASON", "b"), ("REASON", "r" * 129)):
            self.assertRefusedUnchanged(sku, "ERR", "RELEASE", sku, "b", *bad)
        self.assertIsNone(self.hold(sku, "b"))

    def test_release_of_an_unknown_hold_fences_off_its_reserve(self):
        sku = self.sku(5)
        seq = self.stock(sku)["seq"]
        self.assertStatus(["RELEASED", 0], "RELEASE", sku, "a", "REASON", "timeout")
        self.assertStatus(["RELEASED", 0, 0, 5], "RESERVE", sku, "a", 3, "BUYER", "anyone")
        self.assertStatus(["RELEASED", 0], "CONFIRM", sku, "a")
        self.assertStatus(["RELEASED", 0], "EXTEND", sku, "a", "EX", 5)
        self.assertStatus(["RELEASED", 0, 0, 5], "AMEND", sku, "a", 1)
        hold = self.hold(sku, "a")
        self.assertEqual((hold["state"], hold["units"], hold["asked"], hold["reason"]), (b"RELEASED", 0, 0, b"timeout"))
        self.assertEqual(self.stock(sku)["seq"], seq)

    def test_extend_moves_the_deadline_away_never_nearer_never_beyond_two_hours(self):
        sku = self.sku(5)
        deadline = self.call("RESERVE", sku, "a", 1, "EX", 60)[2]
        made = self.hold(sku, "a")["made"]
        self.assertStatus(["HELD", deadline], "EXTEND", sku, "a", "EX", 5)
        status, later = self.call("EXTEND", sku, "a", "PX", 120_000)
        self.assertEqual(status, "HELD")
        self.assertAlmostEqual(later, now_ms() + 120_000, delta=1500)
        self.assertStatus(["HELD", made + 2 * HOUR_MS], "EXTEND", sku, "a", "EX", 99_999)
        for bad in (("EX", 0), ("PX", -1), ("EX", INT64_MAX), ("QX", 5), ("EX", "x")):
            self.assertRefusedUnchanged(sku, "ERR", "EXTEND", sku, "a", *bad)
        self.assertError("ERR wrong number of arguments for 'extend' command", "EXTEND", sku, "a", "EX", 5, "PX", 5)

    def test_amend_is_absolute_and_judges_only_what_it_adds(self):
        sku = self.sku(5, "LIMIT", 4, "MAXQTY", 6)
        deadline = self.call("RESERVE", sku, "a", 2, "BUYER", "ann")[2]
        self.assertStatus(["HELD", 4, deadline, 1], "AMEND", sku, "a", 4)
        self.assertStatus(["LIMIT", 4, 0, 0], "AMEND", sku, "a", 5)
        self.call("STOCK.SET", sku, "LIMIT", 0)
        self.assertStatus(["SHORT", 4, 0, 1], "AMEND", sku, "a", 6)
        self.assertRefusedUnchanged(sku, "BADQTY", "AMEND", sku, "a", 7)
        self.call("RESERVE", sku, "b", 1)
        self.assertStatus(["SOLDOUT", 4, 0, 0], "AMEND", sku, "a", 5)
        self.call("STOCK.SET", sku, "PAUSED", "yes")
        self.assertStatus(["CLOSED", 4, 0, 0], "AMEND", sku, "a", 5)
        self.assertStatus(["HELD", 4, deadline, 0], "AMEND", sku, "a", 4)
        self.assertStatus(["HELD", 1, deadline, 3], "AMEND", sku, "a", 1)
        opens = now_ms() + HOUR_MS
        self.call("STOCK.SET", sku, "PAUSED", "no", "OPENS", opens)
        self.assertStatus(["EARLY", 1, opens, 3], "AMEND", sku, "a", 2)
        for bad in (0, -1, 2**31):
            self.assertRefusedUnchanged(sku, "BADQTY", "AMEND", sku, "a", bad)
        self.assertRefusedUnchanged(sku, "ERR", "AMEND", sku, "a", "+1")

    def test_holds_expire_by_the_clock_and_their_units_come_back(self):
        sku = self.sku(1)
        self.call("RESERVE", sku, "a", 1, "PX", 100)
        self.assertEqual(self.call("RESERVE", sku, "b", 1)[0], "SOLDOUT")
        eventually(lambda: self.call("RESERVE", sku, "c", 1)[0] == "HELD")

    def test_outcomes_are_counted_by_verb_and_status(self):
        sku, before = self.sku(2), self.info()
        self.client.pipeline(("RESERVE", sku, "a", 2), ("RESERVE", sku, "b", 1), ("RESERVE", sku, "c", 1), ("RESERVE", sku, "d", 0),
                             ("AMEND", sku, "a", 3), ("CONFIRM", sku, "x"), ("CONFIRM", sku, "a"), ("RELEASE", sku, "a"),
                             ("STOCK.ADJUST", sku, "r", -1), ("STOCK.RETURN", sku, "a", "r", 1))
        after = self.info()
        moved = {name: int(after[name]) - int(before[name]) for name in after
                 if name.split("_")[0] in "reserve confirm release extend amend adjust return".split()}
        self.assertEqual({name: count for name, count in moved.items() if count},
                         {"reserve_held": 1, "reserve_soldout": 2, "amend_soldout": 1, "confirm_confirmed": 1,
                          "release_confirmed": 1, "adjust_short": 1, "return_returned": 1})


class Lookup(StockCase):
    def test_hold_get_tells_everything_as_a_map_in_resp3(self):
        sku = self.sku(9)
        deadline = self.call("RESERVE", sku, "a", 3, "BUYER", "ann", "META", "cart 7")[2]
        hold = self.connect(resp=3).call("HOLD.GET", sku, "a")
        self.assertAlmostEqual(hold.pop(b"made"), now_ms(), delta=2000)
        self.assertEqual(hold, {b"hold": b"a", b"state": b"HELD", b"units": 3, b"asked": 3, b"returned": 0, b"buyer": b"ann",
                                b"deadline": deadline, b"meta": b"cart 7", b"reason": None})
        self.assertEqual(self.call("HOLD.GET", sku, "a")[:4], [b"hold", b"a", b"state", b"HELD"])
        self.assertIsNone(self.call("HOLD.GET", sku, "b"))
        self.assertIsNone(self.connect(resp=3).call("HOLD.GET", sku, "b"))
        for bad in (b"", TOO_LONG):
            self.assertError("ERR", "HOLD.GET", sku, bad)

    def test_a_sold_and_refunded_hold_shows_what_came_back(self):
        sku = self.sku(9)
        self.call("RESERVE", sku, "a", 5, "FINAL")
        self.call("STOCK.RETURN", sku, "a", "r", 2)
        hold = self.hold(sku, "a")
        self.assertEqual((hold["state"], hold["units"], hold["returned"], hold["deadline"]), (b"CONFIRMED", 5, 2, 0))

    def list_all(self, sku, *options):
        cursor, holds = b"0", []
        while True:
            cursor, page = self.call("HOLD.LIST", sku, "CURSOR", cursor, *options)
            self.assertIsInstance(cursor, bytes)
            holds += page
            if cursor == b"0":
                return holds

    def test_hold_list_visits_every_hold_once_page_by_page(self):
        sku = self.sku(3000)
        names = {b"hold-%d" % i for i in range(2000)}
        self.client.pipeline(*(("RESERVE", sku, name, 1) for name in names))
        self.assertEqual(len(self.call("HOLD.LIST", sku)[1]), 10)
        for count in (7, 500, 1_000_000):
            holds = self.list_all(sku, "COUNT", count)
            self.assertEqual(len(holds), 2000)
            self.assertEqual({hold[0] for hold in holds}, names)

    def test_hold_list_chooses_by_state_buyer_and_time_left(self):
        sku = self.sku(50)
        deadline = self.call("RESERVE", sku, "soon", 2, "BUYER", "ann", "EX", 60)[2]
        self.call("RESERVE", sku, "late", 1, "BUYER", "ann", "EX", 600)
        self.call("RESERVE", sku, "sold", 1, "FINAL", "BUYER", "bob")
        self.call("RELEASE", sku, "fence")
        self.expired(sku, "over")
        self.assertEqual(self.call("HOLD.LIST", sku, "EXPIRING", 61_000), [b"0", [[b"soon", b"HELD", 2, b"ann", deadline]]])
        def names(*options):
            return {hold[0] for hold in self.list_all(sku, *options)}
        self.assertEqual(names(), {b"soon", b"late", b"sold", b"fence", b"over"})
        self.assertEqual(names("STATE", "held"), {b"soon", b"late"})
        self.assertEqual(names("state", "CONFIRMED"), {b"sold"})
        self.assertEqual(names("STATE", "RELEASED"), {b"fence"})
        self.assertEqual(names("STATE", "EXPIRED"), {b"over"})
        self.assertEqual(names("BUYER", "ann"), {b"soon", b"late"})
        self.assertEqual(names("BUYER", "-"), {b"fence", b"over"})
        self.assertEqual(names("BUYER", "bob", "STATE", "HELD"), set())
        self.assertEqual(names("EXPIRING", 0), set())
        self.assertEqual(names("EXPIRING", 700_000, "BUYER", "ann"), {b"soon", b"late"})

    def test_hold_list_reads_its_options_strictly(self):
        sku = self.sku()
        for bad in (("COUNT", 0), ("COUNT", -1), ("COUNT", "x"), ("COUNT", 5, "COUNT", 5), ("CURSOR", "-1"), ("CURSOR", "x"),
                    ("CURSOR", 2**48), ("STATE", "dead"), ("EXPIRING", -1), ("EXPIRING", INT64_MAX), ("BUYER", ""), ("FROB",)):
            self.assertError("ERR", "HOLD.LIST", sku, *bad)
        self.assertEqual(self.call("HOLD.LIST", sku, "CURSOR", 2**39 - 1), [b"0", []])


if __name__ == "__main__":
    unittest.main()

"""What the tests of stock and of holds share: SKUs of one's own, and replies as they read best."""

import time

from harness import Status, WireTest, eventually

HOUR_MS = 3_600_000
INT64_MAX = 2**63 - 1
NOT_INTEGERS = ("", "x", "1x", " 1", "1 ", "+1", "01", "-0", "1.0", str(2**63), str(-2**63 - 1))
LONGEST, TOO_LONG = b"\x00\r\n" + b"i" * 125, b"i" * 129


def now_ms():
    return int(time.time() * 1000)


class StockCase(WireTest):
    """Three shards: whatever the SKU's name, some of these run away from the client's own."""

    flags = ("--shards", "3", "--restart-grace", "0")

    def sku(self, units=10, *options, name="sku"):
        sku = self.key(name)
        self.assertEqual(self.call("STOCK.CREATE", sku, units, *options), "OK")
        return sku

    def stock(self, sku):
        reply = self.call("STOCK.GET", sku)
        return {reply[i].decode(): reply[i + 1] for i in range(0, len(reply), 2)}

    def hold(self, sku, hold):
        reply = self.call("HOLD.GET", sku, hold)
        return reply and {reply[i].decode(): reply[i + 1] for i in range(0, len(reply), 2)}

    def units(self, sku):
        stock = self.stock(sku)
        return stock["available"], stock["held"], stock["sold"]

    def expired(self, sku, hold, units=1, *options):
        """A hold that has run out."""
        self.assertEqual(self.call("RESERVE", sku, hold, units, "PX", 20, *options)[0], "HELD")
        eventually(lambda: self.hold(sku, hold)["state"] == b"EXPIRED")

    def assertStatus(self, expected, *words):
        reply = self.call(*words)
        self.assertIsInstance(reply[0], Status)
        self.assertEqual(reply, expected)

    def assertRefusedUnchanged(self, sku, code, *words):
        before = self.stock(sku)
        self.assertError(code, *words)
        self.assertEqual(self.stock(sku), before, words)

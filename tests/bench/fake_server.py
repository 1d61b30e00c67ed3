#!/usr/bin/env python3
"""A small ledger that speaks just enough of the stock commands to test the load tool's audit against:
right by default, wrong in one way when told so (--break). What it logs survives kill -9.

It is a test's counterpart, written for plainness; nothing about the server's speed or form follows from it.
"""
import argparse
import asyncio
import os
import time

BREAKS = ("oversell", "forget", "limit", "retry", "confirm", "release", "sum")


class Ledger:
    def __init__(self, wrong):
        self.wrong = wrong
        self.skus = {}
        self.count = 0

    def every(self, what, nth):
        """True at each nth opportunity to be wrong in the way that was asked for."""
        if self.wrong != what:
            return False
        self.count += 1
        return self.count % nth == 0

    def create(self, name, units, options):
        sku = dict(name=name, supplied=units, available=units, held=0, sold=0, limit=0, opens=0, holds={}, used={}, due=[])
        sku.update((key.lower(), int(value)) for key, value in zip(options[::2], options[1::2]))
        self.skus[name] = sku

    def expire(self, sku, now):
        due = sku["due"]
        while due and due[0]["deadline"] <= now:
            hold = due.pop(0)
            if hold["state"] == "HELD":
                self.give_back(sku, hold, "EXPIRED")

    def give_back(self, sku, hold, state):
        hold["state"] = state
        sku["held"] -= hold["units"]
        sku["available"] += hold["units"]
        sku["used"][hold["buyer"]] -= hold["units"]

    def reserve(self, sku, hold_id, units, options, now):
        words = [word.upper() for word in options]
        ttl = int(options[words.index("PX") + 1]) if "PX" in words else 900_000
        buyer = options[words.index("BUYER") + 1] if "BUYER" in words else ""
        hold = sku["holds"].get(hold_id)
        if hold and not self.every("retry", 1):
            live = hold["state"] in ("HELD", "CONFIRMED")
            return [hold["state"], hold["units"] if live else 0, hold["deadline"] if hold["state"] == "HELD" else 0, sku["available"]]
        if now < sku["opens"]:
            return ["EARLY", 0, sku["opens"], sku["available"]]
        rest = sku["limit"] - sku["used"].get(buyer, 0)
        available = sku["available"]
        if "PARTIAL" in words and available > 0 and rest > 0:
            units = min(units, available, rest)
        if sku["limit"] and units > rest and not self.every("limit", 1):
            return ["LIMIT", 0, 0, rest]
        if available < units and not self.every("oversell", 500):
            return ["SHORT" if available else "SOLDOUT", 0, 0, available]
        hold = dict(id=hold_id, state="HELD", asked=units, units=units, buyer=buyer, deadline=now + ttl)
        sku["holds"][hold_id] = hold
        sku["due"].append(hold)  # every hold of a test lives equally long: the list is in order
        if available >= units:
            sku["available"] -= units
        sku["held"] += units
        sku["used"][buyer] = sku["used"].get(buyer, 0) + units
        return ["HELD", units, hold["deadline"], sku["available"]]

    def confirm(self, sku, hold):
        if hold["state"] == "HELD":
            if self.every("confirm", 200):
                return ["CONFIRMED", hold["units"]]
            hold["state"] = "CONFIRMED"
            sku["held"] -= hold["units"]
            sku["sold"] += hold["units"] + (1 if self.every("sum", 200) else 0)
        return [hold["state"], hold["units"] if hold["state"] == "CONFIRMED" else 0]

    def release(self, sku, hold):
        if hold["state"] == "HELD":
            self.give_back(sku, hold, "RELEASED")
            if self.every("release", 20):
                hold["state"] = "EXPIRED"
                return ["RELEASED", hold["units"]]
        return [hold["state"], 0 if hold["state"] == "CONFIRMED" else hold["units"]]

    def run(self, words, now):
        """The reply of a stock command: a list is an array of a status and integers, a dict a lookup."""
        verb = words[0].upper()
        if verb == "STOCK.CREATE":
            self.create(words[1], int(words[2]), words[3:])
            return "OK"
        sku = self.skus.get(words[1])
        if sku is None:
            return "-NOSKU no such SKU"
        self.expire(sku, now)
        if verb == "RESERVE":
            return self.reserve(sku, words[2], int(words[3]), words[4:], now)
        if verb == "STOCK.GET":
            return {key: sku[key] for key in ("supplied", "available", "held", "sold")}
        if verb == "STOCK.AUDIT":
            return {"items": 1, "holds": len(sku["holds"]), "bad": 0, "first-bad": ""}
        hold = sku["holds"].get(words[2])
        if hold is None:
            return None if verb == "HOLD.GET" else "-NOHOLD no such hold"
        if verb == "HOLD.GET":
            return {"hold": words[2], **hold}
        return self.confirm(sku, hold) if verb == "CONFIRM" else self.release(sku, hold)


def encode(reply):
    if reply is None:
        return b"*-1\r\n"
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    if isinstance(reply, str):
        return (reply if reply.startswith("-") else "+" + reply).encode() + b"\r\n"
    items = reply if isinstance(reply, list) else [item for pair in reply.items() for item in pair]
    return b"*%d\r\n" % len(items) + b"".join(encode(item) for item in items)


def parse(data):
    """Whole requests, and what is left. Only what the load tool sends: arrays of bulk strings."""
    requests, at = [], 0
    while True:
        line = data.find(b"\r\n", at)
        if line < 0:
            return requests, data[at:]
        words, position = [], line + 2
        for _ in range(int(data[at + 1:line])):
            line = data.find(b"\r\n", position)
            if line < 0:
                return requests, data[at:]
            size = int(data[position + 1:line])
            position = line + 2 + size + 2
            if position > len(data):
                return requests, data[at:]
            words.append(data[line + 2:line + 2 + size].decode())
        requests.append(words)
        at = position


class Server(asyncio.Protocol):
    ledger = None
    log = None

    def connection_made(self, transport):
        self.transport, self.rest = transport, b""

    def data_received(self, data):
        requests, self.rest = parse(self.rest + data)
        replies, lines = [], []
        for words in requests:
            now = time.time_ns() // 1_000_000
            if words[0].upper() == "TIME":
                replies.append(encode([str(now // 1000), str(now % 1000 * 1000)]))
                continue
            replies.append(encode(self.ledger.run(words, now)))
            lines.append("%d %s\n" % (now, " ".join(words)))
        # Logged before the answers leave: kill -9 spares what the kernel has taken.
        os.write(self.log, "".join(lines).encode())
        self.transport.write(b"".join(replies))


def replay(ledger, path, forget):
    with open(path, encoding="ascii") as file:
        lines = file.read().splitlines()
    for line in lines[:-forget] if forget else lines:
        now, *words = line.split(" ")
        ledger.run(words, int(now))


async def serve(port):
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port)
    print("ready on port %d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", required=True, help="the file that survives a kill")
    parser.add_argument("--break", dest="wrong", choices=BREAKS, default="")
    arguments = parser.parse_args()
    Server.ledger = Ledger(arguments.wrong)
    if os.path.exists(arguments.log):
        replay(Server.ledger, arguments.log, 200 if arguments.wrong == "forget" else 0)
    Server.log = os.open(arguments.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    asyncio.run(serve(arguments.port))


if __name__ == "__main__":
    main()

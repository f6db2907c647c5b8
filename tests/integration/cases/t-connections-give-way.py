#!/usr/bin/python3
"""Thousands of silent TCP connections from a few addresses, which come again as soon as they are
closed, keep nobody out: the oldest of the fullest source gives way. With a small table, with few
descriptors, without any, and with defaults as far as descriptors allow.
"""
# timeout: 240

import json
import os
import resource
import selectors
import socket
import ssl
import subprocess
import threading
import time

import lib  # adds ../lib to the path
import netns
import relay
import turnclient as t
from netns import check

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
SOURCES = ["127.66.0.%d" % (i + 1) for i in range(9)]
HONEST = 100
FEW = 600  # descriptors
SMALL = ["connections = 600", "unauthenticated = 300", "unauthenticated_per_prefix = 90"]


def counters(server):
    out = subprocess.run([relay.program("avedgectl"), "counters", "--json", "--socket",
                          server.path("relay.sock")], check=True, capture_output=True, text=True,
                         timeout=30).stdout
    return json.loads(out)


class Flood(threading.Thread):
    """Holds that many silent connections, spread over the sources; opens one for each that ends."""

    def __init__(self, held):
        super().__init__(daemon=True)
        self.held, self.open, self.ended, self.stopping = held, 0, 0, False
        self.selector = selectors.DefaultSelector()
        self.next = 0

    def connect(self):
        sock = socket.socket()
        # So that a port is free again at once, and none is chosen before the address is known.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)	# IP_BIND_ADDRESS_NO_PORT
        sock.bind((SOURCES[self.next % len(SOURCES)], 0))
        self.next += 1
        sock.setblocking(False)
        sock.connect_ex((INSIDE, 443))
        self.selector.register(sock, selectors.EVENT_READ)
        self.open += 1

    def run(self):
        while not self.stopping:
            for _ in range(min(200, self.held - self.open)):
                self.connect()
            for key, _ in self.selector.select(0.01):
                self.selector.unregister(key.fileobj)
                key.fileobj.close()
                self.open -= 1
                self.ended += 1
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()

    def stop(self):
        self.stopping = True
        self.join(30)


def honest(server, credentials, number):
    """A client from an address of its own with an allocation, or None."""
    transport = ("tcp", "tls")[number % 2]
    try:
        client = t.Client((INSIDE, 443), transport, *credentials,
                          cafile=server.path("ca.pem"), bind=("127.77.%d.1" % number, 0))
        client.allocate()
        return client
    except (OSError, ssl.SSLError, t.Closed, t.TurnError):
        return None


def under_flood(server, held, wait_s):
    before = counters(server)
    # These are there before the flood; one is in a call, one only authenticated.
    credentials = server.credential()
    early, idle = honest(server, credentials, 200), honest(server, credentials, 202)
    idle.refresh(0)
    flood = Flood(held)
    flood.start()
    until = time.monotonic() + wait_s
    while flood.ended < held / 4 and time.monotonic() < until:
        time.sleep(0.1)
    there, begun = [], flood.ended
    for number in range(HONEST):
        there.append(honest(server, credentials, number))
        time.sleep(0.02)
    # Each has come while others were closed for it, and has stayed.
    lasting = 0
    for client in there:
        if client is not None:
            client.refresh()
            lasting += 1
    check(early.refresh() is not None and idle.binding() is not None, "an early client is gone")
    ended = flood.ended - begun
    flood.stop()
    for client in [early, idle, *there]:
        if client is not None:
            client.close()
    after = counters(server)
    gave_way = sum(after["connection_ends"][why] - before["connection_ends"][why]
                   for why in ("gave-way", "gave-way-prefix"))
    check(lasting == HONEST, "%d of %d honest clients have an allocation", lasting, HONEST)
    check(gave_way > 100, "only %d connections gave way: this tests nothing", gave_way)
    check(after["connections"]["refused"] == 0, "refused: %r", after["connections"])
    check("unauthenticated connections; the oldest gives way" in server.log(),
          "the log does not explain it")
    return "%d of %d among %d connections, %d gave way (%d while they came)" % (
        lasting, HONEST, held, gave_way, ended)


def signed_without_allocation(server):
    """A valid signature keeps no place: only an allocation does, and quotas bound those."""
    credentials, held, there = server.credential(), [], []
    for _ in range(700):
        client = t.Client((INSIDE, 443), "tcp", *credentials, bind=(SOURCES[0], 0))
        check(client.request(t.REFRESH).code == 437, "a Refresh without an allocation")
        held.append(client)
    for number in range(20):
        there.append(honest(server, credentials, number))
    lasting = sum(client is not None and client.refresh() is not None for client in there)
    for client in [*held, *there]:
        if client is not None:
            client.close()
    check(lasting == 20, "%d of 20 honest clients have an allocation", lasting)
    return "20 of 20 beside 700 that are signed"


def with_few_descriptors(options):
    """The relay sees at its start that the limits allow more than it has descriptors for."""
    command = relay.Relay.command
    relay.Relay.command = lambda self: ["prlimit", "--nofile=%d:%d" % (FEW, FEW)] + command(self)
    try:
        with netns.running(**options) as server:
            said = under_flood(server, 1000, 20)
            after, log = counters(server), server.log()
    finally:
        relay.Relay.command = command
    check(log.count("more than half of the %d descriptors; each worker allows %d; raise LimitNOFILE"
                    % (FEW, FEW // 4)) == 1, "no warning at the start: %s", log[:2000])
    check(after["connection_ends"]["gave-way-descriptors"] == 0 and
          "cannot accept" not in log, "descriptors ran out: %r", after["connection_ends"])
    return said


def without_descriptors(options):
    """They run out after the start; whoever connects is answered nevertheless."""
    with netns.running(**options) as server:
        resource.prlimit(server.pid(), resource.RLIMIT_NOFILE, (FEW, FEW))
        flood = Flood(1000)
        flood.start()
        until = time.monotonic() + 20
        while flood.ended < 250 and time.monotonic() < until:
            time.sleep(0.1)
        answered = 0
        for number in range(HONEST):
            with socket.socket() as sock:
                sock.settimeout(3)
                sock.bind(("127.77.%d.1" % number, 0))
                try:
                    sock.connect((INSIDE, 443))
                    sock.sendall(bytes.fromhex("000100002112a442") + bytes(12))
                    answered += sock.recv(2) == b"\1\1"
                except OSError:
                    pass
            time.sleep(0.02)
        flood.stop()
        gave_way = counters(server)["connection_ends"]["gave-way-descriptors"]
        log = server.log()
    check(answered == HONEST, "%d of %d are answered", answered, HONEST)
    check(gave_way > 100, "only %d gave way for descriptors: this tests nothing", gave_way)
    check("because of LimitNOFILE" in log, "the log does not explain it")
    return "%d of %d answered, %d gave way" % (answered, HONEST, gave_way)


def defaults():
    """How many the flood may hold: half of the descriptors are the relay's."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(19000, hard - 1000)


def main():
    netns.begin()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    unlimited = ["allocations_per_user = 0"]
    options = {"inside": [INSIDE], "outside": [OUTSIDE], "workers": 2}
    with netns.running(settings={"limits": SMALL + unlimited}, **options) as server:
        said = ["small: " + under_flood(server, 1000, 20)]
        said.append("signed: " + signed_without_allocation(server))
    options["settings"] = {"limits": unlimited}
    said.append("%d descriptors: %s" % (FEW, with_few_descriptors(options)))
    said.append("none left: " + without_descriptors(options))
    held = defaults()
    if held < 17000:
        said.append("defaults not tested: %d descriptors, see ulimit -n" % hard)
    else:
        with netns.running(**options) as server:
            said.append("defaults: " + under_flood(server, held, 60))
    print("; ".join(said))


if __name__ == "__main__":
    main()

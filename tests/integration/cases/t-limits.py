#!/usr/bin/python3
"""Limits set by an operator, with real sockets: bandwidth of datagrams and streams, fair shares,
revoked users, and a reload of all of them during a call.
"""

import hashlib
import os
import socket
import struct
import sys
import threading
import time

import lib  # adds ../lib to the path
import netns
import control
import turnclient_ms
import relay
import turnclient as t
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
CHANNEL, SIZE = 0x4001, 1000
ALTERNATE_SERVER = 0x8023
LIMITS = ["bandwidth_per_allocation = 2Mbit", "bandwidth_burst = 1s", "bandwidth_peak = 200"]


def ask(server, method, path, body=None):
    return control.ask(server.path("relay.sock"), method, path, body, timeout=60)


def get(server, path):
    return ask(server, "GET", path)[1]


def drops(server, name):
    return get(server, "/v1/counters")["drops"].get(name, 0)


class Call:
    """A client, a peer, and numbered datagrams between them."""

    def __init__(self, server, user, transport="udp"):
        port = 3478 if transport == "udp" else 443
        self.client = t.Client((INSIDE, port), transport, *server.credential(user),
                               cafile=server.path("ca.pem"))
        self.client.allocate()
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.peer.bind((PEER, 0))
        self.client.channel_bind(CHANNEL, self.peer.getsockname())
        self.sent = 0
        self.numbers = []

    def send(self, mbit, seconds, to_client=False):
        """
        Send at that rate, every 10 ms, while collecting what arrives. After a delay of more than
        50 ms on a busy machine the backlog is skipped: it would be a burst.
        """
        start, done, per_second = time.monotonic(), 0, mbit * 1e6 / 8 / SIZE
        while (now := time.monotonic() - start) < seconds:
            done = max(done, now * per_second - max(per_second / 20, 1))
            while done < now * per_second:
                payload = struct.pack("!I", self.sent) * (SIZE // 4)
                if to_client:
                    self.peer.sendto(payload, self.client.relayed)
                else:
                    self.client.send_channel(CHANNEL, payload)
                self.sent += 1
                done += 1
            self.collect(0)
            time.sleep(0.01)
        self.collect(0.3)

    def collect(self, wait):
        for sock, skip in ((self.peer, 0), (self.client.sock, 4)):
            if skip and self.client.transport != "udp":
                continue
            sock.settimeout(wait or 0.000001)
            try:
                while True:
                    self.numbers.append(struct.unpack("!I", sock.recv(65536)[skip:skip + 4])[0])
            except (TimeoutError, BlockingIOError):
                pass

    def lost_nothing(self):
        """A datagram that is late on a busy machine is not lost."""
        if len(self.numbers) < self.sent:
            self.collect(3)
        return len(self.numbers) == self.sent

    def forget(self):
        self.numbers, self.sent = [], 0

    def rate(self, seconds):
        return len(self.numbers) * SIZE * 8 / 1e6 / seconds

    def close(self):
        self.client.refresh(0)
        self.client.close()
        self.peer.close()


def datagrams(server):
    """Of 12 Mbit/s 2 get through, in either direction; of 1.5 nothing is lost."""
    call = Call(server, "alice")
    rates = []
    for to_client in (False, True):
        call.send(12, 2, to_client)  # the burst at the beginning
        call.forget()
        call.send(12, 3, to_client)
        rates.append(call.rate(3.6))  # the bucket fills in the pauses, too
        check(1.6 < rates[-1] < 2.3, "%.2f Mbit/s instead of 2", rates[-1])
    check(drops(server, "bandwidth-allocation") > 1000, "drops are counted as something else")
    exceeding = get(server, "/v1/limits")["exceeding"]
    check(exceeding["average"] == 1, "it exceeds its average, and the limits show %s", exceeding)
    rows = get(server, "/v1/allocations?user=alice")["allocations"]
    check([row["over_average"] for row in rows] == [True], "rows: %s", rows)
    time.sleep(1)
    call.forget()
    call.send(1.5, 2)
    check(call.lost_nothing(), "%d of %d arrived below the limit",
          len(call.numbers), call.sent)
    limits = {row["name"]: row for row in get(server, "/v1/limits")["limits"]}
    row = limits["limits.bandwidth_per_allocation"]
    check(row["limit"] == 2000000 and row["peak"] > 1000000, "limits show %s", row)
    call.close()
    return "datagrams %s Mbit/s of 2" % " and ".join("%.2f" % rate for rate in rates)


def streams(server, transport):
    """A stream loses nothing; it takes longer."""
    call = Call(server, "bob", transport)
    count = 1500
    got = []

    def receive():
        call.peer.settimeout(3)
        try:
            while len(got) < count:
                got.append(struct.unpack("!I", call.peer.recv(65536)[:4])[0])
        except TimeoutError:
            pass

    receiver = threading.Thread(target=receive)
    receiver.start()
    start = time.monotonic()
    for number in range(count):
        call.client.send_channel(CHANNEL, struct.pack("!I", number) * (SIZE // 4))
    call.client.timeout = 10
    call.client.refresh(600)  # a request in the same stream comes when its turn is
    receiver.join()
    took = time.monotonic() - start
    check(got == list(range(count)), "%s: %d of %d frames arrived", transport, len(got), count)
    # 1.5 MB less what a full bucket holds, at 2 Mbit/s.
    check(4 < took < 8, "%s: it took %.1f s", transport, took)
    check(get(server, "/v1/counters")["stream_waits"]["allocation"] > 0, "no wait was counted")
    call.close()
    return "%s: all of %d frames in %.1f s" % (transport, count, took)


def ms_streams(server):
    """A stream between a Microsoft client and its TCP peer is complete in both directions."""
    listening = socket.create_server((PEER, 0))
    client = turnclient_ms.Client((INSIDE, 443), "tcp", *server.credential("carol", form="mras"))
    client.allocate()
    client.send(listening.getsockname(), b"hello")
    listening.settimeout(5)
    peer, _ = listening.accept()
    client.activate(listening.getsockname())
    size, sums = 600000, {}
    data = os.urandom(size)

    def peer_side():
        got = b""
        peer.settimeout(15)
        while len(got) < size + 5:
            got += peer.recv(65536) or sys.exit("FAIL: the connection to the peer was closed")
        sums["to peer"] = hashlib.sha256(got[5:]).digest()
        peer.sendall(data)

    thread = threading.Thread(target=peer_side)
    thread.start()
    start = time.monotonic()
    for at in range(0, size, 8000):
        client.send_bare(data[at:at + 8000])
    got = b""
    while len(got) < size:
        _, piece = client.data(15)
        got += piece
    thread.join()
    took = time.monotonic() - start
    want = hashlib.sha256(data).digest()
    check(sums.get("to peer") == want, "what the peer got is something else")
    check(hashlib.sha256(got).digest() == want, "what the client got is something else")
    check(3 < took < 9, "1.2 MB at 2 Mbit/s took %.1f s", took)
    client.release()
    return "Microsoft's streams: 1.2 MB whole in %.1f s" % took


def write_config(server, limits, extra=()):
    server.settings = {"limits": relay.NO_LIMITS["limits"] + list(limits)}
    server.extra = list(extra)
    server.write_config()


def reload(server):
    """True if it was applied."""
    return ask(server, "POST", "/v1/reload")[0] == 200


def shares(server):
    """With 4 Mbit/s in total nine small calls lose nothing beside one that offers ten times as much."""
    write_config(server, ["bandwidth_total = 4Mbit"])
    check(reload(server), "the reload was refused")
    small = [Call(server, "small-%d" % number) for number in range(9)]
    huge = Call(server, "huge")
    threads = [threading.Thread(target=call.send, args=(0.2, 5)) for call in small]
    threads.append(threading.Thread(target=huge.send, args=(20, 5)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for call in small:
        check(call.lost_nothing(), "a small call lost %d of %d",
              call.sent - len(call.numbers), call.sent)
    check(1.2 < huge.rate(5) < 3.2, "the huge one has %.2f Mbit/s of 2.2", huge.rate(5))
    check(drops(server, "bandwidth-total") > 1000, "drops are counted as something else")
    for call in [*small, huge]:
        call.close()
    return "nine small calls lost nothing, the huge one had %.2f Mbit/s" % huge.rate(5)


def wait_for(condition, text):
    deadline = time.monotonic() + 10
    while not condition():
        check(time.monotonic() < deadline, text)
        time.sleep(0.1)


def refused(client):
    return client.request(t.REFRESH).code


def revoked(server):
    """A listed user is cut off as soon as the file is read; others stay."""
    users = server.path("revoked")
    with open(users, "w", encoding="ascii") as out:
        out.write("# nobody\n")
    write_config(server, [], ['revoked_users = "%s"' % users])
    check(reload(server), "the reload was refused")
    mallory, alice = Call(server, "mallory"), Call(server, "alice")
    with open(users, "a", encoding="ascii") as out:
        out.write("mallory\n")
    wait_for(lambda: not any(row["user"] == "mallory"
                             for row in get(server, "/v1/allocations")["allocations"]),
             "the allocation of a revoked user goes on")
    check(refused(mallory.client) == 401, "a revoked user may refresh")
    fresh = t.Client((INSIDE, 3478), "udp", *server.credential("mallory"))
    try:
        fresh.allocate()
        check(False, "a revoked user has a new allocation")
    except t.TurnError as error:
        check(error.reply.code == 401, "a revoked user gets %d", error.reply.code)
    alice.client.refresh()
    # An unreadable list is not an empty list.
    os.rename(users, users + ".gone")
    check(not reload(server), "a reload without the list was applied")
    check(refused(mallory.client) == 401, "without the list everybody is back")
    os.rename(users + ".gone", users)
    with open(users, "w", encoding="ascii") as out:
        out.write("two words\n")
    check(not reload(server), "a broken list was applied")
    alice.client.refresh()
    alice.close()
    failures = get(server, "/v1/counters")["auth_failures"]
    check(failures["revoked"] >= 3, "counted %s", failures)
    return "a revoked user is out at once"


def put_drain(server, method):
    status, _ = ask(server, method, "/v1/drain", {} if method == "PUT" else None)
    check(status == 200, "%s of the drain: %d", method, status)


def drained(server):
    """A draining relay redirects new clients to its configured alternate server."""
    write_config(server, [])
    with open(server.path("relay.conf"), "r+", encoding="utf-8") as conf:
        text = conf.read()
        conf.seek(0)
        text = text.replace("side inside {", 'side inside {\n\talternate_servers = {"127.0.9.9"}')
        conf.write(text.replace("side outside {", 'side outside {\n\tdrain_answer = "refuse"'))
    check(reload(server), "the reload was refused")
    call = Call(server, "alice")
    put_drain(server, "PUT")
    for transport, port in (("udp", 3478), ("tcp", 443)):
        fresh = t.Client((INSIDE, port), transport, *server.credential("bob"))
        reply = fresh.request(t.ALLOCATE, (t.UDP_TRANSPORT,))
        check(reply.code == 300 and reply.verify(fresh.key()), "%s: %r", transport, reply)
        want = struct.pack("!BBH", 0, 1, port) + socket.inet_aton("127.0.9.9")
        check(reply.get(ALTERNATE_SERVER) == want, "%s: %r", transport, reply)
        fresh.close()
    outside = t.Client((OUTSIDE, 3478), "udp", *server.credential("bob"))
    check(outside.request(t.ALLOCATE, (t.UDP_TRANSPORT,)).code == 486,
          "outside, with drain_answer = refuse: not 486")
    with open(server.path("relay.conf"), "r+", encoding="utf-8") as conf:
        text = conf.read()
        conf.seek(0)
        conf.write(text.replace('"refuse"', '"ignore"'))
    check(reload(server), "the reload of drain_answer was refused")
    silent = t.Client((OUTSIDE, 443), "tcp", *server.credential("bob"))
    silent.challenge()
    silent.sock.sendall(silent.signed(t.ALLOCATE, [t.UDP_TRANSPORT]))
    silent.sock.settimeout(5)
    check(silent.sock.recv(1) == b"", "ignored over TCP: not closed")
    silent.close()
    call.client.refresh()
    call.send(1, 0.5)
    check(call.lost_nothing(), "a call suffers from the drain")
    put_drain(server, "DELETE")
    outside.allocate()
    outside.close()
    call.close()
    refusals = get(server, "/v1/counters")["refusals"]
    check(refusals["redirected"] == 2 and refusals["draining"] == 1 and refusals["ignored"] == 1,
          "counted %s", refusals)
    return "300, 486 and silence while it drains"


def strangers(server):
    """Unauthenticated TCP connections of one address: five over all workers, the newest ones; a
    worker that has none of them takes one more.
    """
    write_config(server, ["unauthenticated_per_prefix = 5"])
    check(reload(server), "the reload was refused")
    before = get(server, "/v1/counters")["connection_ends"]["gave-way-prefix"]
    socks = [socket.create_connection((INSIDE, 443), source_address=("127.0.0.9", 0))
             for _ in range(30)]
    time.sleep(0.5)
    alive = []
    for i, sock in enumerate(socks):
        sock.settimeout(0.01)
        try:
            sock.recv(1)
        except TimeoutError:
            alive.append(i)
        except ConnectionResetError:
            pass
    check(len(alive) in (5, 6), "%d of 30 connections of one address are there", len(alive))
    check(29 in alive and 0 not in alive, "not the oldest gave way: %r are there", alive)
    gave_way = get(server, "/v1/counters")["connection_ends"]["gave-way-prefix"] - before
    check(gave_way == 30 - len(alive), "%d counted", gave_way)
    # A client that authenticates frees its place; others are unaffected.
    call = Call(server, "alice", "tcp")
    call.close()
    for sock in socks:
        sock.close()
    return "the newest 5 of 30 strangers from one address"


def main():
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"], workers=2,
                       settings={"limits": relay.NO_LIMITS["limits"] + LIMITS,
                                 "ms": LIMITS[:1]}) as server:
        said = [datagrams(server), streams(server, "tcp"), streams(server, "tls"),
                ms_streams(server), shares(server), revoked(server),
                drained(server), strangers(server)]
        print("; ".join(said))


if __name__ == "__main__":
    main()

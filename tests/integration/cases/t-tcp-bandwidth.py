#!/usr/bin/python3
"""Limits of bandwidth hold for data connections (RFC 6062), however many and however short, and one
that waits for bandwidth gives its place back when its ends are gone.
"""

import os
import socket
import struct
import threading
import time

import lib  # adds ../lib to the path
import netns
import turnclient as t
import turnclient_tcp as tcp
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
LIMIT = 256000  # bit/s, of an allocation and of a user
BURST = 5 * LIMIT  # bits: limits.bandwidth_burst
PLACES = 14
MUCH = os.urandom(400000)


class Sink:
    """A peer that reads what comes and counts it."""

    def __init__(self):
        self.listener = socket.create_server((PEER, 0), backlog=64)
        self.address = self.listener.getsockname()
        self.bytes = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock = self.listener.accept()[0]
            threading.Thread(target=self.read, args=(sock,), daemon=True).start()

    def read(self, sock):
        with sock:
            try:
                while True:
                    got = len(sock.recv(1 << 20))
                    self.bytes += got
                    if not got:
                        return
            except OSError:
                pass


def control(server, transport="tcp", user=None):
    return tcp.Control((INSIDE, 443), transport, *(user or server.credential()),
                       cafile=server.path("ca.pem")).allocate_tcp()


def send_much(data):
    data.sock.settimeout(0.02)
    try:
        data.sock.sendall(MUCH)
    except OSError:
        pass


def short_connections(server):
    """A new allocation with new connections, again and again."""
    user, begun, count = server.credential(), time.monotonic(), 0
    sinks = [Sink() for _ in range(PLACES)]
    while time.monotonic() - begun < 6:
        client = control(server, user=user)
        connections = [client.bind(client.connect(sink.address)) for sink in sinks]
        for data in connections:
            send_much(data)
        count += len(connections)
        client.refresh(0)
        client.close()
        for data in connections:
            data.close()
    bits = 8 * sum(sink.bytes for sink in sinks)
    most = 3 * LIMIT * (time.monotonic() - begun) + BURST
    check(count >= 2 * PLACES, "only %d connections", count)
    check(0 < bits <= most, "%d bits passed, %d may", bits, most)
    return "%d connections: %.2f Mbit" % (count, bits / 1e6)


def one_connection(server, transport):
    """It waits, loses nothing, and its orderly end comes after everything."""
    sink, client = Sink(), control(server, transport, server.credential(transport))
    data = client.bind(client.connect(sink.address))
    data.sock.settimeout(30)
    data.sock.sendall(MUCH[:200000])
    if transport == "tcp":
        data.sock.shutdown(socket.SHUT_WR)
    begun = time.monotonic()
    while sink.bytes < 200000 and time.monotonic() - begun < 20:
        time.sleep(0.1)
    check(sink.bytes == 200000, "%d of 200000 bytes", sink.bytes)
    client.close()


def places(server):
    """Resets are noticed while nothing is read."""
    client, sinks = control(server, user=server.credential("places")), [Sink() for _ in range(PLACES)]
    for sink in sinks:
        data = client.bind(client.connect(sink.address))
        send_much(data)
        data.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        data.sock.close()
    begun, again = time.monotonic(), []
    while len(again) < PLACES:
        try:
            again.append(client.connect(sinks[len(again)].address))
        except t.TurnError as err:
            check(err.code in (446, 486), "a new connection: %d", err.code)
            check(time.monotonic() - begun < 10, "%d places in 10 s", len(again))
            time.sleep(0.2)
    client.close()


def main():
    netns.begin()
    limit = "%dkbit" % (LIMIT // 1000)
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"], workers=2,
                       settings={"limits": ["bandwidth_per_allocation = " + limit,
                                            "bandwidth_per_user = " + limit],
                                 "relay": ["peer_connections = %d" % PLACES]}) as server:
        print(short_connections(server))
        for transport in "tcp", "tls":
            one_connection(server, transport)
        places(server)


if __name__ == "__main__":
    main()

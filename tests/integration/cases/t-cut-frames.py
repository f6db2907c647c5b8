#!/usr/bin/python3
"""Frames of a stream arrive whole however TCP and TLS split them: small ones, ones larger than the
relay's buffer, the largest possible, and a mix. Both directions.
"""

import random
import socket
import struct
import threading

import lib  # adds ../lib to the path
import netns
import relay
import turnclient as t
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
CHANNEL, LARGEST = 0x4001, 65507
SIZES = [0, 1, 2, 3, 4, 5, 160, 1200, 4087, 4088, 4092, 4093, 4096, 9000, 30000, LARGEST]
CUTS = {"one by one": (1, 1), "few": (1, 9), "some": (50, 700), "segments": (1448, 1448),
        "many": (5000, 30000), "at once": (1 << 20, 1 << 20)}


def payload(number, size):
    return (struct.pack("!I", number) * (size // 4 + 1))[:size]


def frame(data):
    return struct.pack("!HH", CHANNEL, len(data)) + data + bytes(-len(data) % 4)


def send_cut(client, data, least, most):
    while data:
        size = random.randint(least, most)
        client.sock.sendall(data[:size])
        data = data[size:]


def up(client, peer, name, sizes, cut):
    """The peer reads while they are sent, because socket buffers are finite."""
    want = [payload(i, size) for i, size in enumerate(sizes)]
    sender = threading.Thread(target=send_cut, daemon=True, args=(
        client, b"".join(frame(data) for data in want), *cut))
    sender.start()
    for i, data in enumerate(want):
        try:
            got = peer.recv(65536)
        except TimeoutError:
            got = None
        check(got == data, "%s: frame %d of %d bytes became %s", name, i, len(data),
              "nothing" if got is None else "%d bytes" % len(got))
    sender.join(10)


def down(client, peer, name, sizes):
    for i, size in enumerate(sizes):
        peer.sendto(payload(i, size), client.relayed)
        got = client.recv()
        check(got == (CHANNEL, payload(i, size)), "%s: datagram %d of %d bytes", name, i, size)


def run(server, transport):
    client = t.Client((INSIDE, 443), transport, *server.credential(),
                      cafile=server.path("ca.pem"))
    client.allocate()
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    peer.bind((PEER, 0))
    peer.settimeout(3)
    client.channel_bind(CHANNEL, peer.getsockname())
    for name, cut in CUTS.items():
        # Byte by byte, large frames would exceed the time limit of a frame.
        sizes = SIZES[:-3] if cut[1] < 10 else SIZES + random.choices(SIZES, k=40)
        up(client, peer, "%s, %s" % (transport, name), sizes, cut)
    down(client, peer, transport, SIZES)
    client.refresh(0)
    client.close()
    peer.close()


def main():
    netns.begin()
    seed = random.randrange(1 << 32)
    random.seed(seed)
    print("seed %d" % seed)
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       settings=relay.NO_LIMITS) as server:
        for transport in ("tcp", "tls"):
            run(server, transport)
    print("%d ways to cut, over TCP and TLS" % len(CUTS))


if __name__ == "__main__":
    main()

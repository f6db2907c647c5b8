#!/usr/bin/python3
"""The Microsoft dialect on TCP: pseudo-TLS handshake and MS framing, cut at every kind of place,
and what makes the relay close a connection. The same port still serves all other clients.
"""

import socket
import struct
import time

import lib  # adds ../lib to the path
import netns
import relay
import turnclient as t
import turnclient_ms as ms
from netns import check
from turnclient_ms import HELLO, frame

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
ANSWER_BEGINS = bytes.fromhex("160301004e020000460301")
ANSWER_ENDS = bytes.fromhex("0018000e000000")
BINDING = t.encode(t.message_type(t.BINDING, t.REQUEST))
ALLOCATE = ms.encode(ms.ALLOCATE, [(ms.MS_VERSION, b"\0\0\0\1")])
ASK = frame(ms.CONTROL, ALLOCATE)


def connect(address=INSIDE):
    sock = socket.create_connection((address, 443), timeout=5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_exactly(sock, size):
    got = b""
    while len(got) < size:
        part = sock.recv(size - len(got))
        check(part, "closed after %d of %d bytes", len(got), size)
        got += part
    return got


def check_hello_answer(got, name):
    check(len(got) == 83, "%s: %d bytes in answer to the hello", name, len(got))
    check(got.startswith(ANSWER_BEGINS) and got[43] == 32 and got.endswith(ANSWER_ENDS),
          "%s: answer %s", name, got.hex())


def check_challenge(sock, name, address=INSIDE):
    kind, zero, size = struct.unpack("!BBH", read_exactly(sock, 4))
    check((kind, zero) == (2, 0), "%s: a frame of type %d", name, kind)
    got = read_exactly(sock, size)
    reply = ms.Message(got)
    check(reply.kind == ms.ALLOCATE_REFUSED and reply.code == 401, "%s: %s", name, got.hex())
    check(reply.address(ms.ALTERNATE_SERVER) == (address, 443),
          "%s: ALTERNATE-SERVER is another address", name)
    check(reply.attrs[ms.REALM] == b'"rtcmedia"', "%s: no realm", name)


def send_cut(sock, data, sizes):
    """Send in pieces of these sizes, repeated; each is a packet of its own."""
    at = number = 0
    while at < len(data):
        size = sizes[number % len(sizes)]
        sock.sendall(data[at:at + size])
        at += size
        number += 1
        time.sleep(0.001)


def handshakes():
    for name, sizes in (("whole", [1000]), ("in bytes", [1]), ("in two", [25]),
                        ("at the eleventh byte", [11, 39])):
        with connect() as sock:
            send_cut(sock, HELLO, sizes)
            time.sleep(0.05)
            # Clients expect all of it in one read.
            check_hello_answer(sock.recv(1000), name)
            send_cut(sock, ASK, sizes)
            check_challenge(sock, name)
    with connect() as sock:
        sock.sendall(HELLO + ASK)
        check_hello_answer(read_exactly(sock, 83), "with a frame behind it")
        check_challenge(sock, "with a frame behind it")


def frames():
    for address in (INSIDE, OUTSIDE):
        for name, sizes in (("whole", [1000]), ("in bytes", [1]), ("header alone", [4, 1000]),
                            ("odd pieces", [3, 5, 7])):
            with connect(address) as sock:
                send_cut(sock, ASK, sizes)
                check_challenge(sock, name, address)
    with connect() as sock:
        sock.sendall(ASK * 5)
        for number in range(5):
            check_challenge(sock, "frame %d of 5" % number)
        # Data of a client without an allocation is dropped and does no harm.
        sock.sendall(frame(3, b"data") + frame(3, b"") + ASK)
        check_challenge(sock, "after data")


def shortened(message, by):
    """The message without its last bytes, and with the length that it has then."""
    return message[:2] + struct.pack("!H", len(message) - 20 - by) + message[4:-by]


def check_closed(name, data, after=b""):
    with connect() as sock:
        if after:
            sock.sendall(after)
            check_challenge(sock, name)
        sock.sendall(data)
        try:
            got = sock.recv(1000)
        except ConnectionResetError:
            got = b""
        check(got == b"", "%s: answered %s", name, got.hex())


def endings():
    check_closed("hello with another last byte", HELLO[:-1] + b"\x01")
    check_closed("hello and then rubbish", HELLO[:45] + b"rubbish")
    bad = {
        "a frame of type 4": b"\x04\0\0\x04abcd",
        "a second byte that is not 0": b"\x02\x01\0\x04abcd",
        "a frame too short for a message": frame(2, b"abcd"),
        "a message of another length than its frame": frame(2, ASK[4:] + b"x"),
        "a message without MAGIC-COOKIE": frame(2, BINDING + bytes(8)),
        "half an attribute": frame(2, shortened(ALLOCATE, 3)),
        "bare STUN": BINDING,
    }
    for name, data in bad.items():
        check_closed(name, data, after=ASK)
    with connect() as sock:
        sock.sendall(BINDING)
        check(read_exactly(sock, 32)[:2] == b"\x01\x01", "STUN is not answered")
        sock.sendall(ASK)
        check(sock.recv(1000) == b"", "MS framing is answered on a connection of STUN")


def other_clients_are_served(server):
    for transport in ("udp", "tcp", "tls"):
        port = 3478 if transport == "udp" else 443
        client = t.Client((INSIDE, port), transport, *server.credential(),
                          cafile=server.path("ca.pem"))
        client.allocate()
        client.refresh(0)
        client.close()


def main():
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], settings=relay.NO_LIMITS) as server:
        handshakes()
        frames()
        endings()
        other_clients_are_served(server)
    with netns.running(inside=[INSIDE], outside=[OUTSIDE],
                       settings=dict(relay.NO_LIMITS, ms=["enabled = false"])) as server:
        check_closed("dialect disabled: framing", ASK)
        check_closed("dialect disabled: pseudo-TLS", HELLO)
        other_clients_are_served(server)
    print("pseudo-TLS and MS framing, whole and in pieces; anything else closes the connection")


if __name__ == "__main__":
    main()

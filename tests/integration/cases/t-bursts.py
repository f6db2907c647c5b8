#!/usr/bin/python3
"""Bursts that the kernel carries as one packet (UDP_SEGMENT, UDP_GRO) arrive unchanged: the same
datagrams, bytes and order.

Both directions, IPv4 and IPv6, ChannelData and indications. The receiver either reads single
datagrams, or uses UDP_GRO, which shows that the relay sent them as one burst.
"""

import socket
import struct
import subprocess

import lib  # adds ../lib to the path
import netns
import relay
import turnclient as t
from netns import check

UDP_SEGMENT, UDP_GRO = 103, 104
CHANNEL = 0x4001
SIDES = {4: ("127.0.1.1", "127.0.2.1", "127.0.3.1"), 6: ("fd00:1::1", "fd00:2::1", "fd00:3::1")}

# Payload sizes, one burst each; only the last may be smaller.
BURSTS = [
    [1200] * 8,
    [1200] * 7 + [700],
    [160] * 3,
    [61] * 20 + [1],
    [3] * 64,
    [900, 900],
    [500],
    [1200] * 50 + [12],
]


def payloads(sizes, seed):
    """All different, and none equal to a part of its neighbour."""
    return [bytes((seed * 151 + i * 89 + k * 7 + (k >> 8)) & 0xFF for k in range(size))
            for i, size in enumerate(sizes)]


def send_burst(sock, datagrams, to=None):
    segment = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", len(datagrams[0])))]
    sock.sendmsg([b"".join(datagrams)], segment if len(datagrams) > 1 else [], 0,
                 *([to] if to else []))


def receive(sock, count, together):
    """Receive count datagrams; (datagrams, number of system calls)."""
    got, calls = [], 0
    sock.settimeout(3)
    while len(got) < count:
        try:
            data, control, _, _ = sock.recvmsg(65536, 64)
        except TimeoutError:
            break
        sizes = [struct.unpack("=i", value)[0] for level, kind, value in control
                 if (level, kind) == (socket.IPPROTO_UDP, UDP_GRO)]
        step = sizes[0] if sizes else max(len(data), 1)
        got += [data[at:at + step] for at in range(0, len(data), step)] or [b""]
        calls += 1
    check(together or calls == len(got), "%d datagrams by %d calls", len(got), calls)
    return got, calls


def compare(name, want, got):
    check(len(want) == len(got), "%s: %d datagrams sent, %d arrived", name, len(want), len(got))
    for i, (a, b) in enumerate(zip(want, got)):
        check(a == b, "%s: datagram %d: sent %d bytes %s, got %d bytes %s", name, i, len(a),
              a[:8].hex(), len(b), b[:8].hex())


class Call:
    """A client with a channel, or a permission, and its peer."""

    def __init__(self, server, family, channel, together):
        inside, _, peer = SIDES[family]
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        self.peer = socket.socket(kind, socket.SOCK_DGRAM)
        self.peer.bind((peer, 0))
        self.client = t.Client((inside, 3478), "udp", *server.credential())
        self.client.allocate(t.family_attr(1 if family == 4 else 2))
        self.address, self.channel = self.peer.getsockname()[:2], channel
        if channel:
            self.client.channel_bind(CHANNEL, self.address)
        else:
            self.client.permit(self.address)
        self.together = together
        if together:
            for sock in (self.peer, self.client.sock):
                sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)

    def wrap(self, payload):
        if self.channel:
            return struct.pack("!HH", CHANNEL, len(payload)) + payload
        txid = bytes(12)
        return t.encode(t.message_type(t.SEND, t.INDICATION), [
            t.xor_address(t.XOR_PEER_ADDRESS, self.address, txid), (t.DATA, payload)], txid)

    def unwrap(self, raw):
        if self.channel:
            number, length = struct.unpack("!HH", raw[:4])
            check(number == CHANNEL and length == len(raw) - 4, "header %s", raw[:4].hex())
            return raw[4:]
        msg = t.Msg(raw)
        check(msg.method == t.DATA_METHOD and not msg.padding.strip(b"\0"), "%r", msg)
        check(msg.address(t.XOR_PEER_ADDRESS) == self.address, "peer of %r", msg)
        return msg.get(t.DATA)

    def up(self, name, burst):
        send_burst(self.client.sock, [self.wrap(p) for p in burst])
        got, calls = receive(self.peer, len(burst), self.together)
        compare(name + " up", burst, got)
        return calls

    def down(self, name, burst):
        send_burst(self.peer, burst, self.client.relayed)
        raw, calls = receive(self.client.sock, len(burst), self.together)
        compare(name + " down", burst, [self.unwrap(r) for r in raw])
        return calls

    def close(self):
        self.client.refresh(0)
        self.client.close()
        self.peer.close()


def run(server, family, channel, together):
    call = Call(server, family, channel, together)
    for seed, sizes in enumerate(BURSTS):
        burst = payloads(sizes, seed)
        name = "IPv%d %s, %d datagrams of %d and %d bytes" % (
            family, "channel" if channel else "indication", len(sizes), sizes[0], sizes[-1])
        calls = call.up(name, burst)
        check(not together or len(sizes) < 3 or calls == 1, "%s up: sent by %d calls", name, calls)
        for _ in range(3):
            calls = call.down(name, burst)
        # By now the relay socket expects bursts.
        check(not together or len(sizes) < 3 or calls <= 2, "%s down: sent by %d calls", name,
              calls)
    call.close()


def main():
    netns.begin()
    for addresses in SIDES.values():
        for address in addresses:
            if ":" in address:
                subprocess.run(["ip", "addr", "add", address + "/128", "dev", "lo", "nodad"],
                               check=True)
    both = list(zip(*SIDES.values()))
    with netns.running(inside=both[0], outside=both[1], allow=["127.0.0.0/8", "fd00:3::1"],
                       settings=relay.NO_LIMITS) as server:
        for family in SIDES:
            for channel in (True, False):
                for together in (False, True):
                    run(server, family, channel, together)
    print("%d bursts, both directions, 8 ways" % len(BURSTS))


if __name__ == "__main__":
    main()

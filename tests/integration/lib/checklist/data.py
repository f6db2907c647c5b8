"""Sections 9 and 10: Send and Data, channels."""

import os
import socket
import struct
import time

from .base import (ALL, PEER6, STREAMS, Skip, channel, closes, code_of, nothing_reaches,
                   request_type, row, send_indication, silent, succeeds, t)


def channel_data(number, data, claimed=None):
    return struct.pack("!HH", number, len(data) if claimed is None else claimed) + data


@row("T-310", "Send needs a peer and data", over=ALL)
def send_incomplete(b):
    client, peer = b.pair()
    kind = t.message_type(t.SEND, t.INDICATION)
    nothing_reaches(client, peer, send_indication(peer.addr), t.encode(kind),
                    t.encode(kind, [(t.DATA, b"x")]),
                    t.encode(kind, [(t.XOR_PEER_ADDRESS, b"\0\1\0"), (t.DATA, b"x")]))


@row("T-311", "empty DATA becomes an empty datagram", over=ALL)
def send_empty(b):
    client, peer = b.pair()
    client.send_to(peer.addr, b"")
    peer.expect(b"", client.relayed)


@row("T-312", "Send without a permission is dropped and installs none", over=ALL)
def send_no_permission(b):
    client, peer = b.allocated(), b.peer()
    for _ in range(3):
        client.send_to(peer.addr, b"no")
    peer.send(b"answer", client.relayed)
    other = b.peer("127.0.3.2")
    client.permit(other.addr)
    other.send(b"marker", client.relayed)
    assert client.data() == (other.addr, b"marker")
    client.permit(peer.addr)
    client.send_to(peer.addr, b"now")
    peer.expect(b"now")


class Sniffer:
    """IPv4 headers of UDP datagrams to one port on loopback."""

    def __init__(self, port):
        self.port = port
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        self.sock.bind(("lo", 0))
        self.sock.settimeout(2)

    def header(self):
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            packet = self.sock.recv(65536)
            size = (packet[0] & 15) * 4
            if packet[9] == 17 and packet[size + 2:size + 4] == struct.pack("!H", self.port):
                return packet[:size]
        raise AssertionError("no packet to the peer was captured")

    def close(self):
        self.sock.close()


@row("T-313", "DONT-FRAGMENT sets DF, or the indication is dropped", over=ALL)
def send_dont_fragment(b):
    client, peer = b.pair()
    try:
        sniffer = Sniffer(peer.addr[1])
    except PermissionError:
        raise Skip("packet sockets are not permitted") from None
    b.opened.append(sniffer)
    client.send_to(peer.addr, b"whole", (t.DONT_FRAGMENT, b""))
    client.send_to(peer.addr, b"marker")
    if peer.take()[0] == b"whole":
        assert sniffer.header()[6] & 0x40, "sent without DF"
        peer.expect(b"marker")


@row("T-314", "Send to port 0 is dropped", "O", over=ALL)
def send_port_zero(b):
    client, peer = b.pair()
    nothing_reaches(client, peer, send_indication((peer.addr[0], 0), (t.DATA, b"x")))


@row("T-315", "data leaves from the relayed address to exactly the peer", over=ALL)
def send_exact(b):
    client, peer = b.pair()
    beside = b.peer()
    for size in (1, 2, 3, 4, 160, 1200):
        payload = os.urandom(size)
        client.send_to(peer.addr, payload)
        peer.expect(payload, client.relayed)
    client.send_to(beside.addr, b"marker")
    beside.expect(b"marker", client.relayed)


@row("T-315b", "the same over IPv6", over=ALL)
def send_ipv6(b):
    client, peer = b.allocated(t.family_attr(2)), b.peer(PEER6)
    client.permit(peer.addr)
    client.send_to(peer.addr, b"six")
    peer.expect(b"six", client.relayed)
    peer.send(b"back", client.relayed)
    assert client.data() == (peer.addr, b"back")
    client.channel_bind(0x4000, peer.addr)
    client.send_channel(0x4000, b"channel")
    peer.expect(b"channel", client.relayed)
    peer.send(b"back again", client.relayed)
    assert client.data() == (0x4000, b"back again")


@row("T-316", "a peer of the other family is dropped", "D", over=ALL)
def send_other_family(b):
    client, peer = b.pair()
    six = b.peer(PEER6)
    nothing_reaches(client, peer, send_indication(six.addr, (t.DATA, b"x")))
    six.sock.settimeout(0.05)
    try:
        raise AssertionError("the IPv6 peer got %r" % (six.take(),))
    except TimeoutError:
        pass


@row("T-317", "peer data arrives as Data with its source, on a channel once bound", over=ALL)
def inbound(b):
    client, peer = b.pair()
    peer.send(b"as Data", client.relayed)
    assert client.data() == (peer.addr, b"as Data")
    client.channel_bind(0x4123, peer.addr)
    peer.send(b"as channel", client.relayed)
    assert client.data() == (0x4123, b"as channel")
    beside = b.peer()
    beside.send(b"beside", client.relayed)
    assert client.data() == (beside.addr, b"beside"), "another port is not on the channel"


@row("T-318", "empty datagrams from the peer are relayed", over=ALL)
def inbound_empty(b):
    client, peer = b.pair()
    peer.send(b"", client.relayed)
    assert client.data() == (peer.addr, b"")
    client.channel_bind(0x4000, peer.addr)
    peer.send(b"", client.relayed)
    assert client.data() == (0x4000, b"")


@row("T-319", "Data has a fresh transaction id and no integrity", "D")
def data_indication(b):
    client, peer = b.pair()
    seen = set()
    for _ in range(5):
        peer.send(b"x", client.relayed)
        msg = client.recv()
        assert not msg.has(t.MESSAGE_INTEGRITY)
        assert set(msg.types()) <= {t.XOR_PEER_ADDRESS, t.DATA, t.SOFTWARE, t.FINGERPRINT}
        seen.add(msg.txid)
    assert len(seen) == 5


@row("T-320", "large datagrams pass over a stream", "D", over=STREAMS)
def large(b):
    client, peer = b.bound()
    for size in (8192, 65507):
        payload = os.urandom(size)
        peer.send(payload, client.relayed)
        assert client.data() == (0x4000, payload)
    client.send_channel(0x4000, payload)
    peer.expect(payload)


@row("T-347", "a refused datagram does not affect the next one", "D", over=ALL)
def after_refusal(b):
    client, peer = b.pair()
    closed = b.peer()
    client.permit(closed.addr)
    closed.close()
    for i in range(20):
        client.send_to(closed.addr, b"refused")
        client.send_to(peer.addr, b"%d" % i)
        peer.expect(b"%d" % i, client.relayed)


# --- channels -----------------------------------------------------------------------------

@row("T-360", "ChannelBind needs a number and a peer, both well formed", over=ALL)
def bind_incomplete(b):
    client, peer = b.allocated(), b.peer()
    good = t.xor_address(t.XOR_PEER_ADDRESS, peer.addr)
    for attrs in ([], [good], [channel(0x4000)], [(t.CHANNEL_NUMBER, b"\x40\0"), good],
                  [channel(0x4000), (t.XOR_PEER_ADDRESS, b"\0\1\0\0\1")],
                  [channel(0x4000), (t.XOR_PEER_ADDRESS, b"\0\7" + bytes(6))]):
        code_of(client.ask(client.signed(t.CHANNEL_BIND, attrs)), 400)


@row("T-361", "channel numbers are 0x4000 to 0x4FFF", over=ALL)
def bind_range(b):
    client = b.allocated()
    for number in (0, 0x3FFF, 0x5000, 0x7FFF, 0xFFFF):
        code_of(client.with_peers(t.CHANNEL_BIND, [("127.0.3.1", 9)], [channel(number)]), 400)
    client.channel_bind(0x4000, ("127.0.3.1", 9))
    client.channel_bind(0x4FFF, ("127.0.3.1", 10))


@row("T-362", "a number belongs to one peer, port included", over=ALL)
def bind_number_taken(b):
    client, peer = b.bound()
    for other in ((peer.addr[0], peer.addr[1] ^ 1), ("127.0.3.2", peer.addr[1])):
        code_of(client.with_peers(t.CHANNEL_BIND, [other], [channel(0x4000)]), 400)
    client.send_channel(0x4000, b"still bound")
    peer.expect(b"still bound", client.relayed)


@row("T-363", "a peer has one number", over=ALL)
def bind_peer_taken(b):
    client, peer = b.bound()
    code_of(client.with_peers(t.CHANNEL_BIND, [peer.addr], [channel(0x4001)]), 400)
    client.channel_bind(0x4000, peer.addr)


@row("T-364", "a peer of the other family: 443", over=ALL)
def bind_family(b):
    client = b.allocated()
    code_of(client.with_peers(t.CHANNEL_BIND, [(PEER6, 9)], [channel(0x4000)]), 443)
    client = b.allocated(t.family_attr(2))
    code_of(client.with_peers(t.CHANNEL_BIND, [("127.0.3.1", 9)], [channel(0x4000)]), 443)


@row("T-365", "a peer refused by policy: 403", "O", over=ALL)
def bind_policy(b):
    client = b.allocated()
    code_of(client.with_peers(t.CHANNEL_BIND, [("10.1.2.3", 9)], [channel(0x4000)]), 403)


@row("T-366", "channels are limited: 508; existing ones stay")
def bind_capacity(b):
    client, peer = b.bound()
    for i in range(1, 1100):
        reply = client.with_peers(t.CHANNEL_BIND, [("127.0.4.1", 1000 + i)],
                                  [channel(0x4000 + i)])
        if reply.cls != t.SUCCESS:
            code_of(reply, 508)
            break
    client.channel_bind(0x4000, peer.addr)
    client.send_channel(0x4000, b"x")
    peer.expect(b"x")


@row("T-367", "ChannelBind installs a permission too", over=ALL)
def bind_permission(b):
    client, peer = b.bound()
    beside = b.peer()
    beside.send(b"any port", client.relayed)
    assert client.data() == (beside.addr, b"any port")
    client.send_to(beside.addr, b"Send, too")
    beside.expect(b"Send, too")


@row("T-370", "a bound peer's data never arrives as Data", over=ALL)
def bound_peer(b):
    client, peer = b.bound()
    for i in range(10):
        peer.send(b"%d" % i, client.relayed)
        got = client.recv()
        assert isinstance(got, t.ChannelData) and got == (0x4000, b"%d" % i)


@row("T-371", "channel data shorter than its length is dropped, longer is cut")
def channel_length(b):
    client, peer = b.bound()
    client.send_bytes(channel_data(0x4000, b"12345", 6))
    client.send_bytes(channel_data(0x4000, b"", 1))
    client.send_bytes(b"\x40\0\0")
    client.send_bytes(channel_data(0x4000, b"12345\0\0\0", 5))
    peer.expect(b"12345")


@row("T-372", "channel data on a stream is padded to four bytes", over=STREAMS)
def channel_padding(b):
    client, peer = b.bound()
    messages = [os.urandom(n) for n in (0, 1, 2, 3, 4, 5, 160)]
    raw = b"".join(channel_data(0x4000, m) + bytes(-len(m) % 4) for m in messages)
    for cut in (len(raw), 1, 7):
        for at in range(0, len(raw), cut):
            client.send_bytes(raw[at:at + cut])
        for message in messages:
            peer.expect(message)
    for message in messages:
        peer.send(message, client.relayed)
    for message in messages:
        wire = client.recv_bytes()
        assert len(wire) == 4 + len(message) + -len(message) % 4
        assert wire == channel_data(0x4000, message) + bytes(-len(message) % 4)


@row("T-373", "channel data on UDP has no padding")
def channel_no_padding(b):
    client, peer = b.bound()
    for size in range(6):
        peer.send(b"x" * size, client.relayed)
        assert client.recv_bytes() == channel_data(0x4000, b"x" * size)


@row("T-374", "empty channel data becomes an empty datagram", over=ALL)
def channel_empty(b):
    client, peer = b.bound()
    client.send_channel(0x4000, b"")
    peer.expect(b"")


@row("T-375", "an unbound or reserved channel number is dropped")
def channel_unbound(b):
    client, peer = b.bound()
    nothing_reaches(client, peer, *(channel_data(n, b"data") for n in (
        0x4001, 0x4FFF, 0x5000, 0x6000, 0x7FFF, 0x8000, 0xFFFF)))
    silent(client, channel_data(0x4001, b"data"), channel_data(0x5000, b"data"))


@row("T-375b", "on a stream an unbound number is dropped, a reserved one closes",
     over=STREAMS)
def channel_unbound_stream(b):
    client, peer = b.bound()
    nothing_reaches(client, peer, channel_data(0x4001, b"data"), channel_data(0x4FFF, b"data"))
    closes(client, channel_data(0x5000, b"data"))


@row("T-376", "numbers and peers belong to one allocation and end with it", over=ALL)
def channel_scope(b):
    first, peer = b.bound()
    second, other = b.allocated(), b.peer("127.0.3.2")
    second.channel_bind(0x4000, other.addr)
    first.send_channel(0x4000, b"first")
    peer.expect(b"first", first.relayed)
    second.send_channel(0x4000, b"second")
    other.expect(b"second", second.relayed)
    first.refresh(0)
    first.allocate()
    silent(first, channel_data(0x4000, b"gone"))
    first.channel_bind(0x4000, other.addr)
    first.send_channel(0x4000, b"new peer")
    other.expect(b"new peer", first.relayed)


@row("T-378", "channel data before its ChannelBind is dropped", "D", over=ALL)
def channel_early(b):
    client, peer = b.pair()
    nothing_reaches(client, peer, channel_data(0x4000, b"early..."))


@row("T-380", "the reserved half of CHANNEL-NUMBER is ignored", "D")
def channel_reserved_bits(b):
    client, peer = b.allocated(), b.peer()
    attrs = [(t.CHANNEL_NUMBER, b"\x40\0\xff\xff"),
             t.xor_address(t.XOR_PEER_ADDRESS, peer.addr)]
    succeeds(client.ask(client.signed(t.CHANNEL_BIND, attrs)))


@row("T-381", "a channel to port 0: 400", "D")
def channel_port_zero(b):
    code_of(b.allocated().with_peers(t.CHANNEL_BIND, [("127.0.3.1", 0)], [channel(0x4000)]),
            400)


@row("T-382", "channels to 6to4 and Teredo: 403", over=("udp", "tcp"))
def channel_tunnel(b):
    client = b.allocated(t.family_attr(2))
    for peer in ("2002:7f00:1::1", "2001:0:1::1"):
        code_of(client.with_peers(t.CHANNEL_BIND, [(peer, 9)], [channel(0x4000)]), 403)


@row("T-589", "STUN sent to a relay port is data like any other", "D", over=ALL)
def relay_port_is_no_server(b):
    client, peer = b.pair()
    raw = t.encode(request_type(t.BINDING))
    peer.send(raw, client.relayed)
    assert client.data() == (peer.addr, raw)

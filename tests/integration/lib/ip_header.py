#!/usr/bin/python3
"""Scenarios about the IP header of relayed datagrams (RFC 8656 sections 13 to 16), as
scenarios.py has others.

  ip_header.py NAME NET USER PASSWORD CA_FILE
"""

import contextlib
import os
import socket
import sys
import time

import control
from namespaces import within
from scenarios import HOST, HOST6, INSIDE, INSIDE6, OUTSIDE, OUTSIDE6, check, main, told
import turnclient as t

# Namespace of the client, address of the relay there, family of the relayed address.
LEGS = (("host", OUTSIDE, 1), ("host", OUTSIDE, 2), ("host", OUTSIDE6, 1),
        ("host", OUTSIDE6, 2), ("inside", INSIDE, 1), ("inside", INSIDE6, 2))


def ip_header(stage):
    """DSCP and ECN pass both ways over UDP, between all families (RFC 8656 sections 13, 14)."""
    header_passes(stage, to_peer=lambda tos: tos, to_client=lambda tos, side: tos)
    print("DSCP and ECN pass both ways")


def ip_header_policy(stage):
    """As configured: ef to peers, none to outside clients, what came in to inside ones."""
    header_passes(stage, to_peer=lambda tos: 46 << 2 | tos & 3,
                  to_client=lambda tos, side: tos if side == "inside" else tos & 3)
    print("DSCP is as configured, ECN passes")


def header_passes(stage, to_peer, to_client):
    for namespace, server, family in LEGS:
        peer = stage.peer("host", HOST if family == 1 else HOST6)
        set_tos(peer, 0)
        address = peer.getsockname()[:2]
        for transport in ("udp", "tcp"):
            client = stage.client(namespace, server, transport, attrs=[t.family_attr(family)])
            client.channel_bind(0x4000, address)
            for tos in (0, 0xb8, 0xb9, 0x8a, 0x03, 0x02, 0):
                set_tos(client.sock, tos)
                out = to_peer(tos if transport == "udp" else 0)
                for send in (lambda: client.send_channel(0x4000, b"x" * 40),
                             lambda: client.send_to(address, b"x" * 40)):
                    send()
                    check_tos(peer, out, "%s to peer" % transport, tos)
                if transport == "udp":
                    set_tos(peer, tos)
                    peer.sendto(b"y" * 40, client.relayed)
                    check_tos(client.sock, to_client(tos, namespace), "to client", tos)
            client.refresh(0)
            client.close()


def set_tos(sock, tos):
    v6 = sock.family == socket.AF_INET6
    level, option, receive = ((socket.IPPROTO_IPV6, socket.IPV6_TCLASS, socket.IPV6_RECVTCLASS)
                              if v6 else (socket.IPPROTO_IP, socket.IP_TOS, 13))
    sock.setsockopt(level, option, tos)
    sock.setsockopt(level, receive, 1)


def check_tos(sock, want, what, sent):
    _, controls, _, _ = sock.recvmsg(2000, 100)
    got = [data[0] for level, kind, data in controls
           if (level, kind) in ((socket.IPPROTO_IP, socket.IP_TOS),
                                (socket.IPPROTO_IPV6, socket.IPV6_TCLASS))]
    check(got == [want], "%s: sent with %#x, arrived with %s, expected %#x", what, sent, got, want)


class Wire:
    """IP packets that pass a device of a namespace, both ways."""

    def __init__(self, stage, namespace, device):
        with within("%s-%s" % (stage.net, namespace)):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
            self.sock.bind((device, 3))
        self.sock.settimeout(3)

    def label(self, source, data):
        """The IPv6 flow label of the next packet with that data from there."""
        while True:
            packet = self.sock.recv(70000)
            if packet[0] >> 4 == 6 and packet[8:24] == socket.inet_pton(
                    socket.AF_INET6, source) and data in packet:
                return int.from_bytes(packet[1:4], "big") & 0xfffff

    def marks(self, protocol, source, port, data):
        """The second byte of the next packet with that data from there."""
        while True:
            packet = self.sock.recv(70000)
            if packet[0] >> 4 == 4:
                tos, kind, address = packet[1], packet[9], socket.inet_ntop(
                    socket.AF_INET, packet[12:16])
                payload = packet[(packet[0] & 15) * 4:]
            else:
                tos, kind, address = (packet[0] << 4 & 0xf0) | packet[1] >> 4, packet[6], (
                    socket.inet_ntop(socket.AF_INET6, packet[8:24]))
                payload = packet[40:]
            if (kind, address) == (protocol, source) and (
                    int.from_bytes(payload[:2], "big") == port and data in payload):
                return tos


@contextlib.contextmanager
def connections_marked(tos):
    """Clients made in this block mark their packets from the first on."""
    class Marked(socket.socket):
        def connect(self, address):
            set_tos(self, tos)
            super().connect(address)
    real, socket.socket = socket.socket, Marked
    try:
        yield
    finally:
        socket.socket = real


def stream_marks(stage, namespace, device, server, family, transport, tos, to_peer, to_client):
    """What a client on a stream marked tos makes of the marks, both ways."""
    peer = stage.peer("host", HOST if family == 1 else HOST6)
    set_tos(peer, 0xb8 | 3)
    with connections_marked(tos):
        client = stage.client(namespace, server, transport, attrs=[t.family_attr(family)])
    client.channel_bind(0x4000, peer.getsockname()[:2])
    client.send_channel(0x4000, b"marked by its connection")
    check_tos(peer, to_peer, "%s to peer" % transport, tos)
    peer.sendto(b"to the client" * 3, client.relayed)
    client.data()
    wire = Wire(stage, namespace, device)
    peer.sendto(b"to the client" * 3, client.relayed)
    # What TLS carries cannot be seen, only that something comes.
    seen = wire.marks(6, server, 443, b"to the client" if transport == "tcp" else b"\x17\x03\x03")
    client.data()
    check(seen & 0xfc == to_client, "%s to client: %#x, expected %#x", transport, seen, to_client)
    check(seen & 3 != 3, "%s to client: the peer's congestion is marked", transport)
    client.refresh(0)
    client.close()


def streams_default(stage):
    """The DSCP of a connection is that of its datagrams to peers; towards the client the system's own,
    whatever peers mark (T-403, T-404, T-406; RFC 8656 sections 15, 16)."""
    for transport in ("tcp", "tls"):
        for tos in (0, 0xb8, 0x8a):
            for namespace, device, server, family in (
                    ("host", "out0", OUTSIDE, 1), ("host", "out0", OUTSIDE6, 2),
                    ("inside", "in0", INSIDE, 2), ("inside", "in0", INSIDE6, 1)):
                stream_marks(stage, namespace, device, server, family, transport, tos,
                             to_peer=tos & 0xfc, to_client=0)
    print("connections mark their datagrams")


def streams_policy(stage):
    """outside_tcp = copy, outside_tls = cs2, inside_tcp = af41 and nothing for TLS inside."""
    for tos in (0, 0xb8):
        stream_marks(stage, "host", "out0", OUTSIDE, 1, "tcp", tos, tos, to_client=tos)
        stream_marks(stage, "host", "out0", OUTSIDE6, 1, "tcp", tos, tos, to_client=tos)
        stream_marks(stage, "host", "out0", OUTSIDE, 1, "tls", tos, tos, to_client=16 << 2)
        stream_marks(stage, "inside", "in0", INSIDE, 1, "tcp", tos, tos, to_client=34 << 2)
        stream_marks(stage, "inside", "in0", INSIDE6, 1, "tls", tos, tos, to_client=34 << 2)
    print("connections are marked by side and transport")


def group_gateways(stage):
    """Of the user's group: cs5 to peers, cs1 to clients, cs3 on connections."""
    header_passes(stage, to_peer=lambda tos: 40 << 2 | tos & 3,
                  to_client=lambda tos, side: 8 << 2 | tos & 3)
    for transport in ("tcp", "tls"):
        stream_marks(stage, "host", "out0", OUTSIDE, 1, transport, 0xb8, 40 << 2, 24 << 2)
        stream_marks(stage, "inside", "in0", INSIDE6, 2, transport, 0, 40 << 2, 24 << 2)
    print("a group's marks are on all its legs")


def group_lan(stage):
    """Inside networks: cleared to peers, copied to clients; others as section dscp says."""
    for namespace, server, to_peer, to_client in (("inside", INSIDE, 0, 0xb8),
                                                  ("inside", INSIDE6, 0, 0xb8),
                                                  ("host", OUTSIDE, 46 << 2, 0)):
        client = stage.client(namespace, server)
        peer = stage.peer("host", HOST)
        for sock in (peer, client.sock):
            set_tos(sock, 0xb8)
        client.channel_bind(0x4000, peer.getsockname()[:2])
        client.send_channel(0x4000, b"x")
        check_tos(peer, to_peer, "to peer", 0xb8)
        peer.sendto(b"y", client.relayed)
        check_tos(client.sock, to_client, "to client", 0xb8)
        client.refresh(0)
        client.close()
    print("a group by network")


def hop_limit_default(stage):
    """Without the option the system's own goes out, whatever came (T-390, T-394, T-397)."""
    hop_limits(stage, lambda came: 64)
    print("the system's hop limit goes out")


def hop_limit_decrement(stage):
    """One less than what came goes out, both ways, between all families; 1 ends here."""
    hop_limits(stage, lambda came: came - 1)
    print("hop limits go down by one both ways, and what has none left is dropped")


def hop_limits(stage, want):
    for namespace, server, family in LEGS:
        peer = stage.peer("host", HOST if family == 1 else HOST6)
        address = peer.getsockname()[:2]
        client = stage.client(namespace, server, attrs=[t.family_attr(family)])
        client.channel_bind(0x4000, address)
        tell_hop_limit(client.sock)
        tell_hop_limit(peer)
        for came in (1, 2, 9, 64, 65, 255, 1):
            set_hop_limit(client.sock, came)
            client.send_channel(0x4000, b"x" * 40)
            set_hop_limit(client.sock, 30)
            client.send_channel(0x4000, b"mark")
            expect_hop_limits(peer, want, came, b"x" * 40)
            set_hop_limit(peer, came)
            peer.sendto(b"y" * 40, client.relayed)
            set_hop_limit(peer, 30)
            peer.sendto(b"mark", client.relayed)
            expect_hop_limits(client.sock, want, came, b"\x40\0\0\x28" + b"y" * 40)
        # Requests are not relayed: their last hop is this one.
        set_hop_limit(client.sock, 1)
        client.refresh(0)
        client.close()
    # What came over TCP has no hop limit for each message.
    peer = stage.peer("host", HOST)
    tell_hop_limit(peer)
    client = stage.client("inside", INSIDE, "tcp")
    client.channel_bind(0x4000, peer.getsockname()[:2])
    client.send_channel(0x4000, b"x" * 40)
    check(hop_limit_of(peer)[1] == 64, "from TCP: not the system's")
    client.refresh(0)


def expect_hop_limits(sock, want, came, data):
    if want(came) > 0:
        got, limit = hop_limit_of(sock)
        check((got[:len(data)], limit) == (data, want(came)), "sent with %d: %r came with %s",
              came, got, limit)
    got, limit = hop_limit_of(sock)
    check(b"mark" in got and limit == want(30), "behind one with %d: %r with %s", came, got, limit)


def tell_hop_limit(sock):
    v6 = sock.family == socket.AF_INET6
    if v6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL


def set_hop_limit(sock, value):
    v6 = sock.family == socket.AF_INET6
    level, option = ((socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if v6
                     else (socket.IPPROTO_IP, socket.IP_TTL))
    sock.setsockopt(level, option, value)


def hop_limit_of(sock):
    got, controls, _, _ = sock.recvmsg(2000, 100)
    limits = [int.from_bytes(data[:4], sys.byteorder) for level, kind, data in controls
              if (level, kind) in ((socket.IPPROTO_IP, socket.IP_TTL),
                                   (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT))]
    check(len(limits) == 1, "hop limits of one datagram: %s", limits)
    return got, limits[0]


def group_reload(stage):
    """A reload tells the groups of allocations that exist again: the user leaves hers."""
    client = stage.client("host", OUTSIDE)
    peer = stage.peer("host", HOST)
    for sock in (client.sock, peer):
        set_tos(sock, 0)
    client.channel_bind(0x4000, peer.getsockname()[:2])
    client.send_channel(0x4000, b"x")
    check_tos(peer, 40 << 2, "before the reload", 0)
    directory = os.environ["RELAY_DIR"]
    with open(directory + "/relay.conf", encoding="utf-8") as conf:
        text = conf.read()
    with open(directory + "/relay.conf", "w", encoding="utf-8") as conf:
        conf.write(text.replace('"gate*"', '"other*"'))
    status, report = control.ask(directory + "/relay.sock", "POST", "/v1/reload")
    check(status == 200 and [change["key"] for change in report["changes"]] == [
        "user_group.gateways.users"], "the reload: %s", report)
    deadline, tos = time.monotonic() + 5, None
    while tos != 46 << 2:
        check(time.monotonic() < deadline, "after the reload: %s", tos)
        client.send_channel(0x4000, b"x")
        tos = peer.recvmsg(100, 100)[1][0][2][0]
    client.refresh(0)
    print("a reload changes the group of an allocation")


def flow_labels(stage):
    """IPv6 flow labels are of each outgoing flow, never copied (T-392; RFC 8656 section 13.2)."""
    client = stage.client("host", OUTSIDE6, attrs=[t.family_attr(2)])
    peers = [stage.peer("host", HOST6) for _ in range(2)]
    wire, labels = Wire(stage, "host", "out0"), []
    for number, peer in enumerate(peers):
        client.channel_bind(0x4000 + number, peer.getsockname()[:2])
        for data in (b"one of a flow", b"another of it"):
            client.send_channel(0x4000 + number, data)
            labels.append((wire.label(HOST6, data), wire.label(OUTSIDE6, data)))
    check(labels[0] == labels[1] and labels[2] == labels[3], "labels change in a flow: %s", labels)
    check(labels[0][0] == labels[2][0], "the client's flow has two labels: %s", labels)
    check(labels[0][1] != labels[2][1], "two flows have one label: %s", labels)
    check(all(came != went for came, went in labels), "a label is copied: %s", labels)
    client.refresh(0)
    print("flow labels are not copied")


FAR, FAR6 = "192.168.77.10", "fd77:2::10"
LARGE = bytes(range(250)) * 12  # 3000 bytes: three fragments of a link with 1500


def whole(stage):
    """3000 bytes pass whole, both ways, between all families and over TCP (T-393 to T-398, T-407)."""
    for namespace, server, family in LEGS:
        peer = stage.peer("host", HOST if family == 1 else HOST6)
        for transport in ("udp", "tcp"):
            client = stage.client(namespace, server, transport, attrs=[t.family_attr(family)])
            passes(client, peer, LARGE)
            # DONT-FRAGMENT does not count where addresses are translated.
            if transport == "udp" and not (":" not in server and family == 1):
                client.send_to(peer.getsockname()[:2], LARGE, (t.DONT_FRAGMENT, b""))
                check(peer.recv(4000) == LARGE, "%s to %d: DONT-FRAGMENT counts", server, family)
            if transport == "tcp":
                passes(client, peer, LARGE * 2 + LARGE[:2000])
            client.refresh(0)
            client.close()
    print("datagrams of 3000 bytes pass whole, 8000 to and from TCP")


def passes(client, peer, data):
    address = peer.getsockname()[:2]
    client.channel_bind(0x4000, address)
    client.send_channel(0x4000, data)
    check(peer.recv(9000) == data, "ChannelData of %d bytes to a peer", len(data))
    client.send_to(address, data)
    check(peer.recv(9000) == data, "Send of %d bytes", len(data))
    peer.sendto(data, client.relayed)
    check(client.data() == (0x4000, data), "%d bytes to a client", len(data))


def narrow(stage):
    """Behind a router with an MTU of 1280 (T-342, T-346, T-401, T-405)."""
    for namespace, server, transport, family in (
            ("host", OUTSIDE, "udp", 1), ("host", OUTSIDE, "tcp", 1), ("host", OUTSIDE, "tcp", 2),
            ("host", OUTSIDE6, "udp", 2), ("inside", INSIDE6, "tcp", 2)):
        peer = stage.peer("far", FAR if family == 1 else FAR6)
        address = peer.getsockname()[:2]
        client = stage.client(namespace, server, transport, attrs=[t.family_attr(family)])
        client.channel_bind(0x4000, address)
        # The first datagram that is too big for an IPv6 path is lost, and the sender told.
        for _ in range(2):
            client.send_channel(0x4000, LARGE)
        check(peer.recv(4000) == LARGE, "%s over %s: not in fragments", address[0], transport)
        # DF: nothing arrives, and the client learns the MTU.
        if transport == "tcp" or (family, ":" in server) == (1, False):
            client.send_to(address, b"x" * 1400, (t.DONT_FRAGMENT, b""))
            told(client, address, (3, 4, 1280) if family == 1 else (2, 0, 1280))
        # ... and what comes without passes still, although the kernel now knows the MTU.
        for data in (LARGE + b"again", b"y" * 1400):
            client.send_channel(0x4000, data)
            got = peer.recv(4000)
            while got == LARGE:
                got = peer.recv(4000)
            check(got == data, "%s over %s: %d bytes, not %d after the error", address[0],
                  transport, len(got), len(data))
        client.refresh(0)
        client.close()
    print("fragments pass a narrow link, DF is answered with its MTU")


def narrow_client(stage):
    """A client behind that router: what is too big for its path does not end its media."""
    for server, family in ((OUTSIDE, 1), (OUTSIDE, 2), (OUTSIDE6, 1), (OUTSIDE6, 2)):
        client = stage.client("far", server, attrs=[t.family_attr(family)])
        peer = stage.peer("host", HOST if family == 1 else HOST6)
        client.channel_bind(0x4000, peer.getsockname()[:2])
        # The first that is too big for an IPv6 path is lost.
        for data in (b"y" * 1400, b"y" * 1400, LARGE, LARGE, b"small"):
            peer.sendto(data, client.relayed)
        got = [client.data()[1]]
        while got[-1] != b"small":
            got.append(client.data()[1])
        check(b"y" * 1400 in got and LARGE in got, "%s gets only %s bytes",
              client.sock.getsockname(), [len(data) for data in got])
        client.refresh(0)
        client.close()
    print("a client on a narrow path gets fragments")


SCENARIOS = (ip_header, ip_header_policy, streams_default, streams_policy, group_gateways,
             group_lan, group_reload, flow_labels, hop_limit_default,
             hop_limit_decrement, whole, narrow, narrow_client)

if __name__ == "__main__":
    sys.exit(main(sys.argv, SCENARIOS, __doc__))

#!/usr/bin/python3
"""Scenarios with clients and peers in the namespaces of topology.sh, one function each.

  scenarios.py NAME NET USER PASSWORD CA_FILE     NET is the prefix of the namespaces' names

The shell script of the same name prepares the namespaces and checks the captures.
"""

import os
import socket
import sys

from namespaces import within
import turnclient as t

INSIDE, INSIDE6, OUTSIDE, OUTSIDE6 = "10.77.1.1", "fd77:1::1", "203.0.113.1", "2001:db8:77::1"
HOST, HOST6, CLIENT = "203.0.113.50", "2001:db8:77::50", "10.77.1.10"
ALL = ("udp", "tcp", "tls")


class Topology:
    def __init__(self, net, user, password, cafile):
        self.net, self.user, self.password, self.cafile = net, user, password, cafile

    def client(self, namespace, server, transport="udp", allocate=True, attrs=()):
        port = 3478 if transport == "udp" else 443
        with within("%s-%s" % (self.net, namespace)):
            made = t.Client((server, port), transport, self.user, self.password,
                            cafile=self.cafile, timeout=5)
        if allocate:
            made.allocate(*attrs)
        return made

    def peer(self, namespace, address, port=0):
        with within("%s-%s" % (self.net, namespace)):
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                                 socket.SOCK_DGRAM)
            sock.bind((address, port))
        sock.settimeout(3)
        return sock


def check(condition, text, *values):
    if not condition:
        raise SystemExit("FAIL: " + text % values)


def both_ways(client, peer, relayed, number, send):
    """One datagram to the peer with send(data), one back; nothing else may arrive."""
    out, back = b"out %d" % number, b"back %d" % number
    send(out)
    data, source = peer.recvfrom(2000)
    check(data == out, "peer got %r, expected %r", data, out)
    check(source[:2] == relayed, "peer sees %s, the relayed address is %s", source, relayed)
    peer.sendto(back, relayed)
    origin, data = client.data()
    check(data == back, "client got %r from %s, expected %r", data, origin, back)
    return origin


def icmp_peer(stage):
    """A peer that refuses or is unreachable costs the packets to it and nothing else."""
    peer = stage.peer("host", HOST)
    closed = stage.peer("host", HOST)
    closed_addr = closed.getsockname()[:2]
    closed.close()
    bad = {"closed port": closed_addr, "no such host": ("203.0.113.99", 4000),
           "no route": ("198.51.100.7", 4000), "prohibited": (HOST, 7777)}
    for transport in ALL:
        client = stage.client("inside", INSIDE, transport)
        good = peer.getsockname()[:2]
        client.permit(good, *bad.values())
        for number, (name, addr) in enumerate(bad.items()):
            client.channel_bind(0x4001 + number, addr)
        for number in range(25):
            for place, addr in enumerate(bad.values()):
                client.send_to(addr, b"lost")
                client.send_channel(0x4001 + place, b"lost")
            both_ways(client, peer, client.relayed, number,
                      lambda data: client.send_to(good, data))
        client.channel_bind(0x4000, good)
        for number in range(25):
            for place in range(len(bad)):
                client.send_channel(0x4001 + place, b"lost")
            both_ways(client, peer, client.relayed, number,
                      lambda data: client.send_channel(0x4000, data))
        client.permit(good, *bad.values())
        client.refresh(600)
        client.refresh(0)
        client.close()
    print("50 datagrams each way beside 300 lost ones, over %d transports" % len(ALL))


def icmp_told(stage):
    """The client is told what the network says of its datagrams (RFC 8656 section 11.5)."""
    clients = [(server, transport, family) for transport in ALL
               for server, family in ((OUTSIDE, 1), (OUTSIDE, 2), (OUTSIDE6, 2))]
    for number, (server, transport, family) in enumerate(clients):
        client = stage.client("host", server, transport, attrs=[t.family_attr(family)])
        # The kernel remembers the MTU of an IPv6 path and asks once for each destination.
        far = "192.168.77.10" if family == 1 else "fd77:2::%x" % (16 + number)
        errors_of(stage, client, HOST if family == 1 else HOST6, far)
        client.refresh(0)
        client.close()
    print("closed port, prohibited and too big are told, over %d transports" % len(ALL))


def errors_of(stage, client, host, far):
    closed = stage.peer("host", host)
    gone = closed.getsockname()[:2]
    closed.close()
    port, prohibited, too_big = (3, 3, 0), (3, 13, 0), (3, 4, 1280)
    if ":" in host:
        port, prohibited, too_big = (1, 4, 0), (1, 1, 0), (2, 0, 1280)
    good = stage.peer("host", host)
    client.permit(gone)
    for send in (lambda data: client.send_to(gone, data),
                 lambda data: client.send_channel(0x4001, data)):
        send(b"lost")
        told(client, gone, port)
        # The error does not cost the datagram after it.
        both_ways(client, good, client.relayed, 1,
                  lambda data: client.send_to(good.getsockname()[:2], data))
        client.channel_bind(0x4001, gone)
    client.send_to((host, 7777), b"lost")
    told(client, (host, 7777), prohibited)

    # The router that says so needs no permission.
    client.permit((far, 5000))
    client.send_to((far, 5000), b"x" * 1400, (t.DONT_FRAGMENT, b""))
    told(client, (far, 5000), too_big)


def told(client, peer, want):
    got = client.icmp_error()
    check(got == (peer,) + want, "told %s, expected %s", got, (peer,) + want)


def inside_outside(stage):
    """Every relayed address is outside; no client may have an inside peer."""
    relayed_is_outside(stage)
    inside_to_inside(stage)
    inside_refused(stage)
    print("relayed addresses outside only; the inside refused as peer")


def relayed_is_outside(stage):
    for transport in ALL:
        for namespace, server in (("inside", INSIDE), ("inside", INSIDE6), ("host", OUTSIDE),
                                  ("host", OUTSIDE6), ("far", OUTSIDE)):
            client = stage.client(namespace, server, transport)
            check(client.relayed[0] == OUTSIDE, "%s over %s from %s: relayed address %s",
                  server, transport, namespace, client.relayed)
            client.refresh(0)
            client.close()
            client = stage.client(namespace, server, transport, attrs=[t.family_attr(2)])
            check(client.relayed[0] == OUTSIDE6, "%s over %s from %s: relayed address %s",
                  server, transport, namespace, client.relayed)
            client.refresh(0)
            client.close()


def inside_to_inside(stage):
    """Two inside clients communicate through their relayed addresses."""
    for first_over, second_over in (("udp", "udp"), ("udp", "tls"), ("tcp", "tcp")):
        first = stage.client("inside", INSIDE, first_over)
        second = stage.client("inside", INSIDE, second_over)
        first.permit(second.relayed)
        second.permit(first.relayed)
        for number in range(50):
            text = b"%d" % number
            first.send_to(second.relayed, text)
            check(second.data() == (first.relayed, text), "relay to relay, Send")
        first.channel_bind(0x4000, second.relayed)
        second.channel_bind(0x4001, first.relayed)
        for number in range(50):
            text = b"%d" % number
            first.send_channel(0x4000, text)
            check(second.data() == (0x4001, text), "relay to relay, channels")
            second.send_channel(0x4001, text)
            check(first.data() == (0x4000, text), "relay to relay, channels back")
        for client in (first, second):
            client.refresh(0)
            client.close()


def inside_refused(stage):
    """Peers on the inside network: 403, and no packet."""
    victim = stage.peer("inside", CLIENT, 9999)
    witness = stage.peer("host", HOST)
    for namespace, server in (("inside", INSIDE), ("host", OUTSIDE)):
        client = stage.client(namespace, server)
        for target in ((CLIENT, 9999), (INSIDE, 3478), (INSIDE, 9), ("10.77.1.99", 9)):
            reply = client.with_peers(t.CREATE_PERMISSION, [target])
            check(reply.code == 403, "permission for %s: %r", target, reply)
            reply = client.with_peers(t.CHANNEL_BIND, [target],
                                      [(t.CHANNEL_NUMBER, b"\x40\0\0\0")])
            check(reply.code == 403, "channel to %s: %r", target, reply)
            client.send_to(target, b"must not arrive")
        client.permit(witness.getsockname()[:2])
        client.send_to(witness.getsockname()[:2], b"marker")
        check(witness.recv(100) == b"marker", "the witness got something else")
        client.refresh(0)
    victim.settimeout(0.2)
    try:
        check(False, "an inside host was sent %r", victim.recvfrom(2000))
    except TimeoutError:
        pass
    client = stage.client("host", OUTSIDE6, attrs=[t.family_attr(2)])
    for target in (("fd77:1::10", 9), (INSIDE6, 9)):
        reply = client.with_peers(t.CREATE_PERMISSION, [target])
        check(reply.code == 403, "permission for %s: %r", target, reply)
    client.refresh(0)


PUBLIC = "203.0.113.9"


def public_address(stage):
    """Behind 1:1 NAT clients, peers and two relayed addresses see the public address."""
    peer = stage.peer("host", HOST)
    client = stage.client("inside", "10.77.2.1")
    check(client.relayed[0] == PUBLIC, "XOR-RELAYED-ADDRESS is %s", client.relayed)
    client.permit(peer.getsockname()[:2])
    for number in range(20):
        both_ways(client, peer, client.relayed, number,
                  lambda data: client.send_to(peer.getsockname()[:2], data))
    outside = stage.client("host", PUBLIC, "tls")
    check(outside.relayed[0] == PUBLIC, "XOR-RELAYED-ADDRESS is %s", outside.relayed)
    client.permit(outside.relayed)
    outside.permit(client.relayed)
    for number in range(20):
        text = b"%d" % number
        client.send_to(outside.relayed, text)
        check(outside.data() == (client.relayed, text), "through the public form")
        outside.send_to(client.relayed, text)
        check(client.data() == (outside.relayed, text), "through the public form, back")
    for each in (client, outside):
        each.refresh(0)
    print("the public address works for clients, peers and between two relayed addresses")


SCENARIOS = (icmp_peer, icmp_told, inside_outside, public_address)


def main(args, scenarios, doc):
    named = {each.__name__: each for each in scenarios}
    if len(args) != 6 or args[1] not in named:
        print(doc, file=sys.stderr)
        return 2
    named[args[1]](Topology(*args[2:]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv, SCENARIOS, __doc__))

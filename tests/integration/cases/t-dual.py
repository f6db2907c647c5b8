#!/usr/bin/python3
"""Allocations with an IPv4 and an IPv6 relayed address: data with peers of both families in both
dialects; how avedgectl shows them; one half released alone.
"""

import json
import socket
import subprocess

import lib  # adds ../lib to the path
import netns
import turnclient_ms as ms
import relay
import turnclient as t
from netns import check

INSIDE, OUTSIDE, OUTSIDE6 = "127.0.1.1", "127.0.2.1", "fd7a:1::1"
PEERS = ("127.0.3.1", "fd7a:1::2")
BOTH = t.family_attr(2, t.ADDITIONAL_ADDRESS_FAMILY)
ROUNDS = 50


def ctl(server, *args):
    """The output of avedgectl."""
    return subprocess.run(
        [relay.program("avedgectl"), *args, "--socket", server.path("relay.sock")],
        check=True, capture_output=True, text=True, timeout=10).stdout


def allocations(server):
    return json.loads(ctl(server, "allocations", "--json"))["allocations"]


def peer_socket(ip):
    sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(3)
    sock.bind((ip, 0))
    return sock


def address(sock):
    return sock.getsockname()[:2]


def expect_at(sock, data, source):
    got, origin = sock.recvfrom(2000)
    check((got, origin[:2]) == (data, source), "%r of %s, not of %s", got, origin, source)


def addresses(reply):
    return [t.read_xor_address(value, reply.txid) for kind, value in reply.attrs
            if kind == t.XOR_RELAYED_ADDRESS]


def shown_by_control(server, relayed):
    """The row of the only allocation, and the table of ports, name both addresses."""
    rows = allocations(server)
    check(len(rows) == 1, "%d allocations", len(rows))
    check(rows[0]["relayed"] == "%s:%d" % relayed[0], "%s", rows[0])
    check(rows[0]["second_relayed"] == "[%s]:%d" % relayed[1], "%s", rows[0])
    check(rows[0]["second_relayed_local"] == "[%s]:%d" % relayed[1], "%s", rows[0])
    ports = [(row["address"], row["port"])
             for row in json.loads(ctl(server, "ports", "--json"))["ports"]]
    for pair in relayed:
        check(ports.count(pair) == 1, "%s is not in %s", pair, ports)
    shown = ctl(server, "show", rows[0]["id"])
    check(rows[0]["second_relayed"] in shown, "not shown: %s", shown)
    return rows[0]["id"]


def ietf(server, transport):
    peers = [peer_socket(ip) for ip in PEERS]
    port = 3478 if transport == "udp" else 443
    client = t.Client((INSIDE, port), transport, *server.credential(),
                      cafile=server.path("ca.pem"))
    relayed = addresses(client.allocate(BOTH))
    check([a[0] for a in relayed] == [OUTSIDE, OUTSIDE6], "%s", relayed)
    check(netns.relay_sockets() == 2, "%d sockets", netns.relay_sockets())
    shown_by_control(server, relayed)

    client.permit(*map(address, peers))
    for peer, own in zip(peers, relayed):
        client.send_to(address(peer), b"to you")
        expect_at(peer, b"to you", own)
        peer.sendto(b"to me", own)
        check(client.data() == (address(peer), b"to me"), "indication")
    for number, peer in enumerate(peers, 0x4000):
        client.channel_bind(number, address(peer))
    for i in range(ROUNDS):
        for number, (peer, own) in enumerate(zip(peers, relayed), 0x4000):
            client.send_channel(number, b"%d" % i)
            expect_at(peer, b"%d" % i, own)
            peer.sendto(b"-%d" % i, own)
            check(client.data() == (number, b"-%d" % i), "channel data")

    # One half is released; the other keeps working.
    client.refresh(0, t.family_attr(1))
    check(netns.relay_sockets() == 1, "%d sockets", netns.relay_sockets())
    client.send_channel(0x4000, b"nobody")
    client.send_channel(0x4001, b"still")
    expect_at(peers[1], b"still", relayed[1])
    peers[0].sendto(b"nobody", relayed[0])
    peers[1].sendto(b"here", relayed[1])
    check(client.data() == (0x4001, b"here"), "the other half")
    row = allocations(server)[0]
    check(row["relayed"] == "[%s]:%d" % relayed[1] and row["second_relayed"] is None, "%s", row)
    reply = client.request(t.REFRESH, [t.u32(t.LIFETIME, 600), t.family_attr(1)])
    check(reply.code == 443, "a half that is gone: %s", reply)
    client.refresh(0)
    check(netns.relay_sockets() == 0, "%d sockets", netns.relay_sockets())
    for sock in (*peers, client):
        sock.close()


def microsoft(server):
    peers = [peer_socket(ip) for ip in PEERS]
    client = ms.Client((INSIDE, 3478), "udp", *server.credential(form="mras"), version=4)
    reply = client.allocate()
    relayed = [reply.address(ms.MAPPED_ADDRESS), reply.address(ms.MS_ALTERNATE_MAPPED_ADDRESS)]
    check([a and a[0] for a in relayed] == [OUTSIDE, OUTSIDE6], "%s", relayed)
    shown_by_control(server, relayed)
    for peer, own in zip(peers, relayed):
        client.send(address(peer), b"hello")
        expect_at(peer, b"hello", own)
        peer.sendto(b"reply", own)
        check(client.data() == (address(peer), b"reply"), "indication")
    for active, other in ((0, 1), (1, 0)):
        client.activate(address(peers[active]))
        for i in range(ROUNDS):
            client.send_bare(b"media %d" % i)
            expect_at(peers[active], b"media %d" % i, relayed[active])
            peers[active].sendto(b"back %d" % i, relayed[active])
            check(client.data() == (None, b"back %d" % i), "bare data")
        peers[other].sendto(b"aside", relayed[other])
        check(client.data() == (address(peers[other]), b"aside"), "indication of the other")
    client.release()
    check(netns.relay_sockets() == 0, "%d sockets", netns.relay_sockets())
    for sock in (*peers, client):
        sock.close()


def killed(server):
    """One record for both addresses; both sockets are closed."""
    client = t.Client((INSIDE, 3478), "udp", *server.credential())
    relayed = addresses(client.allocate(BOTH))
    ctl(server, "kill", shown_by_control(server, relayed))
    check(netns.relay_sockets() == 0, "%d sockets", netns.relay_sockets())
    line = next(line for line in server.log().splitlines()
                if "SECOND_RELAYED=[%s]:%d" % relayed[1] in line)
    check("REASON=killed" in line and "RELAYED=%s:%d" % relayed[0] in line, "%s", line)
    client.close()


def main():
    netns.begin()
    for ip in (OUTSIDE6, PEERS[1]):
        subprocess.run(["ip", "address", "add", ip + "/128", "dev", "lo", "nodad"], check=True)
    settings = dict(relay.NO_LIMITS, ms=["version = 4", "ipv6 = true"])
    with netns.running(inside=[INSIDE], outside=[OUTSIDE, OUTSIDE6], allow=PEERS,
                       settings=settings) as server:
        for transport in ("udp", "tcp", "tls"):
            ietf(server, transport)
        microsoft(server)
        killed(server)
        check(not allocations(server), "allocations are left")
    print("both families over UDP, TCP and TLS and in the MS dialect; halves end alone")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Packets that the system refuses to send are counted by reason, each once: to a peer without a
route, and to a client whose address was removed. Other directions are unaffected, and once the
address is back its direction works."""

import socket
import subprocess
import time

import lib  # adds ../lib to the path
import netns
import control
import relay
import turnclient as t
from netns import check

INSIDE, OUTSIDE, PEER, MOVING = "127.0.1.1", "127.0.2.1", "127.0.3.1", "198.51.100.9"
NOWHERE = ("198.51.100.77", 4000)
COUNT = 200


def counters(server):
    return control.ask(server.path("relay.sock"), "GET", "/v1/counters")[1]


def failed_sends(server):
    return counters(server)["drops"].get("send-failed", 0)


def address(verb):
    subprocess.run(["ip", "address", verb, MOVING + "/32", "dev", "lo"], check=True)


def expect_failed(server, before, count, what):
    deadline = time.monotonic() + 10
    while failed_sends(server) - before < count and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    check(failed_sends(server) - before == count, "%s: %d counted of %d", what,
          failed_sends(server) - before, count)


def round_trip(client, peer, relayed):
    client.send_channel(0x4000, b"there")
    check(peer.recvfrom(100) == (b"there", relayed), "to the peer")
    peer.sendto(b"back", relayed)
    check(client.data() == (0x4000, b"back"), "to the client")


def main():
    netns.begin()
    address("add")
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=[PEER, NOWHERE[0]],
                       settings=relay.NO_LIMITS) as server, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((PEER, 0))
        peer.settimeout(5)
        client = t.Client((INSIDE, 3478), "udp", *server.credential(), bind=(MOVING, 0))
        relayed = client.allocate().address(t.XOR_RELAYED_ADDRESS)
        client.channel_bind(0x4000, peer.getsockname())
        client.channel_bind(0x4001, NOWHERE)
        round_trip(client, peer, relayed)
        check(failed_sends(server) == 0, "%d at the beginning", failed_sends(server))

        # A few at a time, so that none is lost before the relay.
        for _ in range(COUNT // 10):
            for _ in range(10):
                client.send_channel(0x4001, b"nowhere")
            round_trip(client, peer, relayed)
        expect_failed(server, 0, COUNT, "to a peer without a route")

        address("del")
        for _ in range(COUNT // 10):
            for _ in range(10):
                peer.sendto(b"nobody", relayed)
            time.sleep(0.01)
        expect_failed(server, COUNT, COUNT, "to a client that has gone")
        address("add")
        round_trip(client, peer, relayed)
        drops = {name: n for name, n in counters(server)["drops"].items() if n}
        check(drops == {"send-failed": 2 * COUNT}, "%s", drops)
        client.refresh(0)
        client.close()
    print("%d packets to a peer without a route and as many to a client that had gone" % COUNT)


if __name__ == "__main__":
    main()

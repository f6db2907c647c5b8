#!/usr/bin/python3
"""peers.allow of a loopback network does not open this host's own addresses in it: 127.0.0.1, and the
relay's inside address, at which mrasd and others may serve. Listed by itself, an address is open."""

import contextlib
import socket

import lib  # adds ../lib to the path
import netns
import turnclient as t
from netns import check

INSIDE, OUTSIDE, PEER, MRAS_PORT = "127.9.1.1", "127.9.2.1", "127.9.3.1", 5062
METRICS = ("127.0.0.1", 9478)


def refused(what):
    try:
        what()
    except t.TurnError as err:
        check(err.code == 403, "refused with %d", err.code)
        return True
    return False


def rows(server, own_is_listed):
    with contextlib.closing(t.Client((INSIDE, 3478), "udp", *server.credential())) as client, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mras, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        mras.bind((INSIDE, MRAS_PORT))
        peer.bind((PEER, 0))
        client.allocate()
        for number, address in enumerate((INSIDE, "127.0.0.1")):
            check(refused(lambda a=address: client.permit((a, 0))) != own_is_listed,
                  "a permission for %s", address)
            check(refused(lambda a=address, n=number:
                          client.channel_bind(0x4000 + n, (a, MRAS_PORT))) != own_is_listed,
                  "a channel to %s", address)
        client.permit((PEER, 0))
        for socket_, to in ((mras, (INSIDE, MRAS_PORT)), (peer, peer.getsockname())):
            client.send_to(to, b"hello")
            socket_.settimeout(5 if socket_ is peer or own_is_listed else 0.3)
            try:
                got = socket_.recv(100)
            except TimeoutError:
                got = None
            check((got == b"hello") == (socket_ is peer or own_is_listed), "%s got %r", to, got)
        for front in ((INSIDE, 3478), (INSIDE, 443), METRICS):
            check(refused(lambda f=front: client.channel_bind(0x4100, f)), "a channel to %s", front)


def main():
    netns.begin()
    network = ["127.9.0.0/16", "127.0.0.0/16"]
    for own in ([], [INSIDE, "127.0.0.1"]):
        with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=network + own,
                           settings={"metrics": ['address = "%s:%d"' % METRICS]}) as server:
            rows(server, bool(own))
    print("own addresses are open when listed one by one")


if __name__ == "__main__":
    main()

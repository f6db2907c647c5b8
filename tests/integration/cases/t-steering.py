#!/usr/bin/python3
"""Datagrams that come to another worker than that of their source: a program of the test in place of the
relay's leads all of them to one worker, then to another one, then the kernel's own hash decides. Calls of
every kind go on and new ones begin; nothing is lost, and each worker keeps its clients.
"""

import ctypes
import socket
import struct

import lib  # adds ../lib to the path
import call_model
import control
import netns
import relay
import turnclient as t
from netns import check

INSIDE, OUTSIDE, OUTSIDE6 = "127.0.1.1", "127.0.2.1", "fd7a:1::1"
PEER, PEER6 = "127.0.3.1", "fd7a:1::2"
WORKERS = 4
SO_ATTACH_REUSEPORT_CBPF, SO_DETACH_REUSEPORT_BPF = 51, 68
RET_K = 0x06
KINDS = {"udp": 40, "ms-udp": 8, "dual": 4, "mobile": 4, "tcp": 2, "ms-tcp": 2, "tcp-in": 1}


class Group:
    """A member of the group of a front's sockets: it comes last, so it gets nothing."""

    def __init__(self, address):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.sock.bind(address)
        self.sock.setblocking(False)

    def lead_to(self, worker):
        """Everything, whatever its source."""
        code = ctypes.create_string_buffer(struct.pack("HBBI", RET_K, 0, 0, worker))
        program = struct.pack("HP", 1, ctypes.addressof(code))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)

    def close(self):
        """From now on the kernel chooses."""
        self.sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0)
        try:
            check(not self.sock.recv(100), "the test's socket got a datagram")
        except BlockingIOError:
            pass
        self.sock.close()


def ask(server, path):
    return control.ask(server.path("relay.sock"), "GET", path)[1]


def handed_over(server):
    counters = ask(server, "/v1/counters")
    check(not counters["drops"].get("stray"), "stray datagrams were dropped: %s", counters["drops"])
    return counters["datagrams_handed_over"]


def per_worker(server):
    """How many allocations each worker has."""
    return [row["allocations"] for row in ask(server, "/v1/status")["per_worker"]]


def media_goes_on(model, seconds=1.5):
    """Both ways in every call."""
    before = [r.got for c in model.calls for r in c.to_peer + c.to_client]
    model.run(seconds)
    model.run(until=lambda: all(now.got > was for was, now in zip(
        before, [r for c in model.calls for r in c.to_peer + c.to_client])), what="media stands still")
    model.complain()


def extension_headers(server):
    """The program does not look behind them: such a client may come to any worker."""
    for _ in range(20):
        user, password = server.credential()
        client = t.Client((OUTSIDE6, 3478), "udp", user, password)
        # An unknown option that is to be skipped.
        client.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS,
                               bytes((0, 0, 0x1E, 4, 0, 0, 0, 0)))
        client.allocate()
        client.refresh(0)
        client.close()


def main():
    netns.begin()
    netns.add_addresses(OUTSIDE6, PEER6)
    with netns.running(inside=[INSIDE], outside=[OUTSIDE, OUTSIDE6], workers=WORKERS,
                       allow=[PEER, PEER6, "127.0.9.0/24"], extra=["mobility = true"],
                       settings={"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"]}) as server:
        model = call_model.Model(server, PEER, PEER6, rate=20, renew_s=3)
        model.add(KINDS)
        model.storm(10)
        model.settle()
        media_goes_on(model)
        check(handed_over(server) == 0, "%d were handed over at first", handed_over(server))
        before = per_worker(server)
        check(min(before) > 0, "workers have %s", before)
        groups = [Group((address, server.udp_port)) for address in (INSIDE, OUTSIDE)]
        for worker in (0, WORKERS - 1):
            already = handed_over(server)
            for group in groups:
                group.lead_to(worker)
            media_goes_on(model)
            model.add({"udp": 8, "ms-udp": 4})
            model.settle()
            media_goes_on(model)
            model.probe()
            model.audit()
            check(handed_over(server) > already + 100, "%d were handed over", handed_over(server))
            workers = per_worker(server)
            check(min(workers) >= min(before) // 2 > 0, "workers have %s, at first %s", workers, before)
        already = handed_over(server)
        for group in groups:
            group.close()
        media_goes_on(model)
        model.probe()
        model.audit()
        check(handed_over(server) > already + 100, "%d were handed over", handed_over(server))
        twice = sum(r.twice for c in model.calls for r in c.to_peer + c.to_client)
        # Only at a change: the next one, which comes straight, may overtake one that is handed over.
        check(twice <= 10, "%d datagrams came twice, or late", twice)
        model.close()
        extension_headers(server)
        print("%d datagrams were handed over; %s" % (handed_over(server), model.summary()))


if __name__ == "__main__":
    main()

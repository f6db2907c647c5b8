#!/usr/bin/python3
"""Datagrams that the kernel drops before the relay can read them are counted: every datagram sent
while the relay was stopped is in exactly one counter, at fronts and at relayed addresses, and none
is missed or counted twice when an allocation ends."""

import os
import re
import signal
import socket
import time
import urllib.request

import lib  # adds ../lib to the path
import netns
import relay
import turnclient
from netns import check

INSIDE, OUTSIDE, PEER, METRICS = "127.0.1.1", "127.0.2.1", "127.0.3.1", "127.0.0.1:9478"
SETTINGS = {"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"],
            "metrics": ['address = "%s"' % METRICS]}
COUNT, SIZE = 20000, 1000


def figures():
    """Counters by name; socket drops also by socket."""
    with urllib.request.urlopen("http://%s/metrics" % METRICS, timeout=10) as answer:
        text = answer.read().decode()
    found = {}
    for name, labels, value in re.findall(r"^(avedge_\w+)(\{\S*\})? (\S+)$", text, re.M):
        found[name] = found.get(name, 0) + float(value)
        if name == "avedge_socket_drops_total" or "to-client" in labels:
            key = (name, re.search(r'(?:socket|direction)="([^"]*)"', labels).group(1))
            found[key] = found.get(key, 0) + float(value)
    return found


def flood(server, source, target):
    """Send many datagrams while the relay is stopped."""
    os.kill(server.pid(), signal.SIGSTOP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(source)
        for _ in range(COUNT):
            sock.sendto(b"\xff" * SIZE, target)
    os.kill(server.pid(), signal.SIGCONT)


def settled(before, kind, want):
    """The kernel's drops of that kind, once every datagram sent is accounted for."""
    deadline = time.monotonic() + 30
    while True:
        now = figures()
        more = {k: now[k] - before[k] for k in now}
        kernel = more["avedge_socket_drops_total", kind]
        seen = more["avedge_drops_total"] + more["avedge_relayed_packets_total", "to-client"]
        if seen + kernel == want or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    check(seen + kernel == want, "%s: %d read and %d dropped by the kernel, of %d sent", kind,
          seen, kernel, want)
    check(0 < kernel < want, "%s: the kernel dropped %d of %d", kind, kernel, want)
    return int(kernel)


def main():
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       settings=SETTINGS) as server:
        client = turnclient.Client((INSIDE, 3478), "udp", *server.credential())
        client.allocate()
        client.permit((PEER, 7000))
        before = figures()
        flood(server, (PEER, 7000), client.relayed)
        at_relay = settled(before, "relay", COUNT)

        # Again, with the allocation released before the counters are read.
        before = figures()
        flood(server, (PEER, 7000), client.relayed)
        client.sock.setblocking(False)
        try:
            while client.sock.recv(65536):
                pass
        except BlockingIOError:
            pass
        client.sock.setblocking(True)
        client.backlog.clear()
        time.sleep(1)  # what still waits in the socket would end with it, read by nobody
        client.refresh(0)
        at_end = settled(before, "relay", COUNT)

        before = figures()
        flood(server, (PEER, 7001), (OUTSIDE, 3478))
        at_front = settled(before, "front", COUNT)
    print("of %d each, the kernel dropped %d and %d at a relayed address, %d at a front" % (
        COUNT, at_relay, at_end, at_front))


if __name__ == "__main__":
    main()

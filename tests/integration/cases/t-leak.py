#!/usr/bin/python3
"""100,000 allocate and release cycles: same ports, same descriptors, flat memory."""

import os
import time

import lib  # adds ../lib to the path
import netns
import relay
from netns import check
from checklist.base import resident_kib
from load_clients import LoadClients

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
CLIENTS, WARM_UP, CYCLES = 50, 20000, 100000
GROWTH_KIB = 1024
LIMITS = {"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"]}


def cycles(load_clients, count):
    refused = load_clients.run(load_clients.members, lambda m: m.cycle(count // CLIENTS), seconds=150)
    check(not refused, "refused: %s", list(refused.values())[:3])


def main():
    netns.begin()
    # The address sanitizer's own stacks fill slowly: resident memory that is not the relay's.
    os.environ["ASAN_OPTIONS"] = ":".join(filter(None, (
        os.environ.get("ASAN_OPTIONS"), "detect_stack_use_after_return=0")))
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       settings=LIMITS) as server:
        pid = server.pid()
        load_clients = LoadClients((INSIDE, 3478), *server.credential())
        load_clients.grow(CLIENTS)
        cycles(load_clients, WARM_UP)
        sockets, fds, resident = netns.relay_sockets(), netns.descriptors(pid), resident_kib(pid)
        check(sockets == 0, "%d relay sockets are open", sockets)
        started = time.monotonic()
        cycles(load_clients, CYCLES)
        seconds = time.monotonic() - started
        grown = resident_kib(pid) - resident
        check(netns.relay_sockets() == 0, "%d relay sockets are open", netns.relay_sockets())
        check(netns.descriptors(pid) == fds, "descriptors: %d, then %d", fds,
              netns.descriptors(pid))
        check(grown <= GROWTH_KIB, "resident memory grew by %d KiB", grown)
        # No port has leaked: the whole range can still be allocated.
        everybody = load_clients.grow(10000)
        refused = load_clients.run(everybody, lambda m: m.allocate())
        check(not refused, "%d of 10000 ports are lost", len(refused))
        load_clients.run(everybody, lambda m: m.release())
        load_clients.close()
    print("%d cycles in %.0f s, %+d KiB, %d retransmissions" % (
        CYCLES, seconds, grown, load_clients.resent))


if __name__ == "__main__":
    main()

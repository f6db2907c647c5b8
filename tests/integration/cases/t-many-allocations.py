#!/usr/bin/python3
"""Every relay port of one outside address in use at once, held, and released.

9,000 allocations, then the rest of the range, then one too many (508), then all are released and
9,000 allocated again at once: ports in quarantine are used rather than refused.
"""

import time

import lib  # adds ../lib to the path
import netns
import relay
from netns import check
from load_clients import LoadClients

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
LIMITS = {"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"]}


def settled(server, want):
    """Wait for that many relay sockets; a release may take the relay a moment."""
    for _ in range(100):
        have = netns.relay_sockets()
        if have == want:
            return
        time.sleep(0.05)
    check(False, "%d relay sockets, expected %d; the relay has %d descriptors", have, want,
          netns.descriptors(server.pid()))


def main():
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       settings=LIMITS) as server:
        load_clients = LoadClients((INSIDE, 3478), *server.credential())
        before = netns.descriptors(server.pid())
        many = load_clients.grow(9000)
        refused = load_clients.run(many, lambda m: m.allocate())
        check(not refused, "%d of 9000 refused: %s", len(refused), list(refused.values())[:3])
        addresses = {m.relayed for m in many}
        check(len(addresses) == 9000, "%d different relayed addresses", len(addresses))
        check({a[0] for a in addresses} == {OUTSIDE}, "a relayed address is not outside")
        settled(server, 9000)

        rest = load_clients.grow(1000)
        refused = load_clients.run(rest, lambda m: m.allocate())
        check(not refused, "%d of the last 1000 refused", len(refused))
        extra = load_clients.grow(5)
        refused = load_clients.run(extra, lambda m: m.allocate())
        check([r.code for r in refused.values()] == [508] * 5, "beyond the range: %s", refused)

        holders = many + rest
        refused = load_clients.run(holders, lambda m: m.release())
        check(not refused, "%d releases refused", len(refused))
        settled(server, 0)
        refused = load_clients.run(many, lambda m: m.allocate())
        check(not refused, "%d of 9000 refused the second time", len(refused))
        refused = load_clients.run(many, lambda m: m.release())
        check(not refused, "%d releases refused the second time", len(refused))
        settled(server, 0)
        after = netns.descriptors(server.pid())
        check(after <= before + 2, "descriptors: %d before, %d after", before, after)
        load_clients.close()
    print("9000 held and released twice, the whole range once, %d retransmissions"
          % load_clients.resent)


if __name__ == "__main__":
    main()

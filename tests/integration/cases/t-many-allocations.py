#!/usr/bin/python3
"""Every relay port of one outside address in use at once, held, and given back.

9,000 allocations, then the rest of the range, then one too many (508), then all released and
9,000 taken again at once: a port that rests is given out rather than refused.
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import alone  # noqa: E402
import relay  # noqa: E402
from alone import check  # noqa: E402
from crowd import Crowd  # noqa: E402

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
LIMITS = {"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"]}


def settled(server, want):
    """The sockets are there, or gone; releasing may take the relay a moment."""
    for _ in range(100):
        have = alone.relay_sockets()
        if have == want:
            return
        time.sleep(0.05)
    check(False, "%d relay sockets, expected %d; the relay has %d descriptors", have, want,
          alone.descriptors(server.pid()))


def main():
    alone.begin()
    with alone.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       settings=LIMITS) as server:
        crowd = Crowd((INSIDE, 3478), *server.credential())
        before = alone.descriptors(server.pid())
        many = crowd.grow(9000)
        refused = crowd.run(many, lambda m: m.allocate())
        check(not refused, "%d of 9000 refused: %s", len(refused), list(refused.values())[:3])
        addresses = {m.relayed for m in many}
        check(len(addresses) == 9000, "%d different relayed addresses", len(addresses))
        check({a[0] for a in addresses} == {OUTSIDE}, "a relayed address is not outside")
        settled(server, 9000)

        rest = crowd.grow(1000)
        refused = crowd.run(rest, lambda m: m.allocate())
        check(not refused, "%d of the last 1000 refused", len(refused))
        extra = crowd.grow(5)
        refused = crowd.run(extra, lambda m: m.allocate())
        check([r.code for r in refused.values()] == [508] * 5, "beyond the range: %s", refused)

        holders = many + rest
        refused = crowd.run(holders, lambda m: m.release())
        check(not refused, "%d releases refused", len(refused))
        settled(server, 0)
        refused = crowd.run(many, lambda m: m.allocate())
        check(not refused, "%d of 9000 refused at the second go", len(refused))
        refused = crowd.run(many, lambda m: m.release())
        check(not refused, "%d releases refused at the second go", len(refused))
        settled(server, 0)
        after = alone.descriptors(server.pid())
        check(after <= before + 2, "descriptors: %d before, %d after", before, after)
        crowd.close()
    print("9000 held and released twice, the whole range once, %d retransmissions"
          % crowd.resent)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# timeout: 240
"""Calls of all kinds through the kernel plane: IPv4 and IPv6, the MS dialect, between two relayed addresses,
of clients that move, below and above a limit of bandwidth. Nothing is lost that should pass, what is shown while they last is
exact, and what is idle leaves the kernel.

  t-kernel-plane-calls.py [NAME...]

IPv4 and IPv6 also where devices leave no checksum to others, and with the filters of kernels before 6.6.
"""

import sys
import time

import lib  # adds ../lib to the path
import kernel_plane
import turnclient
from netns import check

PPS = 300


def mostly_forwarded(bed, before, packets, what):
    """Nearly all of them went below the sockets."""
    forwarded = bed.forwarded() - before
    check(forwarded >= 0.95 * packets, "%s: the kernel has forwarded %d of %d packets\n%s", what,
          forwarded, packets, bed.plane())


def ended(bed, call):
    call.settle()
    if call.dialect == "ietf":
        call.client.refresh(0)
    else:
        call.client.release()
    call.check_record(bed.record_of(call))


def both_families(bed):
    for v6 in (False, True):
        call = bed.call(v6=v6)
        bed.until_offloaded(call)
        before = bed.forwarded()
        for size in (16, 160, 1200):
            call.run(0.7, PPS, size)
        call.check_whole("IPv6" if v6 else "IPv4")
        mostly_forwarded(bed, before, 6 * 0.7 * PPS, "IPv6" if v6 else "IPv4")
        ended_of_sizes(bed, call)
    return "IPv4 and IPv6"


def ended_of_sizes(bed, call):
    call.client.refresh(0)
    call.check_record(bed.record_of(call), size=None)


def shown(bed):
    """What is listed while the kernel forwards is what has arrived."""
    call = bed.call(user="shown")
    bed.until_offloaded(call)
    for _ in range(5):
        call.run(0.45, PPS)
        call.settle(0.1)
        rows = bed.ask("GET", "/v1/allocations?user=shown")[1]["allocations"]
        to_peer, to_client = call.arrived()
        check(len(rows) == 1 and rows[0]["to_peer"]["packets"] == to_peer
              and rows[0]["to_client"]["packets"] == to_client, "%s, arrived: %d and %d", rows,
              to_peer, to_client)
    ended(bed, call)
    return "the list is exact"


def microsoft(bed):
    """An active destination, then another one."""
    call = bed.call(dialect="ms")
    bed.until_offloaded(call)
    before = bed.forwarded()
    call.run(2.0, PPS)
    call.check_whole("MS")
    mostly_forwarded(bed, before, 4 * PPS, "MS")
    other = bed.call(dialect="ms", peer=1)
    call.client.send(other.peer_addr, b"?")
    call.client.activate(other.peer_addr)
    for _ in range(20):
        call.client.send_bare(b"\x80 to the other one")
    time.sleep(0.3)
    got = []
    try:
        while True:
            got.append(other.peer.recvfrom(2048))
    except BlockingIOError:
        pass
    # The Send of the other client may be among them.
    got = [source for _, source in got if source == call.relayed]
    check(len(got) == 21, "of 20 to a new destination %d arrived", len(got) - 1)
    call.client.release()
    record = bed.record_of(call)
    to_peer, to_client = call.arrived()
    # Two Sends, and what went to the other one.
    check(record["packets_to_peer"] == to_peer + 22 and record["packets_to_client"] == to_client,
          "record: %s, arrived: %d and %d", record, to_peer, to_client)
    return "an active destination"


def between_two(bed):
    """Two clients of this relay: each packet passes two allocations, and is in both records."""
    one, two = bed.call(bind=False), bed.call(bind=False)
    for call, other in ((one, two), (two, one)):
        call.peer.close()
        call.peer, call.peer_addr = None, other.relayed
        call.bind()
    bed.until_offloaded(one, two)
    before = bed.forwarded()
    kernel_plane.run([one, two], 2.0, PPS)
    for call in (one, two):
        call.check_whole("between two")
    mostly_forwarded(bed, before, 4 * PPS, "between two")
    arrived = len(one.got["c"]), len(two.got["c"])
    for call in (one, two):
        call.client.refresh(0)
    for call, to_peer, to_client in ((one, *arrived), (two, *reversed(arrived))):
        record = bed.record_of(call)
        check(record["packets_to_peer"] == to_peer and record["packets_to_client"] == to_client,
              "record: %s, arrived: %d and %d", record, to_peer, to_client)
    return "relay to relay"


def dual(bed):
    """A client on IPv4 with both relayed addresses: what would change family stays on sockets, the rest does
    not."""
    call = bed.call(bind=False)
    call.client.refresh(0)
    call.client.relayed = None
    call.client.allocate(turnclient.family_attr(2, turnclient.ADDITIONAL_ADDRESS_FAMILY))
    call.relayed = call.client.relayed
    call.bind()
    bed.until_offloaded(call)
    v6 = bed.call(v6=True, bind=False)
    call.client.channel_bind(kernel_plane.CHANNEL + 1, v6.peer_addr)
    v6.peer.settimeout(2)
    for number in range(30):
        raw = bytes((0x40, 0x01, 0, 4)) + b"\x80%03d" % number
        call.client.send_bytes(raw)
        data, source = v6.peer.recvfrom(2048)
        check(data == raw[4:], "%s", data)
        v6.peer.sendto(data, source)
        origin, back = call.client.data(2)
        while origin != kernel_plane.CHANNEL + 1:
            origin, back = call.client.data(2)
        check(back == data, "%s", back)
    before = bed.forwarded()
    call.run(1.0, PPS)
    call.check_whole("dual")
    mostly_forwarded(bed, before, 2 * PPS, "dual")
    return "dual stack"


def moves(bed):
    """A client goes to other ports of its own, which other workers may receive: nothing is lost, and the
    kernel has it again after each."""
    call = bed.call(mobile=True)
    bed.until_offloaded(call)
    for i in range(6):
        done = []

        def move():
            if len(call.got["p"]) % 10 == 5 and not done:
                call.move()
                done.append(True)
            return bool(done)
        call.run(0.6, PPS, meanwhile=move)
        call.check_whole("move %d" % (i + 1))
        check(done, "not moved")
        bed.until_offloaded(call)
    call.settle()
    call.client.refresh(0)
    record = bed.record_of(call)
    check(record["moves"] == 6, "%s moves in the record", record.get("moves"))
    call.check_record(record)
    return "moves"


def drops(bed, reason):
    counters = bed.ask("GET", "/v1/counters")[1]
    return counters["drops"].get(reason, 0)


def limits(bed):
    """1 Mbit/s for an allocation: below it nothing is lost, above it only the excess."""
    bed.rewrite("limits {\n", "limits {\n\tbandwidth_per_allocation = 1Mbit\n")
    bed.ctl("reload")
    below, above = bed.call(), bed.call()
    bed.until_offloaded(below, above)
    below.run(1.0, 50, 1000)	# 0.8 Mbit/s; its credit follows
    before = bed.forwarded()
    below.run(3.0, 50, 1000)
    below.check_whole("below its limit")
    mostly_forwarded(bed, before, 2 * 3 * 50, "below its limit")

    above.run(7.0, 200, 1000)	# 3.2 Mbit/s; a burst of 5 s passes at twice the limit at most
    above.settle()
    start = sum(above.arrived())
    above.run(6.0, 200, 1000)
    above.settle()
    mbit = (sum(above.arrived()) - start) * 8000 / 6.0 / 1e6
    check(0.8 < mbit < 1.15, "%.2f Mbit/s of a limit of 1", mbit)
    dropped = drops(bed, "bandwidth-allocation") + drops(bed, "bandwidth-peak-allocation")
    lost = len(above.lost("c")) + len(above.lost("p"))
    check(dropped == lost, "%d dropped by name, %d lost", dropped, lost)
    ended_of_sizes(bed, above)
    ended_of_sizes(bed, below)
    bed.rewrite("\tbandwidth_per_allocation = 1Mbit\n", "")
    bed.ctl("reload")
    return "%.2f Mbit/s of 1" % mbit


def idle(bed):
    """Ten seconds without a packet, and it is gone from the kernel; its next packets bring it back."""
    call = bed.call()
    bed.until_offloaded(call)
    at_work = bed.flows()
    check(at_work >= 2, "flows: %d", at_work)
    bed.until(lambda: bed.flows() == 0, "idle flows leave", 16)
    bed.until_offloaded(call)
    call.check_whole("idle")
    check(bed.flows() == 2, "flows: %d", bed.flows())
    ended(bed, call)
    return "idle flows leave"


STEPS = (both_families, shown, microsoft, between_two, dual, moves, limits, idle)


def main():
    kernel_plane.begin()
    began = time.monotonic()
    wanted = sys.argv[1:]
    done = []
    with kernel_plane.testbed(relay_options={"extra": ["mobility = true"], "workers": 3}) as bed:
        for step in STEPS:
            if not wanted or step.__name__ in wanted:
                print("%s ..." % step.__name__, flush=True)
                done.append(step(bed))
    for options in ({"checksum_offload": False}, {"attach": "clsact"}):
        if not wanted or "links" in wanted:
            print("%s ..." % options, flush=True)
            with kernel_plane.testbed(**options) as bed:
                both_families(bed)
    print("%s (%.0f s)" % (", ".join(done), time.monotonic() - began))


if __name__ == "__main__":
    main()

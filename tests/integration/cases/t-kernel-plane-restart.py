#!/usr/bin/python3
# timeout: 240
"""Under load the relay is killed, restarts as planned, its loader is killed and comes back, and the
administrator turns the kernel plane off and on: bound channels lose no packet, none comes twice,
and in the end the records have all."""

import signal
import time

import lib  # adds ../lib to the path
import kernel_plane
from netns import check

CALLS, PPS = 6, 150


def under_load(bed, calls, what, do, seconds=4.0):
    """do() in the middle of it; nothing is lost."""
    done = []
    began = time.monotonic()

    def meanwhile():
        if time.monotonic() - began < 1.0:
            return False
        done.append(do())
        return True
    kernel_plane.run(calls, seconds, PPS, meanwhile=meanwhile)
    check(done, "%s: not done", what)
    for call in calls:
        call.check_whole(what)
    print("%-16s %6d packets each way, none lost" % (what, calls[0].sent["c"]), flush=True)
    return done[0]


def killed(bed, calls):
    """The programs go on, and the next process takes the flows up."""
    for _ in range(3):
        before = bed.server.pid()
        under_load(bed, calls, "kill -9", lambda: bed.server.kill(wait=False))
        check(bed.server.pid() != before, "the relay was not killed")
        bed.until_on()
        bed.until(lambda: bed.flows() == 2 * len(calls), "the flows are taken up")


def planned(bed, calls):
    under_load(bed, calls, "planned restart", lambda: bed.server.restart(wait=False))
    bed.until_on()
    bed.until(lambda: bed.flows() == 2 * len(calls), "the flows are taken up")


def turned_off(bed, calls):
    under_load(bed, calls, "off", lambda: bed.ctl("offload", "off"))
    check(not bed.is_on() and bed.flows() == 0, "not off: %s", bed.plane())
    before = bed.forwarded()
    under_load(bed, calls, "sockets", lambda: None, 2.0)
    check(bed.forwarded() == before, "off, and it forwards")
    under_load(bed, calls, "on", lambda: bed.ctl("offload", "on"))
    check(bed.is_on() and bed.flows() == 2 * len(calls), "not on: %s", bed.plane())


def loader_killed(bed, calls):
    under_load(bed, calls, "loader killed", lambda: bed.stop_loader(signal.SIGKILL))
    check(not bed.is_on(), "on without a loader: %s", bed.plane())
    under_load(bed, calls, "loader back", bed.start_loader)
    bed.until_on()
    under_load(bed, calls, "loader's work", lambda: None)
    check(bed.flows() == 2 * len(calls), "flows after the loader came back: %s", bed.plane())


def main():
    kernel_plane.begin()
    with kernel_plane.testbed() as bed:
        calls = [bed.call(v6=i % 3 == 2) for i in range(CALLS)]
        bed.until_offloaded(*calls)
        for what in (killed, planned, turned_off, loader_killed):
            what(bed, calls)
        for call in calls:
            call.settle()
            call.client.refresh(0)
        for call in calls:
            # What the sockets have relayed since the last save before a kill is lost to the counters.
            record = bed.record_of(call)
            to_peer, to_client = call.arrived()
            check(0.9 * to_peer < record["packets_to_peer"] <= to_peer and
                  0.9 * to_client < record["packets_to_client"] <= to_client,
                  "record %d and %d, arrived %d and %d", record["packets_to_peer"],
                  record["packets_to_client"], to_peer, to_client)
            check(record["restarts"] == 4, "it has outlived %s restarts", record.get("restarts"))
    print("%d calls: no packet lost" % CALLS)


if __name__ == "__main__":
    main()

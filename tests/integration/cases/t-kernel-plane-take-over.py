#!/usr/bin/python3
# timeout: 240
"""A new process takes over from the running one (mediarelayd --take-over) while the kernel forwards: no
packet is lost, none comes twice, and the records have every one. So it is when the take-over comes to
nothing, because the new process is killed or stands still: the old one goes on with its flows."""

import os
import random
import signal
import subprocess
import time

import lib  # adds ../lib to the path
import kernel_plane
import relay
from netns import check

CALLS, PPS, TIMES = 4, 150, 5


class Chain(relay.Relay):
    """A relay whose processes follow each other."""

    def socket(self):
        return self.path("take-over.sock")

    def follow(self):
        with open(self.path("relay.log"), "ab") as log:
            return subprocess.Popen(self.command() + ["--take-over", self.socket()], stdout=log, stderr=log,
                                    stdin=subprocess.DEVNULL, start_new_session=True)

    def is_now(self, child):
        self.child = child
        with open(self.path("relay.pid"), "w", encoding="ascii") as out:
            out.write("%d\n" % child.pid)


def whole(calls, what):
    for call in calls:
        call.check_whole(what)


def taken_over(bed, calls):
    server, old = bed.server, bed.server.child
    started = []

    def meanwhile():
        if not started:
            started.append(server.follow())
        return True
    kernel_plane.run(calls, 2.5, PPS, meanwhile=meanwhile)
    check(started[0].poll() is None, "the new process has ended\n%s", server.log()[-2000:])
    check(old.wait(20) == 0, "the old process ended with status %s", old.returncode)
    server.is_now(started[0])
    whole(calls, "taken over")
    bed.until_on()
    check(bed.flows() == 2 * len(calls), "flows: %s", bed.plane())
    before, sent = bed.forwarded(), sum(sum(call.sent.values()) for call in calls)
    kernel_plane.run(calls, 1.0, PPS)
    whole(calls, "after it")
    sent = sum(sum(call.sent.values()) for call in calls) - sent
    check(bed.forwarded() - before > 0.9 * sent, "the new process does not forward: %s", bed.plane())


def in_vain(bed, calls, how):
    """how(child, age): what becomes of the new process; True once it was done."""
    server, old = bed.server, bed.server.child
    child = server.follow()
    began, done = time.monotonic(), []

    def meanwhile():
        done.append(how(child, time.monotonic() - began))
        return done[-1]
    kernel_plane.run(calls, 3.0, PPS, meanwhile=meanwhile)
    check(done and done[-1], "nothing was done")
    if child.poll() is None:
        child.send_signal(signal.SIGKILL)
    child.wait(20)
    if old.poll() is not None:	# too late: it had taken over
        raise SystemExit("FAIL: the old process has ended\n" + server.log()[-2000:])
    bed.until_on()
    kernel_plane.run(calls, 1.0, PPS)
    whole(calls, "in vain")
    check(bed.flows() == 2 * len(calls), "flows: %s", bed.plane())


def killed_early(child, age):
    """Before it can have asked for anything, or while it asks."""
    if age < random.uniform(0.0, 0.03):
        return False
    child.kill()
    return True


def main():
    kernel_plane.begin()
    options = {"kind": Chain, "settings": {}}
    began = time.monotonic()
    with kernel_plane.testbed(start=False) as bed:
        options["settings"]["take_over"] = ['socket = "%s"' % os.path.join(
            bed.directory, "relay", "take-over.sock")]
        bed.start(options)
        calls = [bed.call(v6=i % 2 == 1) for i in range(CALLS)]
        bed.until_offloaded(*calls)
        for _ in range(TIMES):
            in_vain(bed, calls, killed_early)
            taken_over(bed, calls)
        for call in calls:
            call.settle()
            call.client.refresh(0)
        for call in calls:
            call.check_record(bed.record_of(call))
    print("%d times taken over, %d in vain: no packet lost, records exact (%.0f s)"
          % (TIMES, TIMES, time.monotonic() - began))


if __name__ == "__main__":
    main()

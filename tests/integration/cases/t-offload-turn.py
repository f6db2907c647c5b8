#!/usr/bin/python3
"""The kernel plane is turned off and on, its loader ends and comes back, sides are reloaded: calls go on without a
lost packet, and whoever asks is told by which plane, and why.
"""
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import kernel_plane  # noqa: E402
from netns import check  # noqa: E402


def shown(bed, *args):
    return bed.ctl(*args).stdout


def on_sockets(bed, call, what):
    """Packets arrive, and the kernel forwards none of them."""
    bed.until(lambda: not bed.plane()["on"], what)
    before = bed.forwarded()
    call.run(0.3)
    check(bed.forwarded() == before, "%s: the kernel still forwards", what)
    call.check_whole(what)
    print("ok: " + what)


def in_kernel(bed, call, what):
    bed.until_on()
    bed.until_offloaded(call)
    call.check_whole(what)
    print("ok: " + what)


def allocation(bed):
    rows = json.loads(shown(bed, "allocations", "--json"))["allocations"]
    check(len(rows) == 1, "%d allocations", len(rows))
    return rows[0]["id"]


def what_is_shown(bed, call):
    out = shown(bed, "offload")
    for line in ("state           on\n", "device          in0: tcx", "device          out0: tcx",
                 "flows           2 of "):
        check(line in out, "no \"%s\" in:\n%s", line, out)
    check("kernel plane    on: in0 tcx, out0 tcx\n" in shown(bed, "status"), "%s", shown(bed, "status"))
    out = shown(bed, "show", allocation(bed))
    check("  kernel\n" in out, "the channel is not shown in the kernel:\n%s", out)
    call.run(0.2)


def turned(bed, call):
    call.run(1.0, meanwhile=lambda: shown(bed, "offload", "off"))
    on_sockets(bed, call, "turned off")
    out = shown(bed, "offload")
    check("state           turned off: " in out and "avedgectl offload on" in out, "%s", out)
    check("  sockets  off  the kernel plane is off\n" in shown(bed, "show", allocation(bed)), "%s",
          shown(bed, "show", allocation(bed)))
    call.run(1.0, meanwhile=lambda: shown(bed, "offload", "on"))
    in_kernel(bed, call, "turned on")


def loader_ends(bed, call):
    for sig in (signal.SIGTERM, signal.SIGKILL):
        call.run(1.0, meanwhile=lambda sig=sig: bed.stop_loader(sig))
        on_sockets(bed, call, "the loader ended by signal %d" % sig)
        check("kernel plane    off: " in shown(bed, "status"), "%s", shown(bed, "status"))
        bed.start_loader()
        # The relay tries again by itself.
        bed.until(lambda: bed.plane()["on"], "on again", 15)
        in_kernel(bed, call, "the loader is back")


def reloaded(bed, call):
    """A side that is off: neither what arrives nor what leaves there is forwarded."""
    bed.rewrite('offload = "auto"', 'offload = "off"')
    shown(bed, "reload")
    bed.until(lambda: bed.flows() == 0, "no flows with a side that is off")
    before = bed.forwarded()
    call.run(0.5)
    check(bed.forwarded() == before and len(bed.plane()["devices"]) == 1, "inside is off: %s",
          bed.plane())
    call.check_whole("inside off")
    bed.rewrite('offload = "off"', 'offload = "xdp"')
    shown(bed, "reload")
    bed.until(lambda: len(bed.plane()["devices"]) == 2, "two devices")
    print("ok: a side is off by a reload; xdp: %s" % bed.plane()["devices"])
    bed.rewrite('offload = "xdp"', 'offload = "tc"')
    shown(bed, "reload")
    bed.until(lambda: all(row["program"] == "tcx" for row in bed.plane()["devices"]), "TC on both")
    in_kernel(bed, call, "by TC again")


def wrong_values(bed):
    bed.rewrite('offload = "tc"', 'offload = "tcp"')
    done = bed.ctl("reload", ok=False)
    check(done.returncode == 1 and "side.inside.offload: \"tcp\" is unknown; write auto or tc or xdp or off" in
          done.stderr + done.stdout, "%s%s", done.stdout, done.stderr)
    bed.rewrite('offload = "tcp"', 'offload = "tc"')
    print("ok: a wrong value is refused")


def records(bed, call):
    """All that has arrived, by either plane, is in the record."""
    call.settle()
    shown(bed, "kill", allocation(bed))
    call.check_record(bed.record_of(call))
    print("ok: the record is exact")


def main():
    kernel_plane.begin()
    with kernel_plane.testbed() as bed:
        call = bed.call()
        in_kernel(bed, call, "in the kernel")
        what_is_shown(bed, call)
        turned(bed, call)
        loader_ends(bed, call)
        reloaded(bed, call)
        wrong_values(bed)
        records(bed, call)


main()

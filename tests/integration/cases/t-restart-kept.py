#!/usr/bin/python3
# slow: boots a container
"""Calls survive under a real systemd. In a booted container with the packages installed: a restart and a
kill keep UDP allocations, a stop ends them with their records and leaves nothing in the store of
descriptors, and the store has what it should have after each. A restart that was planned loses no
packet. A configuration error is not retried, and a relay that cannot start does not spin."""

import json
import sys
import time

import lib  # adds ../lib to the path
import edge as edges
from edge import BEGAN, MRAS, RELAY, RELAY_CONF, Edge, check, ended_well, say

CALL_S = 6
# How many of 50 packets each second, in each direction, a kill may cost: those that arrive while the
# sockets of relayed addresses are not bound.
MAX_LOSS = "12"


def stored(edge, unit=RELAY):
    return int(edge.show(unit, "NFileDescriptorStore"))


def settled(edge, want, what, unit=RELAY):
    """One more is there at times, to see whether there is room."""
    edge.wait_until(lambda: stored(edge, unit) == want, "%s: %d descriptors are stored, not %d"
                    % (what, stored(edge, unit), want))


def store_at_rest(edge):
    """How many there are between two calls."""
    lowest = stored(edge)
    for _ in range(25):
        time.sleep(0.1)
        lowest = min(lowest, stored(edge))
    return lowest


def begin_call(edge, max_loss, server="udp:127.0.1.1:3478"):
    call = edge.machine.start(
        "avedge-load", "--server", server, "--user", edge.username, "--password", edge.password,
        "--peer-address", "127.0.0.1", "--duration", "%ds" % CALL_S, "--max-loss", max_loss, "--quiet")
    edge.wait_until(lambda: allocations(edge) == 1, "the call did not begin")
    return call


def allocations(edge):
    answer = edge.ctl("status", "--json", check=False)
    return json.loads(answer.stdout)["allocations"] if answer.returncode == 0 else None


def records(edge):
    lines = edge.journal(RELAY, "-o", "json").splitlines()
    return [entry for entry in map(json.loads, lines) if "ALLOCATION_ID" in entry]


def goes_on(edge, how, max_loss, server="udp:127.0.1.1:3478"):
    """A call through what how() does."""
    before, ended, pid = store_at_rest(edge), len(records(edge)), edge.pid(RELAY)
    call = begin_call(edge, max_loss, server)
    how()
    edge.wait_for_start(RELAY, pid)
    check(allocations(edge) == 1, "the allocation is gone")
    check(len(records(edge)) == ended, "an allocation has ended")
    ended_well(call, how.__name__)
    edge.wait_until(lambda: len(records(edge)) == ended + 1, "the call has no record")
    settled(edge, before, how.__name__)


# --- steps, in this order --------------------------------------------------------------------

def fronts_and_memory_are_stored(edge):
    """Two workers or more: sockets of each for UDP and TCP on both sides, a file each and a shared
    one, a parcel for TCP connections, places for twice as many of these, and what counts restarts."""
    workers = edge.document("status")["workers"]
    kept = workers + 1 + 1
    want = 2 * 2 * workers + kept + max(2 * kept, 8) + 1
    settled(edge, want, "after the start")
    settled(edge, 1 + 1, "after the start", MRAS)
    say("%d descriptors of %d workers" % (want, workers))


def restart_keeps_calls(edge):
    def restart():
        edge.systemctl("restart", RELAY)
    goes_on(edge, restart, "0")


def kill_keeps_calls(edge):
    def kill():
        edge.kill(RELAY)
    goes_on(edge, kill, MAX_LOSS)


def streams_go_on(edge):
    def restart():
        edge.systemctl("restart", RELAY)

    def kill():
        edge.kill(RELAY)
    goes_on(edge, restart, "0", "tcp:127.0.1.1:443")
    goes_on(edge, kill, MAX_LOSS, "tcp:127.0.1.1:443")


def stop_ends_calls(edge):
    ended = len(records(edge))
    call = begin_call(edge, "100")
    edge.systemctl("stop", RELAY)
    call.communicate(timeout=30)
    check(len(records(edge)) == ended + 1, "a stop writes no record")
    settled(edge, 0, "after a stop")
    check(edge.show(RELAY, "Result") == "success", "it ended badly")
    edge.systemctl("start", RELAY)
    check(allocations(edge) == 0, "a call outlives a stop")
    fronts_and_memory_are_stored(edge)


def reload_keeps_the_store_right(edge):
    machine, before = edge.machine, store_at_rest(edge)
    workers = edge.document("status")["workers"]
    good = machine.read(RELAY_CONF)
    machine.write(RELAY_CONF, good.replace("tcp_ports = 443", "tcp_ports = 444"))
    edge.systemctl("reload", RELAY)
    edge.call("tcp:127.0.1.1:444")
    settled(edge, before, "the same number of other fronts")
    edge.systemctl("restart", RELAY)
    edge.call("tcp:127.0.1.1:444")
    machine.write(RELAY_CONF, good)
    edge.systemctl("restart", RELAY)
    edge.call("tcp:127.0.1.1:443")
    settled(edge, before, "fronts changed by a restart")
    say("%d sockets for each port of %d workers" % (workers, workers))


def what_cannot_start_does_not_spin(edge):
    """An address that the host has not got: not an error of the configuration, so it is tried again."""
    machine = edge.machine
    good = machine.read(RELAY_CONF)
    machine.write(RELAY_CONF, good.replace("{127.0.2.1}", "{10.99.99.1}"))
    edge.systemctl("restart", RELAY, check=False)
    edge.systemctl("restart", "avedge.target")  # does not wait for it
    edge.says(RELAY, "times in a row", "it does not wait")
    first = int(edge.show(RELAY, "NRestarts"))
    time.sleep(2)
    more = int(edge.show(RELAY, "NRestarts")) - first
    check(more < 10, "%d starts in two seconds" % more)
    say("%d starts, then %d in two seconds" % (first, more))
    machine.write(RELAY_CONF, good + "nonsense = 1\n")
    edge.wait_until(lambda: edge.show(RELAY, "ActiveState") == "failed",
                    "an error of the configuration is tried again", 20)
    settled(edge, 0, "after a failure")
    machine.write(RELAY_CONF, good)
    edge.systemctl("start", RELAY)
    edge.call()


STEPS = (fronts_and_memory_are_stored, restart_keeps_calls, kill_keeps_calls, stop_ends_calls,
         reload_keeps_the_store_right, what_cannot_start_does_not_spin, streams_go_on)


def live(machine, packages):
    edge, wanted = Edge(machine), sys.argv[1:]
    edges.install_and_serve(edge, packages)
    for step in STEPS:
        if wanted and step.__name__ not in wanted:
            continue
        say(step.__name__.replace("_", " "))
        try:
            step(edge)
        except BaseException:
            print(edge.journal(RELAY, "-o", "short-precise", "-n", "60"))
            raise


def main():
    edges.in_a_machine(live)
    print("%d steps, %d s" % (len(STEPS), time.monotonic() - BEGAN))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""An upgrade to a release whose state is of the next version, in layout and in records, keeps calls, by
a restart and by a kill. The way back does not: the older release says so, starts empty, and serves."""

import os
import subprocess
import sys
import tempfile

import lib  # adds ../lib to the path
import fdstore
import netns
import openapi_check
import relay
from control_caller import INSIDE, Peer, caller, ids, talks, until
from netns import check

NEXT = "tests/integration/mediarelayd-next"


def next_release():
    """Its path; the test is skipped where it cannot be built."""
    build = os.environ.get("BUILD_DIR") or relay.BUILD
    if not os.path.exists(os.path.join(build, "Makefile")):
        print("no build directory")
        sys.exit(77)
    made = subprocess.run(["make", "-C", build, NEXT], capture_output=True, text=True, timeout=150,
                          check=False)
    check(made.returncode == 0, "%s is not built:\n%s", NEXT, made.stderr[-2000:])
    return os.path.abspath(os.path.join(build, NEXT))


def upgrades(server, program):
    peer, call, stream = Peer(), caller(server), caller(server, "carol", "tcp")
    for client in (call, stream):
        client.channel_bind(0x4000, peer.address)
    before = sorted(ids(server))
    first = server.service.command[0]
    server.service.command[0] = program
    for end in (server.restart, server.kill, server.restart):
        end()
        check(sorted(ids(server)) == before, "%s: %s, not %s", end.__name__, ids(server), before)
        check(talks(call, peer) and talks(stream, peer), "%s: no call", end.__name__)
    check("does not read" not in server.log(), "something was not read")
    call.refresh()

    server.service.command[0] = first
    server.restart()
    check("which this release does not read; its allocations are lost" in server.log(),
          "the way back is not told")
    until(lambda: ids(server) == [], "the way back has kept something")
    call = caller(server, "dave")
    call.channel_bind(0x4000, peer.address)
    check(talks(call, peer), "no new call after the way back")


def main():
    netns.begin()
    program = next_release()
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = fdstore.RelayService(directory, inside=[INSIDE], outside=["127.0.2.1"],
                                      allow=["127.0.3.0/24"], workers=2)
        server.start()
        server.description = openapi_check.Description("control-mediarelayd.json")
        with server:
            upgrades(server, program)


if __name__ == "__main__":
    main()

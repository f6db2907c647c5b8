#!/usr/bin/python3
"""Twenty restarts, planned and by SIGKILL, under calls with data connections on three workers: the store and
the process have no more pipes and descriptors after the last than after the first few.
"""
# timeout: 200

import os
import tempfile
import time

import lib  # adds ../lib to the path
import call_model
import fdstore
import netns
import relay
from netns import check

INSIDE, OUTSIDE, PEER, PEER6 = "127.0.1.1", "127.0.2.1", "127.0.3.1", "fd7a:1::2"
WORKERS, RESTARTS = 3, 20


def main():
    netns.begin()
    netns.add_addresses(PEER6)
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = fdstore.RelayService(directory, inside=[INSIDE], outside=[OUTSIDE], workers=WORKERS,
                                      allow=[PEER], settings={
                                          "limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"],
                                          "relay": ["peer_connections_per_user = 0"]}).start()
        model = call_model.Model(server, PEER, PEER6, rate=20)
        sizes = []
        try:
            model.add({"tcp-out": 15, "tcp-in": 15})
            model.settle()
            for number in range(RESTARTS):
                model.run(0.6)
                sizes.append((server.service.names()["pipe"],
                              len(os.listdir("/proc/%d/fd" % server.service.pid))))
                model.killed(time.monotonic())
                if number % 2:
                    server.kill()
                else:
                    server.restart()
            model.run(0.6)
            check(not model.lost, "lost: %s", model.lost)
            model.close()
        finally:
            server.service.close()
        # A worker makes another pipe only if all of its own are in use.
        early, late = sizes[3], sizes[-1]
        check(0 < early[0] and late[0] <= early[0] + 2 * WORKERS, "pipes in the store: %s", sizes)
        check(late[1] <= early[1] + 4 * WORKERS, "descriptors of the process: %s", sizes)
        print("%d pipes, %d descriptors" % (late[0] // 2, late[1]))


if __name__ == "__main__":
    main()

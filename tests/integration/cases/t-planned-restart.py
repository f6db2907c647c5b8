#!/usr/bin/python3
# slow: media for 12 s, and many allocations
"""A planned restart loses no packet. Clients over UDP and their peers send all the time, while the relay is
restarted five times: with two workers, then with three and with one, and with other fronts. The sockets of
relayed addresses are in the store only between two processes, and fronts that are not configured any
more leave it. With thousands of allocations the leaving process takes little time."""

import subprocess
import sys
import tempfile
import time

import lib  # adds ../lib to the path
import fdstore
import netns
import relay
import turnclient
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
CLIENTS, MEDIA_S = 100, 10
MANY, LEAVE_MS = 2000, 400


def load(server, *more):
    user, password = turnclient.rest_credential(server.secret(), "alice")
    return subprocess.Popen(
        [relay.program("avedge-load"), "--server", "udp:%s:3478" % INSIDE, "--user", user, "--password",
         password, "--peer-address", PEER, "--quiet", *more], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)


def wait_for(condition, what, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < until, "%s", what)
        time.sleep(0.05)


def fronts(server):
    return sorted(name for name in server.service.names() if name.startswith("front."))


def expected(workers, tcp=443):
    return sorted("front.%s.%d.%s.%d" % (address, port, protocol, worker)
                  for address in (INSIDE, OUTSIDE) for worker in range(workers)
                  for port, protocol in ((3478, "udp"), (tcp, "tcp")))


def configure(server, **changes):
    for name, value in changes.items():
        setattr(server, name, value)
    server.write_config()


def restart(server, workers, tcp=443):
    """Returns how long the process took to leave, and how long there was none, in milliseconds."""
    began = time.monotonic()
    life = server.restart()
    wait_for(lambda: "relay" not in server.service.names(), "sockets of relayed addresses stay in the store")
    check(fronts(server) == expected(workers, tcp), "stored: %s", fronts(server))
    return 1000 * (server.service.lives[-2].ended - began), life.gap_ms


def media(server):
    calls = load(server, "--clients", str(CLIENTS), "--duration", "%ds" % MEDIA_S, "--max-loss", "0")
    wait_for(lambda: netns.relay_sockets() >= CLIENTS, "the calls did not begin")
    time.sleep(1)
    for workers, tcp in ((2, 443), (3, 443), (1, 443), (2, 444), (2, 443)):
        configure(server, workers=workers, tcp_port=tcp)
        left, gap = restart(server, workers, tcp)
        check(netns.relay_sockets() == CLIENTS, "%d relayed addresses", netns.relay_sockets())
        print("%d workers, TCP port %d: left in %d ms, %d ms without a process" % (
            workers, tcp, left, gap), flush=True)
        time.sleep(0.5)
    said, _ = calls.communicate(timeout=60)
    check(calls.returncode == 0, "packets are lost:\n%s", said)


def many(server):
    calls = load(server, "--clients", str(MANY), "--hold", "--duration", "8s", "--setup-rate", "1000")
    wait_for(lambda: netns.relay_sockets() == MANY, "there are no %d allocations" % MANY)
    left, gap = restart(server, 2)
    check(netns.relay_sockets() == MANY, "%d relayed addresses", netns.relay_sockets())
    print("%d allocations: left in %d ms, %d ms without a process" % (MANY, left, gap))
    watch = left < LEAVE_MS
    said, _ = calls.communicate(timeout=60)
    check(calls.returncode == 0, "the allocations are not there:\n%s", said)
    check(watch, "it took %d ms to leave", left)


def main():
    netns.begin()
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = fdstore.RelayService(directory, inside=[INSIDE], outside=[OUTSIDE],
                                      allow=["127.0.0.0/8"], workers=2, nofile=40000,
                                      settings={"limits": relay.NO_LIMITS["limits"]}).start()
        with server:
            check(fronts(server) == expected(2), "stored: %s", fronts(server))
            media(server)
            many(server)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""avedge-load --reconnect: clients over TCP, TLS and DTLS come back after a kill and a restart of the relay. Over
TLS they allocate anew, as browsers do, or bring their tickets and have the same relayed addresses; over
DTLS, where nobody tells them, they notice the silence. TCP survives, so nobody has to come back."""

import json
import subprocess
import tempfile
import time

import lib  # adds ../lib to the path
import control
import fdstore
import netns
import relay
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
CLIENTS = 20
# (server, option, which ends of the process they notice, how many of 100 packets may be lost, seconds)
RUNS = (
    ("tls:%s:443" % INSIDE, "allocate", 2, 30, 6),
    ("tls:%s:443" % INSIDE, "ticket", 2, 30, 6),
    ("tcp:%s:443" % INSIDE, "allocate", 0, 10, 6),
    ("dtls:%s:3478" % INSIDE, "ticket", 2, 60, 14),
)


def relayed(server):
    rows = control.ask(server.path("relay.sock"), "GET", "/v1/allocations?limit=100")[1]["allocations"]
    return sorted(row["relayed"] for row in rows)


def wait_for(condition, what, seconds=20):
    until = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < until, "%s", what)
        time.sleep(0.05)


def run(server, url, how, ends, loss, seconds):
    what = "%s, %s" % (url, how)
    name, password = server.credential()
    load = subprocess.Popen(
        [relay.program("avedge-load"), "--server", url, "--user", name, "--password", password,
         "--ca", server.path("ca.pem"), "--clients", str(CLIENTS), "--peer-address", PEER, "--rate", "20",
         "--reconnect", how, "--max-loss", str(loss), "--duration", "%ds" % seconds, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: len(relayed(server)) == CLIENTS, what + ": they do not begin")
    first = relayed(server)
    time.sleep(0.5)
    for end in (server.kill, server.restart):
        end()
        time.sleep(seconds / 2 - 1.5)
    kept = relayed(server)
    said, _ = load.communicate(timeout=60)
    check(load.returncode == 0, "%s: status %d:\n%s", what, load.returncode, said)
    result = json.loads(said)["set_up"]
    check(result["ready"] == CLIENTS and result["failed"] == 0, "%s: %s", what, result)
    check(result["reconnected"] == ends * CLIENTS, "%s: %d came back", what, result["reconnected"])
    if how == "ticket" or not ends:
        check(kept == first, "%s: other relayed addresses", what)
    wait_for(lambda: not relayed(server), what + ": allocations are left")


def main():
    netns.begin()
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = fdstore.RelayService(directory, inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.3.0/24"],
                                      workers=2, extra=["mobility = true"],
                                      settings={"limits": relay.NO_LIMITS["limits"]}).start()
        with server:
            for arguments in RUNS:
                run(server, *arguments)


if __name__ == "__main__":
    main()

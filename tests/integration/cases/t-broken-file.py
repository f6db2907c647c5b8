#!/usr/bin/python3
"""A relay that is killed while its configuration, or a file that it names, is broken: systemd has to try
again, or calls end. Calls wait, the log says so once, and they go on when the file is repaired. Without
calls, the exit status is the one that systemd does not try again."""

import os
import signal
import tempfile
import time

import lib  # adds ../lib to the path
import fdstore
import netns
import openapi_check
from control_caller import INSIDE, Peer, caller, ids, talks
from netns import check

CONFIG, WAITING = 3, 4
CALLS = 4
TRIES = 14  # the last ones with a pause


def wait_for(condition, what, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < until, "%s", what)
        time.sleep(0.05)


def broken(server, path, text):
    """Killed while the file is broken, then repaired."""
    service, began = server.service, len(server.log())
    with open(path, encoding="utf-8") as file:
        good = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text(good))
    first = len(service.lives)
    service.kill(signal.SIGKILL, wait=False)
    wait_for(lambda: len(service.lives) > first + TRIES, "it is not tried again")
    with open(path, "w", encoding="utf-8") as file:
        file.write(good)
    wait_for(lambda: service.lives[-1].ready is not None, "it does not serve again", 20)
    tries = service.lives[first:-1]
    check(all(life.status == WAITING for life in tries), "statuses %s", [life.status for life in tries])
    said = server.log()[began:]
    check(said.count("%d calls wait for a start that succeeds: correct " % CALLS) == 1,
          "said %d times that calls wait:\n%s", said.count("calls wait"), said)
    for line in set(line.split(": ", 1)[-1] for line in said.splitlines() if "plain text" in line):
        check(said.count(line) <= 2, "repeated with each try: %s", line)
    print("%s: %d tries" % (os.path.basename(path), len(tries)), flush=True)


def without_calls(directory):
    server = fdstore.RelayService(directory, inside=[INSIDE], outside=["127.0.2.1"], workers=1).start()
    with open(server.path("relay.conf"), "a", encoding="utf-8") as file:
        file.write("nonsense = 1\n")
    server.kill(wait=False)
    wait_for(lambda: len(server.service.lives) > 2, "it is not started again")
    check(server.service.lives[1].status == CONFIG, "status %s", server.service.lives[1].status)
    server.stop()


def main():
    netns.begin()
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        without_calls(directory)
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = fdstore.RelayService(directory, inside=[INSIDE], outside=["127.0.2.1"], workers=2,
                                      allow=["127.0.0.0/8"]).start()
        server.description = openapi_check.Description("control-mediarelayd.json")
        try:
            peer = Peer()
            clients = [caller(server, "carol%d" % i) for i in range(CALLS)]
            for client in clients:
                client.channel_bind(0x4000, peer.address)
            for name, text in (("relay.conf", lambda good: good + "nonsense = 1\n"),
                               ("keys", lambda good: "nonsense\n"),
                               ("relay.pem", lambda good: "nonsense\n")):
                time.sleep(0.3)
                broken(server, server.path(name), text)
                check(len(ids(server)) == CALLS, "%d calls", len(ids(server)))
                check(all(talks(client, peer) for client in clients), "a call does not go on")
        except BaseException:
            server.stop()
            print("--- end of the relay's log\n" + server.log()[-3000:])
            raise
        wrong = [what for what in server.stop() if not what.endswith("status %d" % WAITING)]
        check(not wrong, "%s", "; ".join(wrong[:5]))


if __name__ == "__main__":
    main()

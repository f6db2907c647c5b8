#!/usr/bin/python3
# waits: for a process that stands still
"""What is told of calls that a restart does not keep: SIGUSR2 where nothing keeps descriptors is a stop with
records; a client over TLS has one record, of a crash (lost) and of a process that is taken over from
(tls-restart), and is counted once. And the gap of a process that stood still begins when it did."""

import re
import signal
import subprocess
import tempfile
import time

import lib  # adds ../lib to the path
import fdstore
import netns
import relay
from control_caller import INSIDE, caller, until
from netns import check

STILL_S = 7
OPTIONS = {"inside": [INSIDE], "outside": ["127.0.2.1"], "workers": 2, "allow": ["127.0.0.0/8"]}


def reasons(server):
    return re.findall(r"allocation ended .*REASON=([a-z-]+)", server.log())


def no_store(directory):
    server = relay.Relay(directory, **OPTIONS)
    server.start()
    clients = [caller(server, "carol") for _ in range(4)]
    check("a restart ends calls: " in server.log(), "the start does not say it")
    server.child.send_signal(signal.SIGUSR2)
    server.child.wait(20)
    check(reasons(server) == 4 * ["shutdown"], "%s", reasons(server))
    check("no service manager keeps descriptors" in server.log(), "no warning:\n%s", server.log())
    del clients


def crash(directory):
    server = fdstore.RelayService(directory, **OPTIONS).start()
    clients = [caller(server, "alice", "tls"), caller(server, "bob")]
    check("a restart keeps calls: " in server.log(), "the start does not say it")
    server.kill()
    until(lambda: reasons(server), "no record")
    check(reasons(server) == ["lost"], "%s", reasons(server))
    time.sleep(1)
    server.kill(signal.SIGSTOP, wait=False)
    time.sleep(STILL_S)
    # As systemd ends one whose watchdog has not been fed.
    before = len(server.service.lives)
    server.kill(signal.SIGCONT, wait=False)
    time.sleep(0.2)
    server.kill(signal.SIGKILL, wait=False)
    server.service.next_life(before)
    until(lambda: len(re.findall(r"gap \d+ ms", server.log())) == 2, "no gap")
    gap = int(re.findall(r"gap (\d+) ms", server.log())[-1])
    check(STILL_S * 1000 - 500 <= gap <= STILL_S * 1000 + 6000, "a gap of %d ms", gap)
    wrong = server.stop()
    check(not wrong, "%s", wrong)
    del clients


def take_over(directory):
    options = dict(OPTIONS, settings={"take_over": ['socket = "%s/take-over.sock"' % directory]})
    server = relay.Relay(directory, **options)
    server.start()
    clients = [caller(server, "alice", "tls"), caller(server, "bob")]
    old = server.child
    check("keeps calls by --take-over" in server.log(), "the start does not say it")
    status = relay.run(relay.program("avedgectl"), "status", "--socket", server.path("relay.sock")).stdout
    check("keeps calls: take-over" in status, "avedgectl status: %s", status)
    with open(server.path("relay.log"), "ab") as log:
        server.child = subprocess.Popen(
            server.command() + ["--take-over", server.path("take-over.sock")], stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True)
    with open(server.path("relay.pid"), "w", encoding="ascii") as out:
        out.write("%d\n" % server.child.pid)
    check(old.wait(20) == 0, "the old process ended with %s", old.returncode)
    until(lambda: "taken up: " in server.log(), "nothing is told")
    time.sleep(0.5)
    check(reasons(server) == ["tls-restart"], "%s", reasons(server))
    check(" lost (" not in server.log(), "it is counted twice:\n%s", server.log())
    wrong = server.stop()
    check(not wrong, "%s", wrong)
    del clients


def main():
    netns.begin()
    for step in (no_store, crash, take_over):
        with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
            step(directory)
        print(step.__name__, flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""The parent that stands for systemd in tests of restarts (lib/fdstore.py) keeps descriptors as systemd
does: the same service runs in both, and what its next process is given is the same. Without a container
it is compared with what systemd 252 is known to give.

  t-fdstore.py --service DIRECTORY     is that service
"""

import array
import json
import os
import socket
import struct
import sys
import tempfile
import time

import lib  # adds ../lib to the path
import fdstore
import machine as machines

STORE_MAX = 12
UNIT = """[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/python3 /avedge-test/cases/t-fdstore.py --service /avedge-test/out
Restart=always
RestartSec=0
RestartKillSignal=SIGUSR2
FileDescriptorStoreMax=%d
[Unit]
StartLimitIntervalSec=0
""" % STORE_MAX

# What a process is given, [name, what the descriptor is], in order.
FIRST = [["stored", "plain"], ["stored", "wrong name"], ["batch", "b"], ["batch", "b"], ["batch", "b"],
         ["end", "hung up, not polled"], ["one", "1"]]
FULL = [["full", "f"]] * (STORE_MAX - len(FIRST)) + FIRST
LIVES = [[], FIRST, FULL, [], FIRST]


def check(claim, text, *values):
    if not claim:
        raise SystemExit("FAIL: " + text % values)


# --- the service --------------------------------------------------------------------------

def notify(text, *fds):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(os.environ["NOTIFY_SOCKET"])
        sock.sendmsg([text.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                        array.array("i", fds))] if fds else [])


def settle():
    """Until the parent has handled all messages: it closes a descriptor that comes with BARRIER=1."""
    there, here = os.pipe()
    notify("BARRIER=1", here)
    os.close(here)
    os.read(there, 1)
    os.close(there)


def memory(text):
    fd = os.memfd_create(text)
    os.write(fd, text.encode())
    return fd


def content(fd):
    try:
        return os.pread(fd, 100, 0).decode()
    except OSError:  # a socket
        with socket.socket(fileno=os.dup(fd)) as sock:
            return sock.recv(100, socket.MSG_PEEK).decode()


def given():
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    names = os.environ["LISTEN_FDNAMES"].split(":")
    check(len(names) == int(os.environ["LISTEN_FDS"]), "%s", os.environ)
    return [[name, content(3 + i)] for i, name in enumerate(names)]


def store_first():
    one = memory("1")
    notify("FDSTORE=1\nFDNAME=one\nFDPOLL=0", one)
    notify("FDSTORE=1\nFDNAME=other", os.dup(one))  # the same once more
    removed = [memory("removed") for _ in range(2)]
    for fd in removed:
        notify("FDSTORE=1\nFDNAME=removed", fd)
    for polled, text in ((True, "hung up, polled"), (False, "hung up, not polled")):
        ours, theirs = socket.socketpair()
        theirs.send(text.encode())
        notify("FDSTORE=1\nFDNAME=end" + ("" if polled else "\nFDPOLL=0"), ours.fileno())
        settle()
        theirs.shutdown(socket.SHUT_RDWR)
        ours.shutdown(socket.SHUT_WR)
    # A connection that only one side has ended stays; with a reset it goes.
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    server = listener.accept()[0]
    notify("FDSTORE=1\nFDNAME=reset", server.fileno())
    settle()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    notify("FDSTORE=1\nFDNAME=batch", *[memory("b") for _ in range(3)])
    notify("FDSTORE=1\nFDNAME=a:b", memory("wrong name"))
    notify("FDSTORE=1", memory("plain"))
    notify("FDSTOREREMOVE=1\nFDNAME=removed")
    notify("FDSTOREREMOVE=1")  # removes nothing


def service(directory):
    with open(os.path.join(directory, "lives"), "a+", encoding="ascii") as file:
        file.seek(0)
        number = len(file.readlines())
        file.write(json.dumps(given()) + "\n")
    if number in (0, 3):
        store_first()
    elif number == 1:
        for _ in range(STORE_MAX):
            notify("FDSTORE=1\nFDNAME=full", memory("f"))
    settle()
    time.sleep(0.2)  # for hang-ups, which a barrier does not wait for
    notify("READY=1")
    time.sleep(600)


# --- the test -----------------------------------------------------------------------------

def lives(directory):
    with open(os.path.join(directory, "lives"), encoding="ascii") as file:
        return [json.loads(line) for line in file]


def under_test():
    """Start, two times kill -9, stop, start, restart: what each process was given."""
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        parent = fdstore.Service(sys.executable, os.path.abspath(__file__), "--service", directory,
                                 directory=directory, store_max=STORE_MAX).start()
        try:
            parent.kill()
            parent.kill()
            check(parent.store.full == len(FIRST), "full: %d",
                  parent.store.full)
            check(parent.life.gap_ms >= 200, "a gap of %s ms", parent.life.gap_ms)
            parent.stop()
            parent.start()
            parent.restart()
            check(parent.lives[-2].status == -12, "restart: status %s", parent.lives[-2].status)
            parent.stop()
        finally:
            parent.close()
        check(not parent.store.entries, "the store is not empty at the end")
        return lives(directory)


def under_systemd():
    with machines.Machine() as machine:
        os.mkdir(machine.path("/avedge-test/out"))
        here = os.path.dirname(os.path.abspath(__file__))
        machine.put(here, "/avedge-test/cases")
        machine.put(os.path.join(here, "..", "lib"), "/avedge-test/lib")
        machine.write("/etc/systemd/system/probe.service", UNIT)

        def pid():
            return machine.out("systemctl", "show", "-P", "MainPID", "probe.service")

        def kill():
            before = pid()
            machine.run("systemctl", "kill", "-s", "KILL", "probe.service")
            until = time.monotonic() + 20
            while True:
                state = machine.out("systemctl", "show", "-P", "ActiveState", "probe.service")
                if state == "active" and pid() not in ("0", before):
                    return
                check(time.monotonic() < until, "not started again: %s",
                      machine.out("journalctl", "--no-pager", "-u", "probe.service"))
                time.sleep(0.05)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "probe.service")
        kill()
        kill()
        machine.run("systemctl", "stop", "probe.service")
        machine.run("systemctl", "start", "probe.service")
        machine.run("systemctl", "restart", "probe.service")
        return lives(machine.path("/avedge-test/out"))


def main():
    if sys.argv[1:2] == ["--service"]:
        service(sys.argv[2])
        return
    got = under_test()
    for number, (want, had) in enumerate(zip(LIVES, got, strict=True)):
        check(had == want, "process %d has\n%s, not\n%s", number, had, want)
    why = machines.unavailable()
    if not why:
        try:
            real = under_systemd()
            check(real == got, "systemd gives\n%s, the parent of tests\n%s", real, got)
        except machines.CannotBoot as reason:
            why = reason
    print("%d processes got the same descriptors%s" % (
        len(got), "; not compared with systemd: %s" % why if why else " as from systemd"))


if __name__ == "__main__":
    main()

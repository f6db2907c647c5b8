#!/usr/bin/python3
"""Relay ports that another program holds: its name and pid are logged, once a minute, while clients get
508; --check warns of a range that any program may take ports from, until it is reserved."""

import contextlib
import os
import re
import socket
import subprocess
import time

import lib  # adds ../lib to the path
import netns
import turnclient as t
from netns import check

INSIDE, OUTSIDE = "127.9.1.1", "127.9.2.1"
FIRST, LAST = 50000, 50007
SYSCTL = "/proc/sys/net/ipv4/"
HELD = re.compile(r"warning: (\d+) relay ports? w\w+ held by other programs; the last one was "
                  r"(UDP|TCP) 127\.9\.2\.1:5000[0-7], held by (.*?); reserve")


def bind(one, port):
    """Once the relay has let go of it."""
    deadline = time.monotonic() + 10
    while True:
        try:
            one.bind((OUTSIDE, port))
            return
        except OSError:
            check(time.monotonic() < deadline, "port %d stays in use", port)
            time.sleep(0.1)


def set_sysctl(name, value):
    with open(SYSCTL + name, "w", encoding="ascii") as sysctl:
        sysctl.write(value + "\n")


@contextlib.contextmanager
def held():
    with contextlib.ExitStack() as stack:
        for port in range(FIRST, LAST + 1):
            one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            bind(one, port)
        yield


def allocate(server):
    with contextlib.closing(t.Client((INSIDE, 443), "tcp", *server.credential())) as client:
        try:
            client.allocate()
        except t.TurnError as err:
            return err.code
        return 200


def lines(server, wanted):
    """Those of the log, once there are so many."""
    deadline = time.monotonic() + 20
    while len(HELD.findall(server.log())) < wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    return HELD.findall(server.log())


def warns(server):
    done = subprocess.run(server.command() + ["--check"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=30)
    check(done.returncode == 0, "--check: %s", done.stdout)
    return re.findall(r"warning: relay\.ports: (.*)", done.stdout)


def the_holder_is_logged(server):
    with open("/proc/self/comm", encoding="utf-8") as comm:
        me = f"{comm.read().strip()} (pid {os.getpid()})"
    check(allocate(server) == 200, "no port before anybody holds them")
    with held():
        check(allocate(server) == 508, "not 508")
        check([(kind, holder) for _, kind, holder in lines(server, 1)] == [("UDP", me)], "log: %s",
              lines(server, 1))
        for _ in range(3):
            allocate(server)
    time.sleep(3)  # more than a period of main
    check(len(lines(server, 1)) == 1, "more than one line in a minute")
    check(allocate(server) == 200, "no port afterwards")


def check_warns_until_the_range_is_reserved(server):
    check(warns(server) == [], "--check warns of ports outside of the ephemeral range")
    set_sysctl("ip_local_port_range", "32768 60999")
    set_sysctl("ip_local_reserved_ports", "8080")
    said = warns(server)
    check(said == [f"{FIRST}-{LAST} is in the ephemeral range of this host, 32768-60999, so any "
                   "program may take these ports; set sysctl "
                   f"net.ipv4.ip_local_reserved_ports=8080,{FIRST}-{LAST}"], "--check: %s", said)
    set_sysctl("ip_local_reserved_ports", said[0].split("=")[1])
    check(warns(server) == [], "--check still warns: %s", warns(server))


def main():
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], ports=f"{FIRST}-{LAST}") as server:
        the_holder_is_logged(server)
        check_warns_until_the_range_is_reserved(server)
    print("the holder of relay ports is logged, and --check warns of it beforehand")


if __name__ == "__main__":
    main()

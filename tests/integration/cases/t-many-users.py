#!/usr/bin/python3
"""100,000 users, one after the other, each with a credential and an allocation: metrics, status
page and memory of the relay are no larger afterwards.

  --users N       default 100000
"""

import argparse
import os
import re
import socket
import struct
import time
import urllib.request

# This test measures memory, and a sanitizer keeps freed memory: prefer the normal build.
os.environ["RELAY_BUILD_DIR"] = os.environ.get("BUILD_DIR") or os.environ.get("RELAY_BUILD_DIR", "")
import lib  # adds ../lib to the path
import netns
import turnclient as tc
from netns import check

INSIDE, OUTSIDE, METRICS = "127.0.1.1", "127.0.2.1", "127.0.0.1:9478"
SETTINGS = {"limits": ["stranger_rate = 0", "nonce_lifetime = 8h"],
            "log": ["records = false"], "metrics": ['address = "%s"' % METRICS]}
SOCKETS = 32
MIB = 1024  # KiB


def fetch(path):
    with urllib.request.urlopen("http://%s%s" % (METRICS, path), timeout=10) as answer:
        return answer.read().decode()


def shape(text):
    """The metrics without their values."""
    return re.sub(r" [^ \n]+$", "", text, flags=re.M)


def resident_kib(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


class UserSocket:
    """A socket whose user changes."""

    def __init__(self, secret):
        self.secret = secret
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect((INSIDE, 3478))
        self.sock.settimeout(2)
        self.sock.send(tc.encode(tc.message_type(tc.ALLOCATE, tc.REQUEST), [tc.UDP_TRANSPORT]))
        self.challenge = tc.Msg(self.sock.recv(2048))
        check(self.challenge.code == 401, "no challenge: %s", self.challenge)

    def become(self, number):
        name, password = tc.rest_credential(self.secret, "user-%d" % number)
        self.prepared = tc.PreparedRequests(name.encode(), password.encode(), self.challenge)

    def send(self, method, body):
        self.message = self.prepared.request(method, body, os.urandom(12))
        self.sock.send(self.message)

    def answer(self):
        """The type of the response; a lost request is sent again."""
        for _ in range(5):
            try:
                return struct.unpack("!H", self.sock.recv(2048)[:2])[0]
            except TimeoutError:
                self.sock.send(self.message)
        return 0


ALLOCATE = tc.attribute(*tc.UDP_TRANSPORT)
RELEASE = tc.attribute(tc.LIFETIME, bytes(4))


def serve_users(sockets, users):
    """Allocate and release, one user per socket at a time."""
    for first in range(0, users, len(sockets)):
        now = sockets[:users - first]
        for i, sock in enumerate(now):
            sock.become(first + i)
            sock.send(tc.ALLOCATE, ALLOCATE)
        for sock in now:
            check(sock.answer() == 0x103, "no allocation after %d users", first)
        for sock in now:
            sock.send(tc.REFRESH, RELEASE)
        for sock in now:
            check(sock.answer() == 0x104, "no release after %d users", first)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100000)
    args = parser.parse_args()
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       settings=SETTINGS) as server:
        sockets = [UserSocket(server.secret()) for _ in range(SOCKETS)]
        serve_users(sockets, 2000)  # touches every buffer and table
        before, page = shape(fetch("/metrics")), len(fetch("/status.json"))
        memory = resident_kib(server.pid())
        begin = time.monotonic()
        serve_users(sockets, args.users)
        took = time.monotonic() - begin
        text = fetch("/metrics")
        opened = sum(int(n) for n in re.findall(r"^avedge_allocations_opened_total\S+ (\d+)$",
                                                text, re.M))
        check(opened >= args.users + 2000, "%d allocations of %d users", opened, args.users)
        check(shape(text) == before, "metrics appeared or disappeared")
        check("user-" not in text, "metrics name users")
        grown = len(fetch("/status.json")) - page
        check(abs(grown) < 200, "the status page grew by %d bytes", grown)
        more = resident_kib(server.pid()) - memory
        check(more < 8 * MIB, "%d KiB more memory", more)
    print("%d users in %.0f s; %d bytes of figures, %+d KiB of memory" % (
        args.users, took, len(text), more))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""100,000 users, one after the other, each with a credential and an allocation of his own: the
figures, the status page and the memory of the relay are as large as before.

  --users N       default 100000
"""

import argparse
import base64
import hashlib
import hmac
import os
import re
import socket
import struct
import sys
import time
import urllib.request

# Memory is judged here, and a sanitizer keeps what was freed: take the normal build if there is
# one.
os.environ["RELAY_BUILD_DIR"] = os.environ.get("BUILD_DIR") or os.environ.get("RELAY_BUILD_DIR", "")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import netns  # noqa: E402
import relay  # noqa: E402
import turnclient as tc  # noqa: E402
from netns import check  # noqa: E402

INSIDE, OUTSIDE, METRICS = "127.0.1.1", "127.0.2.1", "127.0.0.1:9478"
SETTINGS = {"limits": ["stranger_rate = 0", "nonce_lifetime = 8h"],
            "log": ["records = false"], "metrics": ['address = "%s"' % METRICS]}
SOCKETS = 32
MIB = 1024  # KiB


def fetch(path):
    with urllib.request.urlopen("http://%s%s" % (METRICS, path), timeout=10) as answer:
        return answer.read().decode()


def shape(text):
    """What is left of the figures when the values are taken away."""
    return re.sub(r" [^ \n]+$", "", text, flags=re.M)


def resident_kib(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


class Stranger:
    """A socket whose users change. Messages are put together by hand, because there are many."""

    def __init__(self, secret):
        self.secret = secret
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect((INSIDE, 3478))
        self.sock.settimeout(2)
        self.challenge()

    def challenge(self):
        self.sock.send(tc.encode(tc.message_type(tc.ALLOCATE, tc.REQUEST), [tc.UDP_TRANSPORT]))
        reply = tc.Msg(self.sock.recv(2048))
        check(reply.code == 401, "no challenge: %s", reply)
        self.realm = reply.get(tc.REALM)
        self.tail = attribute(tc.REALM, self.realm) + attribute(tc.NONCE, reply.get(tc.NONCE))

    def become(self, number):
        name = b"%d:user-%d" % (time.time() + 3600, number)
        password = base64.b64encode(hmac.digest(self.secret, name, "sha1"))
        self.key = hashlib.md5(name + b":" + self.realm + b":" + password).digest()
        self.who = attribute(tc.USERNAME, name) + self.tail

    def send(self, method, first):
        body = first + self.who
        head = struct.pack("!HHI12s", method, len(body) + 24, tc.COOKIE, os.urandom(12))
        mac = hmac.digest(self.key, head + body, "sha1")
        self.message = head + body + attribute(tc.MESSAGE_INTEGRITY, mac)
        self.sock.send(self.message)

    def answer(self):
        """The type of the answer; what got lost is sent again."""
        for _ in range(5):
            try:
                return struct.unpack("!H", self.sock.recv(2048)[:2])[0]
            except TimeoutError:
                self.sock.send(self.message)
        return 0


ALLOCATE = attribute(*tc.UDP_TRANSPORT)
RELEASE = attribute(tc.LIFETIME, bytes(4))


def serve_users(strangers, users):
    """Allocate and release, as many at a time as there are sockets."""
    for first in range(0, users, len(strangers)):
        now = strangers[:users - first]
        for i, stranger in enumerate(now):
            stranger.become(first + i)
            stranger.send(tc.ALLOCATE, ALLOCATE)
        for stranger in now:
            check(stranger.answer() == 0x103, "no allocation after %d users", first)
        for stranger in now:
            stranger.send(tc.REFRESH, RELEASE)
        for stranger in now:
            check(stranger.answer() == 0x104, "no release after %d users", first)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100000)
    args = parser.parse_args()
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       settings=SETTINGS) as server:
        strangers = [Stranger(server.secret().encode()) for _ in range(SOCKETS)]
        serve_users(strangers, 2000)  # every buffer and table has been touched
        before, page = shape(fetch("/metrics")), len(fetch("/status.json"))
        memory = resident_kib(server.pid())
        begin = time.monotonic()
        serve_users(strangers, args.users)
        took = time.monotonic() - begin
        text = fetch("/metrics")
        opened = sum(int(n) for n in re.findall(r"^avedge_allocations_opened_total\S+ (\d+)$",
                                                text, re.M))
        check(opened >= args.users + 2000, "%d allocations of %d users", opened, args.users)
        check(shape(text) == before, "lines have come or gone")
        check("user-" not in text, "users are named")
        grown = len(fetch("/status.json")) - page
        check(abs(grown) < 200, "the figures of the page have grown by %d bytes", grown)
        more = resident_kib(server.pid()) - memory
        check(more < 8 * MIB, "%d KiB more memory", more)
    print("%d users in %.0f s; %d bytes of figures, %+d KiB of memory" % (
        args.users, took, len(text), more))


if __name__ == "__main__":
    main()

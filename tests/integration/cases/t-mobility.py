#!/usr/bin/python3
"""Clients that go to another address, family, transport or side with their allocation (RFC 8016),
while peers send all the time: nothing is lost, whichever of several workers has the new address.
"""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import lib  # adds ../lib to the path
import netns
import relay
import turnclient as t
import turnclient_mobility as mobility
from netns import check

INSIDE, OUTSIDE, OUTSIDE6, PEER = "127.0.1.1", "127.0.2.1", "fd7a:1::1", "127.0.3.1"
PORTS = {"udp": 3478, "tcp": 443, "tls": 443}
CHANNEL = 0x4000


def ctl(server, *args):
    return subprocess.run(
        [relay.program("avedgectl"), *args, "--socket", server.path("relay.sock")],
        check=True, capture_output=True, text=True, timeout=10).stdout


def events(server):
    return json.loads(ctl(server, "counters", "--json"))["mobility"]


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        check(time.monotonic() < deadline, "it did not happen")
        time.sleep(0.02)


def client(server, address, transport="udp"):
    """All of one user name: another credential of the same identity is another one."""
    if not hasattr(server, "pair"):
        server.pair = server.credential()
    return mobility.Client((address, PORTS[transport]), transport, *server.pair,
                           cafile=server.path("ca.pem"))


class Peer(threading.Thread):
    """Sends numbers without pause, and keeps what it gets."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((PEER, 0))
        self.address = self.sock.getsockname()
        self.sent, self.got, self.to, self.ends = 0, [], None, False

    def run(self):
        self.sock.settimeout(0.001)
        while not self.ends:
            self.sock.sendto(b"%d" % self.sent, self.to)
            self.sent += 1
            until = time.monotonic() + 0.002
            while time.monotonic() < until:
                try:
                    self.got.append(int(self.sock.recv(100)))
                except TimeoutError:
                    pass

    def end(self):
        self.ends = True
        self.join()
        self.sock.settimeout(0.2)
        try:
            while True:
                self.got.append(int(self.sock.recv(100)))
        except TimeoutError:
            self.sock.close()


def receive(who, numbers, timeout):
    """What has arrived there, until nothing more comes."""
    try:
        while True:
            origin, data = who.data(timeout)
            check(origin == CHANNEL, "%s", origin)
            numbers.append(int(data))
    except TimeoutError:
        pass


class Call:
    """A client that sends numbers to a peer, and moves."""

    def __init__(self, server, address, transport="udp"):
        self.server, self.sent, self.got, self.moves = server, 0, [], 0
        self.client = client(server, address, transport)
        self.client.allocate()
        self.peer = Peer()
        self.client.channel_bind(CHANNEL, self.peer.address)
        self.relayed = self.peer.to = self.client.relayed
        self.peer.start()

    def talk(self, count=10):
        for _ in range(count):
            self.client.send_channel(CHANNEL, b"%d" % self.sent)
            self.sent += 1
            _, data = self.client.data()
            self.got.append(int(data))

    def move(self, address, transport="udp"):
        """Make before break: both 5-tuples serve until the new one sends."""
        old, new = self.client, client(self.server, address, transport)
        reply = new.come(old)
        check(reply.cls == t.SUCCESS, "%s to %s: %r", transport, address, reply)
        check(new.ticket != old.ticket, "the same ticket")
        self.talk()  # over the old one
        shown = json.loads(ctl(self.server, "allocations", "--json"))["allocations"]
        check(len(shown) == 1 and shown[0]["moving_to"] is not None
              and shown[0]["moving_over"] == transport, "%s", shown)
        self.client, self.moves = new, self.moves + 1
        for _ in range(3):  # these are held while the allocation goes to another worker
            new.send_channel(CHANNEL, b"%d" % self.sent)
            self.sent += 1
        self.talk()
        receive(old, self.got, 0.05)
        old.close()
        check(new.refresh(600).cls == t.SUCCESS, "no plain Refresh")

    def end(self, name):
        self.talk()
        self.peer.end()
        receive(self.client, self.got, 0.2)
        lost = set(range(self.peer.sent)) - set(self.got)
        check(not lost, "%s: %d of %d from the peer are lost, %s first", name, len(lost),
              self.peer.sent, min(lost, default=0))
        check(len(self.got) == len(set(self.got)), "%s: some came twice", name)
        lost = set(range(self.sent)) - set(self.peer.got)
        check(not lost, "%s: %d of %d to the peer are lost", name, len(lost), self.sent)
        rows = json.loads(ctl(self.server, "allocations", "--json"))["allocations"]
        check(len(rows) == 1, "%d allocations", len(rows))
        check(rows[0]["client"] == "%s:%d" % self.client.local
              or rows[0]["client"] == "[%s]:%d" % self.client.local, "%s", rows[0])
        check(rows[0]["id"] in ctl(self.server, "show", rows[0]["id"]), "the id is lost")
        self.client.refresh(0)
        check(netns.relay_sockets() == 0, "%d sockets", netns.relay_sockets())
        self.client.close()
        record = next(line for line in self.server.log().splitlines() if rows[0]["id"] in line)
        check(" MOVES=%d " % self.moves in record, "%s: %s", name, record)
        check("PACKETS_TO_PEER=%d " % self.sent in record, "%s: %s", name, record)


def from_udp_to_udp(server):
    call = Call(server, OUTSIDE)
    for _ in range(12):
        call.talk()
        call.move(OUTSIDE)
    call.end("UDP to UDP")
    check(events(server)["worker"] > 0, "never to another worker: %s", events(server))
    check(events(server)["lost"] == 0, "%s", events(server))


def between_transports(server):
    call = Call(server, OUTSIDE)
    for transport in ("tcp", "udp", "tls", "tcp", "tls", "udp", "udp", "tcp", "udp"):
        call.talk()
        call.move(OUTSIDE, transport)
    call.end("transports")


def between_families(server):
    call = Call(server, OUTSIDE)
    for address in (OUTSIDE6, OUTSIDE, OUTSIDE6):
        call.move(address)
    call.end("families")


def between_sides(server):
    call = Call(server, INSIDE)
    call.move(OUTSIDE)
    row = json.loads(ctl(server, "allocations", "--json"))["allocations"][0]
    check(row["side"] == "outside", "%s", row)
    call.move(INSIDE, "tls")
    call.end("sides")


def broken_connection(server):
    """The relay keeps the allocation of a client whose connection is gone."""
    for transport in ("tcp", "tls"):
        old = client(server, OUTSIDE, transport)
        old.allocate()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((PEER, 0))
            old.channel_bind(CHANNEL, peer.getsockname())
            before = events(server)["kept"]
            old.close()
            wait_for(lambda: events(server)["kept"] > before)
            peer.sendto(b"nobody hears this", old.relayed)
            for how in ("udp", "udp", "udp", transport):
                new = client(server, OUTSIDE, how)
                check(new.come(old).cls == t.SUCCESS, "%s", how)
                new.send_channel(CHANNEL, b"back")
                peer.settimeout(3)
                check(peer.recv(100) == b"back", "%s", how)
                peer.sendto(b"hello", new.relayed)
                check(new.data() == (CHANNEL, b"hello"), "%s", how)
                old.close()
                old = new
            old.refresh(0)
            old.close()
    check(netns.relay_sockets() == 0, "%d sockets", netns.relay_sockets())


def old_connection_closes(server):
    """What peers send goes to the new address from then on, before that has sent anything."""
    for _ in range(8):
        old, new = client(server, OUTSIDE, "tcp"), client(server, OUTSIDE)
        old.allocate()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((PEER, 0))
            old.channel_bind(CHANNEL, peer.getsockname())
            check(new.come(old).cls == t.SUCCESS, "refused")
            peer.sendto(b"old", old.relayed)
            check(old.data() == (CHANNEL, b"old"), "make before break")
            before = events(server)["moved"]
            old.close()
            wait_for(lambda: events(server)["moved"] > before)
            peer.sendto(b"new", old.relayed)
            check(new.data() == (CHANNEL, b"new"), "it does not follow")
        new.refresh(0)
        new.close()


def killed_while_it_moves(server):
    """avedgectl finds an allocation by its id after it went to another worker."""
    for _ in range(8):
        old, new = client(server, OUTSIDE), client(server, OUTSIDE)
        old.allocate()
        row = json.loads(ctl(server, "allocations", "--json"))["allocations"][0]
        check(new.come(old).cls == t.SUCCESS, "refused")
        new.send_to((PEER, 9), b"nobody")
        wait_for(lambda: json.loads(ctl(server, "allocations", "--json"))["allocations"][0]
                 ["moves"] == 1)
        ctl(server, "kill", row["id"])
        check(new.request(t.REFRESH).code == 437, "it is still there")
        old.close()
        new.close()
    check(netns.relay_sockets() == 0, "%d sockets", netns.relay_sockets())


def many_requests_on_the_way(server):
    """Requests from an address whose allocation is another worker's, before its data."""
    for _ in range(12):
        old, new = client(server, OUTSIDE), client(server, OUTSIDE)
        old.allocate()
        raw = new.again(old)
        first = new.ask(raw)
        check(first.cls == t.SUCCESS, "%r", first)
        check(new.ask(raw).raw == first.raw, "a repeated Refresh gets another answer")
        check(new.refresh(700).number(t.LIFETIME) == 700, "Refresh of the new address")
        new.permit((PEER, 9))
        check(new.request(t.ALLOCATE, [t.UDP_TRANSPORT]).code == 437, "Allocate there")
        check(old.refresh(600).cls == t.SUCCESS, "Refresh of the old address")
        new.refresh(0)
        check(old.request(t.REFRESH).code == 437, "deleted from the new address")
        old.close()
        new.close()
    check(netns.relay_sockets() == 0, "%d sockets", netns.relay_sockets())


def refusals(server):
    old, new = client(server, OUTSIDE), client(server, OUTSIDE)
    old.allocate()
    stolen = mobility.Client((OUTSIDE, 3478), "udp", *server.credential("mallory"))
    for _ in range(8):
        check(stolen.come(old).code == 441, "T-468 another user")
        stolen.close()
        stolen = mobility.Client((OUTSIDE, 3478), "udp", *server.credential("mallory"))
    check(old.request(t.REFRESH, [(mobility.MOBILITY_TICKET, old.ticket)]).code == 400,
          "T-467 from where it is")
    forged = old.ticket[:-1] + (b"y" if old.ticket.endswith(b"x") else b"x")
    check(new.request(t.REFRESH, [(mobility.MOBILITY_TICKET, forged)]).code == 400,
          "T-466 a forged one")
    other = client(server, OUTSIDE)
    other.allocate()
    check(other.come(old).code == 437, "T-474 in use")
    other.refresh(0)
    old.refresh(0)
    check(new.come(old).code == 437, "T-466 gone")


def uclient(server, *options):
    """turnutils_uclient, which moves every allocation once; False if it gave up, crashed or hung."""
    user, password = server.pair
    command = ["turnutils_uclient", "-M", "-u", user, "-w", password, "-m", "2", "-n", "40",
               "-l", "160", "-z", "10", "-e", PEER, *options, OUTSIDE]
    before = events(server)
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode != 0:
        return False
    counts = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", done.stdout)
    check(counts, "%s: %s", options, done.stdout[-500:])
    check(counts[-1][0] == counts[-1][1] != "0", "%s: sent and received %s", options, counts[-1])
    after = events(server)
    check(after["prepared"] > before["prepared"] and after["moved"] > before["moved"],
          "%s: it did not move: %s", options, after)
    return True


def turnutils_uclient(server):
    """Over UDP and TCP. Over TLS and DTLS most of its runs crash or give up, with any server:
    it may close the old connection twice."""
    with subprocess.Popen(["turnutils_peer", "-L", PEER], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as peer:
        try:
            for options in ((), ("-s",), ("-t", "-p", "443"), ("-t", "-s", "-p", "443")):
                check(uclient(server, *options), "%s: it failed", options)
            for options in (("-t", "-S", "-p", "443"), ("-S", "-p", "3478")):
                check(any(uclient(server, "-c", *options) for _ in range(30)),
                      "%s: it failed thirty times", options)
        finally:
            peer.kill()
    for row in json.loads(ctl(server, "allocations", "--json"))["allocations"]:
        ctl(server, "kill", row["id"])  # of connections that it closed and left to expire


def main():
    if not shutil.which("turnutils_uclient"):
        print("turnutils_uclient is not installed")
        sys.exit(77)
    netns.begin()
    subprocess.run(["ip", "address", "add", OUTSIDE6 + "/128", "dev", "lo", "nodad"], check=True)
    # Shorter than a run: what a client on DTLS has proved to one worker counts at another, too.
    settings = {"limits": relay.NO_LIMITS["limits"] + ["authentication = 2s",
                                                       "authentication_min = 2s"]}
    with netns.running(inside=[INSIDE], outside=[OUTSIDE, OUTSIDE6], allow=[PEER], workers=4,
                       extra=["mobility = true"], settings=settings) as server:
        for test in (from_udp_to_udp, between_transports, between_families, between_sides,
                     broken_connection, old_connection_closes, killed_while_it_moves,
                     many_requests_on_the_way, refusals,
                     turnutils_uclient):
            test(server)
        rows = json.loads(ctl(server, "allocations", "--json"))["allocations"]
        check(not rows, "allocations are left: %s", rows)
        print("%s" % events(server))


if __name__ == "__main__":
    main()

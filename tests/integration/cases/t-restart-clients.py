#!/usr/bin/python3
"""Clients of which the process before knows more than their socket, across a restart and a kill. Over DTLS:
a new handshake from the same address goes on with the allocation, and until then what peers send is
dropped by name. Behind balancers: the client is the one in the PROXY header, over TCP without another
header, and over UDP as soon as a datagram shows the way back. And the clock of the host: where it jumps
meanwhile, lifetimes stay what they were, clients learn another nonce, and what has an allocation goes on."""

import os
import socket
import subprocess
import tempfile

import lib  # adds ../lib to the path
import fdstore
import netns
import proxy_header as p
import turnclient as t
from control_caller import Peer, get, talks, until
from netns import check

INSIDE, OUTSIDE, BALANCER, CLIENT = "127.0.1.1", "127.0.2.1", "127.0.6.1", "127.0.4.1"
HERE = os.path.dirname(os.path.abspath(__file__))
HOUR = 3600


def restored(server):
    taken = get(server, "/v1/status")["taken_up"]
    return taken["allocations"], {why: n for why, n in taken["lost_by"].items() if n}


def rows(server):
    return get(server, "/v1/allocations")["allocations"]


def each_end(server):
    for end in (server.kill, server.restart):
        yield end.__name__, end


# --- DTLS ------------------------------------------------------------------------------------

class DtlsClient(t.Client):
    """Through openssl s_client, of which each record is a packet here."""

    def __init__(self, server, port, **kw):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.local_port = port
        self.program = self.shake_hands(server, theirs)
        super().__init__((INSIDE, 3478), "udp", *server.credential(), sock=ours, **kw)

    def shake_hands(self, server, theirs):
        program = subprocess.Popen(
            ["openssl", "s_client", "-connect", INSIDE + ":3478", "-bind",
             "%s:%d" % (CLIENT, self.local_port), "-CAfile", server.path("ca.pem"), "-dtls1_2", "-mtu",
             "1200", "-quiet"], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        theirs.close()
        return program

    def come_back(self, server):
        """With another handshake from the same address; what it knows stays."""
        self.program.kill()
        self.program.wait()
        self.sock.close()
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.program = self.shake_hands(server, theirs)

    def close(self):
        self.program.kill()
        self.program.wait()
        super().close()


def over_dtls(server):
    peer, client = Peer(), DtlsClient(server, 40001)
    client.allocate()
    client.channel_bind(0x4000, peer.address)
    check(talks(client, peer), "no data over DTLS")
    relayed = client.relayed
    check([row["transport"] for row in rows(server)] == ["dtls"], "%s", rows(server))
    for name, end in each_end(server):
        end()
        check(restored(server) == (1, {}), "%s: %s", name, restored(server))
        peer.sock.sendto(b"too early", relayed)
        until(lambda: get(server, "/v1/counters")["drops"].get("client-gone", 0) > 0,
              "%s: data for nobody is not counted" % name)
        client.come_back(server)
        check(talks(client, peer), "%s: no data after another handshake", name)
        client.refresh()
        check([row["relayed"] for row in rows(server)] == ["%s:%d" % relayed], "%s: %s", name,
              rows(server))
    client.refresh(0)
    client.close()
    until(lambda: not rows(server), "it does not end")


# --- balancers -------------------------------------------------------------------------------

def over_tcp_behind_a_balancer(server):
    peer = Peer()
    name, password = server.credential()
    client = p.client((INSIDE, 443), BALANCER, p.v2((CLIENT, 5000), (INSIDE, 443)), "tcp", name, password)
    client.allocate()
    client.channel_bind(0x4000, peer.address)
    for name, end in each_end(server):
        end()
        check(restored(server) == (1, {}), "%s: %s", name, restored(server))
        check([row["client"] for row in rows(server)] == ["%s:%d" % (CLIENT, 5000)], "%s: %s", name,
              rows(server))
        check(talks(client, peer), "%s: no data behind a balancer", name)
        client.refresh()
    # A header once more would be no frame.
    client.refresh(0)
    client.close()
    until(lambda: not rows(server), "it does not end")


def over_udp_behind_a_balancer(server):
    balancer = p.UdpBalancer(("127.0.3.100", 3478), BALANCER, (INSIDE, 3478))
    client = t.Client(balancer.listen, "udp", *server.credential(), bind=(CLIENT, 0))
    peer = Peer()
    client.allocate()
    client.channel_bind(0x4000, peer.address)
    try:
        for name, end in each_end(server):
            end()
            check(restored(server) == (1, {}), "%s: %s", name, restored(server))
            check([row["client"] for row in rows(server)] == ["%s:%d" % client.local], "%s: %s", name,
                  rows(server))
            check(talks(client, peer), "%s: no data behind a balancer", name)
            peer.sock.sendto(b"alone", (OUTSIDE, client.relayed[1]))
            check(client.data()[-1] == b"alone", "%s: what the peer sends by itself does not arrive", name)
            check(balancer.seen == 0, "%s: headers go to the balancer", name)
            client.refresh()
        client.refresh(0)
    finally:
        client.close()
        balancer.close()
    until(lambda: not rows(server), "it does not end")


# --- the clock of the host ---------------------------------------------------------------------

def shim(directory):
    path = os.path.join(directory, "clock_jump.so")
    made = subprocess.run(["gcc", "-shared", "-fPIC", "-o", path, os.path.join(HERE, "..", "lib", "clock_jump.c")],
                          capture_output=True, text=True, check=False)
    check(made.returncode == 0, "%s", made.stderr)
    return path


def the_clock_jumps(server, library):
    command = list(server.service.command)
    peer = Peer()
    client = t.Client((INSIDE, 3478), "udp", *server.credential(), bind=(CLIENT, 0))
    stream = t.Client((INSIDE, 443), "tcp", *server.credential("bob"))
    for one in (client, stream):
        one.allocate()
        one.channel_bind(0x4000, peer.address)
    def jump(seconds, end):
        server.service.command[:] = ["/usr/bin/env", "LD_PRELOAD=" + library,
                                     "CLOCK_JUMP_S=%d" % seconds, *command]
        end()

    for seconds in (1800, -1800, -86400, 0):
        for name, end in each_end(server):
            left = {row["id"]: row["expires_in_ms"] for row in rows(server)}
            jump(seconds, end)
            what = "%s, %d s" % (name, seconds)
            check(restored(server) == (2, {}), "%s: %s", what, restored(server))
            for row in rows(server):
                took = left[row["id"]] - row["expires_in_ms"]
                check(0 <= took < 60000, "%s: its lifetime is %d ms shorter", what, took)
                check(0 <= row["age_ms"] < 300000, "%s: it is %d ms old", what, row["age_ms"])
            for one in (client, stream):
                check(talks(one, peer), "%s: no data", what)
                one.refresh()
    # Longer than a credential is good for: that ends no allocation, as without a restart, but makes none.
    jump(2 * HOUR, server.kill)
    check(restored(server) == (2, {}), "%s", restored(server))
    check(talks(client, peer) and talks(stream, peer), "no data after two hours")
    late = t.Client((INSIDE, 3478), "udp", client.user, client.password, bind=(CLIENT, 0))
    try:
        late.allocate()
        check(False, "an expired credential is admitted")
    except t.TurnError as error:
        check(error.code == 401, "%s", error)
    server.service.command[:] = command
    server.kill()
    for one in (client, stream):
        one.refresh(0)
        one.close()
    late.allocate()
    late.refresh(0)
    late.close()


def main():
    netns.begin()
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        library = shim(directory)
        # It is loaded before the sanitizer's.
        os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "detect_leaks=1") + \
            ":verify_asan_link_order=0"
        server = fdstore.RelayService(
            os.path.join(directory, "relay"), inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.3.0/24"], workers=2,
            side_lines={"inside": ["balancers = {%s}" % BALANCER]})
        server.start()
        server.description = None
        with server:
            for part in (over_dtls, over_tcp_behind_a_balancer, over_udp_behind_a_balancer):
                part(server)
            the_clock_jumps(server, library)
        print("%d processes" % len(server.service.lives))


if __name__ == "__main__":
    main()

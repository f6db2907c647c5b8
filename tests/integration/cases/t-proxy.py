#!/usr/bin/python3
"""Behind balancers that send PROXY headers (proxy-protocol.txt): the client is the one in
the header, for its mapped address, the control documents, records and limits; over TCP with TLS
inside, in both versions, and over UDP, where replies and media go back through the balancer. What
comes without a header, with a bad one, or with one from elsewhere is refused and counted.
"""

import shutil
import socket
import struct
import subprocess
import time

import lib  # adds ../lib to the path
import netns
import control
import proxy_header as p
import turnclient as t
import turnclient_ms as ms
from netns import check

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
BALANCER, OTHER_BALANCER = "127.0.3.1", "127.0.3.2"
STRANGER = "127.0.4.1"
CLIENT = ("127.0.5.1", 40001)
LEFT_OUT = ("127.0.6.1", 40001)
PEER = "127.0.7.1"
TCP, UDP = (OUTSIDE, 443), (OUTSIDE, 3478)
SERVER = (OUTSIDE, 443)
ports = iter(range(40100, 50000))


def counters(server, name):
    return control.ask(server.path("relay.sock"), "GET", "/v1/counters")[1][name]


def results(server):
    return counters(server, "proxy_headers")


class Counted:
    """The counter of that name rises by one within the block, or by more."""

    def __init__(self, server, name, what, by=1):
        self.server, self.name, self.what, self.by = server, name, what, by

    def now(self):
        return results(self.server).get(self.name, 0)

    def __enter__(self):
        self.before = self.now()
        return self

    def __exit__(self, kind, *_):
        if kind:
            return
        until = time.monotonic() + 5
        while self.now() < self.before + self.by:
            check(time.monotonic() < until, "%s: not counted as %s: %s", self.what, self.name,
                  results(self.server))
            time.sleep(0.02)


def allocations(server):
    return control.ask(server.path("relay.sock"), "GET", "/v1/allocations")[1]["allocations"]


def a_client():
    return (CLIENT[0], next(ports))


def is_closed(sock, timeout=10.0):
    sock.settimeout(timeout)
    try:
        return sock.recv(4096) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    finally:
        sock.close()


# --- TCP ---


def a_stream_is_of_the_client_in_the_header(server):
    user, password = server.credential("alice")
    headers = {
        "v1": lambda who: p.v1(who, SERVER),
        "v2": lambda who: p.v2(who, SERVER),
        "v2 with a checksum and TLVs": lambda who: p.v2(
            who, SERVER, tlvs=[(0x01, b"h2"), (0x20, bytes(5) + b"\x21\x00\x07TLSv1.3"),
                               (0x04, bytes(300))], checksum=True),
    }
    for name, header in headers.items():
        for transport in ("tcp", "tls"):
            who = a_client()
            with Counted(server, name[:2], name):
                client = p.client(TCP, BALANCER, header(who), transport, user, password)
            check(client.binding() == who, "%s over %s: mapped address %s", name, transport,
                  client.binding())
            client.allocate()
            row = [row for row in allocations(server) if row["client"] == "%s:%d" % who]
            check(len(row) == 1 and row[0]["via"].startswith(BALANCER + ":")
                  and row[0]["transport"] == transport, "%s over %s: %s", name, transport, row)
            client.refresh(0)
            client.close()
            until = time.monotonic() + 10
            while allocations(server) and time.monotonic() < until:
                time.sleep(0.05)


def ipv6_clients_and_mapped_ones(server):
    who = ("2001:db8::7", next(ports))
    client = p.client(TCP, BALANCER, p.v2(who, ("2001:db8::1", 443)))
    check(client.binding() == who, "an IPv6 client is %s", client.binding())
    client.close()
    who = a_client()
    mapped = [("::ffff:" + address, port) for address, port in (who, SERVER)]
    client = p.client(TCP, BALANCER, p.v2(*mapped))
    check(client.binding() == who, "a mapped client is %s", client.binding())
    client.close()
    # Nor does the other form of its address get a client past the list.
    mapped[0] = ("::ffff:" + LEFT_OUT[0], LEFT_OUT[1])
    with Counted(server, "client-acl", "a mapped client that is left out"):
        check(is_closed(p.connect(TCP, BALANCER, p.v2(*mapped))), "it is served")


def microsofts_clients_are_named_too(server):
    """Framed TCP and pseudo-TLS behind a header; over UDP their bare data may look like one."""
    user = server.credential("alice", form="mras")
    for transport in ("tcp", "ptls"):
        who = a_client()
        client = ms.Client(TCP, transport, *user, sock=p.connect(TCP, BALANCER, p.v2(who, SERVER)))
        client.allocate()
        row = [row for row in allocations(server) if row["client"] == "%s:%d" % who]
        check(len(row) == 1 and row[0]["dialect"] == "ms", "%s: %s", transport, row)
        client.release()
        client.close()
    balancer = p.UdpBalancer(("127.0.3.100", 3478), BALANCER, UDP)
    peer = peer_socket()
    for server_address in (balancer.listen, UDP):
        client = ms.Client(server_address, "udp", *user, bind=(CLIENT[0], 0))
        client.allocate()
        client.send(peer.getsockname(), b"first")
        check(peer.recv(4096) == b"first", "a Send has changed")
        client.activate(peer.getsockname())
        data = p.v2(a_client(), UDP, p.DGRAM) + b"data"
        client.send_bare(data)
        check(peer.recv(4096) == data, "bare data has changed")
        client.release()
        client.close()
    balancer.close()


def pieces_are_put_together(server):
    """However slow: the header counts as greeting, byte by byte."""
    for header in (p.v1, p.v2):
        who = a_client()
        sock = p.connect(TCP, BALANCER)
        for byte in header(who, SERVER):
            sock.sendall(bytes([byte]))
            time.sleep(0.002)
        client = t.Client(TCP, "tcp", sock=sock)
        check(client.binding() == who, "in pieces: %s", client.binding())
        client.close()


def health_checks_are_quiet(server):
    before = len(server.log())
    with Counted(server, "local", "LOCAL"):
        p.connect(TCP, BALANCER, p.local()).close()
    p.connect(TCP, BALANCER).close()  # without a header: it only looks
    sock = p.connect(TCP, BALANCER, p.local())
    client = t.Client(TCP, "tcp", sock=sock)
    check(client.binding() == client.local, "LOCAL is %s", client.binding())
    client.close()
    with Counted(server, "unknown", "UNKNOWN"):
        sock = p.connect(TCP, BALANCER, b"PROXY UNKNOWN\r\n")
    check(is_closed(sock, 0.3) is False, "UNKNOWN is refused")
    # A check that names itself, as version 1 has no LOCAL.
    sock = p.connect(TCP, BALANCER)
    sock.sendall(p.v1(sock.getsockname(), SERVER))
    client = t.Client(TCP, "tcp", sock=sock)
    check(client.binding() == client.local, "a check that names itself: %s", client.binding())
    client.close()
    check(server.log()[before:].strip() == "", "the log has %s", server.log()[before:])


def others_are_refused(server):
    """attack 6, attack 20: what is spoofed, malformed, or not there."""
    stun = t.encode(t.message_type(t.BINDING, 0))
    who = a_client()
    for name, source, first, result in (
            ("v2 from a stranger", STRANGER, p.v2(who, SERVER), "not-balancer"),
            ("v1 from a stranger", STRANGER, p.v1(who, SERVER), "not-balancer"),
            ("LOCAL from a stranger", STRANGER, p.local(), "not-balancer"),
            ("a second header", BALANCER, p.v2(who, SERVER) + p.v2(a_client(), SERVER),
             "not-balancer"),
            ("no header", BALANCER, stun, "missing"),
            ("a broken line", BALANCER, b"PROXY TCP4 nonsense\r\n", "invalid"),
            ("a line without end", BALANCER, b"PROXY TCP4 " + b"1" * 200, "invalid"),
            ("version 3", BALANCER, p.SIGNATURE + b"\x31\x11\x00\x0c", "invalid"),
            ("a wrong checksum", BALANCER, p.v2(who, SERVER, checksum=True)[:-1] + b"?",
             "checksum"),
            ("a huge header", BALANCER, p.SIGNATURE + b"\x21\x11\xff\xff" + bytes(60000),
             "too-long"),
            ("multicast", BALANCER, p.v2(("224.0.0.1", 5), SERVER), "no-client"),
            ("no address", BALANCER, p.v2(("0.0.0.0", 5), SERVER), "no-client"),
            ("broadcast", BALANCER, p.v2(("255.255.255.255", 5), SERVER), "no-client"),
            ("no port", BALANCER, p.v2((CLIENT[0], 0), SERVER), "no-client"),
            ("a client that is left out", BALANCER, p.v2(LEFT_OUT, SERVER), "client-acl")):
        with Counted(server, result, name):
            sock = p.connect(TCP, source, first)
            check(is_closed(sock), "%s: the connection stays open", name)
    for key in ("not in side.outside.balancers", "one of side.outside.balancers"):
        check(key in server.log(), "the log does not name balancers: %s", server.log())


def an_address_of_ours_is_a_client_like_any_other(server):
    """attack 6: the header names the relay itself; peers are refused as ever."""
    who = (INSIDE, next(ports))
    client = p.client(TCP, BALANCER, p.v2(who, SERVER), "tcp", *server.credential("carol"))
    client.allocate()
    check(client.binding() == who, "%s", client.binding())
    try:
        client.permit((INSIDE, 3478))
        check(False, "it may reach the relay's own address")
    except t.TurnError as error:
        check(error.reply.code == 403, "%s", error.reply)
    client.close()


def one_client_has_one_connection(server):
    """Two hosts behind two addresses of a balancer may look alike: they get no common allocation.
    On another worker the second has one of its own."""
    who = a_client()
    first = p.client(TCP, BALANCER, p.v2(who, SERVER), "tls", *server.credential("bob"))
    first.allocate()
    refused = 0
    for _ in range(20):
        sock = p.connect(TCP, OTHER_BALANCER, p.v2(who, SERVER))
        client = t.Client(TCP, "tcp", sock=sock)
        try:
            check(client.binding() == who, "it is %s", client.binding())
        except (t.Closed, ConnectionError):
            refused += 1
        client.close()
    check(refused > 0 and results(server)["in-use"] == refused, "%d are refused: %s", refused,
          results(server))
    check(first.binding() == who, "the first is not served any more")
    first.close()


def slow_headers_end_in_time(server):
    """attack 20: greeting includes the header, and nobody is kept out."""
    socks = [p.connect(TCP, BALANCER, p.SIGNATURE[:5]) for _ in range(50)]
    client = p.client(TCP, BALANCER, p.v2(a_client(), SERVER))
    client.binding()
    client.close()
    begun = time.monotonic()
    check(all(is_closed(sock, 10) for sock in socks), "half a header stays for ever")
    check(time.monotonic() - begun < 8, "half headers stay for %f s", time.monotonic() - begun)
    ends = counters(server, "connection_ends")
    check(ends["greeting-timeout"] >= 50, "%s", ends)


def an_end_in_the_header_is_no_busy_loop(server):
    """Half a header and no more, from a client that waits: it ends at once."""
    with open("/proc/%d/stat" % server.pid(), encoding="ascii") as stat:
        before = sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13]))
    socks = []
    for source, first in ((BALANCER, p.SIGNATURE[:5]), (STRANGER, b"GE")):
        sock = p.connect(TCP, source, first)
        time.sleep(0.2)  # it has been looked at, and more is awaited
        sock.shutdown(socket.SHUT_WR)
        socks.append(sock)
    check(all(is_closed(sock, 1.5) for sock in socks), "the connection stays")
    with open("/proc/%d/stat" % server.pid(), encoding="ascii") as stat:
        used = sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) - before
    check(used < 50, "the relay has used %d ticks", used)


def limits_count_the_client(server):
    """limits.unauthenticated_per_prefix: one client's silent connections give way, not others'."""
    quiet = p.client(TCP, BALANCER, p.v2(("127.0.5.99", 7), SERVER))
    quiet.binding()
    socks = [p.connect(TCP, BALANCER, p.v2(("127.0.5.98", 1000 + i), SERVER))
             for i in range(120)]
    until = time.monotonic() + 10
    while counters(server, "connection_ends").get("gave-way-prefix", 0) < 10:
        check(time.monotonic() < until, "%s", counters(server, "connection_ends"))
        time.sleep(0.05)
    quiet.binding()
    quiet.close()
    for sock in socks:
        sock.close()


def records_name_the_client(server):
    # Read from the log: the records of those calls.
    check('CLIENT=%s:' % CLIENT[0] in server.log() or CLIENT[0] in server.log(),
          "no record names the client")
    check(not any("ended" in line and BALANCER in line for line in server.log().splitlines()),
          "a record names the balancer as client")


# --- UDP ---


def peer_socket():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((PEER, 0))
    sock.settimeout(5)
    return sock


def datagrams_go_through_the_balancer(server, restart=False):
    """restart: the balancer takes other ports; with one worker, that is no other client."""
    balancer = p.UdpBalancer(("127.0.3.100", 3478), BALANCER, UDP)
    client = t.Client(balancer.listen, "udp", *server.credential("alice"), bind=(CLIENT[0], 0))
    peer = peer_socket()
    check(client.binding() == client.local, "mapped address %s, not %s", client.binding(),
          client.local)
    client.allocate()
    row = allocations(server)
    check([r["client"] for r in row] == ["%s:%d" % client.local]
          and row[0]["via"].startswith(BALANCER + ":"), "%s", row)
    client.channel_bind(0x4000, peer.getsockname())

    def media(rounds):
        for i in range(rounds):
            client.send_channel(0x4000, b"up %d" % i)
            data, relayed = peer.recvfrom(4096)
            check(data == b"up %d" % i, "the peer gets %s", data)
            peer.sendto(b"down %d" % i, relayed)
            got = client.data()
            check(got[-1] == b"down %d" % i, "the client gets %s", got)

    media(50)
    if restart:
        balancer.restart()  # the next datagram tells the new way
        media(50)
    check(balancer.seen == 0, "the relay sends headers to the balancer")
    # The peer sends first: no datagram of the client is at hand.
    client.refresh()
    peer.sendto(b"alone", (OUTSIDE, client.relayed[1]))
    check(client.data()[-1] == b"alone", "nothing arrives")
    client.refresh(0)
    client.close()
    balancer.close()


def a_balancer_restarts_beside_other_workers(server):
    """Another port may lead to another worker, which does not know the client: that is told at once,
    and the client allocates again. What it had on the first worker ends, so that it does not come
    back to that."""
    balancer = p.UdpBalancer(("127.0.3.100", 3478), BALANCER, UDP)
    client = t.Client(balancer.listen, "udp", *server.credential("alice"), bind=(CLIENT[0], 0))
    client.allocate()
    peer, again, same = peer_socket(), 0, 0
    for _ in range(20):
        balancer.restart()
        try:
            client.refresh()
            same += 1
        except t.TurnError as error:
            check(error.code == 437, "a Refresh over another port: %s", error)
            client.allocate()
            again += 1
        client.channel_bind(0x4000, peer.getsockname())
        client.send_channel(0x4000, b"up")
        data, relayed = peer.recvfrom(4096)
        check(data == b"up" and relayed == client.relayed, "%s from %s, not %s", data, relayed,
              client.relayed)
        peer.sendto(b"down", relayed)
        check(client.data()[-1] == b"down", "the client does not hear its peer")
    until = time.monotonic() + 5
    while len(allocations(server)) != 1:
        check(time.monotonic() < until, "it has %s", allocations(server))
        time.sleep(0.05)
    print("a restarted balancer: %d times the same worker, %d times another" % (same, again))
    client.refresh(0)
    client.close()
    balancer.close()


def dtls_lies_behind_the_header(server):
    """turnutils_uclient over DTLS, through the balancer."""
    if not shutil.which("turnutils_uclient"):
        return
    balancer = p.UdpBalancer(("127.0.3.100", 3478), BALANCER, UDP)
    user, password = server.credential("alice")
    with subprocess.Popen(["turnutils_peer", "-L", PEER], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as peer, \
            subprocess.Popen(["timeout", "40", "turnutils_uclient", "-S", "-L", CLIENT[0], "-u", user,
                              "-w", password, "-m", "2", "-n", "20", "-z", "5", "-l", "160", "-e",
                              PEER, "-r", "3480", "-p", "3478", balancer.listen[0]],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
        seen = set()
        while client.poll() is None:
            seen |= {(row["transport"], row["client"].split(":")[0], row["via"].split(":")[0])
                     for row in allocations(server)}
            time.sleep(0.1)
        out = client.stdout.read()
        peer.kill()
    check("tot_send_msgs=40, tot_recv_msgs=40" in out, "%s", out[-1000:])
    check(seen == {("dtls", CLIENT[0], BALANCER)}, "the relay tells of %s", seen)
    balancer.close()


def many_clients_share_a_balancer(server):
    balancer = p.UdpBalancer(("127.0.3.100", 3478), BALANCER, UDP)
    user = server.credential("alice")
    peer = peer_socket()
    clients = [t.Client(balancer.listen, "udp", *user, bind=("127.0.5.%d" % (i % 20 + 1), 0))
               for i in range(150)]
    for client in clients:
        client.allocate()
        client.channel_bind(0x4000, peer.getsockname())
    for i, client in enumerate(clients):
        client.send_channel(0x4000, struct.pack("!I", i))
        data, relayed = peer.recvfrom(4096)
        peer.sendto(data, relayed)
    for i, client in enumerate(clients):
        check(client.data()[-1] == struct.pack("!I", i), "client %d gets another's", i)
    udp = {row["client"] for row in allocations(server) if row["transport"] == "udp"}
    check(len(udp) == 150, "%d clients are there", len(udp))
    for client in clients:
        client.refresh(0)
        client.close()
    balancer.close()


def wrong_datagrams_are_dropped(server):
    stun = t.encode(t.message_type(t.BINDING, 0))
    who = a_client()
    for name, source, data, result, answered in (
            ("no header", BALANCER, stun, "missing", False),
            ("half a header", BALANCER, p.v2(who, UDP, p.DGRAM)[:20], "invalid", False),
            ("version 1", BALANCER, p.v1(who, UDP) + stun, "missing", False),
            ("a wrong checksum", BALANCER,
             p.v2(who, UDP, p.DGRAM, checksum=True)[:-1] + b"?" + stun, "checksum", False),
            ("a client that is left out", BALANCER, p.v2(LEFT_OUT, UDP, p.DGRAM) + stun,
             "client-acl", False),
            ("multicast", BALANCER, p.v2(("224.0.0.1", 5), UDP, p.DGRAM) + stun, "no-client",
             False),
            ("a stranger's", STRANGER, p.v2(who, UDP, p.DGRAM) + stun, "not-balancer", False),
            ("LOCAL", BALANCER, p.local() + stun, "local", True),
            ("TCP in a datagram", BALANCER, p.v2(who, UDP, p.STREAM) + stun, "unknown", True)):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((source, 0))
        sock.connect(UDP)
        with Counted(server, result, name):
            sock.send(data)
        sock.settimeout(0.2 if not answered else 5)
        try:
            mapped = t.Msg(sock.recv(4096)).address(t.XOR_MAPPED_ADDRESS)
            check(answered, "%s: answered", name)
            check(mapped == sock.getsockname(), "%s: answered as %s", name, mapped)
        except TimeoutError:
            check(not answered, "%s: no answer", name)
        sock.close()


def a_header_flood_keeps_nothing(server):
    """attack 1, with headers: strangers behind a balancer leave no state."""
    with open("/proc/%d/statm" % server.pid(), encoding="ascii") as statm:
        before = int(statm.read().split()[1])
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((BALANCER, 0))
    stun = t.encode(t.message_type(t.BINDING, 0))
    for i in range(20000):
        who = ("127.0.5.%d" % (i % 200 + 1), 1024 + i)
        sock.sendto(p.v2(who, UDP, p.DGRAM) + stun, UDP)
    client = t.Client(UDP, "udp", bind=(CLIENT[0], 0))
    client.binding()
    client.close()
    with open("/proc/%d/statm" % server.pid(), encoding="ascii") as statm:
        grown = (int(statm.read().split()[1]) - before) * 4096
    check(grown < 4 << 20, "20000 strangers take %d bytes", grown)


def nat_discovery_is_not_for_the_header(server):
    """attack 12: whoever passes a balancer has nothing sent past it."""
    victim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    victim.bind(("127.0.5.77", 5353))
    balancer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    balancer.bind((BALANCER, 0))
    balancer.settimeout(5)
    for attrs, port, code in (((), 5353, None), (((3, bytes(4)),), 5353, None),
                              (((3, b"\0\0\0\6"),), 5353, 420),
                              (((3, b"\0\0\0\2"),), 5353, 420),
                              (((0x27, b"\x14\xe9\0\0"),), 1111, 420)):
        request = t.encode(t.message_type(t.BINDING, t.REQUEST), list(attrs))
        balancer.sendto(p.v2(("127.0.5.77", port), UDP, p.DGRAM) + request, UDP)
        reply = t.Msg(balancer.recv(2000))
        check(reply.code == code, "%s: %s", attrs, reply)
    victim.setblocking(False)
    try:
        check(False, "the victim got %s", victim.recv(2000))
    except BlockingIOError:
        pass
    victim.close()
    balancer.close()


def a_reload_changes_who_is_believed(server):
    with open(server.path("relay.conf"), encoding="utf-8") as conf:
        text = conf.read()
    with open(server.path("relay.conf"), "w", encoding="utf-8") as conf:
        conf.write(text.replace("balancers = {%s, %s}" % (BALANCER, OTHER_BALANCER),
                                "balancers = {%s}" % OTHER_BALANCER))
    status, report = control.ask(server.path("relay.sock"), "POST", "/v1/reload")
    check(status == 200 and [change["key"] for change in report["changes"]]
          == ["side.outside.balancers"], "the reload: %s", report)
    with Counted(server, "not-balancer", "after the reload"):
        check(is_closed(p.connect(TCP, BALANCER, p.v2(a_client(), SERVER))), "it is believed")
    client = t.Client(TCP, "tcp", sock=p.connect(TCP, BALANCER))
    check(client.binding() == client.local, "it is no client of its own")
    client.close()


def main():
    netns.begin()
    # 127.0.0.1 is the address from which relay.py waits for the relay.
    settings = {"limits": ["greeting = 3s", "greeting_min = 1s",
                           "unauthenticated_per_prefix = 100"]}
    lines = ["clients = {127.0.5.0/24, 127.0.4.0/24, 127.0.0.1, 127.0.1.1, 127.0.3.1, "
             "\"2001:db8::/32\"}",
             "balancers = {%s, %s}" % (BALANCER, OTHER_BALANCER)]
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=[PEER], settings=settings,
                       side_lines={"outside": lines}) as server:
        a_stream_is_of_the_client_in_the_header(server)
        records_name_the_client(server)
        health_checks_are_quiet(server)
        ipv6_clients_and_mapped_ones(server)
        microsofts_clients_are_named_too(server)
        pieces_are_put_together(server)
        others_are_refused(server)
        an_address_of_ours_is_a_client_like_any_other(server)
        one_client_has_one_connection(server)
        an_end_in_the_header_is_no_busy_loop(server)
        slow_headers_end_in_time(server)
        limits_count_the_client(server)
        datagrams_go_through_the_balancer(server)
        a_balancer_restarts_beside_other_workers(server)
        dtls_lies_behind_the_header(server)
        many_clients_share_a_balancer(server)
        wrong_datagrams_are_dropped(server)
        a_header_flood_keeps_nothing(server)
        a_reload_changes_who_is_believed(server)
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=[PEER], workers=1,
                       side_lines={"outside": ["balancers = {%s}" % BALANCER]}) as server:
        datagrams_go_through_the_balancer(server, restart=True)
    with netns.running(inside=[INSIDE], outside=[OUTSIDE, "127.0.2.2"], allow=[PEER],
                       more_udp=(3479,),
                       side_lines={"outside": ["balancers = {%s}" % BALANCER,
                                               "nat_discovery = true",
                                               "response_port = true"]}) as server:
        nat_discovery_is_not_for_the_header(server)
    print("clients of balancers are themselves, over TCP, TLS and UDP; other headers are refused")


if __name__ == "__main__":
    main()

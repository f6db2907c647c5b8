#!/usr/bin/python3
"""A port shared with a web server (pass_through): TLS whose ALPN is not STUN's goes to the local backend,
unread, with the client's address in a PROXY header; ours is served as ever. An end of one direction is
passed on alone, a slow reader slows its writer, and connections, their time and the backend's address
are bounded.
"""

import os
import socket
import ssl
import threading
import time

import lib  # adds ../lib to the path
import netns
import control
import proxy_header as p
import turnclient as t
from netns import check

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
BALANCER, CLIENT, OTHER = "127.0.3.1", "127.0.5.1", "127.0.5.9"
PORT = (OUTSIDE, 443)
BACKEND = ("127.0.0.1", 8443)
WEB = ["h2", "http/1.1"]
CONNECTIONS = 8


def hello(alpn=(), name=None):
    """The first bytes of a TLS client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


class Conn(socket.socket):
    """A connection that knows what the header in front of it said."""
    client = server = None


class Backend:
    """Accepts; the tests speak. Reads a PROXY header first, as the backend is told to expect one."""

    def __init__(self):
        self.sock = socket.create_server(BACKEND)
        self.sock.settimeout(10)

    def accept(self):
        conn = Conn(fileno=self.sock.accept()[0].detach())
        conn.settimeout(10)
        start = exactly(conn, 16)
        check(start[:12] == p.SIGNATURE and start[12:14] == b"\x21\x11", "no header: %s", start)
        body = exactly(conn, int.from_bytes(start[14:], "big"))
        conn.client = "%s:%d" % (socket.inet_ntoa(body[:4]), int.from_bytes(body[8:10], "big"))
        conn.server = "%s:%d" % (socket.inet_ntoa(body[4:8]), int.from_bytes(body[10:12], "big"))
        return conn

    def is_quiet(self):
        self.sock.settimeout(0.3)
        try:
            self.sock.accept()[0].close()
            return False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(10)

    def close(self):
        self.sock.close()


def exactly(sock, count):
    data = b""
    while len(data) < count:
        chunk = sock.recv(min(count - len(data), 1 << 20))
        check(chunk, "the connection ended after %d of %d bytes", len(data), count)
        data += chunk
    return data


def passes(server):
    document = control.ask(server.path("relay.sock"), "GET", "/v1/counters")[1]
    return document["pass_through"], document["pass_through_bytes"]


def wait_for(server, event, more, before, what):
    until = time.monotonic() + 10
    while passes(server)[0][event] < before[event] + more:
        check(time.monotonic() < until, "%s: %s: %s", what, event, passes(server)[0])
        time.sleep(0.02)


def is_closed(sock, timeout=10):
    sock.settimeout(timeout)
    try:
        return sock.recv(10) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def what_is_not_ours_is_passed_unread(server, backend):
    first = hello(WEB, "www.example")
    for pieces in (len(first), 100, 7):
        sock = p.connect(PORT, CLIENT)
        for i in range(0, len(first), pieces):
            sock.sendall(first[i:i + pieces])
            time.sleep(0.001)
        conn = backend.accept()
        check(conn.client == "%s:%d" % sock.getsockname(), "the client is %s", conn.client)
        check(conn.server == "%s:%d" % PORT, "it has connected to %s", conn.server)
        check(exactly(conn, len(first)) == first, "the hello has changed")
        conn.sendall(b"answer")
        check(exactly(sock, 6) == b"answer", "the answer has changed")
        sock.close()
        check(conn.recv(10) == b"", "the end is not passed on")
        conn.close()
    # In records of 60 bytes.
    body = first[5:]
    cut = b"".join(first[:3] + len(body[i:i + 60]).to_bytes(2, "big") + body[i:i + 60]
                   for i in range(0, len(body), 60))
    sock = p.connect(PORT, CLIENT, cut)
    conn = backend.accept()
    check(exactly(conn, len(cut)) == cut, "the records have changed")
    sock.close()
    conn.close()


def clients_of_balancers_are_passed_as_themselves(server, backend):
    first = hello(WEB)
    sock = p.connect(PORT, BALANCER, p.v2(("127.0.5.9", 777), ("198.51.100.1", 443)) + first)
    conn = backend.accept()
    check(conn.client == "127.0.5.9:777", "the client is %s", conn.client)
    check(exactly(conn, len(first)) == first, "the hello has changed")
    sock.close()
    conn.close()


def ours_is_served(server, backend):
    for alpn, name in (((), None), ((), "relay.avedge.test"), (["stun.turn"], "www.example"),
                       (["h2", "stun.turn"], None), (["stun.nat-discovery"], None)):
        def options(context, alpn=alpn):
            if alpn:
                context.set_alpn_protocols(list(alpn))
        client = t.Client(PORT, "tls", bind=(CLIENT, 0), tls_options=options)
        check(client.binding() == client.local, "%s %s is not served", alpn, name)
        client.close()
    for transport in ("tcp", "udp"):
        client = t.Client(PORT if transport == "tcp" else (OUTSIDE, 3478), transport)
        client.binding()
        client.close()
    sock = p.connect(PORT, CLIENT, b"GET / HTTP/1.1\r\n\r\n")
    check(is_closed(sock), "plain HTTP stays")
    check(backend.is_quiet(), "the backend got something of ours")


def names_decide_without_alpn(server, backend):
    """own_names: another name is the web server's."""
    for name, ours in (("turn.example", True), ("TURN.example", True), ("a.relays.example", True),
                       ("a.b.relays.example", False), ("www.example", False), (None, True)):
        sock = p.connect(PORT, CLIENT, hello((), name))
        if ours:
            sock.settimeout(10)
            check(sock.recv(1) == b"\x16", "%s: no ServerHello", name)
            check(backend.is_quiet(), "%s: passed", name)
        else:
            backend.accept().close()
        sock.close()


def each_direction_ends_alone(server, backend):
    first = hello(WEB)
    sock = p.connect(PORT, CLIENT, first)
    conn = backend.accept()
    exactly(conn, len(first))
    sock.shutdown(socket.SHUT_WR)
    check(conn.recv(10) == b"", "the client's end is not passed on")
    data = os.urandom(3 << 20)
    sender = threading.Thread(target=conn.sendall, args=(data,))
    sender.start()
    check(exactly(sock, len(data)) == data, "what follows the end has changed")
    sender.join()
    conn.close()
    check(sock.recv(10) == b"", "the backend's end is not passed on")
    sock.close()


def rss(server):
    with open("/proc/%d/statm" % server.pid(), encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096


def a_slow_reader_slows_its_writer(server, backend):
    """Either way: what is on its way is bounded, then all of it arrives."""
    first = hello(WEB)
    sock = p.connect(PORT, CLIENT, first)
    conn = backend.accept()
    exactly(conn, len(first))
    before = rss(server)
    for writer, reader in ((conn, sock), (sock, conn)):
        data, sent = os.urandom(1 << 20) * 64, 0
        writer.settimeout(1)
        try:
            while sent < len(data):
                sent += writer.send(data[sent:sent + (1 << 20)])
        except TimeoutError:
            pass
        check(sent < len(data) // 2, "%d bytes are on their way", sent)
        check(rss(server) - before < 2 << 20, "the relay holds %d bytes", rss(server) - before)
        check(exactly(reader, sent) == data[:sent], "bytes are lost")
    writer.close()
    reader.close()


def limits_hold(server, backend):
    """attack 16: no more than so many, none for longer than idle, and TURN goes on."""
    before = passes(server)[0]
    first = hello(WEB)
    socks = [p.connect(PORT, CLIENT, first) for _ in range(CONNECTIONS + 4)]
    wait_for(server, "full", 4, before, "too many")
    conns = [backend.accept() for _ in range(CONNECTIONS)]
    check(sum(is_closed(sock, 0.05) for sock in socks) == 4, "not 4 are refused")
    client = t.Client(PORT, "tls")
    client.binding()
    client.close()
    # Those that move nothing end; one that does stays.
    for _ in range(35):
        conns[0].sendall(b"x")
        time.sleep(0.1)
    wait_for(server, "idle-timeout", CONNECTIONS - 1, before, "idle")
    for conn in conns[1:]:
        exactly(conn, len(first))
        check(is_closed(conn), "an idle one stays")
    check(exactly(conns[0], len(first)) == first, "the busy one has ended")
    for sock in socks + conns:
        sock.close()
    until = time.monotonic() + 10
    while True:
        now = passes(server)[0]
        if now["opened"] == sum(now.values()) - now["opened"]:
            break
        check(time.monotonic() < until, "some stay: %s", now)
        time.sleep(0.02)


def a_source_cannot_take_all(server, backend):
    """attack 16: silent connections of one address give way, one by one, to those of another."""
    before = passes(server)[0]
    first = hello(WEB)
    taken = [p.connect(PORT, OTHER, first) for _ in range(CONNECTIONS)]
    conns = [backend.accept() for _ in range(CONNECTIONS)]
    mine = p.connect(PORT, CLIENT, first)
    conn = backend.accept()
    check(exactly(conn, len(first)) == first, "the hello has changed")
    conn.sendall(b"answer")
    check(exactly(mine, 6) == b"answer", "no answer")
    check(is_closed(taken[0], 2), "the oldest stays")
    check(not any(is_closed(sock, 0.05) for sock in taken[1:]), "more than one gave way")
    check(passes(server)[0]["gave-way"] == before["gave-way"] + 1, "%s", passes(server)[0])
    # Silent, so that the source's own next one takes the place of its longest silent one.
    time.sleep(1.1)
    taken.append(p.connect(PORT, OTHER, first))
    conns.append(backend.accept())
    check(is_closed(taken[1], 2), "the longest silent one stays")
    check(exactly(conns[-1], len(first)) == first, "the hello has changed")
    mine.settimeout(0.05)
    conn.sendall(b"more")
    check(exactly(mine, 4) == b"more", "the small source's one has ended")
    for sock in taken + conns + [mine, conn]:
        sock.close()
    time.sleep(0.5)


def slow_hellos_end_in_time(server, backend):
    """attack 20: greeting includes the hello."""
    first = hello(WEB)
    socks = [p.connect(PORT, CLIENT, first[:count]) for count in (6, 40, 200)]
    begun = time.monotonic()
    check(all(is_closed(sock) for sock in socks), "half a hello stays")
    check(time.monotonic() - begun < 8, "it stays for %f s", time.monotonic() - begun)
    check(backend.is_quiet(), "half a hello is passed")


def the_backend_is_no_peer(server):
    """attack 6: although its address is allowed as a peer."""
    client = t.Client((OUTSIDE, 3478), "udp", *server.credential("alice"))
    client.allocate()
    try:
        client.channel_bind(0x4000, BACKEND)
        check(False, "a client may send to the backend")
    except t.TurnError as error:
        check(error.reply.code == 403, "%s", error.reply)
    client.channel_bind(0x4001, (BACKEND[0], BACKEND[1] + 1))
    client.refresh(0)
    client.close()


def without_a_backend_it_is_closed(server):
    before = passes(server)[0]
    sock = p.connect(PORT, CLIENT, hello(WEB))
    check(is_closed(sock), "it stays open")
    wait_for(server, "no-backend", 1, before, "no backend")
    check("cannot pass a connection on to pass_through.backend 127.0.0.1:8443: Connection refused"
          in server.log(), "the log does not say so")


def a_reload_turns_it_off(server, backend):
    with open(server.path("relay.conf"), encoding="utf-8") as conf:
        text = conf.read()
    first = hello(WEB)
    sock = p.connect(PORT, CLIENT, first)
    conn = backend.accept()
    with open(server.path("relay.conf"), "w", encoding="utf-8") as conf:
        conf.write(text.replace('backend = "127.0.0.1:8443"', 'backend = ""'))
    status, report = control.ask(server.path("relay.sock"), "POST", "/v1/reload")
    check(status == 200, "the reload: %s", report)
    check(is_closed(p.connect(PORT, CLIENT, first)) is False, "no alert of ours")
    check(backend.is_quiet(), "passed after the reload")
    conn.sendall(b"still")
    check(exactly(sock, 5) == b"still", "a connection ends with the reload")
    sock.close()
    conn.close()


def main():
    netns.begin()
    settings = {
        "limits": ["greeting = 3s", "greeting_min = 1s"],
        "pass_through outside": ['backend = "127.0.0.1:8443"', "proxy_protocol = true",
                                 "connections = %d" % CONNECTIONS, "idle = 2s",
                                 'own_names = {"turn.example", "*.relays.example", '
                                 '"relay.avedge.test"}']}
    # One worker, because the limit is for each.
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.1"], workers=1,
                       settings=settings,
                       side_lines={"outside": ["balancers = {%s}" % BALANCER]}) as server:
        without_a_backend_it_is_closed(server)
        backend = Backend()
        what_is_not_ours_is_passed_unread(server, backend)
        clients_of_balancers_are_passed_as_themselves(server, backend)
        ours_is_served(server, backend)
        names_decide_without_alpn(server, backend)
        each_direction_ends_alone(server, backend)
        a_slow_reader_slows_its_writer(server, backend)
        limits_hold(server, backend)
        a_source_cannot_take_all(server, backend)
        slow_hellos_end_in_time(server, backend)
        the_backend_is_no_peer(server)
        a_reload_turns_it_off(server, backend)
        sums = passes(server)
        check(sums[1]["to-backend"] > 1 << 20 and sums[1]["to-client"] > 1 << 20, "%s", sums)
        backend.close()
    print("web clients reach the web server on the relay's port, and nothing of ours does")


if __name__ == "__main__":
    main()

"""Shared by all rows of the checklist: the table of rows, clients, peers, assertions.

A row is a function with an id from docs/requirements.md. It gets a Bench, acts as a client of the
relay and fails with an assertion. Rows prove silence without waiting: after a message that must
not be answered they send one that is, and the first message to arrive must be its response. (One
5-tuple belongs to one worker, so order is kept.)
"""

import os
import re
import socket
import struct

import turnclient as t

ROWS = []
ALL = ("udp", "tcp", "tls")
STREAMS = ("tcp", "tls")

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
INSIDE6, OUTSIDE6 = "fd77:9::1", "fd77:9::2"
PEER, PEER6 = "127.0.3.1", "fd77:9::3"
UDP_PORT, TCP_PORT = 3478, 443
USER_QUOTA = 250	# as the runner configures it

FEATURE_ALGORITHMS, FEATURE_USERHASH = 0x800000, 0x400000


class Skip(Exception):
    """The row does not apply to this server; the text says why."""


class Row:
    def __init__(self, ident, summary, level, over, check):
        self.ident, self.summary, self.level = ident, summary, level
        self.over, self.check = over, check

    def name(self, transport):
        return self.ident if len(self.over) == 1 else "%s/%s" % (self.ident, transport)


def row(ident, summary, level="M", over=("udp",)):
    def add(check):
        ROWS.append(Row(ident, summary, level, over, check))
        return check
    return add


def features(nonce):
    """The 24 security feature bits of a nonce (RFC 8489 section 9.2)."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    value = 0
    for char in nonce[9:13]:
        value = value << 6 | alphabet.index(char)
    return value


class Observer:
    """Rules for every message of the relay. complaints[row id] collects
    violations, whichever row was running."""

    def __init__(self):
        self.complaints = {"T-011": [], "T-020": [], "T-069": [], "T-112": [], "T-088": []}

    def see(self, msg):
        def complain(ident, text):
            self.complaints[ident].append("%s in %r" % (text, msg))
        if any(msg.padding):
            complain("T-011", "padding is not zero")
        tail = [k for k in msg.types() if k in (
            t.MESSAGE_INTEGRITY, t.MESSAGE_INTEGRITY_SHA256, t.FINGERPRINT)]
        if tail != msg.types()[len(msg.types()) - len(tail):] or \
                tail != sorted(tail) or len(tail) != len(set(tail)):
            complain("T-069", "integrity and fingerprint are not at the end, in order")
        if t.FINGERPRINT in tail and not msg.fingerprint_ok():
            complain("T-069", "fingerprint is wrong")
        if msg.cls == t.SUCCESS and any(
                msg.has(k) for k in (t.USERNAME, t.USERHASH, t.REALM, t.NONCE)):
            complain("T-088", "success tells credentials")
        if msg.cls == t.ERROR:
            self.see_error(msg, complain)

    @staticmethod
    def see_error(msg, complain):
        value = msg.get(t.ERROR_CODE)
        if value is None or len(value) < 4:
            complain("T-020", "no ERROR-CODE")
            return
        if value[0] or value[1] or value[2] & 0xF8 or not 3 <= value[2] <= 6 or value[3] > 99:
            complain("T-020", "ERROR-CODE %s" % value[:4].hex())
        if len(value[4:].decode("utf-8")) >= 128:
            complain("T-020", "reason is too long")
        nonce = msg.get(t.NONCE)
        offers = msg.has(t.PASSWORD_ALGORITHMS)
        if msg.code in (401, 438) and nonce and nonce.startswith(b"obMatJos2"):
            if bool(features(nonce) & FEATURE_ALGORITHMS) != offers:
                complain("T-112", "feature bit and PASSWORD-ALGORITHMS disagree")


OBSERVER = Observer()


class CheckedClient(t.Client):
    def recv(self, timeout=None):
        got = super().recv(timeout)
        if isinstance(got, t.Msg):
            OBSERVER.see(got)
        return got


class Peer:
    """A UDP peer."""

    def __init__(self, host=PEER, port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.settimeout(3)
        self.sock.bind((host, port))
        self.addr = self.sock.getsockname()[:2]

    def take(self):
        data, source = self.sock.recvfrom(65536)
        return data, source[:2]

    def expect(self, data, source=None):
        got, origin = self.take()
        assert got == data, "peer got %r (%d bytes), expected %r (%d bytes)" % (
            got[:40], len(got), data[:40], len(data))
        if source:
            assert origin == source, "peer was sent data by %s, not %s" % (origin, source)

    def send(self, data, to):
        self.sock.sendto(data, to)

    def close(self):
        self.sock.close()


class Bench:
    """The tools of a row. Everything it opened is closed after the row."""

    credentials = {}	# user -> (user name, password), filled by the runner
    secret = None
    cafile = None
    relay_pid = None

    def __init__(self, transport):
        self.transport, self.opened = transport, []

    def server(self, host=INSIDE):
        return host, UDP_PORT if self.transport == "udp" else TCP_PORT

    def client(self, user="alice", algorithm="auto", host=INSIDE, bind=None, sock=None):
        """An unallocated client; user None has no credentials."""
        name, password = self.credentials.get(user, (user, "x"))
        made = CheckedClient(self.server(host), self.transport, name, password,
                             algorithm=algorithm, cafile=self.cafile, bind=bind, sock=sock)
        self.opened.append(made)
        return made

    def allocated(self, *attrs, **kw):
        made = self.client(**kw)
        made.allocate(*attrs)
        return made

    def peer(self, host=PEER, port=0):
        made = Peer(host, port)
        self.opened.append(made)
        return made

    def pair(self, **kw):
        """A client with an allocation and a permission for a peer, and that peer."""
        client, peer = self.allocated(**kw), self.peer()
        client.permit(peer.addr)
        return client, peer

    def bound(self, number=0x4000, **kw):
        """The same with a channel."""
        client, peer = self.allocated(**kw), self.peer()
        client.channel_bind(number, peer.addr)
        return client, peer

    def close(self):
        for thing in self.opened:
            if isinstance(thing, t.Client) and thing.relayed and thing.transport == "udp":
                try:
                    thing.send_bytes(thing.signed(t.REFRESH, [t.u32(t.LIFETIME, 0)]))
                except OSError:
                    pass
            thing.close()


# --- assertions ---------------------------------------------------------------------------

def marker(client):
    """Proves that the client's 5-tuple is served and that nothing else arrived before."""
    raw = t.encode(t.message_type(t.BINDING, t.REQUEST))
    client.send_bytes(raw)
    try:
        got = client.recv()
    except t.Closed:
        raise AssertionError("the relay closed the connection") from None
    assert isinstance(got, t.Msg) and got.txid == raw[8:20], "expected silence, got %r" % (got,)


def silent(client, *messages):
    """The relay answers none of the messages and still serves the 5-tuple."""
    for raw in messages:
        client.send_bytes(raw)
        marker(client)


def closes(client, raw):
    """The bytes make the relay close the connection, without an answer."""
    client.send_bytes(raw)
    try:
        got = client.recv()
    except t.Closed:
        return
    except TimeoutError:
        raise AssertionError("the connection stays open") from None
    raise AssertionError("answered with %r" % (got,))


def code_of(reply, *want):
    assert reply.code in want, "expected %s, got %r" % (" or ".join(map(str, want)), reply)
    return reply


def succeeds(reply):
    assert reply.cls == t.SUCCESS, "expected success, got %r" % reply
    return reply


def nothing_reaches(client, peer, *messages):
    """None of the client's messages reaches the peer; a Send with data does."""
    for raw in messages:
        client.send_bytes(raw)
    client.send_to(peer.addr, b"marker")
    peer.expect(b"marker")


def protected(reply, client, kind=None):
    """T-100: an error response after authentication carries integrity under the request's key."""
    got = reply.verify(client.key())
    assert got, "no valid integrity in %r" % reply
    if kind:
        assert got == kind, "integrity is %s, not %s" % (got, kind)
    return reply


def bare(reply, *more):
    for kind in (t.USERNAME, t.USERHASH, t.MESSAGE_INTEGRITY,
                 t.MESSAGE_INTEGRITY_SHA256) + more:
        assert not reply.has(kind), "attribute %#06x in %r" % (kind, reply)
    return reply


def send_indication(peer_addr, *attrs):
    txid = os.urandom(12)
    return t.encode(t.message_type(t.SEND, t.INDICATION),
                    [t.xor_address(t.XOR_PEER_ADDRESS, peer_addr, txid)] + list(attrs), txid)


def request_type(method):
    return t.message_type(method, t.REQUEST)


def channel(number):
    return t.CHANNEL_NUMBER, struct.pack("!HH", number, 0)


def resident_kib(pid):
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

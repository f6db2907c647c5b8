"""Sections 13 and 18, and the attacks that can be seen from outside."""

import os
import socket
import ssl
import subprocess
import time
import warnings

from .base import (ALL, INSIDE, INSIDE6, OUTSIDE, TCP_PORT, UDP_PORT, Skip, channel, closes,
                   code_of, nothing_reaches, request_type, resident_kib, row,
                   send_indication, silent, succeeds, t)

BINDING, ALLOCATE = request_type(t.BINDING), request_type(t.ALLOCATE)


# --- first bytes and TLS ------------------------------------------------------------------

@row("T-510", "first bytes other than STUN, DTLS or a channel are dropped on UDP")
def first_bytes(b):
    client = b.client()
    for first in list(range(4, 20)) + list(range(64, 256, 7)):
        silent(client, bytes((first,)) + os.urandom(39))


@row("T-511", "methods above 0x0FF are dropped")
def reserved_methods(b):
    client = b.client()
    silent(client, t.encode(0x0400), t.encode(0x0801), t.encode(0x3FFF & ~0x0110))


@row("T-513", "a new stream starts with STUN or TLS, else it is closed", "D", over=("tcp",))
def first_byte_of_stream(b):
    for first in (b"GET / HTTP/1.0\r\n\r\n", b"\x40\0\0\4abcd", b"\x80" * 24, b"\xff" * 24,
                  b"\x05\x01\x00\0" * 6):
        closes(b.client(), first)


def handshake(b, **options):
    def prepare(context):
        context.maximum_version = options.get("high", ssl.TLSVersion.TLSv1_3)
        context.minimum_version = options.get("low", ssl.TLSVersion.TLSv1_2)
        if "ciphers" in options:
            context.set_ciphers(options["ciphers"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        conn = t.Client(b.server(), "tls", cafile=b.cafile, tls_options=prepare)
    b.opened.append(conn)
    return conn.sock


@row("T-500", "TLS 1.3, and the two suites RFC 8489 names for TLS 1.2", over=("tls",))
def tls_suites(b):
    for suite in ("ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"):
        sock = handshake(b, high=ssl.TLSVersion.TLSv1_2, ciphers=suite)
        assert sock.cipher()[0] == suite and sock.compression() is None
    assert handshake(b, low=ssl.TLSVersion.TLSv1_3).version() == "TLSv1.3"
    both = handshake(b, high=ssl.TLSVersion.TLSv1_2,
                     ciphers="AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    assert both.cipher()[0].startswith("ECDHE"), "no forward secrecy, though the client has it"
    for weak in ("DES-CBC3-SHA:@SECLEVEL=0", "RC4-SHA:@SECLEVEL=0", "NULL-SHA256:@SECLEVEL=0",
                 "AES128-GCM-SHA256:@SECLEVEL=0", "AES128-SHA:@SECLEVEL=0"):
        try:
            sock = handshake(b, high=ssl.TLSVersion.TLSv1_2, ciphers=weak)
        except (ssl.SSLError, OSError):
            continue
        raise AssertionError("agreed on %s" % sock.cipher()[0])


@row("T-501", "nothing older than TLS 1.2", over=("tls",))
def tls_old(b):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                sock = handshake(b, low=version, high=version, ciphers="ALL:@SECLEVEL=0")
        except (ssl.SSLError, OSError):
            continue
        raise AssertionError("agreed on %s" % sock.version())


@row("T-501b", "TLS renegotiation is refused", over=("tls",))
def tls_renegotiation(b):
    host, port = b.server()
    process = subprocess.Popen(
        ["openssl", "s_client", "-tls1_2", "-connect", "%s:%d" % (host, port)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        time.sleep(0.3)
        out, _ = process.communicate(b"R\n", timeout=8)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
    text = out.decode(errors="replace")
    assert "RENEGOTIATING" in text, text[-300:]
    after = text.split("RENEGOTIATING", 1)[1]
    assert "verify return" not in after and "depth=" not in after, "renegotiated"


# --- peers that are always refused -------------------------------------------------------

DENIED4 = ("0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "239.255.255.255",
           "240.0.0.1", "255.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255",
           "192.168.0.1", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1",
           "198.51.100.1", "203.0.113.1", "192.88.99.1")
DENIED6 = ("::", "::1", "fe80::1", "febf::1", "ff02::1", "ff0e::1", "::ffff:8.8.8.8",
           "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
           "64:ff9b::a00:1", "64:ff9b:1::a00:1", "fc00::1", "fd00::1", "100::1",
           "2001:db8::1", "2002:a00:1::1", "2001::1")


def refuse_everywhere(client, peer, address):
    for method, attrs in ((t.CREATE_PERMISSION, []), (t.CHANNEL_BIND, [channel(0x4ABC)])):
        reply = client.with_peers(method, [(address, 4444)], attrs)
        assert reply.code == 403, "%s: %r" % (address, reply)
    nothing_reaches(client, peer, send_indication((address, 4444), (t.DATA, b"x")))


@row("T-580", "6to4 and Teredo peers are refused")
def tunnelled_peers(b):
    client, peer = b.allocated(t.family_attr(2)), b.peer("fd77:9::3")
    client.permit(peer.addr)
    for address in ("2002:7f00:1::1", "2002:808:808::1", "2001::1", "2001:0:4136::1"):
        refuse_everywhere(client, peer, address)


@row("T-581", "special-purpose peers are refused (IPv4)", "D")
def denied4(b):
    client, peer = b.pair()
    for address in DENIED4:
        refuse_everywhere(client, peer, address)


@row("T-581b", "special-purpose peers are refused (IPv6, embedded IPv4)", "D")
def denied6(b):
    client, peer = b.allocated(t.family_attr(2)), b.peer("fd77:9::3")
    client.permit(peer.addr)
    for address in DENIED6:
        refuse_everywhere(client, peer, address)


@row("T-582", "own fronts are refused as peers, own relayed addresses are not", "D")
def own_addresses(b):
    client = b.allocated()
    for host in (INSIDE, OUTSIDE):
        for port in (UDP_PORT, TCP_PORT):
            reply = client.with_peers(t.CHANNEL_BIND, [(host, port)], [channel(0x4001)])
            code_of(reply, 403)
    second = b.allocated()
    client.permit(second.relayed)
    second.permit(client.relayed)
    client.send_to(second.relayed, b"across")
    assert second.data() == (client.relayed, b"across")
    second.channel_bind(0x4000, client.relayed)
    second.send_channel(0x4000, b"back")
    assert client.data() == (second.relayed, b"back")


# --- attacks ------------------------------------------------------------------------------

@row("attack-8", "nothing sent to a front through the relay causes a packet", "D")
def loops(b):
    client, peer = b.pair()
    front = b.server()
    reply = client.with_peers(t.CREATE_PERMISSION, [front])
    if reply.cls == t.SUCCESS:		# the address may be allowed, the port never
        client.send_to(front, t.encode(BINDING))
        client.send_to(b.server(OUTSIDE), t.encode(BINDING))
        client.send_to(peer.addr, b"go on")
        peer.expect(b"go on")
        peer.send(b"marker", client.relayed)
        assert client.data() == (peer.addr, b"marker"), "the front answered the relay port"
    else:
        code_of(reply, 403)


@row("attack-9", "its own errors and responses, sent back, are not answered")
def error_ping_pong(b):
    client = b.client()
    replies = [client.ask(t.encode(BINDING)), client.challenge(),
               client.ask(t.encode(BINDING, [(0x7FFF, b"")])),
               client.request(t.REFRESH), client.request(t.ALLOCATE, [])]
    silent(b.client(), *(r.raw for r in replies))


def strangers_requests(size):
    """Unauthenticated requests of size bytes."""
    fill = size - 20
    for kind in (BINDING, ALLOCATE, request_type(t.REFRESH), request_type(t.CHANNEL_BIND),
                 request_type(t.CREATE_PERMISSION)):
        if fill == 0:
            yield t.encode(kind)
        elif fill >= 4:
            yield t.encode(kind, [(t.SOFTWARE, b"x" * (fill - 4))])
            yield t.encode(kind, [(0x7F01, b"x" * (fill - 4))])


@row("attack-12", "small answers: Binding max(request, 32) or 44, challenge at most 80", "D")
def reply_sizes(b):
    for host, least in ((INSIDE, 32), (INSIDE6, 44)):
        client = b.client(host=host)
        for size in [20, 24, 28, 32, 36, 40, 44, 48, 64, 96, 128, 256, 548, 1200, 1500]:
            for raw in strangers_requests(size):
                got = client.ask(raw)
                limit = max(size, least if got.method == t.BINDING else 80)
                if got.code == 420:		# cannot be said in less
                    limit = max(size, 36)
                assert len(got.raw) <= limit, "%d bytes got %d: %r" % (size, len(got.raw), got)


@row("attack-18", "forged integrity with random users creates no state", "D")
def forged_integrity(b):
    if not b.relay_pid:
        raise Skip("the relay is not ours to look at")
    client = b.client(bind=("127.66.1.1", 0))
    descriptors = "/proc/%d/fd" % b.relay_pid

    def flood(count):
        for _ in range(count):
            client.send_bytes(t.encode(ALLOCATE, [
                t.UDP_TRANSPORT, (t.USERNAME, b"4102444800:" + os.urandom(6).hex().encode()),
                (t.REALM, b"edge"), (t.NONCE, os.urandom(12).hex().encode()),
                (t.MESSAGE_INTEGRITY, os.urandom(20))]))
    flood(3000)
    before, fds = resident_kib(b.relay_pid), len(os.listdir(descriptors))
    flood(20000)
    grown = resident_kib(b.relay_pid) - before
    assert grown <= 1024, "resident size grew by %d KiB" % grown
    assert len(os.listdir(descriptors)) <= fds


@row("attack-20", "slow connections do not delay others and are closed in time", "D",
     over=("tcp",))
def slow_connections(b):
    slow = []
    for i in range(300):
        conn = t.Client(b.server(), "tcp", bind=("127.67.%d.1" % (i // 10), 0))
        b.opened.append(conn)
        conn.send_bytes(b"\0")
        slow.append(conn)
    started = time.monotonic()
    b.client().binding()
    assert time.monotonic() - started < 0.1, "a new connection waited"
    deadline = started + 14
    half_request = t.encode(BINDING)[1:10]
    for i in range(9):		# one byte a second keeps no connection open
        time.sleep(1)
        for conn in slow:
            try:
                conn.send_bytes(half_request[i:i + 1])
            except OSError:
                pass
    still = 0
    for conn in slow:
        conn.sock.settimeout(max(deadline - time.monotonic(), 0.01))
        try:
            still += bool(conn.sock.recv(1))
        except TimeoutError:
            still += 1
        except OSError:
            pass
    assert not still, "%d of 300 slow connections are open after 14 seconds" % still


KNOWN_ATTRIBUTES = (
    [(kind, bytes(4)) for kind in (0x0003, 0x000C, 0x000D, 0x0017, 0x0019, 0x001D, 0x0024,
                                   0x002A, 0x8000, 0x8025, 0x8027)]
    + [(kind, bytes(8)) for kind in (0x0001, 0x0012, 0x0016, 0x0020, 0x0022, 0x8023, 0x8029)]
    + [(kind, b"") for kind in (0x001A, 0x0025, 0x8030)]
    + [(t.EVEN_PORT, b"\x80"), (t.USERNAME, b"mallory"), (t.REALM, b"elsewhere"),
       (t.NONCE, b"stale"), (t.USERHASH, bytes(32)), (t.DATA, b"data"),
       (t.PASSWORD_ALGORITHMS, b"\0\1\0\0"), (t.SOFTWARE, b"x"), (0x7FFF, b"unknown")])


@row("attack-36", "attributes after integrity change nothing", over=ALL)
def appended(b):
    client, peer = b.pair()
    for extra in KNOWN_ATTRIBUTES:
        peer_attr = t.xor_address(t.XOR_PEER_ADDRESS, peer.addr)
        for method, attrs in ((t.REFRESH, [t.u32(t.LIFETIME, 1200)]),
                              (t.CREATE_PERMISSION, [peer_attr]),
                              (t.CHANNEL_BIND, [channel(0x4000), peer_attr])):
            attrs = attrs + client.credentials() + [client.integrity(), extra]
            reply = client.ask(t.encode(request_type(method), attrs))
            assert reply.cls == t.SUCCESS, "0x%04x behind method %d: %r" % (
                extra[0], method, reply)
            if method == t.REFRESH:
                assert reply.number(t.LIFETIME) == 1200, "0x%04x" % extra[0]
            assert reply.verify(client.key())


@row("attack-13", "responses to an unauthenticated client are limited; clients with a nonce are not", "D")
def limiter(b):
    friend = b.client(bind=("127.68.1.1", 0))
    friend.challenge()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.68.1.1", 0))
    sock.connect(b.server())
    sock.setblocking(False)
    raw = t.encode(ALLOCATE, [t.UDP_TRANSPORT])

    def flood(count):
        answers = 0
        for i in range(count):
            sock.send(raw)
            if i % 8 == 7:
                time.sleep(0.0005)
            answers += drain(sock)
        time.sleep(0.1)
        return answers + drain(sock)

    flood(20000)			# whatever the burst allows is gone after this
    started = time.monotonic()
    answers, seconds = flood(4000), time.monotonic() - started
    sock.close()
    assert answers <= 20 * seconds + 20, "%d answers in %.1f s after a flood" % (
        answers, seconds)
    succeeds(friend.request(t.ALLOCATE, [t.UDP_TRANSPORT]))
    friend.relayed = True


def drain(sock):
    count = 0
    while True:
        try:
            sock.recv(2000)
        except (BlockingIOError, ConnectionRefusedError):
            return count
        count += 1

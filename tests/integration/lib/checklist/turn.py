"""Sections 5 to 8: allocations, Refresh, permissions."""

import socket

from .base import (ALL, INSIDE, INSIDE6, OUTSIDE, OUTSIDE6, PEER6, STREAMS, USER_QUOTA, Skip,
                   channel, code_of, nothing_reaches, protected, request_type, row,
                   send_indication, silent, succeeds, t)

RESERVE, EVEN = (t.EVEN_PORT, b"\x80"), (t.EVEN_PORT, b"\0")


@row("T-200", "Allocate over UDP, TCP and TLS", over=ALL)
def allocate(b):
    b.allocated()


@row("T-202", "one client address, two server addresses: two allocations")
def two_servers(b):
    socks = []
    for _ in range(2):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", socks[0].getsockname()[1] if socks else 0))
        socks.append(sock)
    relayed = []
    for sock, host in zip(socks, (INSIDE, OUTSIDE)):
        sock.connect(b.server(host))
        client = b.client(host=host, sock=sock)
        client.allocate()
        relayed.append(client.relayed)
    assert relayed[0] != relayed[1]


@row("T-203", "requests without an allocation: 437; indications and channel data: dropped",
     over=ALL)
def no_allocation(b):
    client, peer = b.client(), b.peer()
    peer_attr = t.xor_address(t.XOR_PEER_ADDRESS, peer.addr)
    client.challenge()
    for method, attrs in ((t.REFRESH, []), (t.CREATE_PERMISSION, [peer_attr]),
                          (t.CHANNEL_BIND, [channel(0x4000), peer_attr])):
        code_of(client.ask(client.signed(method, attrs)), 437)
    silent(client, send_indication(peer.addr, (t.DATA, b"x")), b"\x40\0\0\4abcd")


@row("T-204", "another user's requests on an allocation: 441, no effect", over=ALL)
def wrong_owner(b):
    client, peer = b.pair()
    mine = client.user, client.password
    client.user, client.password = (v.encode() for v in b.credentials["bob"])
    protected(code_of(client.request(t.REFRESH, [t.u32(t.LIFETIME, 0)]), 441), client)
    protected(code_of(client.with_peers(t.CREATE_PERMISSION, [("127.0.3.9", 9)]), 441), client)
    reply = client.with_peers(t.CHANNEL_BIND, [peer.addr], [channel(0x4000)])
    protected(code_of(reply, 441), client)
    client.user, client.password = mine
    client.send_to(peer.addr, b"still")
    peer.expect(b"still")
    assert client.refresh().number(t.LIFETIME) == 600


@row("T-205", "if two rules are broken, the earlier one answers", "D", over=ALL)
def order_of_checks(b):
    client = b.client()
    code_of(client.request(t.REFRESH, [(0x7FFF, b"")]), 420)
    client.allocate()
    code_of(client.request(t.ALLOCATE, []), 437)
    client.user, client.password = (v.encode() for v in b.credentials["bob"])
    code_of(client.request(t.CREATE_PERMISSION, [(0x7FFF, b"")]), 420)
    code_of(client.request(t.CREATE_PERMISSION, []), 441)
    client.user, client.password = (v.encode() for v in b.credentials["alice"])


@row("T-207", "one allocation above the limit of a user: 486; other users are unaffected", "S")
def quota(b):
    clients = [b.allocated(user="carol") for _ in range(USER_QUOTA)]
    one_more = b.client(user="carol")
    protected(code_of(one_more.request(t.ALLOCATE, [t.UDP_TRANSPORT]), 486), one_more)
    b.allocated()
    clients[0].refresh(0)
    one_more.allocate()


@row("T-208", "relayed addresses are unique; ports are in range and not sequential")
def unique(b):
    ports = [b.allocated().relayed[1] for _ in range(200)]
    assert len(set(ports)) == 200
    assert all(49152 <= p <= 65535 for p in ports)
    steps = [b - a for a, b in zip(ports, ports[1:])]
    assert len(set(steps)) > 100, "relay ports come in a row"


@row("T-211", "the end of an allocation frees its port, permissions and channels", over=ALL)
def freed(b):
    client, peer = b.bound()
    old = client.relayed
    peer.sock.connect(old)
    assert client.refresh(0).number(t.LIFETIME) == 0
    code_of(client.request(t.REFRESH), 437)
    refused = False
    for _ in range(50):
        try:
            peer.sock.send(b"anyone?")
            peer.sock.settimeout(0.02)
            peer.sock.recv(10)
        except ConnectionRefusedError:
            refused = True
            break
        except TimeoutError:
            pass
    assert refused, "the relay port is still open"
    silent(client, b"\x40\0\0\4abcd")


@row("T-213", "closing the connection frees the port", "D", over=STREAMS)
def freed_by_close(b):
    client, peer = b.pair()
    peer.sock.connect(client.relayed)
    peer.sock.settimeout(0.05)
    client.close()
    for _ in range(60):
        try:
            peer.sock.send(b"anyone?")
            peer.sock.recv(10)
        except ConnectionRefusedError:
            return
        except TimeoutError:
            pass
    raise AssertionError("the relay port is still open")


# --- Allocate -----------------------------------------------------------------------------

@row("T-220", "an Allocate must be authenticated", over=ALL)
def authenticated(b):
    client = b.client()
    code_of(client.ask(t.encode(request_type(t.ALLOCATE), [t.UDP_TRANSPORT])), 401)


@row("T-221", "a second Allocate on the 5-tuple: 437", over=ALL)
def second_allocate(b):
    client = b.allocated()
    code_of(client.request(t.ALLOCATE, [t.UDP_TRANSPORT]), 437)


ALLOCATE_CASES = (
    ("T-222", "no REQUESTED-TRANSPORT", [], 400),
    ("T-222b", "REQUESTED-TRANSPORT of 1 byte", [(t.REQUESTED_TRANSPORT, b"\x11")], 400),
    ("T-222c", "REQUESTED-TRANSPORT of 8 bytes", [(t.REQUESTED_TRANSPORT, b"\x11" + bytes(7))],
     400),
    ("T-223", "transport SCTP", [(t.REQUESTED_TRANSPORT, b"\x84\0\0\0")], 442),
    ("T-223b", "transport 0", [(t.REQUESTED_TRANSPORT, bytes(4))], 442),
    ("T-226", "token with EVEN-PORT",
     [t.UDP_TRANSPORT, (t.RESERVATION_TOKEN, bytes(8)), EVEN], 400),
    ("T-226b", "token with an address family",
     [t.UDP_TRANSPORT, (t.RESERVATION_TOKEN, bytes(8)), t.family_attr(1)], 400),
    ("T-226c", "token with an additional address family",
     [t.UDP_TRANSPORT, (t.RESERVATION_TOKEN, bytes(8)),
      t.family_attr(2, t.ADDITIONAL_ADDRESS_FAMILY)], 400),
    ("T-227", "an unknown token", [t.UDP_TRANSPORT, (t.RESERVATION_TOKEN, b"whatever")], 508),
    ("T-227b", "a token of 4 bytes", [t.UDP_TRANSPORT, (t.RESERVATION_TOKEN, b"four")], 400),
    ("T-228", "address family and additional address family",
     [t.UDP_TRANSPORT, t.family_attr(1), t.family_attr(2, t.ADDITIONAL_ADDRESS_FAMILY)], 400),
    ("T-229", "address family 3", [t.UDP_TRANSPORT, t.family_attr(3)], 440),
    ("T-229b", "address family 0", [t.UDP_TRANSPORT, t.family_attr(0)], 440),
    ("T-229c", "an address family of 1 byte",
     [t.UDP_TRANSPORT, (t.REQUESTED_ADDRESS_FAMILY, b"\1")], 400),
    ("T-231", "reserved pair with an additional address family",
     [t.UDP_TRANSPORT, RESERVE, t.family_attr(2, t.ADDITIONAL_ADDRESS_FAMILY)], 400),
    ("T-231b", "EVEN-PORT of 4 bytes", [t.UDP_TRANSPORT, (t.EVEN_PORT, b"\x80\0\0\0")], 400),
    ("T-233", "additional address family IPv4",
     [t.UDP_TRANSPORT, t.family_attr(1, t.ADDITIONAL_ADDRESS_FAMILY)], 400),
    ("T-269", "LIFETIME of 2 bytes", [t.UDP_TRANSPORT, (t.LIFETIME, b"\0\1")], 400),
)


def refused_allocate(attrs, want):
    def check(b):
        client = b.client()
        protected(code_of(client.request(t.ALLOCATE, attrs), want), client)
        code_of(client.request(t.REFRESH), 437)		# nothing was left behind
    return check


for ident_, what_, attrs_, want_ in ALLOCATE_CASES:
    row(ident_, "Allocate with %s: %d" % (what_, want_),
        "D" if ident_ in ("T-269",) else "M", over=("udp", "tcp"))(refused_allocate(attrs_, want_))


@row("T-224", "DONT-FRAGMENT is accepted, or refused as unknown")
def dont_fragment(b):
    client = b.client()
    reply = client.request(t.ALLOCATE, [t.UDP_TRANSPORT, (t.DONT_FRAGMENT, b"")])
    client.relayed = reply.cls == t.SUCCESS
    if reply.cls != t.SUCCESS:
        assert code_of(reply, 420).get(t.UNKNOWN_ATTRIBUTES) == b"\0\x1a"


@row("T-225", "DONT-FRAGMENT between address families: 420")
def dont_fragment_translated(b):
    client = b.client()
    attrs = [t.UDP_TRANSPORT, t.family_attr(2), (t.DONT_FRAGMENT, b"")]
    assert code_of(client.request(t.ALLOCATE, attrs), 420).get(
        t.UNKNOWN_ATTRIBUTES) == b"\0\x1a"


@row("T-405", "DONT-FRAGMENT from a stream, which is no translation of packets", over=STREAMS)
def dont_fragment_of_a_stream(b):
    b.allocated(t.family_attr(2), (t.DONT_FRAGMENT, b""))


@row("T-225b", "DONT-FRAGMENT with both families: IPv4, and 440 for IPv6")
def dont_fragment_of_both(b):
    client = b.client()
    reply = client.allocate(t.family_attr(2, t.ADDITIONAL_ADDRESS_FAMILY), (t.DONT_FRAGMENT, b""))
    assert client.relayed[0] == OUTSIDE
    assert reply.get(0x8001)[:4] == b"\2\0\4\x28"


@row("T-227c", "a token is valid once", over=ALL)
def token_once(b):
    first = b.client()
    token = first.allocate(RESERVE).get(t.RESERVATION_TOKEN)
    assert token and len(token) == 8
    second, third = b.client(), b.client()
    second.allocate((t.RESERVATION_TOKEN, token))
    code_of(third.request(t.ALLOCATE, [t.UDP_TRANSPORT, (t.RESERVATION_TOKEN, token)]), 508)


@row("T-230", "without an address family the relayed address is IPv4", over=ALL)
def default_family(b):
    for host in (INSIDE, INSIDE6, OUTSIDE6):
        assert b.allocated(host=host).relayed[0] == OUTSIDE


@row("T-229d", "IPv6 on request, whatever the client's own family", over=ALL)
def ipv6_relay(b):
    for host in (INSIDE, INSIDE6):
        client = b.allocated(t.family_attr(2), host=host)
        assert client.relayed[0] == OUTSIDE6


@row("T-251", "IPv4 on request", "D")
def ipv4_relay(b):
    assert b.allocated(t.family_attr(1), host=INSIDE6).relayed[0] == OUTSIDE


@row("T-232", "a retransmitted Allocate gets the same answer")
def allocate_again(b):
    client = b.client()
    client.challenge()
    raw = client.signed(t.ALLOCATE, [t.UDP_TRANSPORT, RESERVE])
    first, second = succeeds(client.ask(raw)), succeeds(client.ask(raw))
    client.relayed = first.address(t.XOR_RELAYED_ADDRESS)
    for kind in (t.XOR_RELAYED_ADDRESS, t.XOR_MAPPED_ADDRESS, t.RESERVATION_TOKEN):
        assert first.get(kind) == second.get(kind), "attribute %#06x differs" % kind
    assert first.types() == second.types()
    assert second.verify(client.key())


@row("T-238", "EVEN-PORT gives an even port, reserving the next one on request", over=ALL)
def even_port(b):
    for _ in range(8):
        reply = b.client().allocate(EVEN)
        assert reply.address(t.XOR_RELAYED_ADDRESS)[1] % 2 == 0
        assert not reply.has(t.RESERVATION_TOKEN)
    client = b.client()
    assert len(client.allocate(RESERVE).get(t.RESERVATION_TOKEN)) == 8
    assert client.relayed[1] % 2 == 0


@row("T-241", "the token gives the next port, also over another transport", over=ALL)
def reserved_port(b):
    first = b.client()
    token = first.allocate(RESERVE).get(t.RESERVATION_TOKEN)
    b.transport = {"udp": "tcp", "tcp": "tls", "tls": "udp"}[b.transport]
    second = b.client(host=OUTSIDE)
    second.allocate((t.RESERVATION_TOKEN, token))
    assert second.relayed == (first.relayed[0], first.relayed[1] + 1)


@row("T-240", "another user cannot use a token", "D")
def token_owner(b):
    token = b.client().allocate(RESERVE).get(t.RESERVATION_TOKEN)
    thief = b.client(user="bob")
    code_of(thief.request(t.ALLOCATE, [t.UDP_TRANSPORT, (t.RESERVATION_TOKEN, token)]), 508)


@row("T-245", "lifetime: at least 600, at most the maximum", over=ALL)
def allocate_lifetime(b):
    for asked, want in ((None, 600), (0, 600), (60, 600), (1800, 1800), (99999, 3600),
                        (0xFFFFFFFF, 3600)):
        client = b.client()
        attrs = [] if asked is None else [t.u32(t.LIFETIME, asked)]
        got = client.allocate(*attrs).number(t.LIFETIME)
        assert got == want, "asked %s, got %d" % (asked, got)


@row("T-248", "success has the relayed and the mapped address and the lifetime", over=ALL)
def allocate_success(b):
    for host in (INSIDE, OUTSIDE, INSIDE6):
        client = b.client(host=host)
        reply = client.allocate()
        assert reply.address(t.XOR_MAPPED_ADDRESS) == client.local
        assert reply.types().count(t.XOR_RELAYED_ADDRESS) == 1
        assert reply.number(t.LIFETIME) and reply.verify(client.key())
        assert client.relayed[0] == OUTSIDE


@row("T-252", "tunnelled sources (6to4, Teredo) get no allocation")
def tunnelled_source(b):
    for source in ("2002:7f00:1::1", "2001:0:1::1"):
        client = b.client(host=INSIDE6, bind=(source, 0))
        code_of(client.request(t.ALLOCATE, [t.UDP_TRANSPORT]), 403)


# --- Refresh ------------------------------------------------------------------------------

@row("T-260", "Refresh computes the lifetime like Allocate; 0 deletes", over=ALL)
def refresh_lifetime(b):
    client = b.allocated()
    for asked, want in ((None, 600), (60, 600), (1800, 1800), (99999, 3600), (0, 0)):
        got = client.refresh(asked).number(t.LIFETIME)
        assert got == want, "asked %s, got %s" % (asked, got)
    code_of(client.request(t.REFRESH), 437)


@row("T-262", "Refresh for a family the allocation does not have: 443", over=ALL)
def refresh_family(b):
    client = b.allocated()
    code_of(client.request(t.REFRESH, [t.family_attr(2)]), 443)
    succeeds(client.request(t.REFRESH, [t.family_attr(1)]))
    client = b.allocated(t.family_attr(2))
    code_of(client.request(t.REFRESH, [t.family_attr(1), t.u32(t.LIFETIME, 0)]), 443)
    client.refresh()


@row("T-265", "after a delete the 5-tuple may allocate again", "D", over=ALL)
def reallocate(b):
    client = b.allocated()
    client.refresh(0)
    client.allocate()


@row("T-269b", "Refresh with a malformed LIFETIME: 400", "D")
def refresh_malformed(b):
    client = b.allocated()
    code_of(client.request(t.REFRESH, [(t.LIFETIME, b"\0")]), 400)
    client.refresh()


# --- permissions --------------------------------------------------------------------------

@row("T-280", "a permission is an IP address; ports do not matter", over=ALL)
def permission_any_port(b):
    client, peer = b.pair()
    other = b.peer()
    other.send(b"from another port", client.relayed)
    assert client.data() == (other.addr, b"from another port")
    client.send_to(other.addr, b"to another port")
    other.expect(b"to another port", client.relayed)


@row("T-283", "without a permission a peer's datagram is dropped silently", over=ALL)
def no_permission(b):
    client, peer = b.pair()
    stranger = b.peer("127.0.3.2")
    for _ in range(3):
        stranger.send(b"stranger", client.relayed)
    peer.send(b"friend", client.relayed)
    assert client.data() == (peer.addr, b"friend")


@row("T-284", "permissions of different allocations are independent", over=ALL)
def permissions_independent(b):
    first, peer = b.pair()
    second, other = b.allocated(), b.peer("127.0.3.2")
    second.permit(other.addr)
    peer.send(b"no", second.relayed)
    other.send(b"yes", second.relayed)
    assert second.data() == (other.addr, b"yes")
    nothing_reaches(first, peer, send_indication(other.addr, (t.DATA, b"no")))
    second.send_to(other.addr, b"first packet")
    other.expect(b"first packet", second.relayed)


@row("T-285", "CreatePermission without a well-formed peer address: 400", over=ALL)
def permission_malformed(b):
    client = b.allocated()
    good = t.xor_address(t.XOR_PEER_ADDRESS, ("127.0.3.1", 7))
    for bad in (b"", b"\0\1\0\0\1", b"\0\3" + bytes(6), b"\0\1" + bytes(18),
                b"\0\2" + bytes(6), b"\0\0" + bytes(6)):
        attr = (t.XOR_PEER_ADDRESS, bad)
        for attrs in ([attr], [good, attr]):
            code_of(client.ask(client.signed(t.CREATE_PERMISSION, attrs)), 400)
    code_of(client.request(t.CREATE_PERMISSION, []), 400)


@row("T-286", "CreatePermission installs all or nothing", over=ALL)
def permission_all_or_nothing(b):
    for bad, want in ((("169.254.169.254", 80), 403), ((PEER6, 7), 443)):
        client, good = b.allocated(), b.peer()
        code_of(client.with_peers(t.CREATE_PERMISSION, [good.addr, bad]), want)
        other = b.peer("127.0.3.2")
        client.permit(other.addr)
        good.send(b"no", client.relayed)
        other.send(b"yes", client.relayed)
        assert client.data() == (other.addr, b"yes")
    client, first, second = b.allocated(), b.peer(), b.peer("127.0.3.2")
    client.permit(first.addr, second.addr)
    for peer in (first, second):
        client.send_to(peer.addr, b"both")
        peer.expect(b"both")


@row("T-287", "a peer of the other family: 443", over=ALL)
def permission_family(b):
    code_of(b.allocated().with_peers(t.CREATE_PERMISSION, [(PEER6, 7)]), 443)
    client = b.allocated(t.family_attr(2))
    code_of(client.with_peers(t.CREATE_PERMISSION, [("127.0.3.1", 7)]), 443)


@row("T-290", "CreatePermission answers success", over=ALL)
def permission_success(b):
    client = b.allocated()
    assert client.permit(("127.0.3.1", 7)).verify(client.key())


@row("T-291", "the port of a permission, even 0, is ignored", "D")
def permission_port_zero(b):
    client, peer = b.allocated(), b.peer()
    client.permit((peer.addr[0], 0))
    client.send_to(peer.addr, b"x")
    peer.expect(b"x")


@row("T-289", "permissions per allocation are limited; refreshing one is always allowed", "D")
def permission_cap(b):
    client = b.allocated()
    client.permit(("127.0.3.1", 7))
    for i in range(2000):
        reply = client.with_peers(t.CREATE_PERMISSION, [
            ("127.1.%d.%d" % divmod(i, 256), 7)])
        if reply.cls != t.SUCCESS:
            code_of(reply, 508)
            client.permit(("127.0.3.1", 7))
            return
    raise Skip("no cap below 2000")


@row("T-292", "IPv4-mapped IPv6 peers are refused", "D")
def permission_mapped(b):
    client = b.allocated(t.family_attr(2))
    for addr in ("::ffff:127.0.3.1", "::127.0.3.1"):
        code_of(client.with_peers(t.CREATE_PERMISSION, [(addr, 7)]), 400, 403, 443)

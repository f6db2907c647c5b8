"""Sections 2 and 3: framing, Binding, integrity and fingerprint on the wire."""

import socket
import struct

from .base import (ALL, INSIDE, INSIDE6, OUTSIDE, OUTSIDE6, STREAMS, Skip, closes, code_of,
                   marker, nothing_reaches, request_type, row, send_indication, silent,
                   succeeds, t)

BINDING = request_type(t.BINDING)


@row("T-001", "the top two bits of a message are zero, else it is dropped")
def top_bits(b):
    raw = t.encode(BINDING)
    silent(b.client(), bytes((0x80,)) + raw[1:], bytes((0xC0,)) + raw[1:])


@row("T-002", "a length that is not a multiple of four is dropped")
def odd_length(b):
    client = b.client()
    for extra in (1, 2, 3):
        raw = t.encode(BINDING) + bytes(extra)
        silent(client, raw[:2] + struct.pack("!H", extra) + raw[4:])


@row("T-003", "message length and datagram length must agree")
def wrong_length(b):
    client = b.client()
    raw = t.encode(BINDING, [(t.SOFTWARE, b"abcd")])
    silent(client, raw + bytes(4), raw[:-4], raw[:21], raw[:19], raw[:4], raw[:1])


@row("T-004", "a wrong cookie is not STUN: no answer to an Allocate")
def wrong_cookie(b):
    silent(b.client(), t.encode(request_type(t.ALLOCATE), [t.UDP_TRANSPORT], cookie=0x2112A443))


@row("T-005", "the transaction id comes back unchanged", over=ALL)
def transaction_id(b):
    client = b.client()
    for txid in (bytes(12), b"\xff" * 12, bytes(range(12))):
        assert client.ask(t.encode(BINDING, txid=txid)).txid == txid
        reply = client.ask(t.encode(request_type(t.ALLOCATE), [t.UDP_TRANSPORT], txid=txid))
        assert code_of(reply, 401).txid == txid


@row("T-006", "a response has the request's method", over=ALL)
def response_type(b):
    client = b.client()
    assert client.ask(t.encode(BINDING)).raw[:2] == b"\x01\x01"
    for method, want in ((t.ALLOCATE, b"\x01\x13"), (t.REFRESH, b"\x01\x14"),
                         (t.CREATE_PERMISSION, b"\x01\x18"), (t.CHANNEL_BIND, b"\x01\x19")):
        assert client.ask(t.encode(request_type(method))).raw[:2] == want


@row("T-007", "an unsupported method is dropped without an error", over=ALL)
def unknown_method(b):
    client = b.client()
    for method in (0x000, 0x002, 0x005, 0x07F, 0x080, 0x0FF):
        silent(client, t.encode(request_type(method)))


@row("T-008", "a class that a method does not have is dropped", over=ALL)
def class_of_method(b):
    client = b.client()
    for method, cls in ((t.SEND, t.REQUEST), (t.DATA_METHOD, t.REQUEST),
                        (t.DATA_METHOD, t.INDICATION), (t.ALLOCATE, t.INDICATION),
                        (t.REFRESH, t.INDICATION), (t.CREATE_PERMISSION, t.INDICATION),
                        (t.CHANNEL_BIND, t.INDICATION), (t.SEND, t.SUCCESS)):
        silent(client, t.encode(t.message_type(method, cls)))


@row("T-009", "stray responses are dropped", over=ALL)
def stray_response(b):
    client = b.client()
    for method in (t.BINDING, t.ALLOCATE, t.REFRESH):
        silent(client, t.encode(t.message_type(method, t.SUCCESS)),
               t.encode(t.message_type(method, t.ERROR), [(t.ERROR_CODE, b"\0\0\x04\x01")]))


@row("T-010", "an attribute longer than its message is dropped or answered 400")
def attribute_overflow(b):
    client = b.client()
    for method in (t.BINDING, t.ALLOCATE):
        for tail in (b"\x80\x22\x00\x05abcd", b"\x80\x22\xff\xffabcd", b"\x80\x22\x00\x01",
                     b"\x80\x22\x00\x00\x80\x22\x00\x01"):
            raw = t.encode(request_type(method))
            client.send_bytes(raw[:2] + struct.pack("!H", len(tail)) + raw[4:] + tail)
            probe = t.encode(BINDING)
            client.send_bytes(probe)
            got = client.recv()
            if got.txid == raw[8:20]:
                code_of(got, 400)
                got = client.recv()
            assert got.txid == probe[8:20]


@row("T-011", "the content of padding is ignored", over=ALL)
def padding_ignored(b):
    for pad in (b" ", b"\xff"):
        client = b.client()
        client.challenge()
        odd = [t.UDP_TRANSPORT, (t.SOFTWARE, b"odd"), (0xC0FE, b"x")]
        succeeds(client.ask(client.signed(t.ALLOCATE, odd, pad=pad)))
        client.relayed = True


@row("T-012", "the length of an attribute does not count its padding", over=ALL)
def attribute_length(b):
    client = b.client()
    assert client.challenge().get(t.REALM) == b"edge"
    client.allocate()
    value = client.refresh().get(t.SOFTWARE)
    assert value is None or not value.endswith(b"\0")


@row("T-013", "of a repeated attribute the first counts", "O", over=ALL)
def repeated_attribute(b):
    client = b.client()
    client.challenge()
    attrs = [t.UDP_TRANSPORT, t.u32(t.LIFETIME, 1200), t.u32(t.LIFETIME, 3000)]
    attrs += client.credentials() + [(t.USERNAME, b"second"), client.integrity()]
    reply = succeeds(client.ask(t.encode(request_type(t.ALLOCATE), attrs)))
    client.relayed = True
    assert reply.number(t.LIFETIME) == 1200


@row("T-014", "unknown comprehension-optional attributes are ignored", over=ALL)
def unknown_optional(b):
    b.allocated((0xC0FF, b"hello"), (0x8055, b""))


@row("T-015", "known but irrelevant attributes are ignored", "S")
def known_unexpected(b):
    succeeds(b.client().ask(t.encode(BINDING, [t.u32(t.LIFETIME, 5)])))


@row("T-016", "unknown required attributes: 420 naming all, after authentication", over=ALL)
def unknown_required(b):
    client = b.client()
    strange = [t.UDP_TRANSPORT, (0x7FFF, b"a"), (0x7FFE, b"")]
    code_of(client.ask(t.encode(request_type(t.ALLOCATE), strange)), 401)
    reply = code_of(client.request(t.ALLOCATE, strange), 420)
    assert set(struct.unpack("!2H", reply.get(t.UNKNOWN_ATTRIBUTES))) == {0x7FFF, 0x7FFE}
    reply = code_of(client.ask(t.encode(BINDING, [(0x7FFF, b"")])), 420)
    assert reply.get(t.UNKNOWN_ATTRIBUTES) == b"\x7f\xff"


@row("T-017", "UNKNOWN-ATTRIBUTES lists each type once in two bytes")
def unknown_listed(b):
    client = b.client()
    reply = code_of(client.ask(t.encode(BINDING, [(0x7FFF, b"")])), 420)
    assert reply.get(t.UNKNOWN_ATTRIBUTES) == b"\x7f\xff"
    reply = code_of(client.ask(t.encode(BINDING, [(0x7FFF, b"")] * 3)), 420)
    assert reply.get(t.UNKNOWN_ATTRIBUTES) == b"\x7f\xff", "listed more than once"


@row("T-018", "an indication with an unknown required attribute is dropped", over=ALL)
def indication_unknown_required(b):
    client, peer = b.pair()
    nothing_reaches(client, peer,
                    send_indication(peer.addr, (t.DATA, b"no"), (0x7FFF, b"")),
                    send_indication(peer.addr, (0x7FFF, b""), (t.DATA, b"no")))


@row("T-019", "indications are never answered", over=ALL)
def indication_unanswered(b):
    client = b.client()
    kind = t.message_type(t.BINDING, t.INDICATION)
    silent(client, t.encode(kind), t.encode(kind, [(0x7FFF, b"")]),
           t.encode(t.message_type(t.SEND, t.INDICATION)))


@row("T-021", "SOFTWARE, if sent, is shorter than 128 characters", "S")
def software(b):
    value = b.allocated().refresh().get(t.SOFTWARE)
    assert value is None or len(value.decode("utf-8")) < 128


@row("T-022", "the response comes from the address of the request")
def answer_source(b):
    for hosts in ((INSIDE, OUTSIDE), (INSIDE6, OUTSIDE6)):
        family = socket.AF_INET6 if ":" in hosts[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            for host in hosts:
                sock.sendto(t.encode(BINDING), b.server(host))
                assert sock.recvfrom(2000)[1][:2] == b.server(host)


@row("T-023", "pipelined requests are all answered on the connection", over=STREAMS)
def pipelined(b):
    client = b.client()
    requests = [t.encode(BINDING) for _ in range(50)]
    client.send_bytes(b"".join(requests))
    assert {client.recv().txid for _ in requests} == {r[8:20] for r in requests}


@row("T-024", "the relay never connects back to a client", over=("tcp",))
def no_connect_back(b):
    client = b.client()
    client.binding()
    local = client.local
    client.send_bytes(t.encode(BINDING))
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(local)
        listener.listen()
        listener.settimeout(0.3)
        try:
            listener.accept()
        except TimeoutError:
            return
    raise AssertionError("the relay opened a connection to the client")


@row("T-025", "a client that has shut down sending still gets its response", "S",
     over=("tcp",))
def half_closed(b):
    client = b.client()
    raw = t.encode(BINDING)
    client.send_bytes(raw)
    client.sock.shutdown(socket.SHUT_WR)
    assert client.recv().txid == raw[8:20]


@row("T-026", "STUN over TCP is framed however it is cut", over=STREAMS)
def segmentation(b):
    client = b.client()
    raw = t.encode(BINDING)
    for at in range(len(raw)):
        client.send_bytes(raw[at:at + 1])
    assert client.recv().txid == raw[8:20]
    first, second = t.encode(BINDING), t.encode(BINDING)
    both = first + second
    client.send_bytes(both[:33])
    client.send_bytes(both[33:])
    assert [client.recv().txid, client.recv().txid] == [first[8:20], second[8:20]]


@row("T-027", "a stream that cannot be framed is closed", "D", over=STREAMS)
def unframeable(b):
    for garbage in (b"\x80" + bytes(40), b"\xff" * 40, b"\0\1\0\3" + bytes(40)):
        client = b.client()
        client.binding()
        closes(client, garbage)


@row("T-029", "a retransmitted request changes state once and gets an equal response")
def retransmission(b):
    client, peer = b.pair()
    for method, attrs in ((t.REFRESH, [t.u32(t.LIFETIME, 900)]),
                          (t.CREATE_PERMISSION, None), (t.CHANNEL_BIND, [channel_4001()])):
        txid = bytes(11) + bytes((method,))
        if attrs is None or method == t.CHANNEL_BIND:
            attrs = (attrs or []) + [t.xor_address(t.XOR_PEER_ADDRESS, peer.addr, txid)]
        raw = client.signed(method, attrs, txid)
        first, second = succeeds(client.ask(raw)), succeeds(client.ask(raw))
        assert first.types() == second.types()


def channel_4001():
    return t.CHANNEL_NUMBER, b"\x40\x01\0\0"


@row("T-040", "Binding is answered", over=ALL)
def binding(b):
    b.client(user=None).binding()


@row("T-041", "XOR-MAPPED-ADDRESS is the source of the request", over=ALL)
def mapped_address(b):
    for host in (INSIDE, INSIDE6, OUTSIDE, OUTSIDE6):
        client = b.client(host=host)
        assert client.binding() == client.local, host


@row("T-042", "Binding needs no credentials", "S", over=ALL)
def binding_open(b):
    b.client(user=None).binding()


@row("T-043", "FINGERPRINT is allowed, never required", "O", over=ALL)
def fingerprint_optional(b):
    client = b.client()
    succeeds(client.ask(t.encode(BINDING, [t.Fp()])))
    succeeds(client.ask(t.encode(BINDING)))


@row("T-044", "a wrong FINGERPRINT is dropped", over=ALL)
def fingerprint_wrong(b):
    client = b.client()
    silent(client, t.encode(BINDING, [t.Fp(flip=1)]), t.encode(BINDING, [t.Fp(flip=1 << 31)]),
           t.encode(request_type(t.ALLOCATE), [t.UDP_TRANSPORT, t.Fp(flip=0xFFFFFFFF)]))


@row("T-045", "nothing may follow FINGERPRINT", over=ALL)
def fingerprint_last(b):
    silent(b.client(), t.encode(BINDING, [t.Fp(), (t.SOFTWARE, b"late")]))


@row("T-046", "a Binding indication is a keep-alive: no answer, no effect", over=ALL)
def keepalive(b):
    client = b.allocated()
    silent(client, t.encode(t.message_type(t.BINDING, t.INDICATION)))
    assert client.refresh().number(t.LIFETIME) == 600


@row("T-050", "classic Binding gets MAPPED-ADDRESS and its 16 bytes back", "S")
def classic(b):
    client = b.client()
    raw = t.encode(BINDING, cookie=0x12345678)
    client.send_bytes(raw)
    reply = succeeds(client.recv())
    assert reply.raw[4:20] == raw[4:20]
    assert reply.has(t.MAPPED_ADDRESS) and not reply.has(t.XOR_MAPPED_ADDRESS)


@row("T-051", "no FINGERPRINT for classic clients")
def classic_no_fingerprint(b):
    client = b.client()
    client.send_bytes(t.encode(BINDING, cookie=0x12345678))
    assert not client.recv().has(t.FINGERPRINT)


@row("T-054", "TURN has no classic form: such an Allocate is dropped")
def classic_allocate(b):
    silent(b.client(), t.encode(request_type(t.ALLOCATE), [t.UDP_TRANSPORT], cookie=0))


# --- section 3 ----------------------------------------------------------------------------

@row("T-060", "MESSAGE-INTEGRITY covers the right bytes, with FINGERPRINT after it", over=ALL)
def integrity_with_fingerprint(b):
    client = b.client(algorithm="md5")
    client.challenge()
    attrs = [t.UDP_TRANSPORT] + client.credentials() + [client.integrity(), t.Fp()]
    reply = succeeds(client.ask(t.encode(request_type(t.ALLOCATE), attrs)))
    client.relayed = True
    assert reply.verify(client.key()) == "sha1"


@row("T-061", "MESSAGE-INTEGRITY-SHA256 likewise", over=ALL)
def integrity256_with_fingerprint(b):
    client = b.client(algorithm="sha256")
    client.challenge()
    if not client.offered:
        raise Skip("password algorithms are not offered")
    attrs = [t.UDP_TRANSPORT] + client.credentials() + [client.integrity(), t.Fp()]
    reply = succeeds(client.ask(t.encode(request_type(t.ALLOCATE), attrs)))
    client.relayed = True
    assert reply.verify(client.key()) == "sha256"


@row("T-062", "attributes after integrity are ignored, even for 420", over=ALL)
def after_integrity(b):
    client = b.client(algorithm="md5")
    client.challenge()
    tail = [t.u32(t.LIFETIME, 1800), (0x7FFF, b"x"), (t.EVEN_PORT, b"\x80")]
    attrs = [t.UDP_TRANSPORT] + client.credentials() + [client.integrity()] + tail
    reply = succeeds(client.ask(t.encode(request_type(t.ALLOCATE), attrs)))
    client.relayed = True
    assert reply.number(t.LIFETIME) == 600, "LIFETIME after integrity had an effect"
    assert not reply.has(t.RESERVATION_TOKEN)


@row("T-062b", "a wrong SHA256 integrity after a valid SHA1 one is detected", over=ALL)
def both_integrities(b):
    client = b.client(algorithm="md5")
    client.challenge()
    attrs = [t.UDP_TRANSPORT] + client.credentials()
    both = attrs + [t.Mi(client.key()), t.Mi256(client.key(), flip=True)]
    code_of(client.ask(t.encode(request_type(t.ALLOCATE), both)), 401)
    both = attrs + [t.Mi(client.key()), t.Mi256(client.key())]
    succeeds(client.ask(t.encode(request_type(t.ALLOCATE), both)))
    client.relayed = True


@row("T-063", "integrity after the SHA256 one is ignored", "D")
def integrity_behind_256(b):
    client = b.client(algorithm="md5")
    client.challenge()
    attrs = [t.UDP_TRANSPORT] + client.credentials()
    attrs += [t.Mi256(client.key()), t.Mi(client.key(), flip=True)]
    succeeds(client.ask(t.encode(request_type(t.ALLOCATE), attrs)))
    client.relayed = True


@row("T-064", "TURN refuses truncated SHA256 integrity")
def integrity256_length(b):
    client = b.client(algorithm="md5")
    client.challenge()
    for length in (12, 16, 18, 20, 28, 36):
        attrs = [t.UDP_TRANSPORT] + client.credentials()
        attrs.append(t.Mi256(client.key(), length=length))
        code_of(client.ask(t.encode(request_type(t.ALLOCATE), attrs)), 400)


@row("T-065", "MESSAGE-INTEGRITY has 20 bytes")
def integrity_length(b):
    client = b.client(algorithm="md5")
    client.challenge()
    for length in (4, 16, 24):
        attrs = [t.UDP_TRANSPORT] + client.credentials()
        attrs.append(t.Mi(client.key(), length=length))
        code_of(client.ask(t.encode(request_type(t.ALLOCATE), attrs)), 400)


@row("T-067", "FINGERPRINT in responses is right, and sent to clients that use it", "D", over=ALL)
def fingerprint_value(b):
    client = b.client()
    assert client.ask(t.encode(BINDING, [t.Fp()])).fingerprint_ok()
    marker(client)

"""Section 4: long-term credentials, in the order of RFC 8489 section 9.2.4."""

import struct

from .base import (ALL, FEATURE_ALGORITHMS, FEATURE_USERHASH, Skip, bare, channel, code_of,
                   features, protected, request_type, row, send_indication, succeeds, t)

ALLOCATE = request_type(t.ALLOCATE)
AUTHENTICATED = (t.ALLOCATE, t.REFRESH, t.CREATE_PERMISSION, t.CHANNEL_BIND)


def challenged(b, algorithm="auto", **kw):
    client = b.client(algorithm=algorithm, **kw)
    client.challenge()
    return client


def with_algorithms(b):
    client = challenged(b)
    if not client.offered:
        raise Skip("password algorithms are not offered")
    return client


def is_challenge(client, reply, code=401):
    """A complete 401 or 438: realm, nonce, algorithms if the nonce says so, nothing else."""
    bare(code_of(reply, code))
    assert reply.get(t.REALM) == b"edge", "no REALM in %r" % reply
    nonce = reply.get(t.NONCE)
    assert nonce, "no NONCE in %r" % reply
    if client.offered:
        assert reply.get(t.PASSWORD_ALGORITHMS) == client.offered
    return nonce


@row("T-080", "without integrity: 401 with REALM and NONCE, no USERNAME, no integrity", over=ALL)
def no_integrity(b):
    client = b.client()
    for method in AUTHENTICATED:
        is_challenge(client, client.ask(t.encode(request_type(method))))
        is_challenge(client, client.ask(t.encode(request_type(method), [
            t.UDP_TRANSPORT, (t.USERNAME, b"alice"), (t.REALM, b"edge")])))


@row("T-081", "integrity without USERNAME, REALM or NONCE: 400 without a challenge", over=ALL)
def incomplete(b):
    client = challenged(b)
    for missing in (t.USERNAME, t.REALM, t.NONCE):
        attrs = [t.UDP_TRANSPORT] + [a for a in client.credentials() if a[0] != missing]
        reply = client.ask(t.encode(ALLOCATE, attrs + [client.integrity()]))
        bare(code_of(reply, 400), t.REALM, t.NONCE)


@row("T-082", "bid-down: PASSWORD-ALGORITHMS must come back unchanged", over=ALL)
def bid_down(b):
    client = with_algorithms(b)
    head = [t.UDP_TRANSPORT, (t.USERNAME, client.user), (t.REALM, client.realm),
            (t.NONCE, client.nonce)]
    entries = [client.offered[i:i + 4] for i in range(0, len(client.offered), 4)]
    offered = (t.PASSWORD_ALGORITHMS, client.offered)
    md5, sha256 = ((t.PASSWORD_ALGORITHM, struct.pack("!HH", n, 0)) for n in (1, 2))
    cases = {
        "algorithm only": [md5],
        "list only": [offered],
        "list shortened": [(t.PASSWORD_ALGORITHMS, entries[-1]), md5],
        "list reordered": [(t.PASSWORD_ALGORITHMS, b"".join(reversed(entries))), md5],
        "list with one more": [(t.PASSWORD_ALGORITHMS, client.offered + b"\0\x09\0\0"), md5],
        "not in the list": [offered, (t.PASSWORD_ALGORITHM, b"\0\x07\0\0")],
        "with parameters": [offered, (t.PASSWORD_ALGORITHM, b"\0\2\0\4abcd")],
        "empty list": [(t.PASSWORD_ALGORITHMS, b""), md5],
    }
    for name, attrs in cases.items():
        algorithm = "md5" if md5 in attrs or sha256 not in attrs else "sha256"
        mac = t.Mi256(client.key(algorithm))
        reply = client.ask(t.encode(ALLOCATE, head + attrs + [mac]))
        assert reply.code == 400, "%s: %r" % (name, reply)
    succeeds(client.ask(t.encode(ALLOCATE, head + [t.Mi(client.key("md5"))])))
    client.relayed = True


@row("T-083", "unknown user or foreign realm: 401 with a challenge", over=ALL)
def unknown_user(b):
    for user in ("nobody", "12345:alice", "%d:x" % 0, "-5:alice", "alice:99999999999"):
        client = challenged(b, user=user)
        is_challenge(client, client.ask(client.signed(t.ALLOCATE, [t.UDP_TRANSPORT])))
    client = challenged(b)
    client.realm = b"elsewhere"
    is_challenge(client, client.ask(client.signed(t.ALLOCATE, [t.UDP_TRANSPORT])))


@row("T-084", "wrong integrity: 401", over=ALL)
def wrong_integrity(b):
    for algorithm in ("md5", "auto"):
        client = challenged(b, algorithm)
        attrs = [t.UDP_TRANSPORT] + client.credentials()
        is_challenge(client, client.ask(
            t.encode(ALLOCATE, attrs + [client.integrity(flip=True)])))
        client.password += b"x"
        is_challenge(client, client.ask(client.signed(t.ALLOCATE, [t.UDP_TRANSPORT])))


@row("T-084b", "SHA256 integrity, if present, decides", over=ALL)
def sha256_decides(b):
    client = challenged(b, "md5")
    attrs = [t.UDP_TRANSPORT] + client.credentials()
    is_challenge(client, client.ask(t.encode(ALLOCATE, attrs + [
        t.Mi(client.key()), t.Mi256(client.key(), flip=True)])))


@row("T-085", "stale nonce: 438, but only if the MAC is right", over=ALL)
def stale_nonce(b):
    other, client = challenged(b), challenged(b)
    fresh, client.nonce = client.nonce, other.nonce
    attrs = [t.UDP_TRANSPORT] + client.credentials()
    is_challenge(client, client.ask(t.encode(ALLOCATE, attrs + [client.integrity(flip=True)])))
    reply = client.ask(t.encode(ALLOCATE, attrs + [client.integrity()]))
    assert is_challenge(client, reply, 438) != other.nonce
    client.nonce = fresh


@row("T-087", "responses carry the kind of integrity that the request requires", over=ALL)
def integrity_kind(b):
    client = challenged(b, "md5")
    reply = succeeds(client.ask(client.signed(t.ALLOCATE, [t.UDP_TRANSPORT])))
    client.relayed = True
    assert reply.verify(client.key()) == "sha1" and not reply.has(t.MESSAGE_INTEGRITY_SHA256)
    client = with_algorithms(b)
    for client.algorithm, number in (("md5", 1), ("sha256", 2)):
        attrs = [(t.USERNAME, client.user), (t.REALM, client.realm), (t.NONCE, client.nonce),
                 (t.PASSWORD_ALGORITHMS, client.offered),
                 (t.PASSWORD_ALGORITHM, struct.pack("!HH", number, 0)), client.integrity()]
        reply = code_of(client.ask(t.encode(request_type(t.REFRESH), attrs)), 437)
        assert reply.verify(client.key()) == "sha256" and not reply.has(t.MESSAGE_INTEGRITY)


@row("T-090", "key is MD5 or SHA-256 of user:realm:password", over=ALL)
def keys(b):
    b.allocated(algorithm="md5")
    if with_algorithms(b):
        assert b.allocated(algorithm="sha256").algorithm == "sha256"


@row("T-091", "the algorithm belongs to the key, not to the MAC: SHA256 over an MD5 key")
def md5_key_sha256_mac(b):
    client = challenged(b, "md5")
    attrs = [t.UDP_TRANSPORT] + client.credentials() + [t.Mi256(client.key())]
    reply = succeeds(client.ask(t.encode(ALLOCATE, attrs)))
    client.relayed = True
    assert reply.verify(client.key()) == "sha1", "handled as MD5, so MESSAGE-INTEGRITY"


@row("T-089", "SHA1 integrity over a SHA-256 key is verified and answered with SHA256", "D")
def sha256_key_sha1_mac(b):
    client = with_algorithms(b)
    attrs = [t.UDP_TRANSPORT] + client.credentials() + [t.Mi(client.key("sha256"))]
    reply = succeeds(client.ask(t.encode(ALLOCATE, attrs)))
    client.relayed = True
    assert reply.verify(client.key("sha256")) == "sha256"


@row("T-093", "SHA-256 is offered before MD5")
def offer_order(b):
    assert with_algorithms(b).offered == b"\0\2\0\0\0\1\0\0"


@row("T-094", "user names up to 763 bytes; longer or invalid UTF-8: 400")
def username_limits(b):
    client = b.client()
    for length, want in ((513, None), (763, None), (764, 400)):
        name, password = t.rest_credential(b.secret, "", 3600)
        user = "u" * (length - len(name))
        name, password = t.rest_credential(b.secret, user, 3600)
        client = b.client()
        client.user, client.password = name.encode(), password.encode()
        reply = client.request(t.ALLOCATE, [t.UDP_TRANSPORT])
        client.relayed = reply.code is None
        assert reply.code == want, "%d bytes: %r" % (length, reply)
    client = b.client()
    client.user = client.user[:-1] + b"\xff"
    code_of(client.request(t.ALLOCATE, [t.UDP_TRANSPORT]), 400)


@row("T-095", "realm and nonce of up to 763 bytes are accepted; the relay sends less than 128")
def realm_nonce_limits(b):
    client = challenged(b, "md5")
    assert len(client.realm) < 128 and len(client.nonce) < 128
    good, client.nonce = client.nonce, b"n" * 763
    code_of(client.ask(client.signed(t.ALLOCATE, [t.UDP_TRANSPORT])), 438)
    client.nonce, client.realm = good, b"r" * 763
    code_of(client.ask(client.signed(t.ALLOCATE, [t.UDP_TRANSPORT])), 401)


@row("T-098", "every request is authenticated, even on an existing allocation", over=ALL)
def every_request(b):
    client, peer = b.pair()
    peer_attr = t.xor_address(t.XOR_PEER_ADDRESS, peer.addr)
    for method, attrs in ((t.REFRESH, [t.u32(t.LIFETIME, 0)]),
                          (t.CREATE_PERMISSION, [peer_attr]),
                          (t.CHANNEL_BIND, [channel(0x4000), peer_attr])):
        code_of(client.ask(t.encode(request_type(method), attrs)), 401)
        unsigned = t.encode(request_type(method), attrs + client.credentials())
        code_of(client.ask(unsigned), 401)
    client.send_to(peer.addr, b"alive")
    peer.expect(b"alive")


@row("T-099", "indications are accepted whatever their integrity", "D", over=ALL)
def indication_integrity(b):
    client, peer = b.pair()
    client.send_bytes(send_indication(peer.addr, (t.DATA, b"unproved"),
                                      t.Mi(client.key(), flip=True)))
    peer.expect(b"unproved")


@row("T-100", "errors after authentication are protected by the request's key", over=ALL)
def protected_errors(b):
    for algorithm in ("md5", "auto"):
        client = challenged(b, algorithm)
        for method, attrs, want in (
                (t.ALLOCATE, [], 400), (t.ALLOCATE, [(0x7FFF, b""), t.UDP_TRANSPORT], 420),
                (t.ALLOCATE, [(t.REQUESTED_TRANSPORT, b"\x84\0\0\0")], 442),
                (t.REFRESH, [], 437)):
            protected(code_of(client.request(method, attrs), want), client)
        client.allocate()
        for method, attrs, want in (
                (t.ALLOCATE, [t.UDP_TRANSPORT], 437), (t.CREATE_PERMISSION, [], 400),
                (t.REFRESH, [t.family_attr(2)], 443)):
            protected(code_of(client.request(method, attrs), want), client)


@row("T-110", "every nonce starts with the nonce cookie")
def nonce_cookie(b):
    client = challenged(b)
    nonces = [client.nonce]
    client.nonce = b"stale"
    nonces.append(client.ask(client.signed(t.ALLOCATE, [t.UDP_TRANSPORT])).get(t.NONCE))
    for nonce in nonces:
        assert nonce.startswith(b"obMatJos2"), nonce
        features(nonce)


@row("T-111", "feature bits count from the most significant end", over=ALL)
def feature_bits(b):
    client = with_algorithms(b)
    bits = features(client.nonce)
    assert bits & FEATURE_ALGORITHMS, "algorithms are offered, the bit is not set"
    assert not bits & ~(FEATURE_ALGORITHMS | FEATURE_USERHASH)


@row("T-113", "a nonce is valid for one source address and port", over=ALL)
def nonce_bound_to_source(b):
    first, second = challenged(b), challenged(b)
    assert first.nonce != second.nonce
    second.nonce = first.nonce
    code_of(second.ask(second.signed(t.ALLOCATE, [t.UDP_TRANSPORT])), 438)


@row("T-115", "a nonce is valid exactly as issued, feature bits included", over=ALL)
def nonce_exact(b):
    client = with_algorithms(b)
    issued = client.nonce
    changed = [issued[:9] + b"AAAA" + issued[13:], issued[:-1], issued + b"A",
               issued[:-1] + (b"A" if issued[-1:] != b"A" else b"B"),
               issued[:14] + (b"A" if issued[14:15] != b"A" else b"B") + issued[15:]]
    for client.nonce in changed:
        attrs = [t.UDP_TRANSPORT, (t.USERNAME, client.user), (t.REALM, client.realm),
                 (t.NONCE, client.nonce)]
        reply = client.ask(t.encode(ALLOCATE, attrs + [t.Mi(client.key("md5"))]))
        code_of(reply, 438)
    client.nonce = issued


@row("T-117", "nonces are unpredictable")
def nonces_differ(b):
    nonces = {challenged(b).nonce for _ in range(40)}
    assert len(nonces) == 40
    assert len({n[-8:] for n in nonces}) == 40, "the ends of nonces repeat"


@row("T-118", "the nonce of a 438 is valid", over=ALL)
def nonce_of_438(b):
    client = challenged(b)
    client.nonce = b"obMatJos2AAAAstale"
    attrs = [t.UDP_TRANSPORT, (t.USERNAME, client.user), (t.REALM, client.realm),
             (t.NONCE, client.nonce), t.Mi(client.key("md5"))]
    client.learn(code_of(client.ask(t.encode(ALLOCATE, attrs)), 438))
    succeeds(client.ask(client.signed(t.ALLOCATE, [t.UDP_TRANSPORT])))
    client.relayed = True


@row("T-121", "USERHASH has 32 bytes")
def userhash_length(b):
    client = challenged(b)
    for length in (0, 20, 31, 33):
        attrs = [t.UDP_TRANSPORT, (t.USERHASH, bytes(length)), (t.REALM, client.realm),
                 (t.NONCE, client.nonce), t.Mi(client.key("md5"))]
        code_of(client.ask(t.encode(ALLOCATE, attrs)), 400)


@row("T-122", "user names need no secrecy in a realm of time-limited credentials", "D")
def no_userhash(b):
    assert not features(challenged(b).nonce) & FEATURE_USERHASH


@row("T-561", "an expired credential is refused, beyond the skew of clocks", "S")
def expired(b):
    client = b.client()
    name, password = t.rest_credential(b.secret, "alice", -61)
    client.user, client.password = name.encode(), password.encode()
    code_of(client.request(t.ALLOCATE, [t.UDP_TRANSPORT]), 401)

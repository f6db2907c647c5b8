#!/usr/bin/python3
"""turnclient_token.py NAMESPACE SERVER PORT KID TOKEN KEY [--want CODE]

An allocation with an access token (RFC 7635), a permission and a Refresh with the session key
alone. TOKEN and KEY are base64. With --want, the Allocate gets that error.
"""

import base64
import hashlib
import hmac
import os
import socket
import struct
import sys

import namespaces

COOKIE = 0x2112A442
ALLOCATE, REFRESH, CREATE_PERMISSION = 0x003, 0x004, 0x008
USERNAME, INTEGRITY, ERROR, LIFETIME, PEER = 0x0006, 0x0008, 0x0009, 0x000D, 0x0012
REALM, NONCE, TRANSPORT, TOKEN = 0x0014, 0x0015, 0x0019, 0x001B
THIRD_PARTY = 0x802E


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def message(method, attributes, key=None):
    body = b"".join(attribute(kind, value) for kind, value in attributes)
    txid = os.urandom(12)
    if key is None:
        return struct.pack("!HHI", method, len(body), COOKIE) + txid + body
    signed = struct.pack("!HHI", method, len(body) + 24, COOKIE) + txid + body
    return signed + attribute(INTEGRITY, hmac.new(key, signed, hashlib.sha1).digest())


def read(answer):
    """The code, 0 for success, and the attributes."""
    found, rest = {}, answer[20:]
    while rest:
        kind, length = struct.unpack("!HH", rest[:4])
        found.setdefault(kind, rest[4:4 + length])
        rest = rest[4 + length + -length % 4:]
    code = found[ERROR][2] * 100 + found[ERROR][3] if ERROR in found else 0
    return code, found


def is_signed(answer, key):
    return hmac.new(key, answer[:-24], hashlib.sha1).digest() == answer[-20:]


def check(condition, text, *values):
    if not condition:
        raise SystemExit("FAIL: " + text % values)


def main():
    namespace, server, port, kid, token, key = sys.argv[1:7]
    want = int(sys.argv[8]) if sys.argv[7:8] == ["--want"] else 0
    token, key = base64.b64decode(token), base64.b64decode(key) or bytes(20)
    with namespaces.within(namespace):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    client.connect((server, int(port)))

    def ask(request):
        client.send(request)
        return client.recv(2048)

    udp = (TRANSPORT, bytes([17, 0, 0, 0]))
    code, challenge = read(ask(message(ALLOCATE, [udp])))
    check(code == 401 and THIRD_PARTY in challenge, "the challenge: %d", code)
    credentials = [(USERNAME, kid.encode()), (REALM, challenge[REALM]), (NONCE, challenge[NONCE])]
    answer = ask(message(ALLOCATE, [udp, *credentials, (TOKEN, token)], key))
    code, _ = read(answer)
    check(code == want, "Allocate with a token: %d", code)
    if want:
        return
    check(is_signed(answer, key), "the success is not signed with the session key")
    peer = struct.pack("!BBHI", 0, 1, 7000 ^ COOKIE >> 16,
                       struct.unpack("!I", socket.inet_aton("203.0.113.50"))[0] ^ COOKIE)
    code, _ = read(ask(message(CREATE_PERMISSION, [(PEER, peer), *credentials], key)))
    check(code == 0, "CreatePermission without a token: %d", code)
    code, _ = read(ask(message(REFRESH, [(LIFETIME, bytes(4)), *credentials], key)))
    check(code == 0, "Refresh without a token: %d", code)


main()

#!/usr/bin/python3
"""A small STUN and TURN client for the integration tests; turnclient_ms.py has its MS-TURN part.

It implements RFC 8489 and RFC 8656 over UDP, TCP and TLS with the standard library alone. It
shares no code with the relay, so that a mistake in one does not hide the same mistake in the
other. Tests that need a broken message build it with encode(): an attribute is a (type, value)
pair, or an Mi, Mi256 or Fp object, which is computed over everything before it, wherever the
test puts it.

As a program:  turnclient.py probe HOST PORT     exit 0 if a Binding request is answered
"""

import base64
import collections
import hashlib
import hmac
import ipaddress
import os
import socket
import ssl
import struct
import sys
import time
import zlib

COOKIE = 0x2112A442

BINDING, ALLOCATE, REFRESH, SEND, DATA_METHOD, CREATE_PERMISSION, CHANNEL_BIND = (
    0x001, 0x003, 0x004, 0x006, 0x007, 0x008, 0x009)
REQUEST, INDICATION, SUCCESS, ERROR = range(4)

MAPPED_ADDRESS, USERNAME, MESSAGE_INTEGRITY, ERROR_CODE = 0x0001, 0x0006, 0x0008, 0x0009
UNKNOWN_ATTRIBUTES, CHANNEL_NUMBER, LIFETIME = 0x000A, 0x000C, 0x000D
XOR_PEER_ADDRESS, DATA, REALM, NONCE = 0x0012, 0x0013, 0x0014, 0x0015
XOR_RELAYED_ADDRESS, REQUESTED_ADDRESS_FAMILY, EVEN_PORT = 0x0016, 0x0017, 0x0018
REQUESTED_TRANSPORT, DONT_FRAGMENT, MESSAGE_INTEGRITY_SHA256 = 0x0019, 0x001A, 0x001C
PASSWORD_ALGORITHM, USERHASH, XOR_MAPPED_ADDRESS = 0x001D, 0x001E, 0x0020
RESERVATION_TOKEN, ADDITIONAL_ADDRESS_FAMILY = 0x0022, 0x8000
PASSWORD_ALGORITHMS, ICMP, SOFTWARE, FINGERPRINT = 0x8002, 0x8004, 0x8022, 0x8028

UDP_TRANSPORT = (REQUESTED_TRANSPORT, b"\x11\0\0\0")


def message_type(method, cls):
    return ((method & 0x00F) | (method & 0x070) << 1 | (method & 0xF80) << 2
            | (cls & 1) << 4 | (cls & 2) << 7)


def split_type(value):
    method = value & 0x00F | (value >> 1) & 0x070 | (value >> 2) & 0xF80
    return method, (value >> 4) & 1 | (value >> 7) & 2


# --- attributes ---------------------------------------------------------------------------

def xor_address(attr_type, addr, txid=bytes(12)):
    """The attribute for addr, a (host, port) pair, in XOR form."""
    ip = ipaddress.ip_address(addr[0])
    key = struct.pack("!I", COOKIE) + txid
    raw = bytes(a ^ b for a, b in zip(ip.packed, key))
    family = 1 if ip.version == 4 else 2
    return attr_type, struct.pack("!BBH", 0, family, addr[1] ^ (COOKIE >> 16)) + raw


def read_xor_address(value, txid):
    family, port = struct.unpack("!xBH", value[:4])
    if len(value) != (8 if family == 1 else 20):
        raise ValueError("address of %d bytes for family %d" % (len(value), family))
    key = struct.pack("!I", COOKIE) + txid
    raw = bytes(a ^ b for a, b in zip(value[4:], key))
    return str(ipaddress.ip_address(raw)), port ^ (COOKIE >> 16)


def u32(attr_type, value):
    return attr_type, struct.pack("!I", value)


def family_attr(family, attr_type=REQUESTED_ADDRESS_FAMILY):
    return attr_type, bytes((family, 0, 0, 0))


def attribute(kind, value):
    """Bytes of an attribute, padded with zeros."""
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def error_code(value):
    """The code in the value of ERROR-CODE, or None if there is no value."""
    return None if value is None else (value[2] & 7) * 100 + value[3]


class Mi:
    """MESSAGE-INTEGRITY over everything before it; flip inverts one bit."""
    type, digest, length = MESSAGE_INTEGRITY, "sha1", 20

    def __init__(self, key, flip=False, length=None):
        self.key, self.flip = key, flip
        self.length = length or type(self).length

    def make(self, msg_type, cookie, txid, body):
        head = struct.pack("!HHI", msg_type, len(body) + 4 + self.length, cookie) + txid
        mac = hmac.new(self.key, head + body, self.digest).digest()
        mac = (mac + mac)[:self.length]
        if self.flip:
            mac = bytes((mac[0] ^ 1,)) + mac[1:]
        return self.type, mac


class Mi256(Mi):
    """MESSAGE-INTEGRITY-SHA256, truncated to length bytes."""
    type, digest, length = MESSAGE_INTEGRITY_SHA256, "sha256", 32


class Fp:
    """FINGERPRINT over everything before it."""

    def __init__(self, flip=0):
        self.flip = flip

    def make(self, msg_type, cookie, txid, body):
        head = struct.pack("!HHI", msg_type, len(body) + 8, cookie) + txid
        crc = zlib.crc32(head + body) ^ 0x5354554E ^ self.flip
        return FINGERPRINT, struct.pack("!I", crc)


def encode(msg_type, attrs=(), txid=None, cookie=COOKIE, pad=b"\0"):
    """Bytes of a message. Any content is accepted, right or wrong."""
    txid = os.urandom(12) if txid is None else txid
    body = b""
    for attr in attrs:
        if hasattr(attr, "make"):
            attr = attr.make(msg_type, cookie, txid, body)
        body += struct.pack("!HH", attr[0], len(attr[1])) + attr[1]
        body += pad * (-len(attr[1]) % 4)
    return struct.pack("!HHI", msg_type, len(body), cookie) + txid + body


class Msg:
    """A parsed message. Parsing is strict: the relay must send no flaws."""

    def __init__(self, raw):
        if len(raw) < 20:
            raise ValueError("message too short: %d bytes" % len(raw))
        msg_type, length, self.cookie = struct.unpack("!HHI", raw[:8])
        if msg_type & 0xC000 or length % 4 or length != len(raw) - 20:
            raise ValueError("bad header %s" % raw[:20].hex())
        self.raw, self.txid = raw, raw[8:20]
        self.method, self.cls = split_type(msg_type)
        self.attrs, self.offsets, self.padding = [], [], b""
        at = 20
        while at < len(raw):
            kind, size = struct.unpack("!HH", raw[at:at + 4])
            if at + 4 + size > len(raw):
                raise ValueError("attribute 0x%04x is longer than its message" % kind)
            self.attrs.append((kind, raw[at + 4:at + 4 + size]))
            self.offsets.append(at)
            self.padding += raw[at + 4 + size:at + 4 + size + -size % 4]
            at += 4 + size + -size % 4

    def get(self, kind):
        for attr, value in self.attrs:
            if attr == kind:
                return value
        return None

    def has(self, kind):
        return self.get(kind) is not None

    def types(self):
        return [attr for attr, _ in self.attrs]

    def address(self, kind):
        value = self.get(kind)
        return None if value is None else read_xor_address(value, self.txid)

    def number(self, kind):
        value = self.get(kind)
        return None if value is None else struct.unpack("!I", value)[0]

    @property
    def code(self):
        """Error code, or None for anything but an error response."""
        return error_code(self.get(ERROR_CODE)) if self.cls == ERROR else None

    def verify(self, key):
        """'sha1' or 'sha256' if integrity is present and right, else None."""
        for (kind, value), at in zip(self.attrs, self.offsets):
            cls = {MESSAGE_INTEGRITY: Mi, MESSAGE_INTEGRITY_SHA256: Mi256}.get(kind)
            if not cls:
                continue
            want = cls(key).make(struct.unpack("!H", self.raw[:2])[0], self.cookie,
                                 self.txid, self.raw[20:at])
            return cls.digest if hmac.compare_digest(want[1], value) else None
        return None

    def fingerprint_ok(self):
        if not self.attrs or self.attrs[-1][0] != FINGERPRINT:
            return False
        want = zlib.crc32(self.raw[:-8]) ^ 0x5354554E
        return self.attrs[-1][1] == struct.pack("!I", want)

    def __repr__(self):
        kind = ("request", "indication", "success", "error")[self.cls]
        return "<method %#x %s%s %s>" % (self.method, kind,
                                         " %s" % self.code if self.code else "",
                                         " ".join("%04x" % t for t in self.types()))


ChannelData = collections.namedtuple("ChannelData", "number data")


# --- transports ---------------------------------------------------------------------------

class Closed(Exception):
    """The relay closed the connection."""


class Conn:
    """One 5-tuple to a server. A subclass frames and parses what arrives: unframe(), parse()."""

    def __init__(self, server, transport="udp", cafile=None, bind=None, timeout=10.0,
                 sock=None, tls_options=None):
        self.server, self.transport, self.timeout = server, transport, timeout
        self.buffer = b""
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.sock = sock or socket.socket(family, kind)
        self.sock.settimeout(timeout)
        if bind:
            self.sock.bind(bind)
        if not sock:
            self.sock.connect(server)
        if transport != "udp":
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if transport == "tls":
            self.sock = tls_context(cafile, tls_options).wrap_socket(
                self.sock, server_hostname=server[0])
        self.local = self.sock.getsockname()[:2]
        self.backlog = collections.deque()

    def send_bytes(self, data):
        self.sock.sendall(data) if self.transport != "udp" else self.sock.send(data)

    def recv_bytes(self, timeout=None):
        """One datagram, or one framed message of a stream."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing arrived from %s:%d" % self.server[:2])
            if self.transport != "udp":
                raw = self.unframe()
                if raw is not None:
                    return raw
            self.sock.settimeout(max(left, 0.001))
            try:
                chunk = self.sock.recv(65536)
            except ConnectionRefusedError:
                continue
            except (ConnectionResetError, ssl.SSLEOFError) as err:
                raise Closed from err
            if self.transport == "udp":
                return chunk
            if not chunk:
                raise Closed
            self.buffer += chunk

    def recv(self, timeout=None):
        """The next message or packet, parsed."""
        return self.parse(self.recv_bytes(timeout))

    def next(self, deadline):
        """The same, from those that ask() kept first."""
        if self.backlog:
            return self.backlog.popleft()
        return self.recv(max(deadline - time.monotonic(), 0))

    def ask(self, raw, timeout=None):
        """Send a request, return its response; everything else is kept for data()."""
        limit = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + limit
        wait = 0.5 if self.transport == "udp" else limit
        while True:
            self.send_message(raw)
            until = min(time.monotonic() + wait, deadline)
            while time.monotonic() < until:
                try:
                    got = self.recv(until - time.monotonic())
                except TimeoutError:
                    break
                if self.is_response(got, raw):
                    return got
                self.backlog.append(got)
            if time.monotonic() >= deadline:
                raise TimeoutError("no answer to %s" % raw[:20].hex())
            wait *= 2

    def close(self):
        self.sock.close()


def tls_context(cafile, options=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if cafile:
        context.load_verify_locations(cafile)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options:
        options(context)
    return context


# --- the TURN client ----------------------------------------------------------------------

class TurnError(Exception):
    def __init__(self, reply):
        super().__init__("error %s: %r" % (reply.code, reply))
        self.code, self.reply = reply.code, reply


def auth_key(user, realm, password, algorithm="md5"):
    text = b":".join((user, realm, password))
    return hashlib.new(algorithm, text).digest()


class PreparedRequests:
    """Requests of one user from prepared parts, for thousands of clients: encode() is too slow.

    challenge is the 401 or 438 that has the realm and the nonce."""

    def __init__(self, user, password, challenge):
        realm = challenge.get(REALM)
        self.credentials = (attribute(USERNAME, user) + attribute(REALM, realm)
                            + attribute(NONCE, challenge.get(NONCE)))
        self.key = auth_key(user, realm, password)

    def request(self, method, body, txid):
        """Signed with SHA-1; body holds the attributes before the credentials."""
        body += self.credentials
        raw = struct.pack("!HHI", message_type(method, REQUEST), len(body) + 24, COOKIE)
        raw += txid + body
        return raw + attribute(MESSAGE_INTEGRITY, hmac.digest(self.key, raw, "sha1"))


class Client(Conn):
    """A TURN client on one 5-tuple.

    algorithm   "md5" ignores the server's offer, as old clients do; "auto" and "sha256" use a
                password algorithm that it offers (RFC 8489 section 9.2.1).
    """

    def __init__(self, server, transport="udp", user=None, password=None, algorithm="auto",
                 **kw):
        super().__init__(server, transport, **kw)
        self.user = user.encode() if isinstance(user, str) else user
        self.password = password.encode() if isinstance(password, str) else password
        self.wanted, self.algorithm = algorithm, "md5"
        self.realm = self.nonce = self.offered = None
        self.relayed = None

    # messages and packets

    def send_message(self, raw):
        self.send_bytes(raw)

    def send_channel(self, number, data):
        raw = struct.pack("!HH", number, len(data)) + data
        if self.transport != "udp":
            raw += bytes(-len(raw) % 4)
        self.send_bytes(raw)

    def unframe(self):
        if len(self.buffer) < 4:
            return None
        first, length = struct.unpack("!HH", self.buffer[:4])
        if first >> 14 == 0:
            need = 20 + length
        elif first >> 14 == 1:
            need = 4 + length + -length % 4
        else:
            raise ValueError("the relay sent no frame: %s" % self.buffer[:8].hex())
        if len(self.buffer) < need:
            return None
        raw, self.buffer = self.buffer[:need], self.buffer[need:]
        return raw

    def parse(self, raw):
        if raw[0] >> 6 == 1:
            number, length = struct.unpack("!HH", raw[:4])
            return ChannelData(number, raw[4:4 + length])
        return Msg(raw)

    def is_response(self, got, raw):
        return isinstance(got, Msg) and got.txid == raw[8:20] and got.cls >= SUCCESS

    # requests

    def key(self, algorithm=None):
        return auth_key(self.user, self.realm, self.password, algorithm or self.algorithm)

    def learn(self, challenge):
        """Take realm, nonce and algorithms from a 401 or 438."""
        self.realm, self.nonce = challenge.get(REALM), challenge.get(NONCE)
        self.offered = challenge.get(PASSWORD_ALGORITHMS)
        self.algorithm = "md5"
        if self.wanted != "md5" and self.offered and b"\0\2\0\0" in self.offered:
            self.algorithm = "sha256"

    def credentials(self):
        """The attributes of long-term authentication, without the integrity."""
        attrs = [(USERNAME, self.user), (REALM, self.realm), (NONCE, self.nonce)]
        if self.offered and self.wanted != "md5":
            number = 2 if self.algorithm == "sha256" else 1
            attrs += [(PASSWORD_ALGORITHMS, self.offered),
                      (PASSWORD_ALGORITHM, struct.pack("!HH", number, 0))]
        return attrs

    def integrity(self, flip=False):
        cls = Mi256 if self.offered and self.wanted != "md5" else Mi
        return cls(self.key(), flip)

    def signed(self, method, attrs=(), txid=None, **kw):
        attrs = list(attrs) + self.credentials() + [self.integrity()]
        return encode(message_type(method, REQUEST), attrs, txid, **kw)

    def challenge(self):
        """Get a realm and a nonce with a bare Allocate."""
        reply = self.ask(encode(message_type(ALLOCATE, REQUEST), [UDP_TRANSPORT]))
        if reply.code != 401:
            raise TurnError(reply)
        self.learn(reply)
        return reply

    def request(self, method, attrs=()):
        """An authenticated request; returns the response, success or not."""
        if self.nonce is None:
            self.challenge()
        for _ in range(2):
            reply = self.ask(self.signed(method, attrs))
            if reply.code != 438:
                break
            self.learn(reply)
        if reply.cls == SUCCESS and not reply.verify(self.key()):
            raise ValueError("the integrity of the response is missing or wrong: %r" % reply)
        return reply

    def must(self, method, attrs=()):
        reply = self.request(method, attrs)
        if reply.cls != SUCCESS:
            raise TurnError(reply)
        return reply

    def binding(self):
        reply = self.ask(encode(message_type(BINDING, REQUEST)))
        if reply.cls != SUCCESS:
            raise TurnError(reply)
        return reply.address(XOR_MAPPED_ADDRESS)

    def allocate(self, *attrs):
        reply = self.must(ALLOCATE, (UDP_TRANSPORT,) + attrs)
        self.relayed = reply.address(XOR_RELAYED_ADDRESS)
        return reply

    def refresh(self, lifetime=None, *attrs):
        extra = () if lifetime is None else (u32(LIFETIME, lifetime),)
        return self.must(REFRESH, extra + attrs)

    def _peer(self, addr, txid):
        return xor_address(XOR_PEER_ADDRESS, addr, txid)

    def with_peers(self, method, addrs, attrs=()):
        """Chooses the transaction id, on which the XOR of an IPv6 address depends."""
        if self.nonce is None:
            self.challenge()
        txid = os.urandom(12)
        peers = [self._peer(a, txid) for a in addrs]
        reply = self.ask(self.signed(method, list(attrs) + peers, txid))
        if reply.code == 438:
            self.learn(reply)
            reply = self.ask(self.signed(method, list(attrs) + peers, txid))
        return reply

    def permit(self, *addrs):
        reply = self.with_peers(CREATE_PERMISSION, addrs)
        if reply.cls != SUCCESS:
            raise TurnError(reply)
        return reply

    def channel_bind(self, number, addr):
        reply = self.with_peers(CHANNEL_BIND, [addr],
                                [(CHANNEL_NUMBER, struct.pack("!HH", number, 0))])
        if reply.cls != SUCCESS:
            raise TurnError(reply)
        return reply

    def send_to(self, addr, data, *attrs):
        txid = os.urandom(12)
        self.send_bytes(encode(message_type(SEND, INDICATION),
                               [self._peer(addr, txid), (DATA, data)] + list(attrs), txid))

    def icmp_error(self, timeout=None):
        """The next ICMP error about a peer as (peer, type, code, error data)."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            got = self.next(deadline)
            if isinstance(got, Msg) and got.cls == INDICATION and got.has(ICMP):
                reserved, value, data = struct.unpack("!HHL", got.get(ICMP))
                if reserved or got.method != DATA_METHOD or got.has(DATA):
                    raise ValueError("bad ICMP indication: %r" % got)
                return got.address(XOR_PEER_ADDRESS), value >> 9, value & 511, data

    def data(self, timeout=None):
        """The next payload from a peer as (origin, bytes); origin is a channel number or
        the peer's address."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            got = self.next(deadline)
            if isinstance(got, ChannelData):
                return got.number, got.data
            if (got.method, got.cls) == (DATA_METHOD, INDICATION) and got.has(DATA):
                return got.address(XOR_PEER_ADDRESS), got.get(DATA)


def rest_credential(secret, user, ttl=3600):
    """TURN REST user name and password (draft-uberti-behave-turn-rest-00)."""
    name = "%d:%s" % (time.time() + ttl, user)
    mac = hmac.new(secret.encode(), name.encode(), "sha1").digest()
    return name, base64.b64encode(mac).decode()


def main(args):
    if len(args) == 4 and args[1] == "probe":
        try:
            print("%s:%d" % Client((args[2], int(args[3])), timeout=1.0).binding())
        except (OSError, ValueError, TurnError):
            return 1
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv))

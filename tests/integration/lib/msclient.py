"""A client of the Microsoft dialect of TURN ([MS-TURN]) for the integration tests.

Over UDP, framed TCP and pseudo-TLS. Like turnclient.py it is written apart from the relay, with
nothing but the standard library, so that a mistake in one does not hide the same one in the other.
"""

import base64
import collections
import hashlib
import hmac
import ipaddress
import os
import socket
import struct
import time

ALLOCATE, ALLOCATED, ALLOCATE_REFUSED = 0x0003, 0x0103, 0x0113
SEND, DATA_INDICATION = 0x0004, 0x0115
ACTIVATE, ACTIVATED = 0x0006, 0x0106

MAPPED_ADDRESS, USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, LIFETIME = 0x01, 0x06, 0x08, 0x09, 0x0D
MAGIC_COOKIE, DESTINATION_ADDRESS, REMOTE_ADDRESS, DATA = 0x0F, 0x11, 0x12, 0x13
NONCE, REALM, REQUESTED_ADDRESS_FAMILY = 0x14, 0x15, 0x17
MS_VERSION, MS_XOR_MAPPED_ADDRESS, MS_SEQUENCE_NUMBER = 0x8008, 0x8020, 0x8050
MS_ALTERNATE_MAPPED_ADDRESS = 0x8090

COOKIE = bytes.fromhex("72c64bc6")
CONTROL, BARE = 2, 3  # types of frames
HELLO = bytes.fromhex("160301002d010000290301") + bytes(32) + bytes.fromhex("00000200180100")
HELLO_ANSWER_LEN = 83


def address(addr):
    ip = ipaddress.ip_address(addr[0])
    return struct.pack("!BBH", 0, 1 if ip.version == 4 else 2, addr[1]) + ip.packed


def read_address(value, mask=bytes(16)):
    raw = bytes(a ^ b for a, b in zip(value[4:], mask))
    port = struct.unpack("!H", value[2:4])[0] ^ struct.unpack("!H", mask[:2])[0]
    return str(ipaddress.ip_address(raw)), port


def encode(kind, attrs, key=None, txid=None):
    """A message. The integrity covers zero bytes up to the next multiple of 64."""
    body = b"".join(struct.pack("!HH", number, len(value)) + value
                    for number, value in [(MAGIC_COOKIE, COOKIE), *attrs])
    txid = txid or os.urandom(16)
    size = len(body) + (24 if key else 0)
    message = struct.pack("!HH", kind, size) + txid + body
    if key:
        mac = hmac.new(key, message + bytes(-len(message) % 64), "sha1").digest()
        message += struct.pack("!HH", MESSAGE_INTEGRITY, 20) + mac
    return message


class Message:
    def __init__(self, raw):
        self.kind, size = struct.unpack("!HH", raw[:4])
        if size != len(raw) - 20:
            raise ValueError("a message of another length: %s" % raw.hex())
        self.raw, self.txid, self.attrs, at = raw, raw[4:20], {}, 20
        while at < len(raw):
            number, size = struct.unpack("!HH", raw[at:at + 4])
            if at + 4 + size > len(raw):
                raise ValueError("half an attribute: %s" % raw.hex())
            self.attrs.setdefault(number, raw[at + 4:at + 4 + size])
            at += 4 + size
        if self.attrs.get(MAGIC_COOKIE) != COOKIE:
            raise ValueError("no cookie: %s" % raw.hex())

    @property
    def code(self):
        value = self.attrs.get(ERROR_CODE)
        return None if value is None else (value[2] & 7) * 100 + value[3]

    def verify(self, key):
        text = self.raw[:-24]
        mac = hmac.new(key, text + bytes(-len(text) % 64), "sha1").digest()
        return hmac.compare_digest(mac, self.attrs.get(MESSAGE_INTEGRITY, b""))

    def address(self, number, mask=bytes(16)):
        return read_address(self.attrs[number], mask) if number in self.attrs else None


class Refused(Exception):
    def __init__(self, reply):
        super().__init__("error %s" % reply.code)
        self.code, self.reply = reply.code, reply


def unquoted(text):
    return text.strip(b'"')


class Client:
    """One allocation. transport: "udp", "tcp" or "ptls"; user and password as base64 texts."""

    def __init__(self, server, transport, user, password, version=2, bind=None, timeout=10.0):
        self.transport, self.version, self.timeout = transport, version, timeout
        self.user, self.password = base64.b64decode(user), base64.b64decode(password)
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self.sock = socket.socket(family, kind)
        self.sock.settimeout(timeout)
        if bind:
            self.sock.bind(bind)
        self.sock.connect(server)
        self.local = self.sock.getsockname()[:2]
        self.buffer, self.backlog = b"", collections.deque()
        self.realm = self.nonce = self.key = self.connection = self.relayed = None
        self.number = 0
        if transport != "udp":
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if transport == "ptls":
            self.sock.sendall(HELLO)
            while len(self.buffer) < HELLO_ANSWER_LEN:
                self.buffer += self._read()
            self.buffer = self.buffer[HELLO_ANSWER_LEN:]

    def _read(self):
        chunk = self.sock.recv(65536)
        if not chunk and self.transport != "udp":
            raise ConnectionError("the relay closed the connection")
        return chunk

    def _put(self, kind, content):
        if self.transport != "udp":
            content = struct.pack("!BBH", kind, 0, len(content)) + content
        self.sock.sendall(content)

    def _take(self, timeout=None):
        """The next thing that arrives: (frame type, bytes)."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            if self.transport != "udp" and len(self.buffer) >= 4:
                kind, zero, size = struct.unpack("!BBH", self.buffer[:4])
                if kind not in (CONTROL, BARE) or zero != 0:
                    raise ValueError("no frame: %s" % self.buffer[:16].hex())
                if len(self.buffer) >= 4 + size:
                    content = self.buffer[4:4 + size]
                    self.buffer = self.buffer[4 + size:]
                    return kind, content
            self.sock.settimeout(max(deadline - time.monotonic(), 0.001))
            chunk = self._read()
            if self.transport == "udp":
                is_message = chunk[20:28] == bytes.fromhex("000f0004") + COOKIE
                return (CONTROL if is_message else BARE), chunk
            self.buffer += chunk

    def ask(self, raw):
        deadline = time.monotonic() + self.timeout
        self._put(CONTROL, raw)
        while time.monotonic() < deadline:
            kind, content = self._take(deadline - time.monotonic())
            if kind == CONTROL:
                message = Message(content)
                if message.txid == raw[4:20]:
                    return message
            self.backlog.append((kind, content))
        raise TimeoutError("no answer")

    def versioned(self):
        return (MS_VERSION, struct.pack("!I", self.version))

    def allocate(self, *attrs):
        """Allocate or refresh; returns the answer."""
        for _ in range(3):
            known = [] if self.key is None else [
                (USERNAME, self.user), (REALM, self.realm), (NONCE, self.nonce)]
            reply = self.ask(encode(ALLOCATE, [self.versioned(), *attrs, *known], self.key))
            if reply.code not in (401, 438) or (reply.code == 401 and self.key is not None):
                break
            self.realm, self.nonce = reply.attrs[REALM], reply.attrs[NONCE]
            text = b":".join((self.user, unquoted(self.realm), self.password))
            self.key = hashlib.md5(text).digest()
        self._must(reply, ALLOCATED)
        self.relayed = reply.address(MAPPED_ADDRESS)
        self.connection = reply.attrs[MS_SEQUENCE_NUMBER][:20]
        return reply

    def _must(self, reply, kind):
        if reply.code is not None:
            raise Refused(reply)
        if reply.kind != kind or not reply.verify(self.key):
            raise ValueError("a wrong answer: %s" % reply.raw.hex())

    def release(self):
        return self.allocate((LIFETIME, bytes(4)))

    def _numbered(self):
        self.number += 1
        return [(USERNAME, self.user),
                (MS_SEQUENCE_NUMBER, self.connection + struct.pack("!I", self.number))]

    def send(self, peer, data):
        """Data to a peer in a Send, which permits the peer."""
        self._put(CONTROL, encode(SEND, [*self._numbered(), (DESTINATION_ADDRESS, address(peer)),
                                         (DATA, data)], self.key))

    def activate(self, peer):
        reply = self.ask(encode(ACTIVATE, [*self._numbered(),
                                           (DESTINATION_ADDRESS, address(peer))], self.key))
        self._must(reply, ACTIVATED)

    def send_bare(self, data):
        """To the active destination."""
        self._put(BARE, data)

    def data(self, timeout=None):
        """(peer, bytes) of a Data Indication; (None, bytes) of the active destination."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            kind, content = self.backlog.popleft() if self.backlog else \
                self._take(deadline - time.monotonic())
            if kind == BARE:
                return None, content
            message = Message(content)
            if message.kind == DATA_INDICATION:
                return message.address(REMOTE_ADDRESS), message.attrs[DATA]

    def close(self):
        self.sock.close()

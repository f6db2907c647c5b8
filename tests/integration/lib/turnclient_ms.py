"""The part of turnclient.py that implements [MS-TURN], over UDP, framed TCP and pseudo-TLS."""

import base64
import hmac
import ipaddress
import os
import struct
import time

from turnclient import Conn, TurnError, auth_key, error_code

ALLOCATE, ALLOCATED, ALLOCATE_REFUSED = 0x0003, 0x0103, 0x0113
SEND, DATA_INDICATION = 0x0004, 0x0115
ACTIVATE, ACTIVATED = 0x0006, 0x0106

MAPPED_ADDRESS, USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, LIFETIME = 0x01, 0x06, 0x08, 0x09, 0x0D
MAGIC_COOKIE, ALTERNATE_SERVER, DESTINATION_ADDRESS, REMOTE_ADDRESS, DATA = 0x0F, 0x0E, 0x11, 0x12, 0x13
NONCE, REALM, REQUESTED_ADDRESS_FAMILY = 0x14, 0x15, 0x17
MS_VERSION, MS_XOR_MAPPED_ADDRESS, MS_SEQUENCE_NUMBER = 0x8008, 0x8020, 0x8050
MS_ALTERNATE_MAPPED_ADDRESS = 0x8090

COOKIE = bytes.fromhex("72c64bc6")
CONTROL, BARE = 2, 3  # types of frames
HELLO = bytes.fromhex("160301002d010000290301") + bytes(range(32)) + bytes.fromhex("00000200180100")
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
            raise ValueError("wrong message length: %s" % raw.hex())
        self.raw, self.txid, self.attrs, at = raw, raw[4:20], {}, 20
        while at < len(raw):
            number, size = struct.unpack("!HH", raw[at:at + 4])
            if at + 4 + size > len(raw):
                raise ValueError("truncated attribute: %s" % raw.hex())
            self.attrs.setdefault(number, raw[at + 4:at + 4 + size])
            at += 4 + size
        if self.attrs.get(MAGIC_COOKIE) != COOKIE:
            raise ValueError("no cookie: %s" % raw.hex())

    @property
    def code(self):
        return error_code(self.attrs.get(ERROR_CODE))

    def verify(self, key):
        text = self.raw[:-24]
        mac = hmac.new(key, text + bytes(-len(text) % 64), "sha1").digest()
        return hmac.compare_digest(mac, self.attrs.get(MESSAGE_INTEGRITY, b""))

    def address(self, number, mask=bytes(16)):
        return read_address(self.attrs[number], mask) if number in self.attrs else None


def frame(kind, content):
    """The bytes on a stream: control messages and data have a header in front."""
    return struct.pack("!BBH", kind, 0, len(content)) + content


class Client(Conn):
    """One allocation. transport: "udp", "tcp" or "ptls"; user and password: base64."""

    def __init__(self, server, transport, user, password, version=2, **kw):
        super().__init__(server, transport, **kw)
        self.version = version
        self.user, self.password = base64.b64decode(user), base64.b64decode(password)
        self.realm = self.nonce = self.key = self.connection = self.relayed = None
        self.number = 0
        if transport == "ptls":
            self.send_bytes(HELLO)
            while len(self.buffer) < HELLO_ANSWER_LEN:
                self.buffer += self.sock.recv(65536)
            self.buffer = self.buffer[HELLO_ANSWER_LEN:]

    def send_frame(self, kind, content):
        self.send_bytes(content if self.transport == "udp" else frame(kind, content))

    def send_message(self, raw):
        self.send_frame(CONTROL, raw)

    def unframe(self):
        if len(self.buffer) < 4:
            return None
        kind, zero, size = struct.unpack("!BBH", self.buffer[:4])
        if kind not in (CONTROL, BARE) or zero != 0:
            raise ValueError("the relay sent no frame: %s" % self.buffer[:16].hex())
        if len(self.buffer) < 4 + size:
            return None
        raw, self.buffer = self.buffer[:4 + size], self.buffer[4 + size:]
        return raw

    def parse(self, raw):
        """A Message, or the bytes of bare data."""
        if self.transport == "udp":
            is_message = raw[20:28] == struct.pack("!HH", MAGIC_COOKIE, 4) + COOKIE
        else:
            is_message, raw = raw[0] == CONTROL, raw[4:]
        return Message(raw) if is_message else raw

    def is_response(self, got, raw):
        return isinstance(got, Message) and got.txid == raw[4:20]

    def versioned(self):
        return (MS_VERSION, struct.pack("!I", self.version))

    def allocate(self, *attrs):
        """Allocate or refresh; returns the response."""
        for _ in range(3):
            known = [] if self.key is None else [
                (USERNAME, self.user), (REALM, self.realm), (NONCE, self.nonce)]
            reply = self.ask(encode(ALLOCATE, [self.versioned(), *attrs, *known], self.key))
            if reply.code not in (401, 438) or (reply.code == 401 and self.key is not None):
                break
            self.realm, self.nonce = reply.attrs[REALM], reply.attrs[NONCE]
            self.key = auth_key(self.user, self.realm.strip(b'"'), self.password)
        self._must(reply, ALLOCATED)
        self.relayed = reply.address(MAPPED_ADDRESS)
        self.connection = reply.attrs[MS_SEQUENCE_NUMBER][:20]
        return reply

    def _must(self, reply, kind):
        if reply.code is not None:
            raise TurnError(reply)
        if reply.kind != kind or not reply.verify(self.key):
            raise ValueError("wrong response: %s" % reply.raw.hex())

    def release(self):
        return self.allocate((LIFETIME, bytes(4)))

    def _numbered(self):
        self.number += 1
        return [(USERNAME, self.user),
                (MS_SEQUENCE_NUMBER, self.connection + struct.pack("!I", self.number))]

    def send(self, peer, data):
        """Data in a Send, which also permits the peer."""
        self.send_message(encode(SEND, [*self._numbered(), (DESTINATION_ADDRESS, address(peer)),
                                         (DATA, data)], self.key))

    def activate(self, peer):
        reply = self.ask(encode(ACTIVATE, [*self._numbered(),
                                           (DESTINATION_ADDRESS, address(peer))], self.key))
        self._must(reply, ACTIVATED)

    def send_bare(self, data):
        """To the active destination."""
        self.send_frame(BARE, data)

    def data(self, timeout=None):
        """(peer, bytes) of a Data Indication; (None, bytes) from the active destination."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            got = self.next(deadline)
            if isinstance(got, bytes):
                return None, got
            if got.kind == DATA_INDICATION:
                return got.address(REMOTE_ADDRESS), got.attrs[DATA]

#!/usr/bin/python3
"""One end of a relayed ICE call that only answers checks, for calls between the dialects.

  ice_lite.py DIR DIALECT CHECKS TRANSPORT HOST PORT USER PASSWORD COUNT

DIALECT, of the relay: "ms" or "ietf". CHECKS, of the other end: "rfc5245" or "oc2007r2". An agent
of Microsoft's ICE and one of RFC 8445 cannot call each other: they sign their checks over
different bytes. So a real agent calls this one, which knows both forms. It plays the "controlled"
agent of nice_pair.c: it exchanges the same files in DIR, sends and counts the same messages, and
ends in the same way.
"""

import hmac
import os
import re
import struct
import sys
import time

import turnclient as t
import turnclient_ms

SMALL, LARGE = 160, 1200
PACE_S = 0.002
WINDOW = 32  # messages in flight, as in nice_pair
UFRAG, PWD = "lite", "a-password-of-22-bytes"
CHANNEL = 0x4000
USE_CANDIDATE = 0x0025


class PaddedMi(t.Mi):
    """MESSAGE-INTEGRITY as [MS-ICE2] has it: over the length that the message has with its
    FINGERPRINT, and over zero bytes up to the next multiple of 64."""

    def make(self, msg_type, cookie, txid, body):
        size = len(body) + 24 + 8
        text = struct.pack("!HHI", msg_type, size, cookie) + txid + body
        return self.type, hmac.new(self.key, text + bytes(-len(text) % 64), "sha1").digest()


class IetfWay:
    """Packets to one peer by a channel of RFC 8656."""

    def __init__(self, server, transport, user, password):
        cafile = os.environ.get("SSL_CERT_FILE")
        self.client = t.Client(server, transport, user, password, cafile=cafile)
        self.client.allocate()
        self.relayed, self.peer = self.client.relayed, None

    def open(self, peer):
        self.peer = peer
        self.client.channel_bind(CHANNEL, peer)

    def send(self, data):
        self.client.send_channel(CHANNEL, data)

    def receive(self, timeout):
        return self.client.data(timeout)[1]

    def close(self):
        self.client.refresh(0)


class MsWay:
    """Packets to the active destination."""

    def __init__(self, server, transport, user, password):
        self.client = turnclient_ms.Client(server, transport, user, password)
        self.client.allocate()
        self.relayed, self.peer = self.client.relayed, None

    def open(self, peer):
        self.peer = peer
        self.client.send(peer, b"")
        self.client.activate(peer)

    def send(self, data):
        self.client.send_bare(data)

    def receive(self, timeout):
        return self.client.data(timeout)[1]

    def close(self):
        self.client.release()


def leave(directory, name, text):
    path = os.path.join(directory, "controlled." + name)
    with open(path + ".new", "w", encoding="ascii") as out:
        out.write(text)
    os.rename(path + ".new", path)


def take(directory, name):
    try:
        with open(os.path.join(directory, "controlling." + name), encoding="ascii") as text:
            return text.read()
    except FileNotFoundError:
        return None


def describe(relayed):
    return ("m=application 0 ICE/SDP\nc=IN IP4 %s\na=ice-ufrag:%s\na=ice-pwd:%s\n"
            "a=candidate:1 1 UDP 16777215 %s %d typ relay raddr 0.0.0.0 rport 0\n"
            % (relayed[0], UFRAG, PWD, *relayed))


def candidate(text):
    found = re.search(r"a=candidate:\S+ 1 UDP \d+ (\S+) (\d+) typ relay", text)
    if not found:
        raise SystemExit("no relayed candidate: " + text)
    return found.group(1), int(found.group(2))


FIRST = 0x8000  # the first bit, as of RTP and RTCP


def content(number, count):
    """Message number of nice_pair.c: a bit, 15 bits of the number, then bytes that depend on it."""
    size = SMALL if number < count else LARGE
    return (FIRST | number).to_bytes(2, "big") + bytes((number * 31 + at) & 255 for at in range(2, size))


class Call:
    def __init__(self, way, checks, count):
        self.way, self.checks, self.count = way, checks, count
        self.answered = self.sent = self.received = self.wrong = 0
        self.nominated = False

    def answer(self, check):
        integrity = (PaddedMi if self.checks == "oc2007r2" else t.Mi)(PWD.encode())
        attrs = [t.xor_address(t.XOR_MAPPED_ADDRESS, self.way.peer, check.txid)]
        if self.checks == "oc2007r2":
            attrs.insert(0, (t.USERNAME, check.get(t.USERNAME)))
        self.way.send(t.encode(t.message_type(t.BINDING, t.SUCCESS), [*attrs, integrity, t.Fp()],
                               check.txid))
        self.answered += 1
        self.nominated = self.nominated or check.has(USE_CANDIDATE)

    def take_check(self, data):
        """A Binding request, signed by who knows our password; or a keep-alive."""
        if data[:2] == b"\0\x11":
            return
        check = t.Msg(data)
        if not check.fingerprint_ok():
            return  # a copy for very old agents, which count otherwise
        kind = PaddedMi if self.checks == "oc2007r2" else t.Mi
        at = check.offsets[check.types().index(t.MESSAGE_INTEGRITY)]
        want = kind(PWD.encode()).make(1, check.cookie, check.txid, data[20:at])[1]
        if check.get(t.MESSAGE_INTEGRITY) != want:
            raise SystemExit("a check is signed otherwise than in %s" % self.checks)
        self.answer(check)

    def arrived(self, data):
        if data[4:8] == t.COOKIE.to_bytes(4, "big"):
            self.take_check(data)
            return
        number = int.from_bytes(data[:2], "big") & ~FIRST
        if number < 2 * self.count and data == content(number, self.count):
            self.received += 1
        else:
            self.wrong += 1

    def run(self, directory, patience_s):
        deadline, told = time.monotonic() + patience_s, False
        while time.monotonic() < deadline:
            try:
                self.arrived(self.way.receive(PACE_S))
            except TimeoutError:
                pass
            if self.nominated and self.sent < min(
                    2 * self.count, self.received + self.wrong + WINDOW):
                self.way.send(content(self.sent, self.count))
                self.sent += 1
            done = self.sent + self.received + self.wrong >= 4 * self.count
            if done and not told:
                leave(directory, "done", "")
                told = True
            if told and take(directory, "done") is not None:
                break
        return self.received == 2 * self.count and self.wrong == 0 and told


def main():
    directory, dialect, checks, transport, host, port, user, password, count = sys.argv[1:]
    way = {"ms": MsWay, "ietf": IetfWay}[dialect]((host, int(port)), transport, user, password)
    leave(directory, "description", describe(way.relayed))
    deadline = time.monotonic() + 20
    while take(directory, "description") is None:
        if time.monotonic() > deadline:
            raise SystemExit("the other end does not describe itself")
        time.sleep(0.01)
    way.open(candidate(take(directory, "description")))
    call = Call(way, checks, int(count))
    good = call.run(directory, 25)
    print("lite: sent %d received %d wrong %d, %d checks answered, local %s:%d remote %s:%d" % (
        call.sent, call.received, call.wrong, call.answered, *way.relayed, *way.peer))
    way.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""Clients and peers of many calls in one thread, and a model of what the relay must know about them.

Calls of every kind send numbered media both ways; each payload names its sender and receiver and is
signed, so that one in the wrong place is noticed. The storm allocates, binds, permits, refreshes and
deletes all the time and notes each answer. So the model knows at any moment which allocations must
exist, which must not, and which are undecided because their request has no answer yet. audit() asks the
relay over the control interface, probe() by the wire.

	model = Model(server)                    # a relay.Relay that serves
	model.add({"udp": 10, "tcp": 10}); model.storm(20)
	model.settle()                           # all calls are set up
	model.at(0.5, server.kill); model.run(1) # timers run in the loop
	model.audit()                            # raises SystemExit with what is wrong

It shares no code with the relay; the messages are those of turnclient.py and turnclient_ms.py.
"""

import collections
import errno
import hashlib
import heapq
import itertools
import json
import os
import random
import resource
import select
import socket
import ssl
import struct
import time

import control
import turnclient as t
import turnclient_mobility as mobility
import turnclient_ms as ms
import turnclient_tcp as tcp
from netns import check

UDP, TCP, MS = "udp", "tcp", "ms"
KINDS = ("udp", "tcp", "ms-udp", "ms-tcp", "ms-ptls", "dual", "tcp-out", "tcp-in", "mobile",
         "mobile-tls")
CHANNEL = 0x4000
KEY = os.urandom(16)
RECORD = struct.Struct("!4sIIQ")	# magic, sender, receiver, number
MAGIC = b"AVcm"
RECORD_LEN = RECORD.size + 8
RTO_S, ANSWER_S = 0.4, 20
PERMISSION_S = 300
QUEUE_S = 10	# that a request may lie in a queue while no relay runs
PERMIT_EVERY_S = 100	# calls renew permissions and allocations


def sign(sender, receiver, number):
    head = RECORD.pack(MAGIC, sender, receiver, number)
    return head + hashlib.blake2s(head, key=KEY, digest_size=8).digest()


def open_record(data):
    """(sender, receiver, number), or None if it is none of ours."""
    if len(data) != RECORD_LEN or data[:4] != MAGIC:
        return None
    head = data[:RECORD.size]
    if hashlib.blake2s(head, key=KEY, digest_size=8).digest() != data[RECORD.size:]:
        return None
    return RECORD.unpack(head)[1:]


class Lost(Exception):
    """What must go on has ended."""


class Receiver:
    """One end of one direction: counts what arrives and knows what may."""

    def __init__(self, model, call, name, sender, receiver):
        self.model, self.call, self.name = model, call, name
        self.sender, self.receiver = sender, receiver
        self.highest, self.got, self.twice, self.last = -1, 0, 0, None
        self.buffer = b""	# of a stream
        self.expected = 0

    def _here(self, data):
        record = open_record(data)
        if record is None or record[:2] != (self.sender, self.receiver):
            self.model.wrong_delivery("%s of %s got %s, not one from %d to %d" % (
                self.name, self.call, record or data[:40], self.sender, self.receiver))
            return None
        now = time.monotonic()
        if self.last is not None and self.last <= self.model.killed_at < now:
            self.model.gaps.append(now - self.model.killed_at)
        self.last = now
        self.got += 1
        return record[2]

    def datagram(self, data):
        number = self._here(data)
        if number is None:
            return
        if number <= self.highest:
            self.twice += 1
        self.highest = max(number, self.highest)

    def stream(self, data):
        """Bytes of a stream must come complete and in order."""
        self.buffer += data
        while len(self.buffer) >= RECORD_LEN:
            piece, self.buffer = self.buffer[:RECORD_LEN], self.buffer[RECORD_LEN:]
            number = self._here(piece)
            if number is not None and number != self.expected:
                self.model.wrong_delivery("%s of %s got record %d of its stream, not %d" % (
                    self.name, self.call, number, self.expected))
            self.expected = (self.expected if number is None else number) + 1

    def new_stream(self):
        self.buffer, self.expected = b"", 0


class Flow:
    """A socket in the loop. closed() and received() are its owner's."""

    def __init__(self, model, sock, received, closed=None):
        self.model, self.sock, self.received, self.closed = model, sock, received, closed
        self.is_stream = sock.type == socket.SOCK_STREAM
        sock.setblocking(False)
        self.fd = sock.fileno()
        self.local = sock.getsockname()[:2]
        self.out = bytearray()
        self.open = True
        model.flows[self.fd] = self
        model.poll.register(self.fd, select.EPOLLIN)

    def send(self, data):
        if not self.open:
            return
        if self.out:
            self.out += data
            return
        try:
            sent = self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        except ConnectionRefusedError:
            self.model.counts["refused by the host"] += 1
            return
        except OSError as error:
            self._end(error)
            return
        if self.is_stream and sent < len(data):
            self.out += data[sent:]
            self.model.poll.modify(self.fd, select.EPOLLIN | select.EPOLLOUT)

    def send_to(self, data, address):
        try:
            self.sock.sendto(data, address)
        except (BlockingIOError, ConnectionRefusedError):
            self.model.counts["not sent"] += 1

    def ready(self, events):
        if events & select.EPOLLOUT and self.out:
            data, self.out = bytes(self.out), bytearray()
            self.model.poll.modify(self.fd, select.EPOLLIN)
            self.send(data)
        for _ in range(16):
            if not self.open:
                return
            try:
                if self.is_stream:
                    data, origin = self.sock.recv(65536), None
                else:
                    data, origin = self.sock.recvfrom(2048)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except ConnectionRefusedError:
                self.model.counts["refused by the host"] += 1
                return
            except OSError as error:
                self._end(error)
                return
            if self.is_stream and not data:
                self._end(None)
                return
            self.received(data, origin)
            if self.is_stream and len(data) < 65536 and not isinstance(self.sock, ssl.SSLSocket):
                return

    def _end(self, error):
        self.close()
        if self.closed:
            self.closed(error)

    def close(self):
        if self.open:
            self.open = False
            del self.model.flows[self.fd]
            self.model.poll.unregister(self.fd)
            self.sock.close()


class Client:
    """A client on one 5-tuple of either dialect. Requests are answered to the task that asked."""

    def __init__(self, model, transport, dialect, user, call, bind=None, sock=None):
        self.model, self.transport, self.dialect, self.user = model, transport, dialect, user
        self.call = call
        self.buffer = b""
        self.pending = {}	# transaction id -> [task, bytes, next resending, deadline]
        self.prepared = None
        self.relayed = []
        sock = sock or self.connected(bind)
        if transport == "ptls":
            sock.sendall(ms.HELLO)
            got = b""
            while len(got) < ms.HELLO_ANSWER_LEN:
                got += sock.recv(ms.HELLO_ANSWER_LEN - len(got))
        self.flow = Flow(model, sock, self.received, self.closed)
        self.local = self.flow.local
        self.since = time.monotonic()
        self.realm = self.nonce = self.key = self.connection = None	# MS
        self.number = 0

    def connected(self, bind):
        server = self.model.udp if self.transport == UDP else self.model.tcp
        kind = socket.SOCK_DGRAM if self.transport == UDP else socket.SOCK_STREAM
        sock = socket.socket(socket.AF_INET, kind)
        if bind:
            sock.bind(bind)
        sock.settimeout(5)
        sock.connect(server)
        if self.transport != UDP:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.model.tls.wrap_socket(sock) if self.transport == "tls" else sock

    # what arrives

    def received(self, data, _):
        if self.transport == UDP:
            self.message(data)
            return
        self.buffer += data
        while True:
            size = self.frame_length()
            if size is None or len(self.buffer) < size:
                return
            raw, self.buffer = self.buffer[:size], self.buffer[size:]
            self.message(raw)

    def frame_length(self):
        if len(self.buffer) < 4:
            return None
        first, length = struct.unpack("!HH", self.buffer[:4])
        if self.dialect == MS:
            check(self.buffer[0] in (ms.CONTROL, ms.BARE) and self.buffer[1] == 0,
                  "%s: no frame begins with %s", self.call, self.buffer[:16].hex())
            return 4 + length
        check(first >> 14 <= 1, "%s: no frame begins with %s", self.call, self.buffer[:16].hex())
        return 20 + length if first >> 14 == 0 else 4 + length + -length % 4

    def message(self, raw):
        if self.dialect == MS:
            self.ms_message(raw)
            return
        if raw[0] >> 6 == 1:
            number, length = struct.unpack("!HH", raw[:4])
            self.call.data(self, number, raw[4:4 + length])
            return
        if raw[8:20] in self.pending:
            self.answer(raw[8:20], raw)
            return
        msg = t.Msg(raw)
        if msg.cls == t.INDICATION and msg.method == t.DATA_METHOD:
            self.call.data(self, msg.address(t.XOR_PEER_ADDRESS), msg.get(t.DATA))
        elif msg.cls == t.INDICATION and msg.method == tcp.CONNECTION_ATTEMPT:
            self.call.attempt(msg.get(tcp.CONNECTION_ID))
        else:
            self.model.counts["late answers"] += 1

    def ms_message(self, raw):
        if self.transport == UDP:
            is_message = raw[20:28] == struct.pack("!HH", ms.MAGIC_COOKIE, 4) + ms.COOKIE
        else:
            is_message, raw = raw[0] == ms.CONTROL, raw[4:]
        if not is_message:
            self.call.data(self, None, raw)
            return
        if raw[4:20] in self.pending:
            self.answer(raw[4:20], raw)
            return
        msg = ms.Message(raw)
        if msg.kind == ms.DATA_INDICATION:
            self.call.data(self, msg.address(ms.REMOTE_ADDRESS), msg.attrs[ms.DATA])
        else:
            self.model.counts["late answers"] += 1

    def answer(self, txid, raw):
        task = self.pending.pop(txid)[0]
        task.resume(raw)

    def closed(self, error):
        waiting = [entry[0] for entry in self.pending.values()]
        self.pending.clear()
        self.call.client_closed(self, error)
        for task in waiting:
            task.throw(Lost("%s: the relay closed the connection: %s" % (self.call, error)))

    def close(self):
        self.pending.clear()
        self.flow.close()

    # what is sent

    def send_message(self, raw):
        if self.dialect == MS and self.transport != UDP:
            raw = ms.frame(ms.CONTROL, raw)
        self.flow.send(raw)

    def ask_raw(self, raw):
        """reply = yield from client.ask_raw(request): the answer as bytes; Lost if there is none."""
        txid = raw[4:20] if self.dialect == MS else raw[8:20]
        now = time.monotonic()
        if not self.flow.open:
            raise Lost("%s: its connection is closed" % self.call)
        self.pending[txid] = [self.model.current, raw, now + RTO_S, now + ANSWER_S]
        self.send_message(raw)
        self.model.waits(self)
        return (yield)

    def resend(self, now):
        """Over UDP as clients do; a stream loses nothing."""
        for txid, entry in list(self.pending.items()):
            if now > entry[3]:
                del self.pending[txid]
                entry[0].throw(Lost("%s: no answer in %d s" % (self.call, ANSWER_S)))
            elif now > entry[2] and self.transport == UDP:
                entry[2] = now + 2 * RTO_S
                self.model.counts["sent again"] += 1
                self.send_message(entry[1])

    def abandon(self):
        """Forget what is in flight; returns whether anything was."""
        tasks = [entry[0] for entry in self.pending.values()]
        self.pending.clear()
        return tasks

    # IETF

    def ask(self, method, *attrs, peer=None):
        """A signed request; the parsed answer. The nonce is renewed where that is all."""
        for _ in range(4):
            txid = os.urandom(12)
            body = b"".join(t.attribute(*a) for a in attrs)
            for address in peer or ():
                body += t.attribute(*t.xor_address(t.XOR_PEER_ADDRESS, address, txid))
            if self.prepared:
                raw = self.prepared.request(method, body, txid)
            else:
                raw = struct.pack("!HHI", t.message_type(method, t.REQUEST), len(body),
                                  t.COOKIE) + txid + body
            reply = t.Msg((yield from self.ask_raw(raw)))
            if reply.code not in (401, 438):
                break
            if reply.code == 401 and self.prepared:
                break
            self.prepared = t.PreparedRequests(self.user.name, self.user.password, reply)
        if reply.cls == t.SUCCESS:
            check(self.prepared is None or reply.verify(self.prepared.key),
                  "%s: integrity of %r", self.call, reply)
        return reply

    def must(self, method, *attrs, peer=None):
        reply = yield from self.ask(method, *attrs, peer=peer)
        if reply.cls != t.SUCCESS:
            raise Lost("%s: %#x was refused: %r %s" % (self.call, method, reply,
                                                       reply.get(t.ERROR_CODE)))
        return reply

    def allocate(self, *attrs, transport=t.UDP_TRANSPORT):
        reply = yield from self.must(t.ALLOCATE, transport, *attrs)
        self.relayed = [t.read_xor_address(value, reply.txid) for kind, value in reply.attrs
                        if kind == t.XOR_RELAYED_ADDRESS]
        return reply

    def send_channel(self, number, data):
        raw = struct.pack("!HH", number, len(data)) + data
        self.flow.send(raw if self.transport == UDP else raw + bytes(-len(raw) % 4))

    def send_indication(self, peer, data):
        txid = os.urandom(12)
        self.flow.send(t.encode(t.message_type(t.SEND, t.INDICATION), [
            t.xor_address(t.XOR_PEER_ADDRESS, peer, txid), (t.DATA, data)], txid))

    # MS

    def ms_allocate(self, *attrs):
        for _ in range(4):
            known = [] if self.key is None else [
                (ms.USERNAME, self.user.ms_name), (ms.REALM, self.realm), (ms.NONCE, self.nonce)]
            reply = ms.Message((yield from self.ask_raw(ms.encode(
                ms.ALLOCATE, [(ms.MS_VERSION, struct.pack("!I", 2)), *attrs, *known],
                self.key))))
            if reply.code not in (401, 438) or (reply.code == 401 and self.key is not None):
                break
            self.realm, self.nonce = reply.attrs[ms.REALM], reply.attrs[ms.NONCE]
            self.key = t.auth_key(self.user.ms_name, self.realm.strip(b'"'),
                                  self.user.ms_password)
        if reply.kind != ms.ALLOCATED or not reply.verify(self.key):
            raise Lost("%s: Allocate was refused: %s" % (self.call, reply.code))
        if ms.MAPPED_ADDRESS in reply.attrs:
            self.relayed = [reply.address(ms.MAPPED_ADDRESS)]
        self.connection = reply.attrs[ms.MS_SEQUENCE_NUMBER][:20]
        return reply

    def numbered(self):
        self.number += 1
        return [(ms.USERNAME, self.user.ms_name),
                (ms.MS_SEQUENCE_NUMBER, self.connection + struct.pack("!I", self.number))]

    def ms_send(self, peer, data):
        self.send_message(ms.encode(ms.SEND, [
            *self.numbered(), (ms.DESTINATION_ADDRESS, ms.address(peer)), (ms.DATA, data)],
            self.key))

    def ms_activate(self, peer):
        reply = ms.Message((yield from self.ask_raw(ms.encode(ms.ACTIVATE, [
            *self.numbered(), (ms.DESTINATION_ADDRESS, ms.address(peer))], self.key))))
        if reply.code is not None:
            raise Lost("%s: Set Active Destination: %s" % (self.call, reply.code))

    def send_bare(self, data):
        self.flow.send(data if self.transport == UDP else ms.frame(ms.BARE, data))


class User:
    """One credential of each dialect."""

    def __init__(self, server, name):
        name_, password = server.credential(name)
        self.name, self.password = name_.encode(), password.encode()
        user, password = server.credential(name, form="mras")
        self.ms_name, self.ms_password = ms.base64.b64decode(user), ms.base64.b64decode(password)


class Task:
    """A generator that waits for answers or for time."""

    def __init__(self, model, generator, owner):
        self.model, self.generator, self.owner = model, generator, owner
        self.done = False
        model.tasks += 1
        self.resume(None)

    def resume(self, value):
        self._step(self.generator.send, value)

    def throw(self, error):
        self._step(self.generator.throw, error)

    def _step(self, advance, value):
        if self.done:
            return
        if self.generator.gi_running:	# what it sends finds its connection closed
            self.model.at(0, lambda: self._step(advance, value))
            return
        before, self.model.current = self.model.current, self
        try:
            advance(value)
        except StopIteration:
            self._end()
        except Lost as error:
            self._end()
            self.owner.failed(error)
        finally:
            self.model.current = before

    def _end(self):
        self.done = True
        self.model.tasks -= 1


# --- calls ------------------------------------------------------------------------------------

class Call:
    """A client, one or two peers, media both ways. Subclasses set it up and know how data goes."""
    peers_ips = None
    relay_transport = "udp"
    must_last = True	# its client's connection survives

    def __init__(self, model, kind, number, user):
        self.model, self.kind, self.number, self.user = model, kind, number, user
        self.ready = self.ended = False
        self.exists = False	# its allocation must be listed
        self.ids = [4 * number + i for i in range(3)]	# client and peers
        self.sent = [0, 0, 0]
        self.client = None
        self.peers = []
        ips = self.peers_ips or (model.peer_ip,)
        self.to_peer = [Receiver(model, self, "peer", self.ids[0], self.ids[1 + i])
                        for i in range(len(ips))]
        self.to_client = [Receiver(model, self, "client", self.ids[1 + i], self.ids[0])
                          for i in range(len(ips))]
        self.open_peers(ips)
        Task(model, self.run(), self)

    def __str__(self):
        return "call %d (%s, client %s%s, relayed %s)" % (
            self.number, self.kind, self.client and self.client.local,
            ", closed" if self.client and not self.client.flow.open else "",
            self.client and self.client.relayed)

    def failed(self, error):
        self.model.lost.append(str(error))
        self.ended = True

    def client_closed(self, client, error):
        if client is self.client and self.must_last and not self.ended:
            self.failed(Lost("%s: the relay closed its client's connection: %s" % (self, error)))

    def open_peers(self, ips):
        for i, ip in enumerate(ips):
            sock = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET,
                                 socket.SOCK_DGRAM)
            sock.bind((ip, 0))
            self.peers.append(Flow(self.model, sock, lambda data, origin, i=i:
                                   self.peer_datagram(i, data, origin)))

    def peer_datagram(self, i, data, origin):
        if origin[:2] != self.client.relayed[i]:
            self.model.wrong_delivery("%s: a peer hears from %s" % (self, origin))
        self.to_peer[i].datagram(data)

    def peer_address(self, i=0):
        return self.peers[i].local

    def run(self):
        yield from self.setup()
        self.ready = True
        while True:
            yield from self.model.sleep(self.model.renew_s * random.uniform(0.5, 1))
            yield from self.renew()

    def tick(self):
        """One datagram in each direction."""
        for i, peer in enumerate(self.peers):
            self.to_peer_data(i, sign(self.ids[0], self.ids[1 + i], self.sent[0]))
            peer.send_to(sign(self.ids[1 + i], self.ids[0], self.sent[0]), self.client.relayed[i])
        self.sent[0] += 1

    def listed(self):
        """What the control interface must show: client endpoint, relayed addresses."""
        return endpoint(self.client.local), [endpoint(a) for a in self.client.relayed]

    def received(self):
        return [r.got for r in self.to_peer + self.to_client]

    def close(self):
        self.ended = True
        self.client.close()
        for peer in self.peers:
            peer.close()


class IetfCall(Call):
    """ChannelData and, every fourth time, indications."""
    transport, attrs = UDP, ()

    def setup(self):
        self.client = self.new_client()
        yield from self.client.allocate(*self.attrs)
        self.exists = True
        for i in range(len(self.peers)):
            yield from self.bind_channel(i)

    def new_client(self):
        return Client(self.model, self.transport, "ietf", self.user, self)

    def bind_channel(self, i):
        yield from self.client.must(t.CHANNEL_BIND, (t.CHANNEL_NUMBER, struct.pack(
            "!HH", CHANNEL + i, 0)), peer=[self.peer_address(i)])

    def renew(self):
        reply = yield from self.client.must(t.REFRESH)
        check(reply.number(t.LIFETIME) > 0, "%s: no time in %r", self, reply)
        for i in range(len(self.peers)):
            yield from self.bind_channel(i)

    def to_peer_data(self, i, data):
        if self.sent[0] % 4:
            self.client.send_channel(CHANNEL + i, data)
        else:
            self.client.send_indication(self.peer_address(i), data)

    def data(self, client, origin, data):
        i = origin - CHANNEL if isinstance(origin, int) else None
        if i is None or not 0 <= i < len(self.peers):
            self.model.wrong_delivery("%s: data of %s" % (self, origin))
            return
        self.to_client[i].datagram(data)


class UdpCall(IetfCall):
    pass


class TcpCall(IetfCall):
    transport = TCP


class DualCall(IetfCall):
    attrs = (t.family_attr(2, t.ADDITIONAL_ADDRESS_FAMILY),)

    @property
    def peers_ips(self):
        return self.model.peer_ip, self.model.peer_ip6


class MobileCall(IetfCall):
    """Its client goes to a new socket whenever it renews."""
    attrs = ((mobility.MOBILITY_TICKET, b""),)
    ticket = None
    moves = False

    def setup(self):
        self.client = self.new_client()
        reply = yield from self.client.allocate(*self.attrs)
        self.ticket = reply.get(mobility.MOBILITY_TICKET)
        self.exists = True
        yield from self.bind_channel(0)

    def next_client(self):
        yield from ()
        return self.new_client()

    def come(self):
        while self.model.rests:
            yield from self.model.sleep(0.02)
        self.moves = True
        try:
            yield from self.move()
        finally:
            self.moves = False

    def move(self):
        """Take the allocation to a new client; data goes there from now on."""
        new = yield from self.next_client()
        new.relayed = self.client.relayed
        try:
            reply = yield from new.must(t.REFRESH, (mobility.MOBILITY_TICKET, self.ticket))
        except Lost:
            new.close()
            raise
        self.ticket = reply.get(mobility.MOBILITY_TICKET)
        old, self.client = self.client, new
        self.tick()
        # What is on its way to the old one still counts.
        yield from self.model.sleep(0.3)
        old.close()

    def renew(self):
        yield from super().renew()
        yield from self.come()


class MobileTlsCall(MobileCall):
    """TLS does not survive; the allocation waits for its client."""
    transport, must_last = "tls", False
    tried = ()	# since its client's connection was closed: (when, what)

    def __str__(self):
        now = time.monotonic()
        return super().__str__() + ", connected for %.2f s, before: %s" % (
            now - self.client.since,
            ", ".join("%s %.2f s ago" % (what, now - at) for at, what in self.tried))

    def next_client(self):
        sock = yield from self.model.tls_connection()
        self.tried.append((time.monotonic(), "connected"))
        return Client(self.model, self.transport, "ietf", self.user, self, sock=sock)

    def client_closed(self, client, error):
        if client is self.client and not self.ended:
            self.model.counts["TLS clients that came back"] += 1
            self.tried = [(time.monotonic(), "closed")]
            Task(self.model, self.come_back(), self)

    def come_back(self):
        """The relay may be killed meanwhile, too; the ticket stays good until the client has moved."""
        for _ in range(5):
            yield from self.model.until_serving()
            self.tried.append((time.monotonic(), "begun"))
            try:
                yield from self.come()
                return
            except (Lost, OSError) as error:
                self.tried.append((time.monotonic(), str(error)))
                self.model.counts["TLS clients that tried again"] += 1
                yield from self.model.sleep(0.05)
        raise Lost("%s: cannot come back" % self)

    def tick(self):
        if self.client.flow.open:
            super().tick()

    def renew(self):
        for _ in range(3):
            try:
                if self.client.flow.open:
                    yield from IetfCall.renew(self)
                return
            except Lost:
                yield from self.model.sleep(1)

    def listed(self):
        return (endpoint(self.client.local) if self.client.flow.open else None,
                [endpoint(a) for a in self.client.relayed])


class Witness(IetfCall):
    """Has a permission for its peer and never renews it: what the peer sends arrives until the deadline and
    not after it."""
    asked = answered = None

    def bind_channel(self, i):
        self.asked = time.monotonic()
        yield from self.client.must(t.CREATE_PERMISSION, peer=[self.peer_address()])
        self.answered = time.monotonic()

    def renew(self):
        yield from self.client.must(t.REFRESH, t.u32(t.LIFETIME, 3600))

    def tick(self):
        self.peers[0].send_to(sign(self.ids[1], self.ids[0], self.sent[0]), self.client.relayed[0])
        self.sent[0] += 1

    def data(self, client, origin, data):
        late = time.monotonic() - self.answered - PERMISSION_S
        if late > 0.5:
            self.model.wrong_delivery("%s: data %.1f s after its permission ended" % (self, late))
        self.to_client[0].datagram(data)

    def is_permitted(self):
        return time.monotonic() < self.asked + PERMISSION_S - 5

    def received(self):
        return [self.to_client[0].got] if self.is_permitted() else []


class MsCall(Call):
    transport = UDP

    def setup(self):
        self.client = Client(self.model, self.transport, MS, self.user, self)
        yield from self.client.ms_allocate()
        self.exists = True
        yield from self.connect()

    def connect(self):
        """The first datagram permits the peer; the destination makes bare data possible."""
        self.client.ms_send(self.peer_address(), sign(self.ids[0], self.ids[1], self.sent[0]))
        self.sent[0] += 1
        yield from self.client.ms_activate(self.peer_address())

    def renew(self):
        yield from self.client.ms_allocate()

    def to_peer_data(self, i, data):
        self.client.send_bare(data)

    def data(self, client, origin, data):
        if origin not in (None, self.peer_address()):
            self.model.wrong_delivery("%s: data of %s" % (self, origin))
        self.to_client[0].datagram(data)


class StreamPeer:
    """Mixin: the peer is a TCP connection, whose bytes come exactly; where the relay gives one up it
    is counted, and made again."""
    peer = None
    made = 0
    relay_transport = "tcp"

    def open_peers(self, ips):
        self.made = 0
        self.listen(ips[0])

    def listen(self, ip):
        sock = socket.create_server((ip, 0), backlog=8)
        self.peers = [Flow(self.model, sock, None)]
        self.peers[0].ready = self.accept

    def accept(self, _):
        try:
            sock, origin = self.peers[0].sock.accept()
        except OSError:
            return
        if origin[:2] != self.client.relayed[0]:
            self.model.wrong_delivery("%s: a connection from %s" % (self, origin))
        self.begin(sock)

    def begin(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.peer:
            self.peer.close()
        self.made += 1
        self.sent = [0, 0, 0]
        self.to_peer[0].new_stream()
        self.peer = Flow(self.model, sock, lambda data, _: self.to_peer[0].stream(data),
                         self.peer_closed)

    def peer_closed(self, error):
        if not self.ended:
            self.model.counts["connections with peers given up"] += 1
            self.model.given_up.append("%s: %s" % (self, error))
            self.ready = False
            Task(self.model, self.again(), self)

    def close(self):
        super().close()
        if self.peer:
            self.peer.close()


class MsStreamCall(StreamPeer, MsCall):
    """Streams both ways: the relay connects to the peer."""
    transport = TCP

    def connect(self):
        self.sent = [0, 0, 0]
        self.to_client[0].new_stream()
        self.client.ms_send(self.peer_address(), sign(self.ids[0], self.ids[1], 0))
        self.sent[0] = 1
        self.peer = None
        yield from self.client.ms_activate(self.peer_address())
        while self.peer is None:
            yield from self.model.sleep(0.05)
        self.sent[0] = 1

    def begin(self, sock):
        super().begin(sock)
        self.sent[0] = 1

    def again(self):
        yield from self.model.until_serving()
        yield from self.connect()
        self.ready = True

    def tick(self):
        self.client.send_bare(sign(self.ids[0], self.ids[1], self.sent[0]))
        self.sent[0] += 1
        self.peer.send(sign(self.ids[1], self.ids[0], self.sent[1]))
        self.sent[1] += 1

    def data(self, client, origin, data):
        self.to_client[0].stream(data)


class MsPtlsCall(MsStreamCall):
    transport = "ptls"


class TcpOutCall(StreamPeer, Call):
    """RFC 6062: the client connects."""
    data_flow = None

    def setup(self):
        self.client = Client(self.model, TCP, "ietf", self.user, self)
        yield from self.client.allocate(transport=tcp.TCP_TRANSPORT)
        self.exists = True
        yield from self.connect()

    def connect(self):
        reply = yield from self.client.must(tcp.CONNECT, peer=[self.peer_address()])
        yield from self.bind(reply.get(tcp.CONNECTION_ID))

    def bind(self, number):
        conn = Client(self.model, TCP, "ietf", self.user, self)
        conn.prepared = self.client.prepared
        self.data_flow = conn.flow
        yield from conn.must(tcp.CONNECTION_BIND, (tcp.CONNECTION_ID, number))
        self.to_client[0].new_stream()
        self.to_client[0].stream(conn.buffer)
        conn.flow.received = lambda data, _: self.to_client[0].stream(data)
        conn.flow.closed = self.data_closed

    def data_closed(self, error):
        """Its peer's end closes, too, and counts."""
        if not self.ended:
            self.ready = False
            self.model.given_up.append("%s: data connection: %s" % (self, error))

    def client_closed(self, client, error):
        if client is self.client:
            super().client_closed(client, error)

    def again(self):
        yield from self.model.until_serving()
        yield from self.model.sleep(0.2)
        if self.data_flow:
            self.data_flow.close()
        yield from self.connect()
        self.ready = True

    def renew(self):
        reply = yield from self.client.must(t.REFRESH)
        check(reply.number(t.LIFETIME) > 0, "%s: no time in %r", self, reply)
        yield from self.permit()

    def permit(self):
        yield from self.client.must(t.CREATE_PERMISSION, peer=[(self.model.peer_ip, 0)])

    def tick(self):
        if self.peer is None or not self.peer.open or not self.data_flow.open:
            return
        self.data_flow.send(sign(self.ids[0], self.ids[1], self.sent[0]))
        self.sent[0] += 1
        self.peer.send(sign(self.ids[1], self.ids[0], self.sent[1]))
        self.sent[1] += 1

    def attempt(self, number):
        self.model.wrong_delivery("%s: a ConnectionAttempt" % self)

    def data(self, client, origin, data):
        self.model.wrong_delivery("%s: data of %s" % (self, origin))

    def close(self):
        super().close()
        if self.data_flow:
            self.data_flow.close()


class TcpInCall(TcpOutCall):
    """RFC 6062: the peer connects."""
    number = None

    def __init__(self, *args):
        self.attempts = collections.deque()
        super().__init__(*args)

    def listen(self, ip):
        self.peers = []

    def connect(self):
        yield from self.permit()
        self.attempts.clear()
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.bind((self.model.peer_ip, 0))
        sock.settimeout(5)
        sock.connect(self.client.relayed[0])
        self.begin(sock)
        until = time.monotonic() + ANSWER_S
        while not self.attempts:
            if time.monotonic() > until:
                raise Lost("%s: no ConnectionAttempt" % self)
            yield from self.model.sleep(0.02)
        yield from self.bind(self.attempts.pop())

    def attempt(self, number):
        self.attempts.append(number)


CLASSES = dict(zip(KINDS, (UdpCall, TcpCall, MsCall, MsStreamCall, MsPtlsCall, DualCall, TcpOutCall,
                           TcpInCall, MobileCall, MobileTlsCall)))
CLASSES["witness"] = Witness


# --- the storm --------------------------------------------------------------------------------

class Stormer:
    """One 5-tuple that asks all the time. state: "absent", "present" or "undecided"."""
    PEERS = 4

    def __init__(self, model, number, user, transport):
        self.model, self.number, self.user = model, number, user
        self.state, self.doing = "absent", None
        self.permitted = {}	# peer address -> when it was last surely permitted, at the latest
        self.channels = {}	# number -> peer
        self.asked = collections.Counter()
        self.rests = False
        self.client = Client(model, transport, "ietf", user, self)
        self.task = Task(model, self.run(), self)

    def __str__(self):
        return "storm client %d (%s, %s, %s, relayed %s)" % (
            self.number, self.client.local, self.state, self.doing, self.client.relayed)

    def failed(self, error):
        self.model.lost.append(str(error))

    def client_closed(self, client, error):
        self.failed(Lost("%s: the relay closed its connection: %s" % (self, error)))

    def data(self, client, origin, data):
        self.model.wrong_delivery("%s got data of %s: %s" % (self, origin, open_record(data)))

    def peer(self):
        # Nobody is there: permissions only.
        return "127.0.9.%d" % random.randint(1, self.PEERS), 9

    def run(self):
        while True:
            while self.rests:
                yield from self.model.sleep(0.02)
            if self.state == "undecided":
                yield from self.decide()
            elif self.state == "absent":
                yield from self.allocate()
            else:
                yield from random.choice((self.refresh, self.permit, self.bind, self.permit,
                                          self.bind, self.delete))()
            self.doing = None
            yield from self.model.sleep(self.model.storm_pause_s * random.random())

    def begin(self, what):
        self.doing = what
        self.asked[what] += 1

    def allocate(self):
        self.begin("allocate")
        self.permitted, self.channels = {}, {}
        reply = yield from self.client.ask(t.ALLOCATE, t.UDP_TRANSPORT)
        if reply.code == 437:	# it was made, and the answer to this one is not repeated
            self.model.answers_lost.append("%s: %r" % (self, reply))
            self.state = "undecided"
            return
        if reply.cls != t.SUCCESS:
            raise Lost("%s: Allocate: %r %s" % (self, reply, reply.get(t.ERROR_CODE)))
        self.client.relayed = [reply.address(t.XOR_RELAYED_ADDRESS)]
        self.model.ever_relayed.append(self.client.relayed[0])
        self.state = "present"

    def must(self, reply):
        if reply.code == 437:
            raise Lost("%s: its allocation is gone: %r" % (self, reply))
        if reply.cls != t.SUCCESS:
            raise Lost("%s: %r %s" % (self, reply, reply.get(t.ERROR_CODE)))

    def refresh(self):
        self.begin("refresh")
        self.must((yield from self.client.ask(t.REFRESH, t.u32(t.LIFETIME, 700))))

    def permit(self):
        self.begin("permit")
        peer = self.peer()
        # From now on it may be there; known to be from the answer on.
        self.permitted.setdefault(peer[0], None)
        self.must((yield from self.client.ask(t.CREATE_PERMISSION, peer=[peer])))
        self.permitted[peer[0]] = time.monotonic()

    def bind(self):
        self.begin("bind")
        peer = self.peer()
        number = CHANNEL + int(peer[0].rsplit(".", 1)[1])
        self.permitted.setdefault(peer[0], None)
        self.channels.setdefault(number, False)
        self.must((yield from self.client.ask(
            t.CHANNEL_BIND, (t.CHANNEL_NUMBER, struct.pack("!HH", number, 0)), peer=[peer])))
        self.permitted[peer[0]] = time.monotonic()
        self.channels[number] = True

    def delete(self):
        self.begin("delete")
        reply = yield from self.client.ask(t.REFRESH, t.u32(t.LIFETIME, 0))
        if reply.code != 437:	# which a repetition gets
            self.must(reply)
        self.state = "absent"

    def decide(self):
        """A client that gave its request up looks whether it has an allocation."""
        self.begin("decide")
        reply = yield from self.client.ask(t.REFRESH, t.u32(t.LIFETIME, 0))
        if reply.code != 437:
            self.must(reply)
        self.state = "absent"

    def give_up(self):
        """Forget the request in flight, if there is one: the model does not know what came of it."""
        if not self.client.pending or self.doing is None:
            return False
        self.client.abandon()
        if self.doing in ("allocate", "delete", "decide"):
            self.state = "undecided"
        self.doing = None
        self.task.done = True
        self.model.tasks -= 1
        self.task = Task(self.model, self.run(), self)
        return True

    def close(self):
        self.client.close()


def endpoint(address):
    return ("[%s]:%d" if ":" in address[0] else "%s:%d") % address


# --- the model --------------------------------------------------------------------------------

class Model:
    """rate: datagrams a second and direction of each call; renew_s: how often calls refresh."""

    def __init__(self, server, peer_ip="127.0.3.1", peer_ip6="fd7a:1::2", rate=2, renew_s=20,
                 storm_pause_s=0.05, users=8):
        self.server = server
        self.udp, self.tcp = (server.inside[0], server.udp_port), (server.inside[0],
                                                                   server.tcp_port)
        self.peer_ip, self.peer_ip6 = peer_ip, peer_ip6
        self.rate, self.renew_s, self.storm_pause_s = rate, renew_s, storm_pause_s
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.tls = t.tls_context(server.path("ca.pem"))
        self.tls.check_hostname = False
        self.poll = select.epoll()
        self.flows, self.timers, self.numbers = {}, [], itertools.count()
        self.waiting = set()	# clients with requests in flight
        self.current, self.tasks = None, 0
        self.calls, self.stormers = [], []
        self.users = [User(server, "user%d" % i) for i in range(users)]
        self.lost, self.wrong, self.given_up, self.answers_lost = [], [], [], []
        self.counts = collections.Counter()
        self.ever_relayed = collections.deque(maxlen=2000)
        self.killed_at, self.gaps = float("inf"), []
        self.is_serving = lambda: True
        self.next_call = 0
        self.media = self.rests = False
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.bind(("127.0.8.8", 0))
        self.stranger = Flow(self, stranger, lambda *_: self.wrong_delivery("the stranger hears"))
        self.at(0.1, self._resend)

    # time

    def at(self, seconds, function):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.numbers), function))

    def sleep(self, seconds):
        task = self.current
        self.at(seconds, lambda: task.resume(None))
        yield

    def tls_connection(self):
        """A socket after its handshake, during which everything else goes on."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(5)
        until = time.monotonic() + 5
        try:
            sock.connect(self.tcp)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            sock = self.tls.wrap_socket(sock, do_handshake_on_connect=False)
            while True:
                try:
                    sock.do_handshake()
                    return sock
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    if time.monotonic() > until:
                        raise TimeoutError("no TLS handshake in 5 s") from None
                yield from self.sleep(0.01)
        except OSError:
            sock.close()
            raise

    def until_serving(self):
        yield from self.sleep(0.02)
        while not self.is_serving():
            yield from self.sleep(0.02)

    def waits(self, client):
        self.waiting.add(client)

    def _resend(self):
        now = time.monotonic()
        for client in list(self.waiting):
            if client.pending:
                client.resend(now)
            else:
                self.waiting.discard(client)
        self.at(0.1, self._resend)

    def run(self, seconds=None, until=None, what="that did not happen"):
        """The loop: for a time, or until a condition holds; then what did not happen is an error."""
        end = time.monotonic() + (ANSWER_S * 2 if seconds is None else seconds)
        while True:
            now = time.monotonic()
            if until is not None and until():
                return
            if now >= end:
                check(until is None, "%s: %s", what, "; ".join(self.lost[:3]))
                return
            while self.timers and self.timers[0][0] <= now:
                heapq.heappop(self.timers)[2]()
            wait = min(end, self.timers[0][0] if self.timers else end) - time.monotonic()
            for fd, events in self.poll.poll(max(wait, 0)):
                if fd in self.flows:
                    self.flows[fd].ready(events)

    # what there is

    def add(self, kinds):
        for kind, count in kinds.items():
            for _ in range(count):
                self.next_call += 1
                call = CLASSES[kind](self, kind, self.next_call,
                                     self.users[self.next_call % len(self.users)])
                self.calls.append(call)
                if self.next_call % 32 == 0:
                    self.run(0.02)

    def storm(self, count, tcp=True):
        """So many clients, every fourth over TCP."""
        for i in range(count):
            self.next_call += 1
            self.stormers.append(Stormer(self, self.next_call, self.users[i % len(self.users)],
                                         TCP if tcp and i % 4 == 3 else UDP))

    def settle(self):
        self.run(until=lambda: self.lost or all(c.ready for c in self.calls),
                 what="calls do not begin")
        self.complain()
        for call in self.calls:
            self.ever_relayed.extend(a for a in call.client.relayed if ":" not in a[0])
        if not self.media:
            self.media = True
            self.at(0, self._media)

    def _media(self, at=0, began=None):
        """A slice of the calls every 10 ms, so that each has its turn `rate` times a second."""
        slices = max(int(100 / self.rate), 1)
        for call in self.calls[at % slices::slices]:
            if call.ready and not call.ended:
                call.tick()
        if at % 4 == 0 and self.ever_relayed:
            self.stranger.send_to(sign(0, 0, at), random.choice(self.ever_relayed))
        began = time.monotonic() if began is None else began
        self.at(max(began + (at + 1) * 0.01 - time.monotonic(), 0),
                lambda: self._media(at + 1, began))

    def killed(self, at):
        """The relay ended then."""
        self.killed_at = at

    def give_up(self, share):
        """So many of the storm's clients drop what they have in flight."""
        self.counts["given up"] += sum(s.give_up() for s in self.stormers
                                       if random.random() < share)

    def wrong_delivery(self, text):
        self.wrong.append(text)

    def complain(self):
        check(not self.wrong, "wrong delivery, %d times: %s", len(self.wrong),
              "; ".join(self.wrong[:3]))
        check(not self.lost, "lost, %d: %s", len(self.lost), "; ".join(self.lost[:3]))

    # checks

    def probe(self, seconds=15):
        """By the wire: media of every call arrives in both directions again."""
        before = {call: call.received() for call in self.calls if not call.ended}

        def silent():
            return [call for call, had in before.items() if not call.ended and (
                not call.ready or any(n <= m for n, m in zip(call.received(), had)))]
        until = time.monotonic() + seconds
        while silent() and not self.wrong and not self.lost:
            self.run(0.05)
            check(time.monotonic() < until, "no media of %d calls: %s; dropped: %s", len(silent()),
                  [(str(c), c.ready, before[c], c.received()) for c in silent()[:5]],
                  {k: n for k, n in self.ask("/v1/counters")["drops"].items() if n})
        self.complain()

    def rest(self):
        """Until nothing of the storm is in flight, and no allocation goes from worker to worker: their
        tables are listed one after the other."""
        self.rests = True
        for stormer in self.stormers:
            stormer.rests = True
        self.run(until=lambda: not any(s.client.pending for s in self.stormers) and
                 not any(getattr(c, "moves", False) for c in self.calls),
                 what="requests without answers")

    def go_on(self):
        self.rests = False
        for stormer in self.stormers:
            stormer.rests = False

    def ask(self, target):
        """A document of the control interface."""
        status, document = control.ask(self.server.path("relay.sock"), "GET", target)
        check(status == 200, "%s: %s", target, document)
        return document

    def audit(self, samples=8):
        """The relay's view against the model. The storm rests meanwhile."""
        self.rest()
        rows = self.ask("/v1/allocations")["allocations"]
        status = self.ask("/v1/status")
        ports = self.ask("/v1/ports")["ports"]
        limits = self.ask("/v1/limits")
        self.complain()
        by_relayed = {(row["relay_transport"], row["relayed"]): row for row in rows}
        check(len(by_relayed) == len(rows), "a relayed address is listed twice")
        by_client = collections.Counter((row["client"], row["transport"]) for row in rows)
        check(all(n == 1 for n in by_client.values()), "a 5-tuple is listed twice")
        check(len({row["id"] for row in rows}) == len(rows), "an id is listed twice")
        known = set()
        for call in self.calls:
            if not call.exists or call.ended:
                continue
            client, relayed = call.listed()
            key = call.relay_transport, relayed[0]
            row = by_relayed.get(key)
            check(row, "%s is not listed", call)
            known.add(key)
            check(client is None or client in (row["client"], row["moving_to"]),
                  "%s: listed of client %s", call, row["client"])
            second = row["second_relayed"]
            check(([second] if second else []) == relayed[1:], "%s: its second address is %s",
                  call, second)
        undecided = 0
        for stormer in self.stormers:
            mine = [row for row in rows if row["client"] == endpoint(stormer.client.local) and
                    (row["transport"] == "udp") == (stormer.client.transport == UDP)]
            check(len(mine) <= 1, "%s is listed %d times", stormer, len(mine))
            if stormer.state == "present":
                check(mine and mine[0]["relayed"] == endpoint(stormer.client.relayed[0]),
                      "%s: listed is %s", stormer, mine)
            elif stormer.state == "absent":
                check(not mine, "%s is listed: %s", stormer, mine)
            undecided += stormer.state == "undecided"
            known.update((row["relay_transport"], row["relayed"]) for row in mine)
        extra = set(by_relayed) - known
        check(not extra, "nobody's allocations: %s", [by_relayed[r] for r in extra])
        self._sums(rows, status, ports, limits)
        with_time = random.sample([s for s in self.stormers if s.state == "present"],
                                  min(samples, sum(s.state == "present" for s in self.stormers)))
        for stormer in with_time:
            self._permissions(stormer, by_relayed)
        for call in self.calls:
            if isinstance(call, Witness) and not call.ended:
                self._witness(call, by_relayed)
        self.counts["undecided"] += undecided
        self.go_on()
        return len(rows)

    def _sums(self, rows, status, ports, limits):
        """Ports, quotas and status say the same as the list."""
        addresses = [(row["relay_transport"], row[key]) for row in rows
                     for key in ("relayed_local", "second_relayed_local") if row[key]]
        check(status["allocations"] == len(rows), "status says %d allocations, listed are %d",
              status["allocations"], len(rows))
        workers = sum(worker["allocations"] for worker in status["per_worker"])
        check(workers == len(rows), "workers have %d, listed are %d", workers, len(rows))
        used = sum(pool["used"] for pool in status["ports"])
        check(used == len(addresses), "%d ports in use for %d relayed addresses", used,
              len(addresses))
        shown = {(row["protocol"], endpoint((row["address"], row["port"]))) for row in ports}
        missing = [a for a in addresses if a not in shown]
        check(not missing, "open ports lack %s", missing[:3])
        users = collections.Counter((row["user"], row["dialect"]) for row in rows)
        for row in limits["users"]:
            have = users[(row["user"], row["dialect"])]
            check(row["allocations"] == have, "quota of %s: %d, listed are %d", row["user"],
                  row["allocations"], have)

    def _permissions(self, stormer, by_relayed):
        row = by_relayed["udp", endpoint(stormer.client.relayed[0])]
        full = self.ask("/v1/allocations/" + row["id"])
        now = time.monotonic()
        listed = {p["peer"]: p["expires_in_ms"] for p in full["permission_list"]}
        for ip, left in listed.items():
            check(ip in stormer.permitted, "%s: %s is permitted", stormer, ip)
            latest = stormer.permitted[ip]
            check(left is not None and left <= PERMISSION_S * 1000, "%s: %s ms", stormer, left)
            if latest is not None and not stormer.client.pending:
                # A request that was sent again, or given up, may have been handled later.
                check(left / 1000 <= latest + PERMISSION_S - now + QUEUE_S,
                      "%s: permission of %s lasts %d ms more, %.1f s after it was made", stormer,
                      ip, left, now - latest)
        for ip, latest in stormer.permitted.items():
            if latest is not None and now < latest + PERMISSION_S - 2:
                check(ip in listed, "%s: %s is not permitted any more", stormer, ip)
        channels = {c["number"] for c in full["channel_list"]}
        for number, sure in stormer.channels.items():
            check(not sure or number in channels, "%s: channel %#x is gone", stormer, number)
        check(channels <= set(stormer.channels), "%s: channels %s", stormer, channels)

    def _witness(self, call, by_relayed):
        """Its permission was never renewed."""
        row = by_relayed["udp", endpoint(call.client.relayed[0])]
        full = self.ask("/v1/allocations/" + row["id"])
        left = [p["expires_in_ms"] / 1000 for p in full["permission_list"]]
        ends_in = call.answered + PERMISSION_S - time.monotonic()
        check(len(left) <= 1 and all(s <= ends_in + 1 for s in left),
              "%s: its permission lasts %s s more, not %.1f", call, left, ends_in)
        check(left or ends_in < 2, "%s: its permission is gone %.1f s early", call, ends_in)

    def close(self):
        for call in self.calls:
            call.close()
        for stormer in self.stormers:
            stormer.close()
        self.stranger.close()
        self.poll.close()

    def summary(self):
        """One line for the end of a test."""
        gaps = sorted(self.gaps) or [0]
        twice = sum(r.twice for c in self.calls for r in c.to_peer + c.to_client)
        asked = sum((s.asked for s in self.stormers), collections.Counter())
        return "%d calls, %d requests of the storm, silence %d ms at the median, %d at the 99th " \
            "percentile, %d datagrams twice; %s" % (
                len(self.calls), sum(asked.values()), 1000 * gaps[len(gaps) // 2],
                1000 * gaps[len(gaps) * 99 // 100], twice,
                ", ".join("%s: %d" % item for item in sorted(self.counts.items())))


def some_of_each(count, kinds=KINDS):
    """{kind: number}, count in all; a few of those that cost connections and much of none."""
    weights = {"udp": 6, "tcp": 4, "ms-udp": 4, "dual": 2, "tcp-out": 2, "tcp-in": 2}
    total = sum(weights.get(kind, 1) for kind in kinds)
    numbers = {kind: max(1, count * weights.get(kind, 1) // total) for kind in kinds}
    numbers[kinds[0]] += count - sum(numbers.values())
    return numbers

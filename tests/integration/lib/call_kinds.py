"""The kinds of calls that the model knows."""

import collections
import random
import socket
import struct
import time

import turnclient as t
import turnclient_mobility as mobility
import turnclient_tcp as tcp
from call_client import ANSWER_S, CHANNEL, Client, Flow, MS, PERMISSION_S, TCP, Task, UDP, endpoint
from call_records import Lost, Receiver, sign
from netns import check

KINDS = ("udp", "tcp", "ms-udp", "ms-tcp", "ms-ptls", "dual", "tcp-out", "tcp-in", "mobile",
         "mobile-tls")
PERMIT_EVERY_S = 100	# calls renew permissions and allocations


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

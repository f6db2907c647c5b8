"""TCP allocations (RFC 6062): the control connection and data connections of turnclient.py's client."""

import socket
import time

import turnclient as t

CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT = 0x00A, 0x00B, 0x00C
CONNECTION_ID = 0x002A
TCP_TRANSPORT = (t.REQUESTED_TRANSPORT, b"\x06\0\0\0")


class Control(t.Client):
    """A client with a TCP allocation."""

    def __init__(self, server, transport, user, password, cafile=None, family=None, **kw):
        super().__init__(server, transport, user, password, cafile=cafile, **kw)
        self.cafile, self.family = cafile, family

    def allocate_tcp(self, *attrs):
        if self.family:
            attrs = (t.family_attr(self.family), *attrs)
        reply = self.must(t.ALLOCATE, [TCP_TRANSPORT, *attrs])
        self.relayed = reply.address(t.XOR_RELAYED_ADDRESS)
        return self

    def connect(self, peer):
        """The CONNECTION-ID."""
        return self.must(CONNECT, [t.xor_address(t.XOR_PEER_ADDRESS, peer)]).get(CONNECTION_ID)

    def connect_code(self, peer):
        """The error code of a Connect that fails."""
        reply = self.request(CONNECT, [t.xor_address(t.XOR_PEER_ADDRESS, peer)])
        return reply.code if reply.cls == t.ERROR else 0

    def attempt(self, timeout=5):
        """The next ConnectionAttempt: peer and CONNECTION-ID."""
        got = self.next(time.monotonic() + timeout)
        if got.method != CONNECTION_ATTEMPT or got.cls != t.INDICATION:
            raise ValueError("not a ConnectionAttempt: %r" % got)
        return got.address(t.XOR_PEER_ADDRESS), got.get(CONNECTION_ID)

    def data(self, transport=None):
        """A connection that may become a data connection."""
        return t.Client(self.server, transport or self.transport, self.user, self.password,
                        cafile=self.cafile)

    def bind(self, number, conn=None, behind=b""):
        """Its socket, after ConnectionBind; behind is sent with the request, which must succeed."""
        conn = conn or self.data()
        if conn.nonce is None:  # that of the control connection is valid from the same host
            conn.realm, conn.nonce, conn.offered = self.realm, self.nonce, self.offered
            conn.algorithm = self.algorithm
        conn.send_bytes(conn.signed(CONNECTION_BIND, [(CONNECTION_ID, number)]) + behind)
        reply = t.Msg(conn.recv_bytes())
        if reply.code == 438 and not behind:
            conn.learn(reply)
            conn.send_bytes(conn.signed(CONNECTION_BIND, [(CONNECTION_ID, number)]))
            reply = t.Msg(conn.recv_bytes())
        if reply.cls != t.SUCCESS:
            raise t.TurnError(reply)
        if not reply.verify(conn.key()):
            raise ValueError("the integrity of the response is missing or wrong")
        return Data(conn)


class Data:
    """A data connection: bytes and nothing else."""

    def __init__(self, conn):
        self.sock, self.early = conn.sock, conn.buffer
        self.sock.settimeout(10)
        self.local = conn.local

    def send(self, data):
        self.sock.sendall(data)

    def recv(self, size):
        """Exactly so many bytes."""
        got, self.early = self.early[:size], self.early[size:]
        while len(got) < size:
            chunk = self.sock.recv(min(size - len(got), 1 << 20))
            if not chunk:
                raise EOFError("ended after %d of %d bytes" % (len(got), size))
            got += chunk
        return got

    def ended(self):
        """Has the other side ended, with nothing before it?"""
        return not self.early and self.sock.recv(1) == b""

    def end(self):
        """End this direction."""
        if hasattr(self.sock, "unwrap"):
            raise ValueError("the ssl module has no half close")
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

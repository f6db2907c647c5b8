"""Clients of the model: a socket in its loop, requests and their answers, and tasks that wait for them."""

import os
import select
import socket
import ssl
import struct
import time

import turnclient as t
import turnclient_ms as ms
import turnclient_tcp as tcp
from call_records import Lost
from netns import check

UDP, TCP, MS = "udp", "tcp", "ms"
CHANNEL = 0x4000
RTO_S, ANSWER_S = 0.4, 20
PERMISSION_S = 300


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


def endpoint(address):
    return ("[%s]:%d" if ":" in address[0] else "%s:%d") % address

#!/usr/bin/python3
"""TCP peers and data connections (RFC 6062) of a relay that is killed and restarted, with two workers and
then with one: numbered bytes in both directions of a peer of an MS client and of a data connection, and
none is lost or repeated. A CONNECTION-ID that a client has got is good after a restart, too."""

import random
import socket
import struct
import tempfile
import threading
import time

import lib  # adds ../lib to the path
import fdstore
import netns
import relay
import turnclient_ms as ms
import turnclient_tcp as tcp
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
KILLS, RESTARTS = 20, 5
PIECE = 1200


def numbered(start, size):
    """Bytes of a stream from that one on: 64-bit numbers, one after the other."""
    first, skip = divmod(start, 8)
    count = (skip + size + 7) // 8
    return struct.pack("!%dQ" % count, *range(first, first + count))[skip:skip + size]


class Flow:
    """One direction: send(bytes) blocks, recv() returns some."""

    def __init__(self, name, send, recv, pause_s=0.0):
        self.name, self.send, self.recv, self.pause_s = name, send, recv, pause_s
        self.sent = self.received = 0
        self.total = None  # when it is known
        self.stop, self.wrong = threading.Event(), None
        self.threads = [threading.Thread(target=self._run, args=(self._sender,), daemon=True),
                        threading.Thread(target=self._run, args=(self._receiver,), daemon=True)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def _run(self, what):
        try:
            what()
        except BaseException as err:  # pylint: disable=broad-except
            self.wrong = self.wrong or "%s, after %d of %d bytes: %r" % (
                self.name, self.received, self.sent, err)

    def _sender(self):
        last = False
        while not last:
            last = self.stop.is_set()
            self.sent += PIECE
            if last:
                self.total = self.sent  # before the receiver can have all of it
            self.send(numbered(self.sent - PIECE, PIECE))
            time.sleep(self.pause_s)

    def _receiver(self):
        while self.received != self.total:
            got = self.recv()
            check(got, "the end")
            check(got == numbered(self.received, len(got)), "other bytes than were sent")
            self.received += len(got)

    def finish(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(20)
        check(self.wrong is None, "%s", self.wrong)
        check(self.received == self.sent, "%s: %d of %d bytes", self.name, self.received, self.sent)


def listener():
    sock = socket.create_server((PEER, 0))
    sock.settimeout(10)
    return sock


def small(sock):
    """So that queues fill; less than two segments of loopback would crawl."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
    sock.settimeout(20)
    return sock


def ms_flows(server):
    """A client of the MS dialect, and a peer to which it connects."""
    peers = listener()
    client = ms.Client((INSIDE, 443), "tcp", *server.credential(form="mras"))
    client.allocate()
    client.timeout = 20
    client.send(peers.getsockname(), numbered(0, 8))
    peer = small(peers.accept()[0])
    check(peer.recv(8) == numbered(0, 8), "the first bytes")
    to_peer = Flow("to the MS client's peer", lambda data: client.send(peers.getsockname(), data),
                   lambda: peer.recv(65536), 0.001)
    to_peer.sent = to_peer.received = 8
    return [to_peer, Flow("from the MS client's peer", peer.sendall, lambda: client.data()[1], 0.001)]


def data_flows(client):
    peers = listener()
    number = client.connect(peers.getsockname())
    peer = small(peers.accept()[0])
    data = client.bind(number)
    small(data.sock)
    return [Flow("to the peer of a data connection", data.send, lambda: peer.recv(65536)),
            Flow("from the peer of a data connection", peer.sendall,
                 lambda: data.sock.recv(65536))]


def pending(client):
    """One that waits for its ConnectionBind, with what the peer has sent meanwhile."""
    peers = listener()
    number = client.connect(peers.getsockname())
    peer = peers.accept()[0]
    peer.sendall(b"early")
    return number, peer


def bind_pending(client, waits):
    number, peer = waits
    data = client.bind(number)
    check(data.recv(5) == b"early", "what came before the ConnectionBind")
    data.send(b"late")
    check(peer.recv(4) == b"late", "what came after it")


def disturb(server, client):
    """Kill and restart it again and again; between, connections are made and bound."""
    waits = pending(client)
    for i in range(KILLS + RESTARTS):
        time.sleep(random.uniform(0.02, 0.3))
        if i == (KILLS + RESTARTS) // 2:
            server.workers = 1
            server.write_config()
        if i % 5 == 4:
            server.restart()
        else:
            server.kill()
        bind_pending(client, waits)
        waits = pending(client)


def main():
    netns.begin()
    with tempfile.TemporaryDirectory() as directory:
        server = fdstore.RelayService(
            directory, inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"], workers=2,
            settings=relay.NO_LIMITS).start()
        try:
            client = tcp.Control((INSIDE, 443), "tcp", *server.credential()).allocate_tcp()
            flows = ms_flows(server) + data_flows(client) + data_flows(client)
            for flow in flows:
                flow.start()
            disturb(server, client)
            for flow in flows:
                flow.finish()
            print("%d processes; %s" % (len(server.service.lives), ", ".join(
                "%s %.1f MB" % (flow.name, flow.received / 1e6) for flow in flows)))
        except BaseException:
            server.stop()
            print("--- end of the relay's log\n" + server.log()[-3000:])
            raise
        wrong = server.stop()
        check(not wrong, "%s", "; ".join(wrong))


if __name__ == "__main__":
    main()

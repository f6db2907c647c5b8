#!/usr/bin/python3
"""Stream clients through kill -9 and a planned restart: TCP, MS framing and pseudo-TLS go on in the middle
of a frame, slow readers get all that was queued, connections that have ended meanwhile are noticed. TLS
is closed cleanly by a restart, and a mobile client comes back with its ticket. A DTLS client goes on with
a new handshake from the address that it had.
"""

import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time

import lib  # adds ../lib to the path
import fdstore
import netns
import relay
import turnclient as t
import turnclient_mobility as mobility
import turnclient_ms as ms
from netns import check

INSIDE, OUTSIDE, PEER, CLIENT = "127.0.1.1", "127.0.2.1", "127.0.3.1", "127.0.4.1"
CHANNEL = 0x4000
HOWS = ("kill", "restart")
PACKETS = 3000	# of 1,000 bytes: more than sockets and queue hold


def ctl(server, *args):
    return json.loads(subprocess.run(
        [relay.program("avedgectl"), *args, "--json", "--socket", server.path("relay.sock")],
        check=True, capture_output=True, text=True, timeout=10).stdout)


def allocations(server):
    return ctl(server, "status")["allocations"]


def peer():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((PEER, 0))
    sock.settimeout(10)
    return sock


def echo(sock, data, to):
    got, origin = sock.recvfrom(70000)
    check(got == data and origin == to, "%d bytes from %s, not %d from %s", len(got), origin,
          len(data), to)
    sock.sendto(data, origin)


class Ietf:
    """A client over TCP with a channel."""

    def __init__(self, server):
        self.peer = peer()
        self.client = t.Client((INSIDE, 443), "tcp", *server.credential())
        self.client.allocate()
        self.client.channel_bind(CHANNEL, self.peer.getsockname())
        self.relayed = self.client.relayed
        self.count = 0

    def frame(self, data):
        return struct.pack("!HH", CHANNEL, len(data)) + data + bytes(-len(data) % 4)

    def payload(self, size):
        self.count += 1
        return (b"%08d" % self.count * (size // 8 + 1))[:size]

    def send(self, data):
        self.client.send_bytes(data)

    def talk(self, size=100):
        data = self.payload(size)
        self.send(self.frame(data))
        self.answered(data)

    def answered(self, data):
        """It arrives at the peer, and comes back."""
        echo(self.peer, data, self.relayed)
        self.read(data)

    def read(self, data):
        got = b""
        while len(got) < len(data):
            got += self.client.data()[1]
        check(got == data, "%d bytes came, not %d", len(got), len(data))

    def flood(self, count):
        """Packets for the client, more than anything holds."""
        for i in range(count):
            self.peer.sendto(b"%08d" % i * 125, self.relayed)
            if i % 10 == 0:
                time.sleep(0.002)
        time.sleep(0.1)

    def drain(self, count):
        """What is dropped is dropped as a whole."""
        got = []
        while True:
            try:
                _, data = self.client.data(1)
            except TimeoutError:
                break
            check(len(data) == 1000 and data == data[:8] * 125, "damaged: %s", data[:40])
            got.append(int(data[:8]))
        check(got == sorted(set(got)), "out of order or twice")
        check(len(got) > count // 8, "%d of %d arrived", len(got), count)
        return len(got)

    def close(self):
        self.client.close()
        self.peer.close()


class Ms(Ietf):
    """One of MS framing, or behind a pretended handshake of TLS. Its peer is a TCP connection, so all bytes
    arrive."""

    def __init__(self, server, transport):
        self.client = ms.Client((INSIDE, 443), transport, *server.credential(form="mras"))
        self.client.allocate()
        with socket.create_server((PEER, 0)) as listener:
            listener.settimeout(10)
            self.client.send(listener.getsockname(), b"permit..")
            self.client.activate(listener.getsockname())
            self.peer = listener.accept()[0]
        self.peer.settimeout(10)
        self.at_peer(b"permit..")
        self.count, self.flooder = 0, None

    def frame(self, data):
        return ms.frame(ms.BARE, data)

    def at_peer(self, data):
        got = b""
        while len(got) < len(data):
            part = self.peer.recv(len(data) - len(got))
            check(part, "the connection with the peer has ended")
            got += part
        check(got == data, "damaged on the way to the peer: %s", got[:40])

    def answered(self, data):
        self.at_peer(data)
        self.peer.sendall(data)
        self.read(data)

    def flood(self, count):
        data = b"".join(b"%08d" % i * 125 for i in range(count))
        self.flooder = threading.Thread(target=self.peer.sendall, args=(data,), daemon=True)
        self.flooder.start()
        time.sleep(0.3)

    def drain(self, count):
        self.read(b"".join(b"%08d" % i * 125 for i in range(count)))
        self.flooder.join()
        return count


KINDS = {"tcp": Ietf, "ms-tcp": lambda server: Ms(server, "tcp"),
         "pseudo-TLS": lambda server: Ms(server, "ptls")}


def in_the_middle_of_frames(server, how):
    """Also of a head, and of a frame that is longer than what a stream moves."""
    for name, make in KINDS.items():
        call = make(server)
        call.talk()
        for size, cut in ((100, 1), (100, 3), (100, 50), (100, 103), (9000, 8000), (1200, 0)):
            data = call.payload(size)
            raw = call.frame(data)
            call.send(raw[:cut])
            time.sleep(0.05)	# it has been read
            getattr(server, how)()
            call.send(raw[cut:])
            call.answered(data)
        # Two in one write, and a half.
        first, second, third = (call.payload(60) for _ in range(3))
        call.send(call.frame(first) + call.frame(second) + call.frame(third)[:10])
        time.sleep(0.05)
        getattr(server, how)()
        call.send(call.frame(third)[10:])
        for data in (first, second, third):
            call.answered(data)
        call.close()
        print("%s, %s: goes on in the middle of frames" % (how, name))


def slow_reader(server, how):
    """What is queued for it arrives, in order and whole."""
    for name, make in KINDS.items():
        call = make(server)
        call.talk()
        call.flood(PACKETS)
        getattr(server, how)()
        got = call.drain(PACKETS)
        call.talk()
        call.close()
        print("%s, %s: %d of %d packets for a slow reader" % (how, name, got, PACKETS))


def ended_meanwhile(server):
    """A client that closes while nobody runs is gone, and so is its allocation."""
    call = Ietf(server)
    call.talk()
    os.kill(server.pid(), signal.SIGSTOP)	# it does not notice
    call.client.close()
    time.sleep(0.1)
    server.kill()
    deadline = time.monotonic() + 10
    while allocations(server) > 0:
        check(time.monotonic() < deadline, "the allocation of a client that has closed is still there")
        time.sleep(0.05)
    call.peer.close()
    print("a client that has closed meanwhile is gone")


def tls(server, how):
    """Closed, cleanly by a restart; a new connection is served, a mobile one comes back."""
    client = t.Client((INSIDE, 443), "tls", *server.credential(), cafile=server.path("ca.pem"))
    client.allocate()
    mobile = mobility.Client((INSIDE, 443), "tls", *server.credential(),
                             cafile=server.path("ca.pem"))
    mobile.allocate()
    sock = peer()
    mobile.channel_bind(CHANNEL, sock.getsockname())
    getattr(server, how)()
    for each in (client, mobile):
        each.sock.settimeout(10)
        clean = True
        try:
            each.sock.suppress_ragged_eofs = False
            while each.sock.recv(1000):
                pass
        except (ConnectionResetError, ssl.SSLEOFError):
            clean = False
        check(clean or how == "kill", "no close_notify at a restart")
    check(allocations(server) == 1, "%d allocations, not the mobile one", allocations(server))
    back = mobility.Client((INSIDE, 443), "tls", mobile.user, mobile.password,
                           cafile=server.path("ca.pem"))
    reply = back.come(mobile)
    check(reply.cls == t.SUCCESS, "the mobile client comes back: %r", reply)
    back.send_channel(CHANNEL, b"back again..")
    echo(sock, b"back again..", mobile.relayed)
    check(back.data() == (CHANNEL, b"back again.."), "nothing comes back")
    back.refresh(0)
    for each in (client, mobile, back):
        each.close()
    sock.close()
    print("%s: TLS is closed%s, and a mobile client comes back" % (
        how, " cleanly" if how == "restart" else ""))


class Dtls(t.Client):
    """Over openssl s_client, from a port of its own. Its data are multiples of four bytes."""

    def __init__(self, server, local, user, password):
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        super().__init__((INSIDE, 3478), "udp", user, password, sock=bound)
        bound.close()
        self.transport = "dtls"
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", INSIDE + ":3478", "-bind", "%s:%d" % local, "-dtls1_2",
             "-mtu", "1200", "-quiet", "-CAfile", server.path("ca.pem")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        os.set_blocking(self.process.stdout.fileno(), False)
        time.sleep(0.5)

    def send_bytes(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def recv_bytes(self, timeout=None):
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while time.monotonic() < deadline:
            raw = self.unframe()
            if raw is not None:
                return raw
            self.buffer += self.process.stdout.read() or b""
            time.sleep(0.005)
        raise TimeoutError("nothing arrived over DTLS")

    def vanish(self):
        """Without close_notify."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def dtls(server, how):
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.bind((CLIENT, 0))
    local = probe.getsockname()
    probe.close()
    user, password = server.credential()
    client = Dtls(server, local, user, password)
    client.allocate()
    sock = peer()
    client.channel_bind(CHANNEL, sock.getsockname())
    client.send_channel(CHANNEL, b"before..")
    echo(sock, b"before..", client.relayed)
    check(client.data() == (CHANNEL, b"before.."), "no echo")
    client.vanish()
    getattr(server, how)()
    check(allocations(server) == 1, "the allocation is gone")
    again = Dtls(server, local, user, password)
    again.send_channel(CHANNEL, b"after...")
    echo(sock, b"after...", client.relayed)
    check(again.data() == (CHANNEL, b"after..."), "no echo after the new handshake")
    again.refresh(0)
    again.vanish()
    sock.close()
    print("%s: a DTLS client goes on with a new handshake" % how)


def main():
    netns.begin()
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = fdstore.RelayService(
            directory, inside=[INSIDE], outside=[OUTSIDE], allow=[PEER], workers=2,
            extra=["mobility = true"], settings=relay.NO_LIMITS).start()
        try:
            for how in HOWS:
                in_the_middle_of_frames(server, how)
                slow_reader(server, how)
                tls(server, how)
                dtls(server, how)
            ended_meanwhile(server)
            log = server.log()
        except BaseException:
            server.stop()
            print("--- end of the relay's log\n" + server.log()[-3000:])
            raise
        wrong = server.stop()
        check(not wrong, "%s", "; ".join(wrong))
        check("tls-restart" in log, "no record names tls-restart")


if __name__ == "__main__":
    main()

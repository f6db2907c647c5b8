#!/usr/bin/python3
# waits: for half a minute that RFC 6062 gives
"""Data connections of TCP allocations (RFC 6062) over TCP and TLS, with four workers: both
directions, pipelined and early bytes, half close, resets, back-pressure with stalled receivers,
the 30 s of a connection that nobody binds and of a Connect that nobody answers, strangers, and what
ends them."""

import hashlib
import os
import select
import socket
import struct
import threading
import time

# This test measures memory, and a sanitizer keeps freed memory: prefer the normal build.
os.environ["RELAY_BUILD_DIR"] = os.environ.get("BUILD_DIR") or os.environ.get("RELAY_BUILD_DIR", "")
import lib  # adds ../lib to the path
import control as control_socket
import netns
import relay
import turnclient as t
import turnclient_tcp as tcp
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
MIB = 1 << 20


def control(server, transport, **kw):
    return tcp.Control((INSIDE, 443), transport, *server.credential(),
                       cafile=server.path("ca.pem"), **kw).allocate_tcp()


def listener(backlog=16):
    sock = socket.create_server((PEER, 0), backlog=backlog)
    sock.settimeout(10)
    return sock


def connected(client, peers, **kw):
    """A data connection that the client made, and the peer's end of it."""
    number = client.connect(peers.getsockname())
    peer, source = peers.accept()
    check(source == client.relayed, "the peer sees %s, not %s", source, client.relayed)
    peer.settimeout(10)
    return client.bind(number, **kw), peer


def receive(sock, size):
    got = b""
    while len(got) < size:
        chunk = sock.recv(size - len(got))
        check(chunk, "the end after %d of %d bytes", len(got), size)
        got += chunk
    return got


def is_reset(sock):
    """Looks at the socket below TLS, because the ssl module takes some resets for the end."""
    raw = socket.socket(fileno=os.dup(sock.fileno()))
    raw.settimeout(5)
    try:
        while raw.recv(4096):
            pass
        return False
    except ConnectionResetError:
        return True
    finally:
        raw.close()


def resident(pid):
    with open("/proc/%d/statm" % pid, encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def active(server, transport):
    """The client connects; megabytes pass in both directions at once."""
    client, peers = control(server, transport), listener()
    data, peer = connected(client, peers)
    blob = os.urandom(MIB) * 8
    wanted = hashlib.sha256(blob).digest()

    sender = threading.Thread(target=peer.sendall, args=(blob,))
    sender.start()
    check(hashlib.sha256(data.recv(len(blob))).digest() == wanted, "altered on the way here")
    sender.join()
    sender = threading.Thread(target=data.send, args=(blob,))
    sender.start()
    check(hashlib.sha256(receive(peer, len(blob))).digest() == wanted, "altered on the way there")
    sender.join()
    check(client.connect_code(peers.getsockname()) == 446, "a second Connect is not 446")
    data.close()
    check(peer.recv(1) == b"", "the peer does not see the end")
    peer.close()
    # The pair may be used again once it is free.
    again, peer = connected(client, peers)
    again.send(b"again")
    check(receive(peer, 5) == b"again", "no second connection")
    client.close()


def passive(server, transport):
    """A peer connects; without a permission it is reset and the client hears nothing."""
    client = control(server, transport)
    try:
        check(is_reset(socket.create_connection(client.relayed, 5, (PEER, 0))),
              "a stranger is not reset")
    except ConnectionResetError:
        pass  # before it knew that it was connected
    client.must(t.CREATE_PERMISSION, [t.xor_address(t.XOR_PEER_ADDRESS, (PEER, 0))])
    peer = socket.create_connection(client.relayed, 5, (PEER, 0))
    source, number = client.attempt()
    check(source == peer.getsockname(), "ConnectionAttempt names %s", source)
    peer.sendall(b"early")
    data = client.bind(number)
    check(data.recv(5) == b"early", "early bytes")
    data.send(b"late")
    check(receive(peer, 4) == b"late", "late bytes")
    client.close()


def early_bytes(server, transport):
    """What a peer sends before the ConnectionBind waits, bounded, and comes first."""
    client, peers = control(server, transport), listener()
    number = client.connect(peers.getsockname())
    peer = peers.accept()[0]
    peer.setblocking(False)
    blob, sent = os.urandom(MIB), 0
    before = resident(server.pid())
    until = time.monotonic() + 1
    while time.monotonic() < until:
        if select.select([], [peer], [], 0.1)[1]:
            sent += peer.send(blob[sent % MIB:] or blob)
    check(sent < 32 * MIB, "no bound: %d bytes", sent)
    check(resident(server.pid()) - before < MIB, "the relay holds them itself")
    data = client.bind(number)
    for at in range(0, sent, MIB):
        part = min(MIB, sent - at)
        check(data.recv(part) == blob[:part], "early bytes, MiB %d", at // MIB)
    client.close()


def pipelined(server, transport):
    """Bytes in the segment of the ConnectionBind go to the peer."""
    client, peers = control(server, transport), listener()
    # What looks like STUN or ChannelData is payload, too.
    payload = t.encode(t.message_type(t.BINDING, t.REQUEST)) + b"\x40\0\xff\xff" + b"x" * 30000
    data, peer = connected(client, peers, behind=payload)
    check(receive(peer, len(payload)) == payload, "pipelined bytes")
    data.send(payload)
    check(receive(peer, len(payload)) == payload, "and those after them")
    peer.sendall(payload)
    check(data.recv(len(payload)) == payload, "and back")
    client.close()


def upgrade_is_judged(server):
    """avedgectl upgrade --check: of two data connections of a TCP client a restart resets the one over TLS."""
    client, peers = control(server, "tcp"), listener()
    plain, _ = connected(client, peers)
    others = listener()
    secret, _ = connected(client, others, conn=client.data("tls"))
    status, said = control_socket.ask(server.path("relay.sock"), "GET", "/v1/upgrade")
    check(status == 200 and said["data_connections"] == 1, "%s: %s", status, said)
    secret.close()
    client.close()
    plain.close()


def half_close(server, transport):
    """The end of one direction is passed on, and the other goes on."""
    client, peers = control(server, transport), listener()
    data, peer = connected(client, peers)
    peer.sendall(b"p" * 100000)
    peer.shutdown(socket.SHUT_WR)
    check(data.recv(100000) == b"p" * 100000, "bytes before the end")
    if transport == "tls":
        # A TLS client that has seen the end can still write; Python's cannot after unwrap().
        data.send(b"after")
        check(receive(peer, 5) == b"after", "the other direction over TLS")
    else:
        check(data.ended(), "the end of the peer")
        data.send(b"after")
        check(receive(peer, 5) == b"after", "the other direction")
        data.end()
        check(peer.recv(1) == b"", "the end of the client")
    if transport == "tcp":
        other, peer = connected(client, peers)
        other.send(b"c" * 100000)
        other.end()
        check(receive(peer, 100000) == b"c" * 100000 and peer.recv(1) == b"", "the client's end")
        peer.sendall(b"answer")
        check(other.recv(6) == b"answer", "an answer to a client that has ended")
        peer.close()
        check(other.ended(), "both have ended")
    client.close()


def resets(server, transport):
    """A reset of one side resets the other."""
    client, peers = control(server, transport), listener()
    for which in "peer", "client":
        data, peer = connected(client, peers)
        broken, other = (peer, data.sock) if which == "peer" else (data.sock, peer)
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        broken.close()
        other.settimeout(5)
        check(is_reset(other), "a reset by the %s is not passed on", which)
    client.close()


def ends_with_allocation(server, transport):
    """Refresh with lifetime 0, and the end of the control connection."""
    for how in "refresh", "close":
        client, peers = control(server, transport), listener()
        data, peer = connected(client, peers)
        waiting = client.connect(listener_forever.getsockname())
        check(len(waiting) == 4, "CONNECTION-ID of %d bytes", len(waiting))
        unbound = listener_forever.accept()[0]
        if how == "refresh":
            client.refresh(0)
        else:
            client.close()
        peer.settimeout(5)
        check(peer.recv(1) == b"" and data.ended(), "%s: the data connection goes on", how)
        unbound.settimeout(5)
        check(unbound.recv(1) == b"", "%s: the pending connection goes on", how)
        code = 0
        try:
            if how == "refresh":
                client.bind(waiting)
        except t.TurnError as err:
            code = err.code
        check(how == "close" or code == 400, "its id is still valid: %d", code)


def back_pressure(server, transport):
    """Receivers that stall, both ways: memory is bounded, and nothing is lost when they go on."""
    client = control(server, transport)
    before, stalled = resident(server.pid()), []
    chunk = os.urandom(MIB)
    for _ in range(12):
        data, peer = connected(client, listener())
        for sock in data.sock, peer:
            sock.setblocking(False)
        stalled.append([data, peer, 0, 0])
    until = time.monotonic() + 3
    while time.monotonic() < until:
        for row in stalled:
            for at, sock in (2, row[0].sock), (3, row[1]):
                try:
                    row[at] += sock.send(chunk[row[at] % MIB:])
                except (BlockingIOError, t.ssl.SSLWantWriteError):
                    continue
        time.sleep(0.01)
    grown = resident(server.pid()) - before
    sent = sum(row[2] + row[3] for row in stalled)
    check(sent < 24 * 24 * MIB, "no back-pressure: %d bytes went somewhere", sent)
    check(grown < 4 * MIB, "the relay grew by %d KiB", grown >> 10)
    # One of them goes on; a client over TLS that cannot send may have to read first.
    data, peer, to_peer, to_client = stalled[0]
    peer.settimeout(10)
    data.sock.settimeout(10)
    whole = hashlib.sha256((chunk * (to_peer // MIB + 1))[:to_peer]).digest()
    check(hashlib.sha256(receive(peer, to_peer)).digest() == whole, "to the peer")
    whole = hashlib.sha256((chunk * (to_client // MIB + 1))[:to_client]).digest()
    check(hashlib.sha256(data.recv(to_client)).digest() == whole, "to the client")
    client.close()
    return "%d stalled: +%d KiB" % (len(stalled), grown >> 10)


def failures(server, transport):
    """447 at once if the peer refuses, 447 after 30 s if it does not answer, and meanwhile the
    control connection answers."""
    client = control(server, transport)
    closed = listener()
    address = closed.getsockname()
    closed.close()
    begun = time.monotonic()
    check(client.connect_code(address) == 447, "a peer that refuses: not 447")
    check(time.monotonic() - begun < 5, "a refusal takes long")
    # A full queue drops what comes: nobody answers.
    silent = listener(0)
    fill = []
    for _ in range(4):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(silent.getsockname())
        fill.append(sock)
    time.sleep(0.2)
    raw = client.signed(tcp.CONNECT, [t.xor_address(t.XOR_PEER_ADDRESS, silent.getsockname())])
    begun = time.monotonic()
    client.send_bytes(raw)
    client.refresh(600)
    check(time.monotonic() - begun < 5, "a Connect blocks the control connection")
    check(client.connect_code(silent.getsockname()) == 446, "another one meanwhile: not 446")
    # A client that releases its allocation meanwhile hears of its Connect first.
    other = control(server, transport)
    asked = other.signed(tcp.CONNECT, [t.xor_address(t.XOR_PEER_ADDRESS, silent.getsockname())])
    other.send_bytes(asked)
    other.send_bytes(other.signed(t.REFRESH, [t.u32(t.LIFETIME, 0)]))
    given_up, released = other.recv(5), other.recv(5)
    check(given_up.txid == asked[8:20] and given_up.code == 447, "released: %r", given_up)
    check(given_up.verify(other.key()), "the 447 of the end is not signed")
    check(released.method == t.REFRESH and released.cls == t.SUCCESS, "not released: %r", released)
    other.close()
    reply = client.recv(45)
    waited = time.monotonic() - begun
    check(reply.txid == raw[8:20] and reply.code == 447, "no answer: %r", reply)
    check(29.5 < waited < 40, "447 after %.1f s", waited)
    client.close()


def unclaimed(server, transport):
    """A connection that nobody binds ends after 30 s, also if its peer has sent something."""
    client, peers = control(server, transport), listener()
    number = client.connect(peers.getsockname())
    peer = peers.accept()[0]
    peer.sendall(b"hello")
    peer.settimeout(45)
    begun = time.monotonic()
    try:
        check(peer.recv(1) == b"", "data")
    except ConnectionResetError:
        pass  # because of what was not read
    waited = time.monotonic() - begun
    check(29 < waited < 40, "closed after %.1f s", waited)
    try:
        client.bind(number)
        check(False, "an id that is over binds")
    except t.TurnError as err:
        check(err.code == 400, "an id that is over: %d", err.code)
    client.close()


def expiry(server, transport):
    """An allocation that is not refreshed takes its data connections with it."""
    client = tcp.Control((INSIDE, 443), transport, *server.credential(),
                         cafile=server.path("ca.pem"))
    client.allocate_tcp(t.u32(t.LIFETIME, 60))
    peers = listener()
    data, peer = connected(client, peers)
    # limits.lifetime_default is one minute here.
    begun = time.monotonic()
    peer.settimeout(90)
    data.sock.settimeout(90)
    check(peer.recv(1) == b"" and data.ended(), "it goes on")
    check(55 < time.monotonic() - begun < 75, "after %.1f s", time.monotonic() - begun)


listener_forever = None


def main():
    global listener_forever
    netns.begin()
    listener_forever = listener()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"], workers=4,
                       settings={**relay.NO_LIMITS,
                                 "limits": [*relay.NO_LIMITS.get("limits", []),
                                            "lifetime_default = 1m"]}) as server:
        slow, wrong = [], []

        def run_slow(test, transport):
            try:
                test(server, transport)
            except BaseException as err:  # pylint: disable=broad-except
                wrong.append("%s over %s: %s" % (test.__name__, transport, err))

        for test in failures, unclaimed, expiry:
            for transport in "tcp", "tls":
                slow.append(threading.Thread(target=run_slow, args=(test, transport)))
                slow[-1].start()
        notes = []
        for test in (active, passive, early_bytes, pipelined, half_close, resets,
                     ends_with_allocation, back_pressure):
            for transport in "tcp", "tls":
                note = test(server, transport)
                if note:
                    notes.append("%s over %s: %s" % (test.__name__, transport, note))
        for thread in slow:
            thread.join()
        check(not wrong, "%s", "; ".join(wrong))
        upgrade_is_judged(server)
        print("; ".join(notes))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""A take-over that comes to nothing in the last moment: the new process has taken up everything, under a
configuration that refuses the peers of the calls, and its "done" never arrives. The old process serves on,
and of the bytes that were on their way through its pipes none is lost.
"""
# timeout: 120

import os
import re
import socket
import struct
import subprocess
import tempfile
import threading
import time

import lib  # adds ../lib to the path
import call_model
import netns
import relay
from netns import check

INSIDE, OUTSIDE, PEER, PEER6 = "127.0.1.1", "127.0.2.1", "127.0.3.1", "fd7a:1::2"
WORD = struct.Struct("!Q")


def between(listener, path, said):
    """Passes on what the two processes say to each other, but for "done"; then both are alone."""
    new, _ = listener.accept()
    with new, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as old:
        old.connect(path)

        def from_old():
            try:
                while True:
                    data, fds, _, _ = socket.recv_fds(old, 1 << 16, 253)
                    if not data:
                        break
                    socket.send_fds(new, [data], fds)
                    for fd in fds:
                        os.close(fd)
            except OSError:
                pass

        thread = threading.Thread(target=from_old)
        thread.start()
        while True:
            data = new.recv(1 << 16)
            said.append(data)
            if not data or b"done" in data:
                break
            old.send(data)
        old.shutdown(socket.SHUT_RDWR)
        thread.join()


def fill(peer):
    """Until nothing more goes; returns what was sent."""
    sent, rest, number, quiet = bytearray(), b"", 0, time.monotonic()
    while time.monotonic() - quiet < 0.7:
        if len(rest) < 1 << 16:
            rest += b"".join(WORD.pack(number + i) for i in range(1 << 14))
            number += 1 << 14
        try:
            count = peer.send(rest)
        except BlockingIOError:
            time.sleep(0.01)
            continue
        sent += rest[:count]
        rest, quiet = rest[count:], time.monotonic()
    return bytes(sent)


def read(sock, count):
    """What comes, at most so many bytes."""
    got, until = bytearray(), time.monotonic() + 20
    while len(got) < count and time.monotonic() < until:
        try:
            data = sock.recv(1 << 20)
        except BlockingIOError:
            time.sleep(0.01)
            continue
        check(data, "the stream has ended after %d bytes", len(got))
        got += data
    return bytes(got)


def in_vain(server, sock_path):
    """A new process whose "done" is never heard. Returns what it said."""
    path = server.path("other.conf")
    with open(server.path("relay.conf"), encoding="utf-8") as good, \
            open(path, "w", encoding="utf-8") as other:
        text, count = re.subn(r'allow *= *.*', 'allow = "127.0.9.0/24"', good.read(), count=1)
        check(count == 1, "no allow")
        other.write(text)
    said, between_path = [], server.path("between.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(between_path)
        listener.listen(1)
        thread = threading.Thread(target=between, args=(listener, sock_path, said))
        thread.start()
        command = relay.Relay.command(server)
        command[command.index("-c") + 1] = path
        with open(server.path("relay.log"), "ab") as log:
            status = subprocess.run(command + ["--take-over", between_path], stdout=log, stderr=log,
                                    stdin=subprocess.DEVNULL, timeout=60, check=False).returncode
        thread.join()
    check(status != 0, "the new process believes that it has taken over")
    return said


def main():
    netns.begin()
    netns.add_addresses(PEER6)
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        sock_path = os.path.join(directory, "take-over.sock")
        server = relay.Relay(directory, tcp_port=8443, inside=[INSIDE], outside=[OUTSIDE], workers=2,
                             allow=[PEER, "127.0.9.0/24"], settings={
                                 "limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"],
                                 "relay": ["peer_connections_per_user = 0"],
                                 "take_over": ['socket = "%s"' % sock_path]})
        server.start()
        model = call_model.Model(server, PEER, PEER6, rate=0.01)
        model.add({"tcp-out": 1})
        model.settle()
        call = model.calls[0]
        peer, client = call.peer.sock, call.data_flow.sock
        for sock in (peer, client):
            model.poll.unregister(sock.fileno())
            sock.setblocking(False)
        sent = fill(peer)
        said = in_vain(server, sock_path)
        check(any(b"done" in data for data in said), "it did not take up: %s\n%s", said,
              server.log()[-2000:])
        check(server.child.poll() is None, "the old process has ended:\n%s", server.log()[-2000:])
        got = read(client, len(sent))
        check(len(got) == len(sent), "%d of %d bytes have come", len(got), len(sent))
        check(got == sent, "other bytes have come")
        wrong = server.stop()
        check(not wrong, "%s", "; ".join(wrong[:5]))
        print("%d bytes" % len(sent))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""A host without a permission that connects to a TCP relay port is reset at once.

A client of the Microsoft dialect has a call over framed TCP and over pseudo-TLS, with a connected
peer that is its active destination. Hosts without a permission (strangers) connect to the relay
port, one after another and then many at once; some send first. Each is reset within 100 ms and
gets no byte, and the call continues in both directions without a gap. Time without CPU on a busy
machine does not count. (Only this dialect has TCP relay ports.)
"""

import socket
import struct
import threading
import time

import lib  # adds ../lib to the path
import netns
import turnclient_ms
import relay
from netns import check

INSIDE, OUTSIDE, PEER, STRANGER = "127.0.1.1", "127.0.2.1", "127.0.3.1", "127.0.4.1"
STRANGERS = 50
LIMIT_S = 0.1
PAUSE_S = 0.005  # between two packets of the call
SILENCE_S = 0.5  # that the call may not have


class Call:
    """A client, its peer, and numbered records in both directions until it is stopped."""

    def __init__(self, server, transport):
        self.pid = server.pid()
        listener = socket.create_server((PEER, 0))
        listener.settimeout(5)
        self.client = turnclient_ms.Client((INSIDE, 443), transport, *server.credential(form="mras"))
        self.client.allocate()
        self.client.send(listener.getsockname(), b"\0\0\0\0")
        self.peer, origin = listener.accept()
        check(origin == self.client.relayed, "the relay came from %s", origin)
        listener.close()
        self.client.activate(self.peer.getsockname())
        self.peer.settimeout(5)
        self.stopped = threading.Event()
        self.sent = {"up": 1, "down": 1}
        self.total = {}  # known at the end
        self.longest, self.wrong = {}, []
        sides = {"up": (self.client.send_bare, self.from_client),
                 "down": (self.peer.sendall, self.from_peer)}
        self.threads = [threading.Thread(target=self.send, args=(way, sides[way][0]), daemon=True)
                        for way in sides]
        self.threads += [threading.Thread(target=self.count, args=(way, sides[way][1]),
                                          daemon=True) for way in sides]
        self.peer.sendall(b"\0\0\0\0")
        for thread in self.threads:
            thread.start()

    def from_client(self):
        return self.peer.recv(65536)

    def from_peer(self):
        return self.client.data()[1]

    def send(self, way, put):
        while not self.stopped.is_set():
            put(struct.pack("!I", self.sent[way]))
            self.sent[way] += 1
            time.sleep(PAUSE_S)

    def count(self, way, take):
        """Records are numbers from 0; a stream may be cut anywhere."""
        buffer, number, longest = b"", 0, 0
        watch = netns.Stopwatch(self.pid)
        try:
            while number != self.total.get(way):
                buffer += take()
                longest, watch = max(longest, watch.seconds()), netns.Stopwatch(self.pid)
                while len(buffer) >= 4:
                    if buffer[:4] != struct.pack("!I", number):
                        raise ValueError("%s instead of %d" % (buffer[:4].hex(), number))
                    number, buffer = number + 1, buffer[4:]
        except (OSError, ValueError) as err:
            self.wrong.append("%s, after %d: %s" % (way, number, err))
        self.longest[way] = longest

    def end(self):
        self.stopped.set()
        for thread in self.threads[:2]:
            thread.join()
        # The counting threads wait in a receive: one more record ends it.
        self.total = {way: sent + 1 for way, sent in self.sent.items()}
        self.client.send_bare(struct.pack("!I", self.sent["up"]))
        self.peer.sendall(struct.pack("!I", self.sent["down"]))
        for thread in self.threads[2:]:
            thread.join(10)
            check(not thread.is_alive(), "the call does not come to its end")
        check(not self.wrong, "the call was disturbed: %s", self.wrong)
        check(max(self.longest.values()) < SILENCE_S, "the call was silent for %s s", self.longest)
        self.client.close()
        self.peer.close()
        return sum(self.total.values())


def seconds_to_reset(server, target, number, first):
    """How long the connection of a stranger lasts; it sends first, then reads."""
    watch = netns.Stopwatch(server.pid())
    with socket.socket() as sock:
        sock.settimeout(5)
        sock.bind((STRANGER, 0))
        try:
            sock.connect(target)
            if first:
                sock.sendall(first)
            got = sock.recv(1000)
        except (ConnectionResetError, BrokenPipeError):
            return watch.seconds()  # even before it had sent
        except TimeoutError:
            check(False, "stranger %d is not reset", number)
    check(got == b"", "stranger %d got %s", number, got.hex())
    check(False, "stranger %d: closed, not reset", number)
    return None


def strangers(server, target):
    times = [seconds_to_reset(server, target, number, b"GET / HTTP/1.0\r\n\r\n" if number % 2 else b"")
             for number in range(STRANGERS)]
    load_clients, at_once = [], []

    def one(number):
        try:
            at_once.append(seconds_to_reset(server, target, number, b""))
        except SystemExit as err:
            at_once.append(err)

    for number in range(STRANGERS):
        load_clients.append(threading.Thread(target=one, args=(number,)))
    for thread in load_clients:
        thread.start()
    for thread in load_clients:
        thread.join()
    wrong = [str(entry) for entry in at_once if isinstance(entry, SystemExit)]
    check(not wrong, "at once: %s", wrong)
    worst = max(times), max(at_once)
    check(worst[0] < LIMIT_S, "a stranger was connected for %.0f ms", 1000 * worst[0])
    check(worst[1] < LIMIT_S, "of many, one was connected for %.0f ms", 1000 * worst[1])
    return worst


def refused(target):
    with socket.socket() as sock:
        sock.settimeout(5)
        return sock.connect_ex(target) != 0


def main():
    netns.begin()
    settings = dict(relay.NO_LIMITS)
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       settings=settings) as server:
        for transport in ("tcp", "ptls"):
            call = Call(server, transport)
            target = call.client.relayed
            check(target[0] == OUTSIDE, "relayed address %s", target)
            time.sleep(0.1)
            worst = strangers(server, target)
            time.sleep(0.1)
            records = call.end()
            print("%s: %d strangers, the slowest reset after %.1f ms, of %d at once after "
                  "%.1f ms; %d records of the call, none lost" % (
                      transport, STRANGERS, 1000 * worst[0], STRANGERS, 1000 * worst[1], records))
            # The client has left, and its relay port is closed.
            deadline = time.monotonic() + 5
            while not refused(target):
                check(time.monotonic() < deadline, "the port outlives its client")
                time.sleep(0.05)
        client = turnclient_ms.Client((INSIDE, 3478), "udp", *server.credential(form="mras"))
        client.allocate()
        check(refused(client.relayed), "an allocation over UDP has a TCP port")
        client.release()
    print("strangers of a call over framed TCP and over pseudo-TLS are reset within 100 ms")


if __name__ == "__main__":
    main()

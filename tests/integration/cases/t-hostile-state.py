#!/usr/bin/python3
"""A parent that gives mediarelayd, as what the process before has left, what none would leave: garbage,
pieces, copies with flipped bits, other kinds of descriptors under every name. It starts, serves, and
admits nothing that was not there. Then what does not fit: fewer descriptors than calls, and a store
that is full; calls beyond it are lost by name, and the relay serves.
"""

import fcntl
import array
import os
import random
import socket
import tempfile
import time

import lib  # adds ../lib to the path
import call_model
import fdstore
import netns
import relay
from netns import check

INSIDE, OUTSIDE, OUTSIDE6 = "127.0.1.1", "127.0.2.1", "fd7a:1::1"
PEER, PEER6 = "127.0.3.1", "fd7a:1::2"
OPTIONS = {
    "inside": [INSIDE], "outside": [OUTSIDE, OUTSIDE6], "workers": 2,
    "allow": [PEER, PEER6, "127.0.9.0/24"], "extra": ["mobility = true"],
    "settings": {"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"]},
}
F_ADD_SEALS, F_GET_SEALS, ALL_SEALS = 1033, 1034, 0xF
ROUNDS, CALLS, STREAMS = 14, 40, 300
HEAD, ONE_BIT = 4096, 6


def memory(data, seals=0, size=None):
    fd = os.memfd_create("hostile", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    if size:
        os.ftruncate(fd, size)
    at = 0
    while at < len(data):
        at += os.pwrite(fd, data[at:at + (1 << 20)], at)
    if seals:
        fcntl.fcntl(fd, F_ADD_SEALS, seals)
    return fd


def whole(fd):
    """The data of a file, which has holes, as [(offset, bytes)], its size and its seals."""
    size, pieces, at = os.fstat(fd).st_size, [], 0
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            break
        at = os.lseek(fd, begin, os.SEEK_HOLE)
        pieces.append((begin, os.pread(fd, at - begin, begin)))
    return size, pieces, fcntl.fcntl(fd, F_GET_SEALS)


def copy(fd, change):
    """A copy with the same seals; change(offset, bytes) says what is in it."""
    size, pieces, seals = whole(fd)
    new = os.memfd_create("copy", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(new, size)
    for at, data in pieces:
        os.pwrite(new, change(at, data), at)
    fcntl.fcntl(new, F_ADD_SEALS, seals)
    return new


def flipped(fd, bits, first=0):
    """So many bits of what is not zero, from that offset on."""
    places = [at + i for at, data in whole(fd)[1] for i, byte in enumerate(data)
              if byte and at + i >= first]
    chosen = [random.choice(places) for _ in range(bits if places else 0)]

    def change(at, data):
        data = bytearray(data)
        for place in chosen:
            if at <= place < at + len(data):
                data[place - at] ^= 1 << random.randrange(8)
        return bytes(data)
    return copy(fd, change)


def shortened(fd):
    size, pieces, seals = whole(fd)
    keep = random.randrange(1, size)
    new = os.memfd_create("short", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(new, keep)
    for at, data in pieces:
        if at < keep:
            os.pwrite(new, data[:keep - at], at)
    fcntl.fcntl(new, F_ADD_SEALS, seals)
    return new


def strange_descriptors():
    """One of each kind that no file of state, front or connection is."""
    ends = os.pipe()
    pair = (*socket.socketpair(), *socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    inner = parcel_of(*ends, *(s.fileno() for s in pair)), parcel_of()
    parcel = parcel_of(*inner)
    for fd in inner:
        os.close(fd)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener = socket.create_server(("127.0.0.1", 0))
    return [parcel, *ends, *(s.detach() for s in (*pair, udp, tcp, listener)),
            os.open("/dev/zero", os.O_RDWR), os.open("/", os.O_RDONLY), os.eventfd(0),
            os.open("/etc/hostname", os.O_RDONLY),
            memory(b""), memory(os.urandom(100)), memory(os.urandom(1 << 16)),
            memory(os.urandom(1 << 16), ALL_SEALS), memory(bytes(1 << 16), ALL_SEALS),
            memory(b"x", 0x6, size=1 << 30)]


def parcel_of(*fds):
    """A socket in whose queue these are, some twice and with more bytes than one."""
    end, parcel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with end:
        for data in (b"x", b"more", b"x"):
            end.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
    return parcel.detach()


def names(genuine):
    return [*genuine, "state.1", "state.2", "state.18446744073709551615", "state.x", "state.",
            "state.0", "front", "front.", "front.127.0.1.1.3478.udp.0", "front.127.0.1.1.443.tcp.1",
            "front.127.0.1.1.443.tcp.4000000000", "front._.0.udp.0", "tcp", "tcp.1", "tcp.7000",
            "tcp.0", "relay", "pipe",
            "restarts", "secrets", "x" * 255, "-", "..", " ", "state.a b", "state.x@y",
            "front.a b"]


class Hostile:
    def __init__(self, server):
        self.server, self.service = server, server.service

    def start(self):
        """Start what died; it has to serve."""
        self.service.start()
        check(self.server.serves(), "it does not serve:\n%s", self.server.log()[-2000:])

    def known(self):
        return {row["relayed"] for row in call_model.control.ask(
            self.server.path("relay.sock"), "GET", "/v1/allocations")[1]["allocations"]}

    def nothing_but_garbage(self):
        """Under every name; nothing is admitted."""
        genuine = sorted(self.service.names())
        self.service.die()
        self.service.rewrite(lambda name, fd: [])
        for name in names(genuine):
            for fd in strange_descriptors():
                self.service.put(fd, name)
                os.close(fd)
        given = len(self.service.store.entries)
        self.start()
        check(not self.known(), "garbage became %s", self.known())
        return given

    def damaged(self):
        """Copies of what was there, changed: only allocations that were there come back."""
        model = call_model.Model(self.server, PEER, PEER6)
        model.add(call_model.some_of_each(CALLS, ("udp", "dual", "ms-udp", "mobile")))
        model.settle()
        model.run(1.2)
        before = self.known()
        check(len(before) == len(model.calls), "%d of %d", len(before), len(model.calls))
        kinds = (lambda name, fd: [(name, flipped(fd, 1, HEAD))],
                 lambda name, fd: [(name, flipped(fd, 1))],
                 lambda name, fd: [(name, flipped(fd, 40))],
                 lambda name, fd: [(name, flipped(fd, 4000))],
                 lambda name, fd: [(name, shortened(fd))],
                 lambda name, fd: [(name, copy(fd, lambda _, d: d)), (name, flipped(fd, 10))],
                 lambda name, fd: [(name, copy(fd, lambda _, d: bytes(len(d))))])
        left = []
        for number in range(ROUNDS):
            self.service.die()
            saved = [(e.name, os.dup(e.fd)) for e in self.service.store.listed()]
            self.service.rewrite(lambda name, fd, change=kinds[number % len(kinds)]:
                                 change(name, fd) if name.startswith("state.") else None)
            self.start()
            now = self.known()
            check(now <= before, "made up: %s", now - before)
            left.append(len(now))
            # One bit behind the head of each file: as many records, or what says where they are.
            check(number % len(kinds) or len(now) >= len(before) - ONE_BIT, "%d of %d are left",
                  len(now), len(before))
            # On with the undamaged ones.
            self.service.die()
            self.service.rewrite(lambda name, fd: [])
            self.service._call(lambda: [self.service.store.put(fd, name, name == "tcp")
                                        for name, fd in reversed(saved)])
        self.start()
        model.lost.clear()
        now = self.known()
        check(now == before, "undamaged, %d of %d came back", len(now), len(before))
        model.probe()
        model.close()
        return left


def restart_with(server, **changes):
    for name, value in changes.items():
        setattr(server.service, name, value)
    return server.kill()


def lost_by(server):
    status = call_model.control.ask(server.path("relay.sock"), "GET", "/v1/status")[1]
    taken = status["taken_up"]
    return status["allocations"], taken["allocations"], {
        k: n for k, n in taken["lost_by"].items() if n}


def serves_new_calls(server):
    model = call_model.Model(server, PEER, PEER6)
    model.add({"udp": 3})
    model.settle()
    model.probe()
    model.close()


def few_descriptors(directory):
    """A process with fewer descriptors than the one before had calls."""
    with tempfile.TemporaryDirectory(prefix="avedge-", dir=directory) as where:
        server = fdstore.RelayService(where, **OPTIONS).start()
        model = call_model.Model(server, PEER, PEER6)
        model.add({"udp": 200})
        model.settle()
        restart_with(server, child_nofile=150)
        now, taken, lost = lost_by(server)
        check(now == taken and 10 < taken < 200 and lost == {"descriptors": 200 - taken},
              "%d, taken up %d, lost %s", now, taken, lost)
        restart_with(server, child_nofile=1024)
        check(lost_by(server)[:2] == (taken, taken), "then %s", lost_by(server))
        serves_new_calls(server)
        model.close()
        wrong = server.stop()
        check(not wrong, "%s", "; ".join(wrong[:5]))
        return taken


def next_restart(server):
    return call_model.control.ask(server.path("relay.sock"), "GET", "/v1/status")[1]["next_restart"]


def full_store(directory):
    """More connections than systemd has room for: a parcel is there, and is full with less."""
    with tempfile.TemporaryDirectory(prefix="avedge-", dir=directory) as where:
        server = fdstore.RelayService(where, **OPTIONS).start()
        store = server.service.store
        model = call_model.Model(server, PEER, PEER6)
        model.run(until=lambda: "canary" not in server.service.names() and
                  not next_restart(server)["descriptors_waiting"])
        store.most = len(store.entries)
        model.add({"tcp": STREAMS, "udp": 10})
        model.settle()
        model.run(until=lambda: next_restart(server)["connections_unkept"] > 0,
                  what="no connection is without a place")
        said = next_restart(server)
        kept, unkept = said["connections_in_parcels"], said["connections_unkept"]
        check(store.full > 0 and said["store_full"], "the store was not full: %s", said)
        check(kept + unkept == STREAMS and kept > STREAMS / 2, "of %d: %s", STREAMS, said)
        # Once, however many come.
        more = call_model.Model(server, PEER, PEER6)
        more.add({"tcp": 5})
        more.settle()
        check(next_restart(server)["connections_unkept"] == unkept + 5, "%s", next_restart(server))
        more.run(4)
        more.close()
        model.run(until=lambda: next_restart(server)["connections_unkept"] == unkept)
        check(server.service.log().count(" is full: ") == 1, "%s", server.service.log())

        server.kill()
        now, taken, lost = lost_by(server)
        check(taken == now == kept + 10 and lost == {"no-stream": unkept},
              "%d, taken up %d, lost %s; %d were not kept", now, taken, lost, unkept)
        model.lost.clear()

        # It is full from the start, and then it has room.
        store.most = len(store.entries)
        more = call_model.Model(server, PEER, PEER6)
        more.add({"tcp": STREAMS})
        more.settle()
        more.run(until=lambda: next_restart(server)["connections_unkept"] > 0,
                 what="no connection is without a place")
        store.most = fdstore.STORE_MAX
        more.run(40, until=lambda: not next_restart(server)["store_full"] and
                 not next_restart(server)["connections_unkept"],
                 what="room in the store is not noticed")
        for _ in range(3):
            server.kill()
            check(lost_by(server) == (taken + len(more.calls), taken + len(more.calls), {}),
                  "of %d and %d: %s", taken, len(more.calls), lost_by(server))
        check(server.service.log().count("has room again") == 1, "%s", server.service.log())
        more.probe()
        more.close()
        model.close()
        wrong = server.stop()
        check(not wrong, "%s", "; ".join(wrong[:5]))
        return kept


def main():
    netns.begin()
    netns.add_addresses(OUTSIDE6, PEER6)
    seed = int(time.time())
    random.seed(seed)
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = fdstore.RelayService(os.path.join(directory, "hostile"), **OPTIONS).start()
        hostile = Hostile(server)
        try:
            left = hostile.damaged()
            given = hostile.nothing_but_garbage()
        except BaseException:
            print("seed %d" % seed)
            server.stop()
            print("--- end of the relay's log\n" + server.log()[-3000:])
            raise
        wrong = server.stop()
        check(not wrong, "%s", "; ".join(wrong[:5]))
        few = few_descriptors(directory)
        kept = full_store(directory)
    print("%d strange descriptors; of %d calls came back after damage %s; %d of 200 with few "
          "descriptors, %d of %d connections with a full store" % (
              given, CALLS, left, few, kept, STREAMS))


if __name__ == "__main__":
    main()

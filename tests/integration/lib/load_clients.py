#!/usr/bin/python3
"""Thousands of TURN clients over UDP in one process, for the tests that count.

A client is a generator: it yields a request and is sent the response. LoadClients drives many of
them at once over epoll, a window at a time, with retransmissions. Their requests are prepared, so
that the relay is the bottleneck.
"""

import os
import resource
import select
import socket
import struct
import sys
import time

import turnclient as t

TRANSPORT = t.attribute(*t.UDP_TRANSPORT)
LIFETIME_0 = t.attribute(*t.u32(t.LIFETIME, 0))


class Member:
    """One 5-tuple of the LoadClients."""
    count = 0

    def __init__(self, load_clients, address=None):
        self.load_clients = load_clients
        self.sock = socket.socket(load_clients.family, socket.SOCK_DGRAM)
        if address:
            self.sock.bind((address, 0))
        self.sock.setblocking(False)
        self.sock.connect(load_clients.server)
        self.prepared = self.relayed = None
        self.errors = 0

    def request(self, method, body):
        Member.count += 1
        txid = struct.pack("!IQ", os.getpid(), Member.count)
        if self.prepared:
            return self.prepared.request(method, body, txid)
        return struct.pack("!HHI", method, len(body), t.COOKIE) + txid + body

    def learn(self, challenge):
        self.prepared = t.PreparedRequests(self.load_clients.user, self.load_clients.password,
                                           challenge)

    def ask(self, method, body):
        """Use as: reply = yield from member.ask(...)"""
        for _ in range(3):
            raw = yield self.request(method, body)
            if raw[0] == 1 and not raw[1] & 0x10:	# success: nothing to look up
                return raw
            reply = t.Msg(raw)
            if reply.code not in (401, 438):
                break
            self.learn(reply)
        raise t.TurnError(reply)

    def allocate(self):
        raw = yield from self.ask(t.ALLOCATE, TRANSPORT)
        self.relayed = t.Msg(raw).address(t.XOR_RELAYED_ADDRESS)

    def release(self):
        yield from self.ask(t.REFRESH, LIFETIME_0)
        self.relayed = None

    def cycle(self, times):
        for _ in range(times):
            yield from self.ask(t.ALLOCATE, TRANSPORT)
            yield from self.ask(t.REFRESH, LIFETIME_0)

    def calls(self, times, peer):
        """The same with a datagram to an IPv4 peer, so that each has a record of its own."""
        address = t.attribute(*t.xor_address(t.XOR_PEER_ADDRESS, peer))
        for _ in range(times):
            yield from self.ask(t.ALLOCATE, TRANSPORT)
            yield from self.ask(t.CREATE_PERMISSION, address)
            self.sock.send(t.encode(t.message_type(t.SEND, t.INDICATION),
                                    [t.xor_address(t.XOR_PEER_ADDRESS, peer), (t.DATA, b"x")]))
            yield from self.ask(t.REFRESH, LIFETIME_0)


class LoadClients:
    def __init__(self, server, user, password):
        self.server = server
        self.family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.user, self.password = user.encode(), password.encode()
        self.members = []
        self.resent = 0

    def grow(self, count, addresses=()):
        """That many more; each from an address of its own if there are any."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        need = len(self.members) + count + 100
        if soft < need:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(need, hard), hard))
        new = [Member(self, addresses[i] if addresses else None) for i in range(count)]
        self.members += new
        return new

    def run(self, members, work, window=128, seconds=120):
        """Run work(member) for every member; returns {member: TurnError} of those refused."""
        waiting, active, refused = list(reversed(members)), {}, {}
        poll = select.epoll()
        deadline = time.monotonic() + seconds

        def advance(member, job, value):
            try:
                raw = job.send(value)
            except (StopIteration, t.TurnError) as end:
                if isinstance(end, t.TurnError):
                    refused[member] = end
                if value is not None:
                    poll.unregister(member.sock)
                active.pop(member.sock.fileno(), None)
                return
            if value is None:
                poll.register(member.sock, select.EPOLLIN)
            active[member.sock.fileno()] = (member, job, raw, time.monotonic() + 1.0)
            member.sock.send(raw)

        while waiting or active:
            while waiting and len(active) < window:
                member = waiting.pop()
                advance(member, work(member), None)
            for fd, _ in poll.poll(0.2):
                member, job, raw, _ = active[fd]
                try:
                    answer = member.sock.recv(2000)
                except (BlockingIOError, ConnectionRefusedError):
                    continue
                if answer[8:20] == raw[8:20]:
                    advance(member, job, answer)
            self.resend(active)
            if time.monotonic() > deadline:
                raise TimeoutError("%d clients got no response" % len(active))
        poll.close()
        return refused

    def resend(self, active):
        now = time.monotonic()
        if now < getattr(self, "next_look", 0):
            return
        self.next_look = now + 0.25
        for fd, (member, job, raw, due) in list(active.items()):
            if now > due:
                self.resent += 1
                member.sock.send(raw)
                active[fd] = (member, job, raw, now + 1.0)

    def close(self):
        for member in self.members:
            member.sock.close()
        self.members = []


def main(args):
    """load_clients.py HOST PORT USER PASSWORD CLIENTS CYCLES: allocate and release, over and over."""
    load_clients = LoadClients((args[1], int(args[2])), args[3], args[4])
    load_clients.grow(int(args[5]))
    refused = load_clients.run(load_clients.members, lambda m: m.cycle(int(args[6])))
    print("%d cycles, %d refused, %d retransmissions" % (
        int(args[5]) * int(args[6]), len(refused), load_clients.resent))
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

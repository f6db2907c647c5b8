#!/usr/bin/python3
"""Thousands of TURN clients over UDP in one process, for the tests that count.

A client is a generator: it yields a request and is sent the answer. LoadClients drives many of them
at once over epoll, a window at a time, with retransmissions. Requests are put together from
prepared parts, so that the load_clients is not slower than the relay.
"""

import hashlib
import hmac
import os
import resource
import select
import socket
import struct
import sys
import time

import turnclient as t

ALLOCATE = t.message_type(t.ALLOCATE, t.REQUEST)
REFRESH = t.message_type(t.REFRESH, t.REQUEST)
TRANSPORT = struct.pack("!HHI", t.REQUESTED_TRANSPORT, 4, 17 << 24)
LIFETIME_0 = struct.pack("!HHI", t.LIFETIME, 4, 0)


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


class Refused(Exception):
    def __init__(self, reply):
        super().__init__("refused: %r" % reply)
        self.code = reply.code


class Member:
    """One 5-tuple of the load_clients."""
    count = 0

    def __init__(self, load_clients):
        self.load_clients = load_clients
        self.sock = socket.socket(load_clients.family, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.connect(load_clients.server)
        self.tail = self.key = self.relayed = None
        self.errors = 0

    def request(self, msg_type, body=b""):
        Member.count += 1
        txid = struct.pack("!IQ", os.getpid(), Member.count)
        if self.tail is None:
            return struct.pack("!HHI", msg_type, len(body), t.COOKIE) + txid + body
        body += self.tail
        raw = struct.pack("!HHI", msg_type, len(body) + 24, t.COOKIE) + txid + body
        return raw + b"\0\x08\0\x14" + hmac.digest(self.key, raw, "sha1")

    def learn(self, reply):
        realm, nonce = reply.get(t.REALM), reply.get(t.NONCE)
        self.tail = (attribute(t.USERNAME, self.load_clients.user) + attribute(t.REALM, realm)
                     + attribute(t.NONCE, nonce))
        self.key = hashlib.md5(b":".join((self.load_clients.user, realm,
                                          self.load_clients.password))).digest()

    def ask(self, msg_type, body):
        """Use as: reply = yield from member.ask(...)"""
        for _ in range(3):
            raw = yield self.request(msg_type, body)
            if raw[0] == 1 and not raw[1] & 0x10:	# success: nothing to look up
                return raw
            reply = t.Msg(raw)
            if reply.code not in (401, 438):
                break
            self.learn(reply)
        raise Refused(reply)

    def allocate(self):
        raw = yield from self.ask(ALLOCATE, TRANSPORT)
        self.relayed = t.Msg(raw).address(t.XOR_RELAYED_ADDRESS)

    def release(self):
        yield from self.ask(REFRESH, LIFETIME_0)
        self.relayed = None

    def cycle(self, times):
        for _ in range(times):
            yield from self.ask(ALLOCATE, TRANSPORT)
            yield from self.ask(REFRESH, LIFETIME_0)


class LoadClients:
    def __init__(self, server, user, password):
        self.server = server
        self.family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.user, self.password = user.encode(), password.encode()
        self.members = []
        self.resent = 0

    def grow(self, count):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        need = len(self.members) + count + 100
        if soft < need:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(need, hard), hard))
        new = [Member(self) for _ in range(count)]
        self.members += new
        return new

    def run(self, members, work, window=128, seconds=120):
        """Let every member do work(member); returns {member: Refused} of those refused."""
        waiting, active, refused = list(reversed(members)), {}, {}
        poll = select.epoll()
        deadline = time.monotonic() + seconds

        def advance(member, job, value):
            try:
                raw = job.send(value)
            except (StopIteration, Refused) as end:
                if isinstance(end, Refused):
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
                raise TimeoutError("%d clients without an answer" % len(active))
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

#!/usr/bin/python3
"""A generator of bursts that travel as one packet (UDP_SEGMENT), as between hosts whose network
cards offload segmentation and reassembly.

  super_packets.py SERVER USER PASSWORD CLIENTS RATE SIZE BURST SECONDS

Both directions, one channel each; RATE counts datagrams. Prints the part of
avedge-load's JSON that coturn-side-by-side reads.
"""

import json
import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration", "lib"))
import turnclient as t  # noqa: E402

UDP_SEGMENT, UDP_GRO = 103, 104
CHANNEL = 0x4001


class Flow:
    """One direction of a call: its sender, and the socket at which it arrives."""

    def __init__(self, sender, receiver, to, packet, burst):
        self.sender, self.receiver, self.to = sender, receiver, to
        self.data = [packet * burst]
        self.control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", len(packet)))]
        self.arriving = 0

    def send(self):
        self.sender.sendmsg(self.data, self.control, 0, *self.to)


def call(server, user, password, size, burst):
    """Two flows between a client with a channel and its peer."""
    client = t.Client((server, 3478), "udp", user, password)
    client.allocate()
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((client.local[0], 0))
    client.channel_bind(CHANNEL, peer.getsockname())
    payload = bytes(k & 0xFF for k in range(size))
    for sock in (client.sock, peer):
        sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        sock.setblocking(False)
    wrapped = struct.pack("!HH", CHANNEL, size) + payload
    return client, (Flow(client.sock, peer, (), wrapped, burst),
                    Flow(peer, client.sock, (client.relayed,), payload, burst))


def drain(poll, flows, sizes, wait):
    """Receive; the number of bytes tells that of datagrams of one size."""
    for fd, _ in poll.poll(wait):
        try:
            while True:
                flows[fd].arriving += len(flows[fd].receiver.recv(65536))
        except BlockingIOError:
            pass
    return {name: sum(flows[fd].arriving for fd in fds) // size
            for name, (fds, size) in sizes.items()}


def main():
    server, user, password = sys.argv[1:4]
    clients, rate, size, burst, seconds = map(int, sys.argv[4:9])
    began = time.monotonic()
    calls = [call(server, user, password, size, burst) for _ in range(clients)]
    turns = [flow for _, pair in calls for flow in pair]
    flows = {flow.receiver.fileno(): flow for flow in turns}
    sizes = {name: ([pair[i].receiver.fileno() for _, pair in calls], size + extra)
             for i, (name, extra) in enumerate((("up", 0), ("down", 4)))}
    poll = select.epoll()
    for fd in flows:
        poll.register(fd, select.EPOLLIN)

    cpu, start, bursts = time.process_time(), time.monotonic(), 0
    setup = start - began
    while (now := time.monotonic() - start) < seconds:
        while bursts < now * rate / burst:
            turns[bursts % len(turns)].send()
            bursts += 1
        drain(poll, flows, sizes, 0.001)
    sent = {"up": (bursts + 1) // 2 * burst, "down": bursts // 2 * burst}
    deadline = time.monotonic() + 0.5
    while (arrived := drain(poll, flows, sizes, 0.01)) != sent and time.monotonic() < deadline:
        pass
    cpu = time.process_time() - cpu
    for client, _ in calls:
        client.refresh(0)
    media = {name: {"sent": sent[name], "received": arrived[name], "delay_ms": {"p99": 0}}
             for name in sent}
    media.update(cpu_percent=100 * cpu / seconds, skipped=0, seconds=seconds)
    print(json.dumps({"set_up": {"failed": 0, "seconds": setup}, "media": media, "complaints": []}))


if __name__ == "__main__":
    main()

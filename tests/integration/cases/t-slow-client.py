#!/usr/bin/python3
"""A client on TCP or TLS that stops reading while its peer floods it (docs/requirements.md, attack 21).

The relay's memory does not grow, frames that do not fit are counted, and a client that resumes
reading gets whole frames in order, the newest among them.
"""

import json
import os
import socket
import struct
import subprocess
import time

# This test measures memory, and a sanitizer keeps freed memory: prefer the normal build.
os.environ["RELAY_BUILD_DIR"] = os.environ.get("BUILD_DIR") or os.environ.get("RELAY_BUILD_DIR", "")
import lib  # adds ../lib to the path
import netns
import relay
import turnclient as t
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
CHANNEL, SIZE, FLOOD = 0x4001, 1000, 20000


def resident(pid):
    with open("/proc/%d/statm" % pid, encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def slow_drops(server):
    out = subprocess.run([relay.program("avedgectl"), "counters", "--json", "--socket",
                          server.path("relay.sock")], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)["drops"].get("client-slow", 0)


def flood(server, client, peer):
    """Send more than sockets and queue hold, in portions that the relay's socket can take."""
    for first in range(0, FLOOD, 100):
        for number in range(first, first + 100):
            peer.sendto(struct.pack("!I", number) * (SIZE // 4), client.relayed)
        time.sleep(0.002)
    time.sleep(0.3)
    check(server.alive(), "the relay has died")


def read_all(client):
    """The numbers of all frames, until no more arrive."""
    numbers = []
    try:
        while True:
            got = client.recv(1.0)
            if isinstance(got, t.ChannelData):
                check(len(got.data) == SIZE and got.data == got.data[:4] * (SIZE // 4),
                      "a broken frame after %d: %s", len(numbers), got.data[:16].hex())
                numbers.append(struct.unpack("!I", got.data[:4])[0])
    except TimeoutError:
        return numbers


def run(server, transport):
    client = t.Client((INSIDE, 443), transport, *server.credential(),
                      cafile=server.path("ca.pem"))
    client.allocate()
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((PEER, 0))
    client.channel_bind(CHANNEL, peer.getsockname())
    before, dropped = resident(server.pid()), slow_drops(server)
    flood(server, client, peer)

    grown, dropped = resident(server.pid()) - before, slow_drops(server) - dropped
    check(grown < 4 << 20, "%s: the relay grew by %d KiB", transport, grown >> 10)
    check(dropped > FLOOD // 2, "%s: only %d dropped", transport, dropped)
    numbers = read_all(client)
    check(numbers == sorted(set(numbers)), "%s: frames out of order", transport)
    check(numbers[-1] == FLOOD - 1, "%s: the newest frame is %d", transport, numbers[-1])
    check(len(numbers) + dropped <= FLOOD, "%s: %d arrived, %d dropped", transport,
          len(numbers), dropped)
    client.refresh(0)	# and it is as good as new
    client.close()
    return "%s: %d of %d frames, +%d KiB" % (transport, len(numbers), FLOOD, grown >> 10)


def main():
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"], workers=1,
                       settings=relay.NO_LIMITS) as server:
        print("; ".join(run(server, transport) for transport in ("tcp", "tls")))


if __name__ == "__main__":
    main()

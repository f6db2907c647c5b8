#!/usr/bin/python3
"""A site that gives all its users one TURN REST name, on a default configuration: 1000 allocations
at once and a stream of 20 Mbit/s, with no refusal and no drop. Beside it, a site whose user names
are an expiry and nothing else, which count by client address; and the limits of the Microsoft
dialect, which stay.
"""

import base64
import hmac
import socket
import struct
import time

import lib  # adds ../lib to the path
import control
import netns
import turnclient as t
import turnclient_ms
from load_clients import LoadClients
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
ALLOCATIONS, ADDRESSES = 1000, 250	# four from each address, as of a browser
MBIT, SECONDS, SIZE, CHANNEL = 20, 5, 1200, 0x4000
MS_QUOTA = 64


def get(server, path):
    return control.ask(server.path("relay.sock"), "GET", path)[1]


def refusals(server):
    return sum(get(server, "/v1/counters")["refusals"].values())


def bandwidth_drops(server):
    counters = get(server, "/v1/counters")
    return {name: n for name, n in counters["drops"].items() if name.startswith("bandwidth-") and n}


def allocations(server, credential):
    clients = LoadClients((INSIDE, 3478), *credential)
    clients.grow(ALLOCATIONS, ["127.1.0.%d" % (1 + i % ADDRESSES) for i in range(ALLOCATIONS)])
    refused = clients.run(clients.members, lambda m: m.allocate())
    check(not refused, "%d of %d refused: %s", len(refused), ALLOCATIONS,
          list(refused.values())[:1])
    limits = get(server, "/v1/limits")
    row = {row["name"]: row for row in limits["limits"]}["limits.allocations_per_user"]
    check(row["limit"] is None and row["used"] == ALLOCATIONS, "limits: %s", row)
    top = limits["users"][0]
    check(top["user"] == "site" and top["dialect"] == "ietf" and
          top["allocations"] == ALLOCATIONS, "the top user is %s", top)
    return clients


def stream(server, credential):
    """How many datagrams went through, all that were sent."""
    client = t.Client((INSIDE, 3478), "udp", *credential)
    client.allocate()
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    peer.bind((PEER, 0))
    peer.settimeout(0.000001)
    client.channel_bind(CHANNEL, peer.getsockname())
    sent, got, payload = 0, 0, bytes(SIZE - 4)
    start, per_second = time.monotonic(), MBIT * 1e6 / 8 / SIZE
    while (now := time.monotonic() - start) < SECONDS:
        # At most ten milliseconds of it at once: sockets have small buffers, too.
        for _ in range(min(int(now * per_second) - sent, int(per_second / 100))):
            client.send_channel(CHANNEL, struct.pack("!I", sent) + payload)
            sent += 1
        got += collect(peer)
        time.sleep(0.002)
    peer.settimeout(0.5)
    got += collect(peer)
    check(sent * SIZE * 8 / SECONDS > MBIT * 1e6 * 0.9, "sent only %d datagrams", sent)
    check(bandwidth_drops(server) == {}, "dropped: %s", bandwidth_drops(server))
    check(got == sent, "%d of %d datagrams arrived", got, sent)
    client.refresh(0)
    client.close()
    peer.close()
    return sent


def collect(peer):
    got = 0
    try:
        while peer.recv(65536):
            got += 1
    except (TimeoutError, BlockingIOError):
        pass
    return got


def expiry_alone(server):
    """Two addresses, each with two credentials of the kind: two users."""
    held = []
    for colon in ("", ":"):
        name = "%d%s" % (time.time() + 3600, colon)
        mac = hmac.new(server.secret().encode(), name.encode(), "sha1").digest()
        password = base64.b64encode(mac).decode()
        for address in ("127.2.0.1", "127.2.0.2"):
            client = t.Client((INSIDE, 3478), "udp", name, password, bind=(address, 0))
            client.allocate()
            held.append(client)
    users = {row["user"]: row["allocations"] for row in get(server, "/v1/limits")["users"]}
    check(users.get("127.2.0.1") == users.get("127.2.0.2") == 2, "users: %s", users)
    for client in held:
        client.refresh(0)
        client.close()


def microsoft(server):
    credential = server.credential("carol", form="mras")
    held = []
    for _ in range(MS_QUOTA):
        held.append(turnclient_ms.Client((INSIDE, 3478), "udp", *credential))
        held[-1].allocate()
    one_more = turnclient_ms.Client((INSIDE, 3478), "udp", *credential)
    try:
        one_more.allocate()
    except t.TurnError:
        pass
    else:
        check(False, "more than %d allocations of a Microsoft user", MS_QUOTA)
    limits = {row["name"]: row for row in get(server, "/v1/limits")["limits"]}
    row = limits["ms.allocations_per_user"]
    check(row["limit"] == row["used"] == MS_QUOTA, "limits: %s", row)
    for client in held:
        client.release()
    one_more.close()


def main():
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       defaults=True) as server:
        credential = server.credential("site")
        clients = allocations(server, credential)
        sent = stream(server, credential)
        check(refusals(server) == 0, "%d refusals", refusals(server))
        expiry_alone(server)
        check(refusals(server) == 0, "%d refusals", refusals(server))
        refused = clients.run(clients.members, lambda m: m.release())
        check(not refused, "%d releases refused", len(refused))
        clients.close()
        microsoft(server)
    print("%d allocations of one name, %d datagrams, %.1f Mbit/s" %
          (ALLOCATIONS, sent, sent * SIZE * 8 / SECONDS / 1e6))


if __name__ == "__main__":
    main()

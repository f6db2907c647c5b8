#!/usr/bin/python3
"""Bandwidth that Microsoft's clients check, reserve and give back ([MS-TURNBWM]), with real sockets,
several workers and a reload; and what operators see of it.
"""

import struct
import subprocess

import lib  # adds ../lib to the path
import netns
import control
import turnclient_ms as ms
import relay
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
MESSAGE, RESERVATION, AMOUNT = 0x8056, 0x8057, 0x8058
REMOTE_SITE, LOCAL_SITE, PROFILE, QUALITY = 0x8059, 0x805B, 0x8068, 0x8055
PATHS = (0x805D, 0x805F, 0x8060)
CHECK, COMMIT, UPDATE = range(3)
SITE = struct.pack("!BBH4s", 0, 1, 0x1234, b"abcd")
VIDEO = (QUALITY, struct.pack("!HH", 2, 0))


def message(number):
    return MESSAGE, struct.pack("!I", number)


def amount(send, receive, least=0):
    return AMOUNT, struct.pack("!4I", least, send, least, receive)


def paths(reply):
    """(usable, max send, max receive) of each path in the answer."""
    return [(bits >> 31, send, receive) for bits, send, receive in
            (struct.unpack("!3I", reply.attrs[path]) for path in PATHS if path in reply.attrs)]


def ask(client, number, *attrs):
    reply = client.allocate(message(number), *attrs, (PROFILE, bytes([2, 2, 1, 0])))
    check(reply.attrs.get(MESSAGE) == struct.pack("!I", number), "message %d: not repeated", number)
    return reply


def get(server, path):
    return control.ask(server.path("relay.sock"), "GET", path, None, timeout=60)[1]


def reserved(server):
    limits = get(server, "/v1/limits")
    row = next(row for row in limits["limits"] if row["name"] == "limits.bandwidth_total")
    return limits["reservations"]["count"], row["reserved"]


def client(server, user, transport="udp"):
    port = 3478 if transport == "udp" else 443
    return ms.Client((INSIDE, port), transport, *server.credential(user, form="mras"))


def life_of_a_reservation(server):
    for transport in ("udp", "tcp", "ptls"):
        alice, bob = client(server, "alice", transport), client(server, "bob", transport)
        remote, local = (REMOTE_SITE, SITE), (LOCAL_SITE, SITE)
        # Without the remote site it is a plain Allocate.
        reply = alice.allocate(message(CHECK), amount(100, 100))
        check(MESSAGE not in reply.attrs and not paths(reply), "an incomplete check is answered")
        check(paths(ask(alice, CHECK, amount(300, 400), remote, VIDEO)) == [(1, 300, 400)] * 3,
              "%s: check", transport)
        reply = ask(alice, COMMIT, amount(300, 400), remote, local)
        name = reply.attrs[RESERVATION]
        check(len(name) == 16 and not paths(reply), "%s: commit", transport)
        check(reserved(server) == (1, 700000), "reserved: %s", reserved(server))
        check(paths(ask(bob, CHECK, amount(300, 400), remote)) == [(1, 150, 150)] * 3,
              "%s: check of another user", transport)
        check(paths(ask(bob, CHECK, amount(300, 400, 151), remote)) == [(0, 0, 0)] * 3,
              "%s: check that cannot be met", transport)
        check(RESERVATION not in ask(bob, COMMIT, amount(301, 0), remote, local).attrs,
              "%s: commit that cannot be met", transport)
        reply = ask(alice, UPDATE, (RESERVATION, name), amount(600, 600))
        check(reply.attrs[AMOUNT] == amount(300, 400)[1], "%s: more than there is", transport)
        reply = ask(alice, UPDATE, (RESERVATION, name), amount(200, 200))
        check(reply.attrs[AMOUNT] == amount(200, 200)[1], "%s: less", transport)
        ask(bob, COMMIT, amount(300, 300), remote, local)
        check(reserved(server) == (2, 1000000), "reserved: %s", reserved(server))
        reply = ask(alice, UPDATE, (RESERVATION, name), amount(0, 0))
        check(reply.attrs[AMOUNT] == bytes(16) and reply.attrs[ms.LIFETIME] == bytes(4),
              "%s: zeros do not end a session that relays nothing", transport)
        check(reserved(server) == (1, 600000), "reserved: %s", reserved(server))
        bob.release()
        check(reserved(server) == (0, 0), "reserved: %s", reserved(server))
        alice.close()
        bob.close()


def shown_to_operators(server):
    alice = client(server, "alice")
    ask(alice, COMMIT, amount(300, 400), (REMOTE_SITE, SITE), (LOCAL_SITE, SITE), VIDEO)
    row = get(server, "/v1/allocations")["allocations"][0]
    full = get(server, "/v1/allocations/" + row["id"])
    check(full["reserved_bps"] == 700000 and 0 < full["reservation_expires_in_ms"] <= 1800000,
          "shown: %s", full)
    check(full["stream_type"] == "video", "shown: %s", full["stream_type"])
    table = subprocess.run([relay.program("avedgectl"), "limits", "--socket",
                            server.path("relay.sock")], check=True, capture_output=True, text=True, timeout=60).stdout
    check("700kbit/s" in table and "RESERVED" in table, "limits:\n%s", table)
    requests = get(server, "/v1/counters")["bandwidth_requests"]
    check(requests["committed"] == 7 and requests["commit-denied"] == 3 and
          requests["update-denied"] == 3 and requests["ignored"] == 3, "counted: %s", requests)
    alice.close()


def turned_off_by_a_reload(server):
    with open(server.path("relay.conf"), "r+", encoding="utf-8") as conf:
        text = conf.read().replace("bandwidth_management = true", "bandwidth_management = false")
        conf.seek(0)
        conf.truncate()
        conf.write(text)
    status, _ = control.ask(server.path("relay.sock"), "POST", "/v1/reload", None, timeout=60)
    check(status == 200, "the reload was refused")
    carol = client(server, "carol")
    reply = carol.allocate(message(CHECK), amount(100, 100), (REMOTE_SITE, SITE))
    check(MESSAGE not in reply.attrs and not paths(reply), "answered although it is turned off")
    carol.close()


def main():
    netns.begin()
    settings = dict(relay.NO_LIMITS, ms=["bandwidth_management = true"],
                    limits=["bandwidth_total = 1Mbit"])
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], settings=settings, workers=2) as server:
        life_of_a_reservation(server)
        shown_to_operators(server)
        turned_off_by_a_reload(server)
    print("bandwidth checked, reserved, changed and given back over UDP, TCP and pseudo-TLS")


if __name__ == "__main__":
    main()

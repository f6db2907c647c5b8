#!/usr/bin/python3
"""What clients hold of a relay, and ports that nobody holds, after kills and restarts: nonces, tickets of
mobile allocations and reserved ports are valid in the next process, once and as long as they
would have been; a port given back before rests on; no id comes twice."""

import os
import signal
import tempfile
import time

import lib  # adds ../lib to the path
import fdstore
import netns
import openapi_check
import turnclient as t
import turnclient_mobility
from control_caller import INSIDE, PEER, caller, ids
from netns import check

OUTSIDE, FIRST, PORTS = "127.0.2.1", 50000, 8
RESERVE = (t.EVEN_PORT, b"\x80")
ROWS = []


def row(function):
    ROWS.append(function)
    return function


def kill(server):
    server.kill()


def restart(server):
    server.service.restart()


def killed_twice(server):
    """The second time as early as possible."""
    lives = len(server.service.lives)
    server.kill(wait=False)
    while len(server.service.lives) == lives:
        time.sleep(0.001)
    os.kill(server.service.pid, signal.SIGKILL)
    server.service.next_life(lives + 1)


def client_of(server, cls=t.Client, user="alice"):
    """One with the same credential as the others of that user; each second has its own."""
    if user not in server.credentials:
        server.credentials[user] = server.credential(user)
    return cls((INSIDE, 3478), "udp", *server.credentials[user])


@row
def nonces_stay_valid(server, end):
    stranger, client = client_of(server), caller(server)
    stranger.challenge()
    end(server)
    reply = client.ask(client.signed(t.REFRESH))
    check(reply.cls == t.SUCCESS, "a Refresh with the nonce from before: %r", reply)
    reply = stranger.ask(stranger.signed(t.ALLOCATE, [t.UDP_TRANSPORT]))
    check(reply.cls == t.SUCCESS, "an Allocate with the nonce from before: %r", reply)
    stranger.refresh(0)
    client.refresh(0)


@row
def a_reserved_port_is_redeemed_once(server, end):
    first, second, third = (client_of(server) for _ in range(3))
    token = first.allocate(RESERVE).get(t.RESERVATION_TOKEN)
    end(server)
    others = client_of(server, user="mallory")
    reply = others.request(t.ALLOCATE, [t.UDP_TRANSPORT, (t.RESERVATION_TOKEN, token)])
    check(reply.code == 508, "another user's: %r", reply)
    second.allocate((t.RESERVATION_TOKEN, token))
    check(second.relayed[1] == first.relayed[1] + 1, "%s, then %s", first.relayed, second.relayed)
    end(server)
    reply = third.request(t.ALLOCATE, [t.UDP_TRANSPORT, (t.RESERVATION_TOKEN, token)])
    check(reply.code == 508, "redeemed twice: %r", reply)
    second.refresh(0)
    first.refresh(0)


@row
def a_port_redeemed_and_given_back_is_not_reserved(server, end):
    first, second, third = (client_of(server) for _ in range(3))
    token = first.allocate(RESERVE).get(t.RESERVATION_TOKEN)
    second.allocate((t.RESERVATION_TOKEN, token))
    second.refresh(0)
    end(server)
    reply = third.request(t.ALLOCATE, [t.UDP_TRANSPORT, (t.RESERVATION_TOKEN, token)])
    check(reply.code == 508, "redeemed twice: %r", reply)
    first.refresh(0)


@row
def a_ticket_leads_to_its_allocation(server, end):
    old = client_of(server, turnclient_mobility.Client)
    old.allocate()
    end(server)
    new = client_of(server, turnclient_mobility.Client)
    reply = new.come(old)
    check(reply.cls == t.SUCCESS, "%r", reply)
    end(server)
    newest = client_of(server, turnclient_mobility.Client)
    reply = newest.come(new)
    check(reply.cls == t.SUCCESS, "the next ticket: %r", reply)
    newest.refresh(0)


@row
def a_port_given_back_rests_on(server, end):
    clients = [client_of(server) for _ in range(PORTS)]
    clients[0].allocate()
    resting = clients[0].relayed[1]
    clients[0].refresh(0)
    end(server)
    for client in clients[1:]:
        client.allocate()
    check(resting not in [client.relayed[1] for client in clients[1:]],
          "port %d, given back before the restart, while others were free", resting)
    clients[0] = client_of(server)
    clients[0].allocate()
    check(clients[0].relayed[1] == resting, "not even when it is the last one")
    for client in clients:
        client.refresh(0)


@row
def no_id_comes_twice(server, end):
    seen = set()
    for _ in range(3):
        for _ in range(4):
            client = caller(server)
            one, = ids(server)
            check(one not in seen, "%s again", one)
            seen.add(one)
            client.refresh(0)
        end(server)


def main():
    netns.begin()
    for step in ROWS:
        for end in (kill, restart, killed_twice):
            with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
                server = fdstore.RelayService(
                    directory, inside=[INSIDE], outside=[OUTSIDE], allow=[PEER + "/32"], workers=2,
                    ports="%d-%d" % (FIRST, FIRST + PORTS - 1), extra=["mobility = true"])
                server.start()
                server.credentials = {}
                server.description = openapi_check.Description("control-mediarelayd.json")
                print("%s: %s" % (step.__name__, end.__name__), flush=True)
                with server:
                    step(server, end)


if __name__ == "__main__":
    main()

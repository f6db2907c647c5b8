#!/usr/bin/python3
""""clients" of a side limits which addresses may be clients. Others get no response over UDP, their
TCP and TLS connections are closed unread, and each is counted. A reload that excludes a client ends
its call.
"""

import socket
import time

import lib  # adds ../lib to the path
import netns
import control
import turnclient as t
from netns import check

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
LET_IN, LEFT_OUT = "127.0.5.1", "127.0.6.1"
SILENCE_S = 0.5


def refusals(server):
    document = control.ask(server.path("relay.sock"), "GET", "/v1/counters")[1]
    return document["drops"].get("client-acl", 0)


def counted(server, before, more, what):
    """Wait: the relay counts when it reads, a little after we send."""
    until = time.monotonic() + 5
    while refusals(server) != before + more:
        check(time.monotonic() < until, "%s: %d refusals are counted, not %d", what,
              refusals(server) - before, more)
        time.sleep(0.02)


def is_served(source, server_address, transport):
    """True if a Binding request from that address is answered."""
    port = 3478 if transport == "udp" else 443
    try:
        client = t.Client((server_address, port), transport, bind=(source, 0), timeout=SILENCE_S)
    except (ConnectionError, OSError):
        return False
    try:
        return client.binding() == client.local
    except (TimeoutError, t.Closed, ConnectionError):
        return False
    finally:
        client.close()


def only_they_are_served(server, side_address, who, others, what):
    for transport in ("udp", "tcp", "tls"):
        before = refusals(server)
        check(is_served(who, side_address, transport), "%s: not served over %s", what, transport)
        check(refusals(server) == before, "%s: refused over %s", what, transport)
        check(not is_served(others, side_address, transport),
              "%s: a stranger is served over %s", what, transport)
        counted(server, before, 1, "%s, %s" % (what, transport))


def an_excluded_client_is_ignored(server):
    """Neither a valid credential nor garbage makes a difference."""
    before = refusals(server)
    user, password = server.credential("alice")
    client = t.Client((OUTSIDE, 3478), "udp", user, password, bind=(LEFT_OUT, 0), timeout=SILENCE_S)
    try:
        client.allocate()
        check(False, "a stranger has an allocation")
    except TimeoutError:
        pass
    client.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LEFT_OUT, 0))
        sock.sendto(b"garbage", (OUTSIDE, 3478))
    document = control.ask(server.path("relay.sock"), "GET", "/v1/counters")[1]
    check(document["drops"].get("not-stun", 0) == 0, "what a stranger sends is looked at")
    check(refusals(server) > before, "a stranger is not counted")


def a_reload_changes_it(server):
    client = t.Client((OUTSIDE, 3478), "udp", *server.credential("alice"), bind=(LET_IN, 0),
                      timeout=SILENCE_S)
    client.allocate()
    with open(server.path("relay.conf"), encoding="utf-8") as conf:
        text = conf.read()
    with open(server.path("relay.conf"), "w", encoding="utf-8") as conf:
        conf.write(text.replace("127.0.5.0/24", "127.0.6.0/24"))
    status, report = control.ask(server.path("relay.sock"), "POST", "/v1/reload")
    check(status == 200, "the reload: %s", report)
    check([change["key"] for change in report["changes"]] == ["side.outside.clients"],
          "the reload changed %s", report["changes"])
    only_they_are_served(server, OUTSIDE, LEFT_OUT, LET_IN, "after the reload")
    try:
        client.must(t.REFRESH)
        check(False, "a client who is let in no more is answered")
    except TimeoutError:
        client.close()


def main():
    netns.begin()
    # 127.0.0.1 is the address from which relay.py waits for the relay.
    with netns.running(inside=[INSIDE], outside=[OUTSIDE],
                       side_lines={"outside": ["clients = {127.0.5.0/24, 127.0.0.1}"]}) as server:
        only_they_are_served(server, OUTSIDE, LET_IN, LEFT_OUT, "outside")
        check(is_served(LEFT_OUT, INSIDE, "udp"), "the inside has no list, and serves nobody")
        an_excluded_client_is_ignored(server)
        a_reload_changes_it(server)
    print("only clients of the list are answered, over UDP, TCP and TLS; a reload changes it")


if __name__ == "__main__":
    main()

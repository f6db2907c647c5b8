#!/usr/bin/python3
# waits: until connections are idle
"""limits.idle: a connection whose allocation has ended ends, too, whatever its client sends that needs
no credentials. Requests with credentials, and data of an allocation, keep it.
"""

import concurrent.futures
import time

import lib  # adds ../lib to the path
import netns
import turnclient as t
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
IDLE_S = 3


def lives(client, send, limit):
    """How long the connection takes what send() sends, twice a second."""
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < limit:
            send()
            time.sleep(0.5)
    except (OSError, t.Closed, TimeoutError):
        pass
    return time.monotonic() - begun


def client_of(server, transport):
    return t.Client((INSIDE, 443), transport, *server.credential(),
                    cafile=server.path("ca.pem"), timeout=2)


def refresh(client):
    reply = client.request(t.REFRESH)
    check(reply.code == 437, "there is an allocation: %r", reply)


def channel_data(client):
    """ChannelData, which is never answered; a connection that has ended is noticed by reading."""
    client.send_channel(0x4000, b"data")
    try:
        client.recv_bytes(0.01)
    except TimeoutError:
        pass


def idle(server, transport):
    for name, send in (("Binding", lambda client: client.binding()), ("ChannelData", channel_data)):
        client = client_of(server, transport)
        client.allocate()
        client.channel_bind(0x4000, (PEER, 9))
        lasted = lives(client, lambda: send(client), IDLE_S + 2)
        check(lasted > IDLE_S + 2, "%s: ended with its allocation", transport)
        client.refresh(0)
        lasted = lives(client, lambda: send(client), 4 * IDLE_S)
        check(IDLE_S - 1 < lasted < IDLE_S + 3, "%s with %s: %.1f s of %d", transport, name,
              lasted, IDLE_S)
        client.close()
    client = client_of(server, transport)
    client.allocate()
    client.refresh(0)
    lasted = lives(client, lambda: refresh(client), 2 * IDLE_S)
    check(lasted > 2 * IDLE_S, "%s: ended in spite of its requests", transport)
    client.close()


def main():
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"], workers=1,
                       extra=["limits { idle = %ds }" % IDLE_S]) as server:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(idle, server, each) for each in ("tcp", "tls")]:
                done.result()
    print("idle connections end whatever strangers may send")


if __name__ == "__main__":
    main()

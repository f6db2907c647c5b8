#!/usr/bin/python3
# waits: clients take their time
"""How long clients on TCP and TLS may take (RFC 8489 section 6.2.2): with room, a handshake over a
slow link, a long silence and 40 seconds of Binding requests end well; under pressure they are cut
after the minimum.
"""

import concurrent.futures
import json
import selectors
import socket
import ssl
import subprocess
import threading
import time

import lib  # adds ../lib to the path
import netns
import relay
import turnclient as t
from netns import check

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
FRONT = (INSIDE, 443)
DELAY_S = 4.0


def ends(server):
    out = subprocess.run([relay.program("avedgectl"), "counters", "--json", "--socket",
                          server.path("relay.sock")], check=True, capture_output=True, text=True,
                         timeout=30).stdout
    return json.loads(out)["connection_ends"]


class SlowLink(threading.Thread):
    """A proxy to the relay that passes on what it gets after a while, in small pieces."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.4.1", 0))
        self.address = self.listener.getsockname()

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(FRONT)
        other = {client: server, server: client}
        late = []	# (when, to, bytes), in order
        with selectors.DefaultSelector() as selector:
            for sock in other:
                selector.register(sock, selectors.EVENT_READ)
            while other:
                for key, _ in selector.select(0.02):
                    try:
                        data = key.fileobj.recv(65536)
                    except OSError:
                        data = b""
                    if not data:
                        other.clear()
                        break
                    late.append((time.monotonic() + DELAY_S, other[key.fileobj], data))
                while late and late[0][0] <= time.monotonic():
                    _, to, data = late.pop(0)
                    for i in range(0, len(data), 300):
                        to.sendall(data[i:i + 300])
                        time.sleep(0.01)
        client.close()
        server.close()
        self.listener.close()


def slow_tls(server, version):
    """The handshake alone takes longer than 5 s, all until the allocation longer than 10 s."""
    def only(context):
        context.minimum_version = context.maximum_version = version
        context.check_hostname = False
    link = SlowLink()
    link.start()
    begun = time.monotonic()
    client = t.Client(link.address, "tls", *server.credential(), cafile=server.path("ca.pem"),
                      timeout=39.5, tls_options=only)
    shook = time.monotonic() - begun
    client.allocate()
    took = time.monotonic() - begun
    client.refresh(0)
    client.close()
    check(shook > 7 and took > 20, "the link was fast: %.1f and %.1f s", shook, took)
    return "%s over a slow link in %.0f s" % (version.name, took)


def silent_then_speaks(server):
    client = t.Client(FRONT, "tcp", *server.credential())
    time.sleep(25)
    client.allocate()
    client.close()
    return "silent for 25 s"


def asks_then_authenticates(server):
    """As long as a client waits for a response over TCP: Ti = 39.5 s."""
    client = t.Client(FRONT, "tcp", *server.credential())
    until = time.monotonic() + 39.5
    while time.monotonic() < until:
        client.binding()
        time.sleep(1)
    client.allocate()
    client.close()
    return "unauthenticated for 39.5 s"


def lives(front=FRONT, asks=False, limit=90.0, bind=None):
    """How long an unauthenticated connection lives: silent, or with a Binding each second."""
    client = t.Client(front, "tcp", bind=bind)
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < limit:
            if asks:
                client.binding()
                time.sleep(1)
                continue
            client.sock.settimeout(limit)
            if not client.sock.recv(1):
                break
    except (OSError, t.Closed):
        pass
    client.close()
    return time.monotonic() - begun


def with_room(server):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        said = [pool.submit(slow_tls, server, ssl.TLSVersion.TLSv1_2),
                pool.submit(slow_tls, server, ssl.TLSVersion.TLSv1_3),
                pool.submit(silent_then_speaks, server),
                pool.submit(asks_then_authenticates, server)]
        silent, asks = pool.submit(lives), pool.submit(lives, asks=True)
        said = [one.result() for one in said]
        check(29 < silent.result() < 35, "silent for %.1f s of 30", silent.result())
        check(59 < asks.result() < 66, "unauthenticated for %.1f s of 60", asks.result())
    why = ends(server)
    check(why["greeting-timeout"] == 1 and why["authentication-timeout"] == 1, "counted %r", why)
    return said


def under_pressure(server):
    """A table of 40, and 36 silent ones in it, each from its own address."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        early = pool.submit(lives)
        time.sleep(8)
        check(not early.done(), "cut without pressure")
        crowd = [socket.create_connection(FRONT, source_address=("127.66.0.%d" % (i + 1), 0))
                 for i in range(36)]
        begun = time.monotonic()
        silent = pool.submit(lives, bind=("127.67.0.1", 0))
        asks = pool.submit(lives, asks=True, bind=("127.67.0.2", 0))
        early.result()
        check(time.monotonic() - begun < 3, "an early one was cut %.1f s after the pressure rose",
              time.monotonic() - begun)
        # The crowd itself is cut after 5 s; it has to come again for the rest of the time.
        while not asks.done():
            for i, sock in enumerate(crowd):
                sock.settimeout(0.001)
                try:
                    gone = not sock.recv(1)
                except TimeoutError:
                    gone = False
                except OSError:
                    gone = True
                if gone:
                    sock.close()
                    crowd[i] = socket.create_connection(
                        FRONT, source_address=("127.66.0.%d" % (i + 1), 0))
            time.sleep(0.05)
        for sock in crowd:
            sock.close()
        check(4.5 < silent.result() < 9, "silent for %.1f s of 5", silent.result())
        check(9.5 < asks.result() < 14, "unauthenticated for %.1f s of 10", asks.result())
    check(ends(server)["gave-way"] < 5, "the table was full: %r", ends(server))
    return "under pressure %.0f and %.0f s" % (silent.result(), asks.result())


def main():
    netns.begin()
    options = {"inside": [INSIDE], "outside": [OUTSIDE], "workers": 1}
    with netns.running(**options) as server:
        said = with_room(server)
    with netns.running(settings={"limits": ["unauthenticated = 42"]}, **options) as server:
        said.append(under_pressure(server))
    print("; ".join(said))


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""A TLS hello that is not complete costs a stranger's place and little memory: nothing is made for it
until the rest is there. One that comes byte by byte is served.
"""

import os
import socket
import ssl
import time

# This test measures memory, and a sanitizer keeps freed memory: prefer the normal build.
os.environ["RELAY_BUILD_DIR"] = os.environ.get("BUILD_DIR") or os.environ.get("RELAY_BUILD_DIR", "")
import lib  # adds ../lib to the path
import netns
import turnclient as t
from netns import check

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
FRONT = (INSIDE, 443)
CONNECTIONS, MOST = 1000, 6000	# bytes each


def resident(pid):
    with open("/proc/%d/statm" % pid, encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def hello(context):
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(into, out, server_hostname=INSIDE)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def crowd(bytes_each):
    conns = []
    for number in range(CONNECTIONS):
        conn = socket.create_connection(FRONT, source_address=("127.66.%d.%d" % (
            number // 250, 1 + number % 250), 0))
        conn.sendall(bytes_each)
        conns.append(conn)
    time.sleep(1)
    return conns


def costs(server, bytes_each, what):
    before = resident(server.pid())
    conns = crowd(bytes_each)
    each = (resident(server.pid()) - before) / CONNECTIONS
    check(each < MOST, "%s: %d bytes of memory each", what, each)
    for conn in conns:
        conn.setblocking(False)
        try:
            check(False, "%s: answered with %r", what, conn.recv(100))
        except BlockingIOError:
            pass
        conn.close()
    return each


def byte_by_byte(message):
    conn = socket.create_connection(FRONT)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(len(message)):
        conn.send(message[at:at + 1])
        time.sleep(0.0005)
    conn.settimeout(5)
    answer = conn.recv(3)
    check(answer[:2] == b"\x16\x03", "a hello byte by byte: %r", answer)
    conn.close()


def main():
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       workers=1) as server:
        context = ssl.create_default_context(cafile=server.path("ca.pem"))
        message = hello(context)
        for conn in crowd(b"\x16\x03\x01"):	# tables of that size
            conn.close()
        time.sleep(1)
        figures = [costs(server, message[:size], "%d of %d bytes" % (size, len(message)))
                   for size in (5, 100, len(message) - 1)]
        byte_by_byte(message)
        client = t.Client(FRONT, "tls", *server.credential(), cafile=server.path("ca.pem"))
        client.allocate()
        client.refresh(0)
        client.close()
    print("a partial hello costs %s bytes" % ", ".join("%d" % each for each in figures))


if __name__ == "__main__":
    main()

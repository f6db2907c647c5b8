"""Asks a relay over its control socket, and causes what it has to tell: calls, records, changed
files."""

import http.client
import json
import os
import socket
import time

import control
import turnclient
from control import Connection
from netns import check

INSIDE, PEER = "127.0.1.1", "127.0.3.1"


def ask(server, method, path, body=None):
    """(status, document)"""
    return control.ask(server.path("relay.sock"), method, path, body,
                       description=server.description)


def get(server, path):
    status, document = ask(server, "GET", path)
    check(status == 200, "GET %s: %d %s", path, status, document)
    return document


def caller(server, user="alice", transport="udp"):
    name, password = server.credential(user)
    port = 3478 if transport == "udp" else 443
    client = turnclient.Client((INSIDE, port), transport, name, password)
    client.allocate()
    return client


def allocate_code(server):
    """The error code for a new client; 0 if it gets an allocation."""
    try:
        client = caller(server, "late")
    except turnclient.TurnError as error:
        return error.code
    client.refresh(0)
    return 0


class Peer:
    """A UDP echo server."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((PEER, 0))
        self.sock.settimeout(5)
        self.address = self.sock.getsockname()

    def echo(self):
        data, source = self.sock.recvfrom(2048)
        self.sock.sendto(data, source)
        return data


def talks(client, peer):
    """One datagram there and back over channel 0x4000."""
    mark = os.urandom(8)
    client.send_channel(0x4000, mark)
    check(peer.echo() == mark, "the peer got something else")
    return client.data() == (0x4000, mark)


def until(condition, text, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, "not within %d s: %s", seconds, text)
        time.sleep(0.05)


def ids(server, query=""):
    return [r["id"] for r in get(server, "/v1/allocations" + query)["allocations"]]


def rewrite(server, old, new):
    with open(server.path("relay.conf"), encoding="utf-8") as config:
        text = config.read()
    check(old in text, "no %s in the configuration", old)
    with open(server.path("relay.conf"), "w", encoding="utf-8") as config:
        config.write(text.replace(old, new))


def in_force(server, key):
    return {k["key"]: k["value"] for k in get(server, "/v1/configuration")["keys"]}[key]


def records(server):
    connection = Connection(server.path("relay.sock"))
    connection.request("GET", "/v1/records")
    answer = connection.getresponse()
    check(answer.getheader("Content-Type") == "application/jsonl", "%s", answer.getheaders())
    lines = [json.loads(line) for line in answer.read().splitlines()]
    connection.close()
    for line in lines[-20:]:
        is_line(server, line)
    return lines


def selected(server, query):
    connection = Connection(server.path("relay.sock"))
    connection.request("GET", "/v1/records" + query)
    answer = connection.getresponse()
    check(answer.status == 200, "%s: %d", query, answer.status)
    lines = [json.loads(line) for line in answer.read().splitlines()]
    connection.close()
    for line in lines:
        is_line(server, line, query)
    return lines


def is_line(server, line, query=""):
    server.description.answer("GET", "/v1/records" + query, None, 200, "application/jsonl", line)


class Follower:
    """Follows the records; reads only when told to."""

    def __init__(self, server):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.sock.settimeout(20)
        self.sock.connect(server.path("relay.sock"))
        self.sock.sendall(b"GET /v1/records?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = http.client.HTTPResponse(self.sock)
        answer.begin()
        check(answer.status == 200, "follow: %d", answer.status)
        self.lines = answer

    def line(self):
        return json.loads(self.lines.readline())

    def close(self):
        self.lines.close()
        self.sock.close()

#!/usr/bin/python3
"""The framing of HTTP at mrasd over mutual TLS: one body per request, however it is written and in
whatever pieces it arrives, and no request that strict framing would not see."""

import json
import os
import random
import re
import socket
import subprocess
import sys
import time

import h11

import lib  # adds ../lib to the path
import mras_bench
from netns import check
from mras import Client, Refused, service_request
from mras_bench import INSIDE, LIMITS, PORT, row

POST = b"POST /v1/credentials HTTP/1.1\r\nHost: mras.lab.example\r\nContent-Type: application/json\r\n"
BODY = b'{"user": "alice"}'
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"5\r\n" + BODY[:5] + b"\r\nc;x=y\r\n" + BODY[5:] + b"\r\n0\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
HIDDEN = b"GET /v1/relays HTTP/1.1\r\nHost: mras.lab.example\r\n\r\n"


def conversation(bench, data, pieces=None):
    """Everything that mrasd answers until it closes, or None if it does not close."""
    with Client(bench.mrasd, "trusted", timeout=3) as client:
        try:
            for at in range(0, len(data), pieces or len(data)):
                client.send(data[at:at + (pieces or len(data))])
            while True:
                client.more()
        except Refused:
            return client.buffer
        except TimeoutError:
            return None


def statuses(answers):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", answers)]


def get(*lines, line=b"GET /v1/relays HTTP/1.1", host=b"Host: mras.lab.example"):
    return b"\r\n".join([line] + ([host] if host else []) + list(lines) + [b"", b""])


# What is refused, in order of RFC 9112; tests/unit/auth/test_http_framing has every one. A request
# that must not be served follows each.
REFUSED = (
    ("bare LF", get().replace(b"\r\n", b"\n"), 400),
    ("bare CR in a field", get(b"X: a\rContent-Length: 3"), 400),
    ("control character in the request line", get(line=b"GET /\x01 HTTP/1.1"), 400),
    ("bare CR in the request line", get(line=b"GET / HTTP/1.1\rHost: a"), 400),
    ("request line without an end", b"GET /" + b"a" * 9000, 414),
    ("NUL in a field", get(b"X: a\0b"), 400),
    ("blank before the colon", POST + LENGTH.replace(b":", b" :") + b"\r\n" + BODY, 400),
    ("folded field", get(b"X: a", b" b"), 400),
    ("empty field name", get(b": x"), 400),
    ("no Host", get(host=None), 400),
    ("two Hosts", get(b"Host: mras.lab.example"), 400),
    ("invalid Host", get(host=b"Host: a b"), 400),
    ("path with NUL", get(line=b"GET /v1/relays%00 HTTP/1.1"), 400),
    ("asterisk", get(line=b"OPTIONS * HTTP/1.1"), 400),
    ("authority", get(line=b"CONNECT mras.lab.example:443 HTTP/1.1"), 400),
    ("HTTP/2.0", get(line=b"GET /v1/relays HTTP/2.0"), 505),
    ("length and chunked", POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n" + CHUNKS, 400),
    ("chunked and length", POST + CHUNKED + b"Content-Length: 4\r\n\r\n" + CHUNKS, 400),
    ("two lengths", POST + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY, 400),
    ("length that is not a number", POST + b"Content-Length: 1x\r\n\r\n" + BODY, 400),
    ("negative length", POST + b"Content-Length: -1\r\n\r\n" + BODY, 400),
    ("length beyond limits.body", POST + b"Content-Length: 1000000\r\n\r\n", 413),
    ("length beyond 64 bits", POST + b"Content-Length: 99999999999999999999\r\n\r\n", 413),
    ("chunked, then identity", POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n" + CHUNKS,
     400),
    ("chunked twice", POST + CHUNKED + CHUNKED + b"\r\n" + CHUNKS, 400),
    ("unknown coding", POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS, 501),
    ("HTTP/1.0 with chunked", POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + CHUNKS, 400),
    ("chunk lines with bare LF", POST + CHUNKED + b"\r\n" + CHUNKS.replace(b"\r\n", b"\n"), 400),
    ("chunk longer than its size", POST + CHUNKED + b"\r\n4\r\n" + BODY, 400),
    ("chunk of a negative size", POST + CHUNKED + b"\r\n-1\r\n", 400),
    ("chunk beyond limits.body", POST + CHUNKED + b"\r\nfffffff\r\n", 413),
    ("too many fields", get(*[b"X: y"] * 200), 431),
    ("fields too long", get(*[b"X: " + b"y" * 4000] * 5), 431),
)


# First: the log has ten such lines a minute.
@row
def a_refusal_is_logged_with_its_reason(bench):
    mark = bench.mrasd.mark()
    conversation(bench, get(b"X : y"))
    check(bench.mrasd.says("refused with 400: a header field has white space before its colon", mark),
          "%s", bench.mrasd.log()[mark:])


@row
def refused_requests_hide_no_second_one(bench):
    for name, request, want in REFUSED:
        for pieces in (None, 1) if len(request) < 1000 else (None,):
            answers = conversation(bench, request + HIDDEN, pieces)
            check(answers is not None, "%s, pieces of %s: the connection stays open", name,
                  pieces)
            head, _, body = answers.partition(b"\r\n\r\n")
            check(statuses(answers) == [want], "%s, pieces of %s: %s", name, pieces, answers)
            fields = head.lower().split(b"\r\n")[1:]
            names = [field.split(b":")[0] for field in fields]
            check(len(names) == len(set(names)), "%s: a field twice: %s", name, head)
            check(b"connection: close" in fields and
                  b"content-type: application/problem+json" in fields, "%s: %s", name, head)
            check(json.loads(body)["status"] == want, "%s: %s", name, body)


# What is served, with the status of each answer.
SERVED = (
    ("length", POST + LENGTH + b"\r\n" + BODY, [200]),
    ("chunked", POST + CHUNKED + b"\r\n" + CHUNKS, [200]),
    ("chunked with trailers", POST + CHUNKED + b"\r\n" + CHUNKS[:-2] + b"X: y\r\n\r\n", [200]),
    ("one after the other", (POST + CHUNKED + b"\r\n" + CHUNKS + POST + LENGTH + b"\r\n" + BODY) * 2,
     [200] * 4),
    ("absolute-form", get(line=b"GET https://mras.lab.example:5062/v1/relays?a=b HTTP/1.1"),
     [200]),
    ("a later minor version", get(line=b"GET /v1/relays HTTP/1.2"), [200]),
    ("empty line after a body", POST + LENGTH + b"\r\n" + BODY + b"\r\n", [200]),
    ("unknown path", get(line=b"GET /v2 HTTP/1.1"), [404]),
    ("HEAD", get(line=b"HEAD /v1/relays HTTP/1.1"), [200]),
    ("GET with a body", get(b"Content-Length: %d" % len(HIDDEN)) + HIDDEN, [200]),
    ("100 Continue", POST + LENGTH + b"Expect: 100-continue\r\n\r\n" + BODY, [100, 200]),
    ("largest head", get(*[b"X%02d: " % i + b"y" * 155 for i in range(98)]), [200]),
)


@row
def requests_are_served_in_every_order_of_arrival(bench):
    last = get(b"Connection: close")
    for name, request, want in SERVED:
        for pieces in (None, 1, 7) if len(request) < 2000 else (None, 1000):
            answers = conversation(bench, request + last + HIDDEN, pieces)
            check(answers is not None and statuses(answers) == want + [200],
                  "%s, pieces of %s: %s", name, pieces, answers)


@row
def long_pipelines_do_not_stall(bench):
    http, sip = POST + LENGTH + b"\r\n" + BODY, service_request()[1]
    for name, request, count in (("HTTP", http, 6000), ("SIP", sip, 2000)):
        with Client(bench.mrasd, "trusted", timeout=20) as client:
            client.send_and_read(request * count)
            for i in range(count):
                first = client.response()[0]
                check(first.endswith(" 200 OK"), "%s, answer %d: %s", name, i, first)


@row
def old_clients_are_served_once(bench):
    for fields, want in (((), [200]), ((b"Connection: keep-alive",), [200, 200])):
        request = get(*fields, line=b"GET /v1/relays HTTP/1.0", host=None)
        last = get(line=b"GET /v1/relays HTTP/1.0", host=None)
        answers = conversation(bench, request + last)
        check(answers is not None and statuses(answers) == want, "%s: %s", fields, answers)


@row
def requests_before_an_end_are_answered(bench):
    request = POST + LENGTH + b"\r\n" + BODY
    for data, want in ((request * 20, [200] * 20), (request * 2 + POST, [200] * 2),
                       (request + POST + LENGTH + b"\r\n" + BODY[:-1], [200])):
        with Client(bench.mrasd, "trusted") as client:
            client.send(data)
            time.sleep(0.05)
            socket.socket.shutdown(client.sock, socket.SHUT_WR)  # TLS goes on
            try:
                while True:
                    client.more()
            except Refused:
                pass
            check(statuses(client.buffer) == want, "%r: %s", data[-40:], client.buffer)


def descriptors(bench):
    return len(os.listdir("/proc/%d/fd" % bench.mrasd.child.pid))


def reloaded(bench, text):
    mark = bench.mrasd.mark()
    bench.mrasd.configure(text)
    bench.mrasd.reload()
    check(bench.mrasd.says("reload: done", mark), "the reload is not done")


def release_takes(bench, count, part):
    """Seconds from the end of so many connections until their descriptors are back."""
    before = descriptors(bench)
    clients = [Client(bench.mrasd, "trusted") for _ in range(count)]
    for client in clients:
        client.send(part)
    during = descriptors(bench)
    check(during >= before + count, "%d descriptors, then %d", before, during)
    for client in clients:
        client.close()
    closed = time.monotonic()
    while descriptors(bench) > before and time.monotonic() < closed + 10:
        time.sleep(0.02)
    return time.monotonic() - closed


@row
def aborted_bodies_give_their_descriptors_back(bench):
    large = b"x" * 500000
    # Not because of a deadline.
    reloaded(bench, bench.text(more=LIMITS.replace("body = 64K", "body = 1M").replace(
        "request = 2s", "request = 60s")))
    for count, part in ((100, POST + b"Content-Length: 1000000\r\n\r\n" + large),
                        (100, POST + CHUNKED + b"\r\nf0000\r\n" + large),
                        (20, POST + LENGTH + b"\r\n" + BODY[:3]), (20, POST[:40]), (20, HIDDEN)):
        took = release_takes(bench, count, part)
        check(took < 2.5, "%d of %r: the descriptors came back after %.1f s", count, part[:60],
              took)
    reloaded(bench, bench.text())


# --- an independent reader ----------------------------------------------------------------------

def seen_by_h11(data):
    """(method, path, body) of the complete requests that h11 finds in a stream."""
    # Blanks before a chunk extension are allowed (RFC 9112 section 7.1.1), but not by h11.
    seen, data = [], re.sub(rb"(\r\n[0-9a-fA-F]+)[ \t]+;", rb"\1;", data)
    while data:
        server = h11.Connection(h11.SERVER)
        # One empty line may precede a request (RFC 9112 section 2.2); h11 knows none.
        server.receive_data(data[2:] if data.startswith(b"\r\n") else data)
        try:
            request, body = server.next_event(), b""
            if not isinstance(request, h11.Request):
                return seen
            while isinstance(event := server.next_event(), h11.Data):
                body += event.data
        except h11.RemoteProtocolError:
            return seen
        if not isinstance(event, h11.EndOfMessage):
            return seen
        seen.append((request.method, request.target.partition(b"?")[0], bytes(body)))
        if request.method == b"CONNECT":
            return seen
        server.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        server.send(h11.EndOfMessage())
        if server.our_state is not h11.DONE:
            return seen
        data = server.trailing_data[0]
    return seen


def served(bench, data):
    """The responses to requests of a stream, without a refusal of its framing."""
    with Client(bench.mrasd, "trusted") as client:
        try:
            client.send(data)
            socket.socket.shutdown(client.sock, socket.SHUT_WR)  # TLS goes on
            while True:
                client.more()
        except Refused:
            pass
        responses = re.split(rb"(?=HTTP/1\.1 \d{3} [A-Z])", client.buffer)[1:]
    responses = [r for r in responses if not r.startswith(b"HTTP/1.1 100 ")]
    refused = [r for r in responses if re.match(rb"HTTP/1\.1 (400|413|414|431|501|505) ", r) and
               b"Connection: close" in r and b'"detail"' in r and not is_answer(r)]
    check(len(refused) <= 1 and responses[len(responses) - len(refused):] == refused,
          "%r: a refusal is not the last response: %s", data, responses)
    return responses[:len(responses) - len(refused)]


def is_answer(response):
    """A problem of /v1/credentials, whose framing was right."""
    return b"not JSON" in response or b"member" in response or b'\\"' in response


def streams():
    """Every shape above, hidden requests behind it, then each with bytes changed at random."""
    last = get(b"Connection: close")
    shapes = [data + HIDDEN for _, data, _ in REFUSED] + [data + last + HIDDEN
                                                          for _, data, _ in SERVED]
    yield from shapes
    rng = random.Random(9112)
    pieces = (b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b",", b"0", b"Content-Length: 3\r\n",
              b"Transfer-Encoding: chunked\r\n", b"HTTP/1.1\r\n", b"\r\n\r\n", b"0\r\n\r\n", HIDDEN)
    good = [shape for shape in shapes[len(REFUSED):] if len(shape) < 1000]
    bad = [shape for shape in shapes[:len(REFUSED)] if len(shape) < 1000]
    for _ in range(1000):
        data = bytearray(rng.choice(rng.choice((good, good, bad))))
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(len(data))
            data[at:at + rng.choice((0, 0, 1, 2))] = rng.choice(pieces)
        yield bytes(data)


def restarted(bench):
    wrong = bench.mrasd.stop()
    check(not wrong, "%s", wrong)
    bench.mrasd.start()


@row
def no_request_is_served_that_h11_does_not_see(bench):
    restarted(bench)
    total = found = 0
    for data in streams():
        answers, requests = served(bench, data), seen_by_h11(data)
        check(len(answers) <= len(requests), "%r: %d served, h11 sees %s: %s", data, len(answers),
              requests, answers)
        for answer, (method, path, body) in zip(answers, requests):
            status = int(answer[9:12])
            if (method, path) == (b"GET", b"/v1/relays"):
                check(status == 200, "%r: %s for %s", data, answer, (method, path, body))
            elif status == 200 and method == b"POST":
                check(path == b"/v1/credentials" and json.loads(body), "%r: %s for %s", data,
                      answer, (method, path, body))
        total, found = total + len(answers), found + len(requests)
    print("        %d requests served of %d that h11 sees" % (total, found))
    # By its own count, too: none was served without a response.
    mark = bench.mrasd.mark()
    restarted(bench)
    counted = re.search(r" HTTP_REQUESTS=(\d+) ", bench.mrasd.log()[mark:])
    check(counted and int(counted.group(1)) == total, "%d responses, but %s", total,
          counted and counted.group(0))
    check(total > 300, "only %d served", total)


def curl(bench, *args):
    """(what it wrote to its output, its trace)"""
    base = os.path.join(bench.directory, "trusted")
    out = subprocess.run(
        ["curl", "-sS", "-v", "--max-time", "10", "--cacert", bench.ca.path("pem"), "--cert",
         base + ".pem", "--key", base + ".key", "--http1.1", "--resolve",
         "mras.lab.example:%d:%s" % (PORT, INSIDE), *args], check=False, capture_output=True,
        timeout=20)
    check(out.returncode == 0, "curl %s: %s", args, out.stderr.decode())
    return out.stdout.decode(), out.stderr.decode()


@row
def curl_is_served_however_it_sends(bench):
    url = "https://mras.lab.example:%d" % PORT
    large = '{"user": "alice",%s "ttl": 600}' % (" " * 60000)
    post = ("-H", "Content-Type: application/json", url + "/v1/credentials")
    for body in (BODY.decode(), large):
        for how in ((), ("-H", "Expect: 100-continue"), ("-H", "Transfer-Encoding: chunked"),
                    ("-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue"),
                    ("--http1.0",)):
            out, trace = curl(bench, *how, "-d", body, *post)
            check("username" in json.loads(out), "%s: %s", how, out)
            check(("100 Continue" in trace) == ("Expect: 100-continue" in how), "%s: %s", how,
                  trace)
    out, trace = curl(bench, "-w", "%{http_code} %{num_connects};", "-d", BODY.decode(), *post,
                      url + "/v1/relays", "-o", "/dev/null", "-o", "/dev/null")
    check(out == "200 1;405 0;", "keep-alive: %s %s", out, trace)


if __name__ == "__main__":
    sys.exit(mras_bench.main())

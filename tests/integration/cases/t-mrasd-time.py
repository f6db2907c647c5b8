#!/usr/bin/python3
# waits: credentials last a minute
"""mrasd over time: slow clients, key rotation, reloads, expiring certificates, and credentials that
last a minute, which is why this test takes one."""

import json
import os
import socket
import ssl
import subprocess
import sys
import time

import lib  # adds ../lib to the path
import mras
import mras_bench
import relay
from netns import check
from mras import Client, Refused, ask_http, ask_sip, http_request
from mras_bench import INSIDE, OUTSIDE, PORT, SERVERS, SKEW_S, row


# --- slow clients -----------------------------------------------------------------------------

@row
def half_open_connections_delay_nobody(bench):
    """200 clients that connect and send nothing, or stop in the handshake."""
    hello = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.wrap_bio(*hello, server_hostname="mras.lab.example").do_handshake()
    except ssl.SSLWantReadError:
        pass
    first_bytes = hello[1].read()
    strangers, slowest = [], 0.0
    try:
        for i in range(200):
            sock = socket.socket()
            # From many addresses and from one, so that both limits apply.
            sock.bind(("127.0.7.%d" % (i if i < 120 else 200), 0))
            sock.connect((INSIDE, PORT))
            sock.sendall((b"", first_bytes[:1], first_bytes[:100], first_bytes)[i % 4])
            strangers.append(sock)
            if i % 20 == 19:
                started = time.monotonic()
                check(ask_sip(bench.mrasd)[0] == "OK", "after %d strangers", i + 1)
                slowest = max(slowest, time.monotonic() - started)
        check(slowest < 1.0, "a trusted server waited for %.2f s", slowest)
        time.sleep(3.3)		# handshake = 3s
        open_ones = 0
        for sock in strangers:
            sock.settimeout(0.01)
            try:
                while sock.recv(65536):
                    pass
            except TimeoutError:
                open_ones += 1
            except ConnectionError:
                pass
        check(open_ones == 0, "%d strangers are still connected", open_ones)
    finally:
        for sock in strangers:
            sock.close()


@row
def slow_requests_are_ended(bench):
    """request = 2s, even if bytes keep trickling in."""
    begun = mras.service_request()[1], http_request("POST", "/v1/credentials", {"user": "a"})
    for request in begun:
        with Client(bench.mrasd, "trusted") as client:
            client.sock.settimeout(0.1)
            started = time.monotonic()
            try:
                for byte in request:
                    client.send(bytes((byte,)))
                    time.sleep(0.1)
                    if time.monotonic() - started > 6:
                        break
            except Refused:
                pass
            check(1.5 < time.monotonic() - started < 5, "a slow request lived for %.1f s",
                  time.monotonic() - started)
    with Client(bench.mrasd, "trusted") as client:
        started = time.monotonic()
        check(client.ends(5), "silence after the handshake is for ever")
        check(time.monotonic() - started > 1.5, "silence is ended too early")


@row
def a_client_that_does_not_read_is_not_read(bench):
    """Responses wait in a bounded queue; then requests wait, then the connection is closed."""
    _, request = mras.service_request(count=50)
    with Client(bench.mrasd, "trusted") as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        client.sock.settimeout(5)
        sent, started = 0, time.monotonic()
        try:
            while sent < 64 << 20 and time.monotonic() - started < 10:
                client.sock.sendall(request)
                sent += len(request)
        except (OSError, ssl.SSLError):
            pass
        check(sent < 32 << 20, "%d bytes of requests were taken without an answer read", sent)
    check(ask_sip(bench.mrasd)[0] == "OK", "afterwards")


def reloaded(bench, text):
    mark = bench.mrasd.mark()
    bench.mrasd.configure(text)
    bench.mrasd.reload()
    check(bench.mrasd.says("reload: done", mark), "the reload is not done")


def answers(client):
    try:
        client.send(mras.service_request()[1])
        return client.response()[0] == "SIP/2.0 200 OK"
    except Refused:
        return False


@row
def idle_connections_give_way(bench):
    """A server that opens too many connections loses the idle ones; the total is limited,
    too."""
    reloaded(bench, bench.text(more="limits {\n\tconnections_per_server = 3\n\tconnections = 5"
                                    "\n\tidentity_per_minute = 0\n}\n"))
    clients = []
    try:
        for _ in range(4):
            clients.append(Client(bench.mrasd, "trusted"))
            check(answers(clients[-1]), "a new connection is not served")
            time.sleep(0.05)
            if len(clients) == 3:
                check(answers(clients[0]), "one of three is not served")
                time.sleep(0.05)
        got = [answers(c) for c in (clients[0], clients[2], clients[3], clients[1])]
        check(got == [True, True, True, False], "who gave way: %s", got)
        clients += [Client(bench.mrasd, "chained") for _ in range(3)]
        check(sum(answers(c) for c in clients) == 3, "more than three of one server")
        clients += [Client(bench.mrasd, "web01") for _ in range(2)]
        check(all(answers(c) for c in clients[-2:]), "another server has no room")
        try:
            check(not answers(Client(bench.mrasd, "web01")), "a sixth connection of five")
        except (OSError, Refused):
            pass
    finally:
        for client in clients:
            client.close()
        reloaded(bench, bench.text())


@row
def strangers_are_turned_away_before_tls(bench):
    """If every server has networks, other addresses get no handshake."""
    servers = {"fe01.lab.example": ["networks = {127.0.0.0/24}", "requests_per_second = 0"]}
    mark = bench.mrasd.mark()
    reloaded(bench, bench.text(servers))
    try:
        with socket.socket() as sock:
            sock.settimeout(5)
            sock.bind(("127.0.9.1", 0))
            sock.connect((INSIDE, PORT))
            try:
                got = sock.recv(1)
            except ConnectionResetError:
                got = b""
            check(got == b"", "a stranger got %r", got)
        check(bench.mrasd.says("not in the networks of a trusted server", mark), "the log")
        check(ask_sip(bench.mrasd)[0] == "OK", "the server itself")
    finally:
        reloaded(bench, bench.text())


@row
def privileges_are_given_up(bench):
    if os.geteuid() != 0:
        print("not root: privileges are not looked at")
        return
    directory = bench.directory
    os.chmod(directory, 0o755)
    second = mras.Mrasd(os.path.join(directory, "second"), INSIDE, PORT + 1, bench.text().replace(
        "port = %d" % PORT, 'port = %d\nuser = "nobody"' % (PORT + 1)).replace(
            "mrasd.sock", "second/mrasd.sock"))
    os.mkdir(second.directory)
    with second.running():
        with open("/proc/%d/status" % second.child.pid, encoding="ascii") as status:
            lines = dict(line.split(":\t", 1) for line in status.read().splitlines()
                         if ":\t" in line)
        check(set(lines["Uid"].split()) == {"65534"}, "Uid %s", lines["Uid"])
        check(lines["CapPrm"] == lines["CapEff"] == "0" * 16, "CapEff %s", lines["CapEff"])
        check(lines["NoNewPrivs"] == "1", "NoNewPrivs %s", lines["NoNewPrivs"])
        second.directory = directory		# where the certificates are
        check(ask_sip(second)[0] == "OK", "it does not serve")
        second.directory = os.path.join(directory, "second")


# --- time, keys, reloads ----------------------------------------------------------------------

@row
def keys_rotate_without_a_gap(bench):
    before = [ask_sip(bench.mrasd)[1][0],
              ask_http(bench.mrasd, {"user": "alice", "ttl": 600})[2]]
    mark = bench.mrasd.mark()
    relay.run(relay.program("avedgectl"), "key", "rotate", "--keys",
              os.path.join(bench.directory, "keys"), "--delay", "0s", "--id", "second")
    check(bench.mrasd.says("changed file: done", mark), "keys are not noticed")
    time.sleep(2.5)		# the relay looks every two seconds, too
    mark = bench.mrasd.mark()
    after = [ask_sip(bench.mrasd)[1][0],
             ask_http(bench.mrasd, {"user": "alice", "ttl": 600})[2]]
    check("KEY_ID=second" in bench.mrasd.log()[mark:], "the new key does not sign")
    for pair in before + after:
        got = bench.allocates(pair["username"], pair["password"])
        check(got is True, "after the rotation: %s: %s", pair["username"], got)


@row
def reloads_are_all_or_nothing(bench):
    mark = bench.mrasd.mark()
    with Client(bench.mrasd, "trusted") as kept, Client(bench.mrasd, "web01") as lost:
        for client in (kept, lost):
            client.send(mras.service_request()[1])
            client.response()
        bench.mrasd.configure(bench.text().replace("realm", "relm"))
        bench.mrasd.reload()
        check(bench.mrasd.says("nothing was changed", mark), "a wrong file is taken")
        lost.send(mras.service_request()[1])
        check(lost.response()[0] == "SIP/2.0 200 OK", "after a wrong file")
        bench.mrasd.configure(bench.text({"fe01.lab.example": SERVERS["fe01.lab.example"]}))
        bench.mrasd.reload()
        check(bench.mrasd.says("web01.lab.example: trusted -> not trusted", mark), "reload")
        check(lost.ends(3), "a server that is trusted no longer stays connected")
        kept.send(mras.service_request()[1])
        check(kept.response()[0] == "SIP/2.0 200 OK", "the other server")
    bench.mrasd.configure(bench.text())
    bench.mrasd.reload()
    check(bench.mrasd.says("web01.lab.example: not trusted -> trusted", mark), "reload back")


@row
def a_revocation_reaches_open_connections(bench):
    certificate = bench.ca.issue("soon-revoked", "fe01", ["fe01.lab.example"])
    with open(bench.crl, "rb") as crl:
        before = crl.read()
    with Client(bench.mrasd, "soon-revoked") as client:
        client.send(mras.service_request()[1])
        check(client.response()[0] == "SIP/2.0 200 OK", "before its revocation")
        bench.ca.revoke(certificate)
        mras.write(bench.crl, bench.ca.crl() + before[before.index(b"-----END"):].split(
            b"\n", 1)[1])
        check(client.ends(5), "revoked, and still connected")


@row
def a_certificate_ends_while_it_is_used(bench):
    bench.ca.issue("brief", "fe01", ["fe01.lab.example"], lasts=3)
    with Client(bench.mrasd, "brief") as sip, Client(bench.mrasd, "brief") as http:
        sip.send(mras.service_request()[1])
        check(sip.response()[0] == "SIP/2.0 200 OK", "while it is valid")
        http.send(http_request("GET", "/v1/relays"))
        check(http.response()[0] == "HTTP/1.1 200 OK", "while it is valid")
        time.sleep(4.2)
        for client, request in ((sip, mras.service_request()[1]),
                                (http, http_request("GET", "/v1/relays"))):
            try:
                client.send(request)
                got = client.response()
            except Refused:
                continue
            check(False, "after its end: %s", got)


@row
def probe_says_what_is_wrong(bench):
    def probe(*args, certificate="trusted", address=INSIDE):
        base = os.path.join(bench.directory, certificate) if certificate else None
        own = ["--cert", base + ".pem", "--key", base + ".key"] if base else []
        got = subprocess.run(
            [relay.program("avedgectl"), "mras-probe", "%s:%d" % (address, PORT), *own, "--ca",
             bench.ca.path("pem"), "--relay-ca", os.path.join(bench.directory, "relay-ca.pem"),
             *args], check=False, capture_output=True, text=True, timeout=60)
        return got.returncode, got.stdout
    # Two relays and three transports; then the same in the Microsoft dialect.
    for args, want in ((("--sip",), 12), (("--http",), 6), (("--http", "--form", "mras"), 12),
                       (("--json",), 12)):
        status, out = probe(*args)
        check(status == 0 and out.count("allocated %s:" % OUTSIDE) == want, "%s: %s", args, out)
    # Every port in an answer over HTTP, the first of each transport over SIP.
    outside = 'host = "%s"\n\tudp_ports = ' % OUTSIDE
    reloaded(bench, bench.text().replace(
        outside + "3478\n\ttcp_ports = 443", outside + "{443, 3478}\n\ttcp_ports = {443, 5349}"))
    for args, want, port in ((("--http",), 8, "TLS port 5349"), (("--sip",), 12, "UDP port 443")):
        status, out = probe(*args)
        check(status == 0 and out.count("allocated %s:" % OUTSIDE) == want and port in out,
              "%s: %s", args, out)
        check(" TCP port 5349" not in out, "%s: without TLS on 5349: %s", args, out)
    reloaded(bench, bench.text())
    document = json.loads(probe("--json")[1])
    check(document["ok"] and all(s["ok"] for s in document["steps"]), "%s", document)
    for certificate, advice in ((None, "use --cert and --key"),
                                ("untrusted", "add it to tls.ca"),
                                ("wrong-name", "add server \"NAME\""),
                                ("expired", "renew it"), ("revoked", "is revoked; use another")):
        status, out = probe(certificate=certificate)
        check(status == 1 and advice in out, "%s: %d %s", certificate, status, out)
        # No step is shown as done and as failed.
        steps = [line.split()[0] for line in out.splitlines() if line[:1] != " "]
        check(len(steps) == len(set(steps)) and "access       FAILED: " in out, "%s: %s",
              certificate, out)
    status, out = probe("--name", "other.lab.example")
    check(status == 1 and "--name" in out, "another name: %s", out)
    status, out = probe(address=OUTSIDE)
    check(status == 3 and "mrasd is not running there" in out, "outside: %d %s", status, out)
    time.sleep(1.1)
    status, out = probe("--identity", "sip:a@evil.example", certificate="web01")
    check(status == 1 and "--identity" in out, "forbidden: %s", out)


# --- a minute ---------------------------------------------------------------------------------

def minute_pairs(bench):
    """Credentials of one minute in each form, checked to be valid now."""
    pairs = [ask_sip(bench.mrasd, minutes=1)[1][0]]
    for form in ("rest", "mras"):
        answer = ask_http(bench.mrasd, {"user": "alice", "ttl": 1, "form": form})[2]
        check(answer["ttl"] == 60, "a second became %s", answer["ttl"])
        pairs.append(answer)
    for pair in pairs:
        got = bench.allocates(pair["username"], pair["password"])
        check(got is True, "a credential of one minute, at once: %s", got)
    return time.monotonic() + 60, pairs


def after_a_minute(bench, begun):
    end, pairs = begun
    time.sleep(max(0, end - 5 - time.monotonic()))
    check(time.monotonic() < end - 1, "the rows took too long: nothing is left of the minute")
    for pair in pairs:
        got = bench.allocates(pair["username"], pair["password"])
        check(got is True, "before its end: %s: %s", pair["username"], got)
    time.sleep(max(0, end + 0.5 - time.monotonic()))
    for pair in pairs:
        got = bench.allocates(pair["username"], pair["password"])
        check(got is True, "within the skew: %s: %s", pair["username"], got)
    check(time.monotonic() < end + SKEW_S - 1, "the rows took too long: the skew is over")
    time.sleep(max(0, end + SKEW_S + 1.1 - time.monotonic()))
    for pair in pairs:
        got = bench.allocates(pair["username"], pair["password"])
        check(got == 401, "after its end: %s: %s", pair["username"], got)


if __name__ == "__main__":
    sys.exit(mras_bench.main(minute_pairs, after_a_minute))

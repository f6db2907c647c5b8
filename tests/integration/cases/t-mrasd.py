#!/usr/bin/python3
"""mrasd from the side of trusted servers and of others, over SIP and HTTP, and the relay that accepts
its credentials."""

import base64
import hashlib
import hmac
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time

import lib  # adds ../lib to the path
import mras
import mras_bench
import relay
import turnclient
from netns import check
from mras import Client, Refused, ask_http, ask_sip, http_request, read_answer
from mras_bench import INSIDE, OUTSIDE, PORT, row


# --- access -----------------------------------------------------------------------------------

@row
def trusted_servers_are_served(bench):
    for name in ("trusted", "web01", "chained", "server-only", "any-use", "only-cn"):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with Client(bench.mrasd, name, version=version) as client:
                client.send(mras.service_request()[1])
                first, _, body = client.response()
                check(first == "SIP/2.0 200 OK" and read_answer(body)[0] == "OK",
                      "%s: %s %s", name, first, body)


REFUSALS = (
    (None, "no certificate"), ("untrusted", "unable to get local issuer"),
    ("wrong-name", "names no trusted server"), ("below", "names no trusted server"),
    ("wildcard", "names no trusted server"), ("cn-and-names", "names no trusted server"),
    ("cn-and-address", "names no trusted server"), ("expired", "has expired"),
    ("not-yet", "not yet valid"), ("revoked", "revoked"),
    ("code-signing", "is not for TLS"), ("far", "outside its networks"))


@row
def everybody_else_gets_nothing(bench):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for name, _ in REFUSALS:
            try:
                with Client(bench.mrasd, name, version=version) as client:
                    client.send(mras.service_request()[1])
                    got = client.response()
            except Refused as err:
                check("alert" in str(err), "%s, %s: no alert: %s", name, version, err)
            else:
                check(False, "%s got %s", name, got)
    log = bench.mrasd.log()
    for name, reason in REFUSALS:
        check(reason in log, "the log does not say why %s was refused: %s", name, reason)


@row
def old_tls_and_no_tls_are_refused(bench):
    hello = subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % (INSIDE, PORT), "-tls1_1", "-cipher",
         "ALL:@SECLEVEL=0"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, timeout=10)
    check("alert protocol version" in hello.stderr, "TLS 1.1: %s", hello.stderr[-300:])
    for talk in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", mras.service_request()[1]):
        with socket.create_connection((INSIDE, PORT), 5) as sock:
            sock.sendall(talk)
            try:
                got = sock.recv(4096)
            except ConnectionResetError:
                got = b""
            check(b"SIP" not in got and b"HTTP" not in got, "plain text got %r", got)


@row
def s_client_shows_the_names_of_our_cas(bench):
    out = subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % (INSIDE, PORT), "-CAfile",
         bench.ca.path("pem")], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, timeout=10).stdout
    check("Acceptable client certificate CA names\nCN = CA ca" in out, "%s", out[-1500:])


@row
def nothing_listens_outside(bench):
    out = subprocess.run(["ss", "-Hltn"], check=True, capture_output=True, text=True).stdout
    listening = [line.split()[3] for line in out.splitlines()]
    check([a for a in listening if a.endswith(":%d" % PORT)] == ["%s:%d" % (INSIDE, PORT)],
          "listening: %s", listening)
    for address in (OUTSIDE, "127.0.0.1"):
        try:
            socket.create_connection((address, PORT), 2).close()
        except ConnectionRefusedError:
            continue
        check(False, "somebody answers at %s port %d", address, PORT)
    wrong = os.path.join(bench.directory, "outside.conf")
    mras.write(wrong, bench.text().replace('addresses = {"%s"}' % INSIDE, 'addresses = {"%s"}'
                                           % OUTSIDE, 1).encode())
    got = subprocess.run([relay.program("mrasd"), "-c", wrong], check=False, timeout=10,
                         capture_output=True, text=True)
    check(got.returncode == 3 and "outside.conf:1:14: addresses: 127.0.2.1 is an outside address"
          in got.stderr, "mrasd on an outside address: %d %s", got.returncode, got.stderr)


# --- SIP --------------------------------------------------------------------------------------

@row
def service_gets_both_relay_lists(bench):
    with Client(bench.mrasd, "trusted") as client:
        call_id, request = mras.service_request()
        client.send(request)
        first, headers, body = client.response()
    reason, credentials, relays = read_answer(body)
    check(first == "SIP/2.0 200 OK" and reason == "OK", "%s %s", first, reason)
    check([v for k, v in headers if k == "call-id"] == [call_id], "%s", headers)
    check(len([v for k, v in headers if k == "via"]) == 2, "%s", headers)
    check(dict(headers)["content-type"] == mras.CONTENT_TYPE, "%s", headers)
    check(any(k == "record-route" and "fe01" in v for k, v in headers), "%s", headers)
    check(";tag=" in dict(headers)["to"], "%s", headers)
    check(credentials[0]["duration"] == "480", "%s", credentials)
    check([(r["location"], r["hostName"], r["udpPort"], r["tcpPort"]) for r in relays] ==
          [("intranet", INSIDE, "3478", "443"), ("internet", OUTSIDE, "3478", "443")],
          "%s", relays)
    for location, host in (("intranet", INSIDE), ("internet", OUTSIDE)):
        relays = ask_sip(bench.mrasd, location=location)[2]
        check([r["hostName"] for r in relays] == [host], "%s: %s", location, relays)


@row
def pairs_work_on_the_relay(bench):
    pairs = [("SIP", ask_sip(bench.mrasd)[1][0])]
    for form in ("rest", "mras"):
        status, _, answer = ask_http(bench.mrasd, {"user": "alice", "form": form, "ttl": 600})
        check(status == 200, "%s: %s", form, answer)
        pairs.append((form, answer))
    for name, pair in pairs:
        for server in ((INSIDE, 3478, "udp"), (OUTSIDE, 3478, "udp"), (OUTSIDE, 443, "tcp"),
                       (INSIDE, 443, "tls")):
            got = bench.allocates(pair["username"], pair["password"], server[:2], server[2])
            check(got is True, "%s pair over %s: %s", name, server, got)
        got = bench.allocates(pair["username"], pair["password"][:-2] + "x=")
        check(got == 401, "%s pair with another password: %s", name, got)


@row
def requests_may_be_pipelined(bench):
    requests = [mras.service_request() for _ in range(300)]
    with Client(bench.mrasd, "trusted", timeout=20) as client:
        client.send_and_read(b"".join(r[1] for r in requests))
        names = set()
        for call_id, _ in requests:
            first, headers, body = client.response()
            check(first == "SIP/2.0 200 OK", "%s", first)
            check(dict(headers)["call-id"] == call_id, "out of order: %s", headers)
            names.add(read_answer(body)[1][0]["username"])
    check(len(names) == 300, "%d distinct tokens of 300", len(names))


@row
def requests_may_be_split_anywhere(bench):
    _, request = mras.service_request()
    with Client(bench.mrasd, "trusted") as client:
        for cut in (1, 5, 40, request.index(b"\r\n\r\n") + 2, len(request) - 1):
            client.send(request[:cut])
            time.sleep(0.02)
            client.send(request[cut:])
            check(client.response()[0] == "SIP/2.0 200 OK", "cut at %d", cut)
        for byte in request[:600]:
            client.send(bytes((byte,)))
        client.send(request[600:])
        check(client.response()[0] == "SIP/2.0 200 OK", "byte by byte")


@row
def connections_are_kept_alive(bench):
    with Client(bench.mrasd, "trusted") as client:
        client.send(b"\r\n\r\n")
        check(client.take(2) == b"\r\n", "no pong")
        client.send(mras.sip_request("OPTIONS"))
        check(client.response()[0] == "SIP/2.0 200 OK", "OPTIONS")
        client.send(b"\r\n\r\n" + mras.service_request()[1] + b"\r\n\r\n")
        check(client.take(2) == b"\r\n", "no pong before an answer")
        check(client.response()[0] == "SIP/2.0 200 OK", "SERVICE")
        check(client.take(2) == b"\r\n", "no pong after an answer")


@row
def sip_faults_have_their_answers(bench):
    with Client(bench.mrasd, "trusted") as client:
        for method, want in (("INVITE", "405"), ("MESSAGE", "405"), ("FOO", "501")):
            client.send(mras.sip_request(method))
            got = client.response()[0]
            check(got.split()[1] in (want, "405", "501"), "%s: %s", method, got)
        client.send(mras.sip_request("SERVICE", "Content-Type: text/plain"))
        check(client.response()[0].startswith("SIP/2.0 415"), "text/plain")
        _, request = mras.service_request()
        client.send(request.replace(b"<identity>", b"<identity<"))
        first, _, body = client.response()
        check(first == "SIP/2.0 200 OK" and read_answer(body)[0] == "Request Malformed",
              "malformed: %s %s", first, body)
        client.send(mras.service_request(count=101)[1])
        check(read_answer(client.response()[2])[0] == "Request Too Large", "101 credentials")
    with Client(bench.mrasd, "trusted") as client:
        _, request = mras.service_request()
        client.send(request.replace(b"Content-Length:", b"Content-Length: 5\r\nl:"))
        check(client.response()[0].startswith("SIP/2.0 400"), "two lengths (attack 53)")
        check(client.ends(2), "two lengths: the connection stays open")
    with Client(bench.mrasd, "trusted") as client:
        client.send(mras.sip_request("SERVICE").replace(b"Length: 0", b"Length: 100000"))
        check(client.response()[0].startswith("SIP/2.0 513"), "body beyond limits.body")
        check(client.ends(2), "body beyond limits.body: the connection stays open")


@row
def all_reasons_fit_the_schema(bench):
    """Each answer is validated as it is read, see mras.fits_schema(); here, one per reason."""
    def ask(old=b"", new=b"", certificate="trusted", **kw):
        with Client(bench.mrasd, certificate) as client:
            request = mras.service_request(**kw)[1]
            head, body = request.split(b"\r\n\r\n", 1)
            body = body.replace(old, new) if old else body
            client.send(re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head) +
                        b"\r\n\r\n" + body)
            return read_answer(client.response()[2])[0]
    got = [ask(minutes=1), ask(minutes=259200), ask(version="1.0"), ask(version="3.0"),
           ask(b"from=", b"route='directip' from=", version="3.0"), ask(count=100),
           ask(b"<identity>", b"<identity "), ask(b"requestID=", b"requestid="), ask(count=101),
           ask(version="4.0"), ask(b"from=", b"route='other' from="),
           ask(certificate="web01", identity="sip:bob@evil.example")]
    check(got == 6 * ["OK"] + 2 * ["Request Malformed"] + ["Request Too Large",
          "Version Mismatch", "Not Supported", "Forbidden"], "%s", got)


def capture_request(bench, *args):
    """What avedgectl mras-probe sends: the body of its SERVICE request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bench.mrasd.path("mras.pem"), bench.mrasd.path("mras.key"))
    with socket.create_server((INSIDE, 0)) as server:
        server.settimeout(20)
        with subprocess.Popen(
                [relay.program("avedgectl"), "mras-probe", "%s:%d" % server.getsockname(),
                 "--cert", bench.mrasd.path("trusted.pem"), "--key",
                 bench.mrasd.path("trusted.key"), "--ca", bench.ca.path("pem"), "--sip", *args],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as probe:
            connection = context.wrap_socket(server.accept()[0], server_side=True)
            connection.settimeout(20)
            with connection:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                head, body = data.split(b"\r\n\r\n", 1)
                length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
                while len(body) < length:
                    body += connection.recv(65536)
            probe.wait(20)
    return body


@row
def requests_of_the_probe_fit_the_schema(bench):
    for args in ((), ("--ttl", "1m"), ("--ttl", "90s"), ("--ttl", "180d"),
                 ("--identity", "sip:a&b<c>\"d\"@lab.example"),
                 ("--identity", "jos\u00e9 \u4e2d")):
        mras.fits_schema(capture_request(bench, *args))


@row
def policy_of_a_server(bench):
    for identity, want in (("sip:bob@lab.example", "OK"), ("sip:bob@evil.example", "Forbidden"),
                           ("sip:bob@notlab.example", "Forbidden")):
        got = ask_sip(bench.mrasd, "web01", identity=identity, minutes=10 ** 7)
        check(got[0] == want, "%s: %s", identity, got)
        if want == "OK":
            check(got[1][0]["duration"] == "30", "ten years were granted: %s", got)
    with Client(bench.mrasd, "web01") as client:
        time.sleep(1.1)
        reasons = []
        for _ in range(12):
            client.send(mras.service_request()[1])
            reasons.append(read_answer(client.response()[2])[0])
        check(reasons[:5] == ["OK"] * 5 and "Server Busy" in reasons[5:],
              "five requests per second: %s", reasons)


# --- user names ---------------------------------------------------------------------------------

# The name asked for; None: it is issued so; the user as records and avedgectl show it.
NAMES = (
    ("alice", None, "alice"),
    ("a b", None, r"a\x20b"),
    ('"a"', None, r"\x22a\x22"),
    ("a:b:1767225600", None, "a:b:1767225600"),
    (":", None, ":"),
    ("1767225600:alice", None, "1767225600:alice"),
    ("\\x41%00%s';--<b>&", None, r"\x5cx41%00%s';--<b>&"),
    ("sip:alice@lab.example;gruu", None, "sip:alice@lab.example;gruu"),
    ("jos\u00e9", None, r"jos\xc3\xa9"),
    ("jose\u0301", "jos\u00e9", r"jos\xc3\xa9"),
    ("a\u00a0b", "a b", r"a\x20b"),
    ("\u0410\u043b\u0438\u0441\u0430 \u4e2d", None, None),
    ("\U0001f600", None, r"\xf0\x9f\x98\x80"),
    ("\ufb01", None, r"\xef\xac\x81"),
    ("x" * 200, None, "x" * 200),
    ("\u00e9" * 200, None, None),
    ("y" * 497, None, None),
)
REFUSED = (("", "is empty"), ("a\nb", "U+000A"), ("\u200b", "U+200B"), ("\u202e", "U+202E"),
           ("\x1b[2J", "U+001B"), ("\x00", "U+0000"), ("x" * 498, "longer than 508 bytes"))


def shown(name):
    """The user in a record: one word of ASCII, 231 bytes at most."""
    words = [chr(b) if 0x20 < b < 0x7f and b not in b'"\\' else r"\x%02x" % b
             for b in name.encode()]
    if sum(map(len, words)) <= 231:
        return "".join(words)
    kept = ""
    for word in words:
        if len(kept + word) > 231 - 34:
            break
        kept += word
    return kept + r"\~" + hashlib.sha256(name.encode()).hexdigest()[:32]


def within(seconds, true, what):
    deadline = time.monotonic() + seconds
    while not true():
        check(time.monotonic() < deadline, "not within %d s: %s", seconds, what)
        time.sleep(0.02)


def ctl(bench, *args):
    out = subprocess.run([relay.program("avedgectl"), *args], check=False, capture_output=True,
                         timeout=20)
    return out.returncode, out.stdout.decode(), out.stderr.decode()


def issue_everywhere(bench, name):
    """The pairs of the two issuers; they must have the same user name but for the expiry."""
    status, _, answer = ask_http(bench.mrasd, {"user": name, "form": "rest", "ttl": 600})
    check(status == 200, "%r: %d %s", name, status, answer)
    code, out, err = ctl(bench, "credential", "--keys", bench.mrasd.path("keys"), "--user", name,
                         "--form", "rest", "--json")
    check(code == 0, "avedgectl credential --user %r: %s", name, err)
    pairs = [answer, json.loads(out)]
    names = [pair["username"].split(":", 1)[1] for pair in pairs]
    check(names[0] == names[1] and len(answer["username"].encode()) <= 508, "%s", names)
    check(answer["iceServers"][0]["username"] == answer["username"], "%s", answer)
    return pairs, names[0]


@row
def rest_names_work_from_end_to_end(bench):
    socket_path = bench.relay.path("relay.sock")
    for name, issued, user in NAMES:
        pairs, got = issue_everywhere(bench, name)
        issued, user = issued or name, user or shown(issued or name)
        check(got == issued and shown(issued) == user, "%r was issued as %r", name, got)
        for pair in pairs:
            client = turnclient.Client((OUTSIDE, 3478), "udp", pair["username"],
                                       pair["password"])
            client.allocate()
            for spelling in (user, issued):
                code, out, err = ctl(bench, "allocations", "--socket", socket_path, "--json",
                                     "--user", spelling)
                if spelling == issued and "\\" in issued and " " not in issued:
                    continue  # must be typed as it is shown
                rows = json.loads(out)["allocations"] if code == 0 else []
                check([r["user"] for r in rows] == [user], "%r as %r: %s %s", name, spelling,
                      out, err)
            out = ctl(bench, "limits", "--socket", socket_path, "--json")[1]
            check({"user": user, "allocations": 1} in [
                {k: r[k] for k in ("user", "allocations")} for r in json.loads(out)["users"]],
                  "%r in limits: %s", name, out)
            out = ctl(bench, "allocations", "--socket", socket_path)[1]
            check(out.isprintable() or all(c == "\n" or c.isprintable() for c in out), "%r", out)
            mark = len(bench.relay.log())
            code, out, err = ctl(bench, "kill", "--socket", socket_path, "--user", user)
            check(code == 0, "kill --user %s: %s", user, err)
            field = ' USER="?%s"? ' % re.escape(user)
            within(5, lambda: re.search(field, bench.relay.log()[mark:]), "the record of " + user)
            client.close()


@row
def one_user_is_one_quota(bench):
    """In both spellings, and not another whose first 231 bytes are the same."""
    long_ones = ["z" * 400 + end for end in "ab"]
    users = [shown(name) for name in long_ones]
    check(users[0] != users[1], "%s", users)
    clients = []
    for name in (long_ones[0], long_ones[0], long_ones[1], "e\u0301", "\u00e9"):
        pair = ask_http(bench.mrasd, {"user": name, "form": "rest"})[2]
        clients.append(turnclient.Client((OUTSIDE, 3478), "udp", pair["username"],
                                         pair["password"]))
        clients[-1].allocate()
    out = ctl(bench, "limits", "--socket", bench.relay.path("relay.sock"), "--json")[1]
    got = {r["user"]: r["allocations"] for r in json.loads(out)["users"]}
    check(got == {users[0]: 2, users[1]: 1, shown("\u00e9"): 2}, "%s", got)
    for client in clients:
        client.refresh(0)
        client.close()


@row
def names_outside_the_profile_are_refused(bench):
    for name, why in REFUSED:
        status, _, answer = ask_http(bench.mrasd, {"user": name, "form": "rest"})
        check(status == 400 and why in answer["detail"], "%r: %d %s", name, status, answer)


@row
def others_may_issue_any_name(bench):
    """An application with the secret may issue what we do not: UTF-8 outside the profile is
    served, other bytes are no user name of STUN (RFC 8489 section 14.3)."""
    for name, want in ((b"a\xe2\x80\x8b", None), (b"e\xcc\x81", None), (b"\x1b[2J", None),
                       (b"jos\xe9", 400), (b"\xff\xfe", 400)):
        user = b"%d:" % (time.time() + 600) + name
        password = base64.b64encode(hmac.new(bench.relay.secret().encode(), user,
                                             "sha1").digest())
        client = turnclient.Client((OUTSIDE, 3478), "udp", user, password)
        reply = client.request(turnclient.ALLOCATE, (turnclient.UDP_TRANSPORT,))
        check(reply.code == want, "%r: %s", name, reply.code)
        if want is None:
            code, out, err = ctl(bench, "allocations", "--socket",
                                 bench.relay.path("relay.sock"), "--json")
            check(code == 0 and [r["user"] for r in json.loads(out)["allocations"]] ==
                  [shown(name.decode())], "%r: %s %s", name, out, err)
            client.refresh(0)
        client.close()


# --- HTTP -------------------------------------------------------------------------------------

def curl(bench, path, *args, certificate="trusted"):
    """(status, headers, body)"""
    base = os.path.join(bench.directory, certificate)
    out = subprocess.run(
        ["curl", "-sS", "-i", "--max-time", "10", "--cacert", bench.ca.path("pem"), "--cert",
         base + ".pem", "--key", base + ".key", "--resolve",
         "mras.lab.example:%d:%s" % (PORT, INSIDE), *args,
         "https://mras.lab.example:%d%s" % (PORT, path)], check=False, capture_output=True,
        timeout=20)
    check(out.returncode == 0, "curl %s: %s", path, out.stderr.decode())
    head, body = out.stdout.split(b"\r\n\r\n", 1)
    while head.startswith(b"HTTP/1.1 100"):
        head, body = body.split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    headers = {k.lower(): v.strip() for k, v in (i.split(":", 1) for i in lines)}
    status, document = int(first.split()[1]), json.loads(body)
    bench.description.answer(method(args), path, sent(args) if status == 200 else None, status,
                             headers["content-type"], document)
    return status, headers, document


def method(args):
    """The HTTP method of these curl options."""
    return args[args.index("-X") + 1] if "-X" in args else "POST" if "-d" in args else "GET"


def sent(args):
    return json.loads(args[args.index("-d") + 1]) if "-d" in args else None


JSON = ("-H", "Content-Type: application/json")


@row
def curl_gets_credentials(bench):
    status, headers, answer = curl(bench, "/v1/credentials", *JSON, "-d",
                                   '{"user": "alice", "ttl": 600, "form": "rest"}')
    check(status == 200 and headers["content-type"] == "application/json", "%s", headers)
    check(headers["cache-control"] == "no-store", "%s", headers)
    check(bench.allocates(answer["username"], answer["password"]) is True, "%s", answer)
    check(answer["iceServers"][0]["urls"] == [
        "turn:%s:3478?transport=udp" % INSIDE, "turn:%s:443?transport=tcp" % INSIDE,
        "turns:%s:443?transport=tcp" % INSIDE, "turn:%s:3478?transport=udp" % OUTSIDE,
        "turn:%s:443?transport=tcp" % OUTSIDE, "turns:%s:443?transport=tcp" % OUTSIDE],
        "%s", answer)
    _, _, answer = curl(bench, "/v1/credentials", *JSON, "-d",
                        '{"user": "alice", "location": "intranet"}')
    check(all(INSIDE in url for url in answer["iceServers"][0]["urls"]), "%s", answer)
    status, _, answer = curl(bench, "/v1/relays")
    check(status == 200 and [r["host"] for r in answer["relays"]] == [INSIDE, OUTSIDE],
          "%s", answer)


@row
def curl_gets_problems(bench):
    large = os.path.join(bench.directory, "large")
    mras.write(large, b'{"user": "' + b"a" * 70000 + b'"}')
    rows = (("/", (), 404), ("/v1/credentials", (), 405), ("/v1/relays", ("-X", "PUT"), 405),
            ("/v1/credentials", ("-d", "user=alice"), 415),
            ("/v1/credentials", JSON + ("-d", "{"), 400),
            ("/v1/credentials", JSON + ("-d", '{"user": "a", "user": "b"}'), 400),
            ("/v1/credentials", JSON + ("-d", "@" + large), 413),
            ("/v1/credentials", JSON + ("-H", "Transfer-Encoding: chunked", "-d", "@" + large),
             413))
    for path, args, want in rows:
        status, headers, answer = curl(bench, path, *args)
        check(status == want, "%s %s: %d", path, args, status)
        check(headers["content-type"] == "application/problem+json" and
              answer["status"] == want and answer["detail"], "%s %s: %s", path, args, answer)
        check((want == 405) == ("allow" in headers), "%s %s: %s", path, args, headers)
    time.sleep(1.1)
    status, _, answer = curl(bench, "/v1/credentials", *JSON, "-d", '{"user": "x@evil"}',
                             certificate="web01")
    check(status == 403, "%d %s", status, answer)
    codes = [curl(bench, "/v1/relays", certificate="web01") for _ in range(12)]
    late = [c for c in codes if c[0] == 429]
    check(late and all(int(c[1]["retry-after"]) > 0 for c in late), "%s",
          [c[0] for c in codes])


@row
def http_is_kept_alive_and_pipelined(bench):
    request = http_request("POST", "/v1/credentials", {"user": "alice"})
    with Client(bench.mrasd, "trusted", timeout=20) as client:
        for cut in range(1, len(request), 17):
            client.send(request[:cut])
            time.sleep(0.002)
            client.send(request[cut:])
            check(client.response()[0] == "HTTP/1.1 200 OK", "cut at %d", cut)
        client.send_and_read(request * 300)
        for _ in range(300):
            check(client.response()[0] == "HTTP/1.1 200 OK", "pipelined")
        client.send(http_request("GET", "/v1/relays", headers=["Connection: close"]))
        check(client.response()[0] == "HTTP/1.1 200 OK", "the last")
        check(client.ends(2), "Connection: close, and it stays open")


@row
def other_languages_are_closed(bench):
    for talk, why in ((b"EHLO there\r\n", "ends in neither SIP/2.0 nor HTTP/1.1"),
                      (b"\x16\x03\x01\x02\x00", "has a control character"),
                      (b"GET / QUIC/2.0\r\n", "ends in neither SIP/2.0 nor HTTP/1.1"),
                      (b"A" * 9000, "is too long")):
        mark = bench.mrasd.mark()
        with Client(bench.mrasd, "trusted") as client:
            client.send(talk)
            check(client.ends(1), "%r stays open", talk[:20])
        check(bench.mrasd.says("speaks neither SIP nor HTTP: its first line " + why, mark),
              "%s", bench.mrasd.log()[mark:])


if __name__ == "__main__":
    # No key, or a wrong clock: tests/unit/auth/test_http; relays with an address: test_http_relays.
    sys.exit(mras_bench.main(but=["= 50[03]$", "/Relay/properties/address$"]))

#!/usr/bin/python3
"""mrasd from its operator's side: access to the control interface, draining relays while credentials
are issued, reloads with a valid and an invalid file, and metrics."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import lib  # adds ../lib to the path
import control
import mras
import mras_bench
import relay
from netns import check
from control import Connection
from mras import Client, ask_http, ask_sip, http_request
from mras_bench import INSIDE, LIMITS, OUTSIDE, PORT, row

METRICS = ("127.0.0.1", 9479)
SECOND = "127.0.2.2"        # another relay on the outside
MORE = LIMITS + ('relay {\n\tlocation = outside\n\thost = av2.lab.example\n\taddress = "%s"\n}\n'
                 % SECOND)


def text(bench, servers=None, more=MORE):
    return bench.text(servers, more).replace('address = ""', 'address = "%s:%d"' % METRICS)


def ask(bench, method, path, body=None):
    """(status, document)"""
    return control.ask(bench.mrasd.path("mrasd.sock"), method, path, body,
                       description=bench.description)


def scrape(accept="application/openmetrics-text"):
    connection = http.client.HTTPConnection(*METRICS, timeout=10)
    connection.request("GET", "/metrics", headers={"Accept": accept})
    answer = connection.getresponse()
    body = answer.read().decode()
    check(answer.status == 200, "metrics: %d %s", answer.status, body)
    connection.close()
    return body


def value(figures, sample):
    found = re.search("^%s (.*)$" % re.escape(sample), figures, re.MULTILINE)
    check(found is not None, "no sample %s in\n%s", sample, figures)
    return float(found.group(1))


def hosts(bench):
    """The relays in responses over SIP and over HTTP."""
    sip = ask_sip(bench.mrasd)
    check(sip[0] == "OK", "SIP: %s", sip)
    status, _, answer = ask_http(bench.mrasd, {"user": "alice"})
    check(status == 200, "HTTP: %s %s", status, answer)
    with Client(bench.mrasd, "trusted") as client:
        client.send(http_request("GET", "/v1/relays"))
        listed = json.loads(client.response()[2])["relays"]
    uris = [re.match("turns?:([^:?]*)", uri).group(1)
            for server in answer["iceServers"] for uri in server["urls"]]
    return (sorted(r["hostName"] for r in sip[2]), sorted(set(uris)),
            sorted(r["host"] for r in listed))


# --- the control interface --------------------------------------------------------------------

@row
def others_are_refused(bench):
    """By the mode of the socket, and by their user id if that was changed."""
    if os.geteuid() != 0:
        print("not root: nobody else to be")
        return
    control.others_are_refused(bench.mrasd.path("mrasd.sock"), "/v1/relays/%s/drain" % SECOND,
                               bench.description)
    check(not any(r["draining"] for r in ask(bench, "GET", "/v1/relays")[1]["relays"]),
          "and yet it drains")


@row
def a_group_may_use_it(bench):
    if os.geteuid() != 0:
        print("not root: no groups to give")
        return
    directory = os.path.join(bench.directory, "second")
    os.mkdir(directory)
    second = mras.Mrasd(directory, INSIDE, PORT + 1, bench.text(more=LIMITS + (
        'control {\n\tsocket = "%s/mrasd.sock"\n\tgroup = nogroup\n}\n' % directory)).replace(
            "port = %d" % PORT, "port = %d" % (PORT + 1)))
    with second.running():
        path = second.path("mrasd.sock")
        check(os.stat(path).st_mode & 0o777 == 0o660, "mode %o", os.stat(path).st_mode & 0o777)
        got = subprocess.run(
            ["setpriv", "--reuid", str(control.NOBODY), "--regid", "nogroup", "--clear-groups", "curl",
             "-s", "--unix-socket", path, "http://localhost/v1/status"],
            capture_output=True, text=True, check=False, timeout=20)
        check('"state":"serving"' in got.stdout, "a member of the group got %s %s",
              got.stdout, got.stderr)
    check(not os.path.exists(path), "the socket stays behind")
    shutil.rmtree(directory)


@row
def status_tells_what_runs(bench):
    before = ask(bench, "GET", "/v1/status")[1]
    ask_sip(bench.mrasd)
    try:
        Client(bench.mrasd, "revoked").ends(5)
    except mras.Refused:
        pass
    with Client(bench.mrasd, "trusted"):
        status = ask(bench, "GET", "/v1/status")[1]
    check(status["pid"] == bench.mrasd.child.pid and status["state"] == "serving", "%s", status)
    check(status["connections"]["open"] == 1, "%s", status["connections"])
    check(status["credentials"]["issued"] == before["credentials"]["issued"] + 1, "%s", status)
    check(status["connections"]["refused_by"]["revoked"] ==
          before["connections"]["refused_by"]["revoked"] + 1, "%s", status["connections"])
    files = {f["key"]: f for f in status["files"]}
    check(files["tls.crl"]["count"] == 3 and files["tls.certificate"]["not_after"],
          "%s", files)


# --- drain ------------------------------------------------------------------------------------

@row
def a_draining_relay_is_not_named(bench):
    both, inside = sorted((OUTSIDE, "av2.lab.example")), [INSIDE]
    check(hosts(bench)[0] == sorted(both + inside), "before: %s", hosts(bench))
    for name in (SECOND, "AV2.lab.example"):
        status, _ = ask(bench, "PUT", "/v1/relays/%s/drain" % name)
        check(status == 200, "drain: %d", status)
        for where in hosts(bench):
            check(where == sorted([OUTSIDE] + inside), "%s drains and is named: %s", name,
                  where)
        # A reload keeps the drain.
        check(ask(bench, "POST", "/v1/reload")[0] == 200, "reload")
        check("av2.lab.example" not in hosts(bench)[0], "a reload forgets the drain")
        pair = ask_sip(bench.mrasd)[1][0]
        got = bench.allocates(pair["username"], pair["password"])
        check(got is True, "credentials do not go on: %s", got)
        check(ask(bench, "DELETE", "/v1/relays/%s/drain" % name)[0] == 200, "undrain")
        for where in hosts(bench):
            check(where == sorted(both + inside), "afterwards: %s", where)


@row
def the_last_relay_is_named_until_somebody_insists(bench):
    path = "/v1/relays/%s/drain" % INSIDE
    check(ask(bench, "PUT", path)[0] == 409, "the last relay inside drains")
    check(INSIDE in hosts(bench)[0], "and is gone")
    check(ask(bench, "PUT", "/v1/relays/10.9.9.9/drain")[0] == 404, "a relay from nowhere")
    check(ask(bench, "PUT", path, {"force": True})[0] == 200, "by force")
    check(INSIDE not in hosts(bench)[0], "by force, and still named")
    # No relay is left for inside clients: a response without relays.
    with Client(bench.mrasd, "trusted") as client:
        client.send(mras.service_request(location="intranet")[1])
        got = mras.read_answer(client.response()[2])
        check(got[0] == "Not Supported" and not got[2], "intranet: %s", got)
    refused = ask(bench, "GET", "/v1/status")[1]["credentials"]["refused_by"]
    check(refused["no_relay"] == 1, "%s", refused)
    check(ask(bench, "DELETE", path)[0] == 200, "undrain")


@row
def avedgectl_drains(bench):
    def run(*args):
        got = subprocess.run(
            [relay.program("avedgectl"), "mras", *args, "--socket",
             bench.mrasd.path("mrasd.sock")], capture_output=True, text=True, check=False,
            timeout=20)
        return got.returncode, got.stdout + got.stderr
    check(run("status")[0] == 0, "status: %s", run("status"))
    status, out = run("drain", SECOND)
    check(status == 0 and "av2.lab.example" not in hosts(bench)[0], "drain: %d %s", status, out)
    status, out = run("relays")
    check(status == 0 and "av2.lab.example" in out, "relays: %d %s", status, out)
    status, out = run("drain", OUTSIDE)
    check(status != 0 and "last active relay" in out, "the last one: %d %s", status, out)
    status, out = run("undrain", SECOND)
    check(status == 0 and "av2.lab.example" in hosts(bench)[0], "undrain: %d %s", status, out)
    bench.mrasd.configure(text(bench).replace("realm", "relm"))
    status, out = run("reload")
    check(status != 0 and "mrasd.conf:4:1: unknown key" in out, "wrong: %d %s", status, out)
    bench.mrasd.configure(text(bench))
    status, out = run("reload")
    check(status == 0, "right: %d %s", status, out)


# --- reload -----------------------------------------------------------------------------------

def changes(document):
    return {c["key"]: (c["before"], c["after"], c["effect"]) for c in document["changes"]}


@row
def a_wrong_file_changes_nothing(bench):
    generation = ask(bench, "POST", "/v1/reload")[1]["generation"]
    wrong = (
        (text(bench).replace("realm", "relm"), "mrasd.conf:4:1: unknown key"),
        (text(bench).replace("mras.pem", "ca.crl"), "mrasd.conf:7:16: tls.certificate: "),
        (text(bench).replace('/keys"', '/mras.key"'), "mrasd.conf:3:8: keys: "),
        (text(bench).replace('addresses = {"%s"}' % INSIDE,
                             'addresses = {"%s", "192.0.2.77"}' % INSIDE),
         "mrasd.conf:1:13: addresses: "))
    with Client(bench.mrasd, "trusted") as kept:
        for config, want in wrong:
            bench.mrasd.configure(config)
            status, problem = ask(bench, "POST", "/v1/reload")
            check(status == 422 and want in problem["detail"], "%s: %d %s", want, status,
                  problem)
            kept.send(mras.service_request()[1])
            check(kept.response()[0] == "SIP/2.0 200 OK", "a connection after %s", want)
            last = ask(bench, "GET", "/v1/status")[1]["reload"]
            check(last["result"] == "rejected" and last["error"] == problem["detail"],
                  "%s", last)
            check(value(scrape(), "avedge_reload_successful") == 0, "not in the metrics")
    bench.mrasd.configure(text(bench))
    status, document = ask(bench, "POST", "/v1/reload")
    check(status == 200 and document == {"result": "unchanged", "generation": generation,
                                         "changes": [], "restart_pending": []}, "%d %s", status, document)
    check(value(scrape(), "avedge_reload_successful") == 1, "still failed in the metrics")


@row
def changes_are_told_key_by_key(bench):
    servers = {"fe01.lab.example": ["requests_per_second = 0"],
               "new.lab.example": ["max_duration = 1h"]}
    bench.mrasd.configure('user = "nobody"\n' + text(bench, servers).replace(
        'realm = "edge"', 'realm = "other"'))
    status, document = ask(bench, "POST", "/v1/reload")
    check(status == 200 and document["result"] == "applied", "%d %s", status, document)
    check(changes(document) == {
        "realm": ("edge", "other", "applied"),
        "user": ("", "nobody", "restart"),
        "server.web01.lab.example": ("trusted", "not trusted", "applied"),
        "server.far.lab.example": ("trusted", "not trusted", "applied"),
        "server.new.lab.example": ("not trusted", "trusted", "applied")}, "%s", document)
    keys = {k["key"]: k["value"] for k in ask(bench, "GET", "/v1/configuration")[1]["keys"]}
    check(keys["realm"] == "other" and keys["user"] == "" and
          keys["server.new.lab.example.max_duration"] == "1h", "%s", keys)
    bench.mrasd.configure(text(bench))
    check(ask(bench, "POST", "/v1/reload")[1]["result"] == "applied", "back")


@row
def listeners_come_and_go(bench):
    """The port changes: new connections use it, existing ones continue."""
    def serves(address, port):
        try:
            socket.create_connection((address, port), 2).close()
            return True
        except OSError:
            return False
    with Client(bench.mrasd, "trusted") as kept:
        bench.mrasd.configure(text(bench).replace(
            'addresses = {"%s"}\nport = %d' % (INSIDE, PORT),
            'addresses = {"%s", "127.0.1.2"}\nport = %d' % (INSIDE, PORT + 5)))
        status, document = ask(bench, "POST", "/v1/reload")
        check(status == 200 and set(changes(document)) == {"addresses", "port"}, "%d %s",
              status, document)
        check(serves(INSIDE, PORT + 5) and serves("127.0.1.2", PORT + 5), "no new listener")
        check(not serves(INSIDE, PORT), "the old listener is still there")
        kept.send(mras.service_request()[1])
        check(kept.response()[0] == "SIP/2.0 200 OK", "an old connection")
        with socket.create_server((INSIDE, PORT)):
            bench.mrasd.configure(text(bench))
            status, problem = ask(bench, "POST", "/v1/reload")
            check(status == 422 and str(PORT) in problem["detail"], "a port that is taken: "
                  "%d %s", status, problem)
            check(serves(INSIDE, PORT + 5), "the listener of before is gone")
    check(ask(bench, "POST", "/v1/reload")[0] == 200, "back")
    check(serves(INSIDE, PORT) and not serves(INSIDE, PORT + 5), "back")
    check(ask_sip(bench.mrasd)[0] == "OK", "afterwards")


@row
def files_are_watched(bench):
    """Without a reload; changes are logged, an invalid file changes nothing."""
    keys = bench.mrasd.path("keys")
    with open(keys, "rb") as before:
        content = before.read()
    mark = bench.mrasd.mark()
    mras.write(keys, b"nonsense\n")
    os.chmod(keys, 0o640)
    check(bench.mrasd.says("changed file: .*; nothing was changed", mark), "not noticed")
    check(ask_sip(bench.mrasd)[0] == "OK", "with a wrong keyring")
    check(value(scrape(), "avedge_reload_successful") == 0, "not in the metrics")
    mark = bench.mrasd.mark()
    mras.write(keys, content)
    os.chmod(keys, 0o640)
    check(bench.mrasd.says("changed file: done", mark), "not noticed")
    mark = bench.mrasd.mark()
    mras.write(keys, content.strip() + b" 2020-01-01T00:00:00Z 2099-01-01T00:00:00Z\n")
    os.chmod(keys, 0o640)
    check(bench.mrasd.says("changed file: done", mark), "not noticed")
    check([(k["not_before"], k["not_after"]) for k in ask(bench, "GET", "/v1/status")[1]["keys"]]
          == [("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z")], "keys with bounds")
    mark = bench.mrasd.mark()
    mras.write(bench.crl, open(bench.crl, "rb").read() + b"\n")
    check(bench.mrasd.says(r"reload: tls.crl: 3 lists; until .* -> 3 lists; until .*; read again",
                           mark), "a revocation list")
    ends = ask(bench, "GET", "/v1/status")[1]["files"][1]["not_after"]
    mark = bench.mrasd.mark()
    bench.ca.issue("mras", "mras.lab.example", ["mras.lab.example"], [INSIDE],
                   usage=[mras.SERVER], lasts=7200)
    check(bench.mrasd.says(r"reload: tls.certificate: serial .* -> serial ", mark),
          "the certificate")
    check(ask(bench, "GET", "/v1/status")[1]["files"][1]["not_after"] != ends, "status")
    check(ask_sip(bench.mrasd)[0] == "OK", "with the new certificate")


@row
def reloads_disturb_nobody(bench):
    """Reloads that switch between two files while a server sends requests without a pause."""
    served, wrong, done = [0], [], threading.Event()

    def ask_on():
        with Client(bench.mrasd, "trusted") as client:
            while not done.is_set():
                client.send(mras.service_request()[1])
                first, _, body = client.response()
                if first != "SIP/2.0 200 OK" or mras.read_answer(body)[0] != "OK":
                    wrong.append(body)
                served[0] += 1
    asking = threading.Thread(target=ask_on)
    asking.start()
    try:
        for i in range(40):
            bench.mrasd.configure(text(bench).replace(
                'realm = "edge"', 'realm = "r%d"' % i))
            status, document = ask(bench, "POST", "/v1/reload")
            check(status == 200 and changes(document)["realm"][1] == "r%d" % i, "%d %s", status,
                  document)
    finally:
        done.set()
        asking.join(10)
        bench.mrasd.configure(text(bench))
        ask(bench, "POST", "/v1/reload")
    check(served[0] > 40 and not wrong, "%d served, wrong: %s", served[0], wrong[:1])


@row
def it_stops_during_requests(bench):
    """SIGTERM during constant requests to the control socket and for metrics."""
    directory = os.path.join(bench.directory, "third")
    os.mkdir(directory)
    third = mras.Mrasd(directory, INSIDE, PORT + 1, bench.text(more=LIMITS + (
        'control {\n\tsocket = "%s/mrasd.sock"\n}\n' % directory)).replace(
            "port = %d" % PORT, "port = %d" % (PORT + 1)).replace(
                'address = ""', 'address = "127.0.0.1:9480"'))
    third.start()

    def hammer(connect, path):
        while third.child.poll() is None:
            try:
                connection = connect()
                connection.request("GET", path)
                connection.getresponse().read()
                connection.close()
            except (OSError, http.client.HTTPException):
                pass
    threads = [threading.Thread(target=hammer, args=args) for args in (
        (lambda: Connection(third.path("mrasd.sock")), "/v1/status"),
        (lambda: Connection(third.path("mrasd.sock")), "/v1/configuration"),
        (lambda: http.client.HTTPConnection("127.0.0.1", 9480, timeout=10), "/metrics"))]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    wrong = third.stop()
    took = time.monotonic() - started
    for thread in threads:
        thread.join(15)
    check(not wrong and took < 3, "it ended after %.1f s: %s", took, wrong)
    shutil.rmtree(directory)


@row
def what_is_asked_wrongly(bench):
    control.wrong_requests(bench.mrasd.path("mrasd.sock"), bench.description,
                           "/v1/relays/%s/drain" % SECOND)


HIDDEN = b"GET /v1/log-levels HTTP/1.1\r\nHost: localhost\r\n\r\n"
PUT = (b"PUT /v1/log-levels/main HTTP/1.1\r\nHost: localhost\r\n"
       b"Content-Type: application/json\r\n")
BODY = b'{"level": null}'
LENGTH, LONGER = (b"Content-Length: %d\r\n" % n for n in (len(BODY), len(BODY) + len(HIDDEN)))
CHUNKED, CHUNKS = b"Transfer-Encoding: chunked\r\n", b"f\r\n" + BODY + b"\r\n0\r\n\r\n"

# Two readers may see another end: the first is refused, nothing after it is served.
AMBIGUOUS = (
    ("length and chunked", PUT + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n" + CHUNKS),
    ("chunked and longer length", PUT + CHUNKED + LONGER + b"\r\n" + CHUNKS),
    ("two lengths", PUT + LENGTH + LONGER + b"\r\n" + BODY),
    ("the longer length first", PUT + LONGER + LENGTH + b"\r\n" + BODY),
    ("equal lengths", PUT + LENGTH + LENGTH + b"\r\n" + BODY),
    ("chunked, then identity", PUT + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n" + CHUNKS),
    ("identity", PUT + LENGTH + b"Transfer-Encoding: identity\r\n\r\n" + BODY),
    ("unknown coding", PUT + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS),
    ("tab before the coding", PUT + b"Transfer-Encoding:\tchunked\r\n" + LENGTH + b"\r\n" + BODY),
    ("HTTP/1.0 with chunked", PUT.replace(b"1.1", b"1.0") + CHUNKED +
     b"Connection: keep-alive\r\n\r\n" + CHUNKS),
    ("blank before the colon", PUT + LENGTH.replace(b":", b" :") + b"\r\n" + BODY),
    ("two Hosts", PUT + b"Host: localhost\r\n" + LENGTH + b"\r\n" + BODY),
    ("negative length", PUT + b"Content-Length: -1\r\n\r\n" + BODY),
)


def answered(sock, data):
    """The statuses of everything that comes before the connection closes; None: it does not."""
    sock.settimeout(3)
    sock.sendall(data)
    got = b""
    try:
        while piece := sock.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    except TimeoutError:
        return None
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", got)]


@row
def ambiguous_requests_hide_nothing(bench):
    """Over the control socket, and at the listener of metrics."""
    for name, request in AMBIGUOUS:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(bench.mrasd.path("mrasd.sock"))
            got = answered(sock, request + HIDDEN)
            check(got and set(got) == {400}, "control, %s: %s", name, got)
        get = request.replace(b"PUT /v1/log-levels/main", b"GET /metrics")
        with socket.create_connection(METRICS) as sock:
            got = answered(sock, get + HIDDEN.replace(b"/v1/log-levels", b"/metrics"))
            check(got and set(got) == {400}, "metrics, %s: %s", name, got)
    last = HIDDEN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    for request in (PUT + LENGTH + b"\r\n" + BODY, PUT + CHUNKED + b"\r\n" + CHUNKS):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(bench.mrasd.path("mrasd.sock"))
            got = answered(sock, request + last)
            check(got == [200, 200], "%s: %s", request, got)


@row
def log_levels_are_set(bench):
    levels = ask(bench, "GET", "/v1/log-levels")[1]["subsystems"]
    check("front" in levels and "peer" not in levels, "%s", levels)
    status, answer = ask(bench, "PUT", "/v1/log-levels/peer", {"level": "debug"})
    check(status == 404 and answer["detail"].endswith(
        "use one of default, main, reload, control, front, auth, records"), "%d %s", status, answer)

    def connect():
        """The answer comes after the line."""
        with Client(bench.mrasd, "trusted") as client:
            client.send(mras.service_request()[1])
            client.response()

    mark = bench.mrasd.mark()
    connect()
    check("connected" not in bench.mrasd.log()[mark:], "front logs each connection")
    check(ask(bench, "PUT", "/v1/log-levels/front", {"level": "debug"})[0] == 200, "set")
    connect()
    check(bench.mrasd.says("connected", mark), "front is silent")
    check(ask(bench, "PUT", "/v1/log-levels/front", {"level": None})[0] == 200, "back")
    check(bench.mrasd.says("log level of front: the default", mark), "back is not logged")
    mark = bench.mrasd.mark()
    connect()
    check(bench.mrasd.says("credential issued", mark), "no record")
    check("connected" not in bench.mrasd.log()[mark:], "front still logs each connection")


# --- metrics ----------------------------------------------------------------------------------

@row
def metrics_count(bench):
    issued = "avedge_mras_credentials_issued_total{form=\"%s\",transport=\"%s\"}"
    before = scrape()
    ask_sip(bench.mrasd)
    ask_http(bench.mrasd, {"user": "alice"})
    ask_http(bench.mrasd, {"user": "alice", "form": "mras"})
    ask_http(bench.mrasd, {"user": "sip:a@evil.example"}, certificate="web01")
    ask_http(bench.mrasd, {"usr": "alice"})
    try:
        Client(bench.mrasd, "expired").ends(5)
    except mras.Refused:
        pass
    after = scrape()

    def grew(sample):
        return value(after, sample) - value(before, sample)
    for form, transport in (("mras", "sip"), ("rest", "https"), ("mras", "https")):
        check(grew(issued % (form, transport)) == 1, "%s over %s", form, transport)
    for reason in ("forbidden", "not_understood"):
        check(grew('avedge_mras_credentials_refused_total{reason="%s"}' % reason) == 1, reason)
    check(grew('avedge_mras_handshakes_refused_total{reason="expired"}') == 1, "expired")
    check(grew('avedge_mras_request_duration_seconds_count{transport="https"}') == 4, "https")
    check(value(after, "avedge_mras_ca_expiry_timestamp_seconds") > time.time(), "CA")
    check(value(after, "process_open_fds") > 5, "process")
    check("alice" not in after and "evil" not in after, "a user is named")


@row
def promtool_finds_nothing_wrong(_):
    if shutil.which("promtool") is None:
        print("no promtool: not checked")
        return
    got = subprocess.run(["promtool", "check", "metrics"], input=scrape("text/plain"), text=True,
                         capture_output=True, check=False, timeout=30)
    check(got.returncode == 0 and got.stderr == "", "promtool: %s", got.stderr)


@row
def slow_clients_delay_nobody(bench):
    """Half a request to the control socket, and a scrape whose response is not read."""
    half = [Connection(bench.mrasd.path("mrasd.sock")) for _ in range(4)]
    for connection in half:
        connection.connect()
        connection.sock.sendall(b"POST /v1/reload HTTP/1.1\r\n")
    idle = [socket.create_connection(METRICS) for _ in range(4)]
    for sock in idle:
        sock.sendall(b"GET /metrics HTTP/1.1\r\n")
    started = time.monotonic()
    check(ask(bench, "GET", "/v1/status")[0] == 200 and ask_sip(bench.mrasd)[0] == "OK", "served")
    check(time.monotonic() - started < 2, "served after %.1f s", time.monotonic() - started)
    for connection in half:
        connection.close()
    for sock in idle:
        sock.close()


def begin(bench):
    """The same daemon again, with metrics and another relay."""
    wrong = bench.mrasd.stop()
    check(not wrong, "%s", wrong)
    bench.mrasd.text = text(bench)
    bench.mrasd.start()


if __name__ == "__main__":
    # While it ends: tests/unit/base/test_control_socket.
    unseen = ["= 503$"] + (["= 403$"] if os.geteuid() != 0 else [])
    sys.exit(mras_bench.main(begin, describes="control-mrasd.json", but=unseen))

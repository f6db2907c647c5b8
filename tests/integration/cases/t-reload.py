#!/usr/bin/python3
# slow: many reloads
"""A reload during calls: a valid file, an invalid one, listeners added and removed, another relay
range, other outside addresses, another certificate, and 20,000 packets per second."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

import lib  # adds ../lib to the path
import netns
import control
import relay
import turnclient
from netns import check
from turnclient import Client

INSIDE, SECOND_INSIDE = "127.0.1.1", "127.0.1.2"
OUTSIDE, SECOND_OUTSIDE = "127.0.2.1", "127.0.2.2"
PEER = "127.0.3.1"
PUBLIC = "9.9.9.9"  # on lo only: no packet leaves this namespace
EVERY_FRONT = [(INSIDE, "udp"), (INSIDE, "tcp"), (INSIDE, "tls"), (OUTSIDE, "udp"),
               (OUTSIDE, "tcp"), (OUTSIDE, "tls")]


# --- the relay and its control interface ---------------------------------------------------

def ask(server, method, target):
    """(status, document)"""
    return control.ask(server.path("relay.sock"), method, target, timeout=30)


def write(server, **changes):
    for name, value in changes.items():
        check(hasattr(server, name), "the relay has no %s", name)
        setattr(server, name, value)
    with open(server.path("relay.conf"), "w", encoding="utf-8") as out:
        out.write(server.avedge_config())


def reload(server, **changes):
    """Reload the changed file; returns the changes by key as (before, after, effect)."""
    write(server, **changes)
    status, document = ask(server, "POST", "/v1/reload")
    check(status == 200, "reload: %d %s", status, document)
    return {c["key"]: (c["before"], c["after"], c["effect"]) for c in document["changes"]}


def refused(server, line, *words):
    """Reload: it is refused, names the line with the text, and changes nothing."""
    before = ask(server, "GET", "/v1/configuration"), ask(server, "GET", "/v1/ports")
    status, problem = ask(server, "POST", "/v1/reload")
    check(status == 422, "a wrong file: %d %s", status, problem)
    with open(server.path("relay.conf"), encoding="utf-8") as conf:
        number = next(i for i, text in enumerate(conf, 1) if line in text)
    where = "%s:%d" % (server.path("relay.conf"), number)
    check(re.match(re.escape(where) + r":[1-9]\d*: ", problem["detail"]), "not %s: %s", where,
          problem["detail"])
    for word in words + ("; ",):
        check(word in problem["detail"], "does not say '%s': %s", word, problem["detail"])
    after = ask(server, "GET", "/v1/configuration"), ask(server, "GET", "/v1/ports")
    check(before == after, "something has changed: %s, %s", before, after)


def ports(server):
    """Listeners in the port table: {(address:port, protocol): purpose}."""
    rows = ask(server, "GET", "/v1/ports")[1]["ports"]
    return {("%s:%d" % (r["address"], r["port"]), r["protocol"]): r["purpose"]
            for r in rows if r["service"] != "relay"}


def gone(server, address, protocol):
    """The daemon looks every two seconds."""
    deadline = time.monotonic() + 8
    while (address, protocol) in ports(server):
        check(time.monotonic() < deadline, "%s %s is still there", protocol, address)
        time.sleep(0.1)


@contextlib.contextmanager
def running(**options):
    settings = {"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"]}
    options = {"inside": [INSIDE], "outside": [OUTSIDE], "allow": ["127.0.0.0/8"],
               "workers": 2, "ports": "50000-50999", "settings": settings, **options}
    with netns.running(**options) as server:
        yield server


# --- calls ---------------------------------------------------------------------------------

class Call:
    """A client, its relayed address and a peer."""

    def __init__(self, server, address=INSIDE, transport="udp", port=None):
        port = port or (server.udp_port if transport == "udp" else server.tcp_port)
        self.client = Client((address, port), transport, *server.credential())
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.settimeout(5)
        self.peer.bind((PEER, 0))
        self.client.allocate()
        self.relayed = self.client.relayed
        self.client.channel_bind(0x4000, self.peer.getsockname())
        self.works()

    def works(self):
        """A packet in each direction, and a refresh, succeed."""
        self.client.send_channel(0x4000, b"to the peer")
        data, source = self.peer.recvfrom(100)
        check(data == b"to the peer" and source == self.relayed, "%s from %s, not %s", data,
              source, self.relayed)
        self.peer.sendto(b"to the client", self.relayed)
        check(self.client.data() == (0x4000, b"to the client"), "wrong data at the client")
        self.client.refresh()

    def end(self):
        self.client.refresh(0)
        self.client.close()
        self.peer.close()


def refusal(server, address, transport="udp", port=None):
    """The error code of an Allocate there; None if nothing listens."""
    port = port or (server.udp_port if transport == "udp" else server.tcp_port)
    try:
        client = Client((address, port), transport, *server.credential(), timeout=1)
        client.allocate()
    except turnclient.TurnError as error:
        return error.code
    except OSError:
        return None
    return 0


# --- rows ----------------------------------------------------------------------------------

def pending(server):
    return ask(server, "GET", "/v1/status")[1]["restart_pending"]


def a_right_and_a_wrong_file():
    with running() as server:
        calls = [Call(server, *front) for front in EVERY_FRONT]
        changes = reload(server, allow=["127.0.0.0/8", "198.51.100.0/24"])
        check(changes == {"peers.allow": ("{127.0.0.0/8}", "{127.0.0.0/8, 198.51.100.0/24}",
                                          "applied")}, "changes: %s", changes)
        check(reload(server) == {}, "changes without a change")

        server.settings["limits"].append("idel = 1m")
        write(server, ports="40000-40999")
        refused(server, "idel", "idle")
        server.settings["limits"][-1] = "channels = 100"
        changes = reload(server)
        check(changes["limits.channels"][2] == "restart", "changes: %s", changes)
        check(changes["relay.ports"] == ("50000-50999", "40000-40999", "new-allocations"),
              "changes: %s", changes)
        last = ask(server, "GET", "/v1/status")[1]["reload"]
        check(last["result"] == "applied", "the last reload: %s", last)
        check(pending(server) == ["limits.channels"], "restart pending: %s", pending(server))
        server.settings["limits"].pop()
        reload(server)
        check(pending(server) == [], "restart pending: %s", pending(server))
        for call in calls:
            call.works()
            call.end()


def a_listener_comes_and_goes():
    with running() as server:
        calls = [Call(server, *front) for front in EVERY_FRONT]
        changes = reload(server, inside=[INSIDE, SECOND_INSIDE])
        check(changes["side.inside.addresses"][2] == "applied", "changes: %s", changes)
        new = [Call(server, SECOND_INSIDE, transport) for transport in ("udp", "tcp", "tls")]
        check(len(ports(server)) == 6, "ports: %s", ports(server))

        changes = reload(server, inside=[SECOND_INSIDE])
        check(changes["side.inside.addresses"][2] == "draining", "changes: %s", changes)
        check(refusal(server, INSIDE) == 486, "a removed listener takes a client")
        check(refusal(server, INSIDE, "tcp") is None, "a removed port is open")
        udp, tcp = ("%s:%d" % (INSIDE, server.udp_port), "udp"), \
            ("%s:%d" % (INSIDE, server.tcp_port), "tcp")
        check(udp in ports(server) and tcp in ports(server), "ports: %s", ports(server))
        for call in calls + new:
            call.works()

        # Configured again while it is being retired: it keeps serving.
        reload(server, inside=[INSIDE, SECOND_INSIDE])
        for transport in ("udp", "tcp", "tls"):
            Call(server, INSIDE, transport).end()
        reload(server, inside=[SECOND_INSIDE])

        # It closes with its last call; that of the other transport does not keep it open.
        calls.pop(0).end()
        gone(server, *udp)
        check(refusal(server, INSIDE) is None, "a port is open that is gone")
        check(tcp in ports(server), "the TCP port is gone, and its calls are not")
        calls.pop(0).end()
        time.sleep(3)
        check(tcp in ports(server), "the TCP port is gone, and its TLS call is not")
        calls.pop(0).end()
        gone(server, *tcp)
        for call in calls + new:
            call.works()
            call.end()


def refuses_as_peer(call, address):
    try:
        call.client.permit((address, 9))
    except turnclient.TurnError as error:
        check(error.code == 403, "a peer is refused with %d", error.code)
        return True
    return False


def a_broken_file_delays_nothing():
    """Retired listeners close, and the policy learns new addresses of this host, although the keys
    cannot be read again."""
    with running(inside=[INSIDE, SECOND_INSIDE]) as server:
        call, other = Call(server, SECOND_INSIDE), Call(server)
        reload(server, inside=[INSIDE])
        with open(server.path("keys"), "a", encoding="ascii") as keys:
            keys.write("k2 not-base64\n")
        refused(server, "keys =", server.path("keys") + ":2: ", "avedgectl key new")
        call.works()
        call.end()
        gone(server, "%s:%d" % (SECOND_INSIDE, server.udp_port), "udp")

        check(not refuses_as_peer(other, PUBLIC), "a public address is refused")
        relay.run("ip", "address", "add", PUBLIC, "dev", "lo")
        deadline = time.monotonic() + 5
        while not refuses_as_peer(other, PUBLIC):
            check(time.monotonic() < deadline, "an address of this host is allowed as peer")
            time.sleep(0.1)
        relay.run("ip", "address", "del", PUBLIC, "dev", "lo")
        other.works()
        other.end()


def a_port_changes():
    with running() as server:
        call = Call(server)
        changes = reload(server, udp_port=3479)
        check(changes["side.inside.udp_ports"] == ("{3478}", "{3479}", "draining"), "changes: %s",
              changes)
        other = Call(server)
        call.works()
        check(refusal(server, INSIDE, port=3478) == 486, "the old port takes a client")
        call.end()
        gone(server, INSIDE + ":3478", "udp")
        other.works()
        other.end()


def relays_for_uclient(server, address, port, *how):
    """turnutils_uclient reaches itself through the relay on that port."""
    name, password = server.credential()
    if not shutil.which("turnutils_uclient"):
        return
    got = subprocess.run(["turnutils_uclient", "-y", "-s", "-c", "-m", "1", "-n", "3", "-u", name,
                          "-w", password, "-p", str(port), *how, address], check=False,
                         capture_output=True, text=True, timeout=60)
    check(got.returncode == 0 and "Total lost packets 0 " in got.stdout, "uclient on %d: %s",
          port, (got.stdout + got.stderr)[-2000:])


def draining(server):
    """(address, protocol, port) of what takes no new clients."""
    return {(r["address"], r["protocol"], r["port"])
            for r in ask(server, "GET", "/v1/ports")[1]["ports"] if r.get("draining")}


def lists_of_ports():
    """Two ports of each transport, on both sides; in each list one comes and one goes."""
    places = [(address, transport, port) for address in (INSIDE, OUTSIDE)
              for transport, ports in (("udp", (3478, 443)), ("tcp", (443, 5349)),
                                       ("tls", (443, 5349))) for port in ports]
    with running(more_udp=(443,), more_tcp=(5349,),
                 allow=["127.0.0.0/8", INSIDE]) as server:
        calls = {place: Call(server, *place) for place in places}

        changes = reload(server, more_udp=(53,), more_tcp=(3478,))
        check(changes["side.inside.udp_ports"] == ("{3478, 443}", "{3478, 53}", "draining") and
              changes["side.outside.tcp_ports"] == ("{443, 5349}", "{443, 3478}", "draining"),
              "changes: %s", changes)
        check(draining(server) == {(a, p, n) for a in (INSIDE, OUTSIDE)
                                   for p, n in (("udp", 443), ("tcp", 5349))},
              "draining: %s", draining(server))
        new = [Call(server, INSIDE, *place) for place in
               (("udp", 53), ("tcp", 3478), ("tls", 3478))]
        for call in [*calls.values(), *new]:
            call.works()
        check(refusal(server, INSIDE, "udp", 443) == 486, "a removed port takes a client")
        check(refusal(server, INSIDE, "tcp", 5349) is None, "a removed port is open")

        # The relay's own ports are no peers, although its address is allowed.
        call = calls[INSIDE, "udp", 3478]
        for number, port in enumerate((3478, 53, 443)):
            try:
                call.client.channel_bind(0x4100 + number, (INSIDE, port))
                check(False, "the relay's own port %d is a peer", port)
            except turnclient.TurnError as error:
                check(error.code == 403, "port %d as a peer: %d", port, error.code)
        call.client.channel_bind(0x4200, (INSIDE, 9))

        # Each goes with its own last call.
        calls.pop((INSIDE, "udp", 443)).end()
        gone(server, INSIDE + ":443", "udp")
        calls.pop((OUTSIDE, "tcp", 5349)).end()
        calls.pop((OUTSIDE, "tls", 5349)).end()
        gone(server, OUTSIDE + ":5349", "tcp")
        check(draining(server) == {(INSIDE, "tcp", 5349), (OUTSIDE, "udp", 443)},
              "draining: %s", draining(server))

        # Listed again, in another order.
        reload(server, udp_port=53, more_udp=(443, 3478), more_tcp=(3478, 5349))
        check(draining(server) == set(), "draining: %s", draining(server))
        new += [Call(server, INSIDE, "udp", 443), Call(server, OUTSIDE, "tls", 5349)]
        for call in [*calls.values(), *new]:
            call.works()
            call.end()
        relays_for_uclient(server, INSIDE, 443)
        relays_for_uclient(server, OUTSIDE, 5349, "-t")
        relays_for_uclient(server, INSIDE, 5349, "-t", "-S")


def the_relay_range_moves():
    with running(ports="50000-50009") as server:
        calls = [Call(server) for _ in range(10)]
        check(refusal(server, INSIDE) == 508, "eleven ports of ten")
        changes = reload(server, ports="40000-40009")
        check(changes == {"relay.ports": ("50000-50009", "40000-40009", "new-allocations")},
              "changes: %s", changes)
        new = [Call(server) for _ in range(10)]
        check({c.relayed[1] for c in new} == set(range(40000, 40010)), "new calls: %s",
              [c.relayed for c in new])
        for call in calls + new:
            call.works()
        for call in calls:
            call.end()
        check(refusal(server, INSIDE) == 508, "a port of the old range is taken again")
        # Half of the new range is free.
        reload(server, ports="40005-40014")
        new += [Call(server) for _ in range(5)]
        check({c.relayed[1] for c in new[10:]} == set(range(40010, 40015)), "%s",
              [c.relayed for c in new])
        for call in new:
            call.works()
            call.end()


def outside_addresses_change():
    with running() as server:
        old, on_old = Call(server), Call(server, OUTSIDE, "tcp")
        changes = reload(server, outside=[SECOND_OUTSIDE])
        check(changes["side.outside.addresses"][2] == "draining", "changes: %s", changes)
        new = Call(server)
        check(old.relayed[0] == OUTSIDE and new.relayed[0] == SECOND_OUTSIDE,
              "relayed addresses: %s, %s", old.relayed, new.relayed)
        # Two calls, one on an address that is removed, still reach each other.
        old.client.channel_bind(0x4001, new.relayed)
        new.client.channel_bind(0x4001, old.relayed)
        old.client.send_channel(0x4001, b"there")
        check(new.client.data() == (0x4001, b"there"), "no short cut to the new address")
        new.client.send_channel(0x4001, b"back")
        check(old.client.data() == (0x4001, b"back"), "no short cut to the old address")
        on_old.works()

        # Both addresses, then one of them again.
        reload(server, outside=[OUTSIDE, SECOND_OUTSIDE])
        more = [Call(server) for _ in range(40)]
        check({c.relayed[0] for c in more} == {OUTSIDE, SECOND_OUTSIDE}, "one address only")
        reload(server, outside=[SECOND_OUTSIDE])
        for call in more + [on_old, old, new]:
            call.works()
            call.end()
        gone(server, "%s:%d" % (OUTSIDE, server.udp_port), "udp")
        time.sleep(3)
        pools = ask(server, "GET", "/v1/status")[1]
        check(OUTSIDE not in json.dumps(pools), "the old address is still there: %s", pools)


def the_public_address_changes():
    public = ["203.0.113.9", "203.0.113.10"]
    with running(public=public[:1]) as server:
        clients = []
        for i in range(2):
            if i == 1:
                changes = reload(server, public=public[1:])
                check(changes == {"side.outside.public": ("{203.0.113.9}", "{203.0.113.10}",
                                                          "new-allocations")},
                      "changes: %s", changes)
            client = Client((INSIDE, server.udp_port), "udp", *server.credential())
            client.allocate()
            check(client.relayed[0] == public[i], "relayed address: %s", client.relayed)
            clients.append(client)
        old, new = clients
        old.channel_bind(0x4001, new.relayed)
        new.channel_bind(0x4001, old.relayed)
        for a, b in ((old, new), (new, old)):
            a.send_channel(0x4001, b"hello")
            check(b.data() == (0x4001, b"hello"), "no short cut between two public forms")
        for client in clients:
            client.refresh(0)
            client.close()


def served_serial(server):
    out = subprocess.run(["openssl", "s_client", "-connect",
                          "%s:%d" % (INSIDE, server.tcp_port)], stdin=subprocess.DEVNULL,
                         capture_output=True, check=False, timeout=10).stdout
    return subprocess.run(["openssl", "x509", "-noout", "-serial"], input=out, check=True,
                          capture_output=True, timeout=10).stdout


def issue(server):
    """Another certificate of the same CA."""
    relay.run("openssl", "x509", "-req", "-in", server.path("relay.csr"), "-CA",
              server.path("ca.pem"), "-CAkey", server.path("ca.key"), "-CAcreateserial",
              "-days", "2", "-extfile", server.path("san.cnf"), "-out",
              server.path("other.pem"))


def expired(server):
    """An expired one; "openssl x509" cannot set dates, "openssl ca" can."""
    with open(server.path("ca.cnf"), "w", encoding="ascii") as out:
        out.write("[ca]\ndefault_ca=c\n[c]\ndatabase=%s\nserial=%s\nnew_certs_dir=%s\n"
                  "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
                  % (server.path("index"), server.path("serial"), server.directory))
    with open(server.path("index"), "w", encoding="ascii"):
        pass
    with open(server.path("serial"), "w", encoding="ascii") as out:
        out.write("7777\n")
    relay.run("openssl", "ca", "-batch", "-config", server.path("ca.cnf"), "-notext",
              "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-in",
              server.path("relay.csr"), "-cert", server.path("ca.pem"), "-keyfile",
              server.path("ca.key"), "-out", server.path("other.pem"))


def the_certificate_changes():
    with running() as server:
        call = Call(server, INSIDE, "tls")
        first = served_serial(server)
        issue(server)
        os.replace(server.path("other.pem"), server.path("relay.pem"))
        changes = reload(server)
        check(list(changes) == ["tls.certificate"], "changes: %s", changes)
        second = served_serial(server)
        check(first != second, "the old certificate is still served")
        call.works()
        Call(server, INSIDE, "tls").end()

        # The file is also watched: it changes without a reload.
        issue(server)
        os.replace(server.path("other.pem"), server.path("relay.pem"))
        deadline = time.monotonic() + 8
        while served_serial(server) == second:
            check(time.monotonic() < deadline, "a changed certificate is not noticed")
            time.sleep(0.2)

        shutil.copy(server.path("relay.pem"), server.path("good.pem"))
        expired(server)
        shutil.copy(server.path("other.pem"), server.path("relay.pem"))
        write(server, ports="40000-40999")
        refused(server, "relay.pem", "expired", "renew")
        os.replace(server.path("good.pem"), server.path("relay.pem"))
        check("relay.ports" in reload(server), "the good file is refused")
        call.works()
        call.end()

    # At start an expired certificate is accepted: UDP and TCP do not need it.
    with running() as server:
        expired(server)
        wrong = server.stop()
        check(not wrong, "%s", wrong)
        os.replace(server.path("other.pem"), server.path("relay.pem"))
        server.start()
        check("relay.pem expired at" in server.log(), "no warning of an expired certificate")
        Call(server).end()
        write(server, ports="40000-40999")
        check("relay.ports" in reload(server), "the certificate in force is refused")


def a_taken_port_rejects_all():
    with running() as server:
        call = Call(server)
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        holder.bind((SECOND_INSIDE, server.udp_port))
        write(server, inside=[INSIDE, SECOND_INSIDE], ports="40000-40999")
        refused(server, SECOND_INSIDE, "python3", str(os.getpid()))
        other = Call(server)
        check(other.relayed[1] >= 50000, "half of a rejected file is in force")
        holder.close()
        check(set(reload(server)) == {"side.inside.addresses", "relay.ports"}, "changes")
        Call(server, SECOND_INSIDE).end()
        for one in (call, other):
            one.works()
            one.end()
        # An address that this host lacks, with and without listeners.
        write(server, inside=[INSIDE, "10.99.0.1"])
        refused(server, "10.99.0.1", "not on this host")
        write(server, inside=[INSIDE, SECOND_INSIDE], outside=[OUTSIDE, "10.99.0.1"])
        refused(server, "10.99.0.1", "not on this host")
        with open(server.path("relay.conf"), "r+", encoding="utf-8") as conf:
            text = conf.read()
            start = text.index("side outside")
            conf.seek(start)
            conf.write(re.sub(r"(udp|tcp)_ports = \{.*\}", r"\1_ports = {}", text[start:]))
            conf.truncate()
        refused(server, "10.99.0.1", "relayed addresses", "interface")
        # Not on both sides at once while there are calls.
        call = Call(server, SECOND_INSIDE)
        write(server, inside=[INSIDE], outside=[OUTSIDE, SECOND_INSIDE])
        refused(server, SECOND_INSIDE, "side inside")
        call.works()
        call.end()


class Unprivileged(relay.Relay):
    """Started as by a system manager, with or without the capability; or as root, to switch its
    user itself."""
    capability = None

    def command(self):
        caps = self.capability
        if caps is None:
            return super().command()
        return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                "--inh-caps=" + caps, "--ambient-caps=" + caps, "--bounding-set=" + caps,
                *super().command()]


def low_ports(directory, capability, want):
    Unprivileged.capability = capability
    server = Unprivileged(directory, inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                          tcp_port=4430, extra=[] if capability else ['user = "65534"'])
    server.write_config()
    for name in [""] + os.listdir(directory):
        os.chown(server.path(name), 65534, 65534)
    server.start()
    try:
        with open("/proc/%d/status" % server.pid(), encoding="ascii") as status:
            uids = next(line for line in status if line.startswith("Uid:")).split()[1:]
        check(set(uids) == {"65534"}, "it runs as %s", uids)
        call = Call(server)
        write(server, tcp_port=443)
        status, document = ask(server, "POST", "/v1/reload")
        check(status == want, "%s: %d %s", capability, status, document)
        if status == 200:
            Call(server, INSIDE, "tcp").end()
        else:
            check("CAP_NET_BIND_SERVICE" in document["detail"], "%s", document)
        call.works()
        call.end()
    finally:
        wrong = server.stop()
    check(not wrong, "%s", wrong)


def low_ports_need_a_capability():
    if os.geteuid() != 0:
        return
    for capability, want in (("+net_bind_service", 200), ("-all", 422), (None, 200)):
        with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
            low_ports(directory, capability, want)


def figures(server):
    return ask(server, "GET", "/v1/counters")[1]


def no_packet_is_lost():
    """20,000 packets per second in both directions together; a reload with new listeners, new
    pools and new policies every 150 ms. Packets that the generator skips on a busy machine were
    never sent; all others arrive."""
    tool = relay.program("avedge-load")
    with running() as server:
        name, password = server.credential()
        load = subprocess.Popen(
            [tool, "--server", "udp:%s:%d" % (INSIDE, server.udp_port), "--user", name,
             "--password", password, "--clients", "10", "--total-rate", "20000",
             "--duration", "5s", "--max-loss", "0", "--peer-address", PEER, "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        reloads = 0
        while load.poll() is None:
            odd = reloads % 2 == 1
            reload(server, ports="40000-40999" if odd else "50000-50999",
                   inside=[INSIDE] if odd else [INSIDE, SECOND_INSIDE],
                   outside=[OUTSIDE] if odd else [OUTSIDE, SECOND_OUTSIDE],
                   allow=["127.0.0.0/8", "198.51.100.%d/32" % (reloads % 250)])
            reloads += 1
            time.sleep(0.15)
        out, complaints = load.communicate()
        check(load.returncode == 0, "%s %s", complaints, out)
        media = json.loads(out)["media"]
        sent = media["up"]["sent"] + media["down"]["sent"]
        check(reloads >= 10, "%d reloads only", reloads)
        check(sent + media["skipped"] >= 80000 and sent >= 10000, "%d packets only, %d skipped",
              sent, media["skipped"])
        for way in ("up", "down"):
            check(media[way]["received"] == media[way]["sent"], "%s: %s", way, media[way])
        drops = {k: v for k, v in figures(server)["drops"].items() if v}
        check(not drops, "the relay dropped %s", drops)
    return "%d packets, %d reloads, none lost" % (sent, reloads)


def main():
    netns.begin()
    a_right_and_a_wrong_file()
    a_listener_comes_and_goes()
    a_broken_file_delays_nothing()
    a_port_changes()
    lists_of_ports()
    the_relay_range_moves()
    outside_addresses_change()
    the_public_address_changes()
    the_certificate_changes()
    a_taken_port_rejects_all()
    low_ports_need_a_capability()
    print(no_packet_is_lost())


if __name__ == "__main__":
    main()

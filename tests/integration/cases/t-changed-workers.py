#!/usr/bin/python3
"""What a reload does not apply takes one restart, planned or by kill -9, and no call of any kind is lost:
another number of workers, more and fewer; other sockets of control and metrics; another realm, which
clients learn and go on with; another port range; fronts and addresses that come and go; limits that are
lower by then, where those that do not fit are lost by name.

  t-changed-workers.py [--calls N] [--kinds A,B...]

AVEDGE_KILL_STORM=full: 1,000 calls.
"""
# timeout: 400

import argparse
import os
import socket
import tempfile
import time

import lib  # adds ../lib to the path
import call_model
import control
import fdstore
import netns
import relay
import turnclient as t
import turnclient_ms as ms
from netns import check

INSIDE, OUTSIDE, OUTSIDE6, MORE = "127.0.1.1", "127.0.2.1", "fd7a:1::1", "127.0.1.2"
PEER, PEER6 = "127.0.3.1", "fd7a:1::2"
FULL = os.environ.get("AVEDGE_KILL_STORM") == "full"
KINDS = [kind for kind in call_model.KINDS if kind != "mobile-tls"]


def options():
    return {
        "inside": [INSIDE], "outside": [OUTSIDE, OUTSIDE6], "workers": 1,
        "allow": [PEER, PEER6, "127.0.9.0/24"], "extra": ["mobility = true"],
        "settings": {"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"],
                     "relay": ["peer_connections_per_user = 0"],
                     "log": ["records = false"],
                     "metrics": ['address = "127.0.0.1:9478"']},
    }


def ask(server, path):
    return control.ask(server.path("relay.sock"), "GET", path)[1]


class Service(fdstore.RelayService):
    realm = "edge"

    def avedge_config(self):
        return super().avedge_config().replace('realm = "edge"', 'realm = "%s"' % Service.realm)


class Restarts:
    """Calls of every kind in one relay that is configured anew again and again."""

    def __init__(self, server, calls, kinds):
        self.server = server
        self.model = call_model.Model(server, PEER, PEER6, rate=1 if calls > 100 else 10,
                                      renew_s=60 if calls > 100 else 5, storm_pause_s=0.1)
        self.model.is_serving = lambda: server.service.life.ready is not None
        self.model.add(call_model.some_of_each(calls, kinds))
        self.model.storm(8)
        self.model.settle()
        self.model.run(0.5)

    def restart(self, what, planned):
        """With what the configuration says now; nothing is lost."""
        server, model, before = self.server, self.model, len(self.server.service.lives)
        server.write_config()
        model.killed(time.monotonic())
        if planned:
            server.restart(wait=False)
        else:
            server.kill(wait=False)
        model.run(until=lambda: len(server.service.lives) > before and model.is_serving(),
                  what="%s: it is not ready:\n%s" % (what, server.log()[-2000:]))
        model.run(0.7)
        model.give_up(0.3)
        model.complain()
        model.probe()
        listed = model.audit()
        check(not model.given_up, "%s: %s", what, model.given_up[:3])
        lost = {why: n for why, n in ask(server, "/v1/counters")["restores"].items()
                if n and why != "taken-up"}
        check(not lost, "%s: lost %s", what, lost)
        return listed

    def each_way(self, what, change):
        for planned in (True, False):
            change(planned)
            self.restart("%s, %s" % (what, "restart" if planned else "kill"), planned)

    # what changes

    def workers(self):
        """Each number after each other one, and both ways of ending."""
        for planned in (True, False):
            for count in (2, 1, 4, 2, 3, 1):
                self.server.workers = count
                self.restart("%d workers" % count, planned)
                workers = ask(self.server, "/v1/status")["per_worker"]
                check(len(workers) == count and all(w["allocations"] > 0 for w in workers),
                      "%d workers: %s", count, workers)
                if FULL:
                    print("%d workers after a %s: %s allocations; %s" % (
                        count, "restart" if planned else "kill",
                        [w["allocations"] for w in workers], self.model.summary()), flush=True)
        # Those that wait in a socket while it changes, and no others.
        check(ask(self.server, "/v1/counters")["drops"].get("stray", 0) == 0, "strays are dropped")

    def sockets(self):
        """Of metrics and control; the latter is where the model asks."""
        settings = self.server.settings

        def change(planned):
            settings["metrics"] = ['address = "127.0.0.1:%d"' % (9479 if planned else 9480)]
            settings["control"] = ["group = root"] if planned else []
        self.each_way("sockets", change)
        settings.pop("control")

    def ports(self):
        """What has a port of the old range keeps it; what is new has one of the new range."""
        def change(planned):
            self.server.ports = "30000-31999" if planned else "50000-51999"
        self.each_way("port range", change)

    def fronts(self):
        """More of them, and gone again: nobody was there."""
        def change(planned):
            self.server.more_udp = (3479,) if planned else ()
            self.server.more_tcp = (8443,) if planned else ()
            self.server.inside = [INSIDE] + ([MORE] if planned else [])
        self.each_way("fronts", change)


def data_passes(lync, peer, what):
    lync.send(peer.getsockname(), what.encode())
    data, relayed = peer.recvfrom(1000)
    check(data == what.encode() and relayed == lync.relayed, "%s: %s from %s", what, data, relayed)
    peer.sendto(b"back", relayed)
    check(lync.data(10)[1] == b"back", "%s: nothing comes back", what)


def realm(server):
    """Clients of both dialects learn the new realm by the error that they get, and go on with the same
    allocation."""
    client = t.Client((INSIDE, server.udp_port), "udp", *server.credential())
    client.allocate()
    lync = ms.Client((INSIDE, server.udp_port), "udp", *server.credential("bob", form="mras"))
    lync.allocate()
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((PEER, 0))
    peer.settimeout(10)
    data_passes(lync, peer, "at first")
    relayed = client.relayed, lync.relayed
    Service.realm = "other"
    server.settings["ms"] = ['realm = "newrealm"']
    server.write_config()
    server.restart()
    reply = client.ask(client.signed(t.REFRESH, []))
    codes = [reply.code]
    while reply.code in (401, 438) and len(codes) < 4:
        client.learn(reply)
        reply = client.ask(client.signed(t.REFRESH, []))
        codes.append(reply.code)
    check(reply.cls == t.SUCCESS, "Refresh after another realm: %s", codes)
    check(client.realm == b"other", "the realm is %s", client.realm)
    # Data first: it is signed with the key of the old realm, which the allocation keeps.
    data_passes(lync, peer, "the old key")
    lync.key = None
    lync.allocate()
    data_passes(lync, peer, "the new key")
    check(lync.realm.strip(b'"') == b"newrealm", "the MS realm is %s", lync.realm)
    check((client.relayed, lync.relayed) == relayed, "other relayed addresses")
    rows = ask(server, "/v1/allocations")["allocations"]
    check(len(rows) == 2, "%d allocations", len(rows))
    client.refresh(0)
    lync.release()
    peer.close()
    Service.realm = "edge"
    server.settings.pop("ms")


def smaller(server):
    """Of six allocations three fit; the others are lost by name."""
    clients = []
    for _ in range(6):
        client = t.Client((INSIDE, server.udp_port), "udp", *server.credential())
        client.allocate()
        clients.append(client)
    server.settings["limits"].append("allocations_total = 3")
    server.write_config()
    server.restart()
    restores = ask(server, "/v1/counters")["restores"]
    rows = ask(server, "/v1/allocations")["allocations"]
    check(len(rows) == 3 and restores.get("full") == 3, "%d allocations, %s", len(rows), restores)
    check("3 lost (3 full)" in server.log(), "the log does not say what is lost:\n%s",
          server.log()[-1000:])
    server.settings["limits"].pop()


def gone(server):
    """Of two clients the front of one is gone, and the relayed address of another: they are lost by name."""
    server.more_udp, server.outside = (3479,), [OUTSIDE, OUTSIDE6, "127.0.2.2"]
    server.write_config()
    server.restart()
    clients = [t.Client((INSIDE, port), "udp", *server.credential()) for port in (3478, 3479)]
    for client in clients:
        client.allocate()
    while len(clients) < 60 and not any(c.relayed[0] == "127.0.2.2" for c in clients[2:]):
        clients.append(t.Client((INSIDE, 3478), "udp", *server.credential()))
        clients[-1].allocate()
    on_address = sum(c.relayed[0] == "127.0.2.2" for c in clients if c.server[1] == 3478)
    server.more_udp, server.outside = (), [OUTSIDE, OUTSIDE6]
    server.write_config()
    server.kill()
    restores = ask(server, "/v1/counters")["restores"]
    check((restores["no-front"], restores["no-address"]) == (1, on_address) and on_address > 0,
          "%d were on the address: %s", on_address, restores)
    check(restores["taken-up"] == len(clients) - 1 - on_address, "%d clients: %s", len(clients), restores)
    control.ask(server.path("relay.sock"), "DELETE", "/v1/allocations?user=alice")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000 if FULL else 50)
    parser.add_argument("--kinds", default=",".join(KINDS))
    args = parser.parse_args()
    netns.begin()
    netns.add_addresses(OUTSIDE6, PEER6)
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = Service(directory, **options()).start()
        with server:
            restarts = Restarts(server, args.calls, args.kinds.split(","))
            for change in (restarts.workers, restarts.sockets, restarts.ports, restarts.fronts):
                change()
            restarts.model.close()
            until = time.monotonic() + 10
            while ask(server, "/v1/status")["allocations"] and time.monotonic() < until:
                for row in ask(server, "/v1/allocations")["allocations"]:
                    control.ask(server.path("relay.sock"), "DELETE", "/v1/allocations/" + row["id"])
            realm(server)
            gone(server)
            smaller(server)
        print("%d processes; %s" % (len(server.service.lives), restarts.model.summary()))


if __name__ == "__main__":
    main()

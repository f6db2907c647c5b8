#!/usr/bin/python3
"""A gateway with one identity: its credentials carry a quota that mrasd gave it, and the relay, on
its default limits, goes by that. Others stay within the limits of their dialect."""

import base64
import hmac
import os
import sys
import tempfile

import lib  # adds ../lib to the path
import control
import mras
import mras_bench
import netns
import openapi_check
import turnclient
import turnclient_ms
from mras import ask_http, ask_sip
from mras_bench import INSIDE, OUTSIDE, PORT, RELAYS
from netns import check

QUOTA = 200
SERVERS = {"fe01.lab.example": ["requests_per_second = 0"],
           "gw.lab.example": ["requests_per_second = 0", "allocations = %d" % QUOTA,
                              "bandwidth = 20Mbit"]}
GATEWAY, ALICE = "sip:gateway@lab.example", "sip:alice@lab.example"


class Gateway:
    def __init__(self, directory, relay):
        self.relay, self.clients = relay, []
        self.description = openapi_check.Description("control-mediarelayd.json")
        mras_bench.make_certificates(directory).issue("gw", "gw", ["gw.lab.example"])
        self.mrasd = mras.Mrasd(directory, INSIDE, PORT, mras.config(
            directory, INSIDE, PORT, RELAYS, SERVERS, outside=[OUTSIDE]))

    def release(self):
        for client in self.clients:
            if isinstance(client, turnclient_ms.Client):
                client.release()
            else:
                client.refresh(0)
            client.close()
        self.clients = []

    def allocate_until_refused(self, make, at_most):
        """How many allocations there are before the quota is reached, or at_most."""
        for count in range(at_most):
            client = make()
            try:
                client.allocate()
            except turnclient.TurnError as err:
                client.close()
                # The code of the dialect.
                check(err.code == (500 if isinstance(client, turnclient_ms.Client) else 486),
                      "allocation %d: %s", count + 1, err)
                return count
            self.clients.append(client)
        return at_most

    def ietf(self, pair):
        return lambda: turnclient.Client((OUTSIDE, 3478), "udp", pair["username"],
                                         pair["password"])

    def ms(self, pair):
        return lambda: turnclient_ms.Client((OUTSIDE, 3478), "udp", pair["username"],
                                            pair["password"])

    def get(self, path):
        status, document = control.ask(self.relay.path("relay.sock"), "GET", path,
                                       description=self.description)
        check(status == 200, "%s: %d", path, status)
        return document


def a_gateway_asks_as_often_as_it_needs(bench):
    """limits.identity_per_minute, 60, is for identities of users."""
    reasons = [ask_sip(bench.mrasd, "gw", identity=GATEWAY)[0] for _ in range(70)]
    check(set(reasons) == {"OK"}, "%s", reasons)
    reasons = [ask_sip(bench.mrasd, "trusted", identity=ALICE)[0] for _ in range(70)]
    check(reasons[:60] == ["OK"] * 60 and "Server Busy" in reasons[60:], "%s", reasons)


def its_allocations_are_its_quota(bench):
    """In both dialects, with tokens of every version of the protocol and with REST names."""
    pairs = [("%s by SIP" % version,
              ask_sip(bench.mrasd, "gw", identity=GATEWAY, version=version)[1][0])
             for version in ("1.0", "3.0")]
    pairs += [(form, ask_http(bench.mrasd, {"user": GATEWAY, "form": form}, "gw")[2])
              for form in ("mras", "rest")]
    for name, pair in pairs:
        dialects = [("ietf", bench.ietf(pair))]
        if name != "rest":
            dialects.append(("ms", bench.ms(pair)))
        for dialect, make in dialects:
            got = bench.allocate_until_refused(make, QUOTA + 1)
            check(got == QUOTA, "%s, %s: %d allocations", name, dialect, got)
            shown(bench, dialect)
            bench.release()


def shown(bench, dialect):
    row = bench.get("/v1/allocations?limit=1")["allocations"][0]
    one = bench.get("/v1/allocations/" + row["id"])
    check((one["quota_allocations"], one["quota_bandwidth_bps"]) == (QUOTA, 20000000), "%s", one)
    user = bench.get("/v1/limits")["users"][0]
    check((user["dialect"], user["allocations"], user["quota_allocations"],
           user["quota_bandwidth_bps"]) == (dialect, QUOTA, QUOTA, 20000000), "%s", user)


def others_keep_the_limits_of_their_dialect(bench):
    pair = ask_http(bench.mrasd, {"user": ALICE, "form": "mras"})[2]
    got = bench.allocate_until_refused(bench.ms(pair), QUOTA)
    check(got == 64, "alice has %d allocations in the MS dialect", got)
    one = bench.get("/v1/allocations/" + bench.get("/v1/allocations")["allocations"][0]["id"])
    check(one["quota_allocations"] is None and one["quota_bandwidth_bps"] is None, "%s", one)
    got = bench.allocate_until_refused(bench.ietf(pair), QUOTA)
    check(got == QUOTA, "alice has %d allocations in the IETF dialect", got)
    bench.release()


def password_of(secret, name):
    return base64.b64encode(hmac.new(secret.encode(), name.encode(), "sha1").digest()).decode()


def a_quota_cannot_be_made_up(bench):
    """With the secret that an application has, or by changing what mrasd issued."""
    token = ask_http(bench.mrasd, {"user": GATEWAY, "form": "rest"}, "gw")[2]
    expiry, rest = token["username"].split(",", 1)
    figures, identity = rest.split(":", 1)
    check(figures == "%d,20000" % QUOTA and identity == GATEWAY, "%s", token)
    plain = turnclient.rest_credential(bench.relay.secret(), "200,20000:" + GATEWAY)
    made_up = turnclient.rest_credential(bench.relay.secret(), "x")[0].split(":")[0]
    made_up += ",100000,0:" + GATEWAY
    for what, user, password, want in (
            ("a higher figure", expiry + ",100000,20000:" + GATEWAY, token["password"], 401),
            ("no quota", "%s:%s" % (expiry, GATEWAY), token["password"], 401),
            ("signed with the secret", made_up,
             password_of(bench.relay.secret(), made_up), 401),
            ("a name that looks like one", *plain, None)):
        client = turnclient.Client((OUTSIDE, 3478), "udp", user, password)
        reply = client.request(turnclient.ALLOCATE, (turnclient.UDP_TRANSPORT,))
        check(reply.code == want, "%s: %s", what, reply.code)
        if want is None:
            client.refresh(0)
        client.close()


def records_name_it(bench):
    check("QUOTA_ALLOCATIONS=%d QUOTA_BANDWIDTH_BPS=20000000" % QUOTA in bench.relay.log(),
          "the relay's log")
    check("QUOTA_ALLOCATIONS=%d QUOTA_BANDWIDTH_BPS=20000000" % QUOTA in bench.mrasd.log(),
          "mrasd's log")


def main():
    netns.begin()
    reason = mras.unavailable() or openapi_check.unavailable()
    if reason:
        print(reason)
        return 77
    with tempfile.TemporaryDirectory(prefix="avedge-gateway-") as directory, \
            netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                          defaults=True) as server:
        os.rename(server.path("keys"), os.path.join(directory, "keys"))
        os.symlink(os.path.join(directory, "keys"), server.path("keys"))
        bench = Gateway(directory, server)
        with bench.mrasd.running():
            for test in (a_gateway_asks_as_often_as_it_needs, its_allocations_are_its_quota,
                         others_keep_the_limits_of_their_dialect, a_quota_cannot_be_made_up,
                         records_name_it):
                print("---", test.__name__, flush=True)
                test(bench)
    return 0


if __name__ == "__main__":
    sys.exit(main())

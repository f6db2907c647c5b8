"""The test bench for mrasd: a relay and mrasd in their own namespace, valid and invalid
certificates, and rows that run one after the other."""

import os
import sys
import tempfile
import time

import netns
import openapi_check
import mras
import relay
import turnclient

INSIDE, OUTSIDE, PORT = "127.0.1.1", "127.0.2.1", 5062
SKEW_S = 3		# of the relay
RELAYS = (("inside", INSIDE, 3478, 443), ("outside", OUTSIDE, 3478, 443))
LIMITS = """limits {
	half_open = 100
	half_open_per_source = 60
	handshake = 3s
	request = 2s
	identity_per_minute = 0
	body = 64K
}
"""
SERVERS = {
    "fe01.lab.example": ["requests_per_second = 0"],
    "web01.lab.example": ['identities = {"@lab.example"}', "max_duration = 30m",
                          "requests_per_second = 5"],
    "far.lab.example": ['networks = {"10.99.0.0/16"}'],
}
ROWS = []


def row(function):
    ROWS.append(function)
    return function


def make_certificates(directory):
    ca, other = mras.Ca(directory, "ca"), mras.Ca(directory, "other")
    middle = mras.Ca(directory, "middle", parent=ca)
    mras.write(os.path.join(directory, "trust.pem"), ca.pem())
    ca.issue("mras", "mras.lab.example", ["mras.lab.example"], [INSIDE], usage=[mras.SERVER])
    ca.issue("trusted", "fe01", ["fe01.lab.example"])
    ca.issue("web01", "web01", ["www.lab.example", "WEB01.lab.example"])
    ca.issue("far", "far", ["far.lab.example"])
    middle.issue("chained", "fe01", ["fe01.lab.example"])
    ca.issue("server-only", "fe01", ["fe01.lab.example"], usage=[mras.SERVER])
    ca.issue("any-use", "fe01", ["fe01.lab.example"], usage=())
    ca.issue("only-cn", "fe01.lab.example", None)
    other.issue("untrusted", "fe01", ["fe01.lab.example"])
    ca.issue("wrong-name", "fe09", ["fe09.lab.example"])
    ca.issue("below", "x", ["x.fe01.lab.example"])
    ca.issue("wildcard", "x", ["*.lab.example"])
    ca.issue("cn-and-names", "fe01.lab.example", ["fe09.lab.example"])
    ca.issue("cn-and-address", "fe01.lab.example", [], [INSIDE])
    ca.issue("expired", "fe01", ["fe01.lab.example"], lasts=-60)
    ca.issue("not-yet", "fe01", ["fe01.lab.example"], begins=3600)
    ca.issue("code-signing", "fe01", ["fe01.lab.example"], usage=[mras.CODE_SIGNING])
    ca.revoke(ca.issue("revoked", "fe01", ["fe01.lab.example"]))
    mras.write(ca.path("crl"), ca.crl() + other.crl() + middle.crl())
    return ca


class Bench:
    """The two daemons and what the rows need of them. The answers of mrasd are held to the
    description, if there is one."""

    def __init__(self, directory, description=None):
        self.description = description
        self.ca = make_certificates(directory)
        self.crl = os.path.join(directory, "ca.crl")
        self.directory = directory
        self.mrasd = mras.Mrasd(directory, INSIDE, PORT, self.text())

    def text(self, servers=None, more=LIMITS):
        return mras.config(self.directory, INSIDE, PORT, RELAYS, servers or SERVERS, more,
                           crl=self.crl, outside=[OUTSIDE])

    def allocates(self, username, password, server=(OUTSIDE, 3478), transport="udp"):
        """True, or the code of the refusal."""
        client = turnclient.Client(server, transport, username, password,
                                   cafile=os.path.join(self.directory, "relay-ca.pem"))
        try:
            client.allocate()
            client.refresh(0)
            return True
        except turnclient.TurnError as err:
            return err.code
        finally:
            client.close()


def main(begin=None, end=None, describes="openapi.json", but=None):
    """Run the rows named on the command line, or all. begin(bench) comes before, end(bench,
    what begin returned) after all rows.

    describes  the file in docs/ that bench.description is made of
    but        what these rows leave out of it, as regular expressions; None: not checked"""
    netns.begin()
    reason = mras.unavailable() or openapi_check.unavailable()
    if reason:
        print(reason)
        return 77
    wanted, done = sys.argv[1:], 0
    with tempfile.TemporaryDirectory(prefix="avedge-mras-") as directory, \
            netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                          extra=["clock_skew = %ds" % SKEW_S], more_udp=(443,), more_tcp=(5349,),
                          settings={"limits": relay.NO_LIMITS["limits"] + [
                              "stranger_rate = 0"]}) as server:
        os.symlink(server.path("ca.pem"), os.path.join(directory, "relay-ca.pem"))
        # The daemons share one file, so that a key rotation reaches both.
        os.rename(server.path("keys"), os.path.join(directory, "keys"))
        os.symlink(os.path.join(directory, "keys"), server.path("keys"))
        bench = Bench(directory, openapi_check.Description(describes))
        bench.relay = server
        with bench.mrasd.running():
            begun = begin(bench) if begin and not wanted else None
            for function in ROWS:
                if wanted and function.__name__ not in wanted:
                    continue
                run_row(function, bench)
                done += 1
            if end and not wanted:
                end(bench, begun)
            if but is not None and not wanted:
                print(bench.description.everything_was_seen(but))
    print("%d rows" % done)
    return 0


def run_row(function, bench):
    started = time.monotonic()
    try:
        function(bench)
    except BaseException:
        print("row:", function.__name__)
        raise
    print("%5.1f s  %s" % (time.monotonic() - started, function.__name__), flush=True)

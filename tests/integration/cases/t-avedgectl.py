#!/usr/bin/python3
"""avedgectl against real daemons during calls: every command that talks to a daemon, and its
effect on the calls."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

import lib  # adds ../lib to the path
import netns
import mras
import relay
from netns import check

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
RELAYS = (("inside", INSIDE, 3478, 443), ("outside", OUTSIDE, 3478, 443),
          ("outside", "192.0.2.200", 3478, 443))
CALLS = 4


class Fixture:
    def __init__(self, directory, server):
        self.server = server
        self.directory = directory
        ca = mras.Ca(directory, "ca")
        ca.issue("mras", "mras.lab.example", ["mras.lab.example"], [INSIDE])
        mras.write(os.path.join(directory, "trust.pem"), ca.pem())
        subprocess.run([relay.program("avedgectl"), "key", "new", "--keys",
                        os.path.join(directory, "keys")], check=True, capture_output=True,
                       timeout=20)
        self.mrasd = mras.Mrasd(directory, INSIDE, 5062, mras.config(
            directory, INSIDE, 5062, RELAYS, {"fe01.lab.example": []}))

    def command(self, args):
        sockets = {"relay": self.server.path("relay.sock"),
                   "mras": os.path.join(self.directory, "mrasd.sock")}
        more = ["--socket", sockets["mras" if args[0] == "mras" else "relay"]]
        if "--mras" in args:
            more += ["--mras-socket", sockets["mras"]]
        return [relay.program("avedgectl"), *args, *more]

    def run(self, *args, status=0):
        got = subprocess.run(self.command(args), capture_output=True, text=True, timeout=60,
                             check=False, env=dict(os.environ, LC_ALL="C.UTF-8"))
        check(got.returncode == status, "%s: status %d, not %d: %s%s", " ".join(args),
              got.returncode, status, got.stdout, got.stderr)
        return got.stdout if status == 0 else got.stderr

    def json(self, *args):
        return json.loads(self.run(*args, "--json"))

    def rows(self, *args):
        return self.json("allocations", *args)["allocations"]

    @contextlib.contextmanager
    def calls(self, user, count=CALLS, seconds=60, address=INSIDE, transport="udp"):
        """Calls of a user through the relay while the block runs."""
        name, password = self.server.credential(user)
        port = self.server.udp_port if transport == "udp" else self.server.tcp_port
        child = subprocess.Popen(
            [relay.program("avedge-load"), "--server", "%s:%s:%d" % (transport, address, port),
             "--user", name, "--password", password, "--clients", str(count), "--duration",
             "%ds" % seconds, "--insecure", "--quiet", "--peer-address", "127.0.3.1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait(lambda: len(self.rows("--user", user)) >= count, "calls of " + user)
            yield child
        finally:
            child.terminate()
            child.wait(20)

    @staticmethod
    def wait(condition, what, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            check(time.monotonic() < end, "in vain: %s", what)
            time.sleep(0.1)


ROWS = []


def row(function):
    ROWS.append(function)
    return function


@row
def what_it_is(fixture):
    out = fixture.run("status")
    for line in ("version ", "process +%d" % fixture.server.pid(), "state +serving",
                 "key +k1: signs", "relay ports +%s udp 50000-59999: " % OUTSIDE):
        check(re.search("(?m)^" + line, out), "no %r in the status: %s", line, out)
    out = fixture.run("ports")
    for line in ("inside +%s +udp +3478" % INSIDE, "outside +%s +tcp +443" % OUTSIDE):
        check(re.search(line, out), "no %r in the ports: %s", line, out)
    out = fixture.run("ports", "--explain", "3478")
    check("Open now:" in out and "served by mediarelayd" in out, "explained: %s", out)
    check("Not open on the running relay" in fixture.run("ports", "--explain", "5061"), "5061 is open")
    check("datagrams" in fixture.run("counters", "--all"), "no counters")
    changed = fixture.run("configuration")
    check("side.outside.public" not in changed and "side.outside.addresses" in changed,
          "configuration: %s", changed)
    conf = fixture.run("configuration")
    check(re.search(r'realm +edge|control\.socket ', conf), "configuration: %s", conf)
    check(len(fixture.run("configuration", "--all").splitlines()) > 40, "keys are missing")


@row
def allocations_with_filters(fixture):
    with fixture.calls("alice"), fixture.calls("bob", 2, address=OUTSIDE, transport="tls"):
        for args, count in (((), 6), (("--user", "bob"), 2), (("--side", "inside"), CALLS),
                            (("--side", "outside"), 2), (("--transport", "tls"), 2),
                            (("--relay-transport", "udp"), 6), (("--dialect", "ms"), 0),
                            (("--key", "k1"), 6), (("--key", "other"), 0),
                            (("--client", "127.0.0.0/8"), 6), (("--client", "10.0.0.0/8"), 0),
                            (("--peer", "127.0.3.1"), 6), (("--peer", "192.0.2.1"), 0),
                            (("--user", "alice", "--side", "outside"), 0),
                            (("--limit", "3"), 3)):
            rows = fixture.rows(*args)
            check(len(rows) == count, "%s: %d rows, not %d", args, len(rows), count)
        users = [row["user"] for row in fixture.rows("--sort", "user")]
        check(users == sorted(users), "sorted by user: %s", users)
        out = fixture.run("allocations", "--user", "bob")
        check(len(out.splitlines()) == 3 and " tls " in out, "as a table: %s", out)

        ident = fixture.rows("--user", "alice")[0]["id"]
        fixture.wait(lambda: fixture.json("show", ident)["rate"]["to_peer_bps"] > 0, "a rate")
        out = fixture.run("show", ident)
        for line in ("allocation +" + ident, "user +alice", "client +127", "channel +number 0x4",
                     r"permission +127\.0\.3\.1", r"rate +to peer \d"):
            check(re.search("(?m)^" + line, out), "no %r in %s", line, out)

        out = fixture.run("top", "--once", "--interval", "1")
        check(re.search("(?m)^traffic +to peers [0-9.]+kbit/s", out) and "alice" in out
              and re.search("(?m)^busy +[0-9]+%", out), "top: %s", out)
        out = fixture.run("limits")
        check(re.search("(?m)^alice +%d " % CALLS, out) and
              re.search(r"limits\.allocations_per_user +%d +" % CALLS, out), "limits: %s", out)


@row
def calls_are_ended(fixture):
    with fixture.calls("alice"), fixture.calls("bob", 2):
        ident = fixture.rows("--user", "bob")[0]["id"]
        check(fixture.run("kill", ident) == "1 allocation ended\n", "not ended")
        check(ident not in [row["id"] for row in fixture.rows()], "it lives on")
        check("no allocation matches --user nobody" in
              fixture.run("kill", "--user", "nobody", status=4), "who ended?")
        fixture.run("kill", ident, status=4)
        fixture.run("show", ident, status=4)
        out = fixture.run("kill", "--user", "alice")
        check(re.match(r"\d+ allocations? ended", out) and int(out.split()[0]) >= CALLS,
              "kill --user: %s", out)
        check(fixture.json("kill", "--key", "k1")["ended"] >= 1, "kill --key")


@row
def records_of_what_ended(fixture):
    with fixture.calls("carol", 2):
        follower = subprocess.Popen(fixture.command(("records", "--follow", "--json")),
                                    stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        fixture.run("kill", "--user", "carol")
        watch = threading.Timer(20, follower.kill)
        watch.start()
        found = 0
        for line in follower.stdout:
            found += json.loads(line).get("user") == "carol"
            if found == 2:
                break
        watch.cancel()
        follower.kill()
        follower.wait()
        check(found == 2, "%d records", found)
    out = fixture.run("records")
    check(out.startswith("ENDED ") and len(re.findall("(?m)^20.* carol ", out)) >= 2,
          "records: %s", out)
    with fixture.calls("dora", 2):
        pass
    lines = fixture.run("records", "--user", "dora").splitlines()
    check(len(lines) == 3 and all(" dora " in line for line in lines[1:]), "dora: %s", lines)
    check(len(fixture.run("records", "--user", "dora", "--limit", "1").splitlines()) == 2, "newest")
    check(len(fixture.run("records", "--since", "1h").splitlines()) >= 5, "since an hour")
    check(len(fixture.run("records", "--since", "2090-01-01T00:00:00Z").splitlines()) == 1, "later")


@row
def reload_says_what_it_did(fixture):
    server = fixture.server
    conf = server.path("relay.conf")
    with open(conf, encoding="utf-8") as file:
        good = file.read()
    check("mediarelayd: unchanged" in fixture.run("reload"), "not unchanged")
    with fixture.calls("alice", 2) as load:
        with open(conf, "w", encoding="utf-8") as file:
            file.write(good.replace("limits {", "limits {\n\tidle = 77s\n") if "limits {" in good
                       else good + "limits {\n\tidle = 77s\n}\n")
        out = fixture.run("reload")
        check(re.search(r"(?m)^mediarelayd: applied, generation \d+$", out) and
              re.search(r"(?m)^  limits\.idle: 5m -> 77s \(applied\)$", out), "reload: %s", out)
        with open(conf, "w", encoding="utf-8") as file:
            file.write(good.replace("realm =", "ream ="))
        out = fixture.run("reload", status=1)
        check(re.search(r"relay\.conf:1:1: .*realm", out), "a wrong file: %s", out)
        check("77s" in fixture.run("configuration"), "the wrong file changed something")
        check(re.search("last reload .*rejected: .*relay.conf:1", fixture.run("status")),
              "the status does not tell of it")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(good)
        check("77s -> 5m" in fixture.run("reload", "--mras"), "not back")
        check(load.poll() is None and len(fixture.rows("--user", "alice")) == 2, "a call ended")
    check("mrasd: unchanged" in fixture.run("mras", "reload"), "mrasd is changed")


@row
def log_levels(fixture):
    check(re.search("(?m)^control +info", fixture.run("log-level")), "no level of control")
    fixture.run("log-level", "control", "debug")
    check(re.search("(?m)^control +debug", fixture.run("log-level")), "not debug")
    fixture.run("log-level", "control", "default")
    check(re.search("(?m)^control +info", fixture.run("log-level")), "not back")
    fixture.run("log-level", "nonsense", "debug", status=4)
    check("default" in fixture.run("mras", "log-level"), "no levels of mrasd")
    fixture.run("mras", "log-level", "default", "notice")


@row
def the_issuer(fixture):
    out = fixture.run("mras", "status")
    check(re.search("(?m)^issued +0", out) and "tls.certificate" in out, "mras status: %s", out)
    check(len(fixture.json("mras", "relays")["relays"]) == len(RELAYS), "mras relays")
    fixture.run("mras", "drain", "192.0.2.200")
    check(re.search(r"192\.0\.2\.200 +draining", fixture.run("mras", "relays")), "not draining")
    check("--force" in fixture.run("mras", "drain", OUTSIDE, status=1), "the last one drains")
    fixture.run("mras", "undrain", "192.0.2.200")
    fixture.run("mras", "drain", "192.0.2.201", status=4)
    check("realm" in fixture.run("mras", "configuration", "--all"), "mras configuration")


@row
def drain_and_back(fixture):
    with fixture.calls("alice", 2):
        check("--force" in fixture.run("drain", "--mras", status=1), "the last relay inside went")
        out = fixture.run("drain", "--mras", "--force", "--deadline", "1h")
        check("is draining" in out and "2 of 2 allocations left" in out, "drain: %s", out)
        name, password = fixture.server.credential("dave")
        refused = subprocess.run(
            [relay.program("avedge-load"), "--server", "udp:%s:3478" % INSIDE, "--user", name,
             "--password", password, "--clients", "1", "--duration", "1s", "--quiet"],
            capture_output=True, text=True, timeout=60, check=False)
        check(refused.returncode != 0, "a draining relay took a call")
        check(len(fixture.rows("--user", "alice")) == 2, "the calls did not go on")
        check(re.search("(?m)^state +draining$", fixture.run("status")), "the status")
        waiting = subprocess.Popen(fixture.command(("drain", "--wait")), stdout=subprocess.PIPE,
                                   text=True)
        time.sleep(1.2)
        check(waiting.poll() is None, "it did not wait")
        fixture.run("kill", "--user", "alice")
        out, _ = waiting.communicate(timeout=30)
        check(waiting.returncode == 0 and out.endswith("0 allocations left\n"), "wait: %s", out)
    fixture.run("undrain", "--mras")
    check(not any(row["draining"] for row in fixture.json("mras", "relays")["relays"]),
          "still draining")
    with fixture.calls("alice", 1):
        pass


@row
def only_those_who_may(fixture):
    if os.geteuid() != 0 or "nobody" not in open("/etc/passwd", encoding="ascii").read():
        return
    os.chmod(fixture.server.directory, 0o755)
    socket = fixture.server.path("relay.sock")
    for mode, status, text in ((0o660, 1, "permission denied: run as root or as a member"),
                               (0o666, 1, "refused .403.")):
        os.chmod(socket, mode)
        got = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534",
                              "--clear-groups", relay.program("avedgectl"), "status",
                              "--socket", socket], capture_output=True, text=True, timeout=20,
                             check=False)
        check(got.returncode == status and re.search(text, got.stderr), "mode %o: %d %s", mode,
              got.returncode, got.stderr)
    os.chmod(socket, 0o600)


def main():
    netns.begin()
    reason = mras.unavailable()
    if reason:
        print(reason)
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory, netns.running(
            inside=(INSIDE,), outside=(OUTSIDE,), allow=("127.0.0.0/8",)) as server:
        fixture = Fixture(directory, server)
        with fixture.mrasd.running():
            for function in ROWS:
                if len(sys.argv) < 2 or function.__name__ in sys.argv[1:]:
                    function(fixture)
    print("%d tests of avedgectl with calls up" % len(ROWS))


main()

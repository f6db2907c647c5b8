"""The edge installed from its packages in a booted container (machine.py), as its administrator sees it."""

import json
import os
import re
import sys
import time

import deb
import machine as machines

RELAY, MRAS = "mediarelayd", "mrasd"
RELAY_CONF = "/etc/avedge/mediarelayd.conf"
MRAS_CONF = "/etc/avedge/mrasd.conf"
BEGAN = time.monotonic()


def say(text):
    print("[%5.1f s] %s" % (time.monotonic() - BEGAN, text), flush=True)


def fail(text):
    raise SystemExit("FAIL: " + text)


def check(claim, text):
    if not claim:
        fail(text)


def skip(reason):
    print(reason)
    sys.exit(77)


def in_a_machine(live, **options):
    """What live(machine, packages) returns, in a booted container and with the packages of this tree. Where
    one of them is impossible, the test is skipped. options: those of the container."""
    reason = machines.unavailable()
    if reason:
        skip(reason)
    try:
        packages = deb.packages()
    except deb.CannotBuild as why:
        skip(why)
    say("packages are built")
    try:
        with machines.Machine(**options) as machine:
            say("the machine has booted")
            return live(machine, packages)
    except machines.CannotBoot as why:
        skip(why)


class Edge:
    """The edge in the container, as its administrator sees it."""

    def __init__(self, machine):
        self.machine = machine
        self.username = self.password = None

    def show(self, unit, what):
        return self.machine.out("systemctl", "show", "-P", what, unit + ".service")

    def pid(self, unit):
        return int(self.show(unit, "MainPID"))

    def active(self, unit):
        return self.show(unit, "ActiveState") == "active"

    def journal(self, unit, *args):
        return self.machine.out("journalctl", "--no-pager", "-q", "-u", unit, *args)

    def says(self, unit, text, complaint):
        """The end of its journal, once that contains the text."""
        until = time.monotonic() + 15
        while True:
            said = self.journal(unit, "-o", "cat", "-n", "40")
            if text in said:
                return said
            check(time.monotonic() < until, "%s:\n%s" % (complaint, said))
            time.sleep(0.1)

    def ctl(self, *args, check=True):
        return self.machine.run("avedgectl", *args, check=check)

    def document(self, *args):
        return json.loads(self.ctl(*args, "--json").stdout)

    def systemctl(self, *args, check=True):
        return self.machine.run("systemctl", *args, check=check)

    def kill(self, unit):
        """Not with systemctl, which also looks for other processes, and fails if none is left by then."""
        self.machine.run("kill", "-9", str(self.pid(unit)))

    def make_next_packages(self):
        """The same packages, of a later version."""
        for name in ("avedge-tools", "avedge"):
            self.machine.run(
                "bash", "-ec", "cd /avedge-test && dpkg-deb -R %s.deb new && sed -i -e "
                "'s/^Version: .*/&+next/; s/(= [^)]*/&+next/' new/DEBIAN/control && "
                "dpkg-deb -b new %s-next.deb && rm -r new" % (name, name))

    def upgrade(self):
        """To them; what dpkg says."""
        return self.machine.out("dpkg", "-i", "/avedge-test/avedge-tools-next.deb",
                                "/avedge-test/avedge-next.deb")

    def fetch_credential(self):
        answer = self.machine.out(
            "avedgectl", "mras-probe", "127.0.1.1:5062", "--http", "--form", "rest",
            "--identity", "alice", "--ttl", "1h", "--ca", "/avedge-test/pki/ca.pem",
            "--cert", "/avedge-test/pki/trusted.pem", "--key", "/avedge-test/pki/trusted.key")
        self.username = re.search(r"^username +(\S+)", answer, re.M).group(1)
        self.password = re.search(r"^password +(\S+)", answer, re.M).group(1)

    def _call(self, seconds, server="udp:127.0.1.1:3478"):
        return ["avedge-load", "--server", server, "--user", self.username, "--password",
                self.password, "--peer-address", "127.0.0.1", "--duration", "%ds" % seconds,
                "--max-loss", "0", "--quiet"]

    def call(self, *server):
        """A relayed call of one second without loss."""
        self.machine.run(*self._call(1, *server))

    def is_refused_a_call(self):
        return self.machine.run(*self._call(1), check=False).returncode != 0

    def begin_call(self, seconds):
        """Start one; returns when media flows."""
        call = self.machine.start(*self._call(seconds))
        self.wait_until(lambda: self.document("status")["allocations"] == 1,
                        "the call did not begin")
        return call

    def wait_until(self, condition, text, seconds=15):
        until = time.monotonic() + seconds
        while not condition():
            check(time.monotonic() < until, text)
            time.sleep(0.1)

    def wait_for_start(self, unit, not_pid):
        """Until systemd has restarted it."""
        self.wait_until(lambda: self.active(unit) and self.pid(unit) not in (0, not_pid),
                        "%s was not started again:\n%s" % (unit, self.journal(unit, "-n", "20")))


def ended_well(call, what):
    out, _ = call.communicate(timeout=30)
    check(call.returncode == 0, "%s: the call ended with status %d:\n%s"
          % (what, call.returncode, out))


def install_and_serve(edge, packages):
    machine = edge.machine
    for name in ("avedge-tools", "avedge"):
        machine.put(packages[name], "/avedge-test/%s.deb" % name)
    machine.run("dpkg", "-i", "/avedge-test/avedge-tools.deb", "/avedge-test/avedge.deb")
    machine.put(os.path.join(deb.TOP, "debian", "tests"), "/avedge-test/tests")
    print(machine.out("bash", "-c", "mkdir /avedge-test/pki && KEEP=/avedge-test/pki /avedge-test/tests/service"))
    edge.fetch_credential()

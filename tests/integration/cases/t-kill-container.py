#!/usr/bin/python3
"""Calls of every kind and a storm of requests through the installed package under systemd: kill -9 at
random instants, systemctl restart, a package upgrade to a build whose state has another version, and a
kill of that one. The client-side model of t-kill-storm looks at everything each time. The way back to
the older version is in t-upgrade-state.

  t-kill-container.py [--calls N] [--kills N] [--kinds A,B...]

AVEDGE_KILL_STORM=full: 1,000 calls, 200 kills.
"""
# timeout: 400
# slow: boots a container

import argparse
import ctypes
import os
import random
import shutil
import subprocess
import time

import lib  # adds ../lib to the path
import call_model
import control
import edge
import relay
from edge import say
from netns import check

INSIDE, OUTSIDE, OUTSIDE6 = "127.0.1.1", "127.0.2.1", "fd7a:1::1"
PEER, PEER6 = "127.0.3.1", "fd7a:1::2"
UNIT = "mediarelayd"
CLONE_NEWNET = 0x40000000
PROPERTY = "/avedge-test/relay"
FULL = os.environ.get("AVEDGE_KILL_STORM") == "full"


class Installed(relay.Relay):
    """The relay of the package in the container, seen from this process in its network namespace."""

    def __init__(self, machine):
        self.machine = machine
        self.inner = "/proc/%d/root" % machine.leader
        super().__init__(machine.path(PROPERTY), inside=[INSIDE], outside=[OUTSIDE, OUTSIDE6],
                         allow=[PEER, PEER6, "127.0.9.0/24"], workers=2,
                         extra=["mobility = true"],
                         settings={"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"],
                                   "relay": ["peer_connections_per_user = 0"]})

    def configure(self):
        """Its file in /etc/avedge, with what it names below PROPERTY."""
        machine, self.machine = self.machine, None
        try:
            self.write_config()
        finally:
            self.machine = machine
        with open(self.path("relay.conf"), encoding="ascii") as file:
            text = file.read().replace(machine.root, "")
        text = text.replace(self.inner, "")
        machine.write("/etc/avedge/mediarelayd.conf", text)
        machine.run("chown", "-R", "avedge-relay:avedge-relay", PROPERTY)

    def path(self, name):
        if name == "relay.sock":
            return self.inner + "/run/mediarelayd/control.sock"
        return super().path(name)

    def status(self):
        """None while it does not answer."""
        try:
            return control.ask(self.path("relay.sock"), "GET", "/v1/status", timeout=5)[1]
        except (OSError, ValueError, EOFError, control.http.client.HTTPException):
            return None


class Test:
    def __init__(self, machine, server, args):
        self.machine, self.server, self.args = machine, server, args
        self.pid, self.gaps, self.taken = server.status()["pid"], [], []
        self.serving = True
        self.model = call_model.Model(server, PEER, PEER6, renew_s=30, storm_pause_s=0.1)
        self.model.is_serving = lambda: self.serving
        self.began = time.monotonic()

    def until_served(self, seconds=30):
        """Run the model until another process answers."""
        until = time.monotonic() + seconds
        while True:
            self.model.run(0.02)
            status = self.server.status()
            # It answers a moment before it says what it has taken up.
            if status and status["pid"] != self.pid and (
                    status["taken_up"] is not None or status["uptime_s"] > 2):
                break
            check(time.monotonic() < until, "not started again:\n%s", self.machine.out(
                "journalctl", "--no-pager", "-u", UNIT, "-n", "20", "-o", "cat"))
        self.pid, self.serving = status["pid"], True
        taken = status["taken_up"]
        check(taken is not None, "a start without state of the process before:\n%s", self.machine.out(
            "journalctl", "--no-pager", "-u", UNIT, "-n", "60", "-o", "short-precise"))
        self.taken.append(taken)
        return taken

    def look(self, what):
        self.model.give_up(0.3)
        self.model.probe(5)
        listed = self.model.audit()
        if what:
            say("%s: %d allocations; taken up %d, lost %s" % (
                what, listed, self.taken[-1]["allocations"],
                {k: n for k, n in self.taken[-1]["lost_by"].items() if n} or "none"))

    def kill(self):
        killer = subprocess.Popen(["sh", "-c", "sleep %.4f; kill -9 %d" % (
            random.uniform(0.02, 0.4), self.host_pid())])
        self.serving = False
        self.until_served()
        killer.wait()
        self.look(None)

    def host_pid(self):
        """The process as this side of the container numbers it."""
        for name in os.listdir("/proc"):
            try:
                with open("/proc/%s/status" % name, encoding="ascii") as file:
                    text = file.read()
            except (OSError, UnicodeDecodeError):
                continue
            if text.startswith("Name:\tmediarelayd") and "\nNSpid:\t%s\t%d\n" % (
                    name, self.pid) in text and os.readlink("/proc/%s/ns/pid" % name) == \
                    os.readlink("/proc/%d/ns/pid" % self.machine.leader):
                return int(name)
        raise SystemExit("FAIL: no process %d in the container" % self.pid)

    def command(self, what, *args):
        """Something that restarts it, while the model runs."""
        child = self.machine.start(*args)
        self.serving = False
        self.model.run(until=lambda: child.poll() is not None, what=what)
        check(child.returncode == 0, "%s: %s", what, child.stdout.read())
        self.until_served()
        self.look(what)


def enter(leader):
    """Into the network of the container; this process has no other use for its own."""
    fd = os.open("/proc/%d/ns/net" % leader, os.O_RDONLY)
    check(ctypes.CDLL(None).setns(fd, CLONE_NEWNET) == 0, "cannot enter the network namespace")
    os.close(fd)


def next_package(packages):
    """The package with a mediarelayd whose records are of the next version."""
    build = os.environ.get("BUILD_DIR") or relay.BUILD
    program = os.path.join(build, "tests", "integration", "mediarelayd-next")
    made = subprocess.run(["make", "-C", build, "tests/integration/mediarelayd-next"],
                          capture_output=True, text=True, timeout=600, check=False)
    check(made.returncode == 0, "mediarelayd-next is not built:\n%s", made.stderr[-2000:])
    where = os.path.join(build, "debian-next")
    shutil.rmtree(where, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", packages["avedge"], where], check=True)
    shutil.copy2(program, os.path.join(where, "usr/sbin/mediarelayd"))
    control_file = os.path.join(where, "DEBIAN/control")
    with open(control_file, encoding="utf-8") as file:
        lines = file.read().splitlines(True)
    with open(control_file, "w", encoding="utf-8") as file:
        file.writelines(line.rstrip() + "+next\n" if line.startswith("Version:") else line
                        for line in lines)
    path = where + ".deb"
    subprocess.run(["dpkg-deb", "-b", where, path], check=True, stdout=subprocess.DEVNULL)
    return path


def install(machine, packages, following):
    for name in ("avedge-tools", "avedge"):
        machine.put(packages[name], "/avedge-test/%s.deb" % name)
    machine.put(following, "/avedge-test/avedge-next.deb")
    machine.run("dpkg", "-i", "/avedge-test/avedge-tools.deb", "/avedge-test/avedge.deb")
    for address in (OUTSIDE6, PEER6):
        machine.run("ip", "address", "add", address + "/128", "dev", "lo", "nodad")
    machine.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=20000 49999")


def run(machine, args, packages):
    install(machine, packages, next_package(packages))
    server = Installed(machine)
    os.makedirs(server.directory, exist_ok=True)
    server.configure()
    if machine.run("systemctl", "start", UNIT, check=False).returncode != 0:
        check(False, "it does not start: %s", machine.out(
            "journalctl", "--no-pager", "-u", UNIT, "-n", "20", "-o", "cat"))
    enter(machine.leader)
    test = Test(machine, server, args)
    kinds = call_model.some_of_each(args.calls, args.kinds.split(","))
    test.model.add(kinds)
    test.model.storm(max(20, args.calls // 5), "tcp" in args.kinds)
    test.model.settle()
    say("%d calls" % len(test.model.calls))
    for number in range(args.kills):
        test.kill()
        if number % 10 == 9:
            say("%d kills: %s" % (number + 1, test.model.summary()))
    test.command("systemctl kill", "systemctl", "kill", "-s", "KILL", UNIT)
    test.command("systemctl restart", "systemctl", "restart", UNIT)
    test.command("upgrade", "dpkg", "-i", "/avedge-test/avedge-next.deb")
    test.kill()
    check(test.taken[-1]["lost"] == 0, "lost: %s", test.taken[-1])
    test.model.close()
    return test


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000 if FULL else 60)
    parser.add_argument("--kills", type=int, default=200 if FULL else 16)
    parser.add_argument("--kinds", default=",".join(call_model.KINDS))
    args = parser.parse_args()
    test = edge.in_a_machine(lambda machine, packages: run(machine, args, packages))
    gaps = sorted(taken["gap_ms"] for taken in test.taken)
    print("%d kills, a restart and an upgrade under systemd; gaps of %d ms at the median; %s" % (
        args.kills + 2, gaps[len(gaps) // 2], test.model.summary()))


if __name__ == "__main__":
    main()

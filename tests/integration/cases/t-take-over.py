#!/usr/bin/python3
"""A new process takes over from the running one (mediarelayd --take-over), as root and as an ordinary user,
under live calls of every kind and a storm of requests: twenty times in a chain nothing is lost. Nor is
anything when it comes to nothing: a bad configuration, a new process that is killed at any instant, another
user, garbage on the socket, a client that holds the socket, an address that another program has, an old or
a new process that stands still until the other gives up.

  t-take-over.py [--chain N] [--kinds A,B...] [--user UID]

Without a user both at once, in network namespaces of their own: most of the time is that of deadlines.
"""
# timeout: 400
# slow: waits for deadlines

import argparse
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import lib  # adds ../lib to the path
import call_model
import control
import netns
import relay
from netns import check

INSIDE, OUTSIDE, OUTSIDE6 = "127.0.1.1", "127.0.2.1", "fd7a:1::1"
PEER, PEER6 = "127.0.3.1", "fd7a:1::2"
METRICS = "127.0.0.1:9478"
NOBODY, SOMEBODY = 65534, 1
KINDS = [kind for kind in call_model.KINDS if kind != "mobile-tls"]


class TakenOver(relay.Relay):
    """A relay whose processes follow each other. user: their user id; 0: root."""

    def __init__(self, directory, user, **options):
        self.user = user
        super().__init__(directory, tcp_port=8443, inside=[INSIDE], outside=[OUTSIDE, OUTSIDE6], workers=2,
                         allow=[PEER, PEER6, "127.0.9.0/24"], extra=["mobility = true"], settings={
                             "limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"],
                             "relay": ["peer_connections_per_user = 0"],
                             "log": ["records = false"],
                             "metrics": ['address = "%s"' % METRICS],
                             "take_over": ['socket = "%s/take-over.sock"' % directory]}, **options)
        self.socket = os.path.join(directory, "take-over.sock")

    def write_config(self):
        user = self.__dict__.pop("user")
        super().write_config()
        self.user = user
        for name in ["."] + os.listdir(self.directory):
            os.chmod(self.path(name), 0o755 if name == "." else 0o644)
            if self.user:
                os.chown(self.path(name), self.user, self.user)
        os.chmod(self.path("keys"), 0o640)
        os.chmod(self.path("relay.key"), 0o600)

    def as_user(self, user):
        return ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"] if user else []

    def command(self):
        return self.as_user(self.user) + super().command()

    def follow(self, *more, user=None, output=None):
        """A new process that asks for everything; not waited for. output: instead of the log."""
        command = self.command() if user is None else self.as_user(user) + relay.Relay.command(self)
        if more:
            command[command.index("-c") + 1] = more[0]
        with open(self.path("relay.log"), "ab") as log:
            output = log if output is None else output
            return subprocess.Popen(command + ["--take-over", self.socket], stdout=output, stderr=output,
                                    stdin=subprocess.DEVNULL, start_new_session=True)

    def is_now(self, child):
        self.child = child
        with open(self.path("relay.pid"), "w", encoding="ascii") as out:
            out.write("%d\n" % child.pid)


def connect(server):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.connect(server.socket)
    sock.settimeout(20)
    return sock


class Calls:
    def __init__(self, server, kinds):
        self.server = server
        self.model = call_model.Model(server, PEER, PEER6, rate=10, renew_s=5, storm_pause_s=0.1)
        self.model.add(call_model.some_of_each(50, kinds))
        self.model.storm(8)
        self.model.settle()
        self.model.run(0.5)

    def wait(self, process, what, seconds=40):
        until = time.monotonic() + seconds
        self.model.run(until=lambda: process.poll() is not None or time.monotonic() > until, what=what)
        check(process.poll() is not None, "%s", what)
        return process.returncode

    def unharmed(self, what, run_s=0.4):
        model = self.model
        model.run(run_s)
        model.give_up(0.3)
        model.complain()
        model.probe()
        listed = model.audit()
        check(not model.given_up, "%s: %s", what, model.given_up[:3])
        return listed

    def take_over(self):
        """The old process ends with 0, and the new one serves."""
        server, old = self.server, self.server.child
        child = server.follow()
        self.model.killed(time.monotonic())
        status = self.wait(old, "the old process does not leave:\n" + server.log()[-2000:])
        check(status == 0, "the old process: status %s\n%s", status, server.log()[-3000:])
        server.is_now(child)
        listed = self.unharmed("taken over")
        check(child.poll() is None, "the new process has ended:\n%s", server.log()[-3000:])
        log = server.log()
        check("process %d has taken over" % child.pid in log and
              "process %d has handed over" % old.pid in log, "the log does not tell:\n%s", log[-2000:])
        return listed

    def serves(self, what, counted=True):
        """The old process still does, its control interface and metrics included."""
        server = self.server
        listed = self.unharmed(what)
        check(server.child.poll() is None, "%s: the old process has ended:\n%s", what, server.log()[-3000:])
        status = control.ask(server.path("relay.sock"), "GET", "/v1/status")[1]
        check(not counted or status["allocations"] == listed, "%s: %s", what, status["allocations"])
        with socket.create_connection(METRICS.split(":"), timeout=10) as sock:
            sock.sendall(b"GET /metrics HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            check(b" 200 " in sock.recv(4096)[:20], "%s: no metrics", what)


# --- that come to nothing -----------------------------------------------------------------

def bad_configuration(calls):
    server = calls.server
    asked = server.log().count("asks for everything")
    path = server.path("bad.conf")
    with open(server.path("relay.conf"), encoding="utf-8") as good, \
            open(path, "w", encoding="utf-8") as bad:
        bad.write(good.read().replace("workers = 2", "workers = many"))
    os.chmod(path, 0o644)
    status = calls.wait(server.follow(path), "a bad configuration is taken")
    check(status == 3, "a bad configuration: status %d", status)
    check(server.log().count("asks for everything") == asked, "it asked before it checked")


def address_in_use(calls):
    """The configuration is valid, and the start fails when the old process stands still already."""
    server = calls.server
    path = server.path("other.conf")
    with socket.create_server(("127.0.0.1", 9479)):
        with open(server.path("relay.conf"), encoding="utf-8") as good, \
                open(path, "w", encoding="utf-8") as other:
            other.write(good.read().replace(METRICS, "127.0.0.1:9479").replace(
                "workers = 2", "workers = 3"))
        os.chmod(path, 0o644)
        status = calls.wait(server.follow(path), "an address in use is taken")
    check(status == 1, "an address in use: status %d", status)
    calls.model.run(until=lambda: "has failed: " in server.log(),
                    what="the old process does not say that the new one has failed")


def killed(calls, times=12):
    """At random instants, most of them between its hello and its end. Returns how often it was too late."""
    server, late = calls.server, 0
    for _ in range(times):
        asked, old = server.log().count("asks for everything"), server.child
        child = server.follow()
        if random.random() < 0.8:
            calls.model.run(until=lambda: server.log().count("asks for everything") > asked or
                            child.poll() is not None, what="it does not ask")
        time.sleep(random.uniform(0, 0.03))
        # It says no more, and whether it had said "done" shows.
        child.send_signal(signal.SIGSTOP)
        calls.model.run(0.1)
        if old.poll() is not None:
            child.send_signal(signal.SIGCONT)
            server.is_now(child)
            late += 1
        else:
            child.send_signal(signal.SIGKILL)
            child.wait()
        calls.serves("killed while it takes over", counted=False)
    return late


def another_user(calls):
    """With a configuration of its own, which is valid."""
    server = calls.server
    if os.geteuid() != 0 or server.user == 0:
        return
    with open(server.path("relay.conf"), encoding="utf-8") as good:
        text = good.read()
    for name in ("keys", "relay.key"):
        copy = server.path(name + ".other")
        shutil.copyfile(server.path(name), copy)
        os.chown(copy, SOMEBODY, SOMEBODY)
        os.chmod(copy, 0o600)
        text = text.replace(server.path(name) + '"', copy + '"')
    with open(server.path("somebody.conf"), "w", encoding="utf-8") as conf:
        conf.write(text)
    os.chmod(server.path("somebody.conf"), 0o644)
    os.chmod(server.socket, 0o666)
    status = calls.wait(server.follow(server.path("somebody.conf"), user=SOMEBODY),
                        "another user takes over")
    os.chmod(server.socket, 0o600)
    check(status == 1, "another user: status %d", status)
    check("of user %d is refused" % SOMEBODY in server.log(), "another user is not named:\n%s",
          server.log()[-1000:])


def garbage(calls):
    for bytes_sent in (b"x", b"GET / HTTP/1.1\r\n\r\n", os.urandom(4000), b"avedge take-over 2\nhello a 1\n",
                       b"avedge take-over 1\nhello mrasd 1\n", b"avedge take-over 1\ndone\n"):
        with connect(calls.server) as sock:
            sock.send(bytes_sent)
            check(sock.recv(1000).startswith(b"avedge take-over 1\nno "), "garbage is not refused")


def held_open(calls):
    """Without a word, and with one; then it stands still until the time is over."""
    silent = [connect(calls.server) for _ in range(6)]
    calls.serves("silent clients of its socket")
    # A request that waits so long is none whose time the model knows.
    calls.model.rest()
    with connect(calls.server) as sock:
        sock.send(b"avedge take-over 1\nhello mediarelayd 0\n")
        begun = time.monotonic()
        resumed = calls.server.log().count("serving on")
        calls.model.run(until=lambda: calls.server.log().count("serving on") > resumed,
                        what="it does not go on by itself")
        check(8 < time.monotonic() - begun < 14, "it went on after %.1f s", time.monotonic() - begun)
    calls.model.go_on()
    for sock in silent:
        sock.close()


def stop_between_end_and_go(server, old):
    """A new process whose output is a pipe: the old one stands still when it has sent everything. Returns
    the new one, its pipe, and whether it got there."""
    asked = server.log().count("asks for everything")
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(reading, False)
    child = server.follow(output=writing)
    until = time.monotonic() + 10
    while server.log().count("asks for everything") == asked and time.monotonic() < until:
        time.sleep(0.0002)
    time.sleep(random.uniform(0, 0.01))
    old.send_signal(signal.SIGSTOP)
    said, until = b"", time.monotonic() + 1
    while time.monotonic() < until:
        try:
            said += os.read(reading, 4096)
        except BlockingIOError:
            time.sleep(0.01)
    return child, reading, writing, b"and waits" in said and b"has handed over" not in said


def fill(pipe):
    os.set_blocking(pipe, False)
    try:
        while True:
            os.write(pipe, b"x")
    except BlockingIOError:
        os.set_blocking(pipe, True)


def old_one_stopped(calls):
    """It has sent everything and stands still. The new one says that it is done, waits and gives up; while it
    cannot write its last words, which keeps its socket open, the old one wakes up and finds "done"."""
    server = calls.server
    calls.model.rest()
    for _ in range(20):
        old = server.child
        child, reading, writing, there = stop_between_end_and_go(server, old)
        if there:
            # The second is over in which it said "done".
            fill(writing)
            time.sleep(4.25)
        old.send_signal(signal.SIGCONT)
        until = time.monotonic() + 20
        while old.poll() is None and child.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.5)
        os.close(reading)
        os.close(writing)
        if old.poll() is not None:
            check(child.poll() is None, "both processes have left:\n%s", server.log()[-2000:])
            server.is_now(child)
        else:
            check(child.poll() is not None, "both processes run")
        calls.serves("the old process stood still")
        if there and server.child == old:
            break
    else:
        check(False, "the old process never stood still between its end and its go")
    check(child.returncode == 1, "the new process: status %s", child.returncode)
    check("serving on" in server.log(), "the old process does not say that it serves on")
    calls.model.go_on()


def new_one_stopped(calls):
    """It stands still before it is done; the old one serves on after its deadline, and "done" gets no "go"."""
    server = calls.server
    calls.model.rest()
    for _ in range(20):
        old, resumed = server.child, server.log().count("serving on")
        asked = server.log().count("asks for everything")
        child = server.follow()
        until = time.monotonic() + 10
        while server.log().count("asks for everything") == asked and time.monotonic() < until:
            time.sleep(0.0002)
        time.sleep(random.uniform(0, 0.005))
        child.send_signal(signal.SIGSTOP)
        calls.model.run(until=lambda: old.poll() is not None or server.log().count("serving on") > resumed,
                        what="the old process does not serve on")
        calls.model.run(0.5)
        child.send_signal(signal.SIGCONT)
        if old.poll() is None:
            break
        server.is_now(child)
        calls.serves("the new process stood still")
    else:
        check(False, "the new process never stood still before it was done")
    status = calls.wait(child, "the new process goes on without a go")
    check(status == 1, "the new process: status %d", status)
    calls.model.go_on()


def failures(calls):
    for what in (bad_configuration, address_in_use, another_user, garbage, held_open,
                 old_one_stopped, new_one_stopped):
        what(calls)
        calls.serves(what.__name__.replace("_", " "))


# ------------------------------------------------------------------------------------------

def run(user, chain, kinds):
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = TakenOver(directory, user)
        server.start()
        calls = None
        try:
            calls = Calls(server, kinds)
            for number in range(chain):
                calls.take_over()
                if number == chain // 2:
                    failures(calls)
            late = killed(calls)
            check(late < 10, "the new process was never killed in time")
            calls.model.close()
        except BaseException:
            print("--- end of the relay's log\n" + server.log()[-4000:])
            server.stop()
            raise
        wrong = server.stop()
        check(not wrong, "%s", "; ".join(wrong[:5]))
        return calls.model.summary()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chain", type=int, default=10)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--user", type=int)
    args = parser.parse_args()
    if args.user is None:
        sys.exit(all_users())
    netns.begin()
    netns.add_addresses(OUTSIDE6, PEER6)
    print("user %d: %d times; %s" % (args.user, args.chain, run(args.user, args.chain, args.kinds.split(","))))


def all_users():
    """The status for the end."""
    users = [0]
    if shutil.which("setpriv") and subprocess.run(
            ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "true"],
            check=False, capture_output=True).returncode == 0:
        users.append(NOBODY)
    runs = [subprocess.Popen([sys.executable, *sys.argv, "--user", str(user)], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True) for user in users]
    try:
        for child in runs:
            print(child.communicate()[0], end="", flush=True)
    finally:
        for child in runs:
            if child.poll() is None:
                child.terminate()
                child.wait()
    return max((abs(child.returncode) for child in runs), default=0)


if __name__ == "__main__":
    main()

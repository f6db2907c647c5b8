#!/usr/bin/python3
# waits: the journal stalls
"""Nobody reads the log: a pipe on stderr that is full, or a journal that stalls.

Both daemons serve on: a call goes on, hundreds of servers connect to mrasd. SIGTERM ends them at
once, and a reader that resumes is told what is missing. Started with the standard streams closed,
they serve as ever. A hundred SIGHUPs in a row are two reloads at most.
"""

import fcntl
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import lib  # adds ../lib to the path
import netns
import control
import mras
import mras_bench
import relay
import turnclient as t
from mras_bench import INSIDE, OUTSIDE, PORT, RELAYS
from netns import check

PEER, CHANNEL = "127.0.3.1", 0x4001
CONNECTIONS = 300
STOP_S = 2.0 if "asan" not in relay.BUILD else 4.0	# a leak check comes on top
JOURNAL = "/run/systemd/journal"


class Pipe:
    """A stderr that nobody reads until resume() is called."""

    def __init__(self):
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)
        self.text = b""

    def stream(self):
        """As JOURNAL_STREAM names it."""
        st = os.fstat(self.writer)
        return "%d:%d" % (st.st_dev, st.st_ino)

    def is_full(self):
        return not select.select([], [self.writer], [], 0)[1]

    def resume(self):
        def read():
            while chunk := os.read(self.reader, 65536):
                self.text += chunk
        threading.Thread(target=read, daemon=True).start()

    def says(self, pattern, within=5):
        until = time.monotonic() + within
        while time.monotonic() < until:
            if re.search(pattern, self.text):
                return True
            time.sleep(0.05)
        return False


class Bench:
    def __init__(self, directory):
        self.directory = directory
        self.relay = relay.Relay(os.path.join(directory, "relay"), inside=[INSIDE],
                                 outside=[OUTSIDE], allow=["127.0.0.0/8"],
                                 settings={"limits": relay.NO_LIMITS["limits"],
                                           "log": ["level = debug"]})
        self.relay.write_config()
        os.symlink(self.relay.path("keys"), os.path.join(directory, "keys"))
        mras_bench.make_certificates(directory)
        self.mrasd = mras.Mrasd(directory, INSIDE, PORT, mras.config(
            directory, INSIDE, PORT, RELAYS, {"fe01.lab.example": ["requests_per_second = 0"]},
            outside=[OUTSIDE], more="limits {\n\tidentity_per_minute = 0\n}\n"))
        self.mrasd.configure(self.mrasd.text)
        self.children = []

    def start(self, stderr, environment=None, closed=False, meanwhile=lambda: None):
        """Both daemons; serves once both answer. meanwhile() is called until then."""
        self.children = []
        for command in (self.relay.command(),
                        [relay.program("mrasd"), "-c", self.mrasd.path("mrasd.conf")]):
            if closed:
                command = ["/bin/sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *command]
            self.children.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                env={**os.environ, **(environment or {})}))
        until = time.monotonic() + 30
        while not (self.relay.serves() and self.mrasd_serves()):
            meanwhile()
            check(time.monotonic() < until, "the daemons do not serve")
            check(all(c.poll() is None for c in self.children), "a daemon has ended")
            time.sleep(0.05)

    def mrasd_serves(self):
        try:
            socket.create_connection((INSIDE, PORT), 2).close()
            return True
        except OSError:
            return False

    def stop(self):
        """SIGTERM ends both within STOP_S."""
        took = []
        for child in self.children:
            begun = time.monotonic()
            child.send_signal(signal.SIGTERM)
            try:
                status = child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                check(False, "SIGTERM does not end %s", child.args[0])
            took.append(time.monotonic() - begun)
            check(status == 0, "%s ends with status %d", child.args[0], status)
            check(took[-1] < STOP_S, "%s ends after %.1f s", child.args[0], took[-1])
        return max(took)

    def kill(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
                child.wait()

    def connect(self, count):
        """So many connections with a request each."""
        for number in range(count):
            with mras.Client(self.mrasd, "trusted", timeout=10) as client:
                client.send(mras.service_request("sip:user%d@lab.example" % number)[1])
                check(client.response()[0] == "SIP/2.0 200 OK", "request %d", number)

    def status(self, name):
        path = (self.relay if name == "relay.sock" else self.mrasd).path(name)
        return control.ask(path, "GET", "/v1/status")[1]


class Call:
    def __init__(self, bench):
        self.client = t.Client((INSIDE, 3478), "udp", *bench.relay.credential())
        self.client.allocate()
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind((PEER, 0))
        self.peer.settimeout(5)
        self.client.channel_bind(CHANNEL, self.peer.getsockname())
        self.number = 0

    def goes_on(self):
        for _ in range(50):
            self.number += 1
            data = b"%08d" % self.number
            self.client.send_channel(CHANNEL, data)
            check(self.peer.recv(100) == data, "packet %d is lost", self.number)


def churn(bench, count):
    """Allocations that end: a record each, as they relay something."""
    user = bench.relay.credential("bob")
    for _ in range(count):
        client = t.Client((INSIDE, 3478), "udp", *user)
        client.allocate()
        client.permit((PEER, 9))
        client.send_to((PEER, 9), b"x")
        client.refresh(0)
        client.close()


def serves_on(bench, stalled):
    call = Call(bench)
    call.goes_on()
    churn(bench, 100)
    bench.connect(CONNECTIONS)
    check(stalled(), "the log does not stall: this tests nothing")
    call.goes_on()
    bench.status("relay.sock")
    return call


def a_pipe_that_nobody_reads(bench):
    pipe = Pipe()
    bench.start(pipe.writer)
    serves_on(bench, pipe.is_full)
    seconds = bench.stop()
    return "pipe: ended after %.2f s" % seconds


def a_reader_that_resumes(bench):
    """More than the queue of mrasd holds: the rest is missing, and the log says so."""
    pipe = Pipe()
    bench.start(pipe.writer)
    bench.connect(20)
    with mras.Client(bench.mrasd, "trusted", timeout=60) as client:
        # Names as long as may be: 1 MiB of records is soon full.
        for number in range(3000):
            client.send(mras.service_request("sip:%s%d@lab.example" % ("x" * 200, number))[1])
            check(client.response()[0] == "SIP/2.0 200 OK", "request %d", number)
    check(pipe.is_full(), "the log does not stall: this tests nothing")
    pipe.resume()
    os.close(pipe.writer)
    check(pipe.says(rb"mrasd: warning: \d+ messages dropped \(\d+ notice\): log reader too slow"),
          "what is missing is not told: %s", pipe.text[-500:])
    bench.connect(1)
    check(bench.status("mrasd.sock")["log_dropped"] > 0, "the status does not tell")
    bench.stop()
    check(pipe.says(rb"mrasd: notice: received SIGTERM"), "the last lines are missing")
    return "a reader that resumes"


def a_journal_that_stalls(bench):
    """libsystemd knows the path of the socket: in a mount namespace of our own."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    os.makedirs(JOURNAL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(JOURNAL + "/socket")
        pipe, messages = Pipe(), []

        def read():
            while select.select([journal], [], [], 0)[0]:
                messages.append(journal.recv(65536))

        # Before a daemon serves it waits for the journal, as for every other part of the system.
        bench.start(pipe.writer, {"JOURNAL_STREAM": pipe.stream()}, meanwhile=read)
        serves_on(bench, lambda: bool(select.select([journal], [], [], 0)[0]))
        seconds = bench.stop()
        first = (messages or [journal.recv(65536)])[0]
    check(b"MESSAGE" in first and b"SUBSYSTEM" in first, "the journal got %s", first[:200])
    return "journal: ended after %.2f s" % seconds


def in_a_mount_namespace(row):
    """Run that row in one, if that is permitted."""
    unshare = ["unshare", "--mount"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode != 0:
        return "no journal: mount namespaces are not permitted"
    out = subprocess.run([*unshare, sys.executable, __file__, row.__name__], check=False,
                         capture_output=True, text=True, timeout=120)
    check(out.returncode == 0, "%s: %s", row.__name__, (out.stdout + out.stderr)[-2000:])
    return out.stdout.strip()


def streams_that_are_closed(bench):
    bench.start(None, closed=True)
    for child in bench.children:
        for number in range(3):
            to = os.readlink("/proc/%d/fd/%d" % (child.pid, number))
            check(to == "/dev/null", "%s: %d is %s", child.args[-3], number, to)
    Call(bench).goes_on()
    bench.connect(5)
    bench.stop()
    return "closed streams"


def signals_in_a_row(bench):
    with open(os.path.join(bench.directory, "log"), "w+b") as log:
        bench.start(log)
        for child in bench.children:
            for _ in range(100):
                os.kill(child.pid, signal.SIGHUP)
        bench.connect(1)
        time.sleep(0.5)
        bench.stop()
        log.seek(0)
        text = log.read()
    for name in (b"mediarelayd", b"mrasd"):
        count = text.count(name + b": notice: reload: done")
        check(1 <= count <= 2, "%s: %d reloads", name.decode(), count)
    return "signals in a row"


ROWS = (a_pipe_that_nobody_reads, a_reader_that_resumes, a_journal_that_stalls,
        streams_that_are_closed, signals_in_a_row)


def main():
    netns.begin()
    reason = mras.unavailable()
    if reason:
        print(reason)
        return 77
    with tempfile.TemporaryDirectory(prefix="avedge-log-") as directory:
        bench = Bench(directory)
        for row in ROWS:
            if sys.argv[1:] and row.__name__ not in sys.argv[1:]:
                continue
            try:
                if row is a_journal_that_stalls and not sys.argv[1:]:
                    print(in_a_mount_namespace(row))
                else:
                    print(row(bench))
            finally:
                bench.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A relay with the kernel plane, between a client and a peer in network namespaces of their own.

      client                      relay                       peer
    +-----------+             +-----------+             +---------------+
    | eth0      |-------------| in0  out0 |-------------| eth0          |
    | 10.77.1.2 |             | 10.77.1.1 |             | 10.77.2.2, .3 |
    | fd77:1::2 |             | fd77:1::1 |             | fd77:2::2, ::3|
    +-----------+             | 10.77.2.1 |             +---------------+
                              | fd77:2::1 |
                              +-----------+
                         mediarelayd, avedge-offload

Names have the process id of the test, and all of it goes when the block ends. Nothing here forwards by
itself, so what arrives was relayed by sockets or by the kernel plane; flows() says by which.

	with kernel_plane.testbed() as bed:
	    call = bed.call()
	    bed.until_offloaded(call)
	    call.run(5.0, pps=200)
	    call.check_whole()

It takes root, a kernel with BPF, and a build with --with-offload: else begin() exits with 77.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import control
import fdstore
import namespaces
import relay
import turnclient
import turnclient_mobility
import turnclient_ms
from netns import check

INSIDE, OUTSIDE, CLIENT = "10.77.1.1", "10.77.2.1", "10.77.1.2"
INSIDE6, OUTSIDE6, CLIENT6 = "fd77:1::1", "fd77:2::1", "fd77:1::2"
PEERS, PEERS6 = ("10.77.2.2", "10.77.2.3"), ("fd77:2::2", "fd77:2::3")
PORT = 3478
CHANNEL = 0x4000
HOT_S = 5
SO_RCVBUFFORCE = 33
HEADER = struct.Struct("!cIQ")	# who, number, of which call


def begin():
    """Exit with 77 and a sentence unless this machine can."""
    reason = relay.unavailable()
    if os.geteuid() != 0:
        reason = "needs root, for network namespaces and BPF"
    elif not reason and not os.access(relay.program("avedge-offload"), os.X_OK):
        reason = "avedge-offload is not built (--with-offload)"
    elif not reason:
        probe = subprocess.run([relay.program("avedge-offload"), "--check"], check=False,
                               capture_output=True, text=True, timeout=30)
        if probe.returncode != 0:
            lines = (probe.stdout + probe.stderr).strip().splitlines()
            reason = lines[-1] if lines else "avedge-offload --check failed"
    if reason:
        print(reason)
        sys.exit(77)


def ip(*args, ns=None):
    where = ["-n", ns] if ns else []
    subprocess.run(["ip", *where, *args], check=True, timeout=20)


class Testbed:
    def __init__(self, directory, offload="auto", checksum_offload=True, attach="auto", mtu=1500):
        self.directory = directory
        self.names = {part: "kp%d-%s" % (os.getpid(), part) for part in ("client", "relay", "peer")}
        self.offload, self.checksum_offload = offload, checksum_offload
        self.attach, self.mtu = attach, mtu
        self.loader = self.server = None
        self.calls = []

    # the network

    def _link(self, part, device, ours, theirs):
        """A pair of devices between the relay and one of the others."""
        here, there = self.names["relay"], self.names[part]
        ip("link", "add", device, "mtu", str(self.mtu), "netns", here, "type", "veth", "peer",
           "name", "eth0", "mtu", str(self.mtu), "netns", there)
        for ns, name, addresses in ((here, device, ours), (there, "eth0", theirs)):
            for address in addresses:
                bits, more = ("/64", ["nodad"]) if ":" in address else ("/24", [])
                ip("address", "add", address + bits, "dev", name, *more, ns=ns)
            ip("link", "set", name, "up", ns=ns)
            if not self.checksum_offload:
                subprocess.run(["ip", "netns", "exec", ns, "ethtool", "-K", name, "tx", "off"],
                               check=True, capture_output=True, timeout=20)

    def make_network(self):
        for ns in self.names.values():
            ip("netns", "add", ns)
            ip("link", "set", "lo", "up", ns=ns)
            self.sysctl(ns, "net.ipv4.ip_local_port_range=20000 49999")
        self._link("client", "in0", (INSIDE, INSIDE6), (CLIENT, CLIENT6))
        self._link("peer", "out0", (OUTSIDE, OUTSIDE6), PEERS + PEERS6)

    @staticmethod
    def sysctl(ns, *settings):
        subprocess.run(["ip", "netns", "exec", ns, "sysctl", "-qw", *settings], check=True,
                       timeout=20)

    def within(self, part):
        return namespaces.within(self.names[part])

    def remove_network(self):
        for ns in self.names.values():
            subprocess.run(["ip", "netns", "del", ns], check=False, capture_output=True,
                           timeout=20)

    # the programs

    def loader_socket(self):
        return os.path.join(self.directory, "offload.sock")

    def start_loader(self):
        with open(os.path.join(self.directory, "loader.log"), "ab") as log:
            self.loader = subprocess.Popen(
                ["ip", "netns", "exec", self.names["relay"], relay.program("avedge-offload"),
                 "--socket", self.loader_socket(), "--attach", self.attach],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 20
        while not os.path.exists(self.loader_socket()):
            check(self.loader.poll() is None and time.monotonic() < until,
                  "the loader does not start:\n%s", self.loader_log())
            time.sleep(0.02)

    def stop_loader(self, sig=signal.SIGTERM):
        if self.loader is None:
            return
        self.loader.send_signal(sig)
        self.loader.wait(20)
        self.loader = None
        if sig == signal.SIGKILL:
            with contextlib.suppress(OSError):
                os.unlink(self.loader_socket())

    def loader_log(self):
        if not os.path.exists(os.path.join(self.directory, "loader.log")):
            return ""
        with open(os.path.join(self.directory, "loader.log"), encoding="utf-8",
                  errors="replace") as log:
            return log.read()[-3000:]

    def start_relay(self, settings=None, side_lines=None, kind=fdstore.RelayService, **options):
        lines = ['offload = "%s"' % self.offload]
        sides = {side: lines + list((side_lines or {}).get(side, ()))
                 for side in ("inside", "outside")}
        sections = {name: list(more) for name, more in (settings or {}).items()}
        sections.setdefault("offload", []).append('socket = "%s"' % self.loader_socket())
        for line in relay.NO_LIMITS["limits"]:
            if not any(have.split()[0] == line.split()[0] for have in sections.get("limits", [])):
                sections.setdefault("limits", []).append(line)
        options = {"workers": 2, **options}
        self.server = kind(
            os.path.join(self.directory, "relay"), inside=[INSIDE, INSIDE6],
            outside=[OUTSIDE, OUTSIDE6], allow=["10.77.2.0/24", "fd77:2::/64"],
            netns=self.names["relay"], settings=sections, side_lines=sides, **options)
        self.server.start()
        return self.server

    def ask(self, method, target, body=None):
        return control.ask(self.server.path("relay.sock"), method, target, body, timeout=10)

    def ctl(self, *args, ok=True):
        done = subprocess.run([relay.program("avedgectl"), *args, "--socket",
                               self.server.path("relay.sock")], check=False,
                              capture_output=True, text=True, timeout=30)
        check(done.returncode == 0 or not ok, "avedgectl %s: %s%s", " ".join(args), done.stdout,
              done.stderr)
        return done

    def rewrite(self, old, new):
        """Its configuration file."""
        with open(self.server.path("relay.conf"), encoding="utf-8") as config:
            text = config.read()
        check(old in text, "no %s in the configuration", old)
        with open(self.server.path("relay.conf"), "w", encoding="utf-8") as config:
            config.write(text.replace(old, new, 1))

    # what the kernel plane does

    def plane(self):
        """What "avedgectl offload" shows."""
        status, shown = self.ask("GET", "/v1/offload")
        check(status == 200, "GET /v1/offload: %s %s", status, shown)
        return shown

    def is_on(self):
        return self.plane()["state"] == "on"

    def flows(self):
        return self.plane()["flows"]

    def forwarded(self):
        """Packets that the kernel has forwarded by itself, so far."""
        return self.plane()["packets"]

    def until(self, condition, text, seconds=10):
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                self.fail("not within %d s: %s" % (seconds, text))
            time.sleep(0.05)

    def fail(self, text):
        """With what the kernel plane says, if the relay still answers."""
        try:
            text += "\n%s" % self.plane()
        except OSError as error:
            text += "\n%s" % error
        raise SystemExit("FAIL: %s\n%s" % (text, self.loader_log()))

    def until_on(self):
        self.until(self.is_on, "the kernel plane is on")

    def until_offloaded(self, *calls):
        """Both directions of these calls are in the kernel, and traffic of theirs has shown it."""
        until = time.monotonic() + HOT_S
        while True:
            before = self.forwarded(), sum(sum(call.sent.values()) for call in calls)
            for call in calls:
                call.run(0.1, pps=200)
            sent = sum(sum(call.sent.values()) for call in calls) - before[1]
            if self.forwarded() - before[0] >= sent * 9 // 10:
                return
            if time.monotonic() > until:
                self.fail("not offloaded within %d s" % HOT_S)

    def start(self, relay_options=None, loader=True):
        if loader:
            self.start_loader()
        self.start_relay(**(relay_options or {}))
        if loader:
            self.until_on()

    # calls

    def call(self, **options):
        call = Call(self, len(self.calls), **options)
        self.calls.append(call)
        return call

    # records

    def records(self):
        """Of allocations that have ended, by the relayed address."""
        lines = self.ctl("records", "--json").stdout.splitlines()
        return {record["relayed"]: record for record in map(json.loads, lines)
                if record["record"] == "allocation"}

    def record_of(self, call, seconds=5):
        """The record of that call, once it has ended."""
        relayed = "%s:%d" % call.relayed if ":" not in call.relayed[0] else "[%s]:%d" % call.relayed
        found = []

        def is_there():
            found[:] = [self.records().get(relayed)]
            return found[0] is not None
        self.until(is_there, "a record of %s" % relayed, seconds)
        return found[0]

    def stop(self):
        wrong = self.server.stop() if self.server else []
        for call in self.calls:
            call.close()
        self.stop_loader()
        return wrong


class Call:
    """A client with a bound channel, or with an active destination, and its peer. All packets are numbered."""

    def __init__(self, bed, number, user=None, dialect="ietf", v6=False, peer=0, lifetime=None,
                 own_peer=None, bind=True, mobile=False):
        self.bed, self.number, self.dialect = bed, number, dialect
        self.sent = {"c": 0, "p": 0}
        self.got = {"c": [], "p": []}	# numbers, by who sent them
        self.strange = []
        self.old_clients = []	# of one that has moved
        server = (INSIDE6 if v6 else INSIDE, PORT)
        name, password = bed.server.credential(user or "user%d" % number,
                                               form="rest" if dialect == "ietf" else "mras")
        kind = turnclient_ms.Client if dialect == "ms" else \
            turnclient_mobility.Client if mobile else turnclient.Client
        with bed.within("client"):
            self.client = kind(server, "udp", name, password)
        self.client.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        attrs = []
        if dialect == "ietf" and v6:
            attrs.append(turnclient.family_attr(2))
        if lifetime is not None:
            attrs.append(turnclient.u32(turnclient.LIFETIME, lifetime))
        self.client.allocate(*attrs)
        self.relayed = self.client.relayed
        if own_peer is not None:	# the relayed address of another call
            self.peer, self.peer_addr = None, own_peer.relayed
        else:
            with bed.within("peer"):
                self.peer = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET,
                                          socket.SOCK_DGRAM)
            self.peer.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
            self.peer.bind(((PEERS6 if v6 else PEERS)[peer], 0))
            self.peer.setblocking(False)
            self.peer_addr = self.peer.getsockname()[:2]
        if bind:
            self.bind()

    def bind(self):
        if self.dialect == "ietf":
            self.client.channel_bind(CHANNEL, self.peer_addr)
            return
        self.client.send(self.peer_addr, b"?")
        self.client.activate(self.peer_addr)
        self.drain()

    def _packet(self, who, size):
        self.sent[who] += 1
        head = HEADER.pack(who.encode(), self.sent[who], self.number)
        # The first bit is 1, as of RTP: the MS dialect has no other sign of data.
        return b"\x80" + head + bytes(max(0, size - len(head) - 1))

    def send_from_client(self, size=160):
        packet = self._packet("c", size)
        with contextlib.suppress(ConnectionRefusedError):
            if self.dialect == "ietf":
                self.client.send_channel(CHANNEL, packet)
            else:
                self.client.send_bare(packet)

    def send_from_peer(self, size=160):
        if self.peer is not None:
            with contextlib.suppress(ConnectionRefusedError):
                self.peer.sendto(self._packet("p", size), self.relayed)

    def _note(self, packet, where):
        if len(packet) < 1 + HEADER.size or packet[0] != 0x80:
            if packet != b"?":
                self.strange.append((where, packet[:32]))
            return
        who, number, call = HEADER.unpack_from(packet, 1)
        if where == "client" and who == b"c":
            # From another call of ours, between two relayed addresses.
            self.bed.calls[call].got["c"].append(number)
        elif call != self.number:
            self.strange.append((where, packet[:32]))
        else:
            self.got[who.decode()].append(number)

    def move(self):
        """To another port, with the ticket (RFC 8016); its next packet completes it."""
        old = self.client
        with self.bed.within("client"):
            self.client = turnclient_mobility.Client(old.server, "udp", old.user, old.password)
        self.client.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        reply = self.client.come(old)
        check(reply.cls == turnclient.SUCCESS, "a move is refused: %s", reply)
        self.old_clients.append(old)

    def drain(self):
        """Take what has arrived at both ends."""
        for client in [self.client, *self.old_clients]:
            self._drain_client(client.sock)
        self._drain_peer()

    def _drain_client(self, sock):
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    raw = sock.recv(65536)
                except ConnectionRefusedError:
                    continue
                if self.dialect == "ietf":
                    if raw[0] >> 6 != 1:
                        continue	# a late answer
                    number, length = struct.unpack_from("!HH", raw)
                    if number != CHANNEL or length > len(raw) - 4:
                        self.strange.append(("client", raw[:32]))
                        continue
                    raw = raw[4:4 + length]
                elif raw[0] >> 6 == 0 and raw[:1] != b"\x80":
                    continue
                self._note(raw, "client")

    def _drain_peer(self):
        with contextlib.suppress(BlockingIOError):
            while self.peer is not None:
                try:
                    raw, source = self.peer.recvfrom(65536)
                except ConnectionRefusedError:
                    continue
                if source[:2] != tuple(self.relayed):
                    self.strange.append(("peer", source))
                self._note(raw, "peer")

    def run(self, seconds, pps=200, size=160, both=True, meanwhile=None):
        run([self], seconds, pps, size, both, meanwhile)

    def settle(self, seconds=0.3):
        """What is under way arrives."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            socks = [self.client.sock] + ([self.peer] if self.peer else [])
            select.select(socks, [], [], 0.05)
            self.drain()

    def lost(self, who):
        return sorted(set(range(1, self.sent[who] + 1)) - set(self.got[who]))

    def check_whole(self, what="call"):
        """Nothing is lost, nothing comes twice, and nothing else arrives."""
        self.settle()
        for who in ("c", "p"):
            lost = self.lost(who)
            check(not lost, "%s: lost %d of %d from %s: %s", what, len(lost), self.sent[who],
                  {"c": "the client", "p": "the peer"}[who], lost[:20])
            check(len(self.got[who]) == len(set(self.got[who])), "%s: some came twice", what)
        check(not self.strange, "%s: strange packets: %s", what, self.strange[:5])

    def arrived(self):
        return len(self.got["c"]), len(self.got["p"])

    def check_record(self, record, size=160):
        """It says exactly what has arrived, which is all that was relayed."""
        self.settle()
        to_peer, to_client = self.arrived()
        check(record["packets_to_peer"] == to_peer, "%d packets to the peer in the record, %d arrived",
              record["packets_to_peer"], to_peer)
        check(record["packets_to_client"] == to_client,
              "%d packets to the client in the record, %d arrived",
              record["packets_to_client"], to_client)
        if size:
            check(record["bytes_to_peer"] == to_peer * size and
                  record["bytes_to_client"] == to_client * size,
                  "%d and %d bytes in the record, %d and %d packets of %d arrived",
                  record["bytes_to_peer"], record["bytes_to_client"], to_peer, to_client, size)

    def close(self):
        for client in [self.client, *self.old_clients]:
            client.close()
        if self.peer is not None:
            self.peer.close()


def run(calls, seconds, pps=200, size=160, both=True, meanwhile=None):
    """All calls at that rate each way. meanwhile: called between packets, until it returns True."""
    began = time.monotonic()
    sent = 0
    while time.monotonic() - began < seconds:
        due = int((time.monotonic() - began) * pps) + 1
        while sent < due:
            for call in calls:
                call.send_from_client(size)
                if both:
                    call.send_from_peer(size)
            sent += 1
        if meanwhile is not None and meanwhile():
            meanwhile = None
        socks = [call.client.sock for call in calls] + [c.peer for c in calls if c.peer]
        select.select(socks, [], [], max(0.0, began + sent / pps - time.monotonic()))
        for call in calls:
            call.drain()


@contextlib.contextmanager
def testbed(loader=True, relay_options=None, start=True, **options):
    """A Testbed with its relay; leaving the block stops all, and fails the test if the relay did not exit
    cleanly. start: False if the block calls start()."""
    directory = tempfile.mkdtemp(prefix="avedge-")
    bed = Testbed(directory, **options)
    try:
        bed.make_network()
        try:
            if start:
                bed.start(relay_options, loader)
            yield bed
        except BaseException:
            print("--- end of the relay's log\n" + (bed.server.log()[-3000:] if bed.server else ""))
            print("--- end of the loader's log\n" + bed.loader_log())
            raise
        finally:
            wrong = bed.stop()
        if wrong:
            sys.exit("\n".join(["FAIL:"] + wrong))
    finally:
        bed.stop_loader(signal.SIGKILL)
        bed.remove_network()
        shutil.rmtree(directory, ignore_errors=True)

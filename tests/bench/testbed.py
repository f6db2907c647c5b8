"""The testbed for measurements: two network namespaces joined by a veth, the servers on one core,
the generator on the other.

All servers run the whole time, each on its own address. Those not measured are idle, and their
CPU time is not counted.

The cost of a server is the CPU time of its process, user and system, of all threads. On a veth a
send also runs the receiver's protocol code: the server pays for delivery to the generator and the
generator for delivery to the server. Both are the same work, so the time of the process equals the
cost on a host without that of the network card's driver.
"""

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration", "lib"))
import relay  # noqa: E402

SERVER_CPU, GENERATOR_CPU = 0, 1
NETWORK, GENERATOR = "198.18.0.0/16", "198.18.255.1"


def sh(*args):
    subprocess.run(args, check=True, timeout=30, stdout=subprocess.DEVNULL)


class OtherRelay(relay.Relay):
    """A mediarelayd from another directory than the build."""
    other = None
    # An older one has no limits of the Microsoft dialect, and others for everybody; its sides
    # have one port of each transport.
    older = {"limits": relay.NO_BANDWIDTH_LIMITS}

    def write_config(self):
        super().write_config()
        if subprocess.run([self.other, "-c", self.path("relay.conf"), "--check"],
                          capture_output=True, timeout=30, check=False).returncode != 0:
            self.unlimited = self.older
            super().write_config()
            path = self.path("relay.conf")
            with open(path, encoding="utf-8") as conf:
                text = conf.read()
            with open(path, "w", encoding="utf-8") as conf:
                conf.write(re.sub(r"_ports = \{(\d+)\}", r"_port = \1", text))

    def command(self):
        return [self.other if part == relay.program("mediarelayd") else part
                for part in super().command()]

# What may stand in front of the options of the generator; without it the load is over UDP.
TRANSPORTS = ("tcp", "tls", "dtls")


class Server:
    """One product under test: its process, address and credential."""

    def __init__(self, product, number, directory, netns, program=None, side_lines=None):
        self.product, self.address = product, "198.18.0.%d" % (number + 1)
        inside = "10.77.9.%d" % (number + 1)
        sh("ip", "-n", netns, "addr", "add", self.address + "/16", "dev", "v0")
        sh("ip", "-n", netns, "addr", "add", inside + "/32", "dev", "lo")
        limits = relay.NO_LIMITS["limits"] + ["stranger_rate = 0"]
        kind = OtherRelay if program else relay.Relay
        self.relay = kind(
            os.path.join(directory, product), inside=[inside], outside=[self.address], allow=[NETWORK], workers=1,
            netns=netns, coturn=product == "coturn", quiet=True, cpu=SERVER_CPU,
            settings={"limits": limits}, side_lines=side_lines)
        self.relay.other = program
        self.relay.start()
        self.pid = self.relay.pid()
        self.credential = self.relay.credential()

    def reached_by(self, options):
        """The options, with --server for the transport named first, or for UDP."""
        options = [str(option) for option in options]
        transport = options.pop(0) if options[0] in TRANSPORTS else "udp"
        # coturn accepts both on all its ports, but not TCP alone on the one for TLS.
        port = 443 if transport == "tls" or transport == "tcp" and self.product != "coturn" \
            else 3478
        insecure = ["--insecure"] if transport in ("tls", "dtls") else []
        return ["--server", "%s:%s:%d" % (transport, self.address, port), *insecure, *options]

    def cpu_ns(self):
        """CPU time of all threads."""
        total = 0
        for thread in os.listdir("/proc/%d/task" % self.pid):
            with contextlib.suppress(FileNotFoundError), \
                    open("/proc/%d/task/%s/schedstat" % (self.pid, thread),
                         encoding="ascii") as stat:
                total += int(stat.read().split()[0])
        return total

    def resident_bytes(self):
        with open("/proc/%d/statm" % self.pid, encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()


class Bed:
    """with Bed(build, products) as bed: namespaces and servers, removed after the block."""

    def __init__(self, build, products, side_lines=None):
        """side_lines: of the configuration, by product and side."""
        self.build, self.products = os.path.abspath(build), products
        self.side_lines = side_lines or {}
        self.servers, self.ends = {}, contextlib.ExitStack()
        relay.BUILD = self.build

    def __enter__(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        with contextlib.ExitStack() as ends:
            self.server_ns, self.generator_ns = (
                ends.enter_context(namespace("avb%d-%s" % (os.getpid(), end))) for end in "sg")
            sh("ip", "-n", self.server_ns, "link", "add", "v0", "type", "veth", "peer", "name",
               "v0", "netns", self.generator_ns)
            sh("ip", "-n", self.generator_ns, "addr", "add", GENERATOR + "/16", "dev", "v0")
            for name in (self.server_ns, self.generator_ns):
                sh("ip", "-n", name, "link", "set", "v0", "up")
            sh("ip", "netns", "exec", self.generator_ns, "sysctl", "-qw",
               "net.ipv4.ip_local_port_range=10000 49000")
            directory = ends.enter_context(tempfile.TemporaryDirectory(prefix="avedge-bench-"))
            for number, (product, program) in enumerate(self.products.items()):
                server = Server(product, number, directory, self.server_ns, program,
                                self.side_lines.get(product))
                ends.callback(server.relay.stop)
                self.servers[product] = server
            self.ends = ends.pop_all()
        return self

    def __exit__(self, *_):
        self.ends.close()

    def generator_prefix(self):
        return ["ip", "netns", "exec", self.generator_ns, "taskset", "-c", str(GENERATOR_CPU)]

    def generator(self, product, *options):
        """The command of avedge-load for that product, or of super_packets.py."""
        server = self.servers[product]
        user, password = server.credential
        if options[0] == "super":
            return self.generator_prefix() + [
                os.path.join(HERE, "super_packets.py"), server.address, user, password,
                *map(str, options[1:])]
        return self.generator_prefix() + [
            os.path.join(self.build, "avedge-load"), "--user", user, "--password", password,
            "--json", *server.reached_by(options)]

    def load(self, product, begin_s, seconds, options):
        """
        Run the generator; its figures, and how much CPU time for a second the server used in
        so many seconds of media, which begin not later than begin_s after the start.
        """
        server = self.servers[product]
        with subprocess.Popen(self.generator(product, *options), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as generator:
            time.sleep(begin_s)
            started, used = time.monotonic(), server.cpu_ns()
            time.sleep(seconds)
            used = (server.cpu_ns() - used) / (time.monotonic() - started)
            out, errors = generator.communicate(timeout=60)
        try:
            return json.loads(out), used
        except ValueError:
            raise SystemExit("the generator failed against %s: %s%s" % (
                product, out[-500:], errors[-500:])) from None


@contextlib.contextmanager
def namespace(name):
    sh("ip", "netns", "add", name)
    try:
        sh("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def slab_bytes():
    """Memory of kernel objects of the whole machine."""
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        for line in meminfo:
            if line.startswith("Slab:"):
                return int(line.split()[1]) * 1024
    return 0

"""The testbed of whole-system: relays between clients on one link and peers on another, as at an edge.

    clients -- inside -- relay -- outside -- peers        a namespace and two veths for each relay
    clients -------------------------------- peers        straight: one veth, no relay

All relays run the whole time. Those not measured are idle, and share nothing with the others but the
CPUs. Segmentation and checksums are not offloaded on the veths: packets arrive one by one and whole, as
from a network card.
"""

import contextlib
import json
import os
import resource
import select
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration", "lib"))
import control  # noqa: E402
import relay  # noqa: E402

SERVER_CPU, GENERATOR_CPU = 0, 1
STRAIGHT = "straight"
PEERS_NET = "198.18.0.0/15"


def sh(*args, **kw):
    return subprocess.run(args, check=True, timeout=30, text=True, stdout=subprocess.PIPE,
                          stderr=kw.pop("stderr", None), **kw).stdout


class Namespace:
    def __init__(self, name):
        self.name, self.prefix = name, ["ip", "netns", "exec", name]

    def run(self, *args, **kw):
        return sh(*self.prefix, *args, **kw)

    def start(self, *command, **kw):
        return subprocess.Popen([*self.prefix, "taskset", "-c", str(SERVER_CPU), *command],
                                stdin=subprocess.DEVNULL, text=True, **kw)

    def link(self, device):
        """Its index and Ethernet address."""
        found = json.loads(sh("ip", "-n", self.name, "-j", "link", "show", "dev", device))[0]
        return found["ifindex"], found["address"]


@contextlib.contextmanager
def namespace(name):
    sh("ip", "netns", "add", name)
    try:
        space = Namespace(name)
        sh("ip", "-n", name, "link", "set", "lo", "up")
        space.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=10000 49000",
                  "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        yield space
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


def join(one, device, address, other, other_device, other_address):
    """A veth between two namespaces, and neighbours that need no asking."""
    sh("ip", "-n", one.name, "link", "add", device, "type", "veth", "peer", "name", other_device,
       "netns", other.name)
    for space, name, own in ((one, device, address), (other, other_device, other_address)):
        sh("ip", "-n", space.name, "addr", "add", own + "/24", "dev", name)
        space.run("ethtool", "-K", name, "tx", "off", stderr=subprocess.DEVNULL)
        sh("ip", "-n", space.name, "link", "set", name, "up")


class Server:
    """One product between its two links."""
    label = None
    process = None

    def __init__(self, product, number, bed):
        self.product, self.number, self.bed = product, number, bed
        self.inside, self.outside = "10.66.%d.2" % number, "198.18.%d.2" % number
        self.client, self.peer = "10.66.%d.1" % number, "198.18.%d.1" % number
        self.directory = os.path.join(bed.directory, product)
        self.space = bed.ends.enter_context(namespace("%s-%d" % (bed.name, number)))
        join(self.space, "inside", self.inside, bed.clients, "c%d" % number, self.client)
        join(self.space, "outside", self.outside, bed.peers, "p%d" % number, self.peer)
        self.hops = [self.device("inside", bed.clients, "c%d" % number),
                     self.device("outside", bed.peers, "p%d" % number)]
        self.credential = ("bench", "bench")

    def device(self, own, space, other):
        """As bare_forwarder takes it."""
        index, mac = self.space.link(own)
        return "%d,%s,%s" % (index, space.link(other)[1], mac)

    def spawn(self, *command):
        """A program that says when it serves."""
        self.process = self.space.start(*command, stdout=subprocess.PIPE)
        self.bed.ends.callback(end_process, self.process)
        if self.process.stdout.readline().strip() != "ready":
            sys.exit("%s does not serve" % self.product)

    def pids(self):
        return [self.process.pid]

    def forwarded(self):
        """Packets so far that the kernel plane has forwarded."""
        return 0


class BareSockets(Server):
    """recvfrom() and sendto(): what no relay with sockets can be below."""

    def start(self):
        self.spawn(self.bed.program("bare_forwarder"), self.inside + ":3478", self.outside)


class BareKernel(Server):
    """A lookup and a rewrite at ingress of the devices: the same for one below the sockets."""

    def start(self):
        objects = os.path.join(self.bed.directory, "bare_tc.o")
        pins = os.path.join(self.bed.directory, "bpf")
        os.mkdir(pins)
        sh("mount", "-t", "bpf", "bpf", pins)
        self.bed.ends.callback(subprocess.run, ["umount", pins], check=False)
        sh("clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3",
           "-I/usr/include/%s" % sh("gcc", "-print-multiarch").strip(),
           "-I" + os.path.join(HERE, "..", ".."), "-c", os.path.join(HERE, "bare_tc.bpf.c"),
           "-o", objects)
        sh("bpftool", "prog", "load", objects, pins + "/bare_tc", "type", "classifier",
           "pinmaps", pins)
        for name in ("inside", "outside"):
            tc = ["tc", "-n", self.space.name]
            sh(*tc, "qdisc", "add", "dev", name, "clsact")
            sh(*tc, "filter", "add", "dev", name, "ingress", "bpf", "direct-action",
               "object-pinned", pins + "/bare_tc")
        self.spawn(self.bed.program("bare_forwarder"), "--kernel", pins + "/bare_flows", *self.hops,
                   self.inside + ":3478", self.outside)


class Relay(Server):
    """mediarelayd, or coturn."""
    coturn = False
    lines = ('offload = "off"',)
    settings = {}

    def start(self):
        limits = relay.NO_LIMITS["limits"] + ["stranger_rate = 0"]
        settings = {} if self.coturn else {"limits": limits, **self.settings}
        self.relay = relay.Relay(
            self.directory, inside=[self.inside], outside=[self.outside], allow=[PEERS_NET],
            workers=1, netns=self.space.name, coturn=self.coturn, quiet=True, cpu=SERVER_CPU,
            settings=settings, side_lines={side: self.lines for side in ("inside", "outside")})
        self.relay.start()
        self.bed.ends.callback(self.relay.stop)
        self.credential = self.relay.credential()

    def pids(self):
        return [self.relay.pid()]


class KernelPlane(Relay):
    """mediarelayd with avedge-offload, which runs as root here."""
    mode = "tc"

    def start(self):
        socket = os.path.join(self.bed.directory, self.product + ".sock")
        self.lines = ('offload = "%s"' % self.mode,)
        self.settings = {"offload": ['socket = "%s"' % socket]}
        self.loader = self.space.start(relay.program("avedge-offload"), "--socket", socket)
        self.bed.ends.callback(end_process, self.loader)
        wait_until(lambda: os.path.exists(socket), self.product + ": no loader")
        super().start()
        wait_until(lambda: self.plane()["state"] == "on", self.product + ": no kernel plane")

    def forwarded(self):
        return self.plane()["packets"]

    def plane(self):
        return control.ask(self.relay.path("relay.sock"), "GET", "/v1/offload")[1]

    def pids(self):
        return [self.relay.pid(), self.loader.pid]


class KernelPlaneXdp(KernelPlane):
    """A veth takes what XDP redirects to it only if its other end polls, which GRO makes it do."""
    mode = "xdp"

    def start(self):
        self.bed.clients.run("ethtool", "-K", "c%d" % self.number, "gro", "on")
        self.bed.peers.run("ethtool", "-K", "p%d" % self.number, "gro", "on")
        super().start()


class Coturn(Relay):
    coturn = True


PRODUCTS = {
    "coturn": Coturn,
    "sockets": Relay,
    "kernel-tc": KernelPlane,
    "kernel-xdp": KernelPlaneXdp,
    "bare-sockets": BareSockets,
    "bare-tc": BareKernel,
}


def end_process(process):
    process.terminate()
    process.wait(timeout=30)
    if process.stdout:
        process.stdout.close()


def wait_until(condition, complaint):
    until = time.monotonic() + 20
    while not condition():
        if time.monotonic() > until:
            sys.exit(complaint)
        time.sleep(0.05)


class Bed:
    """with Bed(build, products) as bed: everything that it makes is removed after the block."""

    def __init__(self, build, products, realtime=False):
        """realtime: other processes of the machine get what these leave."""
        self.build, self.products, self.realtime = os.path.abspath(build), products, realtime
        self.name = "avw%d" % os.getpid()
        self.servers, self.ends = {}, contextlib.ExitStack()
        relay.BUILD = self.build

    def program(self, name):
        return os.path.join(self.build, "tests", "bench", name)

    def __enter__(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        try:
            self.directory = self.ends.enter_context(
                tempfile.TemporaryDirectory(prefix="avedge-bench-"))
            self.clients, self.peers = (
                self.ends.enter_context(namespace("%s-%s" % (self.name, end)))
                for end in ("clients", "peers"))
            join(self.clients, "c0", "198.18.0.1", self.peers, "p0", "198.18.0.2")
            for number, product in enumerate(self.products):
                server = PRODUCTS[product](product, number + 1, self)
                server.start()
                self.servers[product] = server
        except BaseException:
            self.ends.close()
            raise
        return self

    def __exit__(self, *_):
        self.ends.close()

    def generator(self, product, clients, rate, size, burst):
        load = [str(n) for n in (clients, rate, size, burst)]
        if product == STRAIGHT:
            what = [STRAIGHT, "/run/netns/" + self.peers.name, "198.18.0.2", *load]
        else:
            server = self.servers[product]
            what = ["relayed", "/run/netns/" + self.peers.name, server.peer, *load,
                    server.inside + ":3478", *server.credential]
        first = ["chrt", "--fifo", "10"] if self.realtime else []
        return [*first, *self.clients.prefix, "taskset", "-c", str(GENERATOR_CPU),
                self.program("media"), *what]

    def load(self, product, seconds, warm_up, load):
        """The generator's figures, and CPU time in ns of the measured seconds."""
        server = self.servers.get(product)
        pids = server.pids() if server else []
        for pid in pids if self.realtime else []:
            sh("chrt", "--all-tasks", "--fifo", "--pid", "10", str(pid))
        with subprocess.Popen(self.generator(product, *load), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as generator:
            if not select.select([generator.stdout], [], [], 60)[0] or \
                    generator.stdout.readline() != "ready\n":
                generator.kill()
                sys.exit("%s: the generator got no channels" % product)
            time.sleep(warm_up)
            forwarded = server.forwarded() if server else 0
            before = Clocks(pids, generator.pid)
            generator.stdin.write("begin\n")
            generator.stdin.flush()
            time.sleep(seconds)
            after = Clocks(pids, generator.pid)
            forwarded = server.forwarded() - forwarded if server else 0
            generator.stdin.close()
            figures = json.loads(generator.stdout.readline())
            generator.stdout.close()
            generator.wait(timeout=60)
        figures["kernel_percent"] = 100 * forwarded / max(1, figures["packets"])
        figures["cpu"] = after.since(before)
        return figures


class Clocks:
    """CPU time used so far, in nanoseconds."""

    def __init__(self, servers, generator):
        self.server = sum(map(process_ns, servers))
        self.generator = process_ns(generator)
        self.ksoftirqd = sum(map(process_ns, KSOFTIRQD))
        self.now, self.idle = idle_ns()
        self.stolen = stolen_ns()

    def since(self, before):
        ns = {name: getattr(self, name) - getattr(before, name)
              for name in ("server", "generator", "ksoftirqd", "stolen")}
        ns["whole"] = (self.now - before.now) * os.cpu_count() - (self.idle - before.idle)
        ns["tasks"] = ns["server"] + ns["generator"] + ns["ksoftirqd"]
        return ns


def process_ns(pid):
    """Of all threads."""
    total = 0
    for thread in os.listdir("/proc/%d/task" % pid):
        with contextlib.suppress(FileNotFoundError), \
                open("/proc/%d/task/%s/schedstat" % (pid, thread), encoding="ascii") as stat:
            total += int(stat.read().split()[0])
    return total


def idle_ns():
    """The monotonic time and how long all CPUs have been idle; /proc/stat has only jiffies."""
    now = idle = 0
    is_idle = False
    with open("/proc/timer_list", encoding="ascii") as timers:
        for line in timers:
            name, _, value = line.strip().partition(":")
            name = name.strip()
            if line.startswith("now at"):
                now = int(line.split()[2])
            elif name == ".tick_stopped":
                is_idle = int(value) != 0
            elif name == ".idle_entrytime" and is_idle:
                idle += max(0, now - int(value.split()[0]))  # still is
            elif name in (".idle_sleeptime", ".iowait_sleeptime"):
                idle += int(value.split()[0])
    return now, idle


def stolen_ns():
    """What the host gave to others while we wanted to run; in steps of 10 ms."""
    with open("/proc/stat", encoding="ascii") as stat:
        return int(stat.readline().split()[8]) * 10 ** 9 // os.sysconf("SC_CLK_TCK")


def ksoftirqds():
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open("/proc/%s/comm" % pid, encoding="ascii") as comm:
            if comm.read().startswith("ksoftirqd/"):
                found.append(int(pid))
    return found


KSOFTIRQD = ksoftirqds()

#!/usr/bin/python3
"""Packets of the kernel plane leave as routes, devices and rules say, within a second of a change.

The peer has an address that is reached through a gateway, by one of two links between the relay and the
peer. What arrives at which end of which link is counted there.
"""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import kernel_plane  # noqa: E402
from kernel_plane import ip  # noqa: E402
from netns import check  # noqa: E402

TARGET, TARGET6 = "10.77.2.99", "fd77:2::99"
SOON_S = 1.0


class Ways:
    def __init__(self, bed):
        self.bed = bed
        self.relay, self.peer = bed.names["relay"], bed.names["peer"]
        ip("link", "add", "out1", "netns", self.relay, "type", "veth", "peer", "name", "eth1",
           "netns", self.peer)
        for ns, name, ends in ((self.relay, "out1", 1), (self.peer, "eth1", 2)):
            ip("address", "add", "10.77.3.%d/24" % ends, "dev", name, ns=ns)
            ip("address", "add", "fd77:3::%d/64" % ends, "dev", name, "nodad", ns=ns)
            ip("link", "set", name, "up", ns=ns)
        for target in (TARGET + "/32", TARGET6 + "/128"):
            ip("address", "add", target, "dev", "lo", ns=self.peer)

    def arrived(self, device):
        """Packets at the peer's end of a link."""
        path = "/sys/class/net/%s/statistics/rx_packets" % device
        return int(subprocess.run(["ip", "netns", "exec", self.peer, "cat", path], check=True,
                                  capture_output=True, text=True, timeout=20).stdout)

    def route(self, *args, v6=False):
        ip(*(["-6"] if v6 else []), "route", *args, ns=self.relay)


def look(bed, ways, call, seconds=0.3, size=160):
    """Of what the client sends: what share comes by each link, and is forwarded by the kernel."""
    before = {device: ways.arrived(device) for device in ("eth0", "eth1")}
    forwarded, sent = bed.forwarded(), call.sent["c"]
    call.run(seconds, pps=200, size=size, both=False)
    call.settle(0.05)
    sent = call.sent["c"] - sent
    shares = {device: (ways.arrived(device) - count) / sent for device, count in before.items()}
    shares["kernel"] = (bed.forwarded() - forwarded) / sent
    return shares


def expect(bed, ways, call, device, what):
    """Within SOON_S all comes by that link, and the kernel does it."""
    other = "eth1" if device == "eth0" else "eth0"
    began = time.monotonic()
    while True:
        shares = look(bed, ways, call)
        if shares[device] > 0.95 and shares[other] < 0.1 and shares["kernel"] > 0.95:
            print("ok: %s (%.1f s)" % (what, time.monotonic() - began))
            return
        # A look that began in time counts.
        check(time.monotonic() - began < SOON_S + 0.5, "%s: not within %.0f s: %s\n%s", what, SOON_S,
              shares, bed.plane())


def gateways(bed, ways, v6):
    via = ("fd77:2::2", "fd77:3::2") if v6 else ("10.77.2.2", "10.77.3.2")
    target = TARGET6 if v6 else TARGET
    family = "IPv6: " if v6 else "IPv4: "
    ways.route("add", target, "via", via[0], "dev", "out0", v6=v6)
    call = bed.call(v6=v6)
    bed.until_offloaded(call)
    expect(bed, ways, call, "eth0", family + "through the gateway")
    ways.route("replace", target, "via", via[1], "dev", "out1", v6=v6)
    expect(bed, ways, call, "eth1", family + "another gateway, by another device")
    ways.route("replace", target, "via", via[0], "dev", "out0", v6=v6)
    expect(bed, ways, call, "eth0", family + "and back")
    return call


def device_down(bed, ways, call):
    ways.route("add", TARGET, "via", "10.77.3.2", "dev", "out1", "metric", "1")
    ways.route("del", TARGET, "via", "10.77.2.2", "dev", "out0")
    expect(bed, ways, call, "eth1", "the last route left")
    # The kernel removes its routes; the network of out0 has the target, too.
    ip("link", "set", "out1", "down", ns=ways.relay)
    expect(bed, ways, call, "eth0", "a device is down: straight on the link")
    ip("link", "set", "out1", "up", ns=ways.relay)
    ip("address", "replace", "fd77:3::1/64", "dev", "out1", "nodad", ns=ways.relay)


def policy(bed, ways, call):
    ways.route("add", TARGET, "via", "10.77.3.2", "dev", "out1", "table", "77")
    ip("rule", "add", "from", kernel_plane.OUTSIDE, "to", TARGET, "lookup", "77", ns=ways.relay)
    expect(bed, ways, call, "eth1", "a rule of routing policy")


def no_route(bed, ways, call):
    ways.route("replace", "unreachable", TARGET, "table", "77")
    time.sleep(SOON_S)
    shares = look(bed, ways, call)
    check(shares["eth0"] < 0.1 and shares["eth1"] < 0.1 and shares["kernel"] == 0,
          "unreachable, and yet it arrives: %s", shares)
    print("ok: unreachable: nothing leaves")
    ways.route("replace", TARGET, "via", "10.77.3.2", "dev", "out1", "table", "77")
    expect(bed, ways, call, "eth1", "reachable again")


def too_long(bed):
    return next(row["packets"] for row in bed.plane()["passed_up"] if row["reason"] == "too-long")


def mtu(bed, ways, call):
    shares = look(bed, ways, call, size=1000)
    check(shares["kernel"] > 0.95, "1000 bytes: %s", shares)
    for what, lower, restore in (
            ("a device's", ("link", "set", "out1", "mtu", "600"), ("link", "set", "out1", "mtu", "1500")),
            ("a route's", ("route", "replace", TARGET, "via", "10.77.3.2", "dev", "out1", "table",
                           "77", "mtu", "600"),
             ("route", "replace", TARGET, "via", "10.77.3.2", "dev", "out1", "table", "77"))):
        ip(*lower, ns=ways.relay)
        time.sleep(SOON_S)
        before, arrived = too_long(bed), len(call.got["c"])
        shares = look(bed, ways, call, size=1000)
        check(shares["kernel"] == 0 and too_long(bed) > before, "%s MTU of 600, 1000 bytes: %s", what,
              shares)
        check(len(call.got["c"]) > arrived, "%s MTU of 600: what passes up does not arrive", what)
        expect(bed, ways, call, "eth1", "%s MTU of 600: short packets" % what)
        ip(*restore, ns=ways.relay)
        time.sleep(SOON_S)
        shares = look(bed, ways, call, size=1000)
        check(shares["kernel"] > 0.95, "%s MTU again: %s", what, shares)
        print("ok: %s MTU is lowered and raised" % what)


def main():
    kernel_plane.begin()
    with kernel_plane.testbed() as bed:
        ways = Ways(bed)
        kernel_plane.PEERS, kernel_plane.PEERS6 = (TARGET,), (TARGET6,)
        call = gateways(bed, ways, False)
        gateways(bed, ways, True).close()
        device_down(bed, ways, call)
        policy(bed, ways, call)
        no_route(bed, ways, call)
        mtu(bed, ways, call)
        check(not call.strange, "strange packets: %s", call.strange[:5])


main()

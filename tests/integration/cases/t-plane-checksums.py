#!/usr/bin/python3
"""What the kernel plane forwards has right checksums, whoever is to compute them: the sender, its device, a
device of the relay, or one of a router behind the relay. Each receiver computes the sums of all packets by
itself, and the kernel counts those that it finds wrong.
"""

import itertools
import os
import socket
import struct
import subprocess

import lib  # adds ../lib to the path
import kernel_plane
import namespaces
from netns import check

FAR, FAR6 = "10.77.2.200", "fd77:2::200"	# behind the peer's namespace
SIZES = (1, 17, 18, 19, 20, 160, 161, 163, 1201, 1430)
ETH_P_ALL = 3


def tx(bed, part, device, on):
    """Does that device complete checksums, so that the kernel leaves them to it?"""
    subprocess.run(["ip", "netns", "exec", bed.names[part], "ethtool", "-K", device, "tx",
                    "on" if on else "off"], check=True, capture_output=True, timeout=20)


def checksum_errors(bed, part):
    """Datagrams that UDP of that namespace found wrong."""
    with namespaces.within(bed.names[part]):
        with open("/proc/thread-self/net/snmp", encoding="ascii") as file:
            udp = [line.split() for line in file if line.startswith("Udp:")]
        with open("/proc/thread-self/net/snmp6", encoding="ascii") as file:
            v6 = dict(line.split() for line in file)
    return int(udp[1][udp[0].index("InCsumErrors")]) + int(v6["Udp6InCsumErrors"])


def add(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


class Listener:
    """All UDP packets that arrive at a device, as they are on the wire."""

    def __init__(self, bed, part, device):
        with namespaces.within(bed.names[part]):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
            self.sock.bind((device, ETH_P_ALL))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.sock.setblocking(False)

    def verify(self, complete):
        """IP headers have right checksums; UDP as well, if no device is still to complete them. How many."""
        count = 0
        while True:
            try:
                packet, where = self.sock.recvfrom(65536)
            except BlockingIOError:
                return count
            if where[2] == socket.PACKET_OUTGOING:
                continue
            if packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_UDP:
                check(add(packet[:20]) == 0xFFFF, "IPv4 header: %s", packet[:20].hex())
                check(packet[6] & 0x40 == 0, "DF is set: %s", packet[:20].hex())
                whole, pseudo = packet[20:], packet[12:20]
            elif packet[0] >> 4 == 6 and packet[6] == socket.IPPROTO_UDP:
                whole, pseudo = packet[40:], packet[8:40]
            else:
                continue
            length = struct.unpack_from("!H", whole, 4)[0]
            check(len(whole) == length, "UDP of %d bytes in %d", length, len(whole))
            got = add(pseudo + struct.pack("!HH", socket.IPPROTO_UDP, length) + whole)
            check(got == 0xFFFF or not complete, "UDP sum %04x of %d bytes: %s", got, length,
                  whole[:16].hex())
            count += 1

    def close(self):
        self.sock.close()


def add_far(bed):
    """A fourth namespace, to which the peer's routes."""
    bed.names["far"] = "kp%d-far" % os.getpid()
    kernel_plane.ip("netns", "add", bed.names["far"])
    kernel_plane.ip("link", "add", "far0", "netns", bed.names["peer"], "type", "veth", "peer",
                    "name", "eth0", "netns", bed.names["far"])
    bed.sysctl(bed.names["peer"], "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
               "net.ipv4.conf.all.rp_filter=0")
    for address, near, prefix in ((FAR, "10.77.3.1", "/32"), (FAR6, "fd77:3::1", "/128")):
        more = ["nodad"] if ":" in address else []
        kernel_plane.ip("address", "add", near + prefix, "dev", "far0", *more, ns=bed.names["peer"])
        kernel_plane.ip("address", "add", address + prefix, "dev", "eth0", *more, ns=bed.names["far"])
    kernel_plane.ip("link", "set", "far0", "up", ns=bed.names["peer"])
    kernel_plane.ip("link", "set", "eth0", "up", ns=bed.names["far"])
    kernel_plane.ip("link", "set", "lo", "up", ns=bed.names["far"])
    for address, near, via in ((FAR, "10.77.3.1", "10.77.2.2"), (FAR6, "fd77:3::1", "fd77:2::2")):
        kernel_plane.ip("route", "add", address, "dev", "far0", ns=bed.names["peer"])
        kernel_plane.ip("route", "add", near, "dev", "eth0", ns=bed.names["far"])
        kernel_plane.ip("route", "add", "default", "via", near, "dev", "eth0", ns=bed.names["far"])
        kernel_plane.ip("route", "add", address, "via", via, ns=bed.names["relay"])


def far_call(bed, v6):
    """A call whose peer is there."""
    call = bed.call(v6=v6, bind=False)
    call.peer.close()
    with bed.within("far"):
        call.peer = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
    call.peer.bind((FAR6 if v6 else FAR, 0))
    call.peer.setblocking(False)
    call.peer_addr = call.peer.getsockname()[:2]
    call.bind()
    return call


def run(bed, calls, ends_on, relay_on, end):
    """ends_on, relay_on: do the devices of client and peer, and those of the relay, complete checksums?"""
    what = "%s, ends %s, relay %s" % (end, ends_on, relay_on)
    tx(bed, "client", "eth0", ends_on)
    tx(bed, end, "eth0", ends_on)
    tx(bed, "peer", "eth0", ends_on)
    tx(bed, "relay", "in0", relay_on)
    tx(bed, "relay", "out0", relay_on)
    parts = ("client", end)
    before = sum(checksum_errors(bed, part) for part in parts + ("peer",))
    listeners = [Listener(bed, part, "eth0") for part in parts]
    for call in calls:
        bed.until_offloaded(call)
    forwarded, sent = bed.forwarded(), 0
    for size in SIZES:
        kernel_plane.run(calls, 0.1, pps=200, size=max(size, kernel_plane.HEADER.size + 1))
        sent += 2 * len(calls)
    for call in calls:
        call.check_whole(what)
    # What comes complete from the sender stays so; what does not, a device of the relay may complete.
    complete = not relay_on or not ends_on
    counted = [listener.verify(complete) for listener in listeners]
    for listener in listeners:
        listener.close()
    check(min(counted) > len(calls) * len(SIZES) * 10, "%s: %s packets seen", what, counted)
    check(bed.forwarded() - forwarded > sent, "%s: the kernel forwards %d", what,
          bed.forwarded() - forwarded)
    after = sum(checksum_errors(bed, part) for part in parts + ("peer",))
    check(after == before, "%s: %d wrong checksums", what, after - before)
    print("%s: %s packets with right checksums" % (what, counted))


class Tunnel(kernel_plane.Testbed):
    """The client comes through a tunnel. For short packets the kernel has summed the tunnel's datagram, and tells
    the sum of what was in it (CHECKSUM_COMPLETE), as some devices do for all packets. A sum that is not that of the
    packet any more makes the next receiver drop it."""

    def make_network(self):
        super().make_network()
        for part, device, ours, theirs, addresses in (
                ("relay", "in0", "10.99.0.1", "10.99.0.2", (kernel_plane.INSIDE, kernel_plane.INSIDE6)),
                ("client", "eth0", "10.99.0.2", "10.99.0.1", (kernel_plane.CLIENT, kernel_plane.CLIENT6))):
            ns = self.names[part]
            kernel_plane.ip("address", "flush", "dev", device, ns=ns)
            kernel_plane.ip("address", "add", ours + "/24", "dev", device, ns=ns)
            tx(self, part, device, False)
            kernel_plane.ip("link", "add", "vx0", "type", "vxlan", "id", "7", "remote", theirs, "local",
                            ours, "dev", device, "dstport", "4789", "udpcsum", ns=ns)
            tx(self, part, "vx0", False)
            for address in addresses:
                more = ["/64", "nodad"] if ":" in address else ["/24"]
                kernel_plane.ip("address", "add", address + more[0], "dev", "vx0", *more[1:], ns=ns)
            kernel_plane.ip("link", "set", "vx0", "up", ns=ns)


def through_tunnel():
    plain, kernel_plane.Testbed = kernel_plane.Testbed, Tunnel
    with kernel_plane.testbed() as bed:
        # Without ChannelData's header the tunnel's datagram is short enough.
        call = bed.call(dialect="ms")
        bed.until_offloaded(call)
        forwarded = bed.forwarded()
        call.run(1.0, pps=200, size=kernel_plane.HEADER.size + 1)
        call.check_whole("tunnel")
        check(bed.forwarded() - forwarded >= 380, "the kernel forwards %d",
              bed.forwarded() - forwarded)
    kernel_plane.Testbed = plain


class Receiving(kernel_plane.Testbed):
    """What XDP sends by a veth arrives only where GRO is on."""

    def make_network(self):
        super().make_network()
        for part in ("client", "peer"):
            subprocess.run(["ip", "netns", "exec", self.names[part], "ethtool", "-K", "eth0", "gro", "on"],
                           check=True, capture_output=True, timeout=20)


def by_xdp():
    plain, kernel_plane.Testbed = kernel_plane.Testbed, Receiving
    with kernel_plane.testbed(offload="xdp", checksum_offload=False) as bed:
        programs = {device["program"] for device in bed.plane()["devices"]}
        check(programs == {"xdp"}, "programs: %s", programs)
        run(bed, [bed.call(), bed.call(v6=True), bed.call(dialect="ms")], False, False, "peer")
    kernel_plane.Testbed = plain


def main():
    kernel_plane.begin()
    for options in ({}, {"attach": "clsact"}):
        with kernel_plane.testbed(**options) as bed:
            calls = [bed.call(), bed.call(v6=True), bed.call(dialect="ms")]
            for ends_on, relay_on in itertools.product((True, False), repeat=2):
                run(bed, calls, ends_on, relay_on, "peer")
            if options:
                continue
            add_far(bed)
            calls = [far_call(bed, False), far_call(bed, True)]
            for ends_on, relay_on, router_on in itertools.product((True, False), repeat=3):
                tx(bed, "peer", "far0", router_on)
                run(bed, calls, ends_on, relay_on, "far")
    through_tunnel()
    by_xdp()


main()

#!/usr/bin/python3
# waits: for answers that do not come
# timeout: 400
"""NAT behaviour discovery (RFC 5780): turnutils_natdiscovery and the classic client of Debian's
stun-client name NATs that nftables makes, from the relay's answers.

  edge                            router                        client
  mediarelayd  203.0.113.1 -----  203.0.113.2  192.168.77.1 --- 192.168.77.10
               203.0.113.3                     2001:db8:7::1    2001:db8:7::10
               2001:db8:77::1, ::3
"""
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile

import lib  # noqa: F401
import relay

A1, A2, NAT, CLIENT = "203.0.113.1", "203.0.113.3", "203.0.113.2", "192.168.77.10"
A1_V6, CLIENT_V6 = "2001:db8:77::1", "2001:db8:7::10"
NAME = "avn%d-" % os.getpid()
NAMESPACES = ("edge", "router", "client")

# What the kernel does by itself: a source port is kept while it is free, and only replies pass.
PORT_RESTRICTED = """
chain post { type nat hook postrouting priority 100; oifname "out0" masquerade
}"""
SYMMETRIC = """
chain post { type nat hook postrouting priority 100;
	oifname "out0" masquerade random,fully-random
}"""
FULL_CONE = """
chain pre { type nat hook prerouting priority -100;
	iifname "out0" udp dport 20000-45000 dnat to %s
}
chain post { type nat hook postrouting priority 100;
	oifname "out0" snat to %s persistent
}""" % (CLIENT, NAT)
# Whom the client has sent to, whatever the port, may send to it.
ADDRESS_RESTRICTED = """
set contacted { type ipv4_addr; flags dynamic,timeout; timeout 60s;
}
chain forward { type filter hook forward priority 0;
	oifname "out0" add @contacted { ip daddr }
}
chain pre { type nat hook prerouting priority -100;
	iifname "out0" ip saddr @contacted udp dport 20000-45000 dnat to %s
}
chain post { type nat hook postrouting priority 100;
	oifname "out0" snat to %s persistent
}""" % (CLIENT, NAT)

# Name, nftables, what turnutils_natdiscovery says of mapping and filtering, what stun says.
NATS = (
    ("no NAT", "", "No NAT! (Endpoint Independent Mapping)",
     "NAT with Endpoint Independent Filtering!", "Open"),
    ("full cone", FULL_CONE, "NAT with Endpoint Independent Mapping!",
     "NAT with Endpoint Independent Filtering!", "Independent Mapping, Independent Filter"),
    ("address-restricted", ADDRESS_RESTRICTED, "NAT with Endpoint Independent Mapping!",
     "NAT with Address Dependent Filtering!", "Independent Mapping, Address Dependent Filter"),
    ("port-restricted", PORT_RESTRICTED, "NAT with Endpoint Independent Mapping!",
     "NAT with Address and Port Dependent Filtering!",
     "Independent Mapping, Port Dependent Filter"),
    ("symmetric", SYMMETRIC, "NAT with Address and Port Dependent Mapping!",
     "NAT with Address and Port Dependent Filtering!", "Dependent Mapping"),
)


def run(*args, **kw):
    return subprocess.run(args, check=True, capture_output=True, text=True, timeout=60, **kw)


def within(name, *args, status=(0,), **kw):
    """Run it in that namespace; what it writes."""
    done = subprocess.run(["ip", "netns", "exec", NAME + name, *args], check=False, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)
    if status and done.returncode not in status:
        raise SystemExit("FAIL: %s: status %d\n%s" % (" ".join(args), done.returncode,
                                                      done.stdout))
    return done.stdout


def link(one, device, other, peer):
    run("ip", "-n", NAME + one, "link", "add", device, "type", "veth", "peer", "name", peer,
        "netns", NAME + other)
    run("ip", "-n", NAME + one, "link", "set", device, "up")
    run("ip", "-n", NAME + other, "link", "set", peer, "up")


def address(name, device, *addresses):
    for each in addresses:
        run("ip", "-n", NAME + name, "addr", "add", each, "dev", device,
            *(["nodad"] if ":" in each else []))


@contextlib.contextmanager
def topology():
    made = []
    try:
        for name in NAMESPACES:
            if subprocess.run(["ip", "netns", "add", NAME + name], check=False,
                              capture_output=True).returncode != 0:
                print("network namespaces are not permitted here")
                sys.exit(77)
            made.append(name)
            run("ip", "-n", NAME + name, "link", "set", "lo", "up")
        link("edge", "out0", "router", "out0")
        link("router", "lan0", "client", "lan0")
        address("edge", "lo", "10.77.1.1/32")
        address("edge", "out0", A1 + "/24", A2 + "/24", A1_V6 + "/64", "2001:db8:77::3/64")
        address("router", "out0", NAT + "/24", "2001:db8:77::2/64")
        address("router", "lan0", "192.168.77.1/24", "2001:db8:7::1/64")
        address("client", "lan0", CLIENT + "/24", CLIENT_V6 + "/64")
        for name, via, via6 in (("client", "192.168.77.1", "2001:db8:7::1"),
                                ("edge", NAT, "2001:db8:77::2")):
            run("ip", "-n", NAME + name, "route", "add", "default", "via", via)
            run("ip", "-n", NAME + name, "-6", "route", "add", "default", "via", via6)
        within("router", "sysctl", "-qw", "net.ipv4.ip_forward=1",
               "net.ipv6.conf.all.forwarding=1")
        within("client", "sysctl", "-qw", "net.ipv4.ip_local_port_range=20000 45000")
        yield
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", NAME + name], check=False)


def make_nat(rules):
    """Nothing of the NAT before is left."""
    within("router", "nft", "-f", "-",
           input="flush ruleset\n" + ("table ip nat {%s\n}\n" % rules if rules else ""))


next_port = [20000]


def discover(*options, server=A1, client=CLIENT, status=(0,)):
    """turnutils_natdiscovery from a port that no conntrack entry knows."""
    next_port[0] += 10
    return within("client", "turnutils_natdiscovery", *options, "-L", client, "-l",
                  str(next_port[0]), server, status=status)


def says(output, want, what):
    if want not in output:
        raise SystemExit("FAIL: %s: no \"%s\" in\n%s" % (what, want, output))


def rfc5780_client_names_the_nat():
    for name, rules, mapping, filtering, _ in NATS:
        make_nat(rules)
        says(discover("-m"), mapping, name)
        make_nat(rules)  # which forgets whom the client has sent to
        says(discover("-f"), filtering, name)
    # Behind a symmetric NAT of the kernel.
    make_nat(SYMMETRIC)
    says(discover("-m", "-f", "-P"), "NAT with Address and Port Dependent Mapping!", "PADDING")


RULES = (("Address and Port Dependent", "address and port-dependent"),
         ("Address Dependent", "address-dependent"), ("No NAT", "none"),
         ("Endpoint Independent", "endpoint-independent"))


def rule(words):
    return next(ours for theirs, ours in RULES if theirs in words)


def our_probe_names_the_nat():
    for name, rules, mapping, filtering, _ in NATS:
        make_nat(rules)
        output = within("client", relay.program("avedgectl"), "probe", A1, "--transport", "udp")
        says(output, "mapping %s, filtering %s" % (rule(mapping), rule(filtering)),
             "avedgectl probe: " + name)


def over_ipv6():
    make_nat("")
    output = discover("-m", "-f", server=A1_V6, client=CLIENT_V6)
    says(output, "No NAT! (Endpoint Independent Mapping)", "IPv6")
    says(output, "NAT with Endpoint Independent Filtering!", "IPv6")


def classic_client_names_the_nat():
    """The exit status of stun says what it found, so any is good."""
    for name, rules, _, _, want in NATS:
        make_nat(rules)
        next_port[0] += 10
        output = within("client", "stun", A1, "-v", "-p", str(next_port[0]), status=())
        says(output, "Primary: " + want, "stun: " + name)


def fragments_reach_the_client():
    """1,500 bytes of PADDING each way are more than one packet."""
    make_nat("")
    before = int(within("client", "nstat", "-asz", "IpReasmOKs").split("IpReasmOKs")[1].split()[0])
    says(discover("-f", "-P"), "NAT with Endpoint Independent Filtering!", "PADDING")
    after = int(within("client", "nstat", "-asz", "IpReasmOKs").split("IpReasmOKs")[1].split()[0])
    if after <= before:
        raise SystemExit("FAIL: no answer came in fragments")


def turned_off(server):
    """A reload turns it off: CHANGE-REQUEST gets 420, and there is no OTHER-ADDRESS."""
    server.side_lines = {}
    server.extra = ["classic_stun = false"]
    server.write_config()
    server.reload()
    for _ in range(100):
        output = discover("-m", status=())
        if "Other addr" not in output:
            break
    else:
        raise SystemExit("FAIL: still served after a reload\n" + output)
    next_port[0] += 10
    output = within("client", "stun", A1, "-p", str(next_port[0]), status=())
    says(output, "Primary: Blocked", "classic_stun = false")


def main():
    reason = relay.unavailable()
    for program in ("turnutils_natdiscovery", "stun", "nft", "ip"):
        if not reason and not shutil.which(program):
            reason = program + " is not installed"
    if not reason and os.geteuid() != 0:
        reason = "network namespaces need root"
    if reason:
        print(reason)
        sys.exit(77)
    with topology(), tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        server = relay.Relay(
            directory, inside=["10.77.1.1"], outside=[A1, A2, A1_V6, "2001:db8:77::3"],
            netns=NAME + "edge", more_udp=[3479], workers=2,
            side_lines={"outside": ["nat_discovery = true"]})
        server.start()
        try:
            rfc5780_client_names_the_nat()
            our_probe_names_the_nat()
            over_ipv6()
            classic_client_names_the_nat()
            fragments_reach_the_client()
            turned_off(server)
        except BaseException:
            server.stop()
            print("--- end of the relay's log\n" + server.log()[-3000:])
            raise
        wrong = server.stop()
    if wrong:
        sys.exit("\n".join(["FAIL:"] + wrong))


if __name__ == "__main__":
    main()

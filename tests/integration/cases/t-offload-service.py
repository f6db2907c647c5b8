#!/usr/bin/python3
# slow: boots a container
"""avedge-offload under a real systemd that may load BPF: the relay has it started, it serves with two
capabilities in its sandbox, and a relay that stops, a loader that is killed or stopped, and a purge leave
nothing behind.
"""

import os
import re

import lib  # adds ../lib to the path
import deb
import edge as edges
from edge import RELAY, RELAY_CONF, Edge, check, say

LOADER = "avedge-offload"
SOCKET = "/run/avedge-offload/socket"
THREE = 1 << 38 | 1 << 39 | 1 << 12  # CAP_PERFMON, CAP_BPF, CAP_NET_ADMIN


def state(edge, unit):
    return edge.machine.out("systemctl", "show", "-P", "ActiveState", unit)


def count(edge, text):
    return edge.journal(LOADER, "-o", "cat").splitlines().count(text)


def attached(edge):
    """Is there a program on the device, as the kernel says?"""
    return "va: attached" in [line.split(",")[0] for line in edge.journal(
        LOADER, "-o", "cat").splitlines()] and edge.machine.out(
            "bash", "-c", "cd /avedge-test/lib && python3 -c 'import foreign_bpf, socket; "
            "print(len(foreign_bpf.tcx(socket.if_nametoindex(\"va\")) or []), "
            "foreign_bpf.filters(\"va\"))'") != "0 []"


# --- steps, in this order --------------------------------------------------------------------


def relay_starts_it(edge):
    """Its outside is on an Ethernet device, which gets a program."""
    machine = edge.machine
    machine.run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
    machine.run("ip", "address", "add", "10.77.0.1/24", "dev", "va")
    for device in ("va", "vb"):
        machine.run("ip", "link", "set", device, "up")
    text = machine.read(RELAY_CONF)
    machine.write(RELAY_CONF, text.replace("{127.0.2.1}", "{10.77.0.1}"))
    edge.systemctl("restart", RELAY)
    check(state(edge, LOADER + ".socket") == "active", "no socket for the relay")
    edge.wait_until(lambda: edge.active(LOADER), "the relay does not start it")
    edge.wait_until(lambda: attached(edge), "va has no program:\n" + edge.journal(LOADER) + edge.journal(RELAY))
    say("status: " + edge.show(LOADER, "StatusText"))
    edge.wait_until(lambda: edge.show(LOADER, "StatusText").startswith("serving: 1 device"),
                    "another status: " + edge.show(LOADER, "StatusText"))


def sandbox_is_wide_enough(edge):
    said = edge.journal(LOADER, "-p", "warning", "-o", "cat")
    check(not said, "it complains: " + said)
    status = edge.machine.out("cat", "/proc/%d/status" % edge.pid(LOADER))
    for kind in ("CapEff", "CapPrm", "CapBnd"):
        got = int(re.search(kind + r":\s*([0-9a-f]+)", status).group(1), 16)
        check(got == THREE, "%s is %x" % (kind, got))
    check(re.search(r"NoNewPrivs:\s*1", status) and re.search(r"Seccomp:\s*2", status), status)
    uid = re.search(r"Uid:\s*(\d+)", status).group(1)
    check(uid != "0" and uid != edge.machine.out("id", "-u", "avedge-relay"), "it is user " + uid)
    mode = edge.machine.out("stat", "-c", "%U:%G %a", SOCKET)
    check(mode == "root:avedge-relay 660", "its socket is " + mode)
    edge.machine.run("useradd", "stranger")
    refused = edge.machine.run("runuser", "-u", "stranger", "--", "python3", "-c",
                               "import socket; s = socket.socket(socket.AF_UNIX, "
                               "socket.SOCK_SEQPACKET); s.connect('%s')" % SOCKET, check=False)
    check("PermissionError" in refused.stdout, "a stranger may connect: " + refused.stdout)


def comes_back_after_a_kill(edge):
    pid, before = edge.pid(LOADER), count(edge, "va: attached, TC (tcx)")
    edge.kill(LOADER)
    edge.wait_for_start(LOADER, pid)
    edge.wait_until(lambda: count(edge, "va: attached, TC (tcx)") == before + 1 and attached(edge),
                    "va has no program again:\n" + edge.journal(LOADER), 30)


def relay_restarts(edge):
    """The next process gets the same tables, and the program stays."""
    before = count(edge, "va: detached")
    pid = edge.pid(RELAY)
    edge.kill(RELAY)
    edge.wait_for_start(RELAY, pid)
    edge.wait_until(lambda: "goes on with the flows of the one before" in
                    edge.journal(LOADER, "-o", "cat"), "other tables:\n" + edge.journal(LOADER))
    check(count(edge, "va: detached") == before, "detached in between")


def relay_stops(edge):
    """All is detached at once; the loader itself waits a while for another relay."""
    edge.systemctl("stop", RELAY)
    edge.wait_until(lambda: not attached(edge), "a program is left on va")
    edge.wait_until(lambda: edge.show(LOADER, "StatusText") == "no relay", "it serves nobody")
    edge.systemctl("start", RELAY)
    edge.wait_until(lambda: attached(edge), "va has no program again")


def relay_works_without_it(edge):
    edge.systemctl("stop", LOADER + ".socket", LOADER + ".service")
    check(edge.show(LOADER, "Result") == "success", "it ended badly")
    check(not attached(edge), "a program is left on va")
    edge.call()
    edge.systemctl("restart", RELAY)
    edge.call()


def upgrades(edge):
    """Both programs are of the new version afterwards, and the socket is the same."""
    edge.systemctl("start", LOADER + ".socket")
    edge.wait_until(lambda: attached(edge), "the relay does not find it again", 30)
    edge.make_next_packages()
    pids = {unit: edge.pid(unit) for unit in (LOADER, RELAY)}
    said = edge.upgrade()
    check("ailed" not in said, said)
    for unit, pid in pids.items():
        edge.wait_for_start(unit, pid)
    edge.wait_until(lambda: attached(edge), "va has no program after an upgrade", 30)
    check(state(edge, LOADER + ".socket") == "active", "the socket is gone")
    edge.call()


def starts_and_stops_as_one(edge):
    edge.systemctl("start", "avedge.target")
    edge.wait_until(lambda: edge.active(RELAY) and attached(edge), "not all has started", 30)
    edge.systemctl("stop", "avedge.target")
    for unit in (LOADER + ".socket", LOADER + ".service", RELAY + ".service"):
        edge.wait_until(lambda unit=unit: state(edge, unit) == "inactive",
                        "stopping the target leaves " + unit)
    check(not attached(edge), "a program is left on va")
    check(edge.machine.run("test", "-e", SOCKET, check=False).returncode != 0,
          "its socket is left")
    edge.systemctl("start", "avedge.target")
    edge.wait_until(lambda: edge.active(RELAY) and attached(edge), "not all has started", 30)


def purges(edge):
    machine = edge.machine
    machine.run("dpkg", "--purge", "avedge", "avedge-tools")
    check(not attached(edge), "a program is left on va")
    check(machine.run("pgrep", "-x", LOADER, check=False).returncode != 0, "it still runs")
    left = machine.out("bash", "-c", "ls -d /run/*avedge-offload* /run/*/*avedge-offload* "
                       "/etc/systemd/system/*/avedge-offload* /var/lib/*/avedge-offload "
                       "2>/dev/null || true")
    check(not left, "purged, and still there:\n" + left)
    failed = machine.out("systemctl", "--failed", "--plain", "--no-legend")
    check("avedge" not in failed and RELAY not in failed, "failed: " + failed)


STEPS = (relay_starts_it, sandbox_is_wide_enough, comes_back_after_a_kill, relay_restarts,
         relay_stops, relay_works_without_it, upgrades, starts_and_stops_as_one, purges)


def live(machine, packages):
    if machine.run("systemd-run", "--pipe", "--wait", "-p", "AmbientCapabilities=CAP_BPF", "-p", "User=nobody",
                   "true", check=False).returncode != 0:
        edges.skip("systemd-nspawn gives no CAP_BPF here")
    edge = Edge(machine)
    edges.install_and_serve(edge, packages)
    machine.put(os.path.join(deb.HERE, "."), "/avedge-test/lib")
    for step in STEPS:
        say(step.__name__.replace("_", " "))
        step(edge)


def main():
    edges.in_a_machine(live, may_load_bpf=True)
    print("%d steps of the loader's life under systemd" % len(STEPS))


if __name__ == "__main__":
    main()

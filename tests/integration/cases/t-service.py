#!/usr/bin/python3
# slow: boots a container
"""The package under a real systemd: the whole life of the service.

Builds the Debian packages, boots a container, installs them, and goes from "systemctl start
avedge.target" through a call, reloads, a drain, a frozen worker, a crash and keys readable by root
alone to an upgrade. debian/tests/service runs first: it configures the edge and makes the first
calls.
"""

import json
import os
import re
import sys
import time

import lib  # adds ../lib to the path
import edge as edges
from edge import BEGAN, MRAS, MRAS_CONF, RELAY, RELAY_CONF, Edge, check, ended_well, say

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")
SCORES = {RELAY: 2.0, MRAS: 1.5, "avedge-offload": 1.5}
WATCHDOG_S = 2
# --- steps, in this order --------------------------------------------------------------------

def sandbox_is_wide_enough(edge):
    """The sandbox has blocked nothing so far, and the files that the daemons publish exist."""
    for unit in (RELAY, MRAS):
        said = edge.journal(unit, "-p", "warning", "-o", "cat")
        check(not said, "%s complains: %s" % (unit, said))
    for port, wanted in ((9478, ("avedge_allocations", "process_resident_memory_bytes",
                                 "process_open_fds")),
                         (9479, ("avedge_mras_credentials_issued", "process_resident_memory_bytes"))):
        text = edge.machine.out("curl", "-fsS", "http://127.0.0.1:%d/metrics" % port)
        for name in wanted:
            check(name in text, "no %s in the metrics on port %d" % (name, port))
    edge.machine.run("curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:9478/")
    edge.ctl("limits")
    edge.ctl("ports")
    edge.ctl("configuration")


def units_are_understood(edge):
    """systemd warns about no line of them."""
    said = edge.machine.out("systemd-analyze", "verify", "mediarelayd.service",
                            "mrasd.service", "avedge-offload.service", "avedge-offload.socket",
                            "avedge.target")
    check(not said, said)


def scores(edge):
    for unit, most in SCORES.items():
        last = edge.machine.out("systemd-analyze", "security", "--no-pager",
                                unit + ".service").splitlines()[-1]
        score = float(re.search(r": ([0-9.]+) ", last).group(1))
        say("%s: exposure %.1f, at most %.1f" % (unit, score, most))
        check(score <= most, last)


def capabilities(edge):
    """The one for port 443; none for mrasd."""
    for unit, want in ((RELAY, 1 << 10), (MRAS, 0)):
        status = edge.machine.out("cat", "/proc/%d/status" % edge.pid(unit))
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            got = int(re.search(kind + r":\s*([0-9a-f]+)", status).group(1), 16)
            check(got == want, "%s: %s is %x" % (unit, kind, got))


def works_without_the_kernel_plane(edge):
    """This container has no CAP_BPF, so its loader does not start, and that is no failure."""
    for unit in ("avedge-offload.socket", "avedge-offload.service"):
        state = edge.machine.out("systemctl", "show", "-P", "ActiveState", unit)
        check(state == "inactive", "%s is %s" % (unit, state))
    check(edge.show("avedge-offload", "LoadState") == "loaded", "there is no such unit")


def top(edge):
    call = edge.begin_call(3)
    print(edge.ctl("top", "--once").stdout)
    ended_well(call, "top")


def control_socket_knows_whom_it_serves(edge):
    machine = edge.machine
    machine.run("useradd", "--groups", "avedge", "olga")
    machine.run("useradd", "stranger")
    for command in (["status"], ["mras", "status"]):
        machine.run("runuser", "-u", "olga", "--", "avedgectl", *command)
        refused = machine.run("runuser", "-u", "stranger", "--", "avedgectl", *command,
                              check=False)
        check(refused.returncode != 0, "a stranger may ask: " + refused.stdout)
        check("group avedge " in refused.stdout, "no word of the group: " + refused.stdout)
    say("a stranger is told: " + refused.stdout.strip())
    for path in ("/etc/avedge/keys", "/etc/avedge/private/mrasd/mras.key"):
        check(machine.run("runuser", "-u", "stranger", "--", "cat", path,
                          check=False).returncode != 0, "a stranger reads " + path)


def reloads(edge):
    machine = edge.machine
    good = machine.read(RELAY_CONF)
    call = edge.begin_call(6)
    pid = edge.pid(RELAY)
    machine.write(RELAY_CONF, good + "limits {\n\tallocations_per_user = 7\n}\n")
    edge.systemctl("reload", RELAY)
    limits = {row["name"]: row["limit"] for row in edge.document("limits")["limits"]}
    check(limits["limits.allocations_per_user"] == 7, "not applied: %r" % limits)

    machine.write(RELAY_CONF, good + "limits {\n\tallocations_per_user = some\n}\n")
    refused = edge.systemctl("reload", RELAY, check=False)
    check(refused.returncode != 0, "a wrong configuration reloads without an error")
    line = good.count("\n") + 2
    said = edge.says(RELAY, "%s:%d:" % (RELAY_CONF, line), "the line is not named")
    say("refused: " + [text for text in said.splitlines() if ":%d:" % line in text][-1])
    limits = {row["name"]: row["limit"] for row in edge.document("limits")["limits"]}
    check(limits["limits.allocations_per_user"] == 7, "a refused reload changed something")
    check(edge.active(RELAY) and edge.pid(RELAY) == pid, "a reload restarted the relay")
    machine.write(RELAY_CONF, good)
    edge.systemctl("reload", RELAY)
    ended_well(call, "reload")

    # A port below 1024, long after dropping privileges.
    machine.write(RELAY_CONF, good.replace("tcp_ports = 443", "tcp_ports = 444"))
    edge.systemctl("reload", RELAY)
    edge.call("tcp:127.0.1.1:444")
    machine.write(RELAY_CONF, good)
    edge.systemctl("reload", RELAY)

    edge.systemctl("reload", MRAS)
    machine.write(MRAS_CONF, machine.read(MRAS_CONF) + "nonsense = 1\n")
    check(edge.systemctl("reload", MRAS, check=False).returncode != 0, "mrasd took nonsense")
    machine.write(MRAS_CONF, machine.read(MRAS_CONF).replace("nonsense = 1\n", ""))
    edge.systemctl("reload", MRAS)


def drains(edge):
    call = edge.begin_call(5)
    edge.ctl("drain", "--deadline", "10m")
    check(edge.is_refused_a_call(), "a draining relay took a new call")
    edge.wait_until(lambda: "draining" in edge.show(RELAY, "StatusText"),
                    "systemctl status does not show the drain")
    say("draining: " + edge.show(RELAY, "StatusText"))
    ended_well(call, "drain")
    edge.wait_until(lambda: edge.document("status")["drain"]["remaining"] == 0,
                    "the drain does not end")
    edge.ctl("undrain")
    edge.call()


def records_are_fields(edge):
    entries = [json.loads(line) for line in edge.journal(RELAY, "-o", "json").splitlines()]
    entries = [entry for entry in entries if "ALLOCATION_ID" in entry]
    check(entries, "no record in the journal")
    last = entries[-1]
    uid = edge.machine.out("id", "-u", "avedge-relay")
    for key, want in (("USER", "alice"), ("SIDE", "inside"), ("TRANSPORT", "udp"),
                      ("_UID", uid), ("SYSLOG_IDENTIFIER", RELAY)):
        check(last.get(key) == want, "%s of a record is %r" % (key, last.get(key)))
    check(int(last["PACKETS_TO_PEER"]) > 0 and int(last["DURATION_MS"]) > 0,
          "figures of a record: %r" % last)
    say("%d records in the journal, the last: %s" % (len(entries), " ".join(
        "%s=%s" % (key, last[key]) for key in ("USER", "CLIENT", "RELAYED", "DURATION_MS",
                                               "PACKETS_TO_PEER", "REASON"))))


def watchdog_bites(edge):
    machine = edge.machine
    for unit in (RELAY, MRAS):
        machine.write("/etc/systemd/system/%s.service.d/watchdog.conf" % unit,
                      "[Service]\nWatchdogSec=%d\n" % WATCHDOG_S)
    edge.systemctl("daemon-reload")
    edge.systemctl("restart", RELAY, MRAS)
    time.sleep(2 * WATCHDOG_S)  # nobody is bitten who lives
    for unit in (RELAY, MRAS):
        check(edge.show(unit, "NRestarts") == "0", unit + " was restarted for nothing")

    pid = edge.pid(RELAY)
    machine.put(os.path.join(LIB, "freeze_thread.py"), "/avedge-test/freeze_thread.py")
    frozen = machine.start("/avedge-test/freeze_thread.py", str(pid), "worker-0")
    check(frozen.stdout.readline() == "frozen\n", "worker-0 could not be stopped")
    edge.wait_for_start(RELAY, pid)
    frozen.wait(10)
    edge.says(RELAY, "worker 0 has stood still", "nobody says which worker")
    said = edge.says(RELAY, "Watchdog timeout", "it was restarted for another reason")
    say("one worker stood still: " + [line for line in said.splitlines()
                                      if "Watchdog timeout" in line][-1])

    pid = edge.pid(MRAS)
    machine.run("kill", "-STOP", str(pid))
    edge.wait_for_start(MRAS, pid)
    edge.says(MRAS, "Watchdog timeout", "mrasd was restarted for another reason")
    edge.call()


def comes_back_after_a_crash(edge):
    for unit in (RELAY, MRAS):
        pid = edge.pid(unit)
        edge.machine.run("kill", "-KILL", str(pid))
        edge.wait_for_start(unit, pid)
    edge.fetch_credential()
    edge.call()


def keys_of_root_alone(edge):
    """The keyring, too; and the message if it cannot be read."""
    machine = edge.machine
    configurations = {path: machine.read(path) for path in (RELAY_CONF, MRAS_CONF)}
    machine.run("install", "-m", "0600", "/etc/avedge/keys", "/etc/avedge/private/shared/keys")
    for path, text in configurations.items():
        machine.write(path, text.replace("/etc/avedge/keys", "/etc/avedge/private/shared/keys"))
    edge.systemctl("restart", RELAY, MRAS)
    edge.fetch_credential()
    edge.call()
    for unit in (RELAY, MRAS):
        edge.says(unit, "/etc/avedge/private/shared/keys: only root may read it",
                  unit + " says nothing of its keys")

    machine.run("install", "-m", "0600", "/etc/avedge/keys", "/etc/avedge/elsewhere")
    machine.write(RELAY_CONF, configurations[RELAY_CONF].replace("/etc/avedge/keys",
                                                                  "/etc/avedge/elsewhere"))
    fails_for_good(edge, "/etc/avedge/elsewhere: user avedge-relay may not read it")
    for path, text in configurations.items():
        machine.write(path, text)
    edge.systemctl("restart", RELAY, MRAS)


def fails_for_good(edge, why):
    """The start of the relay fails with that message and is not retried."""
    check(edge.systemctl("restart", RELAY, check=False).returncode != 0, "it starts")
    said = edge.says(RELAY, why, "no such reason")
    say("not started: " + [line for line in said.splitlines() if why in line][-1])
    time.sleep(1.5)
    check(edge.show(RELAY, "ActiveState") == "failed", "systemd tries again in vain")


def no_valid_key(edge):
    machine = edge.machine
    keys = machine.read("/etc/avedge/keys")
    ended = "".join(line if line.startswith("#") else
                    " ".join(line.split()[:2]) + " - 2020-01-01T00:00:00Z\n"
                    for line in keys.splitlines(True))
    edge.systemctl("stop", RELAY)
    machine.run("cp", "-p", "/etc/avedge/keys", "/avedge-test/keys")
    machine.run("bash", "-c", "printf %s '" + ended + "' >/etc/avedge/keys")
    fails_for_good(edge, "no key of /etc/avedge/keys is valid now")
    machine.run("cp", "-p", "/avedge-test/keys", "/etc/avedge/keys")
    edge.systemctl("start", RELAY)


def waits_for_its_address(edge):
    """An interface may come up long after the start of the relay."""
    machine = edge.machine
    text = machine.read(RELAY_CONF)
    machine.write(RELAY_CONF, text.replace("{127.0.2.1}", "{10.99.99.1}"))
    check(edge.systemctl("restart", RELAY, check=False).returncode != 0, "it found an address")
    edge.wait_until(lambda: int(edge.show(RELAY, "NRestarts")) > 1, "nobody tries again")
    machine.run("ip", "address", "add", "10.99.99.1/32", "dev", "lo")
    edge.wait_until(lambda: edge.active(RELAY), "it does not see its address")
    machine.write(RELAY_CONF, text)
    edge.systemctl("restart", RELAY)
    machine.run("ip", "address", "del", "10.99.99.1/32", "dev", "lo")


def upgrade_check_sees_what_the_next_process_gets(edge):
    """Of a key that only root may read the relay has a copy; and ports may be taken."""
    machine, good = edge.machine, edge.machine.read(RELAY_CONF)
    key = "/etc/avedge/private/mediarelayd/relay.key"

    def says(status, text):
        got = edge.ctl("upgrade", "--check", check=False)
        check(got.returncode == status and text in got.stdout, "status %d, and not \"%s\":\n%s" % (
            got.returncode, text, got.stdout))

    says(0, "0 of 0 allocations would be lost")
    machine.run("mv", key, "/avedge-test/relay.key")
    says(1, key)
    machine.run("cp", "/etc/avedge/private/mrasd/mras.key", key)
    says(1, "relay")
    machine.run("mv", "/avedge-test/relay.key", key)
    machine.write(RELAY_CONF, good.replace("tcp_ports = 443", "tcp_ports = {443, 8443}"))
    says(0, "0 of 0 allocations")
    holder = machine.start("python3", "-uc", "import socket, time; s = socket.create_server("
                           "('127.0.1.1', 8443)); print('bound'); time.sleep(60)")
    check(holder.stdout.readline() == "bound\n", "nobody holds the port")
    says(1, "TCP 127.0.1.1:8443")
    holder.kill()
    holder.wait()
    machine.write(RELAY_CONF, good)
    says(0, "0 of 0 allocations")


def upgrade_keeps_calls(edge):
    """Both daemons are restarted, and the configuration stays unchanged."""
    machine = edge.machine
    before = {path: machine.read(path) for path in (RELAY_CONF, MRAS_CONF, "/etc/avedge/keys")}
    edge.make_next_packages()
    pids = [edge.pid(unit) for unit in (RELAY, MRAS)]
    call = edge.begin_call(20)
    edge.upgrade()
    for unit, pid in zip((RELAY, MRAS), pids):
        edge.wait_for_start(unit, pid)
    check(edge.document("status")["allocations"] == 1, "the call is not there after an upgrade")
    ended_well(call, "upgrade")
    edge.fetch_credential()
    for path, text in before.items():
        check(machine.read(path) == text, "an upgrade changed " + path)
    say("upgraded to " + machine.out("dpkg-query", "-W", "-f", "${Version}", "avedge"))


def starts_and_stops_as_one(edge):
    edge.systemctl("enable", "avedge.target")
    edge.systemctl("stop", "avedge.target")
    edge.wait_until(lambda: not edge.active(RELAY) and not edge.active(MRAS),
                    "stopping the target leaves a daemon")
    for unit in (RELAY, MRAS):
        check(edge.show(unit, "Result") == "success", "%s ended badly" % unit)
    edge.systemctl("start", "avedge.target")
    edge.wait_until(lambda: edge.active(RELAY) and edge.active(MRAS),
                    "starting the target starts no daemon")
    edge.call()


def purges(edge):
    machine = edge.machine
    machine.run("dpkg", "--purge", "avedge", "avedge-tools")
    for unit in (RELAY, MRAS):
        check(not edge.active(unit), unit + " runs without its package")
    left = machine.out("bash", "-c", "find /etc /run /usr /lib/systemd /var/lib "
                       "-xdev -path '*avedge*' ! -path '*/dpkg/*' ! -path /usr/src/\\* "
                       "! -path '*/watchdog.conf' 2>/dev/null || true")
    check(not left, "purged, and still there:\n" + left)


STEPS = (units_are_understood, scores, capabilities, sandbox_is_wide_enough,
         works_without_the_kernel_plane, top,
         control_socket_knows_whom_it_serves, reloads, drains, records_are_fields, watchdog_bites, comes_back_after_a_crash, keys_of_root_alone,
         no_valid_key, waits_for_its_address, upgrade_check_sees_what_the_next_process_gets, upgrade_keeps_calls, starts_and_stops_as_one, purges)


def live(machine, packages):
    edge = Edge(machine)
    edges.install_and_serve(edge, packages)
    for step in STEPS:
        if sys.argv[1:] and step.__name__ not in sys.argv[1:]:
            continue
        say(step.__name__.replace("_", " "))
        step(edge)


def main():
    edges.in_a_machine(live)
    print("%d steps of a service's life under systemd, %d s" % (
        len(STEPS) + 1, time.monotonic() - BEGAN))


if __name__ == "__main__":
    main()

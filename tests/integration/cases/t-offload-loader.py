#!/usr/bin/python3
"""avedge-offload on veth devices in a network namespace: it attaches by tcx, clsact and XDP, and detaches
when a relay closes, does not come back in time, or the loader ends, also by kill -9; what others have
attached stays; whoever may not have the tables gets a sentence.

Needs root outside of user namespaces, as the kernel wants for BPF.
"""

import contextlib
import mmap
import os
import platform
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import lib  # adds ../lib to the path
import foreign_bpf
import loader as loaders
import netns
from loader import AUTO, CLOSE, DEVICES, LEASE_S, OFF, OPEN, REFUSED, ANSWER, TC, XDP, encode
from netns import check

NOBODY = 65534
CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN = 39, 38, 12


def run(*args, **kw):
    return subprocess.run(args, check=True, capture_output=True, text=True, timeout=30, **kw).stdout


def eventually(condition, text, seconds=15):
    until = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < until, "%s", text)
        time.sleep(0.05)


def add_veth(name="va", peer="vb", gro="on"):
    """With GRO at its other end, a veth takes what XDP sends."""
    run("ip", "link", "add", name, "type", "veth", "peer", "name", peer)
    for device in (name, peer):
        run("ip", "link", "set", device, "up")
        run("ethtool", "-K", device, "gro", gro)


def index(name):
    return socket.if_nametoindex(name)


def programs(name):
    """How many of each kind are attached there: (tcx, clsact filters of ours, native XDP)"""
    return (len(foreign_bpf.tcx(index(name)) or []),
            sum(entry.startswith("flow_tc:[") for entry in foreign_bpf.filters(name)),
            len(foreign_bpf.xdp(name)))


NOTHING = (0, 0, 0)


@contextlib.contextmanager
def running(*options):
    with tempfile.TemporaryDirectory(prefix="avedge-loader-") as directory:
        loader = loaders.Loader(directory, *options).start()
        try:
            yield loader
            status = loader.stop()
            check(status == 0, "avedge-offload ends with status %r", status)
        except BaseException:
            loader.stop(signal.SIGKILL)
            print("--- end of its log\n" + loader.log()[-3000:])
            raise
        check("Sanitizer" not in loader.log() and "runtime error" not in loader.log(), "%s",
              loader.log())
        check(not os.path.exists(loader.path), "it leaves its socket")


def descriptors(loader):
    return len(os.listdir("/proc/%d/fd" % loader.process.pid))


def opened(loader, devices, **options):
    """A connected relay and its answer."""
    relay = loader.connect()
    answer = relay.open([(index(name), mode) for name, mode in devices], **options)
    check(answer is not None and answer.kind == ANSWER, "no answer but %r",
          answer and (answer.kind, answer.why))
    check(len(answer.descriptors) == loaders.DESCRIPTORS, "%d descriptors",
          len(answer.descriptors))
    return relay, answer


# --- steps, each with devices of its own -----------------------------------------------------------


def attaches_and_detaches():
    """Each way, on each end of a pair; close detaches all."""
    add_veth()
    has_tcx = foreign_bpf.tcx(index("va")) is not None
    for option, mode, want, is_tcx in (
            ((), TC, (1, 0, 0) if has_tcx else (0, 1, 0), int(has_tcx)),
            ((), AUTO, (1, 0, 0) if has_tcx else (0, 1, 0), int(has_tcx)),
            (("--attach", "clsact"), TC, (0, 1, 0), 0),
            (("--attach", "clsact"), XDP, (0, 0, 1), 0),
            ((), XDP, (0, 0, 1), 0)):
        with running(*option) as loader:
            before = descriptors(loader)
            relay, answer = opened(loader, [("va", mode), ("vb", mode)])
            answer.drop()
            for name in ("va", "vb"):
                got = answer.devices[index(name)]
                check(got == (XDP if mode == XDP else TC, is_tcx, ""), "%s: %r", name, got)
                check(programs(name) == want, "%s has %r", name, programs(name))
            check("driver" not in foreign_bpf.xdp("va") or mode == XDP, "XDP without being asked")
            relay.close()
            for name in ("va", "vb"):
                check(programs(name) == NOTHING, "%s still has %r", name, programs(name))
                check(not foreign_bpf.has_clsact(name), "a qdisc is left on %s", name)
            check(descriptors(loader) == before, "%d descriptors, and before %d",
                  descriptors(loader), before)


def changes_devices():
    """Without a gap where nothing changes."""
    add_veth()
    with running() as loader:
        relay, answer = opened(loader, [("va", TC)])
        answer.drop()
        ids = foreign_bpf.tcx(index("va")), foreign_bpf.filters("va")
        answer = relay.use([(index("va"), AUTO), (index("vb"), XDP)])
        check(programs("vb") == (0, 0, 1), "vb has %r", programs("vb"))
        check((foreign_bpf.tcx(index("va")), foreign_bpf.filters("va")) == ids,
              "what was there was attached again")
        relay.use([(index("vb"), TC)])
        check(programs("va") == NOTHING, "va still has %r", programs("va"))
        check(programs("vb")[2] == 0, "vb still has XDP")
        answer = relay.use([(index("vb"), OFF)])
        check(answer.devices[index("vb")][0] == OFF and programs("vb") == NOTHING,
              "it is not off: %r", answer.devices)
        relay.close()


def says_why_not():
    run("ip", "tuntap", "add", "mode", "tun", "name", "tun7")
    add_veth()
    gone = index("vb") + 1000
    with running() as loader:
        relay = loader.connect()
        answer = relay.open([(index("lo"), TC), (index("tun7"), XDP), (gone, AUTO)])
        answer.drop()
        for ifindex, want in ((index("lo"), "lo: packets to this host"),
                              (index("tun7"), "tun7: only Ethernet"),
                              (gone, "no device %d" % gone)):
            mode, _, why = answer.devices[ifindex]
            check(mode == OFF and want in why, "device %d: %d, %r", ifindex, mode, why)
        relay.close()


def loses_nothing_by_xdp():
    """A veth whose other end has no GRO drops what XDP sends, and the kernel says so since 6.3."""
    if tuple(int(part) for part in platform.release().split(".")[:2]) < (6, 3):
        return
    add_veth(gro="off")
    with running() as loader:
        relay, answer = opened(loader, [("va", XDP)])
        answer.drop()
        mode, _, why = answer.devices[index("va")]
        check(mode == OFF and "would be lost, unless GRO is on" in why, "%d, %r", mode, why)
        check(programs("va") == NOTHING, "it has %r", programs("va"))
        run("ethtool", "-K", "vb", "gro", "on")
        answer = relay.use([(index("va"), XDP)])
        check(answer.devices[index("va")][0] == XDP, "with GRO: %r", answer.devices)
        relay.close()


def devices_come_back():
    add_veth()
    with running() as loader:
        relay, answer = opened(loader, [("va", TC), ("vb", XDP)])
        answer.drop()
        old = index("va")
        run("ip", "link", "del", "va")
        answer = relay.use([(old, TC)])
        check("no device" in answer.devices[old][2], "%r", answer.devices)
        run("ip", "link", "add", "va", "index", str(old), "type", "veth", "peer", "name", "vb")
        answer = relay.use([(old, TC), (index("vb"), TC)])
        check(programs("va")[:2] in ((1, 0), (0, 1)) and programs("vb")[:2] == programs("va")[:2],
              "not attached again: %r", answer.devices)
        # An index that is used again, while the loader believes that it is attached.
        run("ip", "link", "del", "va")
        run("ip", "link", "add", "va", "index", str(old), "type", "veth", "peer", "name", "vb")
        answer = relay.use([(old, TC)])
        check(answer.devices[old][0] == TC and sum(programs("va")) == 1,
              "believes in a device of before: %r, %r", answer.devices, programs("va"))
        relay.close()


def keeps_flows_for_a_while():
    """A relay that is killed leaves everything in force; the next one finds its tables, or all goes."""
    add_veth()
    with running() as loader:
        relay, answer = opened(loader, [("va", TC), ("vb", XDP)])
        check(answer.resumed == 0 and answer.flows == 2048, "%d flows", answer.flows)
        with mmap.mmap(answer.descriptors[2], answer.flows * 128) as flows:
            check(not any(flows[:4096]), "the table is not empty")
            flows[128:136] = b"flow one"
        with mmap.mmap(answer.descriptors[0], 4096) as settings:
            version, on, seed = struct.unpack_from("=IIQ", settings)
            check((version, on) == (1, 0) and seed != 0, "settings %r", (version, on, seed))
        answer.drop()
        attached = programs("va"), programs("vb"), foreign_bpf.tcx(index("va"))
        relay.vanish()
        eventually(lambda: "are kept" in loader.log(), "nobody notices")
        relay, answer = opened(loader, [("va", TC), ("vb", XDP)])
        check(answer.resumed == 1, "not the same tables")
        check((programs("va"), programs("vb"), foreign_bpf.tcx(index("va"))) == attached,
              "it was attached again")
        with mmap.mmap(answer.descriptors[2], answer.flows * 128) as flows:
            check(flows[128:136] == b"flow one", "the flow is gone")
        with mmap.mmap(answer.descriptors[0], 4096) as settings:
            check(struct.unpack_from("=IIQ", settings)[2] == seed, "another seed")
        answer.drop()
        relay.vanish()
        # Another size: other tables.
        relay, answer = opened(loader, [("va", TC)], flows=5000)
        check(answer.resumed == 0 and answer.flows == 16384, "%d, %d", answer.resumed, answer.flows)
        answer.drop()
        begun = time.monotonic()
        relay.vanish()
        time.sleep(LEASE_S * 0.8)
        check(sum(programs("va")) == 1, "the lease is too short")
        eventually(lambda: programs("va") == NOTHING, "it stays for ever")
        check(time.monotonic() - begun >= LEASE_S - 0.5, "detached after %.1f s",
              time.monotonic() - begun)
        relay, answer = opened(loader, [("va", TC)])
        check(answer.resumed == 0, "flows of a relay that stayed away")
        answer.drop()
        relay.close()


def loader_is_killed():
    """Links end with it; the next one removes a filter, and the qdisc that was made for it."""
    add_veth()
    with running() as loader:
        for way in ((), ("--attach", "clsact")):
            loader.stop()
            loader.options = way
            loader.start()
            _, answer = opened(loader, [("va", TC), ("vb", XDP)])
            answer.drop()
            loader.stop(signal.SIGKILL)
            eventually(lambda: programs("vb") == NOTHING, "a program for XDP outlives its loader")
            if way:
                check(programs("va") == (0, 1, 0), "no filter is left: %r", programs("va"))
            loader.start()
            eventually(lambda: programs("va") == NOTHING, "a program for TC outlives its loader")
            check(not foreign_bpf.has_clsact("va"), "its qdisc is left")
        check("removed 1 filter that" in loader.log(), "it does not say so")


def others_stay():
    """Their qdisc, filters, tcx and XDP programs."""
    add_veth()
    add_veth("vc", "vd")
    run("tc", "qdisc", "add", "dev", "va", "clsact")
    run("tc", "filter", "add", "dev", "va", "ingress", "prio", "7", "protocol", "ip", "u32",
        "match", "u32", "0", "0", "flowid", "1:1")
    run("tc", "qdisc", "add", "dev", "vc", "clsact")
    program = foreign_bpf.load(foreign_bpf.XDP)
    held = [foreign_bpf.link(program, index("vb"), foreign_bpf.XDP_ATTACH)]
    theirs = foreign_bpf.xdp("vb")
    if foreign_bpf.tcx(index("va")) is not None:
        classifier = foreign_bpf.load(foreign_bpf.SCHED_CLS)
        held += [classifier, foreign_bpf.link(classifier, index("va"), foreign_bpf.TCX_INGRESS)]
    tcx = foreign_bpf.tcx(index("va"))

    def unharmed(when):
        check(foreign_bpf.has_clsact("va") and foreign_bpf.has_clsact("vc"),
              "a qdisc of somebody else is gone " + when)
        check("u32" in foreign_bpf.filters("va"), "their filter is gone " + when)
        check(foreign_bpf.xdp("vb") == theirs, "their XDP program is gone " + when)
        check(set(tcx or []) <= set(foreign_bpf.tcx(index("va")) or []),
              "their tcx program is gone " + when)

    for way in ((), ("--attach", "clsact")):
        with running(*way) as loader:
            relay, answer = opened(loader, [("va", TC), ("vb", XDP), ("vc", AUTO)])
            answer.drop()
            mode, _, why = answer.devices[index("vb")]
            check(mode == OFF and "another XDP program" in why, "%d, %r", mode, why)
            check(answer.devices[index("va")][0] == TC, "%r", answer.devices)
            unharmed("while a relay is served")
            answer = relay.use([(index(name), AUTO) for name in ("va", "vb", "vc")])
            check(answer.devices[index("vb")][0] == TC, "no TC instead of XDP: %r", answer.devices)
            relay.close()
            unharmed("after close")
            _, answer = opened(loader, [("va", TC), ("vb", TC), ("vc", TC), ("vd", TC)])
            answer.drop()
            # One shares the qdisc that was made for us.
            if way:
                run("tc", "filter", "add", "dev", "vd", "egress", "prio", "7", "protocol", "ip",
                    "u32", "match", "u32", "0", "0", "flowid", "1:1")
            loader.stop(signal.SIGKILL)
            loader.start()
            unharmed("after kill -9")
            for name in ("va", "vb", "vc", "vd"):
                check(programs(name)[1] == 0, "our filter is left on " + name)
            if way:
                check(foreign_bpf.has_clsact("vd"), "a qdisc with their filter is gone")
        unharmed("in the end")
    for fd in held + [program]:
        os.close(fd)


def as_user(uid, loader, packet):
    """What the loader answers to a process of that user, which is gone then."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = "no answer"
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            answer = loader.connect().ask(packet)
            said = "%d %s" % (answer.kind, answer.why)
        except OSError as why:
            said = str(why)
        finally:
            os.write(writer, said.encode())
            os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        return pipe.read().strip()


def one_relay_at_a_time():
    add_veth()
    with running("--user", "nobody") as loader:
        os.chmod(os.path.dirname(loader.path), 0o755)
        os.chmod(loader.path, 0o666)
        packet = encode(OPEN, 1024, 0, [(index("va"), TC)])
        said = as_user(NOBODY - 1, loader, packet)
        check(said.startswith("%d " % REFUSED) and "--user" in said, "a stranger is told %r", said)
        check(programs("va") == NOTHING, "a stranger is served")
        said = as_user(NOBODY, loader, packet)
        check(said == "%d" % ANSWER, "the user of the relay is told %r", said)

        # That one is gone, and its flows are kept for its user alone.
        relay = loader.connect()
        answer = relay.open([(index("va"), TC)])
        check(answer.kind == REFUSED and "of user nobody are kept" in answer.why, "%r", answer.why)
        check(relay.receive() is None, "a refused one stays connected")
        said = as_user(NOBODY, loader, packet)
        check(said == "%d" % ANSWER, "its own user is told %r", said)
    check(programs("va") == NOTHING, "the end detaches nothing")

    with running() as loader:
        first, answer = opened(loader, [("va", TC)])
        answer.drop()
        second = loader.connect()
        answer = second.open([(index("vb"), TC)])
        check(answer.kind == REFUSED and "another relay has the kernel plane: process %d of user root"
              % os.getpid() in answer.why, "%r", answer.why)
        check(programs("vb") == NOTHING and sum(programs("va")) == 1, "it changed something")

        # One that takes over gets the same tables; if it fails, the first goes on.
        second, answer = opened(loader, [("va", TC), ("vb", TC)], takes_over=True)
        check(answer.resumed == 1, "other tables")
        answer.drop()
        told = first.use([(index("va"), XDP)])
        check(told.devices[index("va")][2] == "another process has taken over", "%r", told.devices)
        check(programs("va")[2] == 0, "the one before still decides")
        second.vanish()
        eventually(lambda: programs("va")[2] == 1, "the first does not go on as it has asked")
        check(programs("vb") == NOTHING, "what the second had is left")
        second, answer = opened(loader, [("vb", TC)], takes_over=True)
        answer.drop()
        first.close()
        check(sum(programs("vb")) == 1 and programs("va") == NOTHING,
              "the end of the first takes it from the second")
        second.close()
        check(programs("vb") == NOTHING, "close does not detach")


def other_namespace(name="avedge-%d" % os.getpid()):
    """A relay of another network namespace, whose devices are others."""
    run("ip", "netns", "add", name)
    try:
        with running() as loader:
            script = ("import sys; sys.path[:0] = %r\nimport loader\n"
                      "print(loader.Client(%r).open().why)" % (sys.path, loader.path))
            said = run("ip", "netns", "exec", name, sys.executable, "-c", script)
            check("different network namespaces" in said, "it is told %r", said)
    finally:
        run("ip", "netns", "del", name)


def one_loader_at_a_time():
    """In a network namespace: each would remove the filters of the other."""
    with running() as loader:
        with tempfile.TemporaryDirectory() as directory:
            second = subprocess.run([loaders.PROGRAM, "--socket", directory + "/s"],
                                    capture_output=True, text=True, timeout=30, check=False)
            check(second.returncode == 1 and "process %d of user 0 (it has the name "
                  "@avedge-offload" % loader.process.pid in second.stderr, "%d, %r", second.returncode, second.stderr)
        loader.connect().vanish()


def hostile():
    """Whatever is sent, the relay that is served notices nothing."""
    add_veth()
    with running() as loader:
        relay, answer = opened(loader, [("va", TC)])
        answer.drop()
        before = descriptors(loader)
        good = encode(OPEN, 1024, 0, [(index("vb"), TC)])
        null = os.open("/dev/null", os.O_RDONLY)
        for packet, fds in ((b"\0", ()), (os.urandom(300), ()), (good[:-1], ()), (good + b"\0", ()),
                            (os.urandom(60000), ()), (good, (null,)), (good, [null] * 200),
                            (encode(OPEN, 1024, version=2), ()), (encode(OPEN, 0), ()),
                            (encode(OPEN, 1 << 31), ()), (encode(ANSWER, 2048), ()),
                            (encode(ANSWER, 2048), [null] * 5), (encode(REFUSED), ()),
                            (encode(DEVICES), ()), (encode(CLOSE), ()), (encode(77), ()),
                            (encode(OPEN, 1024, 0, [(index("vb"), 9)]), ()),
                            (encode(OPEN, 1024, 0, [(index("vb"), TC)] * 2), ()),
                            (encode(OPEN, 1024, 0, [(i + 1, TC) for i in range(33)]), ())):
            stranger = loader.connect()
            stranger.send(packet, fds)
            said = stranger.receive()
            check(said is not None and said.kind == REFUSED and said.why, "no reason for %r",
                  packet[:40])
            check(stranger.receive() is None, "still connected after %r", packet[:40])
            stranger.vanish()
        os.close(null)
        # Some say nothing, more than it has room for.
        silent = [loader.connect() for _ in range(20)]
        eventually(lambda: "more than" in loader.log(), "no limit of connections")
        check(relay.use([(index("va"), TC)]).devices[index("va")][0] == TC, "it does not serve")
        for stranger in silent:
            said = stranger.receive()
            check(said is None or "it says nothing" in said.why, "a silent one is told %r",
                  said and said.why)
            stranger.vanish()
        # One that sends and does not read.
        deaf, _ = loader.connect(), None
        with contextlib.suppress(OSError):
            for _ in range(1000):
                deaf.send(good)
        deaf.vanish()
        eventually(lambda: descriptors(loader) == before, "descriptors pile up")
        check(sum(programs("va")) == 1 and programs("vb") == NOTHING, "it changed something")

        # The relay itself.
        said = relay.open([(index("va"), TC)])
        check(said.kind == REFUSED and "opened already" in said.why, "%r", said.why)
        check(loader.process.poll() is None, "it ended")


def has_three_capabilities():
    with running() as loader:
        with open("/proc/%d/status" % loader.process.pid, encoding="ascii") as file:
            status = file.read()
        want = 1 << CAP_BPF | 1 << CAP_PERFMON | 1 << CAP_NET_ADMIN
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            got = int(re.search(kind + r":\s*([0-9a-f]+)", status).group(1), 16)
            check(got == want, "%s is %x", kind, got)
        check(re.search(r"NoNewPrivs:\s*1", status), "it may gain privileges")


def checks_the_machine():
    add_veth()
    said = run(loaders.PROGRAM, "--check")
    check(re.search(r"^kernel \S+: TC by (tcx|clsact), XDP$", said, re.M), "%s", said)
    check("lo: on sockets" in said and re.search("^va: TC", said, re.M), "%s", said)
    check(programs("va") == NOTHING, "it attaches something")
    refused = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                              loaders.PROGRAM, "--check"], capture_output=True, text=True,
                             timeout=30, check=False)
    check(refused.returncode == 1 and "CAP_BPF" in refused.stdout, "%d, %s", refused.returncode,
          refused.stdout)
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o777)
        refused = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                  loaders.PROGRAM, "--socket", directory + "/s"],
                                 capture_output=True, text=True, timeout=30, check=False)
    check(refused.returncode == 1 and "user nobody lacks CAP_BPF" in refused.stderr, "%d, %s",
          refused.returncode, refused.stderr)


STEPS = (attaches_and_detaches, changes_devices, says_why_not, loses_nothing_by_xdp, devices_come_back,
         keeps_flows_for_a_while, loader_is_killed, others_stay, one_relay_at_a_time,
         other_namespace, one_loader_at_a_time, hostile, has_three_capabilities, checks_the_machine)


def clean():
    """Devices of the step before; the namespace itself ends with the test."""
    for name in ("va", "vb", "vc", "tun7"):
        subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)


def main():
    if not os.path.exists(loaders.PROGRAM):
        print("avedge-offload is not built (configure --with-offload)")
        sys.exit(77)
    if os.geteuid() != 0:
        print("needs root")
        sys.exit(77)
    netns.enter_namespace()
    try:
        os.close(foreign_bpf.load(foreign_bpf.XDP))
    except OSError as why:
        print("BPF is not permitted here: %s" % why)
        sys.exit(77)
    for step in STEPS:
        print(step.__name__.replace("_", " "), flush=True)
        clean()
        step()
    clean()


if __name__ == "__main__":
    main()

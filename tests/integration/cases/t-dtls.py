#!/usr/bin/python3
"""DTLS on UDP ports (RFC 7350), with clients that others wrote: turnutils_uclient with channels and
Send, openssl s_client, libre, pion. No packet is lost; old versions and renegotiation are refused; a
reload brings another certificate; a hundred thousand hellos from as many sources cost nothing.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import lib  # adds ../lib to the path
import netns
import relay
import turnclient_ms as ms
from netns import check

INSIDE, OUTSIDE, PEER = "127.0.1.1", "127.0.2.1", "127.0.3.1"
HERE = os.path.dirname(os.path.abspath(__file__))
HELLOS = 100000
RANDOM = bytes(range(32))


def counters(server):
    out = subprocess.run([relay.program("avedgectl"), "counters", "--json", "--socket",
                          server.path("relay.sock")], check=True, capture_output=True, text=True,
                         timeout=30).stdout
    return json.loads(out)


def memory_kib(server):
    with open("/proc/%d/status" % server.pid(), encoding="ascii") as status:
        return int(re.search(r"^VmRSS:\s+(\d+)", status.read(), re.MULTILINE).group(1))


# --- turnutils_uclient

def uclient(server, *options):
    """Packets sent; fails if one is lost."""
    user, password = server.credential()
    out = subprocess.run(["turnutils_uclient", "-S", "-u", user, "-w", password, "-m", "3", "-n", "25",
                          "-l", "160", "-z", "5", "-p", "3478", *options, INSIDE],
                         check=False, capture_output=True, text=True, timeout=60)
    counts = re.findall(r"start_mclient: tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", out.stdout)
    check(counts and counts[-1][0] == counts[-1][1] != "0" and
          "Total lost packets 0 " in out.stdout, "uclient %r: %s", options, out.stdout[-1500:])
    return int(counts[-1][0])


def uclients(server):
    peer = subprocess.Popen(["turnutils_peer", "-L", PEER, "-p", "3480"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return sum(uclient(server, *mode, "-e", PEER, "-r", "3480") for mode in ([], ["-s"])) + \
            uclient(server, "-y")
    finally:
        peer.terminate()
        peer.wait()


# --- openssl s_client

def s_client(server, *options, stdin=b"", version="dtls1_2"):
    client = subprocess.Popen(["openssl", "s_client", "-connect", INSIDE + ":3478", "-CAfile",
                               server.path("ca.pem"), "-" + version, "-mtu", "1200", *options],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = b""
    try:
        os.set_blocking(client.stdout.fileno(), False)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and client.poll() is None:
            out += client.stdout.read() or b""
            if b"Extended master secret" in out:
                break
            time.sleep(0.05)
        if stdin:
            client.stdin.write(stdin)
            client.stdin.flush()
            time.sleep(1)
        client.stdin.close()
        os.set_blocking(client.stdout.fileno(), True)
        out += client.stdout.read()
        client.wait(timeout=20)
    finally:
        if client.poll() is None:
            client.kill()
            client.wait()
    return out.decode(errors="replace")


def handshakes(server):
    for alpn in ("stun.turn", "stun.nat-discovery", None):
        out = s_client(server, *(["-alpn", alpn] if alpn else []))
        got = re.search(r"^ALPN protocol: (\S+)", out, re.MULTILINE)
        check((got and got.group(1)) == alpn and "Verification: OK" in out and
              "Protocol  : DTLSv1.2" in out, "ALPN %r: %s", alpn, out[-2000:])
    before = counters(server)["connection_ends"]
    out = s_client(server, "-alpn", "h2")
    check("no application protocol" in out, "h2: %s", out[-1500:])
    out = s_client(server, "-cipher", "DEFAULT@SECLEVEL=0", version="dtls1")
    check("Cipher is (NONE)" in out or "alert" in out, "DTLS 1.0: %s", out[-1500:])
    ends = counters(server)["connection_ends"]
    for why in ("alpn-h2", "tls-version"):
        check(ends[why] == before[why] + 1, "not counted as %s: %r", why, ends)
    out = s_client(server, stdin=b"R\n")
    check("RENEGOTIATING" in out and "no renegotiation" in out, "renegotiation: %s", out[-2000:])


def suites(server):
    """RFC 7350 section 3: the two it names; none without forward secrecy, no compression."""
    for suite in ("ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"):
        out = s_client(server, "-cipher", suite)
        check("Cipher is " + suite in out and "Compression: NONE" in out, "%s: %s", suite,
              out[-2000:])
    for weak in ("AES128-GCM-SHA256", "AES128-SHA", "DES-CBC3-SHA", "RC4-SHA", "NULL-SHA256"):
        out = s_client(server, "-cipher", weak + ":@SECLEVEL=0")
        check("Cipher is (NONE)" in out or "no cipher match" in out, "agreed on %s: %s", weak,
              out[-2000:])


def resumption(server):
    session = server.path("session.pem")
    first = s_client(server, "-sess_out", session)
    check("TLS session ticket:" in first, "no session ticket: %s", first[-2000:])
    again = s_client(server, "-sess_in", session)
    check("Reused, TLSv1.2" in again, "not resumed: %s", again[-2000:])


def subject(server):
    found = re.search(r"^subject=(.*)$", s_client(server), re.MULTILINE)
    return found and found.group(1)


# --- avedge-load: other workers, balancers

def load(server, *options):
    user, password = server.credential()
    out = subprocess.run([relay.program("avedge-load"), "--server", "dtls:%s:3478" % INSIDE, "--user",
                          user, "--password", password, "--insecure", "--peer-address", PEER,
                          "--clients", "8", "--duration", "3s", "--max-loss", "0", *options],
                         check=False, capture_output=True, text=True, timeout=60)
    check(out.returncode == 0, "avedge-load %r: %s%s", options, out.stdout, out.stderr)
    return out.stdout


def mobile_clients(server):
    """RFC 8016: to new associations, which belong to either worker."""
    out = load(server, "--mobility", "1s")
    check(int(re.search(r"^moves +(\d+) done, 0 unfinished", out, re.MULTILINE).group(1)) > 8,
          "no moves: %s", out)


def behind_a_balancer(server):
    """DTLS inside datagrams that begin with a PROXY header: the client is the one in it."""
    server.side_lines = {"inside": ["balancers = {127.0.0.1}"]}
    server.write_config()
    server.reload()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.serves():
        time.sleep(0.1)
    load(server, "--proxy-protocol", "127.0.8.8")
    check("CLIENT=127.0.8.8:" in server.log(), "records do not name the client in the header")


# --- the dialect of Microsoft's clients, whose media may look like DTLS

def media_that_looks_like_dtls(server):
    """T-510: an allocation of that dialect owns all bytes on its 5-tuple."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((PEER, 0))
    peer.settimeout(10)
    client = ms.Client((INSIDE, 3478), "udp", *server.credential(form="mras"))
    client.allocate()
    client.send(peer.getsockname(), b"first")
    check(peer.recvfrom(2048)[0] == b"first", "a Send does not reach the peer")
    client.activate(peer.getsockname())
    before = counters(server)["dtls"]["hello_verify_requests"]
    client.send_bare(hello(RANDOM))
    check(peer.recvfrom(2048)[0] == hello(RANDOM), "other bytes reach the peer")
    check(counters(server)["dtls"]["hello_verify_requests"] == before, "it was taken for a hello")
    client.release()
    peer.close()


# --- the certificate

def reload(server):
    before = subject(server)
    for name in ("relay.pem", "relay.key"):
        os.rename(server.path(name), server.path("old-" + name))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
                    server.path("relay.key"), "-out", server.path("relay.pem"), "-subj",
                    "/CN=after.avedge.test"], check=True, capture_output=True, timeout=30)
    server.reload()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and "after.avedge.test" not in (subject(server) or ""):
        time.sleep(0.2)
    check("after.avedge.test" in (subject(server) or ""), "the certificate is still %s", before)


# --- attack 17, 19: hellos of strangers

def hello(random):
    body = b"\xfe\xfd" + random + b"\x00\x00\x00\x02\xc0\x2f\x01\x00"
    message = b"\x01" + len(body).to_bytes(3, "big") + bytes(5) + len(body).to_bytes(3, "big") + body
    return b"\x16\xfe\xfd" + bytes(8) + len(message).to_bytes(2, "big") + message


def strangers(server):
    """attack 19: from many sources, none of which goes on; answers are read to keep pace."""
    before, asked = memory_kib(server), counters(server)["dtls"]["hello_verify_requests"]
    sent, payload = 0, hello(RANDOM)
    for block in range(HELLOS // 250):
        source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        source.bind(("127.77.%d.%d" % (block // 250, block % 250 + 1), 0))
        source.settimeout(0.2)
        for _ in range(5):
            for _ in range(50):
                source.sendto(payload, (INSIDE, 3478))
                sent += 1
            with contextlib.suppress(TimeoutError):
                for _ in range(50):
                    source.recv(64)
        source.close()
    dtls = counters(server)["dtls"]
    check(dtls["hello_verify_requests"] - asked > HELLOS * 9 // 10, "only %d of %d hellos were answered",
          dtls["hello_verify_requests"] - asked, sent)
    check(dtls["half_open"] == 0, "%d associations of strangers", dtls["half_open"])
    grown = memory_kib(server) - before
    check(grown < 1024 or "san" in os.environ.get("RELAY_BUILD_DIR", ""),
          "%d hellos cost %d KiB", sent, grown)
    return grown


# --- clients with libraries of their own

def libre(server, user, password):
    if shutil.which("pkg-config") is None or shutil.which("gcc") is None or \
            subprocess.run(["pkg-config", "--exists", "libre"], check=False).returncode != 0:
        return "libre is not installed"
    program = server.path("re_dtls")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libre"], check=True, text=True,
                           capture_output=True).stdout.split()
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-o", program,
                    os.path.join(HERE, "..", "lib", "re_dtls.c"), *flags], check=True, timeout=120)
    out = subprocess.run([program, INSIDE, "3478", server.path("ca.pem"), user, password, PEER, "200"],
                         check=False, capture_output=True, text=True, timeout=60)
    check(out.returncode == 0 and "200 of 200" in out.stdout, "libre: %s%s", out.stdout, out.stderr)
    return "libre " + out.stdout.strip()


def pion(server, user, password):
    gopath = "/usr/share/gocode"
    if shutil.which("go") is None or not os.path.isdir(gopath + "/src/github.com/pion/turn"):
        return "pion is not installed"
    program = server.path("pion_dtls")
    env = dict(os.environ, GO111MODULE="off", GOPATH=gopath, GOFLAGS="", GOCACHE=server.path("gocache"))
    subprocess.run(["go", "build", "-o", program, os.path.join(HERE, "..", "lib", "pion_dtls.go")],
                   check=True, timeout=170, env=env)
    out = subprocess.run([program, INSIDE + ":3478", user, password, "edge", PEER, "200"], check=False,
                         capture_output=True, text=True, timeout=60)
    check(out.returncode == 0 and "200 of 200" in out.stdout, "pion: %s%s", out.stdout, out.stderr)
    return "pion " + out.stdout.strip()


def main():
    netns.begin()
    for tool in ("turnutils_uclient", "turnutils_peer", "openssl"):
        if shutil.which(tool) is None:
            print("%s is not installed" % tool)
            sys.exit(77)
    with netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                       settings={"limits": ["stranger_rate = 0"]}, workers=2,
                       extra=["mobility = true"]) as server:
        packets = uclients(server)
        handshakes(server)
        suites(server)
        resumption(server)
        user, password = server.credential()
        others = [libre(server, user, password), pion(server, user, password)]
        media_that_looks_like_dtls(server)
        mobile_clients(server)
        grown = strangers(server)
        packets += uclient(server, "-y")
        reload(server)
        behind_a_balancer(server)
        check(counters(server)["dtls"]["opened"] > 10, "associations are not counted")
    print("%d packets without loss; %s; %d hellos of strangers cost %d KiB"
          % (packets, ", ".join(others), HELLOS, grown))


if __name__ == "__main__":
    main()

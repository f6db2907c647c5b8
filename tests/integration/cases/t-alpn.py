#!/usr/bin/python3
"""ALPN over TLS with openssl s_client: the two names of STUN (RFC 7443), none at all, and foreign ones,
which get the alert of RFC 7301 section 3.2, a counter by name, and a line in the log.
"""

import json
import re
import subprocess

import lib  # adds ../lib to the path
import netns
import relay
import turnclient as t
from netns import check

INSIDE, OUTSIDE = "127.0.1.1", "127.0.2.1"
SERVED = [
    ("stun.turn", "stun.turn"),
    ("stun.nat-discovery", "stun.nat-discovery"),
    ("stun.nat-discovery,stun.turn", "stun.turn"),
    ("h2,http/1.1,stun.nat-discovery", "stun.nat-discovery"),
    (None, None),
]
FOREIGN = [
    ("h2", "alpn-h2"),
    ("h2,http/1.1", "alpn-h2"),
    ("http/1.1", "alpn-http-1-1"),
    ("http/1.1,h2", "alpn-http-1-1"),
    ("http/1.0", "alpn-other"),
    ("stun", "alpn-other"),
    ("stun.turn.x", "alpn-other"),
    ("x\\y\x1b[31m z", "alpn-other"),
]


def ends(server):
    out = subprocess.run([relay.program("avedgectl"), "counters", "--json", "--socket",
                          server.path("relay.sock")], check=True, capture_output=True, text=True,
                         timeout=30).stdout
    return json.loads(out)["connection_ends"]


def s_client(server, alpn, version):
    """Its output, and if it was answered a Binding request."""
    command = ["openssl", "s_client", "-connect", INSIDE + ":443", "-CAfile",
               server.path("ca.pem"), "-verify_return_error", "-" + version, "-ign_eof"]
    if alpn is not None:
        command += ["-alpn", alpn]
    client = subprocess.run(command, check=False, timeout=30, capture_output=True,
                            input=t.encode(t.message_type(t.BINDING, t.REQUEST)))
    return ((client.stdout + client.stderr).decode(errors="replace"),
            t.message_type(t.BINDING, t.SUCCESS).to_bytes(2, "big") in client.stdout)


def main():
    netns.begin()
    with netns.running(inside=[INSIDE], outside=[OUTSIDE],
                       settings={"limits": ["greeting = 1s", "idle = 1s",
                                            "authentication = 1s"]}) as server:
        for version in ("tls1_2", "tls1_3"):
            for offered, want in SERVED:
                out, answered = s_client(server, offered, version)
                got = re.search(r"^ALPN protocol: (\S+)", out, re.MULTILINE)
                check((got and got.group(1)) == want and "Verification: OK" in out,
                      "%s, offered %r: %s", version, offered, out[-1500:])
                check(answered, "%s, offered %r: no Binding response", version, offered)
            for offered, why in FOREIGN:
                before = ends(server)[why]
                out, _ = s_client(server, offered, version)
                check("alert no application protocol" in out, "%s, offered %r: %s", version,
                      offered, out[-1500:])
                check(ends(server)[why] == before + 1, "offered %r: not counted as %s", offered, why)
        log = server.log()
        check("ALPN offers h2,http/1.1; this port speaks stun.turn" in log, "not explained")
        check("ALPN offers x\\x5Cy\\x1B[31m\\x20z; " in log, "not escaped")
        check("\x1b" not in log, "an escape sequence in the log")
        # Clients as they are go on: no ALPN, an allocation.
        client = t.Client((INSIDE, 443), "tls", *server.credential(), cafile=server.path("ca.pem"))
        client.allocate()
        client.close()
    print("%d lists served, %d refused by name, each over TLS 1.2 and 1.3"
          % (len(SERVED), len(FOREIGN)))


if __name__ == "__main__":
    main()

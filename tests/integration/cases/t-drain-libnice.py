#!/usr/bin/python3
"""A draining relay redirects Microsoft clients to another relay, and they follow.

Two relays with the same keys; the first drains and names the second. Pairs of libnice agents in
OC2007R2 mode call over UDP, framed TCP and pseudo-TLS; they know only the first, get 300 with
ALTERNATE-SERVER, and their relayed addresses are of the second. Before the drain they are of the
first, and a call in progress stays there.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import lib  # adds ../lib to the path
import netns
import turnclient_ms
import relay
from netns import check

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")
FIRST = {"inside": "127.0.1.1", "outside": "127.0.2.1"}
SECOND = {"inside": "127.0.5.1", "outside": "127.0.6.1"}
MESSAGES = 200


class Naming(relay.Relay):
    """A relay configured with the second one as alternate server of each side."""

    def avedge_config(self):
        text = super().avedge_config()
        for side, address in SECOND.items():
            head = "side %s {\n" % side
            check(head in text, "no side %s in the configuration", side)
            text = text.replace(head, head + '\talternate_servers = {"%s"}\n' % address)
        return text


def build_agent(directory):
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "nice"], check=False,
                           capture_output=True, text=True)
    if flags.returncode != 0:
        print("libnice is not installed")
        sys.exit(77)
    program = os.path.join(directory, "nice_pair")
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-g", "-o", program,
                    os.path.join(LIB, "nice_pair.c"), *flags.stdout.split()], check=True)
    return program


def call(program, directory, transport, pair, outside):
    """A call of two agents that know the first relay; outside: the expected relayed address."""
    os.mkdir(directory)
    port = "3478" if transport == "udp" else "443"
    agents = [subprocess.Popen(
        [program, directory, role, "oc2007r2", transport, FIRST[side], port, *pair, str(MESSAGES)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for role, side in (("controlling", "inside"), ("controlled", "outside"))]
    for agent in agents:
        out = agent.communicate(timeout=60)[0]
        check(agent.returncode == 0, "%s: %s", transport, out)
        for end in ("local", "remote"):
            check("%s %s:5" % (end, outside) in out, "%s, %s: %s", transport, end, out)


def start(relays, kind, home, where):
    """Another relay with the keys of the first."""
    os.mkdir(home)
    for file in ("keys", "secret") if relays else ():
        shutil.copy(relays[0].path(file), home)
    relays.append(kind(home, inside=[where["inside"]], outside=[where["outside"]],
                       allow=["127.0.0.0/8"], settings=relay.NO_LIMITS).start())


def calls(program, directory, first):
    pair = first.credential(form="mras")
    client = turnclient_ms.Client((FIRST["inside"], 443), "ptls", *pair)
    client.allocate()
    call(program, os.path.join(directory, "before"), "udp", pair, FIRST["outside"])
    relay.run(relay.program("avedgectl"), "drain", "--socket", first.path("relay.sock"))
    for transport in ("udp", "tcp", "tls"):
        call(program, os.path.join(directory, transport), transport, pair, SECOND["outside"])
    was = client.relayed
    client.allocate()
    check(client.relayed == was, "who was there became %s", client.relayed)
    client.release()


def main():
    netns.begin()
    with tempfile.TemporaryDirectory(prefix="avedge-") as directory:
        program = build_agent(directory)
        relays = []
        try:
            for name, kind, where in (("first", Naming, FIRST), ("second", relay.Relay, SECOND)):
                start(relays, kind, os.path.join(directory, name), where)
            calls(program, directory, relays[0])
        finally:
            wrong = [text for server in relays for text in server.stop()]
    check(not wrong, "%s", "; ".join(wrong))
    print("libnice follows a draining relay to the next one over UDP, framed TCP and pseudo-TLS")


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Whether the kernel plane did its part in a test with topology.sh.

  plane_check.py on DIR              wait until it is on
  plane_check.py forwarded DIR       print how many packets the kernel has forwarded
  plane_check.py view DIR            print all that the relay says of it
  plane_check.py records DIR PCAP CLIENT
      DIR's relay has ended: the records of the clients at that address say as many packets over UDP
      as PCAP, of the link to these clients, has; only for clients of RFC 8656

DIR is that of relay.py.
"""

import json
import os
import re
import subprocess
import sys
import time

import control

WAIT_S = 20
# ChannelData, and the indications that carry what has no channel.
TO_RELAY = "(udp[8] & 0xc0 = 0x40 or udp[8:2] = 0x0016)"
TO_CLIENT = "(udp[8] & 0xc0 = 0x40 or udp[8:2] = 0x0017)"


def view(directory):
    status, shown = control.ask(os.path.join(directory, "relay.sock"), "GET", "/v1/offload")
    if status != 200:
        sys.exit("GET /v1/offload: %s %s" % (status, shown))
    return shown


def wait_until_on(directory):
    until = time.monotonic() + WAIT_S
    while (shown := view(directory))["state"] != "on":
        if time.monotonic() > until:
            sys.exit("the kernel plane is not on: %s" % shown)
        time.sleep(0.05)


def captured(pcap, packets):
    out = subprocess.run(["tcpdump", "-n", "-r", pcap, "udp port 3478 and " + packets], check=True,
                         capture_output=True, text=True, timeout=60).stdout
    return len(out.splitlines())


def recorded(directory, client):
    """Packets to peers and to clients, of all that were over UDP."""
    sums = [0, 0]
    with open(os.path.join(directory, "relay.log"), encoding="utf-8", errors="replace") as log:
        for line in log:
            fields = dict(re.findall(r"\b([A-Z_]+)=(\S+)", line))
            if fields.get("TRANSPORT") == "udp" and fields.get("CLIENT", "").startswith(client + ":"):
                sums[0] += int(fields["PACKETS_TO_PEER"])
                sums[1] += int(fields["PACKETS_TO_CLIENT"])
    return sums


def compare(directory, pcap, client):
    link = [captured(pcap, "src host %s and %s" % (client, TO_RELAY)),
            captured(pcap, "dst host %s and %s" % (client, TO_CLIENT))]
    told = recorded(directory, client)
    if link != told or 0 in link:
        sys.exit("%d packets from clients and %d to them on the link, %d and %d in the records"
                 % (*link, *told))
    print("%d packets from clients and %d to them, as in the records" % tuple(link))


def main():
    verb, directory, *more = sys.argv[1:]
    if verb == "on":
        wait_until_on(directory)
    elif verb == "forwarded":
        print(view(directory)["packets"])
    elif verb == "view":
        print(json.dumps(view(directory)))
    else:
        compare(directory, *more)


if __name__ == "__main__":
    main()

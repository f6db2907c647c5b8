#!/usr/bin/python3
"""Calls between two Chromium browsers while the relay is killed and restarted under them: neither browser
leaves the state "connected", and video goes on. For t-chromium-restart.

  chromium_restart.py --directory D --edge-ns N --inside-ns N --outside-ns N --inside-address A
                      --outside-address A
"""

import argparse
import os
import sys
import time

import fdstore
from chromium_call import Browser, begin_call, check

TRANSPORTS = ("udp", "tcp")	# a TLS connection does not survive the process
KILLS, BETWEEN_S = 3, 2


class Edge(fdstore.RelayService):
    def serves(self):
        return True


def frames(browsers):
    return [browser("figures")["framesDecoded"] for browser in browsers]


def through_restarts(args, server, transport, browsers):
    """One call, some kills and a planned restart; a line about it."""
    begin_call(args, transport, *browsers)
    for browser in browsers:
        browser("exchange", 50)
        browser("states")
    gaps = []
    for number in range(KILLS + 1):
        life = server.restart() if number == KILLS else server.kill()
        gaps.append("%d" % life.gap_ms)
        before = frames(browsers)
        time.sleep(BETWEEN_S)
        for who, had, has in zip(("inside", "outside"), before, frames(browsers)):
            check(has - had >= 5 * BETWEEN_S, "%s: %d frames in %d s after restart %d", who,
                  has - had, BETWEEN_S, number + 1)
    for who, browser in zip(("inside", "outside"), browsers):
        states = browser("states")
        check(not states, "%s: it went to %s", who, ", ".join(states))
        browser("exchange", 50)
    for browser in browsers:
        browser("end")
    return "%s: ready again after %s ms" % (transport, ", ".join(gaps))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("directory", "edge-ns", "inside-ns", "outside-ns", "inside-address",
                 "outside-address"):
        parser.add_argument("--" + name, required=True)
    args = parser.parse_args()
    args.outside_server, args.udp_port, args.tcp_port = None, 3478, 443
    server = Edge(args.directory, inside=[args.inside_address], outside=[args.outside_address],
                  inside_net=["10.77.1.0/24"], allow=["203.0.113.0/24"], netns=args.edge_ns,
                  workers=2).start()
    args.user, args.password = server.credential()
    browsers, failed = [], []
    try:
        with open(os.path.join(args.directory, "chromium.log"), "ab") as log:
            for namespace in (args.inside_ns, args.outside_ns):
                browsers.append(Browser(namespace, server.path("ca.pem"), log))
            for browser in browsers:
                browser.open_page()
            for transport in TRANSPORTS:
                try:
                    print(through_restarts(args, server, transport, browsers), flush=True)
                except RuntimeError as error:
                    failed.append("%s: %s" % (transport, error))
    finally:
        for browser in browsers:
            browser.close()
        failed += server.stop()
    for text in failed:
        print("FAIL: " + text)
    if failed:
        print(server.log()[-3000:])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
"""Two headless Chromium browsers in two network namespaces call each other, relay only.

The browsers are controlled over debugging pipes, which are inherited and so work across
namespaces. For each transport: a data channel whose messages must all return in order, and video
that both ends must decode; the selected pair must be relay to relay, with relayed addresses on the
outside.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "chromium_page.html")
FLAGS = ("--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
         "--disable-background-networking --disable-component-update --disable-sync "
         "--disable-dev-shm-usage --disable-extensions --mute-audio "
         "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream "
         "--autoplay-policy=no-user-gesture-required --remote-debugging-pipe").split()


class Browser:
    """namespace None: the current one; ca_file None: no additional CA."""

    def __init__(self, namespace, ca_file, log):
        self.home = tempfile.TemporaryDirectory(prefix="avedge-chromium-")
        if ca_file:
            self.trust(ca_file)
        to_browser, self.write_fd = os.pipe()
        self.read_fd, from_browser = os.pipe()
        command = ["ip", "netns", "exec", namespace] if namespace else []
        command += ["chromium", *FLAGS, "--user-data-dir=" + os.path.join(self.home.name, "profile"), "about:blank"]
        # The browser reads descriptor 3 and writes descriptor 4.
        shell = 'exec 3<&%d 4>&%d; exec "$@"' % (to_browser, from_browser)
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "chromium", *command], stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, pass_fds=(to_browser, from_browser), start_new_session=True,
            env=dict(os.environ, HOME=self.home.name))
        os.close(to_browser)
        os.close(from_browser)
        self.answers = os.fdopen(self.read_fd, "rb", buffering=0)
        self.pending, self.number, self.buffer = {}, 0, b""
        self.events = []  # what the browser said without being asked
        self.changed = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def trust(self, ca_file):
        """Add the lab CA to the authorities of the browser user."""
        database = os.path.join(self.home.name, ".pki", "nssdb")
        os.makedirs(database)
        for args in (["-N", "--empty-password"],
                     ["-A", "-n", "lab", "-t", "C,,", "-i", ca_file]):
            subprocess.run(["certutil", "-d", "sql:" + database, *args], check=True,
                           timeout=30)

    def listen(self):
        while True:
            try:
                chunk = self.answers.read(65536)
            except OSError:
                chunk = b""
            with self.changed:
                if not chunk:
                    self.pending = None
                    self.changed.notify_all()
                    return
                self.buffer += chunk
                while b"\0" in self.buffer:
                    text, self.buffer = self.buffer.split(b"\0", 1)
                    message = json.loads(text)
                    if "id" in message:
                        self.pending[message["id"]] = message
                    else:
                        self.events.append(message)
                self.changed.notify_all()

    def call(self, method, session=None, **params):
        with self.changed:
            self.number += 1
            number = self.number
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        with self.changed:
            if not self.changed.wait_for(
                    lambda: self.pending is None or number in self.pending, timeout=60):
                raise RuntimeError("the browser does not answer %s" % method)
            if self.pending is None:
                raise RuntimeError("the browser has ended")
            answer = self.pending.pop(number)
        if "error" in answer:
            raise RuntimeError("%s: %s" % (method, answer["error"]))
        return answer["result"]

    def open_target(self, url):
        target = self.call("Target.createTarget", url=url)["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]

    def open_page(self):
        self.open_target("file://" + PAGE)
        deadline = time.monotonic() + 20
        while self.run("typeof offer") != "function":
            if time.monotonic() > deadline:
                raise RuntimeError("the page does not load")
            time.sleep(0.1)

    def run(self, expression):
        result = self.call("Runtime.evaluate", session=self.session, expression=expression,
                           awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details))
        return result["result"].get("value")

    def __call__(self, function, *args):
        return self.run("%s(%s)" % (function, ", ".join(json.dumps(a) for a in args)))

    def close(self):
        try:
            self.call("Browser.close")
        except (RuntimeError, OSError):
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        os.close(self.write_fd)
        self.answers.close()
        shutil.rmtree(self.home.name, ignore_errors=True)


def ice_server(args, address, transport):
    url = {"udp": "turn:%s:%d?transport=udp" % (address, args.udp_port),
           "tcp": "turn:%s:%d?transport=tcp" % (address, args.tcp_port),
           "tls": "turns:%s:%d?transport=tcp" % (address, args.tcp_port)}[transport]
    return {"urls": url, "username": args.user, "credential": args.password}


def check(condition, text, *values):
    if not condition:
        raise RuntimeError(text % values)


def check_candidates(who, stats, transport, relayed):
    local, remote = stats["local"], stats["remote"]
    for candidate in (local, remote):
        check(candidate["candidateType"] == "relay", "%s: candidate %s", who, candidate)
        check(candidate.get("address") == relayed and 50000 <= candidate["port"] <= 59999,
              "%s: relayed address %s:%s", who, candidate.get("address"), candidate["port"])
    check(local["relayProtocol"] == transport, "%s: relayed over %s", who,
          local["relayProtocol"])


def begin_call(args, transport, inside, outside):
    """Until both ends are connected; returns the offer and the answer."""
    offer = inside("offer", ice_server(args, args.inside_address, transport))
    answer = outside("answer", ice_server(args, args.outside_server or args.outside_address,
                                           transport), offer)
    inside("accept", answer)
    for browser in (inside, outside):
        browser("connected")
    return offer, answer


def make_call(args, transport, inside, outside):
    """One call; returns a line about it."""
    for sdp in begin_call(args, transport, inside, outside):
        for candidate in re.findall(r"a=candidate:.*", sdp):
            check(" typ relay" in candidate and args.outside_address in candidate,
                  "candidate %s", candidate)
    messages = inside("exchange", args.messages) + outside("exchange", args.messages)
    before = [browser("figures") for browser in (inside, outside)]
    time.sleep(args.seconds)
    after = [browser("figures") for browser in (inside, outside)]
    frames = []
    for who, old, new in zip(("inside", "outside"), before, after):
        check_candidates(who, new, transport, args.outside_address)
        frames.append(new["framesDecoded"] - old["framesDecoded"])
        check(frames[-1] >= 5 * args.seconds, "%s: %d frames decoded in %d seconds", who,
              frames[-1], args.seconds)
        check(new["packetsLost"] <= new["packetsReceived"] / 50, "%s: %d of %d packets lost",
              who, new["packetsLost"], new["packetsReceived"])
        check(new["received"] == args.messages, "%s: %d messages", who, new["received"])
    for browser in (inside, outside):
        browser("end")
    return "%s: %d messages, %d and %d frames" % (transport, messages, *frames)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("inside-ns", "outside-ns", "inside-address", "outside-address", "user",
                 "password", "ca", "log"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--outside-server", help="a balancer in front of the outside address")
    parser.add_argument("--udp-port", type=int, default=3478)
    parser.add_argument("--tcp-port", type=int, default=443)
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("transports", nargs="*", default=["udp", "tcp", "tls"])
    args = parser.parse_args()

    browsers, failed = [], 0
    with open(args.log, "ab") as log:
        try:
            for namespace in (args.inside_ns, args.outside_ns):
                browsers.append(Browser(namespace, args.ca, log))
            for browser in browsers:
                browser.open_page()
            for transport in args.transports:
                try:
                    print(make_call(args, transport, *browsers), flush=True)
                except RuntimeError as err:
                    print("%s: FAIL: %s" % (transport, err), flush=True)
                    failed += 1
        finally:
            for browser in browsers:
                browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

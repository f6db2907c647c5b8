#!/usr/bin/python3
"""The status page in Chromium during calls: figures that agree with /metrics and change, light and
dark, at desktop and phone size, a drain, a stopped relay; nothing in the console, nothing about
users, even if a name contains markup.

  --screenshots DIR   write status-page-light.png, -dark.png and -phone.png there
  --seconds N         run the calls for so long first (default 6)
"""

import argparse
import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

import lib  # adds ../lib to the path
import netns
import relay
from netns import check

INSIDE, OUTSIDE, METRICS = "127.0.1.1", "127.0.2.1", "127.0.0.1:9478"
SETTINGS = {"limits": relay.NO_LIMITS["limits"] + ["stranger_rate = 0"],
            "metrics": ['address = "%s"' % METRICS]}
HOSTILE = "<img src=x onerror=window.hacked=1>\"'&eve"
PACKET, RATE = 160, 50
KIB = 1024

# The visible content of the page.
READ = """(() => {
	const text = (s) => document.querySelector(s).textContent;
	return {
		state: text("#state"),
		allocations: text("#tile-allocations .value"), packets: text("#tile-packets .value"),
		throughput: text("#tile-throughput .value"), drops: text("#drops"),
		ports: text("#listeners"), certificate: text("#tile-certificate .value"),
		service: text("#service"), rows: document.querySelectorAll("#allocations tbody tr").length,
		points: Math.max(0, ...[...document.querySelectorAll("#chart-throughput polyline")].map(
			(p) => p.getAttribute("points").split(" ").length)),
		width: document.documentElement.scrollWidth, window: window.innerWidth,
	};
})()"""

# Table text that is cut off.
CUT = """[...document.querySelectorAll("td")].filter((td) => /^[a-z0-9.]+$/i.test(td.textContent)).filter((td) => {
	const range = document.createRange();
	range.selectNodeContents(td);
	return new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1;
}).map((td) => td.textContent)"""

# Contrast of normal and muted text with the background (WCAG 2, 1.4.3).
CONTRAST = """(() => {
	const parts = (c) => c.match(/[0-9.]+/g).slice(0, 3).map((n) => n / 255).map(
		(n) => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
	const light = (c) => { const [r, g, b] = parts(c); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
	const back = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c; } };
	return ["h1", ".tile .value", ".tile .name", ".tile .note", "#state", "footer", "th", "td", "dt"].map((s) => {
		const e = document.querySelector(s);
		return [s, ratio(light(getComputedStyle(e).color), light(back(e)))];
	}).concat([["page", light(getComputedStyle(document.body).backgroundColor)]]);
})()"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots")
    parser.add_argument("--seconds", type=int, default=6)
    return parser.parse_args()


def fetch(path):
    with urllib.request.urlopen("http://%s%s" % (METRICS, path), timeout=10) as answer:
        return answer.read().decode()


def total(name, text=None):
    """The sum of all samples of that name."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in (text or fetch("/metrics")).splitlines()
               if line.startswith((name + "{", name + " ")))


def packed(png):
    """The same picture, compressed better than the browser does."""
    head, at, data, rest = png[:8], 8, b"", []
    while at < len(png):
        length, kind = struct.unpack("!I4s", png[at:at + 8])
        body = png[at + 8:at + 8 + length]
        if kind == b"IDAT":
            data += body
        else:
            rest.append((kind, body))
        at += length + 12
    rest.insert(-1, (b"IDAT", zlib.compress(zlib.decompress(data), 9)))
    return head + b"".join(struct.pack("!I", len(body)) + kind + body + struct.pack(
        "!I", zlib.crc32(kind + body)) for kind, body in rest)


class Calls:
    """Background load: avedge-load, one process for each kind of client."""

    def __init__(self, server, seconds):
        self.server, self.seconds, self.children = server, seconds, []
        self.clients = self.streams = 0

    def add(self, where, clients, user="alice", direction="both"):
        name, password = self.server.credential(user)
        self.clients += clients
        self.streams += clients * (2 if direction == "both" else 1)
        self.children.append(subprocess.Popen(
            [relay.program("avedge-load"), "--server", where, "--user", name, "--password",
             password, "--clients", str(clients), "--peer-address", "127.0.3.1",
             "--packet-size", str(PACKET), "--rate", str(RATE), "--duration",
             "%ds" % self.seconds, "--direction", direction, "--insecure", "--quiet"],
            stdout=subprocess.DEVNULL))

    def end(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait(20)


class Page:
    def __init__(self, browser):
        self.browser = browser
        browser.open_target("about:blank")
        for domain in ("Runtime", "Log", "Page", "Network"):
            self.call(domain + ".enable")
        self.call("Page.navigate", url="http://%s/" % METRICS)

    def call(self, method, **params):
        return self.browser.call(method, session=self.browser.session, **params)

    def read(self):
        return self.browser.run(READ)

    def wait(self, text, condition, seconds=20):
        deadline = time.monotonic() + seconds
        while True:
            try:
                now = self.read()
                if condition(now):
                    return now
            except RuntimeError:
                now = "the page is not there yet"
            check(time.monotonic() < deadline, "%s: %s", text, now)
            time.sleep(0.2)

    def size(self, width, height, phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=2 if phone else 1, mobile=phone)

    def scheme(self, name):
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": name}])
        time.sleep(0.5)

    def complaints(self):
        """Errors in the developer console."""
        found = []
        for event in list(self.browser.events):
            method, params = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(params["exceptionDetails"].get("text"))
            elif method == "Runtime.consoleAPICalled":
                found.append("console.%s: %s" % (params["type"], params["args"]))
            elif method == "Log.entryAdded":
                found.append(params["entry"]["text"])
        return found

    def shoot(self, path, whole):
        height = self.browser.run("document.documentElement.scrollHeight")
        width = self.browser.run("window.innerWidth")
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                            clip={"x": 0, "y": 0, "width": width, "scale": 1,
                                  "height": min(height, whole)})
        with open(path, "wb") as out:
            out.write(packed(base64.b64decode(picture["data"])))
        small = os.path.getsize(path)
        check(4 * KIB < small < 200 * KIB, "%s has %d bytes", path, small)


def drop_something():
    """Send datagrams of an unknown protocol."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _ in range(25):
            sock.sendto(b"\xff" * 40, (OUTSIDE, 3478))


def number(text):
    return float(text.replace(",", ""))


def bits(text):
    value, unit = text.split()
    return float(value) * {"bit/s": 1, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9}[unit]


def check_live(page, calls):
    """The figures are right, and change."""
    packets, clients = RATE * calls.streams, calls.clients
    page.wait("a rate of packets", lambda now: abs(number(now["packets"]) / packets - 1) < 0.15
              if now["packets"][0].isdigit() else False)
    now = page.wait("throughput", lambda now: abs(
        bits(now["throughput"]) / (packets * PACKET * 8) - 1) < 0.15)
    check(number(now["allocations"]) == total("avedge_allocations") == clients,
          "%s allocations shown, %d told, %d made", now["allocations"],
          total("avedge_allocations"), clients)
    check(now["rows"] == clients, "%d rows for %d allocations", now["rows"], clients)
    check(now["state"] == "serving", "state %s", now["state"])
    check(now["certificate"] in ("47 h", "48 h"), "certificate: %s", now["certificate"])
    for port in ("3478", "443", "9478", "50000–59999"):
        check(port in now["ports"], "port %s is not in the table: %s", port, now["ports"])
    drop_something()
    page.wait("drops by reason", lambda then: "not-stun" in then["drops"] and
              "25" in then["drops"])
    page.wait("the chart grows", lambda then: then["points"] > now["points"])


def check_certificate(page, server):
    """A new certificate on disk appears on the page."""
    relay.run("openssl", "x509", "-req", "-in", server.path("relay.csr"), "-CA",
              server.path("ca.pem"), "-CAkey", server.path("ca.key"), "-CAcreateserial",
              "-days", "90", "-extfile", server.path("san.cnf"), "-out",
              server.path("relay.pem.new"))
    os.rename(server.path("relay.pem.new"), server.path("relay.pem"))
    page.wait("the new certificate", lambda now: now["certificate"] in ("89 days", "90 days") and
              "applied" in now["service"])


def check_appearance(page, directory):
    """Light, dark and phone size; takes the screenshots."""
    for scheme in ("light", "dark"):
        page.size(1120, 900)
        page.scheme(scheme)
        ratios = dict(page.browser.run(CONTRAST))
        brightness = ratios.pop("page")
        check((brightness > 0.8) == (scheme == "light") and (brightness < 0.05) ==
              (scheme == "dark"), "%s page has brightness %g", scheme, brightness)
        for part, ratio in ratios.items():
            wanted = 3 if part == "h1" else 4.3
            check(ratio >= wanted, "%s: contrast of %s is %.1f", scheme, part, ratio)
        page.shoot(os.path.join(directory, "status-page-%s.png" % scheme), 1060)
    page.scheme("light")
    page.size(390, 844, phone=True)
    time.sleep(2.5)
    now = page.read()
    check(now["width"] <= 390 and now["window"] == 390, "%d wide in a window of %d",
          now["width"], now["window"])
    beyond = page.browser.run("""[...document.querySelectorAll("table")].filter(
        (t) => t.parentNode.scrollWidth > t.parentNode.clientWidth).map((t) => t.parentNode.id)""")
    check(not beyond, "tables wider than the phone: %s", beyond)
    cut = page.browser.run(CUT)
    check(not cut, "cut in two: %s", cut)
    page.shoot(os.path.join(directory, "status-page-phone.png"), 1250)
    page.size(320, 640, phone=True)
    time.sleep(0.5)
    check(page.read()["width"] <= 320, "%d wide at 320", page.read()["width"])
    page.size(1120, 900)


def check_privacy(page, server):
    """The user with a hostile name has an allocation; the name is not shown."""
    listed = json.loads(relay.run(relay.program("avedgectl"), "allocations", "--json", "--socket",
                                  server.path("relay.sock")).stdout)
    users = {row["user"] for row in listed["allocations"]}
    check(any("onerror" in user for user in users), "no hostile user among %s", users)
    clients = {row["client"] for row in listed["allocations"]}
    for path in ("/metrics", "/status.json", "/"):
        text = fetch(path)
        check("onerror" not in text and "alice" not in text, "%s names users", path)
        told = [client for client in clients if client in text]
        check(not told, "%s tells %s", path, told)
    shown = page.browser.run("document.documentElement.outerHTML")
    check("onerror" not in shown, "the page names users")
    check(page.browser.run("window.hacked") is None, "a user's name has run")


def check_policy(page):
    """Nothing but its own script runs in the page."""
    ran = page.browser.run("""(() => {
        const s = document.createElement("script");
        s.textContent = "window.hacked = 1";
        document.body.append(s);
        return window.hacked === 1;
    })()""")
    check(not ran, "a script that is not the page's own has run")


def check_pointer(page):
    """Pointing at a chart shows the figures of that moment; leaving it hides them."""
    box = page.browser.run("""(() => {
        const r = document.querySelector("#chart-throughput").getBoundingClientRect();
        return [r.right - 6, r.top + r.height / 2];
    })()""")
    tip = 'document.querySelector("#chart-throughput .tip")'
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    page.wait("a tip", lambda now: page.browser.run(tip + ".hidden") is False)
    text = page.browser.run(tip + ".textContent")
    check("bit/s to peers" in text and "to clients" in text, "the tip says %s", text)
    check(page.read()["width"] <= page.read()["window"], "the tip widens the page")
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    page.wait("no tip", lambda now: page.browser.run(tip + ".hidden") is True)


def check_silence(page):
    """A relay that does not answer is shown as such until it answers."""
    def network(offline):
        page.call("Network.emulateNetworkConditions", offline=offline, latency=0,
                  downloadThroughput=-1, uploadThroughput=-1)
    network(True)
    page.wait("no answer", lambda now: now["state"] == "no answer")
    check(page.browser.run("document.title") == "avedge relay: no answer", "the title is %s",
          page.browser.run("document.title"))
    network(False)
    page.wait("an answer again", lambda now: now["state"] == "serving")


def control(server, method, path):
    subprocess.run(["curl", "-sf", "--unix-socket", server.path("relay.sock"), "-X", method,
                    "http://localhost" + path], check=True, timeout=10, stdout=subprocess.DEVNULL)


def check_drain(page, server):
    control(server, "PUT", "/v1/drain")
    page.wait("a drain", lambda now: now["state"] == "draining" and
              "allocations left" in now["service"])
    check(total("avedge_draining") == 1, "avedge_draining is not 1")
    control(server, "DELETE", "/v1/drain")
    page.wait("the end of the drain", lambda now: now["state"] == "serving")


def main():
    args = arguments()
    for name in ("chromium", "curl"):
        if not shutil.which(name):
            print(name + " is not installed")
            sys.exit(77)
    netns.begin()
    from chromium_call import Browser  # pylint: disable=import-outside-toplevel
    with tempfile.TemporaryDirectory(prefix="avedge-page-") as directory, \
            open(os.path.join(directory, "chromium.log"), "wb") as log, \
            netns.running(inside=[INSIDE], outside=[OUTSIDE], allow=["127.0.0.0/8"],
                          settings=SETTINGS) as server:
        calls = Calls(server, args.seconds + 120)
        browser = Browser(None, None, log)
        try:
            page = Page(browser)
            page.wait("an idle relay", lambda now: now["state"] == "serving" and
                      now["allocations"] == "0")
            calls.add("udp:%s:3478" % INSIDE, 4)
            calls.add("tls:%s:443" % OUTSIDE, 3, direction="down")
            calls.add("udp:%s:3478" % OUTSIDE, 1, user=HOSTILE)
            check_live(page, calls)
            check_certificate(page, server)
            time.sleep(args.seconds)
            check_appearance(page, args.screenshots or directory)
            check_pointer(page)
            check_privacy(page, server)
            check_drain(page, server)
            check(not page.complaints(), "the console says: %s", page.complaints())
            check_silence(page)
            check_policy(page)
            calls.end()
            page.wait("the end of the calls", lambda now: now["allocations"] == "0")
        finally:
            calls.end()
            browser.close()
    print("live, light, dark and phone; drained and served again; nobody named")


if __name__ == "__main__":
    main()

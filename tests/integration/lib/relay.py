#!/usr/bin/python3
"""Starts and stops the relay under test, for shell and Python tests.

Only this file knows which program is tested and how it is configured. RELAY_UNDER_TEST=coturn runs
the same tests against Debian's turnserver, for comparison.

  relay.py start --dir D --inside A... --outside A... [options]     returns once it serves
  relay.py reload|stop --dir D
  relay.py credential --dir D [--user U] [--ttl S] [--form F]       user name and password
  relay.py certificate --dir D --outside A...                       a CA and a certificate
  relay.py available                                                77 and a reason, or 0

stop fails if the relay did not exit with status 0 or a sanitizer reported an error.
"""

import argparse
import base64
import ipaddress
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time

import turnclient

HERE = os.path.dirname(os.path.abspath(__file__))
COTURN = os.environ.get("RELAY_UNDER_TEST") == "coturn"
BUILD = os.environ.get("RELAY_BUILD_DIR") or os.path.join(HERE, "..", "..", "..")
REPORT = re.compile(r"ERROR: (Address|Leak|Memory)Sanitizer|WARNING: ThreadSanitizer"
                    r"|runtime error:|SUMMARY: \w+Sanitizer|Assertion .* failed")


# Long, because a sanitizer searches for leaks, perhaps on a busy machine.
STOP_S = 30

# For tests that need more allocations per address than the default limits allow.
NO_LIMITS = {"limits": ["allocations_per_user = 0", "allocations_per_prefix = 0"]}
# Tests send as fast as they can, unless they test limits; clients of the IETF dialect may anyway.
NO_BANDWIDTH_LIMITS = {"bandwidth_per_allocation": "0", "bandwidth_per_user": "0"}
NO_MS_LIMITS = {"allocations_per_user": "0", **NO_BANDWIDTH_LIMITS}


def program(name):
    """A built program: next to its source or at the top of the build."""
    for directory in ("", "relay", "tools"):
        path = os.path.abspath(os.path.join(BUILD, directory, name))
        if os.access(path, os.X_OK):
            break
    return path


def unavailable():
    """Why the relay cannot be tested, or None."""
    if COTURN:
        return None if os.access("/usr/bin/turnserver", os.X_OK) else "coturn is not installed"
    for name in ("mediarelayd", "avedgectl"):
        if not os.access(program(name), os.X_OK):
            return "%s is not built" % name
    return None


def run(*args, **kw):
    return subprocess.run(args, check=True, capture_output=True, text=True, timeout=30, **kw)


def make_certificates(directory, addresses):
    """A lab CA and a certificate for the relay's addresses."""
    def path(name):
        return os.path.join(directory, name)
    if os.path.exists(path("relay.pem")):
        return
    key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
    run("openssl", "req", "-x509", *key, "-keyout", path("ca.key"), "-out", path("ca.pem"),
        "-subj", "/CN=avedge test CA", "-addext", "basicConstraints=critical,CA:TRUE")
    run("openssl", "req", *key[:-2], "-keyout", path("relay.key"), "-out", path("relay.csr"),
        "-subj", "/CN=relay.avedge.test")
    with open(path("san.cnf"), "w", encoding="ascii") as out:
        names = ["IP:" + a for a in addresses] + ["DNS:relay.avedge.test"]
        out.write("subjectAltName=%s\nextendedKeyUsage=serverAuth\n" % ",".join(names))
    run("openssl", "x509", "-req", "-in", path("relay.csr"), "-CA", path("ca.pem"), "-CAkey",
        path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", path("san.cnf"),
        "-out", path("relay.pem"))


def quoted(values):
    return "{%s}" % ", ".join('"%s"' % v for v in values)


def port_list(first, more):
    return "{%s}" % ", ".join("%d" % port for port in (first, *more))


class Relay:
    """A relay and its directory: configuration, keys, log and process id."""
    # What is written where the settings name no limit, unless the defaults are wanted.
    unlimited = {"ms": NO_MS_LIMITS, "limits": {"allocation_rate_per_user": "0"}}

    def __init__(self, directory, inside=(), outside=(), inside_net=(), allow=(), public=(),
                 udp_port=3478, tcp_port=443, ports="50000-59999", workers=0, netns=None,
                 extra=(), settings=None, side_lines=None, coturn=COTURN, quiet=False, cpu=None,
                 defaults=False, more_udp=(), more_tcp=()):
        os.makedirs(directory, exist_ok=True)
        self.directory, self.netns = os.path.abspath(directory), netns
        self.inside, self.outside, self.inside_net = inside, outside, inside_net
        self.allow, self.public = allow, public
        self.udp_port, self.tcp_port, self.ports = udp_port, tcp_port, ports
        self.more_udp, self.more_tcp = more_udp, more_tcp
        self.workers, self.extra, self.settings = workers, extra, settings or {}
        self.side_lines = side_lines or {}
        self.coturn, self.quiet, self.cpu = coturn, quiet, cpu
        self.defaults = defaults
        self.child = None

    @classmethod
    def attach(cls, directory):
        with open(os.path.join(directory, "state.json"), encoding="utf-8") as state:
            return cls(directory, **json.load(state))

    def path(self, name):
        return os.path.join(self.directory, name)

    # configuration

    def write_config(self):
        make_certificates(self.directory, [*self.inside, *self.outside, *self.public])
        with open(self.path("state.json"), "w", encoding="utf-8") as state:
            json.dump({k: v for k, v in self.__dict__.items()
                       if k not in ("directory", "child")}, state)
        if not os.path.exists(self.path("keys")):
            self.make_keys()
        text = self.coturn_config() if self.coturn else self.avedge_config()
        with open(self.path("relay.conf"), "w", encoding="utf-8") as out:
            out.write(text)

    def make_keys(self):
        secret = secrets.token_hex(32)
        with open(os.open(self.path("keys"), os.O_CREAT | os.O_WRONLY, 0o640), "w",
                  encoding="ascii") as out:
            out.write("k1 %s\n" % base64.b64encode(secret.encode()).decode())
        with open(self.path("secret"), "w", encoding="ascii") as out:
            out.write(secret)

    def avedge_config(self):
        def side(name, addresses, more):
            if not addresses:
                return ""
            more += "".join("\t%s\n" % line for line in self.side_lines.get(name, ()))
            return ("side %s {\n\taddresses = %s\n%s\tudp_ports = %s\n\ttcp_ports = %s\n}\n"
                    % (name, quoted(addresses), more, port_list(self.udp_port, self.more_udp),
                       port_list(self.tcp_port, self.more_tcp)))
        nets = "\tnetworks = %s\n" % quoted(self.inside_net) if self.inside_net else ""
        public = "\tpublic = %s\n" % quoted(self.public) if self.public else ""
        sections = {"relay": ['ports = "%s"' % self.ports],
                    "peers": ["allow = %s" % quoted(self.allow)],
                    "control": ['socket = "%s"' % self.path("relay.sock")]}
        for section, lines in self.settings.items():
            sections.setdefault(section, []).extend(lines)
        for section, limits in ({} if self.defaults else self.unlimited).items():
            lines = sections.get(section, [])
            sections[section] = lines + ["%s = %s" % (key, value) for key, value in limits.items()
                                         if not any(line.split()[0] == key for line in lines)]
        text = 'realm = "edge"\nkeys = "%s"\n' % self.path("keys")
        if self.workers:
            text += "workers = %d\n" % self.workers
        text += "".join(line + "\n" for line in self.extra)
        text += 'tls {\n\tcertificate = "%s"\n\tprivate_key = "%s"\n}\n' % (
            self.path("relay.pem"), self.path("relay.key"))
        text += side("inside", self.inside, nets) + side("outside", self.outside, public)
        for section, lines in sections.items():
            text += "%s {\n%s}\n" % (section, "".join("\t%s\n" % line for line in lines))
        return text

    def coturn_config(self):
        lines = ["use-auth-secret", "static-auth-secret=" + self.secret()]
        low, high = self.ports.split("-")
        lines += ["realm=edge", "listening-port=%d" % self.udp_port, "simple-log",
                  "tls-listening-port=%d" % self.tcp_port, "min-port=" + low,
                  "max-port=" + high, "cert=" + self.path("relay.pem"), "no-cli",
                  "pkey=" + self.path("relay.key"), "userdb=" + self.path("turndb"),
                  "pidfile=" + self.path("turnserver.pid"), "allow-loopback-peers",
                  "proc-user=root"]
        lines += ["log-file=/dev/null", "no-stdout-log"] if self.quiet else \
            ["log-file=stdout", "verbose"]
        if self.workers:
            lines.append("relay-threads=%d" % self.workers)
        lines += ["listening-ip=" + a for a in [*self.inside, *self.outside]]
        lines += ["relay-ip=" + a for a in self.outside]
        for net in self.inside_net:
            net = ipaddress.ip_network(net)
            lines.append("denied-peer-ip=%s-%s" % (net[0], net[-1]))
        for private, public in zip(self.outside, self.public):
            lines.append("external-ip=%s/%s" % (public, private))
        return "\n".join(lines) + "\n"

    # start and stop

    def command(self):
        prefix = ["ip", "netns", "exec", self.netns] if self.netns else []
        if self.cpu is not None:
            prefix += ["taskset", "-c", str(self.cpu)]
        if self.coturn:
            return prefix + ["/usr/bin/turnserver", "-c", self.path("relay.conf")]
        return prefix + [program("mediarelayd"), "-c", self.path("relay.conf")]

    def start(self):
        self.write_config()
        env = dict(os.environ)
        env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:exitcode=99")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        env.setdefault("TSAN_OPTIONS", "exitcode=99")
        with open(self.path("relay.log"), "ab") as log:
            self.child = subprocess.Popen(self.command(), stdout=log, stderr=log, env=env,
                                          stdin=subprocess.DEVNULL, start_new_session=True)
        with open(self.path("relay.pid"), "w", encoding="ascii") as out:
            out.write("%d\n" % self.child.pid)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                break
            if self.serves():
                return self
            time.sleep(0.05)
        self.child.kill()
        self.child.wait()
        raise SystemExit("the relay does not serve:\n" + self.log()[-4000:])

    def serves(self):
        """True if every front answers a Binding request."""
        prefix = ["ip", "netns", "exec", self.netns] if self.netns else []
        probe = prefix + [sys.executable, os.path.join(HERE, "turnclient.py"), "probe"]
        return all(subprocess.run(probe + [a, str(self.udp_port)], check=False, timeout=10,
                                  capture_output=True).returncode == 0
                   for a in [*self.inside, *self.outside])

    def pid(self):
        with open(self.path("relay.pid"), encoding="ascii") as pid:
            return int(pid.read())

    def log(self):
        with open(self.path("relay.log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def reload(self):
        os.kill(self.pid(), signal.SIGHUP)

    def alive(self):
        if self.child:
            return self.child.poll() is None
        try:
            with open("/proc/%d/stat" % self.pid(), encoding="ascii") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    def stop(self):
        """Stop it; returns what went wrong while it ran and stopped, as a list of sentences."""
        wrong = []
        if not self.alive():
            wrong.append("the relay exited before it was stopped")
        else:
            os.kill(self.pid(), signal.SIGTERM)
            deadline = time.monotonic() + STOP_S
            while self.alive() and time.monotonic() < deadline:
                time.sleep(0.02)
            if self.alive():
                os.kill(self.pid(), signal.SIGKILL)
                wrong.append("the relay did not stop within %d s of SIGTERM" % STOP_S)
        if self.child and self.child.wait() != 0 and not self.coturn:
            wrong.append("the relay exited with status %d" % self.child.returncode)
        wrong += ["log: " + line for line in self.log().splitlines() if REPORT.search(line)]
        return wrong

    def secret(self):
        with open(self.path("secret"), encoding="ascii") as secret:
            return secret.read().strip()

    def credential(self, user="alice", ttl=3600, form="rest"):
        if self.coturn:
            return turnclient.rest_credential(self.secret(), user, ttl)
        out = run(program("avedgectl"), "credential", "--keys", self.path("keys"), "--user",
                  user, "--ttl", "%ds" % ttl, "--form", form, "--json").stdout
        pair = json.loads(out)
        return pair["username"], pair["password"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("start", "reload", "stop", "credential", "available",
                                         "certificate"))
    parser.add_argument("--dir")
    parser.add_argument("--user", default="alice")
    parser.add_argument("--ttl", type=int, default=3600)
    parser.add_argument("--form", choices=("rest", "mras"), default="rest")
    for name in ("inside", "outside", "inside-net", "allow", "public", "extra"):
        parser.add_argument("--" + name, action="append", default=[])
    parser.add_argument("--outside-line", action="append", default=[])
    parser.add_argument("--set", action="append", default=[], metavar="SECTION:LINE")
    for name, default in (("udp-port", 3478), ("tcp-port", 443), ("workers", 0)):
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--ports", default="50000-59999")
    parser.add_argument("--netns")
    parser.add_argument("--defaults", action="store_true")
    args = parser.parse_args()

    if args.verb == "available":
        reason = unavailable()
        if reason:
            print(reason)
        return 77 if reason else 0
    if args.verb == "certificate":
        make_certificates(args.dir, args.inside + args.outside)
        return 0
    if args.verb == "start":
        settings = {}
        for item in args.set:
            section, line = item.split(":", 1)
            settings.setdefault(section, []).append(line)
        options = {k: getattr(args, k) for k in (
            "inside", "outside", "inside_net", "allow", "public", "extra", "udp_port",
            "tcp_port", "workers", "ports", "netns", "defaults")}
        Relay(args.dir, settings=settings, side_lines={"outside": args.outside_line},
              **options).start()
        return 0
    relay = Relay.attach(args.dir)
    if args.verb == "reload":
        relay.reload()
    elif args.verb == "credential":
        print("%s %s" % relay.credential(args.user, args.ttl, args.form))
    else:
        wrong = relay.stop()
        for line in wrong:
            print(line, file=sys.stderr)
        return 1 if wrong else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
